"""What a run writes: JSON Lines for programs, JUnit for CI, text and a progress bar for people.

schemas/report.schema.json describes the JSON Lines; everything that the other reports show is in them. The page, the
badge and the job summary are made from them: results.py, page.py, badge.py, job_summary.py.
"""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import IO, Any
from xml.etree import ElementTree

from clockbound_conformance import protocol
from clockbound_conformance._vocabulary import VERSION
from clockbound_conformance.adapter import Hello
from clockbound_conformance.config import AdapterConfig
from clockbound_conformance.runner import FAILED, OUTCOMES, Result, Summary
from clockbound_conformance.segment_bytes import ByteOrder
from clockbound_conformance.units import SECOND_NS
from clockbound_conformance.vectors import Collection, Step, Vector

SHOWN_FAILURES_COUNT = 10
BAR_CHARACTERS = 30
USUAL_COLUMNS = 80
STEP_VALUES = ("do", "vmclock", "realtime_ns", "monotonic_ns", "count", "wait_ns", "ahead_ns", "expected")
BAR_INTERVAL_S = 0.1
LINE_INTERVAL_S = 10.0
JUDGED = ("passed", "wrong", "slow", "known-failure", "unexpected-pass")
NOTHING_JUDGED = "no vector was judged, which proves nothing and so counts as a failure"


class Lines:
    """Writes the records of a run, one JSON object a line, and keeps them for the other reports."""

    def __init__(self, stream: IO[str] | None) -> None:
        self._stream = stream
        self.records: list[dict[str, Any]] = []

    def write(self, record: dict[str, Any]) -> None:
        self.records.append(record)
        if self._stream is not None:
            self._stream.write(json.dumps(record, ensure_ascii=False) + "\n")
            self._stream.flush()


def run_record(
    collection: Collection, chosen: Sequence[Vector], only: Sequence[str], adapters: Sequence[AdapterConfig]
) -> dict[str, Any]:
    return {
        "record": "run",
        "schema": "1",
        "suite_version": VERSION,
        "protocol": protocol.VERSION,
        "started_utc": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "only": list(only),
        "vectors_count": len(chosen),
        "vectors_sha256": collection.sha256,
        "adapters": [config.name for config in adapters],
    }


def adapter_record(config: AdapterConfig, hello: Hello | None) -> dict[str, Any]:
    return {
        "record": "adapter",
        "adapter": config.name,
        "file": str(config.file),
        "command": list(config.command),
        "byte_order": config.byte_order,
        "hello": None
        if hello is None
        else {
            "name": hello.name,
            "language": hello.language,
            "library": hello.library,
            "version": hello.version,
            "layouts": list(hello.layouts),
            "features": list(hello.features),
        },
    }


def result_record(config: AdapterConfig, result: Result, mistakes: dict[str, str]) -> dict[str, Any]:
    vector = result.vector
    return {
        "record": "result",
        "adapter": config.name,
        "vector": vector.id,
        "area": vector.area,
        "layout": vector.layout,
        "rules": list(vector.rules),
        "distinguishes": vector.distinguishes,
        "origin": vector.origin,
        "limits": [{"name": limit.name, "side": limit.side} for limit in vector.limits],
        "catches": [{"flag": flag, "mistake": mistakes[flag]} for flag in vector.catches],
        "derivation": vector.derivation,
        "outcome": result.outcome,
        "explanation": result.explanation,
        "known_failure": result.known_failure,
        "stderr": result.stderr,
        "duration_ns": result.duration_ns,
        "steps": result.steps or [_planned(step, config.byte_order) for step in vector.steps],
    }


def _planned(step: Step, byte_order: ByteOrder) -> dict[str, Any]:
    """A step that wasn't reached: what would have been written and asked."""
    record: dict[str, Any] = {name: step[name] for name in STEP_VALUES if name in step}
    if "segment" in step:
        record["segment"] = None if step["segment"] is None else step["segment"][byte_order]
    if "segments" in step:
        record["segments"] = [both[byte_order] for both in step["segments"]]
    return record


def summary_record(summary: Summary) -> dict[str, Any]:
    by_rule: dict[str, Counter[str]] = {}
    for result in summary.results:
        for rule in result.vector.rules:
            by_rule.setdefault(rule, Counter())[result.outcome] += 1
    return {
        "record": "summary",
        "adapter": summary.adapter,
        "passed": summary.passed,
        "message": summary.message,
        "outcomes": {name: summary.outcomes[name] for name in OUTCOMES},
        "by_rule": {rule: dict(counts) for rule, counts in sorted(by_rule.items())},
        "duration_ns": summary.duration_ns,
    }


