"""From construct declarations to plain layouts, which the renderers turn into files.

Here every declaration is checked: what a compiler would do silently (padding, for one) is refused.
"""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass, replace
from typing import Any

import construct

from clockbound_spec.declare import (
    UNITS,
    Anything,
    Between,
    CandmFloat,
    Declared,
    Enumeration,
    Exactly,
    Layout,
    OneOf,
    Reserved,
    SpecError,
    Valid,
)
from clockbound_spec.rules import Chapter
from clockbound_spec.vocabulary import DefaultPath, Limit

#: construct's (struct module's) letters -> type and size in bytes.
_SCALARS = {
    "B": ("u8", 1),
    "b": ("i8", 1),
    "H": ("u16", 2),
    "h": ("i16", 2),
    "L": ("u32", 4),
    "I": ("u32", 4),
    "l": ("i32", 4),
    "i": ("i32", 4),
    "Q": ("u64", 8),
    "q": ("i64", 8),
}
_ORDERS = {"=": "native", "<": "little", ">": "big"}
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_TYPE_NAME = re.compile(r"[A-Z][A-Za-z0-9]*")
_CONSTANT_NAME = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")
_LIMIT_UNITS = ("NS", "SECOND", "SECONDS", "PPB", "COUNT", "ID")
_RULE_ID = re.compile(r"[a-z]+\.[a-z]+(-[a-z]+)*")
# Words of C that aren't words of Python, and methods that every Python record has.
_TAKEN_NAMES = frozenset(
    """auto case char const default do double enum extern float goto inline int long register restrict short
    signed sizeof static struct switch typedef union unsigned void volatile count index""".split()  # noqa: SIM905
)
# They would end the comments and docstrings that the text is put into.
_UNPRINTABLE = re.compile(r"""\*/|\"{3}|\\|[^ -~]""")


@dataclass(frozen=True)
class Field:
    """A field at a fixed place. `count` is 0 for a single value and for `bytes` the number of bytes."""

    name: str
    offset_bytes: int
    type: str  # u8 .. i64, or "bytes"
    item_bytes: int
    count: int
    unit: str
    meaning: str
    valid: Valid
    writer: str
    encoding: str = "integer"  # or "candm_float"
    part: str = ""  # the declared field that this one is a part of, with its own meaning below
    part_meaning: str = ""

    @property
    def size_bytes(self) -> int:
        return self.item_bytes * (self.count or 1)

    @property
    def end_bytes(self) -> int:
        return self.offset_bytes + self.size_bytes

    @property
    def is_reserved(self) -> bool:
        return isinstance(self.valid, Reserved)

    @property
    def is_constant(self) -> bool:
        return isinstance(self.valid, Exactly)

    @property
    def in_record(self) -> bool:
        """Whether readers get it: constants and reserved bytes carry nothing."""
        return not (self.is_reserved or self.is_constant)


@dataclass(frozen=True)
class PlainLayout:
    """A layout as the renderers see it: fields in order, without gaps, adding up to its size."""

    name: str
    title: str
    meaning: str
    record: str
    byte_order: str  # "native", "little" or "big"
    size_bytes: int
    fields: tuple[Field, ...]

    def field(self, name: str) -> Field:
        for candidate in self.fields:
            if candidate.name == name:
                return candidate
        raise KeyError(f"{self.name} has no field {name}")


@dataclass(frozen=True)
class Record:
    """What readers get from any of `layouts`: their fields, each named once."""

    name: str
    layouts: tuple[PlainLayout, ...]
    fields: tuple[Field, ...]


def plain(declared: Layout) -> PlainLayout:
    """Check `declared` and lay it out."""
    where = declared.layout_name
    _check_name(where, where)
    _check_name(f"{where}: its record", declared.record)
    _check_text(where, "title", declared.title)
    _check_text(where, "meaning", declared.meaning)
    ordered = _flatten(where, declared)
    fields = tuple(field for field, _ in ordered)
    byte_order = _byte_order(where, ordered)
    _check_names(where, fields)
    _check_places(where, fields, declared.size_bytes)
    _check_end(where, fields, declared.size_bytes)
    if not any(field.in_record for field in fields):
        raise SpecError(f"{where}: has constants and reserved bytes only; declare what readers get from it")
    return PlainLayout(
        name=where,
        title=declared.title,
        meaning=declared.meaning,
        record=declared.record,
        byte_order=byte_order,
        size_bytes=declared.size_bytes,
        fields=fields,
    )


