"""The rules that vectors cite, as layout.json has them, and which limits of each rule vectors must stand around.

A limit is a number at which the right answer changes. A reader that is off by one is right everywhere but there, so each
limit needs a vector at it, one just before it and one just after it, in each layout.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass

from clockbound_conformance import files

READERS_CHAPTERS = ("Opening and reading", "From snapshot to interval")
SIDES = ("before", "at", "after")
LAYOUTS = ("1", "2")


@dataclass(frozen=True, slots=True)
class Rule:
    id: str
    chapter: str
    statement: str


@functools.cache
def all_rules() -> dict[str, Rule]:
    """Every rule by its id."""
    document = json.loads(files.LAYOUT_JSON.read_text(encoding="utf-8"))
    return {
        each["id"]: Rule(each["id"], each["chapter"], each["statement"])
        for each in document["rules"]
        if isinstance(each, dict)
    }


def readers_rules() -> dict[str, Rule]:
    """Those that a client must keep."""
    return {id: rule for id, rule in all_rules().items() if rule.chapter in READERS_CHAPTERS}


# What a limit is called in the vectors. The number is that of the last value on the near side or the first beyond it, as
# the rule has it.
LIMITS: dict[str, tuple[str, ...]] = {
    "open.syscall": (),
    "open.not-initialised": ("a file of 16 bytes", "version 0", "generation 0"),
    "open.version": ("the layout's version",),
    "open.malformed": ("the layout's size", "the file's length"),
    "read.consistent": ("generation 2", "generation 65535"),
    "read.bounded": (),
    "read.reopen": ("an age of 5 s",),
    "clock.precise": (),
    "bound.range": (
        "a bound of 0",
        "a drift of 10^9 ppb",
        "as_of of 0 ns",
        "as_of of 10^9 ns",
        "the last as_of",
        "the first as_of",
        "void_after of 0 ns",
        "void_after of 10^9 ns",
        "the last void_after",
        "the first void_after",
        "the lowest status",
        "the highest status",
    ),
    "bound.causality": ("an age of -1000 ns", "an age of 0"),
    "bound.growth": ("1 ns of growth", "an age of 1 s", "the largest age", "the largest bound"),
    "interval.ends": ("the last instant", "the first instant"),
    "status.fixed": ("5 s of UNKNOWN", "void_after of UNKNOWN"),
    "status.grace": ("5 s of SYNCHRONIZED", "5 s of FREE_RUNNING"),
    "status.void-after": ("void_after of SYNCHRONIZED", "void_after of FREE_RUNNING", "void_after at 5 s"),
    "status.disruption": ("equal markers", "a page of 104 bytes", "a page's size of 104", "a page's version"),
}

#: Limits that only layout 2 has: layout 1 knows no markers.
LAYOUT_2_ONLY = frozenset(LIMITS["status.disruption"])

#: Rules of readers that no vector can test, and why.
WITHOUT_VECTORS = {
    "read.threads": "an adapter asks with one thread; each client's own tests do it with several",
    "status.fail-closed": "the protocol has no question whose answer can't carry a status",
}
