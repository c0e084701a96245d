"""Draws the dashboard from what a Prometheus server answered to its queries.

    python daemon/tests/dashboard_picture.py RECORDING PICTURE.png

dashboard_life.py makes the recording. Titles, units, legends, thresholds, mappings and places are those of
dashboard.json; the drawing is matplotlib's, so that Grafana's own looks different.
"""

from __future__ import annotations

import argparse
import json
import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl
import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from PIL import Image
from prometheus_support import dashboard, legend

GRID_COLUMNS = 24
WIDTH_INCHES, ROW_INCHES, HEAD_INCHES, DPI = 13.6, 0.265, 0.5, 100
LEGEND_COLUMNS = 4
MARGIN = 0.06  # of a panel, in inches
COLOURS = {
    "green": "#3f9142",
    "yellow": "#d9a400",
    "orange": "#e0751c",
    "red": "#c4302b",
    "purple": "#8f3bb8",
    "text": "#33373d",
}
SERIES = (
    "#5b8ff9",
    "#e8684a",
    "#5ad8a6",
    "#f6bd16",
    "#9270ca",
    "#269a99",
    "#ff99c3",
    "#6dc8ec",
    "#d9534f",
    "#8a8a8a",
)

#: What Grafana makes of a value: factor, sign.
SECONDS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
SUFFIXES = {"ops": " ops/s", "ppm": " ppm", "short": "", "percentunit": ""}


def shown(value: float, unit: str, decimals: int | None = None) -> str:
    """`value` in `unit`, as Grafana writes it."""
    suffix = SUFFIXES.get(unit, "")
    if unit == "s" and value:
        factor, sign = next((pair for pair in SECONDS if abs(value) >= pair[0]), SECONDS[-1])
        value, suffix = value / factor, f" {sign}"
    elif unit == "s":
        suffix = " s"
    return (f"{value:.3g}" if decimals is None else f"{value:.{decimals}f}") + suffix


