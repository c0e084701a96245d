"""Other settings while the loop turns, and what it counts; with clocks and chronyd in the test's hand."""

from __future__ import annotations

import itertools
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from clockbound_conformance.processes import wait_until
from clockbound_daemon._layout import ClockStatus
from clockbound_daemon.chrony import BusyError
from clockbound_daemon.service import REPLY_TIMEOUT_NS, SystemClock
from clockbound_daemon.signals import Signals
from daemon_support import (
    MONOTONIC_NS,
    SAMPLE_BOUND_NS,
    SECOND_NS,
    WAIT_S,
    FakeSignals,
    ScriptedChronyd,
    tracking,
)
from test_service import ANSWER_NS, GONE, PHC0, SILENCE, FakePhc, Logged, Stage

UNKNOWN, SYNCHRONIZED, FREE_RUNNING = ClockStatus.UNKNOWN, ClockStatus.SYNCHRONIZED, ClockStatus.FREE_RUNNING


@pytest.fixture
def logged() -> Iterator[Logged]:
    made = Logged()
    yield made
    made.close()


@pytest.fixture
def stage(logged: Logged) -> Stage:
    return Stage(logged.write)


def configure(stage: Stage, **changes: Any) -> None:
    settings: dict[str, Any] = {
        "client": stage.chronyd,
        "max_drift_ppb": 50_000,
        "poll_interval_ns": SECOND_NS,
        "trust_local_reference": False,
        "phc_reference_id": None,
        "phc": None,
    }
    stage.service.configure(**(settings | changes))


