"""Waiting, in both forms, and timing. Nothing here depends on the machine being quick: bounds from above are minutes."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import clockbound_client as cb
import pytest
from clockbound_client import ClockStatus
from conftest import S, live_bytes, segment_bytes

SYNCHRONIZED, FREE_RUNNING = ClockStatus.SYNCHRONIZED, ClockStatus.FREE_RUNNING
UNKNOWN, DISRUPTED = ClockStatus.UNKNOWN, ClockStatus.DISRUPTED
MS = 1_000_000
LONG_S = 60  # a wait that takes this long has failed


class Form:
    """One form of the waiting methods."""

    def __init__(self, is_async: bool) -> None:
        self.is_async = is_async

    def until_after(self, client: Any, *arguments: Any, **options: Any) -> Any:
        if self.is_async:
            return asyncio.run(client.wait_until_after_async(*arguments, **options))
        return client.wait_until_after(*arguments, **options)

    def synchronized(self, client: Any, **options: Any) -> Any:
        if self.is_async:
            return asyncio.run(client.wait_synchronized_async(**options))
        return client.wait_synchronized(**options)


@pytest.fixture(params=[False, True], ids=["sync", "asyncio"])
def form(request: pytest.FixtureRequest) -> Form:
    return Form(request.param)


@contextmanager
def soon(action: Callable[[], object], delay_s: float = 0.15) -> Iterator[None]:
    """Does something in another thread in a moment."""
    timer = threading.Timer(delay_s, action)
    timer.start()
    try:
        yield
    finally:
        timer.join()


# --------------------------------------------------------- wait_until_after


def test_wait_until_after_ends_when_it_is_certain(form: Form, live: Any) -> None:
    live.publish(bound_ns=50 * MS)
    t = time.time_ns() + 30 * MS
    interval = form.until_after(live.client, t, timeout=LONG_S)
    assert interval.earliest_ns > t
    assert time.time_ns() >= t + 50 * MS
    assert live.client.after(t)


def test_wait_until_after_takes_datetimes_and_intervals(form: Form, live: Any) -> None:
    live.publish(bound_ns=20 * MS)
    t = datetime.now(UTC) + timedelta(milliseconds=20)
    assert form.until_after(live.client, t, timeout=LONG_S).earliest > t
    stamp = live.client.now()
    assert stamp.certainly_before(form.until_after(live.client, stamp, timeout=LONG_S))


def test_wait_until_after_returns_at_once_for_what_has_passed(form: Form, live: Any) -> None:
    assert form.until_after(live.client, 0, timeout=0).earliest_ns > 0


def test_wait_until_after_notices_a_bound_that_shrinks(form: Form, live: Any) -> None:
    live.publish(bound_ns=10_000 * S)
    with soon(lambda: live.publish(bound_ns=0)):
        form.until_after(live.client, time.time_ns(), timeout=LONG_S)


def test_wait_until_after_times_out(form: Form, live: Any) -> None:
    live.publish(bound_ns=10_000 * S)
    begin_ns, t = time.monotonic_ns(), time.time_ns()
    with pytest.raises(
        cb.WaitTimeoutError, match=rf"after 0\.25 s earliest_ns is \d+, which is not after {t}"
    ) as caught:
        form.until_after(live.client, t, timeout=0.25)
    assert time.monotonic_ns() - begin_ns >= 250 * MS
    assert isinstance(caught.value, TimeoutError)
    assert isinstance(caught.value, cb.ClockBoundError)
    assert caught.value.kind is cb.ErrorKind.NONE
    assert caught.value.path == str(live.path)
    assert caught.value.timeout == 0.25


@pytest.mark.parametrize("status", [UNKNOWN, DISRUPTED])
def test_wait_until_after_fails_closed(form: Form, live: Any, status: ClockStatus) -> None:
    live.publish(clock_status=status)
    with pytest.raises(cb.ClockNotTrustedError):
        form.until_after(live.client, 0)
    live.publish(bound_ns=10_000 * S)
    with (
        soon(lambda: live.publish(clock_status=status)),
        pytest.raises(cb.ClockNotTrustedError, match=status.name),
    ):
        form.until_after(live.client, time.time_ns(), timeout=LONG_S)


def test_wait_until_after_an_untrusted_interval_fails_closed(form: Form, live: Any, impl: Any) -> None:
    with pytest.raises(cb.ClockNotTrustedError, match="the interval's status is UNKNOWN"):
        form.until_after(live.client, impl.Interval(0, 1, UNKNOWN))


def test_wait_until_after_ends_with_an_error_of_the_segment(form: Form, live: Any) -> None:
    live.publish(bound_ns=10_000 * S)
    with soon(lambda: live.publish(bound_ns=-1)), pytest.raises(cb.SegmentMalformedError):
        form.until_after(live.client, time.time_ns(), timeout=LONG_S)


def test_wait_until_after_ends_when_the_client_is_closed(form: Form, live: Any) -> None:
    live.publish(bound_ns=10_000 * S)
    with soon(live.client.close), pytest.raises(ValueError, match="the client is closed"):
        form.until_after(live.client, time.time_ns(), timeout=LONG_S)


def test_waits_sleep_a_slice_at_a_time(form: Form, live: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses_s: list[float] = []
    sleep, sleep_async = time.sleep, asyncio.sleep

    def noted_sleep(pause_s: float) -> None:
        pauses_s.append(pause_s)
        sleep(pause_s)

    async def noted_sleep_async(pause_s: float) -> None:
        pauses_s.append(pause_s)
        await sleep_async(pause_s)

    live.publish(bound_ns=10_000 * S, clock_status=FREE_RUNNING)
    monkeypatch.setattr(time, "sleep", noted_sleep)
    monkeypatch.setattr(asyncio, "sleep", noted_sleep_async)
    for wait in (
        lambda: form.until_after(live.client, time.time_ns(), timeout=0.35),
        lambda: form.synchronized(live.client, timeout=0.35),
    ):
        pauses_s.clear()
        with pytest.raises(cb.WaitTimeoutError):
            wait()
        *slices_s, last_s = pauses_s
        assert set(slices_s) <= {0.1}
        assert 0 < last_s <= 0.1


def test_a_short_wait_sleeps_no_longer_than_it_has_to(live: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    live.publish(bound_ns=0)
    pauses_s = [0.0]
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda pause_s: (pauses_s.append(pause_s), sleep(pause_s)))
    live.client.wait_until_after(time.time_ns() + 50 * MS, timeout=LONG_S)
    assert max(pauses_s) <= 0.050_000_001


def test_a_wait_whose_end_hardly_comes_nearer_is_no_busy_loop(
    live: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The bound grows as fast as time passes, so `earliest_ns` stands still, but for the clocks' jitter.
    live.publish(bound_ns=0, max_drift_ppb=999_999_999)
    nearly_ns = max(live.client.now().earliest_ns for _ in range(100)) + 20_000
    pauses_s: list[float] = []
    sleep = time.sleep
    monkeypatch.setattr(time, "sleep", lambda pause_s: (pauses_s.append(pause_s), sleep(pause_s)))
    with pytest.raises(cb.WaitTimeoutError):
        live.client.wait_until_after(nearly_ns, timeout=0.5)
    assert min(pauses_s[:-1], default=1) >= 50e-6  # the last one ends at the deadline


# -------------------------------------------------------- wait_synchronized


@pytest.mark.parametrize("first", [FREE_RUNNING, UNKNOWN, DISRUPTED])
def test_wait_synchronized_waits_for_the_status(form: Form, live: Any, first: ClockStatus) -> None:
    live.publish(clock_status=first)
    with soon(lambda: live.publish(clock_status=SYNCHRONIZED)):
        assert form.synchronized(live.client, timeout=LONG_S).status is SYNCHRONIZED


def test_wait_synchronized_waits_for_the_bound(form: Form, live: Any) -> None:
    live.publish(bound_ns=1_000_001)
    with soon(lambda: live.publish(bound_ns=1_000_000)):
        interval = form.synchronized(live.client, max_error_ns=1_000_000, timeout=LONG_S)
    assert interval.error_bound_ns == 1_000_000


def test_wait_synchronized_returns_at_once(form: Form, live: Any) -> None:
    assert form.synchronized(live.client, timeout=0).status is SYNCHRONIZED
    assert form.synchronized(live.client, max_error_ns=1_000_000, timeout=0).error_bound_ns == 1_000_000


@pytest.mark.parametrize("broken", [{"bound_ns": -1}, {"age_ns": -3600 * S}], ids=["malformed", "causality"])
def test_wait_synchronized_outlasts_errors(form: Form, live: Any, broken: Any) -> None:
    live.publish(**broken)
    with soon(live.publish):
        assert form.synchronized(live.client, timeout=LONG_S).status is SYNCHRONIZED


def test_wait_synchronized_outlasts_a_half_written_segment(
    form: Form, impl: Any, write: Any, writable: Any
) -> None:
    path = write(segment_bytes(generation=3))
    mapping = writable(path)
    with (
        impl.ClockBoundClient(path) as client,
        soon(lambda: cb._core.publish(mapping, live_bytes())),  # type: ignore[attr-defined]
    ):
        assert form.synchronized(client, timeout=LONG_S).status is SYNCHRONIZED


def test_wait_synchronized_times_out_with_what_it_saw(form: Form, live: Any) -> None:
    live.publish(clock_status=FREE_RUNNING)
    with pytest.raises(
        cb.WaitTimeoutError,
        match="the clock's status is FREE_RUNNING and its error bound 1000000 ns, with 5 ns asked",
    ) as caught:
        form.synchronized(live.client, max_error_ns=5, timeout=0.1)
    assert caught.value.__cause__ is None


def test_wait_synchronized_times_out_from_the_last_error(form: Form, live: Any) -> None:
    live.publish(bound_ns=-1)
    with pytest.raises(cb.WaitTimeoutError, match="values that no daemon writes") as caught:
        form.synchronized(live.client, timeout=0.1)
    assert isinstance(caught.value.__cause__, cb.SegmentMalformedError)


def test_wait_synchronized_of_a_closed_client_fails_at_once(form: Form, live: Any) -> None:
    live.client.close()
    with pytest.raises(ValueError, match="the client is closed"):
        form.synchronized(live.client)
    with pytest.raises(ValueError, match="the client is closed"):
        form.until_after(live.client, 0)


@pytest.mark.parametrize(
    ("bad", "error", "message"),
    [
        (-1, ValueError, "timeout is -1"),
        (-0.5, ValueError, r"timeout is -0\.5"),
        (float("nan"), ValueError, "timeout is nan"),
        (True, TypeError, r"timeout is a number of seconds or None, not bool \(True\)"),
        ("1", TypeError, "not str"),
        (timedelta(1), TypeError, "not timedelta"),
    ],
)
def test_bad_timeouts_are_refused(
    form: Form, live: Any, bad: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        form.until_after(live.client, 0, timeout=bad)
    with pytest.raises(error, match=message):
        form.synchronized(live.client, timeout=bad)


@pytest.mark.parametrize("timeout", [0, 0.0, 1e-12, 5, 1e300, float("inf"), 10**30, None])
def test_timeouts_of_any_length_are_taken(form: Form, live: Any, timeout: Any) -> None:
    assert form.until_after(live.client, 0, timeout=timeout).status is SYNCHRONIZED


@pytest.mark.parametrize(
    ("timeout", "ns"), [(0, 0), (2, 2 * S), (0.5, S // 2), (1e-12, 1), (1.5e-9, 2), (1e300, int(1e300) * S)]
)
def test_timeouts_are_rounded_up(timeout: float, ns: int) -> None:
    assert cb._instants.timeout_ns(timeout) == ns  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("bad", "error"), [(-1, ValueError), (2**63, ValueError), (1.0, TypeError), (True, TypeError)]
)
def test_bad_limits_are_refused(form: Form, live: Any, bad: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"max_error_ns|out of range"):
        form.synchronized(live.client, max_error_ns=bad)


# ------------------------------------------------------------- interruption


def test_a_signal_does_not_end_a_wait(live: Any) -> None:
    live.publish(bound_ns=200 * MS)
    seen = []
    previous = signal.signal(signal.SIGALRM, lambda *_: seen.append(time.time_ns()))
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
        t = time.time_ns()
        assert live.client.wait_until_after(t, timeout=LONG_S).earliest_ns > t
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert seen


@pytest.mark.parametrize("name", ["wait_until_after", "wait_synchronized"])
def test_ctrl_c_ends_a_wait(live: Any, name: str) -> None:
    live.publish(bound_ns=10_000 * S, clock_status=FREE_RUNNING)
    arguments = (time.time_ns(),) if name == "wait_until_after" else ()
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with soon(lambda: os.kill(os.getpid(), signal.SIGINT)), pytest.raises(KeyboardInterrupt):
            getattr(live.client, name)(*arguments, timeout=LONG_S)
    finally:
        signal.signal(signal.SIGINT, previous)
    assert live.client.now().status is FREE_RUNNING


@pytest.mark.parametrize("name", ["wait_until_after_async", "wait_synchronized_async"])
def test_a_cancelled_wait_leaves_the_client_usable(live: Any, name: str) -> None:
    live.publish(bound_ns=10_000 * S, clock_status=FREE_RUNNING)
    arguments = (time.time_ns(),) if name == "wait_until_after_async" else ()

    async def cancel_in_the_middle() -> None:
        task = asyncio.create_task(getattr(live.client, name)(*arguments, timeout=LONG_S))
        await asyncio.sleep(0.15)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert live.client.now().status is FREE_RUNNING
        live.publish(bound_ns=0)
        await live.client.wait_synchronized_async(timeout=LONG_S)

    asyncio.run(cancel_in_the_middle())


def test_others_run_while_a_wait_waits(live: Any) -> None:
    live.publish(bound_ns=10_000 * S)
    turns = 0

    async def go_on() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0.01)
            turns += 1

    async def both() -> None:
        other = asyncio.create_task(go_on())
        waits = [
            live.client.wait_until_after_async(time.time_ns(), timeout=0.5),
            live.client.wait_until_after_async(time.time_ns(), timeout=0.5),
        ]
        ended = await asyncio.gather(*waits, return_exceptions=True)
        assert [type(error) for error in ended] == [cb.WaitTimeoutError] * 2
        other.cancel()

    asyncio.run(both())
    assert turns >= 3


def test_a_timeout_of_asyncio_works_too(live: Any) -> None:
    live.publish(bound_ns=10_000 * S)

    async def wait() -> None:
        async with asyncio.timeout(0.1):
            await live.client.wait_until_after_async(time.time_ns())

    with pytest.raises(TimeoutError) as caught:
        asyncio.run(wait())
    assert not isinstance(caught.value, cb.WaitTimeoutError)


# ------------------------------------------------------------------- timing


def test_timing_bounds_the_time_that_a_block_took(live: Any) -> None:
    live.publish(bound_ns=10 * MS)
    begin_ns = time.monotonic_ns()
    with live.client.timing() as timing:
        inner_ns = time.monotonic_ns()
        time.sleep(0.1)
        inner_ns = time.monotonic_ns() - inner_ns
    outer_ns = time.monotonic_ns() - begin_ns
    assert timing.shortest_ns == timing.end.earliest_ns - timing.start.latest_ns
    assert timing.longest_ns == timing.end.latest_ns - timing.start.earliest_ns
    # The ends of the block are each known to 10 ms on either side; NTP slews the clock by less than 1 part in 8.
    assert timing.shortest_ns <= outer_ns * 9 // 8 - 20 * MS
    assert timing.longest_ns >= inner_ns * 7 // 8 + 20 * MS


def test_a_block_never_took_less_than_nothing(live: Any) -> None:
    live.publish(bound_ns=1000 * S)
    with live.client.timing() as timing:
        pass
    assert timing.shortest_ns == 0
    assert timing.longest_ns >= 2000 * S


def test_timing_has_no_end_before_the_end(live: Any) -> None:
    timing = live.client.timing()
    with pytest.raises(ValueError, match="hasn't begun"):
        assert timing.start
    with timing as entered:
        assert entered is timing
        assert timing.start.status is SYNCHRONIZED
        for name in ("end", "shortest_ns", "longest_ns"):
            with pytest.raises(ValueError, match="hasn't ended"):
                getattr(timing, name)
    assert isinstance(timing, cb.Timing)
    assert repr(timing) == f"<Timing start={timing.start!r} end={timing.end!r}>"


def test_timing_ends_where_the_block_raises(live: Any) -> None:
    with pytest.raises(KeyError), live.client.timing() as timing:
        raise KeyError
    assert timing.longest_ns >= 0


def test_an_error_at_the_end_does_not_disturb_the_block(live: Any) -> None:
    with live.client.timing() as timing:
        live.publish(bound_ns=-1)
    for name in ("end", "shortest_ns", "longest_ns"):
        with pytest.raises(cb.SegmentMalformedError):
            getattr(timing, name)
    live.publish()
    with live.client.timing() as timing:
        live.client.close()
    with pytest.raises(ValueError, match="the client is closed"):
        assert timing.end


def test_an_error_at_the_start_prevents_the_block(live: Any) -> None:
    live.publish(bound_ns=-1)
    with pytest.raises(cb.SegmentMalformedError), live.client.timing():
        pytest.fail("the block was entered")


@pytest.mark.parametrize("statuses", [(UNKNOWN, SYNCHRONIZED), (SYNCHRONIZED, DISRUPTED)])
def test_timing_fails_closed(live: Any, statuses: tuple[ClockStatus, ClockStatus]) -> None:
    live.publish(clock_status=statuses[0])
    with live.client.timing() as timing:
        live.publish(clock_status=statuses[1])
    assert (timing.start.status, timing.end.status) == statuses
    for name in ("shortest_ns", "longest_ns"):
        with pytest.raises(cb.ClockNotTrustedError):
            getattr(timing, name)


def test_waits_leave_no_garbage(live: Any) -> None:
    live.publish()
    gc.collect()
    live.client.wait_synchronized(timeout=0)
    live.client.wait_until_after(0)
    with live.client.timing():
        pass
    assert gc.collect() == 0
