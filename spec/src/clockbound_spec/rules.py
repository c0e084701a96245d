"""The rules that readers, writers and the daemon keep, by id. Conformance vectors cite the ids.

Numbers that a rule mentions stand in `vocabulary` and `candm`; `{NAME}` in a statement stands for one of them.
"""

from __future__ import annotations

from dataclasses import dataclass

from clockbound_spec.candm import NUMBERS
from clockbound_spec.declare import SpecError
from clockbound_spec.vocabulary import LIMITS


@dataclass(frozen=True)
class Rule:
    """One rule. `statement` is complete by itself."""

    id: str
    statement: str


@dataclass(frozen=True)
class Chapter:
    """Rules that belong together."""

    title: str
    introduction: str
    rules: tuple[Rule, ...]


_VALUES = {limit.name: limit.value for limit in LIMITS + NUMBERS}


def _rule(id: str, statement: str) -> Rule:
    try:
        return Rule(id, statement.format(**_VALUES))
    except KeyError as unknown:
        raise SpecError(f"{id}: refers to {unknown.args[0]}, which is no limit; name one of them") from None


OPENING_AND_READING = Chapter(
    "Opening and reading",
    "What a client does with the bytes before it believes them.",
    (
        _rule("open.syscall", "A segment that can't be opened and mapped is SYSCALL. Opening never blocks."),
        _rule(
            "open.not-initialised",
            "A file that is shorter than a header, has the wrong magic, version 0 or generation 0 is "
            "SEGMENT_NOT_INITIALIZED.",
        ),
        _rule(
            "open.version",
            "A version that the reader doesn't know is SEGMENT_VERSION_NOT_SUPPORTED. Layouts 1 and 2 are told apart "
            "by this field, never by the file's name.",
        ),
        _rule(
            "open.malformed",
            "A segment_size below the layout's, or a file shorter than segment_size, is SEGMENT_MALFORMED.",
        ),
        _rule(
            "read.consistent",
            "A snapshot counts only when the generation was even, not 0 and the same before and after the copy, with "
            "the fences that make it so on any machine that C11 describes. Padding and reserved bytes are ignored.",
        ),
        _rule(
            "read.bounded",
            "A reader makes at most {READ_ATTEMPTS_COUNT} attempts at a snapshot, then takes this context's last good "
            "one. If there is none the answer is SEGMENT_NOT_INITIALIZED, never an interval. The same holds when "
            "version or generation 0 is seen after opening.",
        ),
        _rule(
            "read.reopen",
            "A context whose snapshot is older than {GRACE_NS} ns or gives no interval, or that has none, looks, at most "
            "once in {REOPEN_INTERVAL_NS} ns, whether the path names another file, and moves to it.",
        ),
        _rule("read.threads", "One context serves any number of threads with no lock in the read path."),
    ),
)

SNAPSHOT_TO_INTERVAL = Chapter(
    "From snapshot to interval",
    "Integers only; an end is always rounded outward. The order is: snapshot, CLOCK_REALTIME, CLOCK_MONOTONIC, because "
    "a late monotonic reading only widens the interval. The checks are made in the order of this list.",
    (
        _rule(
            "clock.precise",
            "The monotonic reading is as precise as CLOCK_MONOTONIC, never that of the coarse clock, which lags and so "
            "shrinks the bound. It may be computed from the precise real-time reading where the difference of the two "
            "clocks, looked at before and after that reading, is the same.",
        ),
        _rule(
            "bound.range",
            "A bound below 0, a max_drift of {DRIFT_LIMIT_PPB} ppb or more, a nanosecond field outside 0 to 999999999, "
            "seconds that overflow an int64 of nanoseconds, or a status that the layout doesn't define is "
            "SEGMENT_MALFORMED.",
        ),
        _rule(
            "bound.causality",
            "elapsed = monotonic - as_of. An elapsed of -{CAUSALITY_TOLERANCE_NS} ns or less is CAUSALITY_BREACH; from "
            "there up to 0 it counts as 0.",
        ),
        _rule(
            "bound.growth",
            "With elapsed = s seconds and ns nanoseconds, growth = s * max_drift + ceil(ns * max_drift / 10**9) and "
            "bound = bound_ns + growth. What overflows an int64 is SEGMENT_MALFORMED.",
        ),
        _rule(
            "interval.ends",
            "earliest = realtime - bound, latest = realtime + bound. An end that overflows is SEGMENT_MALFORMED.",
        ),
        _rule("status.fixed", "UNKNOWN and DISRUPTED stay what they are."),
        _rule(
            "status.grace",
            "SYNCHRONIZED and FREE_RUNNING stay what they are while monotonic < as_of + {GRACE_NS} ns.",
        ),
        _rule(
            "status.void-after",
            "After that the answer is FREE_RUNNING while monotonic < void_after, then UNKNOWN.",
        ),
        _rule(
            "status.disruption",
            "With disruption support on in the segment the reader maps the VMClock page; if it is absent, opening fails "
            "with SYSCALL. Where the page's marker differs from the segment's, the answer is UNKNOWN, and so it is where "
            "the page can't be read.",
        ),
        _rule(
            "status.fail-closed",
            "now() returns interval and status as they are. A question whose answer can't carry a status is an error "
            "unless the status is SYNCHRONIZED or FREE_RUNNING.",
        ),
    ),
)

