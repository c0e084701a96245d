"""The GitHub Action: its declaration, and its steps run for real, as a runner runs them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

import pytest
import yaml

ACTION = Path(__file__).parents[1] / "action"
READER = Path(__file__).parent / "mutants" / "reader.py"
GROWTH, NEGATIVE = "v2-growth-at-1-s", "v2-a-negative-bound"
DECLARED: dict[str, Any] = yaml.safe_load((ACTION / "action.yml").read_text(encoding="utf-8"))
STEPS: list[dict[str, Any]] = DECLARED["runs"]["steps"]
TIMEOUT_S = 300.0


def test_the_declaration_is_one_of_a_composite_action() -> None:
    assert set(DECLARED) == {"name", "description", "inputs", "outputs", "runs"}
    assert set(DECLARED["runs"]) == {"using", "steps"}
    assert DECLARED["runs"]["using"] == "composite"
    for each in DECLARED["inputs"].values():
        assert set(each) in ({"description", "required"}, {"description", "default"})
        assert isinstance(each.get("default", ""), str)
    for each in DECLARED["outputs"].values():
        assert set(each) == {"description", "value"}
    for step in STEPS:
        assert set(step) <= {"name", "id", "if", "shell", "env", "run", "uses", "with"}
        assert ("run" in step) != ("uses" in step)
        assert ("run" in step) == ("shell" in step), "a step that runs names its shell"
        if "uses" in step:
            assert re.fullmatch(r"[\w-]+/[\w-]+@v[0-9]+", step["uses"]), "a version, not a branch"


def test_each_input_and_output_is_used_and_each_use_declared() -> None:
    text = (ACTION / "action.yml").read_text(encoding="utf-8")
    assert set(DECLARED["inputs"]) == set(re.findall(r"inputs\.([\w-]+)", text))
    read = {name for script in ACTION.glob("*.sh") for name in re.findall(r"INPUT_\w+", script.read_text())}
    given = {name for step in STEPS for name in step.get("env", {})}
    assert given == read
    written = set(re.findall(r'"(\w+)=\$', (ACTION / "run.sh").read_text()))
    assert set(re.findall(r"steps\.run\.outputs\.(\w+)", text)) == written == set(DECLARED["outputs"])


def test_no_input_is_pasted_into_a_script() -> None:
    for step in STEPS:
        assert "${{" not in step.get("run", ""), "whoever sets an input could run what he likes"


def test_the_readme_lists_the_inputs_and_outputs() -> None:
    readme = (ACTION / "README.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([\w-]+)` \|", readme, re.MULTILINE)
    assert sorted([*DECLARED["inputs"], *DECLARED["outputs"]]) == sorted(rows)


class Runner:
    """A runner's machine: its folders, and what it does with the steps of a composite action."""

    def __init__(self, folder: Path) -> None:
        self.workspace, self.temporary = folder / "workspace", folder / "temp"
        self.summary, self._output = folder / "summary.md", folder / "output"
        for each in (self.workspace, self.temporary):
            each.mkdir()
        self.log = ""
        # This machine's packages stand in for the index that a runner's pip asks. They come last: what the action
        # installs hides them.
        library = (
            self.temporary
            / "clockbound-conformance"
            / Path(sysconfig.get_path("purelib")).relative_to(sys.prefix)
        )
        library.mkdir(parents=True)
        (library / "index.pth").write_text(f"{sysconfig.get_path('purelib')}\n")

    def adapter(self, name: str, *words: str) -> str:
        """The path of an adapter.toml, from the workspace, with a space in it."""
        folder = self.workspace / "my adapters"
        folder.mkdir(exist_ok=True)
        (folder / f"{name}.toml").write_text(
            f"name = {json.dumps(name)}\ncommand = {json.dumps([sys.executable, str(READER), *words])}\n"
        )
        return f"my adapters/{name}.toml"

    def install(self, **inputs: str) -> int:
        """Do the first step; its status."""
        return self._do(STEPS[0], inputs)

    def ask(self, **inputs: str) -> int:
        """Do the second step; its status."""
        return self._do(STEPS[1], inputs)

    def _do(self, step: dict[str, Any], inputs: dict[str, str]) -> int:
        given = {name: str(each.get("default", "")) for name, each in DECLARED["inputs"].items()}
        given |= {"python": sys.executable} | {
            name.replace("_", "-"): value for name, value in inputs.items()
        }
        for each in (self.summary, self._output):
            each.write_text("")
        environment = {
            name: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda match: given[match[1]], value)
            for name, value in step["env"].items()
        }
        script = self.temporary / "step.sh"
        script.write_text(step["run"] + "\n")
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)],
            cwd=self.workspace,
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(self.temporary),
                "PIP_NO_INDEX": "1",
                "PIP_NO_BUILD_ISOLATION": "0",  # which means that there is none
                "GITHUB_ACTION_PATH": str(ACTION),
                "GITHUB_STEP_SUMMARY": str(self.summary),
                "GITHUB_OUTPUT": str(self._output),
                "GITHUB_WORKSPACE": str(self.workspace),
                "RUNNER_TEMP": str(self.temporary),
                "RUNNER_OS": "Linux",
                **environment,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
        )
        self.log = done.stdout
        return done.returncode

    @property
    def outputs(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self._output.read_text().splitlines())


