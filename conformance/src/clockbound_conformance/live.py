"""The clients on real parts: a chronyd, the daemon, and contexts that stay open while everything happens that can happen.

At each step every adapter is asked for the same readings of the clocks, again and again: all have to answer what the oracle
says of the segment's bytes. And each is asked for its own ``now``, which has to contain the truth, which the lab knows.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from clockbound_conformance import judge, oracle
from clockbound_conformance.adapter import (
    Adapter,
    AdapterBadAnswer,
    AdapterFailure,
    AdapterNotStarted,
    AdapterOtherProtocol,
    AdapterTimeout,
)
from clockbound_conformance.answers import Answer, Interval, Refusal, Unsupported
from clockbound_conformance.config import AdapterConfig, UsageError
from clockbound_conformance.lab import ServerAndClient
from clockbound_conformance.processes import ManagedProcess, find_program
from clockbound_conformance.runner import HarnessError
from clockbound_conformance.segment_bytes import (
    DISRUPTED,
    FREE_RUNNING,
    NATIVE,
    SYNCHRONIZED,
    UNKNOWN,
    vmclock,
)
from clockbound_conformance.units import SECOND_NS

OFFSET_NS = 1_000_000
RATE_PPB = 20_000
MAX_DRIFT_PPM = 50
POLL_INTERVAL_S = 0.25
#: File of each layout.
NAMES = {1: "shm", 2: "shm0"}

#: What the daemon and chronyd may take for a step. Only a fault takes so long.
STEP_TIMEOUT_S = 60.0
#: Rounds of questions after a step has come to its end.
ROUNDS_COUNT = 5
ROUND_INTERVAL_S = 0.02
ATTEMPTS_COUNT = 20
WATCH_COUNT = 1_000_000_000
CHANGES_COUNT = 4
#: Readers look for another file once a second where their snapshot is old.
MOVE_TIMEOUT_S = 20.0
WRAP_FROM_GENERATION = 65_528
EXAMPLES_COUNT = 5
BROKEN_WORDS = {"timeout": "hangs", "crash": "crashed", "bad-answer": "talks nonsense"}

STATUS_AT = {1: 64, 2: 68}
DRIFT_AT = {1: 56, 2: 64}
GENERATION_AT, AS_OF_AT, BOUND_AT, MARKER_AT = 14, 16, 48, 56


@dataclass(frozen=True)
class Record:
    """The fields of a segment's bytes that the steps wait for."""

    generation: int
    as_of_ns: int
    bound_ns: int
    max_drift_ppb: int
    status: int
    marker: int

    @classmethod
    def of(cls, data: bytes, layout: int) -> Record:
        def at(offset: int, size: int, signed: bool = False) -> int:
            return int.from_bytes(data[offset : offset + size], NATIVE, signed=signed)

        return cls(
            generation=at(GENERATION_AT, 2),
            as_of_ns=at(AS_OF_AT, 8, True) * SECOND_NS + at(AS_OF_AT + 8, 8, True),
            bound_ns=at(BOUND_AT, 8, True),
            max_drift_ppb=at(DRIFT_AT[layout], 4),
            status=at(STATUS_AT[layout], 4, True),
            marker=at(MARKER_AT, 8) if layout == 2 else 0,
        )


@dataclass
class Fault:
    """A wrong answer."""

    step: str
    adapter: str
    layout: int
    explanation: str
    question: str
    answer: str


@dataclass
class Step:
    """What was counted in one step. A reading is one pair of clock readings given to all adapters of a layout."""

    name: str
    readings_count: int = 0
    answers_count: int = 0
    right_count: int = 0
    agreed_count: int = 0  # readings
    nows_count: int = 0
    inside_count: int = 0  # nows that contain the truth
    nows_right_count: int = 0
    unsettled_count: int = 0  # readings during which the segment changed, and that were given up
    least_width_ns: int | None = None
    most_width_ns: int | None = None
    #: Of the right answers, in turn, by layout.
    statuses: dict[int, list[str]] = field(default_factory=dict)
    duration_ns: int = 0

    def record(self) -> dict[str, Any]:
        """As the report has it."""
        counts = {name: value for name, value in vars(self).items() if name.endswith("_count")}
        widths = {
            name: None if (width_ns := getattr(self, name)) is None else str(width_ns)
            for name in ("least_width_ns", "most_width_ns")
        }
        return {
            "record": "step",
            "step": self.name,
            **counts,
            **widths,
            "statuses": {str(layout): names for layout, names in self.statuses.items()},
            "duration_ns": self.duration_ns,
        }

    @property
    def passed(self) -> bool:
        return (
            self.right_count == self.answers_count
            and self.agreed_count == self.readings_count
            and self.inside_count == self.nows_right_count == self.nows_count
        )


