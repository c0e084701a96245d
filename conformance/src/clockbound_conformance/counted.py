"""Records of which every field is a function of one number, so that an answer tells the number, or that it was torn.

All answers are to the same readings of both clocks. The bound gives the number's place in the width of the interval;
beneath it lies the growth, which as_of and the drift make; the status, void_after, the disruption marker and its support
decide the status. So an answer from parts of two records has the growth of neither (a chance of less than one in a
thousand remains) or, where only the parts that decide the status were mixed, about every second time the wrong status.
"""

from __future__ import annotations

import struct

from clockbound_conformance.segment_bytes import MAGIC_0, MAGIC_1, SIZE_BYTES, ByteOrder
from clockbound_conformance.units import SECOND_NS

REALTIME_NS = 1_700_000_000 * SECOND_NS
MONOTONIC_S, MONOTONIC_REST_NS = 9_999, 999_999_000
MONOTONIC_NS = MONOTONIC_S * SECOND_NS + MONOTONIC_REST_NS
#: What the VMClock page holds all the while.
MARKER = 77

FIRST = 1
#: Bounds are below 2**62 so, and both ends within 64 bits.
LIMIT = 2**31
BOUND_SHIFT = 31
_GROWTH_MASK = 2**BOUND_SHIFT - 1
_GRACE_S = 5
_STATUSES = ("UNKNOWN", "SYNCHRONIZED", "FREE_RUNNING", "DISRUPTED")
_STATUSES_COUNT = {1: 3, 2: 4}


def _age_s(number: int) -> int:
    """Whole seconds since as_of: within the grace for every third record."""
    return number // 3 % _GRACE_S if number % 3 == 0 else _GRACE_S + number * 41 % 983


def _as_of_rest_ns(number: int) -> int:
    return number * 123_456_789 % MONOTONIC_REST_NS


def _drift_ppb(number: int) -> int:
    return 1_000_000 + number * 7919 % 1_000_003


def record(number: int, layout: int, byte_order: ByteOrder, generation: int = 0) -> bytes:
    """The segment of ``number``, from FIRST to LIMIT."""
    mark = "<" if byte_order == "little" else ">"
    rest_ns = _as_of_rest_ns(number)
    # Long ago, far off, and one step to each side of the reading.
    void_after = (
        (MONOTONIC_S - 1, rest_ns),
        (MONOTONIC_S + 1, rest_ns),
        (MONOTONIC_S, MONOTONIC_REST_NS),
        (MONOTONIC_S, MONOTONIC_REST_NS + 1),
    )[number & 3]
    head = (MAGIC_0, MAGIC_1, SIZE_BYTES[layout], layout, generation)
    times = (MONOTONIC_S - _age_s(number), rest_ns, *void_after, number << BOUND_SHIFT)
    status = number // 7 % _STATUSES_COUNT[layout]
    if layout == 1:
        return struct.pack(mark + "IIIHHqqqqqI4xi4x", *head, *times, _drift_ppb(number), status)
    marker = MARKER if number % 5 else MARKER ^ number
    fields = (marker, _drift_ppb(number), status, number & 1)
    return struct.pack(mark + "IIIHHqqqqqQIiB7x", *head, *times, *fields)


def growth_ns(number: int) -> int:
    """How much the bound of the record has grown at the reading."""
    elapsed_ns = _age_s(number) * SECOND_NS + MONOTONIC_REST_NS - _as_of_rest_ns(number)
    return -(-elapsed_ns * _drift_ppb(number) // SECOND_NS)


def status(number: int, layout: int) -> str:
    """The status that the record has at the reading."""
    if layout == 2 and number & 1 and number % 5 == 0:
        return "UNKNOWN"  # the marker is another one than the page's
    name = _STATUSES[number // 7 % _STATUSES_COUNT[layout]]
    if name in ("UNKNOWN", "DISRUPTED") or number % 3 == 0:
        return name
    return "FREE_RUNNING" if number & 1 else "UNKNOWN"


def answer(number: int, layout: int) -> str:
    """What a client answers to the readings when it has the record: ``EARLIEST_NS LATEST_NS STATUS``."""
    bound_ns = (number << BOUND_SHIFT) + growth_ns(number)
    return f"{REALTIME_NS - bound_ns} {REALTIME_NS + bound_ns} {status(number, layout)}"


def number_of(words: str, layout: int) -> int | None:
    """The number of the record that gives this answer; None where no record does."""
    latest_ns = int(words.split(" ", 2)[1])
    number = (latest_ns - REALTIME_NS) >> BOUND_SHIFT
    return number if FIRST <= number < LIMIT and words == answer(number, layout) else None


def described(words: str, layout: int) -> str:
    """What is wrong with an answer that belongs to no record."""
    earliest_ns, latest_ns, _ = words.split(" ")
    if int(earliest_ns) + int(latest_ns) != 2 * REALTIME_NS:
        return f"{words}: the ends aren't equally far from the reading of CLOCK_REALTIME"
    bound_ns = int(latest_ns) - REALTIME_NS
    number, grown_ns = bound_ns >> BOUND_SHIFT, bound_ns & _GROWTH_MASK
    if not FIRST <= number < LIMIT:
        return f"{words}: no record has such a bound"
    if grown_ns != growth_ns(number):
        return (
            f"{words}: the bound of record {number}, grown by {grown_ns} ns; with its own as_of and drift it is "
            f"{growth_ns(number)} ns: parts of several records were mixed"
        )
    return f"{words}: the interval of record {number}, whose status is {status(number, layout)}"
