"""Reading the VMClock page: from files that stand in for the device, in every state that a page can be in."""

from __future__ import annotations

import contextlib
import os
import threading
from pathlib import Path

import pytest
from clockbound_client import ClockBoundClient, ClockBoundError
from clockbound_daemon._layout import SegmentRecord, Vmclock, pack_segment_v2, pack_vmclock
from clockbound_daemon.vmclock import (
    BadPageError,
    BusyPageError,
    NoPageError,
    NoPermissionError,
    VmclockError,
    VmclockPage,
)
from daemon_support import FakePage, descriptors_count

LARGEST = 2**64 - 1


@pytest.fixture
def fake(tmp_path: Path) -> FakePage:
    return FakePage(tmp_path / "vmclock0", marker=7)


@pytest.fixture
def page(fake: FakePage) -> VmclockPage:
    return VmclockPage(str(fake.path))


@pytest.mark.parametrize("marker", [0, 1, 2**63, LARGEST])
def test_the_marker_is_read(fake: FakePage, page: VmclockPage, marker: int) -> None:
    fake.disrupt(marker)
    assert page.marker() == marker


def test_a_change_is_seen_at_the_next_look(fake: FakePage, page: VmclockPage) -> None:
    assert page.marker() == 7
    fake.disrupt(8)
    assert page.marker() == 8


def test_a_page_that_stays_in_an_update_is_given_up(
    fake: FakePage, page: VmclockPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake.begin()
    reads: list[bytes] = []
    read = page._read

    def counted_read() -> bytes:
        assert len(reads) < 3000
        reads.append(read())
        return reads[-1]

    monkeypatch.setattr(page, "_read", counted_read)
    with pytest.raises(BusyPageError, match="seq_count 3"):
        page.marker()
    assert 1000 <= len(reads) <= 2000  # an attempt reads twice at most, and takes some microseconds
    fake.end()
    assert page.marker() == 7


def test_an_update_between_the_two_looks_at_the_counter_does_not_count(
    fake: FakePage, page: VmclockPage, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[bytes] = []
    read = page._read

    def read_and_disrupt() -> bytes:
        reads.append(read())
        if len(reads) == 1:
            fake.disrupt(8)
        return reads[-1]

    monkeypatch.setattr(page, "_read", read_and_disrupt)
    assert page.marker() == 8
    assert len(reads) == 4


def test_no_marker_is_ever_half_of_one_and_half_of_another(fake: FakePage, page: VmclockPage) -> None:
    page.marker()
    stopping = threading.Event()

    def disrupt_without_end() -> None:
        while not stopping.is_set():
            fake.disrupt(0)
            fake.disrupt(LARGEST)

    writing = threading.Thread(target=disrupt_without_end)
    writing.start()
    seen: list[int] = []
    try:
        for _ in range(3000):
            # A writer that is preempted in the middle of an update makes it busy, as it should.
            with contextlib.suppress(BusyPageError):
                seen.append(page.marker())
        assert set(seen) <= {7, 0, LARGEST}
        assert len(seen) > 100
    finally:
        stopping.set()
        writing.join()


def test_a_page_that_is_removed_is_missed_and_found_again(fake: FakePage, page: VmclockPage) -> None:
    assert page.marker() == 7
    fake.path.unlink()
    for _ in range(2):
        with pytest.raises(NoPageError, match=r"vmclock0: not found.*--vmclock"):
            page.marker()
    fake.replace(9)
    assert page.marker() == 9


def test_a_page_that_is_replaced_is_followed(fake: FakePage, page: VmclockPage) -> None:
    assert page.marker() == 7
    fake.replace(9)
    assert page.marker() == 9


def test_looking_takes_no_descriptors(fake: FakePage, page: VmclockPage) -> None:
    page.marker()
    before = descriptors_count()
    for marker in range(20):
        fake.replace(marker)
        assert page.marker() == marker
        fake.path.unlink()
        with pytest.raises(NoPageError):
            page.marker()
        fake.path.mkdir()
        with pytest.raises(BadPageError):
            page.marker()
        fake.path.rmdir()
        fake.replace(marker)
        page.marker()
    assert descriptors_count() == before
    page.close()
    assert descriptors_count() == before - 1


GOOD = pack_vmclock(Vmclock(size=104, seq_count=2, disruption_marker=7))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        pytest.param(b"", "0 bytes, fewer than 104", id="empty"),
        pytest.param(GOOD[:103], "103 bytes, fewer than 104", id="a-byte-short"),
        pytest.param(b"\0" * 104, "its magic is 0x0", id="zeros"),
        pytest.param(GOOD[:8] + b"\2\0" + GOOD[10:], "its version is 2", id="version"),
        pytest.param(
            pack_vmclock(Vmclock(size=103)), "it says that it has 103 bytes", id="declares-too-little"
        ),
        pytest.param(
            pack_vmclock(Vmclock(size=105)), "it says that it has 105 bytes", id="declares-too-much"
        ),
    ],
)
def test_what_is_not_a_page_is_refused_here_as_clients_refuse_it(
    tmp_path: Path, content: bytes, said: str
) -> None:
    path, segment = tmp_path / "vmclock0", tmp_path / "shm0"
    path.write_bytes(content)
    with pytest.raises(BadPageError, match=said):
        VmclockPage(str(path)).marker()
    segment.write_bytes(
        pack_segment_v2(SegmentRecord(generation=2, clock_status=1, clock_disruption_support_enabled=1))
    )
    with pytest.raises(ClockBoundError), ClockBoundClient(segment, vmclock_path=path):
        pass


def test_a_longer_page_of_a_newer_hypervisor_is_read(tmp_path: Path) -> None:
    path = tmp_path / "vmclock0"
    path.write_bytes(pack_vmclock(Vmclock(size=200, disruption_marker=3, clock_status=77)) + b"\xff" * 96)
    assert VmclockPage(str(path)).marker() == 3


def test_a_page_that_is_cut_while_it_is_open_ends_nothing(fake: FakePage, page: VmclockPage) -> None:
    # With the file mapped, this would be SIGBUS.
    assert page.marker() == 7
    content = fake.path.read_bytes()
    for length in (0, 16, 103):
        os.truncate(fake.path, length)
        with pytest.raises(BadPageError):
            page.marker()
    fake.path.write_bytes(content)
    assert page.marker() == 7


def test_a_device_is_mapped_and_checked() -> None:
    with pytest.raises(BadPageError, match="its magic is 0x0"):
        VmclockPage("/dev/zero").marker()


def test_a_device_that_can_not_be_mapped_is_unreadable() -> None:
    with pytest.raises(VmclockError, match=r"/dev/null: can't be read"):
        VmclockPage("/dev/null").marker()


def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "vmclock0")
    with pytest.raises(BadPageError, match="neither a device nor a file"):
        VmclockPage(str(tmp_path / "vmclock0")).marker()


def test_a_page_that_may_not_be_read_says_who_has_to(fake: FakePage, page: VmclockPage) -> None:
    fake.path.chmod(0)
    if os.access(fake.path, os.R_OK):  # as root: see what the error becomes
        error = page._explained(PermissionError(13, "Permission denied"))
        assert isinstance(error, NoPermissionError)
        assert "Permission denied: let everybody read it" in str(error)
        return
    with pytest.raises(NoPermissionError, match="let everybody read it"):
        page.marker()
