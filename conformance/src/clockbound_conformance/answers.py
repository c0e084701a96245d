"""What a client can answer when it is asked for the time: an interval, an error kind, or that it can't tell."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Interval:
    """True time lies in [earliest_ns, latest_ns], both ends included, as far as ``status`` goes."""

    earliest_ns: int
    latest_ns: int
    status: str

    @property
    def width_ns(self) -> int:
        return self.latest_ns - self.earliest_ns

    def contains(self, time_ns: int) -> bool:
        return self.earliest_ns <= time_ns <= self.latest_ns


@dataclass(frozen=True, slots=True)
class Refusal:
    """No interval: the error kind that says why."""

    kind: str


@dataclass(frozen=True, slots=True)
class Unsupported:
    """The adapter's client has no such feature. Never counted as wrong, and never as right."""

    reason: str


Answer = Interval | Refusal | Unsupported
