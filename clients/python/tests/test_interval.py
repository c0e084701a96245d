"""Interval and TaiInterval: alike in both implementations."""

from __future__ import annotations

import copy
import pickle
from datetime import UTC, datetime, timedelta, timezone
from enum import IntEnum
from fractions import Fraction
from typing import Any

import clockbound_client as cb
import pytest
from clockbound_client import ClockStatus
from conftest import needs_pure, run_python
from hypothesis import given
from hypothesis import strategies as st

HIGHEST, LOWEST = 2**63 - 1, -(2**63)
SYNCHRONIZED, FREE_RUNNING = ClockStatus.SYNCHRONIZED, ClockStatus.FREE_RUNNING
UNKNOWN, DISRUPTED = ClockStatus.UNKNOWN, ClockStatus.DISRUPTED
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@pytest.fixture(params=["Interval", "TaiInterval"])
def cls(request: pytest.FixtureRequest, impl: Any) -> Any:
    """Each of the two classes."""
    return getattr(impl, request.param)


def test_interval_holds_ends_and_status(cls: Any) -> None:
    interval = cls(1, 4, SYNCHRONIZED)
    assert (interval.earliest_ns, interval.latest_ns) == (1, 4)
    assert interval.status is SYNCHRONIZED
    assert interval.width_ns == 3


def test_interval_takes_keywords_and_statuses_by_value(cls: Any) -> None:
    interval = cls(earliest_ns=1, latest_ns=4, status=2)
    assert interval.status is FREE_RUNNING


@pytest.mark.parametrize("status", [True, 1.0, None, "SYNCHRONIZED"])
def test_what_is_no_status_is_refused(cls: Any, status: Any) -> None:
    with pytest.raises(TypeError, match=f"a status is a ClockStatus, not {status!r}"):
        cls(1, 4, status)


@pytest.mark.parametrize(
    ("ends", "width_ns", "error_bound_ns", "midpoint_ns"),
    [
        ((10, 20), 10, 5, 15),
        ((10, 21), 11, 6, 15),  # 5.5 rounds up, 15.5 down
        ((-21, -10), 11, 6, -16),  # -15.5 rounds down
        ((7, 7), 0, 0, 7),
        ((LOWEST, HIGHEST), 2**64 - 1, 2**63, -1),  # the middle is -0.5
        ((HIGHEST, HIGHEST), 0, 0, HIGHEST),
        ((LOWEST, LOWEST + 1), 1, 1, LOWEST),
    ],
)
def test_width_bound_and_middle(
    cls: Any, ends: tuple[int, int], width_ns: int, error_bound_ns: int, midpoint_ns: int
) -> None:
    interval = cls(*ends, UNKNOWN)  # the status makes no difference
    assert (interval.width_ns, interval.error_bound_ns, interval.midpoint_ns) == (
        width_ns,
        error_bound_ns,
        midpoint_ns,
    )


@pytest.mark.parametrize("name", ["earliest_ns", "latest_ns", "status", "width_ns", "midpoint_ns", "other"])
def test_interval_cannot_be_changed(cls: Any, name: str) -> None:
    interval = cls(1, 4, SYNCHRONIZED)
    with pytest.raises(AttributeError):
        setattr(interval, name, 5)
    with pytest.raises(AttributeError):
        delattr(interval, name)


def test_the_classes_are_final(cls: Any) -> None:
    with pytest.raises(TypeError, match="not an acceptable base type"):
        type("Derived", (cls,), {})


def test_equal_intervals_have_equal_hashes(cls: Any) -> None:
    interval, same = cls(1, 4, SYNCHRONIZED), cls(1, 4, SYNCHRONIZED)
    assert interval == same
    assert hash(interval) == hash(same)


@pytest.mark.parametrize("values", [(0, 4, SYNCHRONIZED), (1, 5, SYNCHRONIZED), (1, 4, UNKNOWN)])
def test_intervals_that_differ_in_anything_are_not_equal(
    cls: Any, values: tuple[int, int, ClockStatus]
) -> None:
    assert cls(1, 4, SYNCHRONIZED) != cls(*values)


