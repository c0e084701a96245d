"""The demonstration: a real chronyd, the daemon, and a Python and a C client that answer the same interval.

    python -m clockbound_conformance.demo [--seconds N] [--chronyd-socket PATH]

Without --chronyd-socket a private pair of chronyd is started (lab.py): the server runs at a known offset from this
machine's clock, so true time is known and every interval can be checked against it. The server is then stopped, which
turns the status to FREE_RUNNING and lets the bound grow, and started again. True time moves away from the system clock
by RATE_PPB all the while: an interval that did not grow would lose it within seconds.

Exit status: 0 when both clients agreed on every reading and true time was inside every interval (and every phase was
seen), 1 when not, 2 when the demonstration could not be set up, 130 when it was interrupted.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import os
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from clockbound_conformance.adapter import Adapter, AdapterFailure
from clockbound_conformance.lab import Chronyd, ServerAndClient
from clockbound_conformance.processes import (
    LabError,
    ManagedProcess,
    find_program,
    unwinding_on_signals,
    wait_until,
)
from clockbound_conformance.readings import Reading, Tally, Truth, take_reading
from clockbound_conformance.table import Table, microseconds

OFFSET_NS = (
    1_000_000  # true time is the system clock + 1 ms at first: large enough to see, small beside the growth
)
RATE_PPB = 20_000  # and drifts away from it by 20 microseconds a second
MAX_DRIFT_PPM = 50  # what the daemon and the private chronyd assume the drift to be at most
DAEMON_POLL_INTERVAL_S = 0.25  # a sample is stale after 8 polls, so FREE_RUNNING shows 2 s after the loss
SEGMENT_NAME = "shm0"

DEFAULT_SECONDS = 36.0
LEAST_SECONDS = 16.0  # less, and no phase is long enough to be seen
MOST_SECONDS = 1800.0  # more, and the stopped server's share outlasts the 1000 s of the daemon's guarantee
SYNCHRONISED_SHARE, STOPPED_SHARE = 0.25, 0.45  # the rest of the time belongs to the return
READING_INTERVAL_S = 0.1
ROW_INTERVAL_S = 1.0
SEGMENT_TIMEOUT_S = 30.0
PATIENCE_S = 30.0  # how much longer a phase may last on a machine that is too busy to show it in its time

EXIT_WRONG, EXIT_NOT_SET_UP, EXIT_INTERRUPTED = 1, 2, 130

PYTHON, C = "Python", "C"
BUILD_C_ADAPTER = (
    "build it with cmake -S clients/c -B build -DCLOCKBOUND_BUILD_ADAPTER=ON && cmake --build build, and name it with "
    "--c-adapter or CLOCKBOUND_C_ADAPTER"
)


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parse(arguments)
    screen = Screen(Table((PYTHON, C), coloured=_wants_colour()))
    try:
        with unwinding_on_signals():
            return _run(options, screen)
    except BrokenPipeError:
        # Whoever read the table has gone (head, say); Python's own flush at exit must not complain of it again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_INTERRUPTED
    except (LabError, AdapterFailure, OSError) as error:
        screen.say(screen.table.bad(f"The demonstration could not go on: {error}"))
        return EXIT_NOT_SET_UP
    except KeyboardInterrupt:
        screen.say("Interrupted; everything that was started has been ended.")
        return EXIT_INTERRUPTED


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="clockbound-conformance demo",
        description="Show a real chronyd, the daemon and two clients that return the same interval.",
    )
    parser.add_argument(
        "--chronyd-socket",
        type=Path,
        metavar="PATH",
        help="use the chronyd behind this socket, not a private pair",
    )
    parser.add_argument(
        "--seconds",
        type=_seconds,
        default=DEFAULT_SECONDS,
        help="how long, after set-up, unless the machine is too busy to show each phase in its time (default: %(default)g)",
    )
    parser.add_argument(
        "--c-adapter",
        default=os.environ.get("CLOCKBOUND_C_ADAPTER"),
        metavar="PATH",
        help="the program clockbound-adapter-c (default: $CLOCKBOUND_C_ADAPTER, else from PATH)",
    )
    parser.add_argument(
        "--python-adapter",
        default=os.environ.get("CLOCKBOUND_PYTHON_ADAPTER"),
        metavar="PATH",
        help="adapters/python/adapter.py (default: $CLOCKBOUND_PYTHON_ADAPTER, else from the source tree)",
    )
    options = parser.parse_args(arguments)
    if options.chronyd_socket is None and options.seconds < LEAST_SECONDS:
        parser.error(
            f"--seconds {options.seconds:g}: at least {LEAST_SECONDS:g} are needed to see every phase"
        )
    return options


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 1.0 <= seconds <= MOST_SECONDS:
        raise argparse.ArgumentTypeError(
            f"{text!r}: a number of seconds from 1 to {MOST_SECONDS:g} is expected"
        )
    return seconds


def _wants_colour() -> bool:
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


class Screen:
    """Prints a line at a time, at once: progress must be seen also through a pipe."""

    def __init__(self, table: Table) -> None:
        self.table = table

    def say(self, text: str = "") -> None:
        print(text, flush=True)

    def step(self, text: str) -> None:
        self.say(f"{self.table.strong('==>')} {text}")


@dataclass
class Stage:
    """What is on it: the segment that the daemon writes, the clients, and the truth where it is known."""

    screen: Screen
    daemon: ManagedProcess
    segment: Path
    adapters: Mapping[str, Adapter]
    tally: Tally

    @property
    def truth(self) -> Truth | None:
        return self.tally.truth

    def play(
        self, seconds: float, until: Callable[[list[Reading]], bool] = lambda readings: True
    ) -> list[Reading]:
        """Take readings for so long, print a row a second and at each change of status, return the readings.

        It takes longer, but at most by ``PATIENCE_S``, where ``until`` doesn't hold for the readings yet.
        """
        readings: list[Reading] = []
        end_s = time.monotonic() + seconds
        row_s = time.monotonic()
        shown_status = None
        while (now_s := time.monotonic()) < end_s or (now_s < end_s + PATIENCE_S and not until(readings)):
            self._see_daemon_runs()
            reading = take_reading(self.segment, self.adapters)
            if reading is None:
                self.tally.skipped_count += 1
                continue
            self.tally.add(reading)
            readings.append(reading)
            if now_s >= row_s or reading.status != shown_status:
                self.screen.say(self.screen.table.row(reading, self.truth))
                shown_status = reading.status
                row_s += ROW_INTERVAL_S if now_s >= row_s else 0.0
            time.sleep(READING_INTERVAL_S)
        return readings

    def _see_daemon_runs(self) -> None:
        if not self.daemon.running:
            raise LabError(
                f"the daemon ended with status {self.daemon.returncode}; it said:\n{self.daemon.log_tail()}"
            )


def _run(options: argparse.Namespace, screen: Screen) -> int:
    began_s = time.monotonic()
    commands = Commands.find(options)
    with contextlib.ExitStack() as stack:
        pair: ServerAndClient | None = None
        if options.chronyd_socket is None:
            screen.step("Starting a private pair of chronyd (with -x: they never touch this machine's clock)")
            pair = stack.enter_context(
                ServerAndClient(
                    offset_ns=OFFSET_NS,
                    rate_ppb=RATE_PPB,
                    max_clock_error_ppm=MAX_DRIFT_PPM,
                    progress=lambda line: screen.say(f"    {line}"),
                )
            )
            socket_path = pair.client.socket_path
            screen.say(
                f"    true time = system clock + {OFFSET_NS / 1e6:.3f} ms + {RATE_PPB / 1e3:g} microseconds a second"
            )
        else:
            socket_path = options.chronyd_socket
            _check_socket(socket_path)
        stage = stack.enter_context(_stage(commands, screen, socket_path, pair))
        screen.step(f"Ready after {time.monotonic() - began_s:.1f} s")
        screen.say()
        screen.say(screen.table.header())
        if pair is None:
            return _show_own_chronyd(options, stage)
        return _show_pair(options, stage, pair.server)


@dataclass(frozen=True)
class Commands:
    """The programs that the demonstration runs, all found before the first one starts."""

    daemon: list[str]
    python_adapter: list[str]
    c_adapter: list[str]

    @classmethod
    def find(cls, options: argparse.Namespace) -> Commands:
        daemon = _program("clockbound", "install the daemon: pip install ./daemon")
        return cls([str(daemon)], _python_adapter(options), [str(_c_adapter(options))])


def _program(name: str, remedy: str) -> Path:
    """Prefer the program of this Python's own environment, which need not be on PATH."""
    beside = shutil.which(name, path=str(Path(sys.executable).parent))
    return Path(beside) if beside else find_program(name, remedy=remedy)


