"""Nothing leaks. `leaks.py` asks a million times; here less has to do, which still shows one block lost in ten calls."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_nothing_leaks() -> None:
    program = Path(__file__).with_name("leaks.py")
    result = subprocess.run(
        [sys.executable, "-W", "error", str(program), "--calls", "2000"],
        capture_output=True,
        text=True,
        timeout=110,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
