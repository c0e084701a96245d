"""Readings whose answers were calculated by hand from the rules; none was copied from a program's output.

Unless a case says otherwise: as_of = 1000 s, void_after = 2000 s, bound = 1,000,000 ns, drift = 50,000 ppb,
SYNCHRONIZED, generation 2, realtime R = 1,700,000,000 s. With that drift one second of age adds 50,000 ns, and 20,000 ns of
age add exactly 1 ns. Each case is named for the fault that it finds.
"""

from __future__ import annotations

from dataclasses import dataclass

from clockbound_conformance.answers import Interval, Refusal
from segments import DISRUPTED, FREE_RUNNING, UNKNOWN, segment, vmclock

S = 1_000_000_000
R = 1_700_000_000 * S
AS_OF = 1000 * S
BOUND = 1_000_000
INT64_MIN, INT64_MAX = -9_223_372_036_854_775_808, 9_223_372_036_854_775_807
LAST_S, LAST_NS = 9_223_372_036, 854_775_807  # the last instant that an int64 of nanoseconds holds


@dataclass(frozen=True)
class HandCase:
    name: str
    segment: bytes | None
    monotonic_ns: int
    expected: Interval | Refusal
    realtime_ns: int = R
    vmclock: bytes | None = None


CASES: list[HandCase] = []


def around(half_ns: int, status: str = "SYNCHRONIZED", realtime_ns: int = R) -> Interval:
    return Interval(realtime_ns - half_ns, realtime_ns + half_ns, status)


NOT_INITIALIZED = Refusal("SEGMENT_NOT_INITIALIZED")
MALFORMED = Refusal("SEGMENT_MALFORMED")
NOT_SUPPORTED = Refusal("SEGMENT_VERSION_NOT_SUPPORTED")
BREACH = Refusal("CAUSALITY_BREACH")
SYSCALL = Refusal("SYSCALL")


def case(
    name: str,
    data: bytes | None,
    monotonic_ns: int,
    expected: Interval | Refusal,
    *,
    realtime_ns: int = R,
    page: bytes | None = None,
) -> None:
    CASES.append(HandCase(name, data, monotonic_ns, expected, realtime_ns, page))


