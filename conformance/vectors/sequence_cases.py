"""One context that stays open while the files change: who is looked at again, when, and who isn't.

Which segment each answer must come from was decided by hand; the oracle says what follows from that segment.
"""

from __future__ import annotations

from typing import Any

from authoring import AS_OF, Area, Data, R, S, both_orders, right_answer
from clockbound_conformance.answers import Answer
from clockbound_conformance.judge import as_json
from clockbound_conformance.segment_bytes import DISRUPTED, FREE_RUNNING, UNKNOWN, vmclock

Step = dict[str, Any]
NOT_INITIALIZED = {"type": "error", "kind": "SEGMENT_NOT_INITIALIZED"}


def put(layout: int, data: Data, page: bytes | None = None) -> Step:
    return {
        "do": "put",
        "segment": both_orders(layout, data),
        "vmclock": None if page is None else page.hex(),
    }


def write(layout: int, data: Data) -> Step:
    return {"do": "write", "segment": both_orders(layout, data)}


def replace(layout: int, data: Data) -> Step:
    return {"do": "replace", "segment": both_orders(layout, data)}


def page_of(page: bytes) -> Step:
    return {"do": "write-vmclock", "vmclock": page.hex()}


def watch(count: int, expected: Answer | None = None) -> Step:
    return {"do": "watch", "count": str(count), "expected": as_json(expected)}


def wait(wait_ns: int) -> Step:
    return {"do": "wait", "wait_ns": str(wait_ns)}


def asked(
    layout: int,
    believed: Data,
    monotonic_ns: int,
    page: bytes | None = None,
    *,
    realtime_ns: int = R,
    within_ns: int | None = None,
) -> Step:
    """A compute whose answer must follow from ``believed``."""
    step: Step = {"do": "compute", "realtime_ns": str(realtime_ns), "monotonic_ns": str(monotonic_ns)}
    if within_ns is not None:
        step["within_ns"] = str(within_ns)
    expected = as_json(right_answer(layout, believed, page, realtime_ns, monotonic_ns))
    return step | {"expected": expected}


def refused(monotonic_ns: int) -> Step:
    """A compute where there is no snapshot."""
    return {
        "do": "compute",
        "realtime_ns": str(R),
        "monotonic_ns": str(monotonic_ns),
        "expected": NOT_INITIALIZED,
    }


area = Area("sequences", "One context that stays open while the files change.")
FIRST = {"generation": 2}
SECOND = {"generation": 4, "as_of": (1001, 0), "void_after": (2001, 0), "bound_ns": 5}
THIRD = {"generation": 6, "as_of": (1001, 0), "void_after": (2001, 0), "bound_ns": 7, "status": FREE_RUNNING}

area.sequence(
    "each update is seen",
    "read.consistent",
    "a context that looks at the segment for each answer from one that keeps what it saw first",
    lambda n: [
        put(n, FIRST),
        watch(3),
        asked(n, FIRST, AS_OF),
        write(n, SECOND),
        asked(n, SECOND, AS_OF + S),
        write(n, THIRD),
        asked(n, THIRD, AS_OF + S),
    ],
)
area.sequence(
    "an update with the same as_of is seen",
    "read.consistent",
    "updates that are told by their generation from ones that are told by as_of",
    lambda n: [
        put(n, FIRST),
        watch(2),
        asked(n, FIRST, AS_OF),
        write(n, {"generation": 4, "status": UNKNOWN}),
        asked(n, {"generation": 4, "status": UNKNOWN}, AS_OF),
    ],
)
area.sequence(
    "clock readings may go back",
    "bound.growth bound.causality",
    "answers from the readings given from answers that never go back",
    lambda n: [
        put(n, FIRST),
        watch(3),
        asked(n, FIRST, AS_OF + 4 * S),
        asked(n, FIRST, AS_OF, realtime_ns=R - S),
        asked(n, FIRST, AS_OF - 1000),
    ],
)
area.sequence(
    "the generation goes round",
    "read.consistent",
    "another generation from a greater one",
    lambda n: [
        put(n, {"generation": 65534}),
        watch(3),
        asked(n, {"generation": 65534}, AS_OF),
        write(n, {"generation": 2, "bound_ns": 9}),
        asked(n, {"generation": 2, "bound_ns": 9}, AS_OF),
        write(n, {"generation": 4, "bound_ns": 11}),
        asked(n, {"generation": 4, "bound_ns": 11}, AS_OF),
    ],
)
for generation, name in ((3, "odd"), (0, "0")):
    area.sequence(
        f"the last good snapshot while the generation is {name}",
        "read.bounded read.consistent",
        "the context's last good snapshot, which grows on, from an error, from half an update and from a frozen answer",
        lambda n, generation=generation: [  # type: ignore[misc]
            put(n, FIRST),
            watch(3),
            asked(n, FIRST, AS_OF),
            write(n, {"generation": generation, "as_of": (1, 0), "bound_ns": 0}),
            asked(n, FIRST, AS_OF + 4 * S),
            asked(n, FIRST, AS_OF + 4 * S + 1),
        ],
        catches="no-generation-check spins-on-odd-generation"
        if generation == 3
        else "no-generation-check"
        if generation
        else "",
    )
