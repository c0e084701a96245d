"""A smoke test of the Python client that is installed: every vector that takes no real time.

Every wheel has to pass it, also where nothing can be compiled, so it needs no other client. What all clients must
agree on is in test_agreement.py.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest
from clockbound_conformance import vectors
from clockbound_conformance.adapter import Adapter
from clockbound_conformance.runner import play
from clockbound_conformance.segment_bytes import NATIVE
from conftest import PYTHON_ADAPTER

# The pure one refuses other processors, as the client's own tests show.
IMPLEMENTATIONS = ("c", "python") if os.uname().machine == "x86_64" else ("c",)
AT_REST = [vector for vector in vectors.load().vectors if vector.area != "live"]


def test_the_client_is_an_installed_one() -> None:
    where = "import clockbound_client; print(clockbound_client.__file__)"
    found = subprocess.run(
        [sys.executable, "-c", where], capture_output=True, text=True, timeout=60, check=True
    )
    assert Path(found.stdout).is_relative_to(sysconfig.get_path("platlib"))


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
def test_it_passes_every_vector_at_rest(implementation: str, tmp_path: Path) -> None:
    wrong = {}
    with Adapter([sys.executable, str(PYTHON_ADAPTER), "--implementation", implementation]) as adapter:
        for vector in AT_REST:
            place = tmp_path / vector.id
            place.mkdir()
            # Emulated processors are slow; how long an answer takes is not what this is about.
            result = play(adapter, vector, place, NATIVE, slow_s=adapter.timeout_s)
            if result.outcome != "passed":
                wrong[vector.id] = f"{result.outcome}: {result.explanation}"
    assert not wrong
