"""Whether anything leaks: memory before and after many calls of everything, in both implementations.

    python clients/python/tests/leaks.py [--calls N]

Prints a table of blocks and bytes gained. Exits with status 1 where it grows with the calls.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import copy
import gc
import mmap
import os
import pickle
import sys
import sysconfig
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import clockbound_client as cb
from clockbound_client import _core, _interval, _layout
from clockbound_client._layout import NANOSECONDS_PER_SECOND, SegmentRecord

#: Growth that doesn't depend on the calls: caches, and the allocator's arenas.
SPARE_BLOCKS = 200
SPARE_KIB = 512
FREE_THREADED = bool(sysconfig.get_config_var("Py_GIL_DISABLED"))


def rss_kib() -> int:
    """Memory of its own that this process has in use."""
    # Not VmRSS of /proc/self/status: the kernel adds that up in pieces, one a processor, and may be hundreds of KiB off.
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Anonymous:"):
            return int(line.split()[1])
    raise SystemExit("/proc/self/smaps_rollup: has no Anonymous line")


def segment(**changes: Any) -> bytes:
    """A segment of this moment."""
    now_ns = time.monotonic_ns()
    record = SegmentRecord(
        generation=2,
        as_of_sec=now_ns // NANOSECONDS_PER_SECOND,
        as_of_nsec=now_ns % NANOSECONDS_PER_SECOND,
        void_after_sec=now_ns // NANOSECONDS_PER_SECOND + 1000,
        bound_ns=1_000_000,
        clock_status=cb.ClockStatus.SYNCHRONIZED,
    )
    return _layout.pack_segment_v2(record._replace(**changes))


def keep_fresh(mapping: mmap.mmap) -> None:
    """What the daemon does, until this process ends."""
    while True:
        _core.publish(mapping, segment())
        time.sleep(1)


def refused(function: Callable[..., object], *arguments: Any, **options: Any) -> Callable[[], None]:
    """Calls what raises."""

    def call() -> None:
        with contextlib.suppress(cb.ClockBoundError, ValueError, TypeError, OverflowError, StopIteration):
            function(*arguments, **options)

    return call


def actions(module: Any, intervals: Any, folder: Path) -> dict[str, Callable[[], object]]:
    """Everything that can be done with an implementation, once."""
    path, broken_path, unknown_path = folder / "good", folder / "broken", folder / "unknown"
    path.write_bytes(segment())
    broken_path.write_bytes(segment(bound_ns=-1))
    unknown_path.write_bytes(segment(clock_status=0))
    client, broken, unknown = (module.ClockBoundClient(at) for at in (path, broken_path, unknown_path))
    closed = module.ClockBoundClient(path)
    closed.close()
    with path.open("r+b") as file:
        mapping = mmap.mmap(file.fileno(), 0)
    threading.Thread(target=keep_fresh, args=(mapping,), daemon=True).start()
    content = segment()
    other = bytearray(content)
    interval, tai = intervals.Interval(10, 20, 1), intervals.TaiInterval(10, 20, 1)
    moment = datetime.now(UTC)

    def timed() -> object:
        with client.timing() as timing:
            pass
        return timing.shortest_ns, timing.longest_ns, repr(timing)

    async def waited() -> None:
        for _ in range(100):
            await client.wait_until_after_async(0)

    loop = asyncio.new_event_loop()
    return {
        "now": client.now,
        "now within": lambda: client.now(max_error_ns=10**12),
        "now too wide": refused(client.now, max_error_ns=0),
        "now of a broken segment": refused(broken.now),
        "now of a closed client": refused(closed.now),
        "now with bad arguments": refused(client.now, 1, max_error=1),
        "now_at": lambda: client.now_at(10**18, time.monotonic_ns() + NANOSECONDS_PER_SECOND),
        "now_at of bad readings": refused(client.now_at, 1.5, 2**64),
        "now_tai": refused(client.now_tai),
        "before": lambda: client.before(10**18),
        "before a datetime": lambda: client.before(moment),
        "before an interval": lambda: client.before(interval),
        "before nonsense": refused(client.before, "x"),
        "before, out of range": refused(client.before, 2**63),
        "after": lambda: client.after(10**18),
        "after, untrusted": refused(unknown.after, 0),
        "wait_until_after": lambda: client.wait_until_after(0),
        "wait_until_after, untrusted": refused(unknown.wait_until_after, 0),
        "wait_until_after, too late": refused(client.wait_until_after, 2**62, timeout=0),
        "wait_synchronized": client.wait_synchronized,
        "wait_synchronized, broken": refused(broken.wait_synchronized, timeout=0),
        "waits in asyncio, 100": lambda: loop.run_until_complete(waited()),
        "timing": timed,
        "open and close": lambda: module.ClockBoundClient(path).close(),
        "open and drop": lambda: module.ClockBoundClient(path),
        "open nothing": refused(module.ClockBoundClient, folder / "nothing"),
        "open nonsense": refused(module.ClockBoundClient, b"nonsense", 5),
        "enter and leave": lambda: client.__enter__(),
        "repr": lambda: (repr(client), repr(interval), repr(tai)),
        "path": lambda: client.path,
        "Interval": lambda: intervals.Interval(1, 2, 1),
        "TaiInterval": lambda: intervals.TaiInterval(1, 2, 1),
        "no Interval": refused(intervals.Interval, 2, 1, 1),
        "no Interval either": refused(intervals.Interval, 1, 2, 9),
        "fields": lambda: (
            interval.earliest_ns,
            interval.latest_ns,
            interval.status,
            interval.width_ns,
            interval.error_bound_ns,
            interval.midpoint_ns,
        ),
        "datetimes": lambda: (interval.earliest, interval.latest),
        "contains": lambda: (interval.contains(15), interval.contains(moment), tai.contains(15)),
        "overlaps": lambda: (interval.overlaps(interval), interval.certainly_before(interval)),
        "overlaps nonsense": refused(interval.overlaps, tai),
        "equality and hash": lambda: (interval == tai, interval == interval, hash(interval)),  # noqa: PLR0124
        "pickle": lambda: pickle.loads(pickle.dumps(interval)),
        "copy": lambda: (copy.copy(interval), copy.deepcopy(tai)),
        "publish": lambda: _core.publish(other, content),
        "publish record": lambda: _core.publish_record(other, _layout.unpack_segment_v2(content)),
        "publish nonsense": refused(_core.publish_record, other, (2**64,) * 10),
    }


def growth(action: Callable[[], object], calls_count: int) -> tuple[int, int]:
    """Blocks and KiB that so many calls gained."""
    for _ in range(calls_count // 10 + 10):
        action()
    gc.collect()
    blocks, kib = sys.getallocatedblocks(), rss_kib()
    for _ in range(calls_count):
        action()
    gc.collect()
    return sys.getallocatedblocks() - blocks, rss_kib() - kib


def main() -> int:
    """Measure and print; 0 if nothing leaks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=1_000_000, help="calls of each (default: 1000000)")
    given = parser.parse_args()
    leaking = False
    begin_kib = rss_kib()
    implementations: list[tuple[str, Any, Any]] = [("c", _core, _core)]
    if os.uname().machine == "x86_64":  # elsewhere importing the pure one fails
        from clockbound_client import _pure

        implementations.append(("python", _pure, _interval))
    for name, module, intervals in implementations:
        with tempfile.TemporaryDirectory() as folder:
            for what, action in actions(module, intervals, Path(folder)).items():
                calls_count = max(1, given.calls // 100) if what.endswith("100") else given.calls
                blocks, kib = growth(action, calls_count)
                if FREE_THREADED:
                    # It frees memory late, and some blocks never while other threads run: what is lost in every other
                    # call still shows.
                    leaks = blocks > SPARE_BLOCKS + calls_count // 2
                else:
                    leaks = blocks > SPARE_BLOCKS or kib > SPARE_KIB
                leaking |= leaks
                print(
                    f"{name:8}{what:32}{calls_count:9} calls {blocks:+8} blocks {kib:+7} KiB"
                    f"{'  LEAK' if leaks else ''}",
                    flush=True,
                )
    print(f"resident memory {begin_kib} KiB at the start, {rss_kib()} KiB at the end")
    return 1 if leaking else 0


if __name__ == "__main__":
    sys.exit(main())