def test_intervals_have_no_order_and_equal_nothing_else(cls: Any) -> None:
    interval, later = cls(1, 4, SYNCHRONIZED), cls(5, 6, SYNCHRONIZED)
    assert interval != (1, 4, SYNCHRONIZED)
    with pytest.raises(TypeError):
        assert interval < later


def test_the_scales_do_not_mix(impl: Any) -> None:
    utc, tai = impl.Interval(1, 4, SYNCHRONIZED), impl.TaiInterval(1, 4, SYNCHRONIZED)
    assert utc != tai
    for one, other in ((utc, tai), (tai, utc)):
        for question in (one.overlaps, one.certainly_before, one.contains):
            with pytest.raises(TypeError, match=type(other).__name__):
                question(other)
    with pytest.raises(TypeError, match="datetime"):
        tai.contains(EPOCH)
    assert not hasattr(tai, "earliest")
    assert not hasattr(tai, "latest")


def test_repr_shows_every_field(cls: Any) -> None:
    interval = cls(1, 4, FREE_RUNNING)
    assert repr(interval) == f"{cls.__name__}(earliest_ns=1, latest_ns=4, status=ClockStatus.FREE_RUNNING)"


def test_intervals_can_be_pickled(cls: Any) -> None:
    again = pickle.loads(pickle.dumps(cls(1, 4, DISRUPTED)))
    # Of the implementation in use, whichever pickled it.
    assert again == getattr(cb, cls.__name__)(1, 4, DISRUPTED)


@needs_pure
@pytest.mark.parametrize(("of", "to"), [("c", "python"), ("python", "c")])
def test_pickles_cross_implementations(of: str, to: str) -> None:
    dump = "import clockbound_client as c, pickle; print(pickle.dumps(c.{}(1, 4, 2)).hex())"
    load = (
        "import clockbound_client as c, pickle, sys; again = pickle.loads(bytes.fromhex(sys.argv[1]));"
        "print(again == c.{}(1, 4, 2), c.implementation)"
    )
    for name in ("Interval", "TaiInterval"):
        dumped = run_python(dump.format(name), of)
        assert dumped.stderr == ""
        assert run_python(load.format(name), to, dumped.stdout.strip()).stdout.split() == ["True", to]


def test_copies_are_the_interval_itself(cls: Any) -> None:
    interval = cls(1, 4, SYNCHRONIZED)
    assert copy.copy(interval) is interval
    assert copy.deepcopy([interval])[0] is interval


def test_intervals_match_patterns(cls: Any) -> None:
    match cls(1, 4, SYNCHRONIZED):
        case cls(earliest, latest, ClockStatus.SYNCHRONIZED):
            assert (earliest, latest) == (1, 4)
        case _:
            pytest.fail("no match")


