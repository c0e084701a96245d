"""The command line and the configuration file: what the options are called, and which values they take."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence

from clockbound_daemon._layout import (
    DEFAULT_CHRONYD_SOCKET,
    DEFAULT_DRIFT_PPB,
    DEFAULT_RUN_DIR,
    DEFAULT_VMCLOCK_PATH,
    DRIFT_LIMIT_PPB,
    NANOSECONDS_PER_SECOND,
    VERSION,
)
from clockbound_daemon.bound import decimal
from clockbound_daemon.errors import ConfigError

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
Each option but --config, --check-config, --version and --help may stand in
the configuration file, under its long name without the dashes, as in
'max-drift-rate = 50' or 'json-output = true'. The command line goes before
the file. --no-NAME turns off an option without a value that the file turns on.

signals:
  SIGTERM, SIGINT  stop; the segments stay for their readers
  SIGHUP           read the configuration file again

exit status:
  0  stopped by SIGTERM or SIGINT; the segments stay for their readers, who
     see how old they are
  1  could not start; a line on standard error names the path or value and the
     remedy
  2  wrong usage: an option, or the configuration file"""


class Options(argparse.Namespace):
    """What the user wants, in the units that the daemon computes with."""

    config: str | None
    check_config: bool
    max_drift_ppb: int | None  # None: not given
    phc_reference_id: int | None
    phc_interface: str | None
    json_output: bool
    disable_clock_disruption_support: bool
    run_dir: str
    chronyd_socket: str
    reply_dir: str | None
    poll_interval_ns: int
    sysfs_root: str
    trust_local_reference: bool
    vmclock: str | None  # None: not given
    require_vmclock: bool
    metrics_listen: str | None
    metrics_textfile: str | None


def parse(arguments: Sequence[str] | None = None) -> Options:
    """The options in `arguments`, or in the process's own, and in the configuration file that they name.

    Exits with status 2 when they are wrong, and with 0 after --check-config.
    """
    try:
        given = load(arguments)
    except ConfigError as error:
        for message in error.messages:
            print(f"clockbound: error: {message}", file=sys.stderr)
        sys.exit(2)
    if given.check_config:
        print(f"{given.config}: correct")
        sys.exit(0)
    return given


def load(arguments: Sequence[str] | None = None) -> Options:
    """As `parse`, with a ConfigError when it is the configuration file that is wrong, and never exiting for that."""
    parser = _parser()
    given = parser.parse_args(arguments, Options())
    if given.config is None:
        if given.check_config:
            parser.error("--check-config needs --config FILE: it checks that file and exits")
    else:
        from clockbound_daemon import config  # most of its time goes into the parser of TOML

        entries = config.load(given.config, {option.name: option for option in OPTIONS})
        if arguments is None:
            arguments = sys.argv[1:]
        # What comes later goes before what came earlier.
        given = parser.parse_args([*(entry.argument for entry in entries.values()), *arguments], Options())
    contradiction = _contradiction(given)
    if contradiction:
        if given.config is None:
            parser.error(contradiction)
        raise ConfigError(f"{given.config}: {contradiction}")
    return given


def _contradiction(given: Options) -> str:
    """What is wrong with options that are right by themselves; empty if nothing is."""
    if (given.phc_reference_id is None) != (given.phc_interface is None):
        there, missing = "-r/--phc-ref-id", "-i/--phc-interface"
        if given.phc_reference_id is None:
            there, missing = missing, there
        return f"{there} needs {missing}: the interface's error bound is added while chronyd follows its PHC"
    if given.disable_clock_disruption_support and (given.vmclock is not None or given.require_vmclock):
        option = "--require-vmclock" if given.vmclock is None else "--vmclock"
        return f"-d/--disable-clock-disruption-support and {option} contradict each other; leave one out"
    return ""


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


def listen_address(text: str) -> str:
    """An address that the metrics server understands."""
    from clockbound_daemon import metrics_server  # only where there are to be metrics

    metrics_server.address(text)
    return text


def textfile_path(text: str) -> str:
    """A path that node_exporter would read."""
    from clockbound_daemon import textfile

    return textfile.path(text)


class Option:
    """One option, on the command line and in the configuration file."""

    __slots__ = (
        "at_run_time",
        "convert",
        "default",
        "dest",
        "example",
        "help",
        "in_file",
        "kind",
        "metavar",
        "name",
        "short",
    )

    def __init__(
        self,
        name: str,
        kind: str,
        help: str,
        *,
        short: str | None = None,
        dest: str | None = None,
        metavar: str | None = None,
        convert: Callable[[str], int | str] = path,
        default: int | str | None = None,
        example: str = "true",
        in_file: bool = True,
        at_run_time: bool = True,
    ) -> None:
        self.name = name
        self.kind = kind  # "flag", "number" or "text": what it is in the file
        self.help = help
        self.short = short
        self.dest = dest if dest is not None else name.replace("-", "_")
        self.metavar = metavar
        self.convert = convert
        self.default = default
        self.example = example  # in the file
        self.in_file = in_file
        self.at_run_time = at_run_time  # SIGHUP can change it


