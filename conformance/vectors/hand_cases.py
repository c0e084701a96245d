"""Readings whose answers were calculated by hand from the rules; none was copied from a program's output.

Unless a case says otherwise: as_of = 1000 s, void_after = 2000 s, bound = 1,000,000 ns, drift = 50,000 ppb,
SYNCHRONIZED, generation 2, realtime R = 1,700,000,000 s. With that drift one second of age adds 50,000 ns, and 20,000 ns of
age add exactly 1 ns. Each case is named for the fault that it finds.
"""

from __future__ import annotations

from authoring import (
    AS_OF,
    BOUND,
    BREACH,
    INT64_MAX,
    INT64_MIN,
    MALFORMED,
    NOT_INITIALIZED,
    NOT_SUPPORTED,
    SYSCALL,
    Area,
    S,
    around,
)
from clockbound_conformance.answers import Interval, Refusal
from clockbound_conformance.segment_bytes import (
    DISRUPTED,
    FREE_RUNNING,
    SYNCHRONIZED,
    UNKNOWN,
    segment,
    vmclock,
)

LAST_S, LAST_NS = 9_223_372_036, 854_775_807  # the last instant that an int64 of nanoseconds holds

growth = Area("growth", "How the bound grows with the age of the snapshot.")
PLAIN = "the plainest segment: the bound as it is, at the moment that it was taken"
growth.reading(
    "no growth at as_of",
    "bound.growth bound.causality open.not-initialised open.malformed open.version read.consistent",
    PLAIN,
    {},
    AS_OF,
    around(BOUND),
    limits=(
        "an age of 0: at",
        "the layout's size: at",
        "the file's length: at",
        "the layout's version: at",
        "generation 2: at",
        "1|version 0: after",
    ),
)
growth.reading(
    "growth is rounded up after 1 ns",
    "bound.growth bound.causality",
    "rounding outward from rounding inward or to the nearest",
    {},
    AS_OF + 1,
    around(1_000_001),
    limits=("an age of 0: after",),
    catches="growth-rounded-down no-growth",
    by="ceil(1 * 50,000 / 10^9) = ceil(0.00005) = 1",
)
growth.reading(
    "growth just below 1 ns",
    "bound.growth",
    "rounding up from adding 1 to what was rounded down",
    {},
    AS_OF + 19_999,
    around(1_000_001),
    limits=("1 ns of growth: before",),
    by="ceil(19,999 / 20,000) = 1",
)
growth.reading(
    "growth of exactly 1 ns",
    "bound.growth",
    "rounding up from adding 1 to what was rounded down",
    {},
    AS_OF + 20_000,
    around(1_000_001),
    limits=("1 ns of growth: at",),
    by="20,000 / 20,000 = 1, with nothing to round",
)
growth.reading(
    "growth just above 1 ns",
    "bound.growth",
    "rounding up from rounding to the nearest",
    {},
    AS_OF + 20_001,
    around(1_000_002),
    limits=("1 ns of growth: after",),
    by="ceil(20,001 / 20,000) = 2",
)
growth.reading(
    "growth just before 1 s",
    "bound.growth",
    "nanoseconds of age from whole seconds",
    {},
    AS_OF + S - 1,
    around(1_050_000),
    limits=("an age of 1 s: before",),
    catches="age-in-whole-seconds",
    by="ceil(999,999,999 / 20,000) = ceil(49,999.99995) = 50,000",
)
growth.reading(
    "growth at 1 s",
    "bound.growth bound.range",
    "seconds that count from seconds that are dropped",
    {},
    AS_OF + S,
    around(1_050_000),
    limits=("an age of 1 s: at", "as_of of 0 ns: at"),
    catches="no-growth",
    by="1 * 50,000",
)
growth.reading(
    "growth just after 1 s",
    "bound.growth",
    "rounding up of the part beyond whole seconds",
    {},
    AS_OF + S + 1,
    around(1_050_001),
    limits=("an age of 1 s: after",),
    by="1 * 50,000 + ceil(0.00005)",
)
growth.reading(
    "age is not cut to whole seconds",
    "bound.growth",
    "an age in nanoseconds from an age in seconds",
    {},
    AS_OF + 2_500_000_000,
    around(1_125_000),
    catches="age-in-whole-seconds",
    by="2.5 * 50,000",
)
growth.reading(
    "no drift no growth",
    "bound.growth",
    "a drift of 0 from a drift that is missing",
    {"max_drift_ppb": 0},
    AS_OF + 4 * S,
    around(BOUND),
)
growth.reading(
    "the least drift counts",
    "bound.growth",
    "any growth from none",
    {"max_drift_ppb": 1},
    AS_OF + 1,
    around(1_000_001),
    by="ceil(10^-9) = 1",
)
growth.reading(
    "the largest drift",
    "bound.growth bound.range",
    "64-bit products from 32-bit ones",
    {"max_drift_ppb": 999_999_999},
    AS_OF + 2_500_000_000,
    around(BOUND + 2_499_999_998),
    limits=("a drift of 10^9 ppb: before",),
    by="2 * 999,999,999 + ceil(0.5 * 999,999,999) = 1,999,999,998 + 500,000,000",
)
growth.reading(
    "a bound of 0 is allowed",
    "bound.range",
    "a bound below 0 from one of 0",
    {"bound_ns": 0},
    AS_OF,
    around(0),
    limits=("a bound of 0: at",),
)
growth.reading(
    "a bound of 1",
    "bound.range",
    "a bound of 0 from one of 1",
    {"bound_ns": 1},
    AS_OF,
    around(1),
    limits=("a bound of 0: after",),
)
# elapsed = 9,223,372,036 s + 854,775,807 ns, the largest int64. Void since long.
OLDEST = {"as_of": (-LAST_S, 0), "void_after": (-LAST_S + 1000, 0)}
LARGEST_AGE = "9,223,372,036 * 50,000 + ceil(%s / 20,000) = 461,168,601,800,000 + 42,739"
growth.reading(
    "an age 1 ns below the largest",
    "bound.growth",
    "an age that fits an int64 from one that doesn't",
    OLDEST,
    LAST_NS - 1,
    around(BOUND + 461_168_601_842_739, "UNKNOWN"),
    limits=("the largest age: before",),
    by=LARGEST_AGE % "854,775,806",
)
growth.reading(
    "the largest age",
    "bound.growth",
    "a product of age and drift in 64 bits, which wraps, from one of seconds and the rest apart",
    OLDEST,
    LAST_NS,
    around(BOUND + 461_168_601_842_739, "UNKNOWN"),
    limits=("the largest age: at",),
    catches="growth-in-doubles",
    by=LARGEST_AGE % "854,775,807",
)
growth.reading(
    "an age that overflows",
    "bound.growth",
    "an age that is refused from one that wraps round or is cut",
    OLDEST,
    LAST_NS + 1,
    MALFORMED,
    limits=("the largest age: after",),
)
growth.reading(
    "the bound reaches 1 ns below an int64",
    "bound.growth",
    "a sum that fits an int64 from one that doesn't",
    {"bound_ns": INT64_MAX - 2},
    AS_OF + 1,
    Interval(-INT64_MAX + 1, INT64_MAX - 1, "SYNCHRONIZED"),
    realtime_ns=0,
    limits=("the largest bound: before",),
)
growth.reading(
    "the bound reaches the end of an int64",
    "bound.growth interval.ends",
    "a sum that fits an int64 from one that doesn't",
    {"bound_ns": INT64_MAX - 1},
    AS_OF + 1,
    Interval(-INT64_MAX, INT64_MAX, "SYNCHRONIZED"),
    realtime_ns=0,
    limits=("the largest bound: at",),
)
LARGEST = {"bound_ns": INT64_MAX}
growth.reading(
    "the bound overflows by growth",
    "bound.growth",
    "a sum that is refused from one that wraps round or is cut",
    LARGEST,
    AS_OF + 1,
    MALFORMED,
    realtime_ns=0,
    limits=("the largest bound: after",),
)

