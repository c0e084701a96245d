"""A layout that is declared here, and nowhere else, becomes C that compiles and Python that round-trips."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import construct
import pytest
from c_program import CProgram
from clockbound_spec import segment, vmclock
from clockbound_spec.declare import (
    Anything,
    Between,
    Enumeration,
    Exactly,
    Float32,
    Layout,
    Member,
    OneOf,
    Reserved,
    Valid,
    field,
)
from clockbound_spec.emit import c, python
from clockbound_spec.model import plain
from construct import Bytes
from generated import ROOT, module_from_text
from hypothesis import given, settings
from hypothesis import strategies as st
from wire import build, extremes, float_value, leaves, parse, record_leaves, values

GREETING = Enumeration(
    "Greeting",
    "",
    "How one says hello.",
    (
        Member("NONE", 0, "Not at all."),
        Member("LOUD", 7, "So that all hear it."),
        Member("OLD", -4, "As once."),
    ),
)


def toy(
    name: str, subcon: Any, at: int, valid: Valid | None = None, unit: str = "count"
) -> construct.Construct:
    return field(
        name, subcon, at=at, unit=unit, meaning="A toy.", valid=valid or Anything(), writer="the test"
    )


def animal(letter: str, *, order: str) -> Layout:
    """Every type, alone and in an array, in one byte order; `letter` is construct's for that order."""

    def integer(bits: int, sign: str) -> Any:
        return getattr(construct, f"Int{bits}{sign}{letter}")

    paw = Layout(
        "paw",
        toy("toes", integer(16, "s"), 0, Between(-2, 5)),
        toy("claws", Bytes(2), 2),
        size_bytes=4,
        title="Paw",
        meaning="A part of an animal.",
    )
    return Layout(
        f"animal_{order}",
        toy("magic", integer(64, "u"), 0, Exactly(2**64 - 1), "id"),
        toy("ancestors", integer(64, "s")[2], 8, Exactly((-(2**63), 2**63 - 1)), "id"),
        toy("mass", integer(64, "u"), 24),
        toy("height", integer(64, "s"), 32, Between(-(2**63) + 1, 2**62)),
        toy("weeks", integer(64, "s")[3], 40),
        toy("born", integer(32, "u"), 64, Between(1, 2**32 - 2)),
        toy("greeting", integer(32, "s"), 68, OneOf(GREETING), "code"),
        toy("friends", integer(32, "u")[2], 72, Between(3, 2**31)),
        toy("stripes", integer(16, "u"), 80),
        toy("spots", integer(16, "s"), 82, Between(-30000, 30000)),
        field("paw", paw, at=84, meaning="One of its paws."),
        toy("tail", integer(16, "s"), 88, Exactly(-(2**15))),
        toy("eyes", integer(8, "u")[2], 90),
        toy("ears", integer(8, "s"), 92, Between(-100, 100)),
        toy("nose", integer(8, "u"), 93, Exactly(255)),
        toy("gap", integer(8, "u")[2], 94, Reserved(), "-"),
        toy("name", Bytes(5), 96, unit="id"),
        toy("end", Bytes(3), 101, Reserved(), "-"),
        size_bytes=104,
        title="Animal",
        meaning="An animal with a little of everything.",
    )


NATIVE, LITTLE, BIG = animal("n", order="native"), animal("l", order="little"), animal("b", order="big")
POSTCARD = Layout(
    "postcard",
    toy("wish", Float32, 0, unit="s"),
    toy("hopes", Float32[2], 4, unit="s"),
    toy("stamp", construct.Int32ub, 12, Exactly(0x01020304)),
    size_bytes=16,
    title="Postcard",
    meaning="Holds chronyd's float.",
)
PARCEL = Layout(
    "parcel",
    toy("sender", construct.Int16ub, 0),
    toy("gap", construct.Int8ub, 2, Reserved(), "-"),
    toy("seal", construct.Int8ub, 3, Exactly(9)),
    toy("receiver", construct.Int16ub, 4),
    size_bytes=6,
    title="Parcel",
    meaning="A constant parts what readers get.",
)
LAYOUTS = (NATIVE, LITTLE, BIG, POSTCARD, PARCEL)
PLAIN = tuple(plain(layout) for layout in LAYOUTS)
PYTHON = module_from_text(python.module("Toys.", enumerations=(GREETING,), layouts=PLAIN))

