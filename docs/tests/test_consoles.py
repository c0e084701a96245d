"""What the pages on the conformance suite show on a console is what one sees there."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
from clockbound_conformance import vectors

PAGES = ["write-a-binding", "conformance"]
READER = Path(__file__).resolve().parents[2] / "conformance" / "tests" / "mutants" / "reader.py"
MARK = "\x01"  # ends each command's output
CONSOLE_TIMEOUT_S = 300
#: Readers whose fault shows in real time, and so only most of the time.
IN_REAL_TIME = {"clocks-before-segment"}
ATTEMPTS_COUNT = 20

#: What is different each time, and what changes with each new vector.
FIGURES = [
    (re.compile(r"\b\d+(?= (passed|wrong|more\b|vectors\b))"), "N"),
    (re.compile(r"\bin \d+\.\d s\b"), "in S s"),
    (re.compile(r"^ +\d+(?= [a-z]+\.[a-z])"), "N"),
    (re.compile(r"^\d+(?= vectors$)"), "N"),
]
PROGRESS = re.compile(r"my-client: \d+ of \d+")  # of a run on a busy machine


class Console(NamedTuple):
    """A block of commands. ``fault`` is that of the reader that the block is about; None: the adapter that lies there."""

    fault: str | None
    commands: list[tuple[str, list[str]]]


def consoles(text: str) -> list[Console]:
    """All console blocks of a page. ``.. reader: FAULT`` before one says what reader it is about, without: a right one."""
    found = []
    pattern = r"^(?:\.\. reader: (\S+)\n\n)?\.\. code-block:: console\n\n((?:(?:   .*)?\n)+)"
    for match in re.finditer(pattern, text, re.MULTILINE):
        fault = match[1] or ""
        commands: list[tuple[str, list[str]]] = []
        for line in match[2].rstrip().splitlines():
            if line.startswith("   $ "):
                commands.append((line.removeprefix("   $ "), []))
            else:
                commands[-1][1].append(line.removeprefix("   ").rstrip())
        found.append(Console(None if fault == "unfilled" else fault, commands))
    return found


def files(text: str) -> dict[str, str]:
    """The files that a page shows, which say their names in their first line."""
    found = {}
    for match in re.finditer(r"^\.\. code-block:: toml\n\n((?:(?:   .*)?\n)+)", text, re.MULTILINE):
        content = re.sub(r"^   ", "", match[1], flags=re.MULTILINE)
        found[content.partition("\n")[0].removeprefix("# ")] = content
    return found


def adapter(fault: str) -> str:
    words = [str(READER), *(["--fault", fault] if fault else [])]
    return f'name = "my-client"\ncommand = ["${{PYTHON}}", {", ".join(map(repr, words))}]\n'


class Seen(NamedTuple):
    """A command of a page, what the page shows, and what there is to see."""

    console: Console
    command: str
    expected: list[str]
    output: list[str]


def seen(shown: list[Console], folder: Path) -> list[Seen]:
    """All commands of these blocks, in one shell."""
    lines, commands = [], []
    for console in shown:
        if console.fault is not None:
            lines.append(f"printf %s {shlex.quote(adapter(console.fault))} >adapter.toml")
        for command, expected in console.commands:
            if command.startswith("pip install"):
                continue
            # The next command may ask for this one's status.
            lines.append(f"{command}\nstatus=$?; printf '{MARK}'; (exit $status)")
            commands.append((console, command, expected))
    result = subprocess.run(
        ["bash", "-c", "\n".join(lines)],
        cwd=folder,
        env=os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"},
        check=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=CONSOLE_TIMEOUT_S,
    )
    outputs = result.stdout.split(MARK)[: len(commands)]
    assert len(outputs) == len(commands)
    return [
        Seen(*command, [line for line in output.splitlines() if not PROGRESS.match(line)])
        for command, output in zip(commands, outputs, strict=True)
    ]


def seen_sometimes(console: Console, folder: Path) -> bool:
    """Whether such a block is what one sees, though not each time."""
    return console.fault in IN_REAL_TIME and any(
        all(matches(one.expected, one.output) for one in seen([console], folder))
        for _ in range(ATTEMPTS_COUNT)
    )


def normal(line: str) -> str:
    for pattern, word in FIGURES:
        line = pattern.sub(word, line)
    return line.rstrip()


def matches(expected: list[str], output: list[str]) -> bool:
    """``...`` stands for anything within a line, and alone for any lines."""
    pieces = []
    for line in expected:
        if line.strip() == "...":
            pieces.append(r"(?:.*\n)*")
        else:
            pieces.append(".*".join(re.escape(part) for part in normal(line).split("...")) + r"\n")
    return re.fullmatch("".join(pieces), "".join(f"{normal(line)}\n" for line in output)) is not None


@pytest.mark.parametrize("page", PAGES)
def test_a_page_shows_what_one_sees(docs: Path, tmp_path: Path, page: str) -> None:
    text = (docs / f"{page}.rst").read_text()
    for name, content in files(text).items():
        (tmp_path / name).write_text(content)
    found = seen(consoles(text), tmp_path)
    assert found
    folder = tmp_path / "my-client" if (tmp_path / "my-client").is_dir() else tmp_path
    different = [
        f"$ {one.command}\n--- the page:\n" + "\n".join(one.expected) + "\n--- now:\n" + "\n".join(one.output)
        for one in found
        if not matches(one.expected, one.output) and not seen_sometimes(one.console, folder)
    ]
    assert different == [], "\n\n".join(different)


def mistakes_table(docs: Path) -> dict[str, str]:
    """The words of each mistake on the page, and the vector that it names."""
    page = (docs / "write-a-binding.rst").read_text()
    table = page[page.index("\nThe mistakes\n") :]
    return dict(re.findall(r"^   \* - \d+\n     - (.*)\n     - ``(.*)``$", table, re.MULTILINE))


def test_the_mistakes_on_the_page_are_those_of_the_suite(docs: Path) -> None:
    words = [words.partition(": ")[2] for words in vectors.load().mistakes.values()]
    assert sorted(mistakes_table(docs)) == sorted(words)


def test_the_vector_of_each_mistake_on_the_page_catches_it(docs: Path) -> None:
    collection = vectors.load()
    flags = {words.partition(": ")[2]: flag for flag, words in collection.mistakes.items()}
    catches = {vector.id: vector.catches for vector in collection.vectors}
    assert {
        words: vector for words, vector in mistakes_table(docs).items() if flags[words] not in catches[vector]
    } == {}


@pytest.mark.skipif(sys.byteorder != "little", reason="the page shows a little-endian machine")
def test_the_plainest_segment_on_the_page_is_that_of_its_vector(docs: Path) -> None:
    page = (docs / "write-a-binding.rst").read_text()
    (vector,) = vectors.load().select(["v2-no-growth-at-as-of"])
    data = bytes.fromhex(vector.steps[0]["segment"]["little"])
    dump = [f"   {at:07} {data[at : at + 16].hex(' ')}\n" for at in range(0, len(data), 16)]
    assert "".join(dump) in page
