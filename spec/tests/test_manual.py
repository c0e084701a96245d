"""The manual: which headers it refuses, and that the C library's pages are whole."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
import toys
from clockbound_spec.declare import SpecError
from clockbound_spec.emit import c_api, man
from clockbound_spec.targets import HEADER, c_manual
from generated import ROOT

REJECTS = sorted((Path(__file__).parent / "rejects").glob("*.h"))
PAGES = sorted((ROOT / "clients/c/man").glob("*.3"))
# The names that the shared library exports.
EXPORTED = re.findall(
    r"^\s+(clockbound_\w+);", (ROOT / "clients/c/src/clockbound.map").read_text(), re.MULTILINE
)


def mandoc(page: Path, *arguments: str) -> str:
    """What mandoc writes about `page`; it must find nothing to complain of."""
    command = ["mandoc", *arguments, "-Wwarning", str(page)]
    result = subprocess.run(
        command, capture_output=True, encoding="utf-8", errors="strict", timeout=60, check=False
    )
    assert (result.returncode, result.stderr) == (0, "")
    return result.stdout


def shown(page: Path) -> str:
    """`page` as people read it, without what makes letters bold or underlined."""
    return re.sub(".\b", "", mandoc(page, "-Tutf8"))


def without_space(text: str) -> str:
    return "".join(text.split())


def render_all(header: str) -> None:
    for render in man.pages(toys.manual(header)).values():
        render()


@pytest.mark.parametrize("path", REJECTS, ids=[path.stem for path in REJECTS])
def test_a_fault_in_a_header_is_refused_with_its_line_and_the_remedy(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    expected = re.match(r'/\* REFUSED = "(.*)" \*/\n', text)
    assert expected
    with pytest.raises(SpecError) as refusal:
        render_all(text)
    message = str(refusal.value)
    assert message[: len(expected[1])] == expected[1]
    assert "; " in message or ", " in message  # the remedy


def test_there_are_headers_to_refuse() -> None:
    assert len(REJECTS) >= 40


def test_an_example_of_no_function_is_refused() -> None:
    with pytest.raises(SpecError, match=r"^toys\.h:1: toy_shut: has an example, but isn't a function"):
        toys.manual(Path(__file__).with_name("toys.h").read_text(), {"toy_shut": ""})


def test_a_function_that_names_itself_in_its_errors_comes_to_an_end() -> None:
    manual = toys.manual(
        "/** @file toy.h\n * Toys. */\n"
        "/** Open.\n * @return as toy_look() */\nTOY_API int toy_open(void);\n"
        "/** Look.\n * @return as toy_open(), or _LOST */\nTOY_API int toy_look(void);\n"
    )
    for function in manual.header.functions:
        assert manual.errors(function) == [("TOY_ERR_LOST", "", "It is lost.")]


def test_every_exported_function_has_a_page_and_a_place_in_the_documentation() -> None:
    assert len(EXPORTED) >= 4
    assert sorted(["clockbound", *EXPORTED]) == [page.stem for page in PAGES]
    reference = c_api.reference(c_manual(ROOT))
    documented = re.findall(r"^\.\. c:function:: .*?(\w+)\(", reference, re.MULTILINE)
    assert sorted(EXPORTED) == sorted(documented)


@pytest.mark.parametrize("page", PAGES, ids=[page.stem for page in PAGES])
def test_mandoc_finds_nothing_wrong_with_a_page(page: Path) -> None:
    assert mandoc(page, "-Tlint") == ""


@pytest.mark.parametrize("name", EXPORTED)
def test_a_page_shows_its_prototype_and_every_parameter(name: str) -> None:
    header = (ROOT / HEADER).read_text()
    prototype = re.search(rf"^CLOCKBOUND_API ([^;]*\b{name}\(([^;]*)\);)$", header, re.MULTILINE)
    assert prototype
    page = shown(ROOT / f"clients/c/man/{name}.3")
    assert without_space(prototype[1]) in without_space(page)
    for parameter in prototype[2].split(","):
        if parameter != "void":
            assert re.search(rf"^     {re.split(r'[ *]', parameter)[-1]}\b", page, re.MULTILINE)


def test_the_overview_leads_to_every_function_type_and_constant() -> None:
    overview = shown(ROOT / "clients/c/man/clockbound.3")
    headers = (ROOT / HEADER).read_text() + (ROOT / "clients/c/include/clockbound/types.h").read_text()
    named = {f"{name}(3)" for name in EXPORTED}
    named |= set(re.findall(r"^} (\w+);", headers, re.MULTILINE))
    named |= set(re.findall(r"^ +(CLOCKBOUND_\w+ = \d)", headers, re.MULTILINE))
    named |= set(re.findall(r"^ +((?:\w+ )+\**\w+);$", headers, re.MULTILINE))
    named |= set(re.findall(r'^#define \w+_PATH "(.*)"', headers, re.MULTILINE))
    assert len(named) > 40
    assert sorted(name for name in named if name not in overview) == []
