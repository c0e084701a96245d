"""For the tests of programs that use the client: a segment that the test sets by hand.

What the test plays is the daemon. The segment is a real one, written by the daemon's own primitive, and what reads it is
the real client, so a program under test behaves as it will on the day when its clock can't be trusted:

    with ManualSegment() as segment, segment.client() as clock:
        segment.publish(status=ClockStatus.UNKNOWN)
        assert handle(request, clock).status_code == 503

In pytest the fixture `clockbound_segment` is such a segment; it is there wherever this package is installed. A program
that opens its own client is given the segment's `path`.
"""

from __future__ import annotations

import mmap
import os
import tempfile
import time
from pathlib import Path
from typing import Self

from clockbound_client import ClockBoundClient, ClockStatus, ErrorKind, _layout
from clockbound_client._layout import NANOSECONDS_PER_SECOND, SegmentRecord, Vmclock

try:
    from clockbound_client._core import publish as _publish
except ImportError as _missing:
    raise ImportError(
        "clockbound_client.testing publishes as the daemon does, through the compiled module, which is missing here; "
        "install a wheel of clockbound-client, or build it where there is a C compiler"
    ) from _missing

__all__ = ["ManualSegment"]

_CLOCK_MONOTONIC_COARSE = 6  # where the daemon takes as_of from
_LAYOUTS = {
    _layout.SEGMENT_V1_VERSION: (
        _layout.SEGMENT_V1_NAME,
        _layout.pack_segment_v1,
        _layout.segment_v1_invalid,
    ),
    _layout.SEGMENT_V2_VERSION: (
        _layout.SEGMENT_V2_NAME,
        _layout.pack_segment_v2,
        _layout.segment_v2_invalid,
    ),
}
#: These stand in the same place in every layout.
_VERSION_OFFSET_BYTES = _layout.SEGMENT_V2_VERSION_OFFSET_BYTES
_GENERATION_OFFSET_BYTES = _layout.SEGMENT_V2_GENERATION_OFFSET_BYTES

_FIRST_BOUND_NS = 1_000_000
_FUTURE_NS = 3600 * NANOSECONDS_PER_SECOND
#: The longest time that makes sense here: 100 years, with which nothing overflows yet.
_LONGEST_NS = _layout.UNSYNCHRONISED_BOUND_NS
_VERSION_FROM_THE_FUTURE = 0xFFFF
_NO_COUNTER = 0xFF


