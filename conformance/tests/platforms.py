"""Asks the C library every vector on other processors, emulated: platforms.py [PROCESSOR ...]

The adapter is built for each with the toolchain file of the C library, and run by qemu-user. Segments are of the
processor's byte order, so that s390x reads those of a big-endian machine. The order of memory accesses is this machine's.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
TOOLCHAINS = ROOT / "clients" / "c" / "cmake" / "toolchains"
TIMEOUT_S = 900


class Processor(NamedTuple):
    triplet: str
    emulator: str
    byte_order: str

    @property
    def tools(self) -> Sequence[str]:
        return f"{self.triplet}-gcc", self.emulator


PROCESSORS = {
    "aarch64": Processor("aarch64-linux-gnu", "qemu-aarch64", "little"),
    "armhf": Processor("arm-linux-gnueabihf", "qemu-arm", "little"),
    "s390x": Processor("s390x-linux-gnu", "qemu-s390x", "big"),
}


def build(name: str, folder: Path) -> Path:
    """The adapter's program, built in ``folder``. Raises CalledProcessError."""
    configure = ["cmake", "-S", ROOT / "clients" / "c", "-B", folder, "-G", "Ninja", "--log-level=WARNING"]
    options = ["BUILD_ADAPTER=ON", "BUILD_TESTS=OFF"]
    toolchain = f"-DCMAKE_TOOLCHAIN_FILE={TOOLCHAINS / name}.cmake"
    subprocess.run(
        [*configure, toolchain, "-DCMAKE_BUILD_TYPE=Release", *(f"-DCLOCKBOUND_{each}" for each in options)],
        check=True,
        timeout=TIMEOUT_S,
    )
    subprocess.run(["cmake", "--build", folder, "--", "--quiet"], check=True, timeout=TIMEOUT_S)
    return folder / "clockbound-adapter-c"


def adapter_file(name: str, program: Path) -> Path:
    """An adapter.toml beside ``program``."""
    processor = PROCESSORS[name]
    command = [processor.emulator, "-L", f"/usr/{processor.triplet}", str(program)]
    path = program.parent / "adapter.toml"
    lines = [
        f"name = {json.dumps(f'c-{name}')}",
        f"command = {json.dumps(command)}",
        f"byte_order = {json.dumps(processor.byte_order)}",
    ]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--build", type=Path, default=Path("build/conformance"), help="folder to build in")
    parser.add_argument(
        "processors", nargs="*", metavar="PROCESSOR", help=f"all, or some of: {' '.join(PROCESSORS)}"
    )
    arguments = parser.parse_args()
    names = arguments.processors or list(PROCESSORS)
    if unknown := [name for name in names if name not in PROCESSORS]:
        parser.error(f"no such processor: {' '.join(unknown)}; there are {' '.join(PROCESSORS)}")
    if missing := sorted(
        {tool for name in names for tool in PROCESSORS[name].tools if shutil.which(tool) is None}
    ):
        sys.exit(f"not found: {' '.join(missing)}. To install them: .ci/system-packages python3 platforms")
    folder: Path = arguments.build.resolve()
    failed = False
    for name in names:
        shutil.rmtree(folder / name, ignore_errors=True)
        file = adapter_file(name, build(name, folder / name))
        began_s = time.monotonic()
        run = [sys.executable, "-m", "clockbound_conformance", "run", "--adapter", file]
        status = subprocess.run(
            [*run, "--jsonl", folder / f"{name}.jsonl"], check=False, timeout=TIMEOUT_S, env=os.environ
        ).returncode
        print(f"{name}: exit status {status} after {time.monotonic() - began_s:.1f} s", flush=True)
        failed = failed or status != 0
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
