"""Python: enumerations, limits, paths, and records that unpack and pack with the struct module alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from clockbound_spec.declare import FLOAT_FRACTION_BITS, Between, Enumeration, Exactly, OneOf, SpecError
from clockbound_spec.emit import MARK
from clockbound_spec.emit.text import camel, number, wrapped
from clockbound_spec.model import Field, PlainLayout, Record, records
from clockbound_spec.vocabulary import VERSION, DefaultPath, Limit

_LETTERS = {"u8": "B", "i8": "b", "u16": "H", "i16": "h", "u32": "I", "i32": "i", "u64": "Q", "i64": "q"}
_LINE_LENGTH = 110
_ORDERS = {"native": "=", "little": "<", "big": ">"}


def module(
    subject: str,
    *,
    enumerations: tuple[Enumeration, ...] = (),
    limits: tuple[Limit, ...] = (),
    paths: tuple[DefaultPath, ...] = (),
    layouts: tuple[PlainLayout, ...] = (),
    picked: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
    made: Collection[str] = (),
) -> str:
    """A module with the given things in it.

    `picked` names, for a layout's name, the fields that are read by themselves; `made` the records that are made often.
    """
    lines = [f"# {MARK}", f'"""{subject}"""', "", "from __future__ import annotations", ""]
    if layouts:
        lines.append("from collections import namedtuple")
    if picked:
        lines.append("from collections.abc import Callable")
    if enumerations:
        lines.append("from enum import IntEnum")
    if layouts:
        lines.append("from struct import Struct")
    lines += ["", f'VERSION = "{VERSION}"']
    if limits or paths:
        lines.append("")
    for limit in limits:
        lines += [f"#: {limit.meaning}", f"{limit.name} = {limit.value}"]
    for path in paths:
        lines += [f"#: {path.meaning}", f'{path.name} = "{path.value}"']
    for enumeration in enumerations:
        lines += _enumeration(enumeration)
    floats = any(field.encoding == "candm_float" for layout in layouts for field in layout.fields)
    if floats:
        lines += _FLOAT
    by_name = {record.name: record for record in records(layouts)}
    for record in by_name.values():
        lines += _record(record)
        if record.name in made:
            lines += _maker(record)
    for layout in layouts:
        lines += _layout(layout, by_name[layout.record])
        if layout.name in picked:
            lines += _pick(layout, picked[layout.name])
    return "\n".join(lines).rstrip() + "\n"


_FLOAT = f'''

#: decode_float gives whole numbers of 2**-FLOAT_FRACTION_BITS.
FLOAT_FRACTION_BITS = {FLOAT_FRACTION_BITS}


def decode_float(word: int) -> int:
    """The exact value of chronyd's 32-bit float, in units of 2**-{FLOAT_FRACTION_BITS}.

    Bits 31 to 25 are a signed exponent, bits 24 to 0 a signed coefficient, and the value is
    coefficient * 2**(exponent - 25). The smallest exponent is -64, so the result is always whole.
    """
    exponent = (word >> 25 ^ 0x40) - 0x40
    coefficient = (word & 0x1FFFFFF ^ 0x1000000) - 0x1000000
    return coefficient << exponent + 64'''.split("\n")


def _enumeration(enumeration: Enumeration) -> list[str]:
    lines = ["", "", f"class {enumeration.name}(IntEnum):", f'    """{enumeration.meaning}"""', ""]
    for member in enumeration.members:
        lines += [f"    #: {member.meaning}", f"    {member.name} = {member.value}"]
    return lines


def _annotation(field: Field) -> str:
    if field.type == "bytes":
        return "bytes"
    return "tuple[int, ...]" if field.count else "int"


def _zero(field: Field) -> str:
    if field.type == "bytes":
        return f"bytes({field.count})"
    return f"(0,) * {field.count}" if field.count else "0"


def _tuple(items: list[str]) -> str:
    return f"({items[0]},)" if len(items) == 1 else f"({', '.join(items)})"


def _record(record: Record) -> list[str]:
    names = [layout.name for layout in record.layouts]
    subject = f"{names[0]} says" if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]} say"
    # Not typing.NamedTuple: importing typing would take the daemon longer than everything else together.
    lines = ["", "", f"class {camel(record.name)}(", "    namedtuple(", f'        "{camel(record.name)}",']
    lines += [f"        {line}" for line in (*_names(record), *_defaults(record))]
    lines += ["    )", "):"]
    lines += [f'    """What {subject}, as it is on the wire."""', "", "    __slots__ = ()", ""]
    for field in record.fields:
        encoding = ", as a word of chronyd's float" if field.encoding == "candm_float" else ""
        lines += wrapped(f"{field.meaning} [{field.unit}{encoding}]", "    #: ")
        lines.append(f"    {field.name}: {_annotation(field)}")
    return lines


def _maker(record: Record) -> list[str]:
    """A function with the arguments of the record's class, which goes without its constructor."""
    name = camel(record.name)
    return [
        "",
        "",
        f"def {record.name}(",
        "    *,",
        *(f"    {field.name}: {_annotation(field)} = {_zero(field)}," for field in record.fields),
        f") -> {name}:",
        f'    """A {name}; called by names, its class would put them all into a dictionary first."""',
        "    return tuple.__new__(",
        f"        {name},",
        "        (",
        *(f"            {field.name}," for field in record.fields),
        "        ),",
        "    )",
    ]


