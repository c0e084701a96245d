"""The exceptions, one class for each kind of error, with messages that say what to do."""

from __future__ import annotations

import errno
import os

from clockbound_client import _layout
from clockbound_client._layout import ErrorKind


class ClockBoundError(Exception):
    """A question that got no interval.

    `kind` says which kind of error it is, `path` names the segment or the VMClock page concerned.
    """

    kind: ErrorKind = ErrorKind.NONE

    def __init__(self, message: str, path: str = "") -> None:
        super().__init__(message)
        self.path = path


class ClockBoundSyscallError(ClockBoundError, OSError):
    """A system call failed; `errno` and `strerror` say why, as for every OSError."""

    kind = ErrorKind.SYSCALL

    def __init__(self, message: str, path: str = "", number: int = 0) -> None:
        super().__init__(message, path)
        self.errno = number
        self.strerror = os.strerror(number)
        self.filename = path

    def __str__(self) -> str:
        return str(self.args[0])

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (self.args[0], self.path, self.errno)


class SegmentNotInitializedError(ClockBoundError):
    """The segment has never been written, isn't a segment, or no consistent snapshot was ever seen."""

    kind = ErrorKind.SEGMENT_NOT_INITIALIZED


class SegmentMalformedError(ClockBoundError):
    """The segment is shorter than its layout, or holds values that no daemon writes."""

    kind = ErrorKind.SEGMENT_MALFORMED


class CausalityBreachError(ClockBoundError):
    """The segment is from the future of this process's monotonic clock."""

    kind = ErrorKind.CAUSALITY_BREACH


class SegmentVersionNotSupportedError(ClockBoundError):
    """The segment has a layout that this reader doesn't know."""

    kind = ErrorKind.SEGMENT_VERSION_NOT_SUPPORTED


_CLASSES: dict[int, type[ClockBoundError]] = {
    cls.kind: cls
    for cls in (
        SegmentNotInitializedError,
        SegmentMalformedError,
        CausalityBreachError,
        SegmentVersionNotSupportedError,
    )
}

_REMEDIES = {
    ErrorKind.SEGMENT_NOT_INITIALIZED: "start the daemon, or name the segment that it writes",
    ErrorKind.SEGMENT_MALFORMED: "something other than the daemon has written there; restart the daemon",
    ErrorKind.CAUSALITY_BREACH: "read it from the time namespace that the daemon runs in; "
    "a segment left from before a reboot has to be removed",
    ErrorKind.SEGMENT_VERSION_NOT_SUPPORTED: "use a client as new as the daemon; this one reads versions 1 and 2",
}

_SYSCALL_REMEDIES = {
    errno.ENOENT: "start the daemon, or name the segment that it writes (option --run-dir of the daemon)",
    errno.EACCES: "the segment is readable by everyone, so look at the permissions of its directory",
}


def error_from(kind: int, path: str, number: int, detail: str) -> ClockBoundError:
    """The exception for an error of `kind` that concerns `path`; `number` is the errno, if there is one."""
    if kind == ErrorKind.SYSCALL:
        message = f"{path}: {detail}: {os.strerror(number)}"
        remedy = _SYSCALL_REMEDIES.get(number)
        return ClockBoundSyscallError(f"{message}; {remedy}" if remedy else message, path, number)
    known = ErrorKind(kind)
    return _CLASSES[known](f"{path}: {detail}{_values(path)}; {_REMEDIES[known]}", path)


def _values(path: str) -> str:
    """What stands in the segment's header now, for the message; nothing if it can't be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError:
        return ""
    try:
        length = os.fstat(descriptor).st_size
        header = os.pread(descriptor, _layout.SEGMENT_V2_AS_OF_SEC_OFFSET_BYTES, 0)
    except OSError:
        return ""
    finally:
        os.close(descriptor)
    if len(header) < _layout.SEGMENT_V2_AS_OF_SEC_OFFSET_BYTES:
        return f" (it has {length} bytes)"
    words = memoryview(header)
    magic = words[:8].hex(" ")
    size = words.cast("I")[_layout.SEGMENT_V2_SEGMENT_SIZE_OFFSET_BYTES // 4]
    version = words.cast("H")[_layout.SEGMENT_V2_VERSION_OFFSET_BYTES // 2]
    generation = words.cast("H")[_layout.SEGMENT_V2_GENERATION_OFFSET_BYTES // 2]
    return f" (it has {length} bytes: magic {magic}, size {size}, version {version}, generation {generation})"
