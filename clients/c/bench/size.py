"""Shows how large the C library is, in its file and in memory.

python clients/c/bench/size.py --build FOLDER

FOLDER is where clients/c was built as Release. Needs strip, size and readelf (binutils).
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from pathlib import Path


def output(*command: str | Path) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--build", type=Path, required=True, metavar="FOLDER")
    library: Path = parser.parse_args().build / "libclockbound.so"
    with tempfile.TemporaryDirectory() as folder:
        stripped = Path(folder, library.name)
        output("strip", "-o", stripped, library.resolve())
        text, data, bss = output("size", stripped).splitlines()[1].split()[:3]
        sections = {
            words[0]: int(words[1])
            for line in output("size", "-A", stripped).splitlines()
            if line.startswith(".") and len(words := line.split()) == 3
        }
        relocations = [
            line
            for line in output("readelf", "-rW", stripped).splitlines()
            if line[:1].isalnum() and " R_" in line
        ]
        symbols = output("readelf", "--dyn-syms", "-W", stripped).splitlines()
        rows = [
            ("stripped file", stripped.stat().st_size, "bytes"),
            ("text, read-only", int(text), "bytes"),
            ("  machine code", sections[".text"], "bytes"),
            ("  unwind tables", sections.get(".eh_frame", 0) + sections.get(".eh_frame_hdr", 0), "bytes"),
            ("data", int(data), "bytes"),
            ("bss", int(bss), "bytes"),
            ("relocations", len(relocations), ""),
            ("functions exported", sum(" FUNC " in line and "clockbound_" in line for line in symbols), ""),
            ("functions imported", sum(" FUNC " in line and " UND " in line for line in symbols), ""),
        ]
    for what, number, unit in rows:
        print(f"{what:20}{number:>7} {unit}".rstrip())


if __name__ == "__main__":
    main()
