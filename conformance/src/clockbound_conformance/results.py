"""Reads reports that --jsonl wrote, of one run or of several, and puts them side by side.

Every line is held against its schema, and the lines against each other: a report that was cut off, mixed up or edited is
refused, because a page made of half a run would look like a good one.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from clockbound_conformance import rules, schema
from clockbound_conformance.config import UsageError
from clockbound_conformance.report import NOTHING_JUDGED, printable
from clockbound_conformance.runner import FAILED, OUTCOMES

Record = dict[str, Any]

SHOWN_FAULT_CHARACTERS = 300
OTHER_CHAPTER = "Other rules"

_NEXT = {
    "": ("run",),
    "run": ("adapter", "end"),
    "adapter": ("result", "summary"),
    "result": ("result", "summary"),
    "summary": ("adapter", "end"),
    "end": ("run",),
}


@dataclass(frozen=True)
class Client:
    """What became of all vectors with one adapter, in one run. ``label`` is unique among those side by side."""

    label: str
    run: Record
    adapter: Record
    results: dict[str, Record]
    summary: Record

    @property
    def outcomes(self) -> Counter[str]:
        return Counter(result["outcome"] for result in self.results.values())

    @property
    def passed(self) -> bool:
        return bool(self.summary["passed"])

    @property
    def failed_count(self) -> int:
        outcomes = self.outcomes
        return sum(outcomes[name] for name in FAILED)

    @property
    def library(self) -> str:
        """Who it says that it is, in words."""
        hello = self.adapter["hello"]
        if hello is None:
            return "it never said hello"
        return f"{hello['library']} {hello['version']} ({hello['language']})"

    def counts(self) -> str:
        """How many vectors did what, in words."""
        outcomes = self.outcomes
        words = [f"{outcomes[name]} {name.replace('-', ' ')}" for name in OUTCOMES if outcomes[name]]
        return ", ".join(words) or "nothing was asked"

    def trouble(self) -> str:
        """Why it failed although no vector did; empty where that isn't so."""
        if self.passed or self.failed_count:
            return ""
        return self.summary["message"] or NOTHING_JUDGED


@dataclass(frozen=True)
class Results:
    """Clients side by side. ``facts`` has one result record of each vector, for what all clients' have in common."""

    clients: tuple[Client, ...]
    facts: dict[str, Record]
    notices: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return bool(self.clients) and all(client.passed for client in self.clients)

    @property
    def duration_ns(self) -> int:
        return sum(client.summary["duration_ns"] for client in self.clients)

    def of_rule(self, rule: str) -> list[str]:
        """The ids of the vectors that test ``rule``."""
        return [id for id, fact in self.facts.items() if rule in fact["rules"]]

    def chapters(self) -> dict[str, list[str]]:
        """The rules that vectors test, by their chapters: the areas of the matrix."""
        tested = {rule for fact in self.facts.values() for rule in fact["rules"]}
        chapters: dict[str, list[str]] = {}
        for id, rule in rules.all_rules().items():
            if id in tested:
                chapters.setdefault(rule.chapter, []).append(id)
        if unknown := sorted(tested - rules.all_rules().keys()):
            chapters[OTHER_CHAPTER] = unknown
        return chapters


@dataclass
class _Part:
    """The records of one adapter as they come."""

    source: str
    run: Record
    adapter: Record
    results: dict[str, Record] = field(default_factory=dict)
    summary: Record = field(default_factory=dict)


def read(paths: Sequence[Path]) -> Results:
    """What the reports at ``paths`` say, side by side. Raises UsageError, with path, line and remedy."""
    return _beside([part for path in paths for part in _parts(str(path), _lines(path))])


def of_run(records: Iterable[Record]) -> Results:
    """As ``read``, of the records of one run that has just ended."""
    return _beside(list(_parts("this run", enumerate(records, 1))))


def _lines(path: Path) -> Iterator[tuple[int, Record]]:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    for number, line in enumerate(data.splitlines(), 1):
        try:
            record = json.loads(line)
        except ValueError as error:  # also where it is no UTF-8
            raise _refused(str(path), number, f"no JSON: {error}") from None
        except RecursionError:
            raise _refused(str(path), number, "no report: the JSON is nested too deeply") from None
        kind = record.get("record") if isinstance(record, dict) else None
        if not isinstance(kind, str) or kind not in _NEXT or not kind:
            raise _refused(str(path), number, "no record of a report")
        fault = schema.fault("report", record, kind)
        if fault is not None:
            raise _refused(
                str(path), number, f"no record of the kind {kind!r}: {fault[:SHOWN_FAULT_CHARACTERS]}"
            )
        yield number, record


