"""Test vectors: what lies in the files, what is asked, and the one right answer.

They are in JSON, in ``vectors``, for programs of any language; schemas/vectors.schema.json describes them.
"""

from __future__ import annotations

import difflib
import functools
import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clockbound_conformance import files, rules, schema
from clockbound_conformance.segment_bytes import ByteOrder

Step = dict[str, Any]


class DamagedError(Exception):
    """The vector files can't be used. The text names the file and what is wrong with it."""


class UnknownSelectionError(Exception):
    """A name that is no rule's and no vector's. ``close`` are names like it."""

    def __init__(self, name: str, close: Sequence[str]) -> None:
        super().__init__(name)
        self.close = list(close)


@dataclass(frozen=True)
class Limit:
    """Where the right answer changes, and on which side of that a vector stands."""

    name: str
    side: str


@dataclass(frozen=True)
class Vector:
    """One vector. ``steps`` are as the schema has them; a reading has become a put and a compute."""

    id: str
    area: str
    rules: tuple[str, ...]
    layout: str
    distinguishes: str
    origin: str
    limits: tuple[Limit, ...]
    catches: tuple[str, ...]
    derivation: str | None
    steps: tuple[Step, ...]

    @property
    def watches(self) -> bool:
        """Whether it keeps one context open while the files change."""
        return any(step["do"] == "watch" for step in self.steps)

    @property
    def features(self) -> frozenset[str]:
        """The features of an adapter that it takes."""
        names = {"compute-busy": "compute", "now-busy": "now"}
        done = {names.get(str(step["do"]), str(step["do"])) for step in self.steps}
        return frozenset(done & {"compute", "now", "watch"})


@dataclass(frozen=True)
class Collection:
    """All vectors, and what their flags stand for. ``sha256`` is that of the files."""

    vectors: tuple[Vector, ...]
    mistakes: dict[str, str]
    sha256: str

    def select(self, names: Iterable[str]) -> tuple[Vector, ...]:
        """The vectors of these rules and ids; all where there are no names. Raises UnknownSelectionError."""
        wanted = list(names)
        known = {vector.id for vector in self.vectors} | rules.all_rules().keys()
        for name in wanted:
            if name not in known:
                raise UnknownSelectionError(name, difflib.get_close_matches(name, known, n=3))
        return tuple(
            vector
            for vector in self.vectors
            if not wanted or any(name == vector.id or name in vector.rules for name in wanted)
        )


def segment_of(step: Step, byte_order: ByteOrder) -> bytes | None:
    """The segment's bytes in a step; None where there is no file."""
    both = step["segment"]
    return None if both is None else bytes.fromhex(both[byte_order])


def page_of(step: Step) -> bytes | None:
    """The VMClock page's bytes in a step; None where there is no file."""
    page = step.get("vmclock")
    return None if page is None else bytes.fromhex(page)


@functools.cache
def load(folder: Path | None = None) -> Collection:
    """All vectors in ``folder`` (default: the package's). Raises DamagedError."""
    root = files.folder("vectors") if folder is None else folder
    paths = sorted(path for part in ("generated", "hand") for path in (root / part).glob("*.json"))
    if not paths:
        raise DamagedError(f"{root}: no vector files; install the package again")
    digest = hashlib.sha256()
    found: list[Vector] = []
    mistakes = _mistakes(root / "mistakes.json", digest)
    for path in paths:
        found += _read(path, digest)
    _check(found, mistakes)
    return Collection(tuple(found), mistakes, digest.hexdigest())


def _json(path: Path, name: str, digest: hashlib._Hash) -> Any:
    try:
        data = path.read_bytes()
        digest.update(data)
        content = json.loads(data)
    except OSError as error:
        raise DamagedError(f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise DamagedError(f"{path}: no JSON: {error}") from error
    if not isinstance(content, dict):
        raise DamagedError(f"{path}: no JSON object")
    fault = schema.fault(name, content)
    if fault is not None:
        raise DamagedError(f"{path}: {fault if len(fault) < 400 else fault[:400] + ' ...'}")
    return content


def _mistakes(path: Path, digest: hashlib._Hash) -> dict[str, str]:
    return dict(_json(path, "mistakes", digest)["mistakes"])


def _read(path: Path, digest: hashlib._Hash) -> list[Vector]:
    content = _json(path, "vectors", digest)
    return [_vector(content["area"], each) for each in content["vectors"]]


def _vector(area: str, data: dict[str, Any]) -> Vector:
    if "steps" in data:
        steps = tuple(data["steps"])
    else:
        put = {"do": "put", "segment": data["segment"], "vmclock": data.get("vmclock")}
        clocks = {name: data[name] for name in ("realtime_ns", "monotonic_ns")}
        steps = (put, {"do": "compute", **clocks, "expected": data["expected"]})
    return Vector(
        id=data["id"],
        area=area,
        rules=tuple(data["rules"]),
        layout=data["layout"],
        distinguishes=data["distinguishes"],
        origin=data["origin"],
        limits=tuple(Limit(**each) for each in data.get("limits", ())),
        catches=tuple(data.get("catches", ())),
        derivation=data.get("derivation"),
        steps=steps,
    )


def _check(vectors: list[Vector], mistakes: dict[str, str]) -> None:
    """What no schema can say."""
    known = rules.all_rules()
    for vector in vectors:
        if unknown := [rule for rule in vector.rules if rule not in known]:
            raise DamagedError(f"vector {vector.id}: there is no rule {', '.join(unknown)}")
        if unknown := [flag for flag in vector.catches if flag not in mistakes]:
            raise DamagedError(f"vector {vector.id}: mistakes.json has no {', '.join(unknown)}")
        named = {name for rule in vector.rules for name in rules.LIMITS.get(rule, ())}
        if unknown := [limit.name for limit in vector.limits if limit.name not in named]:
            raise DamagedError(f"vector {vector.id}: its rules have no limit {unknown[0]!r}")
    twice = [id for id, count in Counter(vector.id for vector in vectors).items() if count > 1]
    if twice:
        raise DamagedError(f"vector {twice[0]}: the id stands twice")


def uncovered(vectors: Iterable[Vector]) -> list[str]:
    """What a complete collection would have and ``vectors`` has not, in words; empty for a complete one."""
    chosen = list(vectors)
    count = Counter(rule for vector in chosen for rule in vector.rules)
    stands = {
        (rule, limit.name, limit.side, vector.layout)
        for vector in chosen
        for limit in vector.limits
        for rule in vector.rules
    }
    missing = []
    for rule in rules.readers_rules():
        if rule in rules.WITHOUT_VECTORS:
            continue
        if not count[rule]:
            missing.append(f"{rule}: no vector")
        if rule not in rules.LIMITS:
            missing.append(f"{rule}: rules.py doesn't say which limits it has")
        missing += [
            f"{rule}: no vector {'at' if side == 'at' else 'just ' + side} {limit!r} in layout {layout}"
            for limit in rules.LIMITS.get(rule, ())
            for layout in rules.LAYOUTS
            if not (limit in rules.LAYOUT_2_ONLY and layout == "1")
            for side in rules.SIDES
            if (rule, limit, side, layout) not in stands
        ]
    return missing