def test_intervals_outlive_the_next_ones(cls: Any) -> None:
    # The compiled implementation uses the memory of dead ones again.
    kept = [cls(number, number + 1, SYNCHRONIZED) for number in range(100)]
    for number in range(200, 300):
        cls(number, number + 1, UNKNOWN)
    assert [interval.earliest_ns for interval in kept] == list(range(100))
    assert {interval.status for interval in kept} == {SYNCHRONIZED}


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((5, 4, 1), ValueError, "earliest_ns 5 is after latest_ns 4"),
        ((HIGHEST, HIGHEST + 1, 1), ValueError, "9223372036854775808 ns is out of range"),
        ((LOWEST - 1, 0, 1), ValueError, "-9223372036854775809 ns is out of range"),
        ((10**5000, 0, 1), ValueError, "an int of 16610 bits ns is out of range"),
        ((1.5, 4, 1), TypeError, r"an end of an interval is an int of nanoseconds, not float \(1.5\)"),
        ((1, 4.0, 1), TypeError, r"not float \(4.0\)"),
        ((1, "4", 1), TypeError, r"not str \('4'\)"),
        ((True, 4, 1), TypeError, r"not bool \(True\)"),
        ((1, None, 1), TypeError, "not None"),
        ((1, Fraction(4), 1), TypeError, "not Fraction"),
        ((1, 4, 9), ValueError, "9 is not a valid ClockStatus"),
        ((1, 4), TypeError, "status"),
    ],
)
def test_bad_values_are_refused(cls: Any, arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        cls(*arguments)


def test_ints_of_other_classes_become_plain_ones(cls: Any) -> None:
    class Named(IntEnum):
        ONE = 1
        FOUR = 4

    interval = cls(Named.ONE, Named.FOUR, SYNCHRONIZED)
    assert type(interval.earliest_ns) is type(interval.latest_ns) is int
    assert interval == cls(1, 4, SYNCHRONIZED)


# ---------------------------------------------------------------- questions


@pytest.mark.parametrize(("t", "inside"), [(9, False), (10, True), (15, True), (20, True), (21, False)])
def test_an_interval_contains_its_ends(cls: Any, t: int, inside: bool) -> None:
    assert cls(10, 20, SYNCHRONIZED).contains(t) is inside
    assert cls(10, 20, FREE_RUNNING).contains(t) is inside


@pytest.mark.parametrize(
    ("other", "overlaps", "before"),
    [
        ((0, 9), False, False),
        ((0, 10), True, False),
        ((12, 13), True, False),
        ((0, 100), True, False),
        ((20, 30), True, False),  # touching is no certainty
        ((21, 30), False, True),
    ],
)
def test_overlap_and_order(cls: Any, other: tuple[int, int], overlaps: bool, before: bool) -> None:
    interval, that = cls(10, 20, SYNCHRONIZED), cls(*other, FREE_RUNNING)
    assert interval.overlaps(that) is that.overlaps(interval) is overlaps
    assert interval.certainly_before(that) is before


@pytest.mark.parametrize("status", [UNKNOWN, DISRUPTED])
def test_questions_of_untrusted_intervals_fail_closed(cls: Any, status: ClockStatus) -> None:
    trusted, untrusted = cls(10, 20, SYNCHRONIZED), cls(30, 40, status)
    for question in (
        lambda: untrusted.contains(35),
        lambda: untrusted.overlaps(trusted),
        lambda: trusted.overlaps(untrusted),
        lambda: untrusted.certainly_before(trusted),
        lambda: trusted.certainly_before(untrusted),
    ):
        with pytest.raises(
            cb.ClockNotTrustedError, match=f"the interval's status is {status.name}; "
        ) as caught:
            question()
        assert caught.value.status is status
        assert caught.value.kind is cb.ErrorKind.NONE


@pytest.mark.parametrize("bad", [5, None, EPOCH, "1", (10, 20), ()])
def test_overlap_and_order_need_another_interval(cls: Any, bad: object) -> None:
    interval = cls(10, 20, SYNCHRONIZED)
    for question in (interval.overlaps, interval.certainly_before):
        with pytest.raises(TypeError, match=f"asked of another {cls.__name__}, not of"):
            question(bad)


@pytest.mark.parametrize("bad", [1.0, True, None, "1", b"2", (15,), EPOCH.date(), timedelta(0), Fraction(1)])
def test_what_is_no_time_is_refused(cls: Any, bad: object) -> None:
    with pytest.raises(
        TypeError, match=f"is an int of nanoseconds.*, not {type(bad).__name__ if bad is not None else None}"
    ):
        cls(10, 20, SYNCHRONIZED).contains(bad)


@pytest.mark.parametrize("bad", [HIGHEST + 1, LOWEST - 1])
def test_a_number_out_of_range_is_refused_and_named(cls: Any, bad: int) -> None:
    with pytest.raises(ValueError, match=f"{bad} ns is out of range for a time"):
        cls(10, 20, SYNCHRONIZED).contains(bad)


# ---------------------------------------------------------------- datetimes


@pytest.mark.parametrize(
    ("ns", "floor", "ceiling"),
    [
        (0, EPOCH, EPOCH),
        (1, EPOCH, EPOCH + timedelta(microseconds=1)),
        (-1, EPOCH - timedelta(microseconds=1), EPOCH),
        (
            999_999_999,
            datetime(1970, 1, 1, 0, 0, 0, 999_999, tzinfo=UTC),
            datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC),
        ),
        (
            1_700_000_000_999_999_001,
            datetime(2023, 11, 14, 22, 13, 20, 999_999, tzinfo=UTC),
            datetime(2023, 11, 14, 22, 13, 21, tzinfo=UTC),
        ),
        (
            HIGHEST,  # 9223372036.854775807 s
            datetime(2262, 4, 11, 23, 47, 16, 854_775, tzinfo=UTC),
            datetime(2262, 4, 11, 23, 47, 16, 854_776, tzinfo=UTC),
        ),
        (
            LOWEST,  # -9223372036.854775808 s
            datetime(1677, 9, 21, 0, 12, 43, 145_224, tzinfo=UTC),
            datetime(1677, 9, 21, 0, 12, 43, 145_225, tzinfo=UTC),
        ),
    ],
)
def test_datetimes_are_rounded_outward(impl: Any, ns: int, floor: datetime, ceiling: datetime) -> None:
    interval = impl.Interval(ns, ns, UNKNOWN)
    assert (interval.earliest, interval.latest) == (floor, ceiling)
    assert interval.earliest.tzinfo is interval.latest.tzinfo is UTC


