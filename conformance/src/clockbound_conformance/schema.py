"""Checks documents and messages against the JSON Schemas in ``schemas``, and says in words where they differ."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import ValidationError, relevance

from clockbound_conformance import files

INT64_MIN = -(2**63)
INT64_MAX = 2**63 - 1

_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,18}")
_formats = FormatChecker(formats=())


@_formats.checks("int64")
def is_int64(value: object) -> bool:
    """Whether ``value`` is an int64 as a decimal string, written in its one way."""
    return not isinstance(value, str) or (
        _INTEGER.fullmatch(value) is not None and INT64_MIN <= int(value) <= INT64_MAX
    )


@functools.cache
def document(name: str) -> dict[str, Any]:
    """The schema ``name``.schema.json."""
    text = (files.folder("schemas") / f"{name}.schema.json").read_text(encoding="utf-8")
    schema: dict[str, Any] = json.loads(text)
    return schema


@functools.cache
def validator(name: str, definition: str | None = None) -> Draft202012Validator:
    """A validator of the schema ``name``, or of one definition in it."""
    schema = document(name)
    definitions = schema.get("$defs", {})
    chosen = schema if definition is None else definitions[definition]
    return Draft202012Validator(_without_references(chosen, definitions), format_checker=_formats)


def _without_references(schema: Any, definitions: dict[str, Any]) -> Any:
    """``schema`` with each definition in the place of the reference to it: checking is several times as fast so."""
    if isinstance(schema, list):
        return [_without_references(each, definitions) for each in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {
        name: _without_references(each, definitions)
        for name, each in schema.items()
        if name not in ("$ref", "$defs")
    }
    if "$ref" in schema:
        found = definitions[schema["$ref"].removeprefix("#/$defs/")]
        plain = _without_references(found, definitions) | plain
    return plain


def errors(name: str, value: object, definition: str | None = None) -> Iterator[ValidationError]:
    """Every difference between ``value`` and the schema."""
    return validator(name, definition).iter_errors(value)


def fault(name: str, value: object, definition: str | None = None) -> str | None:
    """The difference that matters most, in words; None where there is none."""
    found = list(errors(name, value, definition))
    if not found:
        return None
    error = _closest(found)
    where = "/".join(str(part) for part in error.absolute_path)
    return f"{where}: {error.message}" if where else error.message


def _closest(found: list[ValidationError]) -> ValidationError:
    """The error to show; of several things that a value may be, of the one that it is most like."""
    error = max(found, key=relevance)
    if error.validator != "oneOf" or not error.context:
        return error
    branches: dict[Any, list[ValidationError]] = {}
    for each in error.context:
        branches.setdefault(each.schema_path[0], []).append(each)
    # A constant that differs says that it is another thing.
    alike = [branch for branch in branches.values() if not any(each.validator == "const" for each in branch)]
    return _closest(min(alike, key=len)) if alike else error
