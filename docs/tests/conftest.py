"""What the tests of the documentation share."""

from __future__ import annotations

from pathlib import Path

import pytest

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
