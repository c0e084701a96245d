"""The fault matrix: what goes wrong on machines, each with clients reading all the while.

The clients are processes of their own (reading_clients.py); what they counted is printed at the end, a line a fault.
The heavy rounds are short unless CLOCKBOUND_HEAVY is set: then the daemon is killed 1,000 times, and turns 100,000 times.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import select
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import pytest
from clockbound_conformance.lab import Chronyd, LabDirectory, ReferenceClock, ServerAndClient
from clockbound_conformance.processes import ManagedProcess, wait_until
from clockbound_daemon._layout import ClockStatus
from daemon_support import LINES, SECOND_NS, Daemon, FakePage, reply
from daemon_support import WAIT_S as PATIENCE_S
from held_up import LOOK_INTERVAL_S, GapWatch, Writer
from reading_clients import CLIENTS, GAPS, TRUSTED

UNKNOWN, SYNCHRONIZED, FREE_RUNNING, DISRUPTED = ClockStatus
FAST_POLL_S = 0.25
FAST = ("--poll-interval", str(FAST_POLL_S))
#: Two polls. Time for which the machine held up the watch or the daemon doesn't count, nor that without a daemon.
LONGEST_GAP_S = 2 * FAST_POLL_S
#: How often a fault is tried again that a busy machine let nobody see, or that it disturbed.
ATTEMPTS_COUNT = 5
#: What the daemon says when a busy machine holds chronyd up for too long.
NO_ANSWER = "did not answer within"
TESTS = Path(__file__).parent
STEPPED_DAEMON = str(TESTS / "stepped_daemon.py")
ACCELERATED_DAEMON = str(TESTS / "accelerated_daemon.py")
HEAVY = bool(os.environ.get("CLOCKBOUND_HEAVY"))
KILLS_COUNT = 1000 if HEAVY else 25
CYCLES_COUNT = 100_000 if HEAVY else 20_000
LAYOUT_1 = tuple(name for name in CLIENTS if name.endswith("1"))
OWN_CONTEXT = ("C core", "Python")  # of layout 2, and both have their context open all the while
COLUMNS = ("reads", "trusted", "torn", "malformed", "wrong", "errors", "unjudged")
#: Of the watch over publishing: the longest time without a publish by a daemon that lives, as far as it could run and by
#: the clock, and the longest time in which none had the run directory.
TIMES = {"gap ms": "longest_ns", "by clock": "longest_by_clock_ns", "dead ms": "longest_dead_ns"}

_table: list[str] = []


@pytest.fixture(scope="module", autouse=True)
def table(pytestconfig: pytest.Config) -> Iterator[None]:
    """What the clients of every fault counted."""
    yield
    columns = "".join(f"{name:>10}" for name in (*COLUMNS, "publishes", *TIMES))
    pytestconfig.stash.setdefault(LINES, []).extend(["", f"{'fault':52}{columns}", *_table])


@pytest.fixture(scope="module")
def c_adapter() -> str:
    """The program around the C library."""
    path = os.environ.get("CLOCKBOUND_C_ADAPTER") or shutil.which("clockbound-adapter-c")
    if path is None:
        pytest.fail(
            "CLOCKBOUND_C_ADAPTER must name the program clockbound-adapter-c, or run: tox run -e daemon"
        )
    return path


@pytest.fixture
def page(tmp_path: Path) -> FakePage:
    return FakePage(tmp_path / "vmclock0", marker=7)


def truth_of(reference: ReferenceClock) -> dict[str, int]:
    return {
        "offset_ns": reference.offset_ns,
        "rate_ppb": reference.rate_ppb,
        "epoch_realtime_ns": reference.epoch_realtime_ns,
    }


#: Of a chronyd that is its own reference: the system clock is true.
SYSTEM_CLOCK = {"offset_ns": 0, "rate_ppb": 0, "epoch_realtime_ns": 0}


class Clients:
    """Clients that read while this is entered; on leaving, what they counted must be without a fault."""

    def __init__(
        self,
        fault: str,
        run_dir: Path,
        adapter: str,
        truth: dict[str, int] | None,
        *,
        vmclock: Path | None = None,
        names: Sequence[str] = CLIENTS,
        pause_s: float = 0.001,
    ) -> None:
        self.fault = fault
        self.reports: dict[str, dict[str, Any]] = {}
        self._seen: dict[str, set[str]] = {name: set() for name in names}
        self._unread = b""
        order = {
            "run_dir": str(run_dir),
            "vmclock": None if vmclock is None else str(vmclock),
            "adapter": adapter,
            "clients": names,
            "truth": truth,
            "pause_s": pause_s,
        }
        self._command = [sys.executable, str(TESTS / "reading_clients.py"), json.dumps(order)]

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._deadline_s = time.monotonic() + PATIENCE_S
        while self._hear() != "reading":
            pass
        return self

    def _hear(self) -> str:
        """The next line that they say, until the deadline; nothing at their end."""
        assert self._process.stdout is not None
        while b"\n" not in self._unread:
            left_s = max(0.0, self._deadline_s - time.monotonic())
            if not select.select([self._process.stdout], [], [], left_s)[0]:
                self._process.kill()
                raise AssertionError(f"the clients said nothing more; they have seen {self._seen}")
            piece = os.read(self._process.stdout.fileno(), 65536)
            if not piece:
                return ""
            self._unread += piece
        line, _, self._unread = self._unread.partition(b"\n")
        name, _, status = line.decode().partition("\t")
        if status:
            self._seen[name].add(status)
        return line.decode()

    def have_seen(self, status: int) -> bool:
        """Whether those with a context of their own have seen it by now."""
        assert self._process.stdout is not None
        self._deadline_s = time.monotonic() + PATIENCE_S
        while b"\n" in self._unread or select.select([self._process.stdout], [], [], 0)[0]:
            assert self._hear(), "the clients have ended"
        return all(ClockStatus(status).name in self._seen[name] for name in OWN_CONTEXT)

    def wait_until_seen(self, status: int) -> None:
        """Until those with a context of their own have seen a status, which has to last as long."""
        assert wait_until(lambda: self.have_seen(status), timeout_s=PATIENCE_S), self._seen

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._deadline_s = time.monotonic() + PATIENCE_S
        last = line = self._hear()
        while line:
            last, line = line, self._hear()
        self._process.stdout.close()
        self._process.wait(PATIENCE_S)
        self.reports = json.loads(last)
        gaps = dict.fromkeys(("publishes", *TIMES.values()), 0) | self.reports[GAPS]  # unless it was ended
        clients = [report for name, report in self.reports.items() if name != GAPS]
        sums = [sum(report.get(column, 0) for report in clients) for column in COLUMNS]
        _table.append(
            f"{self.fault:52}"
            + "".join(f"{value:10}" for value in (*sums, gaps["publishes"]))
            + "".join(f"{gaps[name] // 1_000_000:10}" for name in TIMES.values())
        )
        if kind is not None:
            return
        for name, report in self.reports.items():
            assert report["ended"] == 0, (name, report)
            if name != GAPS:
                assert report["reads"] > 0, (name, report)
                assert [report[column] for column in ("torn", "malformed", "wrong", "errors")] == [0] * 4, (
                    report
                )
        assert gaps["zeros"] == 0
        assert 0 < gaps["longest_ns"] < LONGEST_GAP_S * SECOND_NS, gaps

    def seen(self) -> set[str]:
        """Every status that every client with a context of its own has seen."""
        return set.intersection(*(set(self.reports[name]["statuses"]) for name in OWN_CONTEXT))


def start(
    run_dir: Path,
    socket_path: Path | str,
    *options: str,
    program: tuple[str, ...] = ("-m", "clockbound_daemon"),
) -> Daemon:
    return Daemon(run_dir, socket_path, *options, log_path=run_dir.parent / "daemon.log", program=program)


def fade(daemon: Daemon, clients: Clients, begin: Callable[[], Callable[[], object]]) -> Callable[[], object]:
    """Let `begin` take the samples away, and return what gives them back, once clients have seen FREE_RUNNING.

    That ends with the grace of 5 s: a machine that is held up for as long has to begin again.
    """
    for _ in range(ATTEMPTS_COUNT):
        end = begin()
        try:
            daemon.wait_to_pass(FREE_RUNNING)
            wait_until(
                lambda: clients.have_seen(FREE_RUNNING) or daemon.layout_2().clock_status == UNKNOWN,
                timeout_s=PATIENCE_S,
            )
        except BaseException:
            end()
            raise
        if clients.have_seen(FREE_RUNNING):
            return end
        end()
        daemon.wait_for(SYNCHRONIZED)
    raise AssertionError("the clients never saw FREE_RUNNING")


def test_a_daemon_that_hangs_is_told_from_one_that_is_dead(pair: ServerAndClient, run_dir: Path) -> None:
    watch, writer = GapWatch(), Writer(run_dir)

    def look() -> GapWatch:
        watch.look(int.from_bytes((run_dir / "shm0").read_bytes()[14:16], sys.byteorder), writer.pid())
        return watch

    def look_until(is_found: Callable[[GapWatch], bool]) -> None:
        assert wait_until(lambda: is_found(look()), timeout_s=PATIENCE_S, interval_s=LOOK_INTERVAL_S)

    with start(run_dir, pair.client.socket_path, *FAST) as daemon:
        daemon.wait_for(SYNCHRONIZED)
        os.kill(daemon.pid, signal.SIGSTOP)
        look_until(lambda watch: watch.longest_ns > LONGEST_GAP_S * SECOND_NS)
        assert watch.longest_dead_ns == 0
        daemon.kill()
        hung_ns = look().longest_ns
        look_until(lambda watch: watch.longest_dead_ns > LONGEST_GAP_S * SECOND_NS)
        assert watch.longest_ns == hung_ns
        with start(run_dir, pair.client.socket_path, *FAST):
            look_until(lambda watch: writer.pid() is not None)


# ------------------------------------------------------------------------------------------------ chronyd


def _stop(chronyd: Chronyd) -> Callable[[], None]:
    chronyd.stop()
    return chronyd.cont


def _kill(chronyd: Chronyd) -> Callable[[], None]:
    chronyd.kill()
    return chronyd.start


def _end(chronyd: Chronyd) -> Callable[[], None]:
    chronyd.terminate()
    return chronyd.start


@pytest.mark.parametrize(
    ("fault", "begin", "said"),
    [
        ("stopped and continued", _stop, "did not answer within 250 ms"),
        ("killed and started again", _kill, "connection refused"),
        ("ended and started again", _end, "not found"),
    ],
)
def test_a_chronyd_that_goes_away_and_comes_back(
    pair: ServerAndClient,
    run_dir: Path,
    c_adapter: str,
    fault: str,
    begin: Callable[[Chronyd], Callable[[], None]],
    said: str,
) -> None:
    with start(run_dir, pair.client.socket_path, *FAST) as daemon:
        daemon.wait_for(SYNCHRONIZED)
        with Clients(f"chronyd {fault}", run_dir, c_adapter, truth_of(pair.reference)) as clients:
            clients.wait_until_seen(SYNCHRONIZED)
            end = fade(daemon, clients, lambda: begin(pair.client))
            try:
                if begin is _stop:  # for longer than the grace
                    kept = daemon.layout_2()
                    lost = daemon.wait_for(UNKNOWN)
                    assert lost[1:6] == kept[1:6]  # as_of, void_after and bound
                    clients.wait_until_seen(UNKNOWN)
                    # Requests that chronyd will answer, all at once and too late.
                    if int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text()) <= 10:
                        daemon.wait_for_log("its queue is full")
            finally:
                end()
                pair.client.wait_until_synchronised()
            daemon.wait_for(SYNCHRONIZED)
        assert clients.seen() >= {"SYNCHRONIZED", "FREE_RUNNING", *(["UNKNOWN"] if begin is _stop else [])}
        assert said in daemon.log()


def test_a_chronyd_whose_directory_is_removed_beneath_it(run_dir: Path, c_adapter: str) -> None:
    with Chronyd(["local stratum 1"]) as chronyd:
        directory = chronyd.directory
        if directory.shared:
            pytest.skip("not proved: AppArmor confines chronyd to a directory that isn't ours to remove")
        with start(run_dir, chronyd.socket_path, "--trust-local-reference", *FAST) as daemon:
            daemon.wait_for(SYNCHRONIZED)
            config = chronyd.config_path.read_text()
            with Clients("chronyd's socket directory removed", run_dir, c_adapter, SYSTEM_CLOCK):
                shutil.rmtree(directory.directory)
                daemon.wait_to_pass(FREE_RUNNING)
                chronyd.kill()
                time.sleep(1)
                directory.directory.mkdir(mode=0o700)
                os.chown(directory.directory, directory.uid, directory.gid)
                chronyd.config_path.write_text(config)
                chronyd.start()
                daemon.wait_for(SYNCHRONIZED)


class Meddler:
    """Stands between the daemon and a real chronyd, and does to its answers what `fault` says."""

    QUEUED_COUNT = 10_000

    def __init__(self, directory: Path, chronyd: Chronyd) -> None:
        self.path = directory / "front.sock"
        self.fault = ""
        self.sent_count = 0  # of the queued replies
        self._front = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._front.bind(str(self.path))
        self.path.chmod(0o666)
        self._back_path = chronyd.directory.path("meddler.sock")
        self._back_path.unlink(missing_ok=True)
        self._back = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._back.bind(str(self._back_path))
        self._back_path.chmod(0o666)
        self._chronyd = str(chronyd.socket_path)
        self._stopping = threading.Event()
        self._random = random.Random(1)
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._front.close()
        self._back.close()
        self._back_path.unlink(missing_ok=True)

    def _run(self) -> None:
        while not self._stopping.is_set():
            if not select.select([self._front], [], [], 0.05)[0]:
                continue
            request, daemon = self._front.recvfrom(2048)
            self._back.sendto(request, self._chronyd)
            if select.select([self._back], [], [], 2)[0]:
                self._answer(self._back.recv(2048), daemon)

    def _answer(self, good: bytes, daemon: str) -> None:
        match self.fault:
            case "garbage":
                # A version and a type that are right every now and then, and all else by chance.
                for _ in range(20):
                    noise = self._random.randbytes(self._random.choice((0, 1, 27, 28, 104, len(good), 2000)))
                    self._send(daemon, good[: self._random.choice((0, 2, 20))] + noise)
            case "late":
                time.sleep(0.6)
                self._send(daemon, good)
            case "twice":
                self._send(daemon, good, good)
            case "with wrong sequence numbers":
                self._send(daemon, good[:16] + bytes(byte ^ 0xFF for byte in good[16:20]) + good[20:])
            case "too short":
                self._send(daemon, good[:-1])
            case "too long":
                self._send(daemon, good + b"\0")
            case "with 10,000 queued replies":
                stale = good[:16] + bytes(4) + good[20:]
                self._send(daemon, good)
                while self.sent_count < self.QUEUED_COUNT and not self._stopping.is_set():
                    self.sent_count += self._send(daemon, stale)
            case _:
                self._send(daemon, good)

    def _send(self, daemon: str, *datagrams: bytes) -> int:
        """How many of them went into the daemon's queue."""
        sent_count = 0
        for datagram in datagrams:
            with contextlib.suppress(OSError):  # full, or gone
                self._front.sendto(datagram, socket.MSG_DONTWAIT, daemon)
                sent_count += 1
        if not sent_count:
            time.sleep(0.0001)
        return sent_count


