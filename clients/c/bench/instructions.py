"""Counts the instructions that the C library executes in each call of the read path, under valgrind.

    python clients/c/bench/instructions.py --build FOLDER [--write]

FOLDER is where clients/c was built as Release with CLOCKBOUND_BUILD_BENCH. Counted are the shared library's own
instructions, which are the same in every run and on every machine; not those of the clock readings, because valgrind
hides the vDSO and preloaded clocks stand in for it. Fails where a count is larger than instructions.csv allows, where
two runs differ, where a call runs code of another library (malloc, say) or where one makes a system call.

Limits hold for the compiler and processor that they were measured with. On others this says that nothing was proved
of the counts. --write puts what was measured into instructions.csv.
"""

from __future__ import annotations

import argparse
import csv
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from string import ascii_lowercase
from typing import NamedTuple

HERE = Path(__file__).resolve().parent
BASELINE = HERE / "instructions.csv"
RUNS = 3
TIMEOUT_S = 120
# Another release of the same compiler may need more: gcc 11 needs up to 9 % more than gcc 12.
SAME_RELEASE_PERCENT = 1
OTHER_RELEASE_PERCENT = 25
# The jumps into other libraries, and what a compiler makes of a copy or a thread-local variable.
HARMLESS = re.compile(r".*\[PLT\]$|_*(mem(cpy|set|move)|tls_get_addr)")
PLAIN = ", clocks without a vDSO"
NO_COUNT = "-"

Counts = dict[str, dict[str, int]]  # function -> case -> instructions a call


class Dump(NamedTuple):
    instructions: int  # of the library
    system_calls: int  # of everything
    called: set[str]  # functions outside library, program and clocks


def tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        sys.exit(f"not found: {name}. To install it: .ci/system-packages")
    return path


def parse(dump: Path, program: Path, clocks: Path) -> Dump:
    """One of callgrind's files."""
    events: list[str] = []
    total: Counter[str] = Counter()
    called = set()
    own = in_library = is_inclusive = False
    function = ""
    for line in dump.read_text().splitlines():
        if line.startswith("events:"):
            events = line.split()[1:]
        elif line.startswith("ob="):
            own = line[3:] in (str(program), str(clocks))
            in_library = Path(line[3:]).name.startswith("libclockbound.so")
        elif line.startswith("fn="):
            function = line[3:]
        elif line.startswith("calls="):
            is_inclusive = True  # the next line is the callee's cost, which stands where it arose too
        elif re.match(r"[0-9+*-]", line):
            if not is_inclusive:
                cost = Counter(dict(zip(events, map(int, line.split()[1:]), strict=False)))
                total["library"] += cost["Ir"] if in_library else 0
                total["sysCount"] += cost["sysCount"]
                if not own and not in_library:
                    called.add(function)
            is_inclusive = False
    if "Ir" not in events or "sysCount" not in events:
        sys.exit(f"{dump}: callgrind counted {events}, not Ir and sysCount")
    return Dump(total["library"], total["sysCount"], called)


def count(bench: Path, no_vdso: bool) -> tuple[Counts, list[str]]:
    """A run under callgrind: the counts, and what is wrong."""
    program, clocks = bench / "clockbound-instructions", bench / "clockbound-synthetic-clocks.so"
    environment = {**os.environ, "LD_PRELOAD": str(clocks)}
    if no_vdso:
        environment["CLOCKBOUND_BENCH_NO_VDSO"] = "1"
    counts: Counts = {}
    wrong = []
    with tempfile.TemporaryDirectory() as folder:
        command = [
            *(tool("valgrind"), "--quiet", "--tool=callgrind", f"--callgrind-out-file={folder}/dump"),
            *("--zero-before=measurement_begins", "--dump-before=measurement_ends", "--collect-systime=yes"),
            *("--skip-plt=no", "--compress-strings=no", "--compress-pos=no", str(program)),
        ]
        ran = subprocess.run(
            command, env=environment, check=False, capture_output=True, text=True, timeout=TIMEOUT_S
        )
        if ran.returncode != 0 or ran.stderr:
            sys.exit(f"{program.name} failed under valgrind with {ran.returncode}: {ran.stderr}")
        for number, line in enumerate(ran.stdout.splitlines(), 1):
            if not re.match(r"[0-9]+ clockbound_\w+ ", line):
                sys.exit(f"{program.name} printed {line!r} instead of calls, function and case")
            calls, function, case = line.split(" ", 2)
            if no_vdso:
                if case != "layout 2":
                    continue
                case += PLAIN
            dump = parse(Path(folder, f"dump.{number}"), program, clocks)
            instructions, rest = divmod(dump.instructions, int(calls))
            counts.setdefault(function, {})[case] = instructions
            if rest != 0 or instructions == 0:
                wrong.append(f"{function}, {case}: {dump.instructions} instructions in {calls} calls")
            if dump.system_calls != 0:
                wrong.append(f"{function}, {case}: {dump.system_calls} system calls in {calls} calls")
            if foreign := sorted(name for name in dump.called if not HARMLESS.match(name)):
                wrong.append(f"{function}, {case}: calls {', '.join(foreign)}")
    return counts, wrong