@pytest.fixture(scope="module")
def runner(tmp_path_factory: pytest.TempPathFactory) -> Runner:
    """A runner on which the suite has been installed."""
    runner = Runner(tmp_path_factory.mktemp("runner"))
    assert runner.install() == 0, runner.log
    return runner


def test_a_client_that_passes(runner: Runner) -> None:
    only = f"\n  {GROWTH}  \r\n\n{NEGATIVE}\n"
    assert runner.ask(adapters=runner.adapter("right"), only=only) == 0, runner.log
    assert runner.outputs["passed"] == "true"
    reports = Path(runner.outputs["reports"])
    names = ["badge.json", "badge.svg", "junit.xml", "report.html", "results.jsonl", "summary.md"]
    assert names == sorted(path.name for path in reports.iterdir())
    assert all(path.stat().st_size for path in reports.iterdir())
    assert (reports / "summary.md").read_text() == runner.summary.read_text()
    assert "| right | \u2713 passed | 2 passed, of 2 |" in runner.summary.read_text()
    assert "::error" not in runner.log


def test_the_suite_is_installed_from_the_action_s_own_folder(runner: Runner) -> None:
    python = runner.temporary / "clockbound-conformance" / "bin" / "python"
    words = [str(python), "-c", "import clockbound_conformance; print(clockbound_conformance.__file__)"]
    place = subprocess.run(words, check=True, capture_output=True, text=True, timeout=TIMEOUT_S).stdout
    assert place.startswith(str(runner.temporary))


def test_a_client_that_fails_fails_the_job_and_is_reported(runner: Runner) -> None:
    adapters = f"{runner.adapter('right')}\n{runner.adapter('wrong', '--fault', 'no-growth')}\n"
    assert runner.ask(adapters=adapters, only=f"{GROWTH}\n{NEGATIVE}") == 1
    assert runner.outputs["passed"] == "false"
    assert "::error title=ClockBound conformance::passed: right" in runner.log
    assert "FAILED: wrong: 1 passed, 1 wrong, of 2 vectors" in runner.log
    assert "1 of 2 clients failed: wrong" in runner.summary.read_text()
    assert GROWTH in runner.summary.read_text()
    assert "1 of 2 clients failed" in (Path(runner.outputs["reports"]) / "badge.json").read_text()


def test_known_failures_are_handed_on(runner: Runner) -> None:
    (runner.workspace / "known.toml").write_text(f'[[failure]]\nvector = "{GROWTH}"\nreason = "until 2.0"\n')
    wrong = runner.adapter("wrong", "--fault", "no-growth")
    assert runner.ask(adapters=wrong, only=f"{GROWTH}\n{NEGATIVE}", known_failures="known.toml") == 0, (
        runner.log
    )


def assert_said(runner: Runner, words: str) -> None:
    assert "::error title=ClockBound conformance::" in runner.log
    assert words in runner.log
    assert runner.outputs == {}, "so that nothing is uploaded, and nobody takes it for a verdict"


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"adapters": " \n"}, "The input adapters is empty"),
        ({"adapters": "none.toml"}, "none.toml: No such file or directory"),
        ({"adapters": "my adapters/right.toml", "only": "bound.growht"}, "did you mean bound.growth"),
    ],
)
def test_what_cannot_be_asked_is_said(runner: Runner, inputs: dict[str, str], words: str) -> None:
    runner.adapter("right")
    assert runner.ask(**inputs) == 2
    assert_said(runner, words)


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"source": "/nowhere/at/all"}, "could not be installed from /nowhere/at/all"),
        ({"python": "/bin/false"}, "/bin/false is no Python 3.11 or later"),
    ],
)
def test_what_cannot_be_installed_is_said(runner: Runner, inputs: dict[str, str], words: str) -> None:
    assert runner.install(**inputs) == 2
    assert_said(runner, words)
