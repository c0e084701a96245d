"""Programs that are wrong, and that type checkers must refuse.

Each wrong line says which error is expected, of mypy and of pyright. Where one of them no longer finds it, it reports a
needless comment.
"""

# What merely follows from an error.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

from __future__ import annotations

import time
from datetime import UTC, date, datetime

from clockbound_client import (
    ClockBoundClient,
    ClockBoundError,
    ClockStatus,
    Interval,
    TaiInterval,
)
from clockbound_client.testing import ManualSegment


def paths(clock: ClockBoundClient) -> None:
    ClockBoundClient(b"/var/run/clockbound/shm0")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    ClockBoundClient(3)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    clock.path = "elsewhere"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]


def times_that_are_no_times(clock: ClockBoundClient, a: Interval) -> None:
    clock.after(time.time())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    clock.before("2027-01-01")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    clock.before(None)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    clock.after(date(2027, 1, 1))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    clock.wait_until_after(time.time())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    clock.now_at(time.time(), time.monotonic_ns())  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    a.contains(1.5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def limits(clock: ClockBoundClient) -> None:
    clock.now(1_000_000)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    clock.now(max_error_ns=1e6)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    clock.wait_until_after(0, 10)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    clock.wait_synchronized(timeout="10")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def intervals_are_compared_by_method(a: Interval, b: Interval) -> bool:
    if a < b:  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue]
        return True
    if a.earliest < 5:  # type: ignore[operator]  # pyright: ignore[reportOperatorIssue]
        return True
    return a.certainly_before(b.earliest_ns)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def intervals_do_not_change(a: Interval) -> None:
    a.earliest_ns = 0  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    Interval(0.5, 1, ClockStatus.UNKNOWN)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Interval(0, 1, 1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    Interval(0, 1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


class MyInterval(Interval):  # type: ignore[misc]  # pyright: ignore[reportGeneralTypeIssues]
    pass


def tai_is_not_utc(clock: ClockBoundClient, utc: Interval, tai: TaiInterval) -> None:
    tai.overlaps(utc)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    utc.certainly_before(tai)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    clock.after(tai)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    tai.contains(datetime.now(UTC))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    str(tai.earliest)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


async def what_is_not_awaited(clock: ClockBoundClient) -> None:
    clock.wait_synchronized_async()  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    str(clock.wait_until_after_async(0).earliest_ns)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


def errors(error: ClockBoundError) -> None:
    str(error.status)  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue]


def segments(segment: ManualSegment) -> None:
    segment.publish(ClockStatus.UNKNOWN)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    segment.publish(status=1)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    segment.publish(age_ns=1.5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    segment.publish(bound_s=1)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
