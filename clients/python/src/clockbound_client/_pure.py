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
from types import TracebackType

from clockbound_client import _layout
from clockbound_client._errors import error_from
from clockbound_client._interval import Interval, Refused, fits_int64, interval_at
from clockbound_client._layout import ErrorKind, SegmentRecord

if os.uname().machine != "x86_64":
    raise ImportError(
        f"the pure-Python reader would not be safe on {os.uname().machine}, which may read memory out of order; "
        "install a wheel or sdist of clockbound-client that has the compiled module"
    )

_HEADER_BYTES = _layout.SEGMENT_V2_AS_OF_SEC_OFFSET_BYTES
_GENERATION = _layout.SEGMENT_V2_GENERATION_OFFSET_BYTES // 2  # as an index of 16-bit words
_VERSION = _layout.SEGMENT_V2_VERSION_OFFSET_BYTES // 2
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


class _Snapshot:
    """A consistent copy of a segment's record."""

    __slots__ = ("as_of_ns", "record", "version")

    def __init__(self, version: int, record: SegmentRecord) -> None:
        self.version = version
        self.record = record
        self.as_of_ns = record.as_of_sec * _layout.NANOSECONDS_PER_SECOND + record.as_of_nsec


class _Mapping:
    """A file that is mapped read-only, with views of its 16-bit and 32-bit words."""

    def __init__(self, path: str, what: str, least_bytes: int) -> None:
        try:
            # O_NONBLOCK: a FIFO in the file's place must not hang us.
            descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except OSError as error:
            raise _Failed(ErrorKind.SYSCALL, error.errno or 0, f"open of the {what}") from None
        except ValueError:  # a NUL in the path
            raise _Failed(ErrorKind.SYSCALL, errno.EINVAL, f"open of the {what}") from None
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

    def snapshot(self) -> _Snapshot | None:
        """Rules read.consistent and read.bounded; None if there was no consistent one."""
        size_bytes = _SIZES_BYTES[self.version]
        for _ in range(_layout.READ_ATTEMPTS_COUNT):
            # ORDERING: each of these is a load of its own, and x86-64 keeps loads in order, which makes them
            # the acquire load, the copy, and the load behind the fence of cb_seqlock_read in seqlock.h.
            before = self.u16[_GENERATION]
            if before == 0 or before & 1:
                continue
            copy = self.bytes[:size_bytes]
            if self.u16[_GENERATION] != before:
                continue
            if self.u16[_VERSION] != self.version:
                return None  # somebody is writing another layout into this file
            return _Snapshot(self.version, _UNPACK[self.version](copy))
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


