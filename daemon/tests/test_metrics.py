"""Metrics: values that are right to the nanosecond, under names and units that Prometheus' own checker accepts."""

from __future__ import annotations

import pytest
from clockbound_daemon import chrony, phc
from clockbound_daemon._layout import VERSION, ClockStatus
from clockbound_daemon.status import State, initial_state
from daemon_support import MONOTONIC_NS, SECOND_NS, tracking
from metrics_support import STARTED_NS, figures_of_a_sample, new_figures, promtool, text, values


def test_the_checker_of_prometheus_has_no_objection() -> None:
    figures = figures_of_a_sample()
    figures.dispersion_growth_ppb = 1234
    figures.count_failure("NoAnswerError")
    assert promtool("check", "metrics", given=text(figures=figures)) == ""
    assert promtool("check", "metrics", given=text(initial_state(0), new_figures())) == ""
    # It does object where there is reason to.
    assert "no help text" in promtool("check", "metrics", given="clockbound_error_bound_seconds 1\n")


def test_the_bound_grows_with_the_age_as_a_clients_does() -> None:
    # 1.5 s at 50 ppm are 75 us; and 1 ns at 50 ppm is part of a nanosecond, which is rounded up
    page = values(text(monotonic_ns=MONOTONIC_NS + 1_500_000_001))
    assert page["published_bound_seconds"] == "0.406251234"
    assert page["error_bound_seconds"] == "0.406326235"
    assert page["sample_age_seconds"] == "1.500000001"
    assert page["max_drift_ratio"] == "0.000050000"


def test_the_terms_add_up_to_the_bound() -> None:
    # The sample: correction 1/4 s, root dispersion 1/8 s, root delay 1/16 s
    page = values(text(monotonic_ns=MONOTONIC_NS + 2 * SECOND_NS))
    assert [page[f'error_bound_term_seconds{{term="{term}"}}'] for term in
            ("correction", "root_dispersion", "half_root_delay", "phc", "drift")] == [
        "0.250000000", "0.125000000", "0.031250000", "0.000001234", "0.000100000"
    ]  # fmt: skip
    assert page["error_bound_seconds"] == "0.406351234"


def test_a_term_is_the_size_of_the_correction_and_rounded_up() -> None:
    figures = new_figures()
    # 2**-30 s are 0.93 ns
    figures.sample = tracking(current_correction=-(2**-30), root_delay=2**-30, root_dispersion=0)
    page = values(text(figures=figures))
    assert page['error_bound_term_seconds{term="correction"}'] == "0.000000001"
    assert page['error_bound_term_seconds{term="half_root_delay"}'] == "0.000000001"
    assert page['error_bound_term_seconds{term="root_dispersion"}'] == "0"


@pytest.mark.parametrize("status", list(ClockStatus))
def test_one_status_is_1_and_the_others_are_0(status: ClockStatus) -> None:
    page = values(text(State(status, MONOTONIC_NS, 5)))
    shown = {other.name: page[f'status{{status="{other.name}"}}'] for other in ClockStatus}
    assert shown == {other.name: "1" if other is status else "0" for other in ClockStatus}


def test_what_is_not_known_yet_is_left_out() -> None:
    page = text(initial_state(MONOTONIC_NS), new_figures())
    assert "error_bound_term" not in page
    assert "dispersion_growth" not in page
    assert values(page)["error_bound_seconds"] == "3155760000"  # 100 years of 365.25 days


def test_an_age_that_the_coarse_clock_makes_negative_is_0() -> None:
    assert values(text(monotonic_ns=MONOTONIC_NS - 1))["sample_age_seconds"] == "0"


def test_everything_that_is_counted_is_told() -> None:
    figures = figures_of_a_sample()
    figures.polls_count, figures.publishes_count = 17, 18
    figures.disruptions_count, figures.steps_count = 19, 20
    figures.dispersion_growth_ppb = 1_001
    figures.follows_vmclock = True
    for cause in ("stale", "NoAnswerError", "stale"):
        figures.count_failure(cause)
    figures.last_reload_succeeded, figures.last_reload_realtime_ns = False, STARTED_NS + 1
    page = values(text(figures=figures))
    assert (page["polls_total"], page["publishes_total"]) == ("17", "18")
    assert (page["disruptions_total"], page["clock_steps_total"]) == ("19", "20")
    assert page["chronyd_dispersion_growth_ratio"] == "0.000001001"
    assert page['poll_failures_total{cause="stale"}'] == "2"
    assert page['poll_failures_total{cause="NoAnswerError"}'] == "1"
    assert page["poll_interval_seconds"] == "0.250000000"
    assert page["vmclock_followed"] == "1"
    assert values(text())["vmclock_followed"] == "0"
    assert page["config_last_reload_successful"] == "0"
    assert page["config_last_reload_success_timestamp_seconds"] == "1700000000.500000001"
    assert page["start_time_seconds"] == "1700000000.500000000"
    assert page[f'build_info{{version="{VERSION}"}}'] == "1"


def test_every_cause_is_there_from_the_start() -> None:
    page = values(text(figures=new_figures()))
    for cause in (chrony.NoAnswerError, chrony.NoSocketError, phc.UnreadableError):
        assert page[f'poll_failures_total{{cause="{cause.__name__}"}}'] == "0"
    for name in ("stale", "unsynchronised", "local-reference"):
        assert page[f'poll_failures_total{{cause="{name}"}}'] == "0"
    assert "ChronydError" not in str(page)  # only what is raised
    assert "WrongSequenceError" not in str(page)  # dropped, and not a failure of the poll


def test_each_metric_is_described_once_and_before_its_values() -> None:
    page = text()
    described: list[str] = []
    for line in page.splitlines():
        if line.startswith("# HELP "):
            described.append(line.split()[2])
        elif not line.startswith("#"):
            assert line.partition("{")[0].split()[0] == described[-1]
    assert len(described) == len(set(described))
    assert page.endswith("\n")
