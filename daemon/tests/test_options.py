"""The command line: values in exact units, and errors that say what to give instead."""

from __future__ import annotations

from pathlib import Path

import pytest
from clockbound_daemon import options
from clockbound_daemon._layout import VERSION
from clockbound_daemon.errors import ConfigError


def usage_error(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as caught:
        options.parse(arguments)
    assert caught.value.code == 2
    return capsys.readouterr().err


def test_without_options_everything_has_a_default() -> None:
    given = options.parse([])
    assert given.max_drift_ppb is None
    assert given.phc_reference_id is None
    assert given.phc_interface is None
    assert given.json_output is False
    assert given.run_dir == "/var/run/clockbound"
    assert given.chronyd_socket == "/run/chrony/chronyd.sock"
    assert given.reply_dir is None
    assert given.poll_interval_ns == 1_000_000_000
    assert given.sysfs_root == "/sys"
    assert given.trust_local_reference is False
    assert given.vmclock is None
    assert given.require_vmclock is False
    assert given.disable_clock_disruption_support is False


@pytest.mark.parametrize("name", ["-m", "--max-drift-rate"])
@pytest.mark.parametrize(
    ("text", "ppb"),
    [
        ("1", 1000),
        ("50", 50_000),
        ("0.5", 500),
        ("0.001", 1),
        ("0.0000001", 1),
        ("1.0001", 1001),
        ("33.3333", 33_334),
        ("4294968", None),
        ("999999.999", 999_999_999),
        ("50.", 50_000),
        ("007", 7000),
    ],
)
def test_the_drift_rate_is_exact_and_rounded_up_to_whole_ppb(name: str, text: str, ppb: int | None) -> None:
    if ppb is None:
        with pytest.raises(SystemExit):
            options.parse([name, text])
    else:
        assert options.parse([name, text]).max_drift_ppb == ppb


@pytest.mark.parametrize(
    "text",
    [
        "0",
        "0.0",
        "-1",
        "-0.5",
        "1000000",
        "999999.9999",
        "1000000.1",
        "abc",
        "nan",
        "inf",
        "1e3",
        "",
        ".",
        ".5",
        "+1",
        "1_0",
        "٣",
        "0x10",
        "1,5",
        " 5",
        "9" * 5000,
    ],
)
def test_what_is_no_drift_rate_is_refused_with_its_value(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    message = usage_error(capsys, "--max-drift-rate=" + text)
    assert "-m/--max-drift-rate" in message
    assert text in message


@pytest.mark.parametrize(
    ("text", "nanoseconds"), [("0.1", 10**8), ("1", 10**9), ("2.5", 2_500_000_000), ("4", 4 * 10**9)]
)
def test_the_poll_interval_is_exact(text: str, nanoseconds: int) -> None:
    assert options.parse(["--poll-interval", text]).poll_interval_ns == nanoseconds


@pytest.mark.parametrize("text", ["0", "0.099999999", "4.000000001", "5", "-1", "abc", "nan"])
def test_a_poll_interval_outside_its_range_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert text in usage_error(capsys, f"--poll-interval={text}")


@pytest.mark.parametrize(
    ("text", "reference_id"),
    [("PHC0", 0x50484330), ("PHC", 0x50484300), ("P", 0x50000000), ("~!~!", 0x7E217E21)],
)
def test_a_reference_id_is_what_chronyd_makes_of_it(text: str, reference_id: int) -> None:
    given = options.parse(["-r", text, "-i", "eth0"])
    assert (given.phc_reference_id, given.phc_interface) == (reference_id, "eth0")


@pytest.mark.parametrize("text", ["", "PHC01", "PH 0", "PHé", "PH\n"])
def test_what_is_no_reference_id_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "1 to 4 printable ASCII characters" in usage_error(capsys, f"--phc-ref-id={text}", "-i", "eth0")


def test_the_reference_id_needs_the_interface(capsys: pytest.CaptureFixture[str]) -> None:
    assert "-r/--phc-ref-id needs -i/--phc-interface" in usage_error(capsys, "-r", "PHC0")


def test_the_interface_needs_the_reference_id(capsys: pytest.CaptureFixture[str]) -> None:
    assert "-i/--phc-interface needs -r/--phc-ref-id" in usage_error(capsys, "-i", "eth0")


@pytest.mark.parametrize(
    "name", ["--run-dir", "--chronyd-socket", "--reply-dir", "--sysfs-root", "--phc-interface"]
)
def test_an_empty_path_is_refused(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "empty" in usage_error(capsys, f"{name}=")


def test_short_flags_can_be_given_together() -> None:
    given = options.parse(["-jdm", "7"])
    assert given.json_output is True
    assert given.max_drift_ppb == 7000


def test_disabling_disruption_support_changes_nothing_else() -> None:
    without, with_it = options.parse([]), options.parse(["--disable-clock-disruption-support"])
    with_it.disable_clock_disruption_support = False
    assert with_it == without


@pytest.mark.parametrize("arguments", [["--max-drift", "5"], ["--unknown"], ["surplus"]])
def test_what_is_no_option_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert arguments[0] in usage_error(capsys, *arguments)


def test_the_command_line_goes_before_the_file(tmp_path: Path) -> None:
    path = tmp_path / "clockbound.toml"
    path.write_text('max-drift-rate = 20\njson-output = true\nrun-dir = "/a"\ntrust-local-reference = true\n')
    given = options.parse(["-m", "7", "--config", str(path), "--no-json-output"])
    assert (given.max_drift_ppb, given.json_output) == (7_000, False)
    assert (given.run_dir, given.trust_local_reference) == ("/a", True)
    assert options.parse(["--config", str(path)]).max_drift_ppb == 20_000


@pytest.mark.parametrize("option", [option for option in options.OPTIONS if option.in_file])
def test_every_option_can_stand_in_the_file(tmp_path: Path, option: options.Option) -> None:
    path = tmp_path / "clockbound.toml"
    # These need one another.
    others = {"phc-ref-id": '\nphc-interface = "eth0"', "phc-interface": '\nphc-ref-id = "PHC0"'}.get(
        option.name, ""
    )
    path.write_text(f"{option.name} = {option.example}{others}\n")
    from_file = vars(options.parse(["--config", str(path)]))
    argument = (
        f"--{option.name}" if option.kind == "flag" else f"--{option.name}={option.example.strip(chr(34))}"
    )
    given = [
        argument,
        *(f"--{line.replace(' = ', '=')}".replace('"', "") for line in others.split("\n") if line),
    ]
    from_command_line = vars(options.parse(given))
    assert from_file == from_command_line | {"config": str(path)}


def test_a_wrong_file_is_status_2_and_never_usage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "clockbound.toml"
    path.write_text("json-output = 1\n")
    message = usage_error(capsys, "--config", str(path))
    assert message.startswith(f"clockbound: error: {path}:1: json-output: ")
    assert "usage:" not in message
    path.write_text('phc-ref-id = "PHC0"\n')
    assert f"{path}: -r/--phc-ref-id needs -i/--phc-interface" in usage_error(capsys, "--config", str(path))
    with pytest.raises(ConfigError):
        options.load(["--config", str(path)])


def test_checking_needs_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "--check-config needs --config FILE" in usage_error(capsys, "--check-config")
    path = tmp_path / "clockbound.toml"
    path.write_text("max-drift-rate = 5\n")
    with pytest.raises(SystemExit) as caught:
        options.parse(["--config", str(path), "--check-config"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"{path}: correct\n"


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("max-drift-rate", 50_500, "50.5"),
        ("max-drift-rate", None, "(not given)"),
        ("poll-interval", 250_000_000, "0.25"),
        ("phc-ref-id", 0x50484300, "PHC"),
        ("run-dir", "/a", "/a"),
        ("json-output", False, "false"),
    ],
)
def test_values_are_shown_as_they_would_be_given(name: str, value: object, shown: str) -> None:
    (option,) = (option for option in options.OPTIONS if option.name == name)
    assert options.shown(option, value) == shown


def test_the_version_is_the_products(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        options.parse(["--version"])
    assert caught.value.code == 0
    assert capsys.readouterr().out == f"clockbound {VERSION}\n"


def test_the_help_tells_every_option_and_exit_status(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        options.parse(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    names = "-m --max-drift-rate -r --phc-ref-id -i --phc-interface -j --json-output -d --disable-clock-disruption-support --version "
    names += (
        "-h --help --config --check-config --metrics-listen --metrics-textfile --vmclock --require-vmclock "
    )
    names += "--run-dir --chronyd-socket --reply-dir --poll-interval --trust-local-reference --sysfs-root"
    for name in names.split():
        assert name in text
    assert "0  stopped" in text
    assert "1  could not start" in text
    assert "2  wrong usage" in text
    assert max(map(len, text.splitlines())) <= 80


def test_the_vmclock_page_can_be_chosen_required_or_done_without() -> None:
    given = options.parse(["--vmclock", "/dev/vmclock1", "--require-vmclock"])
    assert (given.vmclock, given.require_vmclock) == ("/dev/vmclock1", True)
    for name in ("-d", "--disable-clock-disruption-support"):
        assert options.parse([name]).disable_clock_disruption_support is True


@pytest.mark.parametrize("other", [["--vmclock", "/dev/vmclock0"], ["--require-vmclock"]])
def test_a_page_that_is_not_to_be_followed_can_not_be_chosen_nor_required(
    capsys: pytest.CaptureFixture[str], other: list[str]
) -> None:
    said = usage_error(capsys, "-d", *other)
    assert f"-d/--disable-clock-disruption-support and {other[0]} contradict each other" in said
