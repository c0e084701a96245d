"""A private laboratory of real chronyd: no network, no change to the machine's clock, and a truth that is known.

Every chronyd here runs with ``-x``, which forbids it to touch the system clock. What makes the laboratory useful is
that truth is not the local clock: a ``ReferenceClock`` tells a server that true time is the system clock plus a chosen
offset and rate, the server serves that over NTP on the loopback interface, and a client chronyd measures it. Whatever
is computed from the client's answers must contain ``ReferenceClock.truth_ns`` of the same moment.

Because ``-x`` never corrects anything, the client reports the whole offset as its current correction for ever. An error
bound around the system clock is therefore the offset plus some tens of microseconds, and truth lies close to one end
of the interval: a program that loses those microseconds anywhere is caught.

    with ServerAndClient(offset_ns=250_000_000, rate_ppb=20_000) as pair:
        print(pair.client.socket_path, pair.client.tracking().current_correction_s)

Works as root, where chronyd drops to its own user, and as any other user. Laboratories may run side by side.
"""

from __future__ import annotations

import contextlib
import errno
import os
import pwd
import random
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from clockbound_conformance.processes import LabError, ManagedProcess, find_program, wait_until
from clockbound_conformance.units import SECOND_NS

CHRONY_USERS = ("_chrony", "chrony")  # Debian's name, then everybody else's
INSTALL_CHRONY = (
    "install chrony, for example with `sudo apt-get install --no-install-recommends chrony` "
    "(chronyd and chronyc; the laboratory never uses the machine's own)"
)
# Patient: a busy machine may hold a chronyd up for seconds, and only a fault waits for so long.
START_TIMEOUT_S = 30.0
SYNCHRONISE_TIMEOUT_S = 60.0
CHRONYC_TIMEOUT_S = 20.0
CHRONYC_PAUSE_S = 0.05
CANNOT_TALK = "506 Cannot talk to daemon"
ENDPOINT_ATTEMPTS_COUNT = 20
UNIX_PATH_LIMIT_BYTES = 107

# AppArmor lets a confined chronyd use files directly in this directory, and none in directories beneath it.
APPARMOR_CHRONY_DIR = Path("/run/chrony")
APPARMOR_ENABLED = Path("/sys/module/apparmor/parameters/enabled")
APPARMOR_PROFILES = Path("/sys/kernel/security/apparmor/profiles")


class LabDirectory:
    """A private directory that chronyd accepts for its sockets; a context manager that removes what it made.

    chronyd refuses, without ending and with one line in its log, to open its command socket in a directory that does
    not belong to its own user and that user's primary group or that others may enter. ``path`` gives names in the
    directory; each has a prefix of this instance, because under AppArmor the directory is shared.
    """

    def __init__(self) -> None:
        self.user, self.uid, self.gid, self.identity_options = _identity()
        self.shared = os.geteuid() == 0 and _apparmor_confines_chronyd()
        self._made = True
        if self.shared:
            self.directory = APPARMOR_CHRONY_DIR
            self._prefix = f"lab-{random.SystemRandom().getrandbits(40):010x}-"
            try:
                self.directory.mkdir(mode=0o700)
            except FileExistsError:
                self._made = False
        else:
            # The name is part of a remedy below: one AppArmor rule can allow all laboratories.
            self.directory = Path(tempfile.mkdtemp(prefix="clockbound-lab-"))
            self._prefix = ""
        if self._made:
            self._give_to_chronyd()

    def _give_to_chronyd(self) -> None:
        try:
            os.chown(self.directory, self.uid, self.gid)
        except OSError as error:
            if error.errno not in (errno.EINVAL, errno.EPERM):
                raise LabError(
                    f"{self.directory}: cannot be given to user {self.user}: {error.strerror}"
                ) from error
            # root of a user namespace that knows no other user, or root without CAP_CHOWN
            self.user, self.uid, self.gid = "root", os.geteuid(), os.getegid()
            self.identity_options = ("-u", "root")
        self.directory.chmod(0o700)

    def path(self, name: str) -> Path:
        """Return the path of file ``name`` in this laboratory."""
        path = self.directory / f"{self._prefix}{name}"
        length_bytes = len(os.fsencode(path))
        if length_bytes > UNIX_PATH_LIMIT_BYTES:
            raise LabError(
                f"{path}: {length_bytes} bytes are too many for the address of a socket (at most "
                f"{UNIX_PATH_LIMIT_BYTES}); set TMPDIR to a directory with a shorter path"
            )
        return path

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.shared:
            shutil.rmtree(self.directory, ignore_errors=True)
            return
        for path in self.directory.glob(f"{self._prefix}*"):
            path.unlink(missing_ok=True)
        if self._made:
            with contextlib.suppress(OSError):  # not empty: somebody else uses it by now
                self.directory.rmdir()


