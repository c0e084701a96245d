"""Takes the bytes of a segment or of a VMClock page apart, field by field, as layout.json describes them.

It decodes what is there, right or wrong, and judges nothing: it only says where a field isn't as its writer writes it.
"""

from __future__ import annotations

import functools
import json
from dataclasses import dataclass
from typing import Any

from clockbound_conformance import files
from clockbound_conformance.segment_bytes import ByteOrder
from clockbound_conformance.units import SECOND_NS

LAYOUT_NAMES = {1: "segment_v1", 2: "segment_v2"}
VMCLOCK_NAME = "vmclock"
SHOWN_EXCESS_BYTES = 32
PLAIN_UNITS = ("code", "count", "id", "bits", "-")  # which tell nothing beside a number


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a file. ``value`` has its unit; ``note`` says how it differs from what its writer writes."""

    offset_bytes: int
    data: bytes
    name: str
    value: str
    note: str = ""

    @property
    def hexadecimal(self) -> str:
        return self.data.hex(" ")


@dataclass(frozen=True, slots=True)
class Drawing:
    """A file, taken apart. ``title`` is that of the layout; ``missing`` are the fields that the file is too short for."""

    title: str
    size_bytes: int
    byte_order: str
    fields: tuple[Field, ...]
    missing: tuple[str, ...]

    def field(self, name: str) -> Field | None:
        return next((field for field in self.fields if field.name == name), None)


@functools.cache
def document() -> dict[str, Any]:
    """layout.json."""
    content: dict[str, Any] = json.loads(files.LAYOUT_JSON.read_text(encoding="utf-8"))
    return content


def layout_of(data: bytes, byte_order: ByteOrder, otherwise: int) -> int:
    """The layout by which a reader takes the segment ``data``: the one it names, or ``otherwise`` for no known one."""
    at = _place(document()["layouts"][LAYOUT_NAMES[1]], "version")
    version = int.from_bytes(data[at], byte_order)
    return version if len(data) >= at.stop and version in LAYOUT_NAMES else otherwise


def segment(data: bytes, byte_order: ByteOrder, layout: int) -> Drawing:
    """The fields of a segment of ``layout``, on a machine of ``byte_order``."""
    return _drawing(data, LAYOUT_NAMES[layout], byte_order)


def vmclock(data: bytes) -> Drawing:
    """The fields of a VMClock page."""
    return _drawing(data, VMCLOCK_NAME, document()["layouts"][VMCLOCK_NAME]["byte_order"])


def as_of_ns(data: bytes, byte_order: ByteOrder, layout: int) -> int | None:
    """as_of in a segment, whatever the values; None where the file is too short for it."""
    described = document()["layouts"][LAYOUT_NAMES[layout]]
    seconds, rest = (_place(described, name) for name in ("as_of_sec", "as_of_nsec"))
    if len(data) < rest.stop:
        return None
    whole_s = int.from_bytes(data[seconds], byte_order, signed=True)
    return whole_s * SECOND_NS + int.from_bytes(data[rest], byte_order, signed=True)


def _place(layout: dict[str, Any], name: str) -> slice:
    field = next(each for each in layout["fields"] if each["name"] == name)
    return slice(field["offset_bytes"], field["offset_bytes"] + field["size_bytes"])


def _drawing(data: bytes, name: str, byte_order: ByteOrder) -> Drawing:
    layout = document()["layouts"][name]
    fields, missing = [], []
    for field in layout["fields"]:
        offset_bytes, size_bytes = field["offset_bytes"], field["size_bytes"]
        part = data[offset_bytes : offset_bytes + size_bytes]
        if len(part) == size_bytes:
            value, note = _decoded(part, field, byte_order)
            fields.append(Field(offset_bytes, part, field["name"], value, note))
        elif part:
            words = f"the file ends within it, after {len(part)} of {size_bytes} bytes"
            fields.append(Field(offset_bytes, part, field["name"], "", words))
        else:
            missing.append(field["name"])
    excess = data[layout["size_bytes"] :]
    if excess:
        words = f"{len(excess)} bytes" + (" of zeros" if not any(excess) else "")
        fields.append(
            Field(layout["size_bytes"], excess[:SHOWN_EXCESS_BYTES], "beyond the layout", "", words)
        )
    return Drawing(layout["title"], len(data), byte_order, tuple(fields), tuple(missing))


def _decoded(data: bytes, field: dict[str, Any], byte_order: ByteOrder) -> tuple[str, str]:
    """The value in words, and how it differs from what the writer writes."""
    valid = field["valid"]
    if field["type"] == "bytes":
        note = "readers ignore it" if valid["kind"] == "reserved" and any(data) else ""
        return ("zeros" if not any(data) else ""), note
    count = max(field["count"], 1)
    each_bytes = len(data) // count
    numbers = [
        int.from_bytes(
            data[at : at + each_bytes],
            byte_order,
            signed=field["type"].startswith("i"),
        )
        for at in range(0, len(data), each_bytes)
    ]
    unit = field["unit"]
    words = " ".join(_number(number, unit, each_bytes) for number in numbers)
    if "enumeration" in valid:
        words = f"{words} {_member(valid['enumeration'], numbers[0])}".rstrip()
    elif unit not in PLAIN_UNITS:
        words = f"{words} {unit}"
    return words, _note(numbers, field, each_bytes)


def _number(number: int, unit: str, size_bytes: int) -> str:
    return f"0x{number:0{2 * size_bytes}x}" if unit in ("id", "bits") else f"{number:,}"


def _member(enumeration: str, value: int) -> str:
    members = document()["enumerations"][enumeration]["members"]
    return next((str(member["name"]) for member in members if member["value"] == value), "")


def _note(numbers: list[int], field: dict[str, Any], size_bytes: int) -> str:
    valid, unit = field["valid"], field["unit"]
    match valid["kind"]:
        case "exactly":
            right = valid["value"] if isinstance(valid["value"], list) else [valid["value"]]
            allowed = " ".join(_number(int(number), unit, size_bytes) for number in right)
            wrong = numbers != [int(number) for number in right]
        case "between":
            lowest, highest = int(valid["lowest"]), int(valid["highest"])
            allowed, wrong = f"{lowest:,} to {highest:,}", not lowest <= numbers[0] <= highest
        case "one_of":
            allowed = ", ".join(f"{value:,}" for value in valid["values"])
            wrong = numbers[0] not in valid["values"]
        case _:
            return ""
    return f"a {field['writer']} writes {allowed}" if wrong else ""


def meanings(name: str) -> list[tuple[str, str, str]]:
    """Name, unit and meaning of each field of the layout ``name``."""
    return [
        (
            field["name"],
            field["unit"],
            " ".join(part for part in (field.get("part_meaning"), field["meaning"]) if part),
        )
        for field in document()["layouts"][name]["fields"]
    ]


def error_meaning(kind: str) -> str:
    """What the error kind stands for; empty where there is no such kind."""
    members = document()["enumerations"]["ErrorKind"]["members"]
    return next((str(member["meaning"]) for member in members if member["name"] == kind), "")
