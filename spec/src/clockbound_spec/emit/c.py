"""C: the public types, and the layouts with their static assertions, loads and stores.

Loads and stores work on a private copy of the bytes. Access to memory that others write, and its
ordering, is the business of clients/c/src/seqlock.h alone.
"""

from __future__ import annotations

from collections.abc import Collection

from clockbound_spec.declare import Between, Enumeration, Exactly, OneOf, SpecError
from clockbound_spec.emit import MARK
from clockbound_spec.emit.text import number, type_words, wrapped
from clockbound_spec.model import Field, PlainLayout, Record, records
from clockbound_spec.vocabulary import VERSION, DefaultPath, Limit

_C_TYPES = {
    "u8": "uint8_t",
    "i8": "int8_t",
    "u16": "uint16_t",
    "i16": "int16_t",
    "u32": "uint32_t",
    "i32": "int32_t",
    "u64": "uint64_t",
    "i64": "int64_t",
    "bytes": "uint8_t",
}
_LINE_LENGTH = 110
_TAGS = {"native": "", "little": "le", "big": "be"}


def types_header(enumerations: tuple[Enumeration, ...], paths: tuple[DefaultPath, ...]) -> str:
    """clockbound/types.h: what `<clockbound.h>` builds on."""
    lines = [f"/* {MARK} */", "#ifndef CLOCKBOUND_TYPES_H", "#define CLOCKBOUND_TYPES_H", ""]
    lines += [f'#define CLOCKBOUND_VERSION "{VERSION}"', ""]
    for path in paths:
        if path.c_macro:
            lines += [f"/** {path.meaning} */", f'#define {path.c_macro} "{path.value}"', ""]
    for enumeration in enumerations:
        name = enumeration.c_name
        if not name or not enumeration.c_prefix:
            raise SpecError(f"{enumeration.name}: has no name in C; give it a c_name and a c_prefix")
        lines += [f"/** {enumeration.meaning} */", f"typedef enum {name} {{"]
        for member in enumeration.members:
            # C++98 has no comma after the last.
            comma = "" if member is enumeration.members[-1] else ","
            lines += [
                f"    /** {member.meaning} */",
                f"    {enumeration.c_prefix}{member.name} = {member.value}{comma}",
            ]
        lines += [f"}} {name};", ""]
    lines += ["#endif", ""]
    return "\n".join(lines)


def layout_header(
    layouts: tuple[PlainLayout, ...],
    limits: tuple[Limit, ...],
    enumerations: tuple[Enumeration, ...],
    guard: str,
    listed: Collection[str] = (),
) -> str:
    """A private header with the limits, the enumerations' names and, for each layout, its struct, loads, stores and checks.

    `listed` names the records whose fields are listed in a macro.
    """
    lines = [f"/* {MARK} */", f"#ifndef {guard}", f"#define {guard}", ""]
    lines += ["#include <stddef.h>", "#include <stdint.h>", "#include <string.h>", ""]
    for limit in limits:
        lines += [f"/* {limit.meaning} */", f"#define CB_{limit.name} INT64_C({limit.value})"]
    if limits:
        lines.append("")
    for enumeration in enumerations:
        lines += _names(enumeration)
    for helper in sorted({_helper_key(layout, field) for layout in layouts for field in layout.fields}):
        lines += _helper(*helper)
    for record in records(layouts):
        lines += _record(record)
        if record.name in listed:
            lines += _listed(record)
    for layout in layouts:
        lines += _layout(layout)
    lines += ["#endif", ""]
    return "\n".join(lines)


def _names(enumeration: Enumeration) -> list[str]:
    """A function that gives the names of an enumeration's members."""
    return [
        f"/* The name of a {enumeration.c_name}; NULL if there is no such member. */",
        f"static inline const char *cb_{enumeration.c_name.removeprefix('clockbound_')}_name(int value)",
        "{",
        "    switch (value) {",
        *(f'    case {member.value}:\n        return "{member.name}";' for member in enumeration.members),
        "    default:",
        "        return NULL;",
        "    }",
        "}",
        "",
    ]


def _helper_key(layout: PlainLayout, field: Field) -> tuple[str, str]:
    return (
        _TAGS[layout.byte_order] if field.item_bytes > 1 else "",
        field.type if field.type != "bytes" else "u8",
    )


def _helper_name(verb: str, tag: str, kind: str) -> str:
    return "_".join(part for part in ("cb", verb, tag, kind) if part)