def test_a_higher_drift_rate_holds_at_once(stage: Stage) -> None:
    stage.answer(tracking(), SILENCE, SILENCE)
    stage.run_until(SECOND_NS // 2)
    configure(stage, max_drift_ppb=60_000)
    stage.run_until(2 * SECOND_NS - 1)
    assert stage.as_of_ns() == 0  # no sample since
    assert stage.last.max_drift_ppb == 60_000
    assert stage.service.figures.max_drift_ppb == 60_000


def test_a_lower_drift_rate_waits_for_a_sample(stage: Stage) -> None:
    # Since the last one the clock has drifted at the rate that was thought possible then.
    stage.answer(tracking(), SILENCE, tracking(leap_status=3), tracking())
    stage.run_until(SECOND_NS // 2)
    configure(stage, max_drift_ppb=1_000)
    stage.run_until(3 * SECOND_NS - 1)
    assert stage.as_of_ns() == 0
    assert {record.max_drift_ppb for _, record in stage.published} == {50_000}
    stage.run_until(3 * SECOND_NS + ANSWER_NS)
    assert stage.as_of_ns() == 3 * SECOND_NS
    assert stage.last.max_drift_ppb == 1_000
    assert stage.service.figures.max_drift_ppb == 1_000


def test_of_two_rates_before_a_sample_the_highest_holds(stage: Stage) -> None:
    stage.answer(tracking(), *[SILENCE] * 3)
    stage.run_until(SECOND_NS // 2)
    configure(stage, max_drift_ppb=80_000)
    configure(stage, max_drift_ppb=1_000)
    stage.run_until(2 * SECOND_NS)
    assert stage.last.max_drift_ppb == 80_000


def test_a_shorter_poll_interval_begins_now(stage: Stage) -> None:
    stage.answer(*[tracking()] * 20)
    stage.run_until(SECOND_NS // 10)
    configure(stage, poll_interval_ns=SECOND_NS // 4)
    stage.run_until(SECOND_NS)
    asked_ns = [ns - MONOTONIC_NS for ns in stage.chronyd.asked_monotonic_ns]
    assert asked_ns == [0, 350_000_000, 600_000_000, 850_000_000]
    assert stage.service.figures.poll_interval_ns == SECOND_NS // 4
    configure(stage, poll_interval_ns=2 * SECOND_NS)
    stage.run_until(5 * SECOND_NS)
    asked_ns = [ns - MONOTONIC_NS for ns in stage.chronyd.asked_monotonic_ns[4:]]
    assert asked_ns == [1_100_000_000, 3_100_000_000]
    assert max(stage.gaps_ns()) <= 1_100_000_000  # and published once a second all the same


def test_at_a_shorter_poll_interval_more_is_published_too(stage: Stage) -> None:
    stage.answer(*[tracking(), SILENCE] * 10)
    stage.run_until(SECOND_NS // 10)
    configure(stage, poll_interval_ns=SECOND_NS // 4)
    stage.run_until(3 * SECOND_NS)
    assert max(stage.gaps_ns()) <= 400_000_000  # from the first answer until so long after it was told
    assert max(stage.gaps_ns()[2:]) <= 300_000_000


def test_no_answer_is_waited_for_longer_than_the_new_interval(stage: Stage, logged: Logged) -> None:
    stage.answer(SILENCE, SILENCE)
    configure(stage, poll_interval_ns=SECOND_NS // 10)
    stage.run_until(SECOND_NS // 10)
    assert f"no answer within {min(REPLY_TIMEOUT_NS, SECOND_NS // 10)} ns" in logged.events()[0]["message"]


def test_another_chronyd_is_asked_from_the_next_poll_on(stage: Stage) -> None:
    closed: list[bool] = []
    stage.answer(SILENCE)
    stage.run_until(ANSWER_NS)
    first, second = stage.chronyd, ScriptedChronyd(stage.clock)
    first.close = lambda: closed.append(True)  # type: ignore[attr-defined]
    configure(stage, client=second)
    assert closed == [True]
    assert stage.service.client is second  # type: ignore[comparison-overlap]
    second.answers.append(tracking())
    stage.chronyd = second
    stage.run_until(SECOND_NS + ANSWER_NS)
    assert stage.last.clock_status == SYNCHRONIZED
    configure(stage, client=second)
    assert closed == [True]  # the same stays as it is


def test_the_local_reference_is_trusted_from_the_next_answer_on(stage: Stage) -> None:
    stage.answer(*[tracking(ref_id=0x7F7F0101)] * 3)
    stage.run_until(SECOND_NS // 2)
    configure(stage, trust_local_reference=True)
    stage.run_until(SECOND_NS + ANSWER_NS)
    assert [status for _, status in stage.statuses()] == [UNKNOWN, SYNCHRONIZED]
    configure(stage)
    stage.run_until(2 * SECOND_NS + ANSWER_NS)
    assert stage.as_of_ns() == SECOND_NS


def test_a_phc_is_added_from_the_next_answer_on(stage: Stage) -> None:
    stage.answer(*[tracking(ref_id=PHC0)] * 2)
    stage.run_until(SECOND_NS // 2)
    assert stage.last.bound_ns == SAMPLE_BOUND_NS
    configure(stage, phc_reference_id=PHC0, phc=FakePhc(77))
    stage.run_until(SECOND_NS + ANSWER_NS)
    assert stage.last.bound_ns == SAMPLE_BOUND_NS + 77
    assert stage.service.figures.phc_error_bound_ns == 77


def test_polls_publishes_and_failures_are_counted(stage: Stage) -> None:
    busy = BusyError("its queue is full")
    stage.answer(
        tracking(),
        GONE,
        busy,
        GONE,
        tracking(leap_status=3),
        tracking(ref_id=0x7F7F0101),
        SILENCE,
        tracking(),
    )
    stage.run_until(7 * SECOND_NS + ANSWER_NS)
    figures = stage.service.figures
    assert figures.polls_count == 8
    assert figures.failures_by_cause == {
        "NoSocketError": 2,
        "BusyError": 1,
        "unsynchronised": 1,
        "local-reference": 1,
        "NoAnswerError": 1,
    }
    assert figures.publishes_count == len(stage.published)


def test_the_sample_that_is_kept_is_the_one_that_is_published(stage: Stage) -> None:
    stage.answer(tracking(ref_id=0x01020304), tracking(ref_id=0x05060708, leap_status=3), GONE)
    assert stage.service.figures.sample is None
    stage.run_until(3 * SECOND_NS - 1)
    sample = stage.service.figures.sample
    assert sample is not None
    assert sample.ref_id == 0x01020304


def test_the_words_say_how_the_clock_is(stage: Stage) -> None:
    assert stage.service.words == "UNKNOWN: nothing is known of the clock yet"
    stage.answer(tracking(ref_id=0x01020304), GONE, tracking(leap_status=3))
    stage.run_until(ANSWER_NS)
    assert stage.service.words == f"SYNCHRONIZED: bound {SAMPLE_BOUND_NS} ns, chronyd follows 01020304"
    stage.run_until(SECOND_NS)
    assert stage.service.words == "FREE_RUNNING: /run/chrony/chronyd.sock: not found"
    stage.run_until(2 * SECOND_NS + ANSWER_NS)
    assert stage.service.words.startswith("FREE_RUNNING: chronyd says that it isn't synchronised")


def test_those_outside_hear_why_the_clock_is_disrupted(logged: Logged) -> None:
    signals, told = FakeSignals(), []
    outside = Watching(lambda: None)
    stage = Stage(logged.write, outside=outside, signals=signals)
    outside.published = lambda monotonic_ns: told.append(stage.service.words)  # type: ignore[method-assign]
    stage.answer(tracking(), tracking())
    stage.run_until(SECOND_NS // 2)
    signals.usr1()
    stage.service.turn()
    assert told[-1] == "DISRUPTED: SIGUSR1 says so, until SIGUSR2 comes"


class Watching:
    """Stands in for those outside, with a descriptor that the test makes readable."""

    def __init__(self, due_ns: Callable[[], int | None]) -> None:
        self.is_watching = self.is_serving = True
        self.read, self.write = os.pipe()
        self._due_ns = due_ns
        self.served_ns: list[int] = []
        self.published_ns: list[int] = []

    def fileno(self) -> int:
        return self.read

    def serve(self, monotonic_ns: int) -> int | None:
        self.served_ns.append(monotonic_ns)
        return self._due_ns()

    def published(self, monotonic_ns: int) -> None:
        self.published_ns.append(monotonic_ns)


def run_during(stage: Stage, wait: Callable[[], None]) -> None:
    """Let the loop run on real clocks until `wait`, in another thread, has returned."""
    signals = Signals()

    def end() -> None:
        try:
            wait()
        finally:
            signals.stopping = signals.leaving = True
            os.write(signals._written, b".")

    ending = threading.Thread(target=end)
    ending.start()
    stage.service.run(signals)
    ending.join()
    signals.close()


def live(logged: Logged, outside: Watching) -> Stage:
    """A stage on real clocks, whose chronyd never answers."""
    stage = Stage(logged.write, outside=outside, clock=SystemClock())
    now_ns = time.monotonic_ns()
    stage.service._next_poll_ns = stage.service._next_publish_ns = now_ns + 3600 * SECOND_NS
    return stage


def test_those_outside_are_served_when_they_knock(logged: Logged) -> None:
    outside = Watching(lambda: None)
    stage = live(logged, outside)
    knocked_ns = []

    def knock() -> None:
        assert wait_until(lambda: len(outside.served_ns) > 0, timeout_s=WAIT_S)
        time.sleep(0.3)
        knocked_ns.append(time.monotonic_ns())
        os.write(outside.write, b".")
        assert wait_until(lambda: len(outside.served_ns) > 2, timeout_s=WAIT_S)

    run_during(stage, knock)
    # At the start, and then again and again, because nobody takes what is there to be read.
    assert outside.served_ns[1] >= knocked_ns[0]


def test_those_outside_are_served_when_their_time_has_come(logged: Logged) -> None:
    begun_ns = time.monotonic_ns()
    outside = Watching(lambda: max(begun_ns + 200_000_000, time.monotonic_ns() + 50_000_000))

    def wait() -> None:
        assert wait_until(lambda: len(outside.served_ns) >= 5, timeout_s=WAIT_S)

    run_during(live(logged, outside), wait)
    assert outside.served_ns[1] - begun_ns >= 199_000_000
    # Never before its time, but for the signal in the end.
    times_ns = outside.served_ns[:-1]
    assert min(later - earlier for earlier, later in itertools.pairwise(times_ns)) >= 49_000_000


def test_those_outside_hear_of_every_publish(logged: Logged) -> None:
    outside = Watching(lambda: None)
    stage = Stage(logged.write, outside=outside)
    stage.answer(tracking(), GONE, tracking())
    stage.run_until(3 * SECOND_NS - 1)
    assert outside.published_ns == [published_ns for published_ns, _ in stage.published]


def test_signals_without_end_do_not_keep_the_loop_from_its_turns(logged: Logged) -> None:
    stage = Stage(logged.write)
    stage.answer(GONE, GONE)
    signals = Signals()
    for count in (1, 2):
        os.kill(os.getpid(), signal.SIGHUP)  # there already when the loop begins
        stage.service.run(signals)
        assert signals.take_reload()
        assert len(stage.chronyd.asked_monotonic_ns) == count
        stage.clock.advance(SECOND_NS)
    signals.close()
