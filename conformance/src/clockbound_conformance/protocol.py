"""Reads one line of an adapter as an answer, or says in plain words what an adapter's author has to change.

The protocol is described in adapters/README.md, and each message by a schema. A schema says that a message is wrong;
here stands what people do wrong, so that they are told the cause and not the symptom.
"""

from __future__ import annotations

import difflib
import json
from typing import Any

from clockbound_conformance import schema
from clockbound_conformance._vocabulary import ClockStatus, ErrorKind

VERSION = "1"
FEATURES = ("compute", "now", "watch", "repeat")
RUNS_LIMIT_COUNT = 500  # in one answer to repeat

_STATUSES = tuple(status.name for status in ClockStatus)
_KINDS = tuple(kind.name for kind in ErrorKind if kind is not ErrorKind.NONE)
_TYPES = {
    "hello": ("hello",),
    "compute": ("interval", "error", "unsupported"),
    "now": ("interval", "error", "unsupported"),
    "watch": ("watching", "error", "unsupported"),
    "repeat": ("repeated", "unsupported"),
    "stop": ("stopped",),
}
_SHOWN_CHARACTERS = 300
RUNS_EXAMPLE = "3 1699999999998950000 1700000000001050000 SYNCHRONIZED,1 SEGMENT_NOT_INITIALIZED"
INDENTED = "an answer stands on one line; switch off indentation in the JSON library"


class ProtocolError(Exception):
    """The line is no answer to the question. The text says why and what to change."""


def shown(line: bytes) -> str:
    """A line as it can be printed, cut where it is long."""
    text = repr(line[:_SHOWN_CHARACTERS].decode(errors="replace"))
    return text + " ..." if len(line) > _SHOWN_CHARACTERS else text


def check_question(question: dict[str, Any]) -> None:
    """Raise ValueError where the suite itself is about to say something outside the protocol."""
    fault = schema.fault("protocol", question, f"question-{question['cmd']}")
    if fault is not None:
        raise ValueError(f"not a question of protocol {VERSION}: {fault}: {question}")


def read_answer(line: bytes, question: dict[str, Any]) -> dict[str, Any]:
    """The answer to ``question`` that ``line`` (without its end) is."""
    command = question["cmd"]
    message = _object(line)
    _check_sequence(message, question["seq"])
    kind = message.get("type")
    if kind is None:
        raise ProtocolError(f"the answer has no type; to {command} it may be {_listed(_TYPES[command])}")
    allowed = (*_TYPES[command], "unsupported") if command == "hello" else _TYPES[command]
    if kind not in allowed:
        raise ProtocolError(
            f"an answer to {command} has the type {_listed(_TYPES[command])}, not {kind!r}{_meant(kind, allowed)}"
        )
    definition = f"answer-{kind}"
    if schema.fault("protocol", message, definition) is not None:
        raise ProtocolError(_fields_fault(message, definition))
    if kind == "repeated":
        _check_runs(message["runs"], int(question["count"]))
    return message


def runs_of(message: dict[str, Any]) -> list[tuple[int, str]]:
    """The runs of an answer to repeat: how many, and ``EARLIEST_NS LATEST_NS STATUS`` or the kind of an error."""
    return [
        (int(count), answer)
        for count, _, answer in (run.partition(" ") for run in message["runs"].split(","))
    ]


def _check_runs(runs: str, asked_count: int) -> None:
    counts = [int(run.partition(" ")[0]) for run in runs.split(",")]
    if len(counts) > RUNS_LIMIT_COUNT:
        raise ProtocolError(
            f"{len(counts)} runs; stop reading before an answer begins run {RUNS_LIMIT_COUNT + 1}"
        )
    if sum(counts) > asked_count or (sum(counts) < asked_count and len(counts) < RUNS_LIMIT_COUNT):
        raise ProtocolError(
            f"the runs are {sum(counts)} answers, but {asked_count} were asked for; there are fewer only where there "
            f"are {RUNS_LIMIT_COUNT} runs"
        )


def _object(line: bytes) -> dict[str, Any]:
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ProtocolError(
            f"the line isn't UTF-8: {error.reason} at byte {error.start}; write text, not binary data"
        ) from None
    if not text.strip():
        raise ProtocolError("the line is empty; write exactly one line for each question")
    try:
        message = json.loads(text)
    except ValueError as error:
        raise ProtocolError(f"the line isn't JSON: {_json_fault(text, error)}") from None
    if not isinstance(message, dict):
        raise ProtocolError(
            f"the line isn't a JSON object, which begins with {{: it is a {_json_type(message)}"
        )
    return message


