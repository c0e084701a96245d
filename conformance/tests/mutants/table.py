#!/usr/bin/env python3
"""Which vectors catch which faulty reader, and which rules have how many vectors: table.py [--check]

Writes conformance/coverage.md; with ``--check`` it writes nothing and fails where that is stale. Readers are asked in this
process, for speed. What only shows in real time (a writer at full speed, the client's own clocks, a pause, a reader that
hangs) is left to the tests, which run such readers as programs.
"""

from __future__ import annotations

import functools
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import reader
from clockbound_conformance import rules, vectors
from clockbound_conformance.answers import Answer, Interval, Refusal
from clockbound_conformance.judge import expected_answer
from clockbound_conformance.runner import play
from clockbound_conformance.segment_bytes import NATIVE

COVERAGE = HERE.parents[1] / "coverage.md"
COMMAND = "python conformance/tests/mutants/table.py"

#: Faults that show only in real time, or hang: nothing to ask in this process.
IN_REAL_TIME = {
    "blocks-for-ever",
    "clocks-before-segment",
    "coarse-clock",
    "generation-checked-only-before",
    "realtime-as-monotonic",
    "reopens-without-pause",
    "spins-on-odd-generation",
    "spins-on-vmclock",
}


class InProcess:
    """Asks the reader without a program in between."""

    def __init__(self, *faults: str) -> None:
        self._adapter = reader.Adapter(frozenset(faults), NATIVE)

    def _ask(self, command: str, **fields: Any) -> Answer | None:
        question = {"cmd": command} | {name: str(value) for name, value in fields.items()}
        answer = self._adapter.answer(question)
        match answer["type"]:
            case "interval":
                return Interval(int(answer["earliest_ns"]), int(answer["latest_ns"]), answer["status"])
            case "error":
                return Refusal(answer["kind"])
            case _:
                return None

    def compute(self, segment: Path, **fields: Any) -> Any:
        return self._ask("compute", segment=segment, **fields)

    def now(self, segment: Path) -> Any:
        return self._ask("now", segment=segment)

    def watch(self, segment: Path, **fields: Any) -> Any:
        return self._ask("watch", segment=segment, **fields)


def takes_real_time(vector: vectors.Vector) -> bool:
    return any(step["do"] in ("now", "now-busy", "compute-busy", "wait", "put-fifo") for step in vector.steps)


@functools.cache
def at_rest() -> tuple[vectors.Vector, ...]:
    """The vectors that need no real time."""
    return tuple(vector for vector in vectors.load().vectors if not takes_real_time(vector))


@functools.cache
def table() -> dict[str, frozenset[str]]:
    """Every fault that shows at rest, with the vectors that catch it; "" is the reader without one."""
    names = ["", *vectors.load().mistakes, *reader.FAULTS, *reader.BYTE_FAULTS]
    clients = {name: InProcess(*filter(None, [name])) for name in names if name not in IN_REAL_TIME}
    found: dict[str, set[str]] = {name: set() for name in clients}
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        for vector in at_rest():
            for name, wrong in _judged(vector, clients, Path(folder)):
                if wrong:
                    found[name].add(vector.id)
    return {name: frozenset(ids) for name, ids in found.items()}


def _judged(
    vector: vectors.Vector, clients: dict[str, InProcess], folder: Path
) -> Iterator[tuple[str, bool]]:
    """Whether each client fails the vector. What is at rest is written once for all of them."""
    if [step["do"] for step in vector.steps] != ["put", "compute"]:
        for number, (name, client) in enumerate(clients.items()):
            place = folder / f"{vector.id}-{number}"
            place.mkdir()
            yield name, _fails(name, lambda: play(client, vector, place, NATIVE).outcome == "passed")  # noqa: B023
        return
    put, compute = vector.steps
    segment, page = folder / f"{vector.id}-shm0", folder / f"{vector.id}-vmclock0"
    for path, data in ((segment, vectors.segment_of(put, NATIVE)), (page, vectors.page_of(put))):
        if data is not None:
            path.write_bytes(data)
    right = expected_answer(compute["expected"])
    clocks = {each: compute[each] for each in ("realtime_ns", "monotonic_ns")}
    for name, client in clients.items():
        yield name, _fails(name, lambda: client.compute(segment, vmclock=page, **clocks) == right)  # noqa: B023


def _fails(name: str, passes: Callable[[], bool]) -> bool:
    try:
        return not passes()
    except Exception:  # as a program it would have crashed, which is caught too
        if not name:
            raise
        return True


def document() -> str:
    mistakes = vectors.load().mistakes
    every = vectors.load().vectors
    lines = [
        "# What the vectors cover",
        "",
        f"Generated; don't edit. Run: `{COMMAND}`",
        "",
        f"{len(every)} vectors: {_counts(Counter(vector.origin for vector in every))}.",
        "",
        "## Rules",
        "",
        "| rule | vectors | of layout 1 | of layout 2 | by hand | limits, each with a vector just before, at and just after |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for id in rules.readers_rules():
        mine = [vector for vector in every if id in vector.rules]
        limits = "; ".join(rules.LIMITS.get(id, ())) or rules.WITHOUT_VECTORS.get(id, "none")
        of = Counter(vector.layout for vector in mine)
        by_hand = sum(vector.origin == "hand" for vector in mine)
        lines.append(f"| `{id}` | {len(mine)} | {of['1']} | {of['2']} | {by_hand} | {limits} |")
    lines += [
        "",
        "## Faulty readers",
        "",
        "One small reader with one fault at a time (`tests/mutants/reader.py`), and how many vectors catch it.",
        "The first ones are mistakes of real readers.",
        "",
        "| reader | it | vectors | for example |",
        "| --- | --- | ---: | --- |",
    ]
    caught = table()
    if caught[""]:
        raise AssertionError(f"the reader without a fault fails {sorted(caught[''])}")
    flagged = {name: [vector.id for vector in every if name in vector.catches] for name in mistakes}
    for name, words in (mistakes | reader.FAULTS).items():
        words = words.rpartition(": ")[2]
        if name in caught:
            ids = sorted(caught[name], key=lambda id: (id not in flagged.get(name, ()), id))
            count = str(len(ids))
        else:
            ids, count = sorted(flagged.get(name, ())), "in real time"
        lines.append(f"| `{name}` | {words} | {count} | {f'`{ids[0]}`' if ids else ''} |")
    of_bytes = [len(caught[name]) for name in reader.BYTE_FAULTS]
    lines += [
        "",
        f"Besides these, {len(of_bytes)} readers leave out one byte of one field.",
        f"Each is caught by {min(of_bytes)} to {max(of_bytes)} vectors.",
        "",
    ]
    return "\n".join(lines)


def _counts(counter: Counter[str]) -> str:
    words = {
        "hand": "whose answer a person calculated",
        "oracle": "whose answer the oracle calculated",
        "found": "that a random search found",
    }
    return ", ".join(f"{counter[name]} {words[name]}" for name in words if counter[name])


def main() -> int:
    wanted = document()
    if sys.argv[1:] == ["--check"]:
        if COVERAGE.read_text(encoding="utf-8") == wanted:
            return 0
        print(f"stale: {COVERAGE.name}; run: {COMMAND}")
        return 1
    COVERAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
