"""What the daemon costs, as ratios to bare Python in the same run, on a real chronyd.

    python daemon/bench/cycle.py [--starts N] [--seconds N]

Ratios, because absolute times say more about the machine than about the daemon. Exits with status 1 when a goal is
missed.
"""

from __future__ import annotations

import argparse
import os
import socket
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from clockbound_conformance.lab import ServerAndClient
from clockbound_daemon._layout import SEGMENT_V2_NAME, ClockStatus, SegmentRecord, unpack_segment_v2

START_RATIO_GOAL = 3.0
RSS_RATIO_GOAL = 1.6
RSS_WITH_METRICS_RATIO_GOAL = 2.8
CYCLE_CPU_GOAL_US = 250
TIMEOUT_S = 10.0
SETTLE_S = 3.0
#: CPython adapts a function to what it does after eight calls, which at 1 Hz takes a while.
WARM_UP_S = 15.0
#: CPU time is taken by windows, of which the median counts: what the host takes away from a virtual machine counts as the
#: time of the process that it hits. Not shorter, because whoever looks warms the caches.
WINDOW_S = 5
SCRAPES_COUNT = 100
LOOK_INTERVAL_S = 0.0002

BARE = [sys.executable, "-c", "pass"]
DAEMON = [str(Path(sysconfig.get_path("scripts")) / "clockbound"), "--max-drift-rate", "50"]


def bare_start_ns() -> int:
    """Wall time of an interpreter that does nothing."""
    begun_ns = time.monotonic_ns()
    subprocess.run(BARE, check=True)
    return time.monotonic_ns() - begun_ns