@pytest.mark.parametrize(
    ("fault", "is_harmless"),
    [
        ("garbage", False),
        ("late", False),
        ("twice", True),
        ("with wrong sequence numbers", False),
        ("too short", False),
        ("too long", False),
        ("with 10,000 queued replies", True),
    ],
)
def test_a_chronyd_that_answers_wrongly(
    pair: ServerAndClient, run_dir: Path, directory: Path, c_adapter: str, fault: str, is_harmless: bool
) -> None:
    directory.chmod(0o755)
    with (
        Meddler(directory, pair.client) as meddler,
        start(run_dir, meddler.path, *FAST) as daemon,
    ):

        def set_fault(name: str) -> None:
            meddler.fault = name

        def begin() -> Callable[[], None]:
            set_fault(fault)
            return lambda: set_fault("")

        for _ in range(ATTEMPTS_COUNT):
            set_fault("")
            daemon.wait_for(SYNCHRONIZED)
            unanswered_count = daemon.log().count(NO_ANSWER)
            with Clients(f"chronyd answers {fault}", run_dir, c_adapter, truth_of(pair.reference)) as clients:
                clients.wait_until_seen(SYNCHRONIZED)
                if not is_harmless:
                    fade(daemon, clients, begin)()
                elif fault == "with 10,000 queued replies":
                    meddler.sent_count = 0
                    set_fault(fault)
                    assert wait_until(
                        lambda: meddler.sent_count >= meddler.QUEUED_COUNT, timeout_s=PATIENCE_S
                    )
                else:
                    set_fault(fault)
                    time.sleep(1)
                set_fault("")
                daemon.wait_for(SYNCHRONIZED)
            if not is_harmless or daemon.log().count(NO_ANSWER) == unanswered_count:
                break  # otherwise the machine held up whoever answers, and that isn't harmless
        if is_harmless:
            assert clients.seen() == {"SYNCHRONIZED"}
        else:
            assert {"SYNCHRONIZED", "FREE_RUNNING"} <= clients.seen() <= {*TRUSTED, "UNKNOWN"}


