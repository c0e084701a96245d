"""The service manager hears what the daemon does, and can't hold it up."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from clockbound_daemon import notify
from clockbound_daemon.notify import Notifier

SECOND_NS = 1_000_000_000


class Manager:
    """A socket such as systemd listens on."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.setblocking(False)
        self.socket.bind("\0" + address[1:] if address[0] == "@" else address)

    def messages(self) -> list[str]:
        """What came since the last time."""
        came = []
        while True:
            try:
                came.append(self.socket.recv(4096).decode())
            except BlockingIOError:
                return came

    def lines(self) -> list[str]:
        return "".join(self.messages()).splitlines()


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, directory: Path) -> Iterator[Manager]:
    address = (
        f"{directory}/notify"
        if request.param == "path"
        else f"@clockbound-test-{os.getpid()}-{directory.name}"
    )
    made = Manager(address)
    yield made
    made.socket.close()


@pytest.fixture
def notifier(manager: Manager) -> Iterator[Notifier]:
    made = Notifier(manager.address)
    yield made
    made.close()


def watched(manager: Manager, watchdog_ns: int) -> Notifier:
    return Notifier(manager.address, watchdog_ns)


def test_the_first_publish_makes_it_ready_and_no_later_one_does(manager: Manager, notifier: Notifier) -> None:
    assert manager.messages() == []
    notifier.published(0, "all is well")
    assert manager.messages() == ["READY=1\n", "STATUS=all is well\n"]
    notifier.published(SECOND_NS, "all is well")
    assert manager.messages() == []


def test_the_words_are_one_line_of_limited_length(manager: Manager, notifier: Notifier) -> None:
    notifier.published(0, "one\nREADY=0\r" + "\u00e9" * 1000)
    _, words = manager.messages()
    assert words.count("\n") == 1
    assert words.startswith("STATUS=one READY=0 \u00e9\u00e9")
    assert len(words.encode()) <= 310


def test_changing_words_are_told_every_ten_seconds(manager: Manager, notifier: Notifier) -> None:
    told_s = []
    for s in range(31):
        notifier.published(s * SECOND_NS, f"bound {s}")
        if any(line.startswith("STATUS=") for line in manager.lines()):
            told_s.append(s)
    assert told_s == [0, 10, 20, 30]


def test_news_are_told_at_once(manager: Manager, notifier: Notifier) -> None:
    notifier.published(0, "SYNCHRONIZED")
    manager.messages()
    notifier.changed()
    notifier.published(SECOND_NS, "UNKNOWN")
    assert manager.lines() == ["STATUS=UNKNOWN"]


@pytest.mark.parametrize(
    ("watchdog_s", "fed_s"), [(3, [0, 1, 2, 3, 4, 5, 6]), (9, [0, 3, 6]), (1, [0, 1, 2, 3, 4, 5, 6])]
)
def test_publishing_and_nothing_else_feeds_the_watchdog(
    manager: Manager, watchdog_s: int, fed_s: list[int]
) -> None:
    notifier = watched(manager, watchdog_s * SECOND_NS)
    notifier.reloading(0)
    notifier.reloaded()
    assert "WATCHDOG=1" not in manager.lines()
    seen_s = []
    for s in range(7):
        notifier.published(s * SECOND_NS, "")
        if "WATCHDOG=1" in manager.lines():
            seen_s.append(s)
    assert seen_s == fed_s
    notifier.close()


def test_without_a_watchdog_none_is_fed(manager: Manager, notifier: Notifier) -> None:
    for s in range(10):
        notifier.published(s * SECOND_NS, "")
    assert "WATCHDOG=1" not in manager.lines()


def test_a_reload_tells_its_start_in_microseconds_and_its_end(manager: Manager, notifier: Notifier) -> None:
    notifier.published(0, "")
    manager.messages()
    notifier.reloading(1_234_567_891_999)
    assert manager.messages() == ["RELOADING=1\nMONOTONIC_USEC=1234567891\n"]
    notifier.reloaded()
    assert manager.messages() == ["READY=1\n"]


def test_a_reload_before_the_first_publish_does_not_make_it_ready(
    manager: Manager, notifier: Notifier
) -> None:
    notifier.reloading(0)
    notifier.reloaded()
    assert "READY=1" not in manager.lines()
    notifier.published(0, "")
    assert manager.lines() == ["READY=1"]


