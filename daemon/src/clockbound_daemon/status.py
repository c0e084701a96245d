"""How far the clock can be relied on: what a sample says of it, and what the published status makes of that.

Pure: instants come in as integers, and every comparison is exact.
"""

from __future__ import annotations

from collections import namedtuple

from clockbound_daemon._candm import FLOAT_FRACTION_BITS, CandmLeap
from clockbound_daemon._layout import (
    FUTURE_SAMPLE_TOLERANCE_NS,
    GRACE_NS,
    NANOSECONDS_PER_SECOND,
    STALE_POLLS_COUNT,
    STALE_UPDATE_INTERVALS_COUNT,
    UNSYNCHRONISED_BOUND_NS,
    VOID_AFTER_NS,
    ClockStatus,
    SegmentRecord,
)
from clockbound_daemon.candm import Tracking
from clockbound_daemon.errors import NoSampleError

#: The reference id (127.127.1.1) of a chronyd that follows nothing but its own clock (`local` in chrony.conf).
LOCAL_REFERENCE_ID = 0x7F7F_0101


class FutureSampleError(NoSampleError):
    """chronyd's reference time lies in the future."""


class UnknownLeapStatusError(NoSampleError):
    """A leap status that the protocol doesn't define."""


class Verdict:
    """What one sample says of the clock."""

    __slots__ = ("cause", "explanation", "status")

    def __init__(self, status: ClockStatus, cause: str, explanation: str) -> None:
        self.status = status
        self.cause = cause  # the same for the same cause; repeated reports are counted by it
        self.explanation = explanation  # for people, with numbers; empty when synchronised


SYNCHRONISED = Verdict(ClockStatus.SYNCHRONIZED, "synchronised", "")


class State(namedtuple("State", "status as_of_monotonic_ns bound_ns")):
    """What is published of the clock. as_of and bound are those of the last synchronised sample."""

    __slots__ = ()

    status: ClockStatus
    as_of_monotonic_ns: int  # CLOCK_MONOTONIC_COARSE
    bound_ns: int


def initial_state(monotonic_ns: int) -> State:
    """Before the first synchronisation: a bound of 100 years. 0 would claim a perfect clock."""
    return State(ClockStatus.UNKNOWN, monotonic_ns, UNSYNCHRONISED_BOUND_NS)


def judge(
    sample: Tracking, *, realtime_ns: int, poll_interval_ns: int, trust_local_reference: bool = False
) -> Verdict:
    """What `sample`, received when CLOCK_REALTIME was `realtime_ns`, says of the clock; NoSampleError if nothing."""
    # chronyd stamps ref_time with its corrected time. The system clock alone would make good samples look
    # stale, or from the future, while chronyd slews, and under its option -x for ever.
    age = (realtime_ns - sample.ref_time_ns << FLOAT_FRACTION_BITS) + (
        sample.current_correction_q89_s * NANOSECONDS_PER_SECOND
    )  # in 2**-89 ns
    if age < -FUTURE_SAMPLE_TOLERANCE_NS << FLOAT_FRACTION_BITS:
        raise FutureSampleError(
            f"chronyd's last update lies {-_rounded_ns(age)} ns in the future, which can't be; "
            "look at it with 'chronyc tracking': the system clock was stepped back, perhaps"
        )
    if sample.leap_status > CandmLeap.UNSYNCHRONISED:
        raise UnknownLeapStatusError(
            f"chronyd reports leap status {sample.leap_status}, which isn't one of 0 to 3; "
            "use a chronyd that this daemon knows"
        )
    if sample.ref_id == LOCAL_REFERENCE_ID and not trust_local_reference:
        return Verdict(
            ClockStatus.UNKNOWN,
            "local-reference",
            "chronyd follows nothing but its own clock (reference id 7F7F0101), so that its error is unknown; "
            "give it a source, or start with --trust-local-reference if this clock is the reference",
        )
    if sample.leap_status == CandmLeap.UNSYNCHRONISED:
        return Verdict(
            ClockStatus.FREE_RUNNING,
            "unsynchronised",
            "chronyd says that it isn't synchronised; look at its sources with 'chronyc sources'",
        )
    stale_after = max(
        STALE_UPDATE_INTERVALS_COUNT * sample.last_update_interval_q89_s * NANOSECONDS_PER_SECOND,
        STALE_POLLS_COUNT * poll_interval_ns << FLOAT_FRACTION_BITS,
    )
    # chronyd renews the reference time of its own clock about once a minute, with an update interval of 0:
    # there is nothing that could become stale.
    if age > stale_after and sample.ref_id != LOCAL_REFERENCE_ID:
        return Verdict(
            ClockStatus.FREE_RUNNING,
            "stale",
            f"chronyd's last update is {_rounded_ns(age)} ns old, more than {_rounded_ns(stale_after)} ns; "
            "look at its sources with 'chronyc sources'",
        )
    return SYNCHRONISED


def with_sample(state: State, status: ClockStatus, *, as_of_monotonic_ns: int, bound_ns: int) -> State:
    """`state` after a usable sample of `status`, with the bound that was computed from it."""
    if status == ClockStatus.SYNCHRONIZED:
        return State(status, as_of_monotonic_ns, bound_ns)
    if state.status == ClockStatus.UNKNOWN:
        return state  # only a synchronised sample leads out
    return state._replace(status=status)


def without_sample(state: State, *, monotonic_ns: int) -> State:
    """`state` at `monotonic_ns` when the latest poll gave no usable sample."""
    if state.status == ClockStatus.UNKNOWN:
        return state
    in_grace = monotonic_ns < state.as_of_monotonic_ns + GRACE_NS
    return state._replace(status=ClockStatus.FREE_RUNNING if in_grace else ClockStatus.UNKNOWN)


def record(state: State, *, max_drift_ppb: int) -> SegmentRecord:
    """What is written into the segments for `state`. The generation is the writer's business."""
    as_of_sec, as_of_nsec = divmod(state.as_of_monotonic_ns, NANOSECONDS_PER_SECOND)
    # COMPAT: the original leaves void_after's nanoseconds at 0, up to a second earlier than 1000 s after as_of.
    void_after_sec, void_after_nsec = divmod(state.as_of_monotonic_ns + VOID_AFTER_NS, NANOSECONDS_PER_SECOND)
    return SegmentRecord(
        generation=0,
        as_of_sec=as_of_sec,
        as_of_nsec=as_of_nsec,
        void_after_sec=void_after_sec,
        void_after_nsec=void_after_nsec,
        bound_ns=state.bound_ns,
        disruption_marker=0,
        max_drift_ppb=max_drift_ppb,
        clock_status=state.status,
        # 0: readers need not compare markers, because this daemon doesn't follow the VMClock device.
        clock_disruption_support_enabled=0,
    )


def _rounded_ns(value_q89_ns: int) -> int:
    return value_q89_ns + (1 << FLOAT_FRACTION_BITS - 1) >> FLOAT_FRACTION_BITS
