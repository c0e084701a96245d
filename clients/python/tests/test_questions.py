"""before, after and now(max_error_ns): questions whose answer can't carry a status, so that they fail closed."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import clockbound_client as cb
import pytest
from clockbound_client import ClockStatus
from conftest import S

SYNCHRONIZED, FREE_RUNNING = ClockStatus.SYNCHRONIZED, ClockStatus.FREE_RUNNING
UNKNOWN, DISRUPTED = ClockStatus.UNKNOWN, ClockStatus.DISRUPTED
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

# The clock is within 1000 s, and what is asked lies 100 s to either side: no machine is that slow.
BOUND_NS = 1000 * S


def asked(live: Any, offset_s: int) -> list[tuple[bool, bool]]:
    """(before, after) for this instant, `offset_s` away, as int, datetime and Interval."""
    ns = time.time_ns() + offset_s * S
    interval = type(live.client.now())(ns, ns, SYNCHRONIZED)
    times = (ns, datetime.now(UTC) + timedelta(seconds=offset_s), interval)
    return [(live.client.before(t), live.client.after(t)) for t in times]


@pytest.mark.parametrize("status", [SYNCHRONIZED, FREE_RUNNING])
def test_before_and_after_are_certain_or_false(live: Any, status: ClockStatus) -> None:
    live.publish(bound_ns=BOUND_NS, clock_status=status)
    assert asked(live, 1100) == [(True, False)] * 3
    assert asked(live, 900) == [(False, False)] * 3
    assert asked(live, -900) == [(False, False)] * 3
    assert asked(live, -1100) == [(False, True)] * 3


def test_an_interval_has_to_pass_whole(live: Any) -> None:
    live.publish(bound_ns=BOUND_NS)
    now_ns, interval = time.time_ns(), type(live.client.now())
    straddling_the_end = interval(now_ns + 900 * S, now_ns + 2000 * S, SYNCHRONIZED)
    beyond = interval(now_ns + 1100 * S, now_ns + 2000 * S, SYNCHRONIZED)
    assert not live.client.before(straddling_the_end)
    assert live.client.before(beyond)
    straddling_the_start = interval(now_ns - 2000 * S, now_ns - 900 * S, SYNCHRONIZED)
    passed = interval(now_ns - 2000 * S, now_ns - 1100 * S, SYNCHRONIZED)
    assert not live.client.after(straddling_the_start)
    assert live.client.after(passed)


@pytest.mark.parametrize("status", [UNKNOWN, DISRUPTED])
def test_questions_fail_closed(live: Any, status: ClockStatus) -> None:
    live.publish(clock_status=status)
    for question in (
        lambda: live.client.before(0),
        lambda: live.client.after(0),
        lambda: live.client.now(max_error_ns=BOUND_NS),
    ):
        with pytest.raises(cb.ClockNotTrustedError) as caught:
            question()
        assert caught.value.status is status
        assert caught.value.path == str(live.path)
        assert str(caught.value).startswith(f"{live.path}: the clock's status is {status.name}; ")
    assert live.client.now().status is status  # which can say so


def test_questions_of_an_untrusted_interval_fail_closed(live: Any) -> None:
    untrusted = type(live.client.now())(0, 1, UNKNOWN)
    for question in (live.client.before, live.client.after):
        with pytest.raises(cb.ClockNotTrustedError, match="the interval's status is UNKNOWN"):
            question(untrusted)


def test_a_dead_daemon_is_noticed(live: Any) -> None:
    live.publish(age_ns=1001 * S)  # void_after is 1000 s
    with pytest.raises(cb.ClockNotTrustedError):
        live.client.after(0)


def test_a_damaged_segment_is_no_answer_either(live: Any) -> None:
    live.publish(bound_ns=-1)
    for question in (
        lambda: live.client.before(0),
        lambda: live.client.after(0),
        lambda: live.client.now(max_error_ns=1),
        lambda: live.client.now_tai(),
    ):
        with pytest.raises((cb.SegmentMalformedError, cb.TaiOffsetUnknownError)):
            question()


def test_now_within_a_bound(live: Any) -> None:
    live.publish(bound_ns=1_000_000)
    interval = live.client.now(max_error_ns=1_000_000)
    assert interval.error_bound_ns == 1_000_000
    assert live.client.now(max_error_ns=2**63 - 1).status is SYNCHRONIZED
    assert live.client.now(max_error_ns=None).width_ns == 2_000_000


def test_now_refuses_a_bound_that_is_too_large(live: Any) -> None:
    live.publish(bound_ns=1_000_000)
    with pytest.raises(
        cb.ErrorBoundTooLargeError, match="the error bound is 1000000 ns, and 999999 ns were asked for"
    ) as caught:
        live.client.now(max_error_ns=999_999)
    assert (caught.value.error_bound_ns, caught.value.max_error_ns) == (1_000_000, 999_999)
    assert caught.value.path == str(live.path)
    assert caught.value.kind is cb.ErrorKind.NONE


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (-1, ValueError, "max_error_ns is -1"),
        (2**63, ValueError, "9223372036854775808 ns is out of range"),
        (1.0, TypeError, r"max_error_ns is an int of nanoseconds, not float \(1.0\)"),
        (True, TypeError, "not bool"),
        ("1", TypeError, "not str"),
    ],
)
def test_bad_limits_are_refused(live: Any, bad: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        live.client.now(max_error_ns=bad)


def test_the_limit_is_a_keyword_and_the_only_one(live: Any) -> None:
    for call in (
        lambda: live.client.now(1),
        lambda: live.client.now(1, max_error_ns=1),
        lambda: live.client.now(max_error=1),
        lambda: live.client.now(max_error_ns=1, other=2),
    ):
        with pytest.raises(TypeError, match=r"now\(\)"):
            call()


BAD_TIMES = {
    "float": (1.5, TypeError, r"a time is an int of nanoseconds or an aware datetime, not float \(1.5\)"),
    "bool": (True, TypeError, r"not bool \(True\)"),
    "None": (None, TypeError, "not None"),
    "str": ("2023-11-14", TypeError, "not str"),
    "date": (EPOCH.date(), TypeError, "not date"),
    "timedelta": (timedelta(1), TypeError, "not timedelta"),
    "Decimal": (Decimal(1), TypeError, "not Decimal"),
    "tuple": ((0,), TypeError, "not tuple"),
    "list": ([0], TypeError, "not list"),
    "naive": (
        datetime(2023, 11, 14),
        ValueError,
        r"datetime\.datetime\(2023, 11, 14, 0, 0\) has no time zone",
    ),
    "large": (2**63, ValueError, "9223372036854775808 ns is out of range"),
    "small": (-(2**63) - 1, ValueError, "-9223372036854775809 ns is out of range"),
    "huge": (1 << 100_000, ValueError, "an int of 100001 bits ns is out of range"),
    "year 9999": (datetime(9999, 1, 1, tzinfo=UTC), ValueError, r"9999, .* is out of range"),
}


@pytest.mark.parametrize(("bad", "error", "message"), BAD_TIMES.values(), ids=BAD_TIMES.keys())
def test_bad_times_are_refused(live: Any, bad: Any, error: type[Exception], message: str) -> None:
    for question in (live.client.before, live.client.after, live.client.wait_until_after):
        with pytest.raises(error, match=message):
            question(bad)


def test_a_tai_interval_is_no_time(live: Any, impl: Any) -> None:
    for question in (live.client.before, live.client.after, live.client.wait_until_after):
        with pytest.raises(TypeError, match="not TaiInterval"):
            question(impl.TaiInterval(0, 1, SYNCHRONIZED))


def test_the_largest_times_are_taken(live: Any) -> None:
    assert live.client.before(2**63 - 1)
    assert live.client.after(-(2**63))


class Sloppy(int):
    """An int that isn't one exactly."""


def test_ints_of_other_classes_are_taken(live: Any) -> None:
    assert live.client.after(Sloppy(0))
    assert live.client.now(max_error_ns=Sloppy(10**9)).status is SYNCHRONIZED
    assert live.client.now_at(Sloppy(0), Sloppy(time.monotonic_ns())).status is SYNCHRONIZED
