"""Alert rules and dashboard: Prometheus' own tools take them, and they use the metrics that there are."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from clockbound_daemon._layout import ClockStatus
from daemon_support import MONOTONIC_NS
from metrics_support import figures_of_a_sample, promtool, text

FOLDER = Path(__file__).resolve().parent.parent / "observability"
ALERTS, ALERTS_TEST = FOLDER / "alerts.yml", FOLDER / "alerts_test.yml"
#: What Prometheus, its node_exporter and others bring.
FOREIGN = {"up", "node_textfile_mtime_seconds"}


def exported() -> set[str]:
    figures = figures_of_a_sample()
    figures.dispersion_growth_ppb = 1
    page = text(figures=figures, monotonic_ns=MONOTONIC_NS)
    return {line.split()[2] for line in page.splitlines() if line.startswith("# TYPE ")}


def metrics_in(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:clockbound|node)_\w+", expression))


def test_the_checker_takes_the_alerts() -> None:
    assert "SUCCESS" in promtool("check", "rules", str(ALERTS))


def test_every_alert_is_raised_when_it_should_be_and_not_before() -> None:
    assert promtool("test", "rules", str(ALERTS_TEST)).split()[-1] == "SUCCESS"


def test_every_alert_is_tested_with_and_without_reason() -> None:
    tests = ALERTS_TEST.read_text()
    for name in re.findall(r"alert: (\w+)", ALERTS.read_text()):
        assert re.search(rf"alertname: {name}\n +exp_alerts:\n +- exp_labels", tests), name
        if " for:" in ALERTS.read_text().partition(f"alert: {name}\n")[2].partition("- alert:")[0]:
            assert f"alertname: {name}, exp_alerts: []" in tests, name


def test_the_alerts_use_metrics_that_there_are() -> None:
    used = metrics_in(ALERTS.read_text()) | metrics_in(ALERTS_TEST.read_text())
    assert used - FOREIGN <= exported()


@pytest.fixture(scope="module")
def dashboard() -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text())
    return loaded


def expressions(dashboard: dict[str, Any]) -> list[str]:
    return [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]


def test_prometheus_takes_every_expression_of_the_dashboard(
    dashboard: dict[str, Any], tmp_path: Path
) -> None:
    rules = []
    for number, expression in enumerate(expressions(dashboard)):
        plain = expression.replace("$instance", ".*").replace("$__rate_interval", "1m")
        assert "$" not in plain
        rules.append({"record": f"dashboard:expression:{number}", "expr": plain})
    (tmp_path / "rules.yml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert f"SUCCESS: {len(rules)} rules found" in promtool("check", "rules", str(tmp_path / "rules.yml"))


def test_the_dashboard_shows_every_metric_that_there_is_and_no_other(dashboard: dict[str, Any]) -> None:
    shown = {name for expression in expressions(dashboard) for name in metrics_in(expression)}
    # Shown as parts of what is there: the bound without the drift, when the configuration was read, how often is asked.
    assert exported() - shown == {
        "clockbound_published_bound_seconds",
        "clockbound_config_last_reload_success_timestamp_seconds",
        "clockbound_poll_interval_seconds",
    }
    assert shown <= exported()


def test_the_dashboard_calls_each_status_by_its_name(dashboard: dict[str, Any]) -> None:
    panels = [panel for panel in dashboard["panels"] if panel["title"].startswith("Status")]
    assert len(panels) == 2
    for panel in panels:
        (mapping,) = panel["fieldConfig"]["defaults"]["mappings"]
        assert {int(value): shown["text"] for value, shown in mapping["options"].items()} == {
            status.value: status.name for status in ClockStatus
        }
        (target,) = panel["targets"]
        numbers = dict(
            re.findall(
                r'(\d) \* sum by \(instance\) \(clockbound_status\{[^}]*status="(\w+)"', target["expr"]
            )
        )
        assert {int(value): name for value, name in numbers.items()} | {0: "UNKNOWN"} == {
            status.value: status.name for status in ClockStatus
        }


def test_the_panels_of_the_dashboard_stand_side_by_side(dashboard: dict[str, Any]) -> None:
    cells: set[tuple[int, int]] = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        covered = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not covered & cells, panel["title"]
        assert place["x"] + place["w"] <= 24
        cells |= covered
        assert panel["description"].endswith(".")
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