# ---------------------------------------------------------------------------------------- PHC and VMClock


@pytest.fixture(scope="module")
def phc() -> Iterator[tuple[Chronyd, ReferenceClock]]:
    """A chronyd that follows a reference clock called PHC0, a millisecond before the system clock."""
    with LabDirectory() as directory:
        feed = directory.path("phc.sock")
        line = ReferenceClock.config_line(feed, refid="PHC0", options="poll -2 dpoll -4 filter 4")
        with (
            Chronyd([line, "maxclockerror 50"], directory=directory) as chronyd,
            ReferenceClock(feed, offset_ns=1_000_000, samples_per_second=16) as reference,
        ):
            chronyd.wait_until_synchronised()
            yield chronyd, reference


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ("gone", None),
        ("empty", ""),
        ("negative", "-5\n"),
        ("huge", "9" * 200),
        ("not a number", "abc\n"),
    ],
)
def test_a_phc_that_does_not_say_how_wrong_it_is(
    phc: tuple[Chronyd, ReferenceClock],
    run_dir: Path,
    tmp_path: Path,
    c_adapter: str,
    fault: str,
    text: str | None,
) -> None:
    chronyd, reference = phc
    device = tmp_path / "sys/class/net/eth7/device"
    slot = tmp_path / "sys/bus/pci/devices/0000:00:07.0"
    device.mkdir(parents=True)
    slot.mkdir(parents=True)
    (device / "uevent").write_text("DRIVER=ena\nPCI_SLOT_NAME=0000:00:07.0\n")
    error_bound = slot / "phc_error_bound"
    error_bound.write_text("20000\n")
    options = ["-r", "PHC0", "-i", "eth7", "--sysfs-root", str(tmp_path / "sys"), *FAST]
    with start(run_dir, chronyd.socket_path, *options) as daemon:
        daemon.wait_for(SYNCHRONIZED)
        with Clients(f"PHC error bound {fault}", run_dir, c_adapter, truth_of(reference)) as clients:
            clients.wait_until_seen(SYNCHRONIZED)

            def begin() -> Callable[[], object]:
                if text is None:
                    error_bound.unlink()
                else:
                    error_bound.write_text(text)
                return lambda: error_bound.write_text("20000\n")

            fade(daemon, clients, begin)()
            daemon.wait_for(SYNCHRONIZED)
        assert {"SYNCHRONIZED", "FREE_RUNNING"} <= clients.seen() <= {*TRUSTED, "UNKNOWN"}


