"""The rules "Opening and reading" and "From snapshot to interval", written a second time to check the first.

This module is an independent witness. It shares nothing with what it judges: no client is imported and nothing that the
spec generates, so offsets and limits stand here as plain numbers, copied from bytes that ClockBound 1.0 and 2.0 wrote.
Numbers are Python integers and fractions, which neither round nor overflow; what would overflow a client's int64 is
looked for on purpose. It is slow and says each rule once, next to the rule's name.

It judges bytes at rest: one segment, as a file holds it, and a client that opens it for the first time.
"""

from __future__ import annotations

import math
import struct
import sys
from fractions import Fraction

from clockbound_conformance.answers import Interval, Refusal

INT64_MIN = -(2**63)
INT64_MAX = 2**63 - 1

HEADER_BYTES = 16
MAGIC = (0x414D5A4E, 0x43420200)
LAYOUT_BYTES = {1: 72, 2: 80}
LAYOUT_STATUSES = {
    1: ("UNKNOWN", "SYNCHRONIZED", "FREE_RUNNING"),
    2: ("UNKNOWN", "SYNCHRONIZED", "FREE_RUNNING", "DISRUPTED"),
}

VMCLOCK_BYTES = 104
VMCLOCK_MAGIC = 0x4B4C4356

SECOND_NS = 10**9
GRACE_NS = 5 * 10**9
CAUSALITY_TOLERANCE_NS = 1000
DRIFT_LIMIT_PPB = 10**9


class _RefusedError(Exception):
    """Carries an error kind out of the rule that found it."""


def answer(
    segment: bytes | None,
    *,
    realtime_ns: int,
    monotonic_ns: int,
    vmclock: bytes | None = None,
    byte_order: str = sys.byteorder,
) -> Interval | Refusal:
    """Return the one right answer to a reading of both clocks against ``segment``, on a machine of ``byte_order``.

    Each of ``segment`` and ``vmclock`` (the VMClock page) is None where there is no such file. The page is looked at
    only where the segment says so.
    """
    if segment is None:
        return Refusal("SYSCALL")
    try:
        mark = "<" if byte_order == "little" else ">"
        version = _open(segment, mark)
        body = _Body(segment, version, mark)
        marker = _open_vmclock(vmclock) if body.disruption_support else None
        _check_range(body, version)
        bound_ns = body.bound_ns + _growth_ns(body, monotonic_ns)
        earliest_ns, latest_ns = realtime_ns - bound_ns, realtime_ns + bound_ns
        _must_fit(bound_ns, earliest_ns, latest_ns)
        status = _status(body, version, monotonic_ns)
    except _RefusedError as refusal:
        return Refusal(str(refusal))
    if body.disruption_support and marker != body.disruption_marker:  # status.disruption
        status = "UNKNOWN"
    return Interval(earliest_ns, latest_ns, status)


def _open(segment: bytes, mark: str) -> int:
    """Return the layout's version, or refuse the file."""
    if len(segment) < HEADER_BYTES:  # open.not-initialised
        raise _RefusedError("SEGMENT_NOT_INITIALIZED")
    magic_0, magic_1, size_bytes, version, generation = struct.unpack_from(mark + "IIIHH", segment, 0)
    if (magic_0, magic_1) != MAGIC or version == 0 or generation == 0:  # open.not-initialised
        raise _RefusedError("SEGMENT_NOT_INITIALIZED")
    if version not in LAYOUT_BYTES:  # open.version
        raise _RefusedError("SEGMENT_VERSION_NOT_SUPPORTED")
    if size_bytes < LAYOUT_BYTES[version] or len(segment) < size_bytes:  # open.malformed
        raise _RefusedError("SEGMENT_MALFORMED")
    if generation % 2 == 1:  # read.consistent, read.bounded: no earlier snapshot to fall back on
        raise _RefusedError("SEGMENT_NOT_INITIALIZED")
    return int(version)


