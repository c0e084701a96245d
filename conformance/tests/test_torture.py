"""Torture: what an answer tells of the record that it came from, and that each kind of failure is called by its name."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from clockbound_conformance import __main__ as command
from clockbound_conformance import counted, oracle, schema, torture
from clockbound_conformance.adapter import Adapter, AdapterBadAnswer
from clockbound_conformance.answers import Interval, Unsupported
from clockbound_conformance.config import load_adapter
from clockbound_conformance.exercises import PUBLISH
from clockbound_conformance.segment_bytes import ByteOrder, vmclock

ROOT = Path(__file__).parents[2]
ADAPTERS = ROOT / "conformance" / "adapters"
NATIVE = ("c/adapter.toml", "python/adapter.toml", "python/adapter-pure.toml")
READER = Path(__file__).parent / "mutants" / "reader.py"
PAGE = vmclock(marker=counted.MARKER)
LAYOUTS = (1, 2)
LIMIT_S = 100.0  # only a fault takes so long


def answered(data: bytes, byte_order: ByteOrder = "little") -> str:
    """What the oracle says of a segment's bytes, as an adapter would."""
    answer = oracle.answer(
        data,
        realtime_ns=counted.REALTIME_NS,
        monotonic_ns=counted.MONOTONIC_NS,
        vmclock=PAGE,
        byte_order=byte_order,
    )
    assert isinstance(answer, Interval)
    return f"{answer.earliest_ns} {answer.latest_ns} {answer.status}"


class TestRecords:
    NUMBERS = (*range(1, 500), 2**16, 2**30 + 1, *random.Random(1).sample(range(1, 2**31), 200), 2**31 - 1)

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_an_answer_tells_its_record(self, layout: int) -> None:
        for number in self.NUMBERS:
            for byte_order in ("little", "big"):
                words = answered(counted.record(number, layout, byte_order, 2), byte_order)
                assert words == counted.answer(number, layout)
                assert counted.number_of(words, layout) == number

    @pytest.mark.parametrize("layout", LAYOUTS)
    def test_every_status_occurs(self, layout: int) -> None:
        names = {"UNKNOWN", "SYNCHRONIZED", "FREE_RUNNING", "DISRUPTED"} - (
            {"DISRUPTED"} if layout == 1 else set()
        )
        assert {counted.status(number, layout) for number in range(1, 200)} == names

    # The words of 8 bytes that the width of an interval comes from: as_of, the bound, the drift.
    TELLING = ((16, 24, 48, 56), (16, 24, 48, 64))

    @pytest.mark.parametrize("layout", LAYOUTS)
    @pytest.mark.parametrize("apart", [1, 2, 3, 64, 1000])
    def test_a_mixture_is_of_no_record(self, layout: int, apart: int) -> None:
        dice = random.Random(apart)
        for _ in range(300):
            number = dice.randrange(1, 1_000_000)
            one, other = (counted.record(each, layout, "little", 2) for each in (number, number + apart))
            at = self.TELLING[layout - 1]
            taken = dice.sample(at, dice.randrange(1, len(at)))
            mixed = bytearray(one)
            for word in taken:
                mixed[word : word + 8] = other[word : word + 8]
            if layout == 1:
                mixed[64:72] = one[64:72]
            words = answered(bytes(mixed))
            if all(mixed[word : word + 8] == one[word : word + 8] for word in at):
                continue  # what was taken is the same in both
            assert counted.number_of(words, layout) is None, (number, taken)
            assert "mixed" in counted.described(words, layout)

    @pytest.mark.parametrize(
        ("words", "said"),
        [
            ("0 10 UNKNOWN", "aren't equally far"),
            (f"{counted.REALTIME_NS} {counted.REALTIME_NS} UNKNOWN", "no record has such a bound"),
            (counted.answer(6, 2).rpartition(" ")[0] + " DISRUPTED", "whose status is UNKNOWN"),
        ],
    )
    def test_what_is_wrong_is_said(self, words: str, said: str) -> None:
        assert counted.number_of(words, 2) is None
        assert said in counted.described(words, 2)


