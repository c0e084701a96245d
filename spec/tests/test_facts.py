"""Our declarations against the layouts as they are in the world, written down here a second time.

The segments' tables and dumps were taken from segments that existing writers wrote; the VMClock page's
is Linux's vmclock-abi.h; the messages' were measured on chronyd 4.3.
"""

from __future__ import annotations

import sys
from typing import Any

import pytest
from clockbound_spec import candm, segment, vmclock
from clockbound_spec.declare import Layout
from generated import module_from_file, module_of_messages
from wire import leaves

WRITER = module_from_file("daemon/src/clockbound_daemon/_layout.py")
CANDM = module_of_messages()

little_endian_machine = pytest.mark.skipif(
    sys.byteorder != "little", reason="the dumps are from a little-endian machine"
)

HEADER = [
    (0, "u32[2]", "magic"),
    (8, "u32", "segment_size"),
    (12, "u16", "version"),
    (14, "u16", "generation"),
    (16, "i64", "as_of_sec"),
    (24, "i64", "as_of_nsec"),
    (32, "i64", "void_after_sec"),
    (40, "i64", "void_after_nsec"),
    (48, "i64", "bound_ns"),
]
REQUEST = [
    (0, "u8", "version"),
    (1, "u8", "pkt_type"),
    (2, "u8", "reserved1"),
    (3, "u8", "reserved2"),
    (4, "u16", "command"),
    (6, "u16", "attempt"),
    (8, "u32", "sequence"),
    (12, "u32", "pad1"),
    (16, "u32", "pad2"),
]
REPLY = [
    (0, "u8", "version"),
    (1, "u8", "pkt_type"),
    (2, "u8", "reserved1"),
    (3, "u8", "reserved2"),
    (4, "u16", "command"),
    (6, "u16", "reply"),
    (8, "u16", "status"),
    (10, "u16", "pad1"),
    (12, "u16", "pad2"),
    (14, "u16", "pad3"),
    (16, "u32", "sequence"),
    (20, "u32", "pad4"),
    (24, "u32", "pad5"),
]


def ip_addr(at: int, name: str) -> list[tuple[int, str, str]]:
    return [
        (at, "u8[16]", f"{name}_address"),
        (at + 16, "u16", f"{name}_family"),
        (at + 18, "u16", f"{name}_pad"),
    ]


