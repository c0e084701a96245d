"""What a reading proves, and that the tally lets nothing wrong pass."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import pytest
from clockbound_conformance.adapter import Adapter
from clockbound_conformance.answers import Answer, Interval, Refusal, Unsupported
from clockbound_conformance.readings import Live, Reading, Tally, as_of_ns, take_reading
from clockbound_conformance.segment_bytes import segment
from clockbound_conformance.table import Table, clock_time

GOOD = Interval(90, 110, "SYNCHRONIZED")
OFF_BY_ONE = Interval(91, 110, "SYNCHRONIZED")
OTHER_STATUS = Interval(90, 110, "FREE_RUNNING")


def truth(realtime_ns: int) -> int:
    return realtime_ns + 5


def reading(
    python: Answer = GOOD,
    c: Answer = GOOD,
    *,
    expected: Answer = GOOD,
    live: Mapping[str, Live] | None = None,
    realtime_ns: int = 100,
) -> Reading:
    return Reading(realtime_ns, 7, 3, {"Python": python, "C": c}, expected, live or {})


def passes(*readings: Reading) -> bool:
    tally = Tally(truth)
    for each in readings:
        tally.add(each)
    return tally.passed


def test_equal_answers_around_the_truth_pass() -> None:
    assert passes(reading(), reading())


def test_no_reading_at_all_does_not_pass() -> None:
    assert not passes()


@pytest.mark.parametrize("other", [OFF_BY_ONE, OTHER_STATUS, Refusal("SYSCALL"), Unsupported("")])
def test_one_different_answer_among_many_fails(other: Answer) -> None:
    assert not passes(reading(), reading(c=other), reading())
    assert not reading(c=other).agreed


def test_the_same_error_from_both_is_no_agreement() -> None:
    refusal = Refusal("SEGMENT_MALFORMED")
    assert not reading(refusal, refusal, expected=refusal).agreed
    assert not passes(reading(refusal, refusal, expected=refusal))


def test_clients_that_are_wrong_alike_fail() -> None:
    assert reading(OFF_BY_ONE, OFF_BY_ONE).agreed
    assert not passes(reading(OFF_BY_ONE, OFF_BY_ONE))


@pytest.mark.parametrize(("realtime_ns", "inside"), [(84, False), (85, True), (105, True), (106, False)])
def test_the_ends_belong_to_the_interval(realtime_ns: int, inside: bool) -> None:
    # truth is 5 ns later than the clock: 85 + 5 = 90 and 105 + 5 = 110 are the ends
    assert reading(realtime_ns=realtime_ns).truth_inside(truth) is inside
    assert passes(reading(realtime_ns=realtime_ns)) is inside


@pytest.mark.parametrize(
    ("before_ns", "after_ns", "possible"),
    [(80, 84, False), (80, 85, True), (105, 120, True), (106, 120, False)],
)
def test_a_live_answer_must_meet_the_truth_during_the_question(
    before_ns: int, after_ns: int, possible: bool
) -> None:
    live = {"C": Live(before_ns, GOOD, after_ns)}
    assert reading(live=live).truth_inside(truth) is possible


def test_a_live_error_fails() -> None:
    assert not passes(reading(live={"C": Live(100, Refusal("SYSCALL"), 101)}))


def test_the_margin_is_the_distance_to_the_nearer_end_of_the_narrowest_interval() -> None:
    assert reading(realtime_ns=95).margin_ns(truth) == 10
    assert reading(realtime_ns=103).margin_ns(truth) == 2
    assert reading(realtime_ns=108).margin_ns(truth) == -3
    assert reading(realtime_ns=85, c=Interval(88, 200, "UNKNOWN")).margin_ns(truth) == 0


def test_without_a_truth_agreement_alone_counts() -> None:
    tally = Tally(None)
    tally.add(reading(realtime_ns=10**6))
    assert tally.passed
    assert tally.least_margin_ns is None


def test_the_tally_keeps_the_sequence_of_statuses_and_the_least_margin() -> None:
    tally = Tally(truth)
    for each in (reading(), reading(realtime_ns=103), reading(OTHER_STATUS, OTHER_STATUS), reading()):
        tally.add(each)
    assert tally.statuses == ["SYNCHRONIZED", "FREE_RUNNING", "SYNCHRONIZED"]
    assert tally.least_margin_ns == 2
    assert (tally.readings_count, tally.agreed_count, tally.expected_count) == (4, 4, 3)
    assert [each.interval for each in tally.wrong] == [OTHER_STATUS]


class Scripted:
    """Stands in for an adapter where the segment must change at one certain moment."""

    def __init__(self, path: Path, changes_count: int) -> None:
        self.path = path
        self.changes_left_count = changes_count
        self.computes_count = 0

    def compute(self, segment_path: Path, **_: Any) -> Answer:
        self.computes_count += 1
        if self.changes_left_count > 0:
            self.changes_left_count -= 1
            self.path.write_bytes(segment(generation=2 + 2 * self.computes_count))
        return GOOD

    def now(self, segment_path: Path) -> Answer:
        return GOOD


def test_a_reading_during_which_the_segment_changed_is_taken_again(tmp_path: Path) -> None:
    path = tmp_path / "shm0"
    path.write_bytes(segment())
    scripted = Scripted(path, changes_count=3)
    assert take_reading(path, {"C": cast(Adapter, scripted)}) is not None
    assert scripted.computes_count == 4


def test_a_segment_that_always_changes_gives_no_reading_in_the_end(tmp_path: Path) -> None:
    path = tmp_path / "shm0"
    path.write_bytes(segment())
    assert take_reading(path, {"C": cast(Adapter, Scripted(path, changes_count=1000))}) is None


def test_as_of_is_read_from_the_segment() -> None:
    assert as_of_ns(segment(as_of=(12, 34))) == 12_000_000_034


def test_a_row_is_plain_without_colour_and_says_everything() -> None:
    row = Table(("Python", "C"), coloured=False).row(
        Reading(1_700_000_000_123_999_999, 7, 1_234_000_000, {"Python": GOOD, "C": OTHER_STATUS}, GOOD, {}),
        lambda realtime_ns: 100,
    )
    words = ["22:13:20.123", "0.000", "ms", "SYNCHRONIZED", "0.000", "ms", "FREE_RUNNING", "1.23", "s"]
    assert row.split() == [*words, "yes,", "0.0", "us", "from", "an", "end"]
    assert "\x1b" not in row


def test_rows_are_aligned_with_and_without_colour() -> None:
    def last_column(text: str) -> int:
        plain = re.sub(r"\x1b\[\d+m", "", text)
        found = re.search("truth inside|yes|NO,", plain)
        assert found, plain
        return found.start()

    for coloured in (False, True):
        table = Table(("Python", "C"), coloured=coloured)
        rows = [
            table.row(reading(), truth),
            table.row(reading(c=OTHER_STATUS, realtime_ns=200), truth),
            table.row(reading(c=Refusal("SEGMENT_VERSION_NOT_SUPPORTED")), truth),
        ]
        assert [last_column(table.header())] * 3 == [last_column(row) for row in rows]


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (reading(realtime_ns=106), "NO, outside by 0.0 us"),
        (reading(live={"C": Live(0, GOOD, 1)}), "NO, not in a client's own reading"),
        (reading(c=Refusal("SYSCALL")), "NO"),
    ],
)
def test_a_row_says_no_when_truth_is_not_inside(wrong: Reading, words: str) -> None:
    assert words in Table(("Python", "C"), coloured=False).row(wrong, truth)


def test_without_a_truth_the_column_shows_a_dash() -> None:
    assert Table(("Python", "C"), coloured=False).row(reading(), None).endswith("  -")


def test_a_clock_time_is_cut_to_the_millisecond() -> None:
    assert clock_time(1_700_000_000_999_999_999) == "22:13:20.999"
