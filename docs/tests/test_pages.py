"""What the pages say is so."""

from __future__ import annotations

import ast
import doctest
import re
import subprocess
import sys
from pathlib import Path

import clockbound_daemon
import pytest
from clockbound_daemon import metrics, options, status
from clockbound_daemon._candm import TrackingReply
from clockbound_daemon.candm import Tracking
from clockbound_daemon.figures import Figures
from segments import write_segment

PAGES = sorted(Path(__file__).resolve().parent.parent.glob("*.rst"))


@pytest.mark.parametrize(
    "page", [page for page in PAGES if "\n>>> " in page.read_text()], ids=lambda page: page.stem
)
def test_the_python_lines_of_a_page_give_what_it_shows(page: Path) -> None:
    result = doctest.testfile(str(page), module_relative=False, encoding="utf-8")
    assert result.failed == 0
    assert result.attempted > 0


def test_the_daemon_page_lists_the_options_that_exist_and_no_others(docs: Path) -> None:
    page = (docs / "quickstart-daemon.rst").read_text()
    table = page[page.index("\nOptions\n") : page.index("\nExit status\n")]
    documented = {
        option
        for row in re.findall(r"^   \* - (.*)", table, re.MULTILINE)
        for option in re.findall(r"--[a-z-]+", row)
    }
    assert documented == {f"--{option.name}" for option in options.OPTIONS}


def test_the_monitoring_page_lists_the_metrics_that_exist_and_no_others(docs: Path) -> None:
    page = (docs / "monitoring.rst").read_text()
    documented = set(re.findall(r"^   \* - ``(clockbound_\w+)", page, re.MULTILINE))
    figures = Figures(started_realtime_ns=0, max_drift_ppb=1, poll_interval_ns=1)
    figures.sample, figures.dispersion_growth_ppb = Tracking(TrackingReply()), 1
    text = metrics.render(status.initial_state(0), figures, monotonic_ns=0)
    assert documented == set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))


def daemon_texts() -> list[str]:
    """Every piece of text in the daemon's code, where a value that is put in ends a piece."""
    texts = []
    for source in Path(clockbound_daemon.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(source.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                texts.append(node.value)
    return texts


def documented_messages(docs: Path) -> list[str]:
    page = (docs / "quickstart-daemon.rst").read_text()
    messages = page[page.index("\nMessages\n") :]
    return re.findall(r"^   \* - ``(.*)``$", messages, re.MULTILINE)


def test_the_daemon_page_has_messages(docs: Path) -> None:
    assert len(documented_messages(docs)) > 10


@pytest.mark.parametrize("message", documented_messages(Path(__file__).resolve().parent.parent))
def test_a_message_on_the_daemon_page_is_one_that_the_daemon_writes(message: str) -> None:
    assert any(message in text for text in daemon_texts()), f"no text of the daemon contains {message!r}"


@pytest.mark.skipif(sys.byteorder != "little", reason="the page shows a little-endian machine")
def test_the_segment_page_shows_the_first_bytes_of_a_segment(docs: Path, tmp_path: Path) -> None:
    first = write_segment(tmp_path / "shm0", as_of_ns=0).read_bytes()[:16]
    assert f"0000000 {first.hex(' ')}\n" in (docs / "segment.rst").read_text()


def test_the_site_builds_without_warnings_and_uses_nothing_from_the_network(
    docs: Path, tmp_path: Path
) -> None:
    site = tmp_path / "html"
    command = [sys.executable, "-m", "sphinx", "-W", "-n", "--keep-going", "-q", str(docs), str(site)]
    built = subprocess.run(command, check=False, capture_output=True, text=True, timeout=300)
    assert (built.returncode, built.stderr) == (0, "")
    loaded = re.compile(
        r"<(?:script|img|iframe|object|source)\b[^>]*\bsrc=[\"']?(?:https?:)?//"
        r"|<link\b[^>]*\brel=[\"'](?:stylesheet|preload|icon|shortcut icon)[\"'][^>]*\bhref=[\"'](?:https?:)?//"
        r"|\burl\([\"']?(?:https?:)?//|@import\s+[\"'](?:https?:)?//"
    )
    pages = [path for path in site.rglob("*") if path.suffix in (".html", ".css", ".svg")]
    assert len(pages) > 20
    assert {str(path.relative_to(site)) for path in pages if loaded.search(path.read_text())} == set()
