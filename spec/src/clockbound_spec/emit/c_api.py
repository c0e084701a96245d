"""reStructuredText: the C library's manual as directives of Sphinx's C domain, without its examples.

The quick start shows those.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from clockbound_spec.c_header import Block, Code, Items, Paragraph
from clockbound_spec.emit import mark
from clockbound_spec.manual import Manual, Word


def reference(manual: Manual) -> str:
    """What the header says in general, then its types, its constants and its functions."""
    header = manual.header
    about = header.about
    lines = [f".. {mark(header.path)}", "", *_blocks(manual, about.blocks, about.line)]
    for title, blocks in about.parts:
        lines += [*_heading(title), *_blocks(manual, blocks, about.line)]
    lines += _heading("Functions")
    for function in header.functions:
        if not function.is_extension:
            lines += _function(manual, function.name)
    for chapter in header.chapters:
        lines += [*_heading(chapter.title), *_blocks(manual, chapter.blocks, chapter.line)]
        for title, blocks in chapter.parts:
            lines += [*_heading(title), *_blocks(manual, blocks, chapter.line)]
    for function in header.functions:
        if function.is_extension:
            lines += _function(manual, function.name)
    lines += _heading("Types")
    for type_ in header.types:
        body = [*_extension(type_.is_extension), *_blocks(manual, type_.blocks, type_.line)]
        for member in type_.members:
            meaning = _sentence(manual, member.meaning, type_.line)
            body += _directive(f"c:member:: {member}", [meaning])
        lines += _directive(f"c:{'type' if type_.is_opaque else 'struct'}:: {type_.name}", body)
    for enumeration in manual.enumerations:
        body = [_escaped(enumeration.meaning), ""]
        for value in enumeration.members:
            name = f"{enumeration.c_prefix}{value.name}"
            body += _directive(f"c:enumerator:: {name} = {value.value}", [_escaped(value.meaning)])
        lines += _directive(f"c:enum:: {enumeration.c_name}", body)
    lines += _heading("Paths")
    for path in manual.paths:
        lines += _directive(f"c:macro:: {path.c_macro}", [f"``{path.value}``: {_escaped(path.meaning)}"])
    return "\n".join(lines)


def _function(manual: Manual, name: str) -> list[str]:
    function = manual.functions[name]
    parameters = ", ".join(str(parameter) for parameter in function.parameters) or "void"
    separator = "" if function.returns.endswith("*") else " "
    body = _blocks(manual, function.blocks, function.line)
    for parameter in function.parameters:
        body.append(f":param {parameter.name}: {_sentence(manual, parameter.meaning, function.line)}")
    if function.returned:
        body.append(f":returns: {_sentence(manual, function.returned, function.line)}")
    return _directive(f"c:function:: {function.returns}{separator}{name}({parameters})", body)


def _extension(is_extension: bool) -> list[str]:
    return ["*An extension.*", ""] if is_extension else []


def _blocks(manual: Manual, blocks: Iterable[Block], line: int) -> list[str]:
    lines: list[str] = []
    for block in blocks:
        match block:
            case Paragraph(text=text):
                lines += [_sentence(manual, text, line), ""]
            case Code(lines=code):
                lines += _directive("code-block:: c", list(code))
            case Items(items=items):
                for word, meaning in items:
                    lines += [
                        f"{_prose(manual, manual.words(word, line))}",
                        f"   {_sentence(manual, meaning, line)}",
                    ]
                lines.append("")
    return lines


def _sentence(manual: Manual, text: str, line: int) -> str:
    return _prose(manual, manual.sentence(text, line))


def _prose(manual: Manual, words: Iterable[Word]) -> str:
    return " ".join(f"{_escaped(word.lead)}{_name(manual, word)}{_escaped(word.trail)}" for word in words)


def _name(manual: Manual, word: Word) -> str:
    """The word as a link to what it names, where that is on this page."""
    role = ""
    match word.kind:
        case "text":
            return _escaped(word.core)
        case "function":
            role = "c:func" if word.core in manual.functions else ""
        case "page":
            role = "manpage"
        case "type":
            role = "c:type" if word.core in manual.types else ""
        case "constant" if word.core in manual.enumerators:
            role = "c:enumerator"
        case "constant" if word.core in manual.macros:
            role = "c:macro"
    if not role and word.kind == "function":
        return f"``{word.core}()``"
    return f":{role}:`{word.core}`" if role else f"``{word.core}``"


def _escaped(text: str) -> str:
    """`text` without accidental markup."""
    return re.sub(r"[\\*`|]|_\b", r"\\\g<0>", text)


def _heading(title: str) -> list[str]:
    return [title, "-" * len(title), ""]


def _directive(head: str, body: list[str]) -> list[str]:
    end = len(body)
    while end and not body[end - 1]:
        end -= 1
    return [f".. {head}", "", *(f"   {line}".rstrip() for line in body[:end]), ""]
