"""The command: outcomes by their own names, exit statuses, reports, and what a user can get wrong."""

from __future__ import annotations

import contextlib
import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from clockbound_conformance import __main__ as command
from clockbound_conformance import config, rules, runner, schema, vectors
from clockbound_conformance.runner import GIVE_UP_COUNT, HarnessError

READER = Path(__file__).parent / "mutants" / "reader.py"
ALL = vectors.load().vectors
PLAIN, OTHER = "v2-no-growth-at-as-of", "v2-a-negative-bound"

# Passes everything between the suite and the right reader, except that BODY may do something first.
BETWEEN = """\
import json, os, signal, subprocess, sys, time
real = subprocess.Popen([sys.executable, {reader!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
count = 0
for line in sys.stdin:
    question = json.loads(line)
    real.stdin.write(line)
    answer = json.loads(real.stdout.readline())
    command = question["cmd"]
    count += command == "compute"
    def say():
        print(json.dumps(answer), flush=True)
    {body}
    say()
    if command == "stop":
        sys.exit(0)
"""


class Place:
    """A folder with adapters, and the command run on them."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys
        self.out = self.err = ""

    def adapter(self, body: str = "pass", *, name: str = "mine", **more: object) -> Path:
        """The adapter.toml of the right reader with ``body`` between it and the suite."""
        program = self.folder / f"{name}.py"
        program.write_text(BETWEEN.format(reader=str(READER), body=body.replace("\n", "\n    ")))
        return self.toml(["${PYTHON}", f"${{HERE}}/{program.name}"], name=name, **more)

    def toml(self, words: Sequence[str], *, name: str = "mine", **more: object) -> Path:
        lines = [f"name = {json.dumps(name)}", f"command = {json.dumps(list(words))}"]
        lines += [f"{key} = {json.dumps(value)}" for key, value in more.items()]
        path = self.folder / f"{name}.toml"
        path.write_text("\n".join(lines) + "\n")
        return path

    def command(self, *words: object) -> int:
        status = command.main([str(word) for word in words])
        self.out, self.err = self._capsys.readouterr()
        return status

    def run(self, adapter: Path, *words: object) -> int:
        return self.command("run", "--adapter", adapter, "--jsonl", self.folder / "out.jsonl", *words)

    @property
    def records(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "out.jsonl").read_text().splitlines()]

    @property
    def results(self) -> dict[str, dict[str, Any]]:
        return {record["vector"]: record for record in self.records if record["record"] == "result"}

    @property
    def outcomes(self) -> dict[str, str]:
        return {id: record["outcome"] for id, record in self.results.items()}


@pytest.fixture
def place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Place:
    return Place(tmp_path, capsys)


def test_a_right_client_passes(place: Place) -> None:
    assert place.run(place.adapter(), "--only", "bound.causality") == command.PASSED
    assert set(place.outcomes.values()) == {"passed"}
    assert "passed: mine: " in place.out
    chosen = [vector.id for vector in ALL if "bound.causality" in vector.rules]
    assert chosen == list(place.outcomes)


def test_a_wrong_answer_is_called_wrong_and_explained(place: Place) -> None:
    body = "if command == 'compute' and answer['type'] == 'interval': answer['latest_ns'] = str(int(answer['latest_ns']) - 7)"
    assert place.run(place.adapter(body), "--only", PLAIN) == command.FAILED
    result = place.results[PLAIN]
    assert (
        result["outcome"],
        result["explanation"],
    ) == ("wrong", "latest_ns is 7 ns too early, so true time may lie after it")
    assert "no vector was judged" not in place.out  # one was
    for words in (PLAIN, "bound.growth", "expected: interval", "got: interval", "question: {", "answer: {"):
        assert words in place.out


BROKEN = {
    "time.sleep(60)": ("timeout", "no answer to compute in {timeout_s:.1f} s"),
    "sys.exit(7)": ("crash", "ended with status 7"),
    "os.kill(os.getpid(), signal.SIGSEGV)": ("crash", "ended with status -11"),
    "print('garbage', flush=True); time.sleep(60)": ("bad-answer", "the line isn't JSON"),
    "answer['earliest_ns'] = 1.5": ("bad-answer", "earliest_ns is a number"),
    "print(json.dumps(answer) * 2, flush=True); time.sleep(60)": (
        "bad-answer",
        "the line isn't JSON: Extra data",
    ),
    "print((json.dumps(answer) + chr(10)) * 2, flush=True); time.sleep(60)": (
        "bad-answer",
        "more than one line",
    ),
}


@pytest.mark.parametrize("body", BROKEN)
def test_a_broken_program_is_reported_as_that_and_never_as_wrong(place: Place, body: str) -> None:
    outcome, words = BROKEN[body]
    for timeout_s in (3, 30):
        # at the first compute of each program; a fresh one gets no farther either
        broken = place.adapter(f"if command == 'compute': {body}", timeout_s=timeout_s)
        assert place.run(broken, "--only", PLAIN) == command.FAILED
        result = place.results[PLAIN]
        if "answer to hello" not in result["explanation"]:
            break  # otherwise the machine held it up for as long as that
    assert outcome == result["outcome"]
    assert words.replace("{timeout_s:.1f}", f"{timeout_s:.1f}") in result["explanation"]
    assert f"{outcome}: {PLAIN}" in place.out


def test_last_words_are_in_the_report(place: Place) -> None:
    broken = place.adapter("if command == 'compute': print('out of cheese', file=sys.stderr); sys.exit(7)")
    assert place.run(broken, "--only", PLAIN) == command.FAILED
    assert place.results[PLAIN]["stderr"] == "out of cheese"
    assert "standard error: out of cheese" in place.out


def test_too_slow_is_called_slow(place: Place) -> None:
    slow = place.adapter("if command == 'compute': time.sleep(0.3)", slow_s=0.1)
    assert place.run(slow, "--only", PLAIN) == command.FAILED
    assert place.outcomes[PLAIN] == "slow"
    took = re.fullmatch(
        r"an answer took (\d+\.\d) s; 0\.1 s are allowed", place.results[PLAIN]["explanation"]
    )
    assert took is not None
    assert float(took[1]) >= 0.3


def test_one_slow_answer_is_forgiven(place: Place) -> None:
    slow = place.adapter("if command == 'compute' and count == 1: time.sleep(1.5)", slow_s=1)
    assert place.run(slow, "--only", PLAIN) == command.PASSED


def test_an_answer_that_came_too_late_to_prove_anything_is_no_wrong_answer(place: Place) -> None:
    # A right reader looks for another file again after a second, so its third answer may be either.
    late = place.adapter("if command == 'compute' and count % 3 == 0: time.sleep(1.2)", slow_s=5)
    assert place.run(late, "--only", "v2-a-file-that-is-replaced-twice-within-a-second") == command.FAILED
    (result,) = place.results.values()
    assert result["outcome"] == "slow"
    assert result["explanation"] == "no attempt was quick enough to prove anything; is the machine very busy?"


def test_one_crash_does_not_hide_the_rest(place: Place) -> None:
    mark = place.folder / "crashed"
    body = f"if command == 'compute' and not os.path.exists({str(mark)!r}): open({str(mark)!r}, 'w'); sys.exit(7)"
    assert place.run(place.adapter(body), "--only", "bound.causality") == command.FAILED
    outcomes = list(place.outcomes.values())
    assert outcomes[0] == "crash"
    assert {"passed"} == set(outcomes[1:])


def test_the_suite_gives_up_on_a_program_that_breaks_again_and_again(place: Place) -> None:
    assert (
        place.run(place.adapter("if command == 'compute': sys.exit(7)"), "--only", "bound.causality")
        == command.FAILED
    )
    outcomes = list(place.outcomes.values())
    assert outcomes[:GIVE_UP_COUNT] == ["crash"] * GIVE_UP_COUNT
    assert {"not-run"} == set(outcomes[GIVE_UP_COUNT:])


def test_a_failure_at_the_end_fails_the_run(place: Place) -> None:
    assert (
        place.run(place.adapter("if command == 'stop': say(); sys.exit(3)"), "--only", PLAIN)
        == command.FAILED
    )
    assert "ended with status 3 after stop" in place.out


UNSUPPORTED = (
    "if command == 'compute': answer = {'seq': question['seq'], 'type': 'unsupported', 'reason': 'too old'}"
)


def test_unsupported_is_neither_right_nor_wrong(place: Place) -> None:
    some = place.adapter(UNSUPPORTED.replace("'compute'", "'compute' and count == 1"))
    assert place.run(some, "--only", PLAIN, "--only", OTHER) == command.PASSED
    assert sorted(place.outcomes.values()) == ["passed", "unsupported"]


def test_nothing_but_unsupported_is_a_failure(place: Place) -> None:
    assert place.run(place.adapter(UNSUPPORTED), "--only", PLAIN) == command.FAILED
    assert {"unsupported"} == set(place.outcomes.values())
    assert "no vector was judged" in place.out


def test_zero_vectors_are_a_failure(place: Place) -> None:
    rule = next(id for id in rules.all_rules() if id.startswith("write."))
    assert place.run(place.adapter(), "--only", rule) == command.FAILED
    assert place.results == {}
    assert "no vector was judged" in place.out


def test_what_hello_does_not_name_is_not_asked_for(place: Place) -> None:
    body = "if command == 'hello': answer.update(features=['compute'], layouts=['2'])\nif command == 'watch': sys.exit(9)"
    chosen = ("--only", "read.reopen", "--only", PLAIN, "--only", PLAIN.replace("v2", "v1"))
    assert place.run(place.adapter(body), *chosen) == command.PASSED
    reasons = {id: record["explanation"] for id, record in place.results.items()}
    assert reasons[PLAIN.replace("v2", "v1")] == "hello doesn't name layout 1"
    assert reasons["v2-a-removed-file"] == "hello doesn't name watch"


WRONG = "if command == 'compute' and answer['type'] == 'interval': answer['status'] = 'DISRUPTED'"


def known(place: Place, *failures: dict[str, str]) -> Path:
    path = place.folder / "known.toml"
    path.write_text(
        "\n".join(
            "[[failure]]\n" + "\n".join(f"{name} = {json.dumps(value)}" for name, value in each.items())
            for each in failures
        )
    )
    return path


def test_a_known_failure_is_expected_with_its_reason(place: Place) -> None:
    listed = known(place, {"vector": PLAIN, "reason": "until 2.0"})
    chosen = ("--only", PLAIN, "--only", OTHER, "--expect-known-failures", listed)
    assert place.run(place.adapter(WRONG), *chosen) == command.PASSED
    assert (
        place.results[PLAIN]["outcome"],
        place.results[PLAIN]["known_failure"],
    ) == ("known-failure", "until 2.0")


def test_an_unexpected_pass_fails(place: Place) -> None:
    listed = known(place, {"vector": PLAIN, "reason": "until 2.0"})
    assert place.run(place.adapter(), "--only", PLAIN, "--expect-known-failures", listed) == command.FAILED
    assert place.outcomes[PLAIN] == "unexpected-pass"


def test_a_failure_may_be_known_of_one_adapter_only(place: Place) -> None:
    listed = known(place, {"vector": PLAIN, "reason": "until 2.0", "adapter": "another"})
    assert (
        place.run(place.adapter(WRONG), "--only", PLAIN, "--expect-known-failures", listed) == command.FAILED
    )


BAD_LISTS = {
    "no reason": ({"vector": PLAIN}, "'reason' is a required property"),
    "an empty reason": ({"vector": PLAIN, "reason": " "}, "reason"),
    "no such vector": ({"vector": "v2-no-such", "reason": "x"}, "there is no vector 'v2-no-such'"),
    "a field more": ({"vector": PLAIN, "reason": "x", "rule": "y"}, "rule"),
}


@pytest.mark.parametrize("name", BAD_LISTS)
def test_a_bad_list_of_known_failures_is_refused(place: Place, name: str) -> None:
    failure, words = BAD_LISTS[name]
    listed = known(place, failure)
    assert place.run(place.adapter(), "--only", PLAIN, "--expect-known-failures", listed) == command.USAGE
    assert_one_message(place, str(listed), words)


def test_a_failure_that_is_listed_twice_is_refused(place: Place) -> None:
    failure = {"vector": PLAIN, "reason": "x"}
    listed = known(place, failure, failure)
    assert place.run(place.adapter(), "--expect-known-failures", listed) == command.USAGE
    assert_one_message(place, "stands twice")


def assert_one_message(place: Place, *words: str) -> None:
    lines = place.err.splitlines()
    assert len(lines) == 1, place.err
    for each in words:
        assert each in lines[0]
    assert place.out == ""


BAD_TOMLS = {
    "no TOML": ("name = ", "no TOML"),
    "not UTF-8": (b"name = '\xff'", "no TOML"),
    "empty": ("", "'name' is a required property"),
    "no command": ('name = "x"', "'command' is a required property"),
    "an empty command": ('name = "x"\ncommand = []', "command"),
    "a command that is a string": (
        'name = "x"\ncommand = "./adapter"',
        "command: './adapter' is not of type 'array'",
    ),
    "an unknown field": ('name = "x"\ncommand = ["true"]\ntimeout = 3', "timeout"),
    "a timeout below 0": ('name = "x"\ncommand = ["true"]\ntimeout_s = -1', "timeout_s"),
    "an unknown byte order": ('name = "x"\ncommand = ["true"]\nbyte_order = "middle"', "byte_order"),
    "a program that is nowhere in PATH": (
        'name = "x"\ncommand = ["no-such-program"]',
        "one beside this file is written ./",
    ),
    "a program that isn't there": ('name = "x"\ncommand = ["./adapter"]', "doesn't exist"),
    "a program that can't be run": ('name = "x"\ncommand = ["./bad.toml"]', "isn't executable; run chmod +x"),
    "a folder": ('name = "x"\ncommand = ["./"]', "isn't executable"),
    "a variable that isn't set": ('name = "x"\ncommand = ["${NO_SUCH_VARIABLE}"]', "NO_SUCH_VARIABLE"),
}


@pytest.mark.parametrize("name", BAD_TOMLS)
@pytest.mark.parametrize("verb", ["run", "smoke"])
def test_a_bad_adapter_toml_is_refused(place: Place, verb: str, name: str) -> None:
    text, words = BAD_TOMLS[name]
    path = place.folder / "bad.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    assert place.command(verb, "--adapter", path) == command.USAGE
    assert_one_message(place, str(path), words)


def test_an_adapter_toml_that_is_missing_is_refused(place: Place) -> None:
    assert place.command("run", "--adapter", place.folder / "none.toml") == command.USAGE
    assert_one_message(place, "none.toml: No such file or directory")


def test_a_program_that_the_system_cannot_run_is_refused(place: Place) -> None:
    program = place.folder / "adapter"
    program.write_text("no program\n")
    program.chmod(0o755)
    assert place.command("run", "--adapter", place.toml(["./adapter"])) == command.USAGE
    assert_one_message(place, "cannot be run: Exec format error")


def test_two_adapters_of_one_name_are_refused(place: Place) -> None:
    one = place.adapter()
    assert place.command("run", "--adapter", one, "--adapter", one) == command.USAGE
    assert_one_message(place, "has the same name 'mine'")


@pytest.mark.parametrize("protocol", ["0", "2"])
def test_another_protocol_is_refused(place: Place, protocol: str) -> None:
    old = place.adapter(f"if command == 'hello': answer['protocol'] = {protocol!r}")
    assert place.command("run", "--adapter", old, "--only", PLAIN) == command.USAGE
    assert_one_message(place, f"does not speak protocol 1; it speaks {protocol}")


def test_an_unknown_selection_is_refused_with_what_is_like_it(place: Place) -> None:
    assert place.run(place.adapter(), "--only", "bound.growht") == command.USAGE
    assert_one_message(place, "--only bound.growht: there is no such rule", "did you mean bound.growth")


def test_a_report_that_cannot_be_written_is_refused(place: Place) -> None:
    path = place.folder / "none" / "out.jsonl"
    assert place.command("run", "--adapter", place.adapter(), "--jsonl", path) == command.USAGE
    assert_one_message(place, f"{path}: No such file or directory")


@pytest.mark.parametrize(
    "words", [[], ["run"], ["fly"], ["run", "--adapter"], ["list", "--rules", "--mistakes"]]
)
def test_a_wrong_command_line_is_a_usage_error(place: Place, words: list[str]) -> None:
    assert place.command(*words) == command.USAGE
    assert place.err.startswith("usage: ")


@pytest.mark.parametrize(
    "words", [["--help"], ["run", "--help"], ["smoke", "--help"], ["list", "--help"], ["--version"]]
)
def test_help_is_no_error(place: Place, words: list[str]) -> None:
    assert place.command(*words) == command.PASSED
    assert place.out
    assert place.err == ""


def test_damaged_vectors_are_a_fault_of_the_suite(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("clockbound_conformance.files._TREE", place.folder)
    monkeypatch.setattr("clockbound_conformance.files.PACKAGE", place.folder)
    (place.folder / "vectors" / "hand").mkdir(parents=True)
    (place.folder / "vectors" / "hand" / "growth.json").write_text("{")
    (place.folder / "vectors" / "mistakes.json").write_text("{")
    vectors.load.cache_clear()
    try:
        assert place.command("run", "--adapter", place.adapter()) == command.HARNESS
    finally:
        vectors.load.cache_clear()
    assert_one_message(place, "the suite failed, and says nothing of the client", "mistakes.json: no JSON")


def test_a_bug_of_the_suite_is_no_failure_of_the_client(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(runner, "_write_anew", broken)
    assert place.run(place.adapter(), "--only", PLAIN) == command.HARNESS
    assert (
        "the suite failed, and says nothing of the client: OSError(28, 'No space left on device')"
        in place.err
    )


def test_a_writer_that_dies_is_a_fault_of_the_suite(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/true")
    stage = runner.Stage(None, place.folder, "little", 1)  # type: ignore[arg-type]
    with pytest.raises(HarnessError, match="didn't start"), stage._writer(["00"], None):
        pass


def test_each_line_of_the_report_is_as_its_schema_says(place: Place) -> None:
    body = f"{WRONG}\nif command == 'watch': sys.exit(7)"
    chosen = ("--only", "status.disruption", "--only", "clock.precise", "--only", "open.syscall")
    assert place.run(place.adapter(body), *chosen) == command.FAILED
    assert [record["record"] for record in place.records[:2]] == ["run", "adapter"]
    assert [record["record"] for record in place.records[-2:]] == ["summary", "end"]
    assert {"passed", "wrong", "crash"} <= set(place.outcomes.values())
    for record in place.records:
        assert None is schema.fault("report", record, record["record"])


def test_the_report_holds_what_a_reader_of_it_needs(place: Place) -> None:
    assert place.run(place.adapter(), "--only", PLAIN) == command.PASSED
    run, adapter, result, summary, end = place.records
    vector = next(vector for vector in ALL if vector.id == PLAIN)
    assert vectors.load().sha256 == run["vectors_sha256"]
    assert adapter["hello"]["library"] == "reader"
    assert list(vector.rules) == result["rules"]
    put, compute = result["steps"]
    assert vector.steps[0]["segment"][config.NATIVE] == put["segment"]
    assert compute["expected"] == compute["got"] == vector.steps[1]["expected"]
    assert compute["expected"]["earliest_ns"] in compute["answer"]
    assert vector.steps[1]["monotonic_ns"] in compute["question"]
    assert 0 < compute["duration_ns"] <= result["duration_ns"] <= summary["duration_ns"] <= end["duration_ns"]
    assert summary["by_rule"]["bound.growth"] == {"passed": 1}
    assert end["exit_status"] == 0


def test_junit_counts_and_names(place: Place) -> None:
    path = place.folder / "out.xml"
    adapter = place.adapter(f"{WRONG}\nif command == 'watch': print('\\x00', flush=True)")
    chosen = ("--only", "interval.ends", "--only", "v2-a-removed-file")
    assert place.run(adapter, "--junit", path, *chosen) == command.FAILED
    (suite,) = ElementTree.parse(path).getroot()
    cases = suite.findall("testcase")
    assert {case.get("name") for case in cases} == set(place.outcomes)
    wrong = [id for id, outcome in place.outcomes.items() if outcome == "wrong"]
    broken = [id for id, outcome in place.outcomes.items() if outcome == "bad-answer"]
    assert wrong
    assert broken
    assert wrong == [case.get("name") for case in cases if case.find("failure") is not None]
    assert broken == [case.get("name") for case in cases if case.find("error") is not None]
    counts = [suite.get(name) for name in ("tests", "failures", "errors", "skipped")]
    assert [str(count) for count in (len(cases), len(wrong), len(broken), 0)] == counts


def test_several_adapters_are_judged_each_by_itself(place: Place) -> None:
    good, bad = place.adapter(name="good"), place.adapter(WRONG, name="bad")
    assert place.run(good, "--adapter", bad, "--only", PLAIN) == command.FAILED
    verdicts = {
        record["adapter"]: record["passed"] for record in place.records if record["record"] == "summary"
    }
    assert verdicts == {"good": True, "bad": False}


def test_a_long_run_shows_its_progress_on_a_terminal(place: Place) -> None:
    slow = place.adapter("if command == 'compute': time.sleep(0.02)")
    main, terminal = pty.openpty()
    words = [
        sys.executable,
        "-m",
        "clockbound_conformance",
        "run",
        "--adapter",
        str(slow),
        "--only",
        "bound.causality",
    ]
    environment = os.environ | {"TERM": "xterm"}
    with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=terminal, env=environment) as process:
        os.close(terminal)
        shown = b""
        with contextlib.suppress(OSError):  # the other end is closed
            while piece := os.read(main, 4096):
                shown += piece
        assert process.wait(60) == command.PASSED
    os.close(main)
    assert b"mine [" in shown
    assert b"#" in shown
    assert shown.endswith(b"\r\x1b[K"), "the bar stays behind"


def test_a_short_run_shows_none_elsewhere(place: Place) -> None:
    assert place.run(place.adapter(), "--only", PLAIN) == command.PASSED
    assert place.err == ""


def test_an_interrupted_run_leaves_no_adapter_behind(place: Place) -> None:
    mark = place.folder / "pid"
    body = f"open({str(mark)!r}, 'w').write(str(os.getpid())) if command == 'compute' else None\nif command == 'compute': time.sleep(60)"
    words = [sys.executable, "-m", "clockbound_conformance", "run", "--adapter", str(place.adapter(body))]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        deadline_s = time.monotonic() + 60
        while not (mark.exists() and mark.read_text()) and time.monotonic() < deadline_s:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode != command.PASSED
    assert "Traceback" not in said
    with pytest.raises(ProcessLookupError):
        os.kill(int(mark.read_text()), 0)


def test_list_shows_vectors_rules_and_mistakes(place: Place) -> None:
    assert place.command("list") == command.PASSED
    assert len(ALL) == len(place.out.splitlines())
    assert place.command("list", "--only", "bound.growth") == command.PASSED
    assert sum("bound.growth" in vector.rules for vector in ALL) == len(place.out.splitlines())
    assert place.command("list", "--rules") == command.PASSED
    assert list(rules.readers_rules()) == [line.split()[1] for line in place.out.splitlines()]
    assert place.command("list", "--mistakes") == command.PASSED
    assert list(vectors.load().mistakes) == [line.split()[1] for line in place.out.splitlines()]


def test_a_pipe_that_closes_early_is_no_traceback(place: Place) -> None:
    words = f"{sys.executable} -m clockbound_conformance list | head -n 1"
    ended = subprocess.run(["/bin/sh", "-c", words], check=False, capture_output=True, text=True, timeout=60)
    assert len(ended.stdout.splitlines()) == 1
    assert "Traceback" not in ended.stderr


def test_variables_in_the_command_are_replaced(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("READER", str(READER))
    path = place.toml(["${PYTHON}", "${READER}", "${OTHER:-a default}", "${HERE}/x", "$HOME"])
    loaded = config.load_adapter(path)
    assert (sys.executable, str(READER), "a default", f"{place.folder}/x", "$HOME") == loaded.command


def test_a_program_beside_the_file_is_found_from_anywhere(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = place.folder / "adapter"
    program.write_text(f"#!/bin/sh\nexec {sys.executable} {READER}\n")
    program.chmod(0o755)
    path = place.toml(["./adapter"])
    monkeypatch.chdir("/")
    assert place.run(path, "--only", PLAIN) == command.PASSED


def test_the_byte_order_of_the_adapter_chooses_the_bytes(place: Place) -> None:
    other = "big" if sys.byteorder == "little" else "little"
    path = place.toml(["${PYTHON}", str(READER), "--byte-order", other], byte_order=other)
    assert place.run(path, "--only", "bound.growth") == command.PASSED
    native = place.toml(["${PYTHON}", str(READER)], byte_order=other, name="native")
    assert place.run(native, "--only", PLAIN) == command.FAILED


def test_the_text_is_short_where_much_fails(place: Place) -> None:
    assert place.run(place.adapter(WRONG), "--only", "bound.growth") == command.FAILED
    assert place.out.count("wrong: v") == 10
    assert " more; --verbose or --jsonl has them all" in place.out
    assert place.run(place.adapter(WRONG), "--only", "bound.growth", "--verbose") == command.FAILED
    assert place.out.count("wrong: v") > 10


def test_main_takes_the_words_of_the_command_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["clockbound-conformance", "--version"])
    with contextlib.redirect_stdout(io.StringIO()) as out:
        assert command.main() == command.PASSED
    assert out.getvalue().startswith("clockbound-conformance ")
