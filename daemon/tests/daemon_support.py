"""What the tests share: samples, a clock that stands still, a chronyd that says what it is told, a daemon to run."""

from __future__ import annotations

import gc
import json
import os
import re
import socket
import sys
import time
from collections import deque
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from clockbound_conformance.processes import ManagedProcess, wait_until
from clockbound_daemon._candm import CandmCommand, pack_tracking_reply
from clockbound_daemon._layout import (
    ClockStatus,
    SegmentRecord,
    Vmclock,
    pack_vmclock,
    unpack_segment_v1,
    unpack_segment_v2,
)
from clockbound_daemon.candm import TRACKING, Done, Question, Tracking, sample_of
from clockbound_daemon.chrony import ChronydError, NoAnswerError
from clockbound_daemon.errors import NoSampleError
from clockbound_daemon.service import SystemClock
from clockbound_spec.candm import TRACKING_REPLY, TRACKING_REQUEST
from held_up import LOOK_INTERVAL_S, GapWatch

SECOND_NS = 1_000_000_000
#: What other processes do is waited for as long: a busy machine may hold them up, and only a fault takes the time.
WAIT_S = 30.0
#: Lines for the end of the run.
LINES = pytest.StashKey[list[str]]()
COARSE_TICK_NS = 4_000_000
NTP_SOURCE = 0x7F450101
REALTIME_NS = 1_700_000_000 * SECOND_NS
MONOTONIC_NS = 1_000 * SECOND_NS


def q89(seconds: Fraction | int | str) -> int:
    """`seconds` as a whole number of 2**-89 s; it must be one."""
    value = Fraction(seconds) * 2**89
    assert value.denominator == 1
    return value.numerator


def tracking(*, ref_time_ns: int = REALTIME_NS, **changes: Any) -> Tracking:
    """A good sample, taken at `REALTIME_NS`: its bound is 1/4 + 1/8 + 1/16/2 s, which is 406,250,000 ns.

    Floats are given as fractions, in seconds or ppm; they must be values that a float has.
    """
    seconds, nanoseconds = divmod(ref_time_ns, SECOND_NS)
    changes["ref_time"] = {"sec_high": seconds >> 32, "sec_low": seconds & 0xFFFFFFFF, "nsec": nanoseconds}
    datagram = reply(**changes)
    for name, value in changes.items():
        assert name == "ref_time" or TRACKING_REPLY.parse(datagram)[name] == value
    return sample_of(datagram)


def taken_at(sample: Tracking, realtime_ns: int) -> Tracking:
    """`sample` as of another instant."""
    seconds, nanoseconds = divmod(realtime_ns, SECOND_NS)
    reply = sample._reply._replace(ref_time_sec_high=0, ref_time_sec_low=seconds, ref_time_nsec=nanoseconds)
    return sample_of(pack_tracking_reply(reply))


SAMPLE_BOUND_NS = 406_250_000


def reply_fields(sequence: int = 7, **changes: Any) -> dict[str, Any]:
    """What construct builds a good TRACKING reply from."""
    fields: dict[str, Any] = {
        "status": 0,
        "sequence": sequence,
        "ref_id": NTP_SOURCE,
        "ip_addr": {"address": bytes([127, 69, 1, 1]) + bytes(12), "family": 1},
        "stratum": 2,
        "leap_status": 0,
        "ref_time": {"sec_high": 0, "sec_low": 1_700_000_000, "nsec": 5},
        "current_correction": Fraction(1, 4),
        "last_offset": Fraction(-1, 1024),
        "rms_offset": Fraction(1, 2048),
        "freq_ppm": Fraction(-20),
        "resid_freq_ppm": Fraction(1, 64),
        "skew_ppm": Fraction(1, 8),
        "root_delay": Fraction(1, 16),
        "root_dispersion": Fraction(1, 8),
        "last_update_interval": Fraction(1),
    }
    return fields | changes


def reply(sequence: int = 7, **changes: Any) -> bytes:
    """A TRACKING reply as chronyd sends it, built by construct from the spec's declaration."""
    built: bytes = TRACKING_REPLY.build(reply_fields(sequence, **changes))
    return built


def descriptors_count() -> int:
    """Those of this process that are open; those that earlier tests left to the garbage collector are not."""
    gc.collect()
    return len(os.listdir("/proc/self/fd"))


