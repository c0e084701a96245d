"""The daemon in a time that doesn't wait: `python accelerated_daemon.py FILE OPTION...`

Whenever it would wait for nothing but time, its clocks jump to the end of the wait. FILE holds the nanoseconds, int64,
by which they are ahead of the machine's, so that its chronyd can be ahead too.
"""

from __future__ import annotations

import mmap
import select
import struct
import sys
import time
from pathlib import Path

from clockbound_daemon import __main__ as daemon
from clockbound_daemon import service
from clockbound_daemon.service import SystemClock

#: An answer is waited for as long, in the machine's time.
PATIENCE_MS = 5

with Path(sys.argv[1]).open("r+b") as file:
    _ahead = mmap.mmap(file.fileno(), 8)


def ahead_ns() -> int:
    number: int
    (number,) = struct.unpack("=q", _ahead[:8])
    return number


class AcceleratedClock(SystemClock):
    """The machine's clocks, so much ahead."""

    def realtime_ns(self) -> int:  # type: ignore[override]
        return time.time_ns() + ahead_ns()

    def monotonic_ns(self) -> int:  # type: ignore[override]
        return time.monotonic_ns() + ahead_ns()

    def monotonic_coarse_ns(self) -> int:  # type: ignore[override]
        return SystemClock.monotonic_coarse_ns() + ahead_ns()

    def realtime_coarse_ns(self) -> int:  # type: ignore[override]
        return SystemClock.realtime_coarse_ns() + ahead_ns()


class AcceleratedPoll:
    """Waits for descriptors; for time it doesn't."""

    def __init__(self, *descriptors: int) -> None:
        self._poll = select.poll()
        for descriptor in descriptors:
            if descriptor >= 0:
                self._poll.register(descriptor, select.POLLIN)
        self._is_answer_expected = descriptors[1] >= 0

    def poll(self, wait_ms: int) -> list[tuple[int, int]]:
        found = self._poll.poll(min(wait_ms, PATIENCE_MS if self._is_answer_expected else 0))
        if not found:
            # In one piece: a reader of it that sees half would see a step.
            _ahead[:8] = struct.pack("=q", ahead_ns() + wait_ms * 1_000_000)
        return found


daemon.SystemClock = AcceleratedClock  # type: ignore[misc]
service._poll = AcceleratedPoll  # type: ignore[assignment]
sys.exit(daemon.main(sys.argv[2:]))