def merged(parts: list[Counts]) -> Counts:
    joined: Counts = {}
    for part in parts:
        for function, cases in part.items():
            joined.setdefault(function, {}).update(cases)
    return joined


def cases_of(counts: Counts) -> list[str]:
    return list(dict.fromkeys(case for row in counts.values() for case in row))


def print_table(counts: Counts) -> None:
    cases = cases_of(counts)
    for letter, case in zip(ascii_lowercase, cases, strict=False):
        print(f"  {letter}: {case}")
    letters = ascii_lowercase[: len(cases)]
    print(f"{'instructions of one call':32}" + "".join(f"{letter:>7}" for letter in letters))
    for function, row in counts.items():
        print(f"{function:32}" + "".join(f"{row.get(case, NO_COUNT):>7}" for case in cases))


class Compiler(NamedTuple):
    family: str
    release: str
    processor: str

    def __str__(self) -> str:
        return f"{self.family} {self.release} for {self.processor}"


def read_baseline() -> dict[Compiler, Counts]:
    """What was measured with each compiler."""
    measured: dict[Compiler, Counts] = {}
    if not BASELINE.exists():
        return measured
    with BASELINE.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            family, release, _, processor = row.pop("compiler").split(" ")
            function = row.pop("function")
            cells = {case: int(cell) for case, cell in row.items() if cell != NO_COUNT}
            measured.setdefault(Compiler(family, release, processor), {})[function] = cells
    return measured


def write_baseline(counts: Counts, compiler: Compiler) -> None:
    """Puts the counts in the place of others of the same compiler, of whatever release."""
    measured = {
        other: rows
        for other, rows in read_baseline().items()
        if (other.family, other.processor) != (compiler.family, compiler.processor)
    }
    measured[compiler] = counts
    with BASELINE.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file, lineterminator="\n")
        table.writerow(["compiler", "function", *cases_of(counts)])
        for of, rows in sorted(measured.items()):
            for function, row in rows.items():
                table.writerow([of, function, *(row.get(case, NO_COUNT) for case in cases_of(counts))])
    print(f"{BASELINE} written")


def over_limit(counts: Counts, compiler: Compiler) -> list[str]:
    """What is larger than it may be; says what was not compared."""
    baseline = [
        (other, rows)
        for other, rows in read_baseline().items()
        if (other.family, other.processor) == (compiler.family, compiler.processor)
    ]
    if not baseline:
        print(
            f"Nothing proved of the counts: {BASELINE.name} has none of {compiler.family} for {compiler.processor}."
        )
        return []
    [(measured_with, measured)] = baseline
    percent = SAME_RELEASE_PERCENT if measured_with == compiler else OTHER_RELEASE_PERCENT
    wrong = []
    if {function: set(row) for function, row in counts.items()} != {
        function: set(row) for function, row in measured.items()
    }:
        wrong.append(f"{BASELINE.name} is of other functions or cases: run this with --write")
    for function, row in counts.items():
        for case, instructions in row.items():
            before = measured.get(function, {}).get(case, instructions)
            limit = before + before * percent // 100
            if instructions > limit:
                wrong.append(
                    f"{function}, {case}: {instructions} instructions; {before} were measured with {measured_with}, "
                    f"and {limit} are allowed"
                )
    if not wrong:
        print(f"None is more than {percent} % above what was measured with {measured_with}.")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--build", type=Path, required=True, metavar="FOLDER")
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    bench = arguments.build.resolve() / "bench"
    described = subprocess.run(
        [bench / "clockbound-instructions", "--compiler"], check=True, capture_output=True, text=True
    ).stdout
    family, processor, release, build_type, version = described.strip().split(" ", 4)
    compiler = Compiler(family, release, processor)
    print(f"Compiled with {family} {version} for {processor}, {build_type}")
    if build_type != "Release":
        parser.error(f"{arguments.build} was built as {build_type or 'nothing'}, not as Release")
    if processor == "another":
        print("Nothing proved: this counts on x86_64 and aarch64.")
        return 0

    wrong = []
    runs = []
    for _ in range(RUNS):
        with_vdso, found = count(bench, no_vdso=False)
        without, also_found = count(bench, no_vdso=True)
        runs.append(merged([with_vdso, without]))
        wrong += [line for line in [*found, *also_found] if line not in wrong]
    counts = runs[0]
    print_table(counts)
    if any(run != counts for run in runs):
        wrong.append(f"{RUNS} runs counted differently")
    if arguments.write:
        write_baseline(counts, compiler)
    else:
        wrong += over_limit(counts, compiler)
    for line in wrong:
        print(f"FAILED: {line}", file=sys.stderr)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
