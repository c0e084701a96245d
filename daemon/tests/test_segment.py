"""The segments on disk: their bytes, who may write them, and what becomes of whatever was there before."""

from __future__ import annotations

import contextlib
import mmap
import os
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from clockbound_client import ClockBoundClient
from clockbound_daemon._layout import (
    ClockStatus,
    SegmentRecord,
    pack_segment_v1,
    pack_segment_v2,
    unpack_segment_v1,
    unpack_segment_v2,
)
from clockbound_daemon.errors import StartError
from clockbound_daemon.segment import SegmentWriter
from daemon_support import descriptors_count

NOBODY = 65534
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")

#: Every byte of every field differs from its neighbours, so that a swapped or moved field shows.
MARKERS = SegmentRecord(
    as_of_sec=0x1112131415161718,
    as_of_nsec=0x21222324,
    void_after_sec=0x3132333435363738,
    void_after_nsec=0x25262728,
    bound_ns=0x4142434445464748,
    disruption_marker=0x5152535455565758,
    max_drift_ppb=0x61626364,
    clock_status=2,
    clock_disruption_support_enabled=1,
)
#: What ClockBound 1.0.0 wrote on x86-64 for these markers, except its reserved word and its padding (here 0).
DUMP_1 = bytes.fromhex(
    "4e 5a 4d 41 00 02 42 43  48 00 00 00 01 00 02 00"
    "18 17 16 15 14 13 12 11  24 23 22 21 00 00 00 00"
    "38 37 36 35 34 33 32 31  28 27 26 25 00 00 00 00"
    "48 47 46 45 44 43 42 41  64 63 62 61 00 00 00 00"
    "02 00 00 00 00 00 00 00"
)
#: What ClockBound 2.0.2 wrote on x86-64 for them.
DUMP_2 = bytes.fromhex(
    "4e 5a 4d 41 00 02 42 43  50 00 00 00 02 00 02 00"
    "18 17 16 15 14 13 12 11  24 23 22 21 00 00 00 00"
    "38 37 36 35 34 33 32 31  28 27 26 25 00 00 00 00"
    "48 47 46 45 44 43 42 41  58 57 56 55 54 53 52 51"
    "64 63 62 61 02 00 00 00  01 00 00 00 00 00 00 00"
)

FIRST = SegmentRecord(as_of_sec=1, void_after_sec=1001, bound_ns=11, max_drift_ppb=5, clock_status=0)
SECOND = SegmentRecord(as_of_sec=2, void_after_sec=1002, bound_ns=22, max_drift_ppb=5, clock_status=1)
PACKED = {"shm": pack_segment_v1, "shm0": pack_segment_v2}
STORED_FIRST = {name: FIRST._replace(generation=2) for name in PACKED}
UNPACKED = {"shm": unpack_segment_v1, "shm0": unpack_segment_v2}
both = pytest.mark.parametrize("name", ["shm", "shm0"])


@contextmanager
def writer(run_dir: Path | str, first: SegmentRecord = FIRST) -> Iterator[SegmentWriter]:
    opened = SegmentWriter(str(run_dir), first)
    try:
        yield opened
    finally:
        opened.close()


def refusal(run_dir: Path | str) -> str:
    with pytest.raises(StartError) as caught, writer(run_dir):
        pass
    return str(caught.value)


def stored(run_dir: Path, name: str) -> SegmentRecord:
    return UNPACKED[name]((run_dir / name).read_bytes())


def old_segment(run_dir: Path, name: str, **changes: int) -> Path:
    path = run_dir / name
    path.write_bytes(PACKED[name](SECOND._replace(generation=8)._replace(**changes)))
    return path


def mapped(path: Path) -> mmap.mmap:
    """As a client that is older than the daemon has it."""
    with path.open("rb") as file:
        return mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)


@contextmanager
def somebody_else() -> Iterator[None]:
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_dir() -> Iterator[Path]:
    """A directory that other users can reach."""
    with tempfile.TemporaryDirectory() as path:
        Path(path).chmod(0o755)
        yield Path(path)