def check_enumeration(enumeration: Enumeration) -> None:
    """Refuse an enumeration that some language couldn't have, or that doesn't say what it means."""
    where = enumeration.name
    if not _TYPE_NAME.fullmatch(where):
        raise SpecError(f"{where}: isn't a name in CamelCase; rename the enumeration")
    _check_text(where, "meaning", enumeration.meaning)
    if not enumeration.members:
        raise SpecError(f"{where}: has no members; declare one, or remove the enumeration")
    names: set[str] = set()
    values: set[int] = set()
    for member in enumeration.members:
        place = f"{where}.{member.name}"
        if not _CONSTANT_NAME.fullmatch(member.name):
            raise SpecError(f"{place}: isn't a name in UPPER_CASE; rename the member")
        _check_text(place, "meaning", member.meaning)
        if member.name in names:
            raise SpecError(f"{place}: the name is used twice; rename one of the members")
        if member.value in values:
            raise SpecError(f"{place}: another member has the value {member.value} too; each needs its own")
        names.add(member.name)
        values.add(member.value)


def check_limits(limits: tuple[Limit, ...]) -> None:
    """Refuse a limit that doesn't say what it is, or that some language couldn't have."""
    _check_constants(limits)
    for limit in limits:
        if limit.name.split("_")[-1] not in _LIMIT_UNITS:
            raise SpecError(
                f"{limit.name}: doesn't end in a unit; end it with one of {', '.join(_LIMIT_UNITS)}"
            )
        if not 0 <= limit.value < 2**63:
            raise SpecError(f"{limit.name}: {limit.value} isn't between 0 and 2**63 - 1; correct it")


def check_paths(paths: tuple[DefaultPath, ...]) -> None:
    """Refuse a path that doesn't say what it is, or that can't stand in a string of C and Python."""
    _check_constants(paths)
    for path in paths:
        _check_text(path.name, "value", path.value)
        if '"' in path.value:
            raise SpecError(f"{path.name}: its value holds a quotation mark; choose another path")
        if path.c_macro and not _CONSTANT_NAME.fullmatch(path.c_macro):
            raise SpecError(f"{path.name}: {path.c_macro!r} isn't a name in UPPER_CASE; rename the macro")
    _check_once([path.c_macro for path in paths if path.c_macro])


def check_chapters(chapters: tuple[Chapter, ...]) -> None:
    """Refuse a rule that others couldn't cite, or that says nothing."""
    for chapter in chapters:
        _check_text(chapter.title, "title", chapter.title)
        _check_text(chapter.title, "meaning", chapter.introduction)
        for rule in chapter.rules:
            if not _RULE_ID.fullmatch(rule.id):
                raise SpecError(f"{rule.id}: isn't an id such as read.bounded; rename the rule")
            _check_text(rule.id, "meaning", rule.statement)
    _check_once([rule.id for chapter in chapters for rule in chapter.rules])


def _check_constants(constants: tuple[Limit, ...] | tuple[DefaultPath, ...]) -> None:
    for constant in constants:
        if not _CONSTANT_NAME.fullmatch(constant.name):
            raise SpecError(f"{constant.name}: isn't a name in UPPER_CASE; rename it")
        _check_text(constant.name, "meaning", constant.meaning)
    _check_once([constant.name for constant in constants])


def _check_once(names: list[str]) -> None:
    for i, name in enumerate(names):
        if name in names[:i]:
            raise SpecError(f"{name}: the name is used twice; rename one of the two")


def records(layouts: tuple[PlainLayout, ...]) -> tuple[Record, ...]:
    """The records of `layouts`, each with the fields of every layout that shares it."""
    grouped: dict[str, list[PlainLayout]] = {}
    seen: set[str] = set()
    for layout in layouts:
        if layout.name in seen:
            raise SpecError(f"{layout.name}: the name is used twice; rename one of the layouts")
        seen.add(layout.name)
        grouped.setdefault(layout.record, []).append(layout)
    return tuple(_record(name, tuple(versions)) for name, versions in grouped.items())


