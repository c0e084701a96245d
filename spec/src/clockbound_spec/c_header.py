"""A public C header as data: what its comments say of its functions and types.

It reads the C that such a header needs and refuses the rest with its line: prototypes that begin with an
export macro, structs and opaque types. Each has a comment above it:

    /**
     * What it is or does.
     *
     * @param name what the caller passes
     * @return what it gives back
     */

A comment that begins with `@file` or `@name TITLE` is about the header, or about what follows it. There
`@par TITLE` begins a part with a title, `@param` describes a parameter that has none of its own in the
function that takes it, and `@see` names other manual pages. Lines indented by four are code or, where each
is a word, two spaces and more words, a list.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NoReturn

from clockbound_spec.declare import SpecError

#: What marks the description of something that this project has added to an interface it took over.
EXTENSION = "Extension: "

_TOKEN = re.compile(
    r"""
    (?P<doc> /\*\*(?!/) .*? \*/ )
  | (?P<comment> /\* .*? \*/ )
  | (?P<directive> \# (?: \\\n | [^\n] )*+ )
  | (?P<linkage> extern \s+ "C" \s* \{ | \} )
  | (?P<declaration>
      (?: /\*.*?\*/ | (?!/\*)[^;{}] )++
      (?: \{ (?: /\*.*?\*/ | (?!/\*)[^{}] )*+ \} [^;{}]*+ )?
      ;
    )
    """,
    re.VERBOSE | re.DOTALL,
)
_PROTOTYPE = re.compile(r"[A-Z][A-Z0-9_]*_API (?P<returns>[^()]*?)(?P<name>\w+) ?\((?P<parameters>.*)\);")
_OPAQUE = re.compile(r"typedef struct \w+ (?P<name>\w+);")
_STRUCT = re.compile(r"typedef\s+struct\s+\w+\s*\{(?P<body>.*)\}\s*(?P<name>\w+)\s*;", re.DOTALL)
# An array that cannot be declared where a condition doesn't hold: a check, nothing to use.
_CHECK = re.compile(r"typedef char \w+\[.*\];")
_VARIABLE = re.compile(r"(?P<type>.*[\s*])(?P<name>\w+)")


@dataclass(frozen=True)
class Paragraph:
    """Words, to be broken into lines anew."""

    text: str


@dataclass(frozen=True)
class Code:
    """Lines to be shown as they are."""

    lines: tuple[str, ...]


@dataclass(frozen=True)
class Items:
    """Words and what they mean."""

    items: tuple[tuple[str, str], ...]


Block = Paragraph | Code | Items


@dataclass
class Comment:
    """What a comment says."""

    line: int
    title: str = ""  # of `@file` and `@name`
    blocks: list[Block] = field(default_factory=list)
    parts: list[tuple[str, list[Block]]] = field(default_factory=list)  # each `@par`
    parameters: dict[str, str] = field(default_factory=dict)
    returned: str = ""
    see: str = ""


@dataclass(frozen=True)
class Variable:
    """A parameter of a function, or a member of a struct."""

    type: str
    name: str
    meaning: str

    def __str__(self) -> str:
        return f"{self.type}{'' if self.type.endswith('*') else ' '}{self.name}"


@dataclass(frozen=True)
class Function:
    """A function that the library exports."""

    line: int
    name: str
    returns: str  # its type
    parameters: tuple[Variable, ...]
    blocks: tuple[Block, ...]
    returned: str  # what it returns, in words; empty if nothing
    is_extension: bool


@dataclass(frozen=True)
class Type:
    """A struct, or an opaque type, which has no members to show."""

    line: int
    name: str
    members: tuple[Variable, ...]
    blocks: tuple[Block, ...]
    is_opaque: bool
    is_extension: bool


@dataclass(frozen=True)
class Header:
    """Everything in the header that its users need to know."""

    path: str
    about: Comment
    chapters: tuple[Comment, ...]
    functions: tuple[Function, ...]
    types: tuple[Type, ...]

    @property
    def name(self) -> str:
        """clockbound.h"""
        return self.about.title

    @property
    def stem(self) -> str:
        """clockbound"""
        return self.about.title.removesuffix(".h")

    def refuse(self, line: int, fault: str) -> NoReturn:
        """Raise what a fault in `line` is told with."""
        raise SpecError(f"{self.path}:{line}: {fault}")


def parse(text: str, path: str) -> Header:
    """The header `text`; SpecError tells `path`, the line, the fault and the remedy."""
    return _Parser(text, path).header()


class _Parser:
    def __init__(self, text: str, path: str) -> None:
        self.text = text
        self.path = path
        self.about: Comment | None = None
        self.chapters: list[Comment] = []
        self.functions: list[Function] = []
        self.types: list[Type] = []
        self.used: set[str] = set()  # parameters that only `@file` describes

    def refuse(self, line: int, fault: str) -> NoReturn:
        raise SpecError(f"{self.path}:{line}: {fault}")

    def header(self) -> Header:
        waiting: Comment | None = None  # for what it describes
        for kind, source, line in self.tokens():
            if kind == "declaration":
                self.declaration(source, line, waiting)
                waiting = None
                continue
            self.refuse_unused(waiting)
            if kind == "doc":
                comment = self.comment(source, line)
                if not comment.title:
                    waiting = comment
        self.refuse_unused(waiting)
        if self.about is None:
            self.refuse(1, "has no comment that begins with @file; say there what the header is for")
        for name in self.about.parameters:
            if name not in self.used:
                self.refuse(self.about.line, f"@param {name}: no function needs it; remove it")
        return Header(self.path, self.about, tuple(self.chapters), tuple(self.functions), tuple(self.types))

    def refuse_unused(self, comment: Comment | None) -> None:
        if comment is not None:
            self.refuse(comment.line, "a comment that describes nothing; put it right above a declaration")

    def tokens(self) -> Iterator[tuple[str, str, int]]:
        """Kind, text and line of each token."""
        position = 0
        while position < len(self.text):
            if self.text[position].isspace():
                position += 1
                continue
            line = self.text.count("\n", 0, position) + 1
            match = _TOKEN.match(self.text, position)
            if match is None:
                start = self.text[position : position + 40].split("\n")[0]
                self.refuse(line, f"can't read from {start!r} on; is a */ or a ; missing?")
            yield str(match.lastgroup), match[0], line
            position = match.end()

    def comment(self, source: str, line: int) -> Comment:
        comment = Comment(line)
        blocks = comment.blocks
        lines: list[str] = []  # of the block that is being read
        tag: list[str] | None = None  # words of the tag that is being read

        def end_block() -> None:
            if lines:
                blocks.append(_block(lines))
                lines.clear()

        texts: list[tuple[int, str, list[str]]] = []
        for number, full in enumerate(source[3:-2].split("\n"), line):
            content = re.sub(r"^\s*\* ?", "", full) if number > line else full.removeprefix(" ")
            content = content.rstrip()
            command = re.match(r"@(\w+) *(.*)", content)
            if command:
                end_block()
                tag = None
                if command[1] in ("file", "name"):
                    self.titled(comment, command[1], command[2], number)
                elif command[1] == "par":
                    if not comment.title:
                        self.refuse(number, "@par belongs to @file and @name; write plain paragraphs here")
                    if not command[2]:
                        self.refuse(number, "@par without a title; write it behind")
                    blocks = []
                    comment.parts.append((command[2], blocks))
                elif command[1] == "see" and comment is not self.about:
                    self.refuse(number, "@see belongs to @file; name a page in a sentence here")
                elif (
                    comment.title
                    and command[1] != "see"
                    and (comment is not self.about or command[1] == "return")
                ):
                    self.refuse(number, f"@{command[1]} belongs to a function; put it there")
                elif command[1] in ("param", "return", "see"):
                    tag = [command[2]] if command[2] else []
                    texts.append((number, command[1], tag))
                else:
                    self.refuse(number, f"@{command[1]} isn't known; use @param, @return, @par or @see")
            elif not content:
                end_block()
                tag = None
            elif tag is not None:
                tag.append(content.strip())
            elif texts:
                self.refuse(number, "text after @param, @return or @see; put it above them")
            else:
                lines.append(content)
        end_block()
        for number, name, words in texts:
            self.tag(comment, name, " ".join(words), number)
        if not comment.blocks:
            self.refuse(line, "a comment that says nothing; begin it with a sentence")
        return comment

    def titled(self, comment: Comment, command: str, title: str, line: int) -> None:
        if not title:
            self.refuse(line, f"@{command} without a name; write it behind")
        if comment.title or comment.blocks:
            self.refuse(line, f"@{command} isn't the first in its comment; put it there")
        comment.title = title
        if command == "name":
            self.chapters.append(comment)
        elif self.about is not None:
            self.refuse(line, "a second @file; join it with the first")
        else:
            self.about = comment

    def tag(self, comment: Comment, command: str, words: str, line: int) -> None:
        if command == "param":
            match = re.fullmatch(r"(\w+)\s+(.*)", words)
            if match is None:
                self.refuse(line, "@param without a name or a meaning; write: @param name meaning")
            if match[1] in comment.parameters:
                self.refuse(line, f"@param {match[1]}: described before; join the two")
            comment.parameters[match[1]] = match[2]
            return
        if not words:
            self.refuse(line, f"@{command} without words; write them behind")
        if command == "return":
            if comment.returned:
                self.refuse(line, "a second @return; join it with the first")
            comment.returned = words
        else:
            comment.see = f"{comment.see}, {words}" if comment.see else words

    def declaration(self, source: str, line: int, comment: Comment | None) -> None:
        plain = " ".join(re.sub(r"/\*.*?\*/", " ", source, flags=re.DOTALL).split())
        if _CHECK.fullmatch(plain):
            return
        if prototype := _PROTOTYPE.fullmatch(plain):
            self.function(prototype, line, comment)
        elif opaque := _OPAQUE.fullmatch(plain):
            described = self.described(comment, opaque["name"], line)
            self.types.append(self.type(described, opaque["name"], (), line, is_opaque=True))
        elif struct := _STRUCT.fullmatch(source):
            first = line + source.count("\n", 0, struct.start("body"))
            members = tuple(self.members(struct["body"], first, struct["name"]))
            described = self.described(comment, struct["name"], line)
            self.types.append(self.type(described, struct["name"], members, line, is_opaque=False))
        else:
            self.refuse(
                line,
                f"can't read {plain[:40]!r}; the manual knows prototypes that begin with an export macro "
                "(..._API), structs with a typedef, and opaque types",
            )

    def described(self, comment: Comment | None, name: str, line: int) -> Comment:
        if comment is None:
            self.refuse(line, f"{name}: has no comment; write a /** ... */ right above it")
        return comment

    def type(
        self, comment: Comment, name: str, members: tuple[Variable, ...], line: int, *, is_opaque: bool
    ) -> Type:
        if comment.parameters or comment.returned:
            self.refuse(comment.line, f"{name}: a type has no @param and no @return; describe its members")
        blocks, is_extension = _without_mark(comment.blocks)
        return Type(line, name, members, blocks, is_opaque, is_extension)

    def members(self, body: str, line: int, struct: str) -> Iterator[Variable]:
        meaning = ""
        for token in re.finditer(r"/\*.*?\*/|[^;/\s][^;/]*;|\S", body, re.DOTALL):
            number = line + body.count("\n", 0, token.start())
            if token[0].startswith("/**"):
                meaning = self.member_meaning(self.comment(token[0], number), struct)
            elif not token[0].startswith("/*"):
                variable = self.variable(token[0].removesuffix(";"), number, struct)
                if not meaning:
                    self.refuse(number, f"{struct}.{variable[1]}: has no comment; write one above it")
                yield Variable(*variable, meaning)
                meaning = ""

    def member_meaning(self, comment: Comment, struct: str) -> str:
        words = [block.text for block in comment.blocks if isinstance(block, Paragraph)]
        if len(words) != len(comment.blocks) or comment.parameters or comment.returned or comment.title:
            self.refuse(comment.line, f"{struct}: a member's comment is plain paragraphs; write it so")
        return " ".join(words)

    def variable(self, source: str, line: int, where: str) -> tuple[str, str]:
        words = " ".join(source.split())
        match = _VARIABLE.fullmatch(words)
        if match is None:
            self.refuse(
                line, f"{where}: can't read {words!r}; write a type and a name, no arrays or functions"
            )
        return match["type"].strip(), match["name"]

    def function(self, prototype: re.Match[str], line: int, comment: Comment | None) -> None:
        name = prototype["name"]
        comment = self.described(comment, name, line)
        shared = self.about.parameters if self.about else {}
        parameters = []
        source = prototype["parameters"].strip()
        for one in source.split(",") if source != "void" else ():
            type_, of = self.variable(one, line, name)
            meaning = comment.parameters.get(of)
            if meaning is None:
                meaning = shared.get(of)
                self.used.add(of)
            if meaning is None:
                self.refuse(line, f"{name}: has no @param {of}; describe it, or in @file for all functions")
            parameters.append(Variable(type_, of, meaning))
        names = [parameter.name for parameter in parameters]
        for of in comment.parameters:
            if of not in names:
                self.refuse(comment.line, f"{name}: @param {of}: isn't a parameter; name one of its own")
        returns = prototype["returns"].strip()
        if not returns:
            self.refuse(line, f"{name}: has no type; write what it returns, or void")
        if returns == "void" and comment.returned:
            self.refuse(comment.line, f"{name}: returns nothing, but has a @return; remove it")
        if returns != "void" and not comment.returned:
            self.refuse(comment.line, f"{name}: has no @return; say what it returns")
        blocks, is_extension = _without_mark(comment.blocks)
        self.functions.append(
            Function(line, name, returns, tuple(parameters), blocks, comment.returned, is_extension)
        )


def _block(lines: list[str]) -> Block:
    if not all(line.startswith("    ") for line in lines):
        return Paragraph(" ".join(line.strip() for line in lines))
    items = [re.fullmatch(r"    (\S+) {2,}(\S.*)", line) for line in lines]
    found = tuple((item[1], item[2]) for item in items if item is not None)
    return Items(found) if len(found) == len(lines) else Code(tuple(line[4:] for line in lines))


def _without_mark(blocks: list[Block]) -> tuple[tuple[Block, ...], bool]:
    first = blocks[0]
    if isinstance(first, Paragraph) and first.text.startswith(EXTENSION):
        return (Paragraph(first.text.removeprefix(EXTENSION)), *blocks[1:]), True
    return tuple(blocks), False
