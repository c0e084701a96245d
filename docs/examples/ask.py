"""Asks what programs want to know of a time: has it passed?"""

from datetime import UTC, datetime, timedelta

from clockbound_client import ClockBoundClient

with ClockBoundClient() as clock:
    deadline = datetime.now(UTC) + timedelta(seconds=30)
    if clock.before(deadline):
        print("it is certainly not too late")
    if not clock.after(deadline):
        print("it has not certainly passed")

    stamp = clock.now(max_error_ns=10_000_000)  # an exception, if the clock may be wrong by more than 10 ms
    clock.wait_until_after(stamp, timeout=5)
    print("whatever happens from here on, on whatever host, comes after the stamp")
