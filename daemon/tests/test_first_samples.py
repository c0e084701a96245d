"""What chronyd says right after its start may be true and of little use: it is published as it is, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

import pytest
from clockbound_daemon._layout import UNSYNCHRONISED_BOUND_NS, ClockStatus
from daemon_support import SAMPLE_BOUND_NS, SECOND_NS, tracking
from test_service import Logged, Stage

UNKNOWN, SYNCHRONIZED, _, _ = ClockStatus


@pytest.fixture
def stage() -> Iterator[Stage]:
    logged = Logged()
    yield Stage(logged.write)
    logged.close()


@pytest.mark.parametrize("dispersion_s", [16, 2**20, 2**31])
def test_a_huge_dispersion_is_a_huge_bound(stage: Stage, dispersion_s: int) -> None:
    stage.answer(tracking(root_dispersion=Fraction(dispersion_s)))
    stage.run_until(SECOND_NS // 2)
    assert stage.last.clock_status == SYNCHRONIZED
    # What the sample has besides, 1/4 + 1/16/2 s, stays.
    assert stage.last.bound_ns == dispersion_s * SECOND_NS + 281_250_000


def test_a_dispersion_of_more_than_100_years_says_nothing(stage: Stage) -> None:
    stage.answer(*[tracking(root_dispersion=Fraction(2**32))] * 3, tracking())
    stage.run_until(2 * SECOND_NS + SECOND_NS // 2)
    assert {record.clock_status for _, record in stage.published} == {UNKNOWN}
    assert {record.bound_ns for _, record in stage.published} == {UNSYNCHRONISED_BOUND_NS}
    assert stage.service.figures.failures_by_cause == {"BoundTooLargeError": 3}
    stage.run_until(3 * SECOND_NS + SECOND_NS // 2)
    assert (stage.last.clock_status, stage.last.bound_ns) == (SYNCHRONIZED, SAMPLE_BOUND_NS)


def test_a_huge_dispersion_after_a_small_one_is_believed_too(stage: Stage) -> None:
    stage.answer(tracking(), tracking(root_dispersion=Fraction(1024)))
    stage.run_until(SECOND_NS + SECOND_NS // 2)
    assert (stage.last.clock_status, stage.last.bound_ns) == (SYNCHRONIZED, 1024 * SECOND_NS + 281_250_000)
