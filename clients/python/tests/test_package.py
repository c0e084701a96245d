"""The package itself: which implementation is used, errors, and the publish primitive."""

from __future__ import annotations

import pickle
from typing import Any

import clockbound_client as cb
import pytest
from clockbound_client._core import publish, publish_record
from clockbound_client._layout import SegmentRecord
from conftest import needs_pure, run_python, segment_bytes


@pytest.mark.parametrize(
    ("wanted", "used"),
    [(None, "c"), ("auto", "c"), ("c", "c"), pytest.param("python", "python", marks=needs_pure)],
)
def test_the_environment_chooses_the_implementation(wanted: str | None, used: str) -> None:
    result = run_python(
        "import clockbound_client as c; print(c.implementation, c.ClockBoundClient.__module__)", wanted
    )
    assert result.stderr == ""
    assert result.stdout.split()[0] == used
    assert ("_pure" in result.stdout) == (used == "python")


def test_an_unknown_implementation_is_refused() -> None:
    result = run_python("import clockbound_client", "rust")
    assert result.returncode == 1
    assert "CLOCKBOUND_IMPLEMENTATION is 'rust'; set it to auto, c or python" in result.stderr


@needs_pure
def test_the_pure_one_is_used_where_the_compiled_one_is_missing() -> None:
    code = "import sys; sys.modules['clockbound_client._core'] = None; import clockbound_client as c; print(c.implementation)"
    assert run_python(code, None).stdout.strip() == "python"
    assert "ModuleNotFoundError" in run_python(code, "c").stderr


def test_the_pure_one_refuses_processors_that_reorder_loads() -> None:
    code = (
        "import os; real = os.uname(); os.uname = lambda: os.uname_result((*real[:4], 'aarch64'))\n"
        "import clockbound_client"
    )
    result = run_python(code, "python")
    assert result.returncode == 1
    assert "would not be safe on aarch64" in result.stderr


def test_importing_the_client_imports_nothing_heavy() -> None:
    # What the interpreter's own start loads (an editable install or a coverage hook, say) doesn't count.
    code = (
        "import sys; before = set(sys.modules); import clockbound_client; print(*set(sys.modules) - before)"
    )
    loaded = set(run_python(code, "c").stdout.split())
    assert not loaded & {
        "construct",
        "clockbound_spec",
        "dataclasses",
        "inspect",
        "typing",
        "re",
        "contextlib",
        "ctypes",
        "datetime",
        "asyncio",
        "logging",
    }


@pytest.mark.parametrize("kind", [kind for kind in cb.ErrorKind if kind is not cb.ErrorKind.NONE])
def test_each_kind_has_a_class_of_its_own(kind: cb.ErrorKind) -> None:
    error = cb._errors.error_from(kind, "/nowhere/shm0", 2, "words")
    assert type(error) is not cb.ClockBoundError
    assert isinstance(error, cb.ClockBoundError)
    assert error.kind is kind
    assert "/nowhere/shm0: words" in str(error)
    assert (error.path, error.detail) == ("/nowhere/shm0", "words")
    assert error.errno == (2 if kind is cb.ErrorKind.SYSCALL else None)


ERRORS = [
    cb._errors.error_from(1, "/nowhere/shm0", 2, "words"),
    cb._errors.error_from(4, "/nowhere/shm0", 0, "words"),
    cb._errors.not_trusted(3, "/nowhere/shm0"),
    cb._errors.not_trusted(0, ""),
    cb._errors.too_large(7, 5, "/nowhere/shm0"),
    cb._errors.tai_unknown("/nowhere/shm0", "words"),
    cb.WaitTimeoutError("words", "/nowhere/shm0", "detail", 0.5),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: f"{type(error).__name__} at {error.path!r}")
def test_errors_can_be_pickled_with_all_that_they_say(error: cb.ClockBoundError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again)) == (type(error), str(error))
    names = (
        "kind",
        "path",
        "errno",
        "detail",
        "status",
        "error_bound_ns",
        "max_error_ns",
        "timeout",
        "filename",
    )
    for name in names:
        assert getattr(again, name, None) == getattr(error, name, None)


def test_every_error_is_caught_by_its_base_and_says_what_to_do() -> None:
    assert all(isinstance(error, cb.ClockBoundError) for error in ERRORS)
    assert [str(error) for error in ERRORS[2:6]] == [
        "/nowhere/shm0: the clock's status is DISRUPTED; wait until the clock is synchronised again",
        "the interval's status is UNKNOWN; look at chronyd and at the daemon, or wait until the clock is synchronised",
        (
            "/nowhere/shm0: the error bound is 7 ns, and 5 ns were asked for; "
            "try again later, allow more, or give chronyd better sources"
        ),
        "/nowhere/shm0: words; chronyd tells it where leapsectz is configured",
    ]
    assert issubclass(cb.WaitTimeoutError, TimeoutError)
    assert issubclass(cb.ClockBoundSyscallError, OSError)


def test_publish_keeps_the_header_and_returns_the_generation() -> None:
    mapping = bytearray(segment_bytes(generation=0))
    assert publish(mapping, segment_bytes(bound_ns=7, generation=99)) == 2
    assert bytes(mapping) == segment_bytes(bound_ns=7, generation=2)


