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
from clockbound_daemon._candm import unpack_tracking_reply
from clockbound_daemon._layout import SegmentRecord, unpack_segment_v1, unpack_segment_v2
from clockbound_daemon.candm import Tracking
from clockbound_daemon.chrony import NoAnswerError
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

    def advance(self, by_ns: int) -> None:
        self.realtime += by_ns
        self.monotonic += by_ns

    def realtime_ns(self) -> int:
        return self.realtime

    def monotonic_ns(self) -> int:
        return self.monotonic

    def monotonic_coarse_ns(self) -> int:
        return self.monotonic - self.monotonic % COARSE_TICK_NS


class ScriptedChronyd:
    """Stands in for the client: answers as `answers` says, once for each question.

    A sample is the answer, a failure is raised by `ask`, and None is silence.
    """

    def __init__(self, clock: FakeClock) -> None:
        self.answers: deque[Tracking | NoSampleError | None] = deque()
        self.asked_monotonic_ns: list[int] = []
        self.fresh = True  # samples were taken just now
        self._clock = clock
        self._answer: Tracking | None = None
        self.waiting = False

    @property
    def has_answer(self) -> bool:
        """Whether `receive` would return at once, so that the loop would be woken."""
        return self.waiting and self._answer is not None

    def ask(self) -> None:
        self.asked_monotonic_ns.append(self._clock.monotonic)
        answer = self.answers.popleft()
        if isinstance(answer, NoSampleError):
            raise answer
        if answer is not None and self.fresh:
            answer = taken_at(answer, self._clock.realtime)
        self._answer, self.waiting = answer, True

    def receive(self) -> Tracking | None:
        if self._answer is not None:
            self.waiting = False
        return self._answer

    def give_up(self, waited_ns: int) -> NoAnswerError:
        self.waiting = False
        return NoAnswerError(f"no answer within {waited_ns} ns")


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

    def __init__(self, run_dir: Path, chronyd_socket: Path | str, *options: str, log_path: Path) -> None:
        self.run_dir = run_dir
        command = [sys.executable, "-m", "clockbound_daemon", "--max-drift-rate", "50"]
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