growth.reading(
    "the bound overflows far",
    "bound.growth",
    "a sum that is refused from one that wraps round to a bound whose ends fit",
    {"bound_ns": INT64_MAX, "max_drift_ppb": 999_999_999, "as_of": (0, 0)},
    4_700_000_000 * S,
    MALFORMED,
    by="2^63 - 1 + 4.7 * 10^18 is beyond an int64; less 2^64 it is about -4.5 * 10^18",
)

causality = Area("causality", "What becomes of a segment from the future of the monotonic clock.")
causality.reading(
    "1 ns into the future",
    "bound.causality",
    "a small negative age from a breach",
    {},
    AS_OF - 1,
    around(BOUND),
    limits=("an age of 0: before",),
)
causality.reading(
    "999 ns into the future",
    "bound.causality",
    "a tolerance of 1000 ns from a smaller one",
    {},
    AS_OF - 999,
    around(BOUND),
    limits=("an age of -1000 ns: after",),
)
causality.reading(
    "a negative age does not shrink the bound",
    "bound.causality",
    "an age that counts as 0 from one that is taken at its word, which would take 998 ns away",
    {"max_drift_ppb": 999_999_999},
    AS_OF - 999,
    around(BOUND),
)
causality.reading(
    "1000 ns into the future",
    "bound.causality",
    "a breach at the tolerance from one beyond it",
    {},
    AS_OF - 1000,
    BREACH,
    limits=("an age of -1000 ns: at",),
)
causality.reading(
    "1001 ns into the future",
    "bound.causality",
    "a breach from an age of 0",
    {},
    AS_OF - 1001,
    BREACH,
    limits=("an age of -1000 ns: before",),
)
causality.reading(
    "breach across a second",
    "bound.causality",
    "a difference of whole instants from one of their nanoseconds",
    {"as_of": (1000, 500)},
    AS_OF - 500,
    BREACH,
    by="-500 - 500 = -1000 ns, over a second's border",
)
causality.reading(
    "no breach across a second",
    "bound.causality",
    "a difference of whole instants from one of their seconds",
    {"as_of": (1000, 500)},
    AS_OF - 499,
    around(BOUND),
    by="-499 - 500 = -999 ns",
)
causality.reading(
    "breach beyond an int64",
    "bound.causality",
    "a difference that wraps round, and looks like a large age, from one that is compared first",
    {"as_of": (LAST_S, LAST_NS)},
    INT64_MIN,
    BREACH,
    by="-2^63 - (2^63 - 1) is no int64, and as far in the future as can be",
)
causality.reading(
    "causality before growth",
    "bound.causality bound.growth",
    "the order of the checks",
    LARGEST,
    AS_OF - 1000,
    BREACH,
)