# Answers repeat without reading anything, with records that the writer has published whatever happens: BODY changes
# `runs`.
FAKE = """
import json, os, sys, time
from clockbound_conformance import counted
asked = 0
for line in sys.stdin:
    question = json.loads(line)
    answer = {"type": "hello", "protocol": "1", "name": "n", "language": "l", "library": "b", "version": "v",
              "layouts": ["2"], "features": ["watch", "repeat"]}
    if question["cmd"] == "watch":
        answer = {"type": "watching"}
    elif question["cmd"] == "stop":
        answer = {"type": "stopped"}
    elif question["cmd"] == "repeat":
        numbers = range(2, 62) if asked == 0 else [61]
        runs = [[1, counted.answer(number, 2)] for number in numbers]
        asked += 1
        BODY
        runs[-1][0] += int(question["count"]) - sum(count for count, _ in runs)
        answer = {"type": "repeated", "runs": ",".join(f"{count} {each}" for count, each in runs)}
    print(json.dumps({"seq": question["seq"], **answer}), flush=True)
    if question["cmd"] == "stop":
        break
"""


class Place:
    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capsys = capsys
        self.out = self.err = ""

    def fake(self, body: str = "pass", **more: object) -> Path:
        (self.folder / "fake.py").write_text(FAKE.replace("BODY", body))
        return self.toml([sys.executable, str(self.folder / "fake.py")], **more)

    def toml(self, words: list[str], **more: object) -> Path:
        lines = ['name = "mine"', f"command = {json.dumps(words)}"]
        lines += [f"{key} = {json.dumps(value)}" for key, value in more.items()]
        path = self.folder / "adapter.toml"
        path.write_text("\n".join(lines) + "\n")
        return path

    def command(self, *words: object) -> int:
        status = command.main(["torture", *map(str, words)])
        self.out, self.err = self._capsys.readouterr()
        return status

    def torture(self, *adapters: Path, reads: int = 2000, more: tuple[object, ...] = ()) -> int:
        words = [word for path in adapters for word in ("--adapter", path)]
        return self.command(*words, "--reads", reads, "--jsonl", self.folder / "out.jsonl", *more)

    def outcome(self, name: str = "mine") -> dict[str, Any]:
        records = [json.loads(line) for line in (self.folder / "out.jsonl").read_text().splitlines()]
        for record in records:
            assert schema.fault("exercises", record) is None, record
        assert [records[0]["record"], records[-1]["record"]] == ["exercise", "end"]
        (found,) = (record for record in records if record.get("adapter") == name)
        assert records[-1]["passed"] == all(
            record["outcome"] == "passed" for record in records if record["record"] == "torture"
        )
        return dict(found)


