"""Fixtures: a real chronyd that follows a known truth, and a directory for segments."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from clockbound_conformance.lab import ServerAndClient
from hypothesis import settings

# A busy machine may take any time for an example.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


@pytest.fixture(scope="session")
def pair() -> Iterator[ServerAndClient]:
    """Two chronyd; the client is a quarter of a second behind the truth. A test that stops one starts it again."""
    with ServerAndClient() as running:
        yield running


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    """An empty directory for segments."""
    directory = tmp_path / "run"
    directory.mkdir(mode=0o755)
    return directory


@pytest.fixture
def directory() -> Iterator[Path]:
    """A directory for sockets, with a path that is short enough for them."""
    with tempfile.TemporaryDirectory(prefix="cb-") as path:
        yield Path(path)