def test_the_end_is_told(manager: Manager, notifier: Notifier) -> None:
    notifier.stopping("stopped by a signal")
    assert manager.messages() == ["STOPPING=1\nSTATUS=stopped by a signal\n"]


def fill(manager: Manager) -> int:
    """Send until the manager's queue takes no more."""
    sender = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    sender.setblocking(False)
    sent_count = 0
    address = "\0" + manager.address[1:] if manager.address[0] == "@" else manager.address
    try:
        for _ in range(10_000):
            sender.sendto(b"FILLER=1\n", address)
            sent_count += 1
    except BlockingIOError:
        return sent_count
    finally:
        sender.close()
    raise AssertionError("the queue never became full")


def test_a_manager_that_does_not_read_is_not_waited_for_and_hears_it_later(
    manager: Manager, notifier: Notifier
) -> None:
    filled_count = fill(manager)
    notifier.published(0, "first")  # would block here, and the test with it
    notifier.reloading(5_000)
    notifier.reloaded()
    for s in range(1, 100):
        notifier.published(s * SECOND_NS, "first")
    assert manager.messages() == ["FILLER=1\n"] * filled_count
    notifier.published(100 * SECOND_NS, "second")
    assert manager.messages() == [
        "READY=1\n",
        "RELOADING=1\nMONOTONIC_USEC=5\n",
        "READY=1\n",
        "STATUS=second\n",
    ]


def test_what_waits_for_a_manager_does_not_grow_without_bound(manager: Manager, notifier: Notifier) -> None:
    fill(manager)
    for s in range(1000):
        notifier.reloading(s)
        notifier.reloaded()
    manager.messages()
    notifier.published(0, "")
    assert len(manager.messages()) <= notify.OWED_LIMIT_COUNT + 1


def test_a_manager_that_is_gone_is_no_error(directory: Path) -> None:
    notifier = Notifier(f"{directory}/nobody", SECOND_NS)
    notifier.published(0, "words")
    notifier.stopping("words")
    notifier.close()


def test_a_manager_that_comes_back_hears_what_it_missed(directory: Path) -> None:
    notifier = Notifier(f"{directory}/notify")
    notifier.published(0, "")
    manager = Manager(f"{directory}/notify")
    notifier.published(SECOND_NS, "")
    assert manager.lines() == ["READY=1"]
    manager.socket.close()
    notifier.close()


def test_nothing_is_told_unless_the_environment_asks_for_it() -> None:
    assert notify.from_environment({}, 1) is None
    assert notify.from_environment({"NOTIFY_SOCKET": "", "WATCHDOG_USEC": "1"}, 1) is None


@pytest.mark.parametrize(
    ("environment", "watchdog_ns"),
    [
        ({}, None),
        ({"WATCHDOG_USEC": "3000000"}, 3 * SECOND_NS),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "17"}, 3 * SECOND_NS),
        ({"WATCHDOG_USEC": "3000000", "WATCHDOG_PID": "18"}, None),
        ({"WATCHDOG_USEC": ""}, None),
    ],
)
def test_the_watchdog_is_this_processs_own(environment: dict[str, str], watchdog_ns: int | None) -> None:
    notifier = notify.from_environment({"NOTIFY_SOCKET": "/run/notify", **environment}, 17)
    assert notifier is not None
    assert notifier.watchdog_ns == watchdog_ns
    notifier.close()


@pytest.mark.parametrize("address", ["relative/path", "vsock:2:1234", "@", "/"])
def test_an_address_that_is_none_is_named(address: str) -> None:
    with pytest.raises(ValueError, match="neither an absolute path nor an abstract name") as caught:
        notify.from_environment({"NOTIFY_SOCKET": address}, 1)
    assert repr(address) in str(caught.value)


@pytest.mark.parametrize("interval", ["0", "-1", "abc", "1.5", "9" * 30])
def test_a_watchdog_interval_that_is_none_is_named(interval: str) -> None:
    with pytest.raises(ValueError, match="not a number of microseconds") as caught:
        notify.from_environment({"NOTIFY_SOCKET": "/run/notify", "WATCHDOG_USEC": interval}, 1)
    assert repr(interval) in str(caught.value)
