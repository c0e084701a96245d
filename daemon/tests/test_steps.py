"""Telling a step of the clock from a tick."""

from __future__ import annotations

from collections.abc import Callable

from clockbound_daemon import steps
from clockbound_daemon.service import SystemClock
from hypothesis import given
from hypothesis import strategies as st

TICK_NS = 4_000_000
OFFSET_NS = 1_699_999_000_123_456_789


def readings(*values_ns: int) -> Callable[[], int]:
    iterator = iter(values_ns)
    return lambda: next(iterator)


def test_the_offset_is_the_difference_of_two_readings_without_a_tick() -> None:
    realtime_ns = readings(OFFSET_NS + 5 * TICK_NS, OFFSET_NS + 5 * TICK_NS)
    assert steps.offset_ns(realtime_ns, readings(5 * TICK_NS)) == OFFSET_NS


def test_a_tick_between_the_readings_is_not_a_step() -> None:
    # real-time, monotonic, real-time: with a tick before or after the second, and then without one
    for second_ns in (5 * TICK_NS, 6 * TICK_NS):
        realtime_ns = readings(
            OFFSET_NS + 5 * TICK_NS, OFFSET_NS + 6 * TICK_NS, OFFSET_NS + 6 * TICK_NS, OFFSET_NS + 6 * TICK_NS
        )
        assert steps.offset_ns(realtime_ns, readings(second_ns, 6 * TICK_NS)) == OFFSET_NS


def test_with_a_tick_between_all_readings_nothing_is_said() -> None:
    ticks = iter(range(1000))
    asked = []

    def realtime_ns() -> int:
        asked.append(1)
        return OFFSET_NS + next(ticks) * TICK_NS

    assert steps.offset_ns(realtime_ns, lambda: next(ticks) * TICK_NS) is None
    assert len(asked) == 20


@given(st.lists(st.integers(0, 3), max_size=40), st.integers(-(10**10), 10**10))
def test_whatever_ticks_there_are_the_offset_is_right_or_none(ticks: list[int], step_ns: int) -> None:
    remaining = list(ticks)
    now_ns = 0

    def monotonic_ns() -> int:
        nonlocal now_ns
        now_ns += TICK_NS * (remaining.pop() if remaining else 0)
        return now_ns

    def realtime_ns() -> int:
        return monotonic_ns() + OFFSET_NS + step_ns

    assert steps.offset_ns(realtime_ns, monotonic_ns) in (OFFSET_NS + step_ns, None)


def test_the_offset_of_this_machine_stays_the_same_to_the_nanosecond() -> None:
    # What finding steps rests on. It fails where somebody steps this machine's clock while it runs.
    clock = SystemClock()
    seen = {steps.offset_ns(clock.realtime_coarse_ns, clock.monotonic_coarse_ns) for _ in range(20_000)}
    assert len(seen - {None}) == 1
    assert None not in seen


def test_the_suspensions_of_this_machine_are_known_to_a_hundredth_of_a_second() -> None:
    clock = SystemClock()
    seen_ns = [clock.suspended_ns() for _ in range(100)]
    assert sorted(seen_ns)[50] > -1_000_000  # the clocks are read one after the other
    assert sorted(seen_ns)[50] - min(seen_ns) < 10_000_000
