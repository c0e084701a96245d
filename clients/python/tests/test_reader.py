"""ClockBoundClient on real files: rules open.*, read.*, bound.*, interval.*, status.*

Expected values are computed by hand; `expect` gives the bound around REALTIME_NS.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from pathlib import Path
from typing import Any

import clockbound_client as cb
import pytest
from clockbound_client import ClockStatus
from clockbound_client._core import publish
from conftest import REALTIME_NS, S, needs_pure, page_bytes, segment_bytes

SYNCHRONIZED, FREE_RUNNING = ClockStatus.SYNCHRONIZED, ClockStatus.FREE_RUNNING
UNKNOWN, DISRUPTED = ClockStatus.UNKNOWN, ClockStatus.DISRUPTED
#: What has to happen within a second is tried again where the machine held the test up for longer.
ATTEMPTS_COUNT = 5


def expect(client: Any, monotonic_ns: int, bound_ns: int, status: ClockStatus) -> None:
    interval = client.now_at(REALTIME_NS, monotonic_ns)
    assert interval.latest_ns - REALTIME_NS == bound_ns
    assert REALTIME_NS - interval.earliest_ns == bound_ns
    assert interval.status is status


# ------------------------------------------------------------------ opening


def test_missing_segment_is_a_syscall_error_that_names_the_path(impl: Any, tmp_path: Path) -> None:
    path = str(tmp_path / "shm0")
    with pytest.raises(cb.ClockBoundSyscallError, match=r"No such file.*start the daemon") as caught:
        impl.ClockBoundClient(path)
    assert caught.value.errno == errno.ENOENT
    assert caught.value.kind is cb.ErrorKind.SYSCALL
    assert caught.value.path == caught.value.filename == path
    assert path in str(caught.value)
    assert isinstance(caught.value, OSError)


def test_path_may_be_a_pathlike_but_not_bytes(impl: Any, write: Any) -> None:
    path = write(segment_bytes())
    assert impl.ClockBoundClient(path).path == str(path)
    for bad in (b"/tmp/shm0", 5, 1.5, True, [path]):
        with pytest.raises(TypeError):
            impl.ClockBoundClient(bad)
        with pytest.raises(TypeError):
            impl.ClockBoundClient(path, bad)
    with pytest.raises(TypeError):
        impl.ClockBoundClient(path, None, None)


@pytest.mark.parametrize("bad", ["shm\0", "\ud800"], ids=["NUL", "surrogate"])
def test_what_no_file_is_named_is_a_value_error(impl: Any, write: Any, bad: str) -> None:
    path = write(segment_bytes())
    with pytest.raises(ValueError, match=r"embedded null byte|surrogates not allowed"):
        impl.ClockBoundClient(bad)
    with pytest.raises(ValueError, match=r"embedded null byte|surrogates not allowed"):
        impl.ClockBoundClient(path, bad)


def test_a_name_that_is_no_text_is_taken(impl: Any, tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff"
    Path(os.fsdecode(path)).write_bytes(segment_bytes())
    with impl.ClockBoundClient(os.fsdecode(path)) as client:
        assert os.fsencode(client.path) == path


@pytest.fixture
def forbidden(write: Any) -> Any:
    """A segment that this process may not read; as root it plays somebody else meanwhile."""
    path = write(segment_bytes())
    path.chmod(0)
    if os.geteuid() == 0:
        os.seteuid(65534)
    yield path
    if os.getuid() == 0:
        os.seteuid(0)
    path.chmod(0o600)


def test_no_permission_is_a_syscall_error_with_a_remedy(impl: Any, forbidden: Path) -> None:
    with pytest.raises(cb.ClockBoundSyscallError, match="look at the permissions of its directory") as caught:
        impl.ClockBoundClient(forbidden)
    assert caught.value.errno == errno.EACCES
    assert caught.value.detail == "open of the segment"


def test_wrong_paths_are_syscall_errors(impl: Any, write: Any, tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path, number in (
        ("", errno.ENOENT),
        (tmp_path / "loop", errno.ELOOP),
        (write(segment_bytes()) / "below", errno.ENOTDIR),
        (tmp_path / ("x" * 300), errno.ENAMETOOLONG),
        (tmp_path, errno.ENODEV),
    ):
        with pytest.raises(cb.ClockBoundSyscallError) as caught:
            impl.ClockBoundClient(path)
        assert (caught.value.errno, caught.value.path) == (number, str(path))
    with pytest.raises(cb.SegmentNotInitializedError):
        impl.ClockBoundClient("/dev/zero")


NOT_INITIALISED = {
    "empty": b"",
    "shorter than a header": segment_bytes()[:15],
    "first word of the magic": b"\x4f" + segment_bytes()[1:],
    "second word of the magic": segment_bytes()[:4] + b"\x01" + segment_bytes()[5:],
    "magic as a string of bytes": bytes.fromhex("414d5a4e43420200") + segment_bytes()[8:],
    "version 0": segment_bytes()[:12] + b"\0\0" + segment_bytes()[14:],
    "generation 0": segment_bytes(generation=0),
}


@pytest.mark.parametrize("content", NOT_INITIALISED.values(), ids=NOT_INITIALISED.keys())
def test_what_is_no_written_segment_is_not_initialised(impl: Any, write: Any, content: bytes) -> None:
    with pytest.raises(cb.SegmentNotInitializedError, match="start the daemon, or name the segment"):
        impl.ClockBoundClient(write(content))


def test_unknown_version_is_not_supported_and_is_named(impl: Any, write: Any) -> None:
    content = segment_bytes()[:12] + b"\x03\0" + segment_bytes()[14:]
    with pytest.raises(
        cb.SegmentVersionNotSupportedError, match=r"version 3.*use a client as new as the daemon"
    ):
        impl.ClockBoundClient(write(content))


@pytest.mark.parametrize(
    ("layout", "declared_bytes", "file_bytes"),
    [(2, 79, 80), (2, 80, 79), (2, 81, 80), (1, 71, 72), (1, 72, 71)],
)
def test_sizes_that_cannot_be_are_malformed(
    impl: Any, write: Any, layout: int, declared_bytes: int, file_bytes: int
) -> None:
    content = segment_bytes(layout, segment_size=declared_bytes)[:file_bytes]
    with pytest.raises(cb.SegmentMalformedError, match=f"size {declared_bytes}"):
        impl.ClockBoundClient(write(content))


@pytest.mark.parametrize("layout", [1, 2])
def test_longer_segments_are_read(impl: Any, write: Any, layout: int) -> None:
    with impl.ClockBoundClient(write(segment_bytes(layout, segment_size=96).ljust(96, b"\0"))) as client:
        expect(client, 100 * S, 1_000_000, SYNCHRONIZED)


def test_a_fifo_does_not_hang(impl: Any, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "shm0")
    with pytest.raises(cb.SegmentNotInitializedError):
        impl.ClockBoundClient(tmp_path / "shm0")


# ------------------------------------------------------ snapshot to interval


@pytest.mark.parametrize("layout", [1, 2])
def test_bound_grows_with_age_and_is_rounded_up(impl: Any, write: Any, layout: int) -> None:
    with impl.ClockBoundClient(write(segment_bytes(layout))) as client:
        expect(client, 100 * S, 1_000_000, SYNCHRONIZED)
        expect(client, 100 * S + 1, 1_000_001, SYNCHRONIZED)  # 0.00005 ns count as 1
        expect(client, 100 * S + 20_000, 1_000_001, SYNCHRONIZED)  # exactly 1 ns
        expect(client, 100 * S + 20_001, 1_000_002, SYNCHRONIZED)
        expect(client, 102 * S + S // 2, 1_125_000, SYNCHRONIZED)  # 2.5 s * 50 us/s


def test_layout_1_garbage_in_the_padding_is_ignored(impl: Any, write: Any) -> None:
    content = segment_bytes(1)
    content = content[:60] + b"\xee" * 4 + content[64:68] + b"\xff" * 4
    with impl.ClockBoundClient(write(content)) as client:
        expect(client, 100 * S, 1_000_000, SYNCHRONIZED)


@pytest.mark.parametrize("published", [SYNCHRONIZED, FREE_RUNNING])
def test_status_stands_for_the_grace_period(impl: Any, write: Any, published: ClockStatus) -> None:
    with impl.ClockBoundClient(write(segment_bytes(clock_status=published))) as client:
        expect(client, 105 * S - 1, 1_250_000, published)
        expect(client, 105 * S, 1_250_000, FREE_RUNNING)
        expect(client, 1100 * S - 1, 51_000_000, FREE_RUNNING)
        expect(client, 1100 * S, 51_000_000, UNKNOWN)


@pytest.mark.parametrize("published", [UNKNOWN, DISRUPTED])
def test_unknown_and_disrupted_stay(impl: Any, write: Any, published: ClockStatus) -> None:
    with impl.ClockBoundClient(write(segment_bytes(clock_status=published))) as client:
        for monotonic_s in (100, 105, 1100):
            assert client.now_at(REALTIME_NS, monotonic_s * S).status is published


def test_as_of_less_than_a_microsecond_ahead_counts_as_now(impl: Any, write: Any) -> None:
    with impl.ClockBoundClient(write(segment_bytes())) as client:
        expect(client, 100 * S - 999, 1_000_000, SYNCHRONIZED)


@pytest.mark.parametrize("monotonic_ns", [100 * S - 1000, 0, -(2**63)])
def test_as_of_in_the_future_is_a_causality_breach(impl: Any, write: Any, monotonic_ns: int) -> None:
    with (
        impl.ClockBoundClient(write(segment_bytes())) as client,
        pytest.raises(cb.CausalityBreachError, match="time namespace"),
    ):
        client.now_at(REALTIME_NS, monotonic_ns)


MALFORMED = {
    "bound below 0": {"bound_ns": -1},
    "drift of 10**9": {"max_drift_ppb": 10**9},
    "negative nanoseconds of as_of": {"as_of": {"sec": 100, "nsec": -1}},
    "10**9 nanoseconds of as_of": {"as_of": {"sec": 99, "nsec": 10**9}},
    "negative nanoseconds of void_after": {"void_after": {"sec": 100, "nsec": -1}},
    "10**9 nanoseconds of void_after": {"void_after": {"sec": 100, "nsec": 10**9}},
    "seconds of as_of that overflow": {"as_of": {"sec": -(2**63), "nsec": 0}},
    "seconds of void_after that overflow": {"void_after": {"sec": 9_223_372_036, "nsec": 854_775_808}},
    "an age that overflows": {"as_of": {"sec": -9_223_372_036, "nsec": 0}},
    "status -1": {"clock_status": -1},
    "status 4": {"clock_status": 4},
    "an end that overflows": {"bound_ns": 2**63 - REALTIME_NS},
}


@pytest.mark.parametrize("changes", MALFORMED.values(), ids=MALFORMED.keys())
def test_values_that_no_daemon_writes_are_malformed(impl: Any, write: Any, changes: dict[str, Any]) -> None:
    with (
        impl.ClockBoundClient(write(segment_bytes(**changes))) as client,
        pytest.raises(cb.SegmentMalformedError, match="restart the daemon"),
    ):
        client.now_at(REALTIME_NS, 100 * S)


JUST_INSIDE: dict[str, tuple[dict[str, Any], int]] = {
    "bound 0": ({"bound_ns": 0}, 0),
    "drift of 10**9 - 1": ({"max_drift_ppb": 10**9 - 1}, 1_000_000),
    "latest void_after": ({"void_after": {"sec": 9_223_372_036, "nsec": 854_775_807}}, 1_000_000),
    "widest interval": ({"bound_ns": 2**63 - 1 - REALTIME_NS}, 2**63 - 1 - REALTIME_NS),
}


@pytest.mark.parametrize(("changes", "bound_ns"), JUST_INSIDE.values(), ids=JUST_INSIDE.keys())
def test_values_just_inside_are_accepted(
    impl: Any, write: Any, changes: dict[str, Any], bound_ns: int
) -> None:
    with impl.ClockBoundClient(write(segment_bytes(**changes))) as client:
        expect(client, 100 * S, bound_ns, SYNCHRONIZED)


def test_layout_1_does_not_define_disrupted(impl: Any, write: Any) -> None:
    with (
        impl.ClockBoundClient(write(segment_bytes(1, clock_status=3))) as client,
        pytest.raises(cb.SegmentMalformedError),
    ):
        client.now_at(REALTIME_NS, 100 * S)


def test_now_lies_around_the_clock_and_has_grown(impl: Any, write: Any) -> None:
    as_of_ns = time.monotonic_ns() - S
    content = segment_bytes(
        as_of={"sec": as_of_ns // S, "nsec": as_of_ns % S},
        void_after={"sec": as_of_ns // S + 1000, "nsec": 0},
    )
    with impl.ClockBoundClient(write(content)) as client:
        before_ns = time.time_ns()
        interval = client.now()
        after_ns = time.time_ns()
    assert interval.status is SYNCHRONIZED
    assert interval.width_ns >= 2 * 1_050_000  # 1 ms and at least 1 s of 50 us/s
    assert before_ns <= (interval.earliest_ns + interval.latest_ns) // 2 <= after_ns


@pytest.mark.parametrize(
    ("readings", "error", "message"),
    [
        ((1.5, 0), TypeError, r"a clock reading is an int of nanoseconds, not float \(1.5\)"),
        ((0, "1"), TypeError, "not str"),
        ((True, 0), TypeError, "not bool"),
        ((0, None), TypeError, "not None"),
        ((2**63, 0), ValueError, "9223372036854775808 ns is out of range"),
        ((0, -(2**63) - 1), ValueError, "-9223372036854775809 ns is out of range"),
        (((5,), 0), TypeError, "not tuple"),
        ((0,), TypeError, "monotonic_ns"),
    ],
)
def test_readings_must_be_int64(
    impl: Any, write: Any, readings: Any, error: type[Exception], message: str
) -> None:
    with impl.ClockBoundClient(write(segment_bytes())) as client, pytest.raises(error, match=message):
        client.now_at(*readings)


# ------------------------------------------------------------------ reading


def test_a_dead_writer_leaves_the_last_good_snapshot(impl: Any, write: Any, writable: Any) -> None:
    path = write(segment_bytes())
    mapping = writable(path)
    with impl.ClockBoundClient(path) as client:
        expect(client, 100 * S, 1_000_000, SYNCHRONIZED)
        mapping[:] = segment_bytes(bound_ns=5, generation=3)  # half written, for ever
        expect(client, 101 * S, 1_050_000, SYNCHRONIZED)
        mapping[:] = segment_bytes(bound_ns=5, generation=0)
        expect(client, 100 * S, 1_000_000, SYNCHRONIZED)
        mapping[:] = segment_bytes(bound_ns=5, generation=4, version=0)
        expect(client, 100 * S, 1_000_000, SYNCHRONIZED)
        mapping[:] = segment_bytes(bound_ns=5, generation=4)
        expect(client, 100 * S, 5, SYNCHRONIZED)


def test_a_half_written_segment_has_no_interval(impl: Any, write: Any, writable: Any) -> None:
    path = write(segment_bytes(generation=3))
    with impl.ClockBoundClient(path) as client:
        with pytest.raises(cb.SegmentNotInitializedError, match="no consistent snapshot"):
            client.now_at(REALTIME_NS, 100 * S)
        publish(writable(path), segment_bytes())
        expect(client, 100 * S, 1_000_000, SYNCHRONIZED)


def test_every_update_is_seen_once_round_the_counter(impl: Any, write: Any, writable: Any) -> None:
    path = write(segment_bytes(generation=65_530))
    mapping = writable(path)
    generations = []
    with impl.ClockBoundClient(path) as client:
        for bound_ns in range(6):
            generations.append(publish(mapping, segment_bytes(bound_ns=bound_ns)))
            expect(client, 100 * S, bound_ns, SYNCHRONIZED)
    assert generations == [65_532, 65_534, 2, 4, 6, 8]


def test_a_replaced_file_is_followed_once_the_snapshot_is_old(impl: Any, write: Any) -> None:
    with impl.ClockBoundClient(write(segment_bytes())) as client:
        write(segment_bytes(bound_ns=2_000_000))
        expect(client, 105 * S, 1_250_000, FREE_RUNNING)  # not older than the grace period: no look
        expect(client, 105 * S + 1, 2_250_001, FREE_RUNNING)
        write(b"")
        expect(client, 106 * S, 2_300_000, FREE_RUNNING)


def test_a_replaced_file_is_looked_for_once_a_second_at_most(impl: Any, write: Any) -> None:
    for _ in range(ATTEMPTS_COUNT):
        with impl.ClockBoundClient(write(segment_bytes())) as client:
            begun_s = time.monotonic()
            expect(client, 106 * S, 1_300_000, FREE_RUNNING)  # looks, and finds the same file
            write(segment_bytes(bound_ns=2_000_000))
            interval = client.now_at(REALTIME_NS, 106 * S)
            # Otherwise the machine held this up, and it may have looked again.
            in_time = time.monotonic() - begun_s < 1
            time.sleep(1.02)
            expect(client, 106 * S, 2_300_000, FREE_RUNNING)
        if in_time:
            break
    assert interval.error_bound_ns == 1_300_000


#: What makes a young segment give no interval at 101 s.
WITHOUT_INTERVAL = {
    "malformed as_of": ({"as_of": {"sec": 100, "nsec": 10**9}}, cb.SegmentMalformedError),
    "negative bound": ({"bound_ns": -1}, cb.SegmentMalformedError),
    "as_of in the future": ({"as_of": {"sec": 102, "nsec": 0}}, cb.CausalityBreachError),
}


@pytest.mark.parametrize("layout", [1, 2])
@pytest.mark.parametrize("name", WITHOUT_INTERVAL)
def test_a_replaced_file_is_followed_where_the_old_one_gives_no_interval(
    impl: Any, write: Any, layout: int, name: str
) -> None:
    changes, _ = WITHOUT_INTERVAL[name]
    with impl.ClockBoundClient(write(segment_bytes(layout, **changes))) as client:
        write(segment_bytes(layout, bound_ns=2_000_000))
        expect(client, 101 * S, 2_050_000, SYNCHRONIZED)


def test_without_an_interval_another_file_is_looked_for_once_a_second_at_most(impl: Any, write: Any) -> None:
    for _ in range(ATTEMPTS_COUNT):
        moved = []
        clients = []
        begun_s = time.monotonic()
        for name, (changes, error) in WITHOUT_INTERVAL.items():
            clients.append(impl.ClockBoundClient(write(segment_bytes(**changes), name)))
            with pytest.raises(error):  # looks, and finds the same file
                clients[-1].now_at(REALTIME_NS, 101 * S)
            write(segment_bytes(bound_ns=2_000_000), name)
            try:
                clients[-1].now_at(REALTIME_NS, 101 * S)
                moved.append(name)
            except error:
                pass
        # Otherwise the machine held this up, and they may have looked again.
        in_time = time.monotonic() - begun_s < 1
        time.sleep(1.02)
        for client in clients:
            expect(client, 101 * S, 2_050_000, SYNCHRONIZED)
            client.close()
        if in_time:
            break
    assert in_time
    assert moved == []


def test_a_file_replaced_by_rubbish_is_not_followed(impl: Any, write: Any) -> None:
    with impl.ClockBoundClient(write(segment_bytes())) as client:
        write(b"rubbish")
        expect(client, 106 * S, 1_300_000, FREE_RUNNING)


@needs_pure
def test_a_copy_during_which_the_segment_changed_is_thrown_away(write: Any) -> None:
    """Of the pure reader: what the compiled one does is checked in clients/c."""
    from clockbound_client import _pure

    with _pure.ClockBoundClient(write(segment_bytes())) as client:
        segment = client._segment
        assert segment is not None
        generations = bytearray(segment_bytes())

        class Meddling:
            copies_count = 0

            def __getitem__(self, part: slice) -> bytes:
                self.copies_count += 1
                if self.copies_count < 4:  # an update has begun and ended
                    generations[:] = segment_bytes(
                        generation=2 + 2 * self.copies_count, bound_ns=self.copies_count
                    )
                return bytes(generations[part])

        segment.bytes = Meddling()  # type: ignore[assignment]
        segment.u16 = memoryview(generations).cast("H")
        expect(client, 100 * S, 3, SYNCHRONIZED)


def test_threads_share_one_client_while_the_segment_changes(impl: Any, write: Any, writable: Any) -> None:
    path = write(segment_bytes(bound_ns=2, max_drift_ppb=2))
    mapping = writable(path)
    wrong: list[object] = []
    asked = 0
    stop = threading.Event()

    def ask() -> None:
        nonlocal asked
        while not stop.is_set():
            interval = client.now_at(REALTIME_NS, 101 * S)  # bound_ns + 1 s of the same number of ppb
            asked += 1
            if interval.width_ns % 4:
                wrong.append(interval)

    with impl.ClockBoundClient(path) as client:
        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + 30
        number = 0
        while (number < 20_000 or asked < 1000) and time.monotonic() < deadline:
            number += 1
            publish(mapping, segment_bytes_of(number))
        stop.set()
        for thread in threads:
            thread.join()
    assert asked >= 1000
    assert not wrong


def segment_bytes_of(number: int) -> bytes:
    """A record whose bound and drift are one number."""
    return (
        _TEMPLATE[:48]
        + number.to_bytes(8, "little")
        + _TEMPLATE[56:64]
        + number.to_bytes(4, "little")
        + _TEMPLATE[68:]
    )


_TEMPLATE = segment_bytes()


# --------------------------------------------------------------- disruption


def with_support(**changes: Any) -> bytes:
    return segment_bytes(disruption_marker=7, clock_disruption_support_enabled=1, **changes)


def test_disruption_support_needs_the_page(impl: Any, write: Any, tmp_path: Path) -> None:
    page = str(tmp_path / "vmclock0")
    with pytest.raises(cb.ClockBoundSyscallError) as caught:
        impl.ClockBoundClient(write(with_support()), page)
    assert caught.value.path == page
    assert caught.value.errno == errno.ENOENT


@pytest.mark.parametrize(
    ("page", "error"),
    [
        (b"VCLK", cb.SegmentNotInitializedError),
        (page_bytes(magic=1), cb.SegmentNotInitializedError),
        (page_bytes(version=2), cb.SegmentVersionNotSupportedError),
        (page_bytes(size=103), cb.SegmentMalformedError),
        (page_bytes(size=105), cb.SegmentMalformedError),
    ],
)
def test_a_page_that_is_none_fails_to_open(
    impl: Any, write: Any, page: bytes, error: type[Exception]
) -> None:
    path = write(page, "vmclock0")
    with pytest.raises(error) as caught:
        impl.ClockBoundClient(write(with_support()), path)
    assert caught.value.path == str(path)  # type: ignore[attr-defined]


@pytest.mark.parametrize("flag", [1, 2, 255])
def test_a_marker_that_differs_makes_the_status_unknown(
    impl: Any, write: Any, writable: Any, flag: int
) -> None:
    page_path = write(page_bytes(disruption_marker=7), "vmclock0")
    page = writable(page_path)
    content = segment_bytes(disruption_marker=7, clock_disruption_support_enabled=flag)
    with impl.ClockBoundClient(write(content), page_path) as client:
        expect(client, 100 * S, 1_000_000, SYNCHRONIZED)
        page[:] = page_bytes(disruption_marker=8)
        expect(client, 100 * S, 1_000_000, UNKNOWN)
        page[:] = page_bytes(disruption_marker=7, clock_status=200)  # a status from a newer hypervisor
        expect(client, 100 * S, 1_000_000, SYNCHRONIZED)
        page[:] = page_bytes(disruption_marker=7, seq_count=1)
        expect(client, 100 * S, 1_000_000, UNKNOWN)


@needs_pure
def test_a_copy_during_which_the_page_changed_is_thrown_away(write: Any) -> None:
    """Of the pure reader, as above."""
    from clockbound_client import _pure

    page_path = write(page_bytes(disruption_marker=7), "vmclock0")
    with _pure.ClockBoundClient(write(with_support()), page_path) as client:
        page = client._page
        assert page is not None
        content = bytearray(page_bytes(disruption_marker=7))

        class Meddling:
            copies_count = 0

            def __getitem__(self, part: slice) -> bytes:
                copy = bytes(content[part])
                self.copies_count += 1
                if self.copies_count == 1:  # the copy was of the old marker
                    content[:] = page_bytes(disruption_marker=8, seq_count=2)
                return copy

        page.bytes = Meddling()  # type: ignore[assignment]
        page.u32 = memoryview(content).cast("I")
        expect(client, 100 * S, 1_000_000, UNKNOWN)
        assert page.bytes.copies_count == 2  # type: ignore[attr-defined]


def test_without_support_the_page_is_not_opened(impl: Any, write: Any, tmp_path: Path) -> None:
    with impl.ClockBoundClient(write(segment_bytes(disruption_marker=7)), tmp_path / "nowhere") as client:
        expect(client, 100 * S, 1_000_000, SYNCHRONIZED)


def test_support_that_is_turned_on_later_is_heeded(
    impl: Any, write: Any, writable: Any, tmp_path: Path
) -> None:
    for _ in range(ATTEMPTS_COUNT):
        path = write(segment_bytes())
        (tmp_path / "vmclock0").unlink(missing_ok=True)
        with impl.ClockBoundClient(path, tmp_path / "vmclock0") as client:
            expect(client, 100 * S, 1_000_000, SYNCHRONIZED)
            publish(writable(path), with_support())
            begun_s = time.monotonic()
            expect(client, 100 * S, 1_000_000, UNKNOWN)
            write(page_bytes(disruption_marker=7), "vmclock0")
            interval = client.now_at(REALTIME_NS, 100 * S)
            in_time = time.monotonic() - begun_s < 1
            time.sleep(1.02)
            expect(client, 100 * S, 1_000_000, SYNCHRONIZED)
        if in_time:
            break
    assert interval.status is UNKNOWN  # it looks once a second at most


# ------------------------------------------------------------------ closing


def test_a_closed_client_refuses_questions_but_not_closing(impl: Any, write: Any) -> None:
    path = write(segment_bytes())
    client = impl.ClockBoundClient(path)
    assert repr(client) == f"<ClockBoundClient {str(path)!r}>"
    client.close()
    client.close()
    assert repr(client) == f"<ClockBoundClient {str(path)!r} closed>"
    with pytest.raises(ValueError, match="the client is closed"):
        client.now()
    with pytest.raises(ValueError, match="the client is closed"):
        client.now_at(0, 0)


def test_leaving_the_block_closes_also_after_an_exception(impl: Any, write: Any) -> None:
    with pytest.raises(KeyError), impl.ClockBoundClient(write(segment_bytes())) as client:
        raise KeyError
    with pytest.raises(ValueError, match="closed"):
        client.now()


def test_clients_leave_no_descriptors_and_no_mappings(impl: Any, write: Any) -> None:
    path = write(segment_bytes())
    for _ in range(50):
        impl.ClockBoundClient(path).close()
    maps = Path("/proc/self/maps").read_text()
    links = [os.readlink(entry) for entry in Path("/proc/self/fd").iterdir() if entry.is_symlink()]
    assert str(path) not in maps
    assert str(path) not in links
