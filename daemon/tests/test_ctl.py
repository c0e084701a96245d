"""The operator's tool: what it prints is what a client sees, and scripts can go by its exit status."""

from __future__ import annotations

import json
import mmap
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from clockbound_client import ClockBoundClient
from clockbound_client._core import publish
from clockbound_daemon import _layout, ctl
from clockbound_daemon._layout import VERSION, ClockStatus, SegmentRecord

SECOND_NS = 1_000_000_000
Write = Callable[..., None]


def pack(
    status: ClockStatus,
    *,
    bound_ns: int = 250_000,
    age_ns: int = 0,
    layout: int = 2,
    marker: int = 0,
    support: int = 0,
) -> bytes:
    as_of_ns = time.clock_gettime_ns(time.CLOCK_MONOTONIC) - age_ns
    seconds, nanoseconds = divmod(as_of_ns, SECOND_NS)
    record = SegmentRecord(
        generation=2,
        as_of_sec=seconds,
        as_of_nsec=nanoseconds,
        void_after_sec=seconds + 1000,
        void_after_nsec=nanoseconds,
        bound_ns=bound_ns,
        disruption_marker=marker,
        max_drift_ppb=50_000,
        clock_status=status,
        clock_disruption_support_enabled=support,
    )
    return _layout.pack_segment_v1(record) if layout == 1 else _layout.pack_segment_v2(record)


@pytest.fixture
def segment(tmp_path: Path) -> Path:
    path = tmp_path / "shm0"
    path.write_bytes(pack(ClockStatus.SYNCHRONIZED))
    return path


def output(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, str, str]:
    status = ctl.main([str(argument) for argument in arguments])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (ClockStatus.SYNCHRONIZED, 0),
        (ClockStatus.FREE_RUNNING, 0),
        (ClockStatus.UNKNOWN, 1),
        (ClockStatus.DISRUPTED, 1),
    ],
)
def test_the_exit_status_says_whether_the_interval_can_be_relied_on(
    segment: Path, capsys: pytest.CaptureFixture[str], status: ClockStatus, expected: int
) -> None:
    segment.write_bytes(pack(status))
    code, text, _ = output(capsys, "status", "--segment", segment)
    assert code == expected
    assert text.startswith(f"status       {status.name}: ")
    code, text, _ = output(capsys, "status", "--segment", segment, "--json")
    assert code == expected
    assert json.loads(text)["trusted"] is (expected == 0)


def test_it_shows_what_a_client_sees(segment: Path, capsys: pytest.CaptureFixture[str]) -> None:
    segment.write_bytes(pack(ClockStatus.SYNCHRONIZED, age_ns=2 * SECOND_NS, marker=2**60))
    with ClockBoundClient(segment) as client:
        before = client.now()
        _, text, _ = output(capsys, "status", "--segment", segment, "--json")
        after = client.now()
    shown = json.loads(text)
    assert before.earliest_ns <= int(shown["earliest_ns"]) <= after.earliest_ns
    assert before.latest_ns <= int(shown["latest_ns"]) <= after.latest_ns
    # 250 us, and 2 s and a little at 50 ppm
    assert 350_000 <= shown["error_bound_ns"] < 360_000
    assert int(shown["latest_ns"]) - int(shown["earliest_ns"]) in (
        2 * shown["error_bound_ns"],
        2 * shown["error_bound_ns"] - 1,
    )
    assert 2 * SECOND_NS <= shown["age_ns"] < 3 * SECOND_NS
    assert {name: shown[name] for name in ("status", "published_bound_ns", "max_drift_ppb", "segment")} == {
        "status": "SYNCHRONIZED",
        "published_bound_ns": 250_000,
        "max_drift_ppb": 50_000,
        "segment": str(segment),
    }
    assert (shown["layout"], shown["generation"]) == (2, 2)
    assert (shown["vmclock_followed"], shown["disruption_marker"]) == (False, str(2**60))


def test_the_text_is_for_people(segment: Path, capsys: pytest.CaptureFixture[str]) -> None:
    segment.write_bytes(pack(ClockStatus.SYNCHRONIZED, bound_ns=1_250_000))
    days = [time.strftime("%Y-%m-%d", time.gmtime(time.time() - 1))]
    _, text, _ = output(capsys, "status", "--segment", segment)
    days.append(time.strftime("%Y-%m-%d", time.gmtime()))
    lines = {line[:12].strip(): line[13:] for line in text.splitlines()}
    assert list(lines) == [
        "status",
        "earliest",
        "latest",
        "error bound",
        "age",
        "published",
        "segment",
        "VMClock",
    ]
    assert lines["status"] == "SYNCHRONIZED: chronyd follows its sources"
    assert lines["published"] == "bound 1.25 ms, drift rate 50 ppm"
    assert lines["segment"] == f"{segment}, layout 2, generation 2"
    assert lines["VMClock"] == "not followed"
    assert lines["earliest"][:10] in days
    assert lines["earliest"].endswith(" UTC")
    assert lines["earliest"] < lines["latest"]


def test_layout_1_is_shown_as_such(segment: Path, capsys: pytest.CaptureFixture[str]) -> None:
    segment.write_bytes(pack(ClockStatus.FREE_RUNNING, layout=1))
    _, text, _ = output(capsys, "status", "--segment", segment, "--json")
    assert json.loads(text)["layout"] == 1
    assert json.loads(text)["status"] == "FREE_RUNNING"


