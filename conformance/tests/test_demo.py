"""The demonstration as a user runs it, with honest clients and with lying ones, all at the same time."""

from __future__ import annotations

import contextlib
import os
import pty
import re
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
from clockbound_conformance import __main__ as command
from clockbound_conformance import demo
from clockbound_conformance.answers import Interval
from clockbound_conformance.lab import ServerAndClient
from clockbound_conformance.processes import wait_until
from clockbound_conformance.readings import Reading
from clockbound_conformance.table import width

PYTHON_ADAPTER = Path(__file__).parents[1] / "adapters" / "python" / "adapter.py"
SECONDS = "16"
TIMEOUT_S = 110.0

# Passes everything between the suite and a real adapter, except that LIE may change an answer.
LIAR = """\
    #!{python}
    import json, subprocess, sys
    real = subprocess.Popen({command}, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
    for line in sys.stdin:
        request = json.loads(line)
        real.stdin.write(line)
        answer = json.loads(real.stdout.readline())
        if request["cmd"] in ("compute", "now") and answer["type"] == "interval":
            earliest, latest = int(answer["earliest_ns"]), int(answer["latest_ns"])
            {lie}
            answer |= dict(earliest_ns=str(earliest), latest_ns=str(latest))
        print(json.dumps(answer), flush=True)
        if request["cmd"] == "stop":
            break
    """


def write_liar(path: Path, real_command: Sequence[str], lie: str) -> Path:
    path.write_text(
        textwrap.dedent(LIAR).format(python=sys.executable, command=list(real_command), lie=lie),
        encoding="utf-8",
    )
    path.chmod(0o755)
    return path


def start(*options: str, stdout: int = subprocess.PIPE) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "clockbound_conformance.demo",
            "--python-adapter",
            str(PYTHON_ADAPTER),
            *options,
        ],
        stdout=stdout,
        stderr=subprocess.STDOUT,
        text=True,
    )


@dataclass(frozen=True)
class Ended:
    status: int
    output: str
    seconds: float

    def figure(self, label: str) -> tuple[int, int]:
        """The two numbers of a line "label  m of n" in the summary."""
        found = re.search(rf"^  {label} +(\d+) of (\d+)", self.output, re.MULTILINE)
        assert found, self.output
        return int(found[1]), int(found[2])


@pytest.fixture(scope="module")
def demos(tmp_path_factory: pytest.TempPathFactory, c_adapter_path: str) -> Iterator[dict[str, Ended]]:
    """Every demonstration of this module; they run side by side, each in a laboratory of its own."""
    directory = tmp_path_factory.mktemp("demo")
    python = [sys.executable, str(PYTHON_ADAPTER)]
    off_by_one = write_liar(directory / "off-by-one", [c_adapter_path], "earliest += 1")
    # 0.1 ms cut from each end: both clients agree, and truth is lost
    narrow = "earliest, latest = earliest + 100_000, latest - 100_000"
    narrow_c = write_liar(directory / "narrow-c", [c_adapter_path], narrow)
    narrow_python = write_liar(directory / "narrow-python.py", python, narrow)
    with ServerAndClient() as pair:
        running = {
            "honest": start("--c-adapter", c_adapter_path, "--seconds", SECONDS),
            "off by one": start("--c-adapter", str(off_by_one), "--seconds", SECONDS),
            "narrow": start(
                *("--c-adapter", str(narrow_c), "--python-adapter", str(narrow_python), "--seconds", SECONDS)
            ),
            "own chronyd": start(
                *(
                    "--c-adapter",
                    c_adapter_path,
                    "--chronyd-socket",
                    str(pair.client.socket_path),
                    "--seconds",
                    "6",
                )
            ),
        }
        ended = {}
        began_s = time.monotonic()
        try:
            for name, process in running.items():
                output, _ = process.communicate(timeout=TIMEOUT_S)
                ended[name] = Ended(process.returncode, output, time.monotonic() - began_s)
        finally:
            for process in running.values():
                process.terminate()
                process.wait()
        yield ended


def test_honest_clients_pass(demos: dict[str, Ended]) -> None:
    honest = demos["honest"]
    assert honest.status == 0, honest.output
    assert honest.output.rstrip().endswith("PASSED")
    assert "SYNCHRONIZED -> FREE_RUNNING -> SYNCHRONIZED" in honest.output
    agreed_count, readings_count = honest.figure("Python and C agreed")
    assert agreed_count == readings_count > 20
    assert honest.figure("as calculated independently") == (readings_count, readings_count)
    assert honest.figure("true time inside every interval") == (readings_count, readings_count)


