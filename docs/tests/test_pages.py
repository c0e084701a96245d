"""What the pages say is so."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
import zlib
from pathlib import Path
from typing import NamedTuple

import clockbound_client
import clockbound_daemon
import pytest
from clockbound_client.testing import ManualSegment
from clockbound_daemon import metrics, options, status
from clockbound_daemon._candm import TrackingReply, pack_tracking_reply
from clockbound_daemon.candm import sample_of
from clockbound_daemon.figures import Figures
from conftest import IMPLEMENTATIONS
from segments import write_segment

PAGES = sorted(Path(__file__).resolve().parent.parent.glob("*.rst"))


class Build(NamedTuple):
    """What a run of Sphinx made, and said."""

    site: Path
    status: int
    warnings: str


@pytest.mark.parametrize("implementation", IMPLEMENTATIONS)
@pytest.mark.parametrize(
    "page", [page for page in PAGES if "\n>>> " in page.read_text()], ids=lambda page: page.stem
)
def test_the_python_lines_of_a_page_give_what_it_shows(page: Path, implementation: str) -> None:
    result = subprocess.run(
        [sys.executable, "-W", "error", "-m", "doctest", str(page)],
        env=os.environ | {"CLOCKBOUND_IMPLEMENTATION": implementation},
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_the_guide_is_among_the_pages_with_python_lines() -> None:
    (guide,) = (page for page in PAGES if page.stem == "guide-python")
    assert "\n>>> " in guide.read_text()


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
    figures.sample, figures.dispersion_growth_ppb = sample_of(pack_tracking_reply(TrackingReply())), 1
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


@pytest.fixture(scope="module", params=IMPLEMENTATIONS)
def build(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Build:
    """The site, with what the docstrings of one implementation say."""
    site = tmp_path_factory.mktemp("site") / "html"
    docs = Path(__file__).resolve().parent.parent
    result = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "-n", "--keep-going", "-q", str(docs), str(site)],
        env=os.environ | {"CLOCKBOUND_IMPLEMENTATION": request.param},
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    return Build(site, result.returncode, result.stderr)


def test_the_site_builds_without_warnings(build: Build) -> None:
    assert (build.status, build.warnings) == (0, "")


def test_the_site_uses_nothing_from_the_network(build: Build) -> None:
    loaded = re.compile(
        r"<(?:script|img|iframe|object|source)\b[^>]*\bsrc=[\"']?(?:https?:)?//"
        r"|<link\b[^>]*\brel=[\"'](?:stylesheet|preload|icon|shortcut icon)[\"'][^>]*\bhref=[\"'](?:https?:)?//"
        r"|\burl\([\"']?(?:https?:)?//|@import\s+[\"'](?:https?:)?//"
    )
    pages = [path for path in build.site.rglob("*") if path.suffix in (".html", ".css", ".svg")]
    assert len(pages) > 20
    assert {str(path.relative_to(build.site)) for path in pages if loaded.search(path.read_text())} == set()


def own_names(instance: object, *others: object) -> set[str]:
    """The public names that `instance` has and none of the others."""
    names = {name for name in dir(instance) if not name.startswith("_")}
    return names.difference(*(dir(other) for other in others))


def public_names() -> set[str]:
    """Everything public in the Python package, as it is imported."""
    found = {"testing.ManualSegment", *clockbound_client.__all__}
    with ManualSegment() as segment, segment.client() as clock:
        tai = clockbound_client.TaiInterval(0, 0, clockbound_client.ClockStatus.UNKNOWN)
        for instance in (clock, clock.now(), tai, clock.timing()):
            found |= {f"{type(instance).__name__}.{name}" for name in own_names(instance)}
        found |= {f"testing.ManualSegment.{name}" for name in own_names(segment)}
    for enumeration in (clockbound_client.ClockStatus, clockbound_client.ErrorKind):
        found |= {f"{enumeration.__name__}.{member.name}" for member in enumeration}
    base = clockbound_client.ClockBoundError("")
    found |= {f"ClockBoundError.{name}" for name in own_names(base, Exception())}
    for error in clockbound_client.ClockBoundError.__subclasses__():
        found |= {f"{error.__name__}.{name}" for name in own_names(error(""), base, OSError())}
    return {f"clockbound_client.{name}" for name in found}


def test_the_python_page_documents_all_that_is_public_and_nothing_else(build: Build) -> None:
    inventory = zlib.decompress((build.site / "objects.inv").read_bytes().split(b"\n", 4)[4]).decode()
    documented = re.findall(r"^(\S+) py:(?!module)", inventory, re.MULTILINE)
    # Sphinx lists a class under the private module that defines it, too.
    assert {name for name in documented if not re.search(r"\._[a-z]", name)} == public_names()
