"""The daemon as a service, on a real chronyd: its manager, its configuration, and those who look at it from outside."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest
from clockbound_conformance.lab import Chronyd, ServerAndClient
from clockbound_conformance.processes import ManagedProcess, wait_until
from clockbound_daemon._layout import ClockStatus, SegmentRecord
from clockbound_daemon.options import OPTIONS
from daemon_support import SECOND_NS, WAIT_S, consistent
from held_up import LOOK_INTERVAL_S, FairTime, GapWatch
from metrics_support import promtool, values

SYNCHRONIZED, FREE_RUNNING, UNKNOWN = ClockStatus.SYNCHRONIZED, ClockStatus.FREE_RUNNING, ClockStatus.UNKNOWN
#: There is a publish a second. Time for which the machine held up the watch or the daemon doesn't count; whatever waits
#: for somebody who never comes takes longer, or for ever.
LONGEST_GAP_S = 3.0


class Daemon(ManagedProcess):
    """A daemon with a configuration file in the test's hand."""

    def __init__(self, run_dir: Path, *options: str, config: str | None = None, **environment: str) -> None:
        self.run_dir = run_dir
        self.config_path = run_dir.parent / "clockbound.toml"
        command = [sys.executable, "-m", "clockbound_daemon", "--run-dir", str(run_dir), *options]
        if config is not None:
            self.config_path.write_text(config)
            command += ["--config", str(self.config_path)]
        super().__init__(
            command, log_path=run_dir.parent / "daemon.log", environment={**os.environ, **environment}
        )

    def record(self) -> SegmentRecord | None:
        """What is published; None before that, and while it is being written."""
        with contextlib.suppress(FileNotFoundError):
            return consistent(self.run_dir / "shm0")
        return None

    def wait_for(self, status: ClockStatus) -> SegmentRecord:
        record = None

        def there() -> bool:
            nonlocal record
            assert self.running, self.log()
            record = self.record()
            return record is not None and record.clock_status == status

        assert wait_until(there, timeout_s=WAIT_S, interval_s=0.005), self.log()
        assert record is not None
        return record

    def wait_for_log(self, text: str, count: int = 1) -> None:
        assert wait_until(lambda: self.log().count(text) >= count, timeout_s=WAIT_S), self.log()

    def reload(self, config: str | None = None) -> None:
        """Give it another configuration, and wait until it says what it makes of it."""
        if config is not None:
            self.config_path.write_text(config)
        count = self.log().count(" read again") + self.log().count("goes on as before")
        os.kill(self.pid, signal.SIGHUP)
        assert wait_until(
            lambda: self.log().count(" read again") + self.log().count("goes on as before") > count,
            timeout_s=WAIT_S,
        ), self.log()


class Gaps:
    """Watches how long nothing is published, while it is entered."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._stop = threading.Event()
        self._watching = threading.Thread(target=self._watch)
        self.longest_s = 0.0
        self.publishes_count = 0

    def __enter__(self) -> Self:
        self._watching.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._watching.join()

    def _watch(self) -> None:
        with (self._daemon.run_dir / "shm0").open("rb", buffering=0) as segment:
            watch = GapWatch()
            while not self._stop.is_set():
                generation = int.from_bytes(os.pread(segment.fileno(), 2, 14), sys.byteorder)
                watch.look(generation, self._daemon.pid)
                self.publishes_count = watch.changes_count
                time.sleep(LOOK_INTERVAL_S)
            self.longest_s = watch.longest_ns / SECOND_NS


class Manager:
    """A service manager's socket."""

    def __init__(self, directory: Path) -> None:
        self.address = f"{directory}/notify"
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(self.address)
        self.heard: list[str] = []

    def hear(self, line: str, timeout_s: float = WAIT_S) -> None:
        """Wait for a message that has `line`, and keep it and those before it in `heard`."""
        deadline_s = time.monotonic() + timeout_s
        while time.monotonic() < deadline_s:
            self.socket.settimeout(max(0.01, deadline_s - time.monotonic()))
            with contextlib.suppress(TimeoutError):
                lines = self.socket.recv(4096).decode().splitlines()
                self.heard += lines
                if any(found.startswith(line) for found in lines):
                    return
        raise AssertionError(f"{line} was not among {self.heard}")