area.sequence(
    "the last good snapshot grows old",
    "read.bounded status.grace status.void-after",
    "a last good snapshot with its own age from one that stays fresh",
    lambda n: [
        put(n, FIRST),
        watch(3),
        asked(n, FIRST, AS_OF),
        write(n, {"generation": 3, "bound_ns": 0}),
        asked(n, FIRST, AS_OF + 5 * S),
        asked(n, FIRST, 2000 * S),
    ],
)
area.sequence(
    "the last good snapshot is the last",
    "read.bounded",
    "the last good snapshot from the first",
    lambda n: [
        put(n, FIRST),
        watch(3),
        asked(n, FIRST, AS_OF),
        write(n, SECOND),
        asked(n, SECOND, AS_OF + S),
        write(n, {"generation": 5, "bound_ns": 1}),
        asked(n, SECOND, AS_OF + 2 * S),
    ],
)
area.sequence(
    "a snapshot that was never asked for is not remembered",
    "read.bounded read.consistent",
    "the last snapshot of this context from what the segment held in between",
    lambda n: [
        put(n, FIRST),
        watch(2),
        asked(n, FIRST, AS_OF),
        write(n, SECOND),
        write(n, {"generation": 5, "bound_ns": 1}),
        asked(n, FIRST, AS_OF + 2 * S),
    ],
)
area.sequence(
    "version 0 after opening",
    "read.bounded open.not-initialised",
    "a version that is looked at again from one that isn't",
    lambda n: [
        put(n, FIRST),
        watch(2),
        asked(n, FIRST, AS_OF),
        write(n, {"generation": 4, "version": 0, "bound_ns": 0}),
        asked(n, FIRST, AS_OF + S),
    ],
)
area.sequence(
    "an update that ends after opening",
    "read.bounded read.consistent",
    "a context that opens in an update and waits for its end from one that gives up",
    lambda n: [
        put(n, {"generation": 3}),
        watch(2),
        refused(AS_OF),
        write(n, {"generation": 4}),
        asked(n, {"generation": 4}, AS_OF),
    ],
    catches="zero-width-in-update spins-on-odd-generation",
)
area.sequence(
    "a malformed update and the next",
    "bound.range read.consistent",
    "each update by itself from a context that broke for good, or that keeps a good one for it",
    lambda n: [
        put(n, FIRST),
        watch(3),
        asked(n, FIRST, AS_OF),
        write(n, {"generation": 4, "bound_ns": -1}),
        asked(n, {"generation": 4, "bound_ns": -1}, AS_OF),
        write(n, {"generation": 6, "bound_ns": 1}),
        asked(n, {"generation": 6, "bound_ns": 1}, AS_OF),
    ],
    catches="negative-bound-accepted",
)
NEW = {"generation": 2, "as_of": (1010, 0), "void_after": (2010, 0), "bound_ns": 3}
for side, age_ns in (("before", 5 * S - 1), ("at", 5 * S), ("after", 5 * S + 1)):
    believed = NEW if side == "after" else FIRST
    # a new daemon's as_of is later than any reading of ours so far
    later = {"as_of": (1005, 0), "void_after": (2005, 0), "bound_ns": 3, "generation": 2}
    area.sequence(
        f"a replaced file {'at' if side == 'at' else 'just ' + side} an age of 5 s",
        "read.reopen",
        "a context that looks for another file when its snapshot is older than 5 s from one that looks at another time",
        lambda n, side=side, age_ns=age_ns, later=later: [  # type: ignore[misc]
            put(n, FIRST),
            watch(2),
            asked(n, FIRST, AS_OF),
            replace(n, later),
            asked(n, later if side == "after" else FIRST, AS_OF + age_ns),
        ],
        limits=(f"an age of 5 s: {side}",),
        catches="maps-once" if side == "after" else "",
    )
