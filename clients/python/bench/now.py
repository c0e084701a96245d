"""What the client costs, as ratios to time.time_ns() of the same interpreter in the same run.

    python clients/python/bench/now.py [--rounds N] [--calls N]

Ratios, because absolute times say more about the machine than about the client. Each round measures everything once, in
turn, so that whatever else the machine does hits all alike; medians over the rounds. What is measured is CPU time, so
that other programs don't count; but calls of two threads are counted by wall time, and need a quiet machine. The segment
is a real one in a temporary folder, published anew in each round by the daemon's own primitive. Exits with status 1 when
a goal is missed.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import threading
import time
import timeit
from contextlib import ExitStack
from typing import Any

from clockbound_client import _core
from clockbound_client.testing import ManualSegment

try:
    from clockbound_client import _pure
except ImportError:  # on this processor there is none
    _pure = None  # type: ignore[assignment]

UNROLLED_COUNT = 10  # calls a turn of the loop, whose own cost would bring all ratios nearer to 1
THREADS_S = 0.1

BASE = "time.time_ns()"
#: What is measured, and the goal for its ratio, if it has one.
STATEMENTS: dict[str, float | None] = {
    BASE: None,
    "clock.now()": 1.10,
    "now = clock.now(); now.earliest_ns; now.latest_ns; now.status": 2.4,
    "clock.before(t)": 1.2,
    "clock.after(t)": None,
    "clock.now(max_error_ns=1_000_000_000)": None,
    "pure.now()": 13.0,
    "pure.before(t)": None,
}
THREADS_GOAL = 0.95


class Counting(threading.Thread):
    """Calls a function until it is told to stop, and counts the calls."""

    def __init__(self, function: Any, stop: threading.Event) -> None:
        super().__init__()
        self.function = function
        self.stop = stop
        self.calls_count = 0

    def run(self) -> None:
        function, stopped, calls_count = self.function, self.stop.is_set, 0
        while not stopped():
            for _ in range(100):
                function()
            calls_count += 100
        self.calls_count = calls_count


def calls_count(function: Any, threads_count: int) -> int:
    """Calls that so many threads make together in THREADS_S."""
    stop = threading.Event()
    threads = [Counting(function, stop) for _ in range(threads_count)]
    for thread in threads:
        thread.start()
    time.sleep(THREADS_S)
    stop.set()
    for thread in threads:
        thread.join()
    return sum(thread.calls_count for thread in threads)


def main() -> int:
    """Measure and print; 0 if all goals are met."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=51, help="rounds to take the median of (default: 51)")
    parser.add_argument("--calls", type=int, default=20_000, help="calls a round (default: 20000)")
    given = parser.parse_args()
    if given.rounds < 1 or given.calls < UNROLLED_COUNT:
        parser.error(f"--rounds is at least 1, --calls at least {UNROLLED_COUNT}")
    turns_count = given.calls // UNROLLED_COUNT
    goals = {name: goal for name, goal in STATEMENTS.items() if _pure or not name.startswith("pure.")}

    with ManualSegment() as segment, ExitStack() as clients:
        clock = clients.enter_context(_core.ClockBoundClient(segment.path))
        pure = clients.enter_context(_pure.ClockBoundClient(segment.path)) if _pure else None
        names = {"_clock": clock, "_pure": pure}
        timers = {
            statement: timeit.Timer(
                "\n".join([statement] * UNROLLED_COUNT),
                "import time\nclock, pure, t = _clock, _pure, 1_700_000_000_000_000_000",
                timer=time.thread_time,
                globals=names,
            )
            for statement in goals
        }
        taken_ns: dict[str, list[float]] = {statement: [] for statement in goals}
        ratios: dict[str, list[float]] = {statement: [] for statement in goals}
        threads_ratios: dict[str, list[float]] = {BASE: [], "clock.now()": []}
        for _ in range(given.rounds):
            segment.publish()
            for statement, timer in timers.items():
                taken_ns[statement].append(timer.timeit(turns_count) * 1e9 / turns_count / UNROLLED_COUNT)
                ratios[statement].append(taken_ns[statement][-1] / taken_ns[BASE][-1])
        for _ in range(max(5, given.rounds // 5)):
            segment.publish()
            for statement, function in ((BASE, time.time_ns), ("clock.now()", clock.now)):
                one = calls_count(function, 1)
                threads_ratios[statement].append(calls_count(function, 2) / one)

    print(f"Python {sys.version}\n")
    missed = False
    for statement, goal in goals.items():
        ratio = statistics.median(ratios[statement])
        missed |= goal is not None and ratio > goal
        aim = "" if goal is None else f"  (goal <= {goal})"
        print(f"{statement:64} {statistics.median(taken_ns[statement]):8.1f} ns  ratio {ratio:6.2f}{aim}")
    for statement, values in threads_ratios.items():
        print(f"{statement:64} calls by 2 threads, to 1 thread's: {statistics.median(values):.2f}", end="")
        print("" if statement == BASE else f"  (goal >= {THREADS_GOAL})")
    if not _pure:
        print("no pure implementation on this processor: it was not measured")
    missed |= statistics.median(threads_ratios["clock.now()"]) < THREADS_GOAL
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
