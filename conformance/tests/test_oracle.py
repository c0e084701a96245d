"""The oracle itself, against answers calculated by hand: who guards the guard."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest
from clockbound_conformance import _vocabulary, oracle, vectors
from clockbound_conformance.answers import Refusal
from clockbound_conformance.judge import expected_answer
from clockbound_conformance.segment_bytes import ByteOrder
from clockbound_conformance.vectors import Vector, page_of, segment_of

BY_HAND = [vector for vector in vectors.load().vectors if vector.origin == "hand"]


@pytest.mark.parametrize("byte_order", ["little", "big"])
@pytest.mark.parametrize("vector", BY_HAND, ids=lambda vector: vector.id)
def test_the_oracle_gives_the_answer_that_was_calculated_by_hand(
    vector: Vector, byte_order: ByteOrder
) -> None:
    put, compute = vector.steps
    answer = oracle.answer(
        segment_of(put, byte_order),
        realtime_ns=int(compute["realtime_ns"]),
        monotonic_ns=int(compute["monotonic_ns"]),
        vmclock=page_of(put),
        byte_order=byte_order,
    )
    assert expected_answer(compute["expected"]) == answer


def test_a_good_part_is_calculated_by_hand_in_both_layouts() -> None:
    assert {"1", "2"} == {vector.layout for vector in BY_HAND}
    assert len(BY_HAND) >= 300


def test_the_answers_by_hand_are_of_every_status_and_every_error_kind() -> None:
    answers = [expected_answer(vector.steps[-1]["expected"]) for vector in BY_HAND]
    kinds = {answer.kind for answer in answers if isinstance(answer, Refusal)}
    statuses = {answer.status for answer in answers if not isinstance(answer, Refusal)}
    assert {kind.name for kind in _vocabulary.ErrorKind} - {"NONE"} == kinds
    assert {status.name for status in _vocabulary.ClockStatus} == statuses


def test_the_oracle_imports_nothing_that_it_judges() -> None:
    tree = ast.parse(Path(oracle.__file__).read_text(encoding="utf-8"))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert {
        "__future__",
        "clockbound_conformance.answers",
        "fractions",
        "math",
        "struct",
        "sys",
    } == modules
