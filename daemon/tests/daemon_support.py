"""What the tests share: samples, a clock that stands still, a chronyd that says what it is told, a daemon to run."""

from __future__ import annotations

import json
import socket
import sys
from collections import deque
from fractions import Fraction
from pathlib import Path
from typing import Any

from clockbound_conformance.processes import ManagedProcess, wait_until
from clockbound_daemon._candm import CandmCommand, unpack_tracking_reply
from clockbound_daemon._layout import (
    SegmentRecord,
    Vmclock,
    pack_vmclock,
    unpack_segment_v1,
    unpack_segment_v2,
)
from clockbound_daemon.candm import TRACKING, Done, Question, Tracking
from clockbound_daemon.chrony import ChronydError, NoAnswerError
from clockbound_daemon.errors import NoSampleError
from clockbound_daemon.service import SystemClock
from clockbound_spec.candm import TRACKING_REPLY, TRACKING_REQUEST

SECOND_NS = 1_000_000_000
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
    return Tracking(unpack_tracking_reply(datagram))


def taken_at(sample: Tracking, realtime_ns: int) -> Tracking:
    """`sample` as of another instant."""
    seconds, nanoseconds = divmod(realtime_ns, SECOND_NS)
    return Tracking(
        sample._reply._replace(ref_time_sec_high=0, ref_time_sec_low=seconds, ref_time_nsec=nanoseconds)
    )


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
        self.forced = False
        self._force = False

    def usr1(self) -> None:
        self._force = self.forced = True

    def usr2(self) -> None:
        self.forced = False

    def take_forced(self) -> bool:
        forced, self._force = self._force, False
        return forced


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
        self.socket.settimeout(5)
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


class Daemon(ManagedProcess):
    """The daemon as a process of its own, on segments in `run_dir`."""

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
        command = [*within, sys.executable, *program, "--max-drift-rate", "50"]
        command += ["--run-dir", str(run_dir), "--chronyd-socket", str(chronyd_socket), *options]
        super().__init__(command, log_path=log_path)

    def layout_1(self) -> SegmentRecord:
        return unpack_segment_v1((self.run_dir / "shm").read_bytes())

    def layout_2(self) -> SegmentRecord:
        """A consistent snapshot: the same even generation before and after."""
        while True:
            before = unpack_segment_v2((self.run_dir / "shm0").read_bytes())
            after = unpack_segment_v2((self.run_dir / "shm0").read_bytes())
            if before == after and not before.generation % 2:
                return before

    def wait_for(self, status: int, timeout_s: float = 10.0) -> SegmentRecord:
        """The first record of `status`."""

        def there() -> bool:
            assert self.running, self.log()
            return (self.run_dir / "shm0").exists() and self.layout_2().clock_status == status

        assert wait_until(there, timeout_s=timeout_s, interval_s=0.005), self.log()
        return self.layout_2()

    def events(self) -> list[dict[str, Any]]:
        """What it logged, when run with --json-output."""
        return [json.loads(line) for line in self.log().splitlines()]