status = Area("status", "From the segment's status and age to the status of the answer.")
for fields, name in (({}, "SYNCHRONIZED"), ({"status": FREE_RUNNING}, "FREE_RUNNING")):
    status.reading(
        f"{name} just before the grace period ends",
        "status.grace",
        "a grace period of 5 s from a shorter one",
        fields,
        AS_OF + 5 * S - 1,
        around(1_250_000, name),
        limits=(f"5 s of {name}: before",),
        by="growth ceil(5 * 50,000 - 0.00005)",
    )
    status.reading(
        f"{name} when the grace period ends",
        "status.grace",
        "a grace period that excludes its end from one that includes it",
        fields,
        AS_OF + 5 * S,
        around(1_250_000, "FREE_RUNNING"),
        limits=(f"5 s of {name}: at",),
        catches="never-free-running" if name == "SYNCHRONIZED" else "",
        by="growth 5 * 50,000",
    )
    status.reading(
        f"{name} just after the grace period",
        "status.grace",
        "a grace period of 5 s from a longer one",
        fields,
        AS_OF + 5 * S + 1,
        around(1_250_001, "FREE_RUNNING"),
        limits=(f"5 s of {name}: after",),
        by="growth 5 * 50,000 + ceil(0.00005)",
    )
    status.reading(
        f"{name} just before void_after",
        "status.void-after",
        "a guarantee that lasts until void_after from a shorter one",
        fields,
        2000 * S - 1,
        around(51_000_000, "FREE_RUNNING"),
        limits=(f"void_after of {name}: before",),
        catches="void-after-wall-clock" if name == "SYNCHRONIZED" else "",
        by="growth ceil(1000 * 50,000 - 0.00005)",
    )
    status.reading(
        f"{name} at void_after",
        "status.void-after",
        "a guarantee that excludes void_after from one that includes it",
        fields,
        2000 * S,
        around(51_000_000, "UNKNOWN"),
        limits=(f"void_after of {name}: at",),
        by="growth 1000 * 50,000",
    )
    status.reading(
        f"{name} just after void_after",
        "status.void-after",
        "a guarantee that ends from one that doesn't",
        fields,
        2000 * S + 1,
        around(51_000_001, "UNKNOWN"),
        limits=(f"void_after of {name}: after",),
        by="growth 1000 * 50,000 + ceil(0.00005)",
    )
status.reading(
    "FREE_RUNNING from the start",
    "status.grace",
    "FREE_RUNNING from SYNCHRONIZED",
    {"status": FREE_RUNNING},
    AS_OF,
    around(BOUND, "FREE_RUNNING"),
    catches="never-free-running",
)
FINE = {"void_after": (2000, 40_000)}
status.reading(
    "nanoseconds of void_after before",
    "status.void-after",
    "void_after with its nanoseconds from one without",
    FINE,
    2000 * S + 39_999,
    around(51_000_002, "FREE_RUNNING"),
    by="growth 50,000,000 + ceil(39,999 / 20,000)",
)
status.reading(
    "nanoseconds of void_after at",
    "status.void-after",
    "void_after with its nanoseconds from one that is rounded up",
    FINE,
    2000 * S + 40_000,
    around(51_000_002, "UNKNOWN"),
    by="growth 50,000,000 + 40,000 / 20,000",
)
status.reading(
    "grace outlasts an early void_after",
    "status.grace status.void-after",
    "the grace period first from void_after first",
    {"void_after": (1002, 0)},
    AS_OF + 3 * S,
    around(1_150_000),
)
for name, void_after, side, expected in (
    ("just before grace ends", (1004, 999_999_999), "before", "UNKNOWN"),
    ("as grace ends", (1005, 0), "at", "UNKNOWN"),
    ("just after grace ends", (1005, 1), "after", "FREE_RUNNING"),
):
    status.reading(
        f"void_after {name}",
        "status.void-after",
        "whether a guarantee that ended in the grace period is over with it",
        {"void_after": void_after},
        AS_OF + 5 * S,
        around(1_250_000, expected),
        limits=(f"void_after at 5 s: {side}",),
    )
status.reading(
    "void_after is not wall-clock time",
    "status.void-after",
    "a comparison on the monotonic clock from one with latest, which is far beyond void_after",
    {},
    AS_OF + 6 * S,
    around(1_300_000, "FREE_RUNNING"),
    catches="void-after-wall-clock",
)
status.reading(
    "as_of is not wall-clock time",
    "status.grace bound.growth",
    "an age on the monotonic clock from one on the wall clock, which would be 1 s",
    {},
    AS_OF + 6 * S,
    around(1_300_000, "FREE_RUNNING", 1001 * S),
    realtime_ns=1001 * S,
    catches="as-of-wall-clock",
    by="growth 6 * 50,000",
)
for name, number, layouts in (("UNKNOWN", UNKNOWN, (1, 2)), ("DISRUPTED", DISRUPTED, (2,))):
    flags = "no-disrupted" if name == "DISRUPTED" else ""
    lowest = ("the lowest status: at",) if name == "UNKNOWN" else ("the highest status: at",)
    status.reading(
        f"{name} at first",
        "status.fixed bound.range",
        f"{name} from the other statuses",
        {"status": number},
        AS_OF,
        around(BOUND, name),
        layouts=layouts,
        limits=lowest,
        catches=flags,
    )
    for at, offset_ns, half_ns in (
        ("5 s", 5 * S, 1_250_000),
        ("void_after", 1000 * S, 51_000_000),
    ):
        for side, more_ns in (("before", -1), ("at", 0), ("after", 1)):
            status.reading(
                f"{name} {'at' if side == 'at' else 'just ' + side} {at}",
                "status.fixed",
                f"a status that stays from one that fades, at {at}",
                {"status": number},
                AS_OF + offset_ns + more_ns,
                around(half_ns + max(more_ns, 0), name),
                layouts=layouts,
                limits=(f"{at} of UNKNOWN: {side}",) if name == "UNKNOWN" else (),
                catches=flags if side == "at" else "",
            )
status.reading(
    "a bound of 100 years",
    "status.fixed interval.ends",
    "an interval of centuries, as it is published before the first synchronisation, from an overflow",
    {"bound_ns": 3_155_760_000 * S, "max_drift_ppb": 0, "status": UNKNOWN},
    AS_OF,
    Interval(-1_455_760_000 * S, 4_855_760_000 * S, "UNKNOWN"),
    by="1,700,000,000 s -/+ 100 * 365.25 * 86,400 s",
)

