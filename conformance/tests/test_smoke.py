"""What smoke tells the author of an adapter: each usual mistake by its cause, in words, with both lines."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pytest
from clockbound_conformance import files, smoke
from clockbound_conformance.config import load_adapter, load_adapters

HERE = Path(__file__).parent
READER = HERE / "mutants" / "reader.py"
TEMPLATE = HERE.parent / "adapters" / "template"

# The right reader as an adapter, with BODY between it and the suite.
SCRIPT = """\
import json, os, sys, time
sys.path.insert(0, {mutants!r})
import reader
right = reader.Adapter(frozenset(), sys.byteorder)
def send(text):
    sys.stdout.write(text + "\\n")
    sys.stdout.flush()
for line in sys.stdin:
    question = json.loads(line)
    seq, command = question["seq"], question["cmd"]
    answer = {{"seq": seq, **right.answer(question)}}
    interval = answer["type"] == "interval"
    text = None
    {body}
    send(json.dumps(answer) if text is None else text)
    if command == "stop":
        break
"""


#: A right adapter has so long for an answer, on a machine that may be busy.
PATIENT_S = 5


def smoked(
    tmp_path: Path, body: str = "pass", *, script: str = SCRIPT, timeout_s: int = PATIENT_S
) -> tuple[bool, str]:
    program = tmp_path / "adapter.py"
    program.write_text(script.format(mutants=str(READER.parent), body=body.replace("\n", "\n    ")))
    toml = tmp_path / "adapter.toml"
    toml.write_text(
        f'name = "mine"\ncommand = ["${{PYTHON}}", "${{HERE}}/adapter.py"]\ntimeout_s = {timeout_s}\n'
    )
    out = io.StringIO()
    return smoke.check(load_adapter(toml), out), out.getvalue()


def test_a_right_adapter_is_ready(tmp_path: Path) -> None:
    passed, said = smoked(tmp_path)
    assert passed, said
    assert len(smoke.CHECKS) + 1 == said.count("ok ")
    assert "skip   repeats a question: hello doesn't name repeat" in said
    assert said.endswith("mine: ready for clockbound-conformance run\n")


# what the author did -> words that say so
ANSWERS = {
    "interval and answer.update(earliest_ns=int(answer['earliest_ns']))": "earliest_ns is a number; 64-bit integers are decimal strings",
    "interval and answer.update(latest_ns=answer['latest_ns'] + '.0')": "without a point or exponent",
    "interval and answer.update(latest_ns='%e' % int(answer['latest_ns']))": "without a point or exponent",
    "interval and answer.update(latest_ns='+' + answer['latest_ns'])": "no leading zero, no plus, no spaces",
    "interval and answer.update(latest_ns=None)": "latest_ns is null; it must be an integer as a string",
    "interval and answer.update(status=1)": "status is 1; it is one of UNKNOWN, SYNCHRONIZED",
    "interval and answer.update(status=answer['status'].title())": "(did you mean SYNCHRONIZED?)",
    "interval and answer.update(status=answer['status'].replace('_', '-'))": "(did you mean FREE_RUNNING?)",
    "answer.update(seq=int(seq))": 'seq is a number; repeat it as the string that it is in the question: "',
    "answer.update(seq='1')": "answer each question once, in order",
    "answer.pop('seq')": 'the answer has no seq; repeat that of the question: "seq": "1"',
    "answer.pop('type')": "the answer has no type; to hello it may be hello",
    "interval and answer.update(type='Interval')": "(did you mean interval?)",
    "interval and answer.update(took_ns='5')": "took_ns does not belong into it",
    "interval and answer.update(earliest=answer.pop('earliest_ns'))": "earliest_ns is missing (did you mean earliest?)",
    "answer['type'] == 'error' and answer.update(kind='SegmentMalformed')": "kind is 'SegmentMalformed'; it is one of SYSCALL",
    "answer['type'] == 'error' and answer.update(kind='NONE')": "kind is NONE, which is no error",
    "answer['type'] == 'hello' and answer.update(layouts='1')": 'layouts is "1"; it must be a list of strings',
    "answer['type'] == 'hello' and answer.update(layouts=[])": "hello names no layouts",
    "answer['type'] == 'hello' and answer.update(layouts=['3'])": "hello names layouts that don't exist: 3",
    "answer['type'] == 'hello' and answer.update(features=[])": "hello names no features",
    "answer['type'] == 'hello' and answer.update(features=['fly'])": "hello names features that don't exist: fly",
    "answer['type'] == 'hello' and answer.update(version='')": 'version is ""; it must be a text that isn\'t empty',
    "answer['type'] == 'hello' and answer.update(protocol='2')": "another version of the protocol; this suite speaks 1",
    "answer['type'] == 'watching' and answer.update(type='stopped')": "an answer to watch has the type watching, error or unsupported, not 'stopped'",
    "command == 'compute' and answer.update(type='watching')": "an answer to compute has the type interval",
    "text = json.dumps(answer, indent=2)": "an answer stands on one line; switch off indentation",
    "text = repr(answer)": "names and texts stand in double quotes",
    "text = 'asked ' + command": "send logs to standard error",
    "text = ''": "the line is empty",
    "text = '[]'": "it is a list",
    "text = chr(0xfeff) + json.dumps(answer)": "byte order mark",
    "sys.stdout.buffer.write(bytes([255, 254]))\nsys.stdout.buffer.flush()": "the line isn't UTF-8",
    "continue": "is the output flushed after each line?",
    "sys.stdout.write(json.dumps(answer)); sys.stdout.flush(); continue": "does it end with a line feed?",
    "if command != 'hello': continue": "no answer to compute in {timeout_s:.1f} s; is the output flushed",
    "if command == 'compute': sys.exit(0)": "read questions in a loop until stop",
    "if command == 'compute': 1 / 0": "ZeroDivisionError",
    "if command == 'compute': os.abort()": "the program ended with status -6",
    "if command == 'stop': sys.exit(3)": "the program ended with status 3",
    "if command == 'stop': send(json.dumps(answer)); time.sleep(60)": "still runs after it answered stop",
    "if command == 'stop': send(json.dumps(answer)); sys.exit(3)": "exits with another status than 0 after stop",
}


@pytest.mark.parametrize("body", ANSWERS)
def test_a_mistake_of_the_adapter_is_explained(tmp_path: Path, body: str) -> None:
    hangs = "continue" in body or "sleep" in body
    for timeout_s in (1, PATIENT_S) if hangs else (PATIENT_S,):
        passed, said = smoked(tmp_path, body, timeout_s=timeout_s)
        words = ANSWERS[body].replace("{timeout_s:.1f}", f"{timeout_s:.1f}")
        if words in said:
            break  # otherwise the machine held up a part that doesn't hang
    assert not passed
    assert words in said
    assert "answer:   " in said or "after" in words


# what the client does, or the adapter with it -> words that say so
INTERVALS = {
    "interval and answer.update(earliest_ns=answer['latest_ns'], latest_ns=answer['earliest_ns'])": "earliest and latest are exchanged",
    "interval and answer.update({n: str(int(answer[n]) // 1000) for n in ('earliest_ns', 'latest_ns')})": "the ends are in microseconds",
    "interval and answer.update({n: str(int(answer[n]) // 10**9) for n in ('earliest_ns', 'latest_ns')})": "the ends are in seconds",
    "interval and answer.update({n: str(int(answer[n]) // 1000 * 1000) for n in ('earliest_ns', 'latest_ns')})": "date type that holds microseconds",
    "interval and answer.update({n: str(int(float(answer[n]))) for n in ('earliest_ns', 'latest_ns')})": "went through a double",
    "interval and answer.update(latest_ns=answer['earliest_ns'])": "true time may lie after it",
    "interval and answer.update(status='SYNCHRONIZED')": "the status is SYNCHRONIZED, not UNKNOWN",
    "answer['type'] == 'error' and answer.update(kind='SYSCALL')": "refused as SYSCALL, not as SEGMENT_NOT_INITIALIZED",
    "if command == 'compute': answer = {'seq': seq, **right.answer({**question, 'segment': '/none'})}": "does the adapter pass the question's paths on",
    "if command == 'compute': question.pop('vmclock', 0); answer = {'seq': seq, **right.answer(question)}": "does the adapter pass the question's paths on",
    "command == 'compute' and answer.update({'seq': seq, **right.answer({**question, 'realtime_ns': str(time.time_ns())})})": "the adapter read the clocks itself",
    "if command == 'watch': right.watched = None": "After watch the context stays open for count computes",
    "if command == 'watch': right.left_count += 5": "That was the compute after the last of the watch",
    "command == 'now' and answer.update({'seq': seq, **right.answer({**question, 'cmd': 'compute', 'realtime_ns': '5', 'monotonic_ns': str(time.monotonic_ns())})})": "is no reading of CLOCK_REALTIME during the question",
    "if command == 'compute': answer = {'seq': seq, 'type': 'unsupported', 'reason': 'to do'}": "If it can't, leave the feature out of hello",
}


@pytest.mark.parametrize("body", INTERVALS)
def test_a_mistake_in_what_is_asked_of_the_client_is_explained(tmp_path: Path, body: str) -> None:
    passed, said = smoked(tmp_path, body)
    assert not passed
    assert INTERVALS[body] in said
    assert "question: {" in said
    assert "answer:   {" in said


def test_a_client_that_is_kept_open_between_computes_is_noticed(tmp_path: Path) -> None:
    body = (
        "if command == 'compute':\n"
        "    right.kept = getattr(right, 'kept', None) or right.opened(question)\n"
        "    try: answer = {'seq': seq, **reader.said(right.kept.at(int(question['realtime_ns']), int(question['monotonic_ns'])))}\n"
        "    except reader.Refused as error: answer = {'seq': seq, 'type': 'error', 'kind': str(error)}"
    )
    passed, said = smoked(tmp_path, body)
    assert not passed
    assert "A compute outside a watch must open the segment anew" in said


def test_a_leak_of_files_is_noticed(tmp_path: Path) -> None:
    body = (
        "import resource\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))\n"
        "right.leak = [*getattr(right, 'leak', []), os.open('/dev/null', os.O_RDONLY)]"
    )
    passed, said = smoked(tmp_path, body)
    assert not passed
    assert "WRONG  closes what it opens" in said


def test_an_adapter_that_outlives_its_input_is_noticed(tmp_path: Path) -> None:
    passed, said = smoked(tmp_path, script=SCRIPT + "else:\n    time.sleep(60)\n", timeout_s=2)
    assert not passed
    assert "still runs 2 s after the end of its input" in said


def test_what_hello_does_not_name_is_skipped_and_said(tmp_path: Path) -> None:
    body = "if command == 'hello': answer.update(features=['compute'], layouts=['1'])"
    passed, said = smoked(tmp_path, body)
    assert passed, said
    assert "skip   keeps a context open for a watch: hello doesn't name watch" in said
    assert "skip   reads the clocks for now: hello doesn't name now" in said


def test_the_same_mistake_is_explained_once(tmp_path: Path) -> None:
    body = "if command == 'compute': answer = {'seq': seq, 'type': 'unsupported', 'reason': 'to do'}"
    _, said = smoked(tmp_path, body)
    assert said.count("to do. If it can't") == 1
    assert "the same as in: computes an interval" in said


def test_the_untouched_template_says_what_is_missing() -> None:
    out = io.StringIO()
    assert not smoke.check(load_adapter(TEMPLATE / "adapter.toml"), out)
    assert "ok     says hello" in out.getvalue()
    assert "fill in open_client: open your client on the segment's path and return it" in out.getvalue()
    assert "ok     stops when asked to" in out.getvalue()


# What an author writes into the template, one function after the other.
FILLED = {
    "open_client": "    return reader_of(segment, vmclock)",
    "now_at": "    return answer_of(client.at, realtime_ns, monotonic_ns)",
    "now": "    return answer_of(client.now)",
    "close_client": "    pass",
}
HELP = """
import sys
sys.path.insert(0, {mutants!r})
import reader
def answer_of(ask, *readings):
    try:
        return ask(*readings)
    except reader.Refused as error:
        raise Refused(str(error))
