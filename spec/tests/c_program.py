"""Compiles a header that the generator wrote, with every warning an error, and runs it on bytes.

The program is written from the construct declarations. For each line of its input, a layout's name and
bytes in hexadecimal, it answers: the record's fields, the bytes that it stores again, and what is invalid.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from clockbound_spec.declare import Layout
from wire import Leaf, leaves, record_leaves

FLAGS = ["-std=c11", "-Wall", "-Wextra", "-Wconversion", "-Wshadow", "-pedantic", "-Werror"]


@dataclass(frozen=True)
class Answer:
    values: dict[str, int | tuple[int, ...] | bytes]
    lacking: dict[str, int | tuple[int, ...] | bytes]  # fields of the record that only other layouts have
    members: dict[str, int | tuple[int, ...] | bytes]  # of the struct that lies over the bytes
    stored: bytes
    invalid: str


class CProgram:
    def __init__(self, folder: Path, header: str, layouts: Sequence[Layout]) -> None:
        self.layouts = layouts
        (folder / "layouts.h").write_text(header)
        source = folder / "program.c"
        source.write_text(_source(layouts))
        self.path = folder / "program"
        compiler = os.environ.get("CC", "gcc")
        assert shutil.which(compiler), f"{compiler}: no such C compiler; install gcc or set CC"
        result = subprocess.run(
            [compiler, *FLAGS, "-o", self.path, source],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert result.returncode == 0, result.stderr

    def ask(self, questions: Sequence[tuple[Layout, bytes]]) -> list[Answer]:
        lines = "".join(f"{layout.layout_name} {image.hex()}\n" for layout, image in questions)
        result = subprocess.run(
            [self.path], input=lines, capture_output=True, text=True, timeout=60, check=True
        )
        answers = result.stdout.splitlines()
        assert len(questions) == len(answers)
        return [self._answer(layout, line) for (layout, _), line in zip(questions, answers, strict=True)]

    def _answer(self, layout: Layout, line: str) -> Answer:
        words = iter(line.split())
        values = {leaf.name: _read(leaf, words) for leaf in record_leaves(layout)}
        lacking = {leaf.name: _read(leaf, words) for leaf in _lacking(layout, self.layouts)}
        members = {leaf.name: _read(leaf, words) for leaf in leaves(layout)}
        stored = bytes.fromhex(next(words))
        return Answer(values, lacking, members, stored, next(words))


def _lacking(layout: Layout, layouts: Sequence[Layout]) -> list[Leaf]:
    """The fields of `layout`'s record that other layouts bring in."""
    found = {
        leaf.name: leaf for other in layouts if other.record == layout.record for leaf in record_leaves(other)
    }
    own = {leaf.name for leaf in record_leaves(layout)}
    return [leaf for name, leaf in found.items() if name not in own]


def _read(leaf: Leaf, words: object) -> int | tuple[int, ...] | bytes:
    numbers = [int(next(words)) for _ in range(leaf.count or 1)]  # type: ignore[call-overload]
    if leaf.letter == "s":
        return bytes(numbers)
    return tuple(numbers) if leaf.count else numbers[0]


def _print(leaf: Leaf, struct: str) -> list[str]:
    kind = "int64_t" if leaf.letter.islower() and leaf.letter != "s" else "uint64_t"
    macro = "PRId64" if kind == "int64_t" else "PRIu64"
    items = [f"[{i}]" for i in range(leaf.count)] or [""]
    return [f'    printf("%" {macro} " ", ({kind}){struct}.{leaf.name}{item});' for item in items]


def _source(layouts: Sequence[Layout]) -> str:
    lines = ["#include <inttypes.h>", "#include <stdio.h>", '#include "layouts.h"', ""]
    for layout in layouts:
        name = layout.layout_name
        lines += [
            f"static void answer_{name}(const unsigned char *bytes)",
            "{",
            f"    struct cb_{layout.record} record;",
            f"    struct cb_{name}_layout members;",
            f"    unsigned char stored[CB_{name.upper()}_SIZE_BYTES + 1]; /* one more: from an odd address */",
            "    memset(&record, 0xAA, sizeof record);",
            f"    cb_{name}_load(bytes, &record);",
            *(line for leaf in record_leaves(layout) for line in _print(leaf, "record")),
            *(line for leaf in _lacking(layout, layouts) for line in _print(leaf, "record")),
            "    memcpy(&members, bytes, sizeof members);",
            *(line for leaf in leaves(layout) for line in _print(leaf, "members")),
            "    memset(stored, 0xAA, sizeof stored);",
            f"    cb_{name}_store(stored + 1, &record);",
            "    for (size_t i = 1; i < sizeof stored; i++)",
            '        printf("%02x", (unsigned)stored[i]);',
            f"    const char *invalid = cb_{name}_invalid(&record);",
            '    printf(" %s\\n", invalid != NULL ? invalid : "-");',
            "}",
            "",
        ]
    lines += [
        "int main(void)",
        "{",
        "    static char name[64], hex[1024];",
        "    static unsigned char bytes[512];",
        '    while (scanf("%63s %1023s", name, hex) == 2) {',
        "        for (size_t i = 0; hex[2 * i] != 0; i++) {",
        "            unsigned value;",
        '            if (sscanf(hex + 2 * i, "%2x", &value) != 1)',
        "                return 1;",
        "            bytes[i + 1] = (unsigned char)value;",
        "        }",
    ]
    for layout in layouts:
        name = layout.layout_name
        lines += [f'        if (strcmp(name, "{name}") == 0)', f"            answer_{name}(bytes + 1);"]
    return "\n".join([*lines, "    }", "    return 0;", "}", ""])
