"""What the daemon counts and measures, for whoever looks at it from outside."""

from __future__ import annotations

# Type checkers take this name for typing.TYPE_CHECKING; typing itself is slow to import.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from clockbound_daemon.candm import Tracking


class Figures:
    """Plain numbers, which cost nothing where nobody looks. Counts begin at the start of the daemon."""

    __slots__ = (
        "dispersion_growth_ppb",
        "disruptions_count",
        "failures_by_cause",
        "follows_vmclock",
        "last_reload_realtime_ns",
        "last_reload_succeeded",
        "max_drift_ppb",
        "phc_error_bound_ns",
        "poll_interval_ns",
        "polls_count",
        "publishes_count",
        "sample",
        "started_realtime_ns",
        "steps_count",
    )

    def __init__(self, *, started_realtime_ns: int, max_drift_ppb: int, poll_interval_ns: int) -> None:
        self.started_realtime_ns = started_realtime_ns
        self.max_drift_ppb = max_drift_ppb
        self.poll_interval_ns = poll_interval_ns
        #: Clients are told to look at the VMClock page.
        self.follows_vmclock = False
        self.polls_count = 0
        #: Polls that gave no synchronised sample, by the cause that the log names.
        self.failures_by_cause: dict[str, int] = {}
        self.publishes_count = 0
        #: Disruptions, whatever told of them, and how many of them were steps of the system clock.
        self.disruptions_count = 0
        self.steps_count = 0
        #: The sample that the published bound was computed from, and what the PHC added to it.
        self.sample: Tracking | None = None
        self.phc_error_bound_ns = 0
        #: By how much chronyd's dispersion grew most recently; None before that could be measured.
        self.dispersion_growth_ppb: int | None = None
        #: The start counts as the first load of the configuration.
        self.last_reload_succeeded = True
        self.last_reload_realtime_ns = started_realtime_ns

    def count_failure(self, cause: str) -> None:
        """A poll gave no synchronised sample."""
        self.failures_by_cause[cause] = self.failures_by_cause.get(cause, 0) + 1

    def reloaded(self, realtime_ns: int) -> None:
        """The configuration was read again, and taken."""
        self.last_reload_succeeded, self.last_reload_realtime_ns = True, realtime_ns
