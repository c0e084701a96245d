"""The page of a real run in a real browser: wide and on a phone, light and dark, with script and without."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import browser
import pytest
from browser import Browser
from clockbound_conformance import __main__ as command
from test_html import hostile

ADAPTERS = Path(__file__).parents[1] / "adapters"
READER = Path(__file__).parent / "mutants" / "reader.py"
WIDE, PHONE = (1280, 900), (360, 740)
CRASHED = "v2-a-negative-bound"
ONLY = (
    CRASHED,
    "bound.causality",
    "open.syscall",
    "v1-growth-is-rounded-up-after-1-ns",
    "v2-a-disruption-from-its-beginning-to-its-end",
    "v2-a-removed-file",
)

# Ends, with last words, when it is asked about a segment that the right reader refuses.
CRASHING = """\
import json, subprocess, sys
real = subprocess.Popen([sys.executable, {reader!r}], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
for line in sys.stdin:
    real.stdin.write(line)
    answer = real.stdout.readline()
    if "SEGMENT_MALFORMED" in answer:
        print("thread 'main' panicked at src/lib.rs:7: negative bound", file=sys.stderr)
        sys.exit(101)
    print(answer, end="", flush=True)
"""


@pytest.fixture(scope="module")
def program() -> str:
    """A browser. Where one can be installed a missing one is a failure; Ubuntu's packages have none but in a snap."""
    found = browser.find()
    if found is not None:
        return found
    words = "no Chromium and no Chrome outside a snap"
    system = Path("/etc/os-release")
    if system.exists() and "ID=ubuntu" in system.read_text().splitlines():
        pytest.skip(
            f"{words}; not proved: that the report's page fits a phone, has contrast and loads nothing"
        )
    return pytest.fail(
        f"{words}; install Debian's package chromium, or run: .ci/system-packages python3 test"
    )


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory, c_adapter_path: str) -> Path:
    """The page of a run: two clients that pass, a wrong reader, and one that crashes."""
    folder = tmp_path_factory.mktemp("report")
    (folder / "crashing.py").write_text(CRASHING.format(reader=str(READER)))
    programs = {
        "mutant": [sys.executable, str(READER), "--fault", "growth-rounded-down"],
        "crashing": [sys.executable, str(folder / "crashing.py")],
    }
    tomls = [ADAPTERS / "c" / "adapter.toml", ADAPTERS / "python" / "adapter.toml"]
    for name, words in programs.items():
        tomls.append(folder / f"{name}.toml")
        tomls[-1].write_text(f"name = {json.dumps(name)}\ncommand = {json.dumps(words)}\n")
    page, lines = folder / "report.html", folder / "results.jsonl"
    assert os.environ["CLOCKBOUND_C_ADAPTER"] == c_adapter_path  # which the adapter's file names
    chosen = [word for each in ONLY for word in ("--only", each)]
    adapters = [word for toml in tomls for word in ("--adapter", str(toml))]
    assert (
        command.main(["run", *adapters, *chosen, "--html", str(page), "--jsonl", str(lines)])
        == command.FAILED
    )
    return page