def _record(name: str, versions: tuple[PlainLayout, ...]) -> Record:
    fields: list[Field] = []
    for layout in sorted(versions, key=lambda version: -len(version.fields)):
        for field in layout.fields:
            if not field.in_record:
                continue
            same = next((known for known in fields if known.name == field.name), None)
            if same is None:
                fields.append(field)
            elif _kind(same) != _kind(field):
                raise SpecError(
                    f"{layout.name}.{field.name}: has another type or unit than in the other layouts of {name}; "
                    "give it a name of its own"
                )
    return Record(name, versions, tuple(fields))


def _kind(field: Field) -> tuple[str, int, str, str]:
    return field.type, field.count, field.encoding, field.unit


def _flatten(where: str, layout: Layout) -> list[tuple[Field, str]]:
    flat: list[tuple[Field, str]] = []
    for subcon in layout.subcons:
        if not isinstance(subcon, Declared):
            name = getattr(subcon, "name", None) or "an unnamed field"
            raise SpecError(
                f"{where}: {name} isn't declared with field(); padding needs a name and a meaning too"
            )
        inner = subcon.subcon
        if isinstance(inner, Layout):
            place = f"{where}.{subcon.name}"
            _check_text(place, "meaning", subcon.meaning)
            if subcon.unit or subcon.writer or subcon.valid is not None:
                raise SpecError(
                    f"{place}: is a part, whose own fields have units, valid values and writers; remove these"
                )
            parts = _flatten(place, inner)
            _check_places(place, tuple(part for part, _ in parts), inner.size_bytes)
            for part, order in parts:
                nested = replace(
                    part,
                    name=f"{subcon.name}_{part.name}",
                    offset_bytes=subcon.offset_bytes + part.offset_bytes,
                    part=subcon.name,
                    part_meaning=subcon.meaning,
                )
                flat.append((nested, order))
            continue
        flat.append(_scalar_field(where, subcon, inner))
    return flat


def _scalar_field(where: str, declared: Declared, inner: Any) -> tuple[Field, str]:
    place = f"{where}.{declared.name}"
    _check_text(place, "unit", declared.unit)
    _check_text(place, "meaning", declared.meaning)
    _check_text(place, "writer", declared.writer)
    if declared.unit not in UNITS:
        raise SpecError(f"{place}: unit {declared.unit!r} isn't in UNITS; use one of {', '.join(UNITS)}")
    if declared.valid is None:
        raise SpecError(f"{place}: has no valid values; say them in the declaration")
    if isinstance(inner, construct.Default):
        inner = inner.subcon
    encoding, count = "integer", 0
    if isinstance(inner, construct.Array):
        count, inner = _count(place, inner.count), inner.subcon
    if isinstance(inner, CandmFloat):
        encoding, inner = "candm_float", inner.subcon
    if isinstance(inner, construct.Bytes) and not count:
        kind, item_bytes, order, count = "bytes", 1, "", _count(place, inner.length)
    elif isinstance(inner, construct.FormatField) and inner.fmtstr[1] in _SCALARS:
        kind, item_bytes = _SCALARS[inner.fmtstr[1]]
        # A single byte has no order, and construct marks native ones as such only on some machines.
        order = _ORDERS[inner.fmtstr[0]] if item_bytes > 1 else ""
    else:
        raise SpecError(
            f"{place}: {inner!r} isn't an integer of 1, 2, 4 or 8 bytes, Float32, an array of one of them, "
            "or Bytes(n); use one of these"
        )
    if encoding == "candm_float" and kind != "u32":
        raise SpecError(f"{place}: chronyd's float lies in a word of type u32, not {kind}; use Float32")
    field = Field(
        name=declared.name,
        offset_bytes=declared.offset_bytes,
        type=kind,
        item_bytes=item_bytes,
        count=count,
        unit=declared.unit,
        meaning=declared.meaning,
        valid=declared.valid,
        writer=declared.writer,
        encoding=encoding,
    )
    _check_valid(place, field)
    return field, order


def _count(place: str, count: Any) -> int:
    if not isinstance(count, int) or count < 1:
        raise SpecError(f"{place}: has {count!r} items; give a fixed number, at least 1")
    return count


def _byte_order(where: str, ordered: list[tuple[Field, str]]) -> str:
    """The byte order of the whole layout; "native" where no field is wider than a byte."""
    found = ""
    for field, order in ordered:
        if order and found and order != found:
            raise SpecError(
                f"{where}.{field.name}: is {order}, but the fields before it are {found}; "
                "use one byte order for the whole layout"
            )
        found = found or order
    return found or "native"


