"""The badge: what it says, and that it is a drawing that needs nothing else."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from clockbound_conformance import __main__ as command
from clockbound_conformance import badge

READER = Path(__file__).parent / "mutants" / "reader.py"
GROWTH, CAUSALITY, OTHER_LAYOUT = "v2-growth-at-1-s", "v2-a-negative-bound", "v1-growth-at-1-s"
SVG = "{http://www.w3.org/2000/svg}"
ONLY = ["--only", GROWTH, "--only", CAUSALITY]

# The right reader, but it knows one layout.
ONE_LAYOUT = """\
import json, subprocess, sys
real = subprocess.Popen([sys.executable, {reader!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
for line in sys.stdin:
    real.stdin.write(line)
    answer = json.loads(real.stdout.readline())
    if answer["type"] == "hello":
        answer["layouts"] = ["2"]
    print(json.dumps(answer), flush=True)
    if answer["type"] == "stopped":
        break
"""


def adapter(folder: Path, name: str, *words: str) -> list[str]:
    path = folder / f"{name}.toml"
    path.write_text(f"name = {json.dumps(name)}\ncommand = {json.dumps([sys.executable, *words])}\n")
    return ["--adapter", str(path)]


def right(folder: Path) -> list[str]:
    return adapter(folder, "right", str(READER))


def wrong(folder: Path) -> list[str]:
    return adapter(folder, "wrong", str(READER), "--fault", "no-growth")


def some(folder: Path) -> list[str]:
    program = folder / "one-layout.py"
    program.write_text(ONE_LAYOUT.format(reader=str(READER)))
    return [*adapter(folder, "some", str(program)), "--only", OTHER_LAYOUT]


def known(folder: Path) -> list[str]:
    path = folder / "known.toml"
    path.write_text(f'[[failure]]\nvector = "{GROWTH}"\nreason = "until 2.0"\n')
    return [*wrong(folder), "--expect-known-failures", str(path)]


CASES = {
    "2 passed": right,
    "1 failed": wrong,
    "2 passed, 1 unsupported": some,
    "1 passed, 1 known failure": known,
    "2 clients passed": lambda folder: right(folder) + adapter(folder, "other", str(READER)),
    "1 of 2 clients failed": lambda folder: right(folder) + wrong(folder),
}


@pytest.mark.parametrize("words", CASES)
def test_a_badge_says_how_the_clients_did(tmp_path: Path, words: str) -> None:
    drawing, shield = tmp_path / "badge.svg", tmp_path / "badge.json"
    lines = tmp_path / "results.jsonl"
    failed = "failed" in words
    status = command.main(
        ["run", *CASES[words](tmp_path), *ONLY, "--jsonl", str(lines), "--badge", str(drawing)]
    )
    assert status == (command.FAILED if failed else command.PASSED)
    command.main(["report", str(lines), "--badge", str(shield)])
    root = ElementTree.parse(drawing).getroot()
    assert f"clockbound: {words}" == root.get("aria-label") == root.findtext(f"{SVG}title")
    assert [text.text for text in root.iter(f"{SVG}text")] == ["clockbound", words]
    assert json.loads(shield.read_text()) == {
        "schemaVersion": 1,
        "label": "clockbound",
        "message": words,
        "color": "red" if failed else "brightgreen",
        "isError": failed,
    }


def test_a_run_in_which_nothing_was_judged_has_no_good_badge(tmp_path: Path) -> None:
    drawing = tmp_path / "badge.svg"
    program = some(tmp_path)[:2]
    assert command.main(["run", *program, "--only", OTHER_LAYOUT, "--badge", str(drawing)]) == command.FAILED
    assert "clockbound: failed" in drawing.read_text()
    assert badge.GREEN not in drawing.read_text()


def test_a_badge_needs_no_network_and_no_style(tmp_path: Path) -> None:
    drawing = tmp_path / "badge.svg"
    command.main(["run", *right(tmp_path), *ONLY, "--badge", str(drawing)])
    text = drawing.read_text()
    assert re.findall(r"https?://[^\"]*", text) == ["http://www.w3.org/2000/svg"], (
        "only the name of SVG itself"
    )
    assert not re.search(r"href|url\((?!#)|<style|<script|<image", text)


def test_each_text_stays_in_its_box(tmp_path: Path) -> None:
    drawing = tmp_path / "badge.svg"
    command.main(["run", *right(tmp_path), *ONLY, "--badge", str(drawing)])
    root = ElementTree.parse(drawing).getroot()
    left, right_box = (
        (int(box.get("x", "0")), int(box.get("width", "0"))) for box in root.findall(f"{SVG}g/{SVG}rect")
    )
    assert left[1] == right_box[0]
    assert right_box[0] + right_box[1] == int(root.get("width", "0"))
    for (start, width), text in zip((left, right_box), root.iter(f"{SVG}text"), strict=True):
        begin, length = int(text.get("x", "0")), int(text.get("textLength", "0"))
        assert start < begin
        assert begin + length < start + width


def test_white_letters_stand_out() -> None:
    for colour in (badge.GREY, badge.GREEN, badge.RED):
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts]
        luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        assert 1.05 / (luminance + 0.05) >= 4.5, colour