@pytest.mark.parametrize("fault", ["in an update for ever", "removed and back", "replaced", "cut"])
def test_a_vmclock_page_that_fails(
    pair: ServerAndClient, run_dir: Path, page: FakePage, c_adapter: str, fault: str
) -> None:
    # No device can be cut. A client that has a file mapped in its place would get SIGBUS, so that only those of
    # layout 1, which don't look at the page, read meanwhile.
    names = LAYOUT_1 if fault == "cut" else CLIENTS
    with start(run_dir, pair.client.socket_path, "--vmclock", str(page.path), *FAST) as daemon:
        daemon.wait_for(SYNCHRONIZED)
        clients = Clients(
            f"VMClock page {fault}",
            run_dir,
            c_adapter,
            truth_of(pair.reference),
            vmclock=page.path,
            # A client that opens the segment needs the page at that moment.
            names=tuple(name for name in names if fault != "removed and back" or name != "C program"),
        )
        with clients:
            match fault:
                case "in an update for ever":
                    page.begin()
                    daemon.wait_for(UNKNOWN)
                    time.sleep(1)
                    page.end()
                case "removed and back":
                    page.path.rename(page.path.with_name("away"))
                    daemon.wait_for(UNKNOWN)
                    time.sleep(1)
                    page.path.with_name("away").rename(page.path)
                case "replaced":
                    page.replace(8)
                    daemon.wait_to_pass(DISRUPTED)
                case _:
                    os.truncate(page.path, 50)
                    daemon.wait_for(UNKNOWN)
                    time.sleep(1)
                    page.replace(7)
            daemon.wait_for(SYNCHRONIZED)


