"""The files for hosts, clouds, containers and clusters: those who read them accept them, and what they rely on is so."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from clockbound_conformance.lab import Chronyd, LabDirectory, ReferenceClock, ServerAndClient
from clockbound_conformance.processes import ManagedProcess, find_program
from clockbound_daemon import ctl, options, units
from clockbound_daemon._layout import DEFAULT_RUN_DIR, ClockStatus
from daemon_support import Daemon

DAEMON = Path(__file__).resolve().parent.parent
DEPLOY = DAEMON / "deploy"
PAGE = DAEMON.parent / "docs" / "operating.rst"
SYNCHRONIZED = ClockStatus.SYNCHRONIZED
TIMEOUT_S = 60
CTL = (sys.executable, "-c", "import sys; from clockbound_daemon.ctl import run; sys.exit(run())")

FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())


def lines(path: Path) -> list[str]:
    """What is in a file besides comments."""
    return [line for line in path.read_text().splitlines() if line.strip() and not line.startswith("#")]


def checked(command: list[str]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=TIMEOUT_S)
    assert done.returncode == 0, done.stdout + done.stderr


def checker(name: str, unproved: str) -> str:
    """A program that checks files of one kind."""
    beside = str(Path(sys.executable).parent)  # where pip puts programs
    found = shutil.which(name) or shutil.which(name, path=f"{beside}:/usr/sbin:/sbin")
    if found is None:
        pytest.skip(f"{name} isn't installed: {unproved}")
    return found


def assert_daemon_takes(arguments: list[str]) -> None:
    """With the configuration file of the example, where none is given."""
    example = [] if "--config" in arguments else ["--config", str(DAEMON / "clockbound.toml")]
    checked([sys.executable, "-m", "clockbound_daemon", *arguments, *example, "--check-config"])


def assert_ctl_takes(arguments: list[str]) -> None:
    """Parse, and do nothing."""
    if arguments[0] == "install-units":
        units._parser().parse_args(arguments[1:])
    else:
        ctl._parser().parse_args(arguments)


# chrony


@pytest.mark.parametrize("path", sorted((DEPLOY / "chrony").iterdir()), ids=lambda path: path.name)
def test_chronyd_takes_its_lines(path: Path, tmp_path: Path) -> None:
    config = tmp_path / "chrony.conf"
    config.write_text("\n".join([*lines(DEPLOY / "chrony" / "clockbound.conf"), *lines(path), ""]))
    checked([str(find_program("chronyd", remedy="install chrony")), "-p", "-f", str(config)])


def test_the_lines_for_chronyd_are_what_the_daemon_takes_for_granted() -> None:
    given = dict(line.split() for line in lines(DEPLOY / "chrony" / "clockbound.conf"))
    defaults = {option.name: option for option in options.OPTIONS}
    assert given == {
        "maxclockerror": defaults["max-drift-rate"].example,
        "bindcmdaddress": defaults["chronyd-socket"].default,
    }


def test_the_clock_of_ec2_has_the_reference_id_of_the_unit() -> None:
    (line,) = lines(DEPLOY / "chrony" / "ec2.conf")
    assert f"--phc-ref-id {line.split()[-1]} " in units.PHC_OPTIONS


@pytest.mark.parametrize("name", ["azure", "kvm"])
def test_half_of_the_delay_is_in_the_bound(name: str, tmp_path: Path, run_dir: Path) -> None:
    """The host's own error, of which nobody tells, is put there by the operator: 1 ms."""
    (line,) = lines(DEPLOY / "chrony" / f"{name}.conf")
    with LabDirectory() as directory:
        clock = directory.path("clock.sock")
        device = line.split()[2]
        faster = re.sub(r"poll \d+", "poll 0", line.replace(f"PHC {device}", f"SOCK {clock}"))
        with (
            Chronyd([faster, "maxclockerror 50"], directory=directory) as chronyd,
            ReferenceClock(clock, offset_ns=0),
            Daemon(run_dir, chronyd.socket_path, log_path=tmp_path / "log") as daemon,
        ):
            assert 1_000_000 <= daemon.wait_for(SYNCHRONIZED, timeout_s=60).bound_ns < 2_000_000


