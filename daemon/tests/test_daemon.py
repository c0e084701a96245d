"""The daemon as a process, on a real chronyd."""

from __future__ import annotations

import os
import select
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from decimal import ROUND_HALF_EVEN, Context, Decimal
from pathlib import Path

import pytest
from clockbound_client import ClockBoundClient
from clockbound_conformance.lab import (
    Chronyd,
    LabDirectory,
    ReferenceClock,
    ServerAndClient,
    Tracking,
    chronyc,
)
from clockbound_conformance.processes import wait_until
from clockbound_daemon import candm
from clockbound_daemon._layout import UNSYNCHRONISED_BOUND_NS, VERSION, ClockStatus, SegmentRecord
from clockbound_daemon.chrony import ChronyClient
from daemon_support import SECOND_NS, WAIT_S, Daemon, consistent

UNKNOWN, SYNCHRONIZED, FREE_RUNNING, DISRUPTED = ClockStatus
FAST = ("--poll-interval", "0.25")


def start(run_dir: Path, chronyd_socket: Path | str, *options: str) -> Daemon:
    return Daemon(run_dir, chronyd_socket, *options, log_path=run_dir.parent / "daemon.log")


def ask(socket_path: Path) -> candm.Tracking:
    """One answer of a real chronyd, through the daemon's own client."""
    client = ChronyClient(str(socket_path))
    try:
        client.ask()
        assert select.select([client.descriptor], [], [], WAIT_S)[0]
        answer = client.receive()
        assert answer is not None
        return answer
    finally:
        client.close()


def assert_published_every_second(daemon: Daemon) -> None:
    """In both layouts."""
    before = daemon.layout_1().generation
    assert daemon.longest_gap_s(2.6) < 1.3
    assert wait_until(lambda: daemon.layout_1().generation >= before + 4, timeout_s=WAIT_S)


def reply_sockets(directory: LabDirectory) -> list[str]:
    return [path.name for path in directory.directory.iterdir() if path.name.startswith("clockbound-")]


def test_the_truth_lies_inside_the_published_interval(pair: ServerAndClient, run_dir: Path) -> None:
    with start(run_dir, pair.client.socket_path) as daemon:
        daemon.wait_for(SYNCHRONIZED)
        for name in ("shm", "shm0"):
            with ClockBoundClient(run_dir / name) as client:
                for _ in range(100):
                    before_ns = time.time_ns()
                    interval = client.now()
                    after_ns = time.time_ns()
                    # Free running for a moment where a busy machine holds chronyd up.
                    assert interval.status in (SYNCHRONIZED, FREE_RUNNING)
                    # The clock was read at some moment between the two.
                    assert interval.earliest_ns <= pair.truth_ns(after_ns)
                    assert interval.latest_ns >= pair.truth_ns(before_ns)
                    # A quarter of a second and more is real, the rest is what chronyd isn't sure of.
                    assert interval.width_ns < 2 * (pair.reference.error_ns(after_ns) + 50_000_000)
                    time.sleep(0.01)


def test_both_layouts_say_the_same(pair: ServerAndClient, run_dir: Path) -> None:
    with start(run_dir, pair.client.socket_path) as daemon:
        daemon.wait_for(SYNCHRONIZED)

        def both() -> tuple[SegmentRecord, SegmentRecord] | None:
            """Between two publishes: a moment at which neither is being written."""
            before = daemon.layout_2()
            layout_1, layout_2 = daemon.layout_1(), daemon.layout_2()
            return (layout_1, layout_2) if before == layout_2 and layout_1.generation % 2 == 0 else None

        # The two are written one after the other.
        assert wait_until(lambda: (found := both()) is not None and found[0] == found[1], timeout_s=WAIT_S)
        layout_2 = daemon.wait_for(SYNCHRONIZED)
        assert layout_2.max_drift_ppb == 50_000
        assert layout_2.clock_disruption_support_enabled == 0
        assert layout_2.void_after_sec == layout_2.as_of_sec + 1000
        assert layout_2.void_after_nsec == layout_2.as_of_nsec

        def age_ns() -> int:
            record = daemon.layout_2()
            return time.monotonic_ns() - record.as_of_sec * SECOND_NS - record.as_of_nsec

        assert wait_until(lambda: 0 < age_ns() < 1_200_000_000, timeout_s=WAIT_S)


