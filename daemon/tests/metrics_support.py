"""What the tests of metrics share: a page, its values, and Prometheus' own checker."""

from __future__ import annotations

import subprocess

from clockbound_conformance.processes import find_program
from clockbound_daemon import metrics
from clockbound_daemon._layout import ClockStatus
from clockbound_daemon.figures import Figures
from clockbound_daemon.status import State
from daemon_support import MONOTONIC_NS, SAMPLE_BOUND_NS, SECOND_NS, tracking

STARTED_NS = 1_700_000_000_500_000_000


def promtool(*arguments: str, given: str = "") -> str:
    """What Prometheus' checker has to say; nothing is praise."""
    program = find_program("promtool", remedy="install Debian's package prometheus")
    done = subprocess.run(
        [program, *arguments], check=False, input=given, capture_output=True, text=True, timeout=300
    )
    return done.stdout + done.stderr


def new_figures() -> Figures:
    """Those of a daemon that has just started."""
    return Figures(started_realtime_ns=STARTED_NS, max_drift_ppb=50_000, poll_interval_ns=SECOND_NS // 4)


def figures_of_a_sample() -> Figures:
    """Those after one sample, to which the PHC added 1234 ns."""
    figures = new_figures()
    figures.sample = tracking()
    figures.phc_error_bound_ns = 1234
    return figures


def text(state: State | None = None, figures: Figures | None = None, monotonic_ns: int = MONOTONIC_NS) -> str:
    """The page of a sample that was taken at `MONOTONIC_NS`, unless something else is given."""
    return metrics.render(
        state if state is not None else State(ClockStatus.SYNCHRONIZED, MONOTONIC_NS, SAMPLE_BOUND_NS + 1234),
        figures if figures is not None else figures_of_a_sample(),
        monotonic_ns=monotonic_ns,
    )


def values(page: str) -> dict[str, str]:
    """The page's values by name and labels, without the prefix that all have."""
    return dict(line.removeprefix("clockbound_").split() for line in page.splitlines() if line[0] != "#")