# cloud images


@pytest.fixture
def user_data() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((DEPLOY / "cloud-init" / "user-data.yaml").read_text())
    return loaded


SCHEMA = "usr/lib/python3/dist-packages/cloudinit/config/schemas/schema-cloud-config-v1.json"


@pytest.fixture
def cloud_init_schema(tmp_path: Path) -> dict[str, Any]:
    """That of Debian's package, which isn't installed for it: cloud-init would take over the machine at its next start."""
    if not (schema := Path("/") / SCHEMA).is_file():
        steps = "apt-get -qq download cloud-init && dpkg-deb --extract cloud-init_*.deb ."
        done = subprocess.run(
            ["sh", "-c", steps], check=False, cwd=tmp_path, capture_output=True, text=True, timeout=TIMEOUT_S
        )
        if done.returncode:
            reason = " ".join(done.stderr.split())[-200:]
            pytest.skip(f"cloud-init can't be had ({reason}): the user data weren't held against its schema")
        schema = tmp_path / SCHEMA
    loaded: dict[str, Any] = json.loads(schema.read_text())
    return loaded


def test_the_schema_of_cloud_init_takes_the_user_data(
    cloud_init_schema: dict[str, Any], user_data: dict[str, Any]
) -> None:
    jsonschema = pytest.importorskip(
        "jsonschema", reason="the user data weren't held against cloud-init's schema"
    )
    errors = jsonschema.Draft4Validator(cloud_init_schema).iter_errors(user_data)
    assert [f"{error.json_path}: {error.message}" for error in errors] == []
    # It takes keys that it doesn't know; cloud-init does nothing with them.
    known = {key for module in cloud_init_schema["$defs"].values() for key in module.get("properties", ())}
    assert user_data.keys() <= known


def test_the_user_data_are_known_by_their_first_line() -> None:
    assert (DEPLOY / "cloud-init" / "user-data.yaml").read_text().startswith("#cloud-config\n")


def test_the_user_data_write_what_chronyd_and_the_daemon_read(
    user_data: dict[str, Any], tmp_path: Path
) -> None:
    written = {file["path"]: file["content"] for file in user_data["write_files"]}
    assert {file["permissions"] for file in user_data["write_files"]} == {"0644"}
    chrony = written.pop("/etc/chrony/conf.d/clockbound.conf")
    assert chrony.splitlines() == lines(DEPLOY / "chrony" / "clockbound.conf")
    ((path, config),) = written.items()
    assert path == units.CONFIG
    assert f"maxclockerror {tomllib.loads(config)['max-drift-rate']}\n" in chrony
    (tmp_path / "clockbound.toml").write_text(config)
    assert_daemon_takes(["--config", str(tmp_path / "clockbound.toml")])


def test_the_user_data_run_commands_that_exist(user_data: dict[str, Any]) -> None:
    scripts = tomllib.loads((DAEMON / "pyproject.toml").read_text())["project"]["scripts"]
    run = [command for command in user_data["runcmd"] if command[0].startswith("/opt/clockbound/bin/")]
    assert [Path(command[0]).name for command in run] == [
        "pip",
        "clockbound",
        "clockboundctl",
        "clockboundctl",
    ]
    assert run[1][0] == units.PROGRAM
    assert run[1][1:] == ["--config", units.CONFIG, "--check-config"]
    for command in run[1:]:
        assert Path(command[0]).name in scripts
    for command in run[2:]:
        assert_ctl_takes(command[1:])


# containers


def test_the_image_is_built_from_what_there_is() -> None:
    text = (DEPLOY / "container" / "Containerfile").read_text()
    repository = DAEMON.parent
    for source, target in re.findall(r"^COPY (\w+) /source/(\w+)$", text, re.MULTILINE):
        assert source == target
        assert (repository / source).is_dir()
    installed = re.findall(r"/source/(\S+)", text.partition("pip install")[2].partition("\n")[0])
    assert installed == ["clients/python", "daemon"]
    assert all((repository / path / "pyproject.toml").is_file() for path in installed)
    assert 'ENTRYPOINT ["clockbound"]' in text