# What is the same in both layouts.
for n in (1, 2):
    plain = segment(n)

    # bound.growth: ceil(elapsed * 50,000 / 10^9) = ceil(elapsed / 20,000)
    case(f"v{n} no growth at as_of", plain, AS_OF, around(BOUND))
    case(f"v{n} growth is rounded up after 1 ns", plain, AS_OF + 1, around(1_000_001))  # ceil(0.00005)
    case(f"v{n} growth of exactly 1 ns", plain, AS_OF + 20_000, around(1_000_001))
    case(f"v{n} growth just above 1 ns", plain, AS_OF + 20_001, around(1_000_002))
    case(f"v{n} growth just before 1 s", plain, AS_OF + S - 1, around(1_050_000))  # ceil(49,999.99995)
    case(f"v{n} growth at 1 s", plain, AS_OF + S, around(1_050_000))
    case(f"v{n} growth just after 1 s", plain, AS_OF + S + 1, around(1_050_001))
    case(
        f"v{n} age isn't cut to whole seconds", plain, AS_OF + 2_500_000_000, around(1_125_000)
    )  # 2.5 * 50,000
    case(f"v{n} no drift, no growth", segment(n, max_drift_ppb=0), AS_OF + 4 * S, around(BOUND))
    case(
        f"v{n} the least drift counts", segment(n, max_drift_ppb=1), AS_OF + 1, around(1_000_001)
    )  # ceil(10^-9)
    # 999,999,999 ppb over 2.5 s: 2 * 999,999,999 + ceil(0.5 * 999,999,999) = 1,999,999,998 + 500,000,000
    case(
        f"v{n} the largest drift",
        segment(n, max_drift_ppb=999_999_999),
        AS_OF + 2_500_000_000,
        around(BOUND + 2_499_999_998),
    )
    case(f"v{n} a bound of 0 is allowed", segment(n, bound_ns=0), AS_OF, around(0))

    # bound.causality: 1000 ns into the future is a breach, anything less counts as 0
    case(f"v{n} 1 ns into the future", plain, AS_OF - 1, around(BOUND))
    case(f"v{n} 999 ns into the future", plain, AS_OF - 999, around(BOUND))
    # taken at its word, an age of -999 ns would shrink the bound by 998 ns at this drift
    case(
        f"v{n} a negative age doesn't shrink the bound",
        segment(n, max_drift_ppb=999_999_999),
        AS_OF - 999,
        around(BOUND),
    )
    case(f"v{n} 1000 ns into the future", plain, AS_OF - 1000, BREACH)
    case(f"v{n} 1001 ns into the future", plain, AS_OF - 1001, BREACH)
    # as_of of 1000.000000500 s: 500 - (-500) = 1000 ns, over a second's border
    case(f"v{n} breach across a second", segment(n, as_of=(1000, 500)), AS_OF - 500, BREACH)
    case(f"v{n} no breach across a second", segment(n, as_of=(1000, 500)), AS_OF - 499, around(BOUND))
    # elapsed would be -(2^63 - 1 + 2^63): no int64, and as far in the future as can be
    case(f"v{n} breach beyond an int64", segment(n, as_of=(LAST_S, LAST_NS)), INT64_MIN, BREACH)

    # status.grace: 5 s; growth 5 * 50,000 = 250,000
    case(f"v{n} just before the grace period ends", plain, AS_OF + 5 * S - 1, around(1_250_000))
    case(f"v{n} the grace period ends", plain, AS_OF + 5 * S, around(1_250_000, "FREE_RUNNING"))
    case(f"v{n} just after the grace period", plain, AS_OF + 5 * S + 1, around(1_250_001, "FREE_RUNNING"))
    free_running = segment(n, status=FREE_RUNNING)
    case(f"v{n} FREE_RUNNING from the start", free_running, AS_OF, around(BOUND, "FREE_RUNNING"))
    case(f"v{n} FREE_RUNNING after grace", free_running, AS_OF + 5 * S, around(1_250_000, "FREE_RUNNING"))

    # status.void-after: 2000 s, that is 1000 s after as_of; growth 1000 * 50,000 = 50,000,000
    case(f"v{n} just before void_after", plain, 2000 * S - 1, around(51_000_000, "FREE_RUNNING"))
    case(f"v{n} at void_after", plain, 2000 * S, around(51_000_000, "UNKNOWN"))
    case(f"v{n} just after void_after", plain, 2000 * S + 1, around(51_000_001, "UNKNOWN"))
    case(f"v{n} FREE_RUNNING ends at void_after", free_running, 2000 * S, around(51_000_000, "UNKNOWN"))
    fine = segment(n, void_after=(2000, 40_000))
    # growth 50,000,000 + ceil(39,999 / 20,000) = 50,000,002, and the same at 40,000
    case(
        f"v{n} nanoseconds of void_after, before", fine, 2000 * S + 39_999, around(51_000_002, "FREE_RUNNING")
    )
    case(f"v{n} nanoseconds of void_after, at", fine, 2000 * S + 40_000, around(51_000_002, "UNKNOWN"))
    early = segment(n, void_after=(1002, 0))
    case(f"v{n} grace outlasts an early void_after", early, AS_OF + 3 * S, around(1_150_000))
    case(f"v{n} an early void_after ends with grace", early, AS_OF + 5 * S, around(1_250_000, "UNKNOWN"))
    # realtime is far beyond void_after's number, which belongs to another clock
    case(f"v{n} void_after isn't wall-clock time", plain, AS_OF + 4 * S, around(1_200_000))

    # status.fixed
    unknown = segment(n, status=UNKNOWN)
    case(f"v{n} UNKNOWN stays at first", unknown, AS_OF, around(BOUND, "UNKNOWN"))
    case(f"v{n} UNKNOWN stays after grace", unknown, AS_OF + 5 * S, around(1_250_000, "UNKNOWN"))
    case(f"v{n} UNKNOWN stays after void_after", unknown, 2000 * S, around(51_000_000, "UNKNOWN"))
    # 100 Julian years, published before the first synchronisation: R -/+ 3,155,760,000 s
    case(
        f"v{n} the bound of 100 years",
        segment(n, bound_ns=3_155_760_000 * S, max_drift_ppb=0, status=UNKNOWN),
        AS_OF,
        Interval(-1_455_760_000 * S, 4_855_760_000 * S, "UNKNOWN"),
    )

    # interval.ends, which fit an int64 or are refused
    case(
        f"v{n} ends before 1970",
        plain,
        AS_OF,
        Interval(-1_000_001, 999_999, "SYNCHRONIZED"),
        realtime_ns=-1,
    )
    case(
        f"v{n} ends in the year 1969 at whole seconds",
        segment(n, bound_ns=S),
        AS_OF,
        Interval(-3 * S, -1 * S, "SYNCHRONIZED"),
        realtime_ns=-2 * S,
    )
    case(
        f"v{n} the latest latest",
        plain,
        AS_OF,
        Interval(INT64_MAX - 2 * BOUND, INT64_MAX, "SYNCHRONIZED"),
        realtime_ns=INT64_MAX - BOUND,
    )
    case(f"v{n} latest overflows", plain, AS_OF, MALFORMED, realtime_ns=INT64_MAX - BOUND + 1)
    case(
        f"v{n} the earliest earliest",
        plain,
        AS_OF,
        Interval(INT64_MIN, INT64_MIN + 2 * BOUND, "SYNCHRONIZED"),
        realtime_ns=INT64_MIN + BOUND,
    )
    case(f"v{n} earliest overflows", plain, AS_OF, MALFORMED, realtime_ns=INT64_MIN + BOUND - 1)
    largest = segment(n, bound_ns=INT64_MAX)
    case(
        f"v{n} the largest bound",
        largest,
        AS_OF,
        Interval(-INT64_MAX, INT64_MAX, "SYNCHRONIZED"),
        realtime_ns=0,
    )
    case(
        f"v{n} the largest bound around -1 ns",
        largest,
        AS_OF,
        Interval(INT64_MIN, INT64_MAX - 1, "SYNCHRONIZED"),
        realtime_ns=-1,
    )
    case(f"v{n} the bound overflows by growth", largest, AS_OF + 1, MALFORMED, realtime_ns=0)

    # bound.range
    case(f"v{n} a negative bound", segment(n, bound_ns=-1), AS_OF, MALFORMED)
    case(f"v{n} the most negative bound", segment(n, bound_ns=INT64_MIN), AS_OF, MALFORMED)
    case(f"v{n} a drift of 10^9", segment(n, max_drift_ppb=1_000_000_000), AS_OF, MALFORMED)
    case(f"v{n} the largest u32 as drift", segment(n, max_drift_ppb=2**32 - 1), AS_OF, MALFORMED)
    for field, base_s in (("as_of", 1000), ("void_after", 2000)):
        case(f"v{n} {field} of -1 ns", segment(n, **{field: (base_s, -1)}), AS_OF + S, MALFORMED)
        case(f"v{n} {field} of 10^9 ns", segment(n, **{field: (base_s, S)}), 1002 * S, MALFORMED)
        case(f"v{n} {field} after int64", segment(n, **{field: (LAST_S, LAST_NS + 1)}), AS_OF, MALFORMED)
        case(f"v{n} {field} in a second after", segment(n, **{field: (LAST_S + 1, 0)}), AS_OF, MALFORMED)
        case(f"v{n} {field} before int64", segment(n, **{field: (-LAST_S - 1, 0)}), AS_OF, MALFORMED)
        case(f"v{n} {field} of the last second", segment(n, **{field: (INT64_MAX, 0)}), AS_OF, MALFORMED)
        case(f"v{n} {field} of the first second", segment(n, **{field: (INT64_MIN, 0)}), AS_OF, MALFORMED)
        # 18,446,744,074 s is 290,448,384 ns more than 2^64 ns
        case(f"v{n} {field} that wraps round", segment(n, **{field: (18_446_744_074, 0)}), AS_OF, MALFORMED)
    # 999,999,999 ns are allowed: 1 ns before 1001 s
    case(f"v{n} as_of of 999,999,999 ns", segment(n, as_of=(1000, 999_999_999)), 1001 * S, around(1_000_001))
    case(
        f"v{n} void_after at the last instant",
        segment(n, void_after=(LAST_S, LAST_NS)),
        AS_OF + 5 * S,
        around(1_250_000, "FREE_RUNNING"),
    )
    # elapsed = 9,223,372,036 s + 854,775,807 ns, the largest int64. Growth: 9,223,372,036 * 50,000 =
    # 461,168,601,800,000 and ceil(854,775,807 / 20,000) = ceil(42,738.79) = 42,739. Void since long.
    oldest = segment(n, as_of=(-LAST_S, 0), void_after=(-LAST_S + 1000, 0))
    case(f"v{n} the largest age", oldest, LAST_NS, around(BOUND + 461_168_601_842_739, "UNKNOWN"))
    case(f"v{n} an age that overflows", oldest, LAST_NS + 1, MALFORMED)
    for status in (-1, 4, 255, 256, 2**31 - 1, -(2**31)):
        case(f"v{n} a status of {status}", segment(n, status=status), AS_OF, MALFORMED)
    case(f"v{n} range before causality", segment(n, bound_ns=-1), AS_OF - 1000, MALFORMED)
    case(f"v{n} range before void_after", segment(n, bound_ns=-1), 3000 * S, MALFORMED)
    case(f"v{n} causality before growth", largest, AS_OF - 1000, BREACH)

    # open.*
    size = len(plain)
    case(f"v{n} no file", None, AS_OF, SYSCALL)
    case(f"v{n} an empty file", b"", AS_OF, NOT_INITIALIZED)
    case(f"v{n} a file one byte short of a header", plain[:15], AS_OF, NOT_INITIALIZED)
    case(f"v{n} a header and no more", plain[:16], AS_OF, MALFORMED)
    case(f"v{n} a file one byte short", plain[:-1], AS_OF, MALFORMED)
    case(f"v{n} a longer file", segment(n, file_bytes=4096), AS_OF, around(BOUND))
    case(f"v{n} a size one byte short", segment(n, size_bytes=size - 1), AS_OF, MALFORMED)
    case(f"v{n} a size of 0", segment(n, size_bytes=0), AS_OF, MALFORMED)
    case(f"v{n} a size beyond the file", segment(n, size_bytes=size + 1), AS_OF, MALFORMED)
    case(f"v{n} the largest size", segment(n, size_bytes=2**32 - 1), AS_OF, MALFORMED)
    case(
        f"v{n} a larger segment in a file as large",
        segment(n, size_bytes=size + 1, file_bytes=size + 1),
        AS_OF,
        around(BOUND),
    )
    case(
        f"v{n} first word of the magic wrong",
        segment(n, magic=(0x414D5A4F, 0x43420200)),
        AS_OF,
        NOT_INITIALIZED,
    )
    case(
        f"v{n} second word of the magic wrong",
        segment(n, magic=(0x414D5A4E, 0x43420201)),
        AS_OF,
        NOT_INITIALIZED,
    )
    # the protocol document prints the magic as this string of bytes, which no writer has ever written
    document = bytes.fromhex("414d5a4e43420200")
    case(f"v{n} the documented magic", document + plain[8:], AS_OF, NOT_INITIALIZED)
    case(f"v{n} zeros", bytes(4096), AS_OF, NOT_INITIALIZED)
    case(f"v{n} version 0", segment(n, version=0), AS_OF, NOT_INITIALIZED)
    case(f"v{n} version 3", segment(n, version=3), AS_OF, NOT_SUPPORTED)
    case(f"v{n} version 65535", segment(n, version=65535), AS_OF, NOT_SUPPORTED)
    case(f"v{n} version 256", segment(n, version=256), AS_OF, NOT_SUPPORTED)
    case(f"v{n} an unknown version, too short", segment(n, version=3, size_bytes=0), AS_OF, NOT_SUPPORTED)
    case(f"v{n} generation 0", segment(n, generation=0), AS_OF, NOT_INITIALIZED)
    case(f"v{n} generation 0 of version 3", segment(n, version=3, generation=0), AS_OF, NOT_INITIALIZED)
    case(f"v{n} generation 0, too short", segment(n, generation=0, size_bytes=0), AS_OF, NOT_INITIALIZED)
    case(f"v{n} a writer that died in an update", segment(n, generation=3), AS_OF, NOT_INITIALIZED)
    case(f"v{n} the last odd generation", segment(n, generation=65535), AS_OF, NOT_INITIALIZED)
    case(f"v{n} the last even generation", segment(n, generation=65534), AS_OF, around(BOUND))
    case(f"v{n} garbage in the padding", segment(n, padding=0xFF), AS_OF + S, around(1_050_000))

