"""The daemon under each service manager, all of them real, with Debian's chrony.service and with clients reading."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from clockbound_conformance.processes import wait_until
from units_support import (
    OFFSET_NS,
    PAGE_DEVICE,
    REFERENCE_ID,
    RUN_DIR,
    Machine,
    losing_nothing,
    require_container,
)

INSTALL = ("/opt/clockbound/bin/clockboundctl", "install-units")
SYSTEMD = "systemd"
BEFORE_235 = "systemd-before-235"
#: The end of a daemon that systemd's watchdog ends: WatchdogSec=10 and a second of RestartSec.
HANG_TIMEOUT_S = 60.0


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    require_container()
    with Machine(tmp_path_factory.mktemp("machine")) as running:
        running.run("systemctl", "start", "chrony")
        yield running


def installed(machine: Machine, *options: str) -> None:
    machine.configure()
    machine.run(*INSTALL, *options)


@pytest.fixture
def service(machine: Machine) -> Iterator[Machine]:
    """The unit for systemd 235 and later, enabled and started as the command says."""
    installed(machine, "--systemd")
    yield from enabled(machine)


def enabled(machine: Machine) -> Iterator[Machine]:
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "enable", "--quiet", "--now", "clockbound")
    machine.wait_synchronized()
    yield machine
    machine.run("systemctl", "disable", "--quiet", "--now", "clockbound")
    machine.try_run("systemctl", "reset-failed", "clockbound")
    machine.run(
        "rm", "-rf", "/etc/systemd/system/clockbound.service", "/etc/systemd/system/clockbound.service.d"
    )
    machine.run("systemctl", "daemon-reload")


def test_systemd_runs_the_daemon_as_chronyds_user_and_with_no_privilege(service: Machine) -> None:
    assert service.show("ActiveState") == "active"
    assert wait_until(lambda: service.show("StatusText").startswith("SYNCHRONIZED"), timeout_s=30)
    pid = service.show("MainPID")
    assert int(pid) == service.daemon_pid()
    of_process = dict(
        re.findall(r"^(\w+):\t(\S+)", service.outside(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    )
    assert of_process["Uid"] == service.run("id", "-u", "_chrony").strip()
    assert int(of_process["CapEff"], 16) == int(of_process["CapBnd"], 16) == 0
    assert (of_process["NoNewPrivs"], of_process["Seccomp"]) == ("1", "2")
    directory = service.outside(RUN_DIR).stat()
    assert (oct(directory.st_mode), directory.st_uid) == ("0o40755", int(of_process["Uid"]))
    # Nothing that systemd or the daemon would like to be otherwise; chronyd has just started, on a machine that may be busy.
    warnings = service.journal("-u", "clockbound", "-p", "warning", "-o", "cat").splitlines()
    ours = [
        line
        for line in warnings
        if "it isn't synchronised" not in line and "did not answer within" not in line
    ]
    assert ours in ([], ["-- No entries --"])
    complaints = "clockbound.*(unknown|deprecated|ignor|fail)"
    assert service.journal("-b", "_PID=1", "-g", complaints, "-o", "cat") in ("", "-- No entries --\n")
    shown = service.status()
    assert OFFSET_NS < shown["error_bound_ns"] < 2 * OFFSET_NS


def test_systemd_counts_the_daemon_as_started_once_it_has_published(service: Machine) -> None:
    service.run("systemctl", "stop", "clockbound")
    service.run("rm", "-r", RUN_DIR)
    service.run("systemctl", "start", "clockbound")
    assert service.outside(f"{RUN_DIR}/shm0").exists()


def test_systemd_starts_a_killed_daemon_again(service: Machine) -> None:
    def kill_twice() -> None:
        for _ in range(2):
            pid = service.daemon_pid()
            service.run("systemctl", "kill", "--signal=KILL", "clockbound")
            service.wait_for_another(pid)
            service.wait_synchronized()

    losing_nothing(service, kill_twice)


def test_systemd_ends_a_daemon_that_hangs_and_starts_another(service: Machine) -> None:
    def stop() -> None:
        pid = service.daemon_pid()
        service.run("systemctl", "kill", "--signal=STOP", "clockbound")
        assert wait_until(
            lambda: service.daemon_pid() not in (0, pid), timeout_s=HANG_TIMEOUT_S, interval_s=0.2
        ), service.journal()

    # After five seconds without a word clients take the clock for free running.
    seen_by = losing_nothing(service, stop, also=("FREE_RUNNING",))
    assert all(seen["FREE_RUNNING"] for seen in seen_by.values())
    assert "Watchdog timeout" in service.journal("-u", "clockbound")


def test_systemd_restarts_reloads_and_upgrades_the_daemon(service: Machine) -> None:
    def restart_reload_and_upgrade() -> None:
        pid = service.daemon_pid()
        service.configure(poll_interval="0.5")
        service.run("systemctl", "reload", "clockbound")
        assert wait_until(
            lambda: "poll-interval 1 -> 0.5" in service.journal("-u", "clockbound"), timeout_s=30
        )
        assert service.daemon_pid() == pid
        service.run("systemctl", "restart", "clockbound")
        service.wait_for_another(pid)
        service.upgrade("9.8.7")
        service.run("systemctl", "restart", "clockbound")
        assert wait_until(lambda: "version 9.8.7" in service.journal("-u", "clockbound"), timeout_s=30)
        service.wait_synchronized()
        service.run("systemctl", "stop", "clockbound")
        assert service.daemon_pid() == 0
        service.run("systemctl", "start", "clockbound")

    losing_nothing(service, restart_reload_and_upgrade)


def test_chronyd_is_restarted_and_stopped_under_the_daemon(service: Machine) -> None:
    def restart_and_stop() -> None:
        service.run("systemctl", "restart", "chrony")
        service.wait_synchronized()
        # Now its directory goes too, and comes back as another.
        service.run("systemctl", "stop", "chrony")
        assert not service.outside("/run/chrony").exists()
        service.run("systemctl", "start", "chrony")
        service.wait_synchronized()

    pid = service.daemon_pid()
    losing_nothing(service, restart_and_stop, also=("FREE_RUNNING", "UNKNOWN"))
    assert service.daemon_pid() == pid


def test_systemd_does_not_start_a_daemon_again_whose_configuration_is_wrong(service: Machine) -> None:
    def start_wrongly() -> None:
        service.configure(max_drift_rate="-1")
        service.try_run("systemctl", "restart", "clockbound")
        assert wait_until(lambda: service.show("ActiveState") == "failed", timeout_s=30), service.journal()
        assert service.show("ExecMainStatus") == "2"
        service.configure()
        service.run("systemctl", "start", "clockbound")

    losing_nothing(service, start_wrongly, also=("FREE_RUNNING",))


def test_the_drop_in_adds_the_phcs_error_bound(service: Machine) -> None:
    # The container has no network interface with a device, and so sysfs is a copy.
    for name, text in {
        "class/net/eth0/device/uevent": "DRIVER=ena\nPCI_SLOT_NAME=0000:00:05.0\n",
        "bus/pci/devices/0000:00:05.0/phc_error_bound": "500000000\n",
    }.items():
        path = service.outside(f"/opt/sysfs/{name}")
        path.parent.mkdir(parents=True)
        path.write_text(text)
    service.configure(sysfs_root='"/opt/sysfs"')
    service.run(*INSTALL, "--systemd", "--phc-ref-id", REFERENCE_ID, "--phc-interface", "eth0")
    service.run("systemctl", "daemon-reload")
    assert service.status()["error_bound_ns"] < 500_000_000
    service.run("systemctl", "restart", "clockbound")
    service.wait_synchronized()
    assert 500_000_000 + OFFSET_NS < service.status()["error_bound_ns"] < 500_000_000 + 2 * OFFSET_NS


@pytest.mark.parametrize("manager", [SYSTEMD, BEFORE_235])
def test_the_units_let_the_daemon_open_a_device_of_the_vmclocks_class(machine: Machine, manager: str) -> None:
    closed = ("systemd-run", "--quiet", "--wait", "--collect", "-p", "DevicePolicy=closed")
    if machine.try_run(*closed, "sh", "-c", f": <{PAGE_DEVICE}").returncode == 0:
        pytest.skip("nothing keeps services from devices here: that the units allow the VMClock page")
    installed(machine, f"--{manager}")
    machine.configure(vmclock=f'"{PAGE_DEVICE}"')
    machine.run("mkdir", "-p", RUN_DIR)
    machine.run("chown", "_chrony", RUN_DIR)
    machine.run("systemctl", "daemon-reload")
    before = machine.journal("--show-cursor").rpartition("-- cursor: ")[2].strip()
    machine.try_run("systemctl", "start", "clockbound")

    def said() -> str:
        return machine.journal("-u", "clockbound", "--after-cursor", before, "-o", "cat")

    # This device may be opened and not be mapped, in these words; what is forbidden is not permitted, or not found.
    try:
        assert wait_until(lambda: f"{PAGE_DEVICE}: " in said(), timeout_s=30), said()
        assert f"{PAGE_DEVICE}: can't be read: No such device" in said()
    finally:
        machine.run("systemctl", "stop", "clockbound")


def test_an_early_systemd_keeps_the_run_directory(machine: Machine) -> None:
    machine.run("rm", "-rf", RUN_DIR)
    installed(machine, f"--{BEFORE_235}")
    machine.run("systemd-tmpfiles", "--create", "/etc/tmpfiles.d/clockbound.conf")

    def kill_and_restart() -> None:
        pid = machine.daemon_pid()
        machine.run("systemctl", "kill", "--signal=KILL", "clockbound")
        machine.wait_for_another(pid)
        machine.wait_synchronized()
        machine.run("systemctl", "stop", "clockbound")
        machine.run("systemctl", "start", "clockbound")

    for running in enabled(machine):
        losing_nothing(running, kill_and_restart)
    machine.run("rm", "/etc/tmpfiles.d/clockbound.conf")


class Supervisor:
    """How one of them is started and told what to do."""

    def __init__(self, directory: str, start: str, restart: str, stop: str, reload: str) -> None:
        self.directory = directory
        self.start = start
        self.restart = restart
        self.stop = stop
        self.reload = reload


SUPERVISORS = {
    "daemontools": Supervisor(
        "/etc/daemontools/clockbound",
        "svscan /run/scan",
        "svc -t /run/scan/clockbound",
        "svc -d /run/scan/clockbound",
        "svc -h /run/scan/clockbound",
    ),
    "runit": Supervisor(
        "/etc/sv/clockbound",
        "runsvdir /run/scan",
        "sv restart /run/scan/clockbound",
        "sv stop /run/scan/clockbound",
        "sv hup /run/scan/clockbound",
    ),
    "s6": Supervisor(
        "/etc/s6/sv/clockbound",
        "s6-svscan /run/scan",
        "s6-svc -r /run/scan/clockbound",
        "s6-svc -d /run/scan/clockbound",
        "s6-svc -h /run/scan/clockbound",
    ),
}


@pytest.mark.parametrize("name", SUPERVISORS)
def test_a_supervisor_keeps_the_daemon_running(machine: Machine, name: str) -> None:
    supervisor = SUPERVISORS[name]
    machine.run("rm", "-rf", RUN_DIR, "/var/log/clockbound", "/run/scan")
    installed(machine, f"--{name}")
    machine.run("mkdir", "/run/scan")
    machine.run("ln", "-s", supervisor.directory, "/run/scan/clockbound")
    # Stopping the whole tree at once isn't what is tested; loggers don't end by a signal.
    unit = ("--unit=supervisor", "--property=TimeoutStopSec=5")
    machine.run("systemd-run", "--quiet", "--collect", *unit, *supervisor.start.split())
    try:
        machine.wait_synchronized()
        account = int(machine.run("id", "-u", "_chrony"))
        assert machine.outside(f"/proc/{machine.daemon_pid()}").stat().st_uid == account
        log = Path("/var/log/clockbound/current")
        version = f"9.8.{len(name)}"

        def kill_reload_and_upgrade() -> None:
            pid = machine.daemon_pid()
            machine.run("kill", "-KILL", str(pid))
            pid = machine.wait_for_another(pid)
            machine.wait_synchronized()
            machine.configure(poll_interval="0.5")
            machine.run(*supervisor.reload.split())
            assert wait_until(
                lambda: "poll-interval 1 -> 0.5" in machine.outside(str(log)).read_text(), timeout_s=30
            )
            machine.upgrade(version)
            machine.run(*supervisor.restart.split())
            machine.wait_for_another(pid)
            machine.wait_synchronized()

        losing_nothing(machine, kill_reload_and_upgrade)
        told = machine.outside(str(log)).read_text()
        assert f"version {version}, writes to" in told
        assert "SYNCHRONIZED, bound" in told
        # Each line is stamped with its time.
        assert all(
            re.match(r"(@[0-9a-f]{24}|\d{4}-\d\d-\d\d.\S+) +clockbound: ", line) for line in told.splitlines()
        )
        assert machine.outside(str(log)).stat().st_uid == account
        machine.run(*supervisor.stop.split())
        assert wait_until(lambda: machine.daemon_pid() == 0, timeout_s=30)
        assert machine.outside(f"{RUN_DIR}/shm0").exists()
    finally:
        machine.run("systemctl", "stop", "supervisor")


def test_what_was_installed_is_found_right_by_the_command(machine: Machine) -> None:
    installed(machine, "--runit")
    again = machine.run(*INSTALL, "--runit")
    assert re.findall(r"^(\S+): is right already$", again, re.MULTILINE) == [
        "/etc/sv/clockbound/run",
        "/etc/sv/clockbound/log/run",
    ]
    assert "/etc/clockbound/clockbound.toml: kept as it is\n" in again
