"""Clients that read without a pause, each a process of its own: `python reading_clients.py ORDER`

ORDER is a JSON object: run_dir, vmclock (a path or null), adapter (the program around the C library), clients (names
out of CLIENTS), truth (offset_ns, rate_ppb, epoch_realtime_ns; null: live answers aren't asked for) and pause_s. It says
"reading" when all have read, and reads until its input ends. Meanwhile it says which client has seen which status for the
first time, two words separated by a tab. In the end it prints what was counted, one JSON object.

Every answer to given readings of the clocks has to be the one that the conformance suite's oracle gives for a record that
was whole in the segment around that moment: anything else is torn. Every live answer that can be relied on has to contain
the truth. A client that is ended by a signal, SIGBUS say, is found in `ended`.
"""

from __future__ import annotations

import json
import mmap
import os
import signal
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clockbound_client import (
    ClockBoundClient,
    ClockBoundError,
    SegmentMalformedError,
    SegmentVersionNotSupportedError,
    _pure,
)
from clockbound_conformance import oracle
from clockbound_conformance.adapter import Adapter, AdapterFailure
from clockbound_conformance.answers import Interval, Refusal
from held_up import LOOK_INTERVAL_S, GapWatch, Writer

SECOND_NS = 1_000_000_000
TRUSTED = ("SYNCHRONIZED", "FREE_RUNNING")
CLIENTS = ("C core", "C core, layout 1", "Python", "Python, layout 1", "C program", "C program, layout 1")
#: What the watch over publishing is called among them.
GAPS = "gaps"
GENERATION = slice(14, 16)
SUPPORT = slice(72, 76)  # layout 2: whether clients have to look at the VMClock page
WHOLE_ATTEMPTS_COUNT = 100
RECORDS_COUNT = 64
EXAMPLES_COUNT = 5
POORER = 10  # of the processor, so that the daemon gets what it needs


