"""How fast chronyd's dispersion grows, from numbers that are computed here as fractions."""

from __future__ import annotations

from fractions import Fraction

import pytest
from clockbound_daemon.candm import Tracking
from clockbound_daemon.growth import GrowthMonitor
from daemon_support import REALTIME_NS, SECOND_NS, tracking
from hypothesis import given
from hypothesis import strategies as st

MICROSECOND_NS = 1_000


def as_float(value: Fraction) -> Fraction:
    """The value as chronyd sends it: 24 bits of coefficient, rounded to nearest."""
    if value == 0:
        return value
    exponent = 0
    while value * Fraction(2) ** -exponent >= 2**24:
        exponent += 1
    while value * Fraction(2) ** -exponent < 2**23:
        exponent -= 1
    return round(value * Fraction(2) ** -exponent) * Fraction(2) ** exponent


def answer(dispersion_s: Fraction, *, ref_time_ns: int = REALTIME_NS, **changes: object) -> Tracking:
    return tracking(
        ref_time_ns=ref_time_ns,
        root_dispersion=as_float(dispersion_s),
        **{"current_correction": 0} | changes,  # type: ignore[arg-type]
    )


class Exchange:
    """A chronyd whose dispersion grows at `rate_ppb` from `start_s`, asked by a daemon; times since the update."""

    def __init__(self, rate_ppb: int, start_s: Fraction = Fraction(1, 10_000)) -> None:
        self.monitor = GrowthMonitor()
        self.rate_ppb, self.start_s = rate_ppb, start_s

    def at(self, asked_ns: int, *, made_ns: int = 0, took_ns: int = 0, **changes: object) -> int | None:
        grown_s = Fraction(self.rate_ppb * (asked_ns + made_ns), SECOND_NS * SECOND_NS)
        return self.monitor.most_ppb(
            answer(self.start_s + grown_s, **changes),
            asked_realtime_ns=REALTIME_NS + asked_ns,
            received_realtime_ns=REALTIME_NS + asked_ns + took_ns,
        )


@pytest.mark.parametrize("rate_ppb", [1_000, 50_000, 123_456])
def test_the_growth_between_two_answers_of_one_update_is_found(rate_ppb: int) -> None:
    exchange = Exchange(rate_ppb)
    assert exchange.at(0) is None
    found_ppb = exchange.at(10 * SECOND_NS)
    assert found_ppb is not None
    assert rate_ppb <= found_ppb <= rate_ppb + 3  # the floats' precision: 2 * 2**-23 of 0.1 ms in 10 s


def test_an_answer_too_soon_after_the_first_says_nothing() -> None:
    exchange = Exchange(50_000)
    exchange.at(0)
    assert exchange.at(SECOND_NS // 2 - 1) is None
    assert exchange.at(SECOND_NS // 2) is not None


def test_the_first_answer_of_an_update_is_compared_with_all_others_of_it() -> None:
    exchange = Exchange(50_000)
    exchange.at(0)
    exchange.at(SECOND_NS)
    found_ppb = exchange.at(64 * SECOND_NS)
    assert found_ppb is not None
    assert found_ppb == 50_001


def test_answers_of_different_updates_are_not_compared() -> None:
    exchange = Exchange(50_000)
    exchange.at(0)
    assert exchange.at(SECOND_NS, ref_time_ns=REALTIME_NS + 1) is None
    assert exchange.at(2 * SECOND_NS, ref_time_ns=REALTIME_NS + 1) is not None
    assert exchange.at(3 * SECOND_NS, ref_time_ns=REALTIME_NS + 1, ref_id=5) is None


def test_an_unsynchronised_chronyd_and_one_on_its_own_clock_say_nothing() -> None:
    for changes in ({"leap_status": 3}, {"ref_id": 0x7F7F0101}):
        exchange = Exchange(0)
        assert exchange.at(0, **changes) is None
        assert exchange.at(10 * SECOND_NS, **changes) is None


def test_an_answer_after_an_unsynchronised_one_of_the_same_update_is_not_compared_with_it() -> None:
    # While it isn't synchronised chronyd reports a dispersion of 1 s, from which any other is a fall.
    monitor = GrowthMonitor()
    for second, leap_status, dispersion_s in (
        (0, 3, Fraction(1)),
        (1, 0, Fraction(1, 8)),
        (2, 3, Fraction(1)),
    ):
        now_ns = REALTIME_NS + second * SECOND_NS
        sample = answer(dispersion_s, leap_status=leap_status)
        assert monitor.most_ppb(sample, asked_realtime_ns=now_ns, received_realtime_ns=now_ns) is None


def test_what_was_forgotten_is_not_compared() -> None:
    exchange = Exchange(50_000)
    exchange.at(0)
    exchange.monitor.forget()
    assert exchange.at(10 * SECOND_NS) is None


def test_a_correction_that_goes_on_does_not_bend_the_seconds() -> None:
    # The clock is slewed by 1/16 s in 2 s: chronyd's own seconds are those that its dispersion counts.
    monitor = GrowthMonitor()
    first = answer(Fraction(1, 8), current_correction=Fraction(1, 16))
    corrected_ns = 2 * SECOND_NS - SECOND_NS // 16
    second = answer(Fraction(1, 8) + Fraction(50_000 * corrected_ns, 10**18), current_correction=Fraction(0))
    monitor.most_ppb(first, asked_realtime_ns=REALTIME_NS, received_realtime_ns=REALTIME_NS)
    now_ns = REALTIME_NS + 2 * SECOND_NS
    found_ppb = monitor.most_ppb(second, asked_realtime_ns=now_ns, received_realtime_ns=now_ns)
    assert found_ppb is not None
    assert 50_000 <= found_ppb < 50_000 + 35


@given(
    rate_ppb=st.integers(0, 999_999_999),
    start_ns=st.integers(1, 10**10),
    elapsed_ns=st.integers(SECOND_NS // 2, 1024 * SECOND_NS),
    made_ns=st.tuples(st.integers(0, 10**8), st.integers(0, 10**8)),
    left_ns=st.tuples(st.integers(0, 10**8), st.integers(0, 10**8)),
)
def test_no_rounding_and_no_delay_makes_the_growth_look_slower_than_it_is(
    rate_ppb: int, start_ns: int, elapsed_ns: int, made_ns: tuple[int, int], left_ns: tuple[int, int]
) -> None:
    # chronyd makes each answer some time after the question, and it arrives some time after that.
    exchange = Exchange(rate_ppb, Fraction(start_ns, SECOND_NS))
    exchange.at(0, made_ns=made_ns[0], took_ns=made_ns[0] + left_ns[0])
    asked_ns = made_ns[0] + left_ns[0] + elapsed_ns
    found_ppb = exchange.at(asked_ns, made_ns=made_ns[1], took_ns=made_ns[1] + left_ns[1])
    assert found_ppb is not None
    assert found_ppb >= rate_ppb
