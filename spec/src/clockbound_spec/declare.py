"""How a layout is declared: construct fields that must also say what their bytes mean.

A `Layout` is a `construct.Struct`, so it parses and builds bytes like any other; the tests use it as
the reference for every generated codec. What construct doesn't ask for, and this module demands, is
the offset, the unit, the meaning, the valid values and the writer of each field. Offsets and sizes
are written down although they could be summed up: the second entry is what catches a slip.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import construct

#: Units that a field may have; anything else is taken for a slip of the pen.
UNITS = {
    "s": "seconds",
    "s * 2**-64": "units of 2**-64 s",
    "s * 2**-(64 + counter_period_shift)": "units of 2**-(64 + counter_period_shift) s",
    "ns": "nanoseconds",
    "ppm": "parts per million",
    "ppb": "parts per billion",
    "log2(s)": "power of two of seconds",
    "bytes": "bytes",
    "count": "a number of things",
    "code": "a value from a list",
    "bits": "independent bits",
    "id": "an opaque identifier",
    "-": "no unit: reserved bytes",
}


class SpecError(Exception):
    """A declaration that is refused; the message names the layout, the field and the remedy."""


@dataclass(frozen=True)
class Member:
    """One value of an `Enumeration`."""

    name: str
    value: int
    meaning: str


@dataclass(frozen=True)
class Enumeration:
    """A closed list of named values, shared by every language."""

    name: str  # in CamelCase, as the Python class is called
    c_prefix: str  # before each member's name in C; empty where C has no use for it
    meaning: str
    members: tuple[Member, ...]
    c_name: str = ""  # the type's name in C; empty where C has no use for it

    def only(self, *names: str) -> Enumeration:
        """The same enumeration with some of its members."""
        return replace(self, members=tuple(member for member in self.members if member.name in names))


@dataclass(frozen=True)
class Exactly:
    """A constant: writers store it, readers compare with it."""

    value: int | tuple[int, ...]


@dataclass(frozen=True)
class Between:
    """Every integer from `lowest` to `highest`, both included."""

    lowest: int
    highest: int


@dataclass(frozen=True)
class OneOf:
    """A member of `enumeration`; anything else is invalid."""

    enumeration: Enumeration


@dataclass(frozen=True)
class Anything:
    """Every value that the type can hold; `note` says how to take the surprising ones."""

    note: str = ""


@dataclass(frozen=True)
class Reserved:
    """Written as 0, ignored when read."""


Valid = Exactly | Between | OneOf | Anything | Reserved


class Declared(construct.Renamed):  # type: ignore[misc]
    """A named construct field with its offset, unit, meaning, valid values and writer."""

    def __init__(
        self,
        name: str,
        subcon: Any,
        offset_bytes: int,
        unit: str,
        meaning: str,
        valid: Valid | None,
        writer: str,
    ) -> None:
        super().__init__(subcon, newname=name, newdocs=meaning)
        self.offset_bytes = offset_bytes
        self.unit = unit
        self.meaning = meaning
        self.valid = valid
        self.writer = writer


def field(
    name: str,
    subcon: Any,
    *,
    at: int,
    unit: str = "",
    meaning: str = "",
    valid: Valid | None = None,
    writer: str = "",
) -> Declared:
    """Declare the field `name` at byte `at`. What is left out is refused later, with the field's name."""
    if isinstance(subcon, Layout):
        # A part brings units, valid values and writers of its own; here it only gets a place and a meaning.
        return Declared(name, subcon, at, unit, meaning, valid, writer)
    if isinstance(valid, Exactly):
        value = list(valid.value) if isinstance(valid.value, tuple) else valid.value
        subcon = construct.Default(subcon, value)
    elif isinstance(valid, Reserved):
        subcon = construct.Default(subcon, _zero(subcon))
    return Declared(name, subcon, at, unit, meaning, valid, writer)


def _zero(subcon: Any) -> Any:
    if isinstance(subcon, construct.Bytes):
        return b"\0" * int(subcon.length)
    if isinstance(subcon, construct.Array):
        return [0] * int(subcon.count)
    return 0


class Layout(construct.Struct):  # type: ignore[misc]
    """A declared structure: a segment, a message, or a part of one.

    `record` names the record that readers get. Layouts with the same record are versions of one
    thing: the record has the fields of all of them, and a field that a version lacks reads as 0.
    """

    def __init__(
        self,
        name: str,
        *fields: Any,
        size_bytes: int,
        title: str,
        meaning: str,
        record: str = "",
    ) -> None:
        super().__init__(*fields)
        self.layout_name = name
        self.size_bytes = size_bytes
        self.title = title
        self.meaning = meaning
        self.record = record or name


#: Number of bits behind the binary point when a candm float is held as an integer without loss.
FLOAT_FRACTION_BITS = 89


class CandmFloat(construct.Adapter):  # type: ignore[misc]
    """chronyd's 32-bit float: a signed 7-bit exponent above a signed 25-bit coefficient.

    value = coefficient * 2**(exponent - 25). Every value is exactly a rational number, so it parses to
    a Fraction. The smallest exponent is -64, so every value is a whole number of 2**-89.
    """

    def _decode(self, word: int, context: Any, path: Any) -> Fraction:
        exponent, coefficient = word >> 25, word & 0x1FFFFFF
        exponent -= (exponent & 0x40) << 1
        coefficient -= (coefficient & 0x1000000) << 1
        return Fraction(coefficient) * Fraction(2) ** (exponent - 25)

    def _encode(self, value: Fraction | int, context: Any, path: Any) -> int:
        value = Fraction(value)
        if value == 0:  # many words are 0; chronyd writes this one
            return 0
        exponent = -64
        while not -(2**24) <= value / Fraction(2) ** (exponent - 25) < 2**24:
            exponent += 1
            if exponent > 63:
                raise construct.ExplicitError(f"{value} is out of range for a 32-bit float", path)
        coefficient = round(value / Fraction(2) ** (exponent - 25))
        if coefficient == 2**24:  # rounded up to the next power of two
            coefficient, exponent = 2**23, exponent + 1
        if exponent > 63:
            raise construct.ExplicitError(f"{value} is out of range for a 32-bit float", path)
        return (exponent & 0x7F) << 25 | (coefficient & 0x1FFFFFF)


Float32 = CandmFloat(construct.Int32ub)

Renderer = Callable[[], str]