def test_the_table_has_a_row_a_second_and_both_clients_in_each(demos: dict[str, Ended]) -> None:
    row = re.compile(
        r"^\d\d:\d\d:\d\d\.\d{3} +[\d.]+ ms +(\w+) +[\d.]+ ms +(\w+) +[\d.]+ s +yes, [\d.]+ us", re.MULTILINE
    )
    statuses = row.findall(demos["honest"].output)
    assert len(statuses) >= float(SECONDS) / 2  # a machine that is busy may skip one
    assert all(python == c for python, c in statuses)
    assert {"SYNCHRONIZED", "FREE_RUNNING"} == {python for python, _ in statuses}


def test_progress_is_shown_and_no_colour_without_a_terminal(demos: dict[str, Ended]) -> None:
    output = demos["honest"].output
    assert output.startswith("==> Starting a private pair of chronyd")
    for step in (
        "Starting the daemon",
        "Starting the clients",
        "Ready after",
        "Stopping the server",
        "again",
    ):
        assert step in output
    assert "\x1b" not in output


def test_a_client_that_is_one_nanosecond_off_fails_the_demonstration(demos: dict[str, Ended]) -> None:
    liar = demos["off by one"]
    assert liar.status == 1, liar.output
    agreed_count, readings_count = liar.figure("Python and C agreed")
    assert agreed_count == 0 < readings_count
    assert liar.output.rstrip().endswith("FAILED")


def test_clients_that_agree_on_losing_the_truth_fail_the_demonstration(demos: dict[str, Ended]) -> None:
    liars = demos["narrow"]
    assert liars.status == 1, liars.output
    agreed_count, readings_count = liars.figure("Python and C agreed")
    assert agreed_count == readings_count > 0
    assert liars.figure("true time inside every interval")[0] < readings_count
    assert "NO, outside by" in liars.output


def test_another_chronyd_is_shown_without_a_truth(demos: dict[str, Ended]) -> None:
    own = demos["own chronyd"]
    assert own.status == 0, own.output
    assert "what true time is nobody here can know" in own.output
    assert "true time inside" not in own.output
    assert re.search(r"SYNCHRONIZED +[\d.]+ s +-$", own.output, re.MULTILINE)


def test_a_terminal_gets_colour(c_adapter_path: str) -> None:
    leader, follower = pty.openpty()
    environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    process = subprocess.Popen(
        [sys.executable, "-m", "clockbound_conformance.demo", "--chronyd-socket", "/no/such/socket"],
        stdout=follower,
        env={**environment, "TERM": "xterm", "CLOCKBOUND_C_ADAPTER": c_adapter_path},
    )
    os.close(follower)
    output = b""
    with contextlib.suppress(OSError):  # what a terminal answers when nobody writes to it any more
        while piece := os.read(leader, 4096):
            output += piece
    os.close(leader)
    assert process.wait(TIMEOUT_S) == 2
    assert b"\x1b[31m" in output


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_an_interrupted_demonstration_ends_everything_that_it_started(
    c_adapter_path: str, number: signal.Signals, status: int
) -> None:
    process = start("--c-adapter", c_adapter_path)
    assert process.stdout is not None
    for line in process.stdout:
        if "time (UTC)" in line:
            break
    descendants = all_descendants(process.pid)
    # two chronyd, the daemon, a guard of each, two adapters
    assert len(descendants) >= 8
    process.send_signal(number)
    process.stdout.read()
    process.stdout.close()
    assert process.wait(TIMEOUT_S) == status
    assert wait_until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in descendants), timeout_s=30.0)


def all_descendants(pid: int) -> list[int]:
    children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return children + [each for child in children for each in all_descendants(child)]


