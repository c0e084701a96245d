"""The generated Python says of every segment and message exactly what its construct declaration says."""

from __future__ import annotations

import ast
import struct
from typing import Any

import pytest
from clockbound_spec import candm, segment, vmclock
from clockbound_spec.declare import FLOAT_FRACTION_BITS, Between, Layout, OneOf
from generated import ROOT, module_from_file, module_of_messages
from hypothesis import given, settings
from hypothesis import strategies as st
from wire import Leaf, build, float_value, parse, record_leaves, values

READER = module_from_file("clients/python/src/clockbound_client/_layout.py")
WRITER = module_from_file("daemon/src/clockbound_daemon/_layout.py")
CANDM = module_from_file("daemon/src/clockbound_daemon/_candm.py")
MESSAGES = module_of_messages()

PAGES = (*segment.LAYOUTS, *vmclock.LAYOUTS)
WITH_WRITERS = [(layout, WRITER) for layout in PAGES] + [
    (layout, CANDM if layout in candm.DAEMON_LAYOUTS else MESSAGES) for layout in candm.LAYOUTS
]
WITH_READERS = [*WITH_WRITERS, *((layout, READER) for layout in PAGES)]

each_writer = pytest.mark.parametrize(
    ("layout", "module"), WITH_WRITERS, ids=[layout.layout_name for layout, _ in WITH_WRITERS]
)
each_reader = pytest.mark.parametrize(
    ("layout", "module"),
    WITH_READERS,
    ids=[f"{layout.layout_name}-{module.__name__.split('/')[0]}" for layout, module in WITH_READERS],
)


def record_class(layout: Layout, module: Any) -> Any:
    return getattr(module, "".join(word.capitalize() for word in layout.record.split("_")))


def function(layout: Layout, module: Any, pattern: str) -> Any:
    return getattr(module, pattern.format(layout.layout_name))


@each_writer
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_pack_writes_what_construct_builds(layout: Layout, module: Any, data: st.DataObject) -> None:
    flat = data.draw(values(layout))
    packed = function(layout, module, "pack_{}")(record_class(layout, module)(**flat))
    assert build(layout, flat).hex() == packed.hex()


@each_reader
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_unpack_reads_what_construct_parses(layout: Layout, module: Any, data: st.DataObject) -> None:
    image = data.draw(st.binary(min_size=layout.size_bytes, max_size=layout.size_bytes))
    record = function(layout, module, "unpack_{}")(image)
    expected = parse(layout, image)
    for leaf in record_leaves(layout):
        found = getattr(record, leaf.name)
        if leaf.is_float:
            assert expected[leaf.name] == float_value(found), leaf.name
            assert expected[leaf.name] * 2**FLOAT_FRACTION_BITS == module.decode_float(found), leaf.name
        else:
            assert expected[leaf.name] == found, leaf.name
    for name in set(record._fields) - {leaf.name for leaf in record_leaves(layout)}:
        assert getattr(record, name) == 0, f"{name} isn't in {layout.layout_name}"


@pytest.mark.parametrize(("name", "picked"), candm.PICKED.items())
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_pick_reads_what_unpack_reads(name: str, picked: tuple[str, ...], data: st.DataObject) -> None:
    size_bytes = getattr(CANDM, f"{name.upper()}_SIZE_BYTES")
    image = data.draw(st.binary(min_size=size_bytes, max_size=size_bytes))
    record = getattr(CANDM, f"unpack_{name}")(image)
    pick = getattr(CANDM, f"pick_{name}")
    assert pick(image) == tuple(getattr(record, field) for field in picked)
    for other in (image[:-1], image + b"\0"):
        with pytest.raises(struct.error):
            pick(other)


@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_a_maker_makes_what_the_class_makes(data: st.DataObject) -> None:
    names = data.draw(st.sets(st.sampled_from(WRITER.SegmentRecord._fields)))
    values = {name: data.draw(st.integers()) for name in names}
    made = WRITER.segment_record(**values)
    assert (type(made), made) == (WRITER.SegmentRecord, WRITER.SegmentRecord(**values))


