"""A short conversation with an adapter that finds what its author has to change, and says it in words.

Each check asks one thing, shows the question and the answer where something is wrong, and names the cause. The client's
arithmetic is not what this is about: that is what the vectors are for.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from clockbound_conformance import judge, oracle, protocol
from clockbound_conformance.adapter import (
    Adapter,
    AdapterBadAnswer,
    AdapterCrash,
    AdapterFailure,
    AdapterNotStarted,
    AdapterOtherProtocol,
    AdapterTimeout,
)
from clockbound_conformance.answers import Answer, Interval, Refusal, Unsupported
from clockbound_conformance.config import AdapterConfig
from clockbound_conformance.segment_bytes import segment, vmclock
from clockbound_conformance.units import SECOND_NS

REALTIME_NS = 1_700_000_000_123_456_789
MONOTONIC_NS = 1001 * SECOND_NS
SMOKE_TIMEOUT_S = 5.0


class _WrongError(Exception):
    """What is wrong, in words."""


@dataclass(frozen=True)
class Check:
    """One thing that an adapter must do; ``feature`` is the one of hello that it takes."""

    name: str
    do: Callable[[Stage], None]
    feature: str | None = None


class Stage:
    """A segment file, a VMClock page, and the adapter that is asked about them."""

    def __init__(self, config: AdapterConfig, adapter: Adapter, folder: Path) -> None:
        self.config = config
        self.adapter = adapter
        self.segment = folder / "shm0"
        self.vmclock = folder / "vmclock0"

    def put(self, layout: int = 2, page: bytes | None = None, **fields: object) -> bytes:
        """Make the files anew; returns the segment's bytes."""
        data = segment(layout, byte_order=self.config.byte_order, **fields)  # type: ignore[arg-type]
        self.segment.unlink(missing_ok=True)
        self.segment.write_bytes(data)
        self.vmclock.unlink(missing_ok=True)
        if page is not None:
            self.vmclock.write_bytes(page)
        return data

    def compute(self, monotonic_ns: int = MONOTONIC_NS, realtime_ns: int = REALTIME_NS) -> Answer:
        return _supported(
            self.adapter.compute(
                self.segment, vmclock=self.vmclock, realtime_ns=realtime_ns, monotonic_ns=monotonic_ns
            )
        )

    def expect(
        self,
        data: bytes | None,
        *,
        page: bytes | None = None,
        monotonic_ns: int = MONOTONIC_NS,
        realtime_ns: int = REALTIME_NS,
    ) -> None:
        """Compute, and compare with the right answer."""
        right = oracle.answer(
            data,
            vmclock=page,
            realtime_ns=realtime_ns,
            monotonic_ns=monotonic_ns,
            byte_order=self.config.byte_order,
        )
        got = self.compute(monotonic_ns, realtime_ns)
        if words := judge.difference(right, got):
            raise _WrongError(f"{words}{_cause(right, got, realtime_ns)}")


def _supported(answer: Answer) -> Answer:
    if isinstance(answer, Unsupported):
        raise _WrongError(
            f"the adapter says that its client can't: {answer.reason}. If it can't, leave the feature out of hello"
        )
    return answer


def _cause(right: Answer, got: Answer, realtime_ns: int) -> str:
    """A guess at the cause of a wrong interval."""
    if not isinstance(right, Interval) or not isinstance(got, Interval):
        if isinstance(got, Refusal) and got.kind == "SYSCALL" and isinstance(right, Interval):
            return "; does the adapter pass the question's paths on to the client, the segment and the vmclock path?"
        return ""
    if (got.earliest_ns, got.latest_ns) == (right.latest_ns, right.earliest_ns):
        return "; earliest and latest are exchanged"
    for factor, unit in ((1_000, "microseconds"), (1_000_000, "milliseconds"), (SECOND_NS, "seconds")):
        if abs(got.earliest_ns * factor - right.earliest_ns) <= factor:
            return f"; the ends are in {unit}, and must be in nanoseconds"
    if abs(got.earliest_ns - right.earliest_ns) < 1000 and got.earliest_ns % 1000 == 0:
        return "; the nanoseconds of the ends are lost, perhaps in a date type that holds microseconds"
    if abs(got.earliest_ns - right.earliest_ns) < 1000 and got.earliest_ns == int(float(got.earliest_ns)):
        return "; the ends went through a double, which has only 53 bits"
    middle_ns = (got.earliest_ns + got.latest_ns) // 2
    if abs(middle_ns - time.time_ns()) < 3600 * SECOND_NS:
        return "; the adapter read the clocks itself, where compute gives the readings"
    if middle_ns == realtime_ns:
        return "; the middle is right, so it is the client's bound that differs"
    return ""