class FakeClock(SystemClock):
    """All clocks in the test's hand."""

    def __init__(self) -> None:
        self.realtime = REALTIME_NS
        self.monotonic = MONOTONIC_NS
        self.suspended = 0
        self.ticking = False  # the coarse clocks have a tick between any two readings

    def step(self, by_ns: int) -> None:
        """Somebody sets the clock."""
        self.realtime += by_ns

    def suspend(self, for_ns: int) -> None:
        """The machine sleeps: CLOCK_MONOTONIC doesn't count that."""
        self.realtime += for_ns
        self.suspended += for_ns

    def advance(self, by_ns: int) -> None:
        self.realtime += by_ns
        self.monotonic += by_ns

    def realtime_ns(self) -> int:
        return self.realtime

    def monotonic_ns(self) -> int:
        return self.monotonic

    def monotonic_coarse_ns(self) -> int:
        return self.monotonic - self._since_tick_ns()

    def realtime_coarse_ns(self) -> int:
        return self.realtime - self._since_tick_ns()

    def suspended_ns(self) -> int:
        return self.suspended

    def _since_tick_ns(self) -> int:
        if self.ticking:
            self.advance(COARSE_TICK_NS)
        return self.monotonic % COARSE_TICK_NS


class ScriptedChronyd:
    """Stands in for the client: answers as `answers` says, once for each question.

    A sample is the answer, a failure is raised by `ask`, and None is silence. Orders are obeyed, unless
    `obeyed` has something else to say to them; they are no questions.
    """

    def __init__(self, clock: FakeClock) -> None:
        self.answers: deque[Tracking | NoSampleError | None] = deque()
        self.obeyed: deque[Done | NoSampleError | None] = deque()
        self.asked_monotonic_ns: list[int] = []
        self.ordered: list[tuple[int, CandmCommand]] = []  # CLOCK_MONOTONIC (ns) and what
        self.fresh = True  # samples were taken just now
        self._clock = clock
        self._answer: Tracking | Done | NoSampleError | None = None
        self.waiting = False

    @property
    def has_answer(self) -> bool:
        """Whether `receive` would return at once, so that the loop would be woken."""
        return self.waiting and self._answer is not None

    def ask(self, question: Question) -> None:
        if question is not TRACKING:
            self.ordered.append((self._clock.monotonic, question.command))
            self._answer = self.obeyed.popleft() if self.obeyed else Done()
            self.waiting = not isinstance(self._answer, ChronydError)
            if isinstance(self._answer, ChronydError):
                raise self._answer
            return
        self.asked_monotonic_ns.append(self._clock.monotonic)
        answer = self.answers.popleft()
        if isinstance(answer, NoSampleError):
            raise answer
        if answer is not None and self.fresh:
            answer = taken_at(answer, self._clock.realtime)
        self._answer, self.waiting = answer, True

    def receive(self) -> Tracking | Done | None:
        if self._answer is not None:
            self.waiting = False
        if isinstance(self._answer, NoSampleError):
            raise self._answer
        return self._answer

    def abandon(self) -> None:
        self.waiting = False

    def give_up(self, waited_ns: int) -> NoAnswerError:
        self.waiting = False
        return NoAnswerError(f"no answer within {waited_ns} ns")


class FakeSignals:
    """SIGUSR1 and SIGUSR2 without a process."""

    def __init__(self) -> None:
        self.forced = self.was_forced = False

    def usr1(self) -> None:
        self.was_forced = self.forced = True

    def usr2(self) -> None:
        self.forced = False


class FakePage:
    """A VMClock page as a file, written field by field, as a hypervisor writes its own."""

    def __init__(self, path: Path, marker: int = 0) -> None:
        self.path = path
        self.seq_count = 2
        self.replace(marker)

    def replace(self, marker: int) -> None:
        """Another file under the same name."""
        new = self.path.with_name(self.path.name + ".new")
        new.write_bytes(pack_vmclock(Vmclock(size=104, seq_count=self.seq_count, disruption_marker=marker)))
        new.rename(self.path)

    def disrupt(self, marker: int) -> None:
        """Change the marker."""
        self.begin()
        self._write(16, marker.to_bytes(8, "little"))
        self.end()

    def begin(self) -> None:
        """Begin an update: from now on the counter is odd."""
        self.seq_count += 1
        self._write(12, self.seq_count.to_bytes(4, "little"))

    end = begin

    def _write(self, offset_bytes: int, value: bytes) -> None:
        with self.path.open("r+b") as page:
            page.seek(offset_bytes)
            page.write(value)