def test_layout_1_has_the_bytes_that_existing_readers_know(run_dir: Path) -> None:
    with writer(run_dir, MARKERS):
        assert (run_dir / "shm").read_bytes() == DUMP_1


def test_layout_2_has_the_bytes_that_existing_readers_know(run_dir: Path) -> None:
    with writer(run_dir, MARKERS):
        assert (run_dir / "shm0").read_bytes() == DUMP_2


def test_an_update_has_the_bytes_that_existing_readers_know(run_dir: Path) -> None:
    with writer(run_dir) as segments:
        segments.publish(MARKERS)
        for name, dump in (("shm", DUMP_1), ("shm0", DUMP_2)):
            # Only the generation, the last two bytes of the header, is that of a second update.
            assert (run_dir / name).read_bytes() == dump[:14] + b"\x04\x00" + dump[16:]


@both
def test_the_generation_begins_with_2_and_grows_by_2(run_dir: Path, name: str) -> None:
    with writer(run_dir) as segments:
        assert stored(run_dir, name) == STORED_FIRST[name]
        segments.publish(SECOND)
        assert stored(run_dir, name) == SECOND._replace(generation=4)


def test_layout_1_says_unknown_for_a_disruption(run_dir: Path) -> None:
    with writer(run_dir) as segments:
        segments.publish(SECOND._replace(clock_status=ClockStatus.DISRUPTED))
        assert stored(run_dir, "shm").clock_status == ClockStatus.UNKNOWN
        assert stored(run_dir, "shm0").clock_status == ClockStatus.DISRUPTED


@both
def test_the_client_reads_what_was_published(run_dir: Path, name: str) -> None:
    with writer(run_dir) as segments, ClockBoundClient(run_dir / name) as client:
        segments.publish(SECOND)
        interval = client.now_at(1000, 2_000_000_000)
        assert (interval.earliest_ns, interval.latest_ns, interval.status) == (
            978,
            1022,
            ClockStatus.SYNCHRONIZED,
        )


@both
@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077, 0o777])
def test_everyone_may_read_whatever_the_umask(run_dir: Path, name: str, umask: int) -> None:
    previous = os.umask(umask)
    try:
        with writer(run_dir):
            assert stat.S_IMODE((run_dir / name).stat().st_mode) == 0o644
    finally:
        os.umask(previous)


@both
def test_a_segment_is_taken_over_in_place(run_dir: Path, name: str) -> None:
    path = old_segment(run_dir, name)
    path.chmod(0o600)
    before, inode, client = path.read_bytes(), path.stat().st_ino, mapped(path)
    with writer(run_dir) as segments:
        assert path.stat().st_ino == inode
        assert path.read_bytes() == before
        assert stat.S_IMODE(path.stat().st_mode) == 0o644
        segments.publish(FIRST)
        assert UNPACKED[name](client) == FIRST._replace(generation=10)
    client.close()


@both
@pytest.mark.parametrize(
    ("before", "after"),
    [(0, 2), (1, 2), (2, 4), (7, 8), (65532, 65534), (65533, 65534), (65534, 2), (65535, 2)],
)
def test_the_generation_goes_on_from_what_the_last_daemon_left(
    run_dir: Path, name: str, before: int, after: int
) -> None:
    path = old_segment(run_dir, name, generation=before)
    inode = path.stat().st_ino
    with writer(run_dir) as segments:
        segments.publish(FIRST)
        assert stored(run_dir, name) == FIRST._replace(generation=after)
    assert path.stat().st_ino == inode


@both
def test_a_segment_in_a_longer_file_is_taken_over(run_dir: Path, name: str) -> None:
    path = old_segment(run_dir, name)
    path.write_bytes(path.read_bytes() + b"more")
    inode = path.stat().st_ino
    with writer(run_dir):
        assert path.stat().st_ino == inode
        assert path.read_bytes()[-4:] == b"more"


