"""The daemon's figures as text in Prometheus' exposition format. Pure: instants come in as integers.

Units are seconds and ratios, as Prometheus wants them; every value is exact to the nanosecond, rounded up.
"""

from __future__ import annotations

from collections.abc import Iterable

from clockbound_daemon._candm import FLOAT_FRACTION_BITS
from clockbound_daemon._layout import NANOSECONDS_PER_SECOND, VERSION, ClockStatus
from clockbound_daemon.candm import NotOurReplyError
from clockbound_daemon.errors import NoSampleError
from clockbound_daemon.figures import Figures
from clockbound_daemon.status import VERDICT_CAUSES, State

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def render(
    state: State,
    figures: Figures,
    *,
    monotonic_ns: int,
) -> str:
    """Everything at CLOCK_MONOTONIC `monotonic_ns`, the bound as a client would compute it then."""
    age_ns = max(0, monotonic_ns - state.as_of_monotonic_ns)
    growth_ns = -(-age_ns * figures.max_drift_ppb // NANOSECONDS_PER_SECOND)
    page = _Page()
    page.gauge("build_info", "Version of the daemon; always 1.", 1, version=VERSION)
    page.gauge(
        "start_time_seconds", "Unix time at which the daemon started.", _s(figures.started_realtime_ns)
    )
    page.states(
        "status",
        "1 for the published status, 0 for the others.",
        "status",
        {status.name: int(status == state.status) for status in ClockStatus},
    )
    page.gauge(
        "error_bound_seconds",
        "How wrong the system clock can be now: the published bound and the drift since. Holds only while the status "
        "is SYNCHRONIZED or FREE_RUNNING.",
        _s(state.bound_ns + growth_ns),
    )
    page.gauge(
        "published_bound_seconds", "The bound in the segments, at the time of the sample.", _s(state.bound_ns)
    )
    if figures.sample is not None:
        page.states(
            "error_bound_term_seconds",
            "What the error bound is the sum of.",
            "term",
            {
                "correction": _q89_s(abs(figures.sample.current_correction_q89_s)),
                "root_dispersion": _q89_s(figures.sample.root_dispersion_q89_s),
                "half_root_delay": _q89_s(-(-figures.sample.root_delay_q89_s // 2)),
                "phc": _s(figures.phc_error_bound_ns),
                "drift": _s(growth_ns),
            },
        )
    page.gauge(
        "sample_age_seconds",
        "Time since chronyd was asked for the last synchronised sample; since the start, if there was none.",
        _s(age_ns),
    )
    page.gauge(
        "max_drift_ratio",
        "How fast the clock may drift between two samples: 0.00005 is 50 ppm.",
        _s(figures.max_drift_ppb),
    )
    if figures.dispersion_growth_ppb is not None:
        page.gauge(
            "chronyd_dispersion_growth_ratio",
            "How fast chronyd lets its root dispersion grow, measured between two answers.",
            _s(figures.dispersion_growth_ppb),
        )
    page.gauge("poll_interval_seconds", "How often chronyd is asked.", _s(figures.poll_interval_ns))
    page.counter("polls_total", "Questions put to chronyd.", figures.polls_count)
    causes = dict.fromkeys(_causes(), 0) | figures.failures_by_cause
    page.states(
        "poll_failures_total",
        "Polls that gave no synchronised sample, by the cause that the log names.",
        "cause",
        {cause: causes[cause] for cause in sorted(causes)},
        kind="counter",
    )
    page.counter("publishes_total", "Records written into the segments.", figures.publishes_count)
    page.counter(
        "disruptions_total",
        "Clock disruptions, whatever told of them; steps are among them.",
        figures.disruptions_count,
    )
    page.counter(
        "clock_steps_total", "Steps of the system clock by somebody else than chronyd.", figures.steps_count
    )
    page.gauge("vmclock_followed", "1 while the VMClock device is followed.", int(figures.follows_vmclock))
    page.gauge(
        "config_last_reload_successful",
        "1 unless the configuration was refused when it was last read.",
        int(figures.last_reload_succeeded),
    )
    page.gauge(
        "config_last_reload_success_timestamp_seconds",
        "Unix time at which a configuration was last taken.",
        _s(figures.last_reload_realtime_ns),
    )
    return page.text()


class _Page:
    def __init__(self) -> None:
        self._lines: list[str] = []

    def gauge(self, name: str, meaning: str, value: int | str, **labels: str) -> None:
        text = ",".join(f'{label}="{value}"' for label, value in labels.items())
        self._head(name, meaning, "gauge")
        self._lines.append(f"clockbound_{name}{f'{{{text}}}' if text else ''} {value}")

    def counter(self, name: str, meaning: str, value: int) -> None:
        self._head(name, meaning, "counter")
        self._lines.append(f"clockbound_{name} {value}")

    def states(
        self,
        name: str,
        meaning: str,
        label: str,
        values: dict[str, int] | dict[str, str],
        kind: str = "gauge",
    ) -> None:
        """A metric that has one value for each value of a label."""
        self._head(name, meaning, kind)
        self._lines += [f'clockbound_{name}{{{label}="{key}"}} {value}' for key, value in values.items()]

    def _head(self, name: str, meaning: str, kind: str) -> None:
        self._lines.append(f"# HELP clockbound_{name} {meaning}")
        self._lines.append(f"# TYPE clockbound_{name} {kind}")

    def text(self) -> str:
        return "\n".join(self._lines) + "\n"


def _causes() -> Iterable[str]:
    """Every cause that there may be, so that the first failure is a step up from 0, which rates need."""
    yield from VERDICT_CAUSES
    kinds: list[type[NoSampleError]] = [NoSampleError]
    while kinds:
        below: list[type[NoSampleError]] = kinds.pop().__subclasses__()
        for kind in below:
            if kind is NotOurReplyError:
                pass  # dropped, and the answer waited for
            elif kind.__subclasses__():
                kinds.append(kind)
            else:
                yield kind.__name__


def _s(value_ns: int) -> str:
    """`value_ns` / 1e9, exactly."""
    seconds, nanoseconds = divmod(abs(value_ns), NANOSECONDS_PER_SECOND)
    sign = "-" if value_ns < 0 else ""
    return f"{sign}{seconds}.{nanoseconds:09d}" if nanoseconds else f"{sign}{seconds}"


def _q89_s(value_q89_s: int) -> str:
    """`value_q89_s` in seconds, rounded up to the nanosecond."""
    return _s(-(-value_q89_s * NANOSECONDS_PER_SECOND >> FLOAT_FRACTION_BITS))