def test_the_linter_takes_the_containerfile() -> None:
    program = checker("hadolint", "the Containerfile wasn't linted")
    checked([program, str(DEPLOY / "container" / "Containerfile")])


def namespaces(*extra: str) -> list[str]:
    """A command that runs others as a container does: in a mount namespace of its own, and others that `extra` names."""
    command = ["unshare", "--fork", "--mount", *extra]
    if os.geteuid() != 0:
        command += ["--user", "--map-root-user"]
    probe = "mount -t tmpfs none /mnt && mount -o remount,bind,ro /"
    done = subprocess.run(
        [*command, "sh", "-c", probe], check=False, capture_output=True, text=True, timeout=TIMEOUT_S
    )
    if done.returncode:
        pytest.skip(f"no namespaces to be had ({done.stderr.strip()}): nothing was tried as in a container")
    return command


class Contained(Daemon):
    """The daemon in namespaces of its own; all is read-only there but chronyd's directory and the segments'."""

    def __init__(self, run_dir: Path, chronyd_socket: Path, *, mounted_at: Path, log_path: Path) -> None:
        self.run_dir = run_dir
        daemon = [
            sys.executable,
            "-m",
            "clockbound_daemon",
            "--max-drift-rate",
            "50",
            "--run-dir",
            str(run_dir),
        ]
        daemon += ["--chronyd-socket", str(mounted_at / chronyd_socket.name)]
        steps = [
            f"mount --bind {chronyd_socket.parent} {mounted_at}",
            f"mount --bind {run_dir} {run_dir}",
            "mount -o remount,bind,ro /",
            # Root, without any capability but the one that chronyd's directory asks for.
            'exec setpriv --no-new-privs --bounding-set=-all,+dac_override --inh-caps=-all -- "$@"',
        ]
        separate = namespaces("--pid", "--ipc", "--uts", "--net", "--kill-child")
        command = [*separate, "sh", "-euc", "\n".join(steps), "sh", *daemon]
        ManagedProcess.__init__(self, command, log_path=log_path)

    def terminate(self, timeout_s: float = 0) -> None:
        """At once: unshare takes no SIGTERM, and its child ends with it."""
        self.kill()


def test_a_daemon_in_a_container_asks_the_chronyd_outside(
    pair: ServerAndClient, tmp_path: Path, run_dir: Path
) -> None:
    """It has other PID, IPC and network namespaces, and of root's capabilities the one of the DaemonSet."""
    socket_path = pair.client.socket_path
    with Contained(run_dir, socket_path, mounted_at=socket_path.parent, log_path=tmp_path / "log") as daemon:
        daemon.wait_for(SYNCHRONIZED)


def test_the_directory_of_chronyd_must_have_the_same_path_in_the_container(
    pair: ServerAndClient, tmp_path: Path, run_dir: Path, directory: Path
) -> None:
    with Contained(
        run_dir, pair.client.socket_path, mounted_at=directory, log_path=tmp_path / "log"
    ) as daemon:
        daemon.wait_for(ClockStatus.UNKNOWN)
        daemon.wait_for_log("did not answer within")
        assert daemon.layout_2().clock_status == ClockStatus.UNKNOWN


def seen(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines()]


