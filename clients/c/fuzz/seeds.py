"""Write the corpus: one small input for each situation that the rules speak of.

An input is a list of steps, as target.c takes them. Numbers stand here in full (eight bytes); libFuzzer finds the
shorter ways of writing them by itself. Where one of these breaks a rule, its name says which.
"""

from __future__ import annotations

import re
from pathlib import Path

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
    length = len(image).to_bytes(2, "little")
    return step("bytes", 0, len(image), image) + step("length", length) + place()


def place(kind: int = FILE) -> bytes:
    return step("place segment", kind)


def ask(age_ns: int = 0, *, since: int = AS_OF, realtime_ns: int = REALTIME) -> bytes:
    return step("ask at", since, value(age_ns), value(realtime_ns))


def now(*, pauses: int = 0, step_before: int = LATER, step_ns: int = 0, realtime_ns: int = 0) -> bytes:
    return step("ask now", value(realtime_ns), value(step_ns), pauses.to_bytes(2, "little"), step_before)


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
    "disrupted_in_layout_1": step("good segment", 0) + field("STATUS", 3) + place() + ask(),
    "bound_and_growth_overflow": field("BOUND_NS", 2**63 - 1) + place() + ask(SECOND, realtime_ns=0),
    "young_snapshots_stay": OPEN + field("BOUND_NS", 2) + place() + ask(SECOND) + now(),
    "young_snapshots_stay_also_if_malformed": field("STATUS", 9)
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
    "now_without_cheap_coarse_clocks": step("coarse clocks", 200)
    + OPEN
    + now()
    + now(step_before=1, step_ns=-SECOND),
    "no_clock": OPEN + step("break clock", 0) + now() + step("break clock", 1) + now() + now(),
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
}


def main() -> None:
    for name, steps in SEEDS.items():
        (CORPUS / name).write_bytes(steps)


if __name__ == "__main__":
    main()
