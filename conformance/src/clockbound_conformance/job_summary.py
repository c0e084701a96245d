"""The report in Markdown, short enough for the summary that CI services show beside a job."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from clockbound_conformance.page import FAILED_SIGN, SIGNS, verdict
from clockbound_conformance.report import printable
from clockbound_conformance.results import Client, Results
from clockbound_conformance.runner import FAILED

SHOWN_FAILURES_COUNT = 50
SHOWN_CHARACTERS = 300


def markdown(results: Results) -> str:
    """The verdict, the matrix of clients by area, and what failed."""
    return "\n".join(_lines(results)) + "\n"


def _lines(results: Results) -> Iterator[str]:
    words = verdict(results)
    yield f"## {_sign(results.passed)} ClockBound conformance: {_plain(words)}"
    yield ""
    yield from (f"{_plain(notice)}\n" for notice in results.notices)
    yield "| client | | vectors | time |"
    yield "| --- | --- | --- | ---: |"
    for client in results.clients:
        counts = f"{client.counts()}, of {len(client.results)}"
        if client.trouble():
            counts += f": {client.trouble()}"
        yield (
            f"| {_plain(client.label)} | {_sign(client.passed)} {'passed' if client.passed else '**failed**'} "
            f"| {_plain(counts)} | {client.summary['duration_ns'] / 1e9:.1f} s |"
        )
    yield ""
    yield from _matrix(results)
    for client in results.clients:
        yield from _failures(client)


def _matrix(results: Results) -> Iterator[str]:
    yield f"| area | {' | '.join(_plain(client.label) for client in results.clients)} |"
    yield f"| --- |{' ---: |' * len(results.clients)}"
    for chapter, rules in results.chapters().items():
        ids = {id for rule in rules for id in results.of_rule(rule)}
        cells = []
        for client in results.clients:
            outcomes = Counter(result["outcome"] for id, result in client.results.items() if id in ids)
            total = sum(outcomes.values())
            sign = FAILED_SIGN if any(outcomes[name] for name in FAILED) else SIGNS["passed"]
            cells.append(f"{sign} {outcomes['passed']} of {total}" if total else "not asked")
        yield f"| {_plain(chapter)} | {' | '.join(cells)} |"
    yield ""


def _failures(client: Client) -> Iterator[str]:
    failed = [result for result in client.results.values() if result["outcome"] in FAILED]
    if not failed:
        return
    yield f"<details><summary>{_plain(client.label)}: {len(failed)} failed</summary>"
    yield ""
    for result in failed[:SHOWN_FAILURES_COUNT]:
        words = f"{result['outcome'].replace('-', ' ')}: {result['explanation']}"
        yield f"- {_plain(result['vector'])}: {_plain(words)}"
    if len(failed) > SHOWN_FAILURES_COUNT:
        yield f"- and {len(failed) - SHOWN_FAILURES_COUNT} more; the page and the JSON Lines have them all"
    yield ""
    yield "</details>"
    yield ""


def _sign(passed: bool) -> str:
    return SIGNS["passed"] if passed else FAILED_SIGN


def _plain(text: str) -> str:
    """``text`` as Markdown and HTML show it to the letter, on one line."""
    shown = text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]} ..."
    return "".join(
        char if char.isalnum() or char in " -.,:;/+=%'" else " " if char.isspace() else f"&#{ord(char)};"
        for char in printable(shown)
    )