# ------------------------------------------------------------------------------------------ run directory


class Namespace:
    """A small tmpfs that only this namespace has; others reach it through /proc."""

    SIZE_BYTES = 64 * 1024

    def __init__(self, mount_point: Path) -> None:
        if os.geteuid() != 0:
            pytest.skip("not proved: only root may mount the file system that is to be full or read-only")
        self.mount_point = mount_point
        self._process: ManagedProcess

    def __enter__(self) -> Self:
        mount = f"mount -t tmpfs -o size={self.SIZE_BYTES},mode=755 none '{self.mount_point}'"
        self._process = ManagedProcess(
            ["unshare", "--mount", "sh", "-c", f"{mount} && exec sleep 600"],
            log_path=self.mount_point.parent / "namespace.log",
        )
        wait_until(lambda: self._is_mounted() or not self._process.running, timeout_s=PATIENCE_S)
        if not self._process.running:
            pytest.skip(f"not proved: no tmpfs to be had here: {self._process.log()}")
        assert self._is_mounted()
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.terminate()

    @property
    def seen_from_outside(self) -> Path:
        return Path(f"/proc/{self._process.pid}/root{self.mount_point}")

    def _is_mounted(self) -> bool:
        with contextlib.suppress(OSError):  # it has ended
            return self.mount_point.stat().st_dev != self.seen_from_outside.stat().st_dev
        return False

    def run(self, *command: str) -> None:
        subprocess.run([*self._within(), *command], check=True, capture_output=True)

    def daemon(self, socket_path: Path, *options: str) -> Daemon:
        """A daemon that runs within, and is looked at from outside."""
        log_path = self.mount_point.parent / "daemon.log"
        made = Daemon(self.mount_point, socket_path, *options, log_path=log_path, within=self._within())
        made.run_dir = self.seen_from_outside
        return made

    def _within(self) -> tuple[str, ...]:
        return "nsenter", f"--target={self._process.pid}", "--mount"


def fill(directory: Path) -> None:
    """Write until nothing fits any more."""
    with (directory / "ballast").open("ab", buffering=0) as ballast, contextlib.suppress(OSError):
        while True:
            ballast.write(bytes(4096))


def test_a_run_directory_that_is_full(pair: ServerAndClient, run_dir: Path, c_adapter: str) -> None:
    with Namespace(run_dir) as namespace:
        there = namespace.seen_from_outside
        fill(there)
        with namespace.daemon(pair.client.socket_path, *FAST) as daemon:
            assert daemon.wait(PATIENCE_S) == 1
            assert "No space left on device; free some space there" in daemon.log()
        (there / "ballast").unlink()
        assert [path.name for path in there.iterdir() if path.name != "clockbound.lock"] == []
        with namespace.daemon(pair.client.socket_path, *FAST) as daemon:
            daemon.wait_for(SYNCHRONIZED)
            truth = truth_of(pair.reference)
            with Clients("run directory full", there, c_adapter, truth) as clients:
                fill(there)
                os.kill(daemon.pid, signal.SIGUSR1)  # what it keeps of a disruption finds no room
                daemon.wait_for(DISRUPTED)
                clients.wait_until_seen(DISRUPTED)
                os.kill(daemon.pid, signal.SIGUSR2)
                daemon.wait_for(SYNCHRONIZED)
                daemon.kill()
                with namespace.daemon(pair.client.socket_path, *FAST) as successor:
                    as_of = successor.layout_2().as_of_sec
                    assert wait_until(lambda: successor.layout_2().as_of_sec > as_of, timeout_s=PATIENCE_S), (
                        successor.log()
                    )
                    time.sleep(1)
        assert clients.seen() >= {"SYNCHRONIZED", "DISRUPTED"}


def test_a_run_directory_that_is_read_only(pair: ServerAndClient, run_dir: Path, c_adapter: str) -> None:
    with Namespace(run_dir) as namespace:
        there = namespace.seen_from_outside
        with namespace.daemon(pair.client.socket_path, *FAST) as daemon:
            daemon.wait_for(SYNCHRONIZED)
            daemon.kill()
        truth = truth_of(pair.reference)
        with Clients("run directory read-only", there, c_adapter, truth) as clients:
            namespace.run("mount", "-o", "remount,ro", str(run_dir))
            with namespace.daemon(pair.client.socket_path, *FAST) as daemon:
                assert daemon.wait(PATIENCE_S) == 1
                assert "Read-only file system; give a directory that can be written to" in daemon.log()
            namespace.run("mount", "-o", "remount,rw", str(run_dir))
            with namespace.daemon(pair.client.socket_path, *FAST) as daemon:
                left = daemon.layout_2()
                assert wait_until(
                    lambda: daemon.layout_2().as_of_sec > left.as_of_sec, timeout_s=PATIENCE_S
                ), daemon.log()
                clients.wait_until_seen(SYNCHRONIZED)
        # Where that took longer than the grace the clock was free running meanwhile.
        assert {"SYNCHRONIZED"} <= clients.seen() <= set(TRUSTED)


