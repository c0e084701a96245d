"""What a cycle costs that can be counted, whatever else the machine does; `bench/cycle.py` measures the rest."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

import clockbound_daemon
import pytest
from clockbound_daemon import candm
from clockbound_daemon._layout import ClockStatus
from clockbound_daemon.segment import SegmentWriter
from clockbound_daemon.status import initial_state, record
from clockbound_daemon.vmclock import VmclockPage
from daemon_support import MONOTONIC_NS, SECOND_NS, FakeSignals, reply, tracking
from test_service import Logged, Stage

OURS = str(Path(clockbound_daemon.__file__).parent)
#: Calls of Python functions in a cycle of 1 s on a host without a VMClock page: 33. More than this is a new habit, which
#: has to be worth a fiftieth of the budget a call.
CALLS_LIMIT_COUNT = 36


@pytest.fixture
def stage() -> Iterator[Stage]:
    logged = Logged()
    yield Stage(logged.write, signals=FakeSignals(), vmclock=VmclockPage("/nowhere/vmclock0"))
    logged.close()


def ten_seconds(stage: Stage) -> tuple[int, int]:
    """How often it publishes and turns while chronyd answers."""
    published_count, turns_count = len(stage.published), stage.turns_count
    stage.answer(*[tracking()] * 10)
    stage.run_until(stage.clock.monotonic - MONOTONIC_NS + 10 * SECOND_NS)
    assert stage.last.clock_status == ClockStatus.SYNCHRONIZED
    return len(stage.published) - published_count, stage.turns_count - turns_count


@pytest.mark.parametrize("at_ns", [0, 123_456_789, 999_999_999])
def test_a_publish_and_two_turns_a_second_are_enough_after_a_disruption_too(stage: Stage, at_ns: int) -> None:
    stage.answer(tracking(), tracking())
    stage.run_until(SECOND_NS + SECOND_NS // 2)
    stage.clock.advance(at_ns % (SECOND_NS // 2))
    stage.clock.step(1)
    stage.answer(*[tracking()] * 5)
    stage.run_until(5 * SECOND_NS + SECOND_NS // 2)
    assert ten_seconds(stage) == (10, 1 + 2 * 10)  # one turn to begin with


def test_a_publish_and_two_turns_a_second_are_enough_after_a_silence_too(stage: Stage) -> None:
    stage.answer(*[None] * 20, *[tracking()] * 2)
    stage.run_until(21 * SECOND_NS + SECOND_NS // 2)
    assert ten_seconds(stage) == (10, 1 + 2 * 10)  # one turn to begin with


def test_a_cycle_calls_few_functions(stage: Stage, run_dir: Path) -> None:
    first = record(initial_state(MONOTONIC_NS), max_drift_ppb=50_000)
    writer = SegmentWriter(str(run_dir), first)
    stage.service._publish_record = writer.publish  # the real one, which is part of a cycle
    datagram = reply(sequence=7)
    called: list[str] = []

    def note(frame: FrameType, event: str, argument: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(OURS):
            called.append(frame.f_code.co_qualname)

    stage.answer(*[tracking()] * 12)
    stage.run_until(SECOND_NS + SECOND_NS // 2)
    previous = sys.getprofile()
    sys.setprofile(note)
    try:
        stage.run_until(11 * SECOND_NS + SECOND_NS // 2)
        for _ in range(10):
            candm.tracking(datagram, (7).to_bytes(4, "big"))
    finally:
        sys.setprofile(previous)
        writer.close()
    assert called.count("SegmentWriter.publish") == 10
    assert 10 * 30 < len(called) <= 10 * CALLS_LIMIT_COUNT, sorted(
        called, key=lambda name: -called.count(name)
    )
