"""Runs all tests of the C library on other compilers, C libraries, processors and checkers: platforms.py [LEG ...]

Not covered, because the tool cannot see it:
- The order of memory accesses on real weakly ordered hardware. qemu-user runs the code of another processor with this
  one's memory order; the checkers here do not reorder either. That is the subject of the model checks.
- helgrind and drd: they know nothing of C11 atomics, and take each for a data race. ThreadSanitizer does.
- 32-bit time: the tests refuse to be built with it.
- System calls on the hot path, under qemu-user, valgrind and ThreadSanitizer: these make some of their own.
- C++ with musl: musl-tools has none. The fuzzer's corpus on armhf: its oracle needs 128-bit integers.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

SOURCE = Path(__file__).resolve().parent.parent
TIMEOUT_S = 900
COMPILERS = {"gcc": "g++", "clang": "clang++"}

# -z undefs: clang has its run-time libraries in programs only, so the shared library cannot be complete in itself.
SANITIZED_CLANG = "-DCMAKE_C_STANDARD_LIBRARIES=-Wl,-z,undefs"
# TSan does not model fences, and gcc warns of each. That makes it strict, not blind: an access that it cannot see in
# order, it reports. Nothing here depends on a fence for plain data, since what fences order is atomic itself.
NO_FENCE_WARNING = "-Wno-tsan"
VALGRIND = (
    "valgrind;-q;--error-exitcode=99;--leak-check=full;--show-leak-kinds=all;--errors-for-leak-kinds=all;"
    "--fair-sched=yes"
)


class Leg(NamedTuple):
    tools: Sequence[str]
    options: Sequence[str]


def native(compiler: str, flags: str, *options: str, tools: Sequence[str] = ()) -> Leg:
    return Leg(
        tools=(compiler, COMPILERS[compiler], *tools),
        options=(
            f"-DCMAKE_C_COMPILER={compiler}",
            f"-DCMAKE_CXX_COMPILER={COMPILERS[compiler]}",
            "-DCMAKE_BUILD_TYPE=None",
            f"-DCMAKE_C_FLAGS={flags}",
            *options,
        ),
    )


def sanitized(compiler: str, flags: str) -> Leg:
    return native(
        compiler,
        f"-O1 -g -fno-omit-frame-pointer -fno-sanitize-recover=all {flags}",
        *([SANITIZED_CLANG] if compiler == "clang" else []),
    )


def toolchain(name: str, *tools: str) -> Leg:
    file = SOURCE / "cmake" / "toolchains" / f"{name}.cmake"
    return Leg(tools=tools, options=(f"-DCMAKE_TOOLCHAIN_FILE={file}", "-DCMAKE_BUILD_TYPE=Release"))


def cross(name: str, triplet: str, emulator: str) -> Leg:
    return toolchain(name, f"{triplet}-gcc", f"{triplet}-g++", emulator)


LEGS = {
    **{
        f"{compiler}-{level}": native(compiler, f"-{level}")
        for level in ("O0", "O2", "O3")
        for compiler in COMPILERS
    },
    "abi": native("gcc", "-O2 -g", f"-DCLOCKBOUND_ABIDIFF={shutil.which('abidiff')}", tools=["abidiff"]),
    "musl": toolchain("musl", "musl-gcc"),
    "aarch64": cross("aarch64", "aarch64-linux-gnu", "qemu-aarch64"),
    "armhf": cross("armhf", "arm-linux-gnueabihf", "qemu-arm"),
    "s390x": cross("s390x", "s390x-linux-gnu", "qemu-s390x"),
    "asan-ubsan-gcc": sanitized("gcc", "-fsanitize=address,undefined"),
    "asan-ubsan-clang": sanitized("clang", "-fsanitize=address,undefined"),
    "tsan-gcc": sanitized("gcc", f"-fsanitize=thread {NO_FENCE_WARNING}"),
    "tsan-clang": sanitized("clang", "-fsanitize=thread"),
    "valgrind": native("gcc", "-O1 -g", f"-DCMAKE_TEST_LAUNCHER={VALGRIND}", tools=["valgrind"]),
}


class Outcome(NamedTuple):
    summary: str  # empty if it was not built
    failed: bool
    built_s: float
    tested_s: float


def run(command: Sequence[str | Path], log: Path) -> bool:
    with log.open("ab") as output:
        try:
            return not subprocess.call(command, stdout=output, stderr=output, timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            output.write(f"\ngiven up after {TIMEOUT_S} s: {command}\n".encode())
            return False


def count(report: Path) -> str:
    suite = ElementTree.parse(report).getroot()
    skipped = [case.get("name") for case in suite.iter("testcase") if case.find("skipped") is not None]
    failures, tests = int(suite.get("failures", 0)), int(suite.get("tests", 0))
    summary = f"{tests - failures - len(skipped)} passed"
    if failures:
        summary += f", {failures} FAILED"
    if skipped:
        summary += f", not run: {' '.join(map(str, skipped))}"
    return summary


def run_leg(leg: Leg, build: Path, log: Path) -> Outcome:
    shutil.rmtree(build, ignore_errors=True)
    log.write_bytes(b"")
    report = build / "report.xml"
    configure = ["cmake", "-S", SOURCE, "-B", build, "-G", "Ninja", "-DCLOCKBOUND_WERROR=ON", *leg.options]
    test = ["ctest", "--test-dir", build, "--output-on-failure", "--no-tests=error", "--output-junit", report]
    start_s = time.monotonic()
    built = run(configure, log) and run(["cmake", "--build", build], log)
    built_s = time.monotonic()
    if not built:
        return Outcome("NOT BUILT", True, built_s - start_s, 0)
    passed = run(test, log)
    tested_s = time.monotonic()
    summary = count(report) if report.exists() else "NOT TESTED"
    return Outcome(summary, not passed, built_s - start_s, tested_s - built_s)


def require_tools(names: Sequence[str]) -> None:
    missing = sorted({tool for name in names for tool in LEGS[name].tools if shutil.which(tool) is None})
    if missing:
        sys.exit(f"not found: {' '.join(missing)}. To install them: .ci/system-packages python3 platforms")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--build", type=Path, default=Path("build/platforms"), help="folder to build in")
    parser.add_argument("legs", nargs="*", metavar="LEG", help=f"all, or some of: {' '.join(LEGS)}")
    arguments = parser.parse_args()
    names = arguments.legs or list(LEGS)
    if unknown := [name for name in names if name not in LEGS]:
        parser.error(f"no such leg: {' '.join(unknown)}; there are {' '.join(LEGS)}")
    require_tools(names)
    build: Path = arguments.build.resolve()
    build.mkdir(parents=True, exist_ok=True)
    # a report without its call stack is of little use
    os.environ.setdefault("UBSAN_OPTIONS", "print_stacktrace=1")

    any_failed = False
    print(f"{'leg':18}{'build':>8}{'test':>8}  result")
    for name in names:
        log = build / f"{name}.log"
        outcome = run_leg(LEGS[name], build / name, log)
        print(f"{name:18}{outcome.built_s:6.1f} s{outcome.tested_s:6.1f} s  {outcome.summary}", flush=True)
        if outcome.failed:
            any_failed = True
            print(log.read_text(errors="replace"), flush=True)
    return 1 if any_failed else 0


if __name__ == "__main__":
    sys.exit(main())
