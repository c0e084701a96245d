"""mdoc: the manual pages of the C library, one a function, and the overview."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date
from functools import partial

from clockbound_spec.c_header import Block, Code, Function, Items, Paragraph, Type
from clockbound_spec.emit import mark
from clockbound_spec.emit.text import wrapped
from clockbound_spec.manual import Manual, Word
from clockbound_spec.vocabulary import VERSION, VERSION_DATE

SECTION = "3"
_WIDTH = 78
_MACROS = {"constant": "Dv", "errno": "Er", "type": "Vt"}


def pages(manual: Manual) -> dict[str, Callable[[], str]]:
    """File name -> renderer: one page for each function, and the overview."""
    rendered: dict[str, Callable[[], str]] = {f"{manual.header.stem}.{SECTION}": partial(overview, manual)}
    for function in manual.header.functions:
        rendered[f"{function.name}.{SECTION}"] = partial(page, manual, function)
    return rendered


def page(manual: Manual, function: Function) -> str:
    """The page of one function."""
    on = _Page(manual, function.name, tuple(variable.name for variable in function.parameters))
    header = manual.header
    lines = on.head(manual.summary(function.blocks, function.line))
    lines += [".Sh SYNOPSIS", f".In {header.name}", *_prototype(function), ".Sh DESCRIPTION"]
    lines += on.blocks(function.blocks, function.line)
    if function.parameters:
        lines += [".Bl -tag -width Ds"]
        for parameter in function.parameters:
            lines += [f".It Fa {parameter.name}", *on.sentence(parameter.meaning, function.line)]
        lines += [".El"]
    if function.returned:
        lines += [".Sh RETURN VALUES", *on.sentence(function.returned, function.line)]
    lines += on.example()
    if errors := manual.errors(function):
        lines += [".Sh ERRORS", ".Bl -tag -width Ds"]
        for constant, errno_, meaning in errors:
            lines += [f".It Dv {constant}" + (f" No with Er {errno_}" if errno_ else "")]
            lines += on.sentence(meaning, function.line)
        lines += [".El"]
    lines += on.see_also(
        [f"{header.stem}({SECTION})", *(f"{name}({SECTION})" for name in manual.related(function))]
    )
    lines += on.standing(function.is_extension)
    return "\n".join([*lines, ""])


def overview(manual: Manual) -> str:
    """The page of the whole library."""
    header = manual.header
    about = header.about
    on = _Page(manual, header.stem, ())
    lines = on.head(manual.summary(tuple(about.blocks), about.line))
    lines += [".Sh SYNOPSIS", f".In {header.name}", ".Sh DESCRIPTION", *on.blocks(about.blocks, about.line)]
    lines += [".Ss Functions", ".Bl -tag -width Ds"]
    for function in header.functions:
        lines += [f".It Xr {function.name} {SECTION}"]
        lines += on.sentence(manual.summary(function.blocks, function.line), function.line)
        lines += _standing(function)
    lines += [".El"]
    for comment in (about, *header.chapters):
        if comment is not about:
            lines += [f".Ss {_argument(comment.title)}", *on.blocks(comment.blocks, comment.line)]
        for title, blocks in comment.parts:
            lines += [f".Ss {_argument(title)}", *on.blocks(blocks, comment.line)]
    lines += [".Ss Types", ".Bl -tag -width Ds"]
    for type_ in header.types:
        lines += on.type(type_)
    for enumeration in manual.enumerations:
        lines += [f".It Vt {enumeration.c_name}", *_text(enumeration.meaning), ".Bl -tag -width Ds"]
        for member in enumeration.members:
            lines += [
                f".It Dv {enumeration.c_prefix}{member.name} No = {member.value}",
                *_text(member.meaning),
            ]
        lines += [".El"]
    lines += [".El", ".Sh FILES", ".Bl -tag -width Ds"]
    for path in manual.paths:
        lines += [f".It Pa {path.value} Pq Dv {path.c_macro}", *_text(path.meaning)]
    lines += [".El", *on.example()]
    lines += on.see_also(
        [*(f"{function.name}({SECTION})" for function in header.functions), *manual.see_also()]
    )
    return "\n".join([*lines, ""])


class _Page:
    """What is the same on every page."""

    def __init__(self, manual: Manual, name: str, parameters: tuple[str, ...]) -> None:
        self.manual = manual
        self.name = name
        self.parameters = parameters

    def head(self, summary: str) -> list[str]:
        day = date.fromisoformat(VERSION_DATE)
        stem = self.manual.header.stem
        return [
            f'.\\" {mark(self.manual.header.path)}',
            f".Dd {day:%B} {day.day}, {day.year}",
            f".Dt {self.name.upper()} {SECTION}",
            f".Os {stem} {VERSION}",
            ".Sh NAME",
            f".Nm {self.name}",
            f".Nd {_escaped(summary)}",
            ".Sh LIBRARY",
            f"lib{stem}",
            f".Pq Fl l Ns {stem}",
        ]

    def blocks(self, blocks: Iterable[Block], line: int) -> list[str]:
        lines: list[str] = []
        for block in blocks:
            match block:
                case Paragraph(text=text):
                    if lines:
                        lines.append(".Pp")
                    lines += self.sentence(text, line)
                case Code(lines=code):
                    lines += _literal(code)
                case Items(items=items):
                    lines += [".Bl -tag -width Ds"]
                    for word, meaning in items:
                        lines += [f".It {_macro(self.manual.words(word, line)[0], self)}"]
                        lines += self.sentence(meaning, line)
                    lines += [".El"]
        return lines

    def sentence(self, text: str, line: int) -> list[str]:
        return self.lines(self.manual.sentence(text, line))

    def lines(self, words: Iterable[Word]) -> list[str]:
        """Lines of text, where a sentence begins a new one, and of macros, one for each word with a name."""
        lines: list[str] = []
        text: list[str] = []

        def end_text() -> None:
            if text:
                lines.extend(_text(" ".join(text)))
                text.clear()

        for word in words:
            if word.kind == "text":
                text.append(word.core)
                if re.search(r"[.?!][)\"]*$", word.core):
                    end_text()
            else:
                end_text()
                lines.append(f".{_macro(word, self)}")
        end_text()
        return lines

    def type(self, type_: Type) -> list[str]:
        lines = [f".It Vt {type_.name}", *self.blocks(type_.blocks, type_.line)]
        lines += _standing(type_)
        if type_.members:
            lines += [".Bl -tag -width Ds"]
            for member in type_.members:
                lines += [f'.It Va "{member}"', *self.sentence(member.meaning, type_.line)]
            lines += [".El"]
        return lines

    def example(self) -> list[str]:
        text = self.manual.examples.get(self.name)
        return [".Sh EXAMPLES", *_literal(text.rstrip("\n").split("\n"))] if text else []

    def see_also(self, others: Iterable[str]) -> list[str]:
        pages = sorted({(section, name) for name, section in map(_name_and_section, others)})
        lines = [f".Xr {name} {section} ," for section, name in pages]
        return [".Sh SEE ALSO", *lines[:-1], lines[-1].removesuffix(" ,")]

    def standing(self, is_extension: bool) -> list[str]:
        if not is_extension:
            return []
        return [
            ".Sh STANDARDS",
            f".Fn {self.name}",
            "is an extension, as",
            f".Xr {self.manual.header.stem} {SECTION}",
            "explains.",
        ]


def _standing(what: Function | Type) -> list[str]:
    return ["An extension."] if what.is_extension else []


def _macro(word: Word, on: _Page) -> str:
    """The macro, without its dot, and the word with the punctuation around it."""
    if word.kind == "text":
        return f"No {_argument(word.core)}"
    if word.kind == "page":
        name, section = _name_and_section(word.core)
        macro = f"Xr {name} {section}"
    elif word.kind == "function":
        other = word.core in on.manual.functions and word.core != on.name
        macro = f"Xr {word.core} {SECTION}" if other else f"Fn {word.core}"
    elif word.kind == "variable":
        macro = f"{'Fa' if word.core in on.parameters else 'Va'} {word.core}"
    else:
        macro = f"{_MACROS[word.kind]} {word.core}"
    if re.fullmatch(r"[(\[]*", word.lead):
        name, rest = macro.split(" ", 1)
        before = " ".join([name, *word.lead, rest])
    else:
        before = f"No {_quoted(word.lead)} Ns {macro}"
    if re.fullmatch(r"[)\].,:;?!]*", word.trail):
        return " ".join([before, *word.trail])
    return f"{before} Ns {_quoted(word.trail)}"


def _prototype(function: Function) -> list[str]:
    parameters = [str(parameter) for parameter in function.parameters] or ["void"]
    return [
        f'.Ft "{function.returns}"',
        f".Fo {function.name}",
        *(f'.Fa "{parameter}"' for parameter in parameters),
        ".Fc",
    ]


def _name_and_section(page: str) -> tuple[str, str]:
    name, section = page.removesuffix(")").split("(")
    return name, section


def _text(text: str) -> list[str]:
    """Lines of text that can't be taken for macros."""
    escaped = " ".join(_escaped(word) for word in text.split())
    return [re.sub(r"^(?=[.'])", r"\\&", line) for line in wrapped(escaped, "", _WIDTH)]


def _escaped(text: str) -> str:
    text = text.replace("\\", r"\e")
    # The minus of an option and of a number, which can be copied, not a hyphen.
    return re.sub(r"(?<![\w-])-+(?=\w)", lambda minus: minus[0].replace("-", r"\-"), text)


def _argument(text: str) -> str:
    """Words behind a macro none of which is taken for a macro."""
    return re.sub(r"(?<!\S)(?=[A-Z][a-z]{1,2}(?!\S))", lambda _: r"\&", _escaped(text))


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', r"\(dq")


def _literal(code: Iterable[str]) -> list[str]:
    lines = [".Bd -literal -offset indent"]
    for line in code:
        escaped = line.replace("\\", r"\e").replace("-", r"\-").replace("'", r"\(aq").replace("`", r"\(ga")
        lines.append(re.sub(r"^(?=\.)", r"\\&", escaped).replace("^", r"\(ha").replace("~", r"\(ti"))
    return [*lines, ".Ed"]