@given(ends=st.tuples(st.integers(LOWEST, HIGHEST), st.integers(LOWEST, HIGHEST)))
def test_datetimes_never_lie_inside(ends: tuple[int, int]) -> None:
    for implementation in ("_core", "_interval"):
        module = __import__(f"clockbound_client.{implementation}", fromlist=["Interval"])
        interval = module.Interval(min(ends), max(ends), UNKNOWN)
        earliest, latest = Fraction(interval.earliest_ns, 1000), Fraction(interval.latest_ns, 1000)
        assert 0 <= earliest - (interval.earliest - EPOCH) // timedelta(microseconds=1) < 1
        assert 0 <= (interval.latest - EPOCH) // timedelta(microseconds=1) - latest < 1


def test_a_datetime_is_that_very_instant(impl: Any) -> None:
    # 2023-11-14T22:13:20.000001Z, as 1700000000 s and 1000 ns
    interval = impl.Interval(1_700_000_000_000_001_000, 1_700_000_000_000_001_000, SYNCHRONIZED)
    instant = datetime(2023, 11, 14, 22, 13, 20, 1, tzinfo=UTC)
    assert interval.contains(instant)
    assert interval.contains(instant.astimezone(timezone(timedelta(hours=5, minutes=30))))
    assert interval.contains(datetime(2023, 11, 14, 22, 13, 20, 1, tzinfo=timezone(timedelta(0), "local")))
    assert not interval.contains(instant + timedelta(microseconds=1))
    assert not interval.contains(instant - timedelta(microseconds=1))


def test_a_naive_datetime_is_refused_and_named(impl: Any) -> None:
    with pytest.raises(
        ValueError, match=r"datetime\.datetime\(2023, 11, 14, 0, 0\) has no time zone.*timezone\.utc"
    ):
        impl.Interval(0, 1, SYNCHRONIZED).contains(datetime(2023, 11, 14))


@pytest.mark.parametrize("year", [1, 1677, 2263, 9999])
def test_a_datetime_out_of_range_is_refused_and_named(impl: Any, year: int) -> None:
    for zone in (UTC, timezone(timedelta(hours=-23)), timezone(timedelta(hours=23))):
        with pytest.raises(ValueError, match=rf"datetime\.datetime\({year}, .* is out of range"):
            impl.Interval(0, 1, SYNCHRONIZED).contains(datetime(year, 1, 1, tzinfo=zone))


def test_the_last_datetime_in_range_is_taken(impl: Any) -> None:
    interval = impl.Interval(HIGHEST - 807, HIGHEST - 807, SYNCHRONIZED)
    last = datetime(2262, 4, 11, 23, 47, 16, 854_775, tzinfo=UTC)
    assert interval.contains(last)
    with pytest.raises(ValueError, match="out of range"):
        interval.contains(last + timedelta(microseconds=1))
