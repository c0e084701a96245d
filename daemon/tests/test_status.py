"""The judgement of samples and the status machine, as tables."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from clockbound_daemon._layout import UNSYNCHRONISED_BOUND_NS, ClockStatus, pack_segment_v1, pack_segment_v2
from clockbound_daemon.segment import for_layout_1
from clockbound_daemon.status import (
    FutureSampleError,
    State,
    UnknownLeapStatusError,
    disrupted,
    initial_state,
    judge,
    record,
    recovering,
    with_sample,
    without_page,
    without_sample,
)
from daemon_support import MONOTONIC_NS, REALTIME_NS, SECOND_NS, tracking

UNKNOWN, SYNCHRONIZED, FREE_RUNNING, DISRUPTED = ClockStatus
LOCAL = 0x7F7F0101
LEAST = Fraction(1, 2**89)  # s


def status_of(
    *,
    age_ns: int = 0,
    correction: Fraction | int = 0,
    trust: bool = False,
    poll_ns: int = SECOND_NS,
    **changes: Any,
) -> ClockStatus:
    """The verdict on a sample that the system clock alone takes for `age_ns` old."""
    sample = tracking(ref_time_ns=REALTIME_NS - age_ns, current_correction=correction, **changes)
    verdict = judge(sample, realtime_ns=REALTIME_NS, poll_interval_ns=poll_ns, trust_local_reference=trust)
    return verdict.status


@pytest.mark.parametrize("leap_status", [0, 1, 2])
def test_a_sample_with_or_without_a_leap_second_ahead_is_synchronised(leap_status: int) -> None:
    assert status_of(leap_status=leap_status) == SYNCHRONIZED


def test_a_chronyd_that_is_not_synchronised_makes_the_clock_free_running() -> None:
    assert status_of(leap_status=3) == FREE_RUNNING


def test_a_chronyd_that_has_just_started_makes_the_clock_free_running() -> None:
    # as it answers then: no reference at all
    assert status_of(leap_status=3, ref_id=0, age_ns=REALTIME_NS) == FREE_RUNNING


@pytest.mark.parametrize("leap_status", [4, 65535])
def test_a_leap_status_that_is_not_defined_is_not_usable(leap_status: int) -> None:
    with pytest.raises(UnknownLeapStatusError, match=str(leap_status)):
        status_of(leap_status=leap_status)


@pytest.mark.parametrize(
    ("update_interval", "poll_ns", "limit_ns"),
    [
        pytest.param("1", SECOND_NS, 8 * SECOND_NS, id="both-1-s"),
        pytest.param("64", SECOND_NS, 512 * SECOND_NS, id="slow-source"),
        pytest.param("1/16", SECOND_NS, 8 * SECOND_NS, id="fast-source-counts-polls"),
        pytest.param("1/16", SECOND_NS // 4, 2 * SECOND_NS, id="fast-source-fast-polls"),
        pytest.param("3/32", SECOND_NS // 10, 800_000_000, id="not-cut-to-whole-seconds"),
        pytest.param("33/256", SECOND_NS // 10, 1_031_250_000, id="fraction-of-a-second"),
        pytest.param("0", SECOND_NS, 8 * SECOND_NS, id="no-update-interval"),
        pytest.param("-4", SECOND_NS, 8 * SECOND_NS, id="negative-update-interval"),
    ],
)
def test_a_sample_is_stale_after_8_update_intervals_and_never_before_8_polls(
    update_interval: str, poll_ns: int, limit_ns: int
) -> None:
    interval = Fraction(update_interval)
    assert status_of(age_ns=limit_ns, poll_ns=poll_ns, last_update_interval=interval) == SYNCHRONIZED
    assert status_of(age_ns=limit_ns + 1, poll_ns=poll_ns, last_update_interval=interval) == FREE_RUNNING


def test_the_age_of_a_sample_counts_what_chronyd_has_still_to_correct() -> None:
    # The clock is 5 s slow: what it takes for 4 s in the future is 1 s old.
    assert status_of(age_ns=-4 * SECOND_NS, correction=5) == SYNCHRONIZED
    # The clock is 5 s fast: what it takes for 10 s old is 5 s old.
    assert status_of(age_ns=10 * SECOND_NS, correction=-5) == SYNCHRONIZED
    # The clock is 5 s slow: what it takes for 5 s old is 10 s old.
    assert status_of(age_ns=5 * SECOND_NS, correction=5) == FREE_RUNNING


def test_a_fraction_of_a_nanosecond_makes_a_sample_stale() -> None:
    assert status_of(age_ns=8 * SECOND_NS, correction=LEAST) == FREE_RUNNING


def test_a_sample_up_to_a_second_in_the_future_is_usable() -> None:
    assert status_of(age_ns=-SECOND_NS) == SYNCHRONIZED


def test_a_sample_more_than_a_second_in_the_future_is_not_usable() -> None:
    with pytest.raises(FutureSampleError, match="1000000001 ns in the future"):
        status_of(age_ns=-SECOND_NS - 1)
    with pytest.raises(FutureSampleError):
        status_of(age_ns=-SECOND_NS, correction=-LEAST)


def test_a_chronyd_on_its_own_clock_is_unknown() -> None:
    assert status_of(ref_id=LOCAL) == UNKNOWN


def test_a_chronyd_on_its_own_clock_is_synchronised_when_that_is_the_reference() -> None:
    assert status_of(ref_id=LOCAL, trust=True) == SYNCHRONIZED


def test_a_trusted_local_reference_does_not_become_stale() -> None:
    # chronyd says that it was updated up to a minute ago, and 0 s apart
    assert status_of(ref_id=LOCAL, trust=True, age_ns=64 * SECOND_NS, last_update_interval=0) == SYNCHRONIZED


def test_trust_in_the_local_reference_does_not_reach_beyond_it() -> None:
    assert status_of(ref_id=LOCAL, trust=True, leap_status=3) == FREE_RUNNING
    assert status_of(trust=True, age_ns=9 * SECOND_NS) == FREE_RUNNING
    with pytest.raises(FutureSampleError):
        status_of(ref_id=LOCAL, trust=True, age_ns=-2 * SECOND_NS)


def test_a_verdict_that_is_not_synchronised_says_why_with_numbers() -> None:
    stale = judge(
        tracking(ref_time_ns=REALTIME_NS - 9 * SECOND_NS, current_correction=0),
        realtime_ns=REALTIME_NS,
        poll_interval_ns=SECOND_NS,
    )
    assert "9000000000 ns old, more than 8000000000 ns" in stale.explanation
    assert (
        "7F7F0101"
        in judge(tracking(ref_id=LOCAL), realtime_ns=REALTIME_NS, poll_interval_ns=SECOND_NS).explanation
    )


OLD = State(UNKNOWN, MONOTONIC_NS, 1234)
NEW_AS_OF_NS = MONOTONIC_NS + SECOND_NS


@pytest.mark.parametrize(
    ("before", "sample", "after"),
    [
        (UNKNOWN, UNKNOWN, UNKNOWN),
        (UNKNOWN, FREE_RUNNING, UNKNOWN),
        (UNKNOWN, SYNCHRONIZED, SYNCHRONIZED),
        (SYNCHRONIZED, UNKNOWN, UNKNOWN),
        (SYNCHRONIZED, FREE_RUNNING, FREE_RUNNING),
        (SYNCHRONIZED, SYNCHRONIZED, SYNCHRONIZED),
        (FREE_RUNNING, UNKNOWN, UNKNOWN),
        (FREE_RUNNING, FREE_RUNNING, FREE_RUNNING),
        (FREE_RUNNING, SYNCHRONIZED, SYNCHRONIZED),
        (DISRUPTED, UNKNOWN, DISRUPTED),
        (DISRUPTED, FREE_RUNNING, DISRUPTED),
        (DISRUPTED, SYNCHRONIZED, DISRUPTED),
    ],
)
def test_the_status_follows_the_sample_and_only_a_synchronised_one_leads_out_of_unknown(
    before: ClockStatus, sample: ClockStatus, after: ClockStatus
) -> None:
    state = with_sample(OLD._replace(status=before), sample, as_of_monotonic_ns=NEW_AS_OF_NS, bound_ns=99)
    assert state.status == after


@pytest.mark.parametrize("before", [UNKNOWN, SYNCHRONIZED, FREE_RUNNING])
def test_as_of_and_bound_change_only_with_a_synchronised_sample(before: ClockStatus) -> None:
    for sample in (UNKNOWN, FREE_RUNNING):
        state = with_sample(OLD._replace(status=before), sample, as_of_monotonic_ns=NEW_AS_OF_NS, bound_ns=99)
        assert (state.as_of_monotonic_ns, state.bound_ns) == (MONOTONIC_NS, 1234)
    state = with_sample(
        OLD._replace(status=before), SYNCHRONIZED, as_of_monotonic_ns=NEW_AS_OF_NS, bound_ns=99
    )
    assert (state.as_of_monotonic_ns, state.bound_ns) == (NEW_AS_OF_NS, 99)


@pytest.mark.parametrize(
    ("before", "since_as_of_ns", "after"),
    [
        (SYNCHRONIZED, 0, FREE_RUNNING),
        (SYNCHRONIZED, 5 * SECOND_NS - 1, FREE_RUNNING),
        (SYNCHRONIZED, 5 * SECOND_NS, UNKNOWN),
        (FREE_RUNNING, 5 * SECOND_NS - 1, FREE_RUNNING),
        (FREE_RUNNING, 5 * SECOND_NS, UNKNOWN),
        (UNKNOWN, 0, UNKNOWN),
        (UNKNOWN, 5 * SECOND_NS, UNKNOWN),
        (DISRUPTED, 0, DISRUPTED),
        (DISRUPTED, 5 * SECOND_NS, DISRUPTED),
    ],
)
def test_without_a_sample_the_clock_is_free_running_for_5_s_and_then_unknown(
    before: ClockStatus, since_as_of_ns: int, after: ClockStatus
) -> None:
    state = without_sample(OLD._replace(status=before), monotonic_ns=MONOTONIC_NS + since_as_of_ns)
    assert state == OLD._replace(status=after)


def test_before_the_first_synchronisation_the_bound_is_100_years() -> None:
    assert initial_state(MONOTONIC_NS) == State(UNKNOWN, MONOTONIC_NS, 100 * 31_557_600 * SECOND_NS)
    assert UNSYNCHRONISED_BOUND_NS == 100 * 31_557_600 * SECOND_NS


def test_void_after_is_1000_s_after_as_of() -> None:
    published = record(State(SYNCHRONIZED, 12 * SECOND_NS + 345, 67), max_drift_ppb=50_000)
    assert (published.as_of_sec, published.as_of_nsec) == (12, 345)
    assert (published.void_after_sec, published.void_after_nsec) == (1012, 345)


def test_a_record_says_what_the_state_and_the_options_say() -> None:
    published = record(State(FREE_RUNNING, 12 * SECOND_NS + 345, 67), max_drift_ppb=50_000)
    assert (published.bound_ns, published.max_drift_ppb, published.clock_status) == (67, 50_000, FREE_RUNNING)


def test_a_record_asks_no_reader_to_follow_a_device_that_the_daemon_does_not_follow() -> None:
    published = record(State(SYNCHRONIZED, 0, 0), max_drift_ppb=1)
    assert (published.clock_disruption_support_enabled, published.disruption_marker) == (0, 0)


@pytest.mark.parametrize("status", [UNKNOWN, SYNCHRONIZED, FREE_RUNNING])
def test_layout_1_has_the_same_status(status: ClockStatus) -> None:
    published = record(State(status, 0, 0), max_drift_ppb=1)
    assert for_layout_1(published) == published


def test_layout_1_has_unknown_for_a_disruption() -> None:
    published = record(State(ClockStatus.DISRUPTED, 0, 5), max_drift_ppb=1)
    assert for_layout_1(published).clock_status == UNKNOWN
    assert for_layout_1(published).bound_ns == 5


def test_every_record_fits_both_layouts() -> None:
    latest = State(SYNCHRONIZED, 2**62, UNSYNCHRONISED_BOUND_NS)
    assert len(pack_segment_v1(record(latest, max_drift_ppb=999_999_999))) == 72
    assert len(pack_segment_v2(record(latest, max_drift_ppb=999_999_999))) == 80


@pytest.mark.parametrize("before", list(ClockStatus))
def test_a_disruption_keeps_everything_but_the_status(before: ClockStatus) -> None:
    state = OLD._replace(status=before)
    assert disrupted(state) == OLD._replace(status=DISRUPTED)
    assert recovering(disrupted(state)) == OLD._replace(status=UNKNOWN)


@pytest.mark.parametrize(
    ("before", "after"),
    [(UNKNOWN, UNKNOWN), (SYNCHRONIZED, UNKNOWN), (FREE_RUNNING, UNKNOWN), (DISRUPTED, DISRUPTED)],
)
def test_without_the_page_nothing_is_known_and_a_disruption_goes_on(
    before: ClockStatus, after: ClockStatus
) -> None:
    assert without_page(OLD._replace(status=before)) == OLD._replace(status=after)


@pytest.mark.parametrize("marker", [0, 1, 2**64 - 1])
def test_a_record_with_a_marker_makes_readers_compare_it(marker: int) -> None:
    published = record(State(SYNCHRONIZED, 0, 0), max_drift_ppb=1, disruption_marker=marker)
    assert (published.clock_disruption_support_enabled, published.disruption_marker) == (1, marker)
    assert len(pack_segment_v2(published)) == 80
