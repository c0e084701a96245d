"""layout.json is enough: a reader that knows nothing but the file reads segments and messages."""

from __future__ import annotations

import json
import struct
import sys
from fractions import Fraction
from typing import Any

import pytest
from clockbound_spec import candm, segment, vmclock
from clockbound_spec.declare import Layout
from generated import ROOT
from hypothesis import given, settings
from hypothesis import strategies as st
from test_facts import DUMP_V1, DUMP_V2, little_endian_machine
from wire import parse

DOCUMENT = json.loads((ROOT / "spec/layout.json").read_text(encoding="utf-8"))

# The reader: from here on, only DOCUMENT says what the bytes are.
_LETTERS = {"u8": "B", "i8": "b", "u16": "H", "i16": "h", "u32": "I", "i32": "i", "u64": "Q", "i64": "q"}
_ORDERS = {"native": "=", "little": "<", "big": ">"}


def integer(value: int | str) -> int:
    return int(value)


def read(name: str, data: bytes) -> tuple[dict[str, Any], list[str]]:
    """The values of a layout's fields, and complaints about those that aren't valid."""
    layout = DOCUMENT["layouts"][name]
    if len(data) < layout["size_bytes"]:
        return {}, ["too short"]
    values, complaints = {}, []
    for field in layout["fields"]:
        if field["valid"]["kind"] == "reserved":
            continue
        value = _read_field(field, _ORDERS[layout["byte_order"]], data)
        if not _is_valid(field, value):
            complaints.append(field["name"])
        if field["valid"]["kind"] != "exactly":
            values[field["name"]] = value
    return values, complaints


def _read_field(field: dict[str, Any], order: str, data: bytes) -> Any:
    if field["type"] == "bytes":
        return data[field["offset_bytes"] : field["offset_bytes"] + field["count"]]
    items = struct.unpack_from(
        f"{order}{field['count'] or 1}{_LETTERS[field['type']]}", data, field["offset_bytes"]
    )
    if field["encoding"] == "candm_float":
        items = tuple(map(_decode, items))
    return items if field["count"] else items[0]


def _decode(word: int) -> Fraction:
    """As DOCUMENT["encodings"]["candm_float"] says."""
    exponent, coefficient = word >> 25, word % 2**25
    exponent -= 128 if exponent >= 64 else 0
    coefficient -= 2**25 if coefficient >= 2**24 else 0
    return coefficient * Fraction(2) ** (exponent - 25)


def _is_valid(field: dict[str, Any], value: Any) -> bool:
    valid = field["valid"]
    match valid["kind"]:
        case "exactly":
            wanted = valid["value"]
            return bool(value == (tuple(map(integer, wanted)) if field["count"] else integer(wanted)))
        case "between":
            return bool(integer(valid["lowest"]) <= value <= integer(valid["highest"]))
        case "one_of":
            return value in valid["values"]
        case "anything":
            return True
    raise AssertionError(valid)


# End of the reader.

LAYOUTS = (*segment.LAYOUTS, *vmclock.LAYOUTS, *candm.LAYOUTS)


@little_endian_machine
def test_the_reader_finds_the_markers_in_the_dump_of_layout_1() -> None:
    values, complaints = read("segment_v1", DUMP_V1)
    assert values == {
        "generation": 2,
        "as_of_sec": 0x1112131415161718,
        "as_of_nsec": 0x21222324,
        "void_after_sec": 0x3132333435363738,
        "void_after_nsec": 0x25262728,
        "bound_ns": 0x4142434445464748,
        "max_drift_ppb": 0x61626364,
        "clock_status": 2,
    }
    # The markers are no times or rates that a daemon would write.
    assert complaints == ["as_of_sec", "void_after_sec", "max_drift_ppb"]


@little_endian_machine
def test_the_reader_finds_the_markers_in_the_dump_of_layout_2() -> None:
    values, complaints = read("segment_v2", DUMP_V2)
    assert values["disruption_marker"] == 0x5152535455565758
    assert values["max_drift_ppb"] == 0x61626364
    assert values["clock_status"] == 2
    assert values["clock_disruption_support_enabled"] == 1
    assert complaints == ["as_of_sec", "void_after_sec", "max_drift_ppb"]


@little_endian_machine
def test_the_reader_tells_the_layouts_and_lengths_apart() -> None:
    assert "version" in read("segment_v1", DUMP_V2)[1]
    assert "segment_size" in read("segment_v2", DUMP_V1 + bytes(8))[1]
    assert read("segment_v2", DUMP_V1)[1] == ["too short"]
    assert "magic" in read("segment_v1", DUMP_V1[::-1])[1]


@pytest.mark.parametrize("layout", LAYOUTS, ids=[layout.layout_name for layout in LAYOUTS])
@settings(max_examples=50)
@given(data=st.data())
def test_the_reader_reads_what_construct_parses(layout: Layout, data: st.DataObject) -> None:
    image = data.draw(st.binary(min_size=layout.size_bytes, max_size=layout.size_bytes))
    assert parse(layout, image) == read(layout.layout_name, image)[0]


def test_every_number_survives_parsers_that_have_only_doubles() -> None:
    def numbers(value: Any) -> list[int]:
        if isinstance(value, dict):
            return [number for item in value.values() for number in numbers(item)]
        if isinstance(value, list):
            return [number for item in value for number in numbers(item)]
        return [value] if isinstance(value, int) else []

    assert max(map(abs, numbers(DOCUMENT))) <= 2**53
    assert DOCUMENT["limits"]["UNSYNCHRONISED_BOUND_NS"]["value"] == "3155760000000000000"


def test_every_field_says_everything() -> None:
    wanted = {
        "name",
        "offset_bytes",
        "size_bytes",
        "type",
        "count",
        "encoding",
        "unit",
        "valid",
        "writer",
        "meaning",
    }
    for name, layout in DOCUMENT["layouts"].items():
        for field in layout["fields"]:
            assert wanted <= set(field), (name, field["name"])
            assert field["unit"] in DOCUMENT["units"]
            assert field["encoding"] in DOCUMENT["encodings"]
            assert field["valid"]["kind"] in DOCUMENT["valid"]
            assert field["meaning"].endswith(".")
            assert field["writer"]


def test_the_words_that_the_reader_went_by_are_explained() -> None:
    assert sys.byteorder in DOCUMENT["byte_orders"]
    for name, layout in DOCUMENT["layouts"].items():
        assert layout["byte_order"] in DOCUMENT["byte_orders"], name


def test_vocabulary_and_rules_are_in_the_document() -> None:
    assert [member["value"] for member in DOCUMENT["enumerations"]["ClockStatus"]["members"]] == [0, 1, 2, 3]
    assert "SEGMENT_MALFORMED" in {
        member["name"] for member in DOCUMENT["enumerations"]["ErrorKind"]["members"]
    }
    assert DOCUMENT["paths"]["DEFAULT_SEGMENT_V2_PATH"]["value"] == "/var/run/clockbound/shm0"
    ids = [rule["id"] for rule in DOCUMENT["rules"]]
    assert len(ids) == len(set(ids))
    assert {
        "open.not-initialised",
        "open.version",
        "open.malformed",
        "read.consistent",
        "read.bounded",
        "read.reopen",
        "read.threads",
        "clock.precise",
        "bound.range",
        "bound.causality",
        "bound.growth",
        "interval.ends",
        "status.fixed",
        "status.grace",
        "status.void-after",
        "status.disruption",
        "write.order",
        "write.resume",
        "write.replace",
        "write.single",
        "write.mode",
    } <= set(ids)
