"""The other reports: JUnit that every reader of it counts alike, the job summary, and the progress of a long run."""

from __future__ import annotations

import contextlib
import fcntl
import io
import json
import os
import pty
import re
import struct
import sys
import termios
import types
from pathlib import Path
from xml.etree import ElementTree

import pytest
from clockbound_conformance import __main__ as command
from clockbound_conformance import job_summary, report, results, vectors
from clockbound_conformance.runner import Result
from test_html import HOSTILE, hostile

READER = Path(__file__).parent / "mutants" / "reader.py"
GROWTH, NEGATIVE, SEQUENCE = "v2-growth-at-1-s", "v2-a-negative-bound", "v2-a-removed-file"
PROGRAM = """\
import json, subprocess, sys
real = subprocess.Popen([sys.executable, {reader!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
for line in sys.stdin:
    question = json.loads(line)
    real.stdin.write(line)
    answer = json.loads(real.stdout.readline())
    command = question["cmd"]
    {body}
    print(json.dumps(answer), flush=True)
    if command == "stop":
        break
"""


def run(folder: Path, body: str, *words: str) -> ElementTree.Element:
    """The JUnit document of a run of the right reader with ``body`` between it and the suite."""
    (folder / "program.py").write_text(PROGRAM.format(reader=str(READER), body=body.replace("\n", "\n    ")))
    program = json.dumps([sys.executable, str(folder / "program.py")])
    (folder / "mine.toml").write_text(f'name = "mine"\ncommand = {program}\n')
    out = folder / "junit.xml"
    files = ("--junit", str(out), "--jsonl", str(folder / "results.jsonl"))
    command.main(["run", "--adapter", str(folder / "mine.toml"), *files, *words])
    return ElementTree.parse(out).getroot()


# What readers of JUnit agree on: children in this order, and these attributes.
CHILDREN = {
    "testsuites": ["testsuite"],
    "testsuite": ["properties", "testcase", "system-out", "system-err"],
    "properties": ["property"],
    "testcase": ["skipped", "error", "failure", "system-out", "system-err"],
}
COUNTS = {"tests": r"[0-9]+", "failures": r"[0-9]+", "errors": r"[0-9]+", "skipped": r"[0-9]+"}
SECONDS = r"[0-9]+\.[0-9]+"
ATTRIBUTES = {
    "testsuites": {"name": r".+", "time": SECONDS, **COUNTS},
    "testsuite": {
        "name": r".+",
        "time": SECONDS,
        "timestamp": r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}",
        "hostname": r".+",
        **COUNTS,
    },
    "property": {"name": r".+", "value": r".+"},
    "testcase": {"classname": r".+", "name": r".+", "time": SECONDS},
    "skipped": {"message": r"[\s\S]+"},
    "error": {"type": r".+", "message": r"[\s\S]+"},
    "failure": {"type": r".+", "message": r"[\s\S]+"},
    "system-err": {},
}


def assert_junit(root: ElementTree.Element) -> None:
    assert root.tag == "testsuites"
    for element in root.iter():
        allowed = CHILDREN.get(element.tag, [])
        places = [allowed.index(child.tag) for child in element]
        assert places == sorted(places), f"{element.tag}: children out of order"
        assert element.attrib.keys() == ATTRIBUTES.get(element.tag, {}).keys()
        for name, pattern in ATTRIBUTES.get(element.tag, {}).items():
            assert re.fullmatch(pattern, element.attrib[name]), (element.tag, name, element.attrib[name])
    for element in (root, *root.findall("testsuite")):
        cases = element.findall(".//testcase")
        counted = [
            len(cases),
            *(len(element.findall(f".//{tag}")) for tag in ("failure", "error", "skipped")),
        ]
        assert counted == [int(element.attrib[name]) for name in COUNTS]
    for case in root.iter("testcase"):
        assert len([child for child in case if child.tag in ("skipped", "error", "failure")]) <= 1


def test_junit_is_as_its_readers_expect(tmp_path: Path) -> None:
    body = (
        "if command == 'watch': print('last words', file=sys.stderr); sys.exit(7)\n"
        "if answer.get('kind'): answer['kind'] = 'SYSCALL'\n"
        "if question.get('monotonic_ns') == '1001000000000': answer = {'seq': question['seq'], 'type': 'unsupported', 'reason': 'x'}"
    )
    chosen = ("--only", GROWTH, "--only", NEGATIVE, "--only", SEQUENCE, "--only", "v2-no-growth-at-as-of")
    root = run(tmp_path, body, *chosen)
    assert_junit(root)
    assert [root.attrib[name] for name in COUNTS] == ["4", "1", "1", "1"]
    cases = {case.get("name"): case for case in root.iter("testcase")}
    assert cases[NEGATIVE].find("failure") is not None
    assert cases[SEQUENCE].find("error") is not None
    assert cases[SEQUENCE].findtext("system-err") == "last words"
    assert cases[GROWTH].find("skipped") is not None
    properties = {each.attrib["name"]: each.attrib["value"] for each in root.iter("property")}
    assert (properties["library"], properties["version"], properties["protocol"]) == ("reader", "1", "1")