def printed(value_q89: int, places: int) -> Decimal:
    """As chronyc prints it: the exact value, rounded half to even."""
    context = Context(prec=200, rounding=ROUND_HALF_EVEN)
    return context.divide(Decimal(value_q89), Decimal(2**89)).quantize(
        Decimal(1).scaleb(-places), context=context
    )


def as_chronyc(answer: candm.Tracking) -> Tracking:
    seconds, nanoseconds = divmod(answer.ref_time_ns, SECOND_NS)
    assert answer.ip_family == 1
    return Tracking(
        reference_id=f"{answer.ref_id:08X}",
        address=".".join(str(byte) for byte in answer.ip_address[:4]),
        stratum=answer.stratum,
        ref_time_s=Decimal(f"{seconds}.{nanoseconds:09d}"),
        current_correction_s=printed(answer.current_correction_q89_s, 9),
        last_offset_s=printed(answer.last_offset_q89_s, 9),
        rms_offset_s=printed(answer.rms_offset_q89_s, 9),
        frequency_ppm=printed(answer.freq_q89_ppm, 3),
        residual_frequency_ppm=printed(answer.resid_freq_q89_ppm, 3),
        skew_ppm=printed(answer.skew_q89_ppm, 3),
        root_delay_s=printed(answer.root_delay_q89_s, 9),
        root_dispersion_s=printed(answer.root_dispersion_q89_s, 9),
        update_interval_s=printed(answer.last_update_interval_q89_s, 1),
        leap=("Normal", "Insert second", "Delete second", "Not synchronised")[answer.leap_status],
    )


def test_every_field_of_tracking_is_what_chronyc_prints(pair: ServerAndClient) -> None:
    pair.server.stop()  # so that nothing changes between two questions but what grows with time
    try:
        time.sleep(0.5)
        pair.client.tracking()  # whatever was still on its way from the server it has when it answers
        before, answer, after = pair.client.tracking(), ask(pair.client.socket_path), pair.client.tracking()
        ours = as_chronyc(answer)
        for field in Tracking._fields:
            value, low, high = getattr(ours, field), getattr(before, field), getattr(after, field)
            if field in ("root_dispersion_s", "current_correction_s"):
                assert min(low, high) <= value <= max(low, high), field
            else:
                assert low == value == high, field
        assert ours.reference_id == before.reference_id != "00000000"
    finally:
        pair.server.cont()
        pair.client.wait_until_synchronised()


def test_without_a_chronyd_the_clock_is_unknown_until_there_is_one(
    pair: ServerAndClient, run_dir: Path
) -> None:
    pair.client.terminate()
    try:
        with start(run_dir, pair.client.socket_path) as daemon:
            first = daemon.wait_for(UNKNOWN)
            assert first.bound_ns == UNSYNCHRONISED_BOUND_NS
            assert_published_every_second(daemon)
            assert f"{pair.client.socket_path}: not found" in daemon.log()
            pair.client.start()
            daemon.wait_for(SYNCHRONIZED)
    finally:
        pair.client.start()
        pair.client.wait_until_synchronised()


def test_a_lost_source_makes_the_clock_free_running_and_not_unknown(
    pair: ServerAndClient, run_dir: Path
) -> None:
    with start(run_dir, pair.client.socket_path, *FAST) as daemon:
        daemon.wait_for(SYNCHRONIZED)
        pair.server.stop()
        try:
            daemon.wait_for_log("ns old, more than")
            kept = daemon.wait_for(FREE_RUNNING)
            assert "stale" not in daemon.log()  # the cause is a word for machines
            # chronyd answers, so nothing but a newer sample ends this
            time.sleep(1.5)
            assert daemon.layout_2().clock_status == FREE_RUNNING
            assert daemon.layout_2().as_of_sec == kept.as_of_sec
        finally:
            pair.server.cont()
        daemon.wait_for(SYNCHRONIZED)


def test_a_chronyd_that_was_reset_makes_the_clock_free_running(pair: ServerAndClient, run_dir: Path) -> None:
    with start(run_dir, pair.client.socket_path, *FAST) as daemon:
        daemon.wait_for(SYNCHRONIZED)
        pair.server.stop()
        try:
            chronyc(pair.client.socket_path, "reset", "sources")
            daemon.wait_for(FREE_RUNNING)
            daemon.wait_for_log("isn't synchronised")
        finally:
            pair.server.cont()
        daemon.wait_for(SYNCHRONIZED)


