"""The reports that are made of a whole run, or of several: the page, the badge and the job summary, as options."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO

from clockbound_conformance import badge, job_summary, page
from clockbound_conformance.config import UsageError
from clockbound_conformance.results import Results

Render = Callable[[Results], str]


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add --html, --badge and --markdown."""
    parser.add_argument("--html", type=Path, metavar="FILE", help="write a page that needs no other file")
    parser.add_argument(
        "--badge",
        type=Path,
        metavar="FILE",
        help="write a badge: SVG, or for shields.io where FILE ends in .json",
    )
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write a summary for a CI job's page")


class Outputs:
    """The files that the options name: opened at once, so that a wrong name is told before the work, written at the end."""

    def __init__(self, stack: contextlib.ExitStack, options: argparse.Namespace) -> None:
        self._files: list[tuple[IO[str], Render]] = []
        for path, render in (
            (options.html, page.render),
            (options.badge, badge.endpoint if _is_json(options.badge) else badge.svg),
            (options.markdown, job_summary.markdown),
        ):
            stream = opened(stack, path)
            if stream is not None:
                self._files.append((stream, render))

    def __bool__(self) -> bool:
        return bool(self._files)

    def write(self, results: Results) -> None:
        for stream, render in self._files:
            stream.write(render(results))


def _is_json(path: Path | None) -> bool:
    return path is not None and path.suffix.lower() == ".json"


def opened(stack: contextlib.ExitStack, path: Path | None) -> IO[str] | None:
    """The file ``path``, open for writing until ``stack`` ends; None for None. Raises UsageError."""
    if path is None:
        return None
    try:
        return stack.enter_context(path.open("w", encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: {error.strerror}") from error


def check_distinct(paths: Sequence[Path | None]) -> None:
    """Raise UsageError where two of ``paths`` are one file, because the second would overwrite the first."""
    places: set[Path] = set()
    for path in paths:
        # A terminal or /dev/null may be named as often as one likes.
        if path is None or (path.exists() and not path.is_file()):
            continue
        place = path.resolve()
        if place in places:
            raise UsageError(f"{path}: this file is named twice; give each report one of its own")
        places.add(place)
