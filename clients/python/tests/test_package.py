"""The package itself: which implementation is used, errors, and the publish primitive."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from typing import Any

import clockbound_client as cb
import pytest
from clockbound_client._core import publish
from conftest import segment_bytes


def run(code: str, implementation: str | None) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if name != "CLOCKBOUND_IMPLEMENTATION"}
    if implementation is not None:
        environment["CLOCKBOUND_IMPLEMENTATION"] = implementation
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(("wanted", "used"), [(None, "c"), ("auto", "c"), ("c", "c"), ("python", "python")])
def test_the_environment_chooses_the_implementation(wanted: str | None, used: str) -> None:
    result = run(
        "import clockbound_client as c; print(c.implementation, c.ClockBoundClient.__module__)", wanted
    )
    assert result.stderr == ""
    assert result.stdout.split()[0] == used
    assert ("_pure" in result.stdout) == (used == "python")


def test_an_unknown_implementation_is_refused() -> None:
    result = run("import clockbound_client", "rust")
    assert result.returncode == 1
    assert "CLOCKBOUND_IMPLEMENTATION is 'rust'; set it to auto, c or python" in result.stderr


def test_the_pure_one_is_used_where_the_compiled_one_is_missing() -> None:
    code = "import sys; sys.modules['clockbound_client._core'] = None; import clockbound_client as c; print(c.implementation)"
    assert run(code, None).stdout.strip() == "python"
    assert "ModuleNotFoundError" in run(code, "c").stderr


def test_the_pure_one_refuses_processors_that_reorder_loads() -> None:
    code = (
        "import os; real = os.uname(); os.uname = lambda: os.uname_result((*real[:4], 'aarch64'))\n"
        "import clockbound_client"
    )
    result = run(code, "python")
    assert result.returncode == 1
    assert "would not be safe on aarch64" in result.stderr


def test_importing_the_client_imports_nothing_heavy() -> None:
    # What the interpreter's own start loads (an editable install or a coverage hook, say) doesn't count.
    code = (
        "import sys; before = set(sys.modules); import clockbound_client; print(*set(sys.modules) - before)"
    )
    loaded = set(run(code, "c").stdout.split())
    assert not loaded & {
        "construct",
        "clockbound_spec",
        "dataclasses",
        "inspect",
        "typing",
        "re",
        "ctypes",
        "asyncio",
        "logging",
    }


@pytest.mark.parametrize("kind", [kind for kind in cb.ErrorKind if kind is not cb.ErrorKind.NONE])
def test_each_kind_has_a_class_of_its_own(kind: cb.ErrorKind) -> None:
    error = cb._errors.error_from(kind, "/nowhere/shm0", 2, "words")
    assert type(error) is not cb.ClockBoundError
    assert isinstance(error, cb.ClockBoundError)
    assert error.kind is kind
    assert "/nowhere/shm0: words" in str(error)
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (type(error), str(error))


def test_publish_keeps_the_header_and_returns_the_generation() -> None:
    mapping = bytearray(segment_bytes(generation=0))
    assert publish(mapping, segment_bytes(bound_ns=7, generation=99)) == 2
    assert bytes(mapping) == segment_bytes(bound_ns=7, generation=2)


def test_publish_repairs_an_odd_generation() -> None:
    mapping = bytearray(segment_bytes(generation=41))
    assert publish(mapping, segment_bytes(bound_ns=7)) == 42
    assert bytes(mapping) == segment_bytes(bound_ns=7, generation=42)


@pytest.mark.parametrize(
    ("mapping", "segment", "message"),
    [
        (bytearray(79), segment_bytes(), "can't publish 80 bytes in a mapping of 79"),
        (bytearray(80), b"", "can't publish 0 bytes"),
        (bytearray(80), segment_bytes()[:16], "can't publish 16 bytes"),
        (bytearray(80), segment_bytes()[:79], "can't publish 79 bytes"),
        (bytearray(segment_bytes(1) + bytes(8)), segment_bytes(), "another layout"),
    ],
)
def test_publish_refuses_what_does_not_fit(mapping: bytearray, segment: bytes, message: str) -> None:
    before = bytes(mapping)
    with pytest.raises(ValueError, match=message):
        publish(mapping, segment)
    assert bytes(mapping) == before


def test_publish_needs_a_writable_mapping() -> None:
    bad: Any = segment_bytes()
    with pytest.raises(TypeError):
        publish(bad, segment_bytes())