def _identity() -> tuple[str, int, int, tuple[str, ...]]:
    """Return the user that chronyd will run as: name, uid, primary gid and the options that say so."""
    if os.geteuid() != 0:
        try:
            entry = pwd.getpwuid(os.geteuid())
        except KeyError:
            raise LabError(
                f"user id {os.geteuid()} has no name, and chronyd can only be told to run as a named user; "
                "add a line for it to /etc/passwd or run as root"
            ) from None
        return entry.pw_name, entry.pw_uid, entry.pw_gid, ("-U", "-u", entry.pw_name)
    for name in CHRONY_USERS:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return name, entry.pw_uid, entry.pw_gid, ("-u", name)
    return "root", os.geteuid(), os.getegid(), ("-u", "root")


def _apparmor_confines_chronyd() -> bool:
    """Tell whether AppArmor has a loaded profile for chronyd (only root can see that)."""
    try:
        if APPARMOR_ENABLED.read_text(encoding="ascii").strip() != "Y":
            return False
        profiles = APPARMOR_PROFILES.read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    return any("chronyd" in line and line.endswith("(enforce)") for line in profiles)


def _apparmor_remedy() -> str:
    try:
        enabled = APPARMOR_ENABLED.read_text(encoding="ascii").strip() == "Y"
    except OSError:
        enabled = False
    if not enabled:
        return ""
    return (
        "\nAppArmor is on here and its profile may keep chronyd out of that directory. Run as root (the laboratory then "
        f"works in {APPARMOR_CHRONY_DIR}), or allow the laboratory's directories:\n"
        f"    echo '{tempfile.gettempdir()}/clockbound-lab-*/{{,*}} rw,' | sudo tee -a /etc/apparmor.d/local/usr.sbin.chronyd\n"
        "    sudo apparmor_parser -r /etc/apparmor.d/usr.sbin.chronyd"
    )


class Tracking(NamedTuple):
    """What ``chronyc -c -n tracking`` prints, in chronyc's units; decimals are kept exactly as printed."""

    reference_id: str
    address: str
    stratum: int
    ref_time_s: Decimal
    current_correction_s: Decimal
    last_offset_s: Decimal
    rms_offset_s: Decimal
    frequency_ppm: Decimal
    residual_frequency_ppm: Decimal
    skew_ppm: Decimal
    root_delay_s: Decimal
    root_dispersion_s: Decimal
    update_interval_s: Decimal
    leap: str

    @property
    def synchronised(self) -> bool:
        return self.leap == "Normal" and self.reference_id != "00000000"


def parse_tracking(line: str) -> Tracking:
    """Parse the one CSV line of ``chronyc -c -n tracking``."""
    fields = line.strip().split(",")
    if len(fields) != len(Tracking._fields):
        raise LabError(f"chronyc -c tracking: {len(Tracking._fields)} fields expected, got {line.strip()!r}")
    numbers = map(Decimal, fields[3:13])
    return Tracking._make([fields[0], fields[1], int(fields[2]), *numbers, fields[13]])


class NoAnswerError(LabError):
    """A chronyd that there may well be didn't answer, or refused a command."""


def chronyc(socket_path: Path, *words: str) -> str:
    """Give the chronyd behind ``socket_path`` a command (``reset sources``, say); return what chronyc printed.

    A chronyd that can't be talked to at the moment is tried again until ``CHRONYC_TIMEOUT_S`` have passed: its queue is
    full while it is busy, or after it was frozen. Raise NoAnswerError then, and at once where it answers with a refusal.
    """
    program = find_program("chronyc", remedy=INSTALL_CHRONY)
    command = [str(program), "-h", str(socket_path), "-c", "-n", *words]
    deadline_s = time.monotonic() + CHRONYC_TIMEOUT_S
    while True:
        left_s = max(deadline_s - time.monotonic(), CHRONYC_PAUSE_S)
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=left_s, check=False)
        except subprocess.TimeoutExpired:
            raise NoAnswerError(
                f"{socket_path}: no answer to {' '.join(words)!r} within {CHRONYC_TIMEOUT_S} s"
            ) from None
        if done.returncode == 0:
            return done.stdout
        said = (done.stdout + done.stderr).strip()
        if CANNOT_TALK not in said or time.monotonic() >= deadline_s:
            raise NoAnswerError(f"{socket_path}: chronyc {' '.join(words)} failed: {said}")
        time.sleep(CHRONYC_PAUSE_S)