def _hello(stage: Stage) -> None:
    hello = stage.adapter.hello
    if unknown := sorted(set(hello.features) - set(protocol.FEATURES)):
        raise _WrongError(f"hello names features that don't exist: {', '.join(unknown)}")
    if not hello.features:
        raise _WrongError("hello names no features, so that there is nothing to ask; begin with compute")
    if not hello.layouts:
        raise _WrongError('hello names no layouts; they are "1" and "2"')
    if unknown := sorted(set(hello.layouts) - {"1", "2"}):
        raise _WrongError(f"hello names layouts that don't exist: {', '.join(unknown)}")


def _layouts(stage: Stage) -> list[int]:
    return [int(layout) for layout in stage.adapter.hello.layouts]


def _interval(stage: Stage) -> None:
    for layout in _layouts(stage):
        stage.expect(stage.put(layout))


def _statuses(stage: Stage) -> None:
    for layout in _layouts(stage):
        for status in range(4 if layout == 2 else 3):
            stage.expect(stage.put(layout, status=status))


def _large(stage: Stage) -> None:
    """Numbers beyond the 53 bits of a double."""
    data = stage.put(_layouts(stage)[0], bound_ns=2**53 + 1)
    stage.expect(data, realtime_ns=2**60 + 1)
    stage.expect(data, realtime_ns=-(2**60) - 1)


def _negative(stage: Stage) -> None:
    stage.expect(
        stage.put(_layouts(stage)[0], as_of=(-5, 0), void_after=(-1, 0)), monotonic_ns=-4 * SECOND_NS
    )


def _no_file(stage: Stage) -> None:
    stage.segment.unlink(missing_ok=True)
    stage.expect(None)


def _refusals(stage: Stage) -> None:
    layout = _layouts(stage)[0]
    stage.expect(stage.put(layout, generation=0))
    stage.expect(stage.put(layout, version=9))
    stage.expect(stage.put(layout, bound_ns=-1))
    stage.expect(stage.put(layout), monotonic_ns=1)


def _opens_anew(stage: Stage) -> None:
    """Each compute opens the segment: another file in its place is seen at once."""
    layout = _layouts(stage)[0]
    stage.expect(stage.put(layout, bound_ns=5))
    try:
        stage.expect(stage.put(layout, bound_ns=6))
    except _WrongError as error:
        raise _WrongError(
            f"{error}. A compute outside a watch must open the segment anew and close it afterwards"
        ) from None


def _page(stage: Stage) -> None:
    if 2 not in _layouts(stage):
        return
    for marker in (7, 8):
        page = vmclock(marker=marker)
        data = stage.put(2, page, disruption_support=1, disruption_marker=7)
        stage.expect(data, page=page)


def _many(stage: Stage) -> None:
    """So many that a context that isn't closed each time, or a leak, shows."""
    data = stage.put(_layouts(stage)[0])
    for _ in range(300):
        stage.expect(data)