ends = Area("ends", "The ends of the interval, which fit an int64 or are refused.")
ends.reading(
    "nanoseconds of the ends",
    "interval.ends",
    "ends in nanoseconds from ends in microseconds or in doubles",
    {"bound_ns": 1_000_003},
    AS_OF,
    Interval(1_700_000_000_122_456_786, 1_700_000_000_124_456_792, "SYNCHRONIZED"),
    realtime_ns=1_700_000_000_123_456_789,
    catches="microsecond-ends",
)
ends.reading(
    "an end at 999999 microseconds and a half",
    "interval.ends",
    "rounding that carries over a second from rounding that fails",
    {"bound_ns": 500},
    AS_OF,
    Interval(1_700_000_000_999_999_100, 1_700_000_001_000_000_100, "SYNCHRONIZED"),
    realtime_ns=1_700_000_000_999_999_600,
    catches="microsecond-ends",
)
ends.reading(
    "ends before 1970",
    "interval.ends",
    "signed instants from unsigned ones",
    {},
    AS_OF,
    Interval(-1_000_001, 999_999, "SYNCHRONIZED"),
    realtime_ns=-1,
)
ends.reading(
    "ends in the year 1969 at whole seconds",
    "interval.ends",
    "negative seconds from ones that are rounded towards 0",
    {"bound_ns": S},
    AS_OF,
    Interval(-3 * S, -1 * S, "SYNCHRONIZED"),
    realtime_ns=-2 * S,
)
for side, more_ns in (("before", -1), ("at", 0), ("after", 1)):
    realtime_ns = INT64_MAX - BOUND + more_ns
    ends.reading(
        f"latest {'at' if side == 'at' else 'just ' + side} the last instant",
        "interval.ends",
        "an end that fits an int64 from one that doesn't",
        {},
        AS_OF,
        MALFORMED if side == "after" else Interval(realtime_ns - BOUND, INT64_MAX + more_ns, "SYNCHRONIZED"),
        realtime_ns=realtime_ns,
        limits=(f"the last instant: {side}",),
    )
    realtime_ns = INT64_MIN + BOUND + more_ns
    ends.reading(
        f"earliest {'at' if side == 'at' else 'just ' + side} the first instant",
        "interval.ends",
        "an end that fits an int64 from one that doesn't",
        {},
        AS_OF,
        MALFORMED if side == "before" else Interval(INT64_MIN + more_ns, realtime_ns + BOUND, "SYNCHRONIZED"),
        realtime_ns=realtime_ns,
        limits=(f"the first instant: {side}",),
    )
ends.reading(
    "the largest bound",
    "interval.ends bound.range",
    "the whole of an int64 from a smaller limit",
    LARGEST,
    AS_OF,
    Interval(-INT64_MAX, INT64_MAX, "SYNCHRONIZED"),
    realtime_ns=0,
)
ends.reading(
    "the largest bound around -1 ns",
    "interval.ends",
    "the whole of an int64 from its absolute values",
    LARGEST,
    AS_OF,
    Interval(INT64_MIN, INT64_MAX - 1, "SYNCHRONIZED"),
    realtime_ns=-1,
)

range_ = Area("range", "Values that no daemon writes.")
range_.reading(
    "a negative bound",
    "bound.range",
    "a bound that is checked from one that makes earliest later than latest",
    {"bound_ns": -1},
    AS_OF,
    MALFORMED,
    limits=("a bound of 0: before",),
    catches="negative-bound-accepted",
)
range_.reading(
    "the most negative bound",
    "bound.range",
    "a check of the sign from one of the absolute value, which overflows",
    {"bound_ns": INT64_MIN},
    AS_OF,
    MALFORMED,
)
range_.reading(
    "a drift of 10^9",
    "bound.range",
    "a drift of 100 percent that is refused from one that is believed",
    {"max_drift_ppb": 1_000_000_000},
    AS_OF,
    MALFORMED,
    limits=("a drift of 10^9 ppb: at",),
)
range_.reading(
    "a drift of 10^9 and 1",
    "bound.range",
    "a check of order from one of equality",
    {"max_drift_ppb": 1_000_000_001},
    AS_OF,
    MALFORMED,
    limits=("a drift of 10^9 ppb: after",),
)
range_.reading(
    "the largest u32 as drift",
    "bound.range",
    "an unsigned drift from a signed one, which would be -1",
    {"max_drift_ppb": 2**32 - 1},
    AS_OF,
    MALFORMED,
)


def whole(
    name: str, fields: dict[str, object], monotonic_ns: int, expected: Interval | Refusal, *limits: str
) -> None:
    """An instant in the segment that is right or wrong as a whole."""
    range_.reading(
        name,
        "bound.range",
        "an instant that is checked from one that wraps round, or is believed",
        fields,
        monotonic_ns,
        expected,
        limits=limits,
        catches="nanoseconds-unchecked" if "minus 1 ns" in name or "10^9 ns" in name else "",
    )


