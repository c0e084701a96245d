"""The laboratory, with real chronyd: what it promises to those who test with it."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path

import pytest
from clockbound_conformance import lab, processes
from clockbound_conformance.lab import (
    Chronyd,
    LabDirectory,
    ReferenceClock,
    ServerAndClient,
    Tracking,
    free_loopback_endpoint,
    parse_tracking,
    tracking,
)
from clockbound_conformance.processes import LabError, wait_until

OFFSET_NS, RATE_PPB = 250_000_000, 20_000
LOCAL_CLOCK = ["local stratum 1"]


@pytest.fixture(scope="module")
def pair() -> Iterator[ServerAndClient]:
    with ServerAndClient(offset_ns=OFFSET_NS, rate_ppb=RATE_PPB) as running:
        yield running


@pytest.fixture
def no_programs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine with no program in any program directory."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(processes, "SYSTEM_PROGRAM_DIRS", (str(tmp_path),))


def test_truth_is_the_system_clock_plus_offset_plus_rate() -> None:
    clock = ReferenceClock(Path("/s"), offset_ns=-5, rate_ppb=20_000, epoch_realtime_ns=1_000)
    assert clock.truth_ns(1_000) == 995
    assert clock.truth_ns(1_000 + 10**9) == 1_000 + 10**9 - 5 + 20_000
    # exact where a double would not be: 10^18 ns at 20,000 ppb are 2 * 10^13 ns
    assert clock.truth_ns(1_000 + 10**18 + 1) == 1_000 + 10**18 + 1 - 5 + 2 * 10**13


def test_a_sample_names_its_microsecond_and_that_microseconds_offset() -> None:
    clock = ReferenceClock(Path("/s"), offset_ns=250_000_000, rate_ppb=10**9 // 2, epoch_realtime_ns=0)
    # 3.000001 s after the epoch, the 999 ns cut: 0.25 + 1.5000005 s
    fields = ReferenceClock.SAMPLE.unpack(clock.sample(3_000_001_999))
    assert fields == (3, 1, 1.7500005, 0, 0, 0, 0x534F434B)
    assert ReferenceClock.SAMPLE.size == 40


def test_the_client_measures_the_offset_because_nothing_is_ever_corrected(pair: ServerAndClient) -> None:
    def is_right(report: Tracking) -> bool:
        error_s = Decimal(pair.reference.error_ns(time.time_ns())) / 10**9
        return abs(report.current_correction_s - error_s) < Decimal("0.0005")

    report = pair.client.wait_until_tracking(is_right, what="so wrong as the system clock is")
    assert report.current_correction_s > Decimal("0.249")


def test_truth_lies_inside_the_clients_own_error_bound(pair: ServerAndClient) -> None:
    for _ in range(20):
        before_ns = time.time_ns()
        report = pair.client.tracking()
        after_ns = time.time_ns()
        reach_s = report.root_dispersion_s + report.root_delay_s / 2
        assert report.current_correction_s - reach_s <= Decimal(pair.reference.error_ns(after_ns)) / 10**9
        assert report.current_correction_s + reach_s >= Decimal(pair.reference.error_ns(before_ns)) / 10**9
        time.sleep(0.05)


def test_truth_lies_near_the_end_of_the_bound(pair: ServerAndClient) -> None:
    # what makes the laboratory sharp: a bound that lost a millisecond anywhere would not hold truth
    pair.client.wait_until_tracking(
        lambda report: report.root_dispersion_s + report.root_delay_s / 2 < Decimal("0.001"),
        what="sure to a millisecond",
    )


def test_the_system_clock_is_left_alone(pair: ServerAndClient) -> None:
    for chronyd in (pair.server, pair.client):
        arguments = Path(f"/proc/{chronyd.pid}/cmdline").read_bytes().split(b"\0")
        assert b"-x" in arguments
        assert "Disabled control of system clock" in chronyd.log()


def test_a_lost_server_freezes_the_reference_and_lets_dispersion_grow() -> None:
    with ServerAndClient(offset_ns=OFFSET_NS, rate_ppb=RATE_PPB, max_clock_error_ppm=50) as pair:
        pair.server.terminate()
        pair.client.tracking()  # whatever it still had from the server it has taken when it answers
        asked_s, first, answered_s = time.monotonic(), pair.client.tracking(), time.monotonic()
        time.sleep(2.0)
        asked_again_s, last, ended_s = time.monotonic(), pair.client.tracking(), time.monotonic()
        assert first.ref_time_s == last.ref_time_s
        assert last.leap == "Normal"
        # 50 ppm of maxclockerror, and what chronyd adds for skew: much, where the machine is busy
        growth = last.root_dispersion_s - first.root_dispersion_s
        own_ppm = last.skew_ppm + abs(last.residual_frequency_ppm)
        assert Decimal(50e-6 * 0.99 * (asked_again_s - answered_s)) < growth
        assert growth < (50 + own_ppm) * Decimal(1e-6 * 1.01 * (ended_s - asked_s))

        def is_right_again(report: Tracking) -> bool:
            error_s = Decimal(pair.reference.error_ns(time.time_ns())) / 10**9
            return report.ref_time_s > last.ref_time_s and abs(
                report.current_correction_s - error_s
            ) < Decimal("0.001")

        pair.server.start()
        pair.client.wait_until_tracking(is_right_again, what="synchronised again")


def frozen_reference(chronyd: Chronyd) -> Decimal:
    """Its reference time once that stays, although there would be several updates in the time that it is watched."""
    before = chronyd.tracking().ref_time_s
    for _ in range(20):
        time.sleep(1)
        after = chronyd.tracking().ref_time_s
        if after == before:
            return after
        before = after  # the last samples were on their way
    raise AssertionError("the reference time goes on")


def test_a_silent_reference_clock_freezes_its_chronyd() -> None:
    with LabDirectory() as directory:
        path = directory.path("clock.sock")
        line = ReferenceClock.config_line(path, refid="PHC0", options="poll -2 dpoll -4 filter 4")
        with (
            Chronyd([line], directory=directory) as chronyd,
            ReferenceClock(path, offset_ns=-7_000_000, samples_per_second=16) as clock,
        ):
            report = chronyd.wait_until_synchronised()
            assert report.reference_id == "50484330"
            assert abs(report.current_correction_s - Decimal("-0.007")) < Decimal("0.0001")
            clock.silence()
            frozen = frozen_reference(chronyd)
            clock.resume()
            chronyd.wait_until_tracking(lambda report: report.ref_time_s > frozen, what="updated")


def test_unsynchronised_at_will() -> None:
    with ServerAndClient() as pair:
        pair.reference.silence()
        pair.server.chronyc("reset", "sources")
        report = pair.server.wait_until_tracking(
            lambda report: not report.synchronised, what="unsynchronised"
        )
        assert report.leap == "Not synchronised"


def test_a_frozen_chronyd_does_not_answer_until_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lab, "CHRONYC_TIMEOUT_S", 0.5)
    with Chronyd(LOCAL_CLOCK) as chronyd:
        chronyd.stop()
        with pytest.raises(LabError, match=str(chronyd.socket_path)):
            chronyd.tracking()
        chronyd.cont()
        report = chronyd.wait_until_tracking(lambda report: True, what="thawed")
        assert report.reference_id == "7F7F0101"


def test_a_chronyd_that_is_just_thawed_is_talked_to_although_its_queue_is_full() -> None:
    with Chronyd(LOCAL_CLOCK) as chronyd, socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
        chronyd.stop()
        other.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            for _ in range(100_000):
                other.sendto(b"not a request", str(chronyd.socket_path))
            raise AssertionError("its queue never became full")
        thawing = threading.Timer(1.0, chronyd.cont)
        thawing.start()
        try:
            # What chronyc says meanwhile, "506 Cannot talk to daemon", is no last word.
            assert chronyd.tracking().reference_id == "7F7F0101"
        finally:
            thawing.join()


def test_who_waits_for_a_chronyd_that_does_not_answer_is_told_what_it_said_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lab, "CHRONYC_TIMEOUT_S", 0.2)
    with Chronyd(LOCAL_CLOCK) as chronyd:
        chronyd.stop()
        with pytest.raises(LabError, match=r"(?s)not synchronised within 0\.1 s; .*'tracking'.*its log:"):
            chronyd.wait_until_synchronised(timeout_s=0.1)
        chronyd.kill()
        with pytest.raises(LabError, match=r"not synchronised before it ended; .*Could not open connection"):
            chronyd.wait_until_synchronised()


def test_a_frozen_chronyd_is_ended_at_the_end() -> None:
    with Chronyd(LOCAL_CLOCK) as chronyd:
        chronyd.stop()
    assert not chronyd.running


def test_a_killed_chronyd_leaves_its_socket_and_starts_again() -> None:
    with Chronyd(LOCAL_CLOCK) as chronyd:
        first_pid, path = chronyd.pid, chronyd.socket_path
        chronyd.kill()
        assert path.exists()
        chronyd.start()
        assert chronyd.pid != first_pid
        assert chronyd.socket_path == path
        assert chronyd.tracking().reference_id == "7F7F0101"


def test_a_terminated_chronyd_removes_its_socket() -> None:
    with Chronyd(LOCAL_CLOCK) as chronyd:
        chronyd.terminate()
        assert not chronyd.socket_path.exists()
        chronyd.restart()
        assert chronyd.running


def test_nothing_is_left_behind_after_an_exception() -> None:
    with contextlib.suppress(KeyError), ServerAndClient() as pair:
        raise KeyError
    assert not pair.server.running
    assert not pair.client.running
    assert not pair.server.process.guard_running
    assert not pair.directory.directory.exists()


def test_laboratories_run_side_by_side() -> None:
    def measure(offset_ns: int) -> tuple[int, Decimal]:
        with ServerAndClient(offset_ns=offset_ns, rate_ppb=0) as pair:
            return offset_ns, pair.client.tracking().current_correction_s

    offsets = (-300_000_000, 1_000_000, 200_000_000, 5_000_000_000)
    with ThreadPoolExecutor(len(offsets)) as pool:
        for offset_ns, measured_s in pool.map(measure, offsets):
            assert abs(measured_s - Decimal(offset_ns) / 10**9) < Decimal("0.001")


def test_an_endpoint_is_free_even_from_those_who_share_their_port() -> None:
    address, port = free_loopback_endpoint()
    lines = [*LOCAL_CLOCK, f"port {port}", f"bindaddress {address}", "allow 127.0.0.0/8"]
    with (
        Chronyd(lines),
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe,
        pytest.raises(OSError, match="in use"),
    ):
        probe.bind((address, port))


def test_the_socket_directory_belongs_to_chronyds_user_alone() -> None:
    with Chronyd(LOCAL_CLOCK) as chronyd:
        status = chronyd.socket_path.parent.stat()
        owner = pwd.getpwuid(status.st_uid)
        assert stat.S_IMODE(status.st_mode) == 0o700
        assert status.st_gid == owner.pw_gid
        assert Path(f"/proc/{chronyd.pid}").stat().st_uid == status.st_uid


@pytest.mark.skipif(os.geteuid() != 0, reason="every other test here runs without root already")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_works_without_root() -> None:
    nobody = pwd.getpwnam("nobody")
    pid = os.fork()
    if pid == 0:  # the child: a user without any right, in the same program
        status = 1
        try:
            os.chdir("/")
            os.setgroups([])
            os.setgid(nobody.pw_gid)
            os.setuid(nobody.pw_uid)
            with ServerAndClient(offset_ns=OFFSET_NS) as pair:
                correction_s = pair.client.tracking().current_correction_s
                assert abs(correction_s - Decimal("0.25")) < Decimal("0.001")
            status = 0
        except BaseException:  # noqa: BLE001 - the child must never go on as a second pytest
            traceback.print_exc()
        finally:
            os._exit(status)
    assert os.waitpid(pid, 0)[1] == 0


SCRIPT = """
import sys, time
from clockbound_conformance.lab import ServerAndClient
from clockbound_conformance.processes import unwinding_on_signals
with unwinding_on_signals(), ServerAndClient() as pair:
    ids = [p.process.pid for p in (pair.server, pair.client)] + [p.process.guard_pid for p in (pair.server, pair.client)]
    print(*ids, pair.directory.directory, flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize(
    ("number", "status"),
    [
        (signal.SIGTERM, 143),
        (signal.SIGHUP, 129),
        (signal.SIGINT, -signal.SIGINT),
        (signal.SIGKILL, -signal.SIGKILL),
    ],
)
def test_a_signal_to_the_owner_ends_everything(number: signal.Signals, status: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as owner:
        assert owner.stdout is not None
        *ids, directory = owner.stdout.readline().split()
        assert len(ids) == 4
        owner.send_signal(number)
        assert owner.wait(60.0) == status
    assert wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in ids), timeout_s=30.0)
    if number == signal.SIGKILL:  # nobody was left to remove it
        shutil.rmtree(directory)
    assert not Path(directory).exists()


