"""What comes from outside and may be anything: paths, addresses, files, requests."""

from __future__ import annotations

import contextlib
import os
import resource
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from clockbound_conformance.processes import wait_until
from clockbound_daemon import unix_socket
from clockbound_daemon._layout import SegmentRecord
from clockbound_daemon.metrics_server import Answer, ListenError, MetricsServer
from clockbound_daemon.notify import Notifier, from_environment
from clockbound_daemon.segment import OFFSET_NAME, SegmentWriter
from daemon_support import Daemon

TIMEOUT_S = 30


def asked(path: str, request: bytes) -> bytes:
    """What a server at the Unix socket `path` says to `request`."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(TIMEOUT_S)
        client.connect(path)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # it has heard enough
            client.sendall(request)
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := client.recv(65536):
                answer += piece
        return answer


def test_a_path_that_is_no_text_ends_neither_log_nor_probe(
    run_dir: Path, directory: Path, tmp_path: Path
) -> None:
    strange = os.fsencode(directory) + b"/\xff\n\xe9.sock"
    address = f"{directory}/metrics.sock"
    with Daemon(
        run_dir,
        os.fsdecode(strange),
        f"--metrics-listen=unix:{address}",
        f"--metrics-textfile={tmp_path / 'clockbound.prom'}",
        log_path=tmp_path / "log",
    ) as daemon:
        assert wait_until(lambda: "not found" in daemon.log(), timeout_s=TIMEOUT_S)
        assert wait_until(lambda: os.path.exists(address), timeout_s=TIMEOUT_S)
        for page in (b"/healthz", b"/readyz", b"/metrics"):
            answer = asked(address, b"GET " + page + b" HTTP/1.1\r\n\r\n")
            assert answer.startswith(b"HTTP/1.1 "), daemon.log()
        assert b"\\udcff" in asked(address, b"GET /healthz HTTP/1.1\r\n\r\n")
        assert asked(address, b"GET /" + bytes(1 << 20)).startswith(b"HTTP/1.1 431 ")
        assert daemon.running, daemon.log()


def free_descriptors_count() -> int:
    """The number that the next descriptor gets, which is how many a process must be allowed for one more not to be."""
    descriptor = os.open(os.devnull, os.O_RDONLY)
    os.close(descriptor)
    return descriptor


@pytest.mark.parametrize("more", [0, 1])
def test_without_descriptors_an_address_can_not_be_had_and_nothing_is_left(
    directory: Path, more: int
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    before = set(os.listdir("/proc/self/fd"))
    resource.setrlimit(resource.RLIMIT_NOFILE, (free_descriptors_count() + more, hard))
    try:
        with pytest.raises(ListenError, match=r"Too many open files: give another address"):
            MetricsServer(f"unix:{directory}/metrics.sock", lambda path: Answer(200, ""))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert set(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("address", ["/" + 107 * "x", "@" + 108 * "x", "/" + 53 * "ä" + "x"])
def test_an_address_of_the_manager_that_no_socket_can_have_is_named(address: str) -> None:
    with pytest.raises(ValueError, match=r"NOTIFY_SOCKET is wrong: .* is longer than the 10[78] bytes"):
        from_environment({"NOTIFY_SOCKET": address}, 1)


def test_the_longest_abstract_address_of_the_manager_is_one(directory: Path) -> None:
    # Unlike a path it has no name in the file system; other tests may run at the same time.
    name = f"{os.getpid()}-{directory.name}".ljust(107, "x")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name)
        manager.settimeout(TIMEOUT_S)
        notifier = Notifier("@" + name)
        notifier.published(0, "words")
        assert manager.recv(4096) == b"READY=1\n"
        notifier.close()


@pytest.mark.parametrize("length", [106, 107])
def test_a_path_may_be_as_long_as_the_system_lets_it(directory: Path, length: int) -> None:
    path = f"{directory}/".ljust(length, "x")
    assert length <= unix_socket.PATH_LIMIT_BYTES
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bound:
        unix_socket.bind(bound, path)
        assert not unix_socket.is_dead(path, socket.SOCK_DGRAM)
    assert unix_socket.is_dead(path, socket.SOCK_DGRAM)


def put_fifo(path: Path) -> None:
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("put", "can_be_kept"),
    [
        pytest.param(lambda path: path.write_bytes(b"x" * 59), True, id="as-long-as-ours"),
        pytest.param(lambda path: path.write_bytes(b"9" * 99), True, id="longer-than-ours"),
        pytest.param(lambda path: path.write_bytes(bytes(1 << 20)), True, id="huge"),
        pytest.param(lambda path: path.mkdir(), False, id="directory"),
        pytest.param(put_fifo, False, id="fifo"),
        pytest.param(lambda path: path.symlink_to("/dev/zero"), False, id="link"),
    ],
)
def test_what_stands_in_place_of_the_kept_offset_does_no_lasting_harm(
    run_dir: Path, put: Callable[[Path], None], can_be_kept: bool
) -> None:
    put(run_dir / OFFSET_NAME)
    writer = SegmentWriter(str(run_dir), SegmentRecord())
    assert writer.kept_offset_ns() is None
    writer.keep_offset_ns(-5)
    assert writer.kept_offset_ns() == (-5 if can_be_kept else None)
    writer.close()