def _watch(stage: Stage) -> None:
    layout = _layouts(stage)[0]
    first = stage.put(layout, generation=2)
    answer = stage.adapter.watch(stage.segment, vmclock=stage.vmclock, count=3)
    if isinstance(answer, Unsupported):
        _supported(answer)
    if isinstance(answer, Refusal):
        raise _WrongError(f"watch refused a good segment with {answer.kind}")
    stage.expect(first)
    second = segment(layout, generation=4, bound_ns=5, byte_order=stage.config.byte_order)
    with stage.segment.open("r+b") as file:
        file.write(second)
    stage.expect(second)
    third = stage.put(layout, bound_ns=6)
    try:
        stage.expect(second)
    except _WrongError as error:
        raise _WrongError(
            f"{error}. After watch the context stays open for count computes; a fresh snapshot's file is not looked for "
            "again"
        ) from None
    try:
        stage.expect(third)
    except _WrongError as error:
        raise _WrongError(
            f"{error}. That was the compute after the last of the watch, which opens the segment anew"
        ) from None


def _repeat(stage: Stage) -> None:
    layout = _layouts(stage)[0]
    data = stage.put(layout)
    opened = stage.adapter.watch(stage.segment, vmclock=stage.vmclock, count=1)
    if isinstance(opened, Unsupported):
        _supported(opened)
    if isinstance(opened, Refusal):
        raise _WrongError(f"watch refused a good segment with {opened.kind}")
    runs = stage.adapter.repeat(stage.segment, realtime_ns=REALTIME_NS, monotonic_ns=MONOTONIC_NS, count=1000)
    if isinstance(runs, Unsupported):
        _supported(runs)
        return
    right = oracle.answer(
        data, realtime_ns=REALTIME_NS, monotonic_ns=MONOTONIC_NS, byte_order=stage.config.byte_order
    )
    assert isinstance(right, Interval)
    expected = f"{right.earliest_ns} {right.latest_ns} {right.status}"
    if wrong := [answer for _, answer in runs if answer != expected]:
        raise _WrongError(f"the segment stood still, so every answer is {expected}, not {wrong[0]}")
    if len(runs) != 1:
        raise _WrongError(
            f"{len(runs)} runs of equal answers; equal answers that follow each other are one run"
        )


def _now(stage: Stage) -> None:
    seconds, rest_ns = divmod(time.monotonic_ns(), SECOND_NS)
    stage.put(
        _layouts(stage)[0], as_of=(seconds, rest_ns), void_after=(seconds + 1000, 0), max_drift_ppb=1_000
    )
    before_ns, before_monotonic_ns = time.time_ns(), time.monotonic_ns()
    answer = _supported(stage.adapter.now(stage.segment))
    window = judge.Window(
        before_ns, before_monotonic_ns, time.monotonic_ns(), time.time_ns(), seconds * SECOND_NS + rest_ns
    )
    expected = {"bound_ns": "1000000", "max_drift_ppb": "1000", "status": "SYNCHRONIZED"}
    if words := judge.live_difference(expected, answer, window):
        raise _WrongError(words)


CHECKS = (
    Check("says hello", _hello),
    Check("computes an interval", _interval, "compute"),
    Check("knows every status", _statuses, "compute"),
    Check("keeps 64-bit integers exact", _large, "compute"),
    Check("takes negative readings", _negative, "compute"),
    Check("tells a missing file by its error kind", _no_file, "compute"),
    Check("tells refused segments by their error kinds", _refusals, "compute"),
    Check("opens the segment for each compute", _opens_anew, "compute"),
    Check("passes the VMClock page's path on", _page, "compute"),
    Check("closes what it opens", _many, "compute"),
    Check("keeps a context open for a watch", _watch, "watch"),
    Check("repeats a question", _repeat, "repeat"),
    Check("reads the clocks for now", _now, "now"),
)