each_layout = pytest.mark.parametrize("layout", LAYOUTS, ids=[layout.layout_name for layout in LAYOUTS])


@pytest.fixture(scope="module")
def toys_in_c(tmp_path_factory: pytest.TempPathFactory) -> CProgram:
    header = c.layout_header(PLAIN, (), (), "TOYS_H")
    return CProgram(tmp_path_factory.mktemp("toys"), header, LAYOUTS)


@pytest.fixture(scope="module")
def segments_in_c(tmp_path_factory: pytest.TempPathFactory) -> CProgram:
    header = (ROOT / "clients/c/src/segment_layout.h").read_text(encoding="utf-8")
    return CProgram(tmp_path_factory.mktemp("segments"), header, (*segment.LAYOUTS, *vmclock.LAYOUTS))


def record_of(layout: Layout, flat: dict[str, Any]) -> Any:
    name = "".join(word.capitalize() for word in layout.record.split("_"))
    return getattr(PYTHON, name)(**flat)


def assert_c_agrees(program: CProgram, layout: Layout) -> None:
    table = list(extremes(layout, seed=1, random_count=100))
    images = [build(layout, flat) for flat in table]
    for flat, image, answer in zip(
        table, images, program.ask([(layout, image) for image in images]), strict=True
    ):
        assert flat == answer.values
        assert set(answer.lacking.values()) <= {0}
        assert image.hex() == answer.stored.hex()


@each_layout
def test_generated_c_reads_and_writes_what_construct_builds(toys_in_c: CProgram, layout: Layout) -> None:
    assert_c_agrees(toys_in_c, layout)


@pytest.mark.parametrize("layout", [*segment.LAYOUTS, *vmclock.LAYOUTS], ids=["v1", "v2", "vmclock"])
def test_the_librarys_own_header_reads_and_writes_what_construct_builds(
    segments_in_c: CProgram, layout: Layout
) -> None:
    assert_c_agrees(segments_in_c, layout)


def test_what_layout_1_lacks_reads_as_0_in_c(segments_in_c: CProgram) -> None:
    [answer] = segments_in_c.ask([(segment.SEGMENT_V1, b"\xff" * 72)])
    assert answer.lacking == {"disruption_marker": 0, "clock_disruption_support_enabled": 0}


def test_reserved_bytes_are_ignored_by_generated_c_and_written_as_0(toys_in_c: CProgram) -> None:
    flat = next(iter(extremes(NATIVE, seed=1, random_count=0)))
    image = build(NATIVE, flat)
    garbage = image[:94] + b"\xff\xff" + image[96:101] + b"\xff\xff\xff"
    [answer] = toys_in_c.ask([(NATIVE, garbage)])
    assert flat == answer.values
    assert image.hex() == answer.stored.hex()


@pytest.mark.parametrize(
    "layout", [NATIVE, LITTLE if sys.byteorder == "little" else BIG], ids=["native", sys.byteorder]
)
def test_the_generated_struct_lies_over_the_bytes(toys_in_c: CProgram, layout: Layout) -> None:
    table = list(extremes(layout, seed=2, random_count=20))
    answers = toys_in_c.ask([(layout, build(layout, flat)) for flat in table])
    for flat, answer in zip(table, answers, strict=True):
        assert flat == {name: answer.members[name] for name in flat}
        assert answer.members["magic"] == 2**64 - 1
        assert answer.members["ancestors"] == (-(2**63), 2**63 - 1)
        assert answer.members["tail"] == -(2**15)


