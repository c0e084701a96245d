"""Programs that cannot outlive the one who started them.

A laboratory that leaves a chronyd behind is worse than no laboratory. Each program is therefore started together with
a guard: a shell that waits on a pipe whose other end only this process holds. The kernel closes that end however this
process ends, SIGKILL included, and the guard then kills the program.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

TERMINATE_TIMEOUT_S = 20.0  # only a program that hangs takes it
POLL_INTERVAL_S = 0.02
LOG_TAIL_BYTES = 4096

# Program directories that a user's PATH often leaves out.
SYSTEM_PROGRAM_DIRS = ("/usr/local/sbin", "/usr/sbin", "/sbin")

_GUARD = 'read -r _ || :; kill -KILL "$1" 2>/dev/null'


class LabError(RuntimeError):
    """Something that the laboratory needs is missing or did not start; the message says what to do."""


def find_program(name: str, *, remedy: str) -> Path:
    """Return the path of program ``name`` from PATH or the system's program directories."""
    found = shutil.which(name) or shutil.which(name, path=os.pathsep.join(SYSTEM_PROGRAM_DIRS))
    if found is None:
        searched = os.pathsep.join((os.environ.get("PATH", ""), *SYSTEM_PROGRAM_DIRS))
        raise LabError(f"{name}: no such program in {searched}; {remedy}")
    return Path(found)


def wait_until(
    condition: Callable[[], bool], *, timeout_s: float, interval_s: float = POLL_INTERVAL_S
) -> bool:
    """Poll ``condition`` until it holds (True) or ``timeout_s`` has passed (False)."""
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() >= deadline_s:
            return False
        time.sleep(interval_s)
    return True


class ManagedProcess:
    """A running program whose output goes to a log file; a context manager that ends it.

    The methods that send signals may be called in any order and at any time; on a program that has ended they do
    nothing. One thread at a time may use an instance.
    """

    def __init__(
        self, command: Sequence[str], *, log_path: Path, environment: Mapping[str, str] | None = None
    ) -> None:
        self.command = tuple(command)
        self.log_path = log_path
        with log_path.open("ab") as log:
            try:
                # Its own process group: Ctrl-C reaches the owner alone, which then ends its programs in order.
                self._process = subprocess.Popen(
                    self.command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=None if environment is None else dict(environment),
                    process_group=0,
                )
            except OSError as error:
                raise LabError(f"{self.command[0]}: cannot be run: {error.strerror}") from error
        try:
            self._guard = subprocess.Popen(
                ["/bin/sh", "-c", _GUARD, "guard", str(self._process.pid)],
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                process_group=0,
            )
        except BaseException:
            self._process.kill()
            self._process.wait()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """Exit status, negative for a signal; None while the program runs."""
        return self._process.poll()

    @property
    def running(self) -> bool:
        return self._process.poll() is None

    @property
    def guard_pid(self) -> int:
        return self._guard.pid

    @property
    def guard_running(self) -> bool:
        return self._guard.poll() is None

    def log(self) -> str:
        """Everything that the program has printed so far."""
        return self.log_path.read_text(encoding="utf-8", errors="replace")

    def log_tail(self) -> str:
        """The end of the log, indented, for an error message."""
        lines = self.log()[-LOG_TAIL_BYTES:].strip().splitlines()
        return "\n".join(f"    {line}" for line in lines) or "    (it printed nothing)"

    def stop(self) -> None:
        """Freeze the program (SIGSTOP): it keeps its sockets and answers nobody."""
        self._send(signal.SIGSTOP)

    def cont(self) -> None:
        """Let a frozen program go on (SIGCONT)."""
        self._send(signal.SIGCONT)

    def terminate(self, timeout_s: float = TERMINATE_TIMEOUT_S) -> None:
        """Ask the program to exit (SIGTERM) and kill it if it has not within ``timeout_s``."""
        self._send(signal.SIGTERM)
        self._send(signal.SIGCONT)  # a stopped program sees SIGTERM only when it goes on
        try:
            self._process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
        self._finish()

    def kill(self) -> None:
        """End the program at once (SIGKILL); it cleans nothing up."""
        self._send(signal.SIGKILL)
        self._finish()

    def wait(self, timeout_s: float) -> int | None:
        """Wait for the program to end by itself; return its exit status, or None after ``timeout_s``."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(timeout_s)
        return None

    def _send(self, number: signal.Signals) -> None:
        self._process.send_signal(
            number
        )  # does nothing once the program was reaped, so it can't hit a reused pid

    def _finish(self) -> None:
        self._process.wait()
        # The guard goes first by SIGKILL: closing its pipe would make it kill a pid that is no longer ours.
        self._guard.kill()
        self._guard.wait()
        if self._guard.stdin is not None:
            self._guard.stdin.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.terminate()


class Ended(SystemExit):
    """Raised in the main thread by a signal that asks this process to end, so that context managers unwind."""


@contextlib.contextmanager
def unwinding_on_signals(
    numbers: Sequence[signal.Signals] = (signal.SIGTERM, signal.SIGHUP),
) -> Iterator[None]:
    """Turn signals that would end this process without cleaning up into an exception, for the length of the block.

    SIGINT needs nothing: Python turns it into KeyboardInterrupt. Off the main thread, where Python allows no
    handlers, this does nothing; the guards still end every program.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def unwind(number: int, frame: FrameType | None) -> None:
        # A second signal must not interrupt the unwinding that the first one began.
        for each in numbers:
            signal.signal(each, signal.SIG_IGN)
        raise Ended(128 + number)

    previous = {number: signal.signal(number, unwind) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