def test_a_followed_vmclock_is_shown_with_its_marker(
    segment: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = bytearray(4096)
    page[0:4] = b"VCLK"
    page[4:8] = (104).to_bytes(4, "little")
    page[8:10] = (1).to_bytes(2, "little")
    page[16:24] = (77).to_bytes(8, "little")
    (tmp_path / "vmclock0").write_bytes(page)
    segment.write_bytes(pack(ClockStatus.SYNCHRONIZED, marker=77, support=1))
    arguments = ("status", "--segment", segment, "--vmclock", tmp_path / "vmclock0")
    code, text, _ = output(capsys, *arguments)
    assert code == 0
    assert "VMClock      followed; the last disruption marker is 77" in text
    # Another marker means that the daemon hasn't seen the disruption yet.
    segment.write_bytes(pack(ClockStatus.SYNCHRONIZED, marker=78, support=1))
    code, text, _ = output(capsys, *arguments)
    assert (code, text.split()[1]) == (1, "UNKNOWN:")


def test_a_missing_segment_is_an_error_with_its_path(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text, errors = output(capsys, "status", "--segment", tmp_path / "nowhere")
    assert (code, text) == (2, "")
    assert errors.startswith("clockboundctl: ")
    assert str(tmp_path / "nowhere") in errors
    code, text, errors = output(capsys, "status", "--json", "--segment", tmp_path / "nowhere")
    assert (code, errors) == (2, "")
    assert json.loads(text)["error"] == "SYSCALL"


def test_a_file_that_is_no_segment_is_an_error(segment: Path, capsys: pytest.CaptureFixture[str]) -> None:
    segment.write_bytes(bytes(80))
    assert output(capsys, "status", "--segment", segment)[0] == 2


@pytest.mark.parametrize(
    ("text", "value_ns"),
    [
        ("5", 5 * SECOND_NS),
        ("0.5", SECOND_NS // 2),
        ("2s", 2 * SECOND_NS),
        ("20ms", 20_000_000),
        ("1.5us", 1500),
        ("7ns", 7),
        ("0", 0),
    ],
)
def test_a_time_is_given_with_or_without_its_unit(text: str, value_ns: int) -> None:
    assert ctl.duration_ns(text) == value_ns


@pytest.mark.parametrize("text", ["", "ms", "-1", "1 s", "5m", "1e3", "nan", "1mss", "5h", "smun"])
def test_what_is_no_time_is_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        ctl.main(["wait", f"--timeout={text}"])
    assert caught.value.code == 2
    assert f"{text!r} isn't a time" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["stat"], ["status", "--unknown"], ["status", "--timeout", "1"]])
def test_wrong_usage_is_exit_status_2(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        ctl.main(arguments)
    assert caught.value.code == 2


def test_waiting_ends_at_once_when_the_clock_is_good(
    segment: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, text, _ = output(capsys, "wait", "--segment", segment, "--max-error", "1ms", "--timeout", "0")
    assert code == 0
    assert "SYNCHRONIZED" in text


@pytest.mark.parametrize("found", ["UNKNOWN", "FREE_RUNNING", "an empty file", "no file"])
def test_waiting_ends_when_the_time_is_up(
    segment: Path, capsys: pytest.CaptureFixture[str], found: str
) -> None:
    if found == "no file":
        segment.unlink()
    else:
        segment.write_bytes(b"" if found == "an empty file" else pack(ClockStatus[found]))
    begun_s = time.monotonic()
    code, text, errors = output(capsys, "wait", "--segment", segment, "--timeout", "300ms")
    assert code == 1
    assert 0.3 <= time.monotonic() - begun_s < 10
    assert bool(text) != bool(errors)  # what was seen last, or why nothing was


def test_waiting_for_a_small_error_takes_until_it_is_small(
    segment: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert output(capsys, "wait", "--segment", segment, "--max-error", "100us", "--timeout", "0")[0] == 1

    def improve() -> None:
        time.sleep(0.3)
        with segment.open("r+b") as file, mmap.mmap(file.fileno(), 80) as mapping:
            publish(mapping, pack(ClockStatus.SYNCHRONIZED, bound_ns=10_000))

    improving = threading.Thread(target=improve)
    improving.start()
    code, text, _ = output(
        capsys, "wait", "--json", "--segment", segment, "--max-error", "100us", "--timeout", "20"
    )
    improving.join()
    assert code == 0
    assert json.loads(text)["published_bound_ns"] == 10_000


def test_waiting_begins_before_there_is_a_segment(segment: Path, capsys: pytest.CaptureFixture[str]) -> None:
    segment.unlink()

    def appear() -> None:
        time.sleep(0.3)
        whole = segment.with_suffix(".new")
        whole.write_bytes(pack(ClockStatus.SYNCHRONIZED))
        whole.rename(segment)

    appearing = threading.Thread(target=appear)
    appearing.start()
    assert output(capsys, "wait", "--segment", segment, "--timeout", "20")[0] == 0
    appearing.join()


def test_waiting_does_not_mend_another_version(segment: Path, capsys: pytest.CaptureFixture[str]) -> None:
    content = bytearray(pack(ClockStatus.SYNCHRONIZED))
    content[12:14] = (9).to_bytes(2, sys.byteorder)
    segment.write_bytes(content)
    assert output(capsys, "wait", "--segment", segment)[0] == 2


def test_a_reader_that_has_gone_is_no_traceback(segment: Path) -> None:
    command = f"{sys.executable} -m clockbound_daemon.ctl status --segment {segment} | true"
    done = subprocess.run(["/bin/sh", "-c", command], check=False, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""


def test_the_help_tells_the_exit_statuses(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        ctl.main(["--help"])
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert "0  status: true time lies in the interval" in text
    assert max(map(len, text.splitlines())) <= 80
    with pytest.raises(SystemExit):
        ctl.main(["--version"])
    assert capsys.readouterr().out == f"clockboundctl {VERSION}\n"