@dataclass
class Outcome:
    """What came of one adapter. ``outcome``: passed, wrong, unsupported, timeout, crash or bad-answer."""

    adapter: str
    outcome: str = "passed"
    explanation: str = ""
    notes: list[str] = field(default_factory=list)  # what it can't do
    answers_count: int = 0
    right_count: int = 0
    nows_count: int = 0
    inside_count: int = 0
    faults_count: int = 0

    @property
    def passed(self) -> bool:
        return self.outcome == "passed"

    def record(self) -> dict[str, Any]:
        """As the report has it."""
        return {"record": "live", **vars(self)}


class Seat:
    """One adapter's program, which keeps a context open on the segment of one layout."""

    def __init__(self, config: AdapterConfig, adapter: Adapter, layout: int, outcome: Outcome) -> None:
        self.config = config
        self.adapter = adapter
        self.layout = layout
        self.outcome = outcome
        features = adapter.hello.features
        self.computes = "watch" in features and "compute" in features
        self.answers_now = "now" in features

    @property
    def works(self) -> bool:
        return self.outcome.outcome not in BROKEN_WORDS

    def broke(self, failure: AdapterFailure) -> None:
        """Ask it nothing more."""
        if isinstance(failure, AdapterTimeout):
            self.outcome.outcome = "timeout"
        else:
            self.outcome.outcome = "bad-answer" if isinstance(failure, AdapterBadAnswer) else "crash"
        self.outcome.explanation = str(failure)


class Page:
    """A VMClock page as a file."""

    def __init__(self, path: Path, marker: int) -> None:
        self.path = path
        self._sequence = 2
        path.write_bytes(vmclock(marker=marker, sequence=self._sequence))

    def disrupt(self, marker: int) -> None:
        """Change the marker, as a hypervisor does: odd counter, marker, even counter."""
        for sequence in (self._sequence + 1, self._sequence + 2):
            page = vmclock(marker=marker, sequence=sequence)
            with self.path.open("r+b", buffering=0) as file:
                os.pwrite(file.fileno(), page[12:16], 12)
                os.pwrite(file.fileno(), page[16:24], 16)
        self._sequence += 2


class Daemon:
    """The daemon on the lab's chronyd; may be killed and started again."""

    def __init__(self, command: Sequence[str], run_dir: Path, log_path: Path) -> None:
        self._command = command
        self._log_path = log_path
        self.run_dir = run_dir
        self._process: ManagedProcess | None = None

    @property
    def process(self) -> ManagedProcess:
        assert self._process is not None
        return self._process

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.running

    def start(self) -> None:
        self._process = ManagedProcess(self._command, log_path=self._log_path)

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.process.pid, number)

    def end(self) -> None:
        if self._process is not None:
            self._process.terminate()

    def said(self) -> str:
        return "" if self._process is None else self._process.log_tail()


