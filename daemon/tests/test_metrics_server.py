"""The HTTP side: right answers to those who ask, and bounds for those who don't play by the rules."""

from __future__ import annotations

import contextlib
import os
import resource
import select
import socket
import stat
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from clockbound_daemon import metrics_server
from clockbound_daemon.metrics_server import Answer, ListenError, MetricsServer
from daemon_support import descriptors_count

SECOND_NS = 1_000_000_000
PAGE = "a 1\n"
BIG = "b 1\n" * 1_000_000


def answer(path: str) -> Answer:
    match path:
        case "/metrics":
            return Answer(200, PAGE, "text/plain; version=0.0.4; charset=utf-8")
        case "/big":
            return Answer(200, BIG)
        case "/readyz":
            return Answer(503, "UNKNOWN\n")
    return Answer(404, "not here\n")


class Server:
    """A server with its time in the test's hand."""

    def __init__(self, address: str) -> None:
        self.server = MetricsServer(address, answer)
        self.now_ns = 0

    def turn(self, count: int = 1, wait_ms: int = 20) -> None:
        for _ in range(count):
            poll = select.poll()
            poll.register(self.server.fileno(), select.POLLIN)
            poll.poll(wait_ms)
            self.server.serve(self.now_ns)

    def turn_until_idle(self) -> None:
        poll = select.poll()
        poll.register(self.server.fileno(), select.POLLIN)
        for _ in range(1000):
            if not poll.poll(20):
                return
            self.server.serve(self.now_ns)
        raise AssertionError("the server never came to rest")

    @property
    def connections_count(self) -> int:
        return len(self.server._connections)


@pytest.fixture
def path(directory: Path) -> str:
    return f"{directory}/metrics.sock"


@pytest.fixture
def server(path: str) -> Iterator[Server]:
    made = Server(f"unix:{path}")
    yield made
    made.server.close()


@pytest.fixture
def clients() -> Iterator[contextlib.ExitStack]:
    with contextlib.ExitStack() as stack:
        yield stack


def connect(path: str, clients: contextlib.ExitStack) -> socket.socket:
    client = clients.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM))
    client.settimeout(30)
    client.connect(path)
    return client


def everything(client: socket.socket) -> bytes:
    """Until the server has closed its side."""
    pieces = []
    while piece := client.recv(65536):
        pieces.append(piece)
    return b"".join(pieces)


def ask(server: Server, path: str, clients: contextlib.ExitStack, request: bytes) -> bytes:
    client = connect(path, clients)
    client.sendall(request)
    server.turn_until_idle()
    return everything(client)


def status_of(response: bytes) -> int:
    return int(response.split()[1])


def test_a_get_request_is_answered_in_full(server: Server, path: str, clients: contextlib.ExitStack) -> None:
    response = ask(server, path, clients, b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n")
    head, _, body = response.partition(b"\r\n\r\n")
    assert body == PAGE.encode()
    lines = head.split(b"\r\n")
    assert lines[0] == b"HTTP/1.1 200 OK"
    assert b"Content-Type: text/plain; version=0.0.4; charset=utf-8" in lines
    assert b"Content-Length: 4" in lines
    assert b"Connection: close" in lines


def test_a_query_is_no_part_of_the_path(server: Server, path: str, clients: contextlib.ExitStack) -> None:
    assert status_of(ask(server, path, clients, b"GET /metrics?x=/y HTTP/1.0\n\n")) == 200


def test_head_is_answered_without_a_body(server: Server, path: str, clients: contextlib.ExitStack) -> None:
    response = ask(server, path, clients, b"HEAD /metrics HTTP/1.1\r\n\r\n")
    assert b"Content-Length: 4\r\n" in response
    assert response.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"GET /elsewhere HTTP/1.1\r\n\r\n", 404),
        (b"GET /readyz HTTP/1.1\r\n\r\n", 503),
        (b"POST /metrics HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", 405),
        (b"GET /metrics\r\n\r\n", 400),
        (b"GET /metrics HTTP/2.0\r\n\r\n", 400),
        (b"\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00 \xff\xff\n\n", 400),
        (b"GET /metrics HTTP/1.1\r\n" + b"X: y\r\n" * 2000, 431),
        (b"G" * 8192, 431),
        (b"G" * 70_000, 431),
    ],
)
def test_what_is_no_request_for_a_page_is_told_so(
    server: Server, path: str, clients: contextlib.ExitStack, request_: bytes, status: int
) -> None:
    response = ask(server, path, clients, request_)
    assert status_of(response) == status
    assert (b"\r\nAllow: GET, HEAD\r\n" in response) == (status == 405)


