"""A machine to start service managers on: systemd in a container whose files are this machine's own, under an overlay.

Nothing that happens in it reaches this machine: what it writes is kept in memory, it has its own network, and it may not
set the clock.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
import uuid
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any, Self

import pytest
from clockbound_conformance.lab import ReferenceClock
from clockbound_conformance.processes import LabError, ManagedProcess, wait_until

#: True time is the system clock plus this, which chronyd is told, and which -x keeps it from correcting.
OFFSET_NS = 10_000_000
REFERENCE_ID = "PHC0"
BOOT_TIMEOUT_S = 90.0
COMMAND_TIMEOUT_S = 60.0
ATTEMPTS_COUNT = 4
NOBODY = "65534"
RUN_DIR = "/run/clockbound"
PROGRAM = "/opt/clockbound/bin/clockbound"
CONTROL = "/opt/clockbound/bin/clockboundctl"
#: A device of the class misc, as the VMClock page is, that everybody may open and nobody map: /dev/fuse elsewhere.
PAGE_DEVICE = "/dev/vmclock-lab"

#: What there has to be on this machine, and so in the container.
TOOLS = ("systemd-nspawn", "systemd-run", "chronyd", "svscan", "runsvdir", "s6-svscan")

# Debian's chrony.service wants a capability that a container doesn't have.
CHRONY_DROP_IN = "[Unit]\nConditionCapability=\n"
CHRONY_OPTIONS = 'DAEMON_OPTS="-F 1 -x"\n'
CHRONY_CONFIG = f"""\
refclock SOCK /run/chrony.lab.sock refid {REFERENCE_ID} poll 0 dpoll -2 filter 4 delay 0.00001
maxclockerror 50
cmdport 0
port 0
"""
# Not this machine's services, whatever they are.
TARGET = "[Unit]\nRequires=sysinit.target\nAfter=sysinit.target\n"

BOOT = """\
set -eu
base=$1 prepared=$2
shift 2
mount -t tmpfs -o mode=0755 tmpfs "$base"
mkdir "$base/upper" "$base/work" "$base/root"
cp -a "$prepared/." "$base/upper/"
mknod -m 0444 "$base/page" c 10 229
mount -t overlay overlay -o "lowerdir=/,upperdir=$base/upper,workdir=$base/work" "$base/root"
# Together with bpf, what systemd needs here to keep services from devices.
export SYSTEMD_NSPAWN_UNIFIED_HIERARCHY=1
exec "$@" </dev/null
"""


def require_container() -> None:
    """Skip where no container can be had."""
    unproved = "the units and run scripts were checked, but not started"
    if os.geteuid() != 0:
        pytest.skip(f"systemd-nspawn needs root: {unproved}")
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    missing = [name for name in TOOLS if shutil.which(name, path=path) is None]
    if missing:
        pytest.skip(f"{', '.join(missing)}: not installed (.ci/system-packages does that): {unproved}")
    probe = ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    if subprocess.run(probe, check=False, capture_output=True, timeout=COMMAND_TIMEOUT_S).returncode:
        pytest.skip(f"this root may mount nothing, so that there can be no container: {unproved}")


class Machine:
    """A container with systemd, chrony, the daemon in /opt/clockbound, and two programs that read."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._prepared = directory / "prepared"
        self._stack = contextlib.ExitStack()
        self._leader = 0

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self._prepare()
            self._boot(stack)
            self.run("ldconfig")
            stack.enter_context(ReferenceClock(self.outside("/run/chrony.lab.sock"), offset_ns=OFFSET_NS))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: object) -> None:
        self._stack.close()

    def _boot(self, stack: contextlib.ExitStack) -> None:
        base = self._directory / "base"
        base.mkdir()
        command = []
        if os.path.isdir("/run/systemd/system"):
            # A control group of its own, of which this machine's systemd knows.
            command += ["systemd-run", "--scope", "--quiet", "--collect", "-p", "Delegate=yes"]
        # Processes numbered apart, so that all of them end with the first.
        command += ["unshare", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]
        command += ["sh", "-c", BOOT, "boot", str(base), str(self._prepared)]
        command += ["systemd-nspawn", "--quiet", "-D", str(base / "root"), "--boot", "--private-network"]
        command += ["--register=no", "--keep-unit", "--console=pipe", "--system-call-filter=bpf"]
        command += [f"--bind={base / 'page'}:{PAGE_DEVICE}"]
        if self._python_elsewhere():
            command.append(f"--bind-ro={sys.base_prefix}:/opt/python")
        command += ["systemd.unit=lab.target", "fstab=no"]
        nspawn_process = stack.enter_context(ManagedProcess(command, log_path=self._directory / "boot.log"))
        stack.callback(self._end)

        def booted() -> bool:
            assert nspawn_process.running, nspawn_process.log()
            self._leader = _leader_of(nspawn_process.pid)
            return self._leader > 0 and self.try_run("systemctl", "is-active", "lab.target").returncode == 0

        assert wait_until(booted, timeout_s=BOOT_TIMEOUT_S, interval_s=0.1), nspawn_process.log()

    def _end(self) -> None:
        if self._leader:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._leader, 9)

    def _prepare(self) -> None:
        """What the container has that this machine hasn't."""
        files = {
            "etc/machine-id": f"{uuid.uuid4().hex}\n",
            "etc/default/chrony": CHRONY_OPTIONS,
            "etc/chrony/chrony.conf": CHRONY_CONFIG,
            "etc/systemd/system/chrony.service.d/lab.conf": CHRONY_DROP_IN,
            "etc/systemd/system/lab.target": TARGET,
            "etc/ld.so.conf.d/lab.conf": "/opt/python/lib\n",
        }
        for name, text in files.items():
            path = self._prepared / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        self._install()
        shutil.copy(Path(__file__).with_name("units_reader.py"), self._prepared / "opt/reader.py")
        self._compile()

    def _install(self) -> None:
        """The daemon and the client in an environment of their own, as pip would leave it there."""
        home = "/opt/python/bin" if self._python_elsewhere() else f"{sys.base_prefix}/bin"
        name = f"python{sysconfig.get_python_version()}"
        environment = self._prepared / "opt/clockbound"
        packages = environment / f"lib/{name}/site-packages"
        programs = environment / "bin"
        packages.mkdir(parents=True)
        programs.mkdir()
        (programs / "python").symlink_to(f"{home}/{name}")
        (environment / "pyvenv.cfg").write_text(f"home = {home}\ninclude-system-site-packages = false\n")
        for distribution in map(metadata.distribution, ("clockbound-daemon", "clockbound-client")):
            for file in distribution.files or ():
                if ".." in file.parts or "__pycache__" in file.parts:
                    continue
                (packages / file).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file.locate(), packages / file)
            for entry in distribution.entry_points.select(group="console_scripts"):
                program = programs / entry.name
                program.write_text(
                    f"#!/opt/clockbound/bin/python\nimport sys\nfrom {entry.module} import {entry.attr}\n"
                    f"sys.exit({entry.attr}())\n"
                )
                program.chmod(0o755)

    @staticmethod
    def _python_elsewhere() -> bool:
        """Whether this Python is where the container's accounts wouldn't find it."""
        return sys.base_prefix != "/usr"

    def _compile(self) -> None:
        adapter = os.environ.get("CLOCKBOUND_C_ADAPTER")
        if not adapter:
            raise LabError(
                "CLOCKBOUND_C_ADAPTER must name the program clockbound-adapter-c, beside the C library"
            )
        root = Path(__file__).resolve().parent.parent.parent
        source = Path(__file__).with_name("units_reader.c")
        command = ["cc", "-O1", "-Wall", "-Werror", "-I", str(root / "clients/c/include"), str(source)]
        command += ["-o", str(self._prepared / "opt/reader"), str(Path(adapter).with_name("libclockbound.a"))]
        subprocess.run(command, check=True, timeout=COMMAND_TIMEOUT_S)

    def outside(self, path: str) -> Path:
        """How this machine gets at the container's `path`."""
        return Path(f"/proc/{self._leader}/root{path}")

    def try_run(self, *command: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["nsenter", "-t", str(self._leader), "-a", *command],
            check=False,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
            env={"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"},
        )

    def run(self, *command: str) -> str:
        """Do that in the container, which must succeed; what it printed."""
        done = self.try_run(*command)
        assert done.returncode == 0, f"{' '.join(command)}: {done.stdout}{done.stderr}\n{self.journal()}"
        return done.stdout

    def journal(self, *options: str) -> str:
        return self.try_run("journalctl", "--no-pager", "-n", "60", *options).stdout

    def show(self, name: str, unit: str = "clockbound") -> str:
        """A property of a unit."""
        return self.run("systemctl", "show", "--value", "-p", name, unit).strip()

    def configure(self, **options: str) -> None:
        """Write the daemon's configuration."""
        lines = {"max-drift-rate": "50"} | {name.replace("_", "-"): value for name, value in options.items()}
        text = "".join(f"{name} = {value}\n" for name, value in lines.items())
        self.outside("/etc/clockbound").mkdir(exist_ok=True)
        self.outside("/etc/clockbound/clockbound.toml").write_text(text)

    def status(self) -> dict[str, Any]:
        done = self.try_run(CONTROL, "status", "--json")
        shown: dict[str, Any] = json.loads(done.stdout)
        return shown

    def wait_synchronized(self) -> None:
        """Until a new bound came, with a synchronised status."""
        self.run(CONTROL, "wait", "--timeout", "60")
        begun_s = time.monotonic()

        def new() -> bool:
            status = self.status()
            return (
                status["status"] == "SYNCHRONIZED" and status["age_ns"] < (time.monotonic() - begun_s) * 1e9
            )

        assert wait_until(new, timeout_s=60, interval_s=0.1), f"{self.status()}\n{self.journal()}"

    def daemon_pid(self) -> int:
        """The number of the daemon that writes, in the container; 0 if there is none."""
        holder = self.outside(f"{RUN_DIR}/clockbound.lock").read_text().strip()
        command = self.outside(f"/proc/{holder}/cmdline")
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if b"clockbound" in command.read_bytes():
                return int(holder)
        return 0

    def wait_for_another(self, pid: int) -> int:
        """The number of the daemon that came after `pid`."""
        assert wait_until(lambda: self.daemon_pid() not in (0, pid), timeout_s=30, interval_s=0.05), (
            self.journal()
        )
        return self.daemon_pid()

    def inode(self, name: str = "shm0") -> int:
        return self.outside(f"{RUN_DIR}/{name}").stat().st_ino

    def upgrade(self, version: str) -> None:
        """Put another version in the program's place while it runs, as pip does: the old files go, then others come."""
        packages = "/opt/clockbound/lib/python*/site-packages"
        self.run(
            "sh",
            "-ec",
            f"cd {packages}; cp -a clockbound_daemon /opt/new; rm -r clockbound_daemon; rm -f {PROGRAM}.old;"
            f"sed -i 's/^VERSION = .*/VERSION = \"{version}\"/' /opt/new/_layout.py; mv /opt/new clockbound_daemon",
        )