# name: (declaration, length, order, every field's offset, type and name)
TABLES: dict[str, tuple[Layout, int, str, list[tuple[int, str, str]]]] = {
    "segment_v1": (
        segment.SEGMENT_V1,
        72,
        "=",
        [
            *HEADER,
            (56, "u32", "max_drift_ppb"),
            (60, "u32", "reserved"),
            (64, "i32", "clock_status"),
            (68, "u8[4]", "padding"),
        ],
    ),
    "segment_v2": (
        segment.SEGMENT_V2,
        80,
        "=",
        [
            *HEADER,
            (56, "u64", "disruption_marker"),
            (64, "u32", "max_drift_ppb"),
            (68, "i32", "clock_status"),
            (72, "u8", "clock_disruption_support_enabled"),
            (73, "u8[7]", "padding"),
        ],
    ),
    "vmclock": (
        vmclock.VMCLOCK,
        104,
        "<",
        [
            (0, "u32", "magic"),
            (4, "u32", "size"),
            (8, "u16", "version"),
            (10, "u8", "counter_id"),
            (11, "u8", "time_type"),
            (12, "u32", "seq_count"),
            (16, "u64", "disruption_marker"),
            (24, "u64", "flags"),
            (32, "u8[2]", "padding"),
            (34, "u8", "clock_status"),
            (35, "u8", "leap_second_smearing_hint"),
            (36, "i16", "tai_offset_sec"),
            (38, "u8", "leap_indicator"),
            (39, "u8", "counter_period_shift"),
            (40, "u64", "counter_value"),
            (48, "u64", "counter_period_frac_sec"),
            (56, "u64", "counter_period_esterror_rate_frac_sec"),
            (64, "u64", "counter_period_maxerror_rate_frac_sec"),
            (72, "u64", "time_sec"),
            (80, "u64", "time_frac_sec"),
            (88, "u64", "time_esterror_nanosec"),
            (96, "u64", "time_maxerror_nanosec"),
        ],
    ),
    "request_header": (candm.REQUEST_HEADER, 20, ">", REQUEST),
    "reply_header": (candm.REPLY_HEADER, 28, ">", REPLY),
    "burst_request": (
        candm.BURST_REQUEST,
        68,
        ">",
        [
            *REQUEST,
            *ip_addr(20, "mask"),
            *ip_addr(40, "address"),
            (60, "i32", "good_samples"),
            (64, "i32", "total_samples"),
        ],
    ),
    "n_sources_request": (candm.N_SOURCES_REQUEST, 32, ">", [*REQUEST, (20, "u8[12]", "fill")]),
    "n_sources_reply": (candm.N_SOURCES_REPLY, 32, ">", [*REPLY, (28, "u32", "n_sources")]),
    "source_data_request": (
        candm.SOURCE_DATA_REQUEST,
        76,
        ">",
        [*REQUEST, (20, "i32", "source_index"), (24, "u8[52]", "fill")],
    ),
    "source_data_reply": (
        candm.SOURCE_DATA_REPLY,
        76,
        ">",
        [
            *REPLY,
            *ip_addr(28, "ip_addr"),
            (48, "i16", "poll"),
            (50, "u16", "stratum"),
            (52, "u16", "state"),
            (54, "u16", "mode"),
            (56, "u16", "flags"),
            (58, "u16", "reachability"),
            (60, "u32", "since_sample"),
            (64, "float", "orig_latest_meas"),
            (68, "float", "latest_meas"),
            (72, "float", "latest_meas_err"),
        ],
    ),
    "tracking_request": (candm.TRACKING_REQUEST, 104, ">", [*REQUEST, (20, "u8[84]", "fill")]),
    "tracking_reply": (
        candm.TRACKING_REPLY,
        104,
        ">",
        [
            *REPLY,
            (28, "u32", "ref_id"),
            *ip_addr(32, "ip_addr"),
            (52, "u16", "stratum"),
            (54, "u16", "leap_status"),
            (56, "u32", "ref_time_sec_high"),
            (60, "u32", "ref_time_sec_low"),
            (64, "u32", "ref_time_nsec"),
            (68, "float", "current_correction"),
            (72, "float", "last_offset"),
            (76, "float", "rms_offset"),
            (80, "float", "freq_ppm"),
            (84, "float", "resid_freq_ppm"),
            (88, "float", "skew_ppm"),
            (92, "float", "root_delay"),
            (96, "float", "root_dispersion"),
            (100, "float", "last_update_interval"),
        ],
    ),
    "activity_request": (candm.ACTIVITY_REQUEST, 48, ">", [*REQUEST, (20, "u8[28]", "fill")]),
    "activity_reply": (
        candm.ACTIVITY_REPLY,
        48,
        ">",
        [
            *REPLY,
            (28, "i32", "online"),
            (32, "i32", "offline"),
            (36, "i32", "burst_online"),
            (40, "i32", "burst_offline"),
            (44, "i32", "unresolved"),
        ],
    ),
    "reset_sources_request": (candm.RESET_SOURCES_REQUEST, 28, ">", [*REQUEST, (20, "u8[8]", "fill")]),
}

ITEM_BYTES = {"u8": 1, "i8": 1, "u16": 2, "i16": 2, "u32": 4, "i32": 4, "u64": 8, "i64": 8, "float": 4}
LETTERS = {
    "B": "u8",
    "b": "i8",
    "H": "u16",
    "h": "i16",
    "L": "u32",
    "l": "i32",
    "Q": "u64",
    "q": "i64",
    "s": "u8",
}
LAYOUTS = (*segment.LAYOUTS, *vmclock.LAYOUTS, *candm.LAYOUTS)


def size_bytes(kind: str) -> int:
    item, _, count = kind.rstrip("]").partition("[")
    return ITEM_BYTES[item] * int(count or 1)


def test_every_declaration_has_a_table_here() -> None:
    assert sorted(TABLES) == sorted(layout.layout_name for layout in LAYOUTS)


@pytest.mark.parametrize("name", TABLES)
def test_a_table_here_has_no_holes(name: str) -> None:
    _, length, _, rows = TABLES[name]
    end = 0
    for offset, kind, field in rows:
        assert end == offset, field
        end += size_bytes(kind)
    assert length == end


@pytest.mark.parametrize("name", TABLES)
def test_a_declaration_has_the_fields_and_types_of_its_table(name: str) -> None:
    layout, length, order, rows = TABLES[name]
    found = []
    for leaf in leaves(layout):
        kind = "float" if leaf.is_float else LETTERS[leaf.letter]
        found.append((f"{kind}[{leaf.count}]" if leaf.count else kind, leaf.name))
    assert [(kind, field) for _, kind, field in rows] == found
    assert length == layout.size_bytes == layout.sizeof()
    assert {order} == {fmtstr[0] for fmtstr in formats(layout) if fmtstr[1] not in "Bb"}


