"""Writes the segments that clients map: one file a layout, in one directory, by one daemon at a time.

A client never sees half a segment: updates go through the seqlock in the C core, and a file appears under
its name only when it is complete. A file that a client may have mapped is never truncated, because that
would end the client with SIGBUS.
"""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import stat
from collections.abc import Callable

from clockbound_client._core import publish_record

from clockbound_daemon import _layout
from clockbound_daemon._layout import SegmentRecord
from clockbound_daemon.errors import StartError
from clockbound_daemon.status import DISRUPTED, UNKNOWN

LOCK_NAME = "clockbound.lock"
OFFSET_NAME = "clockbound.offset"
BOOT_ID_PATH = "/proc/sys/kernel/random/boot_id"
SEGMENT_MODE = 0o644
LOCK_MODE = 0o600
#: Neither follows a link nor waits for the other end of a FIFO.
_SAFELY = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class SegmentLayout:
    """A layout as its writer needs it."""

    def __init__(
        self, name: str, size_bytes: int, generation_offset_bytes: int, pack: Callable[[SegmentRecord], bytes]
    ) -> None:
        self.name = name
        self.size_bytes = size_bytes
        self.pack = pack
        #: Magic, size and version stand before the generation: what makes a file a segment of this layout.
        self.identity = pack(SegmentRecord())[:generation_offset_bytes]


LAYOUT_1 = SegmentLayout(
    _layout.SEGMENT_V1_NAME,
    _layout.SEGMENT_V1_SIZE_BYTES,
    _layout.SEGMENT_V1_GENERATION_OFFSET_BYTES,
    _layout.pack_segment_v1,
)
LAYOUT_2 = SegmentLayout(
    _layout.SEGMENT_V2_NAME,
    _layout.SEGMENT_V2_SIZE_BYTES,
    _layout.SEGMENT_V2_GENERATION_OFFSET_BYTES,
    _layout.pack_segment_v2,
)


def for_layout_1(record: SegmentRecord) -> SegmentRecord:
    """`record` in the words of layout 1, which has none for a disruption."""
    if record.clock_status == DISRUPTED:
        return record._replace(clock_status=UNKNOWN)
    return record


