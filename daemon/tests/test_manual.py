"""The manual pages tell of every option and every exit status, and of no other."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest
from clockbound_conformance.processes import find_program
from clockbound_daemon import ctl, options

MAN = Path(__file__).resolve().parent.parent / "man"


@pytest.mark.parametrize("name", ["clockbound.8", "clockboundctl.1"])
def test_the_manual_is_set_without_complaint(name: str) -> None:
    program = find_program("mandoc", remedy="install Debian's package mandoc")
    command = [program, "-T", "lint", "-W", "warning", str(MAN / name)]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.stdout + done.stderr == ""


def described(page: str) -> set[str]:
    """The options that the list of options explains."""
    listed = page[page.index("The options are:") :]
    return {
        name
        for line in re.findall(r"^\.It (Fl .*)", listed, re.MULTILINE)
        for name in re.findall(r"Fl (-?[a-z0-9-]+)", line)
    }


def test_the_manual_of_the_daemon_describes_its_options() -> None:
    names = {f"-{option.name}" for option in options.OPTIONS}
    names |= {option.short[1:] for option in options.OPTIONS if option.short}
    assert described((MAN / "clockbound.8").read_text()) == names


def test_the_manual_says_which_options_a_reload_can_not_change() -> None:
    page = (MAN / "clockbound.8").read_text()
    said = page[
        page.index("These options take effect at the next start only") : page.index("A lower drift rate")
    ]
    names = {option.name for option in options.OPTIONS if option.in_file and not option.at_run_time}
    assert set(re.findall(r"Fl -([a-z-]+)", said)) == names
    example = (MAN.parent / "clockbound.toml").read_text()
    for option in options.OPTIONS:
        if option.in_file:
            explained = example[: example.index(f"\n#{option.name} = ")].rpartition("\n\n")[2]
            assert explained.startswith("# * ") == (option.name in names), option.name


def test_the_manual_of_the_operators_tool_describes_its_options(capsys: pytest.CaptureFixture[str]) -> None:
    helps = ""
    for command in ("", "status", "wait", "install-units"):
        with pytest.raises(SystemExit):
            ctl.main([*command.split(), "--help"])
        helps += capsys.readouterr().out
    names = set(re.findall(r"--[a-z0-9-]+", helps))
    page = (MAN / "clockboundctl.1").read_text()
    assert {f"-{name}" for name in described(page) if name.startswith("-")} == names
    for command in ("status", "wait"):
        assert f".It Cm {command}\n" in page


@pytest.mark.parametrize(("name", "count"), [("clockbound.8", 3), ("clockboundctl.1", 3)])
def test_the_manual_has_each_exit_status(name: str, count: int) -> None:
    page = (MAN / name).read_text()
    section = page[page.index(".Sh EXIT STATUS") :]
    assert [int(number) for number in re.findall(r"^\.It (\d+)$", section, re.MULTILINE)] == list(
        range(count)
    )
