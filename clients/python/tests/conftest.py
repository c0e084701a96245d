"""Every test that takes `impl` runs once on the compiled and once on the pure implementation."""

from __future__ import annotations

import mmap
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import clockbound_client._core
import clockbound_client._interval
import pytest
from clockbound_spec.segment import SEGMENT_V1, SEGMENT_V2
from clockbound_spec.vmclock import VMCLOCK

S = 1_000_000_000
REALTIME_NS = 1_700_000_000 * S


@dataclass(frozen=True)
class Implementation:
    """The classes of one implementation."""

    name: str
    ClockBoundClient: Any
    Interval: Any
    TaiInterval: Any


IMPLEMENTATIONS = [
    Implementation(
        "c",
        clockbound_client._core.ClockBoundClient,
        clockbound_client._core.Interval,
        clockbound_client._core.TaiInterval,
    )
]
HAS_PURE = os.uname().machine == "x86_64"  # elsewhere importing it fails
if HAS_PURE:
    import clockbound_client._pure

    IMPLEMENTATIONS.append(
        Implementation(
            "python",
            clockbound_client._pure.ClockBoundClient,
            clockbound_client._interval.Interval,
            clockbound_client._interval.TaiInterval,
        )
    )


needs_pure = pytest.mark.skipif(
    not HAS_PURE,
    reason="no pure implementation on this processor: it and what goes over to it were not tested",
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


def live_bytes(layout: int = 2, *, age_ns: int = 0, **changes: Any) -> bytes:
    """A segment of this moment, or of `age_ns` ago: as `segment_bytes`, but with no drift."""
    as_of_ns = time.monotonic_ns() - age_ns
    times = {
        "as_of": {"sec": as_of_ns // S, "nsec": as_of_ns % S},
        "void_after": {"sec": as_of_ns // S + 1000, "nsec": 0},
    }
    return segment_bytes(layout, **{"max_drift_ppb": 0} | times | changes)


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


class Live:
    """A client of a segment that the test goes on publishing."""

    def __init__(self, client: Any, mapping: mmap.mmap, path: Path) -> None:
        self.client = client
        self.mapping = mapping
        self.path = path

    def publish(self, **changes: Any) -> None:
        clockbound_client._core.publish(self.mapping, live_bytes(**changes))


@pytest.fixture
def live(impl: Implementation, write: Callable[..., Path], writable: Any) -> Any:
    """A client of a live segment, by `live_bytes`."""
    path = write(live_bytes())
    with impl.ClockBoundClient(path) as client:
        yield Live(client, writable(path), path)


def run_python(
    code: str, implementation: str | None, *arguments: object, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Runs code in a new interpreter, in which warnings are errors; None leaves the choice of the implementation to it."""
    inherited = {name: value for name, value in os.environ.items() if name != "CLOCKBOUND_IMPLEMENTATION"}
    if implementation is not None:
        environment["CLOCKBOUND_IMPLEMENTATION"] = implementation
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code, *map(str, arguments)],
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