class _Body:
    """The fields after the header, by their place in the file."""

    def __init__(self, segment: bytes, version: int, mark: str) -> None:
        def at(offset: int, code: str) -> int:
            return int(struct.unpack_from(mark + code, segment, offset)[0])

        self.as_of_s, self.as_of_rest_ns = at(16, "q"), at(24, "q")
        self.void_after_s, self.void_after_rest_ns = at(32, "q"), at(40, "q")
        self.bound_ns = at(48, "q")
        if version == 1:
            self.max_drift_ppb, self.status = at(56, "I"), at(64, "i")
            self.disruption_marker, self.disruption_support = 0, False
        else:
            self.disruption_marker = at(56, "Q")
            self.max_drift_ppb, self.status = at(64, "I"), at(68, "i")
            self.disruption_support = at(72, "B") != 0
        self.as_of_ns = self.as_of_s * SECOND_NS + self.as_of_rest_ns
        self.void_after_ns = self.void_after_s * SECOND_NS + self.void_after_rest_ns


def _must_fit(*values: int) -> None:
    if not all(INT64_MIN <= value <= INT64_MAX for value in values):
        raise _RefusedError("SEGMENT_MALFORMED")


def _check_range(body: _Body, version: int) -> None:  # bound.range
    wrong = (
        body.bound_ns < 0,
        body.max_drift_ppb >= DRIFT_LIMIT_PPB,
        not 0 <= body.as_of_rest_ns < SECOND_NS,
        not 0 <= body.void_after_rest_ns < SECOND_NS,
        not 0 <= body.status < len(LAYOUT_STATUSES[version]),
    )
    if any(wrong):
        raise _RefusedError("SEGMENT_MALFORMED")
    _must_fit(body.as_of_s * SECOND_NS, body.void_after_s * SECOND_NS, body.as_of_ns, body.void_after_ns)


def _growth_ns(body: _Body, monotonic_ns: int) -> int:
    elapsed_ns = monotonic_ns - body.as_of_ns
    if (
        elapsed_ns <= -CAUSALITY_TOLERANCE_NS
    ):  # bound.causality, also where it is too far in the future for an int64
        raise _RefusedError("CAUSALITY_BREACH")
    _must_fit(elapsed_ns)
    # bound.growth: whole seconds give whole nanoseconds, so one rounding of the exact product is the rule's sum
    return math.ceil(Fraction(max(elapsed_ns, 0) * body.max_drift_ppb, SECOND_NS))


def _status(body: _Body, version: int, monotonic_ns: int) -> str:
    status = LAYOUT_STATUSES[version][body.status]
    if status in ("UNKNOWN", "DISRUPTED"):  # status.fixed
        return status
    if monotonic_ns - body.as_of_ns < GRACE_NS:  # status.grace
        return status
    if monotonic_ns < body.void_after_ns:  # status.void-after
        return "FREE_RUNNING"
    return "UNKNOWN"


def _open_vmclock(page: bytes | None) -> int | None:
    """Return the page's disruption marker, None where a writer is (or died) in the middle of an update."""
    if page is None:  # status.disruption
        raise _RefusedError("SYSCALL")
    if len(page) < VMCLOCK_BYTES:
        raise _RefusedError("SEGMENT_NOT_INITIALIZED")
    magic, size_bytes, version = struct.unpack_from("<IIH", page, 0)
    if magic != VMCLOCK_MAGIC:
        raise _RefusedError("SEGMENT_NOT_INITIALIZED")
    if version != 1:
        raise _RefusedError("SEGMENT_VERSION_NOT_SUPPORTED")
    if size_bytes < VMCLOCK_BYTES or len(page) < size_bytes:
        raise _RefusedError("SEGMENT_MALFORMED")
    (sequence,) = struct.unpack_from("<I", page, 12)
    (marker,) = struct.unpack_from("<Q", page, 16)
    return None if sequence % 2 == 1 else int(marker)
