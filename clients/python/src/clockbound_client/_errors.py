"""The exceptions, one class for each kind of error, with messages that say what to do."""

from __future__ import annotations

import errno
import os

from clockbound_client import _layout
from clockbound_client._layout import ClockStatus, ErrorKind

# Type checkers take this name for typing.TYPE_CHECKING, whose import would cost more than all the rest.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from typing import Protocol, TypeVar

    class _HasStatus(Protocol):
        @property
        def status(self) -> ClockStatus: ...

    _Interval = TypeVar("_Interval", bound=_HasStatus)

_TRUSTED = (ClockStatus.SYNCHRONIZED, ClockStatus.FREE_RUNNING)


class ClockBoundError(Exception):
    """A question that got no answer.

    `kind` says which kind of error it is, `path` names the segment or the VMClock page concerned, `errno` is the number of
    the system call's error, if there was one, and `detail` says in a few words what was found. `path` is empty where the
    error is about an Interval, which doesn't know where it came from.
    """

    kind: ErrorKind = ErrorKind.NONE
    errno: int | None = None

    def __init__(self, message: str, path: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.path = path
        self.detail = detail


class ClockBoundSyscallError(ClockBoundError, OSError):
    """A system call failed; `errno` and `strerror` say why, as for every OSError."""

    kind = ErrorKind.SYSCALL

    def __init__(self, message: str, path: str = "", number: int = 0, detail: str = "") -> None:
        super().__init__(message, path, detail)
        self.errno: int | None = number
        self.strerror: str | None = os.strerror(number)
        self.filename = path

    def __str__(self) -> str:
        return str(self.args[0])

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (self.args[0], self.path, self.errno, self.detail)


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


class ClockNotTrustedError(ClockBoundError):
    """The status, `status`, is UNKNOWN or DISRUPTED, and the answer could not have said so."""

    def __init__(
        self, message: str, path: str = "", detail: str = "", status: ClockStatus = ClockStatus.UNKNOWN
    ) -> None:
        super().__init__(message, path, detail)
        self.status = status


class ErrorBoundTooLargeError(ClockBoundError):
    """The clock may be wrong by `error_bound_ns`, which is more than the `max_error_ns` that was asked for."""

    def __init__(
        self, message: str, path: str = "", detail: str = "", error_bound_ns: int = 0, max_error_ns: int = 0
    ) -> None:
        super().__init__(message, path, detail)
        self.error_bound_ns = error_bound_ns
        self.max_error_ns = max_error_ns


class TaiOffsetUnknownError(ClockBoundError):
    """The kernel doesn't know how far TAI is ahead of UTC."""


class WaitTimeoutError(ClockBoundError, TimeoutError):
    """What was waited for didn't come within `timeout` seconds; `__cause__` is the last error, if one stood in the way."""

    def __init__(self, message: str, path: str = "", detail: str = "", timeout: float = 0) -> None:
        super().__init__(message, path, detail)
        self.timeout = timeout

    def __str__(self) -> str:
        return str(self.args[0])

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return type(self), (self.args[0], self.path, self.detail, self.timeout)


# Tracebacks and pickles know them by the name under which they are public.
for _public in (
    ClockBoundError,
    ClockBoundSyscallError,
    SegmentNotInitializedError,
    SegmentMalformedError,
    CausalityBreachError,
    SegmentVersionNotSupportedError,
    ClockNotTrustedError,
    ErrorBoundTooLargeError,
    TaiOffsetUnknownError,
    WaitTimeoutError,
):
    _public.__module__ = "clockbound_client"

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

_STATUS_REMEDIES = {
    ClockStatus.UNKNOWN: "look at chronyd and at the daemon, or wait until the clock is synchronised",
    ClockStatus.DISRUPTED: "wait until the clock is synchronised again",
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
        return ClockBoundSyscallError(f"{message}; {remedy}" if remedy else message, path, number, detail)
    known = ErrorKind(kind)
    return _CLASSES[known](f"{path}: {detail}{_values(path)}; {_REMEDIES[known]}", path, detail)


def trusted(interval: _Interval, path: str) -> _Interval:
    """`interval`, if it can be relied on."""
    if interval.status not in _TRUSTED:
        raise not_trusted(interval.status, path)
    return interval


def not_trusted(status: int, path: str) -> ClockNotTrustedError:
    """The exception for `status`; an empty path is that of an interval, whose origin isn't known."""
    known = ClockStatus(status)
    detail = f"the clock's status is {known.name}" if path else f"the interval's status is {known.name}"
    where = f"{path}: " if path else ""
    return ClockNotTrustedError(f"{where}{detail}; {_STATUS_REMEDIES[known]}", path, detail, known)


def too_large(error_bound_ns: int, max_error_ns: int, path: str) -> ErrorBoundTooLargeError:
    """The exception for an error bound above the caller's limit."""
    detail = f"the error bound is {error_bound_ns} ns, and {max_error_ns} ns were asked for"
    return ErrorBoundTooLargeError(
        f"{path}: {detail}; try again later, allow more, or give chronyd better sources",
        path,
        detail,
        error_bound_ns,
        max_error_ns,
    )


def tai_unknown(path: str, detail: str) -> TaiOffsetUnknownError:
    """The exception for a TAI offset that the kernel doesn't have."""
    return TaiOffsetUnknownError(
        f"{path}: {detail}; chronyd tells it where leapsectz is configured", path, detail
    )


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
