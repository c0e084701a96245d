"""Every client gives the same answer to the same reading, and it is the right one."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from clockbound_conformance import __main__ as command
from clockbound_conformance import oracle, vectors
from clockbound_conformance.adapter import Adapter
from clockbound_conformance.answers import Answer, Interval, Refusal
from clockbound_conformance.segment_bytes import (
    DISRUPTED,
    FREE_RUNNING,
    SYNCHRONIZED,
    UNKNOWN,
    segment,
    vmclock,
)
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
S = 1_000_000_000
R = 1_700_000_000 * S
AS_OF = 1000 * S


def around(half_ns: int, status: str = "SYNCHRONIZED") -> Interval:
    return Interval(R - half_ns, R + half_ns, status)


class Place:
    """Where a segment and a VMClock page lie for the adapters to find."""

    def __init__(self, directory: Path, adapters: Mapping[str, Adapter]) -> None:
        self.segment = directory / "shm0"
        self.vmclock = directory / "vmclock0"
        self.adapters = adapters

    def put(self, data: bytes | None, page: bytes | None = None) -> None:
        """Make both files new; None means none."""
        for path, content in ((self.segment, data), (self.vmclock, page)):
            path.unlink(missing_ok=True)
            if content is not None:
                path.write_bytes(content)

    def write(self, data: bytes) -> None:
        """Write into the segment that the clients have mapped, as a daemon does between two of their readings."""
        with self.segment.open("r+b") as file:
            file.write(data)

    def replace(self, data: bytes) -> None:
        """Put another file into the segment's place at once."""
        fresh = self.segment.with_suffix(".new")
        fresh.write_bytes(data)
        fresh.rename(self.segment)

    def watch(self, count: int) -> dict[str, Answer | None]:
        return {
            name: adapter.watch(self.segment, vmclock=self.vmclock, count=count)
            for name, adapter in self.adapters.items()
        }

    def ask(self, monotonic_ns: int, realtime_ns: int = R) -> dict[str, Answer]:
        return {
            name: adapter.compute(
                self.segment, vmclock=self.vmclock, realtime_ns=realtime_ns, monotonic_ns=monotonic_ns
            )
            for name, adapter in self.adapters.items()
        }

    def all(self, answer: Answer | None) -> dict[str, Answer | None]:
        return dict.fromkeys(self.adapters, answer)


@pytest.fixture
def place(tmp_path: Path, adapters: Mapping[str, Adapter]) -> Place:
    return Place(tmp_path, adapters)


@pytest.fixture(scope="session")
def lasting_place(tmp_path_factory: pytest.TempPathFactory, adapters: Mapping[str, Adapter]) -> Place:
    return Place(tmp_path_factory.mktemp("agreement"), adapters)


def test_the_adapters_are_of_three_different_clients(adapters: Mapping[str, Adapter]) -> None:
    assert len(adapters) == len({adapter.hello.name for adapter in adapters.values()}) == 3
    assert {adapter.hello.version for adapter in adapters.values()} == {adapters["c"].hello.version}


ADAPTERS = Path(__file__).parents[1] / "adapters"
NATIVE = ("c/adapter.toml", "python/adapter.toml", "python/adapter-pure.toml")
RUN_LIMIT_S = 120.0  # a quiet machine takes a tenth of it