area.sequence(
    "a replaced file is not looked for while fresh",
    "read.reopen",
    "a context that keeps its mapping from one that opens the file for each answer",
    lambda n: [
        put(n, FIRST),
        watch(3),
        asked(n, FIRST, AS_OF),
        replace(n, NEW),
        asked(n, FIRST, AS_OF + 4 * S),
        asked(n, NEW, AS_OF + 10 * S),
    ],
    catches="maps-once",
)
area.sequence(
    "a replaced file of the other layout",
    "read.reopen open.version",
    "a layout that belongs to the file from one that belongs to the context",
    lambda n: [
        put(n, FIRST),
        watch(2),
        asked(n, FIRST, AS_OF),
        replace(3 - n, NEW),
        asked(3 - n, NEW, AS_OF + 10 * S),
    ],
    catches="maps-once",
)
area.sequence(
    "a replaced file with the same generation",
    "read.reopen read.consistent",
    "a snapshot of the new file from one of the old that had the same generation",
    lambda n: [
        put(n, FIRST),
        watch(2),
        asked(n, FIRST, AS_OF),
        replace(n, {"generation": 2, "as_of": (1000, 0), "bound_ns": 21}),
        asked(n, {"generation": 2, "as_of": (1000, 0), "bound_ns": 21}, AS_OF + 7 * S),
    ],
    catches="maps-once",
)
area.sequence(
    "a replaced file in an update",
    "read.reopen read.bounded",
    "the last good snapshot of the context from that of the file",
    lambda n: [
        put(n, FIRST),
        watch(2),
        asked(n, FIRST, AS_OF),
        replace(n, NEW | {"generation": 3}),
        asked(n, FIRST, AS_OF + 10 * S),
    ],
)
for name, damaged in (
    ("of zeros", lambda order: bytes(80)),
    ("that is malformed", {"generation": 2, "size_bytes": 4}),
    ("of an unknown version", {"generation": 2, "version": 9}),
):
    area.sequence(
        f"a replaced file {name}",
        "read.reopen open.not-initialised open.malformed open.version",
        "a context that stays with what it has from one that fails, or moves to a broken file",
        lambda n, damaged=damaged: [  # type: ignore[misc]
            put(n, FIRST),
            watch(2),
            asked(n, FIRST, AS_OF),
            replace(n, damaged),
            asked(n, FIRST, AS_OF + 6 * S),
        ],
    )
area.sequence(
    "a removed file",
    "read.reopen",
    "a context that goes on with its file from one that fails when the path names none",
    lambda n: [
        put(n, FIRST),
        watch(2),
        asked(n, FIRST, AS_OF),
        {"do": "remove"},
        asked(n, FIRST, AS_OF + 6 * S),
    ],
)
area.sequence(
    "a file that is replaced twice within a second",
    "read.reopen",
    "a look at most once a second from a look for each answer",
    lambda n: [
        put(n, FIRST),
        watch(4),
        asked(n, FIRST, AS_OF),
        replace(n, NEW),
        asked(n, NEW, AS_OF + 10 * S),
        replace(n, NEW | {"bound_ns": 4}),
        asked(n, NEW, AS_OF + 16 * S, within_ns=900_000_000),
        wait(1_100_000_000),
        asked(n, NEW | {"bound_ns": 4}, AS_OF + 18 * S),
    ],
    catches="maps-once",
)
for name, because, unusable, now_ns in (
    ("as_of is malformed", "bound.range", {"as_of": (1000, S)}, AS_OF + S),
    ("the bound is negative", "bound.range", {"bound_ns": -1}, AS_OF),
    ("as_of is in the future", "bound.causality", {"as_of": (1001, 0)}, AS_OF),
):
    area.sequence(
        f"a replaced file while {name}",
        f"read.reopen {because}",
        "a context that looks for another file when its snapshot gives no interval from one that looks at the age alone",
        lambda n, unusable=unusable, now_ns=now_ns: [  # type: ignore[misc]
            put(n, FIRST),
            watch(2),
            asked(n, FIRST, AS_OF),
            write(n, unusable | {"generation": 4}),
            replace(n, {"generation": 2, "bound_ns": 3}),
            asked(n, {"generation": 2, "bound_ns": 3}, now_ns),
        ],
        catches="maps-once",
    )