def _c_adapter(options: argparse.Namespace) -> Path:
    if not options.c_adapter:
        return _program("clockbound-adapter-c", BUILD_C_ADAPTER)
    path = Path(options.c_adapter)
    if not os.access(path, os.X_OK):
        raise LabError(f"{path}: no such program; {BUILD_C_ADAPTER}")
    return path


def _python_adapter(options: argparse.Namespace) -> list[str]:
    in_tree = Path("adapters/python/adapter.py")
    candidates = [Path.cwd() / "conformance" / in_tree, Path(__file__).parents[2] / in_tree]
    if options.python_adapter:
        candidates = [Path(options.python_adapter)]
    for path in candidates:
        if path.is_file():
            return [sys.executable, str(path)]
    raise LabError(
        f"{candidates[0]}: the Python adapter isn't there; run this from the root of the source tree, or name it with "
        "--python-adapter or CLOCKBOUND_PYTHON_ADAPTER"
    )


def _check_socket(path: Path) -> None:
    try:
        path.stat()
    except PermissionError:
        raise LabError(
            f"{path}: this user may not enter the directory; run as root or as chronyd's user"
        ) from None
    except FileNotFoundError:
        raise LabError(f"{path}: no such socket; start chronyd, or leave --chronyd-socket away") from None


@contextlib.contextmanager
def _stage(
    commands: Commands, screen: Screen, socket_path: Path, pair: ServerAndClient | None
) -> Iterator[Stage]:
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="clockbound-demo-")))
        screen.step(f"Starting the daemon on {socket_path}")
        daemon = stack.enter_context(_start_daemon(commands, directory, socket_path))
        screen.step("Starting the clients")
        adapters = {
            name: stack.enter_context(Adapter(command))
            for name, command in ((PYTHON, commands.python_adapter), (C, commands.c_adapter))
        }
        for adapter in adapters.values():
            screen.say(f"    {adapter.hello.name}: {adapter.hello.library} {adapter.hello.version}")
        tally = Tally(None if pair is None else pair.truth_ns)
        stage = Stage(screen, daemon, directory / SEGMENT_NAME, adapters, tally)
        _wait_for_segment(stage, synchronised=pair is not None)
        yield stage