class FakeChronyd:
    """A socket where chronyd's would be; the test answers by hand."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.socket.settimeout(WAIT_S)
        self.client = ""
        self.sequences: list[int] = []

    def take(self) -> int:
        """The number of the next request."""
        datagram, self.client = self.socket.recvfrom(2048)
        sequence: int = TRACKING_REQUEST.parse(datagram).sequence
        self.sequences.append(sequence)
        return sequence

    def send(self, *datagrams: bytes) -> None:
        for datagram in datagrams:
            self.socket.sendto(datagram, self.client)


def consistent(segment: Path) -> SegmentRecord | None:
    """What is in a segment of layout 2; None while it is being written."""
    before, after = segment.read_bytes(), segment.read_bytes()
    record = unpack_segment_v2(before)
    return record if before == after and not record.generation % 2 else None


class Daemon(ManagedProcess):
    """The daemon as a process of its own, on segments in `run_dir`."""

    _changes_count = 0  # changes of the status that the log tells of and that are done with

    def __init__(
        self,
        run_dir: Path,
        chronyd_socket: Path | str,
        *options: str,
        log_path: Path,
        program: tuple[str, ...] = ("-m", "clockbound_daemon"),
        within: tuple[str, ...] = (),
    ) -> None:
        """`within` is a command that runs another, in a namespace say."""
        self.run_dir = run_dir
        self.log_path = log_path
        self._changes_count = len(
            self._changes()
        )  # those of the daemons before it that wrote into the same file
        command = [*within, sys.executable, *program, "--max-drift-rate", "50"]
        command += ["--run-dir", str(run_dir), "--chronyd-socket", str(chronyd_socket), *options]
        super().__init__(command, log_path=log_path)

    def layout_1(self) -> SegmentRecord:
        return unpack_segment_v1((self.run_dir / "shm").read_bytes())

    def layout_2(self) -> SegmentRecord:
        """A consistent snapshot: the same even generation before and after."""
        deadline_s = time.monotonic() + WAIT_S
        while time.monotonic() < deadline_s:
            if (record := consistent(self.run_dir / "shm0")) is not None:
                return record
        raise AssertionError(f"an update without an end: {self.log()}")

    def wait_for(self, status: int, timeout_s: float = WAIT_S) -> SegmentRecord:
        """The first record that is seen of `status`, which has to last long enough to be seen."""
        record = None

        def there() -> bool:
            nonlocal record
            assert self.running, self.log()
            record = self.layout_2() if (self.run_dir / "shm0").exists() else None
            return record is not None and record.clock_status == status

        assert wait_until(there, timeout_s=timeout_s, interval_s=0.005), self.log()
        assert record is not None
        self._heard(status)
        return record

    def wait_to_pass(self, status: int) -> None:
        """Until it is in `status`, or has been since the last wait; for one that may be over before anybody looks."""

        def passed() -> bool:
            if self._heard(status):
                return True
            assert self.running, self.log()
            return (self.run_dir / "shm0").exists() and self.layout_2().clock_status == status

        assert wait_until(passed, timeout_s=WAIT_S, interval_s=0.005), self.log()

    def wait_for_log(self, text: str, count: int = 1) -> None:
        """Until it has logged `text`, so many times."""
        assert wait_until(lambda: self.log().count(text) >= count, timeout_s=WAIT_S), self.log()

    def _changes(self) -> list[str]:
        """To which statuses it changed, as the log tells."""
        return re.findall(r"\w+ -> (\w+), bound", self.log()) if self.log_path.exists() else []

    def _heard(self, status: int) -> bool:
        """Whether the log tells of a change to `status` that nobody has waited for; it, and those before it, are done with."""
        changes, name = self._changes(), ClockStatus(status).name
        if name not in changes[self._changes_count :]:
            return False
        self._changes_count = changes.index(name, self._changes_count) + 1
        return True

    def longest_gap_s(self, seconds: float) -> float:
        """The longest time between two publishes while so many seconds pass; the machine's doing doesn't count."""
        deadline_s = time.monotonic() + seconds
        watch = GapWatch()
        while time.monotonic() < deadline_s:
            watch.look(self.layout_2().generation, self.pid)
            time.sleep(LOOK_INTERVAL_S)
        return watch.longest_ns / SECOND_NS

    def events(self) -> list[dict[str, Any]]:
        """What it logged, when run with --json-output."""
        return [json.loads(line) for line in self.log().splitlines()]