class Stage:
    """Everything that is on it, and the questions."""

    def __init__(
        self,
        pair: ServerAndClient,
        daemon: Daemon,
        page: Page,
        seats: Sequence[Seat],
        note: Callable[[Step], None],
        faults: list[Fault],
    ) -> None:
        self.pair = pair
        self.daemon = daemon
        self.page = page
        self.seats = seats
        self.faults = faults
        self._note = note
        self.layouts = sorted({seat.layout for seat in seats})
        self.watching = False
        #: Files that were replaced, by layout: contexts that are still on them are right for a while.
        self.former: dict[int, bytes] = {}
        #: Who still answers by a file that was replaced, as of the latest round.
        self.behind: set[str] = set()
        #: Generations and bounds of layout 2 at the rounds of this step.
        self.generations: list[int] = []
        self.bounds_ns: set[int] = set()

    def path(self, layout: int) -> Path:
        return self.daemon.run_dir / NAMES[layout]

    def bytes(self, layout: int) -> bytes | None:
        try:
            return self.path(layout).read_bytes()
        except FileNotFoundError:
            return None

    def record(self) -> Record | None:
        """What the segment of layout 2 says at the moment; None where there is none, or it is in an update."""
        for _ in range(ATTEMPTS_COUNT):
            data = self.bytes(2)
            if data is None:
                return None
            record = Record.of(data, 2)
            if not record.generation & 1 and self.bytes(2) == data:
                return record
        return None

    def has_status(self, status: int) -> Callable[[], bool]:
        """Whether the segment has it."""

        def there() -> bool:
            record = self.record()
            return record is not None and record.generation > 0 and record.status == status

        return there

    # Steps

    @contextlib.contextmanager
    def step(self, name: str) -> Iterator[Step]:
        step = Step(name)
        self.generations.clear()
        self.bounds_ns.clear()
        began_ns = time.monotonic_ns()
        yield step
        for _ in range(ROUNDS_COUNT):
            self.round(step)
            time.sleep(ROUND_INTERVAL_S)
        step.duration_ns = time.monotonic_ns() - began_ns
        self._note(step)

    def until(
        self, step: Step, condition: Callable[[], bool], *, what: str, timeout_s: float = STEP_TIMEOUT_S
    ) -> None:
        """Ask all the while until ``condition`` holds. Raises HarnessError where that takes too long."""
        end_s = time.monotonic() + timeout_s
        while True:
            self.round(step)
            if condition():
                return
            if time.monotonic() >= end_s:
                raise HarnessError(
                    f"step {step.name!r}: no {what} within {timeout_s:g} s; the daemon said:\n{self.daemon.said()}"
                )
            time.sleep(ROUND_INTERVAL_S)

    def watch(self) -> None:
        """Let every adapter open the context that it keeps."""
        for seat in self.seats:
            if not seat.computes or not seat.works:
                continue
            opened: Answer | None
            try:
                opened = seat.adapter.watch(self.path(seat.layout), vmclock=self.page.path, count=WATCH_COUNT)
            except AdapterFailure as failure:
                seat.broke(failure)
                continue
            if isinstance(opened, Unsupported):
                seat.computes = False
                seat.outcome.notes.append(f"layout {seat.layout}: watch isn't judged: {opened.reason}")
            elif opened is not None:
                seat.computes = False
                self._fault("watch", seat, f"refused to open a good segment with {opened}")
        self.watching = True

    # Questions

    def round(self, step: Step) -> None:
        """Ask everybody everything once."""
        if not any(seat.works for seat in self.seats):
            raise _NobodyLeftError
        self.behind.clear()
        if (record := self.record()) is not None:
            self.generations.append(record.generation)
            self.bounds_ns.add(record.bound_ns)
        for layout in self.layouts:
            seats = [seat for seat in self.seats if seat.layout == layout]
            self._ask_computes(step, layout, seats)
            for seat in seats:
                if seat.answers_now and seat.works:
                    self._ask_now(step, seat)

    def _ask_computes(self, step: Step, layout: int, seats: Sequence[Seat]) -> None:
        for _ in range(ATTEMPTS_COUNT):
            asked = [seat for seat in seats if seat.computes and seat.works]
            if not asked:
                return
            before, page = self.bytes(layout), self.page.path.read_bytes()
            realtime_ns = time.clock_gettime_ns(time.CLOCK_REALTIME)
            monotonic_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
            got: list[tuple[Seat, Answer, str, str]] = []
            for seat in asked:
                try:
                    answer = seat.adapter.compute(
                        self.path(layout),
                        realtime_ns=realtime_ns,
                        monotonic_ns=monotonic_ns,
                        vmclock=self.page.path,
                    )
                except AdapterFailure as failure:
                    seat.broke(failure)
                    continue
                got.append((seat, answer, seat.adapter.last_question, seat.adapter.last_answer or ""))
            if self.bytes(layout) == before and not _in_update(before, layout):
                break
            time.sleep(0.001)
        else:
            step.unsettled_count += 1
            return
        former = self.former.get(layout)
        right, *others = (
            oracle.answer(data, realtime_ns=realtime_ns, monotonic_ns=monotonic_ns, vmclock=page)
            for data in ([before] if former is None else [before, former])
        )
        step.readings_count += 1
        step.agreed_count += len({answer for _, answer, _, _ in got}) == 1 or former is not None
        self._status(step, layout, right)
        for seat, answer, question, said in got:
            step.answers_count += 1
            seat.outcome.answers_count += 1
            if answer == right:
                step.right_count += 1
                seat.outcome.right_count += 1
            elif answer in others:  # of the file that was replaced
                step.right_count += 1
                seat.outcome.right_count += 1
                self.behind.add(f"{seat.config.name}, layout {layout}")
            else:
                words = judge.difference(right, answer)
                self._fault(step.name, seat, words, question, said)

    def _status(self, step: Step, layout: int, right: Interval | Refusal) -> None:
        name = right.status if isinstance(right, Interval) else right.kind
        names = step.statuses.setdefault(layout, [])
        if names[-1:] != [name]:
            names.append(name)

    def _ask_now(self, step: Step, seat: Seat) -> None:
        path = self.path(seat.layout)
        before, page = self.bytes(seat.layout), self.page.path.read_bytes()
        before_realtime_ns, before_monotonic_ns = time.time_ns(), time.monotonic_ns()
        try:
            answer = seat.adapter.now(path, vmclock=self.page.path)
        except AdapterFailure as failure:
            seat.broke(failure)
            return
        after_monotonic_ns, after_realtime_ns = time.monotonic_ns(), time.time_ns()
        if isinstance(answer, Unsupported):
            seat.answers_now = False
            seat.outcome.notes.append(f"layout {seat.layout}: now isn't judged: {answer.reason}")
            return
        if before is None and seat.layout not in self.former:
            self._ask_now_without_segment(step, seat, answer)
            return
        step.nows_count += 1
        seat.outcome.nows_count += 1
        inside = (
            isinstance(answer, Interval)
            and answer.earliest_ns <= self.pair.truth_ns(after_realtime_ns)
            and answer.latest_ns >= self.pair.truth_ns(before_realtime_ns)
        )
        if isinstance(answer, Interval):
            widths = (step.least_width_ns, step.most_width_ns, answer.width_ns)
            known = [width_ns for width_ns in widths if width_ns is not None]
            step.least_width_ns, step.most_width_ns = min(known), max(known)
        settled = (
            self.bytes(seat.layout) == before
            and self.page.path.read_bytes() == page
            and not _in_update(before, seat.layout)
        )
        right = True
        words = ""
        if not inside:
            words = _outside(answer, self.pair.truth_ns(before_realtime_ns))
        elif settled and before is not None:
            window = (before_realtime_ns, before_monotonic_ns, after_monotonic_ns, after_realtime_ns)
            former = self.former.get(seat.layout)
            words = _now_difference(answer, before, page, seat.layout, window)
            if (
                words
                and former is not None
                and not _now_difference(answer, former, page, seat.layout, window)
            ):
                words = ""
                self.behind.add(f"{seat.config.name}, layout {seat.layout}: now")
            right = not words
        step.inside_count += inside
        seat.outcome.inside_count += inside
        step.nows_right_count += inside and right
        if words:
            self._fault(step.name, seat, words, seat.adapter.last_question, seat.adapter.last_answer or "")

    def _ask_now_without_segment(self, step: Step, seat: Seat, answer: Answer) -> None:
        """No interval is to be had, so this counts as an answer like those to given readings."""
        right = oracle.answer(None, realtime_ns=0, monotonic_ns=0)
        step.answers_count += 1
        seat.outcome.answers_count += 1
        if answer == right:
            step.right_count += 1
            seat.outcome.right_count += 1
            return
        words = judge.difference(right, answer)
        self._fault(step.name, seat, words, seat.adapter.last_question, seat.adapter.last_answer or "")

    def _fault(self, step: str, seat: Seat, words: str, question: str = "", answer: str = "") -> None:
        seat.outcome.faults_count += 1
        if seat.outcome.outcome == "passed":
            seat.outcome.outcome, seat.outcome.explanation = "wrong", f"{step}: {words}"
        if seat.outcome.faults_count <= EXAMPLES_COUNT:
            self.faults.append(Fault(step, seat.config.name, seat.layout, words, question, answer))


