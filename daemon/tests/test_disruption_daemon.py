"""Disruptions for real: the daemon as a process, a real chronyd, and C and Python clients that read all the while."""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import select
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Self

import pytest
from clockbound_client import ClockBoundClient, ClockBoundError, _pure
from clockbound_conformance.adapter import Adapter
from clockbound_conformance.answers import Interval
from clockbound_conformance.lab import Chronyd, LabDirectory, ReferenceClock, ServerAndClient
from clockbound_conformance.processes import wait_until
from clockbound_daemon._layout import ClockStatus, SegmentRecord
from clockbound_daemon.candm import Tracking
from clockbound_daemon.chrony import ChronyClient
from clockbound_daemon.growth import GrowthMonitor
from daemon_support import SECOND_NS, WAIT_S, Daemon, FakePage, consistent
from held_up import LOOK_INTERVAL_S, FairTime

UNKNOWN, SYNCHRONIZED, FREE_RUNNING, DISRUPTED = ClockStatus
TRUSTED = ("SYNCHRONIZED", "FREE_RUNNING")
FAST = ("--poll-interval", "0.25")
STEPPED_DAEMON = str(Path(__file__).with_name("stepped_daemon.py"))


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


def start(
    run_dir: Path,
    socket_path: Path | str,
    *options: str,
    program: tuple[str, ...] = ("-m", "clockbound_daemon"),
) -> Daemon:
    return Daemon(run_dir, socket_path, *options, log_path=run_dir.parent / "daemon.log", program=program)


def as_of_ns(record: SegmentRecord) -> int:
    return record.as_of_sec * SECOND_NS + record.as_of_nsec


