"""How far the clock can be relied on: what a sample says of it, and what the published status makes of that.

Pure: instants come in as integers, and every comparison is exact.
"""

from __future__ import annotations

from collections import namedtuple

from clockbound_daemon._candm import FLOAT_FRACTION_BITS, LOCAL_REFERENCE_ID, CandmLeap
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
    segment_record,
)
from clockbound_daemon.candm import Tracking
from clockbound_daemon.errors import NoSampleError


class FutureSampleError(NoSampleError):
    """chronyd's reference time lies in the future."""


class UnknownLeapStatusError(NoSampleError):
    """A leap status that the protocol doesn't define."""


class OldSampleError(NoSampleError):
    """chronyd measured before a disruption."""


class Verdict:
    """What one sample says of the clock."""

    __slots__ = ("cause", "explanation", "status")

    def __init__(self, status: ClockStatus, cause: str, explanation: str) -> None:
        self.status = status
        self.cause = cause  # the same for the same cause; repeated reports are counted by it
        self.explanation = explanation  # for people, with numbers; empty when synchronised


_YOUNGEST_Q89_NS = -FUTURE_SAMPLE_TOLERANCE_NS << FLOAT_FRACTION_BITS

# Names of this module, and compared by identity: to look into an enumeration takes the interpreter longer than what it
# does with what it finds.
UNKNOWN, SYNCHRONIZED, FREE_RUNNING, DISRUPTED = ClockStatus
_LEAP_UNSYNCHRONISED = int(CandmLeap.UNSYNCHRONISED)

#: Statuses that no failure and no other than a synchronised sample changes.
_FIXED = (UNKNOWN, DISRUPTED)

#: What the causes of the other verdicts are called.
VERDICT_CAUSES = ("local-reference", "stale", "unsynchronised")
SYNCHRONISED = Verdict(SYNCHRONIZED, "synchronised", "")


class State(namedtuple("State", "status as_of_monotonic_ns bound_ns")):
    """What is published of the clock. as_of and bound are those of the last synchronised sample."""

    __slots__ = ()

    status: ClockStatus
    as_of_monotonic_ns: int  # CLOCK_MONOTONIC_COARSE
    bound_ns: int


def initial_state(monotonic_ns: int) -> State:
    """Before the first synchronisation: a bound of 100 years. 0 would claim a perfect clock."""
    return State(UNKNOWN, monotonic_ns, UNSYNCHRONISED_BOUND_NS)


def judge(
    sample: Tracking, *, realtime_ns: int, poll_interval_ns: int, trust_local_reference: bool = False
) -> Verdict:
    """What `sample`, received when CLOCK_REALTIME was `realtime_ns`, says of the clock; NoSampleError if nothing."""
    age = _age_q89_ns(sample, realtime_ns)
    if age < _YOUNGEST_Q89_NS:
        raise FutureSampleError(
            f"chronyd's last update lies {-_rounded_ns(age)} ns in the future, which can't be; "
            "look at it with 'chronyc tracking': the system clock was stepped back, perhaps"
        )
    if sample.leap_status > _LEAP_UNSYNCHRONISED:
        raise UnknownLeapStatusError(
            f"chronyd reports leap status {sample.leap_status}, which isn't one of 0 to 3; "
            "use a chronyd that this daemon knows"
        )
    if sample.ref_id == LOCAL_REFERENCE_ID and not trust_local_reference:
        return Verdict(
            UNKNOWN,
            "local-reference",
            f"chronyd follows nothing but its own clock (reference id {LOCAL_REFERENCE_ID:08X}), so that its error is "
            "unknown; give it a source, or start with --trust-local-reference if this clock is the reference",
        )
    if sample.leap_status == _LEAP_UNSYNCHRONISED:
        return Verdict(
            FREE_RUNNING,
            "unsynchronised",
            "chronyd says that it isn't synchronised; look at its sources with 'chronyc sources'",
        )
    # chronyd renews the reference time of its own clock about once a minute, with an update interval of 0:
    # there is nothing that could become stale. Of other samples few are older than the polls allow.
    if (
        age > STALE_POLLS_COUNT * poll_interval_ns << FLOAT_FRACTION_BITS
        and sample.ref_id != LOCAL_REFERENCE_ID
    ):
        intervals = STALE_UPDATE_INTERVALS_COUNT * sample.last_update_interval_q89_s * NANOSECONDS_PER_SECOND
        if age > intervals:
            stale_after = max(intervals, STALE_POLLS_COUNT * poll_interval_ns << FLOAT_FRACTION_BITS)
            return Verdict(
                FREE_RUNNING,
                "stale",
                f"chronyd's last update is {_rounded_ns(age)} ns old, more than {_rounded_ns(stale_after)} ns; "
                "look at its sources with 'chronyc sources'",
            )
    return SYNCHRONISED


