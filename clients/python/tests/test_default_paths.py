"""Which segment a client opens that is given none. Each test has a /run of its own, in a mount namespace."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from conftest import run_python, segment_bytes

RUN_DIR = "/var/run/clockbound"

SCRIPT = f"""
import json, os, shutil, subprocess, sys
import clockbound_client as cb
subprocess.run(["mount", "-t", "tmpfs", "none", os.path.realpath("/var/run")], check=True)
if sys.argv[1:]:
    shutil.copytree(sys.argv[1], {RUN_DIR!r})
try:
    with cb.ClockBoundClient() as clock:
        print(json.dumps([clock.path, clock.now_at(0, 100 * 10**9).latest_ns]))
except cb.ClockBoundError as error:
    print(json.dumps([type(error).__name__, error.path]))
"""


def outcome(impl: Any, monkeypatch: pytest.MonkeyPatch, *arguments: object) -> Any:
    namespace = ["unshare", "--map-root-user", "--mount"]
    try:
        subprocess.run([*namespace, "mount", "-t", "tmpfs", "none", "/mnt"], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no mount namespace to be had ({error}): the default paths were not tested")
    # The interpreter runs inside the namespace.
    code = f"import os, sys; os.execvp({namespace[0]!r}, {namespace!r} + [sys.executable, '-c', {SCRIPT!r}] + sys.argv[1:])"
    result = run_python(code, impl.name, *arguments)
    assert result.stderr == ""
    return json.loads(result.stdout)


@pytest.fixture
def ask(impl: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """The outcome with these files in the daemon's directory."""

    def ask_with(**files: bytes) -> Any:
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)
        return outcome(impl, monkeypatch, tmp_path)

    return ask_with


def test_without_a_daemon_the_error_names_layout_2(impl: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert outcome(impl, monkeypatch) == ["ClockBoundSyscallError", f"{RUN_DIR}/shm0"]


def test_without_segments_the_error_names_layout_2(ask: Any) -> None:
    assert ask() == ["ClockBoundSyscallError", f"{RUN_DIR}/shm0"]


def test_layout_2_is_preferred(ask: Any) -> None:
    segments = {"shm0": segment_bytes(2, bound_ns=2), "shm": segment_bytes(1, bound_ns=1)}
    assert ask(**segments) == [f"{RUN_DIR}/shm0", 2]


def test_layout_1_is_taken_where_it_is_alone(ask: Any) -> None:
    assert ask(shm=segment_bytes(1, bound_ns=1)) == [f"{RUN_DIR}/shm", 1]


def test_a_damaged_layout_2_is_an_error_even_beside_layout_1(ask: Any) -> None:
    segments = {"shm0": b"", "shm": segment_bytes(1)}
    assert ask(**segments) == ["SegmentNotInitializedError", f"{RUN_DIR}/shm0"]


def test_a_damaged_layout_1_that_is_alone_is_named(ask: Any) -> None:
    assert ask(shm=b"") == ["SegmentNotInitializedError", f"{RUN_DIR}/shm"]


def test_a_layout_2_that_cannot_be_mapped_is_an_error_even_beside_layout_1(ask: Any, tmp_path: Path) -> None:
    (tmp_path / "shm0").mkdir()
    assert ask(shm=segment_bytes(1)) == ["ClockBoundSyscallError", f"{RUN_DIR}/shm0"]


def test_a_layout_1_that_is_alone_and_cannot_be_mapped_is_named(ask: Any, tmp_path: Path) -> None:
    (tmp_path / "shm").mkdir()
    assert ask() == ["ClockBoundSyscallError", f"{RUN_DIR}/shm"]
