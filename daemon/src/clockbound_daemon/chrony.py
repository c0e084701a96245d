"""Asks chronyd through its Unix socket, and never waits for it: the caller waits on its descriptor.

chronyd answers to the path that the client's socket is bound to, so that one is needed; it stands beside
chronyd's own, where chronyd surely may write.
"""

from __future__ import annotations

import errno
import os
from _socket import AF_UNIX, SOCK_DGRAM, SOCK_NONBLOCK, socket
from itertools import islice

from clockbound_daemon import candm, unix_socket
from clockbound_daemon.errors import NoSampleError

#: Datagrams taken from the queue at a time, so that a flood of them can't keep the caller from publishing.
RECEIVE_LIMIT_COUNT = 64
_RECEIVES = range(RECEIVE_LIMIT_COUNT)
#: Longer than any reply to what is asked, so that one that is too long is seen as such.
RECEIVE_BYTES = 256
#: Sequence numbers that are made at a time: whatever is done only once a second is cold, and dear.
SEQUENCES_COUNT = 60
#: Entries of the reply directory that are looked at for leftovers.
LEFTOVERS_LIMIT_COUNT = 1000

_PREFIX, _SUFFIX = "clockbound-", ".sock"


class ChronydError(NoSampleError):
    """chronyd can't be asked, or doesn't answer."""


class NoSocketError(ChronydError):
    """chronyd's socket doesn't exist."""


class NoPermissionError(ChronydError):
    """This user may not use chronyd's socket."""


class RefusedError(ChronydError):
    """Nobody reads chronyd's socket."""


class BusyError(ChronydError):
    """chronyd's queue is full."""


class NoAnswerError(ChronydError):
    """chronyd didn't answer in time."""


class ReplySocketError(ChronydError):
    """The socket for chronyd's replies can't be had."""


class SocketError(ChronydError):
    """Anything else that the system has against the exchange."""


