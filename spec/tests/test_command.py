"""The clockbound-spec command: what it writes, what it finds stale, and what it says when it can't."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import clockbound_spec
import pytest
from clockbound_spec import __main__ as command
from clockbound_spec.__main__ import main
from clockbound_spec.targets import EXAMPLES, HEADER, targets
from generated import ROOT

PACKAGE = Path(clockbound_spec.__file__).parent
LAYOUT = Path("clients/python/src/clockbound_client/_layout.py")
MAN_PAGE = Path("clients/c/man/clockbound_now.3")
INPUTS = [Path(HEADER), *map(Path, EXAMPLES.values())]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with this very package's sources and what it reads, nothing generated; the current folder."""
    (tmp_path / "spec/src").mkdir(parents=True)
    shutil.copytree(
        PACKAGE, tmp_path / "spec/src/clockbound_spec", ignore=shutil.ignore_patterns("__pycache__")
    )
    for path in INPUTS:
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def generated(root: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert main(["generate"]) == 0
    capsys.readouterr()
    return root


def snapshot(root: Path) -> dict[Path, tuple[int, bytes]]:
    return {
        root / path: ((root / path).stat().st_mtime_ns, (root / path).read_bytes()) for path in targets(root)
    }


def test_generate_writes_every_target_and_names_it(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["generate"]) == 0
    output = capsys.readouterr().out
    for path in targets(root):
        assert f"wrote {path}\n" in output
        assert (root / path).is_file()
        assert (root / path).stat().st_mode & 0o777 == 0o644


def test_generate_changes_nothing_the_second_time(
    generated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = snapshot(generated)
    assert main(["generate"]) == 0
    assert before == snapshot(generated)
    assert "wrote" not in capsys.readouterr().out


def test_generate_leaves_no_other_files(generated: Path) -> None:
    found = {path.relative_to(generated) for path in generated.rglob("*") if path.is_file()}
    assert {Path(path) for path in targets(generated)} == {
        path for path in found if path not in INPUTS and not path.is_relative_to("spec/src/clockbound_spec")
    }


def test_check_passes_after_generate(generated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check"]) == 0
    assert "up to date" in capsys.readouterr().out


def test_check_fails_with_a_diff_and_the_command_when_a_file_is_stale(
    generated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = generated / LAYOUT
    path.write_text(path.read_text().replace("READ_ATTEMPTS_COUNT = 1000", "READ_ATTEMPTS_COUNT = 999"))
    assert main(["check"]) == 1
    output = capsys.readouterr()
    assert f"--- {LAYOUT}\n" in output.out
    assert "-READ_ATTEMPTS_COUNT = 999\n" in output.out
    assert "+READ_ATTEMPTS_COUNT = 1000\n" in output.out
    assert "run: clockbound-spec generate" in output.err


def test_check_changes_nothing(generated: Path) -> None:
    (generated / LAYOUT).write_text("stale")
    before = snapshot(generated)
    main(["check"])
    assert before == snapshot(generated)


def test_check_fails_when_a_file_is_missing(generated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (generated / LAYOUT).unlink()
    assert main(["check"]) == 1
    output = capsys.readouterr()
    assert f"--- /dev/null\n+++ {LAYOUT} (generated)\n" in output.out
    assert "run: clockbound-spec generate" in output.err


@pytest.mark.parametrize("tail", [b"\xff\xfe", b"\r\n"], ids=["not text", "another line end"])
def test_check_fails_on_any_byte_that_differs(
    generated: Path, tail: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    path = generated / LAYOUT
    path.write_bytes(path.read_bytes().removesuffix(b"\n") + tail)
    assert main(["check"]) == 1
    assert str(LAYOUT) in capsys.readouterr().out


def test_a_file_that_is_no_longer_generated_is_found_and_removed(
    generated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    orphan = generated / "docs/generated/segment_v0.svg"
    shutil.copy(generated / "docs/generated/segment_v1.svg", orphan)
    assert main(["check"]) == 1
    assert "+++ /dev/null\n" in capsys.readouterr().out
    assert main(["generate"]) == 0
    assert "removed docs/generated/segment_v0.svg" in capsys.readouterr().out
    assert not orphan.exists()


def test_the_page_of_a_function_that_is_gone_is_removed(
    generated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    orphan = generated / "clients/c/man/clockbound_gone.3"
    shutil.copy(generated / MAN_PAGE, orphan)
    assert main(["check"]) == 1
    assert main(["generate"]) == 0
    assert f"removed {orphan.relative_to(generated)}\n" in capsys.readouterr().out
    assert not orphan.exists()


def test_files_written_by_hand_beside_generated_ones_are_left_alone(generated: Path) -> None:
    by_hand = generated / "clients/c/src/reader.c"
    by_hand.write_text("/* by hand */\n")
    assert main(["check"]) == 0
    assert main(["generate"]) == 0
    assert by_hand.read_text() == "/* by hand */\n"


def test_generate_repairs_what_check_found(generated: Path) -> None:
    (generated / LAYOUT).write_text("stale")
    (generated / "spec/layout.json").unlink()
    assert main(["check"]) == 1
    assert main(["generate"]) == 0
    assert main(["check"]) == 0


def test_the_repository_is_found_from_a_folder_below_it(
    generated: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(generated / "docs/generated")
    assert main(["check"]) == 0
    (generated / LAYOUT).write_text("stale")
    assert main(["generate"]) == 0
    assert f"wrote {LAYOUT}\n" in capsys.readouterr().out


def test_the_repository_can_be_named(
    generated: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    assert main(["check"]) == 2
    assert main(["--root", str(generated), "check"]) == 0


def test_outside_of_a_repository_the_message_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["generate"]) == 2
    message = capsys.readouterr().err
    assert str(tmp_path) in message
    assert "--root" in message


@pytest.mark.parametrize("arguments", [[], ["generate", "extra"], ["build"], ["--root"]])
def test_wrong_usage_exits_with_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(arguments)
    assert exit_.value.code == 2
    assert "usage: clockbound-spec" in capsys.readouterr().err


def test_a_target_that_cannot_be_written_is_named(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "daemon").write_text("a file where a folder must be")
    assert main(["generate"]) == 2
    message = capsys.readouterr().err
    assert str(root / "daemon") in message
    assert "Traceback" not in message


def test_a_target_that_is_a_folder_is_named(generated: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (generated / LAYOUT).unlink()
    (generated / LAYOUT).mkdir()
    for word in ("check", "generate"):
        assert main([word]) == 2
        assert str(LAYOUT) in capsys.readouterr().err


def test_an_interrupted_generate_leaves_whole_files_only(
    generated: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stale = [generated / "spec/layout.json", generated / LAYOUT]
    for path in stale:
        path.write_text("stale")
    replace = command.os.replace
    replaced = []

    def interrupted(source: str, destination: Path) -> None:
        if replaced:
            raise KeyboardInterrupt
        replaced.append(destination)
        replace(source, destination)

    monkeypatch.setattr(command.os, "replace", interrupted)
    assert main(["generate"]) == 130
    monkeypatch.undo()
    monkeypatch.chdir(generated)
    assert "interrupted" in capsys.readouterr().err
    assert [path.read_text() == "stale" for path in stale] == [False, True]
    assert not list(generated.rglob(".clockbound-spec-*"))
    assert main(["generate"]) == 0
    assert main(["check"]) == 0


def environment(root: Path) -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(root / "spec/src"), os.environ.get("PYTHONPATH")]))
    return {**os.environ, "PYTHONPATH": path}


def run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command of the copy in `root`, as a program."""
    return subprocess.run(
        [sys.executable, "-B", "-m", "clockbound_spec", *arguments],
        cwd=root,
        env=environment(root),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_a_refused_declaration_is_named_and_nothing_is_written(generated: Path) -> None:
    before = snapshot(generated)
    edit(generated / "spec/src/clockbound_spec/segment.py", 'unit="ppb"', 'unit=""')
    result = run(generated, "generate")
    assert result.returncode == 2
    assert (
        result.stderr == "clockbound-spec: segment_v1.max_drift_ppb: has no unit; say it in the declaration\n"
    )
    assert before == snapshot(generated)


def test_a_changed_declaration_makes_check_fail_until_generate_has_run(generated: Path) -> None:
    edit(
        generated / "spec/src/clockbound_spec/vocabulary.py",
        'READ_ATTEMPTS_COUNT", 1_000',
        'READ_ATTEMPTS_COUNT", 999',
    )
    stale = run(generated, "check")
    assert stale.returncode == 1
    assert "+READ_ATTEMPTS_COUNT = 999" in stale.stdout
    assert "+#define CB_READ_ATTEMPTS_COUNT INT64_C(999)" in stale.stdout
    assert run(generated, "generate").returncode == 0
    assert run(generated, "check").returncode == 0


def test_a_word_changed_in_the_header_makes_check_fail_until_generate_has_run(
    generated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edit(generated / HEADER, "true time at this moment.", "true time just now.")
    assert main(["check"]) == 1
    output = capsys.readouterr()
    for path in (MAN_PAGE, "docs/generated/c-api.rst"):
        assert f"+++ {path} (generated)\n" in output.out
    assert "run: clockbound-spec generate" in output.err
    assert main(["generate"]) == 0
    assert main(["check"]) == 0


def test_a_header_that_leaves_something_out_is_refused_with_its_line_and_nothing_is_written(
    generated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = snapshot(generated)
    header = generated / HEADER
    line = header.read_text().split("clockbound_now(clockbound_ctx *ctx")[0].count("\n") + 1
    edit(header, " * @param result ", " * @param results ")
    assert main(["generate"]) == 2
    assert capsys.readouterr().err == (
        f"clockbound-spec: {HEADER}:{line}: clockbound_now: has no @param result; "
        "describe it, or in @file for all functions\n"
    )
    edit(header, " * @param results ", " * @param result ")
    assert before == snapshot(generated)


@pytest.mark.parametrize("path", INPUTS, ids=str)
def test_a_missing_source_of_the_manual_is_named(
    generated: Path, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (generated / path).unlink()
    assert main(["check"]) == 2
    message = capsys.readouterr().err
    assert str(generated / path) in message
    assert "Traceback" not in message


def test_a_command_that_was_installed_from_other_sources_refuses_to_run(
    generated: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = generated / "spec/src/clockbound_spec/rules.py"
    edit(source, "One writer a directory", "Two writers a directory")
    assert main(["check"]) == 2
    message = capsys.readouterr().err
    assert str(source) in message
    assert "pip install ./spec" in message


def test_a_reader_that_has_seen_enough_of_the_diff_is_no_error(generated: Path) -> None:
    for path in targets(generated):
        (generated / path).unlink()
    with subprocess.Popen(
        [sys.executable, "-B", "-m", "clockbound_spec", "check"],
        cwd=generated,
        env=environment(generated),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        bufsize=0,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 1


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["--version"])
    assert exit_.value.code == 0
    assert capsys.readouterr().out == f"clockbound-spec {clockbound_spec.VERSION}\n"