def end_record(exit_status: int, duration_ns: int) -> dict[str, Any]:
    return {"record": "end", "exit_status": exit_status, "duration_ns": duration_ns}


def junit(started_utc: str, summaries: Sequence[Summary]) -> bytes:
    """A JUnit document: a suite for each adapter, a case for each vector, a class for each area.

    What failed apart from any vector, such as a program that can't stop, is a case of its own, so that no reader of the
    document takes the suite for passed.
    """
    root = ElementTree.Element("testsuites", name="clockbound-conformance")
    for summary in summaries:
        cases = [_case(summary, result) for result in summary.results]
        if (whole := _whole(summary)) is not None:
            cases.append(whole)
        attributes = {
            "name": summary.adapter,
            **_counts(cases),
            "time": _seconds(summary.duration_ns),
            "timestamp": started_utc.partition("+")[0],
            "hostname": "localhost",
        }
        suite = ElementTree.SubElement(root, "testsuite", attributes)
        properties = ElementTree.SubElement(suite, "properties")
        for name, value in _properties(summary):
            ElementTree.SubElement(properties, "property", name=name, value=printable(value))
        suite.extend(cases)
    for name in ("tests", "failures", "errors", "skipped"):
        root.set(name, str(sum(int(suite.get(name, "0")) for suite in root)))
    root.set("time", _seconds(sum(summary.duration_ns for summary in summaries)))
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)) + b"\n"


def _counts(cases: Sequence[ElementTree.Element]) -> dict[str, str]:
    tags = Counter(each.tag for case in cases for each in case)
    return {
        "tests": str(len(cases)),
        "failures": str(tags["failure"]),
        "errors": str(tags["error"]),
        "skipped": str(tags["skipped"]),
    }


def _properties(summary: Summary) -> Iterator[tuple[str, str]]:
    yield "suite_version", VERSION
    yield "protocol", protocol.VERSION
    hello = summary.hello
    if hello is not None:
        yield "library", hello.library
        yield "version", hello.version
        yield "language", hello.language


def _case(summary: Summary, result: Result) -> ElementTree.Element:
    case = ElementTree.Element(
        "testcase",
        classname=f"{summary.adapter}.{result.vector.area}",
        name=result.vector.id,
        time=_seconds(result.duration_ns),
    )
    if result.outcome in ("unsupported", "known-failure"):
        words = result.known_failure or result.explanation
        ElementTree.SubElement(case, "skipped", message=printable(f"{result.outcome}: {words}"))
    elif result.outcome in FAILED:
        tag = "failure" if result.outcome in ("wrong", "unexpected-pass") else "error"
        words = f"{result.outcome}: {result.explanation}"
        element = ElementTree.SubElement(case, tag, type=result.outcome, message=printable(words))
        element.text = printable("\n".join(_details(result)))
    if result.stderr:
        ElementTree.SubElement(case, "system-err").text = printable(result.stderr)
    return case


def _whole(summary: Summary) -> ElementTree.Element | None:
    """A case for what failed apart from the vectors; None where nothing did."""
    words = summary.message
    if not words and not summary.passed and not any(summary.outcomes[name] for name in FAILED):
        words = NOTHING_JUDGED
    if not words:
        return None
    case = ElementTree.Element(
        "testcase", classname=f"{summary.adapter}.run", name="the run as a whole", time=_seconds(0)
    )
    ElementTree.SubElement(case, "error", type="run", message=printable(words))
    return case


def _seconds(duration_ns: int) -> str:
    return f"{duration_ns / SECOND_NS:.6f}"


def printable(text: str) -> str:
    """``text`` without the characters that no XML or HTML document can hold."""
    return "".join(
        char
        if char in "\t\n" or (char >= " " and char not in "\ufffe\uffff" and not "\ud800" <= char <= "\udfff")
        else "\N{REPLACEMENT CHARACTER}"
        for char in text
    )


def _details(result: Result) -> list[str]:
    lines = [f"rules: {', '.join(result.vector.rules)}", f"decides: {result.vector.distinguishes}"]
    failed = next((step for step in reversed(result.steps) if "expected" in step), None)
    if failed is not None:
        segment = next((step["segment"] for step in reversed(result.steps) if step.get("segment")), None)
        page = next((step["vmclock"] for step in reversed(result.steps) if step.get("vmclock")), None)
        if segment is not None:
            lines.append(f"segment: {_shortened(segment)}")
        if page is not None:
            lines.append(f"vmclock: {_shortened(page)}")
        lines.append(f"expected: {_compact(failed['expected'])}")
        lines.append(f"got: {_compact(failed['got']) if failed.get('got') else 'nothing'}")
        if "question" in failed:
            lines.append(f"question: {failed['question']}")
            lines.append(f"answer: {failed['answer'] or '(none)'}")
    if result.stderr:
        lines.append(f"standard error: {result.stderr}")
    return lines


