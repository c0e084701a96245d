"""Segments for the examples, built by the spec's own declarations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from clockbound_spec.segment import SEGMENT_V1, SEGMENT_V2

STATUSES = {"UNKNOWN": 0, "SYNCHRONIZED": 1, "FREE_RUNNING": 2, "DISRUPTED": 3}
LAYOUTS = {1: SEGMENT_V1, 2: SEGMENT_V2}


def write_segment(path: Path, *, layout: int = 2, as_of_ns: int, **changes: Any) -> Path:
    """A stable segment whose bound is 253056 ns at `as_of_ns`, with 50 ppm, unless `changes` say otherwise."""
    sec, nsec = divmod(as_of_ns, 10**9)
    fields: dict[str, Any] = {
        "generation": 2,
        "as_of": {"sec": sec, "nsec": nsec},
        "void_after": {"sec": sec + 1000, "nsec": nsec},
        "bound_ns": 253_056,
        "max_drift_ppb": 50_000,
        "clock_status": STATUSES["SYNCHRONIZED"],
    }
    if layout == 2:
        fields |= {"disruption_marker": 0, "clock_disruption_support_enabled": 0}
    path.write_bytes(LAYOUTS[layout].build(fields | changes))
    return path
