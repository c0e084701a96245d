"""Who may import whom: what runs on users' machines knows nothing of the generator or of the tests."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from generated import ROOT

# folder of sources: packages that nothing in it may import, and why
FORBIDDEN = {
    "clients/python/src": {"clockbound_spec", "construct", "clockbound_conformance", "clockbound_daemon"},
    "daemon/src": {"clockbound_spec", "construct", "clockbound_conformance"},
    # The suite drives clients and the daemon as programs, so that it holds for anyone's.
    "conformance/src": {"clockbound_client", "clockbound_daemon"},
    "spec/src": {"clockbound_client", "clockbound_daemon", "clockbound_conformance"},
}


def imported(source: str) -> Iterator[tuple[int, str]]:
    """Line and package of every import in `source`, of those by a constant name at run time too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name.split(".")[0]) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.lineno, node.module.split(".")[0]
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in ("import_module", "__import__") and isinstance(node.args[0].value, str):
                yield node.lineno, node.args[0].value.split(".")[0]


def offences(folder: Path, forbidden: set[str]) -> list[str]:
    return [
        f"{path}:{line} imports {package}"
        for path in sorted([*folder.rglob("*.py"), *folder.rglob("*.pyi")])
        for line, package in imported(path.read_text(encoding="utf-8"))
        if package in forbidden
    ]


@pytest.mark.parametrize("folder", FORBIDDEN)
def test_a_part_imports_only_what_it_may(folder: str) -> None:
    assert list((ROOT / folder).rglob("*.py")), f"{folder} has no sources to look at"
    assert offences(ROOT / folder, FORBIDDEN[folder]) == []


@pytest.mark.parametrize(
    "statement",
    [
        "import construct",
        "import os, construct.core as core",
        "from construct import Int8ub",
        "from construct.lib import Container",
        "def late():\n    import construct",
        "importlib.import_module('construct.lib')",
        "__import__('construct')",
    ],
)
def test_each_way_of_importing_is_seen(statement: str, tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(statement)
    assert len(offences(tmp_path, {"construct"})) == 1


@pytest.mark.parametrize(
    "statement", ["from . import construct", "construct = 'construct'", "import constructs"]
)
def test_what_only_looks_like_an_import_is_allowed(statement: str, tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text(statement)
    assert offences(tmp_path, {"construct"}) == []
