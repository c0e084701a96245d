"""The vectors themselves: the right reader passes all, and every faulty one is caught."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from pathlib import Path

import pytest
from clockbound_conformance import vectors
from clockbound_conformance.config import AdapterConfig, KnownFailures
from clockbound_conformance.runner import FAILED, Run, Summary
from clockbound_conformance.segment_bytes import NATIVE, ByteOrder
from clockbound_conformance.vectors import Vector

MUTANTS = Path(__file__).parent / "mutants"
sys.path.insert(0, str(MUTANTS))

import reader
import table

ATTEMPTS_COUNT = 4
MISTAKES = vectors.load().mistakes
ALL = vectors.load().vectors


def run(folder: Path, chosen: list[Vector], *faults: str, byte_order: ByteOrder = NATIVE) -> Summary:
    """Ask the reader with these faults as a program, as anybody's adapter is asked."""
    flags = [word for fault in faults for word in ("--fault", fault)]
    config = AdapterConfig(
        name=" ".join(faults) or "reader",
        file=MUTANTS / "reader.py",
        command=(sys.executable, str(MUTANTS / "reader.py"), "--byte-order", byte_order, *flags),
        byte_order=byte_order,
        timeout_s=3.0 if faults else 30.0,  # some faulty ones hang, and the right one may be held up
        slow_s=3.0 if faults else 30.0,
        environment={},
    )
    return Run(config, folder, KnownFailures({})).all(chosen, lambda result: None)


@pytest.mark.parametrize("byte_order", ["little", "big"])
def test_the_reader_without_a_fault_passes_every_vector(tmp_path: Path, byte_order: ByteOrder) -> None:
    summary = run(tmp_path, list(ALL), byte_order=byte_order)
    assert [
        (result.vector.id, result.outcome, result.explanation)
        for result in summary.results
        if result.outcome != "passed"
    ] == []
    assert summary.passed


@pytest.mark.parametrize("mistake", MISTAKES)
def test_each_mistake_of_a_real_reader_is_caught_by_every_vector_that_says_so(
    tmp_path: Path, mistake: str
) -> None:
    chosen = [vector for vector in ALL if mistake in vector.catches]
    assert chosen, "no vector says that it catches this mistake"
    # What shows in real time may not show on a busy machine; so these are tried again.
    for attempt in range(ATTEMPTS_COUNT):
        folder = tmp_path / str(attempt)
        folder.mkdir()
        # A reader that hangs again and again is given up; that is a failure of each vector, too.
        failed = [result for result in run(folder, chosen, mistake).results if result.outcome in FAILED]
        # A reader that breaks instead of making its mistake would prove nothing.
        assert {result.outcome for result in failed} <= {"wrong", "timeout", "slow", "not-run"}
        caught = {result.vector.id for result in failed}
        chosen = [vector for vector in chosen if vector.id not in caught]
        if not any(table.takes_real_time(vector) for vector in chosen):
            break
    assert [vector.id for vector in chosen] == []


# Faults that are no real reader's mistake, and the step that shows them.
SHOWN_BY = {"reopens-without-pause": "wait", "realtime-as-monotonic": "now"}


def test_each_fault_that_shows_in_real_time_is_tried() -> None:
    assert {*SHOWN_BY, *(table.IN_REAL_TIME & MISTAKES.keys())} == table.IN_REAL_TIME


@pytest.mark.parametrize("fault", SHOWN_BY)
def test_each_fault_that_shows_in_real_time_is_caught(tmp_path: Path, fault: str) -> None:
    chosen = [vector for vector in ALL if SHOWN_BY[fault] in [step["do"] for step in vector.steps]]
    assert not run(tmp_path, chosen, fault).passed


@pytest.mark.parametrize("mistake", ["spins-on-odd-generation", "spins-on-vmclock", "blocks-for-ever"])
def test_a_reader_that_hangs_is_reported_as_that(tmp_path: Path, mistake: str) -> None:
    chosen = [vector for vector in ALL if mistake in vector.catches][:1]
    assert [result.outcome for result in run(tmp_path, chosen, mistake).results] == ["timeout"]


def test_no_faulty_reader_survives() -> None:
    assert [fault for fault, ids in table.table().items() if not ids] == [""]


def test_there_are_at_least_20_faulty_readers_and_every_real_mistake_is_among_them() -> None:
    assert len(MISTAKES) + len(reader.FAULTS) >= 20
    source = (MUTANTS / "reader.py").read_text(encoding="utf-8")
    for fault in [*MISTAKES, *reader.FAULTS]:
        stem = fault.removesuffix("-of-void-after")  # its name is put together
        assert f'"{stem}"' in source.replace(f'"{fault}": ', ""), f"{fault} changes nothing"


def test_each_vector_catches_a_faulty_reader() -> None:
    caught = frozenset().union(*table.table().values())
    assert [vector.id for vector in table.at_rest() if vector.id not in caught] == []


def test_no_two_vectors_of_a_layout_catch_the_same_faulty_readers() -> None:
    # Two that catch the same ones would say the same; for any two there must be a reader that they judge differently.
    alike: dict[tuple[str, frozenset[str]], list[str]] = defaultdict(list)
    for vector in table.at_rest():
        faults = frozenset(fault for fault, ids in table.table().items() if vector.id in ids)
        alike[vector.layout, faults].append(vector.id)
    assert [ids for ids in alike.values() if len(ids) > 1] == []


def test_the_table_is_that_of_these_vectors_and_readers() -> None:
    # In this process, because the table takes its time.
    assert table.document() == table.COVERAGE.read_text(encoding="utf-8"), f"run: {table.COMMAND}"


def test_an_unknown_fault_is_no_way_to_pass() -> None:
    # The tests above would prove nothing if a misspelt fault were a right reader.
    script = [sys.executable, str(MUTANTS / "reader.py"), "--fault", "no-such-fault"]
    ended = subprocess.run(script, input="", check=False, capture_output=True, text=True, timeout=60)
    assert ended.returncode == 2
    assert "no-such-fault" in ended.stderr
