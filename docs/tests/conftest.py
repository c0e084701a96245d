"""What the tests of the documentation share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

#: Of the Python client. Pages and examples say nothing that holds for one alone.
IMPLEMENTATIONS = [
    "c",
    pytest.param(
        "python",
        marks=pytest.mark.skipif(
            os.uname().machine != "x86_64",
            reason="no pure implementation on this processor: the pages were not tested with it",
        ),
    ),
]

DOCS = Path(__file__).resolve().parent.parent


@pytest.fixture
def docs() -> Path:
    return DOCS


@pytest.fixture
def examples(monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the example programs, from where they can be imported."""
    folder = DOCS / "examples"
    monkeypatch.syspath_prepend(folder)
    return folder
