"""Prints the interval that contains true time."""

from clockbound_client import ClockBoundClient, ClockStatus

RELIABLE = (ClockStatus.SYNCHRONIZED, ClockStatus.FREE_RUNNING)

with ClockBoundClient() as clock:
    now = clock.now()

if now.status in RELIABLE:
    print(f"true time lies between {now.earliest_ns}")
    print(f"                   and {now.latest_ns} ns since 1970")
    print(f"a window of {now.width_ns} ns; the clock is {now.status.name}")
else:
    print(f"the clock can't be relied on now: {now.status.name}")
