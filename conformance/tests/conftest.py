"""The adapters under test, and the care that a cancelled run leaves no chronyd behind."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from clockbound_conformance.adapter import Adapter
from clockbound_conformance.processes import unwinding_on_signals

PYTHON_ADAPTER = Path(__file__).parents[1] / "adapters" / "python" / "adapter.py"


@pytest.fixture(scope="session", autouse=True)
def _unwind_on_signals() -> Iterator[None]:
    # A run in the background of a script has SIGINT ignored, and so would every program that the tests interrupt.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    with unwinding_on_signals():
        yield


@pytest.fixture(scope="session")
def c_adapter_path() -> str:
    """The built program clockbound-adapter-c, which tox builds and names."""
    path = os.environ.get("CLOCKBOUND_C_ADAPTER")
    if not path:
        pytest.fail(
            "CLOCKBOUND_C_ADAPTER must name the program clockbound-adapter-c; build it with cmake -S clients/c "
            "-B build -DCLOCKBOUND_BUILD_ADAPTER=ON && cmake --build build, or run: tox run -e conformance"
        )
    if not os.access(path, os.X_OK):
        pytest.fail(f"CLOCKBOUND_C_ADAPTER={path}: no such program; build it, or run: tox run -e conformance")
    return path


@pytest.fixture(scope="session")
def adapters(c_adapter_path: str) -> Iterator[Mapping[str, Adapter]]:
    """A running adapter of each client."""
    commands = {
        "c": [c_adapter_path],
        "python, compiled": [sys.executable, str(PYTHON_ADAPTER), "--implementation", "c"],
        "python, pure": [sys.executable, str(PYTHON_ADAPTER), "--implementation", "python"],
    }
    with contextlib.ExitStack() as stack:
        yield {name: stack.enter_context(Adapter(command)) for name, command in commands.items()}
