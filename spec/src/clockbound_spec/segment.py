"""The shared-memory segment, layouts 1 and 2: what the daemon publishes and clients read.

All fields are in the machine's own byte order. The magic is two 32-bit words, not a string of bytes.
"""

from __future__ import annotations

from construct import Bytes, Int8un, Int16un, Int32sn, Int32un, Int64sn, Int64un

from clockbound_spec.declare import Anything, Between, Exactly, Layout, OneOf, Reserved, Valid, field
from clockbound_spec.vocabulary import CLOCK_STATUS, DRIFT_LIMIT_PPB, NANOSECONDS_PER_SECOND

DAEMON = "daemon"
MAGIC = (0x414D5A4E, 0x43420200)

#: Whole seconds that may fit an int64 of nanoseconds; the last of them only with few nanoseconds.
_MOST_SECONDS = (2**63 - 1) // NANOSECONDS_PER_SECOND
SECONDS: Valid = Between(-_MOST_SECONDS, _MOST_SECONDS)


def _header(size_bytes: int, version: int) -> list[object]:
    return [
        field(
            "magic",
            Int32un[2],
            at=0,
            unit="id",
            meaning="Says that this is a segment, and of the reader's byte order.",
            valid=Exactly(MAGIC),
            writer=DAEMON,
        ),
        field(
            "segment_size",
            Int32un,
            at=8,
            unit="bytes",
            meaning="Length of the segment with its header. A reader accepts more than its layout's length, "
            "never less, and never more than the file has.",
            valid=Exactly(size_bytes),
            writer=DAEMON,
        ),
        field(
            "version",
            Int16un,
            at=12,
            unit="code",
            meaning="The layout's version. 0 means not initialised.",
            valid=Exactly(version),
            writer=DAEMON,
        ),
        field(
            "generation",
            Int16un,
            at=14,
            unit="count",
            meaning="0: never written. Odd: an update is in progress. Even: stable. "
            "It grows by 2 with each update; after 65534 comes 2.",
            valid=Anything("0 means not initialised"),
            writer=DAEMON,
        ),
    ]


TIMESTAMP = Layout(
    "timestamp",
    field(
        "sec",
        Int64sn,
        at=0,
        unit="s",
        meaning="Whole seconds of the monotonic clock. With the nanoseconds they must fit an int64 of nanoseconds.",
        valid=SECONDS,
        writer=DAEMON,
    ),
    field(
        "nsec",
        Int64sn,
        at=8,
        unit="ns",
        meaning="Nanoseconds within the second.",
        valid=Between(0, NANOSECONDS_PER_SECOND - 1),
        writer=DAEMON,
    ),
    size_bytes=16,
    title="Timestamp",
    meaning="An instant of CLOCK_MONOTONIC.",
)

_TIMES = [
    field(
        "as_of",
        TIMESTAMP,
        at=16,
        meaning="CLOCK_MONOTONIC_COARSE when the bound was taken, before chronyd was asked. Coarse, because existing "
        "readers compare it with their own coarse reading.",
    ),
    field(
        "void_after",
        TIMESTAMP,
        at=32,
        meaning="CLOCK_MONOTONIC_COARSE after which nothing is guaranteed.",
    ),
]


def _bound(at: int) -> object:
    return field(
        "bound_ns",
        Int64sn,
        at=at,
        unit="ns",
        meaning="Bound on the error of CLOCK_REALTIME at as_of, on either side.",
        valid=Between(0, 2**63 - 1),
        writer=DAEMON,
    )


def _max_drift(at: int) -> object:
    return field(
        "max_drift_ppb",
        Int32un,
        at=at,
        unit="ppb",
        meaning="How fast the error may grow after as_of.",
        valid=Between(0, DRIFT_LIMIT_PPB - 1),
        writer=DAEMON,
    )


SEGMENT_V1 = Layout(
    "segment_v1",
    *_header(72, 1),
    *_TIMES,
    _bound(48),
    _max_drift(56),
    field(
        "reserved",
        Int32un,
        at=60,
        unit="-",
        meaning="Kept for later.",
        valid=Reserved(),
        writer=DAEMON,
    ),
    field(
        "clock_status",
        Int32sn,
        at=64,
        unit="code",
        meaning="Status of the clock at as_of. This layout has no name for a disruption: it is written as UNKNOWN.",
        valid=OneOf(CLOCK_STATUS.only("UNKNOWN", "SYNCHRONIZED", "FREE_RUNNING")),
        writer=DAEMON,
    ),
    field(
        "padding",
        Bytes(4),
        at=68,
        unit="-",
        meaning="Fills the segment up to a multiple of 8 bytes. Other writers leave garbage here.",
        valid=Reserved(),
        writer=DAEMON,
    ),
    size_bytes=72,
    title="Segment layout 1",
    meaning="The segment that ClockBound 1.x clients read, /var/run/clockbound/shm.",
    record="segment_record",
)

SEGMENT_V2 = Layout(
    "segment_v2",
    *_header(80, 2),
    *_TIMES,
    _bound(48),
    field(
        "disruption_marker",
        Int64un,
        at=56,
        unit="id",
        meaning="The last disruption marker that the daemon has seen in the VMClock page, which readers compare "
        "with the page's own.",
        valid=Anything(),
        writer=DAEMON,
    ),
    _max_drift(64),
    field(
        "clock_status",
        Int32sn,
        at=68,
        unit="code",
        meaning="Status of the clock at as_of, or of a disruption since.",
        valid=OneOf(CLOCK_STATUS),
        writer=DAEMON,
    ),
    field(
        "clock_disruption_support_enabled",
        Int8un,
        at=72,
        unit="code",
        meaning="1 when the daemon follows the VMClock page, so that readers must compare markers; otherwise 0.",
        valid=Anything("readers take every value but 0 as 1"),
        writer=DAEMON,
    ),
    field(
        "padding",
        Bytes(7),
        at=73,
        unit="-",
        meaning="Fills the segment up to a multiple of 8 bytes.",
        valid=Reserved(),
        writer=DAEMON,
    ),
    size_bytes=80,
    title="Segment layout 2",
    meaning="The segment that ClockBound 2.x clients read, /var/run/clockbound/shm0.",
    record="segment_record",
)

LAYOUTS = (SEGMENT_V1, SEGMENT_V2)
