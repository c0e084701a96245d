"""Words for what declarations hold, shared by the renderers."""

from __future__ import annotations

import textwrap

from clockbound_spec.declare import Anything, Between, Exactly, OneOf, Reserved, Valid
from clockbound_spec.model import Field


def valid_words(valid: Valid) -> str:
    """The valid values of a field, for people."""
    match valid:
        case Exactly(value=tuple(many)):
            return ", ".join(number(value) for value in many)
        case Exactly(value=int(one)):
            return number(one)
        case Between(lowest=lowest, highest=highest):
            return f"{lowest} to {highest}"
        case OneOf(enumeration=enumeration):
            return ", ".join(f"{member.value} {member.name}" for member in enumeration.members)
        case Reserved():
            return "written as 0, ignored when read"
        case Anything(note=note):
            return f"any; {note}" if note else "any"
    raise AssertionError(valid)


def number(value: int) -> str:
    """A constant: decimal when it's small or negative, otherwise hexadecimal."""
    return f"{value}" if value < 0x10000 else f"0x{value:X}"


def type_words(field: Field) -> str:
    """A field's type as the documentation writes it."""
    if field.encoding == "candm_float":
        return "float"
    if field.type == "bytes":
        return f"u8[{field.count}]"
    return f"{field.type}[{field.count}]" if field.count else field.type


def camel(name: str) -> str:
    """tracking_reply -> TrackingReply"""
    return "".join(word.capitalize() for word in name.split("_"))


def wrapped(text: str, indent: str, width: int = 100) -> list[str]:
    """`text` in lines that begin with `indent`."""
    return textwrap.wrap(text, width, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False)