@pytest.mark.parametrize("fault", ["removed", "owned by another"])
def test_segments_that_have_to_be_made_anew(
    pair: ServerAndClient, run_dir: Path, c_adapter: str, fault: str
) -> None:
    if fault == "owned by another" and os.geteuid() != 0:
        pytest.skip("not proved: only root may give a file away")
    for _ in range(ATTEMPTS_COUNT):
        without_s, clients = _make_segments_anew(pair, run_dir, c_adapter, fault)
        # Within the grace: for longer than that clients may well ask what became of it.
        if without_s < 4:
            break
        shutil.rmtree(run_dir)
        run_dir.mkdir(mode=0o755)
    for name in ("C core", "C core, layout 1", "Python", "Python, layout 1"):
        report = clients.reports[name]
        # Almost all of the time it is: what changes file does it within a second.
        assert report["statuses"].get("UNKNOWN", 0) == 0, (without_s, report)


def _make_segments_anew(
    pair: ServerAndClient, run_dir: Path, c_adapter: str, fault: str
) -> tuple[float, Clients]:
    """How long there was no daemon that had a sample, and what clients made of it."""
    with start(run_dir, pair.client.socket_path, *FAST) as daemon:
        daemon.wait_for(SYNCHRONIZED)
        truth = truth_of(pair.reference)
        with Clients(f"run directory {fault}", run_dir, c_adapter, truth) as clients:
            old = (run_dir / "shm0").stat().st_ino
            if fault == "removed":
                with (run_dir / "shm0").open("rb", buffering=0) as segment:
                    shutil.rmtree(run_dir)
                    # For those who have it mapped it goes on.
                    before = os.pread(segment.fileno(), 2, 14)
                    assert wait_until(
                        lambda: os.pread(segment.fileno(), 2, 14) != before, timeout_s=PATIENCE_S
                    )
                ended_s = time.monotonic()
                daemon.terminate()
                run_dir.mkdir(mode=0o755)
            else:
                ended_s = time.monotonic()
                daemon.kill()
                for name in ("shm", "shm0"):
                    os.chown(run_dir / name, 65534, 65534)
                os.chown(run_dir, 65534, 65534)
            with start(run_dir, pair.client.socket_path, *FAST) as second:
                assert wait_until(
                    lambda: (run_dir / "shm0").exists() and (run_dir / "shm0").stat().st_ino != old,
                    timeout_s=PATIENCE_S,
                )
                second.wait_for(SYNCHRONIZED)
                without_s = time.monotonic() - ended_s
                assert (run_dir / "shm0").stat().st_uid == os.geteuid()
                time.sleep(7)  # clients follow when their snapshot is older than the grace
    return without_s, clients


def test_symbolic_links_are_not_followed(pair: ServerAndClient, run_dir: Path, c_adapter: str) -> None:
    with start(run_dir, pair.client.socket_path, *FAST) as daemon:
        daemon.wait_for(SYNCHRONIZED)
        with Clients("run directory a symbolic link", run_dir, c_adapter, truth_of(pair.reference)):
            link, other = run_dir.parent / "link", run_dir.parent / "other"
            link.symlink_to(run_dir)
            other.mkdir()
            (other / "shm0").symlink_to(run_dir / "shm0")
            for directory in (link, other):
                log_path = run_dir.parent / f"{directory.name}.log"
                with Daemon(directory, pair.client.socket_path, log_path=log_path) as second:
                    assert second.wait(PATIENCE_S) == 1
                    assert "is a symbolic link, " in second.log()
            time.sleep(1)
            assert daemon.running


def test_a_second_daemon(pair: ServerAndClient, run_dir: Path, c_adapter: str) -> None:
    with start(run_dir, pair.client.socket_path, *FAST) as daemon:
        daemon.wait_for(SYNCHRONIZED)
        with Clients("a second daemon", run_dir, c_adapter, truth_of(pair.reference)):
            for _ in range(5):
                with start(run_dir, pair.client.socket_path, *FAST) as second:
                    assert second.wait(PATIENCE_S) == 1
                    assert f"another daemon (process {daemon.pid})" in second.log()
            time.sleep(0.5)
            assert daemon.running


def test_a_umask_of_077(pair: ServerAndClient, run_dir: Path, c_adapter: str) -> None:
    previous = os.umask(0o077)
    try:
        daemon = start(run_dir, pair.client.socket_path, *FAST)
    finally:
        os.umask(previous)
    with daemon:
        daemon.wait_for(SYNCHRONIZED)
        assert "Umask:\t0077" in Path(f"/proc/{daemon.pid}/status").read_text()
        with Clients("umask 077", run_dir, c_adapter, truth_of(pair.reference)):
            for name in ("shm", "shm0"):
                assert stat.S_IMODE((run_dir / name).stat().st_mode) == 0o644
            time.sleep(1)