def edges_of_the_animal() -> list[tuple[str, Any, str]]:
    """Field, value, and what is invalid then: at both ends of each range, and just outside."""
    good = {
        "height": [-(2**63) + 1, 2**62],
        "born": [1, 2**32 - 2],
        "greeting": [0, 7, -4],
        "friends": [(3, 2**31), (2**31, 3)],
        "spots": [-30000, 30000],
        "paw_toes": [-2, 5],
        "ears": [-100, 100],
    }
    bad = {
        "height": [-(2**63), 2**62 + 1],
        "born": [0, 2**32 - 1],
        "greeting": [1, 6, 8, -3, -5],
        "friends": [(2, 3), (3, 2), (2**31 + 1, 3), (3, 2**31 + 1)],
        "spots": [-30001, 30001],
        "paw_toes": [-3, 6],
        "ears": [-101, 101],
    }
    return [(name, value, "") for name, some in good.items() for value in some] + [
        (name, value, name) for name, some in bad.items() for value in some
    ]


VALID_ANIMAL: dict[str, Any] = {
    **{leaf.name: (0,) * leaf.count if leaf.count else 0 for leaf in record_leaves(NATIVE)},
    "born": 1,
    "friends": (3, 3),
    "paw_claws": bytes(2),
    "name": bytes(5),
}


@pytest.mark.parametrize("layout", [NATIVE, LITTLE, BIG], ids=["native", "little", "big"])
def test_invalid_agrees_in_c_and_python_at_each_edge(toys_in_c: CProgram, layout: Layout) -> None:
    cases = [("height", 0, ""), *edges_of_the_animal()]
    records = [{**VALID_ANIMAL, name: value} for name, value, _ in cases]
    answers = toys_in_c.ask([(layout, build(layout, flat)) for flat in records])
    for (name, value, expected), flat, answer in zip(cases, records, answers, strict=True):
        assert (expected or "-") == answer.invalid, (name, value)
        invalid = getattr(PYTHON, f"{layout.layout_name}_invalid")
        assert expected == invalid(record_of(layout, flat)), (name, value)


@each_layout
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_generated_python_writes_what_construct_builds(layout: Layout, data: st.DataObject) -> None:
    flat = data.draw(values(layout))
    image = build(layout, flat)
    record = record_of(layout, flat)
    assert image.hex() == getattr(PYTHON, f"pack_{layout.layout_name}")(record).hex()
    assert record == getattr(PYTHON, f"unpack_{layout.layout_name}")(image)


@each_layout
def test_generated_python_round_trips_at_the_ends_of_each_type(layout: Layout) -> None:
    for flat in extremes(layout, seed=3, random_count=0):
        image = build(layout, flat)
        record = getattr(PYTHON, f"unpack_{layout.layout_name}")(image)
        assert flat == {name: getattr(record, name) for name in flat}
        assert image.hex() == getattr(PYTHON, f"pack_{layout.layout_name}")(record).hex()


@settings(max_examples=100)
@given(st.binary(min_size=16, max_size=16))
def test_generated_python_reads_floats_as_construct_does(image: bytes) -> None:
    record = PYTHON.unpack_postcard(image)
    expected = parse(POSTCARD, image)
    assert expected["wish"] == float_value(record.wish)
    assert expected["hopes"] == tuple(map(float_value, record.hopes))


def test_the_enumeration_is_in_python() -> None:
    assert {member.name: member.value for member in PYTHON.Greeting} == {"NONE": 0, "LOUD": 7, "OLD": -4}


def test_a_header_whose_struct_does_not_fit_its_offsets_does_not_compile(tmp_path: Path) -> None:
    header = c.layout_header((PLAIN[0],), (), (), "TOYS_H")
    moved = header.replace("    uint16_t stripes;\n", "    uint32_t stripes;\n")
    assert moved != header
    with pytest.raises(AssertionError, match=r"offset of animal_native\.spots"):
        CProgram(tmp_path, moved, (NATIVE,))


def test_the_toy_has_every_type() -> None:
    assert {leaf.letter for leaf in leaves(NATIVE)} == set("bBhHlLqQs")