class Drawing:
    """The whole picture."""

    def __init__(self, board: dict[str, Any], recording: dict[str, Any]) -> None:
        self._board, self._recording = board, recording
        rows_count = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in board["panels"])
        self._height_inches = rows_count * ROW_INCHES + HEAD_INCHES
        self._figure = plt.figure(figsize=(WIDTH_INCHES, self._height_inches), dpi=DPI, facecolor="#f4f5f5")

    def save(self, picture: Path) -> None:
        """Draw all, and write it as a PNG of few colours."""
        self._head()
        kinds: dict[str, Callable[[dict[str, Any], Axes], None]] = {
            "stat": self._stat,
            "timeseries": self._timeseries,
            "state-timeline": self._timeline,
            "table": self._table,
        }
        for panel in self._board["panels"]:
            kinds[panel["type"]](panel, self._frame(panel))
        self._figure.savefig(picture)
        with Image.open(picture) as drawn:
            drawn.convert("RGB").quantize(96, dither=Image.Dither.NONE).save(picture, optimize=True)

    def _head(self) -> None:
        begun, ended = (datetime.fromtimestamp(self._recording[key], UTC) for key in ("start_s", "end_s"))
        middle = 1 - HEAD_INCHES / 2 / self._height_inches
        self._figure.text(0.008, middle, self._board["title"], fontsize=15, weight="bold", va="center")
        self._figure.text(
            0.992,
            middle,
            f"{begun:%Y-%m-%d %H:%M:%S} to {ended:%H:%M:%S} {self._board['timezone'].upper()}",
            fontsize=9,
            ha="right",
            va="center",
        )

    def _frame(self, panel: dict[str, Any]) -> Axes:
        """The panel's box with its title; returns what is inside, in fractions of the box."""
        place = panel["gridPos"]
        column = WIDTH_INCHES / GRID_COLUMNS
        left, width = place["x"] * column + MARGIN, place["w"] * column - 2 * MARGIN
        top = HEAD_INCHES + place["y"] * ROW_INCHES
        height = place["h"] * ROW_INCHES - 2 * MARGIN
        box = self._figure.add_axes(
            (
                left / WIDTH_INCHES,
                1 - (top + height + MARGIN) / self._height_inches,
                width / WIDTH_INCHES,
                height / self._height_inches,
            ),
            facecolor="white",
            xticks=[],
            yticks=[],
        )
        for spine in box.spines.values():
            spine.set_color("#d8d9da")
        box.annotate(
            panel["title"],
            (0, 1),
            xytext=(7, -7),
            xycoords="axes fraction",
            textcoords="offset points",
            fontsize=9.5,
            weight="bold",
            va="top",
        )
        return box

    def _plot(self, box: Axes, *, left: float, bottom: float) -> Axes:
        """Axes within `box`, with room (inches) for labels on the left and for times and legend below."""
        place = box.get_position()
        dx, dy = 1 / WIDTH_INCHES, 1 / self._height_inches
        axes = self._figure.add_axes(
            (
                place.x0 + left * dx,
                place.y0 + bottom * dy,
                place.width - (left + 0.15) * dx,
                place.height - (bottom + 0.36) * dy,
            )
        )
        axes.set_xlim(self._recording["start_s"], self._recording["end_s"])
        axes.tick_params(labelsize=7.5, length=2, colors="#55595f")
        first = math.ceil(self._recording["start_s"] / 30) * 30
        ticks = range(first, int(self._recording["end_s"]) + 1, 30)
        axes.set_xticks(list(ticks), [f"{datetime.fromtimestamp(tick, UTC):%H:%M:%S}" for tick in ticks])
        axes.grid(color="#e7e8e9", linewidth=0.6)
        axes.set_axisbelow(True)
        for side in ("top", "right"):
            axes.spines[side].set_visible(False)
        for side in ("left", "bottom"):
            axes.spines[side].set_color("#c7c8c9")
        return axes

    def _answers(self, panel: dict[str, Any]) -> list[tuple[str, list[dict[str, Any]]]]:
        answers: list[list[dict[str, Any]]] = self._recording["panels"][str(panel["id"])]
        return [(target, answer) for target, answer in zip(panel["targets"], answers, strict=True)]

    def _series(self, panel: dict[str, Any]) -> list[tuple[str, list[float], list[float]]]:
        """What each series is called, and its times and values, with a NaN wherever there is a gap."""
        found = []
        for target, answer in self._answers(panel):
            for series in answer:
                times: list[float] = []
                values: list[float] = []
                for time_s, value in series["values"]:
                    if times and time_s - times[-1] > 1.5 * self._recording["step_s"]:
                        times.append(times[-1] + self._recording["step_s"])
                        values.append(math.nan)
                    times.append(time_s)
                    values.append(float(value))
                found.append((legend(target, series["metric"]), times, values))
        return found

    def _stacked(
        self, series: Sequence[tuple[str, list[float], list[float]]]
    ) -> tuple[list[float], list[list[float]]]:
        """All series at all times, 0 where one isn't there."""
        step_s = self._recording["step_s"]
        steps_count = int((self._recording["end_s"] - self._recording["start_s"]) / step_s) + 1
        times = [self._recording["start_s"] + number * step_s for number in range(steps_count)]
        layers = []
        for _, known, values in series:
            layer = [0.0] * steps_count
            for time_s, value in zip(known, values, strict=True):
                if not math.isnan(value):
                    layer[round((time_s - times[0]) / step_s)] = value
            layers.append(layer)
        return times, layers

    def _stat(self, panel: dict[str, Any], box: Axes) -> None:
        defaults = panel["fieldConfig"]["defaults"]
        series = self._series(panel)
        for number, (name, _, values) in enumerate(series):
            middle = (number + 0.5) / len(series)
            text, colour = _mapped(defaults, values[-1])
            backed = panel["options"]["colorMode"] == "background"
            if backed:
                box.axvspan(
                    middle - 0.46 / len(series), middle + 0.46 / len(series), 0.08, 0.72, color=colour
                )
            style = {"ha": "center", "va": "center", "transform": box.transAxes}
            box.text(middle, 0.56, name, fontsize=8.5, color="white" if backed else COLOURS["text"], **style)
            box.text(
                middle, 0.30, text, fontsize=14, weight="bold", color="white" if backed else colour, **style
            )
        box.set_xlim(0, 1)

    def _timeseries(self, panel: dict[str, Any], box: Axes) -> None:
        defaults = panel["fieldConfig"]["defaults"]
        custom, unit = defaults["custom"], defaults["unit"]
        series = self._series(panel)
        axes = self._plot(box, left=0.72, bottom=0.28 + 0.17 * math.ceil(len(series) / LEGEND_COLUMNS))
        stacked = custom.get("stacking", {}).get("mode") == "normal"
        if stacked:
            times, layers = self._stacked(series)
            names = [name for name, _, _ in series]
            opacity = custom["fillOpacity"] / 100
            axes.stackplot(times, layers, colors=SERIES, labels=names, alpha=opacity, linewidth=0)
        else:
            for (name, times, values), colour in zip(series, SERIES, strict=False):
                style = "--" if "custom.lineStyle" in _properties(panel, name) else "-"
                if custom["drawStyle"] == "bars":
                    width_s = self._recording["step_s"]
                    axes.bar(
                        times, values, width_s, label=name, color=colour, alpha=custom["fillOpacity"] / 100
                    )
                else:
                    axes.plot(times, values, style, label=name, color=colour, linewidth=1.4)
                    if opacity := custom.get("fillOpacity"):
                        axes.fill_between(times, values, alpha=opacity / 100, color=colour, linewidth=0)
        self._scale(panel, axes, unit)
        self._thresholds(panel, axes)
        self._legend(axes)

    def _legend(self, axes: Axes) -> None:
        """Below the times, whatever the height of the panel."""
        below_inches = 0.18 / (axes.get_position().height * self._height_inches)
        axes.legend(
            loc="upper left",
            bbox_to_anchor=(-0.06, -below_inches),
            ncols=LEGEND_COLUMNS,
            fontsize=7.2,
            frameon=False,
            handlelength=1.4,
            columnspacing=1.2,
            borderaxespad=0.2,
        )

    def _scale(self, panel: dict[str, Any], axes: Axes, unit: str) -> None:
        defaults = panel["fieldConfig"]["defaults"]
        if defaults["custom"].get("scaleDistribution", {}).get("type") == "log":
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(10))
            axes.yaxis.set_minor_formatter(NullFormatter())
            low, high = axes.get_ylim()
            axes.set_ylim(10 ** math.floor(math.log10(low)), 10 ** math.ceil(math.log10(high)))
        else:
            axes.yaxis.set_major_locator(MaxNLocator(5))
            axes.set_ylim(bottom=defaults.get("min", 0))
        if "max" in defaults:
            axes.set_ylim(top=defaults["max"])
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: shown(value, unit)))

    def _thresholds(self, panel: dict[str, Any], axes: Axes) -> None:
        defaults = panel["fieldConfig"]["defaults"]
        if defaults["custom"].get("thresholdsStyle", {}).get("mode") not in ("line", "dashed"):
            return
        for step in defaults["thresholds"]["steps"]:
            if step["value"] is not None:
                axes.axhline(step["value"], color=COLOURS[step["color"]], linestyle="--", linewidth=1)

    def _timeline(self, panel: dict[str, Any], box: Axes) -> None:
        defaults = panel["fieldConfig"]["defaults"]
        series = self._series(panel)
        axes = self._plot(box, left=1.05, bottom=0.45)
        for mapping in defaults["mappings"]:
            for state in mapping["options"].values():
                axes.bar(0, 0, label=state["text"], color=COLOURS[state["color"]])
        self._legend(axes)
        axes.set_xlim(self._recording["start_s"], self._recording["end_s"])
        axes.set_ylim(len(series), 0)
        axes.grid(False)
        axes.set_yticks([number + 0.5 for number in range(len(series))], [name for name, _, _ in series])
        thickness = panel["options"]["rowHeight"]
        for number, (_, times, values) in enumerate(series):
            begun = 0
            for here in range(1, len(times) + 1):
                if here < len(times) and values[here] == values[begun]:
                    continue
                ended_s = times[here] if here < len(times) else self._recording["end_s"]
                if not math.isnan(values[begun]):
                    text, colour = _mapped(defaults, values[begun])
                    width_s = ended_s - times[begun]
                    axes.barh(
                        number + 0.5,
                        width_s,
                        thickness,
                        times[begun],
                        color=colour,
                        alpha=defaults["custom"]["fillOpacity"] / 100,
                    )
                    if width_s > 2.2 * len(text):
                        axes.text(
                            times[begun] + 1, number + 0.5, text, fontsize=8, color="white", va="center"
                        )
                begun = here

    def _table(self, panel: dict[str, Any], box: Axes) -> None:
        """The tables of one panel, joined by instance, with the columns and names that its transformations leave."""
        renamed = panel["transformations"][-1]["options"]["renameByName"]
        rows: dict[str, dict[str, str]] = {}
        for target, answer in self._answers(panel):
            for series in answer:
                row = rows.setdefault(series["metric"]["instance"], dict(series["metric"]))
                row[f"Value #{target['refId']}"] = series["value"][1]
        names = panel["transformations"][1]["options"]["include"]["names"]
        columns = [renamed.get(name, name) for name in names]
        cells = [
            [_cell(panel, renamed.get(name, name), row[name]) for name in names] for row in rows.values()
        ]
        drawn = box.table(cells, colLabels=columns, cellLoc="left", bbox=(0.008, 0.1, 0.984, 0.66))
        drawn.auto_set_font_size(False)
        drawn.set_fontsize(8.5)
        for (row_number, _), cell in drawn.get_celld().items():
            cell.set_edgecolor("#e7e8e9")
            if not row_number:
                cell.set_text_props(weight="bold", color="#2663b5")