def check(config: AdapterConfig, stream: IO[str]) -> bool:
    """Try everything with the adapter and say on ``stream`` what was found; True where nothing was wrong."""
    wrong_count = 0
    seen: dict[str, str] = {}  # what was wrong -> the first check that found it
    with tempfile.TemporaryDirectory(prefix="clockbound-smoke-") as place:
        for each in CHECKS:
            folder = Path(place) / each.name.replace(" ", "-")
            folder.mkdir()
            problem = _tried(config, each, folder)
            if problem is None:
                stream.write(f"ok     {each.name}\n")
                continue
            if problem.startswith("skip: "):
                stream.write(f"skip   {each.name}: {problem.removeprefix('skip: ')}\n")
                continue
            wrong_count += 1
            words = problem.partition("\n")[0]
            if words in seen:
                stream.write(f"WRONG  {each.name}: the same as in: {seen[words]}\n")
                continue
            seen[words] = each.name
            stream.write(f"WRONG  {each.name}: {problem}\n")
            if each.do is _hello:
                stream.write("       Nothing else can be tried before hello is right.\n")
                break
        else:
            for name, found in (
                ("stops when asked to", _stop(config)),
                ("ends with its input", _end(config)),
            ):
                stream.write(f"WRONG  {name}: {found}\n" if found else f"ok     {name}\n")
                wrong_count += bool(found)
    stream.write(
        f"{config.name}: {wrong_count} wrong\n"
        if wrong_count
        else f"{config.name}: ready for clockbound-conformance run\n"
    )
    return not wrong_count


@contextmanager
def _started(config: AdapterConfig) -> Iterator[Adapter]:
    timeout_s = min(config.timeout_s, SMOKE_TIMEOUT_S)
    adapter = Adapter(config.command, timeout_s=timeout_s, environment=config.environment)
    try:
        yield adapter
    finally:
        adapter.kill()


def _tried(config: AdapterConfig, each: Check, folder: Path) -> str | None:
    """What is wrong with an adapter that was started for this check alone; None where nothing is."""
    with _started(config) as adapter:
        try:
            adapter.__enter__()
            if each.feature is not None and each.feature not in adapter.hello.features:
                return f"skip: hello doesn't name {each.feature}"
            each.do(Stage(config, adapter, folder))
        except AdapterNotStarted:
            raise
        except _WrongError as error:
            return f"{error}{_lines(adapter)}"
        except AdapterFailure as failure:
            return f"{_explained(failure, adapter)}{_lines(adapter)}"
    return None


def _lines(adapter: Adapter) -> str:
    """Both lines of the last exchange, and what was said on standard error."""
    answer = "(none)" if adapter.last_answer is None else adapter.last_answer
    shown = f"\n         question: {adapter.last_question}\n         answer:   {answer}"
    return f"{shown}\n         stderr:   {adapter.stderr_tail}" if adapter.stderr_tail else shown


def _explained(failure: AdapterFailure, adapter: Adapter) -> str:
    if isinstance(failure, AdapterTimeout):
        if adapter.last_answer:
            return f"{failure.words}, only a piece of a line; does it end with a line feed?"
        return f"{failure.words}; is the output flushed after each line? Many languages hold back what is written to a pipe"
    if isinstance(failure, AdapterOtherProtocol):
        return f"the adapter speaks another version of the protocol; this suite speaks {protocol.VERSION}"
    if isinstance(failure, AdapterCrash):
        if failure.words.endswith("status 0"):
            return "the program ended before it was told to stop; read questions in a loop until stop or the end of input"
        return f"the program {failure.words}"
    assert isinstance(failure, AdapterBadAnswer)
    return failure.words


def _stop(config: AdapterConfig) -> str | None:
    with _started(config) as adapter:
        try:
            adapter.__enter__()
            adapter.stop()
        except AdapterTimeout as failure:
            if "after stop" in failure.words:
                return "the program still runs after it answered stop; exit with status 0 then"
            return f"{_explained(failure, adapter)}{_lines(adapter)}"
        except AdapterFailure as failure:
            if "after stop" in failure.words:
                return f"the program exits with another status than 0 after stop: {failure.words}"
            return f"{_explained(failure, adapter)}{_lines(adapter)}"
    return None


def _end(config: AdapterConfig) -> str | None:
    """The end of the input means stop, so that no adapter outlives the suite."""
    timeout_s = min(config.timeout_s, SMOKE_TIMEOUT_S)
    with subprocess.Popen(
        config.command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env={**os.environ, **config.environment},
        process_group=0,
    ) as process:
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            process.kill()
            return f"the program still runs {timeout_s:g} s after the end of its input; leave the loop there"
    return None
