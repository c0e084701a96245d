"""The oracle itself, against answers calculated by hand: who guards the guard."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest
from clockbound_conformance import _vocabulary, oracle
from clockbound_conformance.answers import Refusal
from hand_cases import CASES, HandCase


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_oracle_gives_the_answer_that_was_calculated_by_hand(case: HandCase) -> None:
    answer = oracle.answer(
        case.segment, realtime_ns=case.realtime_ns, monotonic_ns=case.monotonic_ns, vmclock=case.vmclock
    )
    assert case.expected == answer


def test_no_two_cases_have_the_same_name() -> None:
    assert [name for name, count in Counter(case.name for case in CASES).items() if count > 1] == []


def test_the_cases_expect_every_status_and_every_error_kind() -> None:
    kinds = {case.expected.kind for case in CASES if isinstance(case.expected, Refusal)}
    statuses = {case.expected.status for case in CASES if not isinstance(case.expected, Refusal)}
    assert {kind.name for kind in _vocabulary.ErrorKind} - {"NONE"} == kinds
    assert {status.name for status in _vocabulary.ClockStatus} == statuses


def test_the_oracle_imports_nothing_that_it_judges() -> None:
    tree = ast.parse(Path(oracle.__file__).read_text(encoding="utf-8"))
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    modules |= {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    assert {"__future__", "clockbound_conformance.answers", "fractions", "math", "struct"} == modules