def formats(layout: Layout) -> list[str]:
    found: list[str] = []
    for declared in layout.subcons:
        inner = declared
        while hasattr(inner, "subcon"):
            inner = inner.subcon
        found += (
            formats(inner)
            if isinstance(inner, Layout)
            else [inner.fmtstr]
            if hasattr(inner, "fmtstr")
            else []
        )
    return found


@pytest.mark.parametrize("name", TABLES)
def test_construct_finds_each_field_at_its_offset(name: str) -> None:
    """One byte after the other is set, and the field that the table has there must be the one that changes."""
    layout, length, _, rows = TABLES[name]
    for offset, kind, field in rows:
        for byte in range(offset, offset + size_bytes(kind)):
            image = bytearray(length)
            image[byte] = 1
            assert [field] == [leaf for leaf, value in all_values(layout, bytes(image)) if _is_set(value)], (
                byte
            )


def all_values(layout: Layout, image: bytes) -> list[tuple[str, Any]]:
    parsed = layout.parse(image)
    found = []
    for leaf in leaves(layout):
        value = parsed
        for part in leaf.path:
            value = value[part]
        found.append((leaf.name, value))
    return found


def _is_set(value: Any) -> bool:
    return any(value) if isinstance(value, bytes | list) else value != 0


@pytest.mark.parametrize("name", TABLES)
def test_generated_python_has_the_offsets_and_the_length(name: str) -> None:
    layout, length, _, rows = TABLES[name]
    module = CANDM if layout in candm.LAYOUTS else WRITER
    constants = vars(module)
    assert length == constants[f"{name.upper()}_SIZE_BYTES"]
    reserved = {leaf.name for leaf in leaves(layout) if type(leaf.valid).__name__ == "Reserved"}
    for offset, _, field in rows:
        if field not in reserved:
            assert offset == constants[f"{name.upper()}_{field.upper()}_OFFSET_BYTES"], field


# What existing writers wrote first, with a marker in each field.
DUMP_V1 = bytes.fromhex(
    "4e 5a 4d 41 00 02 42 43  48 00 00 00 01 00 02 00"
    "18 17 16 15 14 13 12 11  24 23 22 21 00 00 00 00"
    "38 37 36 35 34 33 32 31  28 27 26 25 00 00 00 00"
    "48 47 46 45 44 43 42 41  64 63 62 61 74 73 72 71"
    "02 00 00 00 ff ff ff ff"
)
DUMP_V2 = bytes.fromhex(
    "4e 5a 4d 41 00 02 42 43  50 00 00 00 02 00 02 00"
    "18 17 16 15 14 13 12 11  24 23 22 21 00 00 00 00"
    "38 37 36 35 34 33 32 31  28 27 26 25 00 00 00 00"
    "48 47 46 45 44 43 42 41  58 57 56 55 54 53 52 51"
    "64 63 62 61 02 00 00 00  01 00 00 00 00 00 00 00"
)
MARKERS = {
    "generation": 2,
    "as_of": {"sec": 0x1112131415161718, "nsec": 0x21222324},
    "void_after": {"sec": 0x3132333435363738, "nsec": 0x25262728},
    "bound_ns": 0x4142434445464748,
    "max_drift_ppb": 0x61626364,
    "clock_status": 2,
}
MARKERS_V2 = {**MARKERS, "disruption_marker": 0x5152535455565758, "clock_disruption_support_enabled": 1}


def plain_values(container: Any) -> dict[str, Any]:
    return {
        key: plain_values(value)
        if isinstance(value, dict)
        else list(value)
        if isinstance(value, list)
        else value
        for key, value in container.items()
        if key != "_io"
    }


@little_endian_machine
def test_the_dump_of_layout_1_parses_to_its_markers() -> None:
    expected = {
        "magic": [0x414D5A4E, 0x43420200],
        "segment_size": 72,
        "version": 1,
        **MARKERS,
        "reserved": 0x71727374,
        "padding": b"\xff\xff\xff\xff",
    }
    assert expected == plain_values(segment.SEGMENT_V1.parse(DUMP_V1))


@little_endian_machine
def test_the_dump_of_layout_2_parses_to_its_markers() -> None:
    expected = {
        "magic": [0x414D5A4E, 0x43420200],
        "segment_size": 80,
        "version": 2,
        **MARKERS_V2,
        "padding": bytes(7),
    }
    assert expected == plain_values(segment.SEGMENT_V2.parse(DUMP_V2))


