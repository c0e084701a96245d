"""The daemon with a system clock that a file can step: `python stepped_daemon.py FILE OPTION...`

The file holds the nanoseconds by which the daemon is to see CLOCK_REALTIME stepped; nobody else sees that. Its
chronyd is told as much by a correction of the same size, if the test so wishes.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from clockbound_daemon import __main__ as daemon
from clockbound_daemon.service import SystemClock

STEP = Path(sys.argv[1])


class SteppedClock(SystemClock):
    """A clock that was stepped by what the file says."""

    @staticmethod
    def _step_ns() -> int:
        return int(STEP.read_text() or "0")

    def realtime_ns(self) -> int:  # type: ignore[override]
        return time.time_ns() + self._step_ns()

    def realtime_coarse_ns(self) -> int:  # type: ignore[override]
        return SystemClock.realtime_coarse_ns() + self._step_ns()


daemon.SystemClock = SteppedClock  # type: ignore[misc]
sys.exit(daemon.main(sys.argv[2:]))
