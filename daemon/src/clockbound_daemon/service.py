"""The loop: asks chronyd, judges its answer, publishes. It never waits for anything but the next deadline."""

from __future__ import annotations

import select
import time
from collections.abc import Callable
from functools import partial

from clockbound_daemon import bound, candm, status, steps
from clockbound_daemon._layout import (
    BURST_AGAIN_NS,
    GRACE_NS,
    NANOSECONDS_PER_SECOND,
    PAGE_LOOK_INTERVAL_NS,
    SegmentRecord,
)
from clockbound_daemon.candm import Tracking
from clockbound_daemon.chrony import ChronyClient
from clockbound_daemon.errors import NoSampleError
from clockbound_daemon.figures import Figures
from clockbound_daemon.growth import GrowthMonitor
from clockbound_daemon.log import Damper, Log
from clockbound_daemon.signals import Signals
from clockbound_daemon.status import DISRUPTED, FREE_RUNNING, SYNCHRONISED, SYNCHRONIZED, Recovery, State
from clockbound_daemon.vmclock import BusyPageError, NoPageError, VmclockError, VmclockPage

#: However long the poll interval is. Where it is shorter, there is a publish a poll.
PUBLISH_INTERVAL_NS = NANOSECONDS_PER_SECOND
#: A publish that is due with a poll waits this long for the answer, so that mostly one does for both.
ANSWER_ALLOWANCE_NS = 50_000_000
#: An answer that takes longer isn't waited for (nor longer than the poll interval).
REPLY_TIMEOUT_NS = 500_000_000
#: After a disruption chronyd is told at once, but not oftener than this, however many disruptions there are.
TELL_INTERVAL_NS = NANOSECONDS_PER_SECOND
#: The bursts that are ordered again come at intervals that double up to this.
LONGEST_BURST_INTERVAL_NS = 3600 * NANOSECONDS_PER_SECOND
#: Sets of descriptors to wait on that are kept: two, and more when chronyd or the configuration changes.
POLLS_LIMIT_COUNT = 8
#: A suspension that is shorter isn't told from the time between two readings of clocks.
SHORTEST_SUSPENSION_NS = 10_000_000

# Type checkers take this name for typing.TYPE_CHECKING; typing itself is slow to import.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from clockbound_daemon.outside import Outside
    from clockbound_daemon.phc import PhcErrorBound

#: Linux's clock ids, which Python's time module doesn't name.
_CLOCK_REALTIME_COARSE, _CLOCK_MONOTONIC_COARSE = 5, 6


class SystemClock:
    """The only reader of clocks in the daemon."""

    #: CLOCK_REALTIME
    realtime_ns = staticmethod(time.time_ns)
    #: CLOCK_MONOTONIC, for deadlines and ages
    monotonic_ns = staticmethod(time.monotonic_ns)
    #: CLOCK_MONOTONIC_COARSE, for as_of: existing readers compare it with their own coarse reading
    monotonic_coarse_ns = staticmethod(partial(time.clock_gettime_ns, _CLOCK_MONOTONIC_COARSE))
    #: CLOCK_REALTIME_COARSE, which tells of steps together with the other coarse clock
    realtime_coarse_ns = staticmethod(partial(time.clock_gettime_ns, _CLOCK_REALTIME_COARSE))

    @staticmethod
    def suspended_ns() -> int:
        """How long the machine has been suspended since it was started, about."""
        return time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()


class UnsteadyClockError(NoSampleError):
    """It can't be said at the moment whether the clock was stepped."""


class NoDisruption:
    """What forces no disruptions, for those who don't listen to signals."""

    forced = was_forced = False