def test_a_chronyd_on_its_own_clock_is_unknown_unless_trusted(run_dir: Path) -> None:
    with Chronyd(["local stratum 1"]) as chronyd:
        with start(run_dir, chronyd.socket_path) as daemon:
            daemon.wait_for(UNKNOWN)
            daemon.wait_for_log("7F7F0101")
            assert daemon.layout_2().bound_ns == UNSYNCHRONISED_BOUND_NS
        with start(run_dir, chronyd.socket_path, "--trust-local-reference") as daemon:
            assert daemon.wait_for(SYNCHRONIZED).bound_ns == 0


@pytest.fixture
def phc_chronyd() -> Iterator[Chronyd]:
    """A chronyd that follows a reference clock called PHC0."""
    with LabDirectory() as directory:
        feed = directory.path("phc.sock")
        line = ReferenceClock.config_line(feed, refid="PHC0", options="poll -2 dpoll -4 filter 4")
        with (
            Chronyd([line], directory=directory) as chronyd,
            ReferenceClock(feed, offset_ns=1_000_000, samples_per_second=16),
        ):
            chronyd.wait_until_synchronised()
            yield chronyd


def test_the_error_bound_of_the_phc_is_added(phc_chronyd: Chronyd, run_dir: Path, tmp_path: Path) -> None:
    device = tmp_path / "sys/class/net/eth7/device"
    device.mkdir(parents=True)
    (device / "uevent").write_text("DRIVER=ena\nPCI_SLOT_NAME=0000:00:07.0\n")
    slot = tmp_path / "sys/bus/pci/devices/0000:00:07.0"
    slot.mkdir(parents=True)
    error_bound = slot / "phc_error_bound"
    error_bound.write_text("500000000\n")
    options = ["-r", "PHC0", "-i", "eth7", "--sysfs-root", str(tmp_path / "sys"), *FAST]
    with start(run_dir, phc_chronyd.socket_path, *options) as daemon:
        # 1 ms of offset and what chronyd isn't sure of, which is less than 100 ms
        assert 501_000_000 <= daemon.wait_for(SYNCHRONIZED).bound_ns < 600_000_000
        error_bound.write_text("0\n")
        assert wait_until(lambda: daemon.layout_2().bound_ns < 100_000_000, timeout_s=WAIT_S)
        error_bound.unlink()
        daemon.wait_to_pass(FREE_RUNNING)
        daemon.wait_for_log(str(error_bound))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_cleanly_and_leaves_the_segments(
    pair: ServerAndClient, run_dir: Path, number: signal.Signals
) -> None:
    with start(run_dir, pair.client.socket_path) as daemon:
        daemon.wait_for(SYNCHRONIZED)
        assert reply_sockets(pair.directory) == [f"clockbound-{daemon.pid}.sock"]
        os.kill(daemon.pid, number)
        assert daemon.wait(WAIT_S) == 0
        assert daemon.layout_2().clock_status in (SYNCHRONIZED, FREE_RUNNING)
        assert reply_sockets(pair.directory) == []
        assert "Traceback" not in daemon.log()


def test_a_daemon_after_a_killed_one_goes_on_in_the_same_file(pair: ServerAndClient, run_dir: Path) -> None:
    with start(run_dir, pair.client.socket_path) as daemon:
        left = daemon.wait_for(SYNCHRONIZED)
        inodes = [(run_dir / name).stat().st_ino for name in ("shm", "shm0")]
        with ClockBoundClient(run_dir / "shm0") as client:
            daemon.kill()
            assert reply_sockets(pair.directory) == [f"clockbound-{daemon.pid}.sock"]
            # as if it had been killed in the middle of an update
            with (run_dir / "shm0").open("r+b") as segment:
                segment.seek(14)
                segment.write((left.generation + 1).to_bytes(2, sys.byteorder))
            with start(run_dir, pair.client.socket_path) as successor:
                # What the update that it died in was about nobody can tell, so there was a disruption.
                successor.wait_to_pass(DISRUPTED)
                successor.wait_for_log("an earlier daemon died while it wrote the segment")
                assert successor.wait_for(SYNCHRONIZED).as_of_sec > left.as_of_sec
                assert successor.layout_2().generation > left.generation
                assert [(run_dir / name).stat().st_ino for name in ("shm", "shm0")] == inodes
                assert wait_until(lambda: client.now().status == SYNCHRONIZED, timeout_s=WAIT_S)
                assert reply_sockets(pair.directory) == [f"clockbound-{successor.pid}.sock"]