class ChronyClient:
    """One question at a time: `ask`, then `receive` whenever `descriptor` is readable, or `give_up`.

    Every failure closes the socket and the next question binds it anew: a chronyd that was started again
    has removed its directory, and the reply socket with it.
    """

    def __init__(self, socket_path: str, reply_dir: str | None = None) -> None:
        self._socket_path = socket_path
        self._reply_dir = reply_dir if reply_dir is not None else os.path.dirname(socket_path) or "."
        self._reply_path = f"{self._reply_dir}/{_PREFIX}{os.getpid()}{_SUFFIX}"
        self._socket: socket | None = None
        self._bound = False
        self._leftovers_removed = False
        #: Whether a question is open.
        self.waiting = False
        #: To wait on while a question is open.
        self.descriptor = -1
        self._question = candm.TRACKING  # the latest
        self._sequence = b""
        self._sequences: list[bytes] = []  # for the next questions
        self._dropped_count = 0
        self._last_dropped: candm.NotOurReplyError | None = None

    def ask(self, question: candm.Question = candm.TRACKING) -> None:
        """Send a request, in place of an open one; a `ChronydError` says why that can't be."""
        if not self._sequences:
            # Not to be guessed by whoever may write to the socket.
            self._sequences = [os.urandom(4) for _ in range(SEQUENCES_COUNT)]
        sequence = self._sequences.pop()
        request = question.request(sequence)
        self._question = question
        self.waiting, self._sequence, self._dropped_count, self._last_dropped = False, sequence, 0, None
        if self._socket is not None:
            try:
                self._socket.send(request)
            except OSError:
                pass  # chronyd was started again since the last question, most likely; try a new socket at once
            else:
                self.waiting = True
                return
        try:
            self._open().send(request)
        except OSError as error:
            self.close()
            raise self._explained(error) from None
        except ChronydError:
            self.close()
            raise
        self.waiting = True

    def receive(self) -> candm.Tracking | candm.Done | None:
        """The answer, or None if it isn't there yet; a `NoSampleError` when there won't be one.

        What else is queued, answers that came too late and duplicates, is dropped on the way to it.
        """
        if self._socket is None or not self.waiting:
            return None
        for _ in _RECEIVES:
            try:
                datagram = self._socket.recv(RECEIVE_BYTES)
            except BlockingIOError:
                return None
            except OSError as error:
                self.close()
                raise self._explained(error) from None
            try:
                answer = self._question.answer(datagram, self._sequence)
            except candm.NotOurReplyError as error:
                self._dropped_count += 1
                self._last_dropped = error
            except candm.CandmError:
                self.close()
                raise
            else:
                self.waiting = False
                return answer
        return None

    def abandon(self) -> None:
        """Expect no answer any more. One that comes all the same is dropped for its sequence number."""
        self.waiting = False

    def give_up(self, waited_ns: int) -> NoAnswerError:
        """Stop waiting for the answer; what to report."""
        self.close()
        if self._last_dropped is None:
            dropped = ""
        else:
            dropped = (
                f"; {self._dropped_count} other datagrams came, the last was dropped: {self._last_dropped}"
            )
        return NoAnswerError(
            f"{self._socket_path}: chronyd did not answer within {waited_ns // 1_000_000} ms: it hangs (see "
            f"'chronyc activity'), or it can't write to {self._reply_path} (give a directory that it can reach with "
            f"--reply-dir){dropped}"
        )

    def close(self) -> None:
        """Remove the reply socket. The next question opens it again."""
        self.waiting = False
        if self._socket is not None:
            self._socket.close()
            self._socket, self.descriptor = None, -1
        if self._bound:
            self._bound = False
            unix_socket.remove(self._reply_path)

    def _open(self) -> socket:
        self.close()
        for path, option in ((self._socket_path, "--chronyd-socket"), (self._reply_path, "--reply-dir")):
            if len(os.fsencode(path)) > unix_socket.PATH_LIMIT_BYTES:
                raise SocketError(
                    f"{path}: longer than the {unix_socket.PATH_LIMIT_BYTES} bytes that the path of a socket may have; "
                    f"give a shorter one with {option}"
                )
        self._socket = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK)
        self.descriptor = self._socket.fileno()
        # Connected, so that the kernel lets nobody but chronyd write to the reply socket, whatever its mode.
        self._socket.connect(self._socket_path)
        if not self._leftovers_removed:
            self._remove_leftovers()
            self._leftovers_removed = True
        try:
            # chronyd gives up its root rights, so everyone must be able to write to the socket.
            unix_socket.bind(self._socket, self._reply_path)
        except OSError as error:
            raise self._reply_socket_error(error) from None
        self._bound = True
        return self._socket

    def _remove_leftovers(self) -> None:
        """Remove the reply sockets of daemons that were killed."""
        try:
            with os.scandir(self._reply_dir) as entries:
                for entry in islice(entries, LEFTOVERS_LIMIT_COUNT):
                    name = entry.name
                    if (
                        name.startswith(_PREFIX)
                        and name.endswith(_SUFFIX)
                        and name[len(_PREFIX) : -len(_SUFFIX)].isdigit()
                        and unix_socket.is_dead(entry.path, SOCK_DGRAM)
                    ):
                        unix_socket.remove(entry.path)
        except OSError:
            pass  # binding will say what is the matter with the directory

    def _explained(self, error: OSError) -> ChronydError:
        path = self._socket_path
        match error.errno:
            case errno.ENOENT | errno.ENOTDIR:
                return NoSocketError(
                    f"{path}: not found: chronyd isn't running or has its socket elsewhere; start chronyd, or give "
                    "the path of 'bindcmdaddress' in chrony.conf with --chronyd-socket"
                )
            case errno.EACCES | errno.EPERM:
                return NoPermissionError(
                    f"{path}: permission denied: only chronyd's user and root may use it; run the daemon as "
                    f"{_owner(os.path.dirname(path) or '.')}"
                )
            case errno.ECONNREFUSED | errno.ECONNRESET | errno.ENOTCONN:
                return RefusedError(
                    f"{path}: connection refused: chronyd has ended and left its socket behind; start chronyd, or "
                    "give the path of the running one's socket with --chronyd-socket"
                )
            case errno.EAGAIN | errno.ENOBUFS:
                return BusyError(
                    f"{path}: its queue is full: chronyd doesn't read requests, so it hangs or is stopped; "
                    "see 'systemctl status chrony' or chronyd's log, and start it again"
                )
            case errno.EPROTOTYPE:
                return SocketError(
                    f"{path}: isn't a datagram socket, so it isn't chronyd's; give the path of 'bindcmdaddress' in "
                    "chrony.conf with --chronyd-socket"
                )
        return SocketError(
            f"{path}: {_reason(error)}; check that it is the socket that 'bindcmdaddress' in chrony.conf names"
        )

    def _reply_socket_error(self, error: OSError) -> ReplySocketError:
        path, directory = self._reply_path, self._reply_dir
        match error.errno:
            case errno.ENOENT | errno.ENOTDIR:
                remedy = f"{directory} isn't a directory; create it, or give another with --reply-dir"
            case errno.EACCES | errno.EPERM:
                remedy = (
                    f"no permission to create a socket in {directory}; run the daemon as {_owner(directory)}, or "
                    "give another directory that chronyd can reach with --reply-dir"
                )
            case errno.EADDRINUSE:
                remedy = "another process uses it; give another directory with --reply-dir"
            case _:
                remedy = f"{_reason(error)}; give another directory that chronyd can reach with --reply-dir"
        return ReplySocketError(f"{path}: chronyd's replies can't be received: {remedy}")


def _owner(directory: str) -> str:
    """The user to run as: who owns `directory`, as far as that can be seen."""
    try:
        uid = os.stat(directory).st_uid
    except OSError:
        return "chronyd's user (_chrony or chrony) or root"
    import pwd  # only needed for this message

    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = f"uid {uid}"
    return f"user {name}, who owns {directory}" + ("" if uid == 0 else ", or as root")


def _reason(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error)
