# SPDX-License-Identifier: Apache-2.0
"""The library's memory ordering holds in the model, and the model is able to see when it doesn't."""

import model_check
import pytest
import source_mutants
from machine_mutants import MACHINE_MUTANTS
from model_check import LITMUS, PROGRAMS, SOURCE, Builder, Program
from source_mutants import ACCEPTED, REWRITTEN, SEQLOCK, WEAKENED, Mutant

README = (model_check.MODEL / "README.md").read_text()


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    return Builder(tmp_path_factory.mktemp("model"))


def name_of(of: Mutant | Program) -> str:
    return of.name


def ends_of(builder: Builder, program: Program, *arguments: str) -> dict[str, int]:
    results = model_check.run(builder.build(program), program, *arguments)
    assert [result for result in results if not result.holds] == []
    return {result.scenario: result.ends for result in results}


def test_the_model_allows_and_forbids_what_c11_does(builder: Builder) -> None:
    assert len(ends_of(builder, LITMUS)) > 30


@pytest.mark.parametrize("fault", MACHINE_MUTANTS, ids=name_of)
def test_a_fault_of_the_model_shows(builder: Builder, fault: Mutant) -> None:
    results = model_check.run(builder.build(LITMUS, fault), LITMUS)
    assert [result for result in results if not result.holds] != []


@pytest.mark.parametrize("program", PROGRAMS, ids=name_of)
def test_the_ordering_holds(builder: Builder, program: Program) -> None:
    assert min(ends_of(builder, program).values()) > 1


@pytest.mark.parametrize("program", [LITMUS, *PROGRAMS], ids=name_of)
def test_the_reduced_exploration_comes_to_the_same_ends(builder: Builder, program: Program) -> None:
    assert ends_of(builder, program, "--unreduced") == ends_of(builder, program)


@pytest.mark.parametrize("mutant", [*WEAKENED, *REWRITTEN], ids=name_of)
def test_a_mutant_is_caught(builder: Builder, mutant: Mutant) -> None:
    results = list(model_check.mutant_results(builder, mutant))
    assert model_check.catches(results, mutant), {result.violation for result in results}


@pytest.mark.parametrize("mutant", ACCEPTED, ids=name_of)
def test_another_correct_way_is_accepted(builder: Builder, mutant: Mutant) -> None:
    assert [result for result in model_check.mutant_results(builder, mutant) if not result.holds] == []


def test_each_ordering_in_the_source_has_a_mutant() -> None:
    orderings = [
        (path.name, source_mutants.weakened_name(*ordering))
        for path in SOURCE.glob("*.[ch]")
        for ordering in source_mutants.orderings(path.read_text())
    ]
    assert sorted(orderings) == sorted((mutant.file, mutant.name) for mutant in WEAKENED)


def test_a_second_ordering_in_a_function_counts_too() -> None:
    source = (SOURCE / SEQLOCK).read_text()
    mutant = next(mutant for mutant in ACCEPTED if "besides the fence" in mutant.name)
    added = source_mutants.orderings(source_mutants.edited(source, mutant))
    assert len(added) == len(source_mutants.orderings(source)) + 1
    assert added.count(("cb_seqlock_publish", "store release")) == 2


@pytest.mark.parametrize(
    ("function", "old", "message"),
    [
        ("cb_seqlock_publish", "no such text", "stands 0 times"),
        ("cb_seqlock_publish", "atomic_store_explicit", "stands 2 times"),
        ("cb_no_such_function", "return", "no function cb_no_such_function"),
    ],
)
def test_a_mutant_that_no_longer_fits_is_an_error(function: str, old: str, message: str) -> None:
    stale = Mutant("stale", SEQLOCK, function, ((old, ""),), "", "")
    with pytest.raises(ValueError, match=message):
        source_mutants.edited((SOURCE / SEQLOCK).read_text(), stale)


def in_publish(new: str) -> Mutant:
    return Mutant("new", SEQLOCK, "cb_seqlock_publish", ((source_mutants.STORE_ODD, new),), "", "")


@pytest.mark.parametrize(
    ("new", "message"),
    [
        ("atomic_exchange_explicit(counter, odd, memory_order_relaxed);", "atomic_exchange_explicit"),
        ("atomic_store_explicit(counter, odd, memory_order_seq_cst);", "memory_order_seq_cst"),
    ],
)
def test_what_the_model_does_not_know_is_refused(builder: Builder, new: str, message: str) -> None:
    with pytest.raises(RuntimeError, match=message):
        list(model_check.mutant_results(builder, in_publish(new)))


@pytest.mark.parametrize(
    ("new", "violation"),
    [
        ("*counter = odd;", "shared memory was touched other than by an atomic operation"),
        (
            "atomic_store_explicit((_Atomic uint32_t *)generation, odd, memory_order_relaxed);",
            "an access that isn't to the whole of one object",
        ),
    ],
)
def test_an_access_outside_the_model_is_a_violation(builder: Builder, new: str, violation: str) -> None:
    found = {result.violation for result in model_check.mutant_results(builder, in_publish(new))}
    assert violation in found


def table_row(mutant: Mutant) -> str:
    return f"| `{mutant.name}` | {mutant.execution} |"


def test_the_readme_lists_the_mutants() -> None:
    rows = [table_row(mutant) for mutant in (*WEAKENED, *REWRITTEN, *ACCEPTED)]
    assert [row for row in rows if row not in README] == []