def damaged(name: str) -> dict[str, bytes]:
    good = PACKED[name](SECOND._replace(generation=8))
    other = {"shm": pack_segment_v2, "shm0": pack_segment_v1}[name]
    return {
        "empty": b"",
        "half-a-header": good[:8],
        "no-body": good[:16],
        "a-byte-short": good[:-1],
        "magic-as-bytes": b"\x41\x4d\x5a\x4e\x43\x42\x02\x00" + good[8:],
        "no-magic": bytes(8) + good[8:],
        "size-too-small": good[:8] + b"\x10\x00\x00\x00" + good[12:],
        "size-too-large": good[:8] + b"\xff\x00\x00\x00" + good[12:],
        "version-0": good[:12] + b"\x00\x00" + good[14:],
        "version-9": good[:12] + b"\x09\x00" + good[14:],
        "the-other-layout": other(SECOND._replace(generation=8)),
        "text": b"not a segment at all, but longer than one: " * 4,
    }


@both
@pytest.mark.parametrize("fault", damaged("shm"))
def test_anything_else_is_replaced_and_never_touched(run_dir: Path, name: str, fault: str) -> None:
    path, content = run_dir / name, damaged(name)[fault]
    path.write_bytes(content)
    inode, kept = path.stat().st_ino, path.open("rb")
    client = mapped(path) if content else None
    with kept, writer(run_dir) as segments:
        assert path.stat().st_ino != inode
        assert stored(run_dir, name) == STORED_FIRST[name]
        segments.publish(SECOND)
        assert kept.read() == content
        if client is not None:
            assert client[:] == content  # would be SIGBUS if the file had been truncated
            client.close()


@both
def test_a_file_appears_only_when_it_is_complete(
    run_dir: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, bytes, int]] = []
    rename = os.rename

    def watched(old: str, new: str, *, src_dir_fd: int, dst_dir_fd: int) -> None:
        assert not (run_dir / new).exists()
        seen.append((new, (run_dir / old).read_bytes(), stat.S_IMODE((run_dir / old).stat().st_mode)))
        rename(old, new, src_dir_fd=src_dir_fd, dst_dir_fd=dst_dir_fd)

    monkeypatch.setattr(os, "rename", watched)
    with writer(run_dir):
        complete = PACKED[name](FIRST._replace(generation=2))
        assert [(data, mode) for new, data, mode in seen if new == name] == [(complete, 0o644)]


@both
def test_what_a_dead_daemon_left_half_done_is_removed(run_dir: Path, name: str) -> None:
    leftover = run_dir / f".{name}.new"
    leftover.write_bytes(b"half")
    with writer(run_dir):
        assert stored(run_dir, name) == STORED_FIRST[name]
    assert sorted(path.name for path in run_dir.iterdir()) == ["clockbound.lock", "shm", "shm0"]


