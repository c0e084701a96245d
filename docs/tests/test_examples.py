"""The example programs do what the pages say."""

from __future__ import annotations

import functools
import importlib
import runpy
import time
from pathlib import Path

import clockbound_client
import pytest
from segments import STATUSES, write_segment


def monotonic_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


@pytest.fixture
def run_now(examples: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Runs now.py, which opens the default segment, with another default."""

    def run(**changes: int) -> None:
        path = write_segment(tmp_path / "shm0", as_of_ns=monotonic_ns(), **changes)
        monkeypatch.setattr(
            clockbound_client,
            "ClockBoundClient",
            functools.partial(clockbound_client.ClockBoundClient, str(path)),
        )
        runpy.run_path(str(examples / "now.py"))

    return run


def test_now_prints_an_interval_around_the_system_clock(run_now, capsys: pytest.CaptureFixture[str]) -> None:
    before_ns = time.time_ns()
    run_now()
    after_ns = time.time_ns()
    first, second, third = capsys.readouterr().out.splitlines()
    earliest_ns, latest_ns = int(first.split()[-1]), int(second.split()[1])
    assert 2 * before_ns <= earliest_ns + latest_ns <= 2 * after_ns
    assert latest_ns - earliest_ns >= 2 * 253_056
    assert third.startswith(f"a window of {latest_ns - earliest_ns} ns; ")
    assert third.endswith("SYNCHRONIZED")


@pytest.mark.parametrize("status", ["UNKNOWN", "DISRUPTED"])
def test_now_prints_no_interval_when_the_clock_cannot_be_relied_on(
    run_now, capsys: pytest.CaptureFixture[str], status: str
) -> None:
    run_now(clock_status=STATUSES[status])
    assert capsys.readouterr().out == f"the clock can't be relied on now: {status}\n"


def test_an_event_that_ended_before_the_other_began_happened_before(examples: Path, tmp_path: Path) -> None:
    order = importlib.import_module("order")
    path = write_segment(tmp_path / "shm0", as_of_ns=0, bound_ns=1000, max_drift_ppb=0)
    with clockbound_client.ClockBoundClient(str(path)) as clock:
        a, touching, later = (clock.now_at(realtime_ns=at_ns, monotonic_ns=0) for at_ns in (0, 2000, 2001))
    assert order.happened_before(a, later)
    assert not order.happened_before(a, touching)
    assert not order.happened_before(later, a)


def test_a_clock_that_cannot_be_relied_on_gives_no_timestamp(examples: Path, tmp_path: Path) -> None:
    order = importlib.import_module("order")
    path = write_segment(tmp_path / "shm0", as_of_ns=monotonic_ns(), clock_status=STATUSES["UNKNOWN"])
    with (
        clockbound_client.ClockBoundClient(str(path)) as clock,
        pytest.raises(RuntimeError, match=f"{path}.*UNKNOWN"),
    ):
        order.stamp(clock)


def test_each_error_of_the_example_is_told_apart(examples: Path, tmp_path: Path) -> None:
    errors = importlib.import_module("errors")
    path = tmp_path / "shm0"
    assert errors.width_or_reason(str(path)) == "no segment: is the daemon running?"
    path.write_bytes(b"")
    assert errors.width_or_reason(str(path)) == "not a segment, or never written"
    write_segment(path, as_of_ns=monotonic_ns() + 10**12)
    assert errors.width_or_reason(str(path)).startswith("CAUSALITY_BREACH: ")
    write_segment(path, as_of_ns=monotonic_ns())
    assert errors.width_or_reason(str(path)).endswith(" ns")


def test_the_worked_example_has_the_numbers_of_the_page(examples: Path, tmp_path: Path) -> None:
    worked_example = importlib.import_module("worked_example")
    path = write_segment(tmp_path / "shm0", as_of_ns=1000 * 10**9)
    ends = worked_example.interval_of_the_example(str(path))
    assert ends == (1767225600123086449, 1767225600123827129)