def test_a_client_with_the_directory_sees_a_new_segment_and_one_with_the_file_does_not(
    pair: ServerAndClient, tmp_path: Path, run_dir: Path
) -> None:
    chronyd_socket, log_path = pair.client.socket_path, tmp_path / "log"
    directory, file = tmp_path / "directory", tmp_path / "file"
    directory.mkdir()
    file.touch()
    steps = [
        f"mount --bind {run_dir} {directory}",
        f"mount -o remount,bind,ro {directory}",
        f"mount --bind {run_dir}/shm0 {file}",
        "echo mounted",
        "read -r _",
        f'touch {directory}/mine 2>/dev/null && echo "written" >&2',
        f'"$@" status --json --segment {directory}/shm0 || :',
        f'"$@" status --json --segment {file} || :',
    ]
    with Daemon(run_dir, chronyd_socket, log_path=log_path) as daemon:
        daemon.wait_for(SYNCHRONIZED)
        client = subprocess.Popen(
            [*namespaces("--kill-child"), "sh", "-euc", "\n".join(steps), "sh", *CTL],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert client.stdout is not None
        assert client.stdout.readline() == "mounted\n"
    old_generation = int.from_bytes((run_dir / "shm0").read_bytes()[14:16], sys.byteorder)
    (run_dir / "shm0").unlink()
    with Daemon(run_dir, chronyd_socket, log_path=log_path) as daemon:
        daemon.wait_for(SYNCHRONIZED)
        output, errors = client.communicate("go on\n", timeout=TIMEOUT_S)
    assert errors == ""
    through_directory, through_file = seen(output)
    assert through_directory["status"] == "SYNCHRONIZED"
    assert through_directory["age_ns"] < through_file["age_ns"]
    assert through_file["generation"] == old_generation


@pytest.mark.parametrize(
    ("offset_s", "answer"), [(-60, ("error", "CAUSALITY_BREACH")), (+1500, ("status", "UNKNOWN"))]
)
def test_a_client_in_a_time_namespace_gets_no_interval(
    pair: ServerAndClient, tmp_path: Path, run_dir: Path, offset_s: int, answer: tuple[str, str]
) -> None:
    command = [*namespaces("--time", "--monotonic", str(offset_s)), *CTL, "status", "--json"]
    with Daemon(run_dir, pair.client.socket_path, log_path=tmp_path / "log") as daemon:
        daemon.wait_for(SYNCHRONIZED)
        done = subprocess.run(
            [*command, "--segment", str(run_dir / "shm0")],
            check=False,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
        )
    (found,) = seen(done.stdout)
    assert answer in found.items(), found


def test_chronys_directory_is_kept_by_its_unit_as_ours_is_by_ours() -> None:
    (section, key) = lines(DEPLOY / "container" / "chrony-keep-directory.conf")
    assert section == "[Service]"
    assert key in (DAEMON / "systemd" / "clockbound.service").read_text().splitlines()


# Kubernetes


def objects(name: str) -> dict[str, dict[str, Any]]:
    loaded = yaml.safe_load_all((DEPLOY / "kubernetes" / f"{name}.yaml").read_text())
    return {found["kind"]: found for found in loaded}


@pytest.fixture
def pod() -> dict[str, Any]:
    """Of the daemon."""
    spec: dict[str, Any] = objects("daemonset")["DaemonSet"]["spec"]["template"]
    return spec


@pytest.mark.parametrize("name", ["daemonset", "client"])
def test_the_schemas_of_kubernetes_take_the_manifests(name: str) -> None:
    program = checker("kubernetes-validate", "the manifests weren't held against the schemas of Kubernetes")
    checked([program, "--strict", str(DEPLOY / "kubernetes" / f"{name}.yaml")])


def test_the_daemon_takes_the_arguments_of_its_pod(pod: dict[str, Any]) -> None:
    (container,) = pod["spec"]["containers"]
    assert_daemon_takes(container["args"])


def test_the_probes_ask_where_the_daemon_listens(pod: dict[str, Any]) -> None:
    (container,) = pod["spec"]["containers"]
    (port,) = container["ports"]
    assert f"--metrics-listen=0.0.0.0:{port['containerPort']}" in container["args"]
    assert pod["metadata"]["annotations"]["prometheus.io/port"] == str(port["containerPort"])
    probes = {name: container[name]["httpGet"] for name in ("livenessProbe", "readinessProbe")}
    assert {name: probe["path"] for name, probe in probes.items()} == {
        "livenessProbe": "/healthz",
        "readinessProbe": "/readyz",
    }
    assert {probe["port"] for probe in probes.values()} == {port["name"]}


def test_the_daemons_pod_sees_chronyd_at_the_path_that_chronyd_has(pod: dict[str, Any]) -> None:
    (container,) = pod["spec"]["containers"]
    outside = {volume["name"]: volume["hostPath"]["path"] for volume in pod["spec"]["volumes"]}
    inside = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert outside == inside
    assert "/run/chrony" in inside.values()
    assert f"--run-dir={inside['segments']}" in container["args"]
    assert not {"hostPID", "hostIPC", "hostNetwork"} & pod["spec"].keys()
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"], "add": ["DAC_OVERRIDE"]}


def test_a_pod_that_asks_mounts_the_directory_read_only(pod: dict[str, Any]) -> None:
    client = objects("client")["Pod"]["spec"]
    (volume,) = client["volumes"]
    (segments,) = (volume for volume in pod["spec"]["volumes"] if volume["name"] == "segments")
    assert volume["hostPath"] == {"path": segments["hostPath"]["path"], "type": "Directory"}
    for container in (*client["initContainers"], *client["containers"]):
        mount = {"name": volume["name"], "mountPath": DEFAULT_RUN_DIR, "readOnly": True}
        assert container["volumeMounts"] == [mount]
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    (wait,) = client["initContainers"]
    assert wait["command"][0] == "clockboundctl"
    assert_ctl_takes(wait["command"][1:])


# AppArmor and SELinux


def apparmor_parser(tmp_path: Path, *options: str) -> list[str]:
    program = checker("apparmor_parser", "the profile of AppArmor wasn't compiled")
    config = tmp_path / "parser.conf"
    config.touch()
    return [program, f"--config-file={config}", "--skip-kernel-load", "--skip-cache", "--quiet", *options]


def test_the_parser_of_apparmor_takes_the_profile(tmp_path: Path) -> None:
    checked([*apparmor_parser(tmp_path), str(DEPLOY / "apparmor" / "clockbound")])


def test_debians_profile_takes_the_line_for_chronyd(tmp_path: Path) -> None:
    profile = Path("/etc/apparmor.d/usr.sbin.chronyd")
    command = apparmor_parser(tmp_path)
    if not profile.is_file():
        pytest.skip(f"{profile}: not there: the line for chronyd's own profile wasn't tried")
    included, ours = "#include <local/usr.sbin.chronyd>", DEPLOY / "apparmor" / "local" / profile.name
    assert included in profile.read_text()
    together = tmp_path / "profile"
    together.write_text(profile.read_text().replace(included, ours.read_text()))
    checked([*command, str(together)])


def test_the_profile_names_the_paths_that_the_daemon_has_by_default() -> None:
    profile = (DEPLOY / "apparmor" / "clockbound").read_text()
    assert f" {units.PROGRAM} " in profile
    for option in options.OPTIONS:
        if option.name in ("chronyd-socket", "run-dir"):
            assert f"@{{run}}{str(option.default).removeprefix('/var').removeprefix('/run')}" in profile


def test_the_compiler_of_selinux_takes_the_module(tmp_path: Path) -> None:
    source = DEPLOY / "selinux" / "clockbound_chronyd.te"
    program = checker("checkmodule", "the module of SELinux wasn't compiled")
    checked([program, "-M", "-m", "-o", str(tmp_path / f"{source.stem}.mod"), str(source)])


# The page


def test_the_page_shows_every_file_as_it_is() -> None:
    page = PAGE.read_text()
    shown = {PAGE.parent / name for name in re.findall(r"^\.\. literalinclude:: (\S+)", page, re.MULTILINE)}
    assert {path.resolve() for path in shown} == set(FILES)


def commands() -> list[list[str]]:
    """The commands of this project among those that the page shows."""
    found = []
    page = PAGE.read_text().replace("\\\n", " ")
    for line in re.findall(r"^ +\$ (.*)", page, re.MULTILINE):
        words = shlex.split(line)
        while words and words[0] in ("sudo", "-u", "_chrony"):
            words.pop(0)
        if words and Path(words[0]).name in ("clockbound", "clockboundctl"):
            found.append([Path(words[0]).name, *words[1:]])
        elif words[:2] == ["podman", "run"]:
            found.append(["clockbound", *words[words.index("localhost/clockbound") + 1 :]])
    return found


def test_the_page_has_commands() -> None:
    assert {command[0] for command in commands()} == {"clockbound", "clockboundctl"}


@pytest.mark.parametrize("command", commands(), ids=" ".join)
def test_a_command_on_the_page_is_one_that_exists(command: list[str]) -> None:
    if command[0] == "clockbound":
        assert_daemon_takes(command[1:])
    else:
        assert_ctl_takes(command[1:])
