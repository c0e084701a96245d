"""How long the machine was busy with other things, so that nobody blames the daemon for it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
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


class GapWatch:
    """The longest time in which nobody published, seen by one who looks at the generation all the while."""

    def __init__(self, pid: int, generation: int | None) -> None:
        self._generation = generation
        self._time = FairTime(pid)
        self.longest_ns = 0
        self.changes_count = 0

    def look(self, generation: int | None, writer: Callable[[], int]) -> None:
        """This is the generation now, and that says which process publishes."""
        self.longest_ns = max(self.longest_ns, self._time.look())
        if generation != self._generation:
            self._generation = generation
            self._time.begin(writer())
            self.changes_count += 1


def writer_of(run_dir: Path) -> int:
    """The process that publishes in `run_dir`; this one where there is none."""
    try:
        return int((run_dir / "clockbound.lock").read_text())
    except (OSError, ValueError):
        return os.getpid()