def _check_text(place: str, what: str, text: str) -> None:
    if not text.strip():
        raise SpecError(f"{place}: has no {what}; say it in the declaration")
    if unprintable := _UNPRINTABLE.search(text):
        raise SpecError(
            f"{place}: its {what} holds {unprintable[0]!r}, which can't stand in comments; reword it"
        )
    if what == "meaning" and not text.endswith("."):
        raise SpecError(f"{place}: its meaning isn't a sentence; end it with a full stop")


def _check_valid(place: str, field: Field) -> None:
    if field.is_reserved or isinstance(field.valid, Anything):
        return
    if field.type == "bytes" or field.encoding != "integer":
        raise SpecError(f"{place}: only integers can have a valid range; use Anything() with a note")
    bits = field.item_bytes * 8
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if field.type[0] == "i" else (0, 2**bits - 1)
    values: tuple[int, ...]
    match field.valid:
        case Exactly(value=tuple(many)):
            values = many
            if len(many) != field.count:
                items = f"{field.count} items" if field.count else "a single value"
                raise SpecError(
                    f"{place}: has {items}, but the constant has {len(many)} items; make them match"
                )
        case Exactly(value=int(one)):
            values = (one,)
            if field.count:
                raise SpecError(
                    f"{place}: has {field.count} items, but the constant is a single number; give one for each"
                )
        case Between(lowest=lowest, highest=highest):
            values = (lowest, highest)
            if lowest > highest:
                raise SpecError(
                    f"{place}: no value lies between {lowest} and {highest}; swap or correct them"
                )
        case OneOf(enumeration=enumeration):
            check_enumeration(enumeration)
            values = tuple(member.value for member in enumeration.members)
    for value in values:
        if not low <= value <= high:
            raise SpecError(
                f"{place}: {value} doesn't fit a field of type {field.type}; correct it or widen the field"
            )


def _check_name(place: str, name: str) -> None:
    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or name in _TAKEN_NAMES:
        raise SpecError(f"{place}: {name!r} isn't a name in lower_case that C and Python can use; rename it")


def _check_names(where: str, fields: tuple[Field, ...]) -> None:
    """Each field's name, and those that are made from it, must be good in every language and its own."""
    seen: set[str] = set()
    made = {"size_bytes"}
    for field in fields:
        place = f"{where}.{field.name}"
        _check_name(place, field.name)
        if field.name in seen:
            raise SpecError(f"{place}: the name is used twice; rename one of the fields")
        seen.add(field.name)
        for name in [f"{field.name}_offset_bytes", *([field.name] if field.is_constant else [])]:
            if name in made:
                raise SpecError(
                    f"{place}: {where}_{name} is generated for something else too; rename the field"
                )
            made.add(name)


def _check_places(where: str, fields: tuple[Field, ...], size_bytes: int) -> None:
    end = 0
    for field in fields:
        place = f"{where}.{field.name}"
        if field.offset_bytes < end:
            raise SpecError(
                f"{place}: overlap: starts at byte {field.offset_bytes}, but byte {end} is the next free one; move it"
            )
        if field.offset_bytes > end:
            raise SpecError(
                f"{place}: implicit padding: bytes {end} to {field.offset_bytes - 1} before it are undeclared; "
                "declare them as a reserved field"
            )
        if field.offset_bytes % field.item_bytes:
            raise SpecError(
                f"{place}: unaligned word: byte {field.offset_bytes} isn't a multiple of {field.item_bytes}; move it"
            )
        end = field.end_bytes
    if end != size_bytes:
        last = fields[-1].name if fields else "-"
        raise SpecError(
            f"{where}: wrong total size: declared as {size_bytes} bytes, but its last field, {last}, ends at byte {end}; "
            "correct size_bytes, or declare what is missing"
        )


def _check_end(where: str, fields: tuple[Field, ...], size_bytes: int) -> None:
    """A C compiler pads a struct up to a multiple of its widest word, so here that must be done by hand."""
    widest = max(fields, key=lambda field: field.item_bytes)
    if size_bytes % widest.item_bytes:
        raise SpecError(
            f"{where}.{widest.name}: implicit padding at the end: {size_bytes} bytes isn't a multiple of this word's "
            f"{widest.item_bytes}; declare a reserved field behind {fields[-1].name}"
        )