# as_of, with monotonic readings just after it
whole("as_of of minus 1 ns", {"as_of": (1000, -1)}, AS_OF + S, MALFORMED, "as_of of 0 ns: before")
whole("as_of of 1 ns", {"as_of": (1000, 1)}, AS_OF + 1, around(BOUND), "as_of of 0 ns: after")
whole(
    "as_of of 999,999,999 ns",
    {"as_of": (1000, 999_999_999)},
    1001 * S,
    around(1_000_001),
    "as_of of 10^9 ns: before",
)
whole("as_of of 10^9 ns", {"as_of": (1000, S)}, 1002 * S, MALFORMED, "as_of of 10^9 ns: at")
whole("as_of of 10^9 ns and 1", {"as_of": (1000, S + 1)}, 1002 * S, MALFORMED, "as_of of 10^9 ns: after")
whole(
    "as_of before the last instant",
    {"as_of": (LAST_S, LAST_NS - 1)},
    INT64_MAX,
    around(1_000_001),
    "the last as_of: before",
)
# 5 s after it is no int64 any more; still the status is within its grace period
whole(
    "as_of at the last instant", {"as_of": (LAST_S, LAST_NS)}, INT64_MAX, around(BOUND), "the last as_of: at"
)
whole(
    "as_of after the last instant",
    {"as_of": (LAST_S, LAST_NS + 1)},
    AS_OF,
    MALFORMED,
    "the last as_of: after",
)
whole(
    "as_of in the second before the first",
    {"as_of": (-LAST_S - 1, 999_999_999), "void_after": (-LAST_S + 1000, 0)},
    -LAST_S * S,
    MALFORMED,
    "the first as_of: before",
)
whole(
    "as_of in the first second",
    {"as_of": (-LAST_S, 0), "void_after": (-LAST_S + 1000, 0)},
    -LAST_S * S,
    around(BOUND),
    "the first as_of: at",
)
whole(
    "as_of just after the first second",
    {"as_of": (-LAST_S, 1), "void_after": (-LAST_S + 1000, 0)},
    -LAST_S * S + 2,
    around(1_000_001),
    "the first as_of: after",
)
# void_after, with a reading at the end of the grace period, when it begins to count
whole(
    "void_after of minus 1 ns", {"void_after": (2000, -1)}, AS_OF + S, MALFORMED, "void_after of 0 ns: before"
)
whole(
    "void_after of 0 ns",
    {"void_after": (1006, 0)},
    1006 * S,
    around(1_300_000, "UNKNOWN"),
    "void_after of 0 ns: at",
)
whole(
    "void_after of 1 ns",
    {"void_after": (1006, 1)},
    1006 * S,
    around(1_300_000, "FREE_RUNNING"),
    "void_after of 0 ns: after",
)
whole(
    "void_after of 999,999,999 ns",
    {"void_after": (1006, 999_999_999)},
    1007 * S - 1,
    around(1_350_000, "UNKNOWN"),
    "void_after of 10^9 ns: before",
)
whole("void_after of 10^9 ns", {"void_after": (2000, S)}, 1002 * S, MALFORMED, "void_after of 10^9 ns: at")
whole(
    "void_after of 10^9 ns and 1",
    {"void_after": (2000, S + 1)},
    1002 * S,
    MALFORMED,
    "void_after of 10^9 ns: after",
)
whole(
    "void_after before the last instant",
    {"void_after": (LAST_S, LAST_NS - 1)},
    AS_OF + 5 * S,
    around(1_250_000, "FREE_RUNNING"),
    "the last void_after: before",
)
whole(
    "void_after at the last instant",
    {"void_after": (LAST_S, LAST_NS)},
    AS_OF + 5 * S,
    around(1_250_000, "FREE_RUNNING"),
    "the last void_after: at",
)
whole(
    "void_after after the last instant",
    {"void_after": (LAST_S, LAST_NS + 1)},
    AS_OF,
    MALFORMED,
    "the last void_after: after",
)
whole(
    "void_after in the second before the first",
    {"void_after": (-LAST_S - 1, 999_999_999)},
    AS_OF + 5 * S,
    MALFORMED,
    "the first void_after: before",
)
whole(
    "void_after in the first second",
    {"void_after": (-LAST_S, 0)},
    AS_OF + 5 * S,
    around(1_250_000, "UNKNOWN"),
    "the first void_after: at",
)
whole(
    "void_after just after the first second",
    {"void_after": (-LAST_S, 1)},
    AS_OF + 5 * S,
    around(1_250_000, "UNKNOWN"),
    "the first void_after: after",
)
for field in ("as_of", "void_after"):
    whole(f"{field} in a second after the last", {field: (LAST_S + 1, 0)}, AS_OF, MALFORMED)
    whole(f"{field} of the largest second", {field: (INT64_MAX, 0)}, AS_OF, MALFORMED)
    whole(f"{field} of the smallest second", {field: (INT64_MIN, 0)}, AS_OF, MALFORMED)
    # 18,446,744,074 s is 290,448,384 ns more than 2^64 ns
    whole(f"{field} that wraps round", {field: (18_446_744_074, 0)}, AS_OF, MALFORMED)
WRONG_STATUS = "a status that is checked from one that is taken for another"
for number, limits in ((-1, ("the lowest status: before",)), (255, ()), (2**31 - 1, ()), (-(2**31), ())):
    range_.reading(
        f"a status of {'minus ' if number < 0 else ''}{abs(number)}",
        "bound.range",
        WRONG_STATUS,
        {"status": number},
        AS_OF,
        MALFORMED,
        limits=limits,
        catches="impossible-status-accepted",
    )
range_.reading(
    "a status of 257",
    "bound.range",
    "a status of 32 bits from its lowest byte, which is SYNCHRONIZED",
    {"status": 257},
    AS_OF,
    MALFORMED,
    catches="impossible-status-accepted",
)
range_.reading(
    "a status of 65537",
    "bound.range",
    "a status of 32 bits from its lowest 16, which are SYNCHRONIZED",
    {"status": 65537},
    AS_OF,
    MALFORMED,
)
range_.reading(
    "SYNCHRONIZED after 1 s",
    "bound.range status.grace",
    "SYNCHRONIZED from the other statuses",
    {"status": SYNCHRONIZED},
    AS_OF + S - 20_000,
    around(1_049_999),
    layouts=(1,),
    limits=("the lowest status: after", "the highest status: before"),
)
range_.reading(
    "SYNCHRONIZED after 1 s",
    "bound.range status.grace",
    "SYNCHRONIZED from the other statuses",
    {"status": SYNCHRONIZED},
    AS_OF + S - 20_000,
    around(1_049_999),
    layouts=(2,),
    limits=("the lowest status: after",),
)
range_.reading(
    "FREE_RUNNING after 1 s",
    "bound.range status.grace",
    "FREE_RUNNING from the other statuses",
    {"status": FREE_RUNNING},
    AS_OF + S,
    around(1_050_000, "FREE_RUNNING"),
    layouts=(1,),
    limits=("the highest status: at",),
)
range_.reading(
    "FREE_RUNNING after 1 s",
    "bound.range status.grace",
    "FREE_RUNNING from the other statuses",
    {"status": FREE_RUNNING},
    AS_OF + S,
    around(1_050_000, "FREE_RUNNING"),
    layouts=(2,),
    limits=("the highest status: before",),
)
range_.reading(
    "a status of 3",
    "bound.range",
    "layout 1, which has no DISRUPTED, from layout 2",
    {"status": DISRUPTED},
    AS_OF,
    MALFORMED,
    layouts=(1,),
    limits=("the highest status: after",),
    catches="impossible-status-accepted",
)
range_.reading(
    "a status of 4",
    "bound.range",
    WRONG_STATUS,
    {"status": 4},
    AS_OF,
    MALFORMED,
    layouts=(2,),
    limits=("the highest status: after",),
    catches="impossible-status-accepted",
)
range_.reading(
    "range before causality",
    "bound.range bound.causality",
    "the order of the checks",
    {"bound_ns": -1},
    AS_OF - 1000,
    MALFORMED,
)
range_.reading(
    "range before void_after",
    "bound.range status.void-after",
    "a check of every segment from one of those that are valid",
    {"bound_ns": -1},
    3000 * S,
    MALFORMED,
)
range_.reading(
    "range of a segment that says UNKNOWN",
    "bound.range status.fixed",
    "a check of every segment from one of those whose status counts",
    {"bound_ns": -1, "status": UNKNOWN},
    AS_OF,
    MALFORMED,
)