@both
def test_a_symbolic_link_is_not_followed(run_dir: Path, name: str, tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_bytes(PACKED[name](SECOND._replace(generation=8)))
    before = target.read_bytes()
    (run_dir / name).symlink_to(target)
    assert f"{run_dir}/{name}: is a symbolic link" in refusal(run_dir)
    assert target.read_bytes() == before


@both
def test_a_directory_in_its_place_is_named(run_dir: Path, name: str) -> None:
    (run_dir / name).mkdir()
    assert f"{run_dir}/{name}: is a directory" in refusal(run_dir)


@both
def test_a_fifo_in_its_place_is_named_and_not_waited_for(run_dir: Path, name: str) -> None:
    os.mkfifo(run_dir / name)
    assert f"{run_dir}/{name}: is a FIFO" in refusal(run_dir)


@both
@root_only
def test_a_file_of_another_user_is_replaced(run_dir: Path, name: str) -> None:
    path = old_segment(run_dir, name)
    os.chown(path, NOBODY, NOBODY)
    inode = path.stat().st_ino
    with writer(run_dir):
        assert path.stat().st_ino != inode
        assert path.stat().st_uid == 0


@root_only
def test_a_file_of_root_is_replaced_where_the_directory_allows_it(open_dir: Path) -> None:
    path = old_segment(open_dir, "shm0")
    os.chown(open_dir, NOBODY, NOBODY)
    with somebody_else(), writer(open_dir):
        assert path.stat().st_uid == NOBODY
        assert stored(open_dir, "shm0") == STORED_FIRST["shm0"]


@root_only
def test_a_file_of_root_in_a_shared_directory_is_named(open_dir: Path) -> None:
    old_segment(open_dir, "shm0")
    open_dir.chmod(0o1777)
    with somebody_else():
        message = refusal(open_dir)
    assert f"{open_dir}/shm0: can't be written: Operation not permitted" in message
    assert f"chown -R {NOBODY} {open_dir}" in message


@root_only
def test_a_directory_that_is_not_writable_is_named_with_the_remedy(open_dir: Path) -> None:
    with somebody_else():
        message = refusal(open_dir)
    assert f"{open_dir}/clockbound.lock: can't be written: Permission denied" in message
    assert f"chown -R {NOBODY} {open_dir}" in message


@contextmanager
def mounted(directory: Path, options: str) -> Iterator[Path]:
    """A small file system of its own at `directory`."""
    directory.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(directory)]
    if os.geteuid() != 0 or subprocess.run(command, check=False, stderr=subprocess.DEVNULL).returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:
        yield directory
    finally:
        subprocess.run(["umount", directory], check=True)


def test_a_full_disk_is_an_error_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "size=64k") as disk:
        with (disk / "filler").open("wb", buffering=0) as filler, contextlib.suppress(OSError):
            while filler.write(bytes(4096)):
                pass
        assert f"{disk}/shm: can't be written: No space left on device" in refusal(disk)
        assert sorted(path.name for path in disk.iterdir()) == ["clockbound.lock", "filler"]


def test_a_read_only_disk_is_named(tmp_path: Path) -> None:
    with mounted(tmp_path / "disk", "ro") as disk:
        message = refusal(disk)
        assert f"{disk}/clockbound.lock: can't be written: Read-only file system" in message
        assert "--run-dir" in message


def test_a_missing_directory_is_named_with_the_command_to_make_it(tmp_path: Path) -> None:
    message = refusal(tmp_path / "nowhere")
    assert f"{tmp_path}/nowhere: not found" in message
    assert f"install -d -m 0755 -o {os.geteuid()} {tmp_path}/nowhere" in message


def test_a_file_in_place_of_the_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert f"{tmp_path}/file: isn't a directory" in refusal(tmp_path / "file")


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_link_in_place_of_the_directory_is_not_followed(run_dir: Path, tmp_path: Path, slash: str) -> None:
    (tmp_path / "link").symlink_to(run_dir)
    assert "is a symbolic link" in refusal(f"{tmp_path}/link{slash}")
    assert not list(run_dir.iterdir())


def test_a_second_writer_is_told_who_the_first_is(run_dir: Path) -> None:
    with writer(run_dir) as segments:
        message = refusal(run_dir)
        assert f"another daemon (process {os.getpid()})" in message
        assert f"{run_dir}/clockbound.lock" in message
        segments.publish(SECOND)
        assert stored(run_dir, "shm0") == SECOND._replace(generation=4)


def test_the_next_writer_may_begin_when_the_first_has_ended(run_dir: Path) -> None:
    with writer(run_dir):
        pass
    with writer(run_dir):
        pass


def test_a_writer_that_could_not_start_is_in_nobodys_way(run_dir: Path) -> None:
    (run_dir / "shm0").mkdir()
    refusal(run_dir)
    (run_dir / "shm0").rmdir()
    with writer(run_dir):
        pass


def test_only_the_daemons_user_can_hold_the_lock(run_dir: Path) -> None:
    with writer(run_dir):
        assert stat.S_IMODE((run_dir / "clockbound.lock").stat().st_mode) == 0o600