class _NobodyLeftError(Exception):
    """Every adapter broke."""


def _in_update(data: bytes | None, layout: int) -> bool:
    return data is not None and Record.of(data, layout).generation & 1 == 1


def _outside(answer: Answer, truth_ns: int) -> str:
    if not isinstance(answer, Interval):
        return f"now was refused with {getattr(answer, 'kind', answer)}, where there is an interval"
    before_ns, after_ns = answer.earliest_ns - truth_ns, truth_ns - answer.latest_ns
    way = "before" if before_ns > 0 else "after"
    return f"true time is {max(before_ns, after_ns)} ns {way} the interval of now, which is {answer.width_ns} ns wide"


def _now_difference(
    answer: Answer, data: bytes, page: bytes, layout: int, window: tuple[int, int, int, int]
) -> str:
    """What is wrong with an answer to now by a segment that stood still meanwhile; empty where nothing is."""
    record = Record.of(data, layout)
    before_realtime_ns, before_monotonic_ns, after_monotonic_ns, after_realtime_ns = window
    words = ""
    # The status may change between the two.
    for realtime_ns, monotonic_ns in (
        (before_realtime_ns, before_monotonic_ns),
        (after_realtime_ns, after_monotonic_ns),
    ):
        right = oracle.answer(data, realtime_ns=realtime_ns, monotonic_ns=monotonic_ns, vmclock=page)
        if isinstance(right, Refusal):
            words = "" if answer == right else f"gave {answer}, where it must refuse with {right.kind}"
        else:
            expected = {
                "status": right.status,
                "bound_ns": str(record.bound_ns),
                "max_drift_ppb": str(record.max_drift_ppb),
            }
            words = judge.live_difference(expected, answer, judge.Window(*window, record.as_of_ns))
        if not words:
            return ""
    return words