def flat(nested: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in nested.items():
        found.update(
            {f"{key}_{part}": v for part, v in value.items()} if isinstance(value, dict) else {key: value}
        )
    return found


@little_endian_machine
def test_layout_1_is_written_like_the_dump_but_for_its_reserved_bytes() -> None:
    expected = DUMP_V1[:60] + bytes(4) + DUMP_V1[64:68] + bytes(4)
    assert expected.hex() == segment.SEGMENT_V1.build(MARKERS).hex()
    assert expected.hex() == WRITER.pack_segment_v1(WRITER.SegmentRecord(**flat(MARKERS))).hex()


@little_endian_machine
def test_layout_2_is_written_like_the_dump() -> None:
    assert DUMP_V2.hex() == segment.SEGMENT_V2.build(MARKERS_V2).hex()
    assert DUMP_V2.hex() == WRITER.pack_segment_v2(WRITER.SegmentRecord(**flat(MARKERS_V2))).hex()


@little_endian_machine
@pytest.mark.parametrize(
    ("unpack", "dump", "markers"),
    [
        (WRITER.unpack_segment_v1, DUMP_V1, MARKERS),
        (WRITER.unpack_segment_v2, DUMP_V2, MARKERS_V2),
    ],
    ids=["segment_v1", "segment_v2"],
)
def test_the_generated_reader_finds_the_markers(unpack: Any, dump: bytes, markers: dict[str, Any]) -> None:
    assert WRITER.SegmentRecord(**flat(markers)) == unpack(dump)


@pytest.mark.parametrize(
    ("name", "value"),
    {
        "SEGMENT_V1_MAGIC": (0x414D5A4E, 0x43420200),
        "SEGMENT_V2_MAGIC": (0x414D5A4E, 0x43420200),
        "SEGMENT_V1_SEGMENT_SIZE": 72,
        "SEGMENT_V2_SEGMENT_SIZE": 80,
        "SEGMENT_V1_VERSION": 1,
        "SEGMENT_V2_VERSION": 2,
        "VMCLOCK_MAGIC": 0x4B4C4356,
        "VMCLOCK_VERSION": 1,
        "DEFAULT_SEGMENT_V1_PATH": "/var/run/clockbound/shm",
        "DEFAULT_SEGMENT_V2_PATH": "/var/run/clockbound/shm0",
        "DEFAULT_VMCLOCK_PATH": "/dev/vmclock0",
    }.items(),
)
def test_a_constant_of_the_segment_is_what_it_must_be(name: str, value: Any) -> None:
    assert value == getattr(WRITER, name)


def test_the_vmclock_magic_spells_vclk_on_every_machine() -> None:
    assert vmclock.VMCLOCK.build(dict.fromkeys(NAMES_VMCLOCK, 0))[:4] == b"VCLK"


NAMES_VMCLOCK = [name for _, _, name in TABLES["vmclock"][3] if name not in ("magic", "version", "padding")]

# command: (code, reply's code)
CODES = {
    "BURST": (3, None),
    "N_SOURCES": (14, 2),
    "SOURCE_DATA": (15, 3),
    "TRACKING": (33, 5),
    "ACTIVITY": (44, 12),
    "RESET_SOURCES": (66, None),
}


@pytest.mark.parametrize("command", CODES)
def test_a_message_carries_its_codes(command: str) -> None:
    code, reply = CODES[command]
    assert (6, 1, code) == tuple(
        getattr(CANDM, f"{command}_REQUEST_{name}") for name in ("VERSION", "PKT_TYPE", "COMMAND")
    )
    assert code == CANDM.CandmCommand[command]
    if reply is not None:
        assert (6, 2, code, reply) == tuple(
            getattr(CANDM, f"{command}_REPLY_{name}") for name in ("VERSION", "PKT_TYPE", "COMMAND", "REPLY")
        )
        assert reply == CANDM.CandmReply[command]
    assert CANDM.CandmReply.NULL == 1


@pytest.mark.parametrize("command", ["N_SOURCES", "SOURCE_DATA", "TRACKING", "ACTIVITY"])
def test_a_request_is_as_long_as_its_reply(command: str) -> None:
    assert getattr(CANDM, f"{command}_REPLY_SIZE_BYTES") == getattr(CANDM, f"{command}_REQUEST_SIZE_BYTES")


@pytest.mark.parametrize("command", ["BURST", "RESET_SOURCES"])
def test_a_request_without_a_reply_body_is_no_shorter_than_a_reply_header(command: str) -> None:
    assert getattr(CANDM, f"{command}_REQUEST_SIZE_BYTES") >= CANDM.REPLY_HEADER_SIZE_BYTES == 28


def test_statuses_and_leap_states_have_chronyds_numbers() -> None:
    numbers = [*range(10), *range(11, 20), 21]  # 10 and 20 are no longer in use
    assert numbers == [status.value for status in CANDM.CandmStatus]
    assert CANDM.CandmStatus.UNAUTHORISED == 2
    assert CANDM.CandmStatus.NO_SUCH_SOURCE == 4
    assert CANDM.CandmStatus.BAD_PACKET_VERSION == 18
    assert CANDM.CandmStatus.BAD_PACKET_LENGTH == 19
    assert [leap.name for leap in CANDM.CandmLeap] == [
        "NORMAL",
        "INSERT_SECOND",
        "DELETE_SECOND",
        "UNSYNCHRONISED",
    ]
    assert [leap.value for leap in CANDM.CandmLeap] == [0, 1, 2, 3]


def test_statuses_and_error_kinds_have_the_original_numbers() -> None:
    assert {status.name: status.value for status in WRITER.ClockStatus} == {
        "UNKNOWN": 0,
        "SYNCHRONIZED": 1,
        "FREE_RUNNING": 2,
        "DISRUPTED": 3,
    }
    assert [kind.name for kind in sorted(WRITER.ErrorKind)] == [
        "NONE",
        "SYSCALL",
        "SEGMENT_NOT_INITIALIZED",
        "SEGMENT_MALFORMED",
        "CAUSALITY_BREACH",
        "SEGMENT_VERSION_NOT_SUPPORTED",
    ]
    assert list(range(6)) == [kind.value for kind in WRITER.ErrorKind]


@pytest.mark.parametrize(
    ("name", "value"),
    {
        "GRACE_NS": 5 * 10**9,
        "VOID_AFTER_NS": 1000 * 10**9,
        "CAUSALITY_TOLERANCE_NS": 1000,
        "DRIFT_LIMIT_PPB": 10**9,
        "READ_ATTEMPTS_COUNT": 1000,
        "REOPEN_INTERVAL_NS": 10**9,
        "DEFAULT_DRIFT_PPB": 50_000,
        "UNSYNCHRONISED_BOUND_NS": 3_155_760_000_000_000_000,
        "STALE_UPDATE_INTERVALS_COUNT": 8,
        "STALE_POLLS_COUNT": 8,
        "FUTURE_SAMPLE_TOLERANCE_NS": 10**9,
        "NANOSECONDS_PER_SECOND": 10**9,
    }.items(),
)
def test_a_limit_is_what_the_rules_were_agreed_with(name: str, value: int) -> None:
    assert value == getattr(WRITER, name)


OUT_OF_RANGE = [
    ("bound_ns", -1),
    ("max_drift_ppb", 10**9),
    ("as_of_nsec", -1),
    ("as_of_nsec", 10**9),
    ("void_after_nsec", -1),
    ("void_after_nsec", 10**9),
    ("as_of_sec", 2**63 // 10**9 + 1),
    ("as_of_sec", -(2**63) // 10**9),
    ("void_after_sec", 2**63 // 10**9 + 1),
    ("void_after_sec", -(2**63) // 10**9),
    ("clock_status", -1),
    ("clock_status", 4),
]
IN_RANGE = [
    ("bound_ns", 2**63 - 1),
    ("max_drift_ppb", 10**9 - 1),
    ("as_of_nsec", 10**9 - 1),
    ("void_after_nsec", 10**9 - 1),
    ("as_of_sec", 2**63 // 10**9),
    ("void_after_sec", 2**63 // 10**9),
    ("clock_status", 2),
    ("disruption_marker", 2**64 - 1),
    ("generation", 65535),
    ("clock_disruption_support_enabled", 255),
]
each_invalid = pytest.mark.parametrize(
    "invalid", [WRITER.segment_v1_invalid, WRITER.segment_v2_invalid], ids=["segment_v1", "segment_v2"]
)


@each_invalid
@pytest.mark.parametrize(("name", "value"), OUT_OF_RANGE)
def test_a_value_that_no_segment_may_have_is_invalid(invalid: Any, name: str, value: int) -> None:
    assert invalid(WRITER.SegmentRecord(**{name: value})) == name


@each_invalid
@pytest.mark.parametrize(("name", "value"), IN_RANGE)
def test_a_value_at_the_end_of_its_range_is_valid(invalid: Any, name: str, value: int) -> None:
    assert invalid(WRITER.SegmentRecord(**{name: value})) == ""
