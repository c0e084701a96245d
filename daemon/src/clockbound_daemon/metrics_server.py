"""Answers GET requests over TCP or a Unix socket from within the daemon's loop, and never holds that up.

Bounded in everything: connections, bytes a request, time a connection, and work at a time. Not http.server, which
needs a thread and reads a request for as long as its client likes.
"""

from __future__ import annotations

import errno
import os
import select
from _socket import (
    AF_INET,
    AF_INET6,
    AF_UNIX,
    IPPROTO_IPV6,
    IPV6_V6ONLY,
    SHUT_WR,
    SO_REUSEADDR,
    SOCK_NONBLOCK,
    SOCK_STREAM,
    SOL_SOCKET,
    inet_pton,
    socket,
)
from collections.abc import Callable

from clockbound_daemon import unix_socket

#: When there are more, the oldest gives way: a scrape takes a millisecond, so that one isn't a scrape.
CONNECTIONS_LIMIT_COUNT = 16
REQUEST_LIMIT_BYTES = 8192
CONNECTION_LIMIT_NS = 3_000_000_000
#: Connections that are looked at, and accepted, before the loop gets its turn again.
WORK_LIMIT_COUNT = 8
#: What a client may send after its request, before the connection is closed without ceremony.
SURPLUS_LIMIT_BYTES = 65536
#: For so long nothing is accepted after the system has run out of descriptors.
PAUSE_NS = 1_000_000_000
LOOPBACK = "127.0.0.1"
UNIX_PREFIX = "unix:"

_REASONS = {
    200: "OK",
    400: "Bad Request",
    404: "Not Found",
    405: "Method Not Allowed",
    431: "Request Header Fields Too Large",
    503: "Service Unavailable",
}


class Answer:
    """What a path is answered with."""

    __slots__ = ("body", "content_type", "status")

    def __init__(self, status: int, body: str, content_type: str = "text/plain; charset=utf-8") -> None:
        self.status = status
        self.body = body
        self.content_type = content_type


class Address:
    """Where to listen."""

    __slots__ = ("family", "path", "place")

    def __init__(self, family: int, place: str | tuple[str, int]) -> None:
        self.family = family
        self.place = place
        self.path = place if isinstance(place, str) else None


def address(text: str) -> Address:
    """What `text` names: PORT of the loopback, HOST:PORT with a numeric host, or unix:PATH; else ValueError."""
    if text.startswith(UNIX_PREFIX):
        path = text[len(UNIX_PREFIX) :]
        if not path.startswith("/") or "\0" in path or len(os.fsencode(path)) > unix_socket.PATH_LIMIT_BYTES:
            raise ValueError(
                f"{path!r} isn't an absolute path of at most {unix_socket.PATH_LIMIT_BYTES} bytes, "
                "as in unix:/run/clockbound/metrics.sock"
            )
        return Address(AF_UNIX, path)
    host, colon, digits = text.rpartition(":")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 5 and 0 < int(digits) < 65536):
        raise ValueError(
            f"{text!r} has no port from 1 to 65535; give one as in {LOOPBACK}:9911, or unix:PATH for a Unix socket"
        )
    port = int(digits)
    if not colon or host == "localhost":
        return Address(AF_INET, (LOOPBACK, port))
    family, number = (AF_INET6, host[1:-1]) if host[:1] == "[" and host[-1:] == "]" else (AF_INET, host)
    try:
        inet_pton(family, number)
    except (OSError, ValueError):
        raise ValueError(
            f"{host!r} isn't a numeric address; give one as in {LOOPBACK}:9911, or 0.0.0.0 or [::] for every "
            "interface, where everybody who can reach the machine can read the metrics"
        ) from None
    return Address(family, (number, port))


class ListenError(Exception):
    """The address can't be listened on; the message names it and the remedy."""