NOT_INSTALLED = r": no such program in .*apt-get install.*chrony"


@pytest.mark.usefixtures("no_programs")
def test_a_missing_chronyd_is_named_with_what_to_install() -> None:
    with pytest.raises(LabError, match="chronyd" + NOT_INSTALLED), Chronyd(LOCAL_CLOCK):
        pass


@pytest.mark.usefixtures("no_programs")
def test_a_missing_chronyc_is_named_with_what_to_install() -> None:
    with pytest.raises(LabError, match="chronyc" + NOT_INSTALLED):
        tracking(Path("/run/chrony/chronyd.sock"))


def test_a_wrong_configuration_is_shown_with_chronyds_own_words() -> None:
    message = r"(?s)ended at once with status 1.*chronyd\.conf.*Invalid directive"
    with pytest.raises(LabError, match=message), Chronyd(["nonsense"]):
        pass


def test_a_directory_that_chronyd_refuses_is_an_error_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lab, "START_TIMEOUT_S", 0.5)
    with LabDirectory() as directory:
        directory.directory.chmod(0o777)
        address, port = free_loopback_endpoint()  # with nothing at all to do chronyd would end by itself
        lines = [*LOCAL_CLOCK, f"port {port}", f"bindaddress {address}", "allow 127.0.0.0/8"]
        message = rf"(?s)no command socket at {directory.directory}.*must belong to user"
        with pytest.raises(LabError, match=message), Chronyd(lines, directory=directory):
            pass