def play(stage: Stage) -> None:
    """All steps. Raises HarnessError where the lab or the daemon doesn't do what a step needs."""
    pair, daemon, page = stage.pair, stage.daemon, stage.page
    pair.client.stop()
    with stage.step("no segment yet"):
        pass
    with stage.step("the first segment: nothing is known"):
        daemon.start()
        _wait_for_files(stage)
        stage.watch()
    with stage.step("synchronised") as step:
        pair.client.cont()
        stage.until(step, stage.has_status(SYNCHRONIZED), what="SYNCHRONIZED")
    with stage.step(f"{CHANGES_COUNT} other bounds") as step:
        stage.until(step, lambda: len(stage.bounds_ns) > CHANGES_COUNT, what="change of the bound")
    with stage.step("chronyd is frozen: free-running") as step:
        pair.client.stop()
        stage.until(step, stage.has_status(FREE_RUNNING), what="FREE_RUNNING")
    with stage.step("... and 5 s later unknown") as step:
        stage.until(step, stage.has_status(UNKNOWN), what="UNKNOWN")
    with stage.step("chronyd goes on") as step:
        pair.client.cont()
        stage.until(step, stage.has_status(SYNCHRONIZED), what="SYNCHRONIZED")
    with stage.step("a disruption by signal") as step:
        daemon.signal(signal.SIGUSR1)
        stage.until(step, stage.has_status(DISRUPTED), what="DISRUPTED")
    with stage.step("... and its end") as step:
        daemon.signal(signal.SIGUSR2)
        stage.until(step, stage.has_status(SYNCHRONIZED), what="SYNCHRONIZED")
    with stage.step("another marker that only readers see"):
        daemon.process.stop()
        page.disrupt(8)
    with stage.step("... that the daemon sees, and recovery") as step:
        daemon.process.cont()
        stage.until(
            step, lambda: (record := stage.record()) is not None and record.marker == 8, what="marker 8"
        )
        stage.until(step, stage.has_status(SYNCHRONIZED), what="SYNCHRONIZED")
    _wrap(stage)
    with stage.step("the daemon is killed, and the grace is over") as step:
        daemon.process.kill()
        stage.until(step, lambda: _age_ns(stage) > 5 * SECOND_NS, what="end of the grace")
    _replace(stage)
    with stage.step("the daemon is ended"):
        daemon.end()