area.sequence(
    "a file that is replaced while the old one is malformed",
    "read.reopen bound.range",
    "a look at most once a second from a look for each question that has no answer",
    lambda n: [
        put(n, FIRST),
        watch(4),
        asked(n, FIRST, AS_OF),
        write(n, {"generation": 4, "bound_ns": -1}),
        asked(n, {"generation": 4, "bound_ns": -1}, AS_OF),
        replace(n, {"generation": 2, "bound_ns": 3}),
        asked(n, {"generation": 4, "bound_ns": -1}, AS_OF, within_ns=900_000_000),
        wait(1_100_000_000),
        asked(n, {"generation": 2, "bound_ns": 3}, AS_OF),
    ],
    layouts=(2,),
    catches="maps-once",
)
area.sequence(
    "a fifo in the segment's place",
    "open.syscall open.not-initialised",
    "a reader that never blocks from one that waits for a writer for ever",
    lambda n: [
        {"do": "put-fifo"},
        {
            "do": "compute",
            "realtime_ns": str(R),
            "monotonic_ns": str(AS_OF),
            "expected": NOT_INITIALIZED,
        },
    ],
    layouts=(2,),
    catches="blocks-for-ever",
)
KNOWN = {"disruption_support": 1, "disruption_marker": 1, "bound_ns": 5}
ONE, TWO = vmclock(marker=1), vmclock(marker=2)
area.sequence(
    "a disruption from its beginning to its end",
    "status.disruption status.fixed",
    "a page that is looked at for each answer from one that is looked at once",
    lambda n: [
        put(n, KNOWN, ONE),
        watch(5),
        asked(n, KNOWN, AS_OF, ONE),
        page_of(vmclock(marker=2, sequence=3)),
        asked(n, KNOWN, AS_OF, TWO),
        page_of(vmclock(marker=2, sequence=4)),
        asked(n, KNOWN, AS_OF, TWO),
        write(n, KNOWN | {"generation": 4, "disruption_marker": 2, "status": DISRUPTED}),
        asked(n, KNOWN | {"disruption_marker": 2, "status": DISRUPTED}, AS_OF, TWO),
        write(n, KNOWN | {"generation": 6, "disruption_marker": 2}),
        asked(n, KNOWN | {"disruption_marker": 2}, AS_OF, TWO),
    ],
    layouts=(2,),
    catches="ignores-marker no-disrupted",
)
area.sequence(
    "a page that stays in an update",
    "status.disruption read.bounded",
    "a bounded number of attempts at the page from an answer that never comes",
    lambda n: [
        put(n, KNOWN, ONE),
        watch(3),
        asked(n, KNOWN, AS_OF, ONE),
        page_of(vmclock(marker=1, sequence=3)),
        asked(n, KNOWN, AS_OF, vmclock(marker=1, sequence=3)),
        page_of(vmclock(marker=1, sequence=4)),
        asked(n, KNOWN, AS_OF, ONE),
    ],
    layouts=(2,),
    catches="spins-on-vmclock",
)
area.sequence(
    "disruption support that comes without a page",
    "status.disruption",
    "an answer of UNKNOWN, where the page is missing later, from an error and from no disruption",
    lambda n: [
        put(n, FIRST),
        watch(2),
        asked(n, FIRST, AS_OF),
        write(n, KNOWN | {"generation": 4}),
        asked(n, KNOWN, AS_OF, TWO),
    ],
    layouts=(2,),
    catches="ignores-marker",
)
area.sequence(
    "disruption support that comes with its page",
    "status.disruption",
    "a page that is mapped when it is first needed from one that is mapped at open only",
    lambda n: [
        put(n, FIRST, ONE),
        watch(3),
        asked(n, FIRST, AS_OF),
        write(n, KNOWN | {"generation": 4}),
        asked(n, KNOWN, AS_OF, ONE),
        page_of(TWO),
        asked(n, KNOWN, AS_OF, TWO),
    ],
    layouts=(2,),
    catches="ignores-marker",
)
area.sequence(
    "disruption support that ends",
    "status.disruption",
    "the flag of this snapshot from the flag at open",
    lambda n: [
        put(n, KNOWN, ONE),
        watch(3),
        asked(n, KNOWN, AS_OF, ONE),
        page_of(TWO),
        asked(n, KNOWN, AS_OF, TWO),
        write(n, {"generation": 4, "disruption_marker": 1, "bound_ns": 5}),
        asked(n, {"disruption_marker": 1, "bound_ns": 5}, AS_OF),
    ],
    layouts=(2,),
)