def test_a_path_too_long_for_a_socket_is_an_error_with_the_remedy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    deep = tmp_path / ("x" * 120)
    deep.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(deep))
    with LabDirectory() as directory, pytest.raises(LabError, match="set TMPDIR"):
        directory.path("chronyd.sock")


def test_never_synchronised_is_an_error_with_the_last_report() -> None:
    with Chronyd([]) as chronyd, pytest.raises(LabError, match=r"not synchronised within 0\.2 s.*00000000"):
        chronyd.wait_until_synchronised(timeout_s=0.2)


def test_the_tracking_report_is_parsed_field_by_field() -> None:
    line = (
        "7F000001,127.0.0.1,2,1795158684.728752445,0.250016451,-0.250016391,0.250016391,-8.171,-0.000,834.476,"
        "0.000022153,0.000167724,0.5,Normal\n"
    )
    expected = Tracking(
        reference_id="7F000001",
        address="127.0.0.1",
        stratum=2,
        ref_time_s=Decimal("1795158684.728752445"),
        current_correction_s=Decimal("0.250016451"),
        last_offset_s=Decimal("-0.250016391"),
        rms_offset_s=Decimal("0.250016391"),
        frequency_ppm=Decimal("-8.171"),
        residual_frequency_ppm=Decimal("-0.000"),
        skew_ppm=Decimal("834.476"),
        root_delay_s=Decimal("0.000022153"),
        root_dispersion_s=Decimal("0.000167724"),
        update_interval_s=Decimal("0.5"),
        leap="Normal",
    )
    assert parse_tracking(line) == expected