@pytest.fixture(scope="module")
def window(program: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(program, tmp_path_factory.mktemp("browser") / "profile") as running:
        yield running


OPEN_ALL = "document.querySelectorAll('details').forEach(each => each.open = true)"

# The least contrast of any text with what lies behind it, as the WCAG calculate it, and where that is.
LEAST_CONTRAST = """
(() => {
  const numbers = colour => colour.match(/[0-9.]+/g).map(Number);
  const luminance = colour => {
    const [r, g, b] = numbers(colour).slice(0, 3).map(each => {
      each /= 255;
      return each <= 0.04045 ? each / 12.92 : ((each + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = element => {
    for (; element; element = element.parentElement) {
      const colour = getComputedStyle(element).backgroundColor;
      if (numbers(colour)[3] !== 0) return colour;
    }
    return 'rgb(255, 255, 255)';
  };
  let least = [100, ''];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || element.tagName === 'SCRIPT') continue;
    const [one, other] = [luminance(getComputedStyle(element).color), luminance(behind(element))];
    const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
    if (ratio < least[0]) least = [ratio, element.outerHTML.slice(0, 200)];
  }
  return least;
})()
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_the_page_fits_can_be_read_and_loads_nothing(
    window: Browser, report: Path, size: tuple[int, int], scheme: str
) -> None:
    window.look(*size, scheme)
    window.open(report.as_uri())
    width = "[document.documentElement.scrollWidth, innerWidth]"
    assert window.value(width) == [size[0]] * 2
    window.value(OPEN_ALL)
    assert window.value(width) == [size[0]] * 2, "with everything open"
    background = window.value("getComputedStyle(document.body).backgroundColor")
    assert {"light": "rgb(255, 255, 255)", "dark": "rgb(16, 20, 24)"}[scheme] == background
    contrast, where = window.value(LEAST_CONTRAST)
    assert contrast >= 4.5, where
    assert [report.as_uri()] == window.addresses()
    assert window.complaints() == []


def test_a_table_that_is_too_wide_scrolls_by_itself(window: Browser, report: Path) -> None:
    window.look(*PHONE, "light")
    window.open(report.as_uri())
    scrolled = "(() => { const it = document.querySelector('#areas .scroll'); it.scrollLeft = 1e6; return it.scrollLeft; })()"
    assert window.value(scrolled) > 0
    assert window.value("scrollX") == 0
    sticky = "document.querySelector('.matrix tbody th').getBoundingClientRect().left"
    assert window.value(sticky) >= 0, "the rule's name stays in sight"


def click(window: Browser, selector: str) -> None:
    """Click on an element as a hand would."""
    place = window.value(
        f"(() => {{ const it = document.querySelector({selector!r}); it.scrollIntoView({{block: 'center'}}); "
        "const box = it.getBoundingClientRect(); return [box.left + 5, box.top + box.height / 2]; })()"
    )
    for kind in ("mousePressed", "mouseReleased"):
        window.ask("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)


def test_a_vector_opens_without_any_script(window: Browser, report: Path) -> None:
    window.look(*WIDE, "light")
    window.ask("Emulation.setScriptExecutionDisabled", value=True)
    try:
        window.open(report.as_uri())
        inside = f"document.querySelector('[id=\"{CRASHED}\"] .bytes').checkVisibility()"
        assert window.value(inside) is False
        click(window, f'[id="{CRASHED}"] > summary')
        window.until(inside)
        text = window.value(f"document.getElementById({CRASHED!r}).innerText")
    finally:
        window.ask("Emulation.setScriptExecutionDisabled", value=False)
    for words in (
        "bound_ns",
        "ff ff ff ff ff ff ff ff",
        "-1 ns",
        "a daemon writes 0 to",
        "SEGMENT_MALFORMED",
    ):
        assert words in text
    assert "ended with status 101" in text
    assert "thread 'main' panicked at src/lib.rs:7: negative bound" in text


def test_a_link_opens_the_vector_that_it_leads_to(window: Browser, report: Path) -> None:
    window.look(*WIDE, "dark")
    window.open(report.as_uri())
    is_open = f"document.getElementById({CRASHED!r}).open"
    assert window.value(is_open) is False
    click(window, f'#failures a[href="#{CRASHED}"]')
    window.until(is_open)
    window.open(f"{report.as_uri()}#{CRASHED}")
    assert window.value(is_open) is True
    top = f"document.getElementById({CRASHED!r}).getBoundingClientRect().top"
    assert -1 <= window.value(top) < WIDE[1]


def test_what_passed_can_be_hidden(window: Browser, report: Path) -> None:
    window.look(*WIDE, "light")
    window.open(report.as_uri())
    shown = "[...document.querySelectorAll('.v')].filter(each => each.checkVisibility()).length"
    window.value(OPEN_ALL)
    before_count, failed_count = (
        window.value(shown),
        window.value("document.querySelectorAll('.v:not(.ok)').length"),
    )
    assert 0 < failed_count < before_count
    click(window, "#only-failed")
    window.until(f"{shown} === {failed_count}")


def test_hostile_names_do_nothing(window: Browser, report: Path, tmp_path: Path) -> None:
    lines, page = tmp_path / "hostile.jsonl", tmp_path / "hostile.html"
    lines.write_text(hostile(report.with_name("results.jsonl")).replace("alert(1)", "document.title=1"))
    # All adapters have one name now, so take the first one's lines.
    records = lines.read_text().splitlines(keepends=True)
    last = next(at for at, line in enumerate(records) if '"record": "summary"' in line)
    lines.write_text("".join([records[0], *records[1 : last + 1], records[-1]]))
    assert command.main(["report", str(lines), "--html", str(page)]) in (command.PASSED, command.FAILED)
    window.look(*PHONE, "light")
    window.open(page.as_uri())
    window.value(OPEN_ALL)
    assert window.value("[document.documentElement.scrollWidth, innerWidth]") == [PHONE[0]] * 2
    assert window.value("document.images.length") == 0
    assert window.value("document.title").startswith("ClockBound conformance: ")
    assert [page.as_uri()] == window.addresses()
    assert window.complaints() == []


def test_a_script_that_got_into_the_page_would_not_run(window: Browser, report: Path, tmp_path: Path) -> None:
    page = tmp_path / "broken.html"
    text = report.read_text(encoding="utf-8")
    page.write_text(
        text.replace("<main>", "<main><script>document.title = 'hacked'</script><img src=x>"),
        encoding="utf-8",
    )
    window.open(page.as_uri())
    assert window.value("document.title") != "hacked"
    assert [page.as_uri()] == [each for each in window.addresses() if not each.endswith("/x")]
    # The browser says that it refused both.
    refused = [each for each in window.complaints() if "Content Security Policy" in each]
    assert len(refused) >= 2, window.complaints()