def _wait_for_files(stage: Stage) -> None:
    end_s = time.monotonic() + STEP_TIMEOUT_S
    while stage.bytes(1) is None or stage.bytes(2) is None:
        if time.monotonic() >= end_s or not stage.daemon.running:
            raise HarnessError(
                f"no segments in {stage.daemon.run_dir}; the daemon said:\n{stage.daemon.said()}"
            )
        time.sleep(ROUND_INTERVAL_S)


def _age_ns(stage: Stage) -> int:
    record = stage.record()
    return 0 if record is None else time.monotonic_ns() - record.as_of_ns


def _wrap(stage: Stage) -> None:
    daemon = stage.daemon
    with stage.step("the daemon is killed and started again"):
        daemon.process.kill()
        inodes = {layout: stage.path(layout).stat().st_ino for layout in NAMES}
    with stage.step("... and the generation wraps") as step:
        for layout in NAMES:
            with stage.path(layout).open("r+b", buffering=0) as file:
                os.pwrite(file.fileno(), WRAP_FROM_GENERATION.to_bytes(2, NATIVE), GENERATION_AT)
        daemon.start()
        stage.until(
            step,
            lambda: any(0 < generation < WRAP_FROM_GENERATION for generation in stage.generations),
            what="wrap of the generation",
        )
        stage.until(step, stage.has_status(SYNCHRONIZED), what="SYNCHRONIZED")
        if inodes != {layout: stage.path(layout).stat().st_ino for layout in NAMES}:
            raise HarnessError("the daemon made new files, where it has to take the ones over that are there")


def _replace(stage: Stage) -> None:
    daemon = stage.daemon
    with stage.step("other files in their place") as step:
        for layout in NAMES:
            data = stage.bytes(layout)
            if data is None:
                raise HarnessError(f"{stage.path(layout)} has gone")
            stage.former[layout] = data
            stage.path(layout).unlink()
        daemon.start()
        _wait_for_files(stage)
        stage.until(step, stage.has_status(SYNCHRONIZED), what="SYNCHRONIZED")
        end_s = time.monotonic() + MOVE_TIMEOUT_S
        while True:
            stage.round(step)
            if not stage.behind or time.monotonic() >= end_s:
                break
            time.sleep(ROUND_INTERVAL_S)
        # Whoever isn't there by now is wrong from now on.
        stage.former.clear()


@dataclass
class Result:
    """What came of everything."""

    steps: list[Step]
    outcomes: list[Outcome]
    faults: list[Fault]
    duration_ns: int

    @property
    def passed(self) -> bool:
        return bool(self.outcomes) and all(outcome.passed for outcome in self.outcomes)


def run(
    configs: Sequence[AdapterConfig],
    folder: Path,
    note: Callable[[Step], None],
    progress: IO[str] | None,
) -> Result:
    """Start everything in the empty ``folder`` and play all steps; ``note`` is called after each.

    Raises UsageError, AdapterNotStarted, AdapterOtherProtocol, LabError and HarnessError.
    """
    began_ns = time.monotonic_ns()
    for config in configs:
        if config.byte_order != NATIVE:
            raise UsageError(
                f"{config.file}: byte_order is {config.byte_order}; the daemon writes segments of this machine's order"
            )
    program = _daemon_program()
    steps: list[Step] = []
    faults: list[Fault] = []

    def said(words: str) -> None:
        if progress is not None:
            progress.write(f"{words}\n")
            progress.flush()

    def noted(step: Step) -> None:
        steps.append(step)
        note(step)

    with contextlib.ExitStack() as stack:
        outcomes = {config.name: Outcome(config.name) for config in configs}
        seats = [seat for config in configs for seat in _seats(stack, config, outcomes[config.name])]
        said("starting a chronyd, and another one that measures it")
        pair = stack.enter_context(
            ServerAndClient(offset_ns=OFFSET_NS, rate_ppb=RATE_PPB, max_clock_error_ppm=MAX_DRIFT_PPM)
        )
        run_dir = folder / "run"
        run_dir.mkdir()
        page = Page(folder / "vmclock0", 7)
        command = [
            str(program),
            *("--run-dir", str(run_dir)),
            *("--chronyd-socket", str(pair.client.socket_path)),
            *("--max-drift-rate", str(MAX_DRIFT_PPM)),
            *("--poll-interval", str(POLL_INTERVAL_S)),
            *("--vmclock", str(page.path)),
        ]
        daemon = Daemon(command, run_dir, folder / "daemon.log")
        stack.callback(daemon.end)
        stage = Stage(pair, daemon, page, seats, noted, faults)
        said(f"asking {len(configs)} adapters")
        with contextlib.suppress(_NobodyLeftError):
            play(stage)
        for seat in seats:
            if seat.works:
                try:
                    seat.adapter.stop()
                except AdapterFailure as failure:
                    seat.broke(failure)
    for outcome in outcomes.values():
        if outcome.outcome == "passed" and not outcome.answers_count and not outcome.nows_count:
            outcome.outcome, outcome.explanation = "unsupported", "; ".join(outcome.notes)
    return Result(steps, list(outcomes.values()), faults, time.monotonic_ns() - began_ns)