def _mapped(defaults: dict[str, Any], value: float) -> tuple[str, str]:
    """What `value` is called, and its colour."""
    for mapping in defaults.get("mappings", []):
        found = mapping["options"].get(f"{value:g}")
        if found is not None:
            return found["text"], COLOURS[found.get("color", "text")]
    steps = defaults["thresholds"]["steps"]
    reached = [step for step in steps if step["value"] is None or value >= step["value"]]
    return shown(value, defaults["unit"], defaults.get("decimals")), COLOURS[reached[-1]["color"]]


def _properties(panel: dict[str, Any], name: str) -> dict[str, Any]:
    """The overrides that hold for the field `name`."""
    found: dict[str, Any] = {}
    for override in panel["fieldConfig"]["overrides"]:
        matcher, wanted = override["matcher"]["id"], override["matcher"]["options"]
        if (matcher == "byName" and name == wanted) or (
            matcher == "byRegexp" and re.search(wanted.strip("/"), name)
        ):
            found |= {prop["id"]: prop["value"] for prop in override["properties"]}
    return found


def _cell(panel: dict[str, Any], name: str, value: str) -> str:
    properties = _properties(panel, name)
    for mapping in properties.get("mappings", []):
        return str(mapping["options"][value]["text"])
    match properties.get("unit"):
        case "dateTimeAsIso":
            return f"{datetime.fromtimestamp(float(value) / 1000, UTC):%Y-%m-%d %H:%M:%S}"
        case str(unit):
            return shown(float(value), unit, properties.get("decimals"))
    return value


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recording", type=Path, metavar="RECORDING")
    parser.add_argument("picture", type=Path, metavar="PICTURE.png")
    given = parser.parse_args()
    mpl.use("agg")
    Drawing(dashboard(), json.loads(given.recording.read_text())).save(given.picture)
