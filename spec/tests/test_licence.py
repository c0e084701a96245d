"""Every part that is distributed by itself carries the licence, as a file: a link would lead nowhere from an sdist."""

from __future__ import annotations

from pathlib import Path

import pytest
from generated import ROOT

PARTS = [*sorted(project.parent for project in ROOT.glob("*/pyproject.toml")), ROOT / "clients" / "python"]


def test_all_parts_are_here() -> None:
    assert [str(part.relative_to(ROOT)) for part in PARTS] == [
        "conformance",
        "daemon",
        "spec",
        "clients/python",
    ]


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_part_carries_the_licence(part: Path) -> None:
    licence = part / "LICENSE"
    assert not licence.is_symlink()
    assert licence.read_bytes() == (ROOT / "LICENSE").read_bytes()