opening = Area("opening", "Whether a file is a segment at all.")
opening.reading(
    "no file",
    "open.syscall",
    "an error of the system from a broken segment",
    None,
    AS_OF,
    SYSCALL,
    layouts=(2,),
)
for layout, size in ((1, 72), (2, 80)):

    def opened(
        name: str,
        rules: str,
        decides: str,
        fields: dict[str, object],
        expected: Interval | Refusal,
        *limits: str,
        catches: str = "",
        layout: int = layout,
    ) -> None:
        opening.reading(
            name, rules, decides, fields, AS_OF, expected, layouts=(layout,), limits=limits, catches=catches
        )

    INIT, MALF, VERS = "open.not-initialised", "open.malformed", "open.version"
    SHORT = "a file without a header from one with half a segment"
    opened(
        "a file one byte short of a header",
        INIT,
        SHORT,
        {"file_bytes": 15},
        NOT_INITIALIZED,
        "a file of 16 bytes: before",
    )
    opened(
        "a header and no more",
        f"{INIT} {MALF}",
        SHORT,
        {"file_bytes": 16},
        MALFORMED,
        "a file of 16 bytes: at",
        catches="trusts-segment-size",
    )
    opened(
        "a header and one byte more",
        f"{INIT} {MALF}",
        SHORT,
        {"file_bytes": 17},
        MALFORMED,
        "a file of 16 bytes: after",
        catches="trusts-segment-size",
    )
    LONG = "a length of the file that is looked at from a size that is trusted"
    opened(
        "a file one byte short",
        MALF,
        LONG,
        {"file_bytes": size - 1},
        MALFORMED,
        catches="trusts-segment-size",
    )
    opened(
        "a file one byte longer",
        MALF,
        "a file that may be longer from one that must not",
        {"file_bytes": size + 1},
        around(BOUND),
        "the file's length: before",
    )
    opened(
        "a file of a page",
        MALF,
        "a file that fills a page from a shorter one",
        {"file_bytes": 4096},
        around(BOUND),
    )
    opened(
        "a size one byte short",
        MALF,
        "a size that is compared with the layout's from one that isn't",
        {"size_bytes": size - 1},
        MALFORMED,
        "the layout's size: before",
        catches="no-size-check",
    )
    opened(
        "a size of 0",
        MALF,
        "a size that was never written from none",
        {"size_bytes": 0},
        MALFORMED,
        catches="no-size-check",
    )
    opened(
        "a size beyond the file",
        MALF,
        LONG,
        {"size_bytes": size + 1},
        MALFORMED,
        "the file's length: after",
        catches="trusts-segment-size",
    )
    opened(
        "the largest size", MALF, "an unsigned size from a signed one", {"size_bytes": 2**32 - 1}, MALFORMED
    )
    opened(
        "a larger segment in a file as large",
        MALF,
        "a size that may grow from one that must not",
        {"size_bytes": size + 1, "file_bytes": size + 1},
        around(BOUND),
        "the layout's size: after",
    )
    MAGIC = "a magic of two words from one of them, or none"
    opened(
        "first word of the magic wrong",
        INIT,
        MAGIC,
        {"magic": (0x414D5A4F, 0x43420200)},
        NOT_INITIALIZED,
        catches="no-magic-check",
    )
    opened(
        "second word of the magic wrong",
        INIT,
        MAGIC,
        {"magic": (0x414D5A4E, 0x43420201)},
        NOT_INITIALIZED,
        catches="no-magic-check",
    )
    opened(
        "words of the magic exchanged",
        INIT,
        MAGIC,
        {"magic": (0x43420200, 0x414D5A4E)},
        NOT_INITIALIZED,
        catches="no-magic-check",
    )
    NEVER = "a segment that was never written from one of another layout"
    opened(
        "version 0",
        f"{INIT} {VERS}",
        NEVER,
        {"version": 0},
        NOT_INITIALIZED,
        "version 0: at",
        *(("the layout's version: before",) if layout == 1 else ()),
    )
    OTHER = "a layout that is known from one that isn't"
    opened(
        "version 65535",
        f"{INIT} {VERS}",
        OTHER,
        {"version": 65535},
        NOT_SUPPORTED,
        "version 0: before",
        catches="no-version-check",
    )
    opened(
        "version 3",
        VERS,
        OTHER,
        {"version": 3},
        NOT_SUPPORTED,
        *(("the layout's version: after",) if layout == 2 else ()),
        catches="no-version-check",
    )
    opened(
        "version 256 more",
        VERS,
        "a version of 16 bits from its lowest byte",
        {"version": 256 + layout},
        NOT_SUPPORTED,
    )
    opened(
        "an unknown version too short",
        f"{VERS} {MALF}",
        "the order of the checks",
        {"version": 3, "size_bytes": 0},
        NOT_SUPPORTED,
    )
    UNUSED = "a segment that was never written from one whose writer is at it"
    opened(
        "generation 0",
        f"{INIT} read.consistent",
        UNUSED,
        {"generation": 0},
        NOT_INITIALIZED,
        "generation 0: at",
        "generation 65535: after",
        catches="no-generation-check",
    )
    opened(
        "generation 0 of version 3",
        f"{INIT} {VERS}",
        "the order of the checks",
        {"version": 3, "generation": 0},
        NOT_INITIALIZED,
    )
    opened(
        "generation 0 too short",
        f"{INIT} {MALF}",
        "the order of the checks",
        {"generation": 0, "size_bytes": 0},
        NOT_INITIALIZED,
    )
    ODD = "a snapshot of a whole record from one of half an update"
    opened(
        "generation 1",
        "read.consistent read.bounded open.not-initialised",
        ODD,
        {"generation": 1},
        NOT_INITIALIZED,
        "generation 2: before",
        "generation 0: after",
        catches="no-generation-check zero-width-in-update",
    )
    opened(
        "a writer that died in an update",
        "read.consistent read.bounded",
        ODD,
        {"generation": 3},
        NOT_INITIALIZED,
        "generation 2: after",
        catches="no-generation-check zero-width-in-update spins-on-odd-generation",
    )
    opened(
        "generation 65534",
        "read.consistent",
        "unsigned generations from signed ones",
        {"generation": 65534},
        around(BOUND),
        "generation 65535: before",
    )
    opened(
        "generation 65535",
        "read.consistent read.bounded open.not-initialised",
        ODD,
        {"generation": 65535},
        NOT_INITIALIZED,
        "generation 65535: at",
        "generation 0: before",
        catches="no-generation-check",
    )
