"""The units and run scripts as files, and the command that puts them in their places. test_units_run.py starts them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from clockbound_daemon import config, options, units

#: The exposure that `systemd-analyze security` may find, in tenths.
EXPOSURE_LIMIT = 15
HERE = Path(__file__).resolve().parent.parent
EARLY_UNIT = HERE / "systemd/before-235/clockbound.service"
#: What the early unit uses of what systemd 219 knows, by its manual pages.
KEYS_OF_219 = set(
    re.findall(
        r"\w+",
        """Description Wants After Type Environment ExecStart ExecReload User Restart RestartSec StartLimitInterval
        RestartPreventExitStatus WatchdogSec TimeoutStartSec TimeoutStopSec LimitCORE NoNewPrivileges
        CapabilityBoundingSet ProtectSystem ProtectHome PrivateTmp DevicePolicy DeviceAllow RestrictAddressFamilies
        UMask SystemCallArchitectures WantedBy""",
    )
)
#: The groups of system calls that systemd 235 knows. An unknown group would be left out of the filter.
GROUPS_OF_235 = set(
    re.findall(
        r"@\S+",
        """@aio @basic-io @clock @cpu-emulation @debug @default @file-system @io-event @ipc @keyring @memlock @module
        @mount @network-io @obsolete @privileged @process @raw-io @reboot @resources @setuid @signal @swap @sync
        @timer""",
    )
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """An image with a daemon and Debian's account of chronyd."""
    for name in ("etc", "opt/clockbound/bin"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "etc/passwd").write_text(
        "root:x:0:0::/root:/bin/sh\n_chrony:x:102:105::/var/lib/chrony:/bin/false\n"
    )
    program = tmp_path / "opt/clockbound/bin/clockbound"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return tmp_path


Install = Callable[..., int]


@pytest.fixture
def install(root: Path) -> Install:
    def run(*arguments: str, program: str = units.PROGRAM) -> int:
        return units.main([*arguments, "--root", str(root), "--program", program])

    return run


def files(root: Path) -> set[str]:
    """What there is below /etc, as the installed machine calls it."""
    found = {f"/{path.relative_to(root)}" for path in (root / "etc").rglob("*") if not path.is_dir()}
    return found - {"/etc/passwd"}


def tool(name: str, unproved: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} isn't installed: {unproved}")
    return found


def unit_of(root: Path) -> Path:
    """The installed unit, with a program that systemd-analyze finds on this machine."""
    path = root / units.UNIT[1:]
    path.write_text(path.read_text().replace(units.PROGRAM, sys.executable))
    return path


@pytest.mark.parametrize("manager", ["systemd", "systemd-before-235"])
def test_systemd_finds_nothing_wrong_with_the_units(install: Install, root: Path, manager: str) -> None:
    analyze = tool("systemd-analyze", "that systemd knows every key of the units")
    assert install(f"--{manager}", "--phc-ref-id", "PHC0", "--phc-interface", "eth0") == 0
    command = [analyze, "verify", str(unit_of(root))]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_unit_exposes_little(install: Install, root: Path) -> None:
    analyze = tool("systemd-analyze", f"that the unit's exposure is {EXPOSURE_LIMIT / 10} or less")
    assert install("--systemd") == 0
    command = [analyze, "security", "--no-pager", "--offline=true", f"--threshold={EXPOSURE_LIMIT}"]
    command.append(str(unit_of(root)))
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    found = re.search(r"Overall exposure level for clockbound.service: (\S+)", done.stdout)
    assert found
    assert float(found[1]) <= EXPOSURE_LIMIT / 10


def test_the_early_unit_has_only_what_systemd_219_knows() -> None:
    keys = set(re.findall(r"^(\w+)=", EARLY_UNIT.read_text(), re.MULTILINE))
    assert keys <= KEYS_OF_219
    # Before 235 it is removed when the daemon ends, and clients' segments with it.
    assert "RuntimeDirectory" not in keys


def test_the_units_system_call_groups_are_known_to_systemd_235() -> None:
    unit = (HERE / "systemd/clockbound.service").read_text()
    filters = re.findall(r"^SystemCallFilter=~(.*)", unit, re.MULTILINE)
    assert len(filters) == 1
    assert set(filters[0].split()) <= GROUPS_OF_235


def test_the_units_differ_in_nothing_but_what_early_versions_lack() -> None:
    late, early = (
        (HERE / "systemd" / name).read_text().splitlines() for name in ("clockbound.service", EARLY_UNIT)
    )
    only_early = {line for line in early if "=" in line and not line.startswith("#")} - set(late)
    assert only_early == {"StartLimitInterval=0", "ProtectSystem=full"}


