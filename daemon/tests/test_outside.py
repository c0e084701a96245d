"""What the daemon tells those outside, with its time in the test's hand."""

from __future__ import annotations

import json
import os
import select
import socket
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from clockbound_daemon._layout import ClockStatus
from clockbound_daemon.figures import Figures
from clockbound_daemon.log import Log
from clockbound_daemon.notify import Notifier
from clockbound_daemon.outside import Outside
from clockbound_daemon.status import State
from daemon_support import MONOTONIC_NS, SECOND_NS

SYNCHRONIZED, UNKNOWN = ClockStatus.SYNCHRONIZED, ClockStatus.UNKNOWN


class Watched:
    """An `Outside` of a service that is what the test says."""

    def __init__(self, notifier: Notifier | None = None) -> None:
        self._read, self._write = os.pipe()
        os.set_blocking(self._read, False)
        self.now_ns = MONOTONIC_NS
        figures = Figures(started_realtime_ns=0, max_drift_ppb=50_000, poll_interval_ns=SECOND_NS)
        self.service = SimpleNamespace(
            state=State(SYNCHRONIZED, MONOTONIC_NS, 1000), figures=figures, words="how it is"
        )
        self.outside = Outside(Log(json_output=True, descriptor=self._write), notifier)
        self.outside.attach(self.service, lambda: self.now_ns)  # type: ignore[arg-type]

    def become(self, status: ClockStatus) -> None:
        self.service.state = State(status, MONOTONIC_NS, 1000)

    def events(self) -> list[dict[str, Any]]:
        try:
            return [json.loads(line) for line in os.read(self._read, 1 << 20).decode().splitlines()]
        except BlockingIOError:
            return []

    def publish(self, after_s: float = 0) -> None:
        self.now_ns += int(after_s * SECOND_NS)
        self.outside.published(self.now_ns)

    def ask(self, address: str, path: str) -> tuple[int, str]:
        """The status and the body with which `path` is answered."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
            client.connect(address)
            client.settimeout(30)
            client.sendall(f"GET {path} HTTP/1.1\r\n\r\n".encode())
            while select.select([self.outside], [], [], 0.05)[0]:
                self.outside.serve(self.now_ns)
            response = b""
            while piece := client.recv(65536):
                response += piece
        head, _, body = response.decode().partition("\r\n\r\n")
        return int(head.split()[1]), body

    def close(self) -> None:
        self.outside.close()
        os.close(self._read)
        os.close(self._write)


@pytest.fixture
def watched() -> Iterator[Watched]:
    made = Watched()
    yield made
    made.close()


def test_without_anybody_there_is_nothing_to_serve(watched: Watched) -> None:
    watched.outside.configure(metrics_listen=None, metrics_textfile=None)
    assert not watched.outside.is_watching
    assert not watched.outside.is_serving
    assert watched.outside.fileno() == -1
    assert watched.outside.serve(watched.now_ns) is None


def test_the_loop_is_told_whom_there_is_to_tell(watched: Watched, tmp_path: Path) -> None:
    outside = watched.outside
    outside.configure(metrics_listen=None, metrics_textfile=str(tmp_path / "clockbound.prom"))
    assert (outside.is_watching, outside.is_serving) == (True, False)
    outside.configure(metrics_listen="unix:/nowhere/m.sock", metrics_textfile=None)
    assert (outside.is_watching, outside.is_serving) == (True, True)  # to be tried again
    outside.configure(metrics_listen=None, metrics_textfile=None)
    assert (outside.is_watching, outside.is_serving) == (False, False)


def test_metrics_that_are_turned_on_later_are_healthy_at_once(watched: Watched, directory: Path) -> None:
    watched.now_ns += 100 * SECOND_NS
    watched.outside.configure(metrics_listen=f"unix:{directory}/m.sock", metrics_textfile=None)
    assert watched.ask(f"{directory}/m.sock", "/healthz")[0] == 200


def test_metrics_health_and_readiness_have_their_places(watched: Watched, directory: Path) -> None:
    address = f"{directory}/m.sock"
    watched.outside.configure(metrics_listen=f"unix:{address}", metrics_textfile=None)
    watched.publish()
    status, page = watched.ask(address, "/metrics")
    assert status == 200
    assert 'clockbound_status{status="SYNCHRONIZED"} 1\n' in page
    assert watched.ask(address, "/healthz") == (200, "how it is\n")
    assert watched.ask(address, "/readyz") == (200, "how it is\n")
    assert watched.ask(address, "/")[0] == 200
    assert watched.ask(address, "/other")[0] == 404


@pytest.mark.parametrize(
    ("status", "ready"),
    [(SYNCHRONIZED, 200), (ClockStatus.FREE_RUNNING, 200), (UNKNOWN, 503), (ClockStatus.DISRUPTED, 503)],
)
def test_it_is_ready_while_the_clock_can_be_relied_on(
    watched: Watched, directory: Path, status: ClockStatus, ready: int
) -> None:
    address = f"{directory}/m.sock"
    watched.outside.configure(metrics_listen=f"unix:{address}", metrics_textfile=None)
    watched.become(status)
    watched.publish()
    assert watched.ask(address, "/readyz")[0] == ready
    # To start it again would mend nothing.
    assert watched.ask(address, "/healthz")[0] == 200


def test_it_is_healthy_while_it_publishes(watched: Watched, directory: Path) -> None:
    address = f"{directory}/m.sock"
    watched.outside.configure(metrics_listen=f"unix:{address}", metrics_textfile=None)
    watched.publish()
    watched.now_ns += 5 * SECOND_NS - 1
    assert watched.ask(address, "/healthz")[0] == 200
    watched.now_ns += 1
    assert watched.ask(address, "/healthz")[0] == 503


def test_an_address_that_is_taken_is_tried_again(watched: Watched, directory: Path) -> None:
    address = f"{directory}/m.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.bind(address)
        other.listen(100)
        watched.outside.configure(metrics_listen=f"unix:{address}", metrics_textfile=None)
        assert watched.outside.fileno() == -1
        assert watched.outside.serve(watched.now_ns) == watched.now_ns + 10 * SECOND_NS
        for _ in range(20):
            watched.now_ns += 10 * SECOND_NS
            assert watched.outside.serve(watched.now_ns) == watched.now_ns + 10 * SECOND_NS
        events = watched.events()
        assert {event["event"] for event in events} == {"metrics-listen"}
        assert 5 <= len(events) <= 10  # at doubling intervals
        assert "another program listens there" in events[0]["message"]
    watched.now_ns += 10 * SECOND_NS
    assert watched.outside.serve(watched.now_ns) is None
    assert watched.ask(address, "/")[0] == 200
    watched.now_ns += 24 * 3600 * SECOND_NS  # so that whatever went wrong would be reported
    watched.outside.serve(watched.now_ns)
    assert watched.ask(address, "/")[0] == 200
    assert watched.events() == []


def test_a_new_address_takes_the_place_of_the_old_one(watched: Watched, directory: Path) -> None:
    first, second = f"{directory}/1.sock", f"{directory}/2.sock"
    watched.outside.configure(metrics_listen=f"unix:{first}", metrics_textfile=None)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as waiting:
        waiting.connect(first)
        watched.outside.configure(metrics_listen=f"unix:{first}", metrics_textfile=None)
        waiting.sendall(b"GET / HTTP/1.1\r\n\r\n")  # to the one that listened before
        while select.select([watched.outside], [], [], 0.05)[0]:
            watched.outside.serve(watched.now_ns)
        assert waiting.recv(100).startswith(b"HTTP/1.1 200 ")
    watched.outside.configure(metrics_listen=f"unix:{second}", metrics_textfile=None)
    assert not os.path.exists(first)
    assert watched.ask(second, "/")[0] == 200
    watched.outside.configure(metrics_listen=None, metrics_textfile=None)
    assert not os.path.exists(second)
    assert watched.outside.fileno() == -1


def test_an_address_that_is_given_up_is_not_tried_again(watched: Watched) -> None:
    watched.outside.configure(metrics_listen="unix:/nowhere/m.sock", metrics_textfile=None)
    watched.outside.configure(metrics_listen=None, metrics_textfile=None)
    assert watched.outside.serve(watched.now_ns + 100 * SECOND_NS) is None
    assert len(watched.events()) == 1


def test_the_textfile_is_written_every_15_seconds_and_on_news(watched: Watched, tmp_path: Path) -> None:
    path = tmp_path / "clockbound.prom"
    watched.outside.configure(metrics_listen=None, metrics_textfile=str(path))
    written_s: list[int] = []
    inode = 0
    for s in range(40):
        if s == 20:
            watched.become(UNKNOWN)
        watched.publish(0 if s == 0 else 1)
        if path.stat().st_ino != inode:
            written_s.append(s)
        inode = path.stat().st_ino
        path.with_suffix(".keep").unlink(missing_ok=True)
        os.link(path, path.with_suffix(".keep"))  # so that its inode number isn't used again
    assert written_s == [0, 15, 20, 35]
    assert 'clockbound_status{status="UNKNOWN"} 1\n' in path.read_text()
    watched.outside.configure(metrics_listen=None, metrics_textfile=None)
    assert not path.exists()


def test_a_textfile_that_can_not_be_written_is_reported_at_doubling_intervals(
    watched: Watched, tmp_path: Path
) -> None:
    path = tmp_path / "later" / "clockbound.prom"
    watched.outside.configure(metrics_listen=None, metrics_textfile=str(path))
    for _ in range(600):
        watched.publish(1)
    events = watched.events()
    assert {event["event"] for event in events} == {"metrics-textfile"}
    assert len(events) < 10
    path.parent.mkdir()
    for _ in range(16):
        watched.publish(1)
    assert path.exists()


def test_the_manager_hears_of_a_new_status_at_once(directory: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(f"{directory}/notify")
        manager.setblocking(False)
        watched = Watched(Notifier(f"{directory}/notify"))

        def told() -> list[str]:
            messages = []
            while True:
                try:
                    messages += manager.recv(4096).decode().splitlines()
                except BlockingIOError:
                    return messages

        watched.publish()
        assert told() == ["READY=1", "STATUS=how it is"]
        watched.service.words = "a new bound"
        watched.publish(1)
        assert told() == []
        watched.become(UNKNOWN)
        watched.service.words = "worse"
        watched.publish(1)
        assert told() == ["STATUS=worse"]
        watched.now_ns = 5_000_000_000
        watched.outside.reloading()
        watched.outside.reloaded()
        assert told() == ["RELOADING=1", "MONOTONIC_USEC=5000000", "READY=1"]
        watched.outside.stopping()
        assert told() == ["STOPPING=1", "STATUS=stopped by a signal; the last status was UNKNOWN"]
        watched.close()
