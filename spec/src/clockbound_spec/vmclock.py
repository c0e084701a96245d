"""The VMClock page: what a hypervisor tells its guest about the guest's clock.

Defined by the Linux uapi header vmclock-abi.h; little-endian on every machine. Readers here use the
magic, the size, the version, seq_count and the disruption marker.
"""

from __future__ import annotations

from construct import Bytes, Int8ul, Int16sl, Int16ul, Int32ul, Int64ul

from clockbound_spec.declare import Anything, Enumeration, Exactly, Layout, Member, Reserved, Valid, field

HYPERVISOR = "hypervisor"

VMCLOCK_STATUS = Enumeration(
    "VmclockStatus",
    "",
    "What the hypervisor thinks of the clock that the page describes.",
    (
        Member("UNKNOWN", 0, "Nothing is known."),
        Member("INITIALIZING", 1, "It is being set up."),
        Member("SYNCHRONIZED", 2, "It is synchronised."),
        Member("FREERUNNING", 3, "It runs without corrections."),
        Member("UNRELIABLE", 4, "It must not be relied on."),
    ),
)


def _field(name: str, subcon: object, at: int, unit: str, meaning: str, valid: Valid | None = None) -> object:
    return field(
        name, subcon, at=at, unit=unit, meaning=meaning, valid=valid or Anything(), writer=HYPERVISOR
    )


VMCLOCK = Layout(
    "vmclock",
    _field(
        "magic",
        Int32ul,
        0,
        "id",
        'Says that this is a VMClock page: the letters "VCLK".',
        Exactly(0x4B4C4356),
    ),
    _field("size", Int32ul, 4, "bytes", "Length of the page's structure; newer ones may be longer."),
    _field("version", Int16ul, 8, "code", "Version of the structure.", Exactly(1)),
    _field("counter_id", Int8ul, 10, "code", "Which hardware counter the page speaks of; 255 means none."),
    _field(
        "time_type",
        Int8ul,
        11,
        "code",
        "Time scale of time_sec: 0 UTC, 1 TAI, 2 monotonic; newer values may come.",
    ),
    _field(
        "seq_count",
        Int32ul,
        12,
        "count",
        "Odd while the hypervisor updates the page; differs after every update.",
    ),
    _field(
        "disruption_marker",
        Int64ul,
        16,
        "id",
        "Changes, by any amount, each time this guest's clock was disrupted, by live migration say.",
    ),
    _field("flags", Int64ul, 24, "bits", "Which of the other fields are meaningful."),
    _field("padding", Bytes(2), 32, "-", "Fills up to the next field.", Reserved()),
    _field(
        "clock_status",
        Int8ul,
        34,
        "code",
        "What the hypervisor thinks of the clock: 0 unknown, 1 initialising, 2 synchronised, 3 free-running, "
        "4 unreliable.",
        Anything("newer hypervisors may add values"),
    ),
    _field(
        "leap_second_smearing_hint",
        Int8ul,
        35,
        "code",
        "How leap seconds are spread: 0 strictly, 1 noon, 2 UTC-SLS.",
    ),
    _field("tai_offset_sec", Int16sl, 36, "s", "TAI minus UTC, where the flags say that it is known."),
    _field(
        "leap_indicator",
        Int8ul,
        38,
        "code",
        "Whether a leap second is near, where the flags say that it is known.",
    ),
    _field("counter_period_shift", Int8ul, 39, "count", "Further binary places of the counter's period."),
    _field("counter_value", Int64ul, 40, "count", "The counter at the instant that the time fields give."),
    _field(
        "counter_period_frac_sec",
        Int64ul,
        48,
        "s * 2**-(64 + counter_period_shift)",
        "Length of one tick of the counter.",
    ),
    _field(
        "counter_period_esterror_rate_frac_sec",
        Int64ul,
        56,
        "s * 2**-(64 + counter_period_shift)",
        "Estimated error of the tick's length.",
    ),
    _field(
        "counter_period_maxerror_rate_frac_sec",
        Int64ul,
        64,
        "s * 2**-(64 + counter_period_shift)",
        "Largest error of the tick's length.",
    ),
    _field(
        "time_sec", Int64ul, 72, "s", "Whole seconds of the instant at which the counter had counter_value."
    ),
    _field("time_frac_sec", Int64ul, 80, "s * 2**-64", "Fraction of that second."),
    _field("time_esterror_nanosec", Int64ul, 88, "ns", "Estimated error of that instant."),
    _field("time_maxerror_nanosec", Int64ul, 96, "ns", "Largest error of that instant."),
    size_bytes=104,
    title="VMClock page",
    meaning="The page that a hypervisor maps into its guest, /dev/vmclock0.",
)

LAYOUTS = (VMCLOCK,)
ENUMERATIONS = (VMCLOCK_STATUS,)
