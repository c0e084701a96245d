"""Tells the service manager how the daemon is, in the protocol of sd_notify(3) and without its library.

A message is one datagram of NAME=VALUE lines to the socket that NOTIFY_SOCKET names. Nothing here waits: a message
that must arrive and can't be sent now is sent after the next publish, any other is dropped.
"""

from __future__ import annotations

import os
from _socket import AF_UNIX, SOCK_DGRAM, SOCK_NONBLOCK, socket
from collections.abc import Mapping

from clockbound_daemon import unix_socket

_NANOSECONDS_PER_MICROSECOND = 1000
#: The words for people are renewed this often at most: each time, the manager tells everyone who watches it.
WORDS_INTERVAL_NS = 10_000_000_000
WORDS_LIMIT_BYTES = 300
#: Messages that wait to be sent: more than the daemon's life has stages.
OWED_LIMIT_COUNT = 8


class Notifier:
    """The way to the service manager. Tell it of each publish, of reloads and of the end."""

    def __init__(self, address: str, watchdog_ns: int | None = None) -> None:
        """address: an absolute path, or an abstract name that begins with @.

        watchdog_ns: the manager ends a daemon that is silent for so long; None if it doesn't.
        """
        if address[:1] not in ("/", "@") or len(address) < 2:
            raise ValueError(f"{address!r} is neither an absolute path nor an abstract name such as @name")
        # An abstract name has no final NUL, but one in place of its @.
        limit_bytes = unix_socket.PATH_LIMIT_BYTES + (address[0] == "@")
        if len(os.fsencode(address)) > limit_bytes:
            raise ValueError(f"{address!r} is longer than the {limit_bytes} bytes of a socket's address")
        self._address = f"\0{address[1:]}" if address[0] == "@" else address
        self._socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK)
        self.watchdog_ns = watchdog_ns
        self._ready = False
        self._owed: list[bytes] = []
        self._words = b""
        self._words_sent_ns: int | None = None
        self._watchdog_sent_ns: int | None = None

    def published(self, monotonic_ns: int, words: str) -> None:
        """A record was published; the first makes the daemon ready, and each feeds the watchdog."""
        lines = []
        if not self._ready:
            self._ready = True
            self._owe(b"READY=1\n")
        self._pay()
        if self.watchdog_ns is not None and _due(self._watchdog_sent_ns, monotonic_ns, self.watchdog_ns // 3):
            lines.append(b"WATCHDOG=1\n")
        told = _one_line(words)
        if told != self._words and _due(self._words_sent_ns, monotonic_ns, WORDS_INTERVAL_NS):
            lines.append(b"STATUS=" + told + b"\n")
        if lines and self._send(b"".join(lines)):
            if lines[0].startswith(b"WATCHDOG"):
                self._watchdog_sent_ns = monotonic_ns
            if lines[-1].startswith(b"STATUS"):
                self._words, self._words_sent_ns = told, monotonic_ns

    def changed(self) -> None:
        """The next publish brings news, which don't wait until the words are due."""
        self._words_sent_ns = None

    def reloading(self, monotonic_ns: int) -> None:
        """The configuration is read again, since `monotonic_ns`; `reloaded` says when that is over."""
        self._owe(b"RELOADING=1\nMONOTONIC_USEC=%d\n" % (monotonic_ns // _NANOSECONDS_PER_MICROSECOND))
        self._pay()

    def reloaded(self) -> None:
        """The configuration was read again, or refused."""
        if self._ready:  # otherwise the first publish says it
            self._owe(b"READY=1\n")
            self._pay()

    def stopping(self, words: str) -> None:
        """The daemon ends."""
        self._owe(b"STOPPING=1\nSTATUS=" + _one_line(words) + b"\n")
        self._pay()

    def close(self) -> None:
        """Tell the manager nothing more."""
        self._socket.close()

    def _owe(self, message: bytes) -> None:
        self._owed.append(message)
        del self._owed[:-OWED_LIMIT_COUNT]

    def _pay(self) -> None:
        while self._owed and self._send(self._owed[0]):
            del self._owed[0]

    def _send(self, message: bytes) -> bool:
        try:
            self._socket.sendto(message, self._address)
        except OSError:
            return False  # its queue is full, or it is being started again
        return True


def from_environment(environment: Mapping[str, str], process: int) -> Notifier | None:
    """What NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID ask of `process`; ValueError when they are wrong."""
    address = environment.get("NOTIFY_SOCKET")
    if not address:
        return None
    watchdog_ns = None
    interval_us = environment.get("WATCHDOG_USEC")
    if interval_us and environment.get("WATCHDOG_PID", str(process)) == str(process):
        if not (interval_us.isascii() and interval_us.isdigit() and 0 < len(interval_us.lstrip("0")) <= 18):
            raise ValueError(f"WATCHDOG_USEC is {interval_us!r}, not a number of microseconds")
        watchdog_ns = int(interval_us) * _NANOSECONDS_PER_MICROSECOND
    try:
        return Notifier(address, watchdog_ns)
    except ValueError as error:
        raise ValueError(f"NOTIFY_SOCKET is wrong: {error}") from None


def _due(sent_ns: int | None, monotonic_ns: int, interval_ns: int) -> bool:
    return sent_ns is None or monotonic_ns >= sent_ns + interval_ns


def _one_line(words: str) -> bytes:
    text = " ".join(words.split()).encode("utf-8", "backslashreplace")
    return text[:WORDS_LIMIT_BYTES].decode("utf-8", "ignore").encode()
