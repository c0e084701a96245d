"""The error bound, against numbers worked out by hand and against exact fractions."""

from __future__ import annotations

import math
from fractions import Fraction

import pytest
from clockbound_daemon import _candm
from clockbound_daemon._layout import UNSYNCHRONISED_BOUND_NS
from clockbound_daemon.bound import (
    BoundTooLargeError,
    NegativeRootDelayError,
    NegativeRootDispersionError,
    clock_error_bound_ns,
    in_seconds,
)
from clockbound_spec.candm import TRACKING_REPLY
from daemon_support import q89, reply
from hypothesis import given
from hypothesis import strategies as st

LEAST_Q89 = 1  # 2**-89 s, the smallest float that isn't 0


def bound_ns(correction: int, dispersion: int, delay: int, phc_ns: int = 0) -> int:
    return clock_error_bound_ns(
        current_correction_q89_s=correction,
        root_dispersion_q89_s=dispersion,
        root_delay_q89_s=delay,
        phc_error_bound_ns=phc_ns,
    )


def test_a_perfect_clock_has_no_error() -> None:
    assert bound_ns(0, 0, 0) == 0


def test_the_correction_counts_whole() -> None:
    assert bound_ns(q89("1/2"), 0, 0) == 500_000_000


def test_a_clock_that_is_ahead_is_as_wrong_as_one_that_is_behind() -> None:
    assert bound_ns(-q89("1/2"), 0, 0) == 500_000_000


def test_the_dispersion_counts_whole() -> None:
    assert bound_ns(0, q89("1/4"), 0) == 250_000_000


def test_the_delay_counts_half() -> None:
    assert bound_ns(0, 0, q89("1/4")) == 125_000_000


def test_all_terms_are_added() -> None:
    # 1 s + 1/8 s + 1/16 s / 2 = 1.15625 s, and 7 ns
    assert bound_ns(-q89(1), q89("1/8"), q89("1/16"), 7) == 1_156_250_007


def test_the_smallest_error_is_rounded_up_to_a_nanosecond() -> None:
    assert bound_ns(LEAST_Q89, 0, 0) == 1


def test_half_of_the_smallest_delay_is_rounded_up_to_a_nanosecond() -> None:
    assert bound_ns(0, 0, LEAST_Q89) == 1


def test_rounding_happens_once_for_the_sum() -> None:
    assert bound_ns(LEAST_Q89, LEAST_Q89, LEAST_Q89) == 1


def test_a_whole_number_of_nanoseconds_is_not_rounded() -> None:
    # 2**-9 s is 1,953,125 ns exactly
    assert bound_ns(q89(Fraction(1, 512)), 0, 0) == 1_953_125


def test_the_error_bound_of_the_phc_is_added_after_rounding() -> None:
    assert bound_ns(LEAST_Q89, 0, 0, 41) == 42


def test_a_negative_delay_is_refused_with_its_value() -> None:
    with pytest.raises(NegativeRootDelayError, match=r"root delay of -0\.500000000 s"):
        bound_ns(q89(1), q89(1), -q89("1/2"))


def test_a_negative_dispersion_is_refused_with_its_value() -> None:
    with pytest.raises(NegativeRootDispersionError, match=r"root dispersion of -0\.500000000 s"):
        bound_ns(q89(1), -q89("1/2"), q89(1))


def test_a_hundred_years_are_the_largest_bound() -> None:
    hundred_years_q89_s = q89(UNSYNCHRONISED_BOUND_NS // 10**9)
    assert bound_ns(0, hundred_years_q89_s, 0) == UNSYNCHRONISED_BOUND_NS
    with pytest.raises(BoundTooLargeError, match="3155760000000000001 ns"):
        bound_ns(LEAST_Q89, hundred_years_q89_s, 0)


def test_the_largest_float_is_refused() -> None:
    largest_q89_s = q89((2**24 - 1) * 2**38)
    with pytest.raises(BoundTooLargeError):
        bound_ns(largest_q89_s, largest_q89_s, largest_q89_s)


def test_the_phc_counts_towards_the_largest_bound() -> None:
    with pytest.raises(BoundTooLargeError):
        bound_ns(0, q89(UNSYNCHRONISED_BOUND_NS // 10**9), 0, 1)


WORDS = st.integers(0, 2**32 - 1)


@given(WORDS, WORDS, WORDS, st.integers(0, 10**9))
def test_the_bound_equals_that_of_exact_fractions(
    correction_word: int, dispersion_word: int, delay_word: int, phc_ns: int
) -> None:
    # The words go into a real reply, which construct takes apart into fractions.
    datagram = bytearray(reply())
    for offset, word in ((68, correction_word), (96, dispersion_word), (92, delay_word)):
        datagram[offset : offset + 4] = word.to_bytes(4, "big")
    oracle = TRACKING_REPLY.parse(bytes(datagram))
    raw = _candm.unpack_tracking_reply(bytes(datagram))
    correction, dispersion, delay = (
        _candm.decode_float(word) for word in (raw.current_correction, raw.root_dispersion, raw.root_delay)
    )
    exact_ns = 10**9 * (abs(oracle.current_correction) + oracle.root_dispersion + oracle.root_delay / 2)
    expected = math.ceil(exact_ns) + phc_ns
    if oracle.root_delay < 0:
        with pytest.raises(NegativeRootDelayError):
            bound_ns(correction, dispersion, delay, phc_ns)
    elif oracle.root_dispersion < 0:
        with pytest.raises(NegativeRootDispersionError):
            bound_ns(correction, dispersion, delay, phc_ns)
    elif expected > UNSYNCHRONISED_BOUND_NS:
        with pytest.raises(BoundTooLargeError):
            bound_ns(correction, dispersion, delay, phc_ns)
    else:
        assert bound_ns(correction, dispersion, delay, phc_ns) == expected


@pytest.mark.parametrize(
    ("value_q89", "text"),
    [
        (0, "0.000000000"),
        (2**89, "1.000000000"),
        (-(2**88), "-0.500000000"),
        (2**89 // 10**9 + 1, "0.000000001"),
        (3 * 2**88, "1.500000000"),
    ],
)
def test_seconds_are_shown_to_the_nanosecond(value_q89: int, text: str) -> None:
    assert in_seconds(value_q89) == text
