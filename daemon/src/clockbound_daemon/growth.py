"""How fast chronyd lets its root dispersion grow between two updates, measured from its own answers.

Pure and exact. Between two updates chronyd adds skew, residual frequency and maxclockerror; two answers with one
reference time show their sum without a look at chronyd's configuration.
"""

from __future__ import annotations

from clockbound_daemon._candm import FLOAT_FRACTION_BITS, LOCAL_REFERENCE_ID, CandmLeap
from clockbound_daemon._layout import GROWTH_WINDOW_NS, NANOSECONDS_PER_SECOND
from clockbound_daemon.candm import Tracking

#: A float on the wire has 25 bits of coefficient, one of them the sign, so that the value that chronyd had is within
#: 1/2**23 of it, and to spare.
_FLOAT_PRECISION_BITS = 23


class GrowthMonitor:
    """Takes one answer after the other, and says how fast the dispersion grows between those of one update."""

    def __init__(self) -> None:
        self._update: tuple[int, int] | None = None  # its source and reference time (ns)
        self._first: Tracking | None = None  # answer with that reference time
        self._received_ns = 0  # CLOCK_REALTIME when that was there

    def forget(self) -> None:
        """What came before can't be compared with what comes: the clock was stepped, say."""
        self._update = self._first = None

    def most_ppb(self, sample: Tracking, *, asked_realtime_ns: int, received_realtime_ns: int) -> int | None:
        """The growth since the first answer with this reference time: at most so much, rounded up; None if not known.

        The instants are CLOCK_REALTIME before the question and after the answer. chronyd made the answer between them,
        so the time between two answers is taken for as short, and the growth for as fast, as it can have been.
        """
        # Most answers are the first of their update, so that no more than this is to be done for them.
        update = (sample.ref_id, sample.ref_time_ns)
        if update != self._update:
            self._update, self._first, self._received_ns = update, sample, received_realtime_ns
            return None
        first = self._first
        if (
            first is None
            or max(first.leap_status, sample.leap_status) >= CandmLeap.UNSYNCHRONISED
            or sample.ref_id == LOCAL_REFERENCE_ID
        ):
            self.forget()  # nothing grows from an update that there was not
            return None
        # chronyd counts in its own, corrected time: there a correction that is going on doesn't bend the seconds.
        elapsed = (asked_realtime_ns - self._received_ns << FLOAT_FRACTION_BITS) + (
            sample.current_correction_q89_s - first.current_correction_q89_s
        ) * NANOSECONDS_PER_SECOND
        if elapsed < GROWTH_WINDOW_NS << FLOAT_FRACTION_BITS:
            return None
        before_q89_s, after_q89_s = first.root_dispersion_q89_s, sample.root_dispersion_q89_s
        most_q89_s = after_q89_s - before_q89_s + -(-abs(before_q89_s + after_q89_s) >> _FLOAT_PRECISION_BITS)
        return -(-most_q89_s * NANOSECONDS_PER_SECOND * NANOSECONDS_PER_SECOND // elapsed)
