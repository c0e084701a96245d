"""Every test that takes `impl` runs once on the compiled and once on the pure implementation."""

from __future__ import annotations

import mmap
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import clockbound_client._core
import clockbound_client._interval
import clockbound_client._pure
import pytest
from clockbound_spec.segment import SEGMENT_V1, SEGMENT_V2
from clockbound_spec.vmclock import VMCLOCK

S = 1_000_000_000
REALTIME_NS = 1_700_000_000 * S


@dataclass(frozen=True)
class Implementation:
    """The two classes of one implementation."""

    name: str
    ClockBoundClient: Any
    Interval: Any


IMPLEMENTATIONS = (
    Implementation("c", clockbound_client._core.ClockBoundClient, clockbound_client._core.Interval),
    Implementation("python", clockbound_client._pure.ClockBoundClient, clockbound_client._interval.Interval),
)


@pytest.fixture(params=IMPLEMENTATIONS, ids=lambda implementation: implementation.name)
def impl(request: pytest.FixtureRequest) -> Implementation:
    return request.param


def segment_bytes(layout: int = 2, **changes: Any) -> bytes:
    """A segment built by construct: as_of 100 s, void_after 1100 s, bound 1 ms, 50 ppm, SYNCHRONIZED."""
    values: dict[str, Any] = {
        "generation": 2,
        "as_of": {"sec": 100, "nsec": 0},
        "void_after": {"sec": 1100, "nsec": 0},
        "bound_ns": 1_000_000,
        "disruption_marker": 0,
        "max_drift_ppb": 50_000,
        "clock_status": 1,
        "clock_disruption_support_enabled": 0,
    }
    return (SEGMENT_V1 if layout == 1 else SEGMENT_V2).build(values | changes)


def page_bytes(**changes: Any) -> bytes:
    """A VMClock page built by construct."""
    values: dict[str, Any] = {field.name: 0 for field in VMCLOCK.subcons if field.name != "padding"}
    values |= {"magic": 0x4B4C4356, "size": 104, "version": 1}
    return VMCLOCK.build(values | changes)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Writes bytes to a new file under a name; one that was there is replaced, not truncated."""

    def write_file(content: bytes, name: str = "shm0") -> Path:
        path = tmp_path / name
        path.unlink(missing_ok=True)
        path.write_bytes(content)
        return path

    return write_file


@pytest.fixture
def writable() -> Any:
    """Maps a file for writing; unmapped when the test ends."""
    mappings = []

    def map_file(path: Path) -> mmap.mmap:
        with path.open("r+b") as file:
            mappings.append(mmap.mmap(file.fileno(), 0))
        return mappings[-1]

    yield map_file
    for mapping in mappings:
        mapping.close()