class _Connection:
    __slots__ = ("deadline_ns", "received", "socket", "surplus_bytes", "unsent")

    def __init__(self, accepted: socket, deadline_ns: int) -> None:
        self.socket = accepted
        self.deadline_ns = deadline_ns
        self.received = b""
        self.unsent: memoryview | None = None  # None until the request is there; empty when all is sent
        self.surplus_bytes = 0


class MetricsServer:
    """Listens at `text`. Wait until `fileno` is readable, or until `deadline_ns`, and then call `serve`."""

    def __init__(self, text: str, answer: Callable[[str], Answer]) -> None:
        """answer: what to say to a path. Raises ListenError."""
        self._address = address(text)
        self._answer = answer
        self._connections: dict[int, _Connection] = {}  # in the order in which they came
        self._paused_until_ns: int | None = None
        self._listener, self._epoll = self._listen(text)

    def fileno(self) -> int:
        """Readable when there is something to do."""
        return self._epoll.fileno()

    @property
    def deadline_ns(self) -> int | None:
        """The CLOCK_MONOTONIC nanosecond at which there is something to do whatever comes; None if never."""
        deadlines = [connection.deadline_ns for connection in self._connections.values()]
        if self._paused_until_ns is not None:
            deadlines.append(self._paused_until_ns)
        return min(deadlines, default=None)

    def serve(self, monotonic_ns: int) -> None:
        """Do what can be done without waiting, but not more than a little at a time."""
        if self._paused_until_ns is not None and monotonic_ns >= self._paused_until_ns:
            self._paused_until_ns = None
            self._epoll.register(self._listener.fileno(), select.EPOLLIN)
        for descriptor, connection in list(self._connections.items()):
            if monotonic_ns < connection.deadline_ns:
                break  # whoever came later has more time left
            self._drop(descriptor)
        for descriptor, _ in self._epoll.poll(0, WORK_LIMIT_COUNT):
            if descriptor == self._listener.fileno():
                self._accept(monotonic_ns)
            elif descriptor in self._connections:
                self._advance(descriptor)

    def close(self) -> None:
        """End all connections and remove the Unix socket."""
        for descriptor in list(self._connections):
            self._drop(descriptor)
        self._epoll.close()
        self._listener.close()
        if self._address.path is not None:
            unix_socket.remove(self._address.path)

    def _listen(self, text: str) -> tuple[socket, select.epoll]:
        family, place = self._address.family, self._address.place
        try:
            listener = socket(family, SOCK_STREAM | SOCK_NONBLOCK)
            try:
                if isinstance(place, str):
                    # As readable as the segments are: who may connect is up to the directory's mode.
                    unix_socket.bind(listener, place)
                else:
                    listener.setsockopt(
                        SOL_SOCKET, SO_REUSEADDR, 1
                    )  # connections of the last daemon may linger
                    if family == AF_INET6:
                        listener.setsockopt(IPPROTO_IPV6, IPV6_V6ONLY, 1)
                    listener.bind(place)
                listener.listen(CONNECTIONS_LIMIT_COUNT)
                epoll = select.epoll(CONNECTIONS_LIMIT_COUNT)
                epoll.register(listener.fileno(), select.EPOLLIN)
            except BaseException:
                listener.close()
                raise
        except OSError as error:
            match error.errno:
                case errno.EADDRINUSE:
                    remedy = "another program listens there; stop it, or give another address with --metrics-listen"
                case errno.EACCES | errno.EPERM:
                    remedy = "this user may not; give another address with --metrics-listen"
                case errno.EADDRNOTAVAIL:
                    remedy = "this host has no such address; give one of its own with --metrics-listen"
                case errno.ENOENT | errno.ENOTDIR:
                    remedy = (
                        "its directory doesn't exist; create it, or give another path with --metrics-listen"
                    )
                case _:
                    remedy = "give another address with --metrics-listen"
            reason = os.strerror(error.errno) if error.errno else str(error)
            raise ListenError(f"{text}: metrics can't be served: {reason}: {remedy}") from None
        return listener, epoll

    def _accept(self, monotonic_ns: int) -> None:
        for _ in range(WORK_LIMIT_COUNT):
            try:
                descriptor, _ = self._listener._accept()  # type: ignore[attr-defined]  # which socket.accept wraps
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM):
                    # The connection stays in the queue and would wake the loop at once, again and again.
                    self._epoll.unregister(self._listener.fileno())
                    self._paused_until_ns = monotonic_ns + PAUSE_NS
                    return
                continue  # this connection has already failed; there may be others
            accepted = socket(self._address.family, SOCK_STREAM, 0, descriptor)
            accepted.setblocking(False)
            if len(self._connections) >= CONNECTIONS_LIMIT_COUNT:
                self._drop(next(iter(self._connections)))
            self._connections[descriptor] = _Connection(accepted, monotonic_ns + CONNECTION_LIMIT_NS)
            self._epoll.register(descriptor, select.EPOLLIN)

    def _advance(self, descriptor: int) -> None:
        connection = self._connections[descriptor]
        try:
            if connection.unsent is None:
                self._receive(connection)
            elif not connection.unsent:
                self._drain(connection)
            if connection.unsent:
                self._send(connection)
        except BlockingIOError:
            return
        except OSError:  # the client has gone, or has had its answer
            self._drop(descriptor)

    def _receive(self, connection: _Connection) -> None:
        piece = connection.socket.recv(REQUEST_LIMIT_BYTES)
        if not piece:
            raise ConnectionResetError
        connection.received += piece
        head = connection.received[:REQUEST_LIMIT_BYTES]
        if b"\r\n\r\n" in head or b"\n\n" in head:
            connection.unsent = memoryview(self._respond(head))
        elif len(connection.received) >= REQUEST_LIMIT_BYTES:
            connection.unsent = memoryview(
                _response(Answer(431, f"the request is longer than {REQUEST_LIMIT_BYTES} bytes\n"))
            )

    def _send(self, connection: _Connection) -> None:
        assert connection.unsent is not None
        try:
            sent_bytes = connection.socket.send(connection.unsent)
        except BlockingIOError:
            sent_bytes = 0
        connection.unsent = connection.unsent[sent_bytes:]
        if connection.unsent:
            self._epoll.modify(connection.socket.fileno(), select.EPOLLOUT)
        else:
            # Closed only when the client has closed: what it still sends would turn our end into a reset, which
            # may destroy the answer on its way.
            connection.socket.shutdown(SHUT_WR)
            self._epoll.modify(connection.socket.fileno(), select.EPOLLIN)

    def _drain(self, connection: _Connection) -> None:
        piece = connection.socket.recv(REQUEST_LIMIT_BYTES)
        connection.surplus_bytes += len(piece)
        if not piece or connection.surplus_bytes > SURPLUS_LIMIT_BYTES:
            raise ConnectionResetError

    def _respond(self, head: bytes) -> bytes:
        words = head.partition(b"\n")[0].decode("latin-1").split()
        if len(words) != 3 or not words[2].startswith("HTTP/1."):
            return _response(Answer(400, "not an HTTP/1 request\n"))
        method, target, _ = words
        if method not in ("GET", "HEAD"):
            return _response(Answer(405, "only GET and HEAD\n"))
        return _response(self._answer(target.partition("?")[0]), with_body=method == "GET")

    def _drop(self, descriptor: int) -> None:
        connection = self._connections.pop(descriptor)
        connection.socket.close()  # which also ends its registration


def _response(answer: Answer, *, with_body: bool = True) -> bytes:
    body = answer.body.encode("utf-8", "backslashreplace")  # it may name a path, and that may hold anything
    lines = [
        f"HTTP/1.1 {answer.status} {_REASONS[answer.status]}",
        f"Content-Type: {answer.content_type}",
        f"Content-Length: {len(body)}",
        "Cache-Control: no-store",
        "Connection: close",
    ]
    if answer.status == 405:
        lines.append("Allow: GET, HEAD")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body if with_body else b"")
