"""Runs an adapter program and tells what its client answered from what went wrong with the program.

An adapter is a small program around one client; adapters/README.md describes the protocol. What a client answers, right
or wrong, is a value (``answers``). An adapter that is silent, ends or says something outside the protocol raises one of
the ``AdapterFailure`` classes, so that a broken program is never taken for a wrong answer, nor for a right one.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from clockbound_conformance import protocol
from clockbound_conformance.answers import Answer, Interval, Refusal, Unsupported

PROTOCOL_VERSION = protocol.VERSION
ANSWER_TIMEOUT_S = 10.0
#: For the status of a program that has closed its output.
EXIT_TIMEOUT_S = 5.0
LINE_LIMIT_BYTES = 64 * 1024
OUTPUT_TAIL_BYTES = 2048


class AdapterFailure(Exception):
    """The adapter gave no answer that could be judged. ``words`` leave out which adapter it was and what it said."""

    def __init__(self, message: str, words: str | None = None) -> None:
        super().__init__(message)
        self.words = message if words is None else words


class AdapterTimeout(AdapterFailure):
    """The adapter did not answer in time; it has been killed."""


class AdapterCrash(AdapterFailure):
    """The adapter could not be started, or ended in the middle of the conversation."""


class AdapterNotStarted(AdapterCrash):
    """The adapter's program could not be run at all."""


class AdapterBadAnswer(AdapterFailure):
    """The adapter said something that is not in the protocol."""


class AdapterOtherProtocol(AdapterBadAnswer):
    """The adapter speaks another version of the protocol."""


@dataclass(frozen=True, slots=True)
class Hello:
    """Who an adapter says that it is."""

    name: str
    language: str
    library: str
    version: str
    layouts: tuple[str, ...]
    features: tuple[str, ...]