class SegmentWriter:
    """Both segments of a run directory. Whoever has one is the directory's only writer."""

    def __init__(self, run_dir: str, first: SegmentRecord) -> None:
        """Take the directory and its segments over; where there is none, make one that says `first`.

        What was taken over keeps its file, body and generation until the first `publish`. Raises StartError.
        """
        self._run_dir = run_dir
        self._directory = _open_directory(run_dir)
        self._lock = -1
        self._segments: list[mmap.mmap] = []
        #: What the layout 2 segment said that was taken over; None if a new one was made.
        self.found: SegmentRecord | None = None
        try:
            self._lock = self._take_lock()
            self._segments.append(self._open_segment(LAYOUT_1, for_layout_1(first)))
            self._segments.append(self._open_segment(LAYOUT_2, first))
        except BaseException:
            self.close()
            raise

    def publish(self, record: SegmentRecord) -> None:
        """Make `record` what clients of both layouts read from now on."""
        layout_1, layout_2 = self._segments
        publish_record(layout_1, for_layout_1(record))
        publish_record(layout_2, record)

    def kept_offset_ns(self) -> int | None:
        """CLOCK_REALTIME - CLOCK_MONOTONIC as it was kept last since this machine was started; None if it wasn't."""
        try:
            kept = os.open(OFFSET_NAME, os.O_RDONLY | _SAFELY, dir_fd=self._directory)
        except OSError:
            return None
        try:
            # Of what something else has left there, whatever follows the first line stays for ever.
            line = os.read(kept, 100).decode("ascii", "replace").partition("\n")[0]
            boot, _, offset = line.partition(" ")
            return int(offset) if boot == _boot_id() else None
        except (OSError, ValueError):
            return None
        finally:
            os.close(kept)

    def keep_offset_ns(self, offset_ns: int) -> None:
        """Keep it for the next daemon. Where that fails, an older one stays, which the next daemon takes for a step."""
        # Of one length and written in one piece, so that no death of this process leaves half of it.
        line = f"{_boot_id()} {offset_ns:+021d}\n".encode()
        try:
            kept = os.open(OFFSET_NAME, os.O_WRONLY | os.O_CREAT | _SAFELY, LOCK_MODE, dir_fd=self._directory)
            try:
                os.pwrite(kept, line, 0)
            finally:
                os.close(kept)
        except OSError:
            pass

    def close(self) -> None:
        """Let another daemon take over. The segments stay for their readers."""
        for segment in self._segments:
            segment.close()
        self._segments.clear()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1
        if self._directory >= 0:
            os.close(self._directory)
            self._directory = -1

    def _path(self, name: str) -> str:
        return f"{self._run_dir}/{name}"

    def _take_lock(self) -> int:
        path = self._path(LOCK_NAME)
        try:
            lock = os.open(LOCK_NAME, os.O_RDWR | os.O_CREAT | _SAFELY, LOCK_MODE, dir_fd=self._directory)
        except OSError as error:
            raise self._not_opened(LOCK_NAME, error) from None
        try:
            status = os.fstat(lock)
            if not stat.S_ISREG(status.st_mode):
                raise StartError(f"{path}: is {_kind(status)}, not a regular file; remove it")
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.pread(lock, 20, 0).decode("ascii", "replace").strip()
                raise StartError(
                    f"{path}: another daemon{f' (process {holder})' if holder.isdigit() else ''} writes the segments "
                    f"in {self._run_dir}; stop it, or give this one a directory of its own with --run-dir"
                ) from None
            if not self._names(LOCK_NAME, lock):
                raise StartError(f"{path}: was removed while the daemon started; start it again")
            try:
                os.ftruncate(lock, 0)
                os.pwrite(lock, f"{os.getpid()}\n".encode(), 0)
            except OSError:
                pass  # the disk is full: the lock holds all the same, only its holder's number is missing
        except BaseException:
            os.close(lock)
            raise
        return lock

    def _names(self, name: str, descriptor: int) -> bool:
        try:
            return os.path.samestat(
                os.stat(name, dir_fd=self._directory, follow_symlinks=False), os.fstat(descriptor)
            )
        except FileNotFoundError:
            return False

    def _open_segment(self, layout: SegmentLayout, first: SegmentRecord) -> mmap.mmap:
        taken_over = self._take_over(layout)
        return taken_over if taken_over is not None else self._replace(layout, first)

    def _take_over(self, layout: SegmentLayout) -> mmap.mmap | None:
        """The segment that is there, if it is one of this layout and ours."""
        path = self._path(layout.name)
        try:
            there = os.stat(layout.name, dir_fd=self._directory, follow_symlinks=False)
            if not stat.S_ISREG(there.st_mode):
                raise StartError(
                    f"{path}: is {_kind(there)}, where the segment has to be a regular file; remove it"
                )
            segment = os.open(layout.name, os.O_RDWR | _SAFELY, dir_fd=self._directory)
        except FileNotFoundError:
            return None
        except PermissionError:
            return None  # somebody else's, from before: replaced, if the directory allows that
        except OSError as error:
            raise self._not_opened(layout.name, error) from None
        try:
            status = os.fstat(segment)
            # Its owner could truncate it under our feet, which would end this daemon with SIGBUS.
            if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
                return None
            found = os.pread(segment, layout.size_bytes, 0)
            if len(found) < layout.size_bytes or not found.startswith(layout.identity):
                return None
            os.fchmod(segment, SEGMENT_MODE)
            mapping = mmap.mmap(segment, layout.size_bytes)
            if layout is LAYOUT_2 and (record := _layout.unpack_segment_v2(found)).generation:
                self.found = record
            return mapping
        except OSError as error:
            raise self._not_written(layout.name, error) from None
        finally:
            os.close(segment)

    def _replace(self, layout: SegmentLayout, first: SegmentRecord) -> mmap.mmap:
        """A new file under the segment's name, complete before it gets the name."""
        # One fixed name: while the lock is held, whatever bears it was left by a daemon that died.
        temporary = f".{layout.name}.new"
        segment: mmap.mmap | None = None
        try:
            os.unlink(temporary, dir_fd=self._directory)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise self._not_written(temporary, error) from None
        try:
            descriptor = os.open(
                temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | _SAFELY, LOCK_MODE, dir_fd=self._directory
            )
            try:
                # Written and not grown: on a full disk this fails, where storing into the mapping would be SIGBUS.
                body = layout.pack(first._replace(generation=0))
                if os.pwrite(descriptor, body, 0) != len(body):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                segment = mmap.mmap(descriptor, layout.size_bytes)
                publish_record(segment, first)
                os.fchmod(descriptor, SEGMENT_MODE)
                os.rename(temporary, layout.name, src_dir_fd=self._directory, dst_dir_fd=self._directory)
            except BaseException:
                os.unlink(temporary, dir_fd=self._directory)
                raise
            finally:
                os.close(descriptor)
        except OSError as error:
            if segment is not None:
                segment.close()
            raise self._not_written(layout.name, error) from None
        return segment

    def _not_opened(self, name: str, error: OSError) -> StartError:
        path = self._path(name)
        match error.errno:
            case errno.ELOOP:
                return StartError(f"{path}: is a symbolic link, which is never followed; remove it")
            case errno.EISDIR:
                return StartError(f"{path}: is a directory, not a regular file; remove it")
            case errno.ENXIO:
                return StartError(f"{path}: is a socket or a FIFO, not a regular file; remove it")
        return self._not_written(name, error)

    def _not_written(self, name: str, error: OSError) -> StartError:
        path, reason = self._path(name), os.strerror(error.errno) if error.errno else str(error)
        match error.errno:
            case errno.EACCES | errno.EPERM:
                remedy = (
                    f"run the daemon as the owner of {self._run_dir} and of the files in it, or give the directory to "
                    f"the daemon's user: chown -R {os.geteuid()} {self._run_dir}"
                )
            case errno.EROFS:
                remedy = "give a directory that can be written to with --run-dir"
            case errno.ENOSPC | errno.EDQUOT:
                remedy = "free some space there, or give another directory with --run-dir"
            case _:
                remedy = "give another directory with --run-dir"
        return StartError(f"{path}: can't be written: {reason}; {remedy}")


