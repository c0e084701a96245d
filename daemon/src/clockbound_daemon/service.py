"""The loop: asks chronyd, judges its answer, publishes. It never waits for anything but the next deadline."""

from __future__ import annotations

import select
import time
from collections.abc import Callable

from clockbound_daemon import bound, status
from clockbound_daemon._layout import GRACE_NS, NANOSECONDS_PER_SECOND, ClockStatus, SegmentRecord
from clockbound_daemon.candm import Tracking
from clockbound_daemon.chrony import ChronyClient
from clockbound_daemon.errors import NoSampleError
from clockbound_daemon.log import Damper, Log
from clockbound_daemon.status import SYNCHRONISED, State

PUBLISH_INTERVAL_NS = NANOSECONDS_PER_SECOND
#: A publish that is due with a poll waits this long for the answer, so that mostly one does for both.
ANSWER_ALLOWANCE_NS = 50_000_000
#: An answer that takes longer isn't waited for (nor longer than the poll interval).
REPLY_TIMEOUT_NS = 500_000_000

# Type checkers take this name for typing.TYPE_CHECKING; typing itself is slow to import.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from clockbound_daemon.phc import PhcErrorBound

#: Linux's clock id, which Python's time module doesn't name.
_CLOCK_MONOTONIC_COARSE = 6


class SystemClock:
    """The only reader of clocks in the daemon."""

    #: CLOCK_REALTIME
    realtime_ns = staticmethod(time.time_ns)
    #: CLOCK_MONOTONIC, for deadlines and ages
    monotonic_ns = staticmethod(time.monotonic_ns)

    @staticmethod
    def monotonic_coarse_ns() -> int:
        """CLOCK_MONOTONIC_COARSE, for as_of: existing readers compare it with their own coarse reading."""
        return time.clock_gettime_ns(_CLOCK_MONOTONIC_COARSE)


