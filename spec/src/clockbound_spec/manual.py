"""The manual of a C library: its header, with every word that names something known by what it names."""

from __future__ import annotations

import errno
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from clockbound_spec.c_header import Block, Code, Function, Header, Items, Paragraph, Type
from clockbound_spec.declare import Enumeration
from clockbound_spec.vocabulary import DefaultPath

Kind = Literal["text", "function", "page", "constant", "errno", "type", "variable"]

_CORE = re.compile(r"(?P<lead>[(\[\"']*)(?P<core>[A-Za-z_]\w*(?:\(\d?\))?)(?P<trail>(?:[^\w/=].*)?)")
_CONSTANT = re.compile(r"NULL|[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+")
# The kind of error that an errno says more of.
_WITH_ERRNO = "SYSCALL"


@dataclass(frozen=True)
class Word:
    """A word of prose. What it names is `core`; `lead` and `trail` are the punctuation around it."""

    kind: Kind
    core: str
    lead: str = ""
    trail: str = ""

    def __str__(self) -> str:
        return f"{self.lead}{self.core}{'()' if self.kind == 'function' else ''}{self.trail}"


class Manual:
    """What renderers ask; a name that a comment gives and that doesn't exist is refused."""

    def __init__(
        self,
        header: Header,
        enumerations: tuple[Enumeration, ...],
        paths: tuple[DefaultPath, ...],
        examples: dict[str, str] | None = None,
    ) -> None:
        self.header = header
        self.enumerations = tuple(one for one in enumerations if one.c_name)
        self.paths = tuple(path for path in paths if path.c_macro)
        #: Page -> the text of the program that it shows, without its licence.
        self.examples = {
            page: re.sub(r"\A/\* SPDX-.*\*/\n", "", text) for page, text in (examples or {}).items()
        }
        self.functions = {function.name: function for function in header.functions}
        self.types = {type_.name for type_ in header.types} | {one.c_name for one in self.enumerations}
        self._values = {
            member.name: f"{one.c_prefix}{member.name}" for one in self.enumerations for member in one.members
        }
        # Constant -> meaning, of the enumeration of errors.
        self._errors = {
            f"{one.c_prefix}{member.name}": member.meaning
            for one in self.enumerations
            for member in one.members
            if any(other.name == _WITH_ERRNO for other in one.members)
        }
        self.enumerators = set(self._values.values())
        self.macros = {path.c_macro for path in self.paths}
        self._constants = {*self._values, *self.enumerators, *self.macros, f"{header.stem.upper()}_VERSION"}
        of_functions = {one.name for function in header.functions for one in function.parameters}
        self._variables = of_functions | {one.name for type_ in header.types for one in type_.members}
        #: errno -> its meaning, from the header's lists.
        self.errno_meanings = {
            word: meaning
            for comment in (header.about, *header.chapters)
            for block in comment.blocks
            if isinstance(block, Items)
            for word, meaning in block.items
            if _is_errno(word)
        }
        for line, text in self._prose():
            self.words(text, line)
        for page in self.examples:
            if page != header.stem and page not in self.functions:
                header.refuse(
                    1, f"{page}: has an example, but isn't a function; give it to one, or remove it"
                )

    def words(self, text: str, line: int) -> list[Word]:
        """The words of `text`, which stands in a comment in or above `line`."""
        return [self._word(word, line) for word in text.split()]

    def summary(self, blocks: tuple[Block, ...], line: int) -> str:
        """The first sentence, as the line in a list of pages: no capital, no full stop."""
        first = blocks[0]
        if not isinstance(first, Paragraph):
            self.header.refuse(line, "a comment that doesn't begin with a sentence; write one")
        sentence = re.split(r"(?<=[.?!])\s", first.text)[0].removesuffix(".")
        words = [str(word) for word in self.words(sentence, line)]
        if re.fullmatch(r"[A-Z][a-z-]*\W*", words[0]):
            words[0] = words[0][0].lower() + words[0][1:]
        return " ".join(words)

    def sentence(self, text: str, line: int) -> list[Word]:
        """The words of `text`, with a capital and a full stop."""
        words = self.words(text, line)
        if words[0].kind == "text" and words[0].core.isalpha():
            words[0] = replace(words[0], core=words[0].core[0].upper() + words[0].core[1:])
        last = words[-1]
        if not re.search(r"[.?!:][)\"]*$", str(last)):
            if last.kind == "text":
                words[-1] = replace(last, core=f"{last.core}.")
            else:
                words[-1] = replace(last, trail=f"{last.trail}.")
        return words

    def errors(self, function: Function) -> list[tuple[str, str, str]]:
        """Constant, errno or empty, and meaning of each error that `function` can give."""
        constants, errnos = self._mentioned(function, set())
        found = []
        for constant, meaning in self._errors.items():
            if constant in constants:
                found.append((constant, "", meaning))
                if constant.endswith(_WITH_ERRNO):
                    found += [
                        (constant, word, more) for word, more in self.errno_meanings.items() if word in errnos
                    ]
        return found

    def related(self, function: Function) -> list[str]:
        """The other functions that the comment names."""
        names = {word.core for text in _function_texts(function) for word in self.words(text, function.line)}
        return sorted((names & self.functions.keys()) - {function.name})

    def see_also(self) -> list[str]:
        """The pages of other manuals that belong to the overview: clock_gettime(2)."""
        return [word.core for word in self.words(self.header.about.see, self.header.about.line)]

    def _mentioned(self, function: Function, seen: set[str]) -> tuple[set[str], set[str]]:
        """Constants and errnos that @return names, by itself or by naming another function."""
        constants: set[str] = set()
        errnos: set[str] = set()
        for word in self.words(function.returned, function.line):
            if word.kind == "errno":
                errnos.add(word.core)
            elif word.kind == "constant":
                constants.add(word.core)
            elif word.kind == "function" and word.core in self.functions and word.core not in seen:
                more = self._mentioned(self.functions[word.core], seen | {function.name})
                constants |= more[0]
                errnos |= more[1]
        return constants, errnos

    def _word(self, word: str, line: int) -> Word:
        match = _CORE.fullmatch(word)
        if match is None:
            return Word("text", word)
        lead, core, trail = match.groups()
        return self._named(core, lead, trail, line) or Word("text", word)

    def _named(self, core: str, lead: str, trail: str, line: int) -> Word | None:
        stem = self.header.stem
        if core.endswith("()"):
            name = core[:-2]
            if name.startswith(f"{stem}_") and name not in self.functions:
                self.header.refuse(
                    line, f"names {core}, which isn't there; name one of the header's functions"
                )
            return Word("function", name, lead, trail)
        if core.endswith(")"):
            return Word("page", core, lead, trail)
        if core.startswith("_"):
            if core[1:] not in self._values:
                self.header.refuse(
                    line, f"names {core}, which isn't there; name one of {', '.join(self._values)}"
                )
            return Word("constant", self._values[core[1:]], lead, trail)
        if core in self._constants or _CONSTANT.fullmatch(core):
            if core.startswith(f"{stem.upper()}_") and core not in self._constants:
                self.header.refuse(line, f"names {core}, which isn't there; name a constant that is")
            return Word("constant", core, lead, trail)
        if _is_errno(core):
            return Word("errno", core, lead, trail)
        if core in self.types or re.fullmatch(r"\w+_t", core):
            return Word("type", core, lead, trail)
        # Without an underscore it may be a word of English.
        if "_" in core and core in self._variables:
            return Word("variable", core, lead, trail)
        return None

    def _prose(self) -> Iterator[tuple[int, str]]:
        for comment in (self.header.about, *self.header.chapters):
            for blocks in (comment.blocks, *(blocks for _, blocks in comment.parts)):
                yield from ((comment.line, text) for text in _texts(tuple(blocks)))
            yield comment.line, comment.see
            yield from ((comment.line, meaning) for meaning in comment.parameters.values())
        for type_ in self.header.types:
            yield from ((type_.line, text) for text in _type_texts(type_))
        for function in self.header.functions:
            yield from ((function.line, text) for text in _function_texts(function))


def _is_errno(word: str) -> bool:
    return word in errno.errorcode.values()


def _texts(blocks: tuple[Block, ...]) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, Paragraph):
            yield block.text
        elif isinstance(block, Items):
            yield from (meaning for _, meaning in block.items)
        else:
            assert isinstance(block, Code)


def _function_texts(function: Function) -> Iterator[str]:
    yield from _texts(function.blocks)
    yield from (parameter.meaning for parameter in function.parameters)
    yield function.returned


def _type_texts(type_: Type) -> Iterator[str]:
    yield from _texts(type_.blocks)
    yield from (member.meaning for member in type_.members)
