"""Fixtures: a real chronyd that follows a known truth, and a directory for segments."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clockbound_conformance.lab import ServerAndClient
from daemon_support import LINES
from hypothesis import settings

# A busy machine may take any time for an example.
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_configure(config: pytest.Config) -> None:
    config.stash.setdefault(LINES, [])


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):  # a worker of pytest-xdist, which has no terminal
        session.config.workeroutput["lines"] = session.config.stash.get(LINES, [])


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """A worker of pytest-xdist has ended."""
    node.config.stash.setdefault(LINES, []).extend(getattr(node, "workeroutput", {}).get("lines", []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for line in config.stash.get(LINES, []):
        terminalreporter.write_line(line)


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