live = Area("live", "The client's own clock readings, and a writer at full speed.")
BUSY = {"bound_ns": 1_000, "max_drift_ppb": 999_999_999}
NOW = {"type": "now", "bound_ns": "1000", "max_drift_ppb": "999999999", "status": "SYNCHRONIZED"}
live.sequence(
    "the monotonic clock is the precise one",
    "clock.precise bound.growth interval.ends",
    "CLOCK_MONOTONIC from the coarse clock, which lags, and CLOCK_REALTIME from any other",
    lambda n: [
        {"do": "put", "segment": both_orders(n, BUSY), "stamp_age_ns": str(S)},
        {
            "do": "now",
            "count": "40",
            "expected": NOW,
        },
    ],
    catches="coarse-clock as-of-wall-clock",
)
live.sequence(
    "the segment is read before the clocks",
    "clock.precise bound.causality",
    "clocks that are read after the segment from clocks that are read before it, so that the answer is late",
    lambda n: [
        {"do": "put", "segment": both_orders(n, BUSY), "stamp_age_ns": "0"},
        {"do": "now", "count": "1", "expected": NOW},
        {
            "do": "now-busy",
            "segment": both_orders(n, BUSY),
            "ahead_ns": "999",
            "count": "1000",
            "expected": NOW,
        },
    ],
    catches="clocks-before-segment",
)
ONES = {
    "as_of": (1001, 111_111_111),
    "void_after": (2001, 0),
    "bound_ns": 0x1111_1111_1111,
    "generation": 65000,
}
TWOS = {
    "as_of": (1002, 222_222_222),
    "void_after": (1003, 0),
    "bound_ns": 0x2222_2222_2222,
    "max_drift_ppb": 100_000,
    "status": FREE_RUNNING,
}
THREES = {
    "as_of": (1003, 333_333_333),
    "void_after": (1500, 0),
    "bound_ns": 0x3333_3333_3333,
    "max_drift_ppb": 150_000,
    "status": UNKNOWN,
}
BUSY_AT = 1007 * S
live.sequence(
    "two updates are never mixed",
    "read.consistent read.bounded",
    "a snapshot that is checked before and after its copy from one that is checked before, or not at all",
    lambda n: [
        put(n, ONES),
        watch(4001),
        asked(n, ONES, BUSY_AT),
        {
            "do": "compute-busy",
            "segments": [both_orders(n, each) for each in (ONES, TWOS, THREES)],
            "realtime_ns": str(R),
            "monotonic_ns": str(BUSY_AT),
            "count": "4000",
            "expected": {
                "type": "each-of",
                "answers": [
                    as_json(right_answer(n, each, None, R, BUSY_AT)) for each in (ONES, TWOS, THREES)
                ],
            },
        },
    ],
    catches="generation-checked-only-before",
)
