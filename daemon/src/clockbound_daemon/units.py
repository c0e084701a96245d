"""`clockboundctl install-units`: puts the unit or run scripts of a service manager in their place, and shows each file.

It starts nothing: the commands that do are printed at the end.
"""

from __future__ import annotations

import argparse
import difflib
import os
import re
import stat
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from clockbound_daemon.errors import StartError

DONE, FAILED = 0, 1

#: What the files say as they are, and what the command puts there instead.
PROGRAM = "/opt/clockbound/bin/clockbound"
USER = "_chrony"
PHC_OPTIONS = "--phc-ref-id PHC0 --phc-interface eth0"
#: chronyd's account, as Debian calls it and as everybody else does.
USERS = ("_chrony", "chrony")
CONFIG = "/etc/clockbound/clockbound.toml"
#: The units and most administrators keep these from services' accounts.
HIDDEN = ("/home", "/root", "/run/user", "/tmp", "/var/tmp")

_PLAIN_PATH = re.compile(r"(/[A-Za-z0-9_+.,@-]+)+")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_.@:+-]+")


class Manager(NamedTuple):
    """A service manager: which files it needs where, and how it is told to start the daemon."""

    title: str
    files: dict[str, str]  # where it goes: what it is called among the service files
    start: tuple[str, ...]


def _scripts(name: str, directory: str) -> dict[str, str]:
    return {f"{directory}/{script}": f"supervise/{name}/{script}" for script in ("run", "log/run")}


UNIT = "/etc/systemd/system/clockbound.service"
PHC_DROP_IN = "/etc/systemd/system/clockbound.service.d/phc.conf"
MANAGERS = {
    "systemd": Manager(
        "systemd 235 or later",
        {UNIT: "systemd/clockbound.service"},
        ("systemctl daemon-reload", "systemctl enable --now clockbound"),
    ),
    "systemd-before-235": Manager(
        "systemd 219 to 234",
        {
            UNIT: "systemd/before-235/clockbound.service",
            "/etc/tmpfiles.d/clockbound.conf": "systemd/before-235/tmpfiles.conf",
        },
        (
            "systemd-tmpfiles --create /etc/tmpfiles.d/clockbound.conf",
            "systemctl daemon-reload",
            "systemctl enable --now clockbound",
        ),
    ),
    "daemontools": Manager(
        "daemontools",
        _scripts("daemontools", "/etc/daemontools/clockbound"),
        ("ln -s /etc/daemontools/clockbound /etc/service/clockbound",),
    ),
    "runit": Manager(
        "runit",
        _scripts("runit", "/etc/sv/clockbound"),
        ("ln -s /etc/sv/clockbound /etc/service/clockbound",),
    ),
    "s6": Manager(
        "s6",
        _scripts("s6", "/etc/s6/sv/clockbound"),
        ("ln -s /etc/s6/sv/clockbound /run/service/clockbound", "s6-svscanctl -a /run/service"),
    ),
}


class ServiceFile(NamedTuple):
    """A file as it is to be."""

    path: str
    text: str
    mode: int


def service_files(manager: str, *, program: str, user: str, phc: tuple[str, str] | None) -> list[ServiceFile]:
    """The files of `manager`, one of MANAGERS, for this program, account and PHC (reference id, interface)."""
    files = dict(MANAGERS[manager].files)
    if phc is not None:
        files[PHC_DROP_IN] = "systemd/clockbound.service.d/phc.conf"
    made = []
    for path, name in files.items():
        text = _packaged(name).replace(PROGRAM, program)
        text = re.sub(rf"\b{USER}\b", user, text)
        if phc is not None:
            text = text.replace(PHC_OPTIONS, f"--phc-ref-id {phc[0]} --phc-interface {phc[1]}")
        made.append(ServiceFile(path, text, 0o755 if name.endswith("/run") else 0o644))
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; its exit status."""
    given = _parser().parse_args(arguments)
    try:
        phc = _phc(given)
        user = _user(given)
        wanted = service_files(given.manager, program=_program(given), user=user, phc=phc)
        root = Path(given.root)
        for file in wanted:
            _install(root, file, dry_run=given.dry_run)
        example = ServiceFile(CONFIG, _packaged("clockbound.toml"), 0o644)
        if os.path.lexists(_below(root, CONFIG)):
            print(f"{CONFIG}: kept as it is")
        else:
            _install(root, example, dry_run=given.dry_run)
    except StartError as error:
        print(f"clockboundctl: {error}", file=sys.stderr)
        return FAILED
    except OSError as error:
        print(f"clockboundctl: {error.filename}: can't be written: {error.strerror}", file=sys.stderr)
        return FAILED
    manager = MANAGERS[given.manager]
    start = [f"{given.program or _default_program()} --config {CONFIG} --check-config", *manager.start]
    print(f"\nNothing was started. To start the daemon under {manager.title}:", *start, sep="\n    ")
    return DONE


def _install(root: Path, file: ServiceFile, *, dry_run: bool) -> None:
    """Put `file` in its place, as a whole, and say what that changes."""
    path = _below(root, file.path)
    before, mode = _present(path)
    if before == file.text and mode == file.mode:
        print(f"{file.path}: is right already")
        return
    verb = "would be " if dry_run else ""
    verb += "made" if mode is None else "changed"
    print(f"{file.path}: {verb}, mode {file.mode:04o}")
    sys.stdout.writelines(_changes(before, file))
    if dry_run:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.new")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with open(descriptor, "w", encoding="utf-8") as stream:
            stream.write(file.text)
            os.fchmod(descriptor, file.mode)
        temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _present(path: Path) -> tuple[str, int | None]:
    """Text and mode of what is there; no mode if nothing is."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return "", None
    if not stat.S_ISREG(status.st_mode):
        raise StartError(f"{path}: isn't a regular file (of a masked unit?); remove it")
    return path.read_text(encoding="utf-8", errors="replace"), stat.S_IMODE(status.st_mode)