@contextmanager
def daemon(chronyd_socket: Path, run_dir: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """A running daemon."""
    command = [*DAEMON, "--run-dir", run_dir, "--chronyd-socket", str(chronyd_socket), *options]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.terminate()


def first(run_dir: str, status: ClockStatus | None) -> SegmentRecord:
    """The first record, or the first of `status`, looked for so often that it adds little, and no oftener: a
    loop without sleep would take from the daemon the processor that bare Python has for itself."""
    deadline_s = time.monotonic() + TIMEOUT_S
    path = Path(run_dir) / SEGMENT_V2_NAME
    while time.monotonic() < deadline_s:
        try:
            record = unpack_segment_v2(path.read_bytes())
            if status is None or record.clock_status == status:
                return record
        except FileNotFoundError:
            pass
        time.sleep(LOOK_INTERVAL_S)
    raise SystemExit(f"{path}: the daemon published nothing within {TIMEOUT_S} s")


def daemon_start_ns(chronyd_socket: Path) -> tuple[int, int]:
    """Wall time to the first publish, and to the first synchronised one."""
    with tempfile.TemporaryDirectory() as run_dir:
        begun_ns = time.monotonic_ns()
        with daemon(chronyd_socket, run_dir):
            first(run_dir, None)
            published_ns = time.monotonic_ns() - begun_ns
            first(run_dir, ClockStatus.SYNCHRONIZED)
            return published_ns, time.monotonic_ns() - begun_ns


def rss_kib(pid: int) -> int:
    """Memory that the process has in use."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise SystemExit(f"/proc/{pid}/status: has no VmRSS line")


def bare_rss_kib() -> int:
    """Memory of an interpreter that does nothing but wait."""
    waiting = [sys.executable, "-c", "import os; os.write(1, b'.'); os.read(0, 1)"]
    with subprocess.Popen(waiting, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.read(1)
        used_kib = rss_kib(process.pid)
        process.communicate(b".")
    return used_kib


def bare_wake_us(seconds: int) -> float:
    """CPU time of a Python process that only wakes up once a second: what no cycle can cost less than."""
    sleeping = [sys.executable, "-c", "import select\npoll = select.poll()\nwhile True: poll.poll(1000)"]
    with subprocess.Popen(sleeping) as process:
        time.sleep(SETTLE_S)
        before_ns = cpu_ns(process.pid)
        time.sleep(seconds)
        used_ns = cpu_ns(process.pid) - before_ns
        process.kill()
    return used_ns / seconds / 1000


def cpu_ns(pid: int) -> int:
    """CPU time of the process so far, to the nanosecond (the clock of its first thread)."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0])


def steady(chronyd_socket: Path, seconds: int) -> tuple[int, list[float]]:
    """Memory in KiB, and CPU time in microseconds a cycle, at one poll a second, in windows one after the other."""
    with tempfile.TemporaryDirectory() as run_dir, daemon(chronyd_socket, run_dir) as process:
        first(run_dir, ClockStatus.SYNCHRONIZED)
        time.sleep(WARM_UP_S)
        windows_us = []
        generation, before_ns = first(run_dir, None).generation, cpu_ns(process.pid)
        for _ in range(max(1, seconds // WINDOW_S)):
            time.sleep(WINDOW_S)
            now_generation, now_ns = first(run_dir, None).generation, cpu_ns(process.pid)
            windows_us.append((now_ns - before_ns) / ((now_generation - generation) // 2) / 1000)
            generation, before_ns = now_generation, now_ns
        return rss_kib(process.pid), windows_us


def with_metrics_rss_kib(chronyd_socket: Path) -> int:
    """Memory in KiB with everything on that may stay off: configuration file, metrics over a socket and as a file."""
    with tempfile.TemporaryDirectory() as run_dir:
        config, address = Path(run_dir) / "clockbound.toml", f"{run_dir}/metrics.sock"
        config.write_text(
            f'metrics-listen = "unix:{address}"\nmetrics-textfile = "{run_dir}/clockbound.prom"\n'
        )
        with daemon(chronyd_socket, run_dir, "--config", str(config)) as process:
            first(run_dir, ClockStatus.SYNCHRONIZED)
            for _ in range(SCRAPES_COUNT):
                with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
                    client.connect(address)
                    client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
                    while client.recv(65536):
                        pass
            return rss_kib(process.pid)


def main() -> int:
    """Measure and print; 0 if all goals are met."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--starts", type=int, default=20, help="starts to take the median of (default: 20)")
    parser.add_argument(
        "--seconds", type=int, default=60, help="time to measure CPU over, in s (default: 60)"
    )
    given = parser.parse_args()
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    bare, published, synchronised = [], [], []
    with ServerAndClient() as pair:
        socket_path = pair.client.socket_path
        daemon_start_ns(socket_path)  # writes the byte code
        for _ in range(given.starts):  # in turn, so that whatever else the machine does hits all alike
            bare.append(bare_start_ns())
            to_first, to_synchronised = daemon_start_ns(socket_path)
            published.append(to_first)
            synchronised.append(to_synchronised)
        used_kib, windows_us = steady(socket_path, given.seconds)
        with_metrics_kib = with_metrics_rss_kib(socket_path)
        wake_us = bare_wake_us(given.seconds)
    bare_ms = statistics.median(bare) / 1e6
    published_ms, synchronised_ms = statistics.median(published) / 1e6, statistics.median(synchronised) / 1e6
    bare_kib, cycle_us = bare_rss_kib(), statistics.median(windows_us)
    start_ratio, rss_ratio = published_ms / bare_ms, used_kib / bare_kib
    with_metrics_ratio = with_metrics_kib / bare_kib
    print(f"python3 -c pass                        {bare_ms:8.1f} ms   {bare_kib:6d} KiB")
    print(
        f"start to first publish                 {published_ms:8.1f} ms   ratio {start_ratio:.2f} (goal <= {START_RATIO_GOAL})"
    )
    print(
        f"start to first SYNCHRONIZED publish    {synchronised_ms:8.1f} ms   ratio {synchronised_ms / bare_ms:.2f}"
    )
    print(
        f"resident memory                        {used_kib:8d} KiB  ratio {rss_ratio:.2f} (goal <= {RSS_RATIO_GOAL})"
    )
    print(
        f"  with configuration file and metrics  {with_metrics_kib:8d} KiB  ratio {with_metrics_ratio:.2f} (goal <= {RSS_WITH_METRICS_RATIO_GOAL})"
    )
    print(
        f"CPU a cycle, at 1 Hz                   {cycle_us:8.0f} us   (goal <= {CYCLE_CPU_GOAL_US}; of bare Python that wakes up once: {wake_us:.0f} us)"
    )
    print(
        f"  {len(windows_us)} windows, least to most            {min(windows_us):8.0f} us to {max(windows_us):.0f} us, mean {statistics.mean(windows_us):.0f} us"
    )
    met = (
        start_ratio <= START_RATIO_GOAL
        and rss_ratio <= RSS_RATIO_GOAL
        and with_metrics_ratio <= RSS_WITH_METRICS_RATIO_GOAL
        and cycle_us <= CYCLE_CPU_GOAL_US
    )
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
