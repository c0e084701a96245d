"""The VMClock page: what the hypervisor tells of disruptions of this machine's clock.

Clients map the same page. What this daemon can't make sense of they can't either, so the checks are the same.
"""

from __future__ import annotations

import mmap
import os
import stat

from clockbound_daemon._layout import (
    READ_ATTEMPTS_COUNT,
    VMCLOCK_DISRUPTION_MARKER_OFFSET_BYTES,
    VMCLOCK_MAGIC,
    VMCLOCK_MAGIC_OFFSET_BYTES,
    VMCLOCK_SEQ_COUNT_OFFSET_BYTES,
    VMCLOCK_SIZE_BYTES,
    VMCLOCK_SIZE_OFFSET_BYTES,
    VMCLOCK_VERSION,
    VMCLOCK_VERSION_OFFSET_BYTES,
)
from clockbound_daemon.errors import NoSampleError

_MAGIC = slice(VMCLOCK_MAGIC_OFFSET_BYTES, VMCLOCK_MAGIC_OFFSET_BYTES + 4)
_SIZE = slice(VMCLOCK_SIZE_OFFSET_BYTES, VMCLOCK_SIZE_OFFSET_BYTES + 4)
_VERSION = slice(VMCLOCK_VERSION_OFFSET_BYTES, VMCLOCK_VERSION_OFFSET_BYTES + 2)
_SEQ_COUNT = slice(VMCLOCK_SEQ_COUNT_OFFSET_BYTES, VMCLOCK_SEQ_COUNT_OFFSET_BYTES + 4)
_MARKER = slice(VMCLOCK_DISRUPTION_MARKER_OFFSET_BYTES, VMCLOCK_DISRUPTION_MARKER_OFFSET_BYTES + 8)


class VmclockError(NoSampleError):
    """The page's marker can't be had."""


class NoPageError(VmclockError):
    """There is nothing at the page's path."""


class NoPermissionError(VmclockError):
    """The page may not be read."""


class UnreadablePageError(VmclockError):
    """The page can't be read."""


class BadPageError(VmclockError):
    """What is there isn't a VMClock page, or not a whole one."""


class BusyPageError(VmclockError):
    """The page stays in an update."""


class VmclockPage:
    """The page at `path`, whichever file bears that name at the moment."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._opened: tuple[int, int, int] | None = None  # device, inode and device number of what is open
        self._descriptor = -1
        self._mapping: mmap.mmap | None = None

    def marker(self) -> int:
        """The disruption marker at present; a `VmclockError` says why it can't be had. Takes 5 us, mostly."""
        size_bytes = self._follow_path()
        for _ in range(READ_ATTEMPTS_COUNT):
            page = self._read()
            self._check(page, size_bytes)
            seq_count = page[_SEQ_COUNT]
            # ORDERING: Python orders no loads. Nothing depends on it here: a marker that is older than its
            # counter is seen at the next look, and a newer one is a disruption that is seen early.
            if not seq_count[0] & 1 and self._read()[_SEQ_COUNT] == seq_count:
                return int.from_bytes(page[_MARKER], "little")
        raise BusyPageError(
            f"{self.path}: stays in an update (seq_count {int.from_bytes(seq_count, 'little')}), so that nobody can tell "
            "whether the clock was disrupted; ask the operator of the hypervisor, or do without with "
            "--disable-clock-disruption-support"
        )

    def is_absent(self) -> bool:
        """Whether there is nothing to open, which most hosts have: cheaper than to let `marker` fail."""
        return self._opened is None and not os.access(self.path, os.F_OK)

    def close(self) -> None:
        """Let go of the page. The next look opens it again."""
        self._opened = None
        if self._mapping is not None:
            self._mapping.close()
            self._mapping = None
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _follow_path(self) -> int:
        """Move to the file that the path names; how many bytes it has."""
        try:
            named = os.stat(self.path)
            identity = (named.st_dev, named.st_ino, named.st_rdev)
            if identity != self._opened:
                self._open()
                self._opened = identity
        except OSError as error:
            self.close()
            raise self._explained(error) from None
        # A device has no length of its own; the kernel maps a whole page of it.
        return mmap.PAGESIZE if stat.S_ISCHR(named.st_mode) else named.st_size

    def _open(self) -> None:
        self.close()
        # Not to wait for the other end of a FIFO.
        self._descriptor = os.open(self.path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        mode = os.fstat(self._descriptor).st_mode
        if stat.S_ISCHR(mode):
            # As clients do it. A file is read instead: it could be truncated, and touching the mapping would
            # then end this process.
            self._mapping = mmap.mmap(self._descriptor, VMCLOCK_SIZE_BYTES, mmap.MAP_SHARED, mmap.PROT_READ)
        elif not stat.S_ISREG(mode):
            self.close()
            raise self._bad("it is neither a device nor a file")

    def _read(self) -> bytes:
        if self._mapping is not None:
            return self._mapping[:VMCLOCK_SIZE_BYTES]
        try:
            page = os.pread(self._descriptor, VMCLOCK_SIZE_BYTES, 0)
        except OSError as error:
            raise self._explained(error) from None
        if len(page) < VMCLOCK_SIZE_BYTES:
            raise self._bad(f"it has {len(page)} bytes, fewer than {VMCLOCK_SIZE_BYTES}")
        return page

    def _check(self, page: bytes, size_bytes: int) -> None:
        magic = int.from_bytes(page[_MAGIC], "little")
        if magic != VMCLOCK_MAGIC:
            raise self._bad(f"its magic is {magic:#x}, not {VMCLOCK_MAGIC:#x}")
        version = int.from_bytes(page[_VERSION], "little")
        if version != VMCLOCK_VERSION:
            raise self._bad(f"its version is {version}, not {VMCLOCK_VERSION}")
        declared_bytes = int.from_bytes(page[_SIZE], "little")
        if not VMCLOCK_SIZE_BYTES <= declared_bytes <= size_bytes:
            raise self._bad(
                f"it says that it has {declared_bytes} bytes, which isn't between {VMCLOCK_SIZE_BYTES} and the "
                f"{size_bytes} that are there"
            )

    def _bad(self, what: str) -> BadPageError:
        return BadPageError(
            f"{self.path}: no VMClock page that clients could read: {what}; give the device with --vmclock, or do without "
            "with --disable-clock-disruption-support"
        )

    def _explained(self, error: OSError) -> VmclockError:
        reason = os.strerror(error.errno) if error.errno else str(error)
        if isinstance(error, (FileNotFoundError, NotADirectoryError)):
            return NoPageError(
                f"{self.path}: not found: the hypervisor or the kernel offers no VMClock page; give its path with "
                "--vmclock, or do without with --disable-clock-disruption-support"
            )
        if isinstance(error, PermissionError):
            return NoPermissionError(
                f'{self.path}: {reason}: let everybody read it (a udev rule with MODE="0444"), because clients have to, '
                "or do without with --disable-clock-disruption-support"
            )
        return UnreadablePageError(
            f"{self.path}: can't be read: {reason}; give the device with --vmclock, or do without with "
            "--disable-clock-disruption-support"
        )
