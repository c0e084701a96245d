"""`clockboundctl`: shows an operator what a client sees, and lets a script wait for a good clock."""

from __future__ import annotations

import argparse
import json
import signal
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime

from clockbound_client import (
    ClockBoundClient,
    ClockBoundError,
    ClockStatus,
    SegmentVersionNotSupportedError,
)

from clockbound_daemon import _layout
from clockbound_daemon._layout import NANOSECONDS_PER_SECOND, VERSION, SegmentRecord
from clockbound_daemon.bound import decimal
from clockbound_daemon.options import decimal_rounded_up

GOOD, NOT_GOOD, FAILED = 0, 1, 2
#: The pause between two looks at the clock.
LOOK_INTERVAL_S = 0.1
#: Attempts to read a segment between two updates, which come about once a second.
READ_ATTEMPTS_COUNT = 100
UNITS_NS = {"ns": 1, "us": 1000, "ms": 1_000_000, "s": NANOSECONDS_PER_SECOND}

EPILOG = """\
exit status:
  0  status: true time lies in the interval (SYNCHRONIZED or FREE_RUNNING);
     wait: the clock is as good as was asked for
  1  status: the interval can't be relied on (UNKNOWN or DISRUPTED);
     wait: the time was up
  2  there is no answer: no segment, one that can't be read, or wrong usage"""

MEANINGS = {
    ClockStatus.UNKNOWN: "true time may lie outside the interval: don't rely on it; the daemon's log says why",
    ClockStatus.SYNCHRONIZED: "chronyd follows its sources",
    ClockStatus.FREE_RUNNING: "nothing new from chronyd's sources; the interval still holds, and widens",
    ClockStatus.DISRUPTED: "the clock was disrupted and chronyd measures it anew: don't rely on it",
}


class View:
    """What a client sees, and what stands in the segment that it sees it in."""

    def __init__(self, segment: str | None, vmclock: str | None) -> None:
        with ClockBoundClient(segment, vmclock) as client:
            self.path = client.path
            self.interval = client.now()
        self.layout, self.record = _segment(self.path)
        as_of_ns = self.record.as_of_sec * NANOSECONDS_PER_SECOND + self.record.as_of_nsec
        self.age_ns = max(0, time.monotonic_ns() - as_of_ns)

    @property
    def is_trusted(self) -> bool:
        """Whether true time lies in the interval."""
        return self.interval.status in (ClockStatus.SYNCHRONIZED, ClockStatus.FREE_RUNNING)

    def is_good_enough(self, max_error_ns: int | None) -> bool:
        """Whether the clock is synchronised, and its error at most `max_error_ns`."""
        return self.interval.status is ClockStatus.SYNCHRONIZED and (
            max_error_ns is None or self.error_bound_ns <= max_error_ns
        )

    @property
    def error_bound_ns(self) -> int:
        """Half of the interval, rounded up."""
        return -(-self.interval.width_ns // 2)

    def text(self) -> str:
        """For people."""
        record, status = self.record, self.interval.status
        followed = (
            f"followed; the last disruption marker is {record.disruption_marker}"
            if record.clock_disruption_support_enabled
            else "not followed"
        )
        lines = {
            "status": f"{status.name}: {MEANINGS[status]}",
            "earliest": _utc(self.interval.earliest_ns),
            "latest": _utc(self.interval.latest_ns),
            "error bound": _amount(self.error_bound_ns),
            "age": f"{_amount(self.age_ns)} since the daemon asked chronyd for this bound",
            "published": f"bound {_amount(record.bound_ns)}, drift rate {decimal(record.max_drift_ppb, 1000)} ppm",
            "segment": f"{self.path}, layout {self.layout}, generation {record.generation}",
            "VMClock": followed,
        }
        return "\n".join(f"{name:<12} {text}" for name, text in lines.items())

    def json(self) -> str:
        """For programs. The ends are strings, because many a reader of JSON keeps only 53 bits of a number."""
        record = self.record
        return json.dumps(
            {
                "status": self.interval.status.name,
                "trusted": self.is_trusted,
                "earliest_ns": str(self.interval.earliest_ns),
                "latest_ns": str(self.interval.latest_ns),
                "error_bound_ns": self.error_bound_ns,
                "age_ns": self.age_ns,
                "published_bound_ns": record.bound_ns,
                "max_drift_ppb": record.max_drift_ppb,
                "segment": self.path,
                "layout": self.layout,
                "generation": record.generation,
                "vmclock_followed": bool(record.clock_disruption_support_enabled),
                "disruption_marker": str(record.disruption_marker),
            }
        )


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; its exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if words[:1] == ["install-units"]:
        from clockbound_daemon import units  # with options of its own

        return units.main(words[1:])
    given = _parser().parse_args(words)
    try:
        if given.command == "wait":
            return _wait(given)
        view = View(given.segment, given.vmclock)
    except ClockBoundError as error:
        return _fail(given, error)
    print(view.json() if given.json else view.text())
    return GOOD if view.is_trusted else NOT_GOOD


def _wait(given: argparse.Namespace) -> int:
    begun_ns = time.monotonic_ns()
    while True:
        passing: ClockBoundError | None = None
        view: View | None = None
        try:
            view = View(given.segment, given.vmclock)
        except SegmentVersionNotSupportedError:
            raise
        except ClockBoundError as error:
            passing = error  # a daemon that starts mends it
        if view is not None and view.is_good_enough(given.max_error_ns):
            print(view.json() if given.json else view.text())
            return GOOD
        left_ns = NANOSECONDS_PER_SECOND
        if given.timeout_ns is not None:
            left_ns = begun_ns + given.timeout_ns - time.monotonic_ns()
        if left_ns <= 0:
            if view is None:
                assert passing is not None
                _fail(given, passing)
            else:
                print(view.json() if given.json else view.text())
            return NOT_GOOD
        time.sleep(min(LOOK_INTERVAL_S, left_ns / NANOSECONDS_PER_SECOND))


def _fail(given: argparse.Namespace, error: ClockBoundError) -> int:
    if given.json:
        print(json.dumps({"error": error.kind.name, "message": str(error)}))
    else:
        print(f"clockboundctl: {error}", file=sys.stderr)
    return FAILED


def _segment(path: str) -> tuple[int, SegmentRecord]:
    """Layout and record of the segment at `path`. For people to look at: the interval is the client's business."""
    content = _bytes(path)
    for _ in range(READ_ATTEMPTS_COUNT):
        before, content = content, _bytes(path)
        if content == before:
            break  # no update came in between
    at = _layout.SEGMENT_V2_VERSION_OFFSET_BYTES
    version = int.from_bytes(content[at : at + 2], sys.byteorder)
    if version == _layout.SEGMENT_V1_VERSION:
        return version, _layout.unpack_segment_v1(content)
    return version, _layout.unpack_segment_v2(content)


def _bytes(path: str) -> bytes:
    with open(path, "rb") as segment:
        return segment.read(_layout.SEGMENT_V2_SIZE_BYTES)


def _utc(realtime_ns: int) -> str:
    seconds, nanoseconds = divmod(realtime_ns, NANOSECONDS_PER_SECOND)
    try:
        return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S}.{nanoseconds:09d} UTC"
    except (ValueError, OverflowError, OSError):
        return f"{realtime_ns} ns since 1970"  # beyond the year 9999