class Readers:
    """Clients of three kinds that read without a pause and judge what they get.

    What they must never get: an interval that can be relied on and doesn't hold the truth, one that rests on a sample from
    before the latest disruption, and an error.
    """

    def __init__(self, run_dir: Path, page: FakePage | None, pair: ServerAndClient, c_adapter: str) -> None:
        self.segment = run_dir / "shm0"
        self.page = page
        self.pair = pair
        self.faults: list[str] = []
        self.counts: dict[str, dict[str, int]] = {}
        self.disrupted_ns = 0  # CLOCK_MONOTONIC of the latest disruption
        self._stopping = threading.Event()
        vmclock = None if page is None else page.path
        self._threads = [
            threading.Thread(target=self._read, args=("C core", ClockBoundClient, self.segment, vmclock)),
            threading.Thread(
                target=self._read, args=("Python", _pure.ClockBoundClient, self.segment, vmclock)
            ),
            threading.Thread(target=self._read, args=("layout 1", ClockBoundClient, run_dir / "shm", None)),
            threading.Thread(target=self._ask, args=("C program", c_adapter, vmclock)),
        ]

    def disrupt(self, marker: int) -> None:
        """Change the marker. What was published before is void from now on, for those who look at the page."""
        assert self.page is not None
        # In this order: a test that is held up in between must not take what was measured since for something from before.
        disrupted_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        self.page.disrupt(marker)
        self.disrupted_ns = disrupted_ns

    def _read(
        self, name: str, kind: Callable[..., ClockBoundClient], segment: Path, vmclock: Path | None
    ) -> None:
        with kind(segment, vmclock_path=vmclock) as client:
            while not self._stopping.wait(0.0005):
                before_ns, disrupted_ns = time.time_ns(), self.disrupted_ns
                try:
                    interval = client.now()
                except ClockBoundError as error:
                    self.faults.append(f"{name}: {error!r}")
                    continue
                after_ns = time.time_ns()
                self._judge(
                    name,
                    interval.status.name,
                    interval.earliest_ns,
                    interval.latest_ns,
                    before_ns,
                    after_ns,
                    disrupted_ns,
                )

    def _ask(self, name: str, program: str, vmclock: Path | None) -> None:
        with Adapter([program]) as adapter:
            while not self._stopping.wait(0.002):
                before = self.segment.read_bytes()
                disrupted_ns, realtime_ns = self.disrupted_ns, time.time_ns()
                answer = adapter.compute(
                    self.segment,
                    realtime_ns=realtime_ns,
                    monotonic_ns=time.monotonic_ns(),
                    vmclock=vmclock,
                )
                if self.segment.read_bytes() != before:
                    continue  # the readings may be from before the segment that it was asked about
                if not isinstance(answer, Interval):
                    # Opened anew for each answer, and the writer may be dead in the middle of an update.
                    if answer.kind != "SEGMENT_NOT_INITIALIZED":
                        self.faults.append(f"{name}: {answer}")
                    continue
                self._judge(
                    name,
                    answer.status,
                    answer.earliest_ns,
                    answer.latest_ns,
                    realtime_ns,
                    realtime_ns,
                    disrupted_ns,
                )

    def _judge(
        self,
        name: str,
        status: str,
        earliest_ns: int,
        latest_ns: int,
        before_ns: int,
        after_ns: int,
        disrupted_ns: int,
    ) -> None:
        counts = self.counts.setdefault(name, {})
        counts[status] = counts.get(status, 0) + 1
        if status not in TRUSTED:
            return
        # The clock was read at some moment between the two.
        if earliest_ns > self.pair.truth_ns(after_ns) or latest_ns < self.pair.truth_ns(before_ns):
            self.faults.append(f"{name}: {status} without the truth")
        # Layout 1 has no marker: its readers learn of it from the daemon.
        if name == "layout 1":
            return
        # The segment may be newer by now than what the client saw, but not older.
        record = consistent(self.segment)
        if record is None:
            return  # the next one will tell
        if as_of_ns(record) < disrupted_ns and disrupted_ns == self.disrupted_ns:
            self.faults.append(f"{name}: {status} from before the disruption: {record}")

    def seen(self) -> set[str]:
        """Every status that every kind of client of layout 2 has seen."""
        return set.intersection(
            *(set(self.counts.get(name, ())) for name in ("C core", "Python", "C program"))
        )

    def wait_until_seen(self, status: int) -> None:
        """Until they have seen a status, which has to last as long."""
        name = ClockStatus(status).name
        assert wait_until(lambda: name in self.seen(), timeout_s=WAIT_S), (self.counts, self.faults[:5])

    def wait_until_reading(self) -> None:
        assert wait_until(lambda: len(self.counts) == 4, timeout_s=WAIT_S), (self.counts, self.faults[:5])

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join()
        if kind is None:
            assert not self.faults, (len(self.faults), self.faults[:5])
            assert len(self.counts) == 4, self.counts


def wait_for_disruption_s(daemon: Daemon) -> float:
    """How long it takes to find one, which lasts; the machine's doing doesn't count."""
    passed = FairTime(daemon.pid)

    def found() -> bool:
        passed.look()
        assert daemon.running, daemon.log()
        return daemon.layout_2().clock_status == DISRUPTED

    assert wait_until(found, timeout_s=WAIT_S, interval_s=LOOK_INTERVAL_S), daemon.log()
    return passed.look() / SECOND_NS


@contextlib.contextmanager
def held_back(chronyd: Chronyd) -> Iterator[None]:
    """It can't be told of a disruption, which is therefore not over before everybody has seen it."""
    chronyd.stop()
    try:
        yield
    finally:
        chronyd.cont()