def test_junit_fails_where_the_run_failed_but_no_vector_did(tmp_path: Path) -> None:
    root = run(tmp_path, "if command == 'stop': sys.exit(9)", "--only", GROWTH)
    assert_junit(root)
    assert [root.attrib[name] for name in COUNTS] == ["2", "0", "1", "0"]
    (error,) = root.iter("error")
    assert "ended with status 9" in error.attrib["message"]
    found = results.read([tmp_path / "results.jsonl"])
    assert not found.passed
    assert "ended with status 9" in results.text(found)


def test_junit_fails_where_nothing_was_judged(tmp_path: Path) -> None:
    root = run(tmp_path, "if command == 'hello': answer['layouts'] = ['1']", "--only", GROWTH)
    assert_junit(root)
    assert [root.attrib[name] for name in COUNTS] == ["2", "0", "1", "1"]


# --- the job summary ------------------------------------------------------------------------------------------------


def test_the_job_summary_shows_text_to_the_letter(tmp_path: Path) -> None:
    run(tmp_path, "if answer.get('latest_ns'): answer['latest_ns'] += '0'", "--only", GROWTH)
    path = tmp_path / "hostile.jsonl"
    path.write_text(hostile(tmp_path / "results.jsonl").replace("alert(1)", "alert(1)|`x`**y**[z](a)\\n# "))
    text = job_summary.markdown(results.read([path]))
    assert "<img" not in text
    assert not re.search(r"[`\[\]\\]", text)
    # whatever the names are, each line of a table has as many cells as the line above it
    for line, below in zip(text.splitlines(), text.splitlines()[1:], strict=False):
        if line.startswith("|") and below.startswith("|"):
            assert line.count("|") == below.count("|")
    assert "&#60;img src=x onerror=alert&#40;1&#41;" in text
    assert HOSTILE not in text


def test_the_job_summary_stays_short(tmp_path: Path) -> None:
    root = run(tmp_path, "if command == 'compute': answer = {'seq': question['seq'], 'type': 'error', 'kind': 'SYSCALL'}",
               "--only", "bound.range")  # fmt: skip
    failed_count = int(root.attrib["failures"])
    assert failed_count > job_summary.SHOWN_FAILURES_COUNT
    text = job_summary.markdown(results.read([tmp_path / "results.jsonl"]))
    assert text.count("\n- v") == job_summary.SHOWN_FAILURES_COUNT
    assert f"and {failed_count - job_summary.SHOWN_FAILURES_COUNT} more" in text


# --- progress -------------------------------------------------------------------------------------------------------

PASSED = Result(vectors.load().vectors[0], "passed")


class Clock:
    """Goes on when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 1000.0
        monkeypatch.setattr(report, "time", types.SimpleNamespace(monotonic=lambda: self.now_s))


def written(progress: report.Progress, clock: Clock, times: int, each_s: float) -> None:
    for _ in range(times):
        clock.now_s += each_s
        progress.note(PASSED)
    progress.end()


def test_a_log_gets_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, log = Clock(monkeypatch), io.StringIO()
    written(report.Progress(log, "mine", 100), clock, 100, 0.25)
    # 25 s in all: a line at 10 s and one at 20 s
    assert log.getvalue() == "mine: 40 of 100, 10 s\nmine: 80 of 100, 20 s\n"


class Terminal:
    """A terminal of so many columns, and what was drawn on it."""

    def __init__(self, columns: int) -> None:
        self._main, self._inner = pty.openpty()
        fcntl.ioctl(self._inner, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        self.stream = os.fdopen(self._inner, "w", encoding="utf-8", closefd=False)

    def drawn(self) -> str:
        self.stream.close()
        os.set_blocking(self._main, False)
        pieces = []
        with contextlib.suppress(BlockingIOError):  # nothing is left
            while True:
                pieces.append(os.read(self._main, 1 << 16))
        os.close(self._inner)
        os.close(self._main)
        return b"".join(pieces).decode()


@pytest.fixture
def term(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")


@pytest.mark.usefixtures("term")
@pytest.mark.parametrize("columns", [0, 30, 200])
def test_the_bar_never_breaks_a_line_and_is_taken_away(monkeypatch: pytest.MonkeyPatch, columns: int) -> None:
    clock, terminal = Clock(monkeypatch), Terminal(columns)
    written(report.Progress(terminal.stream, "a client with a long name", 20), clock, 20, 1)
    drawn = terminal.drawn()
    bars = drawn.split("\r\x1b[K")
    assert len(bars) == 22, "one for each vector, and the end"
    assert bars[-1] == ""
    assert max(map(len, bars)) < (columns or 80)
    assert "\n" not in drawn
    assert "20 of 20" in bars[-2]
    if columns == 200:
        assert f"a client with a long name [{'#' * 15}{'.' * 15}] 10 of 20, 10 s" == bars[10]


def test_a_dumb_terminal_gets_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "dumb")
    clock, terminal = Clock(monkeypatch), Terminal(80)
    written(report.Progress(terminal.stream, "mine", 100), clock, 100, 0.25)
    drawn = terminal.drawn()
    assert "\x1b" not in drawn
    assert drawn.splitlines() == ["mine: 40 of 100, 10 s", "mine: 80 of 100, 20 s"]