def _start_daemon(commands: Commands, directory: Path, socket_path: Path) -> ManagedProcess:
    command = [
        *commands.daemon,
        *("--run-dir", str(directory)),
        *("--chronyd-socket", str(socket_path)),
        *("--max-drift-rate", str(MAX_DRIFT_PPM)),
        *("--poll-interval", str(DAEMON_POLL_INTERVAL_S)),
    ]
    return ManagedProcess(command, log_path=directory / "daemon.log")


def _wait_for_segment(stage: Stage, *, synchronised: bool) -> None:
    """Wait for the daemon's first publication, and for a synchronised one where that is sure to come."""

    def ready() -> bool:
        if not stage.daemon.running:
            return True
        if not stage.segment.exists():
            return False
        reading = take_reading(stage.segment, stage.adapters)
        return reading is not None and (reading.status == "SYNCHRONIZED" or not synchronised)

    if not wait_until(ready, timeout_s=SEGMENT_TIMEOUT_S, interval_s=0.1) or not stage.daemon.running:
        what = "a synchronised segment" if synchronised else "a segment"
        raise LabError(
            f"{stage.segment}: no {what} within {SEGMENT_TIMEOUT_S:g} s; the daemon "
            f"({shlex.join(stage.daemon.command)}) said:\n{stage.daemon.log_tail()}"
        )


def _show_pair(options: argparse.Namespace, stage: Stage, server: Chronyd) -> int:
    screen = stage.screen
    synchronised = stage.play(
        options.seconds * SYNCHRONISED_SHARE, lambda readings: _ends_with(readings, "SYNCHRONIZED")
    )
    screen.step("Stopping the server: nobody tells chronyd the time any more")
    server.terminate()
    stopped = stage.play(
        options.seconds * STOPPED_SHARE, lambda readings: _ends_with(readings, *["FREE_RUNNING"] * 2)
    )
    screen.step("Starting the server again")
    server.start()
    back = stage.play(
        options.seconds * (1 - SYNCHRONISED_SHARE - STOPPED_SHARE),
        lambda readings: not _missing(synchronised, stopped, readings),
    )
    return _summarise(stage, _missing(synchronised, stopped, back))


