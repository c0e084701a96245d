"""Which of two events on two hosts came first, if that can be known."""

import json

from clockbound_client import ClockBoundClient, Interval

MAX_ERROR_NS = 10_000_000


def stamp(clock: ClockBoundClient) -> str:
    """The time of an event, to be sent along with it; an exception where the clock isn't good enough."""
    now = clock.now(max_error_ns=MAX_ERROR_NS)
    return json.dumps([now.earliest_ns, now.latest_ns, now.status])


def received(text: str) -> Interval:
    return Interval(*json.loads(text))


def first(a: Interval, b: Interval) -> Interval | None:
    """The one that came first; None where nobody can know."""
    if a.certainly_before(b):
        return a
    if b.certainly_before(a):
        return b
    return None
