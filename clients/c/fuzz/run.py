"""Build the fuzzer with clang, and run it or try it on readers that are broken on purpose."""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from mutants import MUTANTS

HERE = Path(__file__).resolve().parent
LIBRARY = HERE.parent
SEEDS = HERE / "corpus"
# UBSan's findings end the process as ASan's do, so that libFuzzer keeps the input.
C_FLAGS = "-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all"
MUTANT_LIMIT_S = 60
INPUT_BYTES_MAX = 1024

HOW_TO_INSTALL = """\
The fuzzer needs clang and its libFuzzer runtime, and {reason}.
Debian 12:  apt-get install clang-14 libclang-rt-14-dev
Others:     apt-get install clang, and the libclang-rt-NN-dev of the same number
Another clang: CC=/path/to/clang"""


def find_clang() -> str:
    names = (
        [os.environ["CC"]] if os.environ.get("CC") else ["clang", *(f"clang-{n}" for n in range(30, 13, -1))]
    )
    found = [path for path in map(shutil.which, names) if path]
    if not found:
        sys.exit(HOW_TO_INSTALL.format(reason=f"there is no {names[0]} on the PATH"))
    program = (
        "#include <stdint.h>\n#include <stddef.h>\nint LLVMFuzzerTestOneInput(const uint8_t *b, size_t n);\n"
    )
    program += "int LLVMFuzzerTestOneInput(const uint8_t *b, size_t n) { (void)b; return (int)n - (int)n; }\n"
    command = ["-x", "c", "-fsanitize=fuzzer,address,undefined", "-o", os.devnull, "-"]
    for clang in found:
        if (
            subprocess.run(
                [clang, *command], check=False, input=program, text=True, capture_output=True
            ).returncode
            == 0
        ):
            return clang
    sys.exit(HOW_TO_INSTALL.format(reason=f"{', '.join(found)} can't link with -fsanitize=fuzzer"))


def build(clang: str, library: Path, folder: Path) -> Path:
    """Build the fuzzer of that library's sources and return the program."""
    configure = [
        *("cmake", "-S", library / "fuzz", "-B", folder, "--log-level=WARNING", "-DCMAKE_BUILD_TYPE=Debug"),
        *(f"-DCMAKE_C_COMPILER={clang}", f"-DCMAKE_C_FLAGS={C_FLAGS}"),
    ]
    make = ["cmake", "--build", folder, "--target", "clockbound-fuzz", "clockbound-fuzz-replay"]
    for command in (configure, make):
        done = subprocess.run(
            command, check=False, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        if done.returncode != 0:
            sys.exit(f"{done.stdout}\nBuilding the fuzzer failed.")
    return folder / "clockbound-fuzz"


def command_of(program: Path, corpus: Path, findings: Path, limit_s: int) -> list[str]:
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    return [
        str(program),
        f"-max_total_time={limit_s}",
        f"-max_len={INPUT_BYTES_MAX}",
        "-timeout=10",
        "-use_value_profile=1",
        f"-dict={HERE / 'reader.dict'}",
        f"-artifact_prefix={findings}/",
        "-print_final_stats=1",
        str(corpus),
        str(SEEDS),
    ]


def fuzz(limit_s: int, folder: Path) -> int:
    program = build(find_clang(), LIBRARY, folder / "cmake")
    command = command_of(program, folder / "corpus", folder / "findings", limit_s)
    print(f"==> Fuzzing for {limit_s} s: {' '.join(command)}", flush=True)
    ended = subprocess.run(command, check=False).returncode
    if ended != 0:
        replay = program.with_name("clockbound-fuzz-replay")
        print(f"==> The input is in {folder / 'findings'}; to see its steps: {replay} --explain FILE")
    return ended


def try_mutants(only: list[str], mutants: Path) -> int:
    """Look for each from the seeds, which must succeed, and from nothing, which shows how well the search searches."""
    clang = find_clang()
    survivors = []
    for name, (file, old, new) in MUTANTS.items():
        if only and name not in only:
            continue
        folder = mutants / name
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(LIBRARY, folder / "c", ignore=shutil.ignore_patterns("build*"))
        mutated = folder / "c" / "src" / file
        text = mutated.read_text()
        if text.count(old) != 1:
            print(f"{name:45} {file} doesn't hold its text once; adapt mutants.py", flush=True)
            survivors.append(name)
            continue
        mutated.write_text(text.replace(old, new))
        program = build(clang, folder / "c", folder / "cmake")
        for start in ("seeds", "nothing"):
            command = command_of(program, folder / start, folder / "findings", MUTANT_LIMIT_S)
            if start == "nothing":
                command.remove(str(SEEDS))
            began = time.monotonic()
            ended = subprocess.run(
                command, check=False, text=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
            )
            took_s = time.monotonic() - began
            if ended.returncode == 0:
                why = "not found"
                if start == "seeds":
                    survivors.append(name)
            else:
                found = re.search(r"(?:PROPERTY BROKEN|ERROR|runtime error): .*", ended.stderr)
                why = found[0] if found else "no reason given"
            print(f"{name:36} from {start:7} {took_s:5.1f} s  {why}", flush=True)
        shutil.rmtree(folder)
    if survivors:
        print(f"{len(survivors)} survived: {', '.join(survivors)}")
    return 1 if survivors else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seconds", nargs="?", type=int, default=60, help="how long to fuzz (default: 60)")
    parser.add_argument(
        "--build",
        type=Path,
        default=Path("build/fuzz"),
        metavar="FOLDER",
        help="what is built, learnt and found stays here (default: build/fuzz)",
    )
    parser.add_argument(
        "--mutants",
        nargs="*",
        metavar="NAME",
        help=f"break the reader in each way of mutants.py, or in those named; each must be found in {MUTANT_LIMIT_S} s",
    )
    options = parser.parse_args()
    folder = options.build.resolve()
    if options.mutants is not None:
        return try_mutants(options.mutants, folder / "mutants")
    if options.seconds <= 0:
        parser.error("fuzz for a second at least")
    return fuzz(options.seconds, folder)


if __name__ == "__main__":
    sys.exit(main())