def test_the_run_scripts_are_good_shell() -> None:
    shellcheck = tool("shellcheck", "that the run scripts have no mistake that it would find")
    scripts = sorted(str(path) for path in (HERE / "supervise").rglob("run"))
    assert len(scripts) == 6
    done = subprocess.run([shellcheck, *scripts], check=False, capture_output=True, text=True, timeout=60)
    assert done.stdout + done.stderr == ""


INSTALLED = {
    "systemd": {units.UNIT: 0o644},
    "systemd-before-235": {units.UNIT: 0o644, "/etc/tmpfiles.d/clockbound.conf": 0o644},
    "daemontools": {
        "/etc/daemontools/clockbound/run": 0o755,
        "/etc/daemontools/clockbound/log/run": 0o755,
    },
    "runit": {"/etc/sv/clockbound/run": 0o755, "/etc/sv/clockbound/log/run": 0o755},
    "s6": {"/etc/s6/sv/clockbound/run": 0o755, "/etc/s6/sv/clockbound/log/run": 0o755},
}


@pytest.mark.parametrize("manager", units.MANAGERS)
def test_each_file_is_shown_and_put_in_its_place(
    install: Install, root: Path, capsys: pytest.CaptureFixture[str], manager: str
) -> None:
    assert install(f"--{manager}") == 0
    shown = capsys.readouterr().out
    expected = INSTALLED[manager] | {units.CONFIG: 0o644}
    assert files(root) == set(expected)
    for name, mode in expected.items():
        path = root / name[1:]
        assert path.stat().st_mode & 0o7777 == mode
        assert f"{name}: made, mode {mode:04o}\n" in shown
        for line in path.read_text().splitlines():
            assert f"    {line}\n" in shown
    assert "\nNothing was started. To start the daemon under " in shown


@pytest.mark.parametrize("manager", units.MANAGERS)
def test_a_dry_run_shows_the_same_and_writes_nothing(
    install: Install, root: Path, capsys: pytest.CaptureFixture[str], manager: str
) -> None:
    assert install(f"--{manager}", "--dry-run") == 0
    told = capsys.readouterr().out
    assert not files(root)
    assert install(f"--{manager}") == 0
    assert told.replace(": would be made", ": made") == capsys.readouterr().out