opening.reading(
    "an empty file",
    "open.not-initialised",
    "a length that is checked from a crash",
    {"file_bytes": 0},
    AS_OF,
    NOT_INITIALIZED,
    layouts=(2,),
)
# a version of the other layout, in bytes that are this one's
opening.reading(
    "version 2 in a file of layout 1",
    "open.version open.malformed",
    "the version from the file's length",
    {"version": 2},
    AS_OF,
    MALFORMED,
    layouts=(1,),
    limits=("the layout's version: after",),
    by="layout 2 has 80 bytes, the segment 72",
)
opening.reading(
    "version 1 in bytes of layout 2",
    "open.version bound.range open.not-initialised",
    "the version from the file's length",
    {"version": 1, "disruption_marker": 20_000},
    AS_OF,
    MALFORMED,
    layouts=(2,),
    limits=("the layout's version: before", "version 0: after"),
    by="layout 1's status is where layout 2 has max_drift, 50,000",
)
opening.reading(
    "layout 2 in file and size of layout 1",
    "open.malformed",
    "the size of each layout from that of layout 1",
    {"size_bytes": 72, "file_bytes": 72},
    AS_OF,
    MALFORMED,
    layouts=(2,),
)
# The protocol document prints the magic as this string of bytes, which no writer has ever written.
DOCUMENTED = bytes.fromhex("414d5a4e43420200")
opening.reading(
    "the documented magic",
    "open.not-initialised",
    "words of the machine's byte order from the string of bytes that was once documented",
    lambda order: (
        (DOCUMENTED if order == "little" else DOCUMENTED[3::-1] + DOCUMENTED[:3:-1])
        + segment(2, byte_order=order)[8:]
    ),
    AS_OF,
    NOT_INITIALIZED,
    layouts=(2,),
)
opening.reading(
    "a segment of the other byte order",
    "open.not-initialised",
    "a segment of this machine from one of another byte order",
    lambda order: segment(2, byte_order="big" if order == "little" else "little"),
    AS_OF,
    NOT_INITIALIZED,
    layouts=(2,),
)
opening.reading(
    "garbage in the padding",
    "read.consistent",
    "padding that is ignored from padding that is believed; real writers leave garbage there",
    {"padding": 0xFF},
    AS_OF + S,
    around(1_050_000),
)
# The first segments that ClockBound 1.0 and 2.0 were seen to write, with marker values: as_of = 0x1112131415161718 s is no
# number of seconds that fits, so the clients must refuse them whole.
BODY = (0x1112131415161718, 0x21222324), (0x3132333435363738, 0x25262728), 0x4142434445464748
DUMP = {"as_of": BODY[0], "void_after": BODY[1], "bound_ns": BODY[2], "max_drift_ppb": 0x61626364}
opening.reading(
    "dump of the original writer",
    "bound.range",
    "values that are checked from values that are believed",
    DUMP | {"status": FREE_RUNNING},
    AS_OF,
    MALFORMED,
    layouts=(1,),
)

disruption = Area("disruption", "What the VMClock page has to say.")
AWARE = {"disruption_support": 1, "disruption_marker": 7}


def disrupted(
    name: str,
    decides: str,
    fields: dict[str, object],
    page: bytes | None,
    expected: Interval | Refusal,
    *limits: str,
    rules: str = "status.disruption",
    monotonic_ns: int = AS_OF,
    catches: str = "",
) -> None:
    disruption.reading(
        name,
        rules,
        decides,
        fields,
        monotonic_ns,
        expected,
        page=page,
        layouts=(2,),
        limits=limits,
        catches=catches,
    )