def test_a_disruption_runs_its_course(
    pair: ServerAndClient, run_dir: Path, page: FakePage, c_adapter: str
) -> None:
    with start(run_dir, pair.client.socket_path, "--vmclock", str(page.path)) as daemon:
        good = daemon.wait_for(SYNCHRONIZED)
        assert (good.disruption_marker, good.clock_disruption_support_enabled) == (7, 1)
        with Readers(run_dir, page, pair, c_adapter) as readers:
            readers.wait_until_reading()
            readers.wait_until_seen(SYNCHRONIZED)
            with held_back(pair.server):  # nor can it measure anew before everybody has seen that it has to
                with held_back(pair.client):
                    readers.disrupt(8)
                    assert wait_for_disruption_s(daemon) < 1.5  # the loop turns once a second at least
                    disrupted = daemon.layout_2()
                    assert disrupted.disruption_marker == 8
                    assert disrupted.bound_ns == daemon.layout_1().bound_ns
                    assert daemon.layout_1().clock_status == UNKNOWN
                    readers.wait_until_seen(DISRUPTED)
                readers.wait_until_seen(UNKNOWN)
            recovered = daemon.wait_for(SYNCHRONIZED)
            assert as_of_ns(recovered) > readers.disrupted_ns
        # A chronyd that a busy machine holds up makes the clock free running for a moment besides.
        assert readers.seen() - {"FREE_RUNNING"} == {"SYNCHRONIZED", "UNKNOWN", "DISRUPTED"}
        said = daemon.log()
        assert "marker 7 -> 8" in said
        assert "DISRUPTED -> UNKNOWN" in said
        assert "chronyd has reset its sources and measures anew" in said


@pytest.fixture
def slow_pair() -> Iterator[ServerAndClient]:
    """A client that measures once in 64 s by itself, so that nothing but a burst mends it soon."""
    with ServerAndClient(client_poll=6) as running:
        yield running


def test_a_real_chronyd_is_reset_and_bursts(
    slow_pair: ServerAndClient, run_dir: Path, page: FakePage
) -> None:
    chronyd = slow_pair.client
    with start(run_dir, chronyd.socket_path, "--vmclock", str(page.path), "-j") as daemon:
        daemon.wait_for(SYNCHRONIZED)
        before = chronyd.tracking()
        measured_count = int(chronyd.chronyc("ntpdata").split(",")[-3])  # valid packets received, in all
        page.disrupt(8)
        daemon.wait_to_pass(DISRUPTED)
        # So it is for the seconds that the burst takes.
        chronyd.wait_until_tracking(lambda report: report.leap == "Not synchronised", what="reset")
        daemon.wait_to_pass(UNKNOWN)
        daemon.wait_for(SYNCHRONIZED, timeout_s=60)
        after = chronyd.tracking()
        assert after.ref_time_s > before.ref_time_s
        assert int(chronyd.chronyc("ntpdata").split(",")[-3]) >= measured_count + 3
        statuses = [event["status"] for event in daemon.events() if event["event"] == "status"]
        # A chronyd that a busy machine holds up makes the clock free running for a moment besides.
        others = [status for status in statuses if status != "FREE_RUNNING"]
        assert [status for status, _ in itertools.groupby(others)] == [
            *("SYNCHRONIZED", "DISRUPTED", "UNKNOWN", "SYNCHRONIZED")
        ]


def test_a_chronyd_with_nothing_but_a_reference_clock_recovers(run_dir: Path, page: FakePage) -> None:
    # It takes no burst: there is nobody to ask.
    with LabDirectory() as directory:
        feed = directory.path("clock.sock")
        line = ReferenceClock.config_line(feed, options="poll -2 dpoll -4 filter 4")
        with (
            Chronyd([line], directory=directory) as chronyd,
            ReferenceClock(feed, offset_ns=1_000_000, samples_per_second=16),
            start(run_dir, chronyd.socket_path, "--vmclock", str(page.path)) as daemon,
        ):
            daemon.wait_for(SYNCHRONIZED)
            page.disrupt(8)
            daemon.wait_to_pass(DISRUPTED)
            daemon.wait_for(SYNCHRONIZED)