def _amount(value_ns: int) -> str:
    """`value_ns` in the unit that a person would choose, exactly."""
    for unit, scale in (("s", NANOSECONDS_PER_SECOND), ("ms", 1_000_000), ("us", 1000)):
        if value_ns >= scale:
            return f"{decimal(value_ns, scale)} {unit}"
    return f"{value_ns} ns"


def duration_ns(text: str) -> int:
    """A time such as 5, 0.5, 20ms or 300us, in seconds where no unit is given; argparse's error if it isn't one."""
    digits = text.rstrip("mnsu")
    scale = UNITS_NS.get(text[len(digits) :] or "s")
    try:
        if scale is None:
            raise ValueError
        return decimal_rounded_up(digits, scale)
    except ValueError:
        raise argparse.ArgumentTypeError(
            f"{text!r} isn't a time; give one such as 5, 0.5, 20ms or 300us"
        ) from None


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--segment",
        metavar="PATH",
        help=f"the segment (default: shm0, or else shm, in {_layout.DEFAULT_RUN_DIR})",
    )
    common.add_argument(
        "--vmclock",
        metavar="PATH",
        help="the VMClock page, where the daemon follows it (default: /dev/vmclock0)",
    )
    common.add_argument("--json", action="store_true", help="print one JSON object (default: text)")
    parser = argparse.ArgumentParser(
        prog="clockboundctl",
        description="Shows what a client of ClockBound sees on this machine.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"clockboundctl {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    commands.add_parser(
        "install-units", add_help=False, help="put the files of a service manager in their places"
    )
    commands.add_parser(
        "status", parents=[common], help="print the interval, its status and where they come from"
    )
    wait = commands.add_parser(
        "wait", parents=[common], help="wait until the status is SYNCHRONIZED, then print as status does"
    )
    wait.add_argument(
        "--max-error",
        dest="max_error_ns",
        metavar="TIME",
        type=duration_ns,
        help="also wait until the error bound is at most TIME, such as 1ms (default: any)",
    )
    wait.add_argument(
        "--timeout",
        dest="timeout_ns",
        metavar="TIME",
        type=duration_ns,
        help="wait no longer, such as 30 (default: for ever)",
    )
    return parser


def run() -> int:
    """The command: `main` for a process of its own."""
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # as for other programs in a pipeline
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    return main()


if __name__ == "__main__":
    sys.exit(run())
