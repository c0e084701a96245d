"""What to do about each error."""

import errno

from clockbound_client import (
    ClockBoundClient,
    ClockBoundError,
    ClockBoundSyscallError,
    SegmentNotInitializedError,
)


def width_or_reason(path: str) -> str:
    try:
        with ClockBoundClient(path) as clock:
            return f"{clock.now().width_ns} ns"
    except ClockBoundSyscallError as error:  # an OSError too
        if error.errno == errno.ENOENT:
            return "no segment: is the daemon running?"
        raise
    except SegmentNotInitializedError:
        return "not a segment, or never written"
    except ClockBoundError as error:  # every other kind
        return f"{error.kind.name}: {error}"