class Recovery:
    """What has to come after a disruption before a sample can be believed."""

    __slots__ = ("_first_ref_time_ns", "since_monotonic_ns", "was_reset")

    def __init__(self, since_monotonic_ns: int) -> None:
        self.since_monotonic_ns = since_monotonic_ns  # when the disruption was found
        self.was_reset = False  # chronyd has dropped what it measured before
        self._first_ref_time_ns: int | None = None  # of the first answer since

    def check(self, sample: Tracking, *, realtime_ns: int, monotonic_ns: int) -> None:
        """OldSampleError unless `sample`, received at these instants, was measured after the disruption."""
        since_ns = monotonic_ns - self.since_monotonic_ns
        age = _age_q89_ns(sample, realtime_ns)
        if age >= since_ns << FLOAT_FRACTION_BITS:
            raise OldSampleError(
                f"chronyd's last update is {_rounded_ns(age)} ns old, but the clock was disrupted {since_ns} ns ago; "
                "nothing to do: chronyd's next update ends this"
            )
        # After a step back an old update looks younger than it is. A chronyd that dropped it says so by its
        # leap status; one that couldn't must renew its reference time before our eyes.
        if self.was_reset:
            return
        if self._first_ref_time_ns is None:
            self._first_ref_time_ns = sample.ref_time_ns
        if sample.ref_time_ns == self._first_ref_time_ns:
            raise OldSampleError(
                "chronyd may have made its last update before the clock was disrupted, and didn't reset its sources; "
                "nothing to do: its next update ends this"
            )


def with_sample(state: State, status: ClockStatus, *, as_of_monotonic_ns: int, bound_ns: int) -> State:
    """`state` after a usable sample of `status`, with the bound that was computed from it."""
    if state.status is DISRUPTED:
        return state  # no sample by itself leads out
    if status is SYNCHRONIZED:
        # Once a second, and so without the detour through the class.
        return tuple.__new__(State, (status, as_of_monotonic_ns, bound_ns))
    if state.status in _FIXED:
        return state  # only a synchronised sample leads out
    return state._replace(status=status)


def without_sample(state: State, *, monotonic_ns: int) -> State:
    """`state` at `monotonic_ns` when the latest poll gave no usable sample."""
    if state.status in _FIXED:
        return state
    in_grace = monotonic_ns < state.as_of_monotonic_ns + GRACE_NS
    return state._replace(status=FREE_RUNNING if in_grace else UNKNOWN)


def disrupted(state: State) -> State:
    """`state` after a disruption, whatever it was."""
    return state._replace(status=DISRUPTED)


def recovering(state: State) -> State:
    """`state` when chronyd has forgotten what it measured before the disruption."""
    return state._replace(status=UNKNOWN)


def without_page(state: State) -> State:
    """`state` while the VMClock page can't be had, so that nobody can tell whether there was a disruption."""
    return state if state.status in _FIXED else state._replace(status=UNKNOWN)


def record(state: State, *, max_drift_ppb: int, disruption_marker: int | None = None) -> SegmentRecord:
    """What is written into the segments for `state`. The generation is the writer's business.

    With a marker, readers have to compare it with the VMClock page's; without one, there is no page for them to read.
    """
    as_of_ns = state.as_of_monotonic_ns
    # COMPAT: the original leaves void_after's nanoseconds at 0, up to a second earlier than 1000 s after as_of.
    void_after_ns = as_of_ns + VOID_AFTER_NS
    return segment_record(
        generation=0,
        as_of_sec=as_of_ns // NANOSECONDS_PER_SECOND,
        as_of_nsec=as_of_ns % NANOSECONDS_PER_SECOND,
        void_after_sec=void_after_ns // NANOSECONDS_PER_SECOND,
        void_after_nsec=void_after_ns % NANOSECONDS_PER_SECOND,
        bound_ns=state.bound_ns,
        disruption_marker=disruption_marker or 0,
        max_drift_ppb=max_drift_ppb,
        clock_status=state.status,
        clock_disruption_support_enabled=int(disruption_marker is not None),
    )


def _age_q89_ns(sample: Tracking, realtime_ns: int) -> int:
    # chronyd stamps ref_time with its corrected time. The system clock alone would make good samples look
    # stale, or from the future, while chronyd slews, and under its option -x for ever.
    return (realtime_ns - sample.ref_time_ns << FLOAT_FRACTION_BITS) + (
        sample.current_correction_q89_s * NANOSECONDS_PER_SECOND
    )


def _rounded_ns(value_q89_ns: int) -> int:
    return value_q89_ns + (1 << FLOAT_FRACTION_BITS - 1) >> FLOAT_FRACTION_BITS