# Where the layouts differ.
case("v1 has no status 3", segment(1, status=DISRUPTED), AS_OF, MALFORMED)
case("v2 in a file and size of v1", segment(2, size_bytes=72, file_bytes=72), AS_OF, MALFORMED)
disrupted = segment(2, status=DISRUPTED)
case("v2 DISRUPTED at first", disrupted, AS_OF, around(BOUND, "DISRUPTED"))
case("v2 DISRUPTED stays after grace", disrupted, AS_OF + 5 * S, around(1_250_000, "DISRUPTED"))
case("v2 DISRUPTED stays after void_after", disrupted, 2000 * S, around(51_000_000, "DISRUPTED"))

# status.disruption
aware = segment(2, disruption_support=1, disruption_marker=7)
case("v2 markers that are equal", aware, AS_OF, around(BOUND), page=vmclock(marker=7))
case("v2 markers that differ", aware, AS_OF, around(BOUND, "UNKNOWN"), page=vmclock(marker=8))
case("v2 a marker that went back", aware, AS_OF, around(BOUND, "UNKNOWN"), page=vmclock(marker=6))
case(
    "v2 markers that differ in bit 63", aware, AS_OF, around(BOUND, "UNKNOWN"), page=vmclock(marker=7 + 2**63)
)
case(
    "v2 markers that differ in bit 32", aware, AS_OF, around(BOUND, "UNKNOWN"), page=vmclock(marker=7 + 2**32)
)
case(
    "v2 equal markers don't freshen",
    aware,
    AS_OF + 5 * S,
    around(1_250_000, "FREE_RUNNING"),
    page=vmclock(marker=7),
)
case(
    "v2 markers without support",
    segment(2, disruption_marker=7),
    AS_OF,
    around(BOUND),
    page=vmclock(marker=8),
)
case("v2 no page, no support", segment(2, disruption_marker=7), AS_OF, around(BOUND))
case("v2 no page", aware, AS_OF, SYSCALL)
case("v2 no page is found before the range", segment(2, disruption_support=1, bound_ns=-1), AS_OF, SYSCALL)
case(
    "v2 a flag that isn't 1 means on",
    segment(2, disruption_support=128, disruption_marker=7),
    AS_OF,
    around(BOUND, "UNKNOWN"),
    page=vmclock(marker=8),
)
case(
    "v2 DISRUPTED with another disruption since",
    segment(2, status=DISRUPTED, disruption_support=1, disruption_marker=7),
    AS_OF,
    around(BOUND, "UNKNOWN"),
    page=vmclock(marker=8),
)
case(
    "v2 DISRUPTED with the marker it knows",
    segment(2, status=DISRUPTED, disruption_support=1, disruption_marker=7),
    AS_OF,
    around(BOUND, "DISRUPTED"),
    page=vmclock(marker=7),
)
case("v2 a page in an update", aware, AS_OF, around(BOUND, "UNKNOWN"), page=vmclock(marker=7, sequence=3))
case("v2 a page with sequence 0", aware, AS_OF, around(BOUND), page=vmclock(marker=7, sequence=0))
case("v2 an empty page", aware, AS_OF, NOT_INITIALIZED, page=b"")
case("v2 a page one byte short", aware, AS_OF, NOT_INITIALIZED, page=vmclock(marker=7, file_bytes=103))
case(
    "v2 a page with the wrong magic", aware, AS_OF, NOT_INITIALIZED, page=vmclock(marker=7, magic=0x4B4C4357)
)
case("v2 a page of version 0", aware, AS_OF, NOT_SUPPORTED, page=vmclock(marker=7, version=0))
case("v2 a page of version 2", aware, AS_OF, NOT_SUPPORTED, page=vmclock(marker=7, version=2))
case("v2 a page with a size of 103", aware, AS_OF, MALFORMED, page=vmclock(marker=7, size_bytes=103))
case("v2 a page with a size beyond it", aware, AS_OF, MALFORMED, page=vmclock(marker=7, size_bytes=105))
case(
    "v2 a page of 4096 bytes",
    aware,
    AS_OF,
    around(BOUND),
    page=vmclock(marker=7, size_bytes=4096, file_bytes=4096),
)
case("v2 a page in an update, and a breach", aware, AS_OF - 1000, BREACH, page=vmclock(marker=7, sequence=3))

# The first segment that ClockBound 2.0 was seen to write, with marker values: as_of = 0x1112131415161718 s is no
# number of seconds that fits, so the clients must refuse it whole.
DUMP_V2 = bytes.fromhex(
    "4e5a4d4100024243 5000000002000200 1817161514131211 2423222100000000 3837363534333231 2827262500000000"
    "4847464544434241 5857565554535251 6463626102000000 0100000000000000"
)
case("v2 dump of the original writer", DUMP_V2, AS_OF, MALFORMED, page=vmclock(marker=0x5152535455565758))
case("v2 dump of the original writer, no page", DUMP_V2, AS_OF, SYSCALL)