class Service:
    """Everything between chronyd and the segments."""

    def __init__(
        self,
        *,
        initial: State,
        client: ChronyClient,
        publish: Callable[[SegmentRecord], None],
        log: Log,
        max_drift_ppb: int,
        poll_interval_ns: int,
        clock: SystemClock | None = None,
        trust_local_reference: bool = False,
        phc_reference_id: int | None = None,
        phc: PhcErrorBound | None = None,
    ) -> None:
        self._state = initial
        self._client = client
        self._publish_record = publish
        self._log = log
        self._max_drift_ppb = max_drift_ppb
        self._poll_interval_ns = poll_interval_ns
        self._clock = clock if clock is not None else SystemClock()
        self._trust_local_reference = trust_local_reference
        self._phc_reference_id = phc_reference_id
        self._phc = phc

        self._damper = Damper()
        self._failure: NoSampleError | None = None  # of the latest poll; None when it gave a usable sample
        self._as_of_monotonic_ns = initial.as_of_monotonic_ns  # of the open question
        now_ns = self._clock.monotonic_ns()
        self._reply_timeout_ns = min(REPLY_TIMEOUT_NS, poll_interval_ns)
        self._reply_deadline_ns = now_ns
        self._next_poll_ns = now_ns
        self._next_publish_ns = now_ns + PUBLISH_INTERVAL_NS + ANSWER_ALLOWANCE_NS

    @property
    def state(self) -> State:
        """What is published."""
        return self._state

    def run(self, stop: int) -> None:
        """Turn until the descriptor `stop` becomes readable."""
        resting = waiting = _poll(stop)
        asked = -1
        while True:
            deadline_ns = self.turn()
            # chronyd's descriptor is watched only while an answer is expected: otherwise answers that nobody
            # asked for would end every wait at once.
            if self._client.waiting and self._client.fileno() != asked:
                asked = self._client.fileno()
                waiting = _poll(stop, asked)
            poll = waiting if self._client.waiting else resting
            wait_ns = max(0, deadline_ns - self._clock.monotonic_ns())
            for descriptor, _ in poll.poll(-(-wait_ns // 1_000_000)):
                if descriptor == stop:
                    return

    def turn(self) -> int:
        """Do what is due, and return the CLOCK_MONOTONIC nanosecond at which something will be."""
        changed = self._client.waiting and self._receive()
        now_ns = self._clock.monotonic_ns()
        if now_ns >= self._next_poll_ns:
            self._next_poll_ns = _after(now_ns, self._next_poll_ns, self._poll_interval_ns)
            changed |= self._ask()
        if self._failure is not None:
            changed |= self._fade(self._failure, now_ns)
        if changed or now_ns >= self._next_publish_ns:
            self._publish(now_ns)
        return self._next_deadline_ns()

    def _ask(self) -> bool:
        # Before chronyd is asked: whatever time passes until its answer only widens the interval.
        self._as_of_monotonic_ns = self._clock.monotonic_coarse_ns()
        try:
            self._client.ask()
        except NoSampleError as failure:
            self._fail(failure)
            return True
        self._reply_deadline_ns = self._clock.monotonic_ns() + self._reply_timeout_ns
        return False

    def _receive(self) -> bool:
        try:
            answer = self._client.receive()
            if answer is not None:
                self._take(answer)
            elif self._clock.monotonic_ns() < self._reply_deadline_ns:
                return False
            else:
                raise self._client.give_up(self._reply_timeout_ns)
        except NoSampleError as failure:
            self._fail(failure)
        return True

    def _take(self, sample: Tracking) -> None:
        verdict = status.judge(
            sample,
            realtime_ns=self._clock.realtime_ns(),
            poll_interval_ns=self._poll_interval_ns,
            trust_local_reference=self._trust_local_reference,
        )
        phc_error_bound_ns = 0
        if self._phc is not None and sample.ref_id == self._phc_reference_id:
            phc_error_bound_ns = self._phc.read_ns()
        bound_ns = bound.clock_error_bound_ns(
            current_correction_q89_s=sample.current_correction_q89_s,
            root_dispersion_q89_s=sample.root_dispersion_q89_s,
            root_delay_q89_s=sample.root_delay_q89_s,
            phc_error_bound_ns=phc_error_bound_ns,
        )
        self._failure = None
        previous = self._state
        self._state = status.with_sample(
            previous, verdict.status, as_of_monotonic_ns=self._as_of_monotonic_ns, bound_ns=bound_ns
        )
        if verdict is not SYNCHRONISED:
            self._report(previous, verdict.cause, verdict.explanation)
        elif previous.status != verdict.status:
            self._report(
                previous,
                verdict.cause,
                f"chronyd follows {sample.ref_id:08X}: correction {bound.in_seconds(sample.current_correction_q89_s)} s, "
                f"root dispersion {bound.in_seconds(sample.root_dispersion_q89_s)} s, "
                f"root delay {bound.in_seconds(sample.root_delay_q89_s)} s, PHC {phc_error_bound_ns} ns",
            )

    def _fail(self, failure: NoSampleError) -> None:
        self._failure = failure
        previous = self._state
        self._state = status.without_sample(previous, monotonic_ns=self._clock.monotonic_ns())
        self._report(previous, type(failure).__name__, str(failure))

    def _fade(self, failure: NoSampleError, now_ns: int) -> bool:
        """Time alone ends the grace that a failure was given."""
        previous = self._state
        self._state = status.without_sample(previous, monotonic_ns=now_ns)
        if self._state.status == previous.status:
            return False
        self._report(previous, type(failure).__name__, str(failure))
        return True

    def _report(self, previous: State, cause: str, explanation: str) -> None:
        now_ns = self._clock.monotonic_ns()
        state = self._state
        held_back_count = None if cause == SYNCHRONISED.cause else self._damper.admit(cause, now_ns)
        age_ns = now_ns - state.as_of_monotonic_ns
        if state.status != previous.status:
            report = self._log.info if state.status == ClockStatus.SYNCHRONIZED else self._log.warning
            report(
                "status",
                f"{previous.status.name} -> {state.status.name}, bound {state.bound_ns} ns, as of {age_ns / 1e9:.3f} s ago: "
                f"{explanation}",
                cause=cause,
                previous_status=previous.status.name,
                status=state.status.name,
                bound_ns=state.bound_ns,
                as_of_age_ns=age_ns,
            )
        elif held_back_count is not None:
            again = f" ({held_back_count} more since the last report)" if held_back_count else ""
            self._log.warning(
                "sample",
                f"still {state.status.name}, bound {state.bound_ns} ns, as of {age_ns / 1e9:.3f} s ago: {explanation}{again}",
                cause=cause,
                status=state.status.name,
                bound_ns=state.bound_ns,
                as_of_age_ns=age_ns,
                held_back_count=held_back_count,
            )

    def _publish(self, now_ns: int) -> None:
        self._publish_record(status.record(self._state, max_drift_ppb=self._max_drift_ppb))
        # This publish does for the one that would be due within the time that it would have waited for it.
        if now_ns >= self._next_publish_ns - 2 * ANSWER_ALLOWANCE_NS:
            self._next_publish_ns = _after(
                now_ns + 2 * ANSWER_ALLOWANCE_NS, self._next_publish_ns, PUBLISH_INTERVAL_NS
            )

    def _next_deadline_ns(self) -> int:
        deadline_ns = min(self._next_poll_ns, self._next_publish_ns)
        if self._client.waiting:
            deadline_ns = min(deadline_ns, self._reply_deadline_ns)
        if self._failure is not None and self._state.status == ClockStatus.FREE_RUNNING:
            deadline_ns = min(deadline_ns, self._state.as_of_monotonic_ns + GRACE_NS)
        return deadline_ns


def _poll(*descriptors: int) -> select.poll:
    poll = select.poll()
    for descriptor in descriptors:
        poll.register(descriptor, select.POLLIN)
    return poll


def _after(now_ns: int, previous_ns: int, interval_ns: int) -> int:
    """The first instant after `now_ns` on the grid through `previous_ns`, so that lateness doesn't add up."""
    return previous_ns + ((now_ns - previous_ns) // interval_ns + 1) * interval_ns
