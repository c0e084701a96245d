"""The example programs do what the pages say."""

from __future__ import annotations

import functools
import importlib
import os
import re
import runpy
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import clockbound_client
import pytest
from clockbound_client import ClockBoundClient, ClockNotTrustedError, ClockStatus, ErrorBoundTooLargeError
from conftest import IMPLEMENTATIONS
from segments import STATUSES, write_segment


def monotonic_ns() -> int:
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC)


@pytest.fixture
def default_segment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Writes a segment, and makes it the one that is opened where none is named."""

    def write(**changes: int) -> Path:
        path = write_segment(tmp_path / "shm0", as_of_ns=monotonic_ns(), **changes)
        monkeypatch.setattr(clockbound_client, "ClockBoundClient", functools.partial(ClockBoundClient, path))
        return path

    return write


def test_now_prints_an_interval_around_the_system_clock(
    examples: Path, default_segment: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    default_segment()
    before_ns = time.time_ns()
    runpy.run_path(str(examples / "now.py"))
    after_ns = time.time_ns()
    first, second, third = capsys.readouterr().out.splitlines()
    earliest_ns, latest_ns = int(first.split()[-1]), int(second.split()[1])
    assert 2 * before_ns <= earliest_ns + latest_ns <= 2 * after_ns
    assert latest_ns - earliest_ns >= 2 * 253_056
    assert third.startswith(f"a window of {latest_ns - earliest_ns} ns; ")
    assert third.endswith("SYNCHRONIZED")


@pytest.mark.parametrize("status", ["UNKNOWN", "DISRUPTED"])
def test_now_prints_no_interval_when_the_clock_cannot_be_relied_on(
    examples: Path, default_segment: Callable[..., Path], capsys: pytest.CaptureFixture[str], status: str
) -> None:
    default_segment(clock_status=STATUSES[status])
    runpy.run_path(str(examples / "now.py"))
    assert capsys.readouterr().out == f"the clock can't be relied on now: {status}\n"


def test_ask_gets_all_answers_from_a_good_clock(
    examples: Path, default_segment: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    default_segment()
    runpy.run_path(str(examples / "ask.py"))
    assert [line.split()[:3] for line in capsys.readouterr().out.splitlines()] == [
        ["it", "is", "certainly"],
        ["it", "has", "not"],
        ["whatever", "happens", "from"],
    ]


@pytest.mark.parametrize(
    ("changes", "error", "printed_count"),
    [
        ({"clock_status": STATUSES["UNKNOWN"]}, ClockNotTrustedError, 0),
        ({"bound_ns": 10_000_001}, ErrorBoundTooLargeError, 2),
    ],
)
def test_ask_gets_an_exception_where_the_clock_is_not_good_enough(
    examples: Path,
    default_segment: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, int],
    error: type[Exception],
    printed_count: int,
) -> None:
    default_segment(**changes)
    with pytest.raises(error):
        runpy.run_path(str(examples / "ask.py"))
    assert capsys.readouterr().out.count("\n") == printed_count


def test_an_event_that_ended_before_the_other_began_happened_before(examples: Path, tmp_path: Path) -> None:
    order = importlib.import_module("order")
    path = write_segment(tmp_path / "shm0", as_of_ns=0, bound_ns=1000, max_drift_ppb=0)
    with ClockBoundClient(path) as clock:
        a, overlapping, touching, later = (
            clock.now_at(realtime_ns=at_ns, monotonic_ns=0) for at_ns in (0, 1999, 2000, 2001)
        )
    assert order.first(a, later) is a
    assert order.first(later, a) is a
    for other in (overlapping, touching):
        assert order.first(a, other) is None
        assert order.first(other, a) is None


def test_a_stamp_is_the_interval_that_was_sent(examples: Path, tmp_path: Path) -> None:
    order = importlib.import_module("order")
    path = write_segment(tmp_path / "shm0", as_of_ns=monotonic_ns())
    with ClockBoundClient(path) as clock:
        before, stamp, after = clock.now(), order.received(order.stamp(clock)), clock.now()
    assert before.earliest_ns <= stamp.latest_ns
    assert stamp.earliest_ns <= after.latest_ns
    assert stamp.width_ns >= 2 * 253_056
    assert stamp.status is ClockStatus.SYNCHRONIZED


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"clock_status": STATUSES["UNKNOWN"]}, ClockNotTrustedError),
        ({"bound_ns": 10_000_001}, ErrorBoundTooLargeError),
    ],
)
def test_a_clock_that_is_not_good_enough_gives_no_stamp(
    examples: Path, tmp_path: Path, changes: dict[str, int], error: type[Exception]
) -> None:
    order = importlib.import_module("order")
    path = write_segment(tmp_path / "shm0", as_of_ns=monotonic_ns(), **changes)
    with ClockBoundClient(path) as clock, pytest.raises(error, match=str(path)):
        order.stamp(clock)


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_the_tests_of_the_lease_pass_beside_the_lease_alone(
    examples: Path, tmp_path: Path, implementation: str
) -> None:
    for name in ("lease.py", "test_lease.py"):
        shutil.copy(examples / name, tmp_path)
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-W", "error", "-p", "no:cacheprovider", "-q"],
        cwd=tmp_path,
        env=os.environ | {"CLOCKBOUND_IMPLEMENTATION": implementation},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (result.returncode, result.stderr) == (0, ""), result.stdout


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


@pytest.mark.parametrize("page", ["README.md", "clients/python/README.md"])
def test_the_python_lines_of_a_readme_run(
    docs: Path,
    tmp_path: Path,
    default_segment: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    page: str,
) -> None:
    default_segment()
    blocks = re.findall(r"^```python\n(.*?)^```$", (docs.parent / page).read_text(), re.MULTILINE | re.DOTALL)
    program = tmp_path / "readme.py"
    program.write_text("".join(blocks))
    runpy.run_path(str(program))
    assert capsys.readouterr().out.startswith("true time lies between ")
