"""The class Interval: alike in both implementations."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from clockbound_client import ClockStatus

HIGHEST, LOWEST = 2**63 - 1, -(2**63)


def test_interval_holds_ends_and_status(impl: Any) -> None:
    interval = impl.Interval(1, 4, ClockStatus.SYNCHRONIZED)
    assert (interval.earliest_ns, interval.latest_ns) == (1, 4)
    assert interval.status is ClockStatus.SYNCHRONIZED
    assert interval.width_ns == 3


def test_interval_takes_keywords_and_statuses_by_value(impl: Any) -> None:
    interval = impl.Interval(earliest_ns=1, latest_ns=4, status=2)
    assert interval.status is ClockStatus.FREE_RUNNING


def test_width_of_the_widest_interval_is_exact(impl: Any) -> None:
    assert impl.Interval(LOWEST, HIGHEST, ClockStatus.UNKNOWN).width_ns == 2**64 - 1


@pytest.mark.parametrize("name", ["earliest_ns", "latest_ns", "status", "width_ns", "other"])
def test_interval_cannot_be_changed(impl: Any, name: str) -> None:
    with pytest.raises(AttributeError):
        setattr(impl.Interval(1, 4, ClockStatus.SYNCHRONIZED), name, 5)


def test_equal_intervals_have_equal_hashes(impl: Any) -> None:
    interval = impl.Interval(1, 4, ClockStatus.SYNCHRONIZED)
    same = impl.Interval(1, 4, ClockStatus.SYNCHRONIZED)
    assert interval == same
    assert hash(interval) == hash(same)


@pytest.mark.parametrize(
    "values",
    [(0, 4, ClockStatus.SYNCHRONIZED), (1, 5, ClockStatus.SYNCHRONIZED), (1, 4, ClockStatus.UNKNOWN)],
)
def test_intervals_that_differ_in_anything_are_not_equal(
    impl: Any, values: tuple[int, int, ClockStatus]
) -> None:
    assert impl.Interval(1, 4, ClockStatus.SYNCHRONIZED) != impl.Interval(*values)


def test_intervals_have_no_order_and_equal_nothing_else(impl: Any) -> None:
    interval, later = (
        impl.Interval(1, 4, ClockStatus.SYNCHRONIZED),
        impl.Interval(5, 6, ClockStatus.SYNCHRONIZED),
    )
    assert interval != (1, 4, ClockStatus.SYNCHRONIZED)
    with pytest.raises(TypeError):
        assert interval < later


def test_repr_shows_every_field(impl: Any) -> None:
    interval = impl.Interval(1, 4, ClockStatus.FREE_RUNNING)
    assert repr(interval) == "Interval(earliest_ns=1, latest_ns=4, status=ClockStatus.FREE_RUNNING)"


def test_intervals_can_be_pickled(impl: Any) -> None:
    interval = impl.Interval(1, 4, ClockStatus.DISRUPTED)
    assert pickle.loads(pickle.dumps(interval)) == interval


def test_intervals_match_patterns(impl: Any) -> None:
    match impl.Interval(1, 4, ClockStatus.SYNCHRONIZED):
        case impl.Interval(earliest, latest, ClockStatus.SYNCHRONIZED):
            assert (earliest, latest) == (1, 4)
        case _:
            pytest.fail("no match")


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((5, 4, 1), ValueError, "earliest_ns 5 is after latest_ns 4"),
        ((HIGHEST + 1, HIGHEST + 2, 1), OverflowError, "9223372036854775808 ns is out of range"),
        ((LOWEST - 1, 0, 1), OverflowError, "-9223372036854775809 ns is out of range"),
        ((1.5, 4, 1), TypeError, "an end of an interval is an int, not float"),
        ((1, "4", 1), TypeError, "an end of an interval is an int, not str"),
        ((1, 4, 9), ValueError, "9 is not a valid ClockStatus"),
        ((1, 4), TypeError, "status"),
    ],
)
def test_bad_values_are_refused(impl: Any, arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        impl.Interval(*arguments)
