"""The command line: what the options are called, and which values they take."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence

from clockbound_daemon._layout import (
    DEFAULT_CHRONYD_SOCKET,
    DEFAULT_DRIFT_PPB,
    DEFAULT_RUN_DIR,
    DRIFT_LIMIT_PPB,
    NANOSECONDS_PER_SECOND,
    VERSION,
)

_PPB_PER_PPM = 1000
DEFAULT_POLL_INTERVAL_NS = NANOSECONDS_PER_SECOND
#: More often than this chronyd has nothing new to tell.
SHORTEST_POLL_INTERVAL_NS = NANOSECONDS_PER_SECOND // 10
#: Below the readers' grace of 5 s, so that a segment isn't taken for a dead daemon's between two polls.
LONGEST_POLL_INTERVAL_NS = 4 * NANOSECONDS_PER_SECOND

HELP_WIDTH_COLUMNS = 78

DESCRIPTION = """\
Asks chronyd how wrong the system clock can be, and publishes the answer in
shared memory, where ClockBound clients read it. It never touches the clock."""

EPILOG = """\
exit status:
  0  stopped by SIGTERM or SIGINT; the segments stay for their readers, who
     see how old they are
  1  could not start; a line on standard error names the path or value and the
     remedy
  2  wrong usage"""


class Options(argparse.Namespace):
    """What the user wants, in the units that the daemon computes with."""

    max_drift_ppb: int | None  # None: not given
    phc_reference_id: int | None
    phc_interface: str | None
    json_output: bool
    run_dir: str
    chronyd_socket: str
    reply_dir: str | None
    poll_interval_ns: int
    sysfs_root: str
    trust_local_reference: bool


def parse(arguments: Sequence[str] | None = None) -> Options:
    """The options in `arguments`, or in the process's own; exits with status 2 when they are wrong."""
    parser = _parser()
    given = parser.parse_args(arguments, Options())
    if (given.phc_reference_id is None) != (given.phc_interface is None):
        there, missing = "-r/--phc-ref-id", "-i/--phc-interface"
        if given.phc_reference_id is None:
            there, missing = missing, there
        parser.error(
            f"{there} needs {missing}: the interface's error bound is added while chronyd follows its PHC"
        )
    return given


