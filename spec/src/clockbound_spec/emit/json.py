"""layout.json: everything that a reader in another language needs, for programs."""

from __future__ import annotations

import json
from typing import Any

from clockbound_spec.declare import (
    FLOAT_FRACTION_BITS,
    UNITS,
    Anything,
    Between,
    Enumeration,
    Exactly,
    OneOf,
    Reserved,
    Valid,
)
from clockbound_spec.emit import MARK
from clockbound_spec.model import PlainLayout
from clockbound_spec.rules import Chapter
from clockbound_spec.vocabulary import VERSION, DefaultPath, Limit


def document(
    layouts: tuple[PlainLayout, ...],
    enumerations: tuple[Enumeration, ...],
    limits: tuple[Limit, ...],
    paths: tuple[DefaultPath, ...],
    chapters: tuple[Chapter, ...],
) -> str:
    """The document. Integers beyond 2**53 are decimal strings, so that every JSON parser keeps them."""
    content: dict[str, Any] = {
        "//": MARK,
        "integers": "those beyond 2**53 are strings of decimal digits",
        "version": VERSION,
        "byte_orders": {
            "native": "the order of the machine that the bytes are on",
            "little": "least significant byte first, on every machine",
            "big": "most significant byte first, on every machine",
        },
        "types": {
            "u8, u16, u32, u64": "unsigned integer of so many bits",
            "i8, i16, i32, i64": "signed integer of so many bits, in two's complement",
            "bytes": "as many bytes as count says",
        },
        "count": "0: a single value; otherwise so many of them, one behind the other",
        "encodings": {
            "integer": "the number itself",
            "candm_float": "bits 31..25 a signed exponent, bits 24..0 a signed coefficient; "
            f"value = coefficient * 2**(exponent - 25), always a whole number of 2**-{FLOAT_FRACTION_BITS}",
        },
        "valid": {
            "exactly": "a constant: writers store it and readers compare with it",
            "between": "every integer from lowest to highest, both included",
            "one_of": "one of the values",
            "anything": "every value of the type",
            "reserved": "written as 0, ignored when read",
        },
        "records": "layouts with the same record are versions of one thing; what one of them lacks reads as 0",
        "units": UNITS,
        "enumerations": {
            enumeration.name: {
                "meaning": enumeration.meaning,
                "members": [
                    {"name": member.name, "value": member.value, "meaning": member.meaning}
                    for member in enumeration.members
                ],
            }
            for enumeration in enumerations
        },
        "limits": {limit.name: {"value": _number(limit.value), "meaning": limit.meaning} for limit in limits},
        "paths": {path.name: {"value": path.value, "meaning": path.meaning} for path in paths},
        "layouts": {layout.name: _layout(layout) for layout in layouts},
        "rules": [
            {"chapter": chapter.title, "id": rule.id, "statement": rule.statement}
            for chapter in chapters
            for rule in chapter.rules
        ],
    }
    # The mark stands in the first line here too.
    return json.dumps(content, indent=2, ensure_ascii=False).replace("{\n  ", "{", 1) + "\n"


def _number(value: int) -> int | str:
    return value if abs(value) <= 2**53 else str(value)


def _layout(layout: PlainLayout) -> dict[str, Any]:
    return {
        "title": layout.title,
        "meaning": layout.meaning,
        "record": layout.record,
        "byte_order": layout.byte_order,
        "size_bytes": layout.size_bytes,
        "fields": [
            {
                "name": field.name,
                "offset_bytes": field.offset_bytes,
                "size_bytes": field.size_bytes,
                "type": field.type,
                "count": field.count,
                "encoding": field.encoding,
                "unit": field.unit,
                "valid": _valid(field.valid),
                "writer": field.writer,
                "meaning": field.meaning,
                **({"part_of": field.part, "part_meaning": field.part_meaning} if field.part else {}),
            }
            for field in layout.fields
        ],
    }


def _valid(valid: Valid) -> dict[str, Any]:
    match valid:
        case Exactly(value=tuple(many)):
            return {"kind": "exactly", "value": [_number(value) for value in many]}
        case Exactly(value=int(one)):
            return {"kind": "exactly", "value": _number(one)}
        case Between(lowest=lowest, highest=highest):
            return {"kind": "between", "lowest": _number(lowest), "highest": _number(highest)}
        case OneOf(enumeration=enumeration):
            values = [member.value for member in enumeration.members]
            return {"kind": "one_of", "enumeration": enumeration.name, "values": values}
        case Reserved():
            return {"kind": "reserved"}
        case Anything(note=note):
            return {"kind": "anything", **({"note": note} if note else {})}
    raise AssertionError(valid)