@pytest.fixture
def manager(directory: Path) -> Iterator[Manager]:
    made = Manager(directory)
    yield made
    made.socket.close()


def chronyd_option(pair: ServerAndClient) -> str:
    return f'chronyd-socket = "{pair.client.socket_path}"\nmax-drift-rate = 50\n'


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def fetch(url: str) -> str:
    with urllib.request.urlopen(url, timeout=WAIT_S) as response:
        text: str = response.read().decode()
        return text


def test_the_manager_hears_of_start_watchdog_reload_and_end(
    pair: ServerAndClient, run_dir: Path, manager: Manager
) -> None:
    with Daemon(
        run_dir, config=chronyd_option(pair), NOTIFY_SOCKET=manager.address, WATCHDOG_USEC="3000000"
    ) as daemon:
        manager.hear("READY=1")
        record = daemon.record()
        assert record is not None
        assert record.generation >= 4  # 2 is the new file's; the loop has published
        manager.hear("STATUS=SYNCHRONIZED: bound ")
        manager.hear("WATCHDOG=1")
        manager.hear("WATCHDOG=1")
        before_us = time.monotonic_ns() // 1000
        os.kill(daemon.pid, signal.SIGHUP)
        manager.hear("RELOADING=1")
        (sent_us,) = (int(line[15:]) for line in manager.heard if line.startswith("MONOTONIC_USEC="))
        assert before_us <= sent_us <= time.monotonic_ns() // 1000
        manager.heard.clear()
        manager.hear("READY=1")
        manager.heard.clear()
        daemon.terminate()
        manager.hear("STOPPING=1")
        assert manager.heard[-1] == "STATUS=stopped by a signal; the last status was SYNCHRONIZED"
        assert daemon.returncode == 0


def test_the_manager_hears_of_ready_also_without_a_chronyd(run_dir: Path, manager: Manager) -> None:
    with Daemon(run_dir, "--chronyd-socket", "/nowhere/chronyd.sock", NOTIFY_SOCKET=manager.address):
        manager.hear("READY=1")
        manager.hear("STATUS=UNKNOWN: /nowhere/chronyd.sock: not found")


def test_a_daemon_that_does_not_publish_feeds_no_watchdog(
    pair: ServerAndClient, run_dir: Path, manager: Manager
) -> None:
    with Daemon(
        run_dir, config=chronyd_option(pair), NOTIFY_SOCKET=manager.address, WATCHDOG_USEC="3000000"
    ) as daemon:
        manager.hear("WATCHDOG=1")
        daemon.stop()
        assert wait_until(lambda: is_stopped(daemon.pid), timeout_s=WAIT_S)
        manager.socket.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            while manager.socket.recv(4096):
                pass
        with pytest.raises(AssertionError, match="WATCHDOG=1 was not among"):
            manager.hear("WATCHDOG=1", timeout_s=2.5)
        daemon.cont()
        manager.hear("WATCHDOG=1")