def _shortened(text: str) -> str:
    return text if len(text) <= 220 else f"{text[:200]}... ({len(text) // 2} bytes)"


def _compact(value: dict[str, Any]) -> str:
    return " ".join(str(each) if isinstance(each, str) else json.dumps(each) for name, each in value.items())


def text(config: AdapterConfig, summary: Summary, *, every: bool) -> str:
    """For people: what failed and why, and how many did what."""
    lines = []
    hello = summary.hello
    if hello is not None:
        lines.append(f"{summary.adapter}: {hello.library} {hello.version} ({hello.language})")
    failed = [result for result in summary.results if result.outcome in FAILED]
    ran = [result for result in failed if result.outcome != "not-run"]
    for result in ran if every else ran[:SHOWN_FAILURES_COUNT]:
        lines.append(f"  {result.outcome}: {result.vector.id}: {result.explanation}")
        lines += [f"      {line}" for line in _details(result)]
    if not every and len(ran) > SHOWN_FAILURES_COUNT:
        lines.append(f"  and {len(ran) - SHOWN_FAILURES_COUNT} more; --verbose or --jsonl has them all")
    not_run = [result for result in failed if result.outcome == "not-run"]
    if not_run:
        lines.append(f"  not run: {len(not_run)} vectors: {not_run[0].explanation}")
    if summary.message:
        lines.append(f"  at its end: {summary.message}")
    if summary.outcomes["unsupported"]:
        reasons = Counter(result.explanation for result in summary.results if result.outcome == "unsupported")
        lines += [f"  unsupported: {count} vectors: {reason}" for reason, count in reasons.most_common()]
    if not any(summary.outcomes[name] for name in JUDGED):
        lines.append(f"  {NOTHING_JUDGED}")
    counts = ", ".join(
        f"{summary.outcomes[name]} {name.replace('-', ' ')}" for name in OUTCOMES if summary.outcomes[name]
    )
    verdict = "passed" if summary.passed else "FAILED"
    lines.append(
        f"{verdict}: {config.name}: {counts or 'nothing'}, of {len(summary.results)} vectors, in "
        f"{summary.duration_ns / SECOND_NS:.1f} s"
    )
    return "\n".join(lines)


class Progress:
    """A bar on a terminal, elsewhere a line now and then; nothing for a run that is soon over."""

    def __init__(self, stream: IO[str], name: str, total_count: int) -> None:
        self._stream = stream
        self._name = name
        self._total_count = total_count
        self._done_count = 0
        self._failed_count = 0
        # A terminal that is dumb, as in an editor's shell, can't take a line away again.
        self._terminal = stream.isatty() and os.environ.get("TERM") != "dumb"
        self._began_s = time.monotonic()
        self._next_s = self._began_s + (BAR_INTERVAL_S if self._terminal else LINE_INTERVAL_S)
        self._drawn = False

    def note(self, result: Result) -> None:
        self._done_count += 1
        self._failed_count += result.outcome in FAILED
        now_s = time.monotonic()
        if now_s < self._next_s:
            return
        self._next_s = now_s + (BAR_INTERVAL_S if self._terminal else LINE_INTERVAL_S)
        failed = f", {self._failed_count} failed" if self._failed_count else ""
        counts = f"{self._done_count} of {self._total_count}{failed}, {now_s - self._began_s:.0f} s"
        if self._terminal:
            full = BAR_CHARACTERS * self._done_count // self._total_count
            bar = "#" * full + "." * (BAR_CHARACTERS - full)
            self._stream.write(f"\r\x1b[K{self._fitted(f'{self._name} [{bar}] {counts}', counts)}")
            self._drawn = True
        else:
            self._stream.write(f"{self._name}: {counts}\n")
        self._stream.flush()

    def _fitted(self, line: str, short: str) -> str:
        """``line``, or where the terminal is too narrow ``short``: a line that is broken in two can't be taken away."""
        columns = 0
        with contextlib.suppress(OSError, ValueError):  # no file, or no terminal after all
            columns = os.get_terminal_size(self._stream.fileno()).columns
        columns = columns or USUAL_COLUMNS  # 0 where a terminal doesn't know its width
        return line if len(line) < columns else short[: columns - 1]

    def end(self) -> None:
        """Take the bar away."""
        if self._drawn:
            self._stream.write("\r\x1b[K")
            self._stream.flush()