def decimal_rounded_up(text: str, scale: int) -> int:
    """ceil(`text` * `scale`), exactly; ValueError unless `text` is a plain decimal number, such as 50 or 0.5."""
    whole, _, fraction = text.partition(".")
    digits = whole + fraction
    # 40 digits are more than any value needs, and few enough for int() to take.
    if not (digits.isascii() and digits.isdigit() and whole) or len(digits) > 40:
        raise ValueError(f"{text!r} isn't a plain decimal number, such as 50 or 0.5")
    denominator: int = 10 ** len(fraction)
    return -(-int(digits) * scale // denominator)


def drift_ppb(text: str) -> int:
    """The drift rate of `text` ppm in whole ppb, rounded up."""
    value_ppb = decimal_rounded_up(text, _PPB_PER_PPM)
    if not 0 < value_ppb < DRIFT_LIMIT_PPB:
        raise ValueError(
            f"{text} ppm isn't above 0 and below {DRIFT_LIMIT_PPB // _PPB_PER_PPM}; "
            f"{DEFAULT_DRIFT_PPB // _PPB_PER_PPM} suits an ordinary crystal"
        )
    return value_ppb


def poll_interval_ns(text: str) -> int:
    """The poll interval of `text` seconds in nanoseconds."""
    value_ns = decimal_rounded_up(text, NANOSECONDS_PER_SECOND)
    if not SHORTEST_POLL_INTERVAL_NS <= value_ns <= LONGEST_POLL_INTERVAL_NS:
        raise ValueError(f"{text} s isn't between 0.1 and 4: readers expect a new bound within 5 s")
    return value_ns


def reference_id(text: str) -> int:
    """The reference id that `refid TEXT` in chrony.conf stands for."""
    if not 1 <= len(text) <= 4 or not all("!" <= character <= "~" for character in text):
        raise ValueError(
            f"{text!r} isn't a reference id: give 1 to 4 printable ASCII characters, as in 'refid PHC0'"
        )
    return int.from_bytes(text.encode("ascii").ljust(4, b"\0"), "big")


def path(text: str) -> str:
    """A path, which can't be empty."""
    if not text or "\0" in text:
        raise ValueError("the path is empty; leave the option out for its default")
    return text


def _typed(convert: Callable[[str], int | str]) -> Callable[[str], int | str]:
    """`convert` as argparse wants it, so that a ValueError's own words reach the user."""

    def typed(text: str) -> int | str:
        try:
            return convert(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None

    return typed


class _HelpFormatter(argparse.RawDescriptionHelpFormatter):
    """Of a fixed width: to find out the terminal's, argparse would import a tenth of what the daemon needs."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=HELP_WIDTH_COLUMNS)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="clockbound",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=_HelpFormatter,
        allow_abbrev=False,
    )
    add = parser.add_argument
    add(
        "-m",
        "--max-drift-rate",
        dest="max_drift_ppb",
        metavar="PPM",
        type=_typed(drift_ppb),
        help="how fast the clock may drift between two answers of chronyd, in parts per million; decimals are "
        "allowed; above 0, below 1000000. Give at least chronyd's maxclockerror (default: 50)",
    )
    add(
        "-r",
        "--phc-ref-id",
        dest="phc_reference_id",
        metavar="ID",
        type=_typed(reference_id),
        help="reference id of the PTP hardware clock in chrony.conf, 1 to 4 ASCII characters, such as PHC0; its error "
        "bound is added while chronyd follows it. Needs -i",
    )
    add(
        "-i",
        "--phc-interface",
        metavar="IF",
        type=_typed(path),
        help="network interface whose device has the PTP hardware clock, such as eth0. Needs -r",
    )
    add("-j", "--json-output", action="store_true", help="log one JSON object a line (default: text)")
    add(
        "-d",
        "--disable-clock-disruption-support",
        action="store_true",
        help="don't follow the VMClock device. This version doesn't follow it anyway: with and without this option the "
        "segment says that clock disruptions aren't reported",
    )
    add("--version", action="version", version=f"clockbound {VERSION}")
    add(
        "--run-dir",
        metavar="DIR",
        type=_typed(path),
        default=DEFAULT_RUN_DIR,
        help="existing directory of the segments, which this user may write to (default: %(default)s)",
    )
    add(
        "--chronyd-socket",
        metavar="PATH",
        type=_typed(path),
        default=DEFAULT_CHRONYD_SOCKET,
        help="chronyd's command socket, bindcmdaddress in chrony.conf (default: %(default)s)",
    )
    add(
        "--reply-dir",
        metavar="DIR",
        type=_typed(path),
        help="directory of the socket for chronyd's replies, where chronyd may write (default: that of chronyd's own "
        "socket)",
    )
    add(
        "--poll-interval",
        dest="poll_interval_ns",
        metavar="SECONDS",
        type=_typed(poll_interval_ns),
        default=DEFAULT_POLL_INTERVAL_NS,
        help="how often chronyd is asked, in seconds, from 0.1 to 4; decimals are allowed. The segments are written "
        "once a second at least, whatever this is (default: 1)",
    )
    add(
        "--trust-local-reference",
        action="store_true",
        help="this machine's clock is the reference: publish SYNCHRONIZED also while chronyd follows only its own clock "
        "(`local` in chrony.conf; default: UNKNOWN then)",
    )
    add(
        "--sysfs-root",
        metavar="DIR",
        type=_typed(path),
        default="/sys",
        help="where sysfs is mounted (default: %(default)s)",
    )
    return parser
