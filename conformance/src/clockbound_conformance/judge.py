"""Compares an answer with the expected one, and says in words what the difference means."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from math import ceil
from typing import Any

from clockbound_conformance.answers import Answer, Interval, Refusal, Unsupported
from clockbound_conformance.units import SECOND_NS


@dataclass(frozen=True, slots=True)
class Window:
    """Readings of both clocks before and after a question, and the as_of that the segment had (None: a moving one)."""

    before_realtime_ns: int
    before_monotonic_ns: int
    after_monotonic_ns: int
    after_realtime_ns: int
    as_of_ns: int | None


def expected_answer(expected: dict[str, Any]) -> Answer:
    """The interval or error that a vector expects."""
    if expected["type"] == "error":
        return Refusal(expected["kind"])
    return Interval(int(expected["earliest_ns"]), int(expected["latest_ns"]), expected["status"])


def as_json(answer: Answer | None) -> dict[str, str]:
    """An answer as the report has it; None is what a client that opened a context says."""
    match answer:
        case None:
            return {"type": "watching"}
        case Interval():
            return {
                "type": "interval",
                "earliest_ns": str(answer.earliest_ns),
                "latest_ns": str(answer.latest_ns),
                "status": answer.status,
            }
        case Refusal():
            return {"type": "error", "kind": answer.kind}
        case Unsupported():
            return {"type": "unsupported", "reason": answer.reason}


def difference(expected: Answer, got: Answer) -> str:
    """What is wrong with ``got``, in words; empty where it is right."""
    if expected == got:
        return ""
    match expected, got:
        case Refusal(), Refusal():
            return f"refused as {got.kind}, not as {expected.kind}"
        case Refusal(), Interval():
            return f"gave an interval, where it must refuse with {expected.kind}"
        case Interval(), Refusal():
            return f"refused with {got.kind}, where there is an interval"
        case Interval(), Interval():
            return "; ".join(_interval_differences(expected, got))
        case _:
            return "gave no answer of the kind that was asked for"


def _interval_differences(expected: Interval, got: Interval) -> list[str]:
    words = []
    if got.earliest_ns > got.latest_ns:
        words.append("earliest_ns is after latest_ns")
    if (later_ns := got.earliest_ns - expected.earliest_ns) != 0:
        way = "too late, so true time may lie before it" if later_ns > 0 else "too early"
        words.append(f"earliest_ns is {abs(later_ns)} ns {way}")
    if (later_ns := got.latest_ns - expected.latest_ns) != 0:
        way = "too late" if later_ns > 0 else "too early, so true time may lie after it"
        words.append(f"latest_ns is {abs(later_ns)} ns {way}")
    if got.status != expected.status:
        words.append(f"the status is {got.status}, not {expected.status}")
    return words


def live_difference(expected: dict[str, Any], got: Answer, window: Window) -> str:
    """What is wrong with an answer to now, in words; empty where nothing is."""
    if isinstance(got, Refusal):
        return f"refused with {got.kind}, where there is an interval"
    if not isinstance(got, Interval):
        return "gave no interval"
    if got.status != expected["status"]:
        return f"the status is {got.status}, not {expected['status']}"
    middle_ns, odd = divmod(got.earliest_ns + got.latest_ns, 2)
    if odd:
        return "the two ends aren't equally far from a clock reading"
    if not window.before_realtime_ns <= middle_ns <= window.after_realtime_ns:
        late_ns = max(window.before_realtime_ns - middle_ns, middle_ns - window.after_realtime_ns)
        return (
            f"the middle of the interval is no reading of CLOCK_REALTIME during the question, by {late_ns} ns"
        )
    growth_ns = (got.latest_ns - got.earliest_ns) // 2 - int(expected["bound_ns"])
    drift_ppb = int(expected["max_drift_ppb"])
    if growth_ns < 0:
        return f"the bound is {-growth_ns} ns below the segment's"
    if window.as_of_ns is None:
        return ""
    least_ns, most_ns = (
        ceil(Fraction((at_ns - window.as_of_ns) * drift_ppb, SECOND_NS))
        for at_ns in (window.before_monotonic_ns, window.after_monotonic_ns)
    )
    if growth_ns < least_ns:
        return (
            f"the bound has grown by {growth_ns} ns, which is {least_ns - growth_ns} ns too little for any reading of "
            "CLOCK_MONOTONIC during the question; a coarse clock lags so"
        )
    if growth_ns > most_ns:
        return f"the bound has grown by {growth_ns - most_ns} ns too much for any reading of CLOCK_MONOTONIC"
    return ""
