# SPDX-License-Identifier: Apache-2.0
"""Builds the model from the library's own source, and runs it.

Run as a program it prints the scenarios with the numbers of their states, then, for each mutant, an execution
that breaks a rule. It needs a C compiler ($CC, or cc) with __typeof__ and C11 atomic types: gcc or clang.
"""

import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import source_mutants
from source_mutants import (
    CLOCKS,
    CLOCKS_INLINE,
    LAST_GOOD,
    LAST_GOOD_INLINE,
    LAST_GOOD_PAIR,
    READER,
    SEGMENT,
    SEQLOCK,
    Mutant,
)

MODEL = Path(__file__).parent
SOURCE = MODEL.parent / "src"
PUBLIC = MODEL.parent / "include"
EXPLORER = ("explore.c", "machine.c", "replay.c", "visited.c")
RUN_MAX_S = 120


class Program(NamedTuple):
    """One list of scenarios, as it is compiled."""

    name: str
    file: str
    runs: tuple[
        tuple[str, str], ...
    ]  # files, and beginnings of the names of the functions there that it runs
    options: tuple[str, ...] = ()


LITMUS = Program("litmus", "litmus.c", ())
SEQLOCK_RUNS = ((SEQLOCK, "cb_seqlock_"), (SEQLOCK, "cb_words_"))
CELL_RUNS = ((SEQLOCK, "cb_cell_"), (SEQLOCK, "cb_words_"), (LAST_GOOD, ""), (LAST_GOOD_INLINE, ""))
PROGRAMS = (
    Program("seqlock, words of 64 bits", "seqlock_scenarios.c", SEQLOCK_RUNS, ("-DMODEL_WORD_BITS=64",)),
    Program("seqlock, words of 32 bits", "seqlock_scenarios.c", SEQLOCK_RUNS, ("-DMODEL_WORD_BITS=32",)),
    Program("cell", "cell_scenarios.c", CELL_RUNS),
    Program("pair", "pair_scenarios.c", ((LAST_GOOD_PAIR, ""), (LAST_GOOD, "is_newer"))),
    Program("context", "context_scenarios.c", ((READER, ""),)),
    Program("latest", "latest_scenarios.c", ((SEGMENT, ""), (READER, "now_from_latest"), (READER, "keep"))),
    Program("clocks", "clocks_scenarios.c", ((CLOCKS, ""), (CLOCKS_INLINE, ""))),
)


class Result(NamedTuple):
    """What the explorer says of one scenario."""

    program: str
    scenario: str
    states: int
    steps: int
    ends: int
    unreached: tuple[str, ...]
    violation: str
    execution: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return not self.violation and not self.unreached


class Builder:
    """Compiles in one folder. The explorer, which doesn't depend on the library's source, is compiled once."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._builds = 0
        for file in EXPLORER:
            self._compile("-Wall", "-Wextra", "-c", MODEL / file, "-o", folder / f"{file}.o")

    def _compile(self, *arguments: str | Path) -> None:
        compiler = shlex.split(os.environ.get("CC", "cc"))
        command = [*compiler, "-std=gnu11", "-O1", f"-I{MODEL / 'include'}", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=RUN_MAX_S)
        if done.returncode != 0:
            raise RuntimeError(f"{shlex.join(command)} failed:\n{done.stderr}")

    def build(self, program: Program, mutant: Mutant | None = None) -> Path:
        """Compiles a program as it stands, or with a mutant's edits in the library or in the explorer."""
        self._builds += 1
        source = SOURCE
        objects = {file: self._folder / f"{file}.o" for file in EXPLORER}
        if mutant is not None:
            source = self._folder / f"source-{self._builds}"
            shutil.copytree(SOURCE, source)
            original = MODEL if mutant.file in EXPLORER else SOURCE
            text = source_mutants.edited((original / mutant.file).read_text(), mutant)
            (source / mutant.file).write_text(text)
            if mutant.file in EXPLORER:
                objects[mutant.file] = source / mutant.file
        path = self._folder / f"model-{self._builds}"
        self._compile(
            *(f"-I{folder}" for folder in (source, SOURCE, PUBLIC, MODEL)),
            *program.options,
            MODEL / program.file,
            *objects.values(),
            "-o",
            path,
        )
        return path


def run(path: Path, program: Program, *arguments: str) -> list[Result]:
    """Runs a program that was built, and returns what it says of each scenario."""
    done = subprocess.run([path, *arguments], capture_output=True, text=True, check=False, timeout=RUN_MAX_S)
    if done.returncode not in (0, 1):
        raise RuntimeError(f"{program.name} stopped with {done.returncode}: {done.stderr}")
    results = []
    for line in done.stdout.splitlines():
        answer: dict[str, Any] = json.loads(line)
        results.append(
            Result(
                program=program.name,
                unreached=tuple(answer.pop("unreached")),
                execution=tuple(answer.pop("execution")),
                **answer,
            )
        )
    return results


def mutant_results(builder: Builder, mutant: Mutant) -> Iterator[Result]:
    """What the scenarios that run the mutant say of it."""
    for program in PROGRAMS:
        if any(mutant.file == file and mutant.function.startswith(name) for file, name in program.runs):
            yield from run(builder.build(program, mutant), program)


def catches(results: Sequence[Result], mutant: Mutant) -> list[Result]:
    """The scenarios that find the mutant broken in the way that it is, shortest execution first."""
    found = [result for result in results if result.violation == mutant.broken]
    return sorted(found, key=lambda result: len(result.execution))


def main() -> int:
    failed = 0
    with tempfile.TemporaryDirectory() as folder:
        builder = Builder(Path(folder))
        for program in (LITMUS, *PROGRAMS):
            for result in run(builder.build(program), program):
                failed += not result.holds
                verdict = "holds" if result.holds else result.violation or f"never: {result.unreached}"
                counts = f"{result.states} states, {result.steps} steps"
                print(f"{program.name}: {result.scenario}: {counts}: {verdict}")
        for mutant in (*source_mutants.WEAKENED, *source_mutants.REWRITTEN):
            caught = catches(list(mutant_results(builder, mutant)), mutant)
            failed += not caught
            print(f"\n{mutant.name}\n  {mutant.execution}")
            if not caught:
                print(f"  NOT CAUGHT; expected: {mutant.broken}")
                continue
            print(f"  caught by {len(caught)} scenarios, such as {caught[0].program}: {caught[0].scenario}")
            for step in (*caught[0].execution, caught[0].violation):
                print(f"    {step}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
