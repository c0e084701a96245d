"""The reader in Python alone: the twin of clients/c/src/reader.c and segment.c.

Python can't say in which order memory is to be read, so this is allowed only where the processor
keeps the order of loads by itself (x86-64). Elsewhere importing it fails.
"""

from __future__ import annotations

import errno
import mmap
import os
import stat
import time

from clockbound_client import _layout
from clockbound_client._client import ClientBase
from clockbound_client._errors import ClockBoundSyscallError, error_from, tai_unknown, too_large, trusted
from clockbound_client._instants import fits_int64, instant_ns, whole_ns
from clockbound_client._instants import max_error_ns as checked_max_error_ns
from clockbound_client._interval import Interval, Refused, Snapshot, TaiInterval, interval_at, malformed
from clockbound_client._layout import GRACE_NS, ErrorKind

# Type checkers take this name for typing.TYPE_CHECKING, whose import would cost more than all the rest.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from datetime import datetime
    from typing import NoReturn, Self, TypeVar

    _Mapped = TypeVar("_Mapped", "_Segment", "_VmclockPage")

if os.uname().machine != "x86_64":
    raise ImportError(
        f"the pure-Python reader would not be safe on {os.uname().machine}, which may read memory out of order; "
        "install a wheel or sdist of clockbound-client that has the compiled module"
    )

_HEADER_BYTES = _layout.SEGMENT_V2_AS_OF_SEC_OFFSET_BYTES
_GENERATION = _layout.SEGMENT_V2_GENERATION_OFFSET_BYTES // 2  # as an index of 16-bit words
_VERSION = _layout.SEGMENT_V2_VERSION_OFFSET_BYTES // 2
# CLOCK_REALTIME and CLOCK_MONOTONIC: on Linux these names are theirs, and the quickest.
_realtime_ns, _monotonic_ns = time.time_ns, time.monotonic_ns
_TAI_ATTEMPTS_COUNT = 3  # nobody steps the clock that often
_SEQ_COUNT = _layout.VMCLOCK_SEQ_COUNT_OFFSET_BYTES // 4  # as an index of 32-bit words
_SIZES_BYTES = {
    _layout.SEGMENT_V1_VERSION: _layout.SEGMENT_V1_SIZE_BYTES,
    _layout.SEGMENT_V2_VERSION: _layout.SEGMENT_V2_SIZE_BYTES,
}
_UNPACK = {
    _layout.SEGMENT_V1_VERSION: _layout.unpack_segment_v1,
    _layout.SEGMENT_V2_VERSION: _layout.unpack_segment_v2,
}


class _Failed(Exception):
    """What opening a file failed with, before the exception for users is made of it."""

    def __init__(self, kind: ErrorKind, number: int, detail: str) -> None:
        super().__init__(kind, number, detail)
        self.kind = kind
        self.number = number
        self.detail = detail