OPTIONS = (
    Option(
        "max-drift-rate",
        "number",
        "how fast the clock may drift between two answers of chronyd, in parts per million; decimals are allowed; above "
        "0, below 1000000. Give at least chronyd's maxclockerror (default: 50)",
        short="-m",
        dest="max_drift_ppb",
        metavar="PPM",
        convert=drift_ppb,
        example="50",
    ),
    Option(
        "phc-ref-id",
        "text",
        "reference id of the PTP hardware clock in chrony.conf, 1 to 4 ASCII characters, such as PHC0; its error bound "
        "is added while chronyd follows it. Needs -i",
        short="-r",
        dest="phc_reference_id",
        metavar="ID",
        convert=reference_id,
        example='"PHC0"',
    ),
    Option(
        "phc-interface",
        "text",
        "network interface whose device has the PTP hardware clock, such as eth0. Needs -r",
        short="-i",
        metavar="IF",
        example='"eth0"',
    ),
    Option("json-output", "flag", "log one JSON object a line (default: text)", short="-j"),
    Option(
        "disable-clock-disruption-support",
        "flag",
        "don't follow the VMClock page, where the hypervisor tells that it disrupted this machine's clock (default: "
        "follow it if there is one)",
        short="-d",
        at_run_time=False,
    ),
    Option(
        "vmclock",
        "text",
        f"the VMClock page; clients have to be given another path than the default too (default: {DEFAULT_VMCLOCK_PATH})",
        metavar="PATH",
        example=f'"{DEFAULT_VMCLOCK_PATH}"',
        at_run_time=False,
    ),
    Option(
        "require-vmclock",
        "flag",
        "don't start without a VMClock page (default: do without if there is none)",
        at_run_time=False,
    ),
    Option(
        "run-dir",
        "text",
        "existing directory of the segments, which this user may write to (default: %(default)s)",
        metavar="DIR",
        default=DEFAULT_RUN_DIR,
        at_run_time=False,
        example='"/run/clockbound"',
    ),
    Option(
        "chronyd-socket",
        "text",
        "chronyd's command socket, bindcmdaddress in chrony.conf (default: %(default)s)",
        metavar="PATH",
        default=DEFAULT_CHRONYD_SOCKET,
        example='"/run/chrony/chronyd.sock"',
    ),
    Option(
        "reply-dir",
        "text",
        "directory of the socket for chronyd's replies, where chronyd may write (default: that of chronyd's own socket)",
        metavar="DIR",
        example='"/run/chrony"',
    ),
    Option(
        "poll-interval",
        "number",
        "how often chronyd is asked, in seconds, from 0.1 to 4; decimals are allowed. The segments are written once a "
        "second at least, whatever this is (default: 1)",
        dest="poll_interval_ns",
        metavar="SECONDS",
        convert=poll_interval_ns,
        default=DEFAULT_POLL_INTERVAL_NS,
        example="1",
    ),
    Option(
        "trust-local-reference",
        "flag",
        "this machine's clock is the reference: publish SYNCHRONIZED also while chronyd follows only its own clock "
        "(`local` in chrony.conf; default: UNKNOWN then)",
    ),
    Option(
        "sysfs-root",
        "text",
        "where sysfs is mounted (default: %(default)s)",
        metavar="DIR",
        default="/sys",
        example='"/sys"',
    ),
    Option(
        "metrics-listen",
        "text",
        "serve metrics to Prometheus, and /healthz and /readyz to probes, at PORT of the loopback, ADDRESS:PORT or "
        "unix:PATH (default: nowhere)",
        metavar="ADDRESS",
        convert=listen_address,
        example='"127.0.0.1:9911"',
    ),
    Option(
        "metrics-textfile",
        "text",
        "write the metrics to this file, NAME.prom in the directory of node_exporter's textfile collector (default: "
        "nowhere)",
        metavar="PATH",
        convert=textfile_path,
        example='"/var/lib/prometheus/node-exporter/clockbound.prom"',
    ),
    Option(
        "config",
        "text",
        "configuration file, in TOML; read again on SIGHUP (default: none)",
        metavar="FILE",
        in_file=False,
    ),
    Option(
        "check-config",
        "flag",
        "check the command line and the configuration file, and exit with 0 if both are correct",
        in_file=False,
    ),
    Option("version", "flag", "print the version and exit", in_file=False),
    Option("help", "flag", "print this and exit", short="-h", in_file=False),
)


def shown(option: Option, value: object) -> str:
    """`value`, as it is held, in the words and units of the command line."""
    match value:
        case None:
            return "(not given)"
        case bool():
            return "true" if value else "false"
        case int() if option.convert is drift_ppb:
            return decimal(value, _PPB_PER_PPM)
        case int() if option.convert is poll_interval_ns:
            return decimal(value, NANOSECONDS_PER_SECOND)
        case int() if option.convert is reference_id:
            return value.to_bytes(4, "big").rstrip(b"\0").decode("ascii")
    return str(value)


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
        add_help=False,
    )
    for option in OPTIONS:
        names = [name for name in (option.short, f"--{option.name}") if name is not None]
        if option.name == "help":
            parser.add_argument(*names, action="help", help=option.help)
        elif option.name == "version":
            parser.add_argument(*names, action="version", version=f"clockbound {VERSION}", help=option.help)
        elif option.kind == "flag":
            parser.add_argument(*names, action="store_true", dest=option.dest, help=option.help)
            if option.in_file:
                parser.add_argument(
                    f"--no-{option.name}",
                    action="store_false",
                    default=False,
                    dest=option.dest,
                    help=argparse.SUPPRESS,
                )
        else:
            parser.add_argument(
                *names,
                dest=option.dest,
                metavar=option.metavar,
                type=_typed(option.convert),
                default=option.default,
                help=option.help,
            )
    return parser