def test_a_request_in_single_bytes_is_answered(
    server: Server, path: str, clients: contextlib.ExitStack
) -> None:
    client = connect(path, clients)
    for byte in b"GET /metrics HTTP/1.1\r\n\r\n":
        client.sendall(bytes([byte]))
        server.turn(wait_ms=5)
    server.turn_until_idle()
    assert everything(client).endswith(PAGE.encode())


def test_an_answer_that_does_not_fit_is_sent_in_pieces(
    server: Server, path: str, clients: contextlib.ExitStack
) -> None:
    client = connect(path, clients)
    client.sendall(b"GET /big HTTP/1.1\r\n\r\n")
    server.turn_until_idle()  # at rest although the answer isn't sent: nothing spins
    got: list[bytes] = []
    reading = threading.Thread(target=lambda: got.append(everything(client)))
    reading.start()
    deadline_s = time.monotonic() + 20
    while reading.is_alive() and time.monotonic() < deadline_s:
        server.turn(wait_ms=5)
    reading.join()
    assert got[0].endswith(b"\r\n\r\n" + BIG.encode())


def test_a_connection_ends_when_the_client_ends_it(
    server: Server, path: str, clients: contextlib.ExitStack
) -> None:
    client = connect(path, clients)
    client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
    server.turn_until_idle()
    assert server.connections_count == 1  # answered, and the client hasn't closed
    client.close()
    server.turn_until_idle()
    assert server.connections_count == 0
    connect(path, clients).close()  # without a word
    server.turn_until_idle()
    assert server.connections_count == 0
    assert server.server.deadline_ns is None


def test_slow_requests_end_after_three_seconds(
    server: Server, path: str, clients: contextlib.ExitStack
) -> None:
    client = connect(path, clients)
    server.turn_until_idle()
    assert server.server.deadline_ns == 3 * SECOND_NS
    for half_s in range(1, 6):
        server.now_ns = half_s * SECOND_NS // 2
        client.sendall(b"G")  # a byte now and then doesn't gain time
        server.turn_until_idle()
        assert server.connections_count == 1
    server.now_ns = 3 * SECOND_NS
    server.turn()
    assert server.connections_count == 0
    with contextlib.suppress(ConnectionResetError):
        assert everything(client) == b""


def test_a_client_that_does_not_read_ends_after_three_seconds(
    server: Server, path: str, clients: contextlib.ExitStack
) -> None:
    client = connect(path, clients)
    client.sendall(b"GET /big HTTP/1.1\r\n\r\n")
    server.turn_until_idle()
    server.now_ns = 3 * SECOND_NS
    server.turn()
    assert server.connections_count == 0


def test_a_client_that_goes_on_talking_is_cut_off(
    server: Server, path: str, clients: contextlib.ExitStack
) -> None:
    client = connect(path, clients)
    client.setblocking(False)
    sent_bytes = 0
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        while sent_bytes < 10_000_000:
            with contextlib.suppress(BlockingIOError):
                sent_bytes += client.send(b"x" * 8192)
            server.turn(wait_ms=0)
    assert sent_bytes < 2_000_000  # the limit, and what the kernel keeps
    assert server.connections_count == 0


def test_more_connections_than_there_may_be_end_the_oldest(
    server: Server, path: str, clients: contextlib.ExitStack
) -> None:
    idle = []
    for _ in range(40):
        idle.append(connect(path, clients))
        server.turn_until_idle()
        assert server.connections_count <= metrics_server.CONNECTIONS_LIMIT_COUNT
    # Slow clients can't keep a fast one from its answer.
    assert status_of(ask(server, path, clients, b"GET /metrics HTTP/1.1\r\n\r\n")) == 200
    for client in idle[:20]:
        assert everything(client) == b""


def test_little_is_done_at_a_time(server: Server, path: str, clients: contextlib.ExitStack) -> None:
    asking = [connect(path, clients) for _ in range(16)]
    server.server.serve(0)
    assert server.connections_count == metrics_server.WORK_LIMIT_COUNT
    assert select.select([server.server], [], [], 0)[0]  # and the rest is not forgotten
    server.turn_until_idle()
    assert server.connections_count == 16
    for client in asking:
        client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
    server.server.serve(0)
    assert len(select.select(asking, [], [], 0)[0]) == metrics_server.WORK_LIMIT_COUNT
    server.turn_until_idle()
    assert len(select.select(asking, [], [], 0)[0]) == 16