@pytest.fixture
def place(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Place:
    return Place(tmp_path, capsys)


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fakes never see what is published, so that there is nothing to wait for."""
    monkeypatch.setattr(torture, "STUCK_LIMIT_S", 0.1)


def test_no_native_client_mixes_records(
    place: Place, c_adapter_path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOCKBOUND_C_ADAPTER", c_adapter_path)
    assert place.torture(*(ADAPTERS / name for name in NATIVE), reads=40_000) == command.PASSED, place.out
    assert f"publishes by {PUBLISH}, and word by word" in place.out
    for name in ("c", "python-compiled", "python-pure"):
        outcome = place.outcome(name)
        assert outcome["by"] == "repeat"
        assert [layout["layout"] for layout in outcome["layouts"]] == ["1", "2"]
        for layout in outcome["layouts"]:
            assert layout["reads_count"] >= 20_000
            assert layout["records_count"] >= torture.LEAST_RECORDS_COUNT
            assert [layout["torn_count"], layout["backwards_count"]] == [0, 0]
            assert set(layout["errors"]) <= {torture.UNANSWERED}


def test_a_client_without_repeat_is_asked_by_single_computes(place: Place) -> None:
    right = place.toml([sys.executable, str(READER)])
    assert place.torture(right, reads=1000) == command.PASSED, place.out
    assert "asked by single computes" in place.out
    assert place.outcome()["by"] == "compute"


def test_a_reader_that_looks_at_the_generation_only_before_is_torn(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torture, "FAULTS_LIMIT_COUNT", 1)
    mutant = place.toml([sys.executable, str(READER), "--fault", "generation-checked-only-before"])
    assert place.torture(mutant, reads=torture.SINGLE_READS_COUNT) == command.FAILED
    assert sum(layout["torn_count"] for layout in place.outcome()["layouts"]) > 0
    assert "parts of several records were mixed" in place.out


def test_the_c_client_without_its_second_look_is_torn(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    source, built = ROOT / "clients" / "c", place.folder / "src"
    built.mkdir()
    for path in (source / "src").iterdir():
        (built / path.name).write_bytes(path.read_bytes())
    seqlock = built / "seqlock.h"
    text = seqlock.read_text()
    assert text.count("return before == after;") == 1
    seqlock.write_text(text.replace("return before == after;", "(void)after; return true;"))
    program = place.folder / "mutant"
    build = [os.environ.get("CC", "cc"), "-std=c11", "-O2", "-D_POSIX_C_SOURCE=200809L", f"-I{built}"]
    sources = [*map(str, built.glob("*.c")), str(ADAPTERS / "c" / "adapter.c")]
    subprocess.run([*build, f"-I{source / 'include'}", "-o", str(program), *sources, "-pthread"], check=True)
    monkeypatch.setattr(torture, "FAULTS_LIMIT_COUNT", 1)
    assert (
        place.torture(place.toml([str(program)]), reads=10**9, more=("--seconds", LIMIT_S)) == command.FAILED
    )
    assert sum(layout["torn_count"] for layout in place.outcome()["layouts"]) > 0


def test_a_writer_of_words_alone(tmp_path: Path) -> None:
    pure = load_adapter(ADAPTERS / "python" / "adapter-pure.toml")
    chamber = torture.Torture(tmp_path, reads_count=2000, limit_s=LIMIT_S, publish=None, progress=None)
    outcome = chamber.run(pure)
    assert outcome.passed, outcome
    assert outcome.total("published_count") > 0
    assert outcome.total("by_function_count") == 0


@pytest.mark.usefixtures("impatient")
class TestFakes:
    """The answers of these belong to records, but for what each does."""

    def test_a_record_that_was_never_published_is_wrong(self, place: Place) -> None:
        assert place.torture(place.fake("runs = [[1, counted.answer(2**31 - 1, 2)]]")) == command.FAILED
        assert "was seen, but" in place.out

    @pytest.mark.parametrize(
        ("body", "count", "said"),
        [
            (
                "runs[50][1] = runs[50][1].replace(runs[50][1].split()[0], str(int(runs[50][1].split()[0]) - 1))",
                "torn_count",
                "aren't equally far",
            ),
            ("runs[50], runs[51] = runs[51], runs[50]", "backwards_count", "record 52 after record 53"),
            ("runs[50][1] = 'CAUSALITY_BREACH'", "", "CAUSALITY_BREACH, which no record deserves"),
            (
                "runs[50][1] = runs[50][1].rpartition(' ')[0] + ' SYNCHRONIZED'",
                "torn_count",
                "the interval of record 52, whose status is",
            ),
        ],
    )
    def test_one_wrong_answer_among_many(self, place: Place, body: str, count: str, said: str) -> None:
        assert place.torture(place.fake(f"if asked == 1: {body}")) == command.FAILED
        outcome = place.outcome()
        assert outcome["outcome"] == "wrong"
        assert said in outcome["layouts"][0]["examples"][0]
        if count:
            assert outcome["layouts"][0][count] == 1

    def test_no_snapshot_is_counted_and_not_wrong(self, place: Place) -> None:
        assert (
            place.torture(place.fake("runs[0][1] = 'SEGMENT_NOT_INITIALIZED'; runs = runs[:1]"))
            == command.FAILED
        )
        outcome = place.outcome()
        assert (outcome["outcome"], outcome["layouts"][0]["torn_count"]) == ("stuck", 0)
        assert outcome["layouts"][0]["errors"]["SEGMENT_NOT_INITIALIZED"] >= 2000

    def test_one_that_never_sees_a_change_is_stuck(self, place: Place) -> None:
        assert place.torture(place.fake("runs = [[1, counted.answer(1, 2)]]")) == command.FAILED
        assert place.outcome()["outcome"] == "stuck"
        assert "it saw 1 records of the" in place.out

    @pytest.mark.parametrize(
        ("body", "outcome", "said"),
        [
            ("time.sleep(60)", "timeout", "in 1.0 s"),
            ("sys.exit(7)", "crash", "ended with status 7"),
            ("runs = [[1, 'nonsense']]", "bad-answer", "which is no run of answers"),
            ("runs.append(runs[0]); question['count'] = '2000000'", "bad-answer", "were asked for"),
            (
                "print(json.dumps({'seq': question['seq'], 'type': 'unsupported', 'reason': 'no'}), flush=True); continue",
                "unsupported",
                "no",
            ),
        ],
    )
    def test_a_broken_program_is_reported_as_that(
        self, place: Place, body: str, outcome: str, said: str
    ) -> None:
        more = {"timeout_s": 1} if outcome == "timeout" else {}
        assert place.torture(place.fake(body, **more)) == command.FAILED
        found = place.outcome()
        assert found["outcome"] == outcome
        assert said in found["explanation"]
        assert f"{outcome}: mine" in place.out

    def test_the_time_is_limited(self, place: Place) -> None:
        assert place.torture(
            place.fake("time.sleep(0.2); runs = runs[:1]"), reads=10**9, more=("--seconds", 1)
        )
        assert place.outcome()["limited"]
        assert "the time was over before 1,000,000,000 reads were" in place.out


def ask(tmp_path: Path, runs: str, count: int) -> list[tuple[int, str]] | Unsupported:
    script = tmp_path / "adapter.py"
    script.write_text(FAKE.replace("BODY", "pass").replace('",".join(', f"{runs!r} or (", 1))
    with Adapter([sys.executable, str(script)]) as adapter:
        return adapter.repeat(tmp_path, realtime_ns=0, monotonic_ns=0, count=count)


def test_runs_are_returned_as_they_were_said(tmp_path: Path) -> None:
    runs = ask(tmp_path, "2 -5 7 UNKNOWN,1 SYSCALL", 3)
    assert runs == [(2, "-5 7 UNKNOWN"), (1, "SYSCALL")]


@pytest.mark.parametrize(
    ("runs", "said"),
    [
        ("2 -5 7 UNKNOWN", "the runs are 2 answers, but 3 were asked for"),
        ("4 -5 7 UNKNOWN", "the runs are 4 answers, but 3 were asked for"),
        ("0 -5 7 UNKNOWN", "which is no run"),
        ("3 -5 7", "which is no run"),
        ("3 -5 7 unknown", "which is no run"),
        ("3 NONE", "which is no run"),
        ("3 -5 7 UNKNOWN,", "which is no run"),
        (",".join(["1 -5 7 UNKNOWN"] * 501), "501 runs"),
    ],
)
def test_runs_outside_the_protocol_are_refused(tmp_path: Path, runs: str, said: str) -> None:
    with pytest.raises(AdapterBadAnswer, match=said):
        ask(tmp_path, runs, 501 if "501" in said else 3)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--publish", "nothing"), "--publish nothing"),
        (("--publish", "nothing.here:publish"), "No module named 'nothing'"),
        (("--publish", "json:publish"), "json has no function 'publish'"),
        (("--reads", "0"), "a number of reads from 1"),
        (("--reads", "many"), "a number of reads from 1"),
        (("--seconds", "-1"), "a number of seconds"),
        (("--jsonl", "/nothing/here.jsonl"), "/nothing/here.jsonl"),
    ],
)
def test_a_wrong_command_is_told(place: Place, words: tuple[str, ...], said: str) -> None:
    assert place.command("--adapter", place.fake(), *words) == command.USAGE
    assert said in place.err


def test_an_adapter_that_is_not_there(place: Place) -> None:
    assert place.command("--adapter", place.folder / "none.toml") == command.USAGE
    assert "No such file" in place.err