# --------------------------------------------------------------------------- signals, steps, kills, cycles


def test_a_storm_of_signals(pair: ServerAndClient, run_dir: Path, tmp_path: Path, c_adapter: str) -> None:
    config = tmp_path / "clockbound.toml"
    config.write_text("poll-interval = 0.25\n")
    with start(run_dir, pair.client.socket_path, "--config", str(config)) as daemon:
        daemon.wait_for(SYNCHRONIZED)
        with Clients("a storm of signals", run_dir, c_adapter, truth_of(pair.reference)):
            deadline_s = time.monotonic() + 2
            while time.monotonic() < deadline_s:
                for number in (
                    signal.SIGUSR1,
                    signal.SIGHUP,
                    signal.SIGUSR2,
                    signal.SIGWINCH,
                    signal.SIGCHLD,
                ):
                    os.kill(daemon.pid, number)
            time.sleep(0.5)
            os.kill(daemon.pid, signal.SIGUSR2)
            daemon.wait_for(SYNCHRONIZED)


@pytest.mark.parametrize("step_ns", [50_000_000, -50_000_000])
def test_a_step_of_the_clock(
    pair: ServerAndClient, run_dir: Path, tmp_path: Path, c_adapter: str, step_ns: int
) -> None:
    step = tmp_path / "step"
    step.write_text("0")
    program = (STEPPED_DAEMON, str(step))
    with start(run_dir, pair.client.socket_path, *FAST, program=program) as daemon:
        daemon.wait_for(SYNCHRONIZED)
        with Clients(
            f"the clock stepped by {step_ns} ns", run_dir, c_adapter, truth_of(pair.reference)
        ) as clients:
            clients.wait_until_seen(SYNCHRONIZED)
            new = tmp_path / "new"
            new.write_text(str(step_ns))
            pair.client.stop()  # so that the disruption isn't over before clients have seen it
            try:
                new.rename(step)
                daemon.wait_for(DISRUPTED)
                clients.wait_until_seen(DISRUPTED)
            finally:
                pair.client.cont()
            daemon.wait_for(SYNCHRONIZED)
        assert clients.seen() >= {"SYNCHRONIZED", "DISRUPTED"}


def test_the_generation_begins_again(pair: ServerAndClient, run_dir: Path, c_adapter: str) -> None:
    with start(run_dir, pair.client.socket_path, *FAST) as daemon:
        daemon.wait_for(SYNCHRONIZED)
    for name in ("shm", "shm0"):
        with (run_dir / name).open("r+b") as segment:
            segment.seek(14)
            segment.write((65_528).to_bytes(2, sys.byteorder))
    with (
        Clients("the 16-bit generation wraps", run_dir, c_adapter, truth_of(pair.reference)) as clients,
        start(run_dir, pair.client.socket_path, *FAST) as daemon,
    ):
        assert wait_until(lambda: daemon.layout_2().generation < 1000, timeout_s=PATIENCE_S)
        time.sleep(1)
    assert clients.reports[GAPS]["wraps"] == 1


def test_a_death_within_an_update(pair: ServerAndClient, run_dir: Path, c_adapter: str) -> None:
    truth = truth_of(pair.reference)
    with start(run_dir, pair.client.socket_path, *FAST) as daemon:
        daemon.wait_for(SYNCHRONIZED)
        left = daemon.layout_2()
        with Clients("death within an update", run_dir, c_adapter, truth) as clients:
            daemon.kill()
            # What a random moment hardly ever hits: the generation is odd, and half of the record is another one's.
            for name in ("shm", "shm0"):
                with (run_dir / name).open("r+b", buffering=0) as segment:
                    generation = int.from_bytes(os.pread(segment.fileno(), 2, 14), sys.byteorder)
                    os.pwrite(segment.fileno(), (generation | 1).to_bytes(2, sys.byteorder), 14)
                    os.pwrite(segment.fileno(), (left.as_of_sec + 100_000).to_bytes(8, sys.byteorder), 16)
            time.sleep(0.5)
            pair.client.stop()  # so that the disruption isn't over before clients have seen it
            try:
                with start(run_dir, pair.client.socket_path, *FAST) as successor:
                    successor.wait_for(DISRUPTED)
                    clients.wait_until_seen(DISRUPTED)
                    pair.client.cont()
                    successor.wait_for(SYNCHRONIZED)
                    clients.wait_until_seen(SYNCHRONIZED)
            finally:
                pair.client.cont()
        assert clients.seen() >= {"SYNCHRONIZED", "DISRUPTED"}


