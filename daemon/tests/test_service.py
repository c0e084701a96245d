"""The loop, with clocks and a chronyd in the test's hand: what is published when, and what is logged."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from clockbound_daemon import phc, status
from clockbound_daemon._layout import UNSYNCHRONISED_BOUND_NS, ClockStatus, SegmentRecord
from clockbound_daemon.candm import Tracking
from clockbound_daemon.chrony import ChronyClient, NoSocketError
from clockbound_daemon.errors import NoSampleError
from clockbound_daemon.log import Log
from clockbound_daemon.service import Service, SystemClock
from clockbound_daemon.signals import Signals
from daemon_support import (
    COARSE_TICK_NS,
    MONOTONIC_NS,
    SAMPLE_BOUND_NS,
    SECOND_NS,
    FakeChronyd,
    FakeClock,
    ScriptedChronyd,
    reply,
    tracking,
)

UNKNOWN, SYNCHRONIZED, FREE_RUNNING = ClockStatus.UNKNOWN, ClockStatus.SYNCHRONIZED, ClockStatus.FREE_RUNNING
ANSWER_NS = 300_000
PHC0 = 0x50484330
GONE = NoSocketError("/run/chrony/chronyd.sock: not found")
SILENCE = None


class Stage:
    """A service with everything around it made up, and time that moves only when it is waited for."""

    def __init__(self, log_descriptor: int, **options: Any) -> None:
        self.clock = FakeClock()
        self.chronyd = ScriptedChronyd(self.clock)
        self.published: list[tuple[int, SegmentRecord]] = []
        self.turns_count = 0
        options = {"poll_interval_ns": SECOND_NS, "clock": self.clock} | options
        self.service = Service(
            initial=status.initial_state(self.clock.monotonic_coarse_ns()),
            client=self.chronyd,  # type: ignore[arg-type]
            publish=lambda record: self.published.append((self.clock.monotonic, record)),
            log=Log(json_output=True, descriptor=log_descriptor),
            max_drift_ppb=50_000,
            **options,
        )

    def answer(self, *answers: Tracking | NoSampleError | None) -> None:
        self.chronyd.answers.extend(answers)

    def run_until(self, since_start_ns: int, late_ns: int = 0) -> None:
        """Turn as `run` does, each time `late_ns` after it was due, until so long after the start."""
        end_ns = MONOTONIC_NS + since_start_ns
        while self.clock.monotonic <= end_ns:
            due_ns = self.service.turn()
            self.turns_count += 1
            if self.chronyd.has_answer:
                due_ns = min(due_ns, self.clock.monotonic + ANSWER_NS)
            assert due_ns > self.clock.monotonic  # or it would never wait
            if due_ns + late_ns > end_ns:
                self.clock.advance(end_ns - self.clock.monotonic)
                return
            self.clock.advance(due_ns + late_ns - self.clock.monotonic)

    @property
    def last(self) -> SegmentRecord:
        return self.published[-1][1]

    def as_of_ns(self) -> int:
        return self.last.as_of_sec * SECOND_NS + self.last.as_of_nsec - MONOTONIC_NS

    def statuses(self) -> list[tuple[int, int]]:
        """Each published status that differs from the one before, with its time since the start."""
        changes: list[tuple[int, int]] = []
        for published_ns, record in self.published:
            if not changes or changes[-1][1] != record.clock_status:
                changes.append((published_ns - MONOTONIC_NS, record.clock_status))
        return changes

    def gaps_ns(self) -> list[int]:
        times = [MONOTONIC_NS, *(published_ns for published_ns, _ in self.published), self.clock.monotonic]
        return [after - before for before, after in pairwise(times)]


class Logged:
    """The events that a stage logged."""

    def __init__(self) -> None:
        self._read, self.write = os.pipe()
        os.set_blocking(self._read, False)

    def events(self) -> list[dict[str, Any]]:
        try:
            return [json.loads(line) for line in os.read(self._read, 1 << 20).decode().splitlines()]
        except BlockingIOError:
            return []

    def close(self) -> None:
        os.close(self._read)
        os.close(self.write)


@pytest.fixture
def logged() -> Iterator[Logged]:
    made = Logged()
    yield made
    made.close()


@pytest.fixture
def stage(logged: Logged) -> Stage:
    return Stage(logged.write)


def test_a_synchronised_answer_is_published_as_soon_as_it_is_there(stage: Stage) -> None:
    stage.answer(tracking())
    stage.run_until(ANSWER_NS)
    assert len(stage.published) == 1
    assert (stage.last.clock_status, stage.last.bound_ns) == (SYNCHRONIZED, SAMPLE_BOUND_NS)
    assert stage.last.max_drift_ppb == 50_000


def test_as_of_is_the_coarse_time_before_chronyd_was_asked(stage: Stage) -> None:
    stage.clock.advance(COARSE_TICK_NS - 1)
    stage.answer(tracking())
    stage.service.turn()
    stage.clock.advance(400_000_000)  # a slow answer
    stage.service.turn()
    assert stage.as_of_ns() == 0
    assert stage.last.clock_status == SYNCHRONIZED


def test_as_of_is_read_from_the_coarse_clock_and_deadlines_from_the_precise_one() -> None:
    # The coarse clock stands still between two ticks; the precise one never does.
    clock = SystemClock()
    coarse_ns = {clock.monotonic_coarse_ns() for _ in range(1000)}
    precise_ns = {clock.monotonic_ns() for _ in range(1000)}
    assert len(coarse_ns) < 100 < len(precise_ns)
    before_ns, coarse, after_ns = clock.monotonic_ns(), clock.monotonic_coarse_ns(), clock.monotonic_ns()
    assert before_ns - 100_000_000 < coarse <= after_ns


def test_chronyd_is_asked_once_a_poll_interval(logged: Logged) -> None:
    stage = Stage(logged.write, poll_interval_ns=SECOND_NS // 4)
    stage.answer(*[tracking()] * 41)
    stage.run_until(10 * SECOND_NS)
    asked_ns = [asked_ns - MONOTONIC_NS for asked_ns in stage.chronyd.asked_monotonic_ns]
    assert asked_ns == [poll * SECOND_NS // 4 for poll in range(41)]


def test_lateness_does_not_add_up(stage: Stage) -> None:
    stage.answer(*[tracking()] * 101)
    stage.run_until(100 * SECOND_NS, late_ns=3_000_000)
    asked_ns = [asked_ns - MONOTONIC_NS for asked_ns in stage.chronyd.asked_monotonic_ns]
    assert asked_ns == [0, *(poll * SECOND_NS + 3_000_000 for poll in range(1, 100))]


def test_polls_that_were_slept_through_are_not_made_up_for(stage: Stage) -> None:
    stage.answer(*[tracking()] * 4)
    stage.run_until(SECOND_NS // 2)
    stage.clock.advance(100 * SECOND_NS)  # stopped, or the machine was suspended
    stage.run_until(102 * SECOND_NS)
    asked_ns = [asked_ns - MONOTONIC_NS for asked_ns in stage.chronyd.asked_monotonic_ns]
    assert asked_ns == [0, 100 * SECOND_NS + SECOND_NS // 2, 101 * SECOND_NS, 102 * SECOND_NS]


def test_one_publish_a_second_is_enough_while_chronyd_answers(stage: Stage) -> None:
    stage.answer(*[tracking()] * 61)
    stage.run_until(60 * SECOND_NS + ANSWER_NS)
    assert len(stage.published) == 61
    assert max(stage.gaps_ns()) == SECOND_NS
    assert stage.turns_count == 2 * 61  # to ask, and to take the answer


@pytest.mark.parametrize("poll_interval_ns", [SECOND_NS // 10, SECOND_NS, 3 * SECOND_NS, 4 * SECOND_NS])
@pytest.mark.parametrize(
    "answers",
    [(SILENCE,), (GONE,), (tracking(),), (tracking(leap_status=3),), (tracking(), SILENCE)],
)
def test_the_segments_are_published_once_a_poll_and_once_a_second_whatever_chronyd_does(
    logged: Logged, poll_interval_ns: int, answers: tuple[Tracking | NoSampleError | None, ...]
) -> None:
    stage = Stage(logged.write, poll_interval_ns=poll_interval_ns)
    stage.answer(*answers * 601)
    stage.run_until(60 * SECOND_NS)
    interval_ns = min(poll_interval_ns, SECOND_NS)
    # 50 ms are what a publish waits for an answer that it could carry
    assert max(stage.gaps_ns()) <= interval_ns + 50_000_000
    assert len(stage.published) >= 60 * SECOND_NS // interval_ns - 1


def test_before_the_first_synchronisation_the_bound_is_100_years_and_not_0(stage: Stage) -> None:
    stage.answer(GONE, SILENCE, tracking(leap_status=3))
    stage.run_until(3 * SECOND_NS - 1)
    assert len(stage.published) >= 3
    for _, record in stage.published:
        assert (record.clock_status, record.bound_ns) == (UNKNOWN, UNSYNCHRONISED_BOUND_NS)
        assert record.as_of_sec == MONOTONIC_NS // SECOND_NS


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(GONE, id="no-chronyd"),
        pytest.param(tracking(root_delay=-1), id="negative-delay"),
        pytest.param(tracking(root_dispersion=-1), id="negative-dispersion"),
        pytest.param(tracking(root_dispersion=2**40), id="absurd-dispersion"),
        pytest.param(tracking(leap_status=9), id="unknown-leap-status"),
    ],
)
def test_without_a_usable_sample_the_clock_is_free_running_until_5_s_after_as_of(
    stage: Stage, failure: Tracking | NoSampleError
) -> None:
    stage.answer(tracking(), *[failure] * 9)
    stage.run_until(8 * SECOND_NS)
    expected = [(0, SYNCHRONIZED), (1, FREE_RUNNING), (5, UNKNOWN)]
    assert [(ns // SECOND_NS, status) for ns, status in stage.statuses()] == expected
    for _, record in stage.published:
        assert (record.as_of_sec, record.bound_ns) == (MONOTONIC_NS // SECOND_NS, SAMPLE_BOUND_NS)


def test_a_sample_from_the_future_is_not_usable(stage: Stage) -> None:
    stage.chronyd.fresh = False
    ahead_ns = stage.clock.realtime + 60 * SECOND_NS
    stage.answer(tracking(), tracking(ref_time_ns=ahead_ns))
    stage.run_until(SECOND_NS + ANSWER_NS)
    assert [status for _, status in stage.statuses()] == [SYNCHRONIZED, FREE_RUNNING]


def test_a_change_that_time_alone_makes_is_published_at_once(logged: Logged) -> None:
    stage = Stage(logged.write, poll_interval_ns=4 * SECOND_NS)
    stage.answer(tracking(), SILENCE, SILENCE)
    stage.run_until(7 * SECOND_NS)
    assert stage.statuses() == [
        (ANSWER_NS, SYNCHRONIZED),
        (4 * SECOND_NS + SECOND_NS // 2, FREE_RUNNING),
        (5 * SECOND_NS, UNKNOWN),
    ]


def test_an_answer_is_waited_for_half_a_second(stage: Stage) -> None:
    stage.answer(tracking(), SILENCE, tracking())
    stage.run_until(3 * SECOND_NS - 1)
    assert [(ns, status) for ns, status in stage.statuses()] == [
        (ANSWER_NS, SYNCHRONIZED),
        (SECOND_NS + SECOND_NS // 2, FREE_RUNNING),
        (2 * SECOND_NS + ANSWER_NS, SYNCHRONIZED),
    ]


def test_an_answer_is_not_waited_for_longer_than_a_poll_interval(logged: Logged) -> None:
    stage = Stage(logged.write, poll_interval_ns=SECOND_NS // 10)
    stage.answer(tracking(), *[SILENCE] * 3)
    stage.run_until(3 * SECOND_NS // 10)
    assert len(stage.chronyd.asked_monotonic_ns) == 4
    assert stage.statuses()[-1] == (2 * SECOND_NS // 10, FREE_RUNNING)


def test_only_a_synchronised_sample_leads_out_of_unknown(stage: Stage) -> None:
    unsynchronised = tracking(leap_status=3)
    stage.answer(unsynchronised, unsynchronised, tracking(), unsynchronised)
    stage.run_until(3 * SECOND_NS + ANSWER_NS)
    assert [(ns // SECOND_NS, status) for ns, status in stage.statuses()] == [
        (0, UNKNOWN),
        (2, SYNCHRONIZED),
        (3, FREE_RUNNING),
    ]


def test_a_clock_that_chronyd_does_not_synchronise_runs_free_for_as_long_as_chronyd_answers(
    stage: Stage,
) -> None:
    stage.answer(tracking(), *[tracking(leap_status=3, root_dispersion=1)] * 20)
    stage.run_until(20 * SECOND_NS)
    assert [status for _, status in stage.statuses()] == [SYNCHRONIZED, FREE_RUNNING]
    assert (stage.as_of_ns(), stage.last.bound_ns) == (0, SAMPLE_BOUND_NS)


def test_a_chronyd_on_its_own_clock_is_unknown_at_once(stage: Stage) -> None:
    stage.answer(tracking(), tracking(ref_id=0x7F7F0101, root_dispersion=0))
    stage.run_until(SECOND_NS + ANSWER_NS)
    assert [status for _, status in stage.statuses()] == [SYNCHRONIZED, UNKNOWN]
    assert stage.last.bound_ns == SAMPLE_BOUND_NS


def test_a_chronyd_on_its_own_clock_is_synchronised_if_the_operator_says_so(logged: Logged) -> None:
    stage = Stage(logged.write, trust_local_reference=True)
    stage.answer(tracking(ref_id=0x7F7F0101))
    stage.run_until(ANSWER_NS)
    assert stage.last.clock_status == SYNCHRONIZED


class FakePhc:
    """A PHC that says what it is told, or fails."""

    def __init__(self, said: int | phc.PhcError) -> None:
        self.said = said

    def read_ns(self) -> int:
        if isinstance(self.said, phc.PhcError):
            raise self.said
        return self.said


def phc_stage(logged: Logged, clock: FakePhc) -> Stage:
    return Stage(logged.write, phc_reference_id=PHC0, phc=clock)


def test_the_error_bound_of_the_phc_is_added_while_chronyd_follows_it(logged: Logged) -> None:
    stage = phc_stage(logged, FakePhc(1234))
    stage.answer(tracking(ref_id=PHC0), tracking(), tracking(ref_id=PHC0))
    stage.run_until(2 * SECOND_NS + ANSWER_NS)
    bounds_ns = [record.bound_ns for _, record in stage.published]
    assert bounds_ns == [SAMPLE_BOUND_NS + 1234, SAMPLE_BOUND_NS, SAMPLE_BOUND_NS + 1234]


def test_a_phc_whose_error_bound_can_not_be_read_gives_no_sample(logged: Logged) -> None:
    clock = FakePhc(1234)
    stage = phc_stage(logged, clock)
    stage.answer(*[tracking(ref_id=PHC0)] * 9)
    stage.run_until(SECOND_NS - 1)
    clock.said = phc.BadErrorBoundError("/sys/x: -1 ns isn't between 0 and 1000000000 ns")
    stage.run_until(7 * SECOND_NS)
    expected = [(0, SYNCHRONIZED), (1, FREE_RUNNING), (5, UNKNOWN)]
    assert [(ns // SECOND_NS, status) for ns, status in stage.statuses()] == expected
    assert (stage.as_of_ns(), stage.last.bound_ns) == (0, SAMPLE_BOUND_NS + 1234)


def test_a_phc_that_chronyd_does_not_follow_is_not_asked(logged: Logged) -> None:
    stage = phc_stage(logged, FakePhc(phc.NoErrorBoundError("gone")))
    stage.answer(tracking())
    stage.run_until(ANSWER_NS)
    assert stage.last.clock_status == SYNCHRONIZED


def test_a_change_of_status_is_one_line_with_reason_and_numbers(stage: Stage, logged: Logged) -> None:
    stage.answer(tracking(), GONE, tracking())
    stage.run_until(2 * SECOND_NS + ANSWER_NS)
    first, second, third = logged.events()
    assert (first["previous_status"], first["status"], first["level"]) == ("UNKNOWN", "SYNCHRONIZED", "info")
    assert first["bound_ns"] == SAMPLE_BOUND_NS
    assert (
        "correction 0.250000000 s, root dispersion 0.125000000 s, root delay 0.062500000 s"
        in first["message"]
    )
    assert (second["previous_status"], second["status"], second["level"]) == (
        "SYNCHRONIZED",
        "FREE_RUNNING",
        "warning",
    )
    assert second["cause"] == "NoSocketError"
    assert "/run/chrony/chronyd.sock: not found" in second["message"]
    assert second["as_of_age_ns"] == SECOND_NS
    assert (third["previous_status"], third["status"]) == ("FREE_RUNNING", "SYNCHRONIZED")


def test_a_quiet_second_logs_nothing(stage: Stage, logged: Logged) -> None:
    stage.answer(*[tracking()] * 60)
    stage.run_until(60 * SECOND_NS - 1)
    assert [event["event"] for event in logged.events()] == ["status"]


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(GONE, id="failure"),
        pytest.param(tracking(leap_status=3), id="not-synchronised"),
        pytest.param(tracking(ref_id=0x7F7F0101), id="local-reference"),
    ],
)
def test_a_lasting_fault_is_logged_at_doubling_intervals(
    stage: Stage, logged: Logged, failure: Tracking | NoSampleError
) -> None:
    stage.answer(*[failure] * 101)
    stage.run_until(100 * SECOND_NS)
    events = logged.events()
    assert len(events) == 7  # after 0, 1, 3, 7, 15, 31 and 63 s
    assert {event["status"] for event in events} == {"UNKNOWN"}
    assert [event["held_back_count"] for event in events] == [0, 0, 1, 3, 7, 15, 31]


def test_a_chronyd_that_comes_and_goes_does_not_fill_the_log_with_failures(
    stage: Stage, logged: Logged
) -> None:
    stage.answer(*[tracking(), GONE, GONE] * 20)
    stage.run_until(60 * SECOND_NS - 1)
    events = logged.events()
    assert [event["event"] for event in events].count("status") == 40
    assert len(events) < 50


def test_every_deadline_lies_ahead_for_any_mix_of_answers(logged: Logged) -> None:
    # `run_until` asserts it at every turn: a deadline that is past would be a busy loop.
    stage = Stage(logged.write, poll_interval_ns=700_000_000)
    mix = [tracking(), SILENCE, GONE, tracking(leap_status=3), tracking(ref_id=0x7F7F0101), SILENCE, SILENCE]
    stage.answer(*mix * 60)
    stage.run_until(200 * SECOND_NS, late_ns=1)
    assert max(stage.gaps_ns()) <= 1_100_000_001


def test_answers_that_nobody_asked_for_do_not_keep_the_loop_awake(logged: Logged, directory: Path) -> None:
    fake = FakeChronyd(directory / "chronyd.sock")
    client = ChronyClient(str(directory / "chronyd.sock"))
    turns: list[int] = []

    class CountedService(Service):
        def turn(self) -> int:
            turns.append(1)
            return super().turn()

    service = CountedService(
        initial=status.initial_state(0),
        client=client,
        publish=lambda record: None,
        log=Log(json_output=True, descriptor=logged.write),
        max_drift_ppb=50_000,
        poll_interval_ns=SECOND_NS // 4,
    )
    signals = Signals()

    def answer_each_question_five_times() -> None:
        for _ in range(4):
            sequence = fake.take()
            fake.send(*[reply(sequence)] * 5)
        os.kill(os.getpid(), signal.SIGTERM)

    answering = threading.Thread(target=answer_each_question_five_times)
    try:
        answering.start()
        service.run(signals)
        answering.join()
    finally:
        signals.close()
        client.close()
        fake.socket.close()
    # To ask and to take the answer, four times each, what the kernel's timers are early by, and what is asked again where
    # the machine holds up the one who answers. A loop that doesn't wait turns thousands of times.
    assert len(turns) <= 200


def test_a_question_that_nobody_answers_fails_before_the_next_is_asked(logged: Logged) -> None:
    # The deadline for the answer, a poll interval after the question, comes a little after the next poll is due.
    stage = Stage(logged.write, poll_interval_ns=SECOND_NS // 4)

    def creeping_ns() -> int:
        stage.clock.advance(1_000)
        return stage.clock.monotonic

    stage.clock.monotonic_ns = creeping_ns  # type: ignore[method-assign]
    stage.answer(tracking(), *[None] * 20)
    stage.run_until(3 * SECOND_NS)
    asked_count = len(stage.chronyd.asked_monotonic_ns)
    assert 11 <= asked_count <= 13
    assert stage.service.figures.failures_by_cause["NoAnswerError"] >= asked_count - 2
    assert max(stage.gaps_ns()) <= SECOND_NS // 2
