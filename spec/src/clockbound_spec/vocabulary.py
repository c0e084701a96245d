"""The words and numbers that all parts share: statuses, error kinds, limits, default paths.

`rules` says what is done with them. Everything here is generated into C, Python and layout.json.
"""

from __future__ import annotations

from dataclasses import dataclass

from clockbound_spec.declare import Enumeration, Member

#: The product's version. It stands here only; the distributions read it from here or from what is generated.
VERSION = "0.1.0"
#: The day of that version, which the manual pages bear.
VERSION_DATE = "2026-11-20"

CLOCK_STATUS = Enumeration(
    "ClockStatus",
    "CLOCKBOUND_STA_",
    "How far the interval can be relied on.",
    (
        Member("UNKNOWN", 0, "Nothing is known of the clock; the interval must not be relied on."),
        Member("SYNCHRONIZED", 1, "The clock is synchronised; true time lies inside the interval."),
        Member(
            "FREE_RUNNING",
            2,
            "The clock runs without corrections; true time lies inside the interval, which keeps growing.",
        ),
        Member(
            "DISRUPTED",
            3,
            "The clock was disrupted, by live migration say; the interval must not be relied on.",
        ),
    ),
    c_name="clockbound_clock_status",
)

ERROR_KIND = Enumeration(
    "ErrorKind",
    "CLOCKBOUND_ERR_",
    "Why a question got no interval.",
    (
        Member("NONE", 0, "No error."),
        Member("SYSCALL", 1, "A system call failed; the errno says why."),
        Member("SEGMENT_NOT_INITIALIZED", 2, "The segment has never been written, or isn't a segment."),
        Member("SEGMENT_MALFORMED", 3, "The segment holds values that no daemon of this layout writes."),
        Member("CAUSALITY_BREACH", 4, "The segment is from the future of this process's monotonic clock."),
        Member("SEGMENT_VERSION_NOT_SUPPORTED", 5, "The segment has a layout that this reader doesn't know."),
    ),
    c_name="clockbound_err_kind",
)

ENUMERATIONS = (CLOCK_STATUS, ERROR_KIND)


@dataclass(frozen=True)
class Limit:
    """A number that the rules refer to; its unit is the end of its name."""

    name: str
    value: int
    meaning: str


NANOSECONDS_PER_SECOND = 1_000_000_000
DRIFT_LIMIT_PPB = 1_000_000_000

LIMITS = (
    Limit("NANOSECONDS_PER_SECOND", NANOSECONDS_PER_SECOND, "Nanoseconds in a second."),
    Limit(
        "GRACE_NS",
        5 * NANOSECONDS_PER_SECOND,
        "How long after as_of a segment's status stands before it counts as free-running.",
    ),
    Limit(
        "CAUSALITY_TOLERANCE_NS", 1_000, "An as_of this far in the future, or farther, is a causality breach."
    ),
    Limit("DRIFT_LIMIT_PPB", DRIFT_LIMIT_PPB, "Drift rates from here on are refused."),
    Limit(
        "READ_ATTEMPTS_COUNT", 1_000, "Attempts at a consistent snapshot before the last good one is used."
    ),
    Limit(
        "REOPEN_INTERVAL_NS",
        NANOSECONDS_PER_SECOND,
        "Least time between two looks at whether the path names another file.",
    ),
    Limit(
        "WAIT_SLICE_NS",
        NANOSECONDS_PER_SECOND // 10,
        "The longest that a client that waits sleeps between two looks at the segment.",
    ),
    Limit(
        "WAIT_LEAST_SLEEP_NS",
        50_000,
        "The shortest that such a client sleeps, unless its deadline is nearer: no wait is a busy loop.",
    ),
    Limit(
        "VOID_AFTER_NS", 1_000 * NANOSECONDS_PER_SECOND, "How long after as_of the daemon's guarantee ends."
    ),
    Limit(
        "UNSYNCHRONISED_BOUND_NS",
        100 * 31_557_600 * NANOSECONDS_PER_SECOND,
        "The bound that is published before the first synchronisation: 100 Julian years.",
    ),
    Limit("DEFAULT_DRIFT_PPB", 50_000, "The drift rate that the daemon assumes unless it is told another."),
    Limit(
        "STALE_UPDATE_INTERVALS_COUNT", 8, "A sample older than so many update intervals of chronyd is stale."
    ),
    Limit("STALE_POLLS_COUNT", 8, "No sample is stale before it is older than so many polls of the daemon."),
    Limit(
        "FUTURE_SAMPLE_TOLERANCE_NS",
        NANOSECONDS_PER_SECOND,
        "A sample from farther in the future than this isn't usable.",
    ),
    Limit(
        "BURST_GOOD_COUNT", 4, "Good measurements of each source that chronyd is to take after a disruption."
    ),
    Limit("BURST_TOTAL_COUNT", 8, "Measurements of each source that it is to try for that."),
    Limit(
        "BURST_AGAIN_NS",
        10 * NANOSECONDS_PER_SECOND,
        "After this it is told to do so again, and then at intervals that double.",
    ),
    Limit(
        "PAGE_LOOK_INTERVAL_NS",
        10 * NANOSECONDS_PER_SECOND,
        "Time between two looks for a VMClock page where there never was one.",
    ),
    Limit(
        "GROWTH_WINDOW_NS",
        NANOSECONDS_PER_SECOND // 2,
        "Least time between two answers from which the growth of chronyd's dispersion is computed.",
    ),
)


@dataclass(frozen=True)
class DefaultPath:
    """A path, or a part of one, that is used unless the user says otherwise."""

    name: str
    value: str
    meaning: str
    c_macro: str = ""


RUN_DIR = "/var/run/clockbound"

PATHS = (
    DefaultPath("DEFAULT_RUN_DIR", RUN_DIR, "Where the daemon keeps its segments."),
    DefaultPath("SEGMENT_V1_NAME", "shm", "File name of the layout 1 segment."),
    DefaultPath("SEGMENT_V2_NAME", "shm0", "File name of the layout 2 segment."),
    DefaultPath(
        "DEFAULT_SEGMENT_V1_PATH", f"{RUN_DIR}/shm", "The layout 1 segment.", "CLOCKBOUND_SHM_V1_DEFAULT_PATH"
    ),
    DefaultPath(
        "DEFAULT_SEGMENT_V2_PATH", f"{RUN_DIR}/shm0", "The layout 2 segment.", "CLOCKBOUND_SHM_DEFAULT_PATH"
    ),
    DefaultPath(
        "DEFAULT_VMCLOCK_PATH", "/dev/vmclock0", "The hypervisor's VMClock page.", "VMCLOCK_SHM_DEFAULT_PATH"
    ),
    DefaultPath("DEFAULT_CHRONYD_SOCKET", "/run/chrony/chronyd.sock", "chronyd's command socket."),
)
