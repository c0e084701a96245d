"""Error-bounded time: the interval that contains true time, and how far it can be relied on.

    with ClockBoundClient() as clock:
        now = clock.now()
        if now.status in (ClockStatus.SYNCHRONIZED, ClockStatus.FREE_RUNNING):
            ...  # true time lies between now.earliest_ns and now.latest_ns

If `a.latest_ns < b.earliest_ns`, a happened before b, on whatever hosts the two were taken.

There are two implementations that answer alike: a compiled one, and one in Python for x86-64
machines that can't have it. The environment variable CLOCKBOUND_IMPLEMENTATION chooses: `auto` (the
default; the compiled one if it is there), `c` or `python`. `implementation` says which it is.

For pytest, which finds a fixture with this package: PYTEST_DONT_REWRITE
"""

from __future__ import annotations

import os

from clockbound_client._client import Timing
from clockbound_client._errors import (
    CausalityBreachError,
    ClockBoundError,
    ClockBoundSyscallError,
    ClockNotTrustedError,
    ErrorBoundTooLargeError,
    SegmentMalformedError,
    SegmentNotInitializedError,
    SegmentVersionNotSupportedError,
    TaiOffsetUnknownError,
    WaitTimeoutError,
)
from clockbound_client._layout import VERSION as __version__
from clockbound_client._layout import ClockStatus, ErrorKind

# Type checkers take this name for typing.TYPE_CHECKING, whose import would cost more than all the rest.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from clockbound_client._core import ClockBoundClient, Interval, TaiInterval

    implementation: str
else:
    _wanted = os.environ.get("CLOCKBOUND_IMPLEMENTATION", "auto")
    if _wanted not in ("auto", "c", "python"):
        raise ImportError(f"CLOCKBOUND_IMPLEMENTATION is {_wanted!r}; set it to auto, c or python")
    try:
        if _wanted == "python":
            raise ImportError
        from clockbound_client._core import ClockBoundClient, Interval, TaiInterval

        #: "c" or "python": which implementation this process uses.
        implementation = "c"
    except ImportError:
        if _wanted == "c":
            raise
        from clockbound_client._interval import Interval, TaiInterval
        from clockbound_client._pure import ClockBoundClient

        implementation = "python"

__all__ = [
    "CausalityBreachError",
    "ClockBoundClient",
    "ClockBoundError",
    "ClockBoundSyscallError",
    "ClockNotTrustedError",
    "ClockStatus",
    "ErrorBoundTooLargeError",
    "ErrorKind",
    "Interval",
    "SegmentMalformedError",
    "SegmentNotInitializedError",
    "SegmentVersionNotSupportedError",
    "TaiInterval",
    "TaiOffsetUnknownError",
    "Timing",
    "WaitTimeoutError",
    "__version__",
    "implementation",
]
