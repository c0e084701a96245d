"""What both implementations of the client share: what waits, and so needn't be fast."""

from __future__ import annotations

import time

from clockbound_client._errors import (
    CausalityBreachError,
    ClockBoundError,
    ClockBoundSyscallError,
    SegmentMalformedError,
    SegmentNotInitializedError,
    WaitTimeoutError,
    trusted,
)
from clockbound_client._instants import instant_ns, timeout_ns
from clockbound_client._instants import max_error_ns as checked_max_error_ns
from clockbound_client._layout import (
    NANOSECONDS_PER_SECOND,
    WAIT_LEAST_SLEEP_NS,
    WAIT_SLICE_NS,
    ClockStatus,
)

# Type checkers take this name for typing.TYPE_CHECKING, whose import would cost more than all the rest.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from collections.abc import Generator
    from datetime import datetime
    from typing import Self

    from clockbound_client._core import Interval

    # Yields pauses in seconds, and returns what was waited for.
    Steps = Generator[float, None, Interval]

# What a daemon that starts can mend.
_PASSING = (
    CausalityBreachError,
    ClockBoundSyscallError,
    SegmentMalformedError,
    SegmentNotInitializedError,
)


class ClientBase:
    """The methods of a client that wait."""

    __slots__ = ()

    if TYPE_CHECKING:
        # The implementation's own; users are told of the compiled one's.
        _interval_type: type[Interval]

        @property
        def path(self) -> str: ...
        def now(self) -> Interval: ...

    def wait_until_after(self, t: int | datetime | Interval, *, timeout: float | None = None) -> Interval:
        """Wait until `t` has certainly passed; returns the interval that says so.

        `t`: nanoseconds since 1970, an aware datetime, or an Interval: then its `latest_ns`. `timeout` is in seconds;
        None waits for ever.

        Sleeps until then, and looks at the bound ten times a second, which can shrink meanwhile. Raises
        ClockNotTrustedError at once when the status becomes UNKNOWN or DISRUPTED, WaitTimeoutError, and what `now` raises.
        """
        return _sleeping(_until_after(self, _latest_ns(self, t), timeout_ns(timeout), timeout))

    async def wait_until_after_async(
        self, t: int | datetime | Interval, *, timeout: float | None = None
    ) -> Interval:
        """As `wait_until_after`, for asyncio."""
        return await _awaiting(_until_after(self, _latest_ns(self, t), timeout_ns(timeout), timeout))

    def wait_synchronized(self, *, max_error_ns: int | None = None, timeout: float | None = None) -> Interval:
        """Wait until the status is SYNCHRONIZED and the error bound at most `max_error_ns`; returns that interval.

        `timeout` is in seconds. Looks ten times a second. An error of the segment doesn't end the wait, because a daemon
        that starts can mend it. Raises WaitTimeoutError, from that error if there still is one.
        """
        return _sleeping(_until_synchronized(self, _limit_ns(max_error_ns), timeout_ns(timeout), timeout))

    async def wait_synchronized_async(
        self, *, max_error_ns: int | None = None, timeout: float | None = None
    ) -> Interval:
        """As `wait_synchronized`, for asyncio."""
        return await _awaiting(
            _until_synchronized(self, _limit_ns(max_error_ns), timeout_ns(timeout), timeout)
        )

    def timing(self) -> Timing:
        """A context manager that takes the interval of the start and of the end of its block."""
        return Timing(self)


def complete(cls: type, interval_type: type) -> None:
    """Add what `ClientBase` has to a class that can't derive from it."""
    cls._interval_type = interval_type  # type: ignore[attr-defined]
    for name, member in vars(ClientBase).items():
        if not name.startswith("_"):
            setattr(cls, name, member)


