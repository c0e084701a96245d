"""Reports put side by side, and the page: whole reports only, every vector with its bytes, and no text that is markup."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import struct
import sys
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from clockbound_conformance import __main__ as command
from clockbound_conformance import fields, page, results, vectors
from clockbound_conformance.segment_bytes import NATIVE

READER = Path(__file__).parent / "mutants" / "reader.py"
GROWTH, NEGATIVE, SEQUENCE = "v2-growth-at-1-s", "v2-a-negative-bound", "v2-a-removed-file"
SIZE_LIMIT_BYTES = 3_000_000

# Says that it can do nothing, so that no vector is asked and each is in the report as it is.
IDLE = """\
import json, sys
for line in sys.stdin:
    question = json.loads(line)
    answer = {"seq": question["seq"], "type": "stopped"}
    if question["cmd"] == "hello":
        answer.update(type="hello", protocol=question["protocol"], name="idle", language="python", library="idle",
                      version="1", layouts=["1", "2"], features=[])
    print(json.dumps(answer), flush=True)
    if question["cmd"] == "stop":
        break
"""


def adapter(folder: Path, name: str, *words: str) -> Path:
    path = folder / f"{name}.toml"
    path.write_text(f"name = {json.dumps(name)}\ncommand = {json.dumps([sys.executable, *words])}\n")
    return path


def run(folder: Path, name: str, *words: str, only: tuple[str, ...], file: str = "") -> Path:
    """The report of a run of the adapter ``words``."""
    path = folder / (file or f"{name}.jsonl")
    chosen = [word for each in only for word in ("--only", each)]
    command.main(["run", "--adapter", str(adapter(folder, name, *words)), "--jsonl", str(path), *chosen])
    return path


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A right reader's report, one of a wrong reader's, and one of the right reader from another machine."""
    folder = tmp_path_factory.mktemp("reports")
    chosen = (GROWTH, NEGATIVE, SEQUENCE)
    other = folder / "other"
    other.mkdir()
    return {
        "right": run(folder, "right", str(READER), only=chosen),
        "wrong": run(folder, "wrong", str(READER), "--fault", "no-growth", only=chosen),
        "elsewhere": run(other, "right", str(READER), only=chosen, file="arm64.jsonl"),
    }