def tracking(socket_path: Path) -> Tracking:
    """Ask the chronyd behind ``socket_path`` for its tracking report, by chronyc (an oracle for any other parser)."""
    return parse_tracking(chronyc(socket_path, "tracking"))


class Chronyd:
    """One real ``chronyd -x -d`` with a command socket of its own; a context manager that starts and ends it.

    ``lines`` is its configuration without the lines about its own socket and pid file, which this class adds.
    ``port 0`` (no NTP service) is added unless a line gives a port. ``directory`` may be shared with others; without
    one, the instance has its own. The chronyd may be ended and started again: configuration and paths stay.
    """

    def __init__(
        self, lines: Sequence[str], *, name: str = "chronyd", directory: LabDirectory | None = None
    ) -> None:
        self.lines = tuple(lines)
        self.name = name
        self._given_directory = directory
        self._stack = contextlib.ExitStack()
        self._process: ManagedProcess | None = None
        self._directory: LabDirectory | None = None

    @property
    def directory(self) -> LabDirectory:
        if self._directory is None:
            raise LabError(f"{self.name}: use this chronyd in a with statement")
        return self._directory

    @property
    def socket_path(self) -> Path:
        """Where it answers commands (what a daemon gets as --chronyd-socket)."""
        return self.directory.path(f"{self.name}.sock")

    @property
    def config_path(self) -> Path:
        return self.directory.path(f"{self.name}.conf")

    @property
    def process(self) -> ManagedProcess:
        if self._process is None:
            raise LabError(f"{self.name}: not started")
        return self._process

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.running

    def log(self) -> str:
        """Everything that this chronyd has logged, over all its starts."""
        return self.process.log()

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self._directory = self._given_directory or stack.enter_context(LabDirectory())
            self._write_config()
            stack.callback(self._end)
            self.start()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _end(self) -> None:
        if self._process is not None:
            self._process.terminate()

    def _write_config(self) -> None:
        lines = [*self.lines]
        if not any(line.split()[:1] == ["port"] for line in lines):
            lines.append("port 0")
        lines += [
            "cmdport 0",
            f"bindcmdaddress {self.socket_path}",
            f"pidfile {self.directory.path(self.name + '.pid')}",
        ]
        self.config_path.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.config_path.chmod(0o644)

    def start(self) -> None:
        """Start it and return when it answers commands; raise LabError with its log if it doesn't."""
        if self.running:
            return
        # A killed chronyd leaves these behind; waiting for its successor's socket needs them gone.
        for name in (f"{self.name}.sock", f"{self.name}.pid"):
            self.directory.path(name).unlink(missing_ok=True)
        chronyd = find_program("chronyd", remedy=INSTALL_CHRONY)
        command = [str(chronyd), "-x", "-d", *self.directory.identity_options, "-f", str(self.config_path)]
        self._process = ManagedProcess(command, log_path=self.directory.path(f"{self.name}.log"))
        process = self._process
        socket_there = wait_until(
            lambda: self.socket_path.exists() or not process.running,
            timeout_s=START_TIMEOUT_S,
            interval_s=0.005,
        )
        if not process.running:
            process.terminate()
            raise LabError(
                f"{chronyd}: ended at once with status {process.returncode} (configuration {self.config_path}); it said:\n"
                f"{process.log_tail()}{_apparmor_remedy()}"
            )
        if not socket_there:
            process.terminate()
            raise LabError(
                f"{chronyd}: no command socket at {self.socket_path} after {START_TIMEOUT_S} s; its directory must "
                f"belong to user {self.directory.user} and that user's primary group; it said:\n"
                f"{process.log_tail()}{_apparmor_remedy()}"
            )
        self.wait_until_tracking(lambda report: True, what="answering commands", timeout_s=START_TIMEOUT_S)

    def restart(self) -> None:
        """End it as an operator would and start it again."""
        self.terminate()
        self.start()

    def stop(self) -> None:
        """Freeze it (SIGSTOP): the socket stays and nobody answers. Thaw it with ``cont``."""
        self.process.stop()

    def cont(self) -> None:
        """Let it go on after ``stop``."""
        self.process.cont()

    def terminate(self) -> None:
        """End it by SIGTERM; it removes its socket."""
        self.process.terminate()

    def kill(self) -> None:
        """End it by SIGKILL; its socket stays behind."""
        self.process.kill()

    def tracking(self) -> Tracking:
        """Its tracking report, by chronyc."""
        return tracking(self.socket_path)

    def chronyc(self, *words: str) -> str:
        """Give it a command by chronyc (``reset sources``, say) and return what chronyc printed."""
        return chronyc(self.socket_path, *words)

    def wait_until_tracking(
        self, condition: Callable[[Tracking], bool], *, what: str, timeout_s: float = SYNCHRONISE_TIMEOUT_S
    ) -> Tracking:
        """Wait until its tracking report meets ``condition`` (described by ``what``) and return that report."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            try:
                report = self.tracking()
            except NoAnswerError as error:  # not yet
                last = str(error)
            else:
                if condition(report):
                    return report
                last = f"last report {report}"
            if not self.running or time.monotonic() >= deadline_s:
                why = f"within {timeout_s} s" if self.running else "before it ended"
                raise LabError(f"{self.name}: not {what} {why}; {last}; its log:\n{self.process.log_tail()}")
            time.sleep(CHRONYC_PAUSE_S)

    def wait_until_synchronised(self, *, timeout_s: float = SYNCHRONISE_TIMEOUT_S) -> Tracking:
        """Wait until it has selected a source."""
        return self.wait_until_tracking(
            lambda report: report.synchronised, what="synchronised", timeout_s=timeout_s
        )


class ReferenceClock:
    """Feeds a chronyd's SOCK reference clock with a truth that is known exactly; a context manager around a thread.

    True time is the system clock, plus ``offset_ns``, plus ``rate_ppb`` since ``epoch_realtime_ns``. As chronyd is
    given the offset together with the instant that it belongs to, a late thread delays samples and never bends them.
    """

    SAMPLE = struct.Struct("=qqdiiii")  # sec, usec, offset (s, truth minus system), pulse, leap, pad, magic
    MAGIC = 0x534F434B  # "SOCK"

    def __init__(
        self,
        socket_path: Path,
        *,
        offset_ns: int,
        rate_ppb: int = 0,
        epoch_realtime_ns: int | None = None,
        samples_per_second: int = 8,
    ) -> None:
        self.socket_path = socket_path
        self.offset_ns = offset_ns
        self.rate_ppb = rate_ppb
        self.epoch_realtime_ns = time.time_ns() if epoch_realtime_ns is None else epoch_realtime_ns
        self._interval_s = 1.0 / samples_per_second
        self._stopping = threading.Event()
        self._silent = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reference-clock", daemon=True)

    @staticmethod
    def config_line(
        socket_path: Path, *, refid: str = "TRUE", options: str = "poll 0 dpoll -2 filter 4"
    ) -> str:
        """The line of chronyd's configuration that opens the socket; ``delay`` is what chronyd assumes of it."""
        return f"refclock SOCK {socket_path} refid {refid} {options} delay 0.00001"

    def error_ns(self, realtime_ns: int) -> int:
        """How far the system clock is behind the truth when it shows ``realtime_ns`` (rounded down)."""
        since_epoch_ns = realtime_ns - self.epoch_realtime_ns
        return self.offset_ns + self.rate_ppb * since_epoch_ns // SECOND_NS

    def truth_ns(self, realtime_ns: int) -> int:
        """True time (ns since 1970) at the moment when the system clock shows ``realtime_ns``."""
        return realtime_ns + self.error_ns(realtime_ns)

    def silence(self) -> None:
        """Send no more samples, as a clock that lost its antenna."""
        self._silent.set()

    def resume(self) -> None:
        """Send samples again after ``silence``."""
        self._silent.clear()

    def sample(self, realtime_ns: int) -> bytes:
        """The datagram for the moment at which the system clock showed ``realtime_ns``."""
        seconds, rest_ns = divmod(realtime_ns, SECOND_NS)
        microseconds = rest_ns // 1000
        # The sample's time has no nanoseconds, so the offset must be the one of the microsecond that is named.
        named_ns = seconds * SECOND_NS + microseconds * 1000
        return self.SAMPLE.pack(seconds, microseconds, self.error_ns(named_ns) / 1e9, 0, 0, 0, self.MAGIC)

    def _run(self) -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as feeder:
            feeder.setblocking(False)  # a chronyd that is stopped lets the queue fill; samples are then lost
            while not self._stopping.wait(self._interval_s):
                if self._silent.is_set():
                    continue
                with contextlib.suppress(OSError):  # no chronyd at the moment: it may come back
                    feeder.sendto(self.sample(time.time_ns()), str(self.socket_path))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()


