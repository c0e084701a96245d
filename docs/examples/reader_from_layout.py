"""A reader that takes all its knowledge of bytes from spec/layout.json. For understanding, not for production."""

import json
import struct
from pathlib import Path
from typing import Any

NANOSECONDS_PER_SECOND = 1_000_000_000
LETTERS = {"u8": "B", "u16": "H", "u32": "I", "u64": "Q", "i32": "i", "i64": "q"}


class Refused(Exception):
    """The name of an error kind."""


def read(segment: Path, layout_json: Path, realtime_ns: int, monotonic_ns: int) -> tuple[int, int, str]:
    """earliest_ns, latest_ns and status at two clock readings that were taken after this call began."""
    spec = json.loads(layout_json.read_text())
    return interval(spec, snapshot(spec, segment), realtime_ns, monotonic_ns)


def snapshot(spec: dict[str, Any], path: Path) -> dict[str, int]:
    """The fields of a consistent copy of the segment."""
    for _ in range(spec["limits"]["READ_ATTEMPTS_COUNT"]["value"]):
        data = path.read_bytes()
        layout = checked_layout(spec, data)
        fields = decode(layout, data)
        # The second look: the file is read again, because the copy may be half of one update and half of another.
        if fields["generation"] % 2 == 0 and decode(layout, path.read_bytes()) == fields:
            return fields
    raise Refused("SEGMENT_NOT_INITIALIZED")


def checked_layout(spec: dict[str, Any], data: bytes) -> dict[str, Any]:
    """The layout that the segment says it has; rules open.*"""
    layouts = {
        constant(layout, "version"): layout for layout in spec["layouts"].values() if is_segment(layout)
    }
    some = layouts[1]
    magic = next(field for field in some["fields"] if field["name"] == "magic")
    header_bytes = next(field for field in some["fields"] if field["name"] == "as_of_sec")["offset_bytes"]
    if len(data) < header_bytes or struct.unpack_from("=2I", data) != tuple(magic["valid"]["value"]):
        raise Refused("SEGMENT_NOT_INITIALIZED")
    header = decode({"fields": [f for f in some["fields"] if f["offset_bytes"] < header_bytes]}, data)
    if header["version"] == 0 or header["generation"] == 0:
        raise Refused("SEGMENT_NOT_INITIALIZED")
    if header["version"] not in layouts:
        raise Refused("SEGMENT_VERSION_NOT_SUPPORTED")
    layout: dict[str, Any] = layouts[header["version"]]
    if header["segment_size"] < layout["size_bytes"] or len(data) < header["segment_size"]:
        raise Refused("SEGMENT_MALFORMED")
    return layout


def is_segment(layout: dict[str, Any]) -> bool:
    return bool(layout["record"] == "segment_record")


def constant(layout: dict[str, Any], name: str) -> int:
    value = next(field for field in layout["fields"] if field["name"] == name)["valid"]["value"]
    assert isinstance(value, int)
    return value


def decode(layout: dict[str, Any], data: bytes) -> dict[str, int]:
    """Every field that is a single integer; the others are constants and reserved bytes."""
    return {
        field["name"]: struct.unpack_from("=" + LETTERS[field["type"]], data, field["offset_bytes"])[0]
        for field in layout["fields"]
        if field["count"] == 0 and field["valid"]["kind"] != "reserved"
    }


def interval(
    spec: dict[str, Any], fields: dict[str, int], realtime_ns: int, monotonic_ns: int
) -> tuple[int, int, str]:
    """From snapshot to interval; rules bound.*, interval.* and status.*"""
    limit = {name: entry["value"] for name, entry in spec["limits"].items()}
    statuses = {member["value"]: member["name"] for member in spec["enumerations"]["ClockStatus"]["members"]}
    if fields["version"] == 1:
        del statuses[3]  # layout 1 has no DISRUPTED

    as_of_ns = joined_ns(fields["as_of_sec"], fields["as_of_nsec"])
    void_after_ns = joined_ns(fields["void_after_sec"], fields["void_after_nsec"])
    if fields["bound_ns"] < 0 or fields["max_drift_ppb"] >= limit["DRIFT_LIMIT_PPB"]:
        raise Refused("SEGMENT_MALFORMED")
    if fields["clock_status"] not in statuses:
        raise Refused("SEGMENT_MALFORMED")

    elapsed_ns = monotonic_ns - as_of_ns
    if elapsed_ns <= -limit["CAUSALITY_TOLERANCE_NS"]:
        raise Refused("CAUSALITY_BREACH")
    s, ns = divmod(max(elapsed_ns, 0), NANOSECONDS_PER_SECOND)
    growth_ns = s * fields["max_drift_ppb"] - (-ns * fields["max_drift_ppb"] // NANOSECONDS_PER_SECOND)
    bound_ns = fits_int64(fields["bound_ns"] + growth_ns)

    status = statuses[fields["clock_status"]]
    if status in ("SYNCHRONIZED", "FREE_RUNNING") and monotonic_ns >= as_of_ns + limit["GRACE_NS"]:
        status = "FREE_RUNNING" if monotonic_ns < void_after_ns else "UNKNOWN"
    return fits_int64(realtime_ns - bound_ns), fits_int64(realtime_ns + bound_ns), status


def joined_ns(sec: int, nsec: int) -> int:
    if not 0 <= nsec < NANOSECONDS_PER_SECOND:
        raise Refused("SEGMENT_MALFORMED")
    return fits_int64(sec * NANOSECONDS_PER_SECOND + nsec)


def fits_int64(value: int) -> int:
    """Python's integers never overflow; those of other languages do, so it is checked here."""
    if not -(2**63) <= value < 2**63:
        raise Refused("SEGMENT_MALFORMED")
    return value