class TestErrors:
    """Set-up faults: exit status 2 and a line that names the path and the remedy."""

    @pytest.fixture(autouse=True)
    def environment(self, monkeypatch: pytest.MonkeyPatch, c_adapter_path: str) -> None:
        monkeypatch.setenv("CLOCKBOUND_C_ADAPTER", c_adapter_path)
        monkeypatch.setenv("CLOCKBOUND_PYTHON_ADAPTER", str(PYTHON_ADAPTER))

    def test_a_missing_c_adapter(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert demo.main(["--c-adapter", "/no/such/adapter"]) == 2
        assert "/no/such/adapter: no such program; build it with cmake" in capsys.readouterr().out

    def test_a_missing_python_adapter(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert demo.main(["--python-adapter", "/no/such/adapter.py"]) == 2
        assert re.search(r"/no/such/adapter\.py: .*CLOCKBOUND_PYTHON_ADAPTER", capsys.readouterr().out)

    def test_a_missing_daemon(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        monkeypatch.setenv("PATH", str(tmp_path))
        monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
        assert demo.main([]) == 2
        assert "clockbound: no such program" in (output := capsys.readouterr().out)
        assert "pip install ./daemon" in output

    def test_a_missing_socket(self, capsys: pytest.CaptureFixture[str]) -> None:
        assert demo.main(["--chronyd-socket", "/no/such/chronyd.sock"]) == 2
        assert "/no/such/chronyd.sock: no such socket; start chronyd" in capsys.readouterr().out

    def test_a_daemon_that_ends_at_once_is_shown_with_its_words(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        broken = tmp_path / "clockbound"
        broken.write_text("#!/bin/sh\necho no cheese today >&2\nexit 3\n")
        broken.chmod(0o755)
        monkeypatch.setattr(demo, "_program", lambda name, remedy: broken)
        with ServerAndClient() as pair:
            assert demo.main(["--chronyd-socket", str(pair.client.socket_path)]) == 2
        assert "no cheese today" in capsys.readouterr().out

    @pytest.mark.parametrize("seconds", ["0", "-1", "nan", "inf", "ten", "15.9", "100000"])
    def test_an_impossible_length(self, seconds: str, capsys: pytest.CaptureFixture[str]) -> None:
        with pytest.raises(SystemExit, match="2"):
            demo.main(["--seconds", seconds])
        assert seconds in capsys.readouterr().err


def at(width_ns: int, status: str) -> Reading:
    answer = Interval(0, width_ns, status)
    return Reading(0, 0, 0, {"Python": answer, "C": answer}, answer, {})


SYNCHRONISED = [at(20, "SYNCHRONIZED"), at(21, "SYNCHRONIZED")]
STOPPED = [at(22, "SYNCHRONIZED"), at(30, "FREE_RUNNING"), at(31, "FREE_RUNNING")]
BACK = [at(32, "FREE_RUNNING"), at(23, "SYNCHRONIZED")]


class TestMissing:
    """Which parts of the demonstration count as seen."""

    def test_nothing_is_missing_when_everything_was_seen(self) -> None:
        assert demo._missing(SYNCHRONISED, STOPPED, BACK) == []

    def test_a_beginning_that_a_busy_machine_disturbed_is_none_the_worse(self) -> None:
        beginning = [at(20, "SYNCHRONIZED"), at(20, "FREE_RUNNING"), at(21, "SYNCHRONIZED")]
        assert demo._missing(beginning, STOPPED, BACK) == []
        assert demo._missing(beginning[:2], STOPPED, BACK) == ["SYNCHRONIZED at first"]

    def test_an_unsynchronised_beginning(self) -> None:
        beginning = [at(20, "UNKNOWN"), *SYNCHRONISED]
        assert demo._missing(beginning, STOPPED, BACK) == ["SYNCHRONIZED at first"]

    def test_a_status_that_never_turned(self) -> None:
        missing = demo._missing(SYNCHRONISED, [at(30, "SYNCHRONIZED"), at(31, "SYNCHRONIZED")], BACK)
        assert "FREE_RUNNING after the server had stopped" in missing

    def test_a_bound_that_did_not_grow(self) -> None:
        stopped = [at(30, "FREE_RUNNING"), at(31, "FREE_RUNNING"), at(31, "FREE_RUNNING")]
        missing = demo._missing(SYNCHRONISED, stopped, BACK)
        assert missing == ["a bound that grew at every reading while free-running"]

    def test_a_server_that_did_not_come_back(self) -> None:
        missing = demo._missing(SYNCHRONISED, STOPPED, [at(32, "FREE_RUNNING")])
        assert missing == [
            "SYNCHRONIZED at the end",
            "a narrower interval at the end than without the server",
        ]

    def test_no_reading_at_all(self) -> None:
        assert len(demo._missing([], [], [])) == 5


@pytest.mark.parametrize(
    ("width_ns", "words"),
    [
        (2_211_499, "2.211 ms"),
        (31_557_600 * 10**9 - 1_000_000, "31,557,599,999.000 ms"),
        (2 * 100 * 31_557_600 * 10**9, "200.0 years"),  # nothing is known: 100 years on either side
    ],
)
def test_a_width_is_in_milliseconds_or_years(width_ns: int, words: str) -> None:
    assert width(width_ns) == words


def test_the_command_names_its_subcommands(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main([]) == 2
    assert "demo" in capsys.readouterr().err
    assert command.main(["--help"]) == 0
    assert "demo" in capsys.readouterr().out