def free_loopback_endpoint() -> tuple[str, int]:
    """Return a loopback address and a UDP port on it that nobody uses.

    chronyd shares its port (SO_REUSEADDR), so two on the same port would steal each other's packets without a word.
    A random address of 127.0.0.0/8 keeps laboratories that start at the same moment apart.
    """
    for _ in range(ENDPOINT_ATTEMPTS_COUNT):
        # 127.127.*.* is left out: chronyd uses it as the name of its own local reference.
        address = f"127.{random.randint(64, 126)}.{random.randint(1, 254)}.{random.randint(1, 254)}"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind((address, 0))
            except OSError:
                continue
            port: int = probe.getsockname()[1]
            return address, port
    raise LabError(
        "no UDP port to be had on 127.0.0.0/8; is the loopback interface up (`ip link set lo up`)?"
    )


class ServerAndClient:
    """Two chronyd and a known truth: the server follows a ReferenceClock, the client measures the server over NTP.

    On entry both are synchronised and the client's root dispersion has settled below ``settled_dispersion_s``, so
    that intervals are narrow from the first one on. ``progress`` is called with a line of text before each step.
    """

    # Fast for a test's sake: synchronised in about 2 s. chronyd averages 4 samples of a 16 Hz clock 4 times a second.
    SAMPLES_PER_SECOND = 16
    REFCLOCK_OPTIONS = "poll -2 dpoll -4 filter 4"

    def __init__(
        self,
        *,
        offset_ns: int = 250_000_000,
        rate_ppb: int = 20_000,
        max_clock_error_ppm: int = 50,
        client_poll: int = -4,
        settled_dispersion_s: Decimal = Decimal("0.001"),
        progress: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._offset_ns = offset_ns
        self._rate_ppb = rate_ppb
        self._max_clock_error_ppm = max_clock_error_ppm
        self._client_poll = client_poll
        self._settled_dispersion_s = settled_dispersion_s
        self._progress = progress
        self._stack = contextlib.ExitStack()
        self.server: Chronyd
        self.client: Chronyd
        self.reference: ReferenceClock
        self.directory: LabDirectory

    def truth_ns(self, realtime_ns: int) -> int:
        """True time at the moment when the system clock shows ``realtime_ns``, exactly."""
        return self.reference.truth_ns(realtime_ns)

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self.directory = stack.enter_context(LabDirectory())
            clock_path = self.directory.path("clock.sock")
            address, port = free_loopback_endpoint()
            self._progress(f"chronyd (server) at {address} port {port}, in {self.directory.directory}")
            self.server = stack.enter_context(
                Chronyd(
                    [
                        ReferenceClock.config_line(clock_path, options=self.REFCLOCK_OPTIONS),
                        "allow 127.0.0.0/8",
                        f"port {port}",
                        f"bindaddress {address}",
                    ],
                    name="server",
                    directory=self.directory,
                )
            )
            self.reference = stack.enter_context(
                ReferenceClock(
                    clock_path,
                    offset_ns=self._offset_ns,
                    rate_ppb=self._rate_ppb,
                    samples_per_second=self.SAMPLES_PER_SECOND,
                )
            )
            self.server.wait_until_synchronised()
            self._progress("chronyd (client), measuring the server over NTP")
            self.client = stack.enter_context(
                Chronyd(
                    [
                        f"server {address} port {port} iburst minpoll {self._client_poll} maxpoll {self._client_poll}",
                        f"maxclockerror {self._max_clock_error_ppm}",
                    ],
                    name="client",
                    directory=self.directory,
                )
            )
            self.client.wait_until_tracking(
                lambda report: report.synchronised and report.root_dispersion_s < self._settled_dispersion_s,
                what=f"synchronised to a root dispersion below {self._settled_dispersion_s} s",
            )
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()
