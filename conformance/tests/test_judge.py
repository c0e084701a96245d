"""What the judge says of an answer, with numbers that anybody can check."""

from __future__ import annotations

import pytest
from clockbound_conformance.answers import Answer, Interval, Refusal, Unsupported
from clockbound_conformance.judge import Window, difference, live_difference

RIGHT = Interval(900, 1100, "SYNCHRONIZED")

DIFFERENCES: dict[str, tuple[Answer, Answer, str]] = {
    "the same": (RIGHT, Interval(900, 1100, "SYNCHRONIZED"), ""),
    "the same refusal": (Refusal("SYSCALL"), Refusal("SYSCALL"), ""),
    "too narrow": (
        RIGHT,
        Interval(903, 1098, "SYNCHRONIZED"),
        (
            "earliest_ns is 3 ns too late, so true time may lie before it; "
            "latest_ns is 2 ns too early, so true time may lie after it"
        ),
    ),
    "too wide": (
        RIGHT,
        Interval(899, 1105, "SYNCHRONIZED"),
        "earliest_ns is 1 ns too early; latest_ns is 5 ns too late",
    ),
    "another status": (
        RIGHT,
        Interval(900, 1100, "UNKNOWN"),
        "the status is UNKNOWN, not SYNCHRONIZED",
    ),
    "reversed": (
        Interval(900, 900, "UNKNOWN"),
        Interval(901, 900, "UNKNOWN"),
        "earliest_ns is after latest_ns; earliest_ns is 1 ns too late, so true time may lie before it",
    ),
    "a refusal for an interval": (
        RIGHT,
        Refusal("SYSCALL"),
        "refused with SYSCALL, where there is an interval",
    ),
    "an interval for a refusal": (
        Refusal("SYSCALL"),
        RIGHT,
        "gave an interval, where it must refuse with SYSCALL",
    ),
    "another refusal": (
        Refusal("SYSCALL"),
        Refusal("CAUSALITY_BREACH"),
        "refused as CAUSALITY_BREACH, not as SYSCALL",
    ),
}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_a_difference_is_put_into_words(name: str) -> None:
    expected, got, words = DIFFERENCES[name]
    assert words == difference(expected, got)


# The segment: as_of 1,000 ns, a bound of 50 ns that grows by half a nanosecond for each; the question was under way while
# CLOCK_MONOTONIC went from 1,100 to 1,200 ns and CLOCK_REALTIME from 5,000 to 5,100. So the bound has grown by 50 to 100 ns.
WINDOW = Window(5_000, 1_100, 1_200, 5_100, 1_000)
EXPECTED = {"bound_ns": "50", "max_drift_ppb": "500000000", "status": "SYNCHRONIZED"}


def around(middle_ns: int, half_ns: int, status: str = "SYNCHRONIZED") -> Interval:
    return Interval(middle_ns - half_ns, middle_ns + half_ns, status)


LIVE: dict[str, tuple[Answer, str]] = {
    "at the earliest": (around(5_000, 100), ""),
    "at the latest": (around(5_100, 150), ""),
    "a coarse monotonic clock": (around(5_050, 99), "which is 1 ns too little"),
    "a monotonic clock of later": (around(5_050, 151), "grown by 1 ns too much"),
    "no bound": (around(5_050, 49), "the bound is 1 ns below the segment's"),
    "a real time before the question": (around(4_999, 120), "no reading of CLOCK_REALTIME"),
    "a real time after the question": (around(5_101, 120), "by 1 ns"),
    "ends that differ": (Interval(4_900, 5_101, "SYNCHRONIZED"), "aren't equally far"),
    "another status": (around(5_050, 120, "UNKNOWN"), "the status is UNKNOWN"),
    "a refusal": (Refusal("CAUSALITY_BREACH"), "refused with CAUSALITY_BREACH"),
    "nothing": (Unsupported("no"), "gave no interval"),
}


@pytest.mark.parametrize("name", LIVE)
def test_an_answer_to_now_is_judged_by_the_readings_around_it(name: str) -> None:
    got, words = LIVE[name]
    said = live_difference(EXPECTED, got, WINDOW)
    assert words in said
    assert bool(words) == bool(said)


def test_where_as_of_moves_growth_is_not_judged() -> None:
    window = Window(5_000, 1_100, 1_200, 5_100, None)
    assert live_difference(EXPECTED, around(5_050, 50), window) == ""
    assert live_difference(EXPECTED, around(5_050, 49), window) == "the bound is 1 ns below the segment's"
