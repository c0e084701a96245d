"""Loads modules that the generator has written, from the repository or from a string."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

from clockbound_spec import candm
from clockbound_spec.emit import python
from clockbound_spec.model import plain

ROOT = Path(__file__).parents[2]


def module_from_text(text: str, name: str = "generated") -> Any:
    module = types.ModuleType(name)
    exec(compile(text, name, "exec"), module.__dict__)
    return module


def module_from_file(path: str) -> Any:
    """The module at `path`, from the root of the repository; by path, so that nothing must be installed."""
    file = ROOT / path
    return module_from_text(file.read_text(encoding="utf-8"), path)


def module_of_messages() -> Any:
    """All of chronyd's messages, those too that the daemon doesn't speak."""
    text = python.module(
        "Messages.",
        enumerations=candm.ENUMERATIONS,
        limits=candm.NUMBERS,
        layouts=tuple(plain(layout) for layout in candm.LAYOUTS),
    )
    return module_from_text(text, "messages")
