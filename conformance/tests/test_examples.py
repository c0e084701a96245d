"""The examples of bindings build, pass their own tests and every vector, with the compiler that is there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from clockbound_conformance import __main__ as command
from clockbound_conformance import vectors

GO = Path(__file__).parents[1] / "examples" / "go"
BUILD_TIMEOUT_S = 300  # without a cache Go compiles its library first


def go(*words: str) -> str:
    """What Go says, at work in the example's folder and without the network."""
    program = shutil.which("go", path=f"{os.environ['PATH']}{os.pathsep}/usr/local/go/bin")
    if program is None:
        pytest.fail(
            "no go in PATH: install it (Debian's package is golang-go), or run: .ci/system-packages python3 test"
        )
    # Go needs a place for what it has compiled, and knows none where there is no HOME.
    cache = os.environ.get("GOCACHE") or str(Path.home() / ".cache" / "go-build")
    result = subprocess.run(
        [program, *words],
        cwd=GO,
        env={
            **os.environ,
            "CGO_ENABLED": "0",
            "GOCACHE": cache,
            "GOENV": "off",
            "GOPATH": os.environ.get("GOPATH") or str(Path.home() / "go"),
            "GOFLAGS": "-buildvcs=false",
            "GOPROXY": "off",
            "GOTOOLCHAIN": "local",
        },
        check=False,
        capture_output=True,
        text=True,
        timeout=BUILD_TIMEOUT_S,
    )
    assert result.returncode == 0, f"go {' '.join(words)}\n{result.stdout}{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def go_adapter(tmp_path_factory: pytest.TempPathFactory) -> str:
    program = tmp_path_factory.mktemp("go") / "clockbound-adapter-go"
    go("build", "-o", str(program), "./adapter")
    return str(program)


def test_the_go_example_is_vetted_and_passes_its_tests() -> None:
    go("vet", "./...")
    go("test", "-count=1", ".")


def test_the_go_example_passes_every_vector(
    go_adapter: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CLOCKBOUND_GO_ADAPTER", go_adapter)
    words = ["--adapter", str(GO / "adapter.toml")]
    assert command.main(["smoke", *words]) == command.PASSED, capsys.readouterr().out
    assert command.main(["run", *words]) == command.PASSED, capsys.readouterr().out
    every = len(vectors.load().vectors)
    assert f"{every} passed, of {every} vectors" in capsys.readouterr().out


def test_the_lines_of_its_readme_are_those_that_the_compiler_sees() -> None:
    (shown,) = re.findall(r"^```go\n(.*?)^```$", (GO / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    example = (GO / "example_test.go").read_text()
    indented = "".join(f"\t{line}" if line.strip() else line for line in shown.splitlines(keepends=True))
    assert f"func Example() {{\n{indented}}}\n" in example


def test_the_example_needs_nothing_but_the_standard_library() -> None:
    assert "require" not in (GO / "go.mod").read_text()