class ClockBoundClient:
    """Reads the segment that the daemon publishes. See `clockbound_client`."""

    def __init__(
        self,
        path: str | os.PathLike[str] | None = None,
        vmclock_path: str | os.PathLike[str] | None = None,
    ) -> None:
        self._closed = True
        self._vmclock_path = _layout.DEFAULT_VMCLOCK_PATH if vmclock_path is None else _as_path(vmclock_path)
        self._page: _VmclockPage | None = None
        self._last_good: _Snapshot | None = None
        self._segment_looked_ns = self._page_looked_ns = -_layout.REOPEN_INTERVAL_NS
        if path is None:
            self._open_default()
        else:
            self._path = _as_path(path)
            self._segment = self._opened()
        self._closed = False
        snapshot = self._take()
        # A segment in the middle of an update doesn't fail to open; now() looks again.
        if snapshot is not None and snapshot.record.clock_disruption_support_enabled:
            try:
                self._page = _VmclockPage(self._vmclock_path)
            except _Failed as failed:
                self.close()
                raise error_from(failed.kind, self._vmclock_path, failed.number, failed.detail) from None

    def _open_default(self) -> None:
        self._path = _layout.DEFAULT_SEGMENT_V2_PATH
        try:
            self._segment = _Segment(self._path)
        except _Failed as failed:
            if failed.number != errno.ENOENT or not os.path.exists(_layout.DEFAULT_SEGMENT_V1_PATH):
                raise error_from(failed.kind, self._path, failed.number, failed.detail) from None
            self._path = _layout.DEFAULT_SEGMENT_V1_PATH
            self._segment = self._opened()

    def _opened(self) -> _Segment:
        try:
            return _Segment(self._path)
        except _Failed as failed:
            raise error_from(failed.kind, self._path, failed.number, failed.detail) from None

    @property
    def path(self) -> str:
        """The segment's path."""
        return self._path

    def now(self) -> Interval:
        """The interval that contains true time at this moment, with its status."""
        return self._ask(None)

    def now_at(self, realtime_ns: int, monotonic_ns: int) -> Interval:
        """The interval for given readings of CLOCK_REALTIME and CLOCK_MONOTONIC, from the segment as it is now."""
        for reading_ns in (realtime_ns, monotonic_ns):
            if not isinstance(reading_ns, int):
                raise TypeError(f"a clock reading is an int, not {type(reading_ns).__name__}")
            if not fits_int64(reading_ns):
                raise OverflowError(f"{reading_ns} ns is out of range for a time")
        return self._ask((realtime_ns, monotonic_ns))

    def close(self) -> None:
        """Unmap the segment. Any further question is a ValueError; closing again is not."""
        if not self._closed:
            self._closed = True
            self._segment.close()
            if self._page is not None:
                self._page.close()

    def __enter__(self) -> ClockBoundClient:  # noqa: PYI034 (Self would need typing, which is slow to import)
        return self

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<ClockBoundClient {self._path!r}{' closed' if self._closed else ''}>"

    def _ask(self, given_ns: tuple[int, int] | None) -> Interval:
        if self._closed:
            raise ValueError(f"{self._path}: the client is closed")
        moved = False
        while True:  # twice at most: the second time after moving to another file
            snapshot = self._take()
            realtime_ns, monotonic_ns = given_ns or _read_clocks()
            old = snapshot is None or monotonic_ns - snapshot.as_of_ns > _layout.GRACE_NS
            if not old or moved or not self._reopen():
                break
            moved = True
        if snapshot is None:
            raise error_from(
                ErrorKind.SEGMENT_NOT_INITIALIZED,
                self._path,
                0,
                "no consistent snapshot of the segment was ever seen",
            )
        try:
            # The page is looked at last, so that a disruption up to the clock readings is seen.
            return interval_at(
                snapshot.version, snapshot.record, realtime_ns, monotonic_ns, self._is_disrupted(snapshot)
            )
        except Refused as refused:
            raise error_from(refused.kind, self._path, 0, refused.detail) from None

    def _take(self) -> _Snapshot | None:
        """A snapshot of the segment, or else the last good one."""
        snapshot = self._segment.snapshot()
        if snapshot is not None:
            self._last_good = snapshot
        return self._last_good

    def _reopen(self) -> bool:
        """Rule read.reopen: moves to the file that the path names now. True if it is another one."""
        now_ns = time.monotonic_ns()
        if now_ns - self._segment_looked_ns < _layout.REOPEN_INTERVAL_NS:
            return False
        self._segment_looked_ns = now_ns
        try:
            found = _Segment(self._path)
        except _Failed:
            return False
        if found.identity == self._segment.identity:
            found.close()
            return False
        # Another thread may be reading the old one; it is unmapped when nobody refers to it any more.
        self._segment = found
        return True

    def _is_disrupted(self, snapshot: _Snapshot) -> bool:
        """Rule status.disruption: whether there may have been one that the snapshot doesn't know of."""
        if not snapshot.record.clock_disruption_support_enabled:
            return False
        if self._page is None:
            now_ns = time.monotonic_ns()
            if now_ns - self._page_looked_ns < _layout.REOPEN_INTERVAL_NS:
                return True
            self._page_looked_ns = now_ns
            try:
                self._page = _VmclockPage(self._vmclock_path)
            except _Failed:
                return True
        return self._page.marker() != snapshot.record.disruption_marker


def _as_path(value: object) -> str:
    path = os.fspath(value)  # type: ignore[call-overload]
    if not isinstance(path, str):
        raise TypeError(f"a path is a str or os.PathLike[str], not {path!r}")
    return path


def _read_clocks() -> tuple[int, int]:
    """The one function that reads clocks. The monotonic clock comes last: read late, it only widens."""
    return time.clock_gettime_ns(time.CLOCK_REALTIME), time.clock_gettime_ns(time.CLOCK_MONOTONIC)
