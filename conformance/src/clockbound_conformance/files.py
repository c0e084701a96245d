"""Finds the files that come with the package: schemas, vectors, rules and the adapters' template.

In an installed wheel they lie beside the modules; in the source tree in the folders above ``src``.
"""

from __future__ import annotations

import os
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent
_TREE = PACKAGE.parents[1]

LAYOUT_JSON = PACKAGE / "layout.json"


def folder(name: str) -> Path:
    """The folder ``name`` of the package's files (``schemas``, ``vectors``, ``adapters``)."""
    installed = PACKAGE / name
    return installed if installed.is_dir() else _TREE / name


def memory_folder() -> str | None:
    """Where files are in memory, as segments are; None for the usual place."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
