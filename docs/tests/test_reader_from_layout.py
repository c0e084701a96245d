"""The reader that knows only layout.json gives the client's answers."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from clockbound_client import ClockBoundClient, ClockBoundError
from segments import STATUSES, write_segment

AS_OF_NS = 1_000_000_000_001
REALTIME_NS = 1_767_225_600_123_456_789
GRACE_NS = 5 * 10**9

AGES_NS = [-1000, -999, 0, 1, 2_345_678_901, GRACE_NS - 1, GRACE_NS, 1000 * 10**9 - 1, 1000 * 10**9]
CHANGES: list[dict[str, Any]] = [
    *({"clock_status": status} for status in (*STATUSES.values(), 4, -1)),
    {"bound_ns": 0},
    {"bound_ns": -1},
    {"bound_ns": 2**63 - 1},
    {"max_drift_ppb": 999_999_999},
    {"max_drift_ppb": 1_000_000_000},
    {"as_of": {"sec": 1000, "nsec": 1_000_000_000}},
    {"void_after": {"sec": 2**62, "nsec": 0}},
    {"generation": 0},
    {"version": 0},
    {"version": 3},
    {"segment_size": 64},
    {"segment_size": 4096},
    {"magic": [0x4E5A4D41, 0x00024243]},
]


@pytest.fixture
def reader(examples: Path) -> ModuleType:
    return importlib.import_module("reader_from_layout")


def client_says(path: Path, monotonic_ns: int) -> tuple[int, int, str] | str:
    try:
        with ClockBoundClient(str(path)) as client:
            interval = client.now_at(realtime_ns=REALTIME_NS, monotonic_ns=monotonic_ns)
    except ClockBoundError as error:
        return error.kind.name
    return interval.earliest_ns, interval.latest_ns, interval.status.name


def reader_says(reader: ModuleType, docs: Path, path: Path, monotonic_ns: int) -> tuple[int, int, str] | str:
    try:
        return reader.read(path, docs.parent / "spec" / "layout.json", REALTIME_NS, monotonic_ns)
    except reader.Refused as refused:
        return str(refused)


@pytest.mark.parametrize("layout", [1, 2])
@pytest.mark.parametrize("age_ns", AGES_NS)
def test_it_agrees_with_the_client_at_every_age(
    reader: ModuleType, docs: Path, tmp_path: Path, layout: int, age_ns: int
) -> None:
    path = write_segment(tmp_path / "shm", layout=layout, as_of_ns=AS_OF_NS)
    assert reader_says(reader, docs, path, AS_OF_NS + age_ns) == client_says(path, AS_OF_NS + age_ns)


@pytest.mark.parametrize("layout", [1, 2])
@pytest.mark.parametrize("changes", CHANGES, ids=str)
def test_it_agrees_with_the_client_on_every_segment(
    reader: ModuleType, docs: Path, tmp_path: Path, layout: int, changes: dict[str, Any]
) -> None:
    path = write_segment(tmp_path / "shm", layout=layout, as_of_ns=AS_OF_NS, **changes)
    assert reader_says(reader, docs, path, AS_OF_NS + 1) == client_says(path, AS_OF_NS + 1)


@pytest.mark.parametrize("length_bytes", [0, 15, 16, 71])
def test_it_agrees_with_the_client_on_a_file_that_is_cut_off(
    reader: ModuleType, docs: Path, tmp_path: Path, length_bytes: int
) -> None:
    path = write_segment(tmp_path / "shm", as_of_ns=AS_OF_NS)
    path.write_bytes(path.read_bytes()[:length_bytes])
    assert reader_says(reader, docs, path, AS_OF_NS) == client_says(path, AS_OF_NS)
