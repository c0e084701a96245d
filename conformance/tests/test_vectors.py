"""The vectors as a product: complete, none twice, none that says nothing, and refused where they are damaged."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from clockbound_conformance import files, oracle, rules, vectors
from clockbound_conformance.judge import expected_answer
from clockbound_conformance.segment_bytes import ByteOrder
from clockbound_conformance.vectors import DamagedError, page_of, segment_of

FOLDER = Path(__file__).parents[1] / "vectors"
ALL = vectors.load().vectors


def test_there_are_at_least_500() -> None:
    assert len(ALL) >= 500


def test_every_rule_of_readers_and_every_limit_has_its_vectors() -> None:
    assert vectors.uncovered(ALL) == []


def test_a_vector_that_is_missing_at_a_limit_is_noticed() -> None:
    at_limits = [vector for vector in ALL if vector.limits]
    assert len(at_limits) > 100
    for missing in at_limits:
        without = [vector for vector in ALL if vector is not missing]
        assert vectors.uncovered(without), missing.id


def test_a_rule_that_has_no_vector_is_noticed() -> None:
    without = [vector for vector in ALL if "open.syscall" not in vector.rules]
    assert vectors.uncovered(without) == ["open.syscall: no vector"]


def test_a_rule_without_vectors_says_why_and_exists() -> None:
    assert rules.WITHOUT_VECTORS.keys() <= rules.readers_rules().keys()
    assert rules.LIMITS.keys() | rules.WITHOUT_VECTORS.keys() == rules.readers_rules().keys()


def test_no_two_vectors_ask_the_same() -> None:
    asked = Counter(json.dumps(vector.steps, sort_keys=True) for vector in ALL)
    assert [question for question, count in asked.items() if count > 1] == []


def test_every_expected_answer_is_the_oracles() -> None:
    for vector in ALL:
        if [step["do"] for step in vector.steps] != ["put", "compute"]:
            continue
        put, compute = vector.steps
        orders: tuple[ByteOrder, ByteOrder] = ("little", "big")
        for byte_order in orders:
            answer = oracle.answer(
                segment_of(put, byte_order),
                realtime_ns=int(compute["realtime_ns"]),
                monotonic_ns=int(compute["monotonic_ns"]),
                vmclock=page_of(put),
                byte_order=byte_order,
            )
            assert expected_answer(compute["expected"]) == answer, (vector.id, byte_order)


def test_byte_orders_differ_in_bytes_and_not_in_length() -> None:
    for vector in ALL:
        for step in vector.steps:
            both = step.get("segment")
            if both:
                assert len(both["little"]) == len(both["big"])
                assert both["little"] != both["big"] or not any(bytes.fromhex(both["big"])), vector.id


def test_the_files_are_those_that_the_cases_give() -> None:
    check = subprocess.run(
        [sys.executable, str(FOLDER / "generate.py"), "--check"],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (check.returncode, check.stdout) == (0, ""), check.stdout


def test_a_stale_file_is_noticed_with_the_command_to_run(tmp_path: Path) -> None:
    shutil.copytree(FOLDER, tmp_path / "vectors")
    growth = tmp_path / "vectors" / "hand" / "growth.json"
    growth.write_text(growth.read_text().replace("1699999999999000000", "1699999999999000001"))
    (tmp_path / "vectors" / "hand" / "forgotten.json").write_text("{}")
    check = subprocess.run(
        [sys.executable, str(tmp_path / "vectors" / "generate.py"), "--check"],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert check.returncode == 1
    assert [
        f"stale: vectors/hand/{name}.json; run: python conformance/vectors/generate.py"
        for name in ("growth", "forgotten")
    ] == check.stdout.splitlines()


def test_an_id_that_goes_must_be_retired_and_never_comes_back(tmp_path: Path) -> None:
    copy = tmp_path / "vectors"
    shutil.copytree(FOLDER, copy)

    def generate() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, str(copy / "generate.py")],
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
        )

    sequences = copy / "sequence_cases.py"
    text = sequences.read_text()
    sequences.write_text(text.replace('"each update is seen"', '"each update is looked at"'))
    gone = generate()
    assert gone.returncode == 1
    assert "v1-each-update-is-seen is gone; write its id into retired.json" in gone.stderr
    retired = {"//": "", "ids": ["v1-each-update-is-seen", "v2-each-update-is-seen"]}
    (copy / "retired.json").write_text(json.dumps(retired))
    assert generate().returncode == 0
    sequences.write_text(text)
    again = generate()
    assert again.returncode == 1
    assert "v1-each-update-is-seen is used again; ids are for ever" in again.stderr


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    shutil.copytree(FOLDER, tmp_path / "vectors", ignore=shutil.ignore_patterns("*.py"))
    return tmp_path / "vectors"


def edited(copy: Path, edit: Callable[[dict[str, Any]], None]) -> Path:
    path = copy / "hand" / "growth.json"
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))
    return path


def first(content: dict[str, Any]) -> dict[str, Any]:
    vector: dict[str, Any] = content["vectors"][0]
    return vector


def other_step(content: dict[str, Any]) -> None:
    vector = first(content)
    for name in ("segment", "realtime_ns", "monotonic_ns", "expected"):
        del vector[name]
    vector["steps"] = [{"do": "explode"}, {"do": "remove"}]


DAMAGES: dict[str, tuple[Callable[[dict[str, Any]], None], str]] = {
    "an unknown rule": (
        lambda content: first(content)["rules"].append("bound.grows"),
        "there is no rule bound.grows",
    ),
    "an id twice": (
        lambda content: first(content).update(id=content["vectors"][2]["id"]),
        "the id stands twice",
    ),
    "an unknown mistake": (
        lambda content: first(content).update(catches=["no-such"]),
        "mistakes.json has no no-such",
    ),
    "an unknown limit": (
        lambda content: first(content).update(limits=[{"name": "a limit", "side": "at"}]),
        "its rules have no limit 'a limit'",
    ),
    "no rules": (lambda content: first(content)["rules"].clear(), "rules"),
    "a number for a string": (lambda content: first(content).update(realtime_ns=5), "realtime_ns"),
    "no int64": (lambda content: first(content).update(realtime_ns="9223372036854775808"), "realtime_ns"),
    "one byte order": (lambda content: first(content).update(segment={"little": "00"}), "segment"),
    "half a byte": (lambda content: first(content).update(segment={"little": "0", "big": "00"}), "segment"),
    "no byte orders": (lambda content: first(content).update(segment="00"), "segment"),
    "a field more": (lambda content: first(content).update(more=1), "more"),
    "an unknown status": (lambda content: first(content)["expected"].update(status="FINE"), "status"),
    "a field less": (lambda content: first(content).pop("distinguishes"), "distinguishes"),
    "another schema": (lambda content: content.update(schema="2"), "schema"),
    "no vectors": (lambda content: content["vectors"].clear(), "vectors"),
    "an unknown step": (other_step, "explode"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_a_damaged_file_is_refused_by_name(copy: Path, name: str) -> None:
    edit, words = DAMAGES[name]
    path = edited(copy, edit)
    with pytest.raises(DamagedError) as caught:
        vectors.load(copy)
    assert words in str(caught.value)
    assert path.name in str(caught.value) or re.search(r"vector v[12]-", str(caught.value))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"\xff\xfe", b'{"schema": "1"}'])
def test_a_file_that_is_no_json_of_ours_is_refused_by_name(copy: Path, damage: bytes) -> None:
    path = copy / "generated" / "fields.json"
    path.write_bytes(damage)
    with pytest.raises(DamagedError, match=re.escape(str(path))):
        vectors.load(copy)


def test_no_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DamagedError, match="no vector files"):
        vectors.load(tmp_path)


def test_every_schema_is_one_and_refuses_unknown_fields() -> None:
    from jsonschema import Draft202012Validator

    paths = sorted(files.folder("schemas").glob("*.schema.json"))
    assert len(paths) == 7
    for path in paths:
        schema = json.loads(path.read_text(encoding="utf-8"))
        Draft202012Validator.check_schema(schema)
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        for name, part in [("", schema), *schema.get("$defs", {}).items()]:
            if "properties" in part:
                assert part["additionalProperties"] is False, f"{path.name} {name}"


def test_ids_are_of_their_layout() -> None:
    assert [vector.id for vector in ALL if not vector.id.startswith(f"v{vector.layout}-")] == []