@pytest.fixture
def native(c_adapter_path: str, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files of our own clients' adapters."""
    monkeypatch.setenv("CLOCKBOUND_C_ADAPTER", c_adapter_path)
    return [ADAPTERS / name for name in NATIVE]


def test_every_client_passes_every_vector(native: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    words = [word for path in native for word in ("--adapter", str(path))]
    began_s = time.monotonic()
    status = command.main(["run", *words])
    said = capsys.readouterr().out
    assert status == command.PASSED, said
    every = f"{len(vectors.load().vectors)} passed, of {len(vectors.load().vectors)} vectors"
    assert said.count(every) == len(native), said
    assert time.monotonic() - began_s < RUN_LIMIT_S


def test_no_adapter_has_anything_to_change(native: list[Path], capsys: pytest.CaptureFixture[str]) -> None:
    for path in native:
        assert command.main(["smoke", "--adapter", str(path)]) == command.PASSED, capsys.readouterr().out


# Numbers lie near each limit that a rule names, or anywhere.
def near(*limits: int, low: int = INT64_MIN, high: int = INT64_MAX) -> st.SearchStrategy[int]:
    around_limits = st.builds(lambda limit, step: limit + step, st.sampled_from(limits), st.integers(-2, 2))
    return (around_limits | st.integers(low, high)).filter(lambda value: low <= value <= high)


def mostly(usual: object, rarely: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    """Mostly ``usual``: faults that hide each other must not come together in nearly every example."""
    return st.integers(0, 9).flatmap(lambda dice: rarely if dice == 0 else st.just(usual))


SECONDS = near(0, 9_223_372_036, -9_223_372_036, low=-9_223_372_037, high=9_223_372_037) | st.integers(
    0, 100_000
)
NANOSECONDS = st.integers(0, 999_999_999) | near(0, 999_999_999, low=-2, high=1_000_000_001)
INSTANTS = st.tuples(SECONDS, NANOSECONDS)
U16, U32 = st.integers(0, 2**16 - 1), st.integers(0, 2**32 - 1)

LAYOUTS = st.sampled_from((1, 2))


@st.composite
def segments(draw: st.DrawFn) -> bytes:
    layout = draw(LAYOUTS)
    header: dict[str, object] = {}
    if draw(st.integers(0, 3)) == 0:
        size = 72 if layout == 1 else 80
        header = {
            "magic": draw(mostly((0x414D5A4E, 0x43420200), st.tuples(U32, U32))),
            "version": draw(mostly(layout, near(0, 1, 2, 3, low=0, high=2**16 - 1))),
            "size_bytes": draw(mostly(size, near(0, 16, 72, 80, 4096, low=0, high=2**32 - 1))),
            "file_bytes": draw(mostly(size, near(0, 16, 72, 80, 4096, low=0, high=8192))),
        }
    return segment(
        layout,
        as_of=draw(INSTANTS),
        void_after=draw(INSTANTS),
        bound_ns=draw(st.integers(0, 10**9) | near(0, INT64_MAX)),
        max_drift_ppb=draw(
            st.integers(0, 10**6) | near(0, 1, 10**9 - 1, 10**9, 2**31, 2**32 - 1, low=0, high=2**32 - 1)
        ),
        status=draw(st.integers(0, 3) | near(0, 3, low=-(2**31), high=2**31 - 1)),
        disruption_marker=draw(near(0, 2**63, 2**64 - 1, low=0, high=2**64 - 1)),
        disruption_support=draw(st.sampled_from((0, 0, 1, 255))),
        generation=draw(mostly(2, near(0, 1, 65535, low=0, high=65535))),
        padding=draw(st.integers(0, 255)),
        **header,
    )


@st.composite
def pages(draw: st.DrawFn, data: bytes) -> bytes | None:
    """A VMClock page, mostly a good one with the marker that the segment has."""
    if draw(st.integers(0, 9)) == 0:
        return None
    known = int.from_bytes(data[56:64].ljust(8, b"\0"), "little")
    return vmclock(
        marker=draw(st.sampled_from((known, known ^ 1, known ^ 2**32, known ^ 2**63))),
        sequence=draw(mostly(2, U32)),
        magic=draw(mostly(0x4B4C4356, U32)),
        version=draw(mostly(1, U16)),
        size_bytes=draw(mostly(104, near(0, 104, 4096, low=0, high=2**32 - 1))),
        file_bytes=draw(mostly(104, near(0, 104, 4096, low=0, high=8192))),
    )


@st.composite
def readings(draw: st.DrawFn, data: bytes) -> tuple[int, int]:
    """Both clocks; the monotonic one mostly near a limit that the segment itself sets."""

    def instant(offset: int) -> int:
        field = data[offset : offset + 16].ljust(16, b"\0")
        seconds, rest = (int.from_bytes(field[at : at + 8], "little", signed=True) for at in (0, 8))
        return seconds * S + rest

    as_of, void_after = instant(16), instant(32)
    elapsed = st.integers(0, 2000 * S) | st.integers(0, 100_000)
    monotonic_ns = draw(
        near(as_of, as_of - 999, as_of - 1000, as_of + 5 * S, void_after, INT64_MIN, INT64_MAX)
        | elapsed.map(lambda elapsed_ns: min(max(as_of + elapsed_ns, INT64_MIN), INT64_MAX))
    )
    bound = int.from_bytes(data[48:56].ljust(8, b"\0"), "little", signed=True)
    realtime_ns = draw(st.integers(0, 4 * 10**18) | near(0, INT64_MAX - bound, INT64_MIN + bound))
    return realtime_ns, monotonic_ns


SITUATIONS = segments().flatmap(lambda data: st.tuples(st.just(data), pages(data), readings(data)))


@settings(
    max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
@given(SITUATIONS)
@example((segment(2), None, (R, AS_OF)))
def test_clients_and_oracle_agree_on_any_segment(
    lasting_place: Place, situation: tuple[bytes, bytes | None, tuple[int, int]]
) -> None:
    data, page, (realtime_ns, monotonic_ns) = situation
    lasting_place.put(data, page)
    expected = oracle.answer(data, vmclock=page, realtime_ns=realtime_ns, monotonic_ns=monotonic_ns)
    assert lasting_place.all(expected) == lasting_place.ask(monotonic_ns, realtime_ns)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(segments(), st.integers(0, 4 * S)), min_size=1, max_size=10), st.data())
def test_watchers_agree_while_the_segment_changes(
    lasting_place: Place, changes: list[tuple[bytes, int]], data: st.DataObject
) -> None:
    first = segment(generation=2)
    lasting_place.put(first)
    lasting_place.watch(len(changes) + 1)
    last_good = first
    assert lasting_place.all(around(1_000_000)) == lasting_place.ask(AS_OF)
    for step, (written, elapsed_ns) in enumerate(changes):
        body = bytearray(written[16:80].ljust(64, b"\0"))
        body[56] = 0  # without disruption support: the page has tests of its own
        generation = data.draw(st.sampled_from((2 * step + 4, 2 * step + 5, 0)))
        update = segment(generation=generation)[:16] + bytes(body)
        lasting_place.write(update)
        if generation % 2 == 0 and generation != 0:
            last_good = update
        as_of_ns = int.from_bytes(last_good[16:24], "little", signed=True) * S
        monotonic_ns = min(max(as_of_ns + elapsed_ns, INT64_MIN), INT64_MAX)
        expected = oracle.answer(last_good, realtime_ns=R, monotonic_ns=monotonic_ns)
        assert lasting_place.all(expected) == lasting_place.ask(monotonic_ns)


class TestOddPaths:
    """What may stand in a segment's place besides a segment. Nobody hangs, and all say the same."""

    def test_a_directory(self, place: Place) -> None:
        place.segment.mkdir()
        assert place.all(Refusal("SYSCALL")) == place.ask(AS_OF)

    def test_a_symbolic_link_to_nothing(self, place: Place) -> None:
        place.segment.symlink_to("nothing")
        assert place.all(Refusal("SYSCALL")) == place.ask(AS_OF)

    def test_a_symbolic_link_to_a_segment(self, place: Place) -> None:
        place.put(segment())
        place.segment.rename(place.segment.with_name("real"))
        place.segment.symlink_to("real")
        assert place.all(around(1_000_000)) == place.ask(AS_OF)

    def test_a_path_beneath_a_file(self, place: Place) -> None:
        place.put(segment())
        place.segment /= "shm0"
        assert place.all(Refusal("SYSCALL")) == place.ask(AS_OF)

    def test_a_vmclock_page_that_is_a_directory(self, place: Place) -> None:
        place.put(segment(disruption_support=1))
        place.vmclock.mkdir()
        assert place.all(Refusal("SYSCALL")) == place.ask(AS_OF)


# Publishes record after record, each a function of one number, until its input ends.
WRITER = """
import mmap, os, select, sys
sys.path.insert(0, {tests!r})
from clockbound_client import _core
from test_agreement import record
descriptor = os.open({path!r}, os.O_RDWR)
mapping = mmap.mmap(descriptor, 80)
records = [record(number) for number in range({records_count})]
print("writing", flush=True)
while not select.select([sys.stdin], [], [], 0)[0]:
    for each in records:
        _core.publish(mapping, each)
"""
RECORDS_COUNT = 500


def record(number: int) -> bytes:
    return segment(
        as_of=(1000 + number, number),
        void_after=(2000 + number, 0),
        bound_ns=number * number,
        max_drift_ppb=number * 1000,
        status=UNKNOWN if number % 3 == 0 else SYNCHRONIZED,
    )


@pytest.mark.parametrize(
    ("name", "asks_count"),
    # The compiled readers copy in a few nanoseconds, so it takes many copies to meet an update in one of them, and
    # a run may still miss a broken one; clients/c/tests/test_seqlock.c drives them harder.
    [("c", 30_000), ("python, compiled", 30_000), ("python, pure", 2_000)],
)
def test_no_client_mixes_two_updates_of_a_busy_writer(place: Place, name: str, asks_count: int) -> None:
    monotonic_ns = 1600 * S  # after every as_of, before every void_after
    right = {
        oracle.answer(record(number), realtime_ns=R, monotonic_ns=monotonic_ns)
        for number in range(RECORDS_COUNT)
    }
    adapter = place.adapters[name]
    place.put(record(1))
    adapter.watch(place.segment, count=asks_count)
    script = WRITER.format(
        path=str(place.segment), tests=str(Path(__file__).parent), records_count=RECORDS_COUNT
    )
    with subprocess.Popen(
        [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout is not None
        try:
            assert writer.stdout.readline() == "writing\n"
            seen = {
                adapter.compute(place.segment, realtime_ns=R, monotonic_ns=monotonic_ns)
                for _ in range(asks_count)
            }
            assert writer.poll() is None
        finally:
            writer.kill()
    assert seen - right == set()
    assert len(seen) > 10, "the segment hardly changed, so this proves nothing"


def test_now_reads_both_clocks_within_the_question(place: Place) -> None:
    as_of_ns = time.monotonic_ns()
    as_of, void_after = divmod(as_of_ns, S), divmod(as_of_ns + 1000 * S, S)
    place.put(segment(as_of=as_of, void_after=void_after, bound_ns=1_000_000, max_drift_ppb=50_000))
    for name, adapter in place.adapters.items():
        before_realtime_ns, before_monotonic_ns = time.time_ns(), time.monotonic_ns()
        answer = adapter.now(place.segment)
        after_monotonic_ns, after_realtime_ns = time.monotonic_ns(), time.time_ns()
        assert isinstance(answer, Interval), name
        assert answer.status == "SYNCHRONIZED", name
        assert before_realtime_ns <= (answer.earliest_ns + answer.latest_ns) // 2 <= after_realtime_ns, name
        growth_ns = answer.width_ns // 2 - 1_000_000
        # rounded up, so at most 1 ns above the growth at the later reading
        assert (before_monotonic_ns - as_of_ns) * 50_000 <= growth_ns * S, name
        assert (growth_ns - 1) * S < (after_monotonic_ns - as_of_ns) * 50_000, name


def test_now_follows_the_segment_with_one_open_context(place: Place) -> None:
    for generation, status in ((2, SYNCHRONIZED), (4, FREE_RUNNING), (6, UNKNOWN), (8, DISRUPTED)):
        as_of_ns = time.monotonic_ns()
        times = {"as_of": divmod(as_of_ns, S), "void_after": divmod(as_of_ns + 1000 * S, S)}
        data = segment(generation=generation, status=status, **times)
        if generation == 2:
            place.put(data)
        else:
            place.write(data)
        answers = [adapter.now(place.segment) for adapter in place.adapters.values()]
        name = ("UNKNOWN", "SYNCHRONIZED", "FREE_RUNNING", "DISRUPTED")[status]
        assert [name] * len(answers) == [answer.status for answer in answers if isinstance(answer, Interval)]
