"""Each file in rejects/ declares one fault, and says in REFUSED how the refusal begins."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from clockbound_spec.declare import SpecError
from clockbound_spec.emit import c
from clockbound_spec.model import plain, records
from generated import module_from_text

REJECTS = sorted((Path(__file__).parent / "rejects").glob("*.py"))


def declared(path: Path) -> Any:
    return module_from_text(path.read_text(encoding="utf-8"), path.stem)


def refuse(module: Any) -> str:
    with pytest.raises(SpecError) as refusal:
        records(tuple(plain(layout) for layout in module.LAYOUTS))
    return str(refusal.value)


@pytest.mark.parametrize("path", REJECTS, ids=[path.stem for path in REJECTS])
def test_a_fault_is_refused_with_the_name_and_the_remedy(path: Path) -> None:
    module = declared(path)
    message = refuse(module)
    assert message[: len(module.REFUSED)] == module.REFUSED
    # The place comes first: layout, layout.field, or enumeration.member.
    assert re.match(r"(thermo\W?meter(_\d)?(\.\w+)*|\w?eather(\.\w+)?): ", message)


def test_there_are_files_to_refuse() -> None:
    assert len(REJECTS) >= 20


def test_an_enumeration_without_a_name_in_c_is_refused_by_the_public_header() -> None:
    weather = declared(Path(__file__).parent / "rejects/enumeration_with_a_repeated_name.py").WEATHER
    with pytest.raises(SpecError, match=r"^Weather: has no name in C; give it a c_name and a c_prefix$"):
        c.types_header((weather,), ())