def test_a_report_with_another_number_of_fields_is_refused() -> None:
    with pytest.raises(LabError, match="14 fields expected"):
        parse_tracking("506 Cannot talk to daemon\n")


class TestUnderAppArmor:
    """AppArmor as Debian sets it up, as far as a machine without it can tell: where the files would go."""

    @pytest.fixture
    def run_chrony(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
        enabled, profiles = tmp_path / "enabled", tmp_path / "profiles"
        enabled.write_text("Y\n")
        profiles.write_text("/usr/sbin/chronyd (enforce)\n/usr/bin/man (enforce)\n")
        monkeypatch.setattr(lab, "APPARMOR_ENABLED", enabled)
        monkeypatch.setattr(lab, "APPARMOR_PROFILES", profiles)
        # short and reachable by chronyd's user, unlike tmp_path
        directory = Path(tempfile.gettempdir()) / f"run-chrony-{os.getpid()}"
        monkeypatch.setattr(lab, "APPARMOR_CHRONY_DIR", directory)
        return directory

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can see AppArmor's profiles and use /run/chrony")
    def test_root_works_with_files_directly_in_chronys_directory(self, run_chrony: Path) -> None:
        with ServerAndClient() as pair:
            assert pair.client.socket_path.parent == run_chrony
            assert all(path.is_socket() or path.is_file() for path in run_chrony.iterdir())
        assert not run_chrony.exists()

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root can see AppArmor's profiles and use /run/chrony")
    def test_a_directory_that_was_there_stays_with_what_is_in_it(self, run_chrony: Path) -> None:
        run_chrony.mkdir(mode=0o700)
        own = run_chrony / "chronyd.sock"
        own.write_text("")
        try:
            user = pwd.getpwnam(next(name for name in lab.CHRONY_USERS if _is_user(name)))
            os.chown(run_chrony, user.pw_uid, user.pw_gid)
            with Chronyd(LOCAL_CLOCK) as chronyd:
                assert chronyd.socket_path.parent == run_chrony
            assert [own] == list(run_chrony.iterdir())
        finally:
            own.unlink()
            run_chrony.rmdir()

    def test_another_user_is_told_which_rule_to_add(
        self, run_chrony: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(lab, "APPARMOR_PROFILES", run_chrony / "unreadable")
        message = r"(?s)AppArmor is on here.*local/usr\.sbin\.chronyd"
        with pytest.raises(LabError, match=message), Chronyd(["nonsense"]):
            pass


def _is_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