def test_a_second_run_changes_nothing(
    install: Install, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install("--systemd")
    before = (root / units.UNIT[1:]).stat()
    capsys.readouterr()
    assert install("--systemd") == 0
    shown = capsys.readouterr().out
    assert f"{units.UNIT}: is right already\n" in shown
    assert ": made" not in shown
    assert (root / units.UNIT[1:]).stat() == before


def test_what_changes_in_a_file_is_shown(
    install: Install, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    install("--systemd")
    unit = root / units.UNIT[1:]
    wanted = unit.read_text()
    unit.write_text(wanted.replace("WatchdogSec=10\n", "WatchdogSec=60\n"))
    capsys.readouterr()
    assert install("--systemd") == 0
    shown = capsys.readouterr().out
    assert f"{units.UNIT}: changed, mode 0644\n    -WatchdogSec=60\n    +WatchdogSec=10\n" in shown
    assert unit.read_text() == wanted


def test_the_configuration_of_the_machine_is_kept(
    install: Install, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = root / units.CONFIG[1:]
    path.parent.mkdir()
    path.write_text("max-drift-rate = 20\n")
    assert install("--systemd") == 0
    assert path.read_text() == "max-drift-rate = 20\n"
    assert f"{units.CONFIG}: kept as it is\n" in capsys.readouterr().out


def test_the_configuration_that_is_installed_is_correct(install: Install, root: Path) -> None:
    install("--systemd")
    config.load(str(root / units.CONFIG[1:]), {option.name: option for option in options.OPTIONS})


@pytest.mark.parametrize("manager", units.MANAGERS)
def test_program_and_account_are_those_that_were_given(install: Install, root: Path, manager: str) -> None:
    program = root / "usr/local/bin/clockbound"
    program.parent.mkdir(parents=True)
    program.symlink_to(root / units.PROGRAM[1:])
    assert install(f"--{manager}", "--user", "chrony", program="/usr/local/bin/clockbound") == 0
    text = "".join((root / name[1:]).read_text() for name in INSTALLED[manager])
    assert "/usr/local/bin/clockbound --config /etc/clockbound/clockbound.toml" in text
    assert re.search(r"\bchrony\b", text)
    assert "_chrony" not in text
    assert "/opt" not in text


@pytest.mark.parametrize(
    ("accounts", "expected"), [("chrony:x:1:1\n", "chrony"), ("_chrony:x:1:1\nchrony:x:2:2\n", "_chrony")]
)
def test_the_account_is_the_images_own(install: Install, root: Path, accounts: str, expected: str) -> None:
    (root / "etc/passwd").write_text(accounts)
    assert install("--systemd") == 0
    assert f"\nUser={expected}\n" in (root / units.UNIT[1:]).read_text()


def test_the_phc_has_a_drop_in(install: Install, root: Path) -> None:
    assert install("--systemd", "--phc-ref-id", "PTP1", "--phc-interface", "ens5") == 0
    drop_in = (root / units.PHC_DROP_IN[1:]).read_text()
    assert '\nEnvironment="CLOCKBOUND_OPTIONS=--phc-ref-id PTP1 --phc-interface ens5"\n' in drop_in
    assert "ens5" not in (root / units.UNIT[1:]).read_text()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--systemd", "--user", "a b"), "isn't the name of an account"),
        (("--systemd", "--phc-ref-id", "PHC0"), "need each other"),
        (("--systemd", "--phc-interface", "eth0"), "need each other"),
        (("--systemd", "--phc-ref-id", "PHC0", "--phc-interface", "eth0\nUser=root"), "other characters"),
        (
            ("--runit", "--phc-ref-id", "PHC0", "--phc-interface", "eth0"),
            "write phc-ref-id and phc-interface into",
        ),
    ],
)
def test_what_makes_no_sense_is_refused(
    install: Install, root: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], words: str
) -> None:
    assert install(*arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("clockboundctl: ")
    assert words in error
    assert not files(root)


@pytest.mark.parametrize(
    ("program", "words"),
    [
        ("clockbound", "isn't an absolute path"),
        ("/opt/clock bound/clockbound", "isn't an absolute path"),
        ("/opt/%n/clockbound", "isn't an absolute path"),
        ("/opt/none/clockbound", "isn't a program"),
        ("/opt/clockbound/bin", "isn't a program"),
        ("/home/me/clockbound", "services don't see /home"),
        ("/root/clockbound", "services don't see /root"),
        ("/tmp/clockbound", "services don't see /tmp"),
    ],
)
def test_a_program_that_could_not_be_started_is_refused(
    install: Install, root: Path, capsys: pytest.CaptureFixture[str], program: str, words: str
) -> None:
    for name in ("/home/me/clockbound", "/root/clockbound", "/tmp/clockbound"):
        (root / name[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(root / units.PROGRAM[1:], root / name[1:])
    assert install("--systemd", program=program) == 1
    assert words in capsys.readouterr().err
    assert not files(root)


def test_an_image_without_chronyds_account_is_refused(
    install: Install, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/sh\n")
    assert install("--systemd") == 1
    assert "has neither _chrony nor chrony, chronyd's account; install chrony" in capsys.readouterr().err
    assert not files(root)


def test_a_masked_unit_stays_masked(install: Install, root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unit = root / units.UNIT[1:]
    unit.parent.mkdir(parents=True)
    unit.symlink_to("/dev/null")
    assert install("--systemd") == 1
    assert f"{unit}: isn't a regular file (of a masked unit?); remove it" in capsys.readouterr().err
    assert unit.is_symlink()


def test_a_directory_that_is_no_directory_is_named(
    install: Install, root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (root / "etc/systemd").write_text("")
    assert install("--systemd") == 1
    assert f"clockboundctl: {root}/etc/systemd" in capsys.readouterr().err


def test_one_manager_has_to_be_named(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["--runit", "--s6"]):
        with pytest.raises(SystemExit) as ended:
            units.main(arguments)
        assert ended.value.code == 2
    assert "not allowed with" in capsys.readouterr().err


def test_the_page_has_the_options_and_commands_of_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    page = (HERE.parent / "docs/units.rst").read_text()
    with pytest.raises(SystemExit):
        units.main(["--help"])
    names = set(re.findall(r"--[a-z0-9-]+", capsys.readouterr().out)) - {"--help"}
    table = page[page.index(".. list-table::") : page.index("All of them run the daemon")]
    assert set(re.findall(r"--[a-z0-9-]+", table)) == names
    for manager in units.MANAGERS.values():
        for command in manager.start:
            assert re.sub(r"(/etc/service/|/run/service/)clockbound$", r"\1", command) in page