def _json_fault(text: str, error: ValueError) -> str:
    bare = text.strip()
    if bare in ("{", "["):
        return INDENTED
    if bare.startswith("\ufeff"):
        return "it begins with a byte order mark; write UTF-8 without one"
    if bare.startswith("{'"):
        return "names and texts stand in double quotes"
    if not bare.startswith("{"):
        return (
            "it looks like a message for people; standard output belongs to the protocol, so send logs to "
            "standard error"
        )
    return str(error)


def _check_sequence(message: dict[str, Any], expected: str) -> None:
    if "seq" not in message:
        raise ProtocolError(f'the answer has no seq; repeat that of the question: "seq": "{expected}"')
    got = message["seq"]
    if got == expected:
        return
    if isinstance(got, int) and not isinstance(got, bool) and str(got) == expected:
        raise ProtocolError(
            f'seq is a number; repeat it as the string that it is in the question: "{expected}"'
        )
    raise ProtocolError(
        f"seq is {got!r}, but the question's is {expected!r}; answer each question once, in order"
    )


def _fields_fault(message: dict[str, Any], definition: str) -> str:
    properties = schema.document("protocol")["$defs"][definition]["properties"]
    expected, got = set(properties), set(message)
    if missing := sorted(expected - got):
        extra = sorted(got - expected)
        spelt = "".join(_meant(name, extra) for name in missing) if extra else ""
        return f"{_listed(missing, 'and')} {'is' if len(missing) == 1 else 'are'} missing{spelt}"
    if extra := sorted(got - expected):
        return (
            f"{_listed(extra, 'and')} {'does' if len(extra) == 1 else 'do'} not belong into it; an answer has exactly "
            f"the fields of the protocol"
        )
    for name, value in message.items():
        if (words := _value_fault(name, value, properties[name])) is not None:
            return words
    return str(schema.fault("protocol", message, definition))


def _value_fault(name: str, value: Any, wanted: dict[str, Any]) -> str | None:
    reference = wanted.get("$ref", "").removeprefix("#/$defs/")
    if reference == "int64":
        return _int64_fault(name, value)
    if reference == "runs":
        return _runs_fault(value)
    if reference in ("status", "kind"):
        words = _STATUSES if reference == "status" else _KINDS
        if value in words:
            return None
        if value == "NONE":
            return "kind is NONE, which is no error; where there is an interval, answer with it"
        return f"{name} is {value!r}; it is one of {_listed(words)}{_meant(value, words)}"
    if wanted.get("type") == "string" and (not isinstance(value, str) or not value):
        return f"{name} is {json.dumps(value)}; it must be a text that isn't empty"
    if wanted.get("type") == "array" and not (
        isinstance(value, list) and all(isinstance(each, str) for each in value)
    ):
        return f'{name} is {json.dumps(value)}; it must be a list of strings, such as ["1", "2"]'
    return None


def _runs_fault(value: Any) -> str | None:
    if not isinstance(value, str) or not value:
        return f"runs is {json.dumps(value)[:_SHOWN_CHARACTERS]}; it must be a text such as {RUNS_EXAMPLE!r}"
    one = schema.validator("protocol", "runs")
    wrong = next((run for run in value.split(",") if not one.is_valid(run)), None)
    if wrong is None:
        return None
    return f"runs has {wrong!r}, which is no run of answers; runs look so: {RUNS_EXAMPLE!r}"


def _int64_fault(name: str, value: Any) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return (
            f'{name} is {json.dumps(value)}; it must be an integer as a string, such as "1700000000000000000"'
        )
    if not isinstance(value, str):
        return (
            f"{name} is a number; 64-bit integers are decimal strings, because many JSON libraries read numbers as "
            f'doubles: "{value}"'
        )
    if schema.is_int64(value):
        return None
    if any(mark in value for mark in ".eE"):
        return f"{name} is {value!r}; it must be a whole number of nanoseconds without a point or exponent"
    return f"{name} is {value!r}, which is no 64-bit integer in decimal (no leading zero, no plus, no spaces)"


def _listed(words: tuple[str, ...] | list[str], last: str = "or") -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} {last} {words[-1]}"


def _meant(word: object, words: tuple[str, ...] | list[str]) -> str:
    if not isinstance(word, str):
        return ""
    folded = {each.lower().replace("-", "_"): each for each in words}
    key = word.lower().replace("-", "_").replace(" ", "_")
    close = [key] if key in folded else difflib.get_close_matches(key, folded, n=1)
    return f" (did you mean {folded[close[0]]}?)" if close else ""


def _json_type(value: object) -> str:
    match value:
        case list():
            return "list"
        case str():
            return "string"
        case bool() | None:
            return "word"
        case _:
            return "number"
