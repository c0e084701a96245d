"""Torture: one writer at full speed, one context that reads, and every answer has to be a record's, and none an older one's.

The adapter's feature ``repeat`` makes millions of reads possible: it tells runs of equal answers, and whether they are right
is judged here. A client without it is asked by single computes, so fewer.
"""

from __future__ import annotations

import contextlib
import json
import select
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from clockbound_conformance import counted
from clockbound_conformance.adapter import (
    Adapter,
    AdapterBadAnswer,
    AdapterFailure,
    AdapterNotStarted,
    AdapterOtherProtocol,
    AdapterTimeout,
)
from clockbound_conformance.answers import Interval, Refusal, Unsupported
from clockbound_conformance.config import AdapterConfig
from clockbound_conformance.protocol import RUNS_LIMIT_COUNT
from clockbound_conformance.runner import HarnessError
from clockbound_conformance.segment_bytes import NATIVE, vmclock

DEFAULT_READS_COUNT = 10_000_000
DEFAULT_LIMIT_S = 900.0
#: Of a client without ``repeat``, on all layouts together.
SINGLE_READS_COUNT = 20_000
#: In one question: few would leave a quick reader idle most of the time, many let a slow one look as if it hung.
LEAST_REPEAT_COUNT, MOST_REPEAT_COUNT = 1_000, 2_000_000
REPEAT_TAKES_NS = 100_000_000
#: More single computes than ever come.
WATCH_COUNT = 1_000_000_000
#: Fewer, and the reader didn't see what the writer did. A quick reader reads on until it has.
LEAST_RECORDS_COUNT = 100
READS_PER_RECORD_COUNT = 2000
STUCK_LIMIT_S = 20.0  # but no longer than that
EXAMPLES_COUNT = 5
FAULTS_LIMIT_COUNT = 1000  # then it is clear enough
PROGRESS_INTERVAL_S = 10.0
WRITER_TIMEOUT_S = 30.0
#: No snapshot could be had: rule read.bounded has its own vectors, so here it is counted.
UNANSWERED = "SEGMENT_NOT_INITIALIZED"


@dataclass
class Count:
    """What came of the reads of one layout."""

    layout: int
    reads_count: int = 0
    torn_count: int = 0
    backwards_count: int = 0
    records_count: int = 0  # different ones that were seen
    errors: Counter[str] = field(default_factory=Counter)
    examples: list[str] = field(default_factory=list)
    published_count: int = 0
    by_function_count: int = 0
    last: int = 0  # the record that was seen last

    def add(self, count: int, words: str) -> None:
        """Judge ``count`` answers, all of them ``words``: EARLIEST_NS LATEST_NS STATUS, or the kind of an error."""
        self.reads_count += count
        if " " not in words:
            self.errors[words] += count
            if words != UNANSWERED:
                self._note(f"{words}, which no record deserves")
            return
        number = counted.number_of(words, self.layout)
        if number is None:
            self.torn_count += count
            self._note(counted.described(words, self.layout))
            return
        if number < self.last:
            self.backwards_count += count
            self._note(f"record {number} after record {self.last}")
        self.records_count += number != self.last
        self.last = number

    def _note(self, words: str) -> None:
        if len(self.examples) < EXAMPLES_COUNT:
            self.examples.append(words)

    @property
    def refused_count(self) -> int:
        return self.errors.total() - self.errors[UNANSWERED]

    @property
    def faults_count(self) -> int:
        return self.torn_count + self.backwards_count + self.refused_count


@dataclass
class Outcome:
    """What came of one adapter. ``outcome``: passed, wrong, stuck, unsupported, timeout, crash or bad-answer."""

    adapter: str
    outcome: str = "passed"
    explanation: str = ""
    by: str = "repeat"  # or compute
    asked_count: int = 0
    counts: list[Count] = field(default_factory=list)
    duration_ns: int = 0
    limited: bool = False  # the time was over before the reads were

    @property
    def passed(self) -> bool:
        return self.outcome == "passed"

    def total(self, name: str) -> int:
        return sum(getattr(count, name) for count in self.counts)

    def judge(self) -> None:
        """Say in one word what the counts mean."""
        if self.total("faults_count"):
            self.outcome, self.explanation = (
                "wrong",
                "; ".join(example for count in self.counts for example in count.examples[:1]),
            )
        elif stuck := [count for count in self.counts if count.records_count < LEAST_RECORDS_COUNT]:
            self.outcome = "stuck"
            self.explanation = (
                f"it saw {stuck[0].records_count} records of the {stuck[0].published_count} that were published in "
                f"layout {stuck[0].layout}, so this proves nothing"
            )

    def record(self) -> dict[str, Any]:
        """As the report has it."""
        return {
            "record": "torture",
            "adapter": self.adapter,
            "outcome": self.outcome,
            "explanation": self.explanation,
            "by": self.by,
            "asked_count": self.asked_count,
            "limited": self.limited,
            "duration_ns": self.duration_ns,
            "layouts": [
                {
                    "layout": str(count.layout),
                    "reads_count": count.reads_count,
                    "torn_count": count.torn_count,
                    "backwards_count": count.backwards_count,
                    "records_count": count.records_count,
                    "published_count": count.published_count,
                    "by_function_count": count.by_function_count,
                    "errors": dict(count.errors),
                    "examples": count.examples,
                }
                for count in self.counts
            ],
        }