def test_a_system_without_descriptors_is_no_busy_loop(
    server: Server, path: str, clients: contextlib.ExitStack
) -> None:
    waiting = connect(path, clients)
    waiting.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (1, limits[1]))
    try:
        server.server.serve(0)
        server.server.serve(0)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert not select.select([server.server], [], [], 0)[0]
    assert server.server.deadline_ns == SECOND_NS
    server.now_ns = SECOND_NS
    server.server.serve(SECOND_NS)
    server.turn_until_idle()
    assert status_of(everything(waiting)) == 200
    assert server.connections_count == 1


def test_no_descriptor_is_left_behind(path: str, clients: contextlib.ExitStack) -> None:
    before = descriptors_count()
    for _ in range(5):
        server = Server(f"unix:{path}")
        for _ in range(30):
            client = connect(path, clients)
            client.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
            server.turn_until_idle()
            client.close()
        idle = connect(path, clients)
        server.turn_until_idle()
        server.server.close()
        idle.close()
    assert descriptors_count() == before


def free_port(family: socket.AddressFamily, host: str) -> int:
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.parametrize(
    ("family", "host", "shown"),
    [(socket.AF_INET, "127.0.0.1", "127.0.0.1"), (socket.AF_INET6, "::1", "[::1]")],
)
def test_it_answers_over_tcp(family: socket.AddressFamily, host: str, shown: str) -> None:
    port = free_port(family, host)
    server = Server(f"{shown}:{port}")
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            server.turn(wait_ms=5)

    serving = threading.Thread(target=run)
    serving.start()
    try:
        with urllib.request.urlopen(f"http://{shown}:{port}/metrics", timeout=30) as response:
            assert response.read().decode() == PAGE
        with pytest.raises(urllib.error.HTTPError, match="503"):
            urllib.request.urlopen(f"http://{shown}:{port}/readyz", timeout=30).close()
    finally:
        stop.set()
        serving.join()
    # A server that comes after it listens at once, whatever connections linger.
    server.server.close()
    Server(f"{shown}:{port}").server.close()


def test_a_bare_port_is_the_loopbacks() -> None:
    assert metrics_server.address("9911").place == ("127.0.0.1", 9911)
    assert metrics_server.address("localhost:9911").place == ("127.0.0.1", 9911)
    assert metrics_server.address("0.0.0.0:1").place == ("0.0.0.0", 1)
    assert metrics_server.address("[::]:65535").place == ("::", 65535)
    assert metrics_server.address("unix:/a b").place == "/a b"


@pytest.mark.parametrize(
    "text",
    [
        "", ":", ":9911", "0", "65536", "99999999999", "-1", "abc", "127.0.0.1", "127.0.0.1:", "::1:9911", "[::1]",
        "[127.0.0.1]:9911", "example.org:9911", "127.1:9911", "1.2.3.4.5:9911", "\u0661:1", "1.2.3.4:\u0661", "\0:1",
        "unix:", "unix:relative", "unix:/a\0b", "unix:/" + "x" * 107,
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"as in|every interface") as caught:
        metrics_server.address(text)
    assert (
        repr(text.removeprefix("unix:").rpartition(":")[0]) in str(caught.value)
        or repr(text) in str(caught.value)
        or repr(text.removeprefix("unix:")) in str(caught.value)
    )


def test_an_address_in_use_is_named(path: str, server: Server) -> None:
    with pytest.raises(ListenError, match=f"unix:{path}: .*another program listens there"):
        Server(f"unix:{path}")
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(ListenError, match=f"127.0.0.1:{port}: .*another program listens there"):
            Server(f"127.0.0.1:{port}")


@pytest.mark.parametrize(
    ("address", "remedy"),
    [
        ("unix:/nowhere/metrics.sock", "create it"),
        ("192.0.2.1:9911", "no such address"),
        ("unix:/proc/x", "give another"),
    ],
)
def test_an_address_that_can_not_be_had_is_named(address: str, remedy: str) -> None:
    with pytest.raises(ListenError, match=remedy) as caught:
        Server(address)
    assert str(caught.value).startswith(address)


def test_the_socket_is_for_everybody_and_goes_with_the_server(path: str) -> None:
    server = Server(f"unix:{path}")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o666
    server.server.close()
    assert not os.path.exists(path)


def test_a_dead_servers_socket_is_taken_over_and_nothing_else(path: str) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as dead:
        dead.bind(path)
    Server(f"unix:{path}").server.close()
    Path(path).write_text("precious")
    with pytest.raises(ListenError):
        Server(f"unix:{path}")
    assert Path(path).read_text() == "precious"