WRITING = Chapter(
    "Writing",
    "What the daemon does so that no client ever sees half an update.",
    (
        _rule(
            "write.order",
            "Odd generation, release fence, record, release store of the next even generation; in C, because Python "
            "can't order stores.",
        ),
        _rule(
            "write.resume",
            "A valid segment of this layout is taken over in place: its inode, body and generation are kept. An odd "
            "generation left by a dead writer is repaired by the next update.",
        ),
        _rule(
            "write.replace",
            "Anything else is replaced by a complete new file and a rename. No file that a client may have mapped is "
            "ever truncated.",
        ),
        _rule(
            "write.single", "One writer a directory, held by a lock. A second one exits with a clear error."
        ),
        _rule("write.mode", "Mode 0644 whatever the umask. No symbolic link is followed."),
        _rule(
            "write.layouts",
            "Both layouts are written: 1 to shm, where DISRUPTED becomes UNKNOWN, and 2 to shm0.",
        ),
    ),
)

JUDGEMENT = Chapter(
    "The daemon's judgement",
    "How answers of chronyd become a bound and a status.",
    (
        _rule("judge.as-of", "as_of is taken before chronyd is asked."),
        _rule(
            "judge.bound",
            "bound = ceil(abs(current_correction) + root_dispersion + root_delay / 2), in exact arithmetic, plus the "
            "error bound of the PTP hardware clock when the reference id of the answer is the configured one.",
        ),
        _rule(
            "judge.synchronized-only",
            "as_of and bound change only with a synchronised sample; void_after = as_of + {VOID_AFTER_NS} ns.",
        ),
        _rule(
            "judge.age",
            "The age of a sample is now + current_correction - ref_time, because chronyd stamps ref_time in its own "
            "corrected time. Below -{FUTURE_SAMPLE_TOLERANCE_NS} ns the sample isn't usable.",
        ),
        _rule(
            "judge.leap",
            "Leap status 0 to 2 is Synchronized, 3 is FreeRunning.",
        ),
        _rule(
            "judge.stale",
            "A sample whose age exceeds {STALE_UPDATE_INTERVALS_COUNT} update intervals, and {STALE_POLLS_COUNT} polls "
            "of the daemon, is FreeRunning.",
        ),
        _rule(
            "judge.local-reference",
            "An answer of a chronyd that follows its own local clock (reference id {LOCAL_REFERENCE_ID:08X}) is Unknown, unless the "
            "operator says that the local clock is the reference. Then it never becomes stale.",
        ),
        _rule(
            "judge.unusable",
            "Without a usable sample (no answer, an error status, a malformed one, a negative delay or dispersion, "
            "a hardware clock's bound that is unreadable or negative) the status is FreeRunning for {GRACE_NS} ns "
            "after as_of, then Unknown.",
        ),
        _rule(
            "judge.machine",
            "From Unknown only a synchronised sample leads out; Synchronized and FreeRunning follow the sample. From "
            "Disrupted nothing but the rules on disruptions leads out.",
        ),
        _rule(
            "judge.first",
            "Before the first synchronisation the published bound is {UNSYNCHRONISED_BOUND_NS} ns, not 0.",
        ),
        _rule(
            "judge.growth",
            "Two answers with one reference time, {GROWTH_WINDOW_NS} ns apart or more, show how fast chronyd lets its "
            "dispersion grow. Where that is below max_drift, by more than the answers' precision and travelling times "
            "can explain, the daemon warns and says which maxclockerror chronyd needs.",
        ),
        _rule(
            "judge.publish",
            "Nothing that chronyd, sysfs, the VMClock page or a signal does stops the daemon from publishing once a "
            "second.",
        ),
    ),
)

