"""Write the corpus: one small input for each situation that the rules speak of.

An input is a list of steps, as target.c takes them. Numbers stand here in full (eight bytes); libFuzzer finds the
shorter ways of writing them by itself. Where one of these breaks a rule, its name says which.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CORPUS = HERE / "corpus"

# The steps by name, in target.c's own order.
STEPS = re.findall(r'^    \{"([a-z ]+)", step_', (HERE / "target.c").read_text(), re.MULTILINE)
FIELDS = re.findall(r"^    FIELD_(\w+),$", (HERE / "oracle.h").read_text(), re.MULTILINE)

SECOND = 10**9
ABSOLUTE, AS_OF, VOID_AFTER, NOW = range(4)  # what a monotonic reading is counted from
PATH, MAPPED = range(2)  # the file that the path names, or the one that the context has mapped
GONE, FILE, DIRECTORY, DEVICE = range(4)
REALTIME = 1_700_000_000 * SECOND
LATER = 255  # loads that no question makes before it is answered
NOW_NS, WITHIN, TAI, BEFORE, AFTER = range(5)
PLAIN, EARLIEST, LATEST, CLOCK = range(4)  # what the argument of a question is counted from
NOTHING, ANOTHER_FILE, STEPPED, WRITTEN, BETTER, LOST, HALF_WRITTEN = range(7)  # what happens during a sleep
SIGNAL = 0x80  # and it ends half way

# What the first writes of ClockBound 1.0 and 2.0 leave in the file.
LAYOUT_1 = bytes.fromhex(
    "4e5a4d410002424348000000010002001817161514131211242322210000000038373635343332312827262500000000"
    "4847464544434241646362617473727102000000ffffffff"
)
LAYOUT_2 = bytes.fromhex(
    "4e5a4d410002424350000000020002001817161514131211242322210000000038373635343332312827262500000000"
    "484746454443424158575655545352516463626102000000" + "0100000000000000"
)


def value(number: int) -> bytes:
    return b"\xff" + (number % 2**64).to_bytes(8, "little")


def step(name: str, *parts: int | bytes) -> bytes:
    taken = b"".join(part if isinstance(part, bytes) else bytes([part]) for part in parts)
    return bytes([STEPS.index(name)]) + taken


def field(name: str, number: int) -> bytes:
    return step("field", FIELDS.index(name), value(number))


def raw(image: bytes) -> bytes:
    return step("bytes", 0, len(image), image) + step("length", len(image).to_bytes(2, "little")) + place()


def place(kind: int = FILE) -> bytes:
    return step("place segment", kind)


def ask(age_ns: int = 0, *, since: int = AS_OF, realtime_ns: int = REALTIME) -> bytes:
    return step("ask at", since, value(age_ns), value(realtime_ns))


def now(*, pauses: int = 0, step_before: int = LATER, step_ns: int = 0, realtime_ns: int = 0) -> bytes:
    return step("ask now", value(realtime_ns), value(step_ns), pauses.to_bytes(2, "little"), step_before)


def more(
    question: int,
    argument: int = 0,
    *,
    since: int = PLAIN,
    pauses: int = 0,
    step_before: int = LATER,
    step_ns: int = 0,
) -> bytes:
    times = pauses.to_bytes(2, "little")
    return step("ask more", question, since, value(argument), times, step_before, value(step_ns))


def every_question(argument: int = 0, *, since: int = CLOCK) -> bytes:
    return b"".join(more(question, argument, since=since) for question in range(5))


def tai(offset_s: int, *, change_before: int = LATER, next_s: int = 0, held_up: int = 0) -> bytes:
    return step("tai", value(offset_s), value(next_s), change_before, held_up)


def wait(
    name: str,
    argument: int,
    *events: int,
    since: int = PLAIN,
    left_ns: int = 10 * SECOND,
    forever: bool = False,
    step_ns: int = 0,
) -> bytes:
    meanwhile = bytes(events) + bytes(8 - len(events))
    return step(name, since, value(argument), forever, value(left_ns), meanwhile, value(step_ns))


def wait_after(argument: int, *events: int, since: int = EARLIEST, **others: Any) -> bytes:
    return wait("wait after", argument, *events, since=since, **others)


def wait_synchronized(argument: int, *events: int, **others: Any) -> bytes:
    return wait("wait synchronized", argument, *events, **others)


def from_bytes(
    *, offset: int = 0, page: bool = False, age_ns: int = SECOND, realtime_ns: int = REALTIME
) -> bytes:
    places = offset | offset << 3 | page << 6
    return step("from bytes", places, AS_OF, value(age_ns), value(realtime_ns))


def length(size: int) -> bytes:
    return step("length", size.to_bytes(2, "little"))


def during_update(schedule: list[int], *, dies: bool = False) -> bytes:
    waits = bytes(schedule) + bytes([LATER]) * (18 - len(schedule))
    return step("ask during update", AS_OF, value(SECOND), value(REALTIME), dies, waits)


def with_page(marker: int, *, kind: int = FILE) -> bytes:
    return (
        field("MARKER", 7)
        + field("SUPPORT", 1)
        + place()
        + step("page field", 4, value(marker))
        + step("place page", kind)
    )


OPEN = step("open")
EVERY_AGE = b"".join(
    ask(age_ns)
    for age_ns in (0, -999, -1000, 1, SECOND - 1, 5 * SECOND - 1, 5 * SECOND, 1000 * SECOND, 10**18)
)
# A bound of 1000 ns that doesn't grow.
STEADY = field("BOUND_NS", 1000) + field("DRIFT_PPB", 0) + place() + OPEN
ANOTHER = field("BOUND_NS", 2_000_000) + field("AS_OF_REST_NS", 5)

SEEDS = {
    "ages": EVERY_AGE,
    "ages_of_layout_1": step("good segment", 0) + place() + EVERY_AGE,
    "ages_at_the_largest_drift": field("DRIFT_PPB", SECOND - 1) + place() + EVERY_AGE,
    "written_by_clockbound_1": raw(LAYOUT_1) + ask(since=ABSOLUTE) + ask(),
    "written_by_clockbound_2": raw(LAYOUT_2) + ask(since=ABSOLUTE) + ask(),
    "documented_magic": step("bytes", 0, 8, b"AMZNCB\x02\0") + place() + OPEN,
    "second_word_of_the_magic": field("MAGIC_1", 0) + place() + OPEN,
    "generation_becomes_0": ask()
    + ANOTHER
    + field("GENERATION", 0)
    + step("overwrite segment", PATH)
    + ask(SECOND),
    "version_changes": ask() + ANOTHER + field("VERSION", 1) + step("overwrite segment", PATH) + ask(SECOND),
    "second_of_two_snapshots_is_the_last": ask()
    + ANOTHER
    + step("publish", PATH)
    + ask()
    + field("BOUND_NS", 3)
    + step("half publish", PATH, 50)
    + ask(SECOND),
    "last_of_many_snapshots_is_the_last": ask()
    + b"".join(field("BOUND_NS", bound) + step("publish", PATH) + ask() for bound in (3, 5, 7))
    + step("half publish", PATH, 50)
    + ask(SECOND),
    "disrupted_in_layout_1": step("good segment", 0) + field("STATUS", 3) + place() + ask(),
    "bound_and_growth_overflow": field("BOUND_NS", 2**63 - 1) + place() + ask(SECOND, realtime_ns=0),
    "young_snapshots_stay": OPEN + field("BOUND_NS", 2) + place() + ask(SECOND) + now(),
    "young_snapshots_that_give_no_interval_do_not_stay": field("STATUS", 9)
    + place()
    + OPEN
    + field("STATUS", 1)
    + place()
    + ask(SECOND),
    "short_files": b"".join(
        step("length", size.to_bytes(2, "little")) + place() + OPEN
        for size in (0, 1, 15, 16, 72, 79, 80, 8000)
    ),
    "declared_sizes": b"".join(field("SIZE", size) + place() + OPEN for size in (0, 79, 80, 81, 2**32 - 1)),
    "versions": b"".join(field("VERSION", version) + place() + OPEN for version in (0, 1, 3, 2**16 - 1)),
    "generations": b"".join(
        field("GENERATION", generation) + place() + OPEN + ask()
        for generation in (0, 1, 3, 2**16 - 1, 2**16 - 2)
    ),
    "statuses": b"".join(
        field("STATUS", status) + place() + OPEN + ask(SECOND) + ask(6 * SECOND)
        for status in (-1, 0, 1, 2, 3, 4)
    ),
    "nanoseconds": b"".join(
        field(name, number) + place() + OPEN + ask() + field(name, 0)
        for name in ("AS_OF_REST_NS", "VOID_AFTER_REST_NS")
        for number in (-1, SECOND - 1, SECOND)
    ),
    "seconds": b"".join(
        field(name, number) + place() + OPEN + ask()
        for name in ("VOID_AFTER_S", "AS_OF_S")
        for number in (9223372036, 9223372037, -9223372036, -9223372037, 2**63 - 1)
    ),
    "bounds": b"".join(
        field("BOUND_NS", bound) + place() + OPEN + ask() + ask(realtime_ns=0)
        for bound in (-1, 0, 2**63 - 1, -(2**63))
    ),
    "drifts": b"".join(
        field("DRIFT_PPB", drift) + place() + OPEN + ask(1) + ask(10**18) + ask(2**62, since=ABSOLUTE)
        for drift in (0, 1, SECOND - 1, SECOND, 2**32 - 1)
    ),
    "ends_of_time": ask(2**63 - 1, since=ABSOLUTE, realtime_ns=-(2**63))
    + ask(-(2**63), since=ABSOLUTE, realtime_ns=2**63 - 1),
    "updates": ask() + ANOTHER + step("publish", PATH) + ask() + step("publish", MAPPED) + ask(SECOND),
    "updates_of_layout_1": step("good segment", 0)
    + place()
    + ask()
    + ANOTHER
    + step("publish", PATH)
    + ask(),
    "dead_writer": ask() + ANOTHER + step("half publish", PATH, 50) + ask(SECOND) + ask(6 * SECOND),
    "half_written_from_the_start": field("GENERATION", 3)
    + place()
    + OPEN
    + ask()
    + step("publish", PATH)
    + ask(),
    "bytes_change": ask()
    + field("VERSION", 1)
    + step("overwrite segment", PATH)
    + ask()
    + field("GENERATION", 0)
    + step("overwrite segment", PATH)
    + ask(),
    "shrinks": ask()
    + step("shrink segment", PATH, 70)
    + ask()
    + step("shrink segment", PATH, 14)
    + ask()
    + OPEN,
    "replaced": OPEN
    + ANOTHER
    + place()
    + ask()
    + ask(6 * SECOND)
    + step("wait", 0)
    + place()
    + ask(6 * SECOND),
    "replaced_by_layout_1": OPEN + step("good segment", 0) + place() + ask(6 * SECOND) + ask(),
    "replaced_by_rubbish": OPEN
    + field("MAGIC_0", 0)
    + place()
    + ask(6 * SECOND)
    + step("wait", 0)
    + ask(7 * SECOND),
    "vanished": OPEN + place(GONE) + ask(6 * SECOND) + OPEN + ask(),
    "no_files": place(DIRECTORY) + OPEN + place(DEVICE) + OPEN + place(GONE) + OPEN,
    "half_written_then_replaced": field("GENERATION", 3)
    + place()
    + OPEN
    + field("GENERATION", 4)
    + place()
    + ask(),
    "page_agrees": with_page(7) + OPEN + ask() + now(),
    "page_differs": with_page(8) + OPEN + ask() + ask(6 * SECOND),
    "page_changes": with_page(7)
    + ask()
    + step("page field", 3, value(1))
    + step("overwrite page", PATH)
    + ask()
    + step("page field", 3, value(2))
    + step("overwrite page", MAPPED)
    + ask()
    + step("shrink page", MAPPED, 16)
    + ask(),
    "no_pages": b"".join(with_page(7, kind=kind) + OPEN + ask() for kind in (GONE, DIRECTORY, DEVICE)),
    "wrong_pages": b"".join(
        with_page(7) + step("page field", name, value(number)) + step("place page", FILE) + OPEN
        for name, number in ((0, 0), (1, 103), (1, 105), (2, 0), (2, 2))
    ),
    "short_page": with_page(7) + step("page length", 103, 0) + step("place page", FILE) + OPEN,
    "page_comes_late": OPEN
    + field("MARKER", 7)
    + field("SUPPORT", 1)
    + step("publish", PATH)
    + ask()
    + step("page field", 4, value(7))
    + step("place page", FILE)
    + ask()
    + step("wait", 0)
    + ask(),
    "now": now()
    + step("wait", 4)
    + now()
    + step("age", value(5 * SECOND), value(1000 * SECOND))
    + place()
    + OPEN
    + now(),
    "now_when_interrupted": now() + b"".join(now(pauses=1 << read) for read in range(5)),
    "now_when_the_clock_was_set": now() + now(realtime_ns=REALTIME) + now() + now(realtime_ns=2**62) + now(),
    "now_when_always_interrupted_at_the_same_place": now(pauses=1 << 2) * 3 + now(pauses=1 << 1) * 3,
    "now_when_the_clock_is_stepped": b"".join(
        now() + now(step_before=read, step_ns=step_ns) for read in range(5) for step_ns in (SECOND, -SECOND)
    ),
    "now_when_the_clock_is_stepped_during_a_look": b"".join(
        now(pauses=1, step_before=read, step_ns=step_ns) + now()
        for read in (2, 3, 4)
        for step_ns in (SECOND, -SECOND)
    ),
    "now_in_1970": field("BOUND_NS", 2**63 - 1)
    + field("DRIFT_PPB", 0)
    + place()
    + OPEN
    + now(realtime_ns=1)
    + step("publish", PATH)
    + now(realtime_ns=1)
    + now(realtime_ns=SECOND // 2),
    "now_in_1970_after_an_update": field("BOUND_NS", 9223372036838260991)
    + field("DRIFT_PPB", 0)
    + place()
    + OPEN
    + step("publish", PATH)
    + now(realtime_ns=1),
    "now_across_a_second": field("BOUND_NS", SECOND // 2)
    + place()
    + OPEN
    + b"".join(now(realtime_ns=ns) for ns in (1, SECOND // 2 - 100, SECOND // 2 + 100, SECOND - 1)),
    "now_without_cheap_coarse_clocks": step("coarse clocks", 200)
    + OPEN
    + now()
    + now(step_before=1, step_ns=-SECOND),
    "now_after_updates": b"".join(
        now() + field("BOUND_NS", bound) + step("publish", PATH) for bound in (3, 5)
    )
    + now(),
    "now_when_bytes_change": now()
    + ANOTHER
    + step("overwrite segment", PATH)
    + now()
    + field("AS_OF_S", 863_999)
    + field("BOUND_NS", 3)
    + step("overwrite segment", PATH)
    + now(),
    "now_when_bytes_change_and_nothing_tells_it": now()
    + field("BOUND_NS", 3)
    + step("overwrite segment", PATH)
    + now()
    + field("STATUS", 9)
    + step("overwrite segment", PATH)
    + now()
    + ask()
    + now(),
    "now_when_another_file_looks_the_same": now() + field("STATUS", 9) + place() + ask(6 * SECOND) + now(),
    "now_by_a_malformed_segment": field("STATUS", 9) + place() + OPEN + now() + now(),
    "now_after_a_malformed_update": now() + field("STATUS", 9) + step("publish", PATH) + now() + now(),
    "now_when_the_page_changes": with_page(7)
    + OPEN
    + now()
    + step("page field", 4, value(8))
    + step("overwrite page", PATH)
    + now()
    + now(),
    "now_when_the_writer_dies": now()
    + ANOTHER
    + step("half publish", PATH, 50)
    + now()
    + step("publish", PATH)
    + now()
    + now(),
    "no_clock": OPEN + step("break clock", 0) + now() + step("break clock", 1) + now() + now(),
    "snapshot_without_a_clock": ask()
    + ANOTHER
    + step("publish", PATH)
    + step("break clock", 0)
    + now()
    + step("half publish", PATH, 50)
    + ask(SECOND),
    "now_from_the_future": step("age", value(-1010), value(1000 * SECOND)) + place() + now(),
    "update_during_a_copy": ask() + ANOTHER + during_update([4]) + during_update([4, 0, 0, 0, 0]),
    "update_around_a_copy": ask() + ANOTHER + during_update([4, *[0] * 17]) + during_update([0] * 18),
    "writer_dies_during_a_copy": ask() + ANOTHER + during_update([4, *[0] * 12], dies=True) + ask(SECOND),
    "disruption_during_a_copy": with_page(7)
    + OPEN
    + b"".join(
        step("ask during disruption", AS_OF, value(0), value(REALTIME), flags, value(1), loads, 0, 1, 0)
        for flags in (0, 2)
        for loads in range(10, 18)
    ),
    "descriptors_exhausted": step("exhaust descriptors")
    + OPEN
    + OPEN
    + step("exhaust descriptors")
    + ask(6 * SECOND),
    "memory_exhausted": with_page(7)
    + b"".join(step("exhaust memory", requests) + OPEN for requests in range(8)),
    "arithmetic": b"".join(
        step("interval", version, disrupted, AS_OF, value(6 * SECOND), value(REALTIME))
        for version in range(4)
        for disrupted in (0, 1)
    ),
    "arithmetic_of_the_young": b"".join(
        step("interval", 2, disrupted, AS_OF, value(age_ns), value(REALTIME))
        for age_ns in (-1, 0, 1, 5 * SECOND - 1, 5 * SECOND, 10 * SECOND + 1)
        for disrupted in (0, 1)
    ),
    "from_bytes": from_bytes() + step("good segment", 0) + from_bytes(),
    "from_bytes_that_lie_anywhere": with_page(7)
    + b"".join(from_bytes(offset=offset, page=True) for offset in range(8)),
    "from_bytes_of_any_length": b"".join(
        length(size) + from_bytes() for size in (0, 1, 15, 16, 72, 79, 80, 81, 4096)
    )
    + step("good segment", 0)
    + b"".join(length(size) + from_bytes() for size in (16, 71, 72)),
    "from_bytes_declared_sizes": b"".join(
        field("SIZE", size) + from_bytes() for size in (0, 79, 80, 81, 2**32 - 1)
    ),
    "from_bytes_during_an_update": b"".join(
        field("GENERATION", generation) + from_bytes() for generation in (0, 1, 2, 3, 2**16 - 1)
    ),
    "from_bytes_of_another_version": b"".join(
        field("VERSION", version) + from_bytes() for version in (0, 1, 3)
    ),
    "from_bytes_of_another_magic": field("MAGIC_1", 0) + from_bytes(),
    "from_bytes_ages": b"".join(
        from_bytes(age_ns=age_ns) for age_ns in (0, -999, -1000, 5 * SECOND, 1000 * SECOND, 10**18)
    ),
    "from_bytes_bounds": b"".join(
        field("BOUND_NS", bound) + from_bytes(realtime_ns=0) for bound in (-1, 0, 2**63 - 1)
    ),
    "from_bytes_with_a_page": with_page(7)
    + from_bytes(page=True)
    + step("page field", 4, value(8))
    + from_bytes(page=True),
    "from_bytes_without_a_page": field("SUPPORT", 1) + from_bytes() + from_bytes(page=True),
    "from_bytes_with_a_wrong_page": b"".join(
        with_page(7) + step("page field", name, value(number)) + from_bytes(page=True)
        for name, number in ((0, 0), (1, 103), (1, 105), (2, 2))
    ),
    "from_bytes_with_a_short_page": with_page(7)
    + b"".join(
        step("page length", size.to_bytes(2, "little")) + from_bytes(page=True) for size in (0, 103, 104)
    ),
    "from_bytes_with_a_page_during_an_update": with_page(7)
    + step("page field", 3, value(1))
    + from_bytes(page=True),
    "more_questions": every_question() + step("wait", 4) + every_question() + place(GONE) + every_question(),
    "more_questions_of_statuses": b"".join(
        field("STATUS", status) + place() + OPEN + every_question() for status in range(5)
    ),
    "more_questions_without_a_snapshot": field("GENERATION", 3) + place() + OPEN + every_question(),
    "more_questions_without_a_clock": OPEN
    + b"".join(step("break clock", failure) + more(question) for failure in (0, 1) for question in range(5)),
    "within": STEADY + b"".join(more(WITHIN, bound) for bound in (-1, 0, 999, 1000, 1001, 2**63 - 1)),
    "within_a_bound_that_grows": field("DRIFT_PPB", SECOND - 1)
    + place()
    + step("wait", 0)
    + b"".join(more(WITHIN, 0, since=since) for since in (EARLIEST, LATEST)),
    "within_half_of_all_time": field("BOUND_NS", 2**62)
    + place()
    + more(WITHIN, 2**62 - 1)
    + more(WITHIN, 2**62)
    + now(realtime_ns=2**62)
    + more(WITHIN, 2**62 - 1),
    "before": STEADY + b"".join(more(BEFORE, late, since=LATEST) for late in range(18, 23)),
    "after": STEADY + b"".join(more(AFTER, late, since=EARLIEST) for late in range(18, 23)),
    "before_and_after_all_time": b"".join(
        more(question, instant) for question in (BEFORE, AFTER) for instant in (-(2**63), 2**63 - 1)
    ),
    "tai": more(TAI) + tai(10) + more(TAI) + tai(2**31 - 1) + more(TAI),
    "tai_of_a_kernel_that_does_not_know": b"".join(tai(offset) + more(TAI) for offset in (0, -1, -(2**31))),
    "tai_that_is_unknown_keeps_from_looking": tai(0)
    + place()
    + OPEN
    + ANOTHER
    + place()
    + step("wait", 4)
    + more(TAI)
    + ask(6 * SECOND)
    + now(),
    "tai_that_changes": b"".join(tai(37, change_before=read, next_s=38) + more(TAI) for read in range(10)),
    "tai_that_becomes_known": b"".join(
        tai(0, change_before=read, next_s=37) + more(TAI) + tai(37, change_before=read, next_s=0) + more(TAI)
        for read in (1, 3, 6)
    ),
    "tai_at_a_leap_second": b"".join(
        tai(37, change_before=read, next_s=38) + more(TAI, step_before=read, step_ns=-SECOND)
        for read in range(10)
    ),
    "tai_when_the_clock_is_stepped": b"".join(
        more(TAI, step_before=read, step_ns=step_ns)
        for read in (1, 2, 7, 8)
        for step_ns in (SECOND, -SECOND, SECOND // 2)
    ),
    "tai_when_held_up": b"".join(
        step("good segment", 1) + place() + OPEN + tai(37, held_up=held_up) + more(TAI)
        for held_up in range(1, 8)
    ),
    "tai_changes_and_is_held_up": b"".join(
        step("good segment", 1)
        + place()
        + OPEN
        + tai(37, change_before=read, next_s=38, held_up=held_up)
        + more(TAI)
        for read in (1, 4, 7)
        for held_up in (1, 2)
    ),
    "tai_beyond_2262": tai(2**31 - 1)
    + field("BOUND_NS", 2**63 - 1 - 5 * 10**18)
    + place()
    + now(realtime_ns=5 * 10**18)
    + more(TAI),
    "wait_for_what_has_passed": wait_after(-1) + wait_after(-(2**63), since=PLAIN),
    "wait_for_now": STEADY + b"".join(wait_after(late) for late in range(18, 23)),
    "wait_a_little": wait_after(10**6) + wait_after(10**6, since=LATEST) + wait_after(10**6, since=CLOCK),
    "wait_while_the_bound_grows": field("DRIFT_PPB", SECOND // 2) + place() + wait_after(10**8),
    "wait_while_the_bound_grows_as_fast": field("DRIFT_PPB", SECOND - 1) + place() + wait_after(1),
    "wait_while_it_gets_better": field("BOUND_NS", SECOND) + place() + wait_after(SECOND, NOTHING, BETTER),
    "wait_while_it_is_written": wait_after(SECOND, *[WRITTEN] * 8),
    "wait_while_it_is_lost": wait_after(SECOND, NOTHING, LOST),
    "wait_while_it_runs_free": wait_after(SECOND, NOTHING, LOST | 8),
    "wait_while_the_writer_dies": wait_after(SECOND, NOTHING, HALF_WRITTEN),
    "wait_while_the_clock_is_stepped": b"".join(
        wait_after(SECOND, NOTHING, STEPPED, step_ns=step_ns) for step_ns in (SECOND, -SECOND)
    ),
    "wait_while_signals_come": wait_after(SECOND, *[SIGNAL] * 8) + wait_after(10**6, *[SIGNAL] * 8),
    "wait_until_the_deadline": wait_after(10 * SECOND, left_ns=SECOND // 2 + 7),
    "wait_past_the_deadline": wait_after(SECOND, left_ns=0) + wait_after(SECOND, left_ns=-SECOND),
    "wait_past_the_deadline_for_what_has_passed": wait_after(-1, left_ns=-SECOND),
    "wait_forever": wait_after(2**63 - 1, since=PLAIN, forever=True) + wait_after(SECOND, forever=True),
    "wait_from_the_beginning_to_the_end_of_time": field("BOUND_NS", 4 * 10**18)
    + place()
    + wait_after(2**63 - 1, since=PLAIN)
    + wait_after(2**63 - 2, since=PLAIN, forever=True),
    "wait_of_the_untrusted": b"".join(
        field("STATUS", status) + place() + OPEN + wait_after(-1) + wait_after(SECOND) for status in (0, 3)
    ),
    "wait_without_a_snapshot": field("GENERATION", 3) + place() + OPEN + wait_after(-1),
    "wait_without_a_clock": OPEN
    + b"".join(
        step("break clock", failure) + waiting
        for failure in (0, 1)
        for waiting in (wait_after(-1), wait_after(SECOND), wait_synchronized(2**63 - 1))
    ),
    "synchronized_at_once": STEADY + b"".join(wait_synchronized(bound) for bound in (999, 1000, 1001, -1)),
    "synchronized_when_it_gets_better": wait_synchronized(1000, NOTHING, NOTHING, BETTER),
    "synchronized_when_written": field("STATUS", 2)
    + place()
    + wait_synchronized(10**6, WRITTEN, BETTER | SIGNAL),
    "synchronized_while_it_runs_free": field("STATUS", 2)
    + place()
    + OPEN
    + wait_synchronized(2**63 - 1, left_ns=SECOND // 2 + 7),
    "synchronized_when_lost": wait_synchronized(0, LOST, left_ns=SECOND),
    "synchronized_when_a_daemon_starts": field("GENERATION", 3)
    + place()
    + OPEN
    + wait_synchronized(10**6, NOTHING, BETTER),
    "synchronized_when_another_file_comes": field("GENERATION", 3)
    + place()
    + OPEN
    + field("GENERATION", 4)
    + wait_synchronized(10**7, ANOTHER_FILE, left_ns=60 * SECOND),
    "synchronized_without_a_snapshot": field("GENERATION", 3)
    + place()
    + OPEN
    + wait_synchronized(10**6, left_ns=SECOND),
    "synchronized_by_a_malformed_segment": field("STATUS", 9)
    + place()
    + OPEN
    + wait_synchronized(10**6, NOTHING, BETTER)
    + wait_synchronized(0, *[LOST] * 8, left_ns=SECOND),
    "synchronized_past_the_deadline": wait_synchronized(0, left_ns=-1) + wait_synchronized(10**9, left_ns=-1),
    "synchronized_forever": wait_synchronized(0, forever=True),
    "synchronized_while_signals_come": wait_synchronized(0, *[SIGNAL] * 8, left_ns=SECOND),
}


def main() -> None:
    for name, steps in SEEDS.items():
        (CORPUS / name).write_bytes(steps)


if __name__ == "__main__":
    main()