def _changes(before: str, file: ServiceFile) -> Iterator[str]:
    """The lines that go and come; all of a new file's, without the marks of a difference."""
    if not before:
        yield from (f"    {line}" for line in file.text.splitlines(keepends=True))
        return
    lines = difflib.unified_diff(before.splitlines(True), file.text.splitlines(True), n=0)
    for number, line in enumerate(lines):
        if number >= 2 and not line.startswith("@@"):
            yield f"    {line.rstrip(chr(10))}\n"


def _below(root: Path, path: str) -> Path:
    return root / path.lstrip("/")


def _packaged(name: str) -> str:
    return (resources.files("clockbound_daemon") / "service_files" / name).read_text(encoding="utf-8")


def _default_program() -> str:
    return f"{sysconfig.get_path('scripts')}/clockbound"


def _program(given: argparse.Namespace) -> str:
    program: str = given.program or _default_program()
    if not _PLAIN_PATH.fullmatch(program):
        raise StartError(
            f"{program!r}: isn't an absolute path of letters, digits and _+.,@-; give another with --program"
        )
    found = _below(Path(given.root), program)
    if not os.access(found, os.X_OK) or not found.is_file():
        raise StartError(f"{found}: isn't a program; give the daemon's path with --program")
    for directory in HIDDEN:
        if program.startswith(f"{directory}/"):
            raise StartError(
                f"{program}: services don't see {directory}, or are kept out of it; install clockbound elsewhere, "
                f"such as for {PROGRAM}, and use the command there or --program"
            )
    return program


def _user(given: argparse.Namespace) -> str:
    path = _below(Path(given.root), "/etc/passwd")
    accounts = {line.partition(":")[0] for line in path.read_text("utf-8", "replace").splitlines()}
    if given.user is None:
        for user in USERS:
            if user in accounts:
                return user
        raise StartError(
            f"{path}: has neither {' nor '.join(USERS)}, chronyd's account; install chrony, or give --user"
        )
    if not _PLAIN_NAME.fullmatch(given.user) or given.user.startswith("-"):
        raise StartError(f"{given.user!r}: isn't the name of an account; give chronyd's with --user")
    return str(given.user)


def _phc(given: argparse.Namespace) -> tuple[str, str] | None:
    reference_id, interface = given.phc_ref_id, given.phc_interface
    if reference_id is None and interface is None:
        return None
    if reference_id is None or interface is None:
        raise StartError("--phc-ref-id and --phc-interface need each other")
    if not given.manager.startswith("systemd"):
        raise StartError(
            f"--phc-ref-id and --phc-interface make a drop-in of systemd; for {given.manager} write phc-ref-id and "
            f"phc-interface into {CONFIG}"
        )
    for value in (reference_id, interface):
        if not _PLAIN_NAME.fullmatch(value) or value.startswith("-"):
            raise StartError(f"{value!r}: has other characters than letters, digits and _.@:+-")
    return reference_id, interface


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="clockboundctl install-units",
        description="Puts the unit or run scripts of a service manager in their place, and shows each file. "
        "It starts nothing: the commands that do are printed.",
        allow_abbrev=False,
    )
    managers = parser.add_mutually_exclusive_group(required=True)
    for name, manager in MANAGERS.items():
        managers.add_argument(
            f"--{name}", dest="manager", action="store_const", const=name, help=f"for {manager.title}"
        )
    parser.add_argument("--dry-run", action="store_true", help="show what would be done, and do nothing")
    parser.add_argument(
        "--root", metavar="DIR", default="/", help="the directory of an image to install into (default: /)"
    )
    parser.add_argument("--user", metavar="NAME", help="chronyd's account (default: _chrony or chrony)")
    parser.add_argument(
        "--program", metavar="PATH", help="the daemon (default: clockbound, beside this command)"
    )
    parser.add_argument(
        "--phc-ref-id", metavar="ID", help="make the drop-in for a PTP hardware clock of this reference id"
    )
    parser.add_argument("--phc-interface", metavar="IF", help="the interface of that clock, such as eth0")
    return parser


if __name__ == "__main__":
    sys.exit(main())
