"""Live: our clients on real parts beside others that fail in one way each, all in one performance."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from clockbound_conformance import __main__ as command
from clockbound_conformance import live, schema

ADAPTERS = Path(__file__).parents[1] / "adapters"
NATIVE = ("c/adapter.toml", "python/adapter.toml", "python/adapter-pure.toml")

# Passes everything between the suite and our client, but for what BODY does to the question or the answer.
BETWEEN = """\
import json, os, subprocess, sys, time
real = subprocess.Popen([sys.executable, {adapter!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
count = 0
for line in sys.stdin:
    question = json.loads(line)
    command = question["cmd"]
    real.stdin.write(line)
    answer = json.loads(real.stdout.readline())
    if command == "compute" and answer["type"] == "interval":
        count += 1
    {body}
    print(json.dumps(answer), flush=True)
    if command == "stop":
        break
"""
FAKES = {
    # Not once only: an answer during which the segment changed isn't judged.
    "lies thrice": "if 40 <= count < 43 and command == 'compute': answer['latest_ns'] = str(int(answer['latest_ns']) - 1)",
    "now is late": (
        "if command == 'now' and int(answer.get('latest_ns', 0)) - int(answer.get('earliest_ns', 0)) in range(1, 10**9): "
        "answer |= {{end: str(int(answer[end]) + 10_000_000) for end in ('earliest_ns', 'latest_ns')}}"
    ),
    "now has another status": (
        "if command == 'now' and answer.get('status') == 'FREE_RUNNING': answer['status'] = 'SYNCHRONIZED'"
    ),
    "hangs": "if count == 30 and question['segment'].endswith('0'): time.sleep(600)",
    "crashes": "if count == 30: sys.exit(7)",
    "garbage": "if count == 30: print('hello', flush=True); time.sleep(600)",
    "without watch": "if command == 'hello': answer['features'] = ['compute', 'now']",
    "without anything": "if command == 'hello': answer['features'] = []",
    "of layout 2 alone": "if command == 'hello': answer['layouts'] = ['2']",
}


def toml(folder: Path, name: str, body: str, **more: object) -> Path:
    program = folder / f"{name}.py"
    adapter = str(ADAPTERS / "python" / "adapter.py")
    program.write_text(BETWEEN.format(adapter=adapter, body=body.replace("{{", "{").replace("}}", "}")))
    lines = [f"name = {json.dumps(name)}", f"command = {json.dumps([sys.executable, str(program)])}"]
    lines += [f"{key} = {json.dumps(value)}" for key, value in more.items()]
    path = folder / f"{name}.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


class Performance:
    """What one command said and wrote."""

    def __init__(self, status: int, out: str, records: list[dict[str, Any]]) -> None:
        self.status = status
        self.out = out
        self.records = records
        self.steps = [record for record in records if record["record"] == "step"]
        self.faults = [record for record in records if record["record"] == "fault"]
        self.outcomes = {record["adapter"]: record for record in records if record["record"] == "live"}


@pytest.fixture(scope="module")
def performance(tmp_path_factory: pytest.TempPathFactory, c_adapter_path: str) -> Performance:
    folder = tmp_path_factory.mktemp("live")
    files = [ADAPTERS / name for name in NATIVE]
    files += [
        toml(folder, name, body, **({"timeout_s": 3} if name == "hangs" else {}))
        for name, body in FAKES.items()
    ]
    words = [word for path in files for word in ("--adapter", str(path))]
    with pytest.MonkeyPatch.context() as patch, (folder / "out").open("w+") as out:
        patch.setenv("CLOCKBOUND_C_ADAPTER", c_adapter_path)
        patch.setattr(sys, "stdout", out)
        status = command.main(["live", *words, "--no-progress", "--jsonl", str(folder / "out.jsonl")])
        out.flush()
        said = (folder / "out").read_text()
    records = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
    return Performance(status, said, records)


NATIVE_NAMES = ("c", "python-compiled", "python-pure")


@pytest.mark.parametrize("name", NATIVE_NAMES)
def test_our_clients_answer_rightly_throughout(performance: Performance, name: str) -> None:
    outcome = performance.outcomes[name]
    assert outcome["outcome"] == "passed", performance.out
    assert outcome["notes"] == []
    assert outcome["right_count"] == outcome["answers_count"] > 200
    assert outcome["inside_count"] == outcome["nows_count"] > 200


def test_every_step_was_seen(performance: Performance) -> None:
    seen = {step["step"]: step["statuses"] for step in performance.steps}
    second = {name: statuses["2"] for name, statuses in seen.items()}
    assert second["no segment yet"] == ["SYSCALL"]
    assert second["the first segment: nothing is known"] == ["UNKNOWN"]
    for name, status in {
        "synchronised": "SYNCHRONIZED",
        "chronyd is frozen: free-running": "FREE_RUNNING",
        "... and 5 s later unknown": "UNKNOWN",
        "chronyd goes on": "SYNCHRONIZED",
        "a disruption by signal": "DISRUPTED",
        "... and its end": "SYNCHRONIZED",
        "another marker that only readers see": "UNKNOWN",
        "... that the daemon sees, and recovery": "SYNCHRONIZED",
        "... and the generation wraps": "SYNCHRONIZED",
        "the daemon is killed, and the grace is over": "FREE_RUNNING",
        "other files in their place": "SYNCHRONIZED",
    }.items():
        assert status in second[name], name
    assert "DISRUPTED" not in seen["a disruption by signal"]["1"]
    assert "UNKNOWN" in seen["a disruption by signal"]["1"]
    for step in performance.steps:
        assert step["readings_count"] > 0, step
        assert step["answers_count"] > step["readings_count"], step


@pytest.mark.parametrize(
    ("name", "outcome", "said"),
    [
        ("lies thrice", "wrong", "latest_ns is 1 ns too early, so true time may lie after it"),
        ("now is late", "wrong", "true time is"),
        ("now has another status", "wrong", "the status is SYNCHRONIZED, not FREE_RUNNING"),
        ("hangs", "timeout", "in 3.0 s"),
        ("crashes", "crash", "ended with status 7"),
        ("garbage", "bad-answer", "the line isn't JSON"),
        ("without anything", "unsupported", "hello doesn't name watch and compute"),
    ],
)
def test_a_failure_is_called_by_its_name(
    performance: Performance, name: str, outcome: str, said: str
) -> None:
    found = performance.outcomes[name]
    assert found["outcome"] == outcome, found
    assert said in found["explanation"]
    assert f"{outcome}: {name}: " in performance.out


def test_a_wrong_answer_is_shown_with_both_lines(performance: Performance) -> None:
    faults = [fault for fault in performance.faults if fault["adapter"] == "lies thrice"]
    assert {fault["layout"] for fault in faults} == {"1", "2"}  # a program each
    for fault in faults:
        assert json.loads(fault["question"])["cmd"] == "compute"
        assert json.loads(fault["answer"])["type"] == "interval"
        assert fault["question"] in performance.out
        assert fault["answer"] in performance.out
    lied = [step for step in performance.steps if step["step"] in {fault["step"] for fault in faults}]
    for step in lied:
        assert step["agreed_count"] < step["readings_count"]
        assert step["right_count"] < step["answers_count"]


@pytest.mark.parametrize(
    ("name", "note"),
    [
        (
            "without watch",
            "what it answers by given readings isn't judged: hello doesn't name watch and compute",
        ),
        ("of layout 2 alone", "layout 1 isn't judged: hello doesn't name it"),
    ],
)
def test_what_a_client_cannot_do_is_said_and_not_judged(
    performance: Performance, name: str, note: str
) -> None:
    found = performance.outcomes[name]
    assert found["outcome"] == "passed", found
    assert found["notes"] == [note]
    assert note in performance.out
    assert found["nows_count"] > 100


def test_the_whole_has_failed(performance: Performance) -> None:
    assert performance.status == command.FAILED
    assert not performance.records[-1]["passed"]


def test_the_report_is_as_its_schema_says(performance: Performance) -> None:
    for record in performance.records:
        assert schema.fault("exercises", record) is None, record
    assert [performance.records[0]["record"], performance.records[-1]["record"]] == ["exercise", "end"]


def test_nobody_left_ends_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    silent = toml(tmp_path, "silent", "if command != 'hello': sys.exit(7)")
    assert command.main(["live", "--no-progress", "--adapter", str(silent)]) == command.FAILED
    assert "crash: silent" in capsys.readouterr().out


def test_it_passes_where_all_passed() -> None:
    good, bad = live.Outcome("a"), live.Outcome("b", outcome="wrong")
    assert live.Result([], [good], [], 0).passed
    assert not live.Result([], [good, bad], [], 0).passed
    assert not live.Result([], [], [], 0).passed


@pytest.mark.parametrize(
    ("more", "status", "said"),
    [
        ({"byte_order": "big" if sys.byteorder == "little" else "little"}, command.USAGE, "byte_order is"),
        ({"unknown": 1}, command.USAGE, "unknown"),
    ],
)
def test_an_adapter_that_cannot_be_used(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], more: dict[str, object], status: int, said: str
) -> None:
    assert command.main(["live", "--adapter", str(toml(tmp_path, "mine", "pass", **more))]) == status
    assert said in capsys.readouterr().err


def test_a_daemon_that_is_not_there_is_no_fault_of_the_client(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live.shutil, "which", lambda *words, **more: None)
    adapter = toml(tmp_path, "mine", "pass")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert command.main(["live", "--adapter", str(adapter)]) == command.HARNESS
    assert "install the daemon: pip install clockbound-daemon" in capsys.readouterr().err