def records(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


class Page(HTMLParser):
    """The elements of a page, with their attributes, and the text of each element that has an id."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self._pieces: dict[str, list[str]] = {}
        self._open: list[tuple[str, str | None]] = []
        self.feed(text)
        self.close()
        assert self._open == [], "an element isn't closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        self.elements.append((tag, attributes))
        if tag not in ("meta", "input"):
            self._open.append((tag, attributes.get("id")))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag

    def handle_data(self, data: str) -> None:
        for _, id in self._open:
            if id is not None:
                self._pieces.setdefault(id, []).append(data)

    @property
    def texts(self) -> dict[str, str]:
        return {id: "".join(pieces) for id, pieces in self._pieces.items()}

    def named(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def made(folder: Path, *files: Path) -> str:
    path = folder / "page.html"
    assert command.main(["report", *map(str, files), "--html", str(path)]) in (command.PASSED, command.FAILED)
    return path.read_text(encoding="utf-8")


# --- side by side ---------------------------------------------------------------------------------------------------


def test_a_report_passes_when_every_client_did(
    reports: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["report", str(reports["right"])]) == command.PASSED
    assert capsys.readouterr().out == "passed: right: 3 passed, of 3 vectors\n"
    assert command.main(["report", str(reports["right"]), str(reports["wrong"])]) == command.FAILED
    assert "FAILED: wrong: 1 passed, 2 wrong, of 3 vectors" in capsys.readouterr().out


def test_clients_of_one_name_are_told_apart_by_their_files(reports: dict[str, Path]) -> None:
    found = results.read([reports["right"], reports["wrong"], reports["elsewhere"]])
    assert [client.label for client in found.clients] == ["right (right)", "wrong", "right (arm64)"]
    assert [client.passed for client in found.clients] == [True, False, True]


def test_reports_written_one_after_the_other_into_one_file_are_read(
    reports: dict[str, Path], tmp_path: Path
) -> None:
    both = tmp_path / "both.jsonl"
    both.write_text(reports["right"].read_text() + reports["wrong"].read_text())
    assert [client.label for client in results.read([both]).clients] == ["right", "wrong"]


def test_the_same_report_twice_is_refused(reports: dict[str, Path], tmp_path: Path) -> None:
    again = tmp_path / reports["right"].name
    again.write_bytes(reports["right"].read_bytes())
    assert_refused([reports["right"], again], str(again), "'right' stands twice")


def test_what_keeps_clients_from_being_compared_is_said(reports: dict[str, Path], tmp_path: Path) -> None:
    other = run(tmp_path, "other", str(READER), only=(GROWTH,))
    assert "Not every client was asked the same vectors." in results.read([reports["right"], other]).notices
    changed = tmp_path / "changed.jsonl"
    changed.write_text(
        re.sub(r'("vectors_sha256": ")[0-9a-f]{4}', r"\g<1>0000", reports["wrong"].read_text())
    )
    notices = results.read([reports["right"], changed]).notices
    assert any("different versions of the vectors" in notice for notice in notices)


def assert_refused(paths: list[Path], *words: str) -> None:
    with pytest.raises(results.UsageError) as caught:
        results.read(paths)
    for each in words:
        assert each in str(caught.value)


def edited(change: Callable[[list[str]], list[str]]) -> Callable[[str], bytes]:
    return lambda text: "".join(change(text.splitlines(keepends=True))).encode()


def replaced(old: str, new: str) -> Callable[[str], bytes]:
    return lambda text: text.replace(old, new).encode()


# What is done to a report whose lines are run, adapter, three results, summary and end; and what is said of it.
DAMAGES: dict[str, tuple[Callable[[str], bytes], str]] = {
    "empty": (lambda _: b"", "line 1: the file is empty"),
    "cut off in a line": (lambda text: text.encode()[:-60], "line 7: no JSON"),
    "cut off between lines": (edited(lambda lines: lines[:4]), "line 4: the file ends without an end record"),
    "the end is missing": (edited(lambda lines: lines[:-1]), "line 6: the file ends without an end record"),
    "the beginning is missing": (edited(lambda lines: lines[1:]), "line 1: the first record is 'adapter'"),
    "a result is missing": (
        edited(lambda lines: lines[:3] + lines[4:]),
        "line 5: the summary counts 3 results",
    ),
    "a result stands twice": (edited(lambda lines: [*lines[:3], lines[2], *lines[3:]]), "line 4: the vector"),
    "the summary is missing": (
        edited(lambda lines: lines[:5] + lines[6:]),
        "line 6: 'end' follows 'result', so that lines are missing",
    ),
    "a client is missing": (
        replaced('["right"]', '["right", "left"]'),
        "line 7: the run was of ['right', 'left']",
    ),
    "a failure that was made a pass": (
        replaced('"outcome": "passed"', '"outcome": "wrong"'),
        "line 6: the summary counts 3 results",
    ),
    "another adapter's result": (
        edited(
            lambda lines: [
                *lines[:2],
                lines[2].replace('"adapter": "right"', '"adapter": "left"'),
                *lines[3:],
            ]
        ),
        "line 3: a result of adapter 'left' among those of 'right'",
    ),
    "no UTF-8": (lambda text: text.encode().replace(b'"right"', b'"r\xff"'), "line 1: no JSON"),
    "no object": (edited(lambda lines: ["[]\n", *lines]), "line 1: no record of a report"),
    "an unknown record": (replaced('"record": "end"', '"record": "stop"'), "line 7: no record of a report"),
    "a record that is no word": (
        replaced('"record": "end"', '"record": []'),
        "line 7: no record of a report",
    ),
    "a field more": (
        replaced('"record": "end"', '"record": "end", "more": 1'),
        "line 7: no record of the kind 'end': ",
    ),
    "bytes that are no hexadecimal": (
        replaced('"segment": "4e', '"segment": "zz'),
        "line 3: no record of the kind 'result': ",
    ),
    "nested beyond measure": (lambda text: b"[" * 100_000, "line 1: no"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_report_is_refused(
    reports: dict[str, Path], tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    damage, words = DAMAGES[name]
    path = tmp_path / "damaged.jsonl"
    path.write_bytes(damage(reports["right"].read_text()))
    assert path.read_bytes() != reports["right"].read_bytes()
    written = tmp_path / "page.html"
    capsys.readouterr()
    assert command.main(["report", str(path), "--html", str(written)]) == command.USAGE
    out, err = capsys.readouterr()
    assert out == ""
    assert len(err.splitlines()) == 1
    assert f"{path}: {words}" in err
    assert "make the report again with clockbound-conformance run --jsonl" in err
    assert not written.exists()


def test_a_pass_that_hides_a_failure_is_refused(reports: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "hidden.jsonl"
    path.write_text(
        reports["wrong"].read_text().replace('"passed": false, "message"', '"passed": true, "message"')
    )
    assert_refused([path], "line 6: the summary says passed, but results before it failed")


@pytest.mark.parametrize("name", ["none.jsonl", "."])
def test_a_report_that_cannot_be_read_is_refused(tmp_path: Path, name: str) -> None:
    assert_refused([tmp_path / name], str(tmp_path / name))


def test_a_report_is_never_written_over_one_that_is_read(
    reports: dict[str, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = reports["right"]
    before = path.read_bytes()
    assert command.main(["report", str(path), "--html", str(path)]) == command.USAGE
    assert "is named twice" in capsys.readouterr().err
    assert before == path.read_bytes()


def test_two_reports_in_one_file_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(tmp_path / "out")
    words = ["--adapter", str(adapter(tmp_path, "mine", str(READER))), "--jsonl", path, "--html", path]
    assert command.main(["run", *words]) == command.USAGE
    assert "is named twice" in capsys.readouterr().err


# --- fields ---------------------------------------------------------------------------------------------------------


def little(**changed: int) -> bytes:
    """A segment of layout 2, by hand."""
    value = {
        "magic_0": 0x414D5A4E, "magic_1": 0x43420200, "size": 80, "version": 2, "generation": 4,
        "as_of_s": 1000, "as_of_ns": 7, "void_s": 2000, "void_ns": 7, "bound": 1_500_000,
        "marker": 0xABC, "drift": 50_000, "status": 1, "support": 1,
    } | changed  # fmt: skip
    return struct.pack("<IIIHHqqqqqQIiB7x", *value.values())


def test_each_field_is_drawn_with_its_bytes_value_and_unit() -> None:
    drawing = fields.segment(little(), "little", 2)
    assert [(field.offset_bytes, field.hexadecimal, field.name, field.value) for field in drawing.fields] == [
        (0, "4e 5a 4d 41 00 02 42 43", "magic", "0x414d5a4e 0x43420200"),
        (8, "50 00 00 00", "segment_size", "80 bytes"),
        (12, "02 00", "version", "2"),
        (14, "04 00", "generation", "4"),
        (16, "e8 03 00 00 00 00 00 00", "as_of_sec", "1,000 s"),
        (24, "07 00 00 00 00 00 00 00", "as_of_nsec", "7 ns"),
        (32, "d0 07 00 00 00 00 00 00", "void_after_sec", "2,000 s"),
        (40, "07 00 00 00 00 00 00 00", "void_after_nsec", "7 ns"),
        (48, "60 e3 16 00 00 00 00 00", "bound_ns", "1,500,000 ns"),
        (56, "bc 0a 00 00 00 00 00 00", "disruption_marker", "0x0000000000000abc"),
        (64, "50 c3 00 00", "max_drift_ppb", "50,000 ppb"),
        (68, "01 00 00 00", "clock_status", "1 SYNCHRONIZED"),
        (72, "01", "clock_disruption_support_enabled", "1"),
        (73, "00 00 00 00 00 00 00", "padding", "zeros"),
    ]
    assert {field.note for field in drawing.fields} == {""}
    assert fields.as_of_ns(little(), "little", 2) == 1_000_000_000_007


def test_a_big_endian_segment_reads_the_same() -> None:
    data = struct.pack(">IIIHHqqqqqIxxxxixxxx", 0x414D5A4E, 0x43420200, 72, 1, 6, 1, 2, 3, 4, -5, 6, 2)
    drawing = fields.segment(data, "big", fields.layout_of(data, "big", 2))
    assert drawing.title == "Segment layout 1"
    values = {field.name: field.value for field in drawing.fields}
    assert (values["generation"], values["bound_ns"], values["clock_status"]) == (
        "6",
        "-5 ns",
        "2 FREE_RUNNING",
    )


@pytest.mark.parametrize(
    ("changed", "name", "words"),
    [
        ({"magic_1": 7}, "magic", "a daemon writes 0x414d5a4e 0x43420200"),
        ({"size": 79}, "segment_size", "a daemon writes 80"),
        ({"as_of_ns": 10**9}, "as_of_nsec", "a daemon writes 0 to 999,999,999"),
        ({"bound": -1}, "bound_ns", "a daemon writes 0 to 9,223,372,036,854,775,807"),
        ({"status": 4}, "clock_status", "a daemon writes 0, 1, 2, 3"),
    ],
)
def test_what_no_writer_writes_is_marked(changed: dict[str, int], name: str, words: str) -> None:
    drawing = fields.segment(little(**changed), "little", 2)
    assert {field.name: field.note for field in drawing.fields if field.note} == {name: words}


def test_a_file_that_is_too_short_or_too_long_is_drawn_as_it_is() -> None:
    short = fields.segment(little()[:20], "little", 2)
    assert short.fields[-1] == fields.Field(
        16, bytes.fromhex("e8030000"), "as_of_sec", "", "the file ends within it, after 4 of 8 bytes"
    )
    assert short.missing[0] == "as_of_nsec"
    assert len(short.fields) + len(short.missing) == 14
    long = fields.segment(little() + bytes([1, 2]), "little", 2)
    assert (long.fields[-1].hexadecimal, long.fields[-1].note) == ("01 02", "2 bytes")
    nothing = fields.segment(b"", "little", 1)
    assert (nothing.fields, len(nothing.missing)) == ((), 13)


# --- the page -------------------------------------------------------------------------------------------------------


def test_every_vector_has_its_bytes_readings_expectation_and_answers(
    reports: dict[str, Path], tmp_path: Path
) -> None:
    texts = Page(made(tmp_path, reports["right"], reports["wrong"])).texts
    checked_count = 0
    for path in (reports["right"], reports["wrong"]):
        for result in (record for record in records(path) if record["record"] == "result"):
            text = texts[result["vector"]]
            assert result["distinguishes"] in text
            assert all(caught["mistake"] in text for caught in result["catches"])
            first = next(step["segment"] for step in result["steps"] if step.get("segment"))
            for field in fields.segment(bytes.fromhex(first), NATIVE, int(result["layout"])).fields:
                assert field.hexadecimal + field.name + field.value in text
            for step in result["steps"]:
                for name in ("realtime_ns", "monotonic_ns"):
                    if name in step:
                        assert f"{int(step[name]):,} ns" in text
                for answer in (step.get("expected", {}), step.get("got", {})):
                    if answer.get("type") == "interval":
                        assert f"{int(answer['earliest_ns']):,} to {int(answer['latest_ns']):,} ns" in text
                        checked_count += 1
    assert checked_count >= 8


def test_a_wrong_answer_is_explained_with_both_lines(reports: dict[str, Path], tmp_path: Path) -> None:
    text = Page(made(tmp_path, reports["right"], reports["wrong"])).texts[GROWTH]
    # 50 ppm of 1 s are 50,000 ns
    assert "\u2717 wrong: wrong earliest_ns is 50000 ns too late, so true time may lie before it" in text
    assert "\u2713 rightas expected, in " in text
    assert '> {"cmd": "compute"' in text
    assert '< {"seq": ' in text


def test_the_run_and_the_report_write_the_same_page(tmp_path: Path) -> None:
    one, two, lines = (tmp_path / name for name in ("one.html", "two.html", "out.jsonl"))
    words = ["--adapter", str(adapter(tmp_path, "mine", str(READER))), "--only", GROWTH]
    assert command.main(["run", *words, "--jsonl", str(lines), "--html", str(one)]) == command.PASSED
    assert command.main(["report", str(lines), "--html", str(two)]) == command.PASSED
    assert one.read_bytes() == two.read_bytes()


def test_the_matrix_counts_by_rule_and_area(reports: dict[str, Path], tmp_path: Path) -> None:
    areas = Page(made(tmp_path, reports["right"], reports["wrong"])).texts["areas"]
    # A removed file is of the reading, the others are of the interval. Without growth the first two are answered wrongly.
    assert "read.reopen\u2713 1\u2717 0 of 11 wrong" in areas
    assert "From snapshot to interval\u2713 2\u2717 1 of 21 wrong" in areas
    assert "bound.growth\u2713 1\u2717 0 of 11 wrong" in areas
    assert "All\u2713 3\u2717 1 of 32 wrong" in areas


def test_the_mistake_that_explains_the_failures_is_named(tmp_path: Path) -> None:
    mistake = "growth-rounded-down"
    wrong = run(tmp_path, "wrong", str(READER), "--fault", mistake, only=("bound.growth",))
    right = run(tmp_path, "right", str(READER), only=("bound.growth",))
    assert mistake in Page(made(tmp_path, wrong)).texts["failures"]
    assert "failures" not in Page(made(tmp_path, right)).texts


def test_the_page_needs_nothing_and_allows_nothing(reports: dict[str, Path], tmp_path: Path) -> None:
    text = made(tmp_path, reports["right"], reports["wrong"])
    found = Page(text)
    assert not re.search(r"https?://|url\(|@import", text)
    for tag, attributes in found.elements:
        assert tag not in ("link", "img", "iframe", "object", "embed", "base", "form")
        assert not {"src", "style", "srcset", "action"} & attributes.keys()
        assert not [name for name in attributes if name.startswith("on")]
        assert (attributes.get("href") or "#").startswith("#")
    policy = next(each["content"] for each in found.named("meta") if each.get("http-equiv"))
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    for tag in ("style", "script"):
        (content,) = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_every_link_leads_somewhere(reports: dict[str, Path], tmp_path: Path) -> None:
    found = Page(made(tmp_path, reports["right"], reports["wrong"]))
    ids = [attributes["id"] for _, attributes in found.elements if "id" in attributes]
    assert len(set(ids)) == len(ids)
    links = {(link["href"] or "").removeprefix("#") for link in found.named("a")}
    assert links
    assert links <= set(ids)


HOSTILE = "</script></style><img src=x onerror=alert(1)>\"'&\x00\x1b\ud800 %zz"


def hostile(report: Path) -> str:
    """The lines of ``report`` with markup in every text that an adapter or a vector may choose."""
    lines = []
    for record in records(report):
        record = json.loads(json.dumps(record))
        match record["record"]:
            case "run":
                record["suite_version"] = record["only"] = HOSTILE
                record["only"], record["started_utc"] = [HOSTILE], HOSTILE
                record["adapters"] = [HOSTILE]
            case "adapter":
                record.update(adapter=HOSTILE, file=HOSTILE, command=[HOSTILE])
                record["hello"] = dict.fromkeys(record["hello"], HOSTILE) | {
                    "layouts": [HOSTILE],
                    "features": [HOSTILE],
                }
            case "result":
                for name in (
                    "adapter",
                    "area",
                    "distinguishes",
                    "derivation",
                    "explanation",
                    "known_failure",
                    "stderr",
                ):
                    record[name] = HOSTILE
                record["vector"] += HOSTILE
                record["rules"] = [HOSTILE, *record["rules"]]
                record["limits"] = [{"name": HOSTILE, "side": "at"}]
                record["catches"] = [{"flag": HOSTILE, "mistake": HOSTILE}]
                for step in record["steps"]:
                    step.update(
                        do=HOSTILE, question=HOSTILE, answer=HOSTILE, explanation=HOSTILE, passed=False
                    )
                    step["expected"] = {
                        "type": "interval",
                        "earliest_ns": HOSTILE,
                        "latest_ns": [],
                        "status": HOSTILE,
                    }
                    step["got"] = {"type": "unsupported", "reason": HOSTILE}
            case "summary":
                record.update(adapter=HOSTILE, message=HOSTILE)
        lines.append(json.dumps(record) + "\n")
    return "".join(lines)


def test_no_text_becomes_markup(reports: dict[str, Path], tmp_path: Path) -> None:
    path = tmp_path / "hostile.jsonl"
    path.write_text(hostile(reports["wrong"]))
    text = made(tmp_path, path)
    found = Page(text)
    assert found.named("img") == []
    assert len(found.named("script")) == len(found.named("style")) == 1
    assert not [name for _, attributes in found.elements for name in attributes if name.startswith("on")]
    assert "\x00" not in text
    assert "<img src=x onerror=alert(1)>" in found.texts["vectors"], "as text it is there"


def test_answers_of_any_shape_are_shown() -> None:
    strange: list[dict[str, Any]] = [
        {}, {"type": "interval"}, {"type": "interval", "earliest_ns": 1, "latest_ns": "9" * 30}, {"type": "each-of"},
        {"type": "each-of", "answers": [1, {"type": []}]}, {"type": "error", "kind": {}}, {"type": ["now"]},
        {"type": "now"},
    ]  # fmt: skip
    for answer in strange:
        assert "".join(page._said(answer).itertext())


def test_all_vectors_fit_into_a_page_that_a_phone_can_load(tmp_path: Path) -> None:
    (tmp_path / "idle.py").write_text(IDLE)
    first = run(tmp_path, "one", str(tmp_path / "idle.py"), only=())
    others = []
    for name in ("two", "three"):
        others.append(tmp_path / f"{name}.jsonl")
        others[-1].write_text(first.read_text().replace('"one"', f'"{name}"'))
    text = made(tmp_path, first, *others)
    texts = Page(text).texts
    collection = vectors.load().vectors
    assert len(collection) >= 651
    for vector in collection:  # none was asked, and each is drawn all the same
        drawn = next((vectors.segment_of(step, NATIVE) for step in vector.steps if step.get("segment")), None)
        if drawn:
            assert drawn[:8].hex(" ") in texts[vector.id]
    assert len(text.encode()) < SIZE_LIMIT_BYTES
