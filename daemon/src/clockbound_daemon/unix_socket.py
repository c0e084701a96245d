"""Unix sockets that have a name in the file system, which dead programs leave behind."""

from __future__ import annotations

import errno
import os
import stat

# The C module beneath `socket`: the same sockets, without the enumerations and selectors that the wrapper brings,
# which are a fifteenth of the daemon's start and of its memory.
from _socket import AF_UNIX, SOCK_NONBLOCK, socket

#: What a path may have, without its final NUL, in a struct sockaddr_un.
PATH_LIMIT_BYTES = 107


def bind(unbound: socket, path: str) -> None:
    """Give `unbound` the name `path`, also where a dead program's socket has it. Everybody may write to it."""
    # By umask and not by chmod, because a chmod could hit what somebody has put in its place.
    previous = os.umask(0o111)
    try:
        try:
            unbound.bind(path)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or not is_dead(path, unbound.type):
                raise
            remove(path)
            unbound.bind(path)
    finally:
        os.umask(previous)


def is_dead(path: str, kind: int) -> bool:
    """Whether `path` is a socket of that kind (SOCK_DGRAM, SOCK_STREAM) that no process has open."""
    try:
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            return False
        probe = socket(AF_UNIX, kind | SOCK_NONBLOCK)
        try:
            probe.connect(path)
        finally:
            probe.close()
    except ConnectionRefusedError:
        return True
    except OSError:
        return False  # gone, or a living one: connected to its own chronyd (EPERM), or busy (EAGAIN)
    return False


def remove(path: str) -> None:
    """Remove the name, where that can be done."""
    try:  # noqa: SIM105  # contextlib is slow to import
        os.unlink(path)
    except OSError:
        pass  # gone with its directory, or not ours to remove: in nobody's way