def _names(record: Record) -> list[str]:
    """The second argument of namedtuple: one string, in as many pieces as it needs."""
    names = " ".join(field.name for field in record.fields)
    room = _LINE_LENGTH - len('        "",')
    rows = [names] if len(names) <= room else wrapped(names, "", room)
    return [*(f'"{row} "' for row in rows[:-1]), f'"{rows[-1]}",']


def _defaults(record: Record) -> list[str]:
    """The last argument of namedtuple: on one line, or with a line for each field."""
    zeros = [_zero(field) for field in record.fields]
    line = f"defaults={_tuple(zeros)},"
    if len(line) <= _LINE_LENGTH - 8:
        return [line]
    return ["defaults=(", *(f"    {zero}," for zero in zeros), "),"]


def _format(layout: PlainLayout, names: Collection[str] | None = None) -> str:
    """What the struct module calls the layout, or no more of it than the fields of these names."""
    text, skipped_bytes = _ORDERS[layout.byte_order], 0
    for field in layout.fields:
        if field.is_reserved or not (names is None or field.name in names):
            skipped_bytes += field.size_bytes
            continue
        text += f"{skipped_bytes}x" if skipped_bytes else ""
        skipped_bytes = 0
        if field.type == "bytes":
            text += f"{field.count}s"
        else:
            text += (str(field.count) if field.count else "") + _LETTERS[field.type]
    return text + (f"{skipped_bytes}x" if skipped_bytes else "")


def _layout(layout: PlainLayout, record: Record) -> list[str]:
    macro = layout.name.upper()
    lines = ["", "", *wrapped(f"{layout.title}. {layout.meaning} Byte order: {layout.byte_order}.", "# ")]
    lines.append(f"{macro}_SIZE_BYTES = {layout.size_bytes}")
    for field in layout.fields:
        if not field.is_reserved:
            lines.append(f"{macro}_{field.name.upper()}_OFFSET_BYTES = {field.offset_bytes}")
        if isinstance(field.valid, Exactly):
            lines.append(f"{macro}_{field.name.upper()} = {_constant(field.valid)}")
    lines += [f'_{macro} = Struct("{_format(layout)}")']
    return lines + _unpack(layout, record) + _pack(layout) + _invalid(layout)


def _constant(valid: Exactly) -> str:
    if isinstance(valid.value, tuple):
        return _tuple([number(value) for value in valid.value])
    return number(valid.value)


def _unpack(layout: PlainLayout, record: Record) -> list[str]:
    return [
        "",
        "",
        f"def unpack_{layout.name}(data: bytes | bytearray | memoryview) -> {camel(record.name)}:",
        f'    """Read the first {layout.size_bytes} bytes of `data`. Constants are not compared, nor ranges checked.',
        "",
        "    Raises struct.error when `data` is shorter.",
        '    """',
        f"    values = _{layout.name.upper()}.unpack_from(data)",
        *_made(layout, record),
    ]


