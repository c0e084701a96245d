"""Programs as users write them, over the whole public interface: type checkers find nothing in them, and they run.

`assert_type` is checked by type checkers. main() runs each program once, against a segment that is set by hand.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import assert_never, assert_type

import clockbound_client
from clockbound_client import (
    CausalityBreachError,
    ClockBoundClient,
    ClockBoundError,
    ClockBoundSyscallError,
    ClockNotTrustedError,
    ClockStatus,
    ErrorBoundTooLargeError,
    ErrorKind,
    Interval,
    SegmentMalformedError,
    SegmentNotInitializedError,
    SegmentVersionNotSupportedError,
    TaiInterval,
    TaiOffsetUnknownError,
    Timing,
    WaitTimeoutError,
)
from clockbound_client.testing import ManualSegment

S = 1_000_000_000


def opening(path: Path) -> None:
    for given in (path, str(path)):
        with ClockBoundClient(given) as clock:
            assert_type(clock, ClockBoundClient)
            assert_type(clock.path, str)
    client = ClockBoundClient(path, vmclock_path=path.with_name("vmclock0"))
    assert_type(client.close(), None)


def asking(clock: ClockBoundClient) -> None:
    assert_type(clock.now(), Interval)
    assert_type(clock.now(max_error_ns=S), Interval)
    assert_type(clock.now_at(1_700_000_000 * S, time.monotonic_ns()), Interval)
    soon = datetime.now(UTC) + timedelta(hours=1)
    for instant in (0, soon, clock.now()):
        assert_type(clock.after(instant), bool)
        assert_type(clock.before(instant), bool)
    try:
        assert_type(clock.now_tai(), TaiInterval)
    except TaiOffsetUnknownError as error:
        assert_type(error.kind, ErrorKind)


def intervals(a: Interval, b: Interval) -> None:
    assert_type(a.earliest_ns, int)
    assert_type(a.latest_ns, int)
    assert_type(a.status, ClockStatus)
    assert_type(a.width_ns, int)
    assert_type(a.error_bound_ns, int)
    assert_type(a.midpoint_ns, int)
    assert_type(a.earliest, datetime)
    assert_type(a.latest, datetime)
    assert_type(a.contains(0), bool)
    assert_type(a.contains(a.earliest), bool)
    assert_type(a.overlaps(b), bool)
    assert_type(a.certainly_before(b), bool)
    assert_type(a == b, bool)
    assert_type({a: "a"}[a], str)
    match a:
        case Interval(earliest_ns, latest_ns, ClockStatus.SYNCHRONIZED):
            assert_type(earliest_ns + latest_ns, int)
        case Interval(status=status):
            assert_type(status, ClockStatus)
    made = Interval(1, 2, ClockStatus.FREE_RUNNING)
    assert_type(made, Interval)
    assert_type(Interval(earliest_ns=1, latest_ns=2, status=ClockStatus.UNKNOWN), Interval)


def tai_intervals(a: TaiInterval, b: TaiInterval) -> None:
    assert_type(a.earliest_ns + a.latest_ns + a.width_ns + a.error_bound_ns + a.midpoint_ns, int)
    assert_type(a.status, ClockStatus)
    assert_type(a.contains(0), bool)
    assert_type(a.overlaps(b), bool)
    assert_type(a.certainly_before(b), bool)
    assert_type(a == b, bool)


def statuses(status: ClockStatus) -> str:
    match status:
        case ClockStatus.SYNCHRONIZED | ClockStatus.FREE_RUNNING:
            return "use it"
        case ClockStatus.UNKNOWN | ClockStatus.DISRUPTED:
            return "ask again later"
        case _:
            assert_never(status)


def waiting(clock: ClockBoundClient) -> None:
    written = clock.now()
    assert_type(clock.wait_until_after(written), Interval)
    assert_type(clock.wait_until_after(written.latest_ns, timeout=10), Interval)
    assert_type(clock.wait_until_after(datetime.now(UTC), timeout=10.5), Interval)
    assert_type(clock.wait_synchronized(), Interval)
    assert_type(clock.wait_synchronized(max_error_ns=S, timeout=10), Interval)


async def waiting_in_asyncio(clock: ClockBoundClient) -> None:
    written = clock.now()
    assert_type(await clock.wait_until_after_async(written, timeout=10), Interval)
    assert_type(await clock.wait_synchronized_async(max_error_ns=S, timeout=10), Interval)
    both = await asyncio.gather(clock.wait_until_after_async(0), clock.wait_synchronized_async())
    assert_type(both, tuple[Interval, Interval])


def timing(clock: ClockBoundClient) -> int:
    with clock.timing() as timing:
        assert_type(timing, Timing)
    assert_type(timing.start, Interval)
    assert_type(timing.end, Interval)
    assert_type(timing.shortest_ns, int)
    return timing.longest_ns


def errors(path: Path) -> str:
    try:
        ClockBoundClient(path).now(max_error_ns=1)
    except ClockNotTrustedError as error:
        return assert_type(error.status, ClockStatus).name
    except ErrorBoundTooLargeError as error:
        return str(assert_type(error.error_bound_ns - error.max_error_ns, int))
    except WaitTimeoutError as error:
        timeout: TimeoutError = error
        return str(timeout)
    except (SegmentMalformedError, SegmentNotInitializedError, CausalityBreachError) as error:
        return assert_type(error.path, str) + assert_type(error.detail, str)
    except SegmentVersionNotSupportedError as error:
        return assert_type(error.kind, ErrorKind).name
    except ClockBoundSyscallError as error:
        failed: OSError = error
        return os.strerror(failed.errno or 0)
    except ClockBoundError as error:
        return str(error)
    return ""


def the_package() -> None:
    assert_type(clockbound_client.implementation, str)
    version: str = clockbound_client.__version__
    assert version


def segments(folder: Path) -> Iterator[ManualSegment]:
    with ManualSegment(folder, layout=1) as segment:
        yield segment
    with ManualSegment() as segment:
        assert_type(segment.path, Path)
        assert_type(segment.vmclock_path, Path)
        assert_type(segment.client(), ClockBoundClient)
        segment.publish(status=ClockStatus.UNKNOWN, bound_ns=1, age_ns=S, max_drift_ppb=1, void_after_ns=S)
        segment.disrupt()
        segment.damage(ErrorKind.CAUSALITY_BREACH)
        segment.remove()
        segment.publish(status=ClockStatus.SYNCHRONIZED)
        assert_type(segment.close(), None)


def test_of_a_user(clockbound_segment: ManualSegment) -> None:
    clockbound_segment.publish(status=ClockStatus.DISRUPTED)


def main() -> None:
    the_package()
    with ManualSegment() as segment:
        opening(segment.path)
        clock = segment.client()
        asking(clock)
        intervals(clock.now(), clock.now())
        a = TaiInterval(1, 2, ClockStatus.SYNCHRONIZED)
        tai_intervals(a, a)
        assert statuses(clock.now().status) == "use it"
        waiting(clock)
        asyncio.run(waiting_in_asyncio(clock))
        assert timing(clock) >= 0
        assert int(errors(segment.path)) >= 999_999  # 1 ms, when 1 ns was asked for
        for made in segments(segment.path.parent):
            made.client().close()
        test_of_a_user(segment)


if __name__ == "__main__":
    main()