def _daemon_program() -> Path:
    beside = shutil.which("clockbound", path=str(Path(sys.executable).parent))
    return (
        Path(beside)
        if beside
        else find_program("clockbound", remedy="install the daemon: pip install clockbound-daemon")
    )


def _seats(stack: contextlib.ExitStack, config: AdapterConfig, outcome: Outcome) -> Iterator[Seat]:
    """An adapter's program for each layout, because it keeps one context for a watch."""
    for layout in NAMES:
        adapter = Adapter(config.command, timeout_s=config.timeout_s, environment=config.environment)
        try:
            adapter.__enter__()
        except (AdapterNotStarted, AdapterOtherProtocol):
            raise
        except AdapterFailure as failure:
            outcome.outcome = "timeout" if isinstance(failure, AdapterTimeout) else "crash"
            outcome.explanation = f"at hello: {failure}"
            return
        stack.callback(adapter.kill)
        if str(layout) not in adapter.hello.layouts:
            outcome.notes.append(f"layout {layout} isn't judged: hello doesn't name it")
            continue
        seat = Seat(config, adapter, layout, outcome)
        if layout == int(adapter.hello.layouts[0]):
            if not seat.computes:
                outcome.notes.append(
                    "what it answers by given readings isn't judged: hello doesn't name watch and compute"
                )
            if not seat.answers_now:
                outcome.notes.append("now isn't judged: hello doesn't name it")
        yield seat


#: Of nows, those that contain true time, and those of them that fit the segment too.
HEADER = (
    f"{'step':44}{'readings':>9}{'agreed':>8}{'answers':>9}{'right':>7}{'nows':>7}{'true':>7}{'fit':>7}"
    "  width of now, status"
)


def line(step: Step) -> str:
    """A step for people."""
    widths = ""
    if step.least_width_ns is not None and step.most_width_ns is not None:
        low, high = _width(step.least_width_ns), _width(step.most_width_ns)
        widths = low if low == high else f"{low} to {high}"
    counts = (
        f"{step.readings_count:9}{step.agreed_count:8}{step.answers_count:9}{step.right_count:7}"
        f"{step.nows_count:7}{step.inside_count:7}{step.nows_right_count:7}"
    )
    statuses = " -> ".join(step.statuses[max(step.statuses)]) if step.statuses else ""
    return f"{step.name:44}{counts}  {', '.join(filter(None, (widths, statuses)))}"


def _width(width_ns: int) -> str:
    if width_ns >= 86_400 * 365 * SECOND_NS:
        return f"{width_ns / (86_400 * 365.25 * SECOND_NS):.0f} years"
    return f"{width_ns / 1e6:.3f} ms"


def text(result: Result) -> str:
    """The end, for people."""
    lines = []
    for fault in result.faults:
        lines.append(f"wrong: {fault.adapter}, layout {fault.layout}: {fault.step}: {fault.explanation}")
        if fault.question:
            lines += [f"  question: {fault.question}", f"  answer:   {fault.answer}"]
    for outcome in result.outcomes:
        lines.append(
            f"{outcome.outcome}: {outcome.adapter}: {outcome.right_count} of {outcome.answers_count} answers right, "
            f"{outcome.inside_count} of {outcome.nows_count} nows contain true time"
            + (f", {outcome.faults_count} faults" if outcome.faults_count else "")
        )
        if outcome.outcome in BROKEN_WORDS:
            lines.append(f"  it {BROKEN_WORDS[outcome.outcome]}: {outcome.explanation}")
        lines += [f"  {note}" for note in outcome.notes]
    return "\n".join(lines)
