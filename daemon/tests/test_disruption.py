"""Disruptions in the loop, with clocks, page and chronyd in the test's hand: what is published, and what chronyd is told."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from clockbound_daemon._candm import CandmCommand
from clockbound_daemon._layout import ClockStatus
from clockbound_daemon.candm import Done, ErrorStatusError, WrongLengthError
from clockbound_daemon.chrony import BusyError, NoSocketError
from clockbound_daemon.status import OldSampleError, Recovery
from clockbound_daemon.vmclock import VmclockPage
from daemon_support import (
    COARSE_TICK_NS,
    MONOTONIC_NS,
    REALTIME_NS,
    SAMPLE_BOUND_NS,
    SECOND_NS,
    FakePage,
    FakeSignals,
    tracking,
)
from test_service import ANSWER_NS, GONE, SILENCE, Logged, Stage

UNKNOWN, SYNCHRONIZED, FREE_RUNNING, DISRUPTED = ClockStatus
RESET, BURST = CandmCommand.RESET_SOURCES, CandmCommand.BURST
REFUSED = ErrorStatusError("chronyd refused command 66 with status 3 (INVALID)")


@pytest.fixture
def logged() -> Iterator[Logged]:
    made = Logged()
    yield made
    made.close()


@pytest.fixture
def page(tmp_path: Path) -> FakePage:
    return FakePage(tmp_path / "vmclock0", marker=7)


def following(logged: Logged, page: FakePage, **options: Any) -> Stage:
    """A stage that follows `page`, as it is after its start."""
    given: dict[str, Any] = {"vmclock": VmclockPage(str(page.path)), "marker": 7, "page_seen": True}
    return Stage(logged.write, **given | options)


def synchronised(stage: Stage, *answers: Any) -> Stage:
    """The stage at half a second after its start, when it is synchronised; `answers` come from then on."""
    stage.answer(tracking(), *answers)
    stage.run_until(SECOND_NS // 2)
    assert stage.last.clock_status == SYNCHRONIZED
    return stage


def changes(stage: Stage) -> list[tuple[float, ClockStatus]]:
    """The published statuses, with their times in seconds, to the hundredth."""
    return [(round(ns / SECOND_NS, 2), ClockStatus(status)) for ns, status in stage.statuses()]


def ordered(stage: Stage) -> list[tuple[float, CandmCommand]]:
    return [(round((ns - MONOTONIC_NS) / SECOND_NS, 2), order) for ns, order in stage.chronyd.ordered]


def events(logged: Logged, event: str) -> list[dict[str, Any]]:
    return [each for each in logged.events() if each["event"] == event]


# ---------------------------------------------------------------- what is a disruption


def test_a_changed_marker_is_a_disruption_and_is_published_at_once(logged: Logged, page: FakePage) -> None:
    stage = synchronised(following(logged, page))
    before = stage.last
    assert (before.disruption_marker, before.clock_disruption_support_enabled) == (7, 1)
    page.disrupt(8)
    published_count = len(stage.published)
    stage.service.turn()
    published_ns, record = stage.published[published_count]
    assert published_ns == stage.clock.monotonic
    assert (record.clock_status, record.disruption_marker) == (DISRUPTED, 8)
    assert record.clock_disruption_support_enabled == 1
    assert (record.as_of_sec, record.as_of_nsec, record.bound_ns) == (
        before.as_of_sec,
        before.as_of_nsec,
        before.bound_ns,
    )


def test_disrupted_is_published_before_chronyd_is_told(logged: Logged, page: FakePage) -> None:
    stage = synchronised(following(logged, page))
    page.disrupt(8)
    seen: list[int] = []
    ask = stage.chronyd.ask

    def ask_and_look(question: Any) -> None:
        seen.append(stage.last.clock_status)
        ask(question)

    stage.chronyd.ask = ask_and_look  # type: ignore[method-assign]
    stage.service.turn()
    assert seen == [DISRUPTED]


@pytest.mark.parametrize("step_ns", [1, -1, 10**9, -(10**9), 86_400 * 10**9, -86_400 * 10**9, COARSE_TICK_NS])
def test_any_step_of_the_clock_is_a_disruption_to_the_nanosecond(logged: Logged, step_ns: int) -> None:
    stage = synchronised(Stage(logged.write), *[tracking()] * 3)
    stage.clock.step(step_ns)
    stage.run_until(SECOND_NS)
    assert stage.last.clock_status == DISRUPTED
    assert stage.last.clock_disruption_support_enabled == 0
    assert stage.service.figures.steps_count == stage.service.figures.disruptions_count == 1
    (said,) = [each for each in events(logged, "status") if each["status"] == "DISRUPTED"]
    assert said["cause"] == "step"
    assert f"set {'forward' if step_ns > 0 else 'back'} by {abs(step_ns)} ns" in said["message"]


def test_a_step_is_found_within_one_poll(logged: Logged) -> None:
    stage = Stage(logged.write, poll_interval_ns=4 * SECOND_NS)
    synchronised(stage, *[tracking()] * 3)
    stage.clock.step(5)
    stage.run_until(2 * SECOND_NS)
    (_, (found_s, status)) = changes(stage)
    assert status == DISRUPTED
    assert found_s < 1.1


def test_a_step_between_the_question_and_the_answer_voids_the_answer(logged: Logged) -> None:
    stage = Stage(logged.write)
    stage.answer(tracking())
    stage.service.turn()  # asks
    stage.clock.step(5)
    stage.clock.advance(ANSWER_NS)
    stage.service.turn()  # there is an answer
    assert [status for _, status in changes(stage)] == [DISRUPTED]


def test_a_step_while_the_answer_is_received_voids_it(logged: Logged) -> None:
    stage = synchronised(Stage(logged.write), *[tracking()] * 2)
    receive = stage.chronyd.receive

    def receive_and_step() -> Any:
        stage.chronyd.receive = receive  # type: ignore[method-assign]
        stage.clock.step(5)
        return receive()

    stage.chronyd.receive = receive_and_step  # type: ignore[method-assign]
    stage.run_until(SECOND_NS + ANSWER_NS)
    assert stage.as_of_ns() == 0  # the second answer didn't count
    assert [status for _, status in changes(stage)] == [SYNCHRONIZED, DISRUPTED]


def test_slewing_and_ticking_are_no_steps(logged: Logged) -> None:
    # Slewing bends both clocks alike, so that from here it looks like time that passes faster or slower.
    stage = synchronised(Stage(logged.write), *[tracking()] * 600)
    for second in range(1, 600):
        stage.run_until(second * SECOND_NS + second % 7)
    assert [status for _, status in changes(stage)] == [SYNCHRONIZED]
    assert stage.service.figures.disruptions_count == 0


def test_while_ticks_hide_the_offset_no_sample_is_usable_and_nothing_is_disrupted(logged: Logged) -> None:
    stage = synchronised(Stage(logged.write), *[tracking()] * 9)
    stage.clock.ticking = True
    stage.run_until(2 * SECOND_NS)
    assert stage.last.clock_status == FREE_RUNNING
    stage.clock.ticking = False
    stage.run_until(4 * SECOND_NS)
    assert stage.last.clock_status == SYNCHRONIZED
    assert stage.service.figures.disruptions_count == 0


def test_a_step_that_ticks_hide_is_found_afterwards(logged: Logged) -> None:
    stage = synchronised(Stage(logged.write), *[tracking()] * 3)
    stage.clock.ticking = True
    stage.clock.step(5)
    stage.run_until(2 * SECOND_NS)
    stage.clock.ticking = False
    stage.run_until(3 * SECOND_NS)
    assert [status for _, status in changes(stage)] == [SYNCHRONIZED, FREE_RUNNING, DISRUPTED]


def test_a_suspension_is_a_step_and_is_called_by_its_name(logged: Logged) -> None:
    stage = synchronised(Stage(logged.write), *[tracking()] * 2)
    stage.clock.suspend(3600 * SECOND_NS)
    stage.run_until(SECOND_NS)
    assert stage.last.clock_status == DISRUPTED
    (said,) = [each for each in events(logged, "status") if each["status"] == "DISRUPTED"]
    assert said["cause"] == "suspension"
    assert "suspended for 3600.000 s" in said["message"]


def test_a_leap_second_is_a_step(logged: Logged) -> None:
    stage = synchronised(Stage(logged.write), tracking(leap_status=1))
    stage.clock.step(-SECOND_NS)  # as the kernel inserts one
    stage.run_until(SECOND_NS)
    assert stage.last.clock_status == DISRUPTED


def test_a_step_while_no_daemon_ran_is_found(logged: Logged) -> None:
    kept: list[int] = []
    before = Stage(logged.write, keep_offset_ns=kept.append)
    synchronised(before)
    assert kept == [REALTIME_NS - MONOTONIC_NS]
    same = Stage(logged.write, offset_ns=kept[0])
    synchronised(same)
    assert [status for _, status in changes(same)] == [SYNCHRONIZED]
    after = Stage(logged.write, offset_ns=kept[0] - 1)
    after.answer(tracking())
    after.run_until(SECOND_NS // 2)
    assert [status for _, status in changes(after)] == [DISRUPTED]


def test_the_offset_is_kept_after_the_disruption_was_published(logged: Logged) -> None:
    order: list[Any] = []
    stage = Stage(logged.write, keep_offset_ns=order.append)
    stage.service._publish_record = lambda record: order.append(ClockStatus(record.clock_status))
    stage.answer(tracking())
    stage.service.turn()
    order.clear()
    stage.clock.step(9)
    stage.service.turn()
    assert order[:2] == [DISRUPTED, REALTIME_NS - MONOTONIC_NS + 9]


def test_sigusr1_is_a_disruption_that_lasts_until_sigusr2(logged: Logged) -> None:
    signals = FakeSignals()
    stage = synchronised(Stage(logged.write, signals=signals), *[tracking()] * 100)
    signals.usr1()
    stage.run_until(30 * SECOND_NS)
    assert [status for _, status in changes(stage)] == [SYNCHRONIZED, DISRUPTED]
    assert stage.last.bound_ns == SAMPLE_BOUND_NS
    signals.usr2()
    stage.run_until(32 * SECOND_NS)
    assert [status for _, status in changes(stage)] == [SYNCHRONIZED, DISRUPTED, SYNCHRONIZED]
    assert [order for _, order in ordered(stage)][:2] == [RESET, BURST]
    assert stage.service.figures.disruptions_count == 1


def test_a_forced_disruption_that_is_over_before_the_turn_was_one_all_the_same(logged: Logged) -> None:
    signals = FakeSignals()
    stage = synchronised(Stage(logged.write, signals=signals), tracking())
    signals.usr1()
    signals.usr2()
    stage.run_until(SECOND_NS)
    assert [status for _, status in changes(stage)] == [SYNCHRONIZED, DISRUPTED]
    assert [order for _, order in ordered(stage)] == [RESET, BURST]


def test_a_storm_of_sigusr1_is_one_disruption(logged: Logged) -> None:
    signals = FakeSignals()
    stage = synchronised(Stage(logged.write, signals=signals), *[tracking()] * 9)
    for _ in range(100):
        signals.usr1()
        stage.service.turn()
    assert stage.service.figures.disruptions_count == 1
    assert stage.last.clock_status == DISRUPTED


def test_sigusr2_alone_does_nothing(logged: Logged) -> None:
    signals = FakeSignals()
    stage = synchronised(Stage(logged.write, signals=signals), *[tracking()] * 3)
    signals.usr2()
    stage.run_until(3 * SECOND_NS)
    assert [status for _, status in changes(stage)] == [SYNCHRONIZED]


def test_a_daemon_that_died_in_a_disruption_leaves_one(logged: Logged) -> None:
    stage = Stage(logged.write, interrupted="so an earlier daemon left it")
    stage.answer(tracking())
    stage.run_until(SECOND_NS // 2)
    assert [status for _, status in changes(stage)] == [DISRUPTED]
    assert [order for _, order in ordered(stage)] == [RESET, BURST]


def test_a_marker_that_changed_while_no_daemon_ran_is_a_disruption(logged: Logged, page: FakePage) -> None:
    stage = following(logged, page, marker=6)
    stage.answer(tracking())
    stage.run_until(SECOND_NS // 2)
    assert (stage.last.clock_status, stage.last.disruption_marker) == (DISRUPTED, 7)


def test_the_marker_of_the_segment_that_was_taken_over_is_no_disruption_if_it_is_the_same(
    logged: Logged, page: FakePage
) -> None:
    stage = synchronised(following(logged, page, marker=7))
    assert [status for _, status in changes(stage)] == [SYNCHRONIZED]
    assert stage.chronyd.ordered == []


# ---------------------------------------------------------------- what chronyd is told


def test_chronyd_is_told_at_once_to_reset_its_sources_and_then_to_measure(logged: Logged) -> None:
    stage = synchronised(Stage(logged.write), *[tracking()] * 3)
    stage.clock.step(5)
    stage.run_until(SECOND_NS)
    assert ordered(stage) == [(0.5, RESET), (0.5, BURST)]
    assert len(stage.chronyd.asked_monotonic_ns) == 1  # only before it


@pytest.mark.parametrize(
    "failure",
    [
        pytest.param(SILENCE, id="hangs"),
        pytest.param(NoSocketError("gone"), id="dead"),
        pytest.param(BusyError("full"), id="queue-full"),
        pytest.param(WrongLengthError("garbage"), id="garbage"),
    ],
)
@pytest.mark.parametrize("obeys_first", [False, True])
def test_chronyd_is_told_once_a_poll_until_it_answers_and_publishing_goes_on(
    logged: Logged, failure: Any, obeys_first: bool
) -> None:
    stage = synchronised(Stage(logged.write), *[tracking()] * 20)
    stage.clock.step(5)
    stage.chronyd.obeyed.extend([Done()] * obeys_first + [failure] * 60)
    stage.run_until(58 * SECOND_NS)
    assert [status for _, status in changes(stage)] == [SYNCHRONIZED, DISRUPTED]
    repeated = BURST if obeys_first else RESET
    times_s = [s for s, order in ordered(stage) if order == repeated]
    assert 55 <= len(times_s) <= 60
    assert max(stage.gaps_ns()) <= 1_100_000_000
    stage.chronyd.obeyed.clear()
    stage.run_until(64 * SECOND_NS)
    assert [order for _, order in ordered(stage)].count(BURST) >= 1
    assert stage.last.clock_status == SYNCHRONIZED


def test_no_sample_is_asked_for_before_chronyd_has_answered_both(logged: Logged) -> None:
    stage = synchronised(Stage(logged.write), *[tracking()] * 5)
    asked_count = len(stage.chronyd.asked_monotonic_ns)
    stage.clock.step(5)
    stage.chronyd.obeyed.extend([SILENCE] * 10)
    stage.run_until(8 * SECOND_NS)
    assert len(stage.chronyd.asked_monotonic_ns) == asked_count


def test_storms_of_disruptions_do_not_become_storms_of_orders(logged: Logged) -> None:
    stage = synchronised(Stage(logged.write), *[tracking()] * 20)
    for _ in range(1000):
        stage.clock.step(5)
        stage.service.turn()
        stage.clock.advance(SECOND_NS // 100)
    assert stage.service.figures.disruptions_count == 1000
    assert len(stage.chronyd.ordered) <= 2 * 11
    assert stage.last.clock_status == DISRUPTED
    assert len(logged.events()) < 20


def test_a_disruption_during_the_recovery_from_one_begins_it_anew(logged: Logged) -> None:
    stage = synchronised(Stage(logged.write), *[tracking(leap_status=3)] * 2, *[tracking()] * 3)
    stage.clock.step(5)
    stage.run_until(3 * SECOND_NS)
    assert stage.last.clock_status == UNKNOWN
    stage.clock.step(-5)
    stage.run_until(4 * SECOND_NS)
    assert stage.last.clock_status == DISRUPTED
    stage.run_until(6 * SECOND_NS)
    assert stage.last.clock_status == SYNCHRONIZED
    assert [order for _, order in ordered(stage)] == [RESET, BURST] * 2


def test_that_there_is_nothing_to_burst_does_not_matter(logged: Logged) -> None:
    # as a chronyd says that has reference clocks only
    stage = synchronised(Stage(logged.write), *[tracking()] * 5)
    service, ask = stage.service, stage.chronyd.ask

    def refuse_burst(question: Any) -> None:
        if question.command == BURST:
            stage.chronyd.obeyed.append(ErrorStatusError("status 4"))
        ask(question)

    stage.chronyd.ask = refuse_burst  # type: ignore[method-assign]
    stage.clock.step(5)
    stage.run_until(4 * SECOND_NS)
    assert stage.last.clock_status == SYNCHRONIZED
    assert service.figures.disruptions_count == 1


# ---------------------------------------------------------------- what ends it


def test_only_a_sample_that_is_younger_than_the_disruption_ends_it(logged: Logged) -> None:
    stage = Stage(logged.write)
    synchronised(stage)
    stage.chronyd.fresh = False
    stage.clock.step(5)
    found_ns = stage.clock.realtime  # by the next turn, at once
    quarter_ns = SECOND_NS // 4  # what chronyd has still to correct, so that its time is ahead of the clock
    old = tracking(ref_time_ns=found_ns + quarter_ns)
    young = tracking(ref_time_ns=found_ns + quarter_ns + 1)
    stage.answer(old, old, young)
    stage.run_until(7 * SECOND_NS // 2)
    assert changes(stage) == [(0.0, SYNCHRONIZED), (0.5, DISRUPTED), (1.5, UNKNOWN)]
    stage.run_until(7 * SECOND_NS // 2 + 10 * ANSWER_NS)
    assert changes(stage)[-1] == (3.5, SYNCHRONIZED)


def test_a_chronyd_that_is_not_synchronised_leaves_it_unknown(logged: Logged) -> None:
    stage = synchronised(Stage(logged.write), *[tracking(leap_status=3)] * 10)
    stage.clock.step(5)
    stage.run_until(9 * SECOND_NS)
    assert [status for _, status in changes(stage)] == [SYNCHRONIZED, DISRUPTED, UNKNOWN]


def test_a_chronyd_that_refuses_the_reset_must_renew_its_reference_time(logged: Logged) -> None:
    stage = Stage(logged.write)
    synchronised(stage)
    stage.chronyd.fresh = False
    stage.chronyd.obeyed.append(REFUSED)
    # Back by a minute: what chronyd measured before looks as if it were still to come.
    stage.clock.step(-60 * SECOND_NS)
    soon_ns = stage.clock.realtime + 2 * SECOND_NS
    before = tracking(ref_time_ns=soon_ns)
    after = tracking(ref_time_ns=soon_ns + SECOND_NS)
    stage.answer(before, before, before, after)
    stage.run_until(9 * SECOND_NS // 2)
    assert [status for _, status in changes(stage)] == [SYNCHRONIZED, DISRUPTED]
    stage.run_until(9 * SECOND_NS // 2 + 10 * ANSWER_NS)
    assert stage.last.clock_status == SYNCHRONIZED
    assert "can't forget what it measured before" in str(logged.events())


def test_a_recovery_believes_an_age_below_the_time_since_and_none_above() -> None:
    recovery = Recovery(MONOTONIC_NS)
    recovery.was_reset = True
    quarter_ns = SECOND_NS // 4
    for age_ns, since_ns, believed in (
        (999, 1000, True),
        (1000, 1000, False),
        (1001, 1000, False),
        (0, 0, False),
    ):
        sample = tracking(ref_time_ns=REALTIME_NS + quarter_ns - age_ns)
        try:
            recovery.check(sample, realtime_ns=REALTIME_NS, monotonic_ns=MONOTONIC_NS + since_ns)
        except OldSampleError:
            assert not believed
        else:
            assert believed


# ---------------------------------------------------------------- the page's own faults


def spoil_removed(page: FakePage) -> None:
    page.path.unlink()


def spoil_busy(page: FakePage) -> None:
    page.begin()


def spoil_cut(page: FakePage) -> None:
    os.truncate(page.path, 40)


def spoil_magic(page: FakePage) -> None:
    page._write(0, b"\0\0\0\0")


SPOILS = [spoil_removed, spoil_busy, spoil_cut, spoil_magic]


def mend(page: FakePage, marker: int) -> None:
    page.seq_count += page.seq_count % 2
    page.replace(marker)


@pytest.mark.parametrize("spoil", SPOILS)
def test_without_the_page_the_clock_is_unknown_and_the_marker_stays(
    logged: Logged, page: FakePage, spoil: Any
) -> None:
    stage = synchronised(following(logged, page), *[tracking()] * 10)
    spoil(page)
    stage.run_until(5 * SECOND_NS)
    assert changes(stage) == [(0.0, SYNCHRONIZED), (0.5, UNKNOWN)]
    assert (stage.last.disruption_marker, stage.last.clock_disruption_support_enabled) == (7, 1)
    assert max(stage.gaps_ns()) <= 1_100_000_000
    mend(page, 7)
    stage.run_until(7 * SECOND_NS)
    assert changes(stage)[2:] == [(5.0, SYNCHRONIZED)]
    assert stage.chronyd.ordered == []


@pytest.mark.parametrize("spoil", SPOILS)
def test_a_page_that_comes_back_with_another_marker_tells_of_a_disruption(
    logged: Logged, page: FakePage, spoil: Any
) -> None:
    stage = synchronised(following(logged, page), *[tracking()] * 10)
    spoil(page)
    stage.run_until(3 * SECOND_NS)
    mend(page, 8)
    stage.run_until(4 * SECOND_NS)
    assert (stage.last.clock_status, stage.last.disruption_marker) == (DISRUPTED, 8)


@pytest.mark.parametrize("spoil", SPOILS)
def test_losing_the_page_does_not_end_a_disruption(logged: Logged, page: FakePage, spoil: Any) -> None:
    stage = synchronised(following(logged, page), *[tracking()] * 10)
    page.disrupt(8)
    stage.chronyd.obeyed.extend([SILENCE] * 3)
    stage.run_until(2 * SECOND_NS)
    spoil(page)
    stage.run_until(9 * SECOND_NS)
    assert SYNCHRONIZED not in [status for _, status in changes(stage)[1:]]
    mend(page, 8)
    stage.run_until(12 * SECOND_NS)
    assert stage.last.clock_status == SYNCHRONIZED


def test_a_page_that_is_busy_from_the_start_is_one_that_clients_must_look_at(
    logged: Logged, page: FakePage
) -> None:
    page.begin()
    stage = following(logged, page, marker=None, page_seen=False)
    stage.answer(*[tracking()] * 4)
    stage.run_until(2 * SECOND_NS)
    assert (stage.last.clock_status, stage.last.clock_disruption_support_enabled) == (UNKNOWN, 1)
    page.end()
    stage.run_until(3 * SECOND_NS + ANSWER_NS)
    assert (stage.last.clock_status, stage.last.disruption_marker) == (SYNCHRONIZED, 7)
    assert stage.chronyd.ordered == []


def test_a_page_that_comes_after_the_start_is_followed_from_then_on(logged: Logged, page: FakePage) -> None:
    page.path.unlink()
    stage = following(logged, page, marker=None, page_seen=False)
    synchronised(stage, *[tracking()] * 29)
    # It was looked for at the first turn; ten seconds later it is looked for again, and so on.
    stage.run_until(15 * SECOND_NS)
    assert stage.last.clock_disruption_support_enabled == 0
    page.replace(7)
    stage.run_until(20 * SECOND_NS - 1)
    assert stage.last.clock_disruption_support_enabled == 0
    stage.run_until(20 * SECOND_NS + ANSWER_NS)
    assert (stage.last.clock_disruption_support_enabled, stage.last.disruption_marker) == (1, 7)
    assert [status for _, status in changes(stage)] == [SYNCHRONIZED]
    page.disrupt(8)
    stage.run_until(21 * SECOND_NS + ANSWER_NS)
    assert stage.last.clock_status == DISRUPTED


def test_a_page_is_looked_for_at_each_turn_where_an_earlier_daemon_has_seen_a_marker(
    logged: Logged, page: FakePage
) -> None:
    page.path.unlink()
    stage = following(logged, page, marker=7, page_seen=False)
    synchronised(stage, *[tracking()] * 9)
    stage.run_until(4 * SECOND_NS + SECOND_NS // 2)
    page.replace(8)
    stage.run_until(5 * SECOND_NS + ANSWER_NS)
    assert (stage.last.clock_status, stage.last.disruption_marker) == (DISRUPTED, 8)


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_something_else_in_the_place_of_a_page_that_never_was_does_no_lasting_harm(
    logged: Logged, page: FakePage, kind: str
) -> None:
    page.path.unlink()
    stage = following(logged, page, marker=None, page_seen=False)
    synchronised(stage, *[tracking()] * 19)
    if kind == "file":
        page.path.write_bytes(b"something else")
    else:
        page.path.mkdir()
    stage.run_until(10 * SECOND_NS + ANSWER_NS)
    # Nobody can tell what it is.
    assert (stage.last.clock_status, stage.last.clock_disruption_support_enabled) == (UNKNOWN, 0)
    # From now on it is looked at at each turn.
    page.path.rename(page.path.with_name("away"))
    stage.run_until(11 * SECOND_NS + ANSWER_NS)
    assert stage.last.clock_status == SYNCHRONIZED


@pytest.mark.parametrize(
    ("answer", "found_ns"),
    # In silence at the next publish, for which an answer is waited 50 ms.
    [(tracking(), ANSWER_NS), (GONE, 0), (SILENCE, ANSWER_NS + 50_000_000)],
    ids=["answered", "not-asked", "silent"],
)
def test_what_a_question_puts_off_is_found_when_it_is_answered_or_at_the_next_publish(
    logged: Logged, page: FakePage, answer: Any, found_ns: int
) -> None:
    stage = synchronised(following(logged, page), tracking(), answer)
    stage.run_until(2 * SECOND_NS - 1)
    page.disrupt(8)
    stage.clock.advance(1)
    stage.run_until(3 * SECOND_NS - 1)
    assert stage.statuses()[-1] == (2 * SECOND_NS + found_ns, DISRUPTED)
    assert stage.last.disruption_marker == 8


@pytest.mark.parametrize("answer", [tracking(), SILENCE], ids=["answered", "silent"])
def test_a_turn_that_comes_late_looks_before_it_asks(logged: Logged, page: FakePage, answer: Any) -> None:
    # The machine was suspended, say, and nobody knows what became of chronyd meanwhile.
    stage = synchronised(following(logged, page), answer)
    page.disrupt(8)
    stage.clock.advance(100 * SECOND_NS)
    stage.service.turn()
    assert (stage.last.clock_status, stage.last.disruption_marker) == (DISRUPTED, 8)
    assert stage.chronyd.asked_monotonic_ns == [MONOTONIC_NS]


def test_time_between_two_readings_of_clocks_makes_no_sample_younger(logged: Logged) -> None:
    stage = synchronised(Stage(logged.write))
    stage.clock.step(1)
    for _ in range(3):  # it is found, and chronyd obeys two orders
        stage.service.turn()
    assert [order for _, order in ordered(stage)] == [RESET, BURST]
    before = tracking(ref_time_ns=stage.clock.realtime - 5_000_000, current_correction=0)

    def slow(read: Callable[[], int]) -> Callable[[], int]:
        def reading() -> int:
            stage.clock.advance(10_000_000)
            return read()

        return reading

    stage.service._monotonic_ns = slow(stage.clock.monotonic_ns)
    stage.service._realtime_ns = slow(stage.clock.realtime_ns)
    with pytest.raises(
        OldSampleError, match="is 25000000 ns old, but the clock was disrupted 10000000 ns ago"
    ):
        stage.service._take(before)


def test_a_forced_disruption_is_not_put_off_by_a_question(logged: Logged) -> None:
    signals = FakeSignals()
    stage = synchronised(Stage(logged.write, signals=signals), tracking())
    stage.run_until(SECOND_NS - 1)
    signals.usr1()
    stage.clock.advance(1)
    stage.service.turn()
    assert changes(stage)[-1] == (1, DISRUPTED)
    assert stage.chronyd.asked_monotonic_ns == [MONOTONIC_NS]  # an order was given in place of the question


def test_a_replaced_page_with_the_same_marker_changes_nothing(logged: Logged, page: FakePage) -> None:
    stage = synchronised(following(logged, page), *[tracking()] * 3)
    page.replace(7)
    stage.run_until(3 * SECOND_NS)
    assert [status for _, status in changes(stage)] == [SYNCHRONIZED]


def test_a_lasting_fault_of_the_page_is_logged_at_doubling_intervals(logged: Logged, page: FakePage) -> None:
    stage = synchronised(following(logged, page), *[tracking()] * 101)
    page.path.unlink()
    stage.run_until(100 * SECOND_NS)
    assert len(logged.events()) <= 10


# ---------------------------------------------------------------- chronyd's own dispersion growth


def growing(rate_ppb: int, answers_count: int) -> list[Any]:
    """Answers of one update, a second apart."""
    from fractions import Fraction

    from test_growth import answer

    return [
        answer(Fraction(1, 1000) + Fraction(rate_ppb * second, 10**9), ref_time_ns=REALTIME_NS)
        for second in range(answers_count)
    ]


@pytest.mark.parametrize(
    ("rate_ppb", "warned"), [(1_000, True), (49_900, True), (50_000, False), (51_000, False)]
)
def test_a_dispersion_that_grows_more_slowly_than_the_clock_may_drift_is_warned_of(
    logged: Logged, rate_ppb: int, warned: bool
) -> None:
    stage = Stage(logged.write)
    stage.chronyd.fresh = False
    stage.answer(*growing(rate_ppb, 8))
    stage.run_until(8 * SECOND_NS - 1)
    said = events(logged, "dispersion-growth")
    assert bool(said) == warned
    assert stage.service.figures.dispersion_growth_ppb is not None
    assert rate_ppb <= stage.service.figures.dispersion_growth_ppb <= rate_ppb + 100
    if warned:
        assert "put 'maxclockerror 50' into chrony.conf" in said[0]["message"]
        assert len(said) < 4  # at doubling intervals


def test_after_a_disruption_the_growth_is_measured_anew(logged: Logged) -> None:
    stage = Stage(logged.write)
    stage.chronyd.fresh = False
    stage.answer(*growing(1_000, 1))
    stage.run_until(SECOND_NS // 2)
    stage.clock.step(5)
    stage.answer(*growing(1_000, 1))
    stage.run_until(2 * SECOND_NS + ANSWER_NS)
    assert stage.service.figures.dispersion_growth_ppb is None


def test_the_burst_is_ordered_again_at_intervals_that_double(logged: Logged) -> None:
    # chronyd ignores an order for a burst while it is in one, and without a burst it may not measure for a long time.
    stage = synchronised(Stage(logged.write), *[tracking(leap_status=3)] * 100, *[tracking()] * 40)
    stage.clock.step(5)
    stage.run_until(100 * SECOND_NS)
    assert [order for _, order in ordered(stage)].count(RESET) == 1
    # Half a second after the start, and then at the first poll that is 10, 20 and 40 s later.
    assert [round(s, 1) for s, order in ordered(stage) if order == BURST] == [0.5, 11.5, 31.5, 71.5]
    assert max(stage.gaps_ns()) <= 1_100_000_000
    stage.run_until(120 * SECOND_NS)
    assert stage.last.clock_status == SYNCHRONIZED
    stage.run_until(130 * SECOND_NS)
    assert [order for _, order in ordered(stage)].count(BURST) == 4