def _refused(source: str, number: int, words: str) -> UsageError:
    return UsageError(
        f"{source}: line {number}: {words}; make the report again with clockbound-conformance run --jsonl"
    )


def _parts(source: str, records: Iterable[tuple[int, Record]]) -> Iterator[_Part]:
    """The adapters of a report, in which every record must stand where it belongs."""
    before, number = "", 0
    run: Record = {}
    part = _Part(source, {}, {})
    come: list[str] = []
    for number, record in records:
        kind = record["record"]
        if kind not in _NEXT[before]:
            words = f"{kind!r} follows {before!r}" if before else f"the first record is {kind!r}"
            raise _refused(source, number, f"{words}, so that lines are missing")
        if kind == "run":
            run, come = record, []
        elif kind == "adapter":
            part = _Part(source, run, record)
            come.append(record["adapter"])
        elif kind == "end":
            if come != run["adapters"]:
                raise _refused(source, number, f"the run was of {run['adapters']}, but {come} stand here")
        elif record["adapter"] != part.adapter["adapter"]:
            raise _refused(
                source,
                number,
                f"a {kind} of adapter {record['adapter']!r} among those of {part.adapter['adapter']!r}",
            )
        elif kind == "result":
            if record["vector"] in part.results:
                raise _refused(source, number, f"the vector {record['vector']} stands twice")
            part.results[record["vector"]] = record
        else:
            part.summary = record
            _check_summary(source, number, part)
            yield part
        before = kind
    if before != "end":
        words = "the file ends without an end record: the run was interrupted, or the file cut off"
        raise _refused(source, max(number, 1), words if number else "the file is empty")


def _check_summary(source: str, number: int, part: _Part) -> None:
    counted = Counter(result["outcome"] for result in part.results.values())
    said = {name: count for name, count in part.summary["outcomes"].items() if count}
    if said != dict(counted) or len(part.results) != part.run["vectors_count"]:
        raise _refused(
            source,
            number,
            f"the summary counts {sum(said.values())} results of {part.run['vectors_count']} vectors, but "
            f"{len(part.results)} stand before it, or others",
        )
    if part.summary["passed"] and any(counted[name] for name in FAILED):
        raise _refused(source, number, "the summary says passed, but results before it failed")


def _beside(parts: Sequence[_Part]) -> Results:
    clients = tuple(
        Client(label, part.run, part.adapter, part.results, part.summary)
        for label, part in zip(_labels(parts), parts, strict=True)
    )
    facts: dict[str, Record] = {}
    for client in clients:
        for id, result in client.results.items():
            facts.setdefault(id, result)
    return Results(clients, facts, tuple(_notices(clients)))


def _labels(parts: Sequence[_Part]) -> list[str]:
    """The adapters' names; where several have the same one, with their files' names."""
    names = Counter(part.adapter["adapter"] for part in parts)
    labels: list[str] = []
    for part in parts:
        name = part.adapter["adapter"]
        label = name if names[name] == 1 else f"{name} ({Path(part.source).stem})"
        if label in labels:
            raise UsageError(
                f"{part.source}: the adapter {name!r} stands twice in files of this name; give each report once, "
                "and reports of different machines different names"
            )
        labels.append(label)
    return labels


def _notices(clients: Sequence[Client]) -> Iterator[str]:
    """What keeps the clients from being compared in everything."""
    if len({client.run["vectors_sha256"] for client in clients}) > 1:
        yield "The reports come from different versions of the vectors, so not every client was asked the same."
    elif len({frozenset(client.results) for client in clients}) > 1:
        yield "Not every client was asked the same vectors."
    chosen = sorted({name for client in clients for name in client.run["only"]})
    if chosen:
        yield f"Not all vectors were asked, but only those of: {', '.join(chosen)}."


def text(results: Results) -> str:
    """For people: a line for each client."""
    return printable(
        "\n".join(
            f"{'passed' if client.passed else 'FAILED'}: {client.label}: {client.counts()}, of "
            f"{len(client.results)} vectors{': ' + client.trouble() if client.trouble() else ''}"
            for client in results.clients
        )
    )