class Adapter:
    """A conversation with one adapter program; a context manager that starts and ends it.

    ``command`` is the program and its arguments. Every request waits at most ``timeout_s``. After an
    ``AdapterFailure`` the program is gone and every further request fails in the same way.

    ``last_question`` and ``last_answer`` are the lines of the last question (the answer is None until one came),
    ``last_duration_ns`` is how long it took.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        timeout_s: float = ANSWER_TIMEOUT_S,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.command = tuple(command)
        self.timeout_s = timeout_s
        self._environment = None if environment is None else {**os.environ, **environment}
        self._sequence = 0
        self._unread = b""
        self._failure: AdapterFailure | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115 - closed in _end
        self.hello: Hello
        self.last_question = ""
        self.last_answer: str | None = None
        self.last_duration_ns = 0

    def __enter__(self) -> Self:
        try:
            self._process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._stderr,
                env=self._environment,
                bufsize=0,
                process_group=0,  # Ctrl-C is for whoever asks the questions
            )
        except OSError as error:
            self._stderr.close()
            raise AdapterNotStarted(f"{self.command[0]}: cannot be run: {error.strerror}") from error
        try:
            self.hello = self._say_hello()
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None and self._failure is None:
                self.stop()
        finally:
            self._end()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def compute(
        self, segment: Path, *, realtime_ns: int, monotonic_ns: int, vmclock: Path | None = None
    ) -> Answer:
        """Ask for the interval that a reading of both clocks gives with the segment as it is now."""
        return self._ask(
            "compute",
            segment=str(segment),
            vmclock=vmclock,
            realtime_ns=str(realtime_ns),
            monotonic_ns=str(monotonic_ns),
        )

    def now(self, segment: Path, *, vmclock: Path | None = None) -> Answer:
        """Ask for the interval that contains true time now, from a context that stays open."""
        return self._ask("now", segment=str(segment), vmclock=vmclock)

    def watch(
        self, segment: Path, *, count: int, vmclock: Path | None = None
    ) -> Unsupported | Refusal | None:
        """Ask to answer the next ``count`` computes on ``segment`` from one open context; None where it will."""
        message = self._request("watch", segment=str(segment), vmclock=vmclock, count=str(count))
        if message["type"] == "watching":
            return None
        answer = _answer(message)
        assert not isinstance(answer, Interval)
        return answer

    def repeat(
        self, segment: Path, *, realtime_ns: int, monotonic_ns: int, count: int
    ) -> Unsupported | list[tuple[int, str]]:
        """Ask ``count`` times in a row, from the context of a watch on ``segment``; runs as in protocol.runs_of."""
        message = self._request(
            "repeat",
            segment=str(segment),
            realtime_ns=str(realtime_ns),
            monotonic_ns=str(monotonic_ns),
            count=str(count),
        )
        if message["type"] == "repeated":
            return protocol.runs_of(message)
        return Unsupported(message["reason"])

    def stop(self) -> None:
        """Ask the adapter to end and see that it does, with exit status 0."""
        self._request("stop")
        assert self._process is not None
        try:
            status = self._process.wait(self.timeout_s)
        except subprocess.TimeoutExpired:
            raise self._fail(
                AdapterTimeout(f"{self._name()}: still runs {self.timeout_s} s after stop")
            ) from None
        self._failure = AdapterCrash(f"{self._name()}: has been stopped")
        if status != 0:
            raise self._fail(
                AdapterCrash(f"{self._name()}: ended with status {status} after stop{self._said()}")
            )

    def kill(self) -> None:
        """End the program without a word."""
        self._end()

    def _say_hello(self) -> Hello:
        message = self._request("hello", protocol=PROTOCOL_VERSION)
        if message["type"] == "unsupported" or message["protocol"] != PROTOCOL_VERSION:
            spoken = message.get("protocol")
            says = f"it speaks {spoken}" if spoken else f"it says: {message['reason']}"
            raise self._fail(
                AdapterOtherProtocol(f"{self._name()}: does not speak protocol {PROTOCOL_VERSION}; {says}")
            )
        return Hello(
            name=message["name"],
            language=message["language"],
            library=message["library"],
            version=message["version"],
            layouts=tuple(message["layouts"]),
            features=tuple(message["features"]),
        )

    def _ask(self, command: str, **fields: object) -> Answer:
        return _answer(self._request(command, **fields))

    def _request(self, command: str, **fields: object) -> dict[str, Any]:
        if self._failure is not None:
            raise self._failure
        self._sequence += 1
        request = {"cmd": command, "seq": str(self._sequence)}
        request |= {key: str(value) for key, value in fields.items() if value is not None}
        protocol.check_question(request)
        self.last_question = json.dumps(request, ensure_ascii=False)
        self.last_answer = None
        began_ns = time.monotonic_ns()
        self._write(self.last_question.encode() + b"\n")
        line = self._read_line(command, began_ns / 1e9 + self.timeout_s)
        self.last_duration_ns = time.monotonic_ns() - began_ns
        self.last_answer = line.decode(errors="replace")
        try:
            return protocol.read_answer(line, request)
        except protocol.ProtocolError as error:
            raise self._fail(
                AdapterBadAnswer(f"{self._name()}: {error}: {protocol.shown(line)}{self._said()}", str(error))
            ) from None

    def _stream(self, name: str) -> IO[bytes]:
        stream: IO[bytes] | None = getattr(self._process, name, None)
        if stream is None:
            raise AdapterCrash(f"{self._name()}: not started; use the Adapter in a with statement")
        return stream

    def _write(self, line: bytes) -> None:
        # One request is under way at a time and is shorter than a pipe's buffer, so this can't block for long.
        try:
            self._stream("stdin").write(line)
        except BrokenPipeError:
            raise self._crashed() from None

    def _read_line(self, command: str, deadline_s: float) -> bytes:
        output = self._stream("stdout")
        with selectors.DefaultSelector() as selector:
            selector.register(output, selectors.EVENT_READ)
            while b"\n" not in self._unread:
                left_s = deadline_s - time.monotonic()
                if left_s <= 0 or not selector.select(left_s):
                    words = f"no answer to {command} in {self.timeout_s} s"
                    raise self._fail(AdapterTimeout(f"{self._name()}: {words}{self._said()}", words))
                piece = os.read(output.fileno(), LINE_LIMIT_BYTES)
                if not piece:
                    raise self._crashed()
                self._unread += piece
                if len(self._unread) > LINE_LIMIT_BYTES:
                    words = f"over {LINE_LIMIT_BYTES} bytes in answer to {command}"
                    raise self._fail(AdapterBadAnswer(f"{self._name()}: {words}", words))
        line, _, self._unread = self._unread.partition(b"\n")
        if self._unread:
            self.last_answer = line.decode(errors="replace")
            words = f"more than one line in answer to {command}; the second is {protocol.shown(self._unread)}"
            if line.strip() in (b"{", b"["):
                words = protocol.INDENTED
            raise self._fail(AdapterBadAnswer(f"{self._name()}: {words}", words))
        return line

    def _crashed(self) -> AdapterFailure:
        assert self._process is not None
        with contextlib.suppress(
            subprocess.TimeoutExpired
        ):  # closed its output but still runs: as good as gone
            self._process.wait(EXIT_TIMEOUT_S)
        words = f"ended with status {self._process.poll()}"
        return self._fail(AdapterCrash(f"{self._name()}: {words}{self._said()}", words))

    def _fail(self, failure: AdapterFailure) -> AdapterFailure:
        self._failure = failure
        if self.last_answer is None and self._unread:
            self.last_answer = self._unread.decode(errors="replace")
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        return failure

    def _name(self) -> str:
        return " ".join(self.command)

    @property
    def stderr_tail(self) -> str:
        """The end of what it wrote to standard error."""
        if self._stderr.closed:
            return ""
        length_bytes = self._stderr.seek(0, os.SEEK_END)
        self._stderr.seek(max(0, length_bytes - OUTPUT_TAIL_BYTES))
        return self._stderr.read().decode(errors="replace").strip()

    def _said(self) -> str:
        return f"; stderr: {self.stderr_tail}" if self.stderr_tail else ""

    def _end(self) -> None:
        process = self._process
        if process is not None:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
        self._stderr.close()
        if self._failure is None:
            self._failure = AdapterCrash(f"{self._name()}: has been stopped")


def _answer(message: dict[str, Any]) -> Answer:
    match message["type"]:
        case "interval":
            return Interval(int(message["earliest_ns"]), int(message["latest_ns"]), message["status"])
        case "error":
            return Refusal(message["kind"])
        case _:
            return Unsupported(message["reason"])
