"""Asks one adapter every vector and says what became of each.

A client that answers wrongly and a program that breaks are different things: an answer is judged, and a program that
hangs, ends, talks nonsense or is too slow is reported as that. After such a failure it is started anew, so that one bad
vector doesn't hide the rest; if it happens again and again the suite gives up on it.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from clockbound_conformance import judge
from clockbound_conformance.adapter import (
    Adapter,
    AdapterBadAnswer,
    AdapterFailure,
    AdapterNotStarted,
    AdapterOtherProtocol,
    AdapterTimeout,
    Hello,
)
from clockbound_conformance.answers import Answer, Refusal, Unsupported
from clockbound_conformance.config import AdapterConfig, KnownFailures
from clockbound_conformance.segment_bytes import ByteOrder
from clockbound_conformance.units import SECOND_NS
from clockbound_conformance.vectors import Step, Vector, page_of, segment_of

OUTCOMES = (
    "passed",
    "wrong",
    "unsupported",
    "timeout",
    "crash",
    "bad-answer",
    "slow",
    "not-run",
    "known-failure",
    "unexpected-pass",
)
BROKEN = ("timeout", "crash", "bad-answer")
FAILED = ("wrong", *BROKEN, "slow", "not-run", "unexpected-pass")

ATTEMPTS_COUNT = 3  # at a vector that proves something only in time
GIVE_UP_COUNT = 5  # broken vectors in a row
WRITER_TIMEOUT_S = 30.0
INT64_MAX = 2**63 - 1
AS_OF_AT, AS_OF_END, VOID_AFTER_END = 16, 32, 48


class HarnessError(Exception):
    """The suite itself could not do its work."""


class Client(Protocol):
    """What is asked: an Adapter, or something that answers like one."""

    def compute(
        self, segment: Path, *, realtime_ns: int, monotonic_ns: int, vmclock: Path | None = None
    ) -> Answer: ...

    def now(self, segment: Path) -> Answer: ...

    def watch(
        self, segment: Path, *, count: int, vmclock: Path | None = None
    ) -> Unsupported | Refusal | None: ...


@dataclass
class Result:
    """What became of one vector. ``steps`` are as the report's schema has them."""

    vector: Vector
    outcome: str
    explanation: str = ""
    steps: list[dict[str, Any]] = field(default_factory=list)
    duration_ns: int = 0
    stderr: str = ""
    known_failure: str | None = None


@dataclass
class Summary:
    """What became of all vectors with one adapter. ``message`` says what was wrong with its end."""

    adapter: str
    hello: Hello | None
    results: list[Result]
    duration_ns: int
    message: str = ""

    @property
    def outcomes(self) -> Counter[str]:
        return Counter(result.outcome for result in self.results)

    @property
    def passed(self) -> bool:
        """Whether nothing failed and something was judged at all."""
        judged = self.outcomes["passed"] + self.outcomes["known-failure"]
        return judged > 0 and not self.message and not any(self.outcomes[name] for name in FAILED)


class _TooLateError(Exception):
    """The answer came too late to prove anything."""


class _StepError(Exception):
    """A step's answer is wrong, or there can be none."""

    def __init__(self, outcome: str, words: str) -> None:
        super().__init__(words)
        self.outcome = outcome


