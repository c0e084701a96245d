"""Which of two events came first, if that can be known."""

from clockbound_client import ClockBoundClient, ClockStatus, Interval

RELIABLE = (ClockStatus.SYNCHRONIZED, ClockStatus.FREE_RUNNING)


def stamp(clock: ClockBoundClient) -> Interval:
    """A timestamp that can be compared with those of other machines."""
    now = clock.now()
    if now.status not in RELIABLE:
        raise RuntimeError(f"{clock.path}: can't be relied on now: {now.status.name}")
    return now


def happened_before(a: Interval, b: Interval) -> bool:
    """Whether a certainly came before b; False also where nobody can know."""
    return a.latest_ns < b.earliest_ns