DISRUPTION = Chapter(
    "Disruptions",
    "A clock that was disrupted isn't where chronyd believes it to be: a virtual machine was moved, or somebody set the "
    "clock. Where it isn't known whether there was a disruption, there was one.",
    (
        _rule(
            "disruption.marker",
            "A marker of the VMClock page that differs from the last one seen is a disruption. The last one seen "
            "before the start is that of the segment that was taken over, if disruption support was on in it.",
        ),
        _rule(
            "disruption.step",
            "Any change of CLOCK_REALTIME - CLOCK_MONOTONIC is a disruption, whoever made it: a person, a program, chronyd "
            "itself, a leap second, a suspension of the machine. The difference is taken of the coarse clocks at each "
            "turn of the loop, and counts only where no tick fell between the readings. While it can't be had, no sample is "
            "usable. It is kept beside the segments, with the boot that it belongs to, so that a step while no "
            "daemon runs is found too.",
        ),
        _rule(
            "disruption.forced",
            "SIGUSR1 is a disruption, which lasts until SIGUSR2.",
        ),
        _rule(
            "disruption.interrupted",
            "A segment that is taken over in status DISRUPTED, or with an odd generation, and one with disruption "
            "support on where there is no VMClock page any more, is a disruption: the daemon that left it may have died "
            "before it could do what follows.",
        ),
        _rule(
            "disruption.publish",
            "DISRUPTED and the new marker are published before anything else is done. as_of and bound stay.",
        ),
        _rule(
            "disruption.reset",
            "Then chronyd is told to reset its sources and to take a burst of {BURST_GOOD_COUNT} good measurements in "
            "{BURST_TOTAL_COUNT}: once a poll, until it answers. Until it has answered both it isn't asked for samples. "
            "With the answer to the poll that follows the status becomes UNKNOWN. The burst is ordered again after "
            "{BURST_AGAIN_NS} ns, and then at intervals that double, until a sample counts. If it refuses the reset, as versions before 4.0 do, the status stays DISRUPTED.",
        ),
        _rule(
            "disruption.recovery",
            "After a disruption only a synchronised sample counts whose age is less than the monotonic time since the "
            "disruption was found. If chronyd refused the reset its reference time must also differ from that of the "
            "first answer since.",
        ),
        _rule(
            "disruption.support",
            "clock_disruption_support_enabled is 1 from the moment that the daemon sees a VMClock page where clients will "
            "look for it, and stays 1 until the daemon ends. A page that is there at the start, but that clients couldn't "
            "use, ends the daemon; so does none, where one is required. Otherwise it is looked for every "
            "{PAGE_LOOK_INTERVAL_NS} ns, and at each turn of the loop where an earlier daemon has seen a marker.",
        ),
        _rule(
            "disruption.page",
            "While the page can't be had (it was removed or cut, is something else, or stays in an update for "
            "{READ_ATTEMPTS_COUNT} attempts) the status is UNKNOWN and no sample is usable. The last marker stays, and so "
            "decides whether there was a disruption meanwhile. A page that is replaced is followed.",
        ),
    ),
)

CHAPTERS = (OPENING_AND_READING, SNAPSHOT_TO_INTERVAL, WRITING, JUDGEMENT, DISRUPTION)
