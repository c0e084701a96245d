"""Each file in rejects/ declares one fault, and says in REFUSED how the refusal begins."""

from __future__ import annotations

import re
import runpy
from pathlib import Path
from typing import Any

import pytest
import toys
from clockbound_spec import candm, rules, targets, vocabulary
from clockbound_spec.declare import Enumeration, SpecError
from clockbound_spec.emit import c, python
from clockbound_spec.model import (
    check_chapters,
    check_enumeration,
    check_limits,
    check_paths,
    plain,
    records,
)
from clockbound_spec.rules import Chapter, Rule, _rule
from clockbound_spec.vocabulary import DefaultPath, Limit
from generated import module_from_text

REJECTS = sorted((Path(__file__).parent / "rejects").glob("*.py"))


def declared(path: Path) -> Any:
    return module_from_text(path.read_text(encoding="utf-8"), path.stem)


def refuse(module: Any) -> str:
    with pytest.raises(SpecError) as refusal:
        records(tuple(plain(layout) for layout in module.LAYOUTS))
    return str(refusal.value)


@pytest.mark.parametrize(
    "names",
    [("root_delay", "ref_id"), ("ref_id", "ref_id"), ("ref_id", "nothing"), ("version", "ref_id")],
    ids=["another-order", "twice", "unknown", "constant"],
)
def test_only_plain_fields_are_picked_and_in_their_order(names: tuple[str, ...]) -> None:
    with pytest.raises(SpecError, match=r"^tracking_reply: .*: not some of its plain fields in their order$"):
        python.module("Messages.", layouts=(plain(candm.TRACKING_REPLY),), picked={"tracking_reply": names})


def test_only_single_numbers_are_listed() -> None:
    with pytest.raises(
        SpecError, match=r"^box: has fields of several items, which can't be listed as numbers$"
    ):
        c.layout_header((plain(toys.BOX_1),), (), (), "TOYS_H", listed={"box"})


@pytest.mark.parametrize("path", REJECTS, ids=[path.stem for path in REJECTS])
def test_a_fault_is_refused_with_the_name_and_the_remedy(path: Path) -> None:
    module = declared(path)
    message = refuse(module)
    assert message[: len(module.REFUSED)] == module.REFUSED
    # The place comes first: layout, layout.field, or enumeration.member.
    assert re.match(r"(thermo\W?meter(_\d)?(\.\w+)*|\w?eather(\.\w+)?): ", message)


def test_there_are_files_to_refuse() -> None:
    assert len(REJECTS) >= 20


def test_an_enumeration_without_a_name_in_c_is_refused_by_the_public_header() -> None:
    weather = declared(Path(__file__).parent / "rejects/enumeration_with_a_repeated_name.py").WEATHER
    with pytest.raises(SpecError, match=r"^Weather: has no name in C; give it a c_name and a c_prefix$"):
        c.types_header((weather,), ())


def limits(*each: tuple[str, int, str]) -> None:
    check_limits(tuple(Limit(*one) for one in each))


def paths(*each: tuple[str, ...]) -> None:
    check_paths(tuple(DefaultPath(*one) for one in each))


def chapters(*each: tuple[str, str]) -> None:
    check_chapters((Chapter("Opening", "What comes first.", tuple(Rule(*one) for one in each)),))


GRACE = ("GRACE_NS", 5, "How long.")
RUN_DIR = ("RUN_DIR", "/run/here", "Where.", "HERE_DIR")
BOUNDED = ("read.bounded", "It ends.")


def test_what_is_well_declared_is_taken() -> None:
    limits(GRACE)
    paths(RUN_DIR)
    chapters(BOUNDED)


@pytest.mark.parametrize(
    ("check", "declarations", "refused"),
    [
        (limits, [("grace_ns", 5, "How long.")], "grace_ns: isn't a name in UPPER_CASE"),
        (limits, [("GRACE", 5, "How long.")], "GRACE: doesn't end in a unit"),
        (limits, [("GRACE_NS", 5, "")], "GRACE_NS: has no meaning"),
        (limits, [("GRACE_NS", 5, "How long")], "GRACE_NS: its meaning isn't a sentence"),
        (limits, [("GRACE_NS", -1, "How long.")], "GRACE_NS: -1 isn't between"),
        (limits, [("GRACE_NS", 2**63, "How long.")], "GRACE_NS: 9223372036854775808 isn't between"),
        (limits, [GRACE, GRACE], "GRACE_NS: the name is used twice"),
        (paths, [("run", "/run/here", "Where.")], "run: isn't a name in UPPER_CASE"),
        (paths, [("RUN_DIR", "", "Where.")], "RUN_DIR: has no value"),
        (paths, [("RUN_DIR", '/run/"here"', "Where.")], "RUN_DIR: its value holds a quotation mark"),
        (paths, [("RUN_DIR", "/run/h\\re", "Where.")], "RUN_DIR: its value holds"),
        (paths, [("RUN_DIR", "/run/here", "Where.", "here")], "RUN_DIR: 'here' isn't a name in UPPER_CASE"),
        (paths, [RUN_DIR, RUN_DIR], "RUN_DIR: the name is used twice"),
        (paths, [RUN_DIR, ("OTHER_DIR", *RUN_DIR[1:])], "HERE_DIR: the name is used twice"),
        (chapters, [("bounded", "It ends.")], "bounded: isn't an id"),
        (chapters, [("read.bounded", " ")], "read.bounded: has no meaning"),
        (chapters, [BOUNDED, BOUNDED], "read.bounded: the name is used twice"),
    ],
)
def test_a_fault_in_the_vocabulary_is_refused(check: Any, declarations: Any, refused: str) -> None:
    with pytest.raises(SpecError) as refusal:
        check(*declarations)
    assert str(refusal.value).startswith(refused)
    assert "; " in str(refusal.value)  # and the remedy


def test_a_rule_that_refers_to_no_limit_is_refused() -> None:
    assert _rule("read.bounded", "{READ_ATTEMPTS_COUNT} times.").statement == "1000 times."
    with pytest.raises(SpecError, match=r"^read\.bounded: refers to ATTEMPTS, which is no limit; "):
        _rule("read.bounded", "{ATTEMPTS} times.")


def test_an_enumeration_without_members_is_refused() -> None:
    with pytest.raises(SpecError, match=r"^Weather: has no members; "):
        check_enumeration(Enumeration("Weather", "", "What it is like.", ()))


@pytest.mark.parametrize(
    ("module", "name", "faulty"),
    [
        (vocabulary, "LIMITS", (Limit(*GRACE), Limit(*GRACE))),
        (candm, "NUMBERS", (Limit(*GRACE), Limit(*GRACE))),
        (vocabulary, "PATHS", (DefaultPath(*RUN_DIR), DefaultPath(*RUN_DIR))),
        (rules, "CHAPTERS", rules.CHAPTERS + rules.CHAPTERS),
    ],
)
def test_nothing_is_generated_from_a_faulty_vocabulary(
    monkeypatch: pytest.MonkeyPatch, module: Any, name: str, faulty: Any
) -> None:
    runpy.run_path(targets.__file__)
    monkeypatch.setattr(module, name, faulty)
    with pytest.raises(SpecError, match="is used twice"):
        runpy.run_path(targets.__file__)