@pytest.mark.parametrize("fault", ["hangs", "dies"])
def test_a_chronyd_that_can_not_be_told_holds_up_nothing(
    pair: ServerAndClient, run_dir: Path, page: FakePage, c_adapter: str, fault: str
) -> None:
    with start(run_dir, pair.client.socket_path, "--vmclock", str(page.path), *FAST) as daemon:
        daemon.wait_for(SYNCHRONIZED)
        with Readers(run_dir, page, pair, c_adapter) as readers:
            if fault == "hangs":
                pair.client.stop()
            else:
                pair.client.kill()
            try:
                readers.disrupt(8)
                daemon.wait_for(DISRUPTED)
                # 17 orders and more: more than a queue holds that nobody reads
                assert daemon.longest_gap_s(4) < 1.5
                assert daemon.layout_2().clock_status == DISRUPTED
            finally:
                if fault == "hangs":
                    pair.client.cont()
                else:
                    pair.client.start()
            recovered = daemon.wait_for(SYNCHRONIZED)
            assert as_of_ns(recovered) > readers.disrupted_ns


def test_a_chronyd_that_is_killed_between_reset_and_recovery_does_not_matter(
    pair: ServerAndClient, run_dir: Path, page: FakePage, c_adapter: str
) -> None:
    with start(run_dir, pair.client.socket_path, "--vmclock", str(page.path), *FAST) as daemon:
        daemon.wait_for(SYNCHRONIZED)
        pair.server.stop()  # so that it can't recover
        try:
            with Readers(run_dir, page, pair, c_adapter) as readers:
                readers.disrupt(8)
                daemon.wait_to_pass(DISRUPTED)
                daemon.wait_for(UNKNOWN)
                pair.client.kill()
                assert daemon.longest_gap_s(2) < 1.5
                pair.client.start()
                pair.server.cont()
                daemon.wait_for(SYNCHRONIZED)
        finally:
            pair.server.cont()
            pair.client.start()


def test_a_daemon_that_is_killed_in_the_middle_of_a_disruption_is_succeeded_by_one_that_knows(
    pair: ServerAndClient, run_dir: Path, page: FakePage, c_adapter: str
) -> None:
    options = ("--vmclock", str(page.path), *FAST)
    with start(run_dir, pair.client.socket_path, *options) as first:
        first.wait_for(SYNCHRONIZED)
        with Readers(run_dir, page, pair, c_adapter) as readers:
            pair.client.stop()  # so that the disruption is not over before the kill
            try:
                readers.disrupt(8)
                first.wait_for(DISRUPTED)
                first.kill()
                with start(run_dir, pair.client.socket_path, *options) as second:
                    second.wait_for_log("so an earlier daemon left it")
                    time.sleep(0.5)
                    record = second.layout_2()
                    assert (record.clock_status, record.disruption_marker) == (DISRUPTED, 8)
                    pair.client.cont()
                    recovered = second.wait_for(SYNCHRONIZED)
                    assert as_of_ns(recovered) > readers.disrupted_ns
            finally:
                pair.client.cont()


def test_a_marker_that_changes_while_no_daemon_runs_is_found_by_the_next_one(
    pair: ServerAndClient, run_dir: Path, page: FakePage, c_adapter: str
) -> None:
    options = ("--vmclock", str(page.path), *FAST)
    with start(run_dir, pair.client.socket_path, *options) as first:
        first.wait_for(SYNCHRONIZED)
        with Readers(run_dir, page, pair, c_adapter) as readers:
            first.kill()
            readers.disrupt(2**64 - 1)
            time.sleep(0.3)
            with start(run_dir, pair.client.socket_path, *options) as second:
                with held_back(pair.client):
                    assert second.wait_for(DISRUPTED).disruption_marker == 2**64 - 1
                recovered = second.wait_for(SYNCHRONIZED)
                assert as_of_ns(recovered) > readers.disrupted_ns


def test_a_restart_without_a_disruption_is_none(pair: ServerAndClient, run_dir: Path, page: FakePage) -> None:
    options = ("--vmclock", str(page.path), *FAST)
    for _ in range(2):
        with start(run_dir, pair.client.socket_path, *options) as daemon:
            daemon.wait_for(SYNCHRONIZED)
            time.sleep(0.5)
            assert "DISRUPTED" not in daemon.log()
    assert (run_dir / "clockbound.offset").exists()