def test_publish_repairs_an_odd_generation() -> None:
    mapping = bytearray(segment_bytes(generation=41))
    assert publish(mapping, segment_bytes(bound_ns=7)) == 42
    assert bytes(mapping) == segment_bytes(bound_ns=7, generation=42)


@pytest.mark.parametrize(
    ("mapping", "segment", "message"),
    [
        (bytearray(79), segment_bytes(), "can't publish 80 bytes in a mapping of 79"),
        (bytearray(80), b"", "can't publish 0 bytes"),
        (bytearray(80), segment_bytes()[:16], "can't publish 16 bytes"),
        (bytearray(80), segment_bytes()[:79], "can't publish 79 bytes"),
        (bytearray(segment_bytes(1) + bytes(8)), segment_bytes(), "another layout"),
    ],
)
def test_publish_refuses_what_does_not_fit(mapping: bytearray, segment: bytes, message: str) -> None:
    before = bytes(mapping)
    with pytest.raises(ValueError, match=message):
        publish(mapping, segment)
    assert bytes(mapping) == before


#: Another value in each field, the largest or the smallest of its type.
RECORD = SegmentRecord(
    generation=99,
    as_of_sec=-(2**63),
    as_of_nsec=2**63 - 1,
    void_after_sec=-1,
    void_after_nsec=-2,
    bound_ns=0x0102030405060708,
    disruption_marker=2**64 - 1,
    max_drift_ppb=2**32 - 1,
    clock_status=-(2**31),
    clock_disruption_support_enabled=255,
)


@pytest.mark.parametrize("version", [1, 2])
def test_a_record_is_published_as_it_would_be_packed(version: int) -> None:
    mapping = bytearray(segment_bytes(version, generation=41))
    assert publish_record(mapping, RECORD) == 42
    assert bytes(mapping) == segment_bytes(
        version,
        **RECORD._asdict()
        | {
            "generation": 42,
            "as_of": {"sec": -(2**63), "nsec": 2**63 - 1},
            "void_after": {"sec": -1, "nsec": -2},
        },
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("generation", -1),
        ("generation", 2**16),
        ("as_of_sec", 2**63),
        ("as_of_nsec", -(2**63) - 1),
        ("disruption_marker", -1),
        ("disruption_marker", 2**64),
        ("max_drift_ppb", -1),
        ("max_drift_ppb", 2**32),
        ("clock_status", 2**31),
        ("clock_status", -(2**31) - 1),
        ("clock_disruption_support_enabled", -1),
        ("clock_disruption_support_enabled", 256),
    ],
)
def test_a_record_whose_number_does_not_fit_is_refused(name: str, value: int) -> None:
    mapping = bytearray(segment_bytes())
    with pytest.raises(OverflowError, match=f"^can't publish a record whose {name} doesn't fit its type$"):
        publish_record(mapping, RECORD._replace(**{name: value}))
    assert bytes(mapping) == segment_bytes()


@pytest.mark.parametrize("name", ["generation", "bound_ns", "disruption_marker"])
def test_a_record_of_anything_but_numbers_is_refused(name: str) -> None:
    mapping = bytearray(segment_bytes())
    with pytest.raises(TypeError):
        publish_record(mapping, RECORD._replace(**{name: "7"}))
    assert bytes(mapping) == segment_bytes()


@pytest.mark.parametrize("record", [RECORD[:-1], (*RECORD, 0), list(RECORD), segment_bytes()])
def test_nothing_but_a_record_is_published_as_one(record: Any) -> None:
    with pytest.raises(TypeError, match=r"^publish_record\(\) takes a SegmentRecord, not "):
        publish_record(bytearray(segment_bytes()), record)
    with pytest.raises(TypeError, match=r"takes exactly 2 arguments \(1 given\)"):
        publish_record(*[bytearray(80)])


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        (bytearray(), "can't publish 80 bytes in a mapping of 0 bytes"),
        (bytearray(segment_bytes()[:79]), "can't publish 80 bytes in a mapping of 79 bytes"),
        (bytearray(segment_bytes(1)[:71]), "can't publish 72 bytes in a mapping of 71 bytes"),
        (bytearray(80), "another layout"),
        (bytearray(segment_bytes(2)[:12] + segment_bytes(1)[12:16] + bytes(64)), "another layout"),
    ],
    ids=["empty", "short", "short-1", "zero", "other-size"],
)
def test_a_record_is_published_only_in_a_segment(mapping: bytearray, message: str) -> None:
    before = bytes(mapping)
    with pytest.raises(ValueError, match=message):
        publish_record(mapping, RECORD)
    assert bytes(mapping) == before


def test_publish_needs_a_writable_mapping() -> None:
    bad: Any = segment_bytes()
    with pytest.raises(BufferError):
        publish(bad, segment_bytes())
    with pytest.raises(BufferError):
        publish_record(bad, RECORD)
    with pytest.raises(TypeError, match=r"takes exactly 2 arguments \(1 given\)"):
        publish(*[bytearray(80)])