class Torture:
    """The writer, and adapters one after another."""

    def __init__(
        self, folder: Path, *, reads_count: int, limit_s: float, publish: str | None, progress: IO[str] | None
    ) -> None:
        self._folder = folder
        self._reads_count = reads_count
        self._limit_s = limit_s
        self._publish = publish
        self._progress = progress

    def run(self, config: AdapterConfig) -> Outcome:
        """Torture one adapter. Raises AdapterNotStarted and AdapterOtherProtocol: then there is nothing to ask."""
        outcome = Outcome(config.name)
        began_ns = time.monotonic_ns()
        try:
            with Adapter(
                config.command, timeout_s=config.timeout_s, environment=config.environment
            ) as adapter:
                self._read(config, adapter, outcome)
            outcome.judge()
        except (AdapterNotStarted, AdapterOtherProtocol):
            raise
        except AdapterFailure as failure:
            outcome.outcome, outcome.explanation = _broken(failure), str(failure)
        except _UnsupportedError as error:
            outcome.outcome, outcome.explanation = "unsupported", str(error)
        outcome.duration_ns = time.monotonic_ns() - began_ns
        return outcome

    def _read(self, config: AdapterConfig, adapter: Adapter, outcome: Outcome) -> None:
        features = adapter.hello.features
        if "watch" not in features or not {"repeat", "compute"} & set(features):
            raise _UnsupportedError("hello doesn't name watch, and repeat or compute")
        layouts = [layout for layout in (1, 2) if str(layout) in adapter.hello.layouts]
        if not layouts:
            raise _UnsupportedError("hello names no layout of this suite")
        outcome.by = "repeat" if "repeat" in features else "compute"
        outcome.asked_count = (
            self._reads_count if outcome.by == "repeat" else min(self._reads_count, SINGLE_READS_COUNT)
        )
        end_s = time.monotonic() + self._limit_s
        for at, layout in enumerate(layouts):
            # What the layouts before had left over goes to the last one.
            reads_count = (outcome.asked_count * (at + 1)) // len(layouts) - outcome.asked_count * at // len(
                layouts
            )
            left_s = (end_s - time.monotonic()) / (len(layouts) - at)
            count = Count(layout)
            outcome.counts.append(count)
            self._read_layout(config, adapter, outcome, count, reads_count, time.monotonic() + left_s)

    def _read_layout(
        self,
        config: AdapterConfig,
        adapter: Adapter,
        outcome: Outcome,
        count: Count,
        reads_count: int,
        end_s: float,
    ) -> None:
        place = self._folder / f"{config.name}-{count.layout}"
        place.mkdir()
        segment, page = place / "shm0", place / "vmclock0"
        page.write_bytes(vmclock(marker=counted.MARKER))
        segment.write_bytes(counted.record(counted.FIRST, count.layout, config.byte_order, generation=2))
        opened = adapter.watch(segment, vmclock=page, count=WATCH_COUNT)
        if isinstance(opened, Unsupported):
            raise _UnsupportedError(opened.reason)
        if isinstance(opened, Refusal):
            outcome.outcome = "wrong"
            count.errors[opened.kind] += 1
            count.examples.append(f"watch refused a good segment of layout {count.layout} with {opened.kind}")
            return
        ask = _Repeats() if outcome.by == "repeat" else _computes
        said_s = time.monotonic() + PROGRESS_INTERVAL_S
        # The function writes as this machine does.
        publish = self._publish if config.byte_order == NATIVE else None
        with _writer(segment, count, config.byte_order, publish) as finish:
            stuck_s = time.monotonic() + STUCK_LIMIT_S
            wanted_count = max(LEAST_RECORDS_COUNT, reads_count // READS_PER_RECORD_COUNT)
            while count.faults_count < FAULTS_LIMIT_COUNT:
                now_s = time.monotonic()
                if count.reads_count >= reads_count and (
                    count.records_count >= wanted_count or now_s >= stuck_s
                ):
                    break
                if now_s >= end_s:
                    outcome.limited = count.reads_count < reads_count
                    break
                if now_s >= said_s and self._progress is not None:
                    said_s = now_s + PROGRESS_INTERVAL_S
                    self._progress.write(
                        f"{config.name}: layout {count.layout}: {count.reads_count:,} of {reads_count:,} reads, "
                        f"{count.records_count:,} records, {count.faults_count} faults\n"
                    )
                    self._progress.flush()
                ask(adapter, segment, count)
            last = finish()
        if count.last > last:
            count.torn_count += 1
            count.examples.append(f"record {count.last} was seen, but {last} was the last one")


class _Repeats:
    """Questions that take about a tenth of a second each, unless the records change so often that they end earlier."""

    def __init__(self) -> None:
        self._count = LEAST_REPEAT_COUNT

    def __call__(self, adapter: Adapter, segment: Path, count: Count) -> None:
        runs = adapter.repeat(
            segment,
            realtime_ns=counted.REALTIME_NS,
            monotonic_ns=counted.MONOTONIC_NS,
            count=self._count,
        )
        if isinstance(runs, Unsupported):
            raise _UnsupportedError(runs.reason)
        for equal_count, words in runs:
            count.add(equal_count, words)
        if adapter.last_duration_ns > REPEAT_TAKES_NS:
            self._count = max(self._count // 2, LEAST_REPEAT_COUNT)
        elif len(runs) < RUNS_LIMIT_COUNT:
            self._count = min(self._count * 2, MOST_REPEAT_COUNT)


def _computes(adapter: Adapter, segment: Path, count: Count) -> None:
    answer = adapter.compute(segment, realtime_ns=counted.REALTIME_NS, monotonic_ns=counted.MONOTONIC_NS)
    match answer:
        case Interval():
            count.add(1, f"{answer.earliest_ns} {answer.latest_ns} {answer.status}")
        case Refusal():
            count.add(1, answer.kind)
        case Unsupported():
            raise _UnsupportedError(answer.reason)


class _UnsupportedError(Exception):
    """The client can't do what is needed."""


def _broken(failure: AdapterFailure) -> str:
    if isinstance(failure, AdapterTimeout):
        return "timeout"
    return "bad-answer" if isinstance(failure, AdapterBadAnswer) else "crash"


@contextlib.contextmanager
def _writer(segment: Path, count: Count, byte_order: str, publish: str | None) -> Iterator[Callable[[], int]]:
    """A writer on ``segment``; what is yielded ends it, notes what it published and returns the last record."""
    order = {"path": str(segment), "layout": count.layout, "byte_order": byte_order, "publish": publish}
    with subprocess.Popen(
        [sys.executable, "-m", "clockbound_conformance.torture_writer"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    ) as writer:
        assert writer.stdin is not None
        assert writer.stdout is not None

        def line(given: str) -> str:
            assert writer.stdout is not None
            assert writer.stderr is not None
            if select.select([writer.stdout], [], [], WRITER_TIMEOUT_S)[0] and (
                said := writer.stdout.readline()
            ):
                return said
            writer.kill()
            raise HarnessError(f"the writer {given}; it said: {writer.stderr.read().strip()[-2000:]}")

        def finish() -> int:
            assert writer.stdin is not None
            writer.stdin.close()
            said = json.loads(line("didn't tell what it published"))
            count.published_count, count.by_function_count = said["published"], said["by_function"]
            return int(said["last"])

        try:
            with contextlib.suppress(BrokenPipeError):  # then it says nothing either
                writer.stdin.write(json.dumps(order) + "\n")
                writer.stdin.flush()
            if line("didn't start") != "writing\n":
                raise HarnessError("the writer didn't start")
            yield finish
        finally:
            writer.kill()
            with contextlib.suppress(BrokenPipeError):
                writer.stdin.close()


def text(outcome: Outcome) -> str:
    """For people."""
    errors: Counter[str] = sum((count.errors for count in outcome.counts), Counter())
    head = (
        f"{outcome.outcome}: {outcome.adapter}: {outcome.total('reads_count'):,} reads in "
        f"{outcome.duration_ns / 1e9:.1f} s, {outcome.total('records_count'):,} records seen of "
        f"{outcome.total('published_count'):,} published, torn {outcome.total('torn_count'):,}, backwards "
        f"{outcome.total('backwards_count'):,}, errors {', '.join(f'{kind} {n:,}' for kind, n in errors.items()) or 0}"
    )
    lines = [head]
    if outcome.explanation:
        lines.append(f"  {outcome.explanation}")
    if outcome.by == "compute" and outcome.counts:
        lines.append(
            f"  asked by single computes, so only {outcome.asked_count:,} times: its hello doesn't name repeat"
        )
    if outcome.limited:
        lines.append(f"  the time was over before {outcome.asked_count:,} reads were")
    lines += [
        f"  layout {count.layout}: {example}"
        for count in outcome.counts
        for example in count.examples
        if outcome.outcome == "wrong"
    ]
    return "\n".join(lines)