def _boot_id() -> str:
    """What this start of the machine is called; empty where that can't be known."""
    try:
        boot_id = os.open(BOOT_ID_PATH, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        return os.read(boot_id, 36).decode("ascii", "replace")
    finally:
        os.close(boot_id)


def _open_directory(run_dir: str) -> int:
    path = run_dir.rstrip("/") or "/"  # a final slash would follow a link
    try:
        return os.open(path, os.O_RDONLY | os.O_DIRECTORY | _SAFELY)
    except OSError as error:
        remedy = "give another directory with --run-dir"
        if error.errno == errno.ENOENT:
            reason = "not found"
            remedy = (
                f"create it for the daemon's user: install -d -m 0755 -o {os.geteuid()} {path}, or {remedy}"
            )
        elif os.path.islink(path):
            reason, remedy = "is a symbolic link, which is never followed", "give its target with --run-dir"
        elif error.errno == errno.ENOTDIR:
            reason = "isn't a directory"
        else:
            reason = f"can't be opened: {os.strerror(error.errno or 0)}"
            remedy = f"run the daemon as a user who may, or {remedy}"
        raise StartError(f"{run_dir}: {reason}; {remedy}") from None


def _kind(status: os.stat_result) -> str:
    mode = status.st_mode
    for test, name in (
        (stat.S_ISLNK, "a symbolic link"),
        (stat.S_ISDIR, "a directory"),
        (stat.S_ISFIFO, "a FIFO"),
        (stat.S_ISSOCK, "a socket"),
    ):
        if test(mode):
            return name
    return "a device"
