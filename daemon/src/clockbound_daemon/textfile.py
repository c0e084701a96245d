"""Metrics as a file for node_exporter's textfile collector, which reads every *.prom in its directory."""

from __future__ import annotations

import contextlib
import errno
import os

SUFFIX = ".prom"
MODE = 0o644


def path(text: str) -> str:
    """`text`, if the collector would read a file of that name; else ValueError."""
    if not text.endswith(SUFFIX) or text.endswith("/" + SUFFIX) or text == SUFFIX or "\0" in text:
        raise ValueError(
            f"{text!r} doesn't end in NAME{SUFFIX}, so that node_exporter would not read it; "
            "give a path such as /var/lib/prometheus/node-exporter/clockbound.prom"
        )
    return text


class TextfileError(Exception):
    """The file can't be written; the message names it and the remedy."""


class MetricsTextfile:
    """Written as a whole under another name, and renamed, so that nobody reads half of it."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._temporary = f"{path}.new"  # without the suffix, so that it isn't read

    def write(self, text: str) -> None:
        """Put `text` in the file's place. Raises TextfileError."""
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(self._temporary)  # left by a daemon that was killed
            descriptor = os.open(self._temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            try:
                body = text.encode()
                if os.write(descriptor, body) != len(body):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fchmod(descriptor, MODE)
            finally:
                os.close(descriptor)
            # Not synced: after a crash of the machine the file is of no use, and to wait for a disk holds up the loop.
            os.rename(self._temporary, self._path)
        except OSError as error:
            match error.errno:
                case errno.ENOENT | errno.ENOTDIR:
                    remedy = "create its directory"
                case errno.EACCES | errno.EPERM:
                    remedy = f"let user {os.geteuid()} write to its directory"
                case errno.ENOSPC | errno.EDQUOT:
                    remedy = "free some space there"
                case _:
                    remedy = "give another path"
            raise TextfileError(
                f"{self._path}: metrics can't be written: {os.strerror(error.errno or 0)}; {remedy}, or leave out "
                "--metrics-textfile"
            ) from None

    def remove(self) -> None:
        """Remove the file, so that what a daemon said that has ended isn't taken for the present."""
        for name in (self._temporary, self._path):
            with contextlib.suppress(OSError):  # gone, or not ours
                os.unlink(name)
