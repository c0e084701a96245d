"""From a segment's record and two clock readings to an interval: the twin of clients/c/src/interval.c."""

from __future__ import annotations

from clockbound_client._errors import trusted
from clockbound_client._instants import (
    INT64_MAX,
    INT64_MIN,
    ceiling_datetime,
    fits_int64,
    floor_datetime,
    instant_ns,
    not_an_interval,
    whole_ns,
)
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

# Type checkers take this name for typing.TYPE_CHECKING, whose import would cost more than all the rest.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Self

_new = object.__new__
_FADING = (ClockStatus.SYNCHRONIZED, ClockStatus.FREE_RUNNING)
_INVALID = {SEGMENT_V1_VERSION: segment_v1_invalid, SEGMENT_V2_VERSION: segment_v2_invalid}


def _as_status(value: object) -> ClockStatus:
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"a status is a ClockStatus, not {value!r}")
    return ClockStatus(value)


class _Ends:
    """What intervals of both time scales have in common."""

    __slots__ = ("_earliest_ns", "_latest_ns", "_status")
    __match_args__ = ("earliest_ns", "latest_ns", "status")

    _earliest_ns: int
    _latest_ns: int
    _status: ClockStatus

    def __new__(cls, earliest_ns: int, latest_ns: int, status: ClockStatus) -> Self:
        earliest_ns = whole_ns(earliest_ns, "an end of an interval")
        latest_ns = whole_ns(latest_ns, "an end of an interval")
        if earliest_ns > latest_ns:
            raise ValueError(f"earliest_ns {earliest_ns} is after latest_ns {latest_ns}")
        return cls._make(earliest_ns, latest_ns, _as_status(status))

    @classmethod
    def _make(cls, earliest_ns: int, latest_ns: int, status: ClockStatus) -> Self:
        self = object.__new__(cls)
        self._earliest_ns = earliest_ns
        self._latest_ns = latest_ns
        self._status = status
        return self

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

    @property
    def error_bound_ns(self) -> int:
        """How wrong the midpoint can be: half the width, rounded up."""
        return (self._latest_ns - self._earliest_ns + 1) // 2

    @property
    def midpoint_ns(self) -> int:
        """The middle, rounded down: what a clock shows that doesn't say how wrong it is."""
        return (self._earliest_ns + self._latest_ns) // 2

    def overlaps(self, other: Self) -> bool:
        """Whether the two have an instant in common, so that nobody can say which came first.

        Raises ClockNotTrustedError unless both can be relied on.
        """
        self._other(other)
        return self._earliest_ns <= other._latest_ns and other._earliest_ns <= self._latest_ns

    def certainly_before(self, other: Self) -> bool:
        """Whether this ends before the other begins: what happened in it came first, on whatever hosts they were taken.

        Raises ClockNotTrustedError unless both can be relied on.
        """
        self._other(other)
        return self._latest_ns < other._earliest_ns

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
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
            f"{type(self).__name__}(earliest_ns={self._earliest_ns}, latest_ns={self._latest_ns}, "
            f"status=ClockStatus.{self._status.name})"
        )

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: object) -> Self:
        return self

    def __reduce__(self) -> tuple[object, ...]:
        return _unpickled, (type(self).__name__, self._earliest_ns, self._latest_ns, int(self._status))

    def _contains(self, instant_ns: int) -> bool:
        trusted(self, "")
        return self._earliest_ns <= instant_ns <= self._latest_ns

    def _other(self, other: Self) -> None:
        if type(other) is not type(self):
            raise not_an_interval(other, type(self).__name__)
        trusted(self, "")
        trusted(other, "")


class Interval(_Ends):
    """True time lies between `earliest_ns` and `latest_ns`, as far as `status` says. Immutable.

    Both are nanoseconds since 1970-01-01T00:00:00Z, as CLOCK_REALTIME counts them.
    """

    __slots__ = ()

    def __init_subclass__(cls) -> None:
        raise TypeError("type 'clockbound_client.Interval' is not an acceptable base type")

    @property
    def earliest(self) -> datetime:
        """`earliest_ns` as a datetime in UTC: the last microsecond that isn't after it."""
        return floor_datetime(self._earliest_ns)

    @property
    def latest(self) -> datetime:
        """`latest_ns` as a datetime in UTC: the first microsecond that isn't before it."""
        return ceiling_datetime(self._latest_ns)

    def contains(self, t: int | datetime) -> bool:
        """Whether true time can have been `t`: nanoseconds since 1970, or an aware datetime.

        Raises ClockNotTrustedError unless the interval can be relied on.
        """
        return self._contains(instant_ns(t))


