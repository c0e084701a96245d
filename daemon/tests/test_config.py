"""The configuration file: what it says is taken exactly, and what is wrong is named with its line."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest
from clockbound_daemon import config
from clockbound_daemon.errors import ConfigError
from clockbound_daemon.options import OPTIONS
from hypothesis import given
from hypothesis import strategies as st

KNOWN = {option.name: option for option in OPTIONS}


def load(tmp_path: Path, text: str) -> dict[str, tuple[str, int]]:
    path = tmp_path / "clockbound.toml"
    path.write_text(text)
    return {key: (entry.argument, entry.line) for key, entry in config.load(str(path), KNOWN).items()}


def refusals(tmp_path: Path, text: str | bytes) -> list[str]:
    """The messages, without the file's name, which each must begin with."""
    path = tmp_path / "clockbound.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError) as caught:
        config.load(str(path), KNOWN)
    assert str(caught.value) == "\n".join(caught.value.messages)
    for message in caught.value.messages:
        assert message.startswith(f"{path}:")
        assert "\n" not in message
    return [message.removeprefix(f"{path}:") for message in caught.value.messages]


def test_an_empty_file_sets_nothing(tmp_path: Path) -> None:
    assert load(tmp_path, "") == {}
    assert load(tmp_path, "# nothing\n\n") == {}


def test_each_value_is_an_argument_of_the_command_line(tmp_path: Path) -> None:
    text = """\
# a comment
max-drift-rate = 50

run-dir = "/run/clockbound"   # another
json-output = true
trust-local-reference = false
poll-interval = 0.5
"phc-ref-id" = 'PHC0'
"""
    assert load(tmp_path, text) == {
        "max-drift-rate": ("--max-drift-rate=50", 2),
        "run-dir": ("--run-dir=/run/clockbound", 4),
        "json-output": ("--json-output", 5),
        "trust-local-reference": ("--no-trust-local-reference", 6),
        "poll-interval": ("--poll-interval=0.5", 7),
        "phc-ref-id": ("--phc-ref-id=PHC0", 8),
    }


def test_a_number_keeps_every_digit(tmp_path: Path) -> None:
    # As a float this would be 33.33330000000000125...
    text = "max-drift-rate = 33.333300000000001"
    assert load(tmp_path, text)["max-drift-rate"][0] == "--max-drift-rate=33.333300000000001"


def test_windows_line_ends_are_line_ends(tmp_path: Path) -> None:
    assert load(tmp_path, "json-output = true\r\nmax-drift-rate = 1\r\n")["max-drift-rate"][1] == 2


def test_a_value_that_looks_like_an_option_is_a_value(tmp_path: Path) -> None:
    assert load(tmp_path, 'run-dir = "--version"')["run-dir"][0] == "--run-dir=--version"


@pytest.mark.parametrize(
    ("line", "remedy"),
    [
        ("max_drift_rate = 50", "max_drift_rate: no such option; write max-drift-rate"),
        ("max-drift = 50", "max-drift: no such option; write max-drift-rate"),
        ("zzz = 1", "zzz: no such option; the keys are the long options of 'clockbound --help'"),
        ("m = 1", "m: no such option; the keys are"),
        ("[daemon]", "daemon: no such option; the keys are"),
        ("a.b = 1", "a: no such option"),
        ('"" = 1', ": no such option"),
        ('config = "x"', "config: belongs on the command line only; remove the line"),
        ("check-config = true", "check-config: belongs on the command line only"),
        ("version = true", "version: belongs on the command line only"),
        ("help = true", "help: belongs on the command line only"),
        (
            'max-drift-rate = "50"',
            "max-drift-rate: the string \"50\", where a number belongs; write it as in 'max-drift-rate = 50'",
        ),
        ("max-drift-rate = true", "max-drift-rate: true, where a number belongs"),
        ("max-drift-rate = [50]", "max-drift-rate: an array, where a number belongs"),
        ("max-drift-rate.a = 50", "max-drift-rate: a table, where a number belongs"),
        ("max-drift-rate = 2026-01-01", "max-drift-rate: a date or a time, where a number belongs"),
        ("json-output = 1", "json-output: the number 1, where true or false belongs"),
        ('json-output = "yes"', 'json-output: the string "yes", where true or false belongs'),
        ("run-dir = 5", "run-dir: the number 5, where a string belongs; write it as in 'run-dir = \""),
        ("run-dir = 5.5", "run-dir: the number 5.5, where a string belongs"),
        ("run-dir = false", "run-dir: false, where a string belongs"),
        ("max-drift-rate = 0", "max-drift-rate: 0 ppm isn't above 0"),
        ("max-drift-rate = -1", "max-drift-rate: '-1' isn't a plain decimal number"),
        ("max-drift-rate = inf", "max-drift-rate: 'inf' isn't a plain decimal number"),
        ("max-drift-rate = 1e3", "max-drift-rate: '1e3' isn't a plain decimal number"),
        ("poll-interval = 5", "poll-interval: 5 s isn't between 0.1 and 4"),
        ('phc-ref-id = "PHC01"', "phc-ref-id: 'PHC01' isn't a reference id"),
        ('run-dir = ""', "run-dir: the path is empty"),
        ("run-dir = ", "isn't TOML: Invalid value"),
        ("run-dir", "isn't TOML: Expected '=' after a key"),
        ("json-output = true\njson-output = true", None),
    ],
)
def test_what_is_wrong_is_named_with_line_and_remedy(tmp_path: Path, line: str, remedy: str | None) -> None:
    for before, after, number in (("", "", 1), ("# one\n\n", "\n# three\n", 3)):
        (message,) = refusals(tmp_path, before + line + after)
        if remedy is None:
            assert message == f"{number + 1}: a key stands here for the second time; remove one of the two"
        else:
            assert message.startswith(f"{number}: {remedy}")
            assert any(words in message for words in (";", "such as", "as in", "between"))


