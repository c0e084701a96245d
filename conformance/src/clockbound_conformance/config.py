"""Reads adapter.toml and lists of known failures, and says in one sentence what is wrong with them."""

from __future__ import annotations

import os
import re
import shutil
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from clockbound_conformance import schema
from clockbound_conformance.segment_bytes import NATIVE, ByteOrder

DEFAULT_TIMEOUT_S = 10.0
DEFAULT_SLOW_S = 1.0

_VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}")


class UsageError(Exception):
    """What the user gave can't be used. The text says what to change."""


@dataclass(frozen=True)
class AdapterConfig:
    """How to run one adapter: a checked adapter.toml."""

    name: str
    file: Path
    command: tuple[str, ...]
    byte_order: ByteOrder
    timeout_s: float
    slow_s: float
    environment: Mapping[str, str]


@dataclass(frozen=True)
class KnownFailures:
    """Vectors that are known to fail, with the reasons. A vector is known for one adapter, or for all."""

    reasons: Mapping[tuple[str, str | None], str]

    def reason(self, vector: str, adapter: str) -> str | None:
        """Why ``vector`` is expected to fail with ``adapter``; None where it isn't."""
        return self.reasons.get((vector, adapter), self.reasons.get((vector, None)))


def _load(path: Path, name: str) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = tomllib.load(file)
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: no TOML: {error}") from error
    fault = schema.fault(name, content)
    if fault is not None:
        raise UsageError(f"{path}: {fault}")
    return content


def load_adapter(path: Path) -> AdapterConfig:
    """The adapter that the file at ``path`` describes. Raises UsageError."""
    content = _load(path, "adapter")
    here = path.resolve().parent
    words = tuple(_expand(word, path, here) for word in content["command"])
    order = content.get("byte_order", "native")
    return AdapterConfig(
        name=content["name"],
        file=path,
        command=(_program(words[0], path, here), *words[1:]),
        byte_order=NATIVE if order == "native" else order,
        timeout_s=float(content.get("timeout_s", DEFAULT_TIMEOUT_S)),
        slow_s=float(content.get("slow_s", DEFAULT_SLOW_S)),
        environment={
            name: _expand(word, path, here) for name, word in content.get("environment", {}).items()
        },
    )


def load_adapters(paths: Sequence[Path]) -> list[AdapterConfig]:
    """As load_adapter, of several that must have different names."""
    configs = [load_adapter(path) for path in paths]
    for at, config in enumerate(configs):
        for earlier in configs[:at]:
            if config.name == earlier.name:
                raise UsageError(f"{config.file}: {earlier.file} has the same name {config.name!r}")
    return configs


def _expand(word: str, path: Path, here: Path) -> str:
    given = {"HERE": str(here), "PYTHON": sys.executable} | {
        name: value for name, value in os.environ.items() if name != "HERE"
    }

    def value(match: re.Match[str]) -> str:
        name, default = match.groups()
        found = given.get(name) or default
        if found is None:
            raise UsageError(f"{path}: the environment variable {name}, which command names, isn't set")
        return found

    return _VARIABLE.sub(value, word)


def _program(word: str, path: Path, here: Path) -> str:
    if "/" not in word:
        found = shutil.which(word)
        if found is None:
            raise UsageError(
                f"{path}: command: no program {word!r} in PATH; one beside this file is written ./{word}"
            )
        return found
    program = here / word
    if not program.exists():
        raise UsageError(f"{path}: command: {program} doesn't exist")
    if program.is_dir() or not os.access(program, os.X_OK):
        raise UsageError(
            f"{path}: command: {program} isn't executable; run chmod +x, or begin command with its interpreter"
        )
    return str(program)


def load_known_failures(path: Path, known_ids: set[str]) -> KnownFailures:
    """The known failures in the file at ``path``, which must name vectors in ``known_ids``. Raises UsageError."""
    reasons: dict[tuple[str, str | None], str] = {}
    for failure in _load(path, "known-failures")["failure"]:
        key = (failure["vector"], failure.get("adapter"))
        if failure["vector"] not in known_ids:
            raise UsageError(f"{path}: there is no vector {failure['vector']!r}; clockbound-conformance list")
        if key in reasons:
            raise UsageError(f"{path}: {failure['vector']} stands twice")
        reasons[key] = failure["reason"].strip()
    return KnownFailures(reasons)
