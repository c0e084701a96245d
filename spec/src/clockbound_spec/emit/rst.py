"""reStructuredText: tables of fields, of the vocabulary and of the rules, for the documentation.

The `rule` directive is declared in docs/conf.py; everything else is plain reStructuredText.
"""

from __future__ import annotations

import re

from clockbound_spec.declare import Enumeration
from clockbound_spec.emit import MARK
from clockbound_spec.emit.text import type_words, valid_words
from clockbound_spec.model import Field, PlainLayout
from clockbound_spec.rules import Chapter
from clockbound_spec.vocabulary import DefaultPath, Limit

_NARROW_NO_BREAK_SPACE = "\N{NARROW NO-BREAK SPACE}"


def layout_tables(layouts: tuple[PlainLayout, ...], map_of: dict[str, str]) -> str:
    """A section a layout: its byte map (`map_of` gives the picture's file) and its table of fields."""
    lines = [f".. {MARK}", ""]
    for layout in layouts:
        lines += _heading(layout.title, f"layout-{layout.name}")
        writers = {field.writer for field in layout.fields}
        writer = f" Written by {_with_article(*writers)}." if len(writers) == 1 else ""
        lines += [f"{_prose(layout.meaning)} {layout.size_bytes} bytes, {_order_words(layout)}.{writer}", ""]
        if layout.name in map_of:
            lines += [".. container:: byte-map", "", f"   .. image:: {map_of[layout.name]}"]
            lines += [f"      :alt: Byte map of {layout.title}; the table below says the same in words", ""]
        # Four columns, because a table of eight can't be read on a phone.
        rows = [
            [
                f"{field.offset_bytes}",
                f"{field.size_bytes}",
                f"``{field.name}``\n\n{type_words(field)}{_unit(field)}",
                _what_it_holds(field, writer_varies=len(writers) > 1),
            ]
            for field in layout.fields
        ]
        lines += _table(["Offset", "Bytes", "Field", "What it holds"], [7, 7, 29, 57], rows, "fields")
    return "\n".join(lines)


def _with_article(writer: str) -> str:
    return writer if writer.startswith("chronyd") else f"the {writer}"


def _order_words(layout: PlainLayout) -> str:
    if layout.byte_order == "native":
        return "in the machine's own byte order"
    return f"{layout.byte_order}-endian"


def _unit(field: Field) -> str:
    return "" if field.unit == "-" else f", {_prose(field.unit)}"


def _what_it_holds(field: Field, writer_varies: bool) -> str:
    meaning = f"{field.part_meaning} {field.meaning}" if field.part else field.meaning
    # A value stays beside its name where the line breaks.
    valid = re.sub(r"(\d) (?=[A-Z_]{2})", "\\1\N{NO-BREAK SPACE}", valid_words(field.valid))
    paragraphs = [_prose(meaning), f"*Valid:* {_prose(valid)}."]
    if writer_varies:
        paragraphs.append(f"*Writer:* {field.writer}.")
    return "\n\n".join(paragraphs)


def vocabulary_tables(
    enumerations: tuple[Enumeration, ...], limits: tuple[Limit, ...], paths: tuple[DefaultPath, ...]
) -> str:
    """Statuses, error kinds, limits and default paths."""
    lines = [f".. {MARK}", ""]
    for enumeration in enumerations:
        lines += _heading(enumeration.name, f"enumeration-{enumeration.name}")
        lines += [_prose(enumeration.meaning), ""]
        rows = [[f"{m.value}", f"``{m.name}``", _prose(m.meaning)] for m in enumeration.members]
        lines += _table(["Value", "Name", "Meaning"], [10, 40, 50], rows, "members")
    lines += _heading("Limits", "limits")
    rows = [[f"``{limit.name}``", _grouped(f"{limit.value}"), _prose(limit.meaning)] for limit in limits]
    lines += _table(["Name", "Value", "Meaning"], [36, 24, 40], rows, "members")
    lines += _heading("Default paths", "default-paths")
    rows = [[f"``{path.name}``", f"``{path.value}``", _prose(path.meaning)] for path in paths]
    lines += _table(["Name", "Value", "Meaning"], [36, 32, 32], rows, "members")
    return "\n".join(lines)


def rule_list(chapters: tuple[Chapter, ...]) -> str:
    """The rules by id; each id is a target that other pages refer to with the `rule` role."""
    lines = [f".. {MARK}", ""]
    for chapter in chapters:
        lines += _heading(chapter.title, "rules-" + chapter.title.lower().replace(" ", "-").replace("'", ""))
        lines += [_prose(chapter.introduction), ""]
        for rule in chapter.rules:
            lines += [f".. rule:: {rule.id}", "", f"   {_prose(rule.statement)}", ""]
    return "\n".join(lines)


def _prose(text: str) -> str:
    """`text` for people: no accidental markup, whole seconds as seconds, long numbers in groups of three."""
    return _grouped(_in_seconds(text.replace("*", "\\*")))


def _in_seconds(text: str) -> str:
    """Long durations of whole seconds: 5000000000 ns -> 5 s."""
    return re.sub(r"\b(\d+)000000000 ns\b", r"\1 s", text)


def _grouped(text: str) -> str:
    """Decimal numbers of five digits and more, in groups of three; hexadecimal words stay whole."""
    return re.sub(
        r"\b\d{5,}\b", lambda number: f"{int(number[0]):,}".replace(",", _NARROW_NO_BREAK_SPACE), text
    )


def _heading(title: str, label: str) -> list[str]:
    return [f".. _{label}:", "", title, "-" * len(title), ""]


def _table(header: list[str], widths: list[int], rows: list[list[str]], style: str) -> list[str]:
    lines = [".. list-table::", f"   :class: {style}", "   :header-rows: 1"]
    lines += [f"   :widths: {' '.join(str(width) for width in widths)}", ""]
    for row in [header, *rows]:
        for i, cell in enumerate(row):
            first, *others = cell.split("\n")
            lines.append(f"   {'* -' if i == 0 else '  -'} {first}")
            lines += [f"       {line}".rstrip() for line in others]
    return [*lines, ""]
