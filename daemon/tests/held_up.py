"""How long the machine was busy with other things, so that nobody blames the daemon for it."""

from __future__ import annotations

import contextlib
import os
import select
import time
from pathlib import Path

#: Who looks that often was held up itself where more time passed between two looks: it doesn't count.
LOOK_INTERVAL_S = 0.002
LONGEST_LOOK_NS = 20_000_000


def held_up_ns(pid: int) -> int:
    """The time for which process `pid` could have run, and others ran, since its start; 0 where it has ended."""
    try:
        # time on a processor (ns), time in a queue for one (ns), how often it was given one
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[1])
    except OSError:
        return 0


class FairTime:
    """Time that passes for those that can run: for this process, which has to `look` all the while, and for `pid`."""

    def __init__(self, pid: int) -> None:
        self.begin(pid)

    def begin(self, pid: int) -> None:
        """Count from 0."""
        self._pid, self._held_up_ns = pid, held_up_ns(pid)
        self._passed_ns, self._looked_ns = 0, time.monotonic_ns()

    def look(self) -> int:
        """The nanoseconds so far."""
        now_ns = time.monotonic_ns()
        self._passed_ns += min(now_ns - self._looked_ns, LONGEST_LOOK_NS)
        self._looked_ns = now_ns
        return max(0, self._passed_ns - max(0, held_up_ns(self._pid) - self._held_up_ns))


class Writer:
    """Who publishes in a run directory, and whether it lives."""

    def __init__(self, run_dir: Path) -> None:
        self._lock = run_dir / "clockbound.lock"
        self._pid = 0
        self._process = -1

    def pid(self) -> int | None:
        """The process that took the directory last; None where it is dead, or where nobody did."""
        # Without a number in it, it is being taken, or was removed: then whoever had it is still there.
        with contextlib.suppress(OSError, ValueError):
            self._follow(int(self._lock.read_text()))
        # A process's descriptor is readable from its end on, whoever gets its number after it.
        if self._process < 0 or select.select([self._process], [], [], 0)[0]:
            return None
        return self._pid

    def _follow(self, pid: int) -> None:
        if pid == self._pid:
            return
        if self._process >= 0:
            os.close(self._process)
        self._pid, self._process = pid, -1
        with contextlib.suppress(ProcessLookupError):
            self._process = os.pidfd_open(pid)


class GapWatch:
    """The longest time in which a living daemon published nothing, seen by one who looks all the while."""

    def __init__(self) -> None:
        self._pid: int | None = None
        self._generation: int | None = None
        self._begun_ns: int | None = None
        self._time = FairTime(os.getpid())
        #: Time that passed for those that can run, since a publish of the same daemon or since it took the directory.
        self.longest_ns = 0
        #: The same by the clock, with all that held up the daemon or the watch.
        self.longest_by_clock_ns = 0
        #: The longest time by the clock in which none had the directory.
        self.longest_dead_ns = 0
        self.changes_count = 0

    def look(self, generation: int | None, pid: int | None) -> None:
        """This is the generation now, and that the daemon that lives; None if none does."""
        now_ns = time.monotonic_ns()
        if self._begun_ns is None:
            self._begun_ns = now_ns
        elif self._pid is None:
            self.longest_dead_ns = max(self.longest_dead_ns, now_ns - self._begun_ns)
        else:
            self.longest_ns = max(self.longest_ns, self._time.look())
            self.longest_by_clock_ns = max(self.longest_by_clock_ns, now_ns - self._begun_ns)
        changed, self._generation = generation != self._generation, generation
        self.changes_count += changed
        # Nobody publishes in a dead daemon's place, whatever a test writes there.
        if pid != self._pid or (changed and pid is not None):
            self._pid, self._begun_ns = pid, now_ns
            self._time.begin(os.getpid() if pid is None else pid)