class TaiInterval(_Ends):
    """As `Interval`, on the TAI scale, which has no leap seconds. Immutable.

    Both ends are nanoseconds since 1970-01-01T00:00:00 TAI, as CLOCK_TAI counts them.
    """

    __slots__ = ()

    def __init_subclass__(cls) -> None:
        raise TypeError("type 'clockbound_client.TaiInterval' is not an acceptable base type")

    def contains(self, t: int) -> bool:
        """Whether true time can have been `t`, in nanoseconds since 1970 TAI.

        Raises ClockNotTrustedError unless the interval can be relied on.
        """
        return self._contains(whole_ns(t, "a time on the TAI scale"))


def _unpickled(name: str, earliest_ns: int, latest_ns: int, status: int) -> object:
    # Of the implementation that this process uses, which may not be the one that pickled it.
    import clockbound_client

    return getattr(clockbound_client, name)(earliest_ns, latest_ns, status)


class Refused(Exception):
    """A record that gives no interval; `kind` says why."""

    def __init__(self, kind: ErrorKind, detail: str) -> None:
        super().__init__(kind, detail)
        self.kind = kind
        self.detail = detail


class Snapshot:
    """A consistent copy of a segment's record, and what follows from it alone."""

    __slots__ = (
        "as_of_ns",
        "bound_ns",
        "copy",
        "disruption_marker",
        "is_malformed",
        "max_drift_ppb",
        "status",
        "void_after_ns",
    )

    def __init__(self, version: int, record: SegmentRecord, copy: bytes) -> None:
        self.copy = copy
        self.as_of_ns = record.as_of_sec * NANOSECONDS_PER_SECOND + record.as_of_nsec
        self.void_after_ns = record.void_after_sec * NANOSECONDS_PER_SECOND + record.void_after_nsec
        self.bound_ns = record.bound_ns
        self.max_drift_ppb = record.max_drift_ppb
        #: The marker to compare with the VMClock page's; None if the daemon doesn't follow the page.
        self.disruption_marker = record.disruption_marker if record.clock_disruption_support_enabled else None
        #: Rule bound.range.
        self.is_malformed = (
            _INVALID[version](record) != ""
            or not fits_int64(self.as_of_ns)
            or not fits_int64(self.void_after_ns)
        )
        self.status = ClockStatus.UNKNOWN if self.is_malformed else ClockStatus(record.clock_status)


def interval_at(snapshot: Snapshot, realtime_ns: int, monotonic_ns: int, disrupted: bool) -> Interval:
    """The interval that contains true time at the two readings. Rules bound.*, interval.ends, status.*

    `disrupted` says that the VMClock page knows of a disruption that the snapshot doesn't. Raises Refused.
    """
    if snapshot.is_malformed:
        raise malformed()

    elapsed_ns = monotonic_ns - snapshot.as_of_ns
    if elapsed_ns < 0:
        if elapsed_ns <= -CAUSALITY_TOLERANCE_NS:
            raise Refused(
                ErrorKind.CAUSALITY_BREACH,
                "the segment is from the future of this process's monotonic clock (another time namespace?)",
            )
        elapsed_ns = 0

    # Growth is rounded up. In whole seconds there is nothing to round, so one division does for both parts.
    bound_ns = snapshot.bound_ns - -elapsed_ns * snapshot.max_drift_ppb // NANOSECONDS_PER_SECOND
    earliest_ns, latest_ns = realtime_ns - bound_ns, realtime_ns + bound_ns
    # Where both ends fit, so does half their distance, the bound; and the growth, which is less.
    if earliest_ns < INT64_MIN or latest_ns > INT64_MAX:
        raise malformed()

    status = snapshot.status
    if elapsed_ns >= GRACE_NS:
        if elapsed_ns > INT64_MAX:
            raise malformed()
        if status in _FADING:
            status = (
                ClockStatus.FREE_RUNNING if monotonic_ns < snapshot.void_after_ns else ClockStatus.UNKNOWN
            )
    if disrupted:
        status = ClockStatus.UNKNOWN

    # As Interval(...), which checks what is known here.
    interval = _new(Interval)
    interval._earliest_ns = earliest_ns
    interval._latest_ns = latest_ns
    interval._status = status
    return interval


def malformed() -> Refused:
    """What a record with impossible values is refused with."""
    return Refused(ErrorKind.SEGMENT_MALFORMED, "the segment holds values that no daemon writes")