def _helper(tag: str, kind: str) -> list[str]:
    """A load and a store of one type in one byte order, at any alignment."""
    c_type, bits = _C_TYPES[kind], int(kind[1:])
    load = f"static inline {c_type} {_helper_name('load', tag, kind)}(const void *from)"
    store = f"static inline void {_helper_name('store', tag, kind)}(void *to, {c_type} value)"
    if not tag:
        return [
            load,
            "{",
            f"    {c_type} value;",
            "    memcpy(&value, from, sizeof value);",
            "    return value;",
            "}",
            store,
            "{",
            "    memcpy(to, &value, sizeof value);",
            "}",
            "",
        ]
    count = bits // 8
    shifts = [8 * i for i in range(count)] if tag == "le" else [8 * (count - 1 - i) for i in range(count)]
    word = f"uint{max(bits, 32)}_t"
    up = [f" << {shift}" if shift else "" for shift in shifts]
    down = [f"(bits >> {shift})" if shift else "bits" for shift in shifts]
    return [
        load,
        "{",
        "    const unsigned char *bytes = (const unsigned char *)from;",
        f"    {word} joined = 0;",
        *(f"    joined |= ({word})bytes[{i}]{shift};" for i, shift in enumerate(up)),
        f"    return ({c_type})joined;",
        "}",
        store,
        "{",
        "    unsigned char *bytes = (unsigned char *)to;",
        f"    const uint{bits}_t bits = (uint{bits}_t)value;",
        *(f"    bytes[{i}] = (unsigned char){byte};" for i, byte in enumerate(down)),
        "}",
        "",
    ]


def _declarator(field: Field) -> str:
    return f"{_C_TYPES[field.type]} {field.name}" + (f"[{field.count}]" if field.count else "")


def _record(record: Record) -> list[str]:
    lines = ["/* What readers get from " + ", ".join(layout.name for layout in record.layouts) + ". */"]
    lines.append(f"struct cb_{record.name} {{")
    for field in record.fields:
        encoding = ", as a word of chronyd's float" if field.encoding == "candm_float" else ""
        lines.append(f"    {_declarator(field)}; /* {field.unit}{encoding} */")
    return [*lines, "};", ""]


def _listed(record: Record) -> list[str]:
    """A macro that calls another for each field, for those who convert the record from what their language has."""
    if any(field.count for field in record.fields):
        raise SpecError(f"{record.name}: has fields of several items, which can't be listed as numbers")
    rows = [
        f"#define CB_{record.name.upper()}_FIELDS(X)",
        *(f"    X({field.name}, {_C_TYPES[field.type]})" for field in record.fields),
    ]
    return [
        f"/* X(name, type) for each field of struct cb_{record.name}, in its order. */",
        *(f"{row:<{_LINE_LENGTH - 1}}\\" for row in rows[:-1]),
        rows[-1],
        "",
    ]


def _macro(layout: PlainLayout, field: Field) -> str:
    return f"CB_{layout.name.upper()}_{field.name.upper()}"


def _constants(layout: PlainLayout, field: Field) -> dict[str, int]:
    """The macros of a constant field and their values; none for other fields."""
    match field.valid:
        case Exactly(value=int(one)):
            return {_macro(layout, field): one}
        case Exactly(value=tuple(many)):
            return {f"{_macro(layout, field)}_{i}": value for i, value in enumerate(many)}
    return {}


def _constant(value: int) -> str:
    if value < 0:
        return f"({_literal(value)})"
    return f"UINT{32 if value < 2**32 else 64}_C({number(value)})"


def _layout(layout: PlainLayout) -> list[str]:
    struct = f"struct cb_{layout.name}_layout"
    words = f"{layout.title}. {layout.meaning} Byte order: {layout.byte_order}."
    lines = ["/*", *wrapped(words, " * "), " */"]
    lines.append(f"#define CB_{layout.name.upper()}_SIZE_BYTES {layout.size_bytes}")
    for field in layout.fields:
        lines.append(f"#define {_macro(layout, field)}_OFFSET_BYTES {field.offset_bytes}")
        lines += [f"#define {name} {_constant(value)}" for name, value in _constants(layout, field).items()]
    lines += ["", f"{struct} {{"]
    for field in layout.fields:
        lines += _comment(f"{type_words(field)}, {field.unit}: {field.meaning}")
        lines.append(f"    {_declarator(field)};")
    lines += ["};"]
    lines += _assert(f"sizeof({struct}) == CB_{layout.name.upper()}_SIZE_BYTES", f"size of {layout.name}")
    for field in layout.fields:
        name = f"{layout.name}.{field.name}"
        offset = f"{_macro(layout, field)}_OFFSET_BYTES"
        lines += _assert(f"offsetof({struct}, {field.name}) == {offset}", f"offset of {name}")
        lines += _assert(f"sizeof((({struct} *)0)->{field.name}) == {field.size_bytes}", f"size of {name}")
    lines.append("")
    for field in layout.fields:
        lines += _access(layout, field)
    return lines + _load_all(layout) + _store_all(layout) + _invalid(layout)


