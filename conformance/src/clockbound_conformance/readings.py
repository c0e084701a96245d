"""One reading of both clocks, given to several clients and to the oracle, and what it proves.

A reading counts only when the segment held the same bytes before the clocks were read and after the last client had
answered: then every client saw that one snapshot, and their answers must be identical.
"""

from __future__ import annotations

import struct
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from clockbound_conformance import oracle
from clockbound_conformance.adapter import Adapter
from clockbound_conformance.answers import Answer, Interval
from clockbound_conformance.units import SECOND_NS

ATTEMPTS_COUNT = 20
RETRY_INTERVAL_S = 0.005

Truth = Callable[[int], int]
"""Gives true time (ns) at the moment when the system clock shows the argument (ns)."""


@dataclass(frozen=True)
class Live:
    """What a client answered by its own clock reading, made between the two that stand beside it."""

    before_realtime_ns: int
    answer: Answer
    after_realtime_ns: int

    def can_contain(self, truth: Truth) -> bool:
        """False where no moment of the request lies inside the interval: then it is certainly wrong."""
        return (
            isinstance(self.answer, Interval)
            and self.answer.earliest_ns <= truth(self.after_realtime_ns)
            and self.answer.latest_ns >= truth(self.before_realtime_ns)
        )


@dataclass(frozen=True)
class Reading:
    """One pair of clock readings and what each client made of it."""

    realtime_ns: int
    monotonic_ns: int
    age_ns: int
    answers: Mapping[str, Answer]
    expected: Answer
    live: Mapping[str, Live]

    @property
    def agreed(self) -> bool:
        """Whether all clients gave one and the same interval."""
        first = next(iter(self.answers.values()))
        return isinstance(first, Interval) and all(answer == first for answer in self.answers.values())

    @property
    def as_expected(self) -> bool:
        """Whether every client answered what the oracle calculated from the same bytes."""
        return all(answer == self.expected for answer in self.answers.values())

    def truth_inside(self, truth: Truth) -> bool:
        """Whether every interval of this reading holds true time."""
        return all(
            isinstance(answer, Interval) and answer.contains(truth(self.realtime_ns))
            for answer in self.answers.values()
        ) and all(live.can_contain(truth) for live in self.live.values())

    def margin_ns(self, truth: Truth) -> int:
        """How far true time is from the nearest end of any client's interval (negative: outside)."""
        true_ns = truth(self.realtime_ns)
        return min(
            (
                min(true_ns - answer.earliest_ns, answer.latest_ns - true_ns)
                for answer in self.answers.values()
                if isinstance(answer, Interval)
            ),
            default=-1,
        )

    @property
    def interval(self) -> Interval | None:
        """The first client's interval, None where it gave none."""
        first = next(iter(self.answers.values()))
        return first if isinstance(first, Interval) else None

    @property
    def status(self) -> str:
        interval = self.interval
        return "none" if interval is None else interval.status


def take_reading(segment_path: Path, adapters: Mapping[str, Adapter]) -> Reading | None:
    """Read the clocks once and ask every adapter; None where the segment changed under every attempt."""
    for _ in range(ATTEMPTS_COUNT):
        before = segment_path.read_bytes()
        # In this order, as every client does: a late monotonic reading only widens the interval.
        realtime_ns = time.clock_gettime_ns(time.CLOCK_REALTIME)
        monotonic_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        answers = {
            name: adapter.compute(segment_path, realtime_ns=realtime_ns, monotonic_ns=monotonic_ns)
            for name, adapter in adapters.items()
        }
        if segment_path.read_bytes() != before:
            time.sleep(RETRY_INTERVAL_S)
            continue
        return Reading(
            realtime_ns=realtime_ns,
            monotonic_ns=monotonic_ns,
            age_ns=monotonic_ns - as_of_ns(before),
            answers=answers,
            expected=oracle.answer(before, realtime_ns=realtime_ns, monotonic_ns=monotonic_ns),
            live={name: _live(adapter, segment_path) for name, adapter in adapters.items()},
        )
    return None


def as_of_ns(segment: bytes) -> int:
    """The instant (CLOCK_MONOTONIC, ns) to which the segment's bound belongs."""
    seconds, rest_ns = struct.unpack_from("=qq", segment, 16)
    return int(seconds) * SECOND_NS + int(rest_ns)


def _live(adapter: Adapter, segment_path: Path) -> Live:
    before_realtime_ns = time.time_ns()
    answer = adapter.now(segment_path)
    return Live(before_realtime_ns, answer, time.time_ns())


@dataclass
class Tally:
    """Counts readings and keeps the first ones that went wrong."""

    truth: Truth | None
    readings_count: int = 0
    skipped_count: int = 0
    agreed_count: int = 0
    expected_count: int = 0
    inside_count: int = 0
    least_margin_ns: int | None = None
    statuses: list[str] = field(default_factory=list)
    wrong: list[Reading] = field(default_factory=list)

    WRONG_KEPT_COUNT = 5

    def add(self, reading: Reading) -> None:
        inside = self.truth is None or reading.truth_inside(self.truth)
        self.readings_count += 1
        self.agreed_count += reading.agreed
        self.expected_count += reading.as_expected
        self.inside_count += inside
        if self.truth is not None:
            margin_ns = reading.margin_ns(self.truth)
            known = self.least_margin_ns
            self.least_margin_ns = margin_ns if known is None else min(known, margin_ns)
        if not self.statuses or self.statuses[-1] != reading.status:
            self.statuses.append(reading.status)
        if (
            not (reading.agreed and reading.as_expected and inside)
            and len(self.wrong) < self.WRONG_KEPT_COUNT
        ):
            self.wrong.append(reading)

    @property
    def passed(self) -> bool:
        counts = (self.agreed_count, self.expected_count, self.inside_count)
        return self.readings_count > 0 and all(count == self.readings_count for count in counts)