class Timing:
    """The intervals of the start and the end of a block, and between which bounds the time that it took lies.

        with clock.timing() as timing:
            ...
        timing.longest_ns  # it took no longer than this

    An error of the clock at the end doesn't disturb the block; it is raised when somebody asks for what it prevents.
    """

    __slots__ = ("_client", "_end", "_start")

    def __init__(self, client: ClientBase) -> None:
        self._client = client
        self._start: Interval | None = None
        self._end: Interval | Exception | None = None

    def __enter__(self) -> Self:
        self._end = None
        self._start = self._client.now()
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            self._end = self._client.now()
        except (ClockBoundError, ValueError) as error:  # ValueError: closed in the block
            self._end = error

    @property
    def start(self) -> Interval:
        """The interval of the block's start. Raises ValueError before it."""
        if self._start is None:
            raise ValueError("the block hasn't begun, so it has no start yet")
        return self._start

    @property
    def end(self) -> Interval:
        """The interval of the block's end, also where the block raised. Raises ValueError before it."""
        if self._end is None:
            raise ValueError("the block hasn't ended, so it has no end yet")
        if isinstance(self._end, Exception):
            raise self._end
        return self._end

    @property
    def shortest_ns(self) -> int:
        """The block took at least this. Raises ClockNotTrustedError unless both ends can be relied on."""
        return max(0, trusted(self.end, "").earliest_ns - trusted(self.start, "").latest_ns)

    @property
    def longest_ns(self) -> int:
        """The block took at most this. Raises ClockNotTrustedError unless both ends can be relied on."""
        return trusted(self.end, "").latest_ns - trusted(self.start, "").earliest_ns

    def __repr__(self) -> str:
        return f"<Timing start={self._start!r} end={self._end!r}>"


def _latest_ns(client: ClientBase, t: int | datetime | Interval) -> int:
    """The instant after which `t` has passed."""
    if isinstance(t, client._interval_type):
        return trusted(t, "").latest_ns
    return instant_ns(t)


def _limit_ns(max_error_ns: int | None) -> int | None:
    return None if max_error_ns is None else checked_max_error_ns(max_error_ns)


def _until_after(client: ClientBase, target_ns: int, limit_ns: int | None, timeout: float | None) -> Steps:
    deadline_ns = None if limit_ns is None else time.monotonic_ns() + limit_ns
    while True:
        interval = trusted(client.now(), client.path)
        if interval.earliest_ns > target_ns:
            return interval
        pause_ns = _pause_ns(target_ns - interval.earliest_ns + 1, deadline_ns)
        if pause_ns is None:
            detail = f"earliest_ns is {interval.earliest_ns}, which is not after {target_ns}"
            raise _timed_out(client, detail, timeout)
        yield pause_ns / NANOSECONDS_PER_SECOND


def _until_synchronized(
    client: ClientBase, most_ns: int | None, limit_ns: int | None, timeout: float | None
) -> Steps:
    deadline_ns = None if limit_ns is None else time.monotonic_ns() + limit_ns
    while True:
        error: ClockBoundError | None = None
        try:
            interval = client.now()
            status, bound_ns = interval.status, interval.error_bound_ns
            if status is ClockStatus.SYNCHRONIZED and (most_ns is None or bound_ns <= most_ns):
                return interval
            detail = f"the clock's status is {status.name} and its error bound {bound_ns} ns"
            if most_ns is not None:
                detail += f", with {most_ns} ns asked for"
        except _PASSING as passing:
            error, detail = passing, passing.detail
        pause_ns = _pause_ns(WAIT_SLICE_NS, deadline_ns)
        if pause_ns is None:
            raise _timed_out(client, detail, timeout) from error
        yield pause_ns / NANOSECONDS_PER_SECOND


def _pause_ns(wanted_ns: int, deadline_ns: int | None) -> int | None:
    """How long to sleep before the next look. None if the deadline has come.

    A slice at most, and not beyond the deadline. Not next to nothing either: with a drift near the limit `wanted_ns`
    hardly shrinks while time passes, and sleeping as little would be a busy loop.
    """
    pause_ns = min(max(wanted_ns, WAIT_LEAST_SLEEP_NS), WAIT_SLICE_NS)
    if deadline_ns is None:
        return pause_ns
    left_ns = deadline_ns - time.monotonic_ns()
    return min(pause_ns, left_ns) if left_ns > 0 else None


def _timed_out(client: ClientBase, detail: str, timeout: float | None) -> WaitTimeoutError:
    return WaitTimeoutError(
        f"{client.path}: after {timeout} s {detail}; wait longer, or look at chronyd and at the daemon",
        client.path,
        detail,
        timeout or 0,
    )


def _sleeping(steps: Steps) -> Interval:
    while True:
        try:
            pause_s = next(steps)
        except StopIteration as found:
            return found.value  # type: ignore[no-any-return]
        time.sleep(pause_s)


async def _awaiting(steps: Steps) -> Interval:
    from asyncio import sleep

    while True:
        try:
            pause_s = next(steps)
        except StopIteration as found:
            return found.value  # type: ignore[no-any-return]
        await sleep(pause_s)
