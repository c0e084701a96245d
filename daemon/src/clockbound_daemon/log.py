"""One line an event on standard error: text for people, or a JSON object.

Not the standard logging package, which takes longer to import than the daemon takes to start. A reader that
doesn't read can't hold up the daemon: lines that would block are dropped and counted.
"""

from __future__ import annotations

import os
import select
import time

from clockbound_daemon._layout import NANOSECONDS_PER_SECOND

#: What a pipe takes in one piece once it says that it can be written to (PIPE_BUF).
LINE_LIMIT_BYTES = 4096
STANDARD_ERROR = 2
#: The priorities of syslog, with which journald files a line that begins with one: <4> is a warning.
PRIORITIES = {"info": 6, "warning": 4, "error": 3}
PRIORITY_BYTES = len("<6>")


class Log:
    """Writes events to `descriptor`. Numbers go into `fields`, so that they needn't be read out of the text."""

    def __init__(
        self, *, json_output: bool = False, descriptor: int = STANDARD_ERROR, journal: bool = False
    ) -> None:
        """journal: `descriptor` leads to journald, which takes a priority before each line."""
        self._descriptor = descriptor
        self.json_output = json_output
        self._journal = journal
        self._dropped_count = 0

    def info(self, event: str, message: str, **fields: int | str) -> None:
        """Something changed, as it should."""
        self._write("info", event, message, fields)

    def warning(self, event: str, message: str, **fields: int | str) -> None:
        """Something is wrong, and the daemon goes on."""
        self._write("warning", event, message, fields)

    def error(self, event: str, message: str, **fields: int | str) -> None:
        """Something is wrong, and the daemon ends."""
        self._write("error", event, message, fields)

    def _write(self, level: str, event: str, message: str, fields: dict[str, int | str]) -> None:
        if not self._writable():
            self._dropped_count += 1
            return
        if self._dropped_count:
            message = (
                f"{message} ({self._dropped_count} lines before this one were dropped: nobody read them)"
            )
        try:
            os.write(self._descriptor, self._line(level, event, message, fields))
        except OSError:
            self._dropped_count += 1  # closed, or a full disk: there is nowhere to say so
        else:
            self._dropped_count = 0

    def _writable(self) -> bool:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        return any(events & select.POLLOUT for _, events in poll.poll(0))

    def _line(self, level: str, event: str, message: str, fields: dict[str, int | str]) -> bytes:
        # A path may hold anything, a line break too; one event stays one line.
        if self.json_output:
            import json  # not needed, and so not loaded, for text

            entry = {
                "time": _utc(time.time_ns()),
                "level": level,
                "event": event,
                "message": message,
                **fields,
            }
            text = json.dumps(entry)
            if len(text) >= LINE_LIMIT_BYTES - PRIORITY_BYTES:
                entry["message"] = f"{message[:200]} ..."
                text = json.dumps(entry)
        else:
            text = f"clockbound: {'' if level == 'info' else level + ': '}{message}".replace("\n", "\\n")
        if self._journal:
            text = f"<{PRIORITIES[level]}>{text}"
        return text.encode("utf-8", "backslashreplace")[: LINE_LIMIT_BYTES - 1] + b"\n"


def is_journal(stream: str | None, descriptor: int = STANDARD_ERROR) -> bool:
    """Whether `descriptor` leads to journald, which says in JOURNAL_STREAM, `stream`, what it gave the process."""
    if not stream:
        return False
    try:
        status = os.fstat(descriptor)
    except OSError:
        return False
    # Inherited by whatever the process starts, also where that writes elsewhere.
    return stream == f"{status.st_dev}:{status.st_ino}"


def _utc(realtime_ns: int) -> str:
    seconds, nanoseconds = divmod(realtime_ns, NANOSECONDS_PER_SECOND)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(seconds))}.{nanoseconds // 1_000_000:03d}Z"


class Damper:
    """Lets repeated reports of one cause through at doubling intervals, from a second up to an hour."""

    FIRST_INTERVAL_NS = NANOSECONDS_PER_SECOND
    LONGEST_INTERVAL_NS = 3600 * NANOSECONDS_PER_SECOND
    #: A cause that was away for this long, and for longer than its interval, is new again.
    FORGET_AFTER_NS = 60 * NANOSECONDS_PER_SECOND

    def __init__(self) -> None:
        # cause -> [next report, interval, last seen (all monotonic ns), reports held back since]
        self._causes: dict[str, list[int]] = {}

    def admit(self, cause: str, monotonic_ns: int) -> int | None:
        """How many reports of `cause` were held back since the last, or None to hold back this one too."""
        known = self._causes.get(cause)
        if known is not None:
            next_ns, interval_ns, seen_ns, held_back = known
            known[2] = monotonic_ns
            if monotonic_ns < next_ns:
                known[3] += 1
                return None
            if monotonic_ns - seen_ns <= max(interval_ns, self.FORGET_AFTER_NS):
                interval_ns = min(2 * interval_ns, self.LONGEST_INTERVAL_NS)
                self._causes[cause] = [monotonic_ns + interval_ns, interval_ns, monotonic_ns, 0]
                return held_back
        self._causes[cause] = [
            monotonic_ns + self.FIRST_INTERVAL_NS,
            self.FIRST_INTERVAL_NS,
            monotonic_ns,
            0,
        ]
        return 0
