"""What the lease does on the day when the clock can't be trusted. Run it with pytest."""

import pytest
from clockbound_client import ClockBoundClient, ClockNotTrustedError, ClockStatus, ErrorBoundTooLargeError
from clockbound_client.testing import ManualSegment
from lease import Lease, granted, may_act

MINUTE_NS = 60 * 10**9


def lease_of(clock: ClockBoundClient, length_ns: int) -> Lease:
    return Lease("a", clock.now().latest_ns + length_ns)


def test_it_is_one_owners_and_then_anothers(clockbound_segment: ManualSegment) -> None:
    clock = clockbound_segment.client()
    lease = lease_of(clock, MINUTE_NS)
    assert may_act(clock, lease)
    assert granted(clock, lease, "b", MINUTE_NS) is None
    assert granted(clock, lease_of(clock, -MINUTE_NS), "b", MINUTE_NS) is not None


def test_nobody_has_it_while_nobody_knows_whether_it_has_ended(clockbound_segment: ManualSegment) -> None:
    clock = clockbound_segment.client()
    lease = lease_of(clock, MINUTE_NS)
    clockbound_segment.publish(bound_ns=60 * MINUTE_NS)
    assert not may_act(clock, lease)
    assert granted(clock, lease, "b", MINUTE_NS) is None


@pytest.mark.parametrize("status", [ClockStatus.UNKNOWN, ClockStatus.DISRUPTED])
def test_nobody_acts_while_the_clock_cannot_be_trusted(
    clockbound_segment: ManualSegment, status: ClockStatus
) -> None:
    clock = clockbound_segment.client()
    lease = lease_of(clock, MINUTE_NS)
    clockbound_segment.publish(status=status)
    with pytest.raises(ClockNotTrustedError):
        may_act(clock, lease)
    with pytest.raises(ClockNotTrustedError):
        granted(clock, lease, "b", MINUTE_NS)


def test_nobody_acts_when_the_daemon_has_been_dead_for_20_minutes(clockbound_segment: ManualSegment) -> None:
    clock = clockbound_segment.client()
    lease = lease_of(clock, 60 * MINUTE_NS)
    clockbound_segment.publish(age_ns=20 * MINUTE_NS)
    with pytest.raises(ClockNotTrustedError):
        may_act(clock, lease)


def test_no_lease_by_a_clock_that_may_be_wrong_by_50_ms(clockbound_segment: ManualSegment) -> None:
    clockbound_segment.publish(bound_ns=50_000_000)
    with pytest.raises(ErrorBoundTooLargeError):
        granted(clockbound_segment.client(), None, "a", MINUTE_NS)