def is_stopped(pid: int) -> bool:
    """Whether SIGSTOP has reached it."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"


def test_a_wrong_address_of_the_manager_is_no_obstacle(pair: ServerAndClient, run_dir: Path) -> None:
    with Daemon(run_dir, config=chronyd_option(pair), NOTIFY_SOCKET="vsock:2:1") as daemon:
        daemon.wait_for(SYNCHRONIZED)
        daemon.wait_for_log("warning: NOTIFY_SOCKET is wrong: 'vsock:2:1'")


def test_a_watchdog_that_is_too_quick_is_named(
    pair: ServerAndClient, run_dir: Path, manager: Manager
) -> None:
    environment = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": "1000000"}
    with Daemon(run_dir, config=chronyd_option(pair), **environment) as daemon:
        daemon.wait_for_log(
            "watchdog waits only 1 s for a publish, and there is one a second; set WatchdogSec=10"
        )


def test_what_goes_to_journald_has_priorities(pair: ServerAndClient, run_dir: Path) -> None:
    log_path = run_dir.parent / "daemon.log"
    log_path.touch()
    stream = f"{log_path.stat().st_dev}:{log_path.stat().st_ino}"
    with Daemon(run_dir, "--chronyd-socket", str(pair.client.socket_path), JOURNAL_STREAM=stream) as daemon:
        daemon.wait_for_log("SYNCHRONIZED")
        lines = daemon.log().splitlines()
        assert lines[0].startswith("<6>clockbound: version")
        assert lines[1].startswith("<4>clockbound: warning: no --max-drift-rate")
    with Daemon(run_dir / "nowhere", JOURNAL_STREAM=stream) as daemon:
        daemon.log_path = run_dir / "daemon.log"
        assert daemon.wait(WAIT_S) == 1


def test_the_file_says_what_the_command_line_leaves_open(pair: ServerAndClient, run_dir: Path) -> None:
    config = chronyd_option(pair) + 'poll-interval = 0.25\njson-output = true\nrun-dir = "/nowhere"\n'
    with Daemon(run_dir, "--no-json-output", "-m", "7", config=config) as daemon:
        assert daemon.wait_for(SYNCHRONIZED).max_drift_ppb == 7_000
        assert "every 0.25 s, drift rate 7 ppm" in daemon.log()


def test_a_wrong_file_ends_it_with_status_2_and_every_line_that_is_wrong(run_dir: Path) -> None:
    config = "max-drift-rate = 0\n\nnonsense = 1\n"
    with Daemon(run_dir, config=config) as daemon:
        assert daemon.wait(WAIT_S) == 2
        first, second = daemon.log().splitlines()
        assert first.startswith(
            f"clockbound: error: {daemon.config_path}:1: max-drift-rate: 0 ppm isn't above 0"
        )
        assert second.startswith(f"clockbound: error: {daemon.config_path}:3: nonsense: no such option")
        assert list(run_dir.iterdir()) == []


@pytest.mark.parametrize(
    ("config", "status", "output"),
    [
        ("max-drift-rate = 20\n", 0, "{path}: correct\n"),
        ("max-drift-rate = -1\n", 2, "clockbound: error: {path}:1: max-drift-rate: "),
        ('phc-ref-id = "PHC0"\n', 2, "clockbound: error: {path}: -r/--phc-ref-id needs -i/--phc-interface"),
        (
            'vmclock = "/dev/x"\ndisable-clock-disruption-support = true\n',
            2,
            "clockbound: error: {path}: -d/--dis",
        ),
        (None, 2, "clockbound: error: {path}: not found; create it, or give another with --config\n"),
    ],
)
def test_a_file_can_be_checked_without_a_start(
    run_dir: Path, config: str | None, status: int, output: str
) -> None:
    missing = ["--config", str(run_dir.parent / "clockbound.toml")] if config is None else []
    with Daemon(run_dir, "--check-config", *missing, config=config) as daemon:
        assert daemon.wait(WAIT_S) == status
        assert daemon.log().startswith(output.format(path=daemon.config_path))
        assert list(run_dir.iterdir()) == []


def test_the_example_of_a_configuration_file_is_correct_and_complete(run_dir: Path) -> None:
    example = (Path(__file__).resolve().parent.parent / "clockbound.toml").read_text()
    # Every option stands there as a comment, so that the file changes nothing until somebody wants it to.
    settings = [line[1:] for line in example.splitlines() if line[:1] == "#" and line[1:2] not in ("", " ")]
    assert {line.partition(" = ")[0] for line in settings} == {
        option.name for option in OPTIONS if option.in_file
    }
    assert [line for line in example.splitlines() if line and not line.startswith("#")] == []
    # These two contradict each other.
    active = [line for line in settings if not line.startswith("disable-clock-disruption-support")]
    with Daemon(run_dir, "--check-config", config="\n".join(active)) as daemon:
        assert daemon.wait(WAIT_S) == 0, daemon.log()


def test_a_reload_changes_what_can_be_changed(pair: ServerAndClient, run_dir: Path, directory: Path) -> None:
    first, second = f"{directory}/1.sock", f"{directory}/2.sock"
    config = chronyd_option(pair)
    with (
        Chronyd(["local stratum 1"]) as other,
        Daemon(run_dir, config=config + f'metrics-listen = "unix:{first}"\n') as daemon,
    ):
        daemon.wait_for(SYNCHRONIZED)
        assert os.path.exists(first)
        text = (
            f'chronyd-socket = "{other.socket_path}"\nmax-drift-rate = 60.5\ntrust-local-reference = true\n'
        )
        text += f'poll-interval = 0.25\nmetrics-listen = "unix:{second}"\njson-output = true\n'
        daemon.reload(text)
        assert wait_until(
            lambda: (record := daemon.record()) is not None and record.bound_ns == 0, timeout_s=WAIT_S
        )
        record = daemon.wait_for(SYNCHRONIZED)
        assert record.max_drift_ppb == 60_500
        assert (os.path.exists(first), os.path.exists(second)) == (False, True)
        # The lines before it are text.
        (reloaded,) = (json.loads(line) for line in daemon.log().splitlines() if '"reloaded"' in line)
        for change in (
            "max-drift-rate 50 -> 60.5",
            "poll-interval 1 -> 0.25",
            "json-output false -> true",
            "trust-local-reference false -> true",
            f"chronyd-socket {pair.client.socket_path} -> {other.socket_path}",
            f"metrics-listen unix:{first} -> unix:{second}",
        ):
            assert change in reloaded["message"]
        # and asked as often as it says now
        with Gaps(daemon) as gaps:
            passed = FairTime(daemon.pid)
            while gaps.publishes_count < 6 and passed.look() < 3 * SECOND_NS:
                time.sleep(LOOK_INTERVAL_S)
        assert gaps.publishes_count >= 6


def test_a_reload_says_what_needs_a_new_start(pair: ServerAndClient, run_dir: Path) -> None:
    config = chronyd_option(pair)
    with Daemon(run_dir, config=config) as daemon:
        daemon.wait_for(SYNCHRONIZED)
        daemon.reload(config + 'vmclock = "/dev/other"\nrequire-vmclock = true\n')
        assert (
            "warning: vmclock (not given) -> /dev/other: takes effect when the daemon is started again"
            in daemon.log()
        )
        assert "warning: require-vmclock false -> true: takes effect when" in daemon.log()
        daemon.reload()  # it is still so
        assert daemon.log().count("warning: vmclock (not given) -> /dev/other") == 2
        assert "nothing new" in daemon.log().splitlines()[-1]
        daemon.reload(config)
        assert daemon.log().count("warning: vmclock") == 2


def test_a_wrong_file_changes_nothing_while_it_runs(
    pair: ServerAndClient, run_dir: Path, directory: Path
) -> None:
    config = chronyd_option(pair) + 'metrics-listen = "9"\n'.replace("9", f"unix:{directory}/m.sock")
    with Daemon(run_dir, config=config) as daemon:
        daemon.wait_for(SYNCHRONIZED)

        def shown() -> dict[str, str]:
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
                client.settimeout(WAIT_S)
                client.connect(f"{directory}/m.sock")
                client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
                with client.makefile("rb") as response:
                    return values(response.read().decode().partition("\r\n\r\n")[2])

        taken_at = shown()["config_last_reload_success_timestamp_seconds"]
        for wrong in (
            "max-drift-rate = 99\npoll-interval = 99\n",
            "max-drift-rate = 99\nx",
            'max-drift-rate = 99\nphc-ref-id = "PHC0"\nphc-interface = "nosuchif0"\n',
        ):
            daemon.reload(config.replace("max-drift-rate = 50\n", "") + wrong)
            assert daemon.log().splitlines()[-1].endswith("; everything goes on as before")
            assert shown()["config_last_reload_successful"] == "0"
        assert shown()["max_drift_ratio"] == "0.000050000"
        assert shown()["config_last_reload_success_timestamp_seconds"] == taken_at
        daemon.config_path.unlink()
        daemon.reload()
        assert "clockbound.toml: not found" in daemon.log()
        daemon.reload(config)
        assert shown()["config_last_reload_successful"] == "1"
        assert shown()["config_last_reload_success_timestamp_seconds"] > taken_at


def test_sighup_without_a_file_is_survived_and_explained(pair: ServerAndClient, run_dir: Path) -> None:
    with Daemon(run_dir, "--chronyd-socket", str(pair.client.socket_path)) as daemon:
        daemon.wait_for(SYNCHRONIZED)
        daemon.reload()
        assert "nothing to read again, because no --config was given" in daemon.log()
        assert daemon.running


def test_reloads_leave_no_gap_and_the_same_file(pair: ServerAndClient, run_dir: Path) -> None:
    config = chronyd_option(pair)
    with Daemon(run_dir, config=config) as daemon:
        daemon.wait_for(SYNCHRONIZED)
        inode = (run_dir / "shm0").stat().st_ino
        with Gaps(daemon) as gaps:
            for number in range(6):
                daemon.config_path.write_text(
                    config + ("poll-interval = 0.5\n" if number % 2 else "poll-interval = 77\n")
                )
                end_s = time.monotonic() + 0.5
                while time.monotonic() < end_s:  # a storm of them: there is always one more to be heeded
                    os.kill(daemon.pid, signal.SIGHUP)
                    time.sleep(0.0005)
        daemon.reload(config)
        assert gaps.longest_s < LONGEST_GAP_S
        assert (run_dir / "shm0").stat().st_ino == inode
        daemon.wait_for(SYNCHRONIZED)
        daemon.terminate()
        assert daemon.returncode == 0


def test_metrics_are_served_over_tcp_and_as_a_file(
    pair: ServerAndClient, run_dir: Path, tmp_path: Path
) -> None:
    port, textfile = free_port(), tmp_path / "clockbound.prom"
    config = chronyd_option(pair) + f'metrics-listen = "{port}"\nmetrics-textfile = "{textfile}"\n'
    with Daemon(run_dir, config=config) as daemon:
        daemon.wait_for(SYNCHRONIZED)
        page = fetch(f"http://127.0.0.1:{port}/metrics")
        assert promtool("check", "metrics", given=page) == ""
        shown = values(page)
        # So much is real, and grows with the laboratory's age; the rest is what chronyd isn't sure of.
        error_s = pair.reference.error_ns(time.time_ns()) / 1e9
        assert 0.25 <= float(shown["error_bound_seconds"]) < error_s + 0.05
        assert abs(float(shown['error_bound_term_seconds{term="correction"}']) - error_s) < 0.005
        terms = [float(value) for name, value in shown.items() if name.startswith("error_bound_term_seconds")]
        assert len(terms) == 5
        assert abs(sum(terms) - float(shown["error_bound_seconds"])) < 1e-8
        assert 0 <= float(shown["sample_age_seconds"]) < 5
        for path in ("healthz", "readyz"):
            # Free running for a moment where a busy machine holds chronyd up.
            assert wait_until(
                lambda path=path: fetch(f"http://127.0.0.1:{port}/{path}").startswith("SYNCHRONIZED: bound "),
                timeout_s=WAIT_S,
            )
        assert promtool("check", "metrics", given=textfile.read_text()) == ""
        assert wait_until(
            lambda: 'status{status="SYNCHRONIZED"} 1\n' in textfile.read_text(), timeout_s=WAIT_S
        )
        pair.client.stop()
        try:
            daemon.wait_for_log("SYNCHRONIZED -> FREE_RUNNING")
            daemon.wait_for(UNKNOWN)
            shown = values(fetch(f"http://127.0.0.1:{port}/metrics"))
            assert int(shown['poll_failures_total{cause="NoAnswerError"}']) >= 2
            assert 5 <= float(shown["sample_age_seconds"]) < 50
            with pytest.raises(urllib.error.HTTPError, match="503"):
                fetch(f"http://127.0.0.1:{port}/readyz")
            assert fetch(f"http://127.0.0.1:{port}/healthz").startswith("UNKNOWN: ")
            assert wait_until(
                lambda: 'status{status="UNKNOWN"} 1\n' in textfile.read_text(), timeout_s=WAIT_S
            )
        finally:
            pair.client.cont()
        daemon.wait_for(SYNCHRONIZED)
        daemon.terminate()
        assert not textfile.exists()  # nobody takes its last words for the present


def test_what_lasts_from_a_first_failure_to_the_next_success_is_counted(
    pair: ServerAndClient, run_dir: Path, tmp_path: Path
) -> None:
    textfile = tmp_path / "clockbound.prom"
    config = f'chronyd-socket = "/nowhere/x"\npoll-interval = 0.1\nmetrics-textfile = "{textfile}"\n'
    with Daemon(run_dir, config=config) as daemon:
        daemon.wait_for_log("not found")
        time.sleep(1)
        daemon.reload(config.replace("/nowhere/x", str(pair.client.socket_path)))
        daemon.wait_for(SYNCHRONIZED)
        assert wait_until(
            lambda: 'status{status="SYNCHRONIZED"} 1\n' in textfile.read_text(), timeout_s=WAIT_S
        )
        shown = values(textfile.read_text())
        failures = int(shown['poll_failures_total{cause="NoSocketError"}'])
        assert 3 <= failures <= int(shown["polls_total"])
        if "did not answer within" not in daemon.log():
            assert shown['poll_failures_total{cause="NoAnswerError"}'] == "0"


def test_an_address_that_is_taken_keeps_nobody_from_publishing(pair: ServerAndClient, run_dir: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with Daemon(run_dir, config=chronyd_option(pair) + f'metrics-listen = "{port}"\n') as daemon:
            daemon.wait_for(SYNCHRONIZED)
            daemon.wait_for_log("another program listens there")


def slow(port: int, stop: threading.Event) -> None:
    """Opens connections and sends a byte now and then, as slow-loris does."""
    clients: list[socket.socket] = []
    try:
        while not stop.is_set():
            if len(clients) < 50:
                with contextlib.suppress(OSError):
                    clients.append(socket.create_connection(("127.0.0.1", port), timeout=1))
            for client in clients[:]:
                try:
                    client.send(b"G")
                except OSError:
                    clients.remove(client)
                    client.close()
            time.sleep(0.005)
    finally:
        for client in clients:
            client.close()


def fast(port: int, stop: threading.Event) -> None:
    """Asks again and again, and hardly looks at the answers."""
    while not stop.is_set():
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", port), timeout=1) as client,
        ):
            client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
            client.recv(1)


def idle(port: int, stop: threading.Event) -> None:
    """Asks for the page and never reads it, or says nothing at all."""
    clients: list[socket.socket] = []
    while not stop.is_set():
        with contextlib.suppress(OSError):
            clients.append(socket.create_connection(("127.0.0.1", port), timeout=1))
            if len(clients) % 2:
                clients[-1].sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        if len(clients) > 100:
            clients.pop(0).close()
        time.sleep(0.01)
    for client in clients:
        client.close()


def test_clients_that_play_foul_cost_no_publish_and_no_scrape(pair: ServerAndClient, run_dir: Path) -> None:
    port = free_port()
    with Daemon(run_dir, config=chronyd_option(pair) + f'metrics-listen = "{port}"\n') as daemon:
        daemon.wait_for(SYNCHRONIZED)
        descriptors_count = len(os.listdir(f"/proc/{daemon.pid}/fd"))
        stop = threading.Event()
        foul = [threading.Thread(target=client, args=(port, stop)) for client in (slow, fast, fast, idle)]
        for thread in foul:
            thread.start()
        try:
            with Gaps(daemon) as gaps:
                for _ in range(3):
                    time.sleep(1)
                    assert "clockbound_build_info" in fetch(f"http://127.0.0.1:{port}/metrics")
                    assert len(os.listdir(f"/proc/{daemon.pid}/fd")) <= descriptors_count + 20
        finally:
            stop.set()
            for thread in foul:
                thread.join()
        assert gaps.longest_s < LONGEST_GAP_S
        assert gaps.publishes_count >= 3

        def age_ns() -> int:
            record = daemon.wait_for(SYNCHRONIZED)
            return time.monotonic_ns() - record.as_of_sec * SECOND_NS - record.as_of_nsec

        assert wait_until(lambda: age_ns() < 3 * SECOND_NS, timeout_s=WAIT_S)
        # It may be asking chronyd at one moment and not at the other.
        assert wait_until(
            lambda: len(os.listdir(f"/proc/{daemon.pid}/fd")) <= descriptors_count, timeout_s=WAIT_S
        )


def control(run_dir: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """clockboundctl as a process of its own."""
    command = [sys.executable, "-m", "clockbound_daemon.ctl", *arguments, "--segment", str(run_dir / "shm0")]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


def test_the_operators_tool_goes_with_the_daemon(pair: ServerAndClient, run_dir: Path) -> None:
    assert control(run_dir, "status").returncode == 2
    with Daemon(run_dir, config=chronyd_option(pair)) as daemon:
        waited = control(run_dir, "wait", "--max-error", "300ms", "--timeout", "30", "--json")
        assert (waited.returncode, waited.stderr) == (0, "")
        shown = json.loads(waited.stdout)
        assert 250_000_000 <= shown["error_bound_ns"] <= 300_000_000
        assert int(shown["earliest_ns"]) <= pair.truth_ns(time.time_ns())
        assert control(run_dir, "wait", "--max-error", "200ms", "--timeout", "0.2").returncode == 1
        pair.client.stop()
        try:
            daemon.wait_for(UNKNOWN)
            told = control(run_dir, "status")
            assert told.returncode == 1
            assert told.stdout.startswith("status       UNKNOWN: ")
        finally:
            pair.client.cont()
        assert control(run_dir, "wait", "--timeout", "30").returncode == 0


def test_what_nobody_uses_is_not_even_imported(pair: ServerAndClient, run_dir: Path) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "clockbound_daemon", "--run-dir", str(run_dir)]
    command += ["--chronyd-socket", str(pair.client.socket_path)]
    environment = {name: value for name, value in os.environ.items() if name != "NOTIFY_SOCKET"}
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment) as process:
        # Until it has had time to import whatever it may want: it has published, and asked chronyd again.
        assert wait_until(
            lambda: (
                (run_dir / "shm0").exists()
                and (record := consistent(run_dir / "shm0")) is not None
                and record.clock_status == SYNCHRONIZED
            ),
            timeout_s=WAIT_S,
        )
        time.sleep(1.5)
        process.terminate()
        _, errors = process.communicate(timeout=WAIT_S)
    imported = {
        line.rpartition("|")[2].strip() for line in errors.splitlines() if line.startswith("import time:")
    }
    assert {"clockbound_daemon.service", "clockbound_daemon.segment"} <= imported
    ours = {"config", "notify", "metrics", "metrics_server", "textfile", "ctl", "phc"}
    assert not imported & {f"clockbound_daemon.{name}" for name in ours}
    assert not imported & {"tomllib", "json", "socket", "http", "typing", "selectors", "logging", "threading"}
