"""Chromium without a window, asked through its DevTools protocol over a pipe: what a page looks like and does."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import itertools
import json
import os
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

PROGRAMS = ("chromium", "google-chrome", "google-chrome-stable", "chromium-browser")
FLAGS = (
    "--headless",
    "--no-sandbox",  # tests may be run by root, in a container
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
LAUNCHER = """\
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.dup2(int(sys.argv[2]), 4)
os.execv(sys.argv[3], sys.argv[3:])
"""
TIMEOUT_S = 60.0


def find() -> str | None:
    """A Chromium or Chrome that can read our files. One in a snap can't: it has a /tmp of its own."""
    for name in PROGRAMS:
        path = shutil.which(name)
        if path is not None and not _in_snap(Path(path)):
            return path
    return None


def _in_snap(path: Path) -> bool:
    if "snap" in path.resolve().parts:
        return True
    with path.open("rb") as file:
        start = file.read(4096)
    return start.startswith(b"#!") and b"/snap/" in start


class Browser:
    """A running browser with one page; a context manager that starts and ends it."""

    def __init__(self, program: str, profile: Path) -> None:
        to_browser, self._write = os.pipe()
        self._read, from_browser = os.pipe()
        # The protocol is spoken over the descriptors 3 and 4, so ours are first moved out of their way.
        theirs = [fcntl.fcntl(each, fcntl.F_DUPFD, 10) for each in (to_browser, from_browser)]
        self._log = (profile.parent / f"{profile.name}.log").open("wb")
        self._process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                LAUNCHER,
                *map(str, theirs),
                program,
                *FLAGS,
                f"--user-data-dir={profile}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=self._log,
            stderr=self._log,
            pass_fds=theirs,
            process_group=0,
        )
        for each in theirs:
            os.close(each)
        os.close(to_browser)
        os.close(from_browser)
        self._numbers = itertools.count(1)
        self._unread = b""
        self._session: str | None = None
        self.events: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        try:
            target = self.ask("Target.createTarget", url="about:blank")["targetId"]
            self._session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network"):
                self.ask(f"{domain}.enable")
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    def _end(self) -> None:
        for descriptor in (self._write, self._read):
            os.close(descriptor)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(5)  # it ends when its pipe does
        self._process.kill()
        self._process.wait()
        self._log.close()

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send a command and wait for its result; what comes in between is kept in ``events``."""
        number = next(self._numbers)
        message: dict[str, Any] = {"id": number, "method": method, "params": parameters}
        if self._session is not None:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        deadline_s = time.monotonic() + TIMEOUT_S
        while True:
            answer = self._next(deadline_s, method)
            if answer.get("id") == number:
                assert "error" not in answer, (method, answer["error"])
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def wait_for(self, event: str) -> dict[str, Any]:
        """Wait until ``event`` has come since the events were last forgotten."""
        deadline_s = time.monotonic() + TIMEOUT_S
        while not (found := [each for each in self.events if each.get("method") == event]):
            self.events.append(self._next(deadline_s, event))
        return found[0]

    def _next(self, deadline_s: float, wanted: str) -> dict[str, Any]:
        while b"\0" not in self._unread:
            left_s = deadline_s - time.monotonic()
            ready = left_s > 0 and select.select([self._read], [], [], left_s)[0]
            piece = os.read(self._read, 1 << 20) if ready else b""
            if not piece:
                self._log.flush()
                said = Path(self._log.name).read_text(encoding="utf-8", errors="replace")[-2000:]
                raise AssertionError(
                    f"Chromium gave no answer to {wanted} (status {self._process.poll()}): {said}"
                )
            self._unread += piece
        line, _, self._unread = self._unread.partition(b"\0")
        message: dict[str, Any] = json.loads(line)
        return message

    def look(self, width: int, height: int, scheme: str) -> None:
        """Make the window so large, and let the system prefer ``scheme`` (light or dark)."""
        self.ask(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, address: str) -> None:
        """Load a page, wholly."""
        for each in ("about:blank", address):  # a page that differs in its fragment alone isn't loaded again
            self._go(each)

    def _go(self, address: str) -> None:
        self.events.clear()
        error = self.ask("Page.navigate", url=address).get("errorText")
        assert not error, (address, error)
        self.wait_for("Page.loadEventFired")

    def value(self, script: str) -> Any:
        """What ``script`` evaluates to."""
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def until(self, script: str) -> None:
        """Wait until ``script`` evaluates to something true."""
        deadline_s = time.monotonic() + TIMEOUT_S
        while not self.value(script):
            assert time.monotonic() < deadline_s, script
            time.sleep(0.02)

    def screenshot(self, path: Path, *, whole: bool = False) -> None:
        picture = self.ask("Page.captureScreenshot", captureBeyondViewport=whole, **self._clip(whole))
        path.write_bytes(base64.b64decode(picture["data"]))

    def _clip(self, whole: bool) -> dict[str, Any]:
        if not whole:
            return {}
        size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        return {
            "clip": {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 16000), "scale": 1}
        }

    def addresses(self) -> list[str]:
        """Whatever was asked for since the page was opened."""
        return [
            each["params"]["request"]["url"]
            for each in self.events
            if each.get("method") == "Network.requestWillBeSent"
        ]

    def complaints(self) -> list[str]:
        """What stands in the console, and exceptions, since the page was opened."""
        return [
            json.dumps(each["params"])
            for each in self.events
            if each.get("method") in ("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")
        ]