class Stage:
    """The files of one vector, and the conversation about them."""

    def __init__(self, client: Client, folder: Path, byte_order: ByteOrder, slow_ns: int) -> None:
        self.client = client
        self.segment = folder / "shm0"
        self.vmclock = folder / "vmclock0"
        self.byte_order = byte_order
        self.slow_ns = slow_ns
        self.as_of_ns: int | None = None
        self.asked_ns: int | None = None  # when the last question was asked
        self.slowest_ns = 0
        self.steps: list[dict[str, Any]] = []

    def play(self, vector: Vector) -> None:
        """Do all steps; raise where an answer is wrong or the client breaks."""
        for step in vector.steps:
            record: dict[str, Any] = {"do": step["do"]}
            self.steps.append(record)
            began_ns = time.monotonic_ns()
            try:
                getattr(self, "_" + step["do"].replace("-", "_"))(step, record)
            finally:
                if "expected" in step:
                    record["duration_ns"] = time.monotonic_ns() - began_ns
                    self._note_lines(record)

    def _note_lines(self, record: dict[str, Any]) -> None:
        if isinstance(self.client, Adapter):
            record["question"] = self.client.last_question
            record["answer"] = self.client.last_answer or ""
            self.slowest_ns = max(self.slowest_ns, self.client.last_duration_ns)

    def _put(self, step: Step, record: dict[str, Any]) -> None:
        data, page = segment_of(step, self.byte_order), page_of(step)
        if data is not None and "stamp_age_ns" in step:
            self.as_of_ns = time.monotonic_ns() - int(step["stamp_age_ns"])
            data = data[:AS_OF_AT] + self._instants(self.as_of_ns) + data[VOID_AFTER_END:]
        _write_anew(self.segment, data)
        _write_anew(self.vmclock, page)
        record["segment"] = None if data is None else data.hex()
        record["vmclock"] = None if page is None else page.hex()

    def _instants(self, as_of_ns: int) -> bytes:
        """as_of and void_after, which is 1000 s later."""
        seconds, rest_ns = divmod(as_of_ns, SECOND_NS)
        return b"".join(
            number.to_bytes(8, self.byte_order, signed=True)
            for number in (seconds, rest_ns, seconds + 1000, rest_ns)
        )

    def _put_fifo(self, step: Step, record: dict[str, Any]) -> None:
        self.segment.unlink(missing_ok=True)
        os.mkfifo(self.segment)

    def _write(self, step: Step, record: dict[str, Any]) -> None:
        data = self._needed(step)
        with self.segment.open("r+b") as file:
            file.write(data)
        record["segment"] = data.hex()

    def _write_vmclock(self, step: Step, record: dict[str, Any]) -> None:
        page = bytes.fromhex(step["vmclock"])
        with self.vmclock.open("r+b" if self.vmclock.exists() else "wb") as file:
            file.write(page)
        record["vmclock"] = step["vmclock"]

    def _replace(self, step: Step, record: dict[str, Any]) -> None:
        data = self._needed(step)
        fresh = self.segment.with_suffix(".new")
        fresh.write_bytes(data)
        fresh.rename(self.segment)
        record["segment"] = data.hex()

    def _remove(self, step: Step, record: dict[str, Any]) -> None:
        self.segment.unlink()

    def _wait(self, step: Step, record: dict[str, Any]) -> None:
        record["wait_ns"] = step["wait_ns"]
        time.sleep(int(step["wait_ns"]) / SECOND_NS)

    def _watch(self, step: Step, record: dict[str, Any]) -> None:
        record["count"], record["expected"] = step["count"], step["expected"]
        got = self.client.watch(self.segment, vmclock=self.vmclock, count=int(step["count"]))
        record["got"] = judge.as_json(got)
        if isinstance(got, Unsupported):
            raise _StepError("unsupported", got.reason)
        if record["got"] != step["expected"]:
            words = (
                f"refused to open with {got.kind}"
                if isinstance(got, Refusal)
                else "opened what it must refuse"
            )
            self._close(record, words)
        self._close(record, "")

    def _compute(self, step: Step, record: dict[str, Any]) -> None:
        for name in ("realtime_ns", "monotonic_ns", "expected"):
            record[name] = step[name]
        before_ns, self.asked_ns = self.asked_ns, time.monotonic_ns()
        got = self._asked(step)
        record["got"] = judge.as_json(got)
        words = self._supported(judge.difference(judge.expected_answer(step["expected"]), got), got)
        limit_ns = int(step.get("within_ns", INT64_MAX))
        if before_ns is not None and time.monotonic_ns() - before_ns > limit_ns:
            raise _TooLateError
        self._close(record, words)

    def _asked(self, step: Step) -> Answer:
        return self.client.compute(
            self.segment,
            vmclock=self.vmclock,
            realtime_ns=int(step["realtime_ns"]),
            monotonic_ns=int(step["monotonic_ns"]),
        )

    def _now(self, step: Step, record: dict[str, Any]) -> None:
        self._ask_now(step, record, self.as_of_ns)

    def _ask_now(self, step: Step, record: dict[str, Any], as_of_ns: int | None) -> None:
        record["count"], record["expected"] = step["count"], step["expected"]
        for _ in range(int(step["count"])):
            before_realtime_ns, before_monotonic_ns = time.time_ns(), time.monotonic_ns()
            got = self.client.now(self.segment)
            window = judge.Window(
                before_realtime_ns, before_monotonic_ns, time.monotonic_ns(), time.time_ns(), as_of_ns
            )
            record["got"] = judge.as_json(got)
            self._close(record, self._supported(judge.live_difference(step["expected"], got, window), got))

    def _compute_busy(self, step: Step, record: dict[str, Any]) -> None:
        for name in ("realtime_ns", "monotonic_ns", "count", "expected"):
            record[name] = step[name]
        right = {judge.expected_answer(each): each for each in step["expected"]["answers"]}
        segments = record["segments"] = [both[self.byte_order] for both in step["segments"]]
        seen = set()
        with self._writer(segments, None):
            for _ in range(int(step["count"])):
                got = self._asked(step)
                record["got"] = judge.as_json(got)
                self._supported("", got)
                if got not in right:
                    self._close(
                        record,
                        "the answer belongs to none of the segments that were published: parts of two were mixed",
                    )
                seen.add(got)
        self._close(
            record,
            ""
            if len(seen) == len(right)
            else "it never saw some of the segments that were published in turn",
        )

    def _now_busy(self, step: Step, record: dict[str, Any]) -> None:
        record["ahead_ns"], record["segments"] = step["ahead_ns"], [step["segment"][self.byte_order]]
        with self._writer(record["segments"], int(step["ahead_ns"])):
            self._ask_now(step, record, None)

    @contextlib.contextmanager
    def _writer(self, segments: list[str], ahead_ns: int | None) -> Iterator[None]:
        order = {
            "path": str(self.segment),
            "byte_order": self.byte_order,
            "segments": segments,
            "ahead_ns": ahead_ns,
        }
        with subprocess.Popen(
            [sys.executable, "-m", "clockbound_conformance.busy_writer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            process_group=0,
        ) as writer:
            assert writer.stdin is not None
            assert writer.stdout is not None
            try:
                with contextlib.suppress(BrokenPipeError):  # then it says nothing either
                    writer.stdin.write(json.dumps(order) + "\n")
                    writer.stdin.flush()
                if writer.stdout.readline() != "writing\n":
                    raise HarnessError("the busy writer didn't start")
                yield
                if writer.poll() is not None:
                    raise HarnessError(f"the busy writer ended with status {writer.returncode}")
            finally:
                writer.kill()
                with contextlib.suppress(BrokenPipeError):
                    writer.stdin.close()

    def _needed(self, step: Step) -> bytes:
        data = segment_of(step, self.byte_order)
        assert data is not None  # says the schema
        return data

    @staticmethod
    def _supported(words: str, got: Answer) -> str:
        if isinstance(got, Unsupported):
            raise _StepError("unsupported", got.reason)
        return words

    @staticmethod
    def _close(record: dict[str, Any], words: str) -> None:
        record["passed"] = not words
        if words:
            record["explanation"] = words
            raise _StepError("wrong", words)


def _write_anew(path: Path, data: bytes | None) -> None:
    path.unlink(missing_ok=True)
    if data is not None:
        path.write_bytes(data)


def play(
    client: Client, vector: Vector, folder: Path, byte_order: ByteOrder, *, slow_s: float = 1.0
) -> Result:
    """Play ``vector`` to ``client`` in the empty ``folder``. Raises AdapterFailure with ``steps`` in its notes."""
    result = Result(
        vector, "slow", "no attempt was quick enough to prove anything; is the machine very busy?"
    )
    began_ns = time.monotonic_ns()
    for attempt in range(ATTEMPTS_COUNT):
        place = folder / str(attempt)
        place.mkdir()
        stage = Stage(client, place, byte_order, int(slow_s * SECOND_NS))
        result.steps = stage.steps
        try:
            stage.play(vector)
        except _TooLateError:
            continue
        except _StepError as error:
            result.outcome, result.explanation = error.outcome, str(error)
        except AdapterFailure as error:
            result.outcome, result.explanation = _broken(error), error.words
        else:
            if stage.slowest_ns > stage.slow_ns:
                result.explanation = (
                    f"an answer took {stage.slowest_ns / SECOND_NS:.1f} s; {slow_s:g} s are allowed"
                )
                continue
            result.outcome, result.explanation = "passed", ""
        break
    result.duration_ns = time.monotonic_ns() - began_ns
    return result


def _broken(error: AdapterFailure) -> str:
    if isinstance(error, AdapterTimeout):
        return "timeout"
    return "bad-answer" if isinstance(error, AdapterBadAnswer) else "crash"


class Run:
    """All vectors with one adapter, which is started as often as it breaks."""

    def __init__(self, config: AdapterConfig, folder: Path, known: KnownFailures) -> None:
        self.config = config
        self.folder = folder
        self.known = known
        self._adapter: Adapter | None = None
        self.hello: Hello | None = None

    def all(self, vectors: Iterable[Vector], note: Callable[[Result], None]) -> Summary:
        """Ask every vector; ``note`` is called with each result as it comes.

        Raises AdapterNotStarted and AdapterOtherProtocol, because then there is nothing to ask.
        """
        began_ns = time.monotonic_ns()
        results: list[Result] = []
        in_a_row_count = 0
        given_up = ""
        try:
            for number, vector in enumerate(vectors):
                if given_up:
                    result = Result(vector, "not-run", given_up)
                else:
                    result = self._one(vector, self.folder / str(number))
                    in_a_row_count = in_a_row_count + 1 if result.outcome in BROKEN else 0
                    if in_a_row_count == GIVE_UP_COUNT:
                        given_up = f"the suite gave up: {GIVE_UP_COUNT} vectors in a row had no answer"
                self._apply_known(result)
                results.append(result)
                note(result)
            message = self._end()
        finally:
            self._drop()
        return Summary(self.config.name, self.hello, results, time.monotonic_ns() - began_ns, message)

    def _one(self, vector: Vector, folder: Path) -> Result:
        try:
            adapter = self._started()
        except (AdapterNotStarted, AdapterOtherProtocol):
            raise
        except AdapterFailure as error:
            return Result(vector, _broken(error), f"at hello: {error}")
        assert self.hello is not None
        if missing := sorted(vector.features - set(self.hello.features)):
            return Result(vector, "unsupported", f"hello doesn't name {', '.join(missing)}")
        if vector.layout not in self.hello.layouts:
            return Result(vector, "unsupported", f"hello doesn't name layout {vector.layout}")
        folder.mkdir()
        result = play(adapter, vector, folder, self.config.byte_order, slow_s=self.config.slow_s)
        if result.outcome in BROKEN:
            result.stderr = adapter.stderr_tail
            self._drop()
        return result

    def _started(self) -> Adapter:
        if self._adapter is None:
            adapter = Adapter(
                self.config.command, timeout_s=self.config.timeout_s, environment=self.config.environment
            )
            adapter.__enter__()
            self._adapter, self.hello = adapter, adapter.hello
        return self._adapter

    def _end(self) -> str:
        """Let the adapter stop; in words, what was wrong with that."""
        if self._adapter is None:
            return ""
        try:
            self._adapter.stop()
        except AdapterFailure as error:
            return str(error)
        return ""

    def _drop(self) -> None:
        adapter, self._adapter = self._adapter, None
        if adapter is not None:
            adapter.kill()

    def _apply_known(self, result: Result) -> None:
        reason = self.known.reason(result.vector.id, self.config.name)
        if reason is None:
            return
        result.known_failure = reason
        if result.outcome == "passed":
            result.outcome = "unexpected-pass"
            result.explanation = "it passed, but stands among the known failures; take it out of the list"
        elif result.outcome != "unsupported":
            result.outcome = "known-failure"