def _show_own_chronyd(options: argparse.Namespace, stage: Stage) -> int:
    stage.play(options.seconds)
    code = _summarise(stage, [])
    stage.screen.say(
        "  This chronyd isn't ours, so it was not stopped, and what true time is nobody here can know."
    )
    if stage.tally.statuses == ["UNKNOWN"]:
        stage.screen.say(f"  Why the status is UNKNOWN, the daemon says:\n{stage.daemon.log_tail()}")
    return code


def _ends_with(readings: list[Reading], *statuses: str) -> bool:
    return [reading.status for reading in readings[-len(statuses) :]] == [*statuses]


def _missing(synchronised: list[Reading], stopped: list[Reading], back: list[Reading]) -> list[str]:
    """Say which parts of the demonstration were not seen."""
    widths = [reading.interval.width_ns for reading in stopped if reading.interval is not None]
    free_running = [
        reading.interval.width_ns
        for reading in stopped
        if reading.interval is not None and reading.status == "FREE_RUNNING"
    ]
    last = back[-1] if back else None
    checks = {
        # A chronyd that a busy machine holds up for longer than the daemon waits makes it FREE_RUNNING for a moment.
        "SYNCHRONIZED at first": _ends_with(synchronised, "SYNCHRONIZED")
        and all(reading.status in ("SYNCHRONIZED", "FREE_RUNNING") for reading in synchronised),
        "FREE_RUNNING after the server had stopped": bool(free_running)
        and stopped[-1].status == "FREE_RUNNING",
        "a bound that grew at every reading while free-running": len(free_running) > 1
        and all(earlier < later for earlier, later in itertools.pairwise(free_running)),
        "SYNCHRONIZED at the end": last is not None and last.status == "SYNCHRONIZED",
        "a narrower interval at the end than without the server": last is not None
        and last.interval is not None
        and bool(widths)
        and last.interval.width_ns < widths[-1],
    }
    return [what for what, seen in checks.items() if not seen]


def _summarise(stage: Stage, missing: list[str]) -> int:
    screen, table, tally = stage.screen, stage.screen.table, stage.tally
    passed = tally.passed and not missing

    def counted(count: int) -> str:
        text = f"{count} of {tally.readings_count}"
        return table.good(text) if count == tally.readings_count else table.bad(text)

    screen.say()
    screen.say(table.strong("Summary"))
    screen.say(f"  readings given to both clients    {tally.readings_count}")
    if tally.skipped_count:
        screen.say(f"  left out (the segment changed)    {tally.skipped_count}")
    screen.say(f"  Python and C agreed               {counted(tally.agreed_count)}")
    screen.say(f"  as calculated independently       {counted(tally.expected_count)}")
    if tally.truth is not None and tally.least_margin_ns is not None:
        closest = microseconds(tally.least_margin_ns)
        screen.say(
            f"  true time inside every interval   {counted(tally.inside_count)}, at least {closest} from an end"
        )
    screen.say(f"  status                            {' -> '.join(tally.statuses)}")
    for what in missing:
        screen.say(table.bad(f"  not seen: {what}"))
    for reading in tally.wrong:
        screen.say(table.bad(f"  wrong: {_described(reading, tally.truth)}"))
    screen.say(table.good("  PASSED") if passed else table.bad("  FAILED"))
    return 0 if passed else EXIT_WRONG


def _described(reading: Reading, truth: Truth | None) -> str:
    answers = "; ".join(f"{name}: {answer}" for name, answer in reading.answers.items())
    live = "; ".join(f"{name}: {live}" for name, live in reading.live.items())
    text = (
        f"realtime_ns={reading.realtime_ns} monotonic_ns={reading.monotonic_ns} {answers}; "
        f"calculated: {reading.expected}; live: {live}"
    )
    return text if truth is None else f"{text}; truth_ns={truth(reading.realtime_ns)}"


if __name__ == "__main__":
    sys.exit(main())
