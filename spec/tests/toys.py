"""A vocabulary and layouts that exist for the tests: small, and between them with one of everything."""

from __future__ import annotations

from pathlib import Path

from clockbound_spec.c_header import parse
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
    field,
)
from clockbound_spec.manual import Manual
from clockbound_spec.rules import Chapter, Rule
from clockbound_spec.vocabulary import DefaultPath, Limit
from construct import (
    Bytes,
    Int8un,
    Int16sb,
    Int16sl,
    Int16sn,
    Int16un,
    Int32sn,
    Int32ub,
    Int32ul,
    Int32un,
    Int64sn,
    Int64ul,
    Int64un,
)

MOOD = Enumeration(
    "ToyMood",
    "TOY_MOOD_",
    "How the toy feels.",
    (Member("CALM", 0, "It sleeps."), Member("CROSS", 3, "It bites.")),
    c_name="toy_mood",
)

FAULT = Enumeration(
    "ToyFault",
    "TOY_ERR_",
    "What went wrong.",
    (
        Member("SYSCALL", 1, "A call failed."),
        Member("BROKEN", 2, "It is broken."),
        Member("LOST", 3, "It is lost."),
    ),
    c_name="toy_fault",
)

LIMITS = (
    Limit("NAP_NS", 90 * 10**9, "How long the toy sleeps."),
    Limit("TOYS_COUNT", 3, "As many as fit in the box."),
)

PATHS = (
    DefaultPath("DEFAULT_BOX_PATH", "/run/toys/box", "Where the toys are kept.", "TOY_DEFAULT_BOX_PATH"),
    DefaultPath("BOX_NAME", "box", "File name of the box."),
)

EXAMPLE = r"""/* SPDX-License-Identifier: Apache-2.0 */
/* Opens a box. */
int main(void)
{
    return '\n' - 10;
}
"""


def manual(header: str, examples: dict[str, str] | None = None) -> Manual:
    """The manual that the text `header` is, whose path is toys.h."""
    return Manual(parse(header, "toys.h"), (MOOD, FAULT), PATHS, examples)


MANUAL = manual(Path(__file__).with_name("toys.h").read_text(), {"toy": EXAMPLE, "toy_look": EXAMPLE})

CHAPTERS = (
    Chapter(
        "The children's rules",
        "For toys only.",
        (
            Rule("toy.tidy", "Toys go back into the box within 5000000000 ns."),
            Rule("toy.area", "The lid covers width * depth."),
        ),
    ),
)

_CORNER = Layout(
    "corner",
    field(
        "x", Int16sn, at=0, unit="count", meaning="Steps to the right.", valid=Between(-9, 9), writer="child"
    ),
    field("y", Int16sn, at=2, unit="count", meaning="Steps up.", valid=Anything(), writer="child"),
    size_bytes=4,
    title="Corner",
    meaning="Where a corner is.",
)

_MAGIC = field(
    "magic",
    Int32un[2],
    at=0,
    unit="id",
    meaning="Says that this is a box.",
    valid=Exactly((0xB0C5B0C5, 7)),
    writer="maker",
)

_MASS = field(
    "mass",
    Int64un,
    at=24,
    unit="count",
    meaning="Grains of sand in it.",
    valid=Between(0, 2**63),
    writer="child",
)

#: In the machine's order. It shares its record with BOX_2.
BOX_1 = Layout(
    "box_1",
    _MAGIC,
    field(
        "version", Int16un, at=8, unit="code", meaning="Which box it is.", valid=Exactly(1), writer="maker"
    ),
    field("tilt", Int16sn, at=10, unit="count", meaning="Its tilt.", valid=Exactly(-2), writer="maker"),
    field("mood", Int32sn, at=12, unit="code", meaning="How it feels.", valid=OneOf(MOOD), writer="child"),
    field("corner", _CORNER, at=16, meaning="Its first corner."),
    field(
        "shares",
        Int16un[2],
        at=20,
        unit="ppm",
        meaning="How the sand is shared out.",
        valid=Between(1, 1000),
        writer="child",
    ),
    _MASS,
    field(
        "label",
        Bytes(5),
        at=32,
        unit="id",
        meaning="What is written on it.",
        valid=Anything("any letters"),
        writer="child",
    ),
    field("reserved", Bytes(3), at=37, unit="-", meaning="Kept for later.", valid=Reserved(), writer="maker"),
    size_bytes=40,
    title="Box 1",
    meaning="A box of sand.",
    record="box",
)

BOX_2 = Layout(
    "box_2",
    _MAGIC,
    field(
        "version", Int16un, at=8, unit="code", meaning="Which box it is.", valid=Exactly(2), writer="maker"
    ),
    field(
        "lid", Int8un, at=10, unit="code", meaning="1 when it is shut.", valid=Between(0, 1), writer="child"
    ),
    field("padding", Int8un, at=11, unit="-", meaning="Fills up.", valid=Reserved(), writer="maker"),
    field("mood", Int32sn, at=12, unit="code", meaning="How it feels.", valid=OneOf(MOOD), writer="child"),
    field(
        "depth_ns",
        Int64sn,
        at=16,
        unit="ns",
        meaning="Its depth, as light measures it.",
        valid=Between(-(2**63), -1),
        writer="child",
    ),
    _MASS,
    size_bytes=32,
    title="Box 2",
    meaning="A box with a lid.",
    record="box",
)

#: Little-endian.
CRATE = Layout(
    "crate",
    field(
        "serial",
        Int64ul,
        at=0,
        unit="id",
        meaning="Its number.",
        valid=Exactly(0x0123456789ABCDEF),
        writer="maker",
    ),
    field("stock", Int32ul, at=8, unit="count", meaning="Toys in it.", valid=Anything(), writer="maker"),
    field(
        "drift", Int16sl, at=12, unit="ppb", meaning="How it moves.", valid=Between(-500, 500), writer="maker"
    ),
    field("end", Bytes(2), at=14, unit="-", meaning="Fills up.", valid=Reserved(), writer="maker"),
    size_bytes=16,
    title="Crate",
    meaning="A crate from afar.",
)

#: Big-endian, with chronyd's float.
LETTER = Layout(
    "letter",
    field("stamp", Int32ub, at=0, unit="code", meaning="What was paid.", valid=OneOf(MOOD), writer="clerk"),
    field(
        "wish",
        Float32,
        at=4,
        unit="s",
        meaning="How long it may take.",
        valid=Anything("0 is soon"),
        writer="clerk",
    ),
    field("zone", Int16sb, at=8, unit="count", meaning="Where to.", valid=Exactly(-1), writer="clerk"),
    field("rest", Bytes(2), at=10, unit="-", meaning="Fills up.", valid=Reserved(), writer="clerk"),
    size_bytes=12,
    title="Letter",
    meaning="A letter by post.",
)

LAYOUTS = (BOX_1, BOX_2, CRATE, LETTER)
PICKED = {"box_1": ("corner_y", "label"), "crate": ("drift",)}
LISTED = {"crate"}
MADE = {"box", "crate"}
