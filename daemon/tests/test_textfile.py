"""The file for node_exporter: whole or not at all, and readable."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest
from clockbound_daemon import textfile
from clockbound_daemon.textfile import MetricsTextfile, TextfileError


def test_the_file_holds_the_text_and_can_be_read_by_everybody(tmp_path: Path) -> None:
    path = tmp_path / "clockbound.prom"
    previous = os.umask(0o077)
    try:
        MetricsTextfile(str(path)).write("a 1\n")
    finally:
        os.umask(previous)
    assert path.read_text() == "a 1\n"
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert os.listdir(tmp_path) == ["clockbound.prom"]


def test_a_reader_never_sees_half_of_it(tmp_path: Path) -> None:
    path = tmp_path / "clockbound.prom"
    written = MetricsTextfile(str(path))
    written.write("0" * 100_000)
    stop, seen = threading.Event(), set()

    def read() -> None:
        while not stop.is_set():
            seen.add(path.read_text())

    reading = threading.Thread(target=read)
    reading.start()
    for number in range(100_000):
        written.write(str(number % 10) * 100_000)
        if number >= 200 and len(seen) > 1:
            break
    stop.set()
    reading.join()
    assert all(len(text) == 100_000 and len(set(text)) == 1 for text in seen)
    assert len(seen) > 1


def test_what_a_killed_daemon_left_is_replaced_and_no_link_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "clockbound.prom"
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (tmp_path / "clockbound.prom.new").symlink_to(precious)
    path.symlink_to(precious)
    MetricsTextfile(str(path)).write("a 1\n")
    assert precious.read_text() == "precious"
    assert not path.is_symlink()
    assert path.read_text() == "a 1\n"


def test_a_link_that_comes_in_between_is_not_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    precious = tmp_path / "precious"
    precious.write_text("precious")
    (tmp_path / "clockbound.prom.new").symlink_to(precious)
    monkeypatch.setattr(os, "unlink", lambda path: None)  # as if it had come right after
    with pytest.raises(TextfileError, match="File exists"):
        MetricsTextfile(str(tmp_path / "clockbound.prom")).write("a 1\n")
    assert precious.read_text() == "precious"


def test_it_goes_with_the_daemon(tmp_path: Path) -> None:
    written = MetricsTextfile(str(tmp_path / "clockbound.prom"))
    written.write("a 1\n")
    written.remove()
    written.remove()
    assert os.listdir(tmp_path) == []


def test_a_directory_that_is_missing_is_named(tmp_path: Path) -> None:
    path = str(tmp_path / "nowhere/clockbound.prom")
    with pytest.raises(
        TextfileError, match="can't be written: No such file or directory; create its directory"
    ) as caught:
        MetricsTextfile(path).write("a 1\n")
    assert str(caught.value).startswith(path)


def test_a_full_disk_leaves_the_last_file(tmp_path: Path) -> None:
    path = tmp_path / "clockbound.prom"
    written = MetricsTextfile(str(path))
    written.write("a 1\n")
    (tmp_path / "clockbound.prom.new").mkdir()  # nothing can be put there
    with pytest.raises(TextfileError):
        written.write("a 2\n")
    assert path.read_text() == "a 1\n"


@pytest.mark.parametrize("text", ["", "/metrics", "/a.prom.txt", "/a/.prom", ".prom", "/a\0.prom"])
def test_a_name_that_the_collector_would_not_read_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"node_exporter would not read it"):
        textfile.path(text)


def test_a_name_that_the_collector_reads_is_taken() -> None:
    assert textfile.path("/a/b.prom") == "/a/b.prom"