@each_reader
def test_unpack_takes_longer_buffers_and_refuses_shorter_ones(layout: Layout, module: Any) -> None:
    unpack = function(layout, module, "unpack_{}")
    image = bytes(range(layout.size_bytes))
    assert unpack(image) == unpack(bytearray(image + b"behind"))
    with pytest.raises(struct.error):
        unpack(image[:-1])


def edges(leaf: Leaf) -> tuple[list[int], list[int]]:
    """Valid and invalid values next to where one becomes the other."""
    match leaf.valid:
        case Between(lowest=lowest, highest=highest):
            return [lowest, highest], [lowest - 1, highest + 1]
        case OneOf(enumeration=enumeration):
            good = [member.value for member in enumeration.members]
            return good, sorted({value + step for value in good for step in (-1, 1)} - set(good))
    return [], []


def valid_values(layout: Layout) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for leaf in record_leaves(layout):
        good, _ = edges(leaf)
        one = good[0] if good else 0
        found[leaf.name] = (
            bytes(leaf.count) if leaf.letter == "s" else (one,) * leaf.count if leaf.count else one
        )
    return found


EDGES = [
    pytest.param(layout, module, leaf, id=f"{layout.layout_name}.{leaf.name}-{module.__name__.split('/')[0]}")
    for layout, module in WITH_READERS
    for leaf in record_leaves(layout)
    if isinstance(leaf.valid, Between | OneOf)
]


@pytest.mark.parametrize(("layout", "module", "leaf"), EDGES)
def test_invalid_names_the_field_just_outside_its_edges_only(layout: Layout, module: Any, leaf: Leaf) -> None:
    invalid = function(layout, module, "{}_invalid")
    record = record_class(layout, module)(**valid_values(layout))
    good, bad = edges(leaf)
    for value in good:
        assert invalid(record._replace(**{leaf.name: value})) == "", value
    for value in bad:
        assert invalid(record._replace(**{leaf.name: value})) == leaf.name, value


def test_every_range_of_the_segment_has_its_edges_tested() -> None:
    tested = {(param.values[0].layout_name, param.values[2].name) for param in EDGES}
    for name in ("as_of_sec", "as_of_nsec", "void_after_sec", "void_after_nsec", "bound_ns", "max_drift_ppb"):
        assert {("segment_v1", name), ("segment_v2", name)} <= tested
    assert {("segment_v1", "clock_status"), ("segment_v2", "clock_status")} <= tested


def test_invalid_names_the_first_of_several_fields() -> None:
    record = READER.SegmentRecord(bound_ns=-1, as_of_nsec=10**9, clock_status=9)
    assert READER.segment_v2_invalid(record) == "as_of_nsec"


def test_disrupted_is_a_status_in_layout_2_only() -> None:
    record = READER.SegmentRecord(clock_status=3)
    assert READER.segment_v1_invalid(record) == "clock_status"
    assert READER.segment_v2_invalid(record) == ""


def test_bytes_of_the_wrong_length_are_invalid() -> None:
    request = CANDM.BurstRequest(good_samples=1, total_samples=1)
    assert CANDM.burst_request_invalid(request) == ""
    assert CANDM.burst_request_invalid(request._replace(mask_address=bytes(15))) == "mask_address"


@pytest.mark.parametrize("value", [-1, 2**16])
def test_pack_refuses_a_number_that_does_not_fit(value: int) -> None:
    with pytest.raises(struct.error):
        WRITER.pack_segment_v2(WRITER.SegmentRecord(generation=value))


@pytest.mark.parametrize("module", [READER, WRITER, CANDM], ids=lambda module: module.__name__)
def test_generated_modules_import_only_what_starts_fast(module: Any) -> None:
    tree = ast.parse((ROOT / module.__name__).read_text(encoding="utf-8"))
    found = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    # collections brings collections.abc with it.
    assert found <= {"__future__", "collections", "collections.abc", "enum", "struct"}
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Import)]
