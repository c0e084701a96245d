"""From a segment's record and two clock readings to an interval: the twin of clients/c/src/interval.c."""

from __future__ import annotations

from clockbound_client._layout import (
    CAUSALITY_TOLERANCE_NS,
    GRACE_NS,
    NANOSECONDS_PER_SECOND,
    SEGMENT_V1_VERSION,
    SEGMENT_V2_VERSION,
    ClockStatus,
    ErrorKind,
    SegmentRecord,
    segment_v1_invalid,
    segment_v2_invalid,
)

_INT64_MIN, _INT64_MAX = -(2**63), 2**63 - 1
_INVALID = {SEGMENT_V1_VERSION: segment_v1_invalid, SEGMENT_V2_VERSION: segment_v2_invalid}


class Interval:
    """True time lies between `earliest_ns` and `latest_ns`, as far as `status` says. Immutable.

    Both are nanoseconds since 1970-01-01T00:00:00Z, as CLOCK_REALTIME counts them.
    """

    __slots__ = ("_earliest_ns", "_latest_ns", "_status")
    __match_args__ = ("earliest_ns", "latest_ns", "status")

    _earliest_ns: int
    _latest_ns: int
    _status: ClockStatus

    def __new__(cls, earliest_ns: int, latest_ns: int, status: ClockStatus) -> Interval:  # noqa: PYI034 (see _pure)
        for end_ns in (earliest_ns, latest_ns):
            if not isinstance(end_ns, int):
                raise TypeError(f"an end of an interval is an int, not {type(end_ns).__name__}")
            if not fits_int64(end_ns):
                raise OverflowError(f"{end_ns} ns is out of range for a time")
        if earliest_ns > latest_ns:
            raise ValueError(f"earliest_ns {earliest_ns} is after latest_ns {latest_ns}")
        self = super().__new__(cls)
        object.__setattr__(self, "_earliest_ns", earliest_ns)
        object.__setattr__(self, "_latest_ns", latest_ns)
        object.__setattr__(self, "_status", ClockStatus(status))
        return self

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError("an Interval can't be changed")

    def __delattr__(self, name: str) -> None:
        raise AttributeError("an Interval can't be changed")

    @property
    def earliest_ns(self) -> int:
        """True time is not before this."""
        return self._earliest_ns

    @property
    def latest_ns(self) -> int:
        """True time is not after this."""
        return self._latest_ns

    @property
    def status(self) -> ClockStatus:
        """How far the interval can be relied on."""
        return self._status

    @property
    def width_ns(self) -> int:
        """latest_ns - earliest_ns"""
        return self._latest_ns - self._earliest_ns

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Interval):
            return NotImplemented
        return (self._earliest_ns, self._latest_ns, self._status) == (
            other._earliest_ns,
            other._latest_ns,
            other._status,
        )

    def __hash__(self) -> int:
        return hash((self._earliest_ns, self._latest_ns, int(self._status)))

    def __repr__(self) -> str:
        return (
            f"Interval(earliest_ns={self._earliest_ns}, latest_ns={self._latest_ns}, "
            f"status=ClockStatus.{self._status.name})"
        )

    def __reduce__(self) -> tuple[type[Interval], tuple[int, int, ClockStatus]]:
        return Interval, (self._earliest_ns, self._latest_ns, self._status)


class Refused(Exception):
    """A record that gives no interval; `kind` says why."""

    def __init__(self, kind: ErrorKind, detail: str) -> None:
        super().__init__(kind, detail)
        self.kind = kind
        self.detail = detail


def fits_int64(value: int) -> bool:
    """Whether `value` can stand in an int64, as it must in every other language."""
    return _INT64_MIN <= value <= _INT64_MAX


def interval_at(
    version: int, record: SegmentRecord, realtime_ns: int, monotonic_ns: int, disrupted: bool
) -> Interval:
    """The interval that contains true time at the two readings. Rules bound.*, interval.ends, status.*

    `disrupted` says that the VMClock page knows of a disruption that the record doesn't. Raises Refused.
    """
    as_of_ns = record.as_of_sec * NANOSECONDS_PER_SECOND + record.as_of_nsec
    void_after_ns = record.void_after_sec * NANOSECONDS_PER_SECOND + record.void_after_nsec
    if _INVALID[version](record) or not fits_int64(as_of_ns) or not fits_int64(void_after_ns):
        raise malformed()

    elapsed_ns = monotonic_ns - as_of_ns
    if elapsed_ns <= -CAUSALITY_TOLERANCE_NS:
        raise Refused(
            ErrorKind.CAUSALITY_BREACH,
            "the segment is from the future of this process's monotonic clock (another time namespace?)",
        )
    elapsed_ns = max(elapsed_ns, 0)

    seconds, nanoseconds = divmod(elapsed_ns, NANOSECONDS_PER_SECOND)
    growth_ns = seconds * record.max_drift_ppb
    growth_ns -= -nanoseconds * record.max_drift_ppb // NANOSECONDS_PER_SECOND  # rounded up
    bound_ns = record.bound_ns + growth_ns
    earliest_ns, latest_ns = realtime_ns - bound_ns, realtime_ns + bound_ns
    if not all(map(fits_int64, (elapsed_ns, growth_ns, bound_ns, earliest_ns, latest_ns))):
        raise malformed()
    return Interval(
        earliest_ns, latest_ns, _status_at(record, elapsed_ns, monotonic_ns, void_after_ns, disrupted)
    )


def malformed() -> Refused:
    """What a record with impossible values is refused with."""
    return Refused(ErrorKind.SEGMENT_MALFORMED, "the segment holds values that no daemon writes")


def _status_at(
    record: SegmentRecord, elapsed_ns: int, monotonic_ns: int, void_after_ns: int, disrupted: bool
) -> ClockStatus:
    if disrupted:
        return ClockStatus.UNKNOWN
    published = ClockStatus(record.clock_status)
    if published in (ClockStatus.UNKNOWN, ClockStatus.DISRUPTED) or elapsed_ns < GRACE_NS:
        return published
    return ClockStatus.FREE_RUNNING if monotonic_ns < void_after_ns else ClockStatus.UNKNOWN