def _made(layout: PlainLayout, record: Record) -> list[str]:
    """The statement that returns the record, made of `values`: all that the struct module found."""
    taken: list[tuple[Field, int]] = []  # with the index of its first value
    values_count = 0
    for field in layout.fields:
        if field.is_reserved:
            continue  # the struct module skips it
        if field.in_record:
            taken.append((field, values_count))
        values_count += field.count if _is_array(field) else 1
    name, names = camel(record.name), [field.name for field, _ in taken]
    first, end = taken[0][1], taken[-1][1] + 1
    if (
        names == [field.name for field in record.fields[: len(taken)]]
        and [index for _, index in taken] == list(range(first, end))
        and not any(_is_array(field) for field, _ in taken)
    ):
        # They follow each other as the record's fields do, so that they needn't go through the record's own __new__,
        # which is a Python function with an argument for each.
        piece = "" if end - first == values_count else f"[{first or ''}:{end if end < values_count else ''}]"
        return [f"    return tuple.__new__({name}, values{piece})"]
    return [
        f"    return {name}(",
        *(
            f"        {field.name}=values[{f'{index}:{index + field.count}' if _is_array(field) else index}],"
            for field, index in taken
        ),
        "    )",
    ]


def _is_array(field: Field) -> bool:
    return bool(field.count) and field.type != "bytes"


_BYTES_NOTE = ["    Bytes are cut or filled up to their field's length."]


def _pack(layout: PlainLayout) -> list[str]:
    record = camel(layout.record)
    lines = [
        "",
        "",
        f"def pack_{layout.name}(record: {record}) -> bytes:",
        f'    """All {layout.size_bytes} bytes: constants as declared, reserved bytes 0.',
        "",
        "    Raises struct.error when a number doesn't fit its type.",
        *_BYTES_NOTE * any(field.type == "bytes" and field.in_record for field in layout.fields),
        '    """',
        f"    return _{layout.name.upper()}.pack(",
    ]
    for field in layout.fields:
        if field.is_reserved:
            continue
        source = (
            f"{layout.name.upper()}_{field.name.upper()}" if field.is_constant else f"record.{field.name}"
        )
        lines.append(f"        {'*' if _is_array(field) else ''}{source},")
    return [*lines, "    )"]


def _pick(layout: PlainLayout, names: tuple[str, ...]) -> list[str]:
    fields = [field for field in layout.fields if field.name in names]
    if tuple(field.name for field in fields) != names or any(
        field.is_constant or _is_array(field) for field in fields
    ):
        raise SpecError(f"{layout.name}: {', '.join(names)}: not some of its plain fields in their order")
    return [
        "",
        "",
        "#: These fields alone, for those who need no more. Ranges are not checked. Raises struct.error unless the data has",
        f"#: {layout.size_bytes} bytes.",
        f"pick_{layout.name}: Callable[",
        "    [bytes],",
        "    tuple[",
        *(f"        {_annotation(field)},  # {field.name}" for field in fields),
        "    ],",
        f'] = Struct("{_format(layout, names)}").unpack',
    ]


def _invalid(layout: PlainLayout) -> list[str]:
    lines = [
        "",
        "",
        f"def {layout.name}_invalid(record: {camel(layout.record)}) -> str:",
        f'    """The name of the first field that is outside what {layout.name} allows, or an empty string."""',
    ]
    for field in layout.fields:
        if field.in_record and field.count:
            lines += [f"    if len(record.{field.name}) != {field.count}:", f'        return "{field.name}"']
        if _is_array(field):
            condition = _outside(field, "item")
            condition = condition and f"any({condition} for item in record.{field.name})"
        else:
            condition = _outside(field, f"record.{field.name}")
        if condition:
            lines += [*_if(condition), f'        return "{field.name}"']
    return [*lines, '    return ""']


def _if(condition: str) -> list[str]:
    """An if statement as a formatter would write it."""
    line = f"    if {condition}:"
    if len(line) <= _LINE_LENGTH or not condition.endswith(")"):
        return [line]
    if condition.startswith("any("):
        return ["    if any(", f"        {condition[4:-1]}", "    ):"]
    head, items = condition[:-1].rsplit("(", 1)
    return [f"    if {head}(", *(f"        {item}," for item in items.split(", ")), "    ):"]


def _outside(field: Field, value: str) -> str:
    """An expression that is true when `value` isn't valid; empty when every value is."""
    match field.valid:
        case Between(lowest=lowest, highest=highest):
            return f"not {lowest} <= {value} <= {highest}"
        case OneOf(enumeration=enumeration):
            return f"{value} not in {_tuple([str(member.value) for member in enumeration.members])}"
    return ""