def _assert(condition: str, what: str) -> list[str]:
    line = f'_Static_assert({condition}, "{what}");'
    if len(line) <= _LINE_LENGTH:
        return [line]
    return [f"_Static_assert({condition},", f'               "{what}");']


def _comment(text: str) -> list[str]:
    """A comment on a struct's member, in as many lines as it needs."""
    first, *others = wrapped(text, "     * ")
    lines = [first.replace("     * ", "    /* ", 1), *others]
    lines[-1] += " */"
    return lines


def _access(layout: PlainLayout, field: Field) -> list[str]:
    tag, kind = _helper_key(layout, field)
    c_type, name = _C_TYPES[field.type], f"cb_{layout.name}"
    index, start = "", f" + {_macro(layout, field)}_OFFSET_BYTES"
    if field.count:
        index = ", size_t index"
        start += " + index" if field.item_bytes == 1 else f" + index * {field.item_bytes}"
    return [
        f"static inline {c_type} {name}_load_{field.name}(const void *bytes{index})",
        "{",
        f"    return {_helper_name('load', tag, kind)}((const unsigned char *)bytes{start});",
        "}",
        f"static inline void {name}_store_{field.name}(void *bytes{index}, {c_type} value)",
        "{",
        f"    {_helper_name('store', tag, kind)}((unsigned char *)bytes{start}, value);",
        "}",
        "",
    ]


def _each(field: Field, statement: str) -> list[str]:
    """`statement`, once or for every item; `{i}` and `{item}` stand for the index."""
    if not field.count:
        return ["    " + statement.format(i="", item="")]
    return [
        f"    for (size_t index = 0; index < {field.count}; index++)",
        "        " + statement.format(i=", index", item="[index]"),
    ]


def _load_all(layout: PlainLayout) -> list[str]:
    struct = f"struct cb_{layout.record}"
    lines = [
        f"/* Reads a copy of {layout.name}, which has {layout.size_bytes} bytes; what the layout lacks becomes 0. */",
        f"static inline void cb_{layout.name}_load(const void *bytes, {struct} *record)",
        "{",
        "    memset(record, 0, sizeof *record);",
    ]
    for field in layout.fields:
        if field.in_record:
            call = f"cb_{layout.name}_load_{field.name}(bytes{{i}})"
            lines += _each(field, f"record->{field.name}{{item}} = {call};")
    return [*lines, "}", ""]


def _store_all(layout: PlainLayout) -> list[str]:
    struct = f"struct cb_{layout.record}"
    lines = [
        f"/* Writes all {layout.size_bytes} bytes of {layout.name}: constants as declared, reserved bytes as 0. */",
        f"static inline void cb_{layout.name}_store(void *bytes, const {struct} *record)",
        "{",
        f"    memset(bytes, 0, CB_{layout.name.upper()}_SIZE_BYTES);",
    ]
    for field in layout.fields:
        name = f"cb_{layout.name}_store_{field.name}"
        if field.in_record:
            lines += _each(field, f"{name}(bytes{{i}}, record->{field.name}{{item}});")
        for i, constant in enumerate(_constants(layout, field)):
            index = f", {i}" if field.count else ""
            lines.append(f"    {name}(bytes{index}, {constant});")
    return [*lines, "}", ""]


def _literal(value: int) -> str:
    if value == -(2**63):
        return "INT64_MIN"
    if abs(value) < 2**31:
        return f"{value}"
    return f"INT64_C({value})" if value < 2**63 else f"UINT64_C({value})"


def _outside(field: Field, value: str) -> str:
    """A C condition that is true when `value` isn't valid; empty when everything is."""
    match field.valid:
        case Between(lowest=lowest, highest=highest):
            bits = field.item_bytes * 8
            signed = field.type[0] == "i"
            low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
            parts = [f"{value} < {_literal(lowest)}"] if lowest > low else []
            parts += [f"{value} > {_literal(highest)}"] if highest < high else []
            return " || ".join(parts)
        case OneOf(enumeration=enumeration):
            return " && ".join(f"{value} != {_literal(member.value)}" for member in enumeration.members)
    return ""


def _invalid(layout: PlainLayout) -> list[str]:
    struct = f"struct cb_{layout.record}"
    lines = [
        f"/* The name of the first field that is outside what {layout.name} allows, or NULL. */",
        f"static inline const char *cb_{layout.name}_invalid(const {struct} *record)",
        "{",
    ]
    body: list[str] = []
    for field in layout.fields:
        condition = _outside(field, f"record->{field.name}" + ("[index]" if field.count else ""))
        if condition and field.count:
            body.append(f"    for (size_t index = 0; index < {field.count}; index++)")
            body += [f"        if ({condition})", f'            return "{field.name}";']
        elif condition:
            body += [f"    if ({condition})", f'        return "{field.name}";']
    return [*lines, *(body or ["    (void)record;"]), "    return NULL;", "}", ""]