def reader_of(segment, vmclock):
    return answer_of(reader.Reader, segment, vmclock)
"""


def test_the_template_works_once_its_four_functions_are_written(tmp_path: Path) -> None:
    text = (TEMPLATE / "adapter.py").read_text()
    text = text.replace("\n\nclass Refused", HELP.format(mutants=str(READER.parent)) + "\n\nclass Refused", 1)
    (tmp_path / "adapter.toml").write_text((TEMPLATE / "adapter.toml").read_text())
    for missing, (name, code) in enumerate(FILLED.items()):
        (tmp_path / "adapter.py").write_text(text)
        out = io.StringIO()
        assert not smoke.check(load_adapter(tmp_path / "adapter.toml"), out), name
        if missing < 2:
            assert f"fill in {name}: " in out.getvalue()
        lines = text.splitlines()
        at = next(
            number for number, line in enumerate(lines) if f'raise NotImplementedError("{name}: ' in line
        )
        lines[at] = code
        text = "\n".join(lines) + "\n"
    (tmp_path / "adapter.py").write_text(text)
    out = io.StringIO()
    assert smoke.check(load_adapter(tmp_path / "adapter.toml"), out), out.getvalue()
    assert "ok     repeats a question" in out.getvalue()
    for right, wrong, words in (
        ("runs[-1][1] == answer", "False", "equal answers that follow each other are one run"),
        ('range(int(question["count"]))', "range(7)", "the runs are 7 answers, but 1000 were asked for"),
        ('int(question["realtime_ns"]), int(question["monotonic_ns"])', "7, 7", "so every answer is"),
    ):
        assert right in text
        before, _, repeated = text.partition("def repeated(")
        (tmp_path / "adapter.py").write_text(f"{before}def repeated({repeated.replace(right, wrong, 1)}")
        out = io.StringIO()
        assert not smoke.check(load_adapter(tmp_path / "adapter.toml"), out)
        assert words in out.getvalue()


def test_the_adapters_that_come_with_the_suite_have_files_that_load(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CLOCKBOUND_C_ADAPTER", sys.executable)
    paths = sorted(files.folder("adapters").glob("*/*.toml"))
    assert {"c", "my-client", "python-compiled", "python-pure"} >= {
        config.name for config in load_adapters(paths)
    }
    assert len(paths) >= 3