def test_everything_wrong_is_told_at_once_in_the_files_order(tmp_path: Path) -> None:
    text = 'json-output = 1\nunknown = """\nmany\nlines"""\nmax-drift-rate = 0\nrun-dir = "/run"\n\nalso-unknown = 3\n'
    assert [message.partition(":")[0] for message in refusals(tmp_path, text)] == ["1", "2", "5", "8"]


def test_a_key_of_a_table_is_not_taken_for_one_of_the_first_level(tmp_path: Path) -> None:
    text = "[section]\nother = 1\n[other]\n"
    messages = refusals(tmp_path, text)
    assert [message[:10] for message in messages] == ["1: section", "3: other: "]


def test_a_string_that_never_ends_is_found_where_it_begins(tmp_path: Path) -> None:
    (message,) = refusals(tmp_path, 'json-output = true\nrun-dir = """\n\nmax-drift-rate = 50\n')
    assert message.startswith("2: isn't TOML: ")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"json-output = true\n# \xff\n", "2: isn't UTF-8 text"),
        (b"#" * 65537, " longer than 65536 bytes"),
        (b"max-drift-rate = " + b"9" * 5000, " isn't TOML that this program can read"),
        (b"max-drift-rate = " + b"[" * 5000, " isn't TOML that this program can read"),
        (b"\0", "1: isn't TOML: "),
    ],
    ids=["bytes", "size", "digits", "depth", "nul"],
)
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (told,) = refusals(tmp_path, content)
    assert told.startswith(message)


def test_a_value_over_many_lines_takes_no_time_worth_mentioning(tmp_path: Path) -> None:
    # Each of these lines could be the end of the statement, and to look at all would take a minute.
    refusals(tmp_path, "json-output = 1\nunknown = [\n" + "1,\n" * 20_000 + "]\n")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml: not found; create it"):
        config.load(str(tmp_path / "nowhere.toml"), KNOWN)


def test_a_directory_or_fifo_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for path in (tmp_path, tmp_path / "fifo"):
        with pytest.raises(ConfigError, match="isn't a regular file"):
            config.load(str(path), KNOWN)


def text_is_harmless(text: str) -> bool:
    """Whether `text` sets nothing but what there is."""
    try:
        document = tomllib.loads(text.replace("\r\n", "\n"))
    except tomllib.TOMLDecodeError:
        return False
    return (
        document.keys() <= {"run-dir"}
        and document.get("run-dir", "x") not in ("",)
        and all(isinstance(value, str) for value in document.values())
    )


@given(st.text(alphabet="abr-dun=\"'# \n[].015truefals\\\u00e9\u2028\r", max_size=60))
def test_any_text_is_taken_or_refused_with_its_file(text: str) -> None:
    path = f"/proc/self/fd/{os.memfd_create('clockbound.toml')}"
    descriptor = int(path.rpartition("/")[2])
    try:
        os.write(descriptor, text.encode())
        messages: tuple[str, ...] = ()
        try:
            entries = config.load(path, KNOWN)
        except ConfigError as error:
            messages = error.messages
        else:
            assert set(entries) == set(tomllib.loads(text.replace("\r\n", "\n")))
        assert bool(messages) != (text_is_harmless(text))
        assert all(message.startswith(f"{path}:") for message in messages)
    finally:
        os.close(descriptor)