def test_kills_at_random_moments_of_disruptions(
    pair: ServerAndClient, run_dir: Path, page: FakePage, c_adapter: str
) -> None:
    rounds_count, rng = 25, random.Random(20)
    options = ("--vmclock", str(page.path), "--poll-interval", "0.1")
    with start(run_dir, pair.client.socket_path, *options) as first:
        first.wait_for(SYNCHRONIZED)
    with Readers(run_dir, page, pair, c_adapter) as readers:
        for marker in range(100, 100 + rounds_count):
            with start(run_dir, pair.client.socket_path, *options) as daemon:
                time.sleep(rng.random() * 0.25)
                readers.disrupt(marker)
                time.sleep(rng.random() * 0.25)
                daemon.kill()
                daemon.log_path.unlink()
        with start(run_dir, pair.client.socket_path, *options) as last:
            recovered = last.wait_for(SYNCHRONIZED)
            assert recovered.disruption_marker == 99 + rounds_count
            assert as_of_ns(recovered) > readers.disrupted_ns


def test_storms_of_signals_end_nothing_and_lose_nothing(
    pair: ServerAndClient, run_dir: Path, page: FakePage, c_adapter: str
) -> None:
    with start(run_dir, pair.client.socket_path, "--vmclock", str(page.path), *FAST) as daemon:
        daemon.wait_for(SYNCHRONIZED)
        stopping = threading.Event()

        def storm() -> None:
            while not stopping.is_set():
                for number in (signal.SIGUSR1, signal.SIGUSR2):
                    os.kill(daemon.pid, number)

        with Readers(run_dir, page, pair, c_adapter) as readers:
            storming = threading.Thread(target=storm)
            storming.start()
            try:
                daemon.wait_for(DISRUPTED)
                assert daemon.longest_gap_s(2) < 2
            finally:
                stopping.set()
                storming.join()
            wait_until_taken(daemon)
            os.kill(daemon.pid, signal.SIGUSR1)
            daemon.wait_for(DISRUPTED)
            time.sleep(1.5)
            assert daemon.layout_2().clock_status == DISRUPTED
            readers.wait_until_seen(DISRUPTED)
            os.kill(daemon.pid, signal.SIGUSR2)
            daemon.wait_for(SYNCHRONIZED)
            readers.wait_until_seen(SYNCHRONIZED)
        assert readers.seen() >= {"SYNCHRONIZED", "DISRUPTED"}
        assert len(daemon.log().splitlines()) < 100
        os.kill(daemon.pid, signal.SIGTERM)
        assert daemon.wait(WAIT_S) == 0


def wait_until_taken(daemon: Daemon) -> None:
    """Of signals that wait together the kernel and Python deliver SIGUSR1 first, whichever came first: none may wait."""

    def waiting() -> int:
        lines = Path(f"/proc/{daemon.pid}/status").read_text().splitlines()
        return sum(int(line.split()[1], 16) for line in lines if line.startswith(("SigPnd:", "ShdPnd:")))

    assert wait_until(lambda: not waiting(), timeout_s=WAIT_S)
    before = daemon.layout_2().generation
    # Two turns of the loop, between which Python takes what the kernel has delivered.
    assert wait_until(lambda: (daemon.layout_2().generation - before) % 65534 >= 4, timeout_s=WAIT_S)


def test_forced_disruptions_need_no_page(pair: ServerAndClient, run_dir: Path) -> None:
    with start(run_dir, pair.client.socket_path, "-d", *FAST) as daemon:
        daemon.wait_for(SYNCHRONIZED)
        os.kill(daemon.pid, signal.SIGUSR1)
        assert daemon.wait_for(DISRUPTED).clock_disruption_support_enabled == 0
        time.sleep(1)
        assert daemon.layout_2().clock_status == DISRUPTED
        os.kill(daemon.pid, signal.SIGUSR2)
        daemon.wait_for(SYNCHRONIZED)