class _Mapping:
    """A file that is mapped read-only, with views of its 16-bit and 32-bit words."""

    def __init__(self, path: str, what: str, least_bytes: int) -> None:
        try:
            # O_NONBLOCK: a FIFO in the file's place must not hang us.
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise _Failed(ErrorKind.SYSCALL, error.errno or 0, f"open of the {what}") from None
        try:
            status = os.fstat(descriptor)
            self.identity = (status.st_dev, status.st_ino)
            # A device has no length of its own; the kernel maps a whole page of it.
            self.file_bytes = mmap.PAGESIZE if stat.S_ISCHR(status.st_mode) else status.st_size
            if self.file_bytes < least_bytes:
                raise _Failed(ErrorKind.SEGMENT_NOT_INITIALIZED, 0, f"the file is too short for a {what}")
            # Never longer than the file, and never longer than a page: no layout is.
            self.bytes = mmap.mmap(descriptor, min(self.file_bytes, mmap.PAGESIZE), prot=mmap.PROT_READ)
        except OSError as error:
            raise _Failed(ErrorKind.SYSCALL, error.errno or 0, f"mmap of the {what}") from None
        finally:
            os.close(descriptor)
        whole = memoryview(self.bytes)
        self.u16 = whole[: len(whole) // 4 * 4].cast("H")
        self.u32 = whole[: len(whole) // 4 * 4].cast("I")
        self._views = (whole, self.u16, self.u32)

    def close(self) -> None:
        for view in self._views:
            view.release()
        self.bytes.close()


class _Segment(_Mapping):
    """A segment file as it was when it was mapped."""

    def __init__(self, path: str) -> None:
        super().__init__(path, "segment", _HEADER_BYTES)
        try:
            self.version = self._check()
        except _Failed:
            self.close()
            raise
        self.record = slice(_SIZES_BYTES[self.version])

    def _check(self) -> int:
        """Rules open.*; returns the layout's version."""
        if (self.u32[0], self.u32[1]) != _layout.SEGMENT_V2_MAGIC:
            raise _Failed(ErrorKind.SEGMENT_NOT_INITIALIZED, 0, "the file isn't a segment: wrong magic")
        version = self.u16[_VERSION]
        if version == 0 or self.u16[_GENERATION] == 0:
            raise _Failed(ErrorKind.SEGMENT_NOT_INITIALIZED, 0, "the segment has never been written")
        if version not in _SIZES_BYTES:
            raise _Failed(
                ErrorKind.SEGMENT_VERSION_NOT_SUPPORTED, 0, "the segment has an unknown layout version"
            )
        segment_bytes = self.u32[_layout.SEGMENT_V2_SEGMENT_SIZE_OFFSET_BYTES // 4]
        if segment_bytes < _SIZES_BYTES[version]:
            raise _Failed(ErrorKind.SEGMENT_MALFORMED, 0, "the segment's size is below its layout's")
        if self.file_bytes < segment_bytes:
            raise _Failed(ErrorKind.SEGMENT_MALFORMED, 0, "the file is shorter than the segment's size")
        return version

    def snapshot(self) -> Snapshot | None:
        """Rules read.consistent and read.bounded; None if there was no consistent one."""
        u16 = self.u16
        for _ in range(_layout.READ_ATTEMPTS_COUNT):
            # ORDERING: each of these is a load of its own, and x86-64 keeps loads in order, which makes them the acquire
            # load, the copy, and the load behind the fence of cb_seqlock_read in seqlock.h.
            before = u16[_GENERATION]
            if before == 0 or before & 1:
                continue
            copy = self.bytes[self.record]
            if u16[_GENERATION] != before:
                continue
            if u16[_VERSION] != self.version:
                return None  # somebody is writing another layout into this file
            return Snapshot(self.version, _UNPACK[self.version](copy), copy)
        return None


class _VmclockPage(_Mapping):
    """A mapped VMClock page."""

    def __init__(self, path: str) -> None:
        super().__init__(path, "VMClock page", _layout.VMCLOCK_SIZE_BYTES)
        try:
            self._check()
        except _Failed:
            self.close()
            raise

    def _check(self) -> None:
        page = _layout.unpack_vmclock(self.bytes[: _layout.VMCLOCK_SIZE_BYTES])
        if self.u32[0] != _layout.VMCLOCK_MAGIC:
            raise _Failed(ErrorKind.SEGMENT_NOT_INITIALIZED, 0, "not a VMClock page: wrong magic")
        if self.u16[_layout.VMCLOCK_VERSION_OFFSET_BYTES // 2] != _layout.VMCLOCK_VERSION:
            raise _Failed(
                ErrorKind.SEGMENT_VERSION_NOT_SUPPORTED, 0, "the VMClock page has an unknown version"
            )
        if page.size < _layout.VMCLOCK_SIZE_BYTES or self.file_bytes < page.size:
            raise _Failed(ErrorKind.SEGMENT_MALFORMED, 0, "the VMClock page's size can't be right")

    def marker(self) -> int | None:
        """The disruption marker; None if the page can't be read."""
        for _ in range(_layout.READ_ATTEMPTS_COUNT):
            # ORDERING: as in _Segment.snapshot
            before = self.u32[_SEQ_COUNT]
            if before & 1:
                continue
            copy = self.bytes[: _layout.VMCLOCK_SIZE_BYTES]
            if self.u32[_SEQ_COUNT] == before:
                return _layout.unpack_vmclock(copy).disruption_marker
        return None


class ClockBoundClient(ClientBase):
    """Reads the segment that the daemon publishes. One client serves any number of threads. A context manager.

    path: the segment; by default layout 2's place, then layout 1's.

    vmclock_path: the VMClock page, which is opened where the segment asks for it.
    """

    __slots__ = (
        "_closed",
        "_last_good",
        "_page",
        "_page_looked_ns",
        "_path",
        "_segment",
        "_segment_looked_ns",
        "_vmclock_path",
    )

    # Users are told of the compiled implementation's Interval.
    _interval_type = Interval  # type: ignore[assignment]

    def __init_subclass__(cls) -> None:
        raise TypeError("type 'clockbound_client.ClockBoundClient' is not an acceptable base type")

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        vmclock_path: str | os.PathLike[str] | None = None,
    ) -> None:
        self._vmclock_path = _layout.DEFAULT_VMCLOCK_PATH if vmclock_path is None else _as_path(vmclock_path)
        self._page: _VmclockPage | None = None
        self._segment_looked_ns = self._page_looked_ns = -_layout.REOPEN_INTERVAL_NS
        if path is None:
            self._path, segment = _open_default()
        else:
            self._path = _as_path(path)
            segment = _opened(_Segment, self._path)
        self._segment: _Segment | None = segment
        self._closed = False
        snapshot = segment.snapshot()
        self._last_good: Snapshot | None = snapshot
        # A segment in the middle of an update doesn't fail to open; now() looks again.
        if snapshot is not None and snapshot.disruption_marker is not None:
            self._page = _opened(_VmclockPage, self._vmclock_path)

    @property
    def path(self) -> str:
        """The segment's path."""
        return self._path

    def now(  # type: ignore[override]
        self, *, max_error_ns: int | None = None
    ) -> Interval:
        """The interval that contains true time at this moment, with its status.

        With max_error_ns it raises ClockNotTrustedError unless the status is SYNCHRONIZED or FREE_RUNNING, and
        ErrorBoundTooLargeError where the clock may be wrong by more than that.
        """
        if max_error_ns is None:
            return self._ask(None)
        limit_ns = checked_max_error_ns(max_error_ns)
        interval = self._trusted_now()
        if interval.error_bound_ns > limit_ns:
            raise too_large(interval.error_bound_ns, limit_ns, self._path)
        return interval

    def now_at(self, realtime_ns: int, monotonic_ns: int) -> Interval:
        """The interval for given readings of CLOCK_REALTIME and CLOCK_MONOTONIC, from the segment as it is now."""
        return self._ask(
            (whole_ns(realtime_ns, "a clock reading"), whole_ns(monotonic_ns, "a clock reading"))
        )

    def now_tai(self) -> TaiInterval:
        """As `now`, on the TAI scale. Raises TaiOffsetUnknownError where the kernel doesn't know its offset."""
        if self._closed:
            raise self._closed_error()
        # The offset must be the same before and after, or it isn't known which one the reading had.
        for _ in range(_TAI_ATTEMPTS_COUNT):
            before_ns = self._tai_offset_ns()
            interval = self._ask(None)
            offset_ns = self._tai_offset_ns()
            if before_ns == offset_ns:
                earliest_ns, latest_ns = interval.earliest_ns + offset_ns, interval.latest_ns + offset_ns
                if not fits_int64(earliest_ns) or not fits_int64(latest_ns):
                    raise error_from(ErrorKind.SEGMENT_MALFORMED, self._path, 0, malformed().detail)
                return TaiInterval._make(earliest_ns, latest_ns, interval.status)
        raise tai_unknown(self._path, "the kernel's offset of TAI changes all the time")

    def before(self, t: int | datetime | Interval) -> bool:
        """Whether `t` has certainly not come yet: nanoseconds since 1970, an aware datetime, or all of an Interval.

        Raises ClockNotTrustedError unless the status is SYNCHRONIZED or FREE_RUNNING (of an Interval, too).
        """
        earliest_ns = trusted(t, "").earliest_ns if isinstance(t, Interval) else instant_ns(t)
        return self._trusted_now()._latest_ns < earliest_ns

    def after(self, t: int | datetime | Interval) -> bool:
        """Whether `t` has certainly passed: nanoseconds since 1970, an aware datetime, or all of an Interval.

        Raises ClockNotTrustedError unless the status is SYNCHRONIZED or FREE_RUNNING (of an Interval, too).
        """
        latest_ns = trusted(t, "").latest_ns if isinstance(t, Interval) else instant_ns(t)
        return self._trusted_now()._earliest_ns > latest_ns

    def close(self) -> None:
        """Unmap the segment. Any further question is a ValueError; closing again is not."""
        # Another thread may be reading it; it is unmapped when nobody refers to it any more. The same thread may be about
        # to move to another file, so that there is none doesn't suffice.
        self._closed = True
        self._segment = self._page = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<ClockBoundClient {self._path!r}{' closed' if self._closed else ''}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("cannot pickle 'clockbound_client.ClockBoundClient' object")

    def _closed_error(self) -> ValueError:
        return ValueError(f"{self._path}: the client is closed")

    def _trusted_now(self) -> Interval:
        return trusted(self._ask(None), self._path)

    def _ask(self, given_ns: tuple[int, int] | None) -> Interval:
        """The one function that reads the two clocks, except where they are given."""
        segment = self._segment
        if self._closed or segment is None:
            raise self._closed_error()
        moved = False
        while True:  # twice at most: the second time after moving to another file
            snapshot = self._last_good
            # The same bytes as at a time when they were consistent: then they are, and what follows from them is known.
            if snapshot is None or segment.bytes[segment.record] != snapshot.copy:
                found = segment.snapshot()
                if found is not None:
                    self._last_good = snapshot = found
            if given_ns is None:
                # The monotonic clock comes last: read late, it only widens.
                realtime_ns = _realtime_ns()
                monotonic_ns = _monotonic_ns()
            else:
                realtime_ns, monotonic_ns = given_ns
            interval = None
            if snapshot is None:
                kind = ErrorKind.SEGMENT_NOT_INITIALIZED
                detail = "no consistent snapshot of the segment was ever seen"
            else:
                marker = snapshot.disruption_marker
                try:
                    # The page is looked at last, so that a disruption up to the clock readings is seen.
                    interval = interval_at(
                        snapshot, realtime_ns, monotonic_ns, marker is not None and self._is_disrupted(marker)
                    )
                except Refused as refused:
                    kind, detail = refused.kind, refused.detail
                else:
                    if monotonic_ns - snapshot.as_of_ns <= GRACE_NS:
                        return interval
            other = None if moved else self._reopen(segment)
            if other is not None:
                segment, moved = other, True
            elif interval is not None:
                return interval
            else:
                raise error_from(kind, self._path, 0, detail)

    def _reopen(self, segment: _Segment) -> _Segment | None:
        """Rule read.reopen: moves to the file that the path names now. None if it is still the same."""
        now_ns = time.monotonic_ns()
        if now_ns - self._segment_looked_ns < _layout.REOPEN_INTERVAL_NS:
            return None
        self._segment_looked_ns = now_ns
        try:
            found = _Segment(self._path)
        except _Failed:
            return None
        if found.identity == segment.identity:
            return None
        # Another thread may be reading the old one.
        self._segment = found
        return found

    def _tai_offset_ns(self) -> int:
        """CLOCK_TAI - CLOCK_REALTIME as the kernel has it: whole seconds."""
        for _ in range(_TAI_ATTEMPTS_COUNT):
            before_ns = time.clock_gettime_ns(time.CLOCK_REALTIME)
            tai_ns = time.clock_gettime_ns(time.CLOCK_TAI)
            passed_ns = time.clock_gettime_ns(time.CLOCK_REALTIME) - before_ns
            # Read within a second, and without a step in between, the clocks tell how many whole seconds they are
            # apart: no more than tai - before, no less than tai - after.
            seconds, late_ns = divmod(tai_ns - before_ns, _layout.NANOSECONDS_PER_SECOND)
            if 0 <= passed_ns < _layout.NANOSECONDS_PER_SECOND and late_ns <= passed_ns:
                # TAI was ahead by 10 s when UTC began. 0 is how the kernel says that it doesn't know.
                if seconds <= 0:
                    break
                return seconds * _layout.NANOSECONDS_PER_SECOND
        raise tai_unknown(self._path, "the kernel doesn't know the offset of TAI")

    def _is_disrupted(self, marker: int) -> bool:
        """Rule status.disruption: whether there may have been one that a snapshot with this marker doesn't know of."""
        page = self._page
        if page is None:
            now_ns = time.monotonic_ns()
            if now_ns - self._page_looked_ns < _layout.REOPEN_INTERVAL_NS:
                return True
            self._page_looked_ns = now_ns
            try:
                page = self._page = _VmclockPage(self._vmclock_path)
            except _Failed:
                return True
        return page.marker() != marker


def _open_default() -> tuple[str, _Segment]:
    """Layout 2's place. A daemon of 1.x writes layout 1 only; if neither is there, the error is about the first."""
    path = _layout.DEFAULT_SEGMENT_V2_PATH
    try:
        return path, _opened(_Segment, path)
    except ClockBoundSyscallError as missing:
        if missing.errno != errno.ENOENT:
            raise
        path = _layout.DEFAULT_SEGMENT_V1_PATH
        try:
            return path, _opened(_Segment, path)
        except ClockBoundSyscallError as missing_too:
            if missing_too.errno != errno.ENOENT:
                raise
        raise missing from None


def _opened(kind: type[_Mapped], path: str) -> _Mapped:
    try:
        return kind(path)
    except _Failed as failed:
        raise error_from(failed.kind, path, failed.number, failed.detail) from None


def _as_path(value: object) -> str:
    path = os.fspath(value)  # type: ignore[call-overload]
    if not isinstance(path, str):
        raise TypeError(f"a path is a str or os.PathLike[str], not {path!r}")
    if "\0" in path:
        raise ValueError(f"embedded null byte in the path {path!r}")
    os.fsencode(path)  # refuses what no file name can hold
    return path
