"""A real Prometheus server scrapes a real daemon, and every query of dashboard and alerts finds what it asks for."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import pytest
from clockbound_conformance.lab import ServerAndClient
from clockbound_conformance.processes import wait_until
from clockbound_daemon._layout import VERSION, ClockStatus
from daemon_support import Daemon
from metrics_support import promtool
from prometheus_support import (
    ALERTS,
    Prometheus,
    dashboard,
    free_address,
    legend,
    without_variables,
)

INTERVAL_S = 0.25
TIMEOUT_S = 60
HOST = "the-host"
#: What node_exporter would bring.
FOREIGN = "node_textfile_mtime_seconds"
#: The time that the dashboard's queries are asked about: all of it, unless the machine is very busy.
SHOWN_S = 600


@pytest.fixture(scope="module")
def prometheus(pair: ServerAndClient, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    """What it knows of a daemon whose chronyd was stopped at first, and then had no news from its server."""
    directory = tmp_path_factory.mktemp("prometheus")
    run_dir, address = directory / "run", free_address()
    run_dir.mkdir()
    with (
        Daemon(
            run_dir,
            pair.client.socket_path,
            f"--metrics-listen={address}",
            "--poll-interval=0.1",
            log_path=directory / "log",
        ) as daemon,
        Prometheus(directory, {HOST: address}, interval_s=INTERVAL_S, rules=ALERTS) as server,
    ):
        daemon.wait_for(ClockStatus.SYNCHRONIZED, timeout_s=TIMEOUT_S)
        pair.server.stop()  # so that chronyd's dispersion grows, and polls bring nothing new
        try:
            _found(server, "clockbound_chronyd_dispersion_growth_ratio")
            _found(server, 'rate(clockbound_poll_failures_total{cause="stale"}[4s]) > 0')
        finally:
            pair.server.cont()
        daemon.wait_for(ClockStatus.SYNCHRONIZED, timeout_s=TIMEOUT_S)
        _found(server, 'clockbound_status{status="SYNCHRONIZED"} == 1')
        yield server


def _found(server: Prometheus, expression: str) -> list[dict[str, Any]]:
    """The vector of `expression`, once there is one: a scrape that comes late takes all that it knew away."""
    found: list[dict[str, Any]] = []

    def there() -> bool:
        found[:] = server.instant(expression)
        return bool(found)

    assert wait_until(there, timeout_s=TIMEOUT_S), expression
    return found


def _plain(target: dict[str, Any]) -> str:
    # As if there were a scrape a second, so that late ones don't matter.
    return without_variables(target["expr"], interval_s=1, step_s=INTERVAL_S)


def panels() -> list[Any]:
    return [pytest.param(panel, id=f"{panel['id']}-{panel['title']}") for panel in dashboard()["panels"]]


@pytest.mark.parametrize("panel", panels())
def test_every_query_of_the_dashboard_finds_data(prometheus: Prometheus, panel: dict[str, Any]) -> None:
    now_s = time.time()
    for target in panel["targets"]:
        plain = _plain(target)
        if target.get("instant"):
            found = _found(prometheus, plain)
        else:
            found = prometheus.over_time(plain, start_s=now_s - SHOWN_S, end_s=now_s, step_s=INTERVAL_S)
        assert found, plain
        names = [legend(target, series["metric"]) for series in found]
        assert len(set(names)) == len(names), "a legend that doesn't tell the series apart"
        for series in found:
            assert series["metric"].get("instance", HOST) == HOST


def test_the_dashboards_status_is_one_of_those_that_have_a_name(prometheus: Prometheus) -> None:
    panel = next(panel for panel in dashboard()["panels"] if panel["type"] == "state-timeline")
    (target,), (mapping,) = panel["targets"], panel["fieldConfig"]["defaults"]["mappings"]
    (series,) = _found(prometheus, _plain(target))
    assert mapping["options"][series["value"][1]]["text"] in {status.name for status in ClockStatus}


def test_the_variable_of_the_dashboard_finds_the_hosts(prometheus: Prometheus) -> None:
    (variable,) = (each for each in dashboard()["templating"]["list"] if each["type"] == "query")
    asked = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["query"]["query"])
    assert asked is not None
    assert {series[asked[2]] for series in prometheus.series(asked[1])} == {HOST}


def test_the_dashboards_table_has_the_columns_that_it_names(prometheus: Prometheus) -> None:
    (panel,) = (each for each in dashboard()["panels"] if each["type"] == "table")
    columns = {f"Value #{target['refId']}" for target in panel["targets"]}
    for target in panel["targets"]:
        (series,) = _found(prometheus, _plain(target))
        columns |= series["metric"].keys()
    joined, kept, renamed = (step["options"] for step in panel["transformations"])
    assert joined["byField"] in columns
    assert set(kept["include"]["names"]) <= columns
    assert renamed["renameByName"].keys() <= set(kept["include"]["names"])
    (build,) = _found(prometheus, "clockbound_build_info")
    assert build["metric"]["version"] == VERSION


def test_the_server_takes_every_alert_and_evaluates_it(prometheus: Prometheus) -> None:
    names = set(re.findall(r"alert: (\w+)", ALERTS.read_text()))

    def rules() -> list[dict[str, Any]]:
        (group,) = prometheus.ask("rules")["groups"]
        return [rule for rule in group["rules"] if rule["health"] != "unknown"]

    assert wait_until(lambda: len(rules()) == len(names), timeout_s=TIMEOUT_S)
    assert {rule["name"] for rule in rules()} == names
    assert [rule["lastError"] for rule in rules() if rule["health"] != "ok"] == []


def selectors() -> list[str]:
    """Every metric that an alert looks at, with the labels by which it looks."""
    found = re.findall(r"\b(?:up|clockbound_\w+)(?:\{[^}]*\})?", "".join(_expressions()))
    return sorted(set(found))


def _expressions() -> list[str]:
    """What stands between `expr:` and the next key of each alert."""
    return re.findall(r"expr:(.*?)\n +(?:for|labels):", ALERTS.read_text(), re.DOTALL)


@pytest.mark.parametrize("selector", selectors())
def test_the_alerts_look_at_series_that_there_are(prometheus: Prometheus, selector: str) -> None:
    assert [series["instance"] for series in prometheus.series(selector)] != []


def test_there_are_selectors_in_every_alert() -> None:
    assert len(_expressions()) == ALERTS.read_text().count("alert: ")
    for expression in _expressions():
        assert FOREIGN in expression or any(selector in expression for selector in selectors()), expression


def test_what_was_scraped_is_what_the_checker_takes(prometheus: Prometheus) -> None:
    """The server has no complaint about the page, and neither has its checker."""
    assert _found(prometheus, 'up{job="clockbound"} == 1')
    metadata = prometheus.ask("targets/metadata")
    kinds = {each["metric"]: each["type"] for each in metadata if each["metric"].startswith("clockbound_")}
    assert all((kind == "counter") == name.endswith("_total") for name, kind in kinds.items())
    assert len(kinds) >= 18
    assert "SUCCESS" in promtool("check", "config", str(prometheus.config_path))