def test_kills_at_random_moments(pair: ServerAndClient, run_dir: Path, c_adapter: str) -> None:
    rng, odd_count, published_count = random.Random(5), 0, 0
    with start(run_dir, pair.client.socket_path, *FAST) as first:
        first.wait_for(SYNCHRONIZED)
    segment = (run_dir / "shm0").open("rb", buffering=0)
    inode = os.fstat(segment.fileno()).st_ino

    def generation() -> int:
        return int.from_bytes(os.pread(segment.fileno(), 2, 14), sys.byteorder)

    # The last daemon ends after the watch over it: one that was told to end owes nobody a publish.
    with (
        segment,
        contextlib.ExitStack() as stack,
        Clients(
            f"SIGKILL at {KILLS_COUNT} random moments",
            run_dir,
            c_adapter,
            truth_of(pair.reference),
            pause_s=0,
        ),
    ):
        for _ in range(KILLS_COUNT):
            before = generation()
            with start(run_dir, pair.client.socket_path, *FAST) as daemon:
                # Half of the time from its start on, half of it from its first publish on: an update takes less than a
                # microsecond, everything around it a hundred times as long.
                if rng.random() < 0.5:
                    assert wait_until(
                        lambda before=before: generation() != before, timeout_s=PATIENCE_S, interval_s=0
                    )
                    time.sleep(rng.random() * 0.0005)
                else:
                    time.sleep(rng.random() * 0.3)
                daemon.kill()
            published_count += generation() != before
            odd_count += generation() % 2
            (run_dir.parent / "daemon.log").unlink()
        last = stack.enter_context(start(run_dir, pair.client.socket_path, *FAST))
        as_of = last.layout_2().as_of_sec
        assert wait_until(lambda: last.layout_2().as_of_sec > as_of, timeout_s=PATIENCE_S), last.log()
        last.wait_for(SYNCHRONIZED)
        time.sleep(0.5)
        assert (run_dir / "shm0").stat().st_ino == inode
    _table.append(f"    {published_count} of them had published, {odd_count} died within an update")
    assert published_count > KILLS_COUNT // 4


class TirelessChronyd:
    """Answers at once, with a clock that runs ahead as the accelerated daemon's does; and wrongly now and then."""

    def __init__(self, directory: Path, ahead: Path) -> None:
        self.path = directory / "chronyd.sock"
        self.answers_count = 0
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(self.path))
        self._ahead = ahead.open("rb", buffering=0)
        good = reply(current_correction=0, ref_time={"sec_high": 0, "sec_low": 0x12345678, "nsec": 5})
        self._good = good
        self._time_at = good.index(bytes.fromhex("000000001234567800000005"))
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._socket.close()
        self._ahead.close()

    def _run(self) -> None:
        self._socket.settimeout(0.1)
        while not self._stopping.is_set():
            try:
                request, daemon = self._socket.recvfrom(2048)
            except TimeoutError:
                continue
            self.answers_count += 1
            (ahead_ns,) = struct.unpack("=q", os.pread(self._ahead.fileno(), 8, 0))
            seconds, nanoseconds = divmod(time.time_ns() + ahead_ns, SECOND_NS)
            answer = self._good[:16] + request[8:12] + self._good[20 : self._time_at]
            answer += struct.pack(">III", 0, seconds, nanoseconds) + self._good[self._time_at + 12 :]
            match self.answers_count % 1009:
                case 1:
                    continue  # silence
                case 100:
                    answer = answer[:-1]
                case 200:
                    answer = answer[:8] + b"\0\6" + answer[10:28]  # refused
                case 300:
                    answer = os.urandom(104)
                case 400:
                    answer = answer[:16] + bytes(4) + answer[20:]
                case 500:
                    with contextlib.suppress(OSError):
                        self._socket.sendto(answer, daemon)
            with contextlib.suppress(OSError):
                self._socket.sendto(answer, daemon)


def used(daemon: Daemon) -> tuple[int, int]:
    """Memory in KiB, and descriptors."""
    # Not VmRSS: the kernel keeps that in pieces, one a processor, and shows a sum that may be hundreds of KiB off. And not
    # the pages of files, which come with the first use of what stands on them.
    exact = Path(f"/proc/{daemon.pid}/smaps_rollup").read_text()
    own_kib = next(int(line.split()[1]) for line in exact.splitlines() if line.startswith("Anonymous:"))
    return own_kib, len(os.listdir(f"/proc/{daemon.pid}/fd"))


def test_many_cycles_take_no_more_memory_nor_descriptors(
    run_dir: Path, directory: Path, c_adapter: str
) -> None:
    ahead = directory / "ahead"
    ahead.write_bytes(bytes(8))
    warm_count = CYCLES_COUNT // 10
    with (
        TirelessChronyd(directory, ahead) as chronyd,
        start(run_dir, chronyd.path, program=(ACCELERATED_DAEMON, str(ahead))) as daemon,
    ):
        daemon.wait_for(SYNCHRONIZED)
        # What the clients are told to read at belongs to the daemon's clock, so that nothing is asked live.
        with Clients(f"{CYCLES_COUNT} accelerated cycles", run_dir, c_adapter, None) as clients:
            assert wait_until(lambda: chronyd.answers_count >= warm_count, timeout_s=300), daemon.log()
            own_kib, descriptors_count = used(daemon)
            assert wait_until(lambda: chronyd.answers_count >= CYCLES_COUNT, timeout_s=900), daemon.log()
            later_kib, later_count = used(daemon)
        lines_count = len(daemon.log().splitlines())
    _table.append(
        f"    after {warm_count} cycles {own_kib} KiB and {descriptors_count} descriptors, "
        f"after {CYCLES_COUNT} {later_kib} KiB and {later_count}; {lines_count} lines in the log"
    )
    assert later_kib <= own_kib + 128
    assert (
        later_count <= descriptors_count + 2
    )  # its socket for answers may be open at one look and not at the other
    if HEAVY:
        assert clients.reports[GAPS]["wraps"] >= 2
