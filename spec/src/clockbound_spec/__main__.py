"""clockbound-spec: writes the generated files, or says which are stale."""

from __future__ import annotations

import argparse
import contextlib
import difflib
import os
import sys
import tempfile
from pathlib import Path

from clockbound_spec import VERSION
from clockbound_spec.declare import SpecError
from clockbound_spec.emit import is_marked

_COMMAND = "clockbound-spec generate"
_SOURCES = Path("spec", "src", "clockbound_spec")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options = _parser().parse_args(arguments)
    root = options.root or _find_root(Path.cwd())
    if root is None or not (root / _SOURCES).is_dir():
        return _fail(
            f"{root or Path.cwd()}: no {_SOURCES} here{'' if options.root else ' or above'}; "
            "go into the repository or name it with --root"
        )
    if edited := _edited_source(root / _SOURCES):
        return _fail(
            f"{edited}: isn't what this clockbound-spec was installed from; install it again "
            "(pip install ./spec), or it would write what the declarations used to say"
        )
    try:
        from clockbound_spec.targets import targets

        rendered = {root / path: render() for path, render in targets(root).items()}
    except SpecError as error:
        return _fail(str(error))
    except OSError as error:
        return _fail(f"{error.filename}: {error.strerror}; the manual is made from it")
    try:
        return _generate(rendered, root) if options.command == "generate" else _check(rendered, root)
    except BrokenPipeError:  # the reader of a long diff has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except OSError as error:
        return _fail(
            f"{error.filename}: {error.strerror}; make it readable and writable, then run this again"
        )
    except KeyboardInterrupt:
        print(f"clockbound-spec: interrupted; every file is whole, but run {_COMMAND} again", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="clockbound-spec",
        description="Renders the declarations in spec/ into C, Python, JSON and documentation, and the comments "
        "of the C library's header into its manual.",
        epilog="Exit status: 0 done or up to date; 1 something is stale; 2 wrong usage, a declaration that is "
        "refused, or a file that can't be read or written.",
    )
    parser.add_argument("--version", action="version", version=f"clockbound-spec {VERSION}")
    parser.add_argument(
        "--root",
        type=Path,
        help="root of the repository (default: the nearest one, from this folder upwards)",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("generate", help="write the generated files")
    commands.add_parser("check", help="fail, with a diff, where generate would change a file")
    return parser


def _fail(message: str) -> int:
    print(f"clockbound-spec: {message}", file=sys.stderr)
    return 2


def _find_root(start: Path) -> Path | None:
    for folder in (start, *start.parents):
        if (folder / _SOURCES).is_dir():
            return folder
    return None


def _edited_source(sources: Path) -> Path | None:
    """The first file of `sources` that differs from the one that is running."""
    running = Path(__file__).parent
    for path in sorted(sources.rglob("*.py")):
        twin = running / path.relative_to(sources)
        if not twin.is_file() or twin.read_bytes() != path.read_bytes():
            return path
    return None


def _generate(rendered: dict[Path, str], root: Path) -> int:
    changed = 0
    for path, text in rendered.items():
        if _current(path) == text.encode():
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, text)
        print(f"wrote {path.relative_to(root)}")
        changed += 1
    for path in _orphans(rendered):
        path.unlink()
        print(f"removed {path.relative_to(root)}")
        changed += 1
    print(f"{len(rendered)} generated files, {changed} changed")
    return 0


def _replace(path: Path, text: str) -> None:
    """A complete file or the old one, never half of it, even when this is interrupted."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".clockbound-spec-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _check(rendered: dict[Path, str], root: Path) -> int:
    stale = 0
    for path, text in rendered.items():
        current = _current(path)
        if current != text.encode():
            stale += 1
            _print_diff(path.relative_to(root), current, text)
    for path in _orphans(rendered):
        stale += 1
        _print_diff(path.relative_to(root), path.read_bytes(), None)
    if stale:
        sys.stdout.flush()
        print(f"stale: {stale}, of {len(rendered)} generated files; run: {_COMMAND}", file=sys.stderr)
        return 1
    print(f"{len(rendered)} generated files are up to date")
    return 0


def _print_diff(name: Path, current: bytes | None, wanted: str | None) -> None:
    """A unified diff, where None is a file that isn't or shouldn't be there."""
    old = "" if current is None else current.decode(errors="backslashreplace")
    lines = difflib.unified_diff(
        old.splitlines(),
        (wanted or "").splitlines(),
        os.devnull if current is None else str(name),
        os.devnull if wanted is None else f"{name} (generated)",
        lineterm="",
    )
    print(*(list(lines) or [f"{name}: differs in the ends of its lines"]), sep="\n")


def _current(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


def _orphans(rendered: dict[Path, str]) -> list[Path]:
    """Files that bear the mark beside generated ones, but that no declaration asks for any more."""
    return [
        path
        for folder in sorted({path.parent for path in rendered})
        if folder.is_dir()
        for path in sorted(folder.iterdir())
        if path.is_file() and path not in rendered and is_marked(_first_line(path))
    ]


def _first_line(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.readline(1000)


if __name__ == "__main__":
    sys.exit(main())
