"""Whether somebody stepped the system clock.

CLOCK_REALTIME and CLOCK_MONOTONIC count the same ticks and are slewed alike, so that the offset between them stays the
same to the nanosecond until somebody sets the clock, a leap second is inserted or the machine wakes from suspension.
Their coarse clocks have the same offset and stand still between two ticks.
"""

from __future__ import annotations

from collections.abc import Callable

#: A tick can fall into one look or two, but not into so many.
ATTEMPTS = range(10)


def offset_ns(realtime_coarse_ns: Callable[[], int], monotonic_coarse_ns: Callable[[], int]) -> int | None:
    """CLOCK_REALTIME - CLOCK_MONOTONIC, exactly; None if there was a tick within every one of the looks.

    A tick between the two readings would be taken for a step. It changes the real-time clock too, which is
    therefore read before and after the other.
    """
    for _ in ATTEMPTS:
        before_ns = realtime_coarse_ns()
        monotonic_ns = monotonic_coarse_ns()
        if realtime_coarse_ns() == before_ns:
            return before_ns - monotonic_ns
    return None
