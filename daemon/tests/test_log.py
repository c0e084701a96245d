"""Log lines: one an event, for people or machines, never waited for, and not repeated every second."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from clockbound_daemon.log import Damper, Log, is_journal

SECOND_NS = 1_000_000_000


class Pipe(NamedTuple):
    read: int
    write: int

    def text(self) -> str:
        return os.read(self.read, 1 << 20).decode()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    both = Pipe(*os.pipe())
    os.set_blocking(both.read, False)
    yield both
    os.close(both.read)
    os.close(both.write)


def fill(pipe: Pipe) -> None:
    os.set_blocking(pipe.write, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(pipe.write, b"." * 4096)
    os.set_blocking(pipe.write, True)


def test_an_event_is_a_line_of_text(pipe: Pipe) -> None:
    Log(descriptor=pipe.write).info("status", "all is well", bound_ns=5)
    assert pipe.text() == "clockbound: all is well\n"


def test_what_is_wrong_is_marked_as_such(pipe: Pipe) -> None:
    Log(descriptor=pipe.write).warning("status", "not so well")
    assert pipe.text() == "clockbound: warning: not so well\n"


def test_an_event_is_a_json_object_with_its_numbers(pipe: Pipe) -> None:
    Log(json_output=True, descriptor=pipe.write).warning(
        "status", 'a "quoted" é', bound_ns=5, status="UNKNOWN"
    )
    line = pipe.text()
    assert line.count("\n") == 1
    event = json.loads(line)
    assert event.pop("time").endswith("Z")
    assert event == {
        "level": "warning",
        "event": "status",
        "message": 'a "quoted" é',
        "bound_ns": 5,
        "status": "UNKNOWN",
    }


@pytest.mark.parametrize("journal", [False, True])
@pytest.mark.parametrize("json_output", [False, True])
def test_an_event_stays_one_line_whatever_is_in_it(pipe: Pipe, json_output: bool, journal: bool) -> None:
    events = Log(json_output=json_output, descriptor=pipe.write, journal=journal)
    for length in (10_000, *range(3850, 4100)):  # around the limit
        events.info("event", "/tmp/a\nb\udcff" + "x" * length)
        line = pipe.text()
        assert line.count("\n") == 1
        assert len(line.encode()) <= 4096
        if json_output:
            assert json.loads(line.removeprefix("<6>"))["event"] == "event"


@pytest.mark.parametrize("json_output", [False, True])
def test_journald_gets_the_priority_before_the_line(pipe: Pipe, json_output: bool) -> None:
    events = Log(json_output=json_output, descriptor=pipe.write, journal=True)
    events.info("event", "one")
    events.warning("event", "two")
    events.error("event", "three")
    assert [line[:3] for line in pipe.text().splitlines()] == ["<6>", "<4>", "<3>"]


def test_only_what_journald_gave_leads_to_journald(pipe: Pipe) -> None:
    status = os.fstat(pipe.write)
    stream = f"{status.st_dev}:{status.st_ino}"
    assert is_journal(stream, pipe.write)
    with open(os.devnull) as elsewhere:  # 2>/dev/null below a service
        assert not is_journal(stream, elsewhere.fileno())
        closed = os.dup(elsewhere.fileno())
    os.close(closed)
    assert not is_journal(stream, closed)
    assert not is_journal(None, pipe.write)
    assert not is_journal("", pipe.write)
    assert not is_journal("8", pipe.write)


def test_a_reader_that_does_not_read_is_not_waited_for(pipe: Pipe) -> None:
    fill(pipe)
    events = Log(descriptor=pipe.write)
    events.info("event", "one")  # would block here, and the test with it
    events.info("event", "two")
    pipe.text()
    events.info("event", "three")
    assert pipe.text() == "clockbound: three (2 lines before this one were dropped: nobody read them)\n"
    events.info("event", "four")
    assert pipe.text() == "clockbound: four\n"


def test_a_reader_that_has_gone_is_no_error(pipe: Pipe) -> None:
    read, write = os.pipe()
    os.close(read)
    Log(descriptor=write).info("event", "to nobody")
    os.close(write)
    Log(descriptor=write).info("event", "to nothing")


def test_repeated_reports_come_at_doubling_intervals_up_to_an_hour() -> None:
    damper = Damper()
    admitted_s = [s for s in range(16_000) if damper.admit("cause", s * SECOND_NS) is not None]
    assert admitted_s == [0, 1, 3, 7, 15, 31, 63, 127, 255, 511, 1023, 2047, 4095, 7695, 11295, 14895]


def test_a_report_tells_how_many_were_held_back() -> None:
    damper = Damper()
    told = [damper.admit("cause", s * SECOND_NS) for s in range(8)]
    assert told == [0, 0, None, 1, None, None, None, 3]


def test_each_cause_is_damped_by_itself() -> None:
    damper = Damper()
    damper.admit("one", 0)
    assert damper.admit("other", 1) == 0
    assert damper.admit("one", 2) is None


def test_a_cause_that_comes_and_goes_stays_damped() -> None:
    damper = Damper()
    admitted_s = [s for s in range(0, 600, 30) if damper.admit("cause", s * SECOND_NS) is not None]
    assert admitted_s == [0, 30, 60, 90, 120, 150, 210, 300, 450]


def test_a_cause_that_was_away_for_long_is_new_again() -> None:
    damper = Damper()
    for s in range(100):
        damper.admit("cause", s * SECOND_NS)
    assert damper.admit("cause", 500 * SECOND_NS) is not None
    assert damper.admit("cause", 501 * SECOND_NS) is not None