def test_a_lock_that_is_a_link_is_not_followed(run_dir: Path, tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text("keep")
    (run_dir / "clockbound.lock").symlink_to(target)
    assert f"{run_dir}/clockbound.lock: is a symbolic link" in refusal(run_dir)
    assert target.read_text() == "keep"


def test_a_lock_that_is_a_fifo_is_named_and_not_waited_for(run_dir: Path) -> None:
    os.mkfifo(run_dir / "clockbound.lock")
    assert f"{run_dir}/clockbound.lock: is a FIFO" in refusal(run_dir)


def test_a_lock_that_is_a_directory_is_named(run_dir: Path) -> None:
    (run_dir / "clockbound.lock").mkdir()
    assert f"{run_dir}/clockbound.lock: is a directory" in refusal(run_dir)


def test_descriptors_are_not_leaked(run_dir: Path) -> None:
    before = descriptors_count()
    with writer(run_dir):
        refusal(run_dir)
    (run_dir / "shm").unlink()
    (run_dir / "shm").mkdir()
    refusal(run_dir)
    assert descriptors_count() == before


# ---------------------------------------------------------------- what an earlier daemon left


def test_what_the_segment_said_that_was_taken_over_is_known(run_dir: Path) -> None:
    writer = SegmentWriter(str(run_dir), FIRST)
    assert writer.found is None
    writer.publish(MARKERS)
    writer.close()
    again = SegmentWriter(str(run_dir), FIRST)
    found = again.found
    again.close()
    assert found is not None
    assert found._replace(generation=0) == MARKERS


def test_an_update_that_a_daemon_died_in_is_seen_as_such(run_dir: Path) -> None:
    writer = SegmentWriter(str(run_dir), FIRST)
    writer.close()
    with (run_dir / "shm0").open("r+b") as segment:
        segment.seek(14)
        segment.write((5).to_bytes(2, sys.byteorder))
    again = SegmentWriter(str(run_dir), FIRST)
    found = again.found
    again.close()
    assert found is not None
    assert found.generation == 5


def test_a_segment_that_was_never_written_says_nothing(run_dir: Path) -> None:
    (run_dir / "shm0").write_bytes(pack_segment_v2(MARKERS._replace(generation=0)))
    writer = SegmentWriter(str(run_dir), FIRST)
    assert writer.found is None
    writer.close()


@pytest.mark.parametrize("offset_ns", [0, 1_699_999_000_123_456_789, -5, 2**63 - 1, -(2**63)])
def test_the_offset_is_kept_for_the_next_daemon(run_dir: Path, offset_ns: int) -> None:
    writer = SegmentWriter(str(run_dir), FIRST)
    assert writer.kept_offset_ns() is None
    writer.keep_offset_ns(1)
    writer.keep_offset_ns(offset_ns)
    writer.close()
    again = SegmentWriter(str(run_dir), FIRST)
    assert again.kept_offset_ns() == offset_ns
    again.close()
    assert (run_dir / "clockbound.offset").stat().st_size == 59
    assert stat.S_IMODE((run_dir / "clockbound.offset").stat().st_mode) == 0o600


@pytest.mark.parametrize(
    "kept",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\xff\0 nonsense\n", id="rubbish"),
        pytest.param(b"00000000-0000-0000-0000-000000000000 +1\n", id="of-another-boot"),
    ],
)
def test_an_offset_that_is_not_of_this_boot_is_none(run_dir: Path, kept: bytes) -> None:
    (run_dir / "clockbound.offset").write_bytes(kept)
    writer = SegmentWriter(str(run_dir), FIRST)
    assert writer.kept_offset_ns() is None
    writer.close()


def test_an_offset_that_can_not_be_kept_ends_nothing(run_dir: Path, tmp_path: Path) -> None:
    (run_dir / "clockbound.offset").symlink_to(tmp_path / "elsewhere")
    writer = SegmentWriter(str(run_dir), FIRST)
    writer.keep_offset_ns(5)
    assert writer.kept_offset_ns() is None
    writer.close()
    assert not (tmp_path / "elsewhere").exists()