class Service:
    """Everything between chronyd and the segments."""

    # So many that CPython would look them up in a dictionary for each instance.
    __slots__ = (
        "_as_of_monotonic_ns",
        "_asked_realtime_ns",
        "_burst_interval_ns",
        "_client",
        "_damper",
        "_explanation",
        "_failure",
        "_forced",
        "_growth",
        "_interrupted",
        "_keep_offset_ns",
        "_log",
        "_marker",
        "_max_drift_ppb",
        "_monotonic_coarse_ns",
        "_monotonic_ns",
        "_next_burst_ns",
        "_next_look_ns",
        "_next_max_drift_ppb",
        "_next_poll_ns",
        "_next_publish_ns",
        "_next_tell_ns",
        "_offset_known",
        "_offset_ns",
        "_orders",
        "_outside",
        "_page_failure",
        "_page_seen",
        "_phc",
        "_phc_reference_id",
        "_poll_interval_ns",
        "_publish_interval_ns",
        "_publish_record",
        "_question",
        "_read_suspended_ns",
        "_realtime_coarse_ns",
        "_realtime_ns",
        "_recovery",
        "_reply_deadline_ns",
        "_reply_timeout_ns",
        "_signals",
        "_state",
        "_suspended_ns",
        "_trust_local_reference",
        "_vmclock",
        "figures",
    )

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
        vmclock: VmclockPage | None = None,
        marker: int | None = None,
        page_seen: bool = False,
        offset_ns: int | None = None,
        keep_offset_ns: Callable[[int], None] = lambda offset_ns: None,
        interrupted: str = "",
        signals: Signals | NoDisruption | None = None,
        outside: Outside | None = None,
    ) -> None:
        """`marker` and `offset_ns` are those that were seen last, by an earlier daemon too; None if none were.

        `page_seen`: there is a VMClock page, so that clients have to look at it.
        `interrupted` says why the clock counts as disrupted from the start; empty if it doesn't.
        """
        self._state = initial
        self._client = client
        self._publish_record = publish
        self._log = log
        self._max_drift_ppb = max_drift_ppb  # that is published
        self._next_max_drift_ppb = max_drift_ppb  # for the next synchronised sample
        self._poll_interval_ns = poll_interval_ns
        clock = clock if clock is not None else SystemClock()
        self._realtime_ns = clock.realtime_ns
        self._monotonic_ns = clock.monotonic_ns
        self._realtime_coarse_ns = clock.realtime_coarse_ns
        self._monotonic_coarse_ns = clock.monotonic_coarse_ns
        self._read_suspended_ns = clock.suspended_ns
        self._trust_local_reference = trust_local_reference
        self._phc_reference_id = phc_reference_id
        self._phc = phc
        self._vmclock = vmclock
        self._marker = marker
        self._page_seen = page_seen  # by this daemon, so that clients look for it
        self._page_failure: VmclockError | None = None
        self._offset_ns = offset_ns
        self._offset_known = False  # at this turn
        self._keep_offset_ns = keep_offset_ns
        self._interrupted = interrupted
        self._signals = signals if signals is not None else NoDisruption()
        self._outside = outside
        self._forced = False  # by a signal, as far as it was looked at
        self._suspended_ns = clock.suspended_ns()

        self._damper = Damper()
        self._failure: NoSampleError | None = None  # of the latest poll; None when it gave a usable sample
        self._recovery: Recovery | None = (
            None  # from a disruption; None when there is nothing to recover from
        )
        self._orders: tuple[candm.Question, ...] = ()  # that chronyd is still to be given
        self._question = candm.TRACKING  # the latest
        self._as_of_monotonic_ns = initial.as_of_monotonic_ns  # of the open question
        self._asked_realtime_ns = 0  # of the open question
        self._growth = GrowthMonitor()
        self._explanation = "nothing is known of the clock yet"  # of the state, for people
        #: What is counted and measured.
        self.figures = Figures(
            started_realtime_ns=clock.realtime_ns(),
            max_drift_ppb=max_drift_ppb,
            poll_interval_ns=poll_interval_ns,
        )

        now_ns = self._monotonic_ns()
        self._reply_timeout_ns = min(REPLY_TIMEOUT_NS, poll_interval_ns)
        self._publish_interval_ns = min(PUBLISH_INTERVAL_NS, poll_interval_ns)
        self._reply_deadline_ns = now_ns
        self._next_poll_ns = now_ns
        self._next_burst_ns, self._burst_interval_ns = now_ns, BURST_AGAIN_NS
        self._next_publish_ns = now_ns + self._publish_interval_ns + ANSWER_ALLOWANCE_NS
        self._next_tell_ns = now_ns
        self._next_look_ns = now_ns  # at the VMClock page

    @property
    def state(self) -> State:
        """What is published."""
        return self._state

    @property
    def client(self) -> ChronyClient:
        """How chronyd is asked."""
        return self._client

    @property
    def words(self) -> str:
        """How the clock is, for people."""
        state, sample = self._state, self.figures.sample
        if state.status is SYNCHRONIZED and self._failure is None and sample is not None:
            return f"SYNCHRONIZED: bound {state.bound_ns} ns, chronyd follows {sample.ref_id:08X}"
        return f"{state.status.name}: {self._explanation}"

    def configure(
        self,
        *,
        client: ChronyClient,
        max_drift_ppb: int,
        poll_interval_ns: int,
        trust_local_reference: bool,
        phc_reference_id: int | None,
        phc: PhcErrorBound | None,
    ) -> None:
        """Go on with these settings. What is published stays, until there is a sample that was taken with them."""
        if client is not self._client:
            self._client.close()
            self._client = client
        self._trust_local_reference = trust_local_reference
        self._phc_reference_id = phc_reference_id
        self._phc = phc
        # A lower rate holds for what comes: the bound that is published has drifted at the higher one since.
        self._next_max_drift_ppb = max_drift_ppb
        self._max_drift_ppb = max(self._max_drift_ppb, max_drift_ppb)
        self._poll_interval_ns = self.figures.poll_interval_ns = poll_interval_ns
        self._reply_timeout_ns = min(REPLY_TIMEOUT_NS, poll_interval_ns)
        self._publish_interval_ns = min(PUBLISH_INTERVAL_NS, poll_interval_ns)
        now_ns = self._monotonic_ns()
        self._next_poll_ns = min(self._next_poll_ns, now_ns + poll_interval_ns)
        self._next_publish_ns = min(
            self._next_publish_ns, now_ns + self._publish_interval_ns + ANSWER_ALLOWANCE_NS
        )

    def close(self) -> None:
        """Ask chronyd nothing more."""
        self._client.close()

    def run(self, signals: Signals) -> None:
        """Turn until a signal asks for something that isn't the loop's business."""
        polls: dict[int, select.poll] = {}  # by chronyd's descriptor
        woken, served = signals.fileno(), -1
        while True:
            signals.noted = False
            deadline_ns = self.turn()
            serving = -1
            if self._outside is not None and self._outside.is_serving:
                due_ns = self._outside.serve(self._monotonic_ns())
                if due_ns is not None and due_ns < deadline_ns:
                    deadline_ns = due_ns
                serving = self._outside.fileno()
            if serving != served:
                served = serving
                polls.clear()
            # chronyd's descriptor is watched only while an answer is expected: otherwise answers that nobody
            # asked for would end every wait at once.
            answering = self._client.descriptor if self._client.waiting else -1
            try:
                poll = polls[answering]
            except KeyError:
                if len(polls) >= POLLS_LIMIT_COUNT:
                    polls.clear()
                poll = polls[answering] = _poll(woken, answering, served)
            if signals.leaving:
                return  # only now: signals that come without end can't keep the loop from its turns
            wait_ns = 0 if signals.noted else deadline_ns - self._monotonic_ns()
            for descriptor, _ in poll.poll(-(-wait_ns // 1_000_000) if wait_ns > 0 else 0):
                if descriptor == woken:
                    signals.drain()

    def turn(self) -> int:
        """Do what is due, and return the CLOCK_MONOTONIC nanosecond at which something will be."""
        client, answer, changed, is_asked = self._client, None, False, False
        now_ns = self._monotonic_ns()
        if client.waiting:
            answer = self._answer(now_ns)
        elif (
            self._next_poll_ns <= now_ns < self._next_publish_ns
            and self._state.status is SYNCHRONIZED
            and not self._signals.was_forced
        ):
            changed = self._ask(now_ns)
            is_asked = client.waiting
        # Where a question was asked in time, it is the next turn that looks: the one that takes the answer, or the one of
        # the next publish. A turn that comes late, as after a suspension, looks at once.
        if not is_asked:
            disruptions_count = self.figures.disruptions_count
            # After the answer was received: nothing that happened before chronyd made it can escape.
            changed |= self._watch(now_ns)
            if answer is not None and disruptions_count == self.figures.disruptions_count:
                self._answered(answer)
                changed = True
            now_ns = self._monotonic_ns()
            # An open question is answered or given up before the next: else none would ever count as unanswered.
            if now_ns >= self._next_poll_ns and not client.waiting:
                changed |= self._ask(now_ns)
        if self._failure is not None:
            changed |= self._fade(self._failure, now_ns)
        if changed or now_ns >= self._next_publish_ns:
            self._publish(now_ns)
        deadline_ns = self._reply_deadline_ns if client.waiting else self._next_poll_ns
        # Not min(), which goes a long way for this.
        if self._next_publish_ns < deadline_ns:  # noqa: PLR1730
            deadline_ns = self._next_publish_ns
        if self._failure is not None and self._state.status is FREE_RUNNING:
            deadline_ns = min(deadline_ns, self._state.as_of_monotonic_ns + GRACE_NS)
        return deadline_ns

    def _watch(self, now_ns: int) -> bool:
        """Look at all that tells of a disruption; whether there is something to publish."""
        changed = False
        if self._interrupted:
            explanation, self._interrupted = self._interrupted, ""
            self._disrupt("interrupted", explanation)
            changed = True
        if self._vmclock is not None and now_ns >= self._next_look_ns:
            changed |= self._watch_page(self._vmclock, now_ns)
        changed |= self._watch_offset()
        if self._forced or self._signals.was_forced:
            self._watch_signals()
        return changed

    def _watch_page(self, page: VmclockPage, now_ns: int) -> bool:
        if not self._page_seen and page.is_absent():
            # A page that never was tells nothing, and clients don't look for it.
            self._page_failure = None  # that of something that isn't there any more
            # There is nothing to compare its first marker with, whenever it comes, and so no haste, unless an earlier
            # daemon has seen one.
            if self._marker is None:
                self._next_look_ns = now_ns + PAGE_LOOK_INTERVAL_NS
            return False
        try:
            marker = page.marker()
        except NoPageError as failure:
            if self._page_seen:
                return self._without_page(failure)
            self._page_failure = None
            return False
        except VmclockError as failure:
            return self._without_page(failure)
        had_failed = self._page_failure is not None
        self._page_failure = None
        previous, self._marker = self._marker, marker
        if not self._page_seen:
            self._page_seen = True
            self._log.info("vmclock", f"{page.path}: followed from now on, marker {marker}", marker=marker)
        if previous is not None and previous != marker:
            self._disrupt(
                "marker",
                f"{page.path}: the hypervisor disrupted this machine's clock: marker {previous} -> {marker}",
            )
        return had_failed or previous is None

    def _without_page(self, failure: VmclockError) -> bool:
        self._page_failure = failure
        if isinstance(failure, BusyPageError):
            self._page_seen = True  # clients can map it, and see what this daemon sees
        previous = self._state
        self._state = status.without_page(previous)
        self._report(previous, type(failure).__name__, str(failure))
        return self._state != previous

    def _watch_offset(self) -> bool:
        offset_ns = steps.offset_ns(self._realtime_coarse_ns, self._monotonic_coarse_ns)
        self._offset_known = offset_ns is not None
        if offset_ns is None or offset_ns == self._offset_ns:
            return False
        previous_ns, self._offset_ns = self._offset_ns, offset_ns
        if previous_ns is not None:
            self.figures.steps_count += 1
            self._disrupt(*self._explained_step(offset_ns - previous_ns))
        # After it was published: a daemon that dies in between leaves a step to be found, not a clock to be trusted.
        self._keep_offset_ns(offset_ns)
        return previous_ns is not None

    def _explained_step(self, step_ns: int) -> tuple[str, str]:
        suspended_ns = self._read_suspended_ns()
        asleep_ns, self._suspended_ns = suspended_ns - self._suspended_ns, suspended_ns
        by = f"{'forward' if step_ns > 0 else 'back'} by {abs(step_ns)} ns"
        if asleep_ns >= SHORTEST_SUSPENSION_NS:
            return (
                "suspension",
                f"the machine was suspended for {asleep_ns / 1e9:.3f} s, and its clock set {by}",
            )
        return (
            "step",
            f"the system clock was set {by}; find out who does that besides chronyd, and stop it",
        )

    def _watch_signals(self) -> None:
        # In this order, so that a disruption that is over already was one all the same. Further SIGUSR1 during
        # one are the same one.
        if self._signals.was_forced:
            self._signals.was_forced = False
            if not self._forced:
                self._forced = True
                self._disrupt("forced", "SIGUSR1 says so, until SIGUSR2 comes")
        if self._forced and not self._signals.forced:
            self._forced = False
            if self._damper.admit("released", self._monotonic_ns()) is not None:
                self._log.info("released", "SIGUSR2 ended the forced disruption")

    def _disrupt(self, cause: str, explanation: str) -> None:
        """There was a disruption: publish it, then see to it that chronyd forgets what it measured before."""
        now_ns = self._monotonic_ns()
        self.figures.disruptions_count += 1
        self._recovery = Recovery(now_ns)
        self._failure = None
        self._growth.forget()
        previous = self._state
        self._state, self._explanation = status.disrupted(previous), explanation
        self._publish(now_ns)
        self._report(previous, cause, explanation)
        self._client.abandon()
        self._orders = (candm.RESET_SOURCES, candm.BURST)
        if now_ns >= self._next_tell_ns:
            self._next_poll_ns, self._next_tell_ns = now_ns, now_ns + TELL_INTERVAL_NS
        self._burst_interval_ns = BURST_AGAIN_NS

    def _recover(self, recovery: Recovery) -> None:
        """From DISRUPTED to UNKNOWN, once chronyd has forgotten what it measured before and nobody forces anything."""
        if not recovery.was_reset or self._forced:
            return
        previous = self._state
        self._state = status.recovering(previous)
        if previous.status is DISRUPTED:
            self._report(previous, "reset", "chronyd has reset its sources and measures anew")

    def _ask(self, now_ns: int) -> bool:
        self._next_poll_ns = _after(now_ns, self._next_poll_ns, self._poll_interval_ns)
        if (
            self._recovery is not None
            and not self._orders
            and not self._forced
            and now_ns >= self._next_burst_ns
        ):
            # chronyd takes no order for a burst while it is in one, that of its start for example.
            self._orders = (candm.BURST,)
        self._question = self._orders[0] if self._orders else candm.TRACKING
        # Before chronyd is asked: whatever time passes until its answer only widens the interval.
        self._as_of_monotonic_ns = self._monotonic_coarse_ns()
        self._asked_realtime_ns = self._realtime_ns()
        self.figures.polls_count += 1
        try:
            self._client.ask(self._question)
        except NoSampleError as failure:
            self._fail(failure)
            return True
        self._reply_deadline_ns = now_ns + self._reply_timeout_ns
        return False

    def _answer(self, now_ns: int) -> Tracking | candm.Done | NoSampleError | None:
        """What came of the open question; None while that isn't known."""
        try:
            answer = self._client.receive()
        except NoSampleError as failure:
            return failure
        if answer is None and now_ns >= self._reply_deadline_ns:
            return self._client.give_up(self._reply_timeout_ns)
        return answer

    def _answered(self, answer: Tracking | candm.Done | NoSampleError) -> None:
        if self._orders:
            self._ordered(answer)
        elif isinstance(answer, Tracking):
            if self._recovery is not None:
                self._recover(self._recovery)
            try:
                self._take(answer)
            except NoSampleError as failure:
                self._fail(failure)
        else:
            assert isinstance(answer, NoSampleError)
            self._fail(answer)

    def _ordered(self, answer: Tracking | candm.Done | NoSampleError) -> None:
        """chronyd did what it was told, or refused, or said nothing: then it is told again at the next poll."""
        if isinstance(answer, NoSampleError) and not isinstance(answer, candm.ErrorStatusError):
            self._fail(answer)
            return
        assert self._recovery is not None
        self._failure = None
        self._orders = self._orders[1:]
        now_ns = self._monotonic_ns()
        if self._question is candm.BURST:
            self._next_burst_ns = now_ns + self._burst_interval_ns
            self._burst_interval_ns = min(2 * self._burst_interval_ns, LONGEST_BURST_INTERVAL_NS)
        # After the first burst the next poll comes in its time, so that DISRUPTED is there for a client to see.
        if self._orders or self._state.status is not DISRUPTED:
            self._next_poll_ns = now_ns
        # That chronyd takes no burst is no news: those who have reference clocks only have nobody to ask for more.
        if self._question is candm.RESET_SOURCES:
            self._recovery.was_reset = isinstance(answer, candm.Done)
            if isinstance(answer, NoSampleError):
                self._report(
                    self._state, "reset-refused", f"chronyd can't forget what it measured before: {answer}"
                )

    def _take(self, sample: Tracking) -> None:
        # In this order: what happens between the two readings makes the sample look older, never younger.
        monotonic_ns, realtime_ns = self._monotonic_ns(), self._realtime_ns()
        if self._page_failure is not None:
            raise self._page_failure
        if not self._offset_known:
            raise UnsteadyClockError(
                "it can't be said at the moment whether the system clock was set, because ticks fall between all readings; "
                "nothing to do unless it lasts"
            )
        verdict = status.judge(
            sample,
            realtime_ns=realtime_ns,
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
        growth_ppb = self._growth.most_ppb(
            sample, asked_realtime_ns=self._asked_realtime_ns, received_realtime_ns=realtime_ns
        )
        if growth_ppb is not None:
            self._judge_growth(growth_ppb)
        previous = self._state
        state = previous
        if self._recovery is not None and verdict.status is SYNCHRONIZED:
            self._recovery.check(sample, realtime_ns=realtime_ns, monotonic_ns=monotonic_ns)
            if not self._forced:
                self._recovery = None
                state = status.recovering(state)
        self._failure = None
        self._state = status.with_sample(
            state, verdict.status, as_of_monotonic_ns=self._as_of_monotonic_ns, bound_ns=bound_ns
        )
        if self._state.status is SYNCHRONIZED:
            self._max_drift_ppb = self._next_max_drift_ppb
            self.figures.sample, self.figures.phc_error_bound_ns = sample, phc_error_bound_ns
        if verdict is not SYNCHRONISED:
            self.figures.count_failure(verdict.cause)
            self._report(previous, verdict.cause, verdict.explanation)
        elif previous.status != self._state.status:
            self._report(
                previous,
                verdict.cause,
                f"chronyd follows {sample.ref_id:08X}: correction {bound.in_seconds(sample.current_correction_q89_s)} s, "
                f"root dispersion {bound.in_seconds(sample.root_dispersion_q89_s)} s, "
                f"root delay {bound.in_seconds(sample.root_delay_q89_s)} s, PHC {phc_error_bound_ns} ns",
            )

    def _judge_growth(self, growth_ppb: int) -> None:
        self.figures.dispersion_growth_ppb = growth_ppb
        if growth_ppb >= self._max_drift_ppb:
            return
        held_back_count = self._damper.admit("dispersion-growth", self._monotonic_ns())
        if held_back_count is None:
            return
        self._log.warning(
            "dispersion-growth",
            f"chronyd lets its root dispersion grow by {growth_ppb} ppb between updates, but the clock may drift by "
            f"{self._max_drift_ppb} ppb, so that the bound is too small; put 'maxclockerror "
            f"{bound.decimal(self._max_drift_ppb, 1000)}' into chrony.conf",
            growth_ppb=growth_ppb,
            max_drift_ppb=self._max_drift_ppb,
            held_back_count=held_back_count,
        )

    def _fail(self, failure: NoSampleError) -> None:
        self._failure = failure
        self.figures.count_failure(type(failure).__name__)
        previous = self._state
        self._state = status.without_sample(previous, monotonic_ns=self._monotonic_ns())
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
        now_ns = self._monotonic_ns()
        state = self._state
        self._explanation = explanation
        held_back_count = None if cause == SYNCHRONISED.cause else self._damper.admit(cause, now_ns)
        age_ns = now_ns - state.as_of_monotonic_ns
        if state.status != previous.status:
            report = self._log.info if state.status is SYNCHRONIZED else self._log.warning
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
        marker = (self._marker or 0) if self._page_seen else None
        self._publish_record(
            status.record(self._state, max_drift_ppb=self._max_drift_ppb, disruption_marker=marker)
        )
        figures = self.figures
        figures.publishes_count += 1
        figures.max_drift_ppb, figures.follows_vmclock = self._max_drift_ppb, marker is not None
        if self._outside is not None and self._outside.is_watching:
            self._outside.published(now_ns)
        if now_ns >= self._next_publish_ns:
            self._next_publish_ns = _after(now_ns, self._next_publish_ns, self._publish_interval_ns)
        else:
            # By then the next poll's answer is there, mostly: one publish does for both.
            self._next_publish_ns = now_ns + self._publish_interval_ns + ANSWER_ALLOWANCE_NS


def _poll(*descriptors: int) -> select.poll:
    poll = select.poll()
    for descriptor in descriptors:
        if descriptor >= 0:
            poll.register(descriptor, select.POLLIN)
    return poll


def _after(now_ns: int, previous_ns: int, interval_ns: int) -> int:
    """The first instant after `now_ns` on the grid through `previous_ns`, so that lateness doesn't add up."""
    return previous_ns + ((now_ns - previous_ns) // interval_ns + 1) * interval_ns