def test_a_missing_run_directory_ends_it_with_status_1(pair: ServerAndClient, run_dir: Path) -> None:
    with start(run_dir / "nowhere", pair.client.socket_path) as daemon:
        assert daemon.wait(WAIT_S) == 1
        assert (
            f"clockbound: error: {run_dir}/nowhere: not found"
            in (run_dir.parent / "run/daemon.log").read_text()
        )


def test_an_unknown_phc_interface_ends_it_with_status_1(pair: ServerAndClient, run_dir: Path) -> None:
    with start(run_dir, pair.client.socket_path, "-r", "PHC0", "-i", "nosuchif0") as daemon:
        assert daemon.wait(WAIT_S) == 1
        assert "/sys/class/net/nosuchif0/device/uevent: not found" in daemon.log()
        assert not list(run_dir.iterdir())


def test_the_default_drift_rate_comes_with_the_line_for_chrony_conf(
    pair: ServerAndClient, run_dir: Path
) -> None:
    command = [sys.executable, "-m", "clockbound_daemon", "--run-dir", str(run_dir)]
    command += ["--chronyd-socket", str(pair.client.socket_path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        lines = [process.stderr.readline(), process.stderr.readline()]
        process.terminate()
        assert process.wait(WAIT_S) == 0
    assert "drift rate 50 ppm" in lines[0]
    assert "put 'maxclockerror 50' into chrony.conf" in lines[1]


def test_json_output_is_one_object_a_line(pair: ServerAndClient, run_dir: Path) -> None:
    with start(run_dir, pair.client.socket_path, "-j", "-d") as daemon:
        record = daemon.wait_for(SYNCHRONIZED)
        assert wait_until(lambda: len(daemon.log().splitlines()) >= 2, timeout_s=WAIT_S)
        started, changed, *_ = daemon.events()
        assert (started["event"], started["version"], started["max_drift_ppb"]) == (
            "started",
            VERSION,
            50_000,
        )
        assert (changed["event"], changed["status"], changed["cause"]) == (
            "status",
            "SYNCHRONIZED",
            "synchronised",
        )
        assert isinstance(changed["bound_ns"], int)
        assert record.clock_disruption_support_enabled == 0


def test_a_reply_directory_that_chronyd_can_reach_works(pair: ServerAndClient, run_dir: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="cb-") as reply_dir:
        Path(reply_dir).chmod(0o711)
        with start(run_dir, pair.client.socket_path, "--reply-dir", reply_dir) as daemon:
            daemon.wait_for(SYNCHRONIZED)
            assert stat.S_IMODE((Path(reply_dir) / f"clockbound-{daemon.pid}.sock").stat().st_mode) == 0o666
            assert reply_sockets(pair.directory) == []


def test_a_reply_directory_that_chronyd_can_not_reach_is_named(pair: ServerAndClient, run_dir: Path) -> None:
    if pair.directory.uid == os.geteuid():
        pytest.skip("chronyd runs as this user here, who may reach every directory of ours")
    with (
        tempfile.TemporaryDirectory(prefix="cb-") as reply_dir,  # mode 0700
        start(run_dir, pair.client.socket_path, "--reply-dir", reply_dir) as daemon,
    ):
        daemon.wait_for_log("did not answer within 500 ms")
        assert f"can't write to {reply_dir}/clockbound-{daemon.pid}.sock" in daemon.log()
        assert daemon.layout_2().clock_status == UNKNOWN


@pytest.mark.parametrize("closed", ["2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_standard_descriptors_do_no_harm(pair: ServerAndClient, run_dir: Path, closed: str) -> None:
    # Their numbers would go to the first files that are opened, and log lines into those.
    command = f"exec {sys.executable} -m clockbound_daemon --run-dir {run_dir} --chronyd-socket {pair.client.socket_path}"
    with subprocess.Popen(["/bin/sh", "-c", f"{command} {closed}"]) as process:
        try:
            assert wait_until((run_dir / "shm0").exists, timeout_s=WAIT_S)
            time.sleep(1.2)
            assert process.poll() is None
            assert (run_dir / "clockbound.lock").read_text() == f"{process.pid}\n"
            assert wait_until(
                lambda: (
                    (record := consistent(run_dir / "shm0")) is not None
                    and record.clock_status == SYNCHRONIZED
                ),
                timeout_s=WAIT_S,
            )
        finally:
            process.terminate()
        assert process.wait(WAIT_S) == 0