LOST = around(BOUND, "UNKNOWN")
MARKERS = "equal markers from different ones"
disrupted(
    "markers that are equal",
    MARKERS,
    AWARE,
    vmclock(marker=7),
    around(BOUND),
    "equal markers: at",
    "a page of 104 bytes: at",
    "a page's size of 104: at",
    "a page's version: at",
)
disrupted(
    "a marker that went on",
    MARKERS,
    AWARE,
    vmclock(marker=8),
    LOST,
    "equal markers: after",
    catches="ignores-marker",
)
disrupted(
    "a marker that went back",
    "any change of the marker from a greater one",
    AWARE,
    vmclock(marker=6),
    LOST,
    "equal markers: before",
    catches="ignores-marker",
)
disrupted(
    "markers that differ in bit 63",
    "markers of 64 bits from shorter ones, and from doubles",
    AWARE,
    vmclock(marker=7 + 2**63),
    LOST,
)
disrupted(
    "markers that differ in bit 32", "markers of 64 bits from 32", AWARE, vmclock(marker=7 + 2**32), LOST
)
disrupted(
    "equal markers do not freshen",
    "markers that only take away from markers that vouch for the status",
    AWARE,
    vmclock(marker=7),
    around(1_250_000, "FREE_RUNNING"),
    monotonic_ns=AS_OF + 5 * S,
    rules="status.disruption status.grace",
)
disrupted(
    "markers without support",
    "a page that counts where the segment says so from one that always does",
    {"disruption_marker": 7},
    vmclock(marker=8),
    around(BOUND),
)
disrupted(
    "no page and no support",
    "a page that is needed from one that isn't",
    {"disruption_marker": 7},
    None,
    around(BOUND),
)
disrupted("no page", "an error from no disruption", AWARE, None, SYSCALL, catches="ignores-marker")
disrupted(
    "no page for a segment that is UNKNOWN",
    "a page that is always needed from one where the status counts",
    AWARE | {"status": UNKNOWN},
    None,
    SYSCALL,
    rules="status.disruption status.fixed",
)
disrupted(
    "no page is found before the range",
    "the order of the checks",
    {"disruption_support": 1, "bound_ns": -1},
    None,
    SYSCALL,
    rules="status.disruption bound.range",
)
disrupted(
    "a flag of 128 means on",
    "a flag that isn't 0 from one that is 1",
    AWARE | {"disruption_support": 128},
    vmclock(marker=8),
    LOST,
)
disrupted(
    "DISRUPTED with another disruption since",
    "the page's word from the segment's",
    AWARE | {"status": DISRUPTED},
    vmclock(marker=8),
    LOST,
    rules="status.disruption status.fixed",
)
disrupted(
    "DISRUPTED with the marker it knows",
    "DISRUPTED from UNKNOWN",
    AWARE | {"status": DISRUPTED},
    vmclock(marker=7),
    around(BOUND, "DISRUPTED"),
    rules="status.disruption status.fixed",
    catches="no-disrupted",
)
disrupted(
    "a page in an update",
    "a page that can't be read from one that can",
    AWARE,
    vmclock(marker=7, sequence=3),
    LOST,
    catches="spins-on-vmclock",
)
disrupted(
    "a page with sequence 0",
    "a sequence of 0, which is even, from a generation of 0",
    AWARE,
    vmclock(marker=7, sequence=0),
    around(BOUND),
)
disrupted("an empty page", "a length that is checked from a crash", AWARE, b"", NOT_INITIALIZED)
LENGTH = "the page's length that is checked from one that isn't"
disrupted(
    "a page one byte short",
    LENGTH,
    AWARE,
    vmclock(marker=7, file_bytes=103),
    NOT_INITIALIZED,
    "a page of 104 bytes: before",
)
disrupted(
    "a page one byte longer",
    LENGTH,
    AWARE,
    vmclock(marker=7, file_bytes=105),
    around(BOUND),
    "a page of 104 bytes: after",
)
disrupted(
    "a page with the wrong magic",
    "a VMClock page from any other file",
    AWARE,
    vmclock(marker=7, magic=0x4B4C4357),
    NOT_INITIALIZED,
)
disrupted(
    "a page of zeros",
    "a VMClock page from any other file",
    AWARE | {"disruption_marker": 0},
    bytes(104),
    NOT_INITIALIZED,
)
VERSION = "a page's version that is known from one that isn't"
disrupted(
    "a page of version 0",
    VERSION,
    AWARE,
    vmclock(marker=7, version=0),
    NOT_SUPPORTED,
    "a page's version: before",
)
disrupted(
    "a page of version 2",
    VERSION,
    AWARE,
    vmclock(marker=7, version=2),
    NOT_SUPPORTED,
    "a page's version: after",
)
SIZE = "a page's size that is checked from one that isn't"
disrupted(
    "a page with a size of 103",
    SIZE,
    AWARE,
    vmclock(marker=7, size_bytes=103),
    MALFORMED,
    "a page's size of 104: before",
)
disrupted("a page with a size beyond it", SIZE, AWARE, vmclock(marker=7, size_bytes=105), MALFORMED)
disrupted(
    "a page with a larger size",
    SIZE,
    AWARE,
    vmclock(marker=7, size_bytes=105, file_bytes=105),
    around(BOUND),
    "a page's size of 104: after",
)
disrupted(
    "a page of 4096 bytes",
    "a page that may be longer from one that must not",
    AWARE,
    vmclock(marker=7, size_bytes=4096, file_bytes=4096),
    around(BOUND),
)
disrupted(
    "a page in an update and a breach",
    "the order of the checks",
    AWARE,
    vmclock(marker=7, sequence=3),
    BREACH,
    rules="status.disruption bound.causality",
    monotonic_ns=AS_OF - 1000,
)
disrupted(
    "markers that differ and a range",
    "the order of the checks",
    AWARE | {"bound_ns": -1},
    vmclock(marker=8),
    MALFORMED,
    rules="status.disruption bound.range",
)
disrupted(
    "a page of an unknown clock status",
    "the disruption marker from the hypervisor's opinion of its own clock",
    AWARE,
    vmclock(marker=7, clock_status=9, flags=2**64 - 1),
    around(BOUND),
)
disrupted(
    "dump of the original writer",
    "values that are checked from values that are believed",
    DUMP | {"status": FREE_RUNNING, "disruption_marker": 0x5152535455565758, "disruption_support": 1},
    vmclock(marker=0x5152535455565758),
    MALFORMED,
    rules="bound.range",
)