READERS = {"python": "/opt/clockbound/bin/python /opt/reader.py", "c": "/opt/reader"}


class Readers:
    """A Python and a C client, of an account that may do nothing, that read while this is entered."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        #: What they saw, when they have ended.
        self.seen: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> Self:
        for name, program in READERS.items():
            # With a service's standard output for a file, the file has to be there in a directory that is theirs.
            self._machine.run(
                *("systemd-run", "--quiet", "--collect", f"--unit=reader-{name}", f"--uid={NOBODY}"),
                *("-p", f"StandardOutput=truncate:/run/reader-{name}.json"),
                *(*program.split(), str(OFFSET_NS)),
            )
        for name in READERS:
            assert wait_until(lambda name=name: self._mapped(name) > 0, timeout_s=30), self._machine.journal()
        return self

    def _mapped(self, name: str) -> int:
        """The inode of the segment that a reader has mapped; 0 if it has been removed meanwhile, or there is none."""
        pid = self._machine.show("MainPID", f"reader-{name}")
        maps = self._machine.try_run("cat", f"/proc/{pid}/maps").stdout
        found = re.findall(r" (\d+) +/run/clockbound/shm0$", maps, re.MULTILINE)
        return int(found[0]) if found else 0

    def assert_mapping_kept(self, inode: int) -> None:
        assert self._machine.inode() == inode
        assert {name: self._mapped(name) for name in READERS} == dict.fromkeys(READERS, inode)

    def __exit__(self, *error: object) -> None:
        for name in READERS:
            self._machine.run("systemctl", "stop", f"reader-{name}")
            text = self._machine.outside(f"/run/reader-{name}.json").read_text()
            if error[0] is None:
                self.seen[name] = json.loads(text)


def losing_nothing(
    machine: Machine, do: Callable[[], object], *, also: tuple[str, ...] = ()
) -> dict[str, dict[str, Any]]:
    """Clients read while `do` does something; they keep their mapping, get an interval each time, and truth is always in it.

    They see SYNCHRONIZED, and besides that only the statuses `also`. A machine that is busy may hold up chronyd, or whoever
    starts the daemon, for so long that they see another: then it is done once more. Returns what they saw.
    """
    unexpected = {"UNKNOWN", "FREE_RUNNING", "DISRUPTED"} - set(also)
    for _ in range(ATTEMPTS_COUNT):
        inode, directory = machine.inode(), machine.inode("")
        with Readers(machine) as readers:
            do()
            machine.wait_synchronized()
            readers.assert_mapping_kept(inode)
            assert machine.inode("") == directory
        for name, seen in readers.seen.items():
            told = f"{name}: {seen}"
            print(told)
            assert seen["readings_count"] > 100, told
            assert seen["errors_count"] == 0, told
            assert seen["outside_count"] == 0, told
        if not any(seen[status] for seen in readers.seen.values() for status in unexpected):
            return readers.seen
    raise AssertionError(f"{unexpected} at each of {ATTEMPTS_COUNT} attempts: {readers.seen}")


def _leader_of(pid: int) -> int:
    """The first process of the container that unshare, which is `pid`, runs by nspawn; 0 if there is none yet."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError, IndexError):
        nspawn = _first_child(pid)
        leader = _first_child(nspawn)
        if os.readlink(f"/proc/{leader}/ns/pid") != os.readlink(f"/proc/{nspawn}/ns/pid"):
            return leader
    return 0


def _first_child(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])