class Segment:
    """The segment's file as it is at the moment, and the records that it had."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._mapping: mmap.mmap | None = None
        self.identity: tuple[int, int] | None = None
        self.records: deque[bytes] = deque(maxlen=RECORDS_COUNT)

    def exists(self) -> bool:
        return self._path.exists()

    def look(self) -> bytes | None:
        """A whole record; None where there was none for a while."""
        self._follow()
        if self._mapping is None:
            return None
        for _ in range(WHOLE_ATTEMPTS_COUNT):
            generation = self._mapping[GENERATION]
            record = self._mapping[:]
            if (
                not generation[0 if sys.byteorder == "little" else 1] & 1
                and self._mapping[GENERATION] == generation
            ):
                if not self.records or self.records[-1] != record:
                    self.records.append(record)
                return record
        return None

    def generation(self) -> int | None:
        """The generation as it is, odd or even; None where there is no file."""
        self._follow()
        return None if self._mapping is None else int.from_bytes(self._mapping[GENERATION], sys.byteorder)

    def _follow(self) -> None:
        try:
            named = os.stat(self._path)
        except OSError:
            return  # the mapping stays
        if (named.st_dev, named.st_ino) == self.identity:
            return
        with self._path.open("rb") as file:
            self._mapping = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        self.identity = named.st_dev, named.st_ino


class Reader:
    """One client, and what it got."""

    def __init__(self, order: dict[str, Any], name: str) -> None:
        self.name = name
        self._path = Path(order["run_dir"]) / ("shm" if name.endswith("1") else "shm0")
        self._segment = Segment(self._path)
        self._vmclock = None if order["vmclock"] is None or name.endswith("1") else Path(order["vmclock"])
        self._adapter: str = order["adapter"]
        self._truth: dict[str, int] | None = order["truth"]
        self._asked_identity: tuple[int, int] | None = None
        self._pause_s: float = order["pause_s"]
        self.counts = dict.fromkeys(
            ("reads", "trusted", "torn", "malformed", "wrong", "errors", "unjudged"), 0
        )
        self.statuses: dict[str, int] = {}
        self.examples: list[str] = []

    def read(self, is_over: Callable[[], bool], began: Callable[[], None]) -> None:
        """Read until it is over."""
        try:
            self._open_and_read(is_over, began)
        except (AdapterFailure, ClockBoundError) as error:
            self._fault("errors", f"ended by {error!r}")

    def _open_and_read(self, is_over: Callable[[], bool], began: Callable[[], None]) -> None:
        if self.name.startswith("C program"):
            with Adapter([self._adapter]) as adapter:
                self._repeat(lambda: self._ask_program(adapter), is_over, began)
            return
        kind = ClockBoundClient if self.name.startswith("C core") else _pure.ClockBoundClient
        with kind(self._path, vmclock_path=self._vmclock) as client:
            self._repeat(lambda: self._ask_client(client), is_over, began)

    def _repeat(
        self, read: Callable[[], None], is_over: Callable[[], bool], began: Callable[[], None]
    ) -> None:
        read()
        began()
        while not is_over():
            if self._pause_s:
                time.sleep(self._pause_s)
            read()

    def _ask_client(self, client: Any) -> None:
        if self._truth is not None:
            before_ns = time.time_ns()
            try:
                live = client.now()
            except ClockBoundError as error:
                self._failed(error)
            else:
                self._contains(live.status.name, live.earliest_ns, live.latest_ns, before_ns, time.time_ns())
        before = self._look()
        # A second ahead, so that no record that comes in between can be from the future.
        realtime_ns, monotonic_ns = time.time_ns(), time.monotonic_ns() + SECOND_NS
        if self._truth is None and before is not None:  # the daemon's clock isn't the machine's
            monotonic_ns = _as_of_ns(before) + SECOND_NS
        try:
            given = client.now_at(realtime_ns, monotonic_ns)
        except ClockBoundError as error:
            self._segment.look()
            if not self._is_expected(Refusal(error.kind.name), realtime_ns, monotonic_ns):
                self._failed(error)
            return
        after = self._segment.look()
        answer = Interval(given.earliest_ns, given.latest_ns, given.status.name)
        self._is_whole(answer, realtime_ns, monotonic_ns, before, after)

    def _look(self) -> bytes | None:
        """The record before a question, and which file has it."""
        record = self._segment.look()
        self._asked_identity = self._segment.identity
        return record

    def _failed(self, error: ClockBoundError) -> None:
        self.counts["reads"] += 1
        is_malformed = isinstance(error, (SegmentMalformedError, SegmentVersionNotSupportedError))
        self._fault("malformed" if is_malformed else "errors", repr(error))

    def _ask_program(self, adapter: Adapter) -> None:
        there, before = self._segment.exists(), self._look()
        realtime_ns, monotonic_ns = time.time_ns(), time.monotonic_ns()
        if self._truth is None and before is not None:
            monotonic_ns = _as_of_ns(before) + SECOND_NS
        answer = adapter.compute(
            self._path, realtime_ns=realtime_ns, monotonic_ns=monotonic_ns, vmclock=self._vmclock
        )
        after = self._segment.look()
        if isinstance(answer, Refusal):
            self.counts["reads"] += 1
            # Opened anew for each answer: there may be no file, or a writer that died in an update, or that is in one.
            gone = answer.kind == "SYSCALL" and not (there and self._segment.exists())
            in_update = answer.kind == "SEGMENT_NOT_INITIALIZED" and (before is None or before != after)
            if answer.kind in ("SEGMENT_MALFORMED", "SEGMENT_VERSION_NOT_SUPPORTED"):
                self._fault("malformed", str(answer))
            elif not gone and not in_update and not self._is_expected(answer, realtime_ns, monotonic_ns):
                self._fault("errors", str(answer))
            return
        if not isinstance(answer, Interval):
            self._fault("errors", str(answer))
            return
        if self._truth is not None and before == after:
            # Otherwise the readings may be from before the record.
            self._contains(answer.status, answer.earliest_ns, answer.latest_ns, realtime_ns, realtime_ns)
        self._is_whole(answer, realtime_ns, monotonic_ns, before, after)

    def _contains(self, status: str, earliest_ns: int, latest_ns: int, before_ns: int, after_ns: int) -> None:
        """The clock was read at some moment between the two."""
        self.counts["reads"] += 1
        if status not in self.statuses:
            # One write of a short line to a pipe: those of several clients don't mix.
            os.write(sys.stdout.fileno(), f"{self.name}\t{status}\n".encode())
        self.statuses[status] = self.statuses.get(status, 0) + 1
        if status not in TRUSTED:
            return
        self.counts["trusted"] += 1
        if earliest_ns > self._truth_ns(after_ns) or latest_ns < self._truth_ns(before_ns):
            self._fault("wrong", f"{status} [{earliest_ns}, {latest_ns}] at {before_ns} to {after_ns}")

    def _truth_ns(self, realtime_ns: int) -> int:
        assert self._truth is not None
        since_ns = realtime_ns - self._truth["epoch_realtime_ns"]
        return realtime_ns + self._truth["offset_ns"] + self._truth["rate_ppb"] * since_ns // SECOND_NS

    def _is_whole(
        self, answer: Interval, realtime_ns: int, monotonic_ns: int, before: bytes | None, after: bytes | None
    ) -> None:
        self.counts["reads"] += 1
        if self._is_expected(answer, realtime_ns, monotonic_ns):
            return
        generations = [
            int.from_bytes(record[GENERATION], sys.byteorder) for record in (before, after) if record
        ]
        is_replaced = self._segment.identity != self._asked_identity
        if is_replaced or (len(generations) == 2 and (generations[1] - generations[0]) % 65534 > 2):
            self.counts["unjudged"] += (
                1  # there were records in between, or in the old file, that nobody looked at
            )
        else:
            self._fault("torn", f"{answer} at {realtime_ns}, {monotonic_ns}: {generations}")

    def _is_expected(self, answer: Interval | Refusal, realtime_ns: int, monotonic_ns: int) -> bool:
        """Whether the oracle says the same of a record that was whole."""
        for record in reversed(self._segment.records):
            if len(record) > SUPPORT.start:  # what the page says at a moment nobody can tell here
                record = record[: SUPPORT.start] + bytes(4) + record[SUPPORT.stop :]
            expected = oracle.answer(record, realtime_ns=realtime_ns, monotonic_ns=monotonic_ns)
            if expected == answer:
                return True
            if (
                self._vmclock is not None
                and isinstance(expected, Interval)
                and isinstance(answer, Interval)
                and answer == Interval(expected.earliest_ns, expected.latest_ns, "UNKNOWN")
            ):
                return True
        return False

    def _fault(self, kind: str, words: str) -> None:
        self.counts[kind] += 1
        if len(self.examples) < EXAMPLES_COUNT:
            self.examples.append(f"{self.name}: {kind}: {words}")

    def report(self) -> dict[str, Any]:
        return {**self.counts, "statuses": self.statuses, "examples": self.examples}


class Gaps:
    """Looks how long nothing is published, and how long there is nobody to do it."""

    def __init__(self, order: dict[str, Any]) -> None:
        run_dir = Path(order["run_dir"])
        self._segment = Segment(run_dir / "shm0")
        self._writer = Writer(run_dir)
        self._watch = GapWatch()
        self.publishes_count = self.wraps_count = self.zeros_count = 0

    def read(self, is_over: Callable[[], bool], began: Callable[[], None]) -> None:
        generation, identity = self._segment.generation(), self._segment.identity
        self._watch.look(generation, self._writer.pid())
        began()
        while not is_over():
            time.sleep(LOOK_INTERVAL_S)
            found = self._segment.generation()
            self._watch.look(found, self._writer.pid())
            if found != generation:
                if found is not None and generation is not None and identity == self._segment.identity:
                    self.publishes_count += (found // 2 - generation // 2) % 32767
                    self.wraps_count += found < generation
                generation, identity = found, self._segment.identity
            self.zeros_count += found == 0

    def report(self) -> dict[str, Any]:
        return {
            "publishes": self.publishes_count,
            "wraps": self.wraps_count,
            "zeros": self.zeros_count,
            "longest_ns": self._watch.longest_ns,
            "longest_by_clock_ns": self._watch.longest_by_clock_ns,
            "longest_dead_ns": self._watch.longest_dead_ns,
        }


def _as_of_ns(record: bytes) -> int:
    return int.from_bytes(record[16:24], sys.byteorder) * SECOND_NS + int.from_bytes(
        record[24:32], sys.byteorder
    )


def _child(order: dict[str, Any], name: str, beginning: int, report: int) -> None:
    """Read until SIGTERM, and write down what was counted."""
    over: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, frame: over.append(number))
    reader: Gaps | Reader = Gaps(order) if name == GAPS else Reader(order, name)
    if name != GAPS:
        os.nice(POORER)

    def began() -> None:
        os.write(beginning, b".")

    reader.read(lambda: bool(over), began)
    with os.fdopen(report, "w") as file:
        json.dump(reader.report(), file)


def main() -> None:
    order = json.loads(sys.argv[1])
    began, beginning = os.pipe()
    children: dict[str, tuple[int, int]] = {}
    for name in (*order["clients"], GAPS):
        report, reporting = os.pipe()
        pid = os.fork()
        if pid == 0:
            status = 1
            try:
                _child(order, name, beginning, reporting)
                status = 0
            finally:
                os._exit(status)
        os.close(reporting)
        children[name] = pid, report
    os.close(beginning)
    begun_count = 0
    while begun_count < len(children) and (read := os.read(began, len(children))):
        begun_count += len(read)
    print("reading", flush=True)
    sys.stdin.read()
    reports = {}
    for name, (pid, report) in children.items():
        os.kill(pid, signal.SIGTERM)
        with os.fdopen(report) as file:
            text = file.read()
        ended = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        reports[name] = {"ended": ended, **(json.loads(text) if text else {})}
    print(json.dumps(reports), flush=True)


if __name__ == "__main__":
    main()