class ManualSegment:
    """A segment in `directory` (by default a temporary one) that says what a test wants. A context manager.

    `layout`: 2, or 1 for what clients of ClockBound 1.x read too.

    At first it is new, SYNCHRONIZED and has a bound of 1 ms. Nobody but the test updates it: as after the death of a
    daemon, the status becomes FREE_RUNNING 5 s after the last `publish`, and UNKNOWN 1000 s after it. One thread at a
    time may change it; any number of clients may read it, here and in other processes.

    Raises ValueError for another layout, OSError when a file can't be written.
    """

    #: The segment, for a program that opens its own client.
    path: Path
    #: The VMClock page that goes with it: `ClockBoundClient(segment.path, segment.vmclock_path)`.
    vmclock_path: Path

    def __init__(self, directory: str | os.PathLike[str] | None = None, *, layout: int = 2) -> None:
        if layout not in _LAYOUTS:
            raise ValueError(f"there is no layout {layout!r}; take 1 or 2")
        self._version = layout
        name, self._pack, self._invalid = _LAYOUTS[layout]
        self._clients: list[ClockBoundClient] = []
        self._mapping: mmap.mmap | None = None
        self._page: mmap.mmap | None = None
        self._closed = False
        self._temporary: tempfile.TemporaryDirectory[str] | None = None
        if directory is None:
            self._temporary = tempfile.TemporaryDirectory(prefix="clockbound-")
            directory = self._temporary.name
        folder = Path(directory)
        self.path = folder / name
        self.vmclock_path = folder / os.path.basename(_layout.DEFAULT_VMCLOCK_PATH)

        self._void_after_ns = _layout.VOID_AFTER_NS
        self._record = SegmentRecord(
            bound_ns=_FIRST_BOUND_NS,
            disruption_marker=1,
            max_drift_ppb=_layout.DEFAULT_DRIFT_PPB,
            clock_status=ClockStatus.SYNCHRONIZED,
        )
        page = Vmclock(
            size=_layout.VMCLOCK_SIZE_BYTES,
            counter_id=_NO_COUNTER,
            disruption_marker=self._record.disruption_marker,
        )
        try:
            self._page = _map(self.vmclock_path, _layout.pack_vmclock(page))
            self.publish()
        except BaseException:
            self.close()
            raise

    def publish(
        self,
        *,
        status: ClockStatus | None = None,
        bound_ns: int | None = None,
        age_ns: int = 0,
        max_drift_ppb: int | None = None,
        void_after_ns: int | None = None,
    ) -> None:
        """Publish, as a daemon that looked at the clock `age_ns` ago and has been dead since. Clients see it at once.

        `status`: SYNCHRONIZED, FREE_RUNNING, UNKNOWN or DISRUPTED.

        `bound_ns`: how wrong the clock could be when it was looked at. What a client answers has grown since, by
        `max_drift_ppb` (at first 50,000: 50 us in each second); with `max_drift_ppb=0` it is `bound_ns` exactly.

        `age_ns`: from 5 s on SYNCHRONIZED counts as FREE_RUNNING, from `void_after_ns` on (at first 1000 s) as UNKNOWN.

        What isn't named stays as it was, except that the age is 0 again. This also ends what `disrupt`, `damage` and
        `remove` did. Raises TypeError or ValueError, and changes nothing, for what no daemon would publish.
        """
        changes: dict[str, int] = {}
        if status is not None:
            if not isinstance(status, ClockStatus):
                raise TypeError(f"status is a ClockStatus, not {status!r}")
            changes["clock_status"] = status
        if bound_ns is not None:
            changes["bound_ns"] = _whole("bound_ns", bound_ns)
        if max_drift_ppb is not None:
            changes["max_drift_ppb"] = _whole("max_drift_ppb", max_drift_ppb)
        lasts_ns = self._void_after_ns if void_after_ns is None else _duration("void_after_ns", void_after_ns)
        as_of_ns = _now_ns() - _duration("age_ns", age_ns)
        record = _dated(self._record._replace(**changes), as_of_ns, as_of_ns + lasts_ns)
        if field := self._invalid(record):
            raise ValueError(
                f"no daemon publishes {getattr(record, field)} as {field} in layout {self._version}; "
                "damage() makes a segment that no daemon writes"
            )
        self._write(record)
        self._record, self._void_after_ns = record, lasts_ns

    def disrupt(self) -> None:
        """The machine was migrated, or restored from a snapshot, and the daemon hasn't noticed yet.

        The VMClock page has another disruption marker than the segment, so that the status is UNKNOWN until the next
        `publish`. What the daemon does next is `publish(status=ClockStatus.DISRUPTED)`, and then UNKNOWN until
        chronyd has measured the clock again.

        A client that is opened meanwhile must be given `vmclock_path`. Raises ValueError with layout 1, which knows no
        disruptions.
        """
        if self._version == _layout.SEGMENT_V1_VERSION:
            raise ValueError("a segment of layout 1 knows no disruptions; take layout 2")
        marker = self._record.disruption_marker + 1
        self._write(self._record._replace(clock_disruption_support_enabled=1))
        assert self._page is not None
        with memoryview(self._page) as page, page.cast("Q") as u64, page.cast("I") as u32:
            u64[_layout.VMCLOCK_DISRUPTION_MARKER_OFFSET_BYTES // 8] = marker
            u32[_layout.VMCLOCK_SEQ_COUNT_OFFSET_BYTES // 4] += 2
        self._record = self._record._replace(disruption_marker=marker)

    def damage(self, kind: ErrorKind = ErrorKind.SEGMENT_MALFORMED) -> None:
        """Spoil the segment until the next `publish`, so that it fails with `kind`.

        With SEGMENT_MALFORMED and CAUSALITY_BREACH (which a segment left from before a reboot gives) every question
        fails. With SEGMENT_NOT_INITIALIZED and SEGMENT_VERSION_NOT_SUPPORTED opening fails, and a client that is open
        answers from what it saw last. For SYSCALL there is `remove`; it and NONE raise ValueError.
        """
        record = self._record
        match kind:
            case ErrorKind.SEGMENT_MALFORMED:
                self._write(record._replace(bound_ns=-1))
            case ErrorKind.CAUSALITY_BREACH:
                as_of_ns = _now_ns() + _FUTURE_NS
                self._write(_dated(record, as_of_ns, as_of_ns + self._void_after_ns))
            case ErrorKind.SEGMENT_NOT_INITIALIZED:
                _poke(self._write(record), _GENERATION_OFFSET_BYTES, 0)
            case ErrorKind.SEGMENT_VERSION_NOT_SUPPORTED:
                _poke(self._write(record), _VERSION_OFFSET_BYTES, _VERSION_FROM_THE_FUTURE)
            case _:
                raise ValueError(f"{kind!r} can't come from a damaged segment; for SYSCALL there is remove()")

    def remove(self) -> None:
        """Delete the file until the next `publish`: opening a client fails with ENOENT.

        A client that is open keeps the file that it has, which only grows older; when it is older than 5 s, or gives no
        interval, the client looks once a second whether a new one is there.
        """
        self._check_open()
        self.path.unlink(missing_ok=True)
        if self._mapping is not None:
            self._mapping.close()
            self._mapping = None

    def client(self) -> ClockBoundClient:
        """A new client of this segment, with its VMClock page. It is closed with the segment, if not before.

        Raises what opening a client raises.
        """
        self._check_open()
        client = ClockBoundClient(self.path, self.vmclock_path)
        self._clients.append(client)
        return client

    def close(self) -> None:
        """Close the clients that `client` made; remove the directory if it is a temporary one. It may be called again.

        What else is asked of the segment afterwards raises ValueError.
        """
        self._closed = True
        for client in self._clients:
            client.close()
        for mapping in (self._mapping, self._page):
            if mapping is not None:
                mapping.close()
        if self._temporary is not None:
            self._temporary.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<ManualSegment {str(self.path)!r}{' closed' if self._closed else ''}>"

    def _check_open(self) -> None:
        if self._closed:
            raise ValueError(f"{self.path}: the segment is closed")

    def _write(self, record: SegmentRecord) -> mmap.mmap:
        """Publish `record`, in a new file if there is none; returns the file's mapping."""
        self._check_open()
        content = self._pack(record)
        if self._mapping is None:
            self._mapping = _map(self.path, self._pack(record._replace(generation=2)))
        # publish() leaves the header alone, and its version may be a damaged one.
        self._mapping[:_GENERATION_OFFSET_BYTES] = content[:_GENERATION_OFFSET_BYTES]
        _publish(self._mapping, content)
        return self._mapping


def _map(path: Path, content: bytes) -> mmap.mmap:
    """A new file, complete when it gets its name, and mapped for writing."""
    unfinished = path.with_name(f".{path.name}.new")
    unfinished.write_bytes(content)
    with unfinished.open("r+b") as file:
        mapping = mmap.mmap(file.fileno(), 0)
    unfinished.rename(path)
    return mapping


def _poke(mapping: mmap.mmap, offset_bytes: int, value: int) -> None:
    """Store one 16-bit word of the header."""
    with memoryview(mapping) as whole, whole.cast("H") as words:
        words[offset_bytes // 2] = value


def _dated(record: SegmentRecord, as_of_ns: int, void_after_ns: int) -> SegmentRecord:
    as_of_s, as_of_rest_ns = divmod(as_of_ns, NANOSECONDS_PER_SECOND)
    void_after_s, void_after_rest_ns = divmod(void_after_ns, NANOSECONDS_PER_SECOND)
    return record._replace(
        as_of_sec=as_of_s,
        as_of_nsec=as_of_rest_ns,
        void_after_sec=void_after_s,
        void_after_nsec=void_after_rest_ns,
    )


def _whole(name: str, value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{name} is an int, not {value!r}")
    return value


def _duration(name: str, value: object) -> int:
    duration_ns = _whole(name, value)
    if not 0 <= duration_ns <= _LONGEST_NS:
        raise ValueError(f"{name} is between 0 and {_LONGEST_NS} (100 years), not {duration_ns}")
    return duration_ns


def _now_ns() -> int:
    return time.clock_gettime_ns(_CLOCK_MONOTONIC_COARSE)
