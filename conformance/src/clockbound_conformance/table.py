"""The demo's table: one line a reading, aligned, in colour on a terminal and plain elsewhere."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

from clockbound_conformance.answers import Answer, Interval, Refusal
from clockbound_conformance.readings import Reading, Truth
from clockbound_conformance.units import SECOND_NS

_BOLD, _GREEN, _YELLOW, _RED, _RESET = "\x1b[1m", "\x1b[32m", "\x1b[33m", "\x1b[31m", "\x1b[0m"
_STATUS_COLOURS = {"SYNCHRONIZED": _GREEN, "FREE_RUNNING": _YELLOW}

TIME_COLUMNS = 12
WIDTH_COLUMNS = 16
STATUS_COLUMNS = 14
AGE_COLUMNS = 9

YEAR_NS = 31_557_600 * SECOND_NS  # a Julian year


@dataclass(frozen=True)
class Table:
    """Turns readings into lines; ``clients`` are the columns' names, in order."""

    clients: Sequence[str]
    coloured: bool

    def header(self) -> str:
        clients = "".join(
            f"{f'{client} width':>{WIDTH_COLUMNS}}  {'status':<{STATUS_COLUMNS}}" for client in self.clients
        )
        line = f"{'time (UTC)':<{TIME_COLUMNS}}{clients}{'age':>{AGE_COLUMNS}}  truth inside"
        return self.paint(line, _BOLD)

    def row(self, reading: Reading, truth: Truth | None) -> str:
        clients = "".join(self._client(reading.answers[client]) for client in self.clients)
        age = f"{reading.age_ns / 1e9:.2f} s"
        inside = "-" if truth is None else self._inside(reading, truth)
        return f"{clock_time(reading.realtime_ns):<{TIME_COLUMNS}}{clients}{age:>{AGE_COLUMNS}}  {inside}"

    def paint(self, text: str, colour: str) -> str:
        return f"{colour}{text}{_RESET}" if self.coloured else text

    def good(self, text: str) -> str:
        return self.paint(text, _GREEN)

    def bad(self, text: str) -> str:
        return self.paint(text, _RED)

    def strong(self, text: str) -> str:
        return self.paint(text, _BOLD)

    def _client(self, answer: Answer) -> str:
        if isinstance(answer, Interval):
            status = self.paint(
                f"{answer.status:<{STATUS_COLUMNS}}", _STATUS_COLOURS.get(answer.status, _RED)
            )
            return f"{width(answer.width_ns):>{WIDTH_COLUMNS}}  {status}"
        text = answer.kind if isinstance(answer, Refusal) else answer.reason
        return self.bad(f"  {text:<{WIDTH_COLUMNS + STATUS_COLUMNS}}")

    def _inside(self, reading: Reading, truth: Truth) -> str:
        margin_ns = reading.margin_ns(truth)
        if reading.truth_inside(truth):
            return f"{self.good('yes')}, {microseconds(margin_ns)} from an end"
        if margin_ns < 0:
            return self.bad(f"NO, outside by {microseconds(-margin_ns)}")
        return self.bad("NO, not in a client's own reading")


def width(width_ns: int) -> str:
    """In milliseconds, or in years for the 100 that stand on either side of an unknown clock."""
    if width_ns >= YEAR_NS:
        return f"{width_ns / YEAR_NS:,.1f} years"
    return f"{width_ns / 1e6:,.3f} ms"


def microseconds(time_ns: int) -> str:
    return f"{time_ns / 1e3:,.1f} us"


def clock_time(realtime_ns: int) -> str:
    """The time of day, UTC, to the millisecond (rounded down: it is a label, not a measurement)."""
    seconds, rest_ns = divmod(realtime_ns, SECOND_NS)
    moment = datetime.datetime.fromtimestamp(seconds, tz=datetime.UTC)
    return f"{moment:%H:%M:%S}.{rest_ns // 1_000_000:03d}"