class Step:
    """The file that steps the clock of the daemon, and of nobody else."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.by(0)

    def by(self, step_ns: int) -> None:
        new = self.path.with_suffix(".new")
        new.write_text(str(step_ns))
        new.rename(self.path)


@pytest.mark.parametrize("step_ns", [1, -1, 1_000_000, -1_000_000])
def test_a_step_of_the_clock_is_found_within_a_poll_and_recovered_from(
    pair: ServerAndClient, run_dir: Path, tmp_path: Path, c_adapter: str, step_ns: int
) -> None:
    step = Step(tmp_path / "step")
    with start(run_dir, pair.client.socket_path, *FAST, program=(STEPPED_DAEMON, str(step.path))) as daemon:
        daemon.wait_for(SYNCHRONIZED)
        with Readers(run_dir, None, pair, c_adapter) as readers:
            readers.wait_until_reading()
            with held_back(pair.client):
                stepped_ns = time.monotonic_ns()
                step.by(step_ns)
                # A poll of 0.25 s, and what the daemon waits for chronyd.
                assert wait_for_disruption_s(daemon) < 1
            recovered = daemon.wait_for(SYNCHRONIZED)
            assert as_of_ns(recovered) > stepped_ns
        assert f"set {'forward' if step_ns > 0 else 'back'} by {abs(step_ns)} ns" in daemon.log()


def test_a_step_back_that_chronyd_has_not_measured_is_not_recovered_from(
    pair: ServerAndClient, run_dir: Path, tmp_path: Path
) -> None:
    # The chronyd here doesn't see the step at all, so that its samples seem to come from the future.
    step = Step(tmp_path / "step")
    with start(run_dir, pair.client.socket_path, *FAST, program=(STEPPED_DAEMON, str(step.path))) as daemon:
        daemon.wait_for(SYNCHRONIZED)
        step.by(-60 * SECOND_NS)
        daemon.wait_to_pass(DISRUPTED)
        daemon.wait_for(UNKNOWN)
        time.sleep(3)
        assert daemon.layout_2().clock_status == UNKNOWN


def test_a_step_while_no_daemon_runs_is_found_by_the_next_one(
    pair: ServerAndClient, run_dir: Path, tmp_path: Path
) -> None:
    step = Step(tmp_path / "step")
    program = (STEPPED_DAEMON, str(step.path))
    with start(run_dir, pair.client.socket_path, *FAST, program=program) as first:
        first.wait_for(SYNCHRONIZED)
        first.kill()
    step.by(-1)
    with start(run_dir, pair.client.socket_path, *FAST, program=program) as second:
        second.wait_to_pass(DISRUPTED)
        second.wait_for_log("set back by 1 ns")
        second.wait_for(SYNCHRONIZED)


@pytest.mark.parametrize("fault", ["removed", "stays in an update"])
def test_a_page_that_is_lost_makes_the_clock_unknown_until_it_is_back(
    pair: ServerAndClient, run_dir: Path, page: FakePage, fault: str
) -> None:
    with start(run_dir, pair.client.socket_path, "--vmclock", str(page.path), *FAST) as daemon:
        daemon.wait_for(SYNCHRONIZED)
        for _round_count in range(2):
            if fault == "removed":
                page.path.unlink()
            else:
                page.begin()
            lost = daemon.wait_for(UNKNOWN)
            assert (lost.disruption_marker, lost.clock_disruption_support_enabled) == (7, 1)
            with (
                pytest.raises(ClockBoundError)
                if fault == "removed"
                else ClockBoundClient(run_dir / "shm0", vmclock_path=page.path) as client
            ):
                # one who comes now finds no page; one who finds it busy has to assume the worst
                if fault == "removed":
                    ClockBoundClient(run_dir / "shm0", vmclock_path=page.path)
                else:
                    assert client.now().status == UNKNOWN
            if fault == "removed":
                page.replace(7)
            else:
                page.end()
            daemon.wait_for(SYNCHRONIZED)
        assert "DISRUPTED" not in daemon.log()


def test_a_page_that_is_replaced_is_followed_and_old_mappings_stay_harmless(
    pair: ServerAndClient, run_dir: Path, page: FakePage, c_adapter: str
) -> None:
    with start(run_dir, pair.client.socket_path, "--vmclock", str(page.path), *FAST) as daemon:
        daemon.wait_for(SYNCHRONIZED)
        with (
            Readers(run_dir, page, pair, c_adapter),
            ClockBoundClient(run_dir / "shm0", vmclock_path=page.path) as old,
        ):
            page.replace(7)
            time.sleep(1)
            assert "DISRUPTED" not in daemon.log()
            daemon.wait_for(SYNCHRONIZED)
            with held_back(pair.client):
                page.replace(8)
                assert daemon.wait_for(DISRUPTED).disruption_marker == 8
            daemon.wait_for(SYNCHRONIZED)
            # It has the first page mapped, whose marker is no longer the daemon's.
            assert old.now().status == UNKNOWN
            with ClockBoundClient(run_dir / "shm0", vmclock_path=page.path) as new:
                assert wait_until(lambda: new.now().status == SYNCHRONIZED, timeout_s=WAIT_S)


def test_a_page_that_is_cut_ends_no_daemon(pair: ServerAndClient, run_dir: Path, page: FakePage) -> None:
    # No client of layout 2 here: one that has the file mapped would get SIGBUS. No device can be cut.
    with start(run_dir, pair.client.socket_path, "--vmclock", str(page.path), *FAST) as daemon:
        daemon.wait_for(SYNCHRONIZED)
        with ClockBoundClient(run_dir / "shm") as client:
            os.truncate(page.path, 0)
            daemon.wait_for(UNKNOWN)
            assert client.now().status == UNKNOWN
            assert daemon.longest_gap_s(2) < 1.5
            page.replace(7)
            daemon.wait_for(SYNCHRONIZED)
            assert wait_until(lambda: client.now().status == SYNCHRONIZED, timeout_s=WAIT_S)


def test_a_page_that_comes_late_is_followed(pair: ServerAndClient, run_dir: Path, page: FakePage) -> None:
    page.path.unlink()
    with start(run_dir, pair.client.socket_path, "--vmclock", str(page.path), *FAST) as daemon:
        assert daemon.wait_for(SYNCHRONIZED).clock_disruption_support_enabled == 0
        with ClockBoundClient(run_dir / "shm0", vmclock_path=page.path) as client:
            assert wait_until(lambda: client.now().status == SYNCHRONIZED, timeout_s=WAIT_S)
            page.replace(7)
            assert wait_until(
                lambda: daemon.layout_2().clock_disruption_support_enabled == 1, timeout_s=WAIT_S
            )
            page.disrupt(8)
            daemon.wait_to_pass(DISRUPTED)
            daemon.wait_for(SYNCHRONIZED)
            assert wait_until(lambda: client.now().status == SYNCHRONIZED, timeout_s=WAIT_S)


def test_a_page_that_is_gone_after_a_restart_counts_as_a_disruption(
    pair: ServerAndClient, run_dir: Path, page: FakePage
) -> None:
    options = ("--vmclock", str(page.path), *FAST)
    with start(run_dir, pair.client.socket_path, *options) as first:
        first.wait_for(SYNCHRONIZED)
    page.path.unlink()
    with start(run_dir, pair.client.socket_path, *options) as second:
        with held_back(pair.client):
            assert second.wait_for(DISRUPTED).clock_disruption_support_enabled == 0
            second.wait_for_log("followed a VMClock page that isn't there any more")
        second.wait_for(SYNCHRONIZED)


def test_a_page_that_is_not_to_be_followed_is_not(
    pair: ServerAndClient, run_dir: Path, page: FakePage
) -> None:
    options = ("--vmclock", str(page.path), *FAST)
    with start(run_dir, pair.client.socket_path, *options) as first:
        first.wait_for(SYNCHRONIZED)
    page.disrupt(8)
    with start(run_dir, pair.client.socket_path, "-d", *FAST) as second:
        assert wait_until(lambda: second.layout_2().clock_disruption_support_enabled == 0, timeout_s=WAIT_S)
        assert second.wait_for(SYNCHRONIZED).disruption_marker == 0
        assert "DISRUPTED" not in second.log()


@pytest.mark.parametrize(
    ("content", "options", "said"),
    [
        pytest.param(None, ["--require-vmclock"], "not found", id="required-and-absent"),
        pytest.param(b"", [], "0 bytes", id="empty"),
        pytest.param(b"\0" * 104, [], "its magic is 0x0", id="something-else"),
    ],
)
def test_a_page_that_clients_could_not_use_ends_the_daemon(
    pair: ServerAndClient, run_dir: Path, tmp_path: Path, content: bytes | None, options: list[str], said: str
) -> None:
    path = tmp_path / "vmclock0"
    if content is not None:
        path.write_bytes(content)
    with start(run_dir, pair.client.socket_path, "--vmclock", str(path), *options) as daemon:
        assert daemon.wait(WAIT_S) == 1
        assert f"clockbound: error: {path}: " in daemon.log()
        assert said in daemon.log()
        assert "--disable-clock-disruption-support" in daemon.log()
        assert not list(run_dir.iterdir())


def growth_events(daemon: Daemon) -> list[dict[str, object]]:
    return [event for event in daemon.events() if event["event"] == "dispersion-growth"]


def test_a_chronyd_whose_dispersion_grows_too_slowly_is_warned_of_and_no_other(
    pair: ServerAndClient, run_dir: Path
) -> None:
    # The laboratory's client has maxclockerror 50; to that come its skew and what of the frequency isn't corrected.
    pair.server.stop()  # so that its reference time stays
    try:
        for rate_ppm, warned in (("50", False), ("900000", True)):
            directory = run_dir / rate_ppm
            directory.mkdir()
            with start(
                directory, pair.client.socket_path, "-j", "--max-drift-rate", rate_ppm, *FAST
            ) as daemon:
                if warned:
                    assert wait_until(lambda daemon=daemon: bool(growth_events(daemon)), timeout_s=WAIT_S)
                else:
                    time.sleep(4)
                events = growth_events(daemon)
                assert bool(events) == warned, daemon.log()
                for event in events:
                    assert 50_000 <= event["growth_ppb"] < 900_000_000
                    assert f"put 'maxclockerror {rate_ppm}' into chrony.conf" in str(event["message"])
            (run_dir / "daemon.log").unlink(missing_ok=True)
    finally:
        pair.server.cont()
        pair.client.wait_until_synchronised()


@pytest.mark.parametrize("max_clock_error_ppm", [1, 2001])
def test_the_growth_is_what_chronyd_was_configured_to(max_clock_error_ppm: int) -> None:
    with ServerAndClient(
        max_clock_error_ppm=max_clock_error_ppm, settled_dispersion_s=Decimal("0.01")
    ) as settled:
        settled.server.stop()
        client, monitor = ChronyClient(str(settled.client.socket_path)), GrowthMonitor()
        found: list[tuple[int, Fraction]] = []
        try:
            for _ in range(12):
                asked_ns = time.time_ns()
                client.ask()
                assert select.select([client.descriptor], [], [], WAIT_S)[0]
                sample = client.receive()
                received_ns = time.time_ns()
                assert isinstance(sample, Tracking)
                found_ppb = monitor.most_ppb(
                    sample, asked_realtime_ns=asked_ns, received_realtime_ns=received_ns
                )
                # In its own words, which the monitor doesn't look at.
                its_own_q89_ppm = sample.skew_q89_ppm + abs(sample.resid_freq_q89_ppm)
                if found_ppb is not None:
                    found.append((found_ppb, 1000 * (max_clock_error_ppm + Fraction(its_own_q89_ppm, 2**89))))
                time.sleep(0.3)
        finally:
            client.close()
            settled.server.cont()
    assert len(found) >= 5
    for found_ppb, its_own_ppb in found:
        # Never below, but for the precision of its own words; above by what the messages took.
        assert its_own_ppb * Fraction(999_999, 1_000_000) <= found_ppb <= its_own_ppb * Fraction(11, 10)
