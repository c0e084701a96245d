"""The configuration file: TOML, with one key for each long option of the command line, and nothing else.

A file is refused as a whole: half of what an operator wrote is not what he wants.
"""

from __future__ import annotations

import os
import stat
import tomllib
from collections.abc import Mapping

from clockbound_daemon.errors import ConfigError

# Type checkers take this name for typing.TYPE_CHECKING; typing itself is slow to import.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from clockbound_daemon.options import Option

SIZE_LIMIT_BYTES = 65536
#: Lines that one value may go over and still be looked for line by line.
VALUE_LIMIT_LINES = 100


class _Decimal(str):
    """A number with a decimal point, as it is written: as a float it would lose digits."""


class Entry:
    """One key of the file."""

    __slots__ = ("argument", "line")

    def __init__(self, argument: str, line: int) -> None:
        self.argument = argument  # as it would stand on the command line
        self.line = line


def load(path: str, options: Mapping[str, Option]) -> dict[str, Entry]:
    """What the file at `path` sets, by the options' names; ConfigError when anything in it is wrong."""
    text = _read(path)
    try:
        document = tomllib.loads(text, parse_float=_Decimal)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(_syntax_error(path, text, error)) from None
    except (ValueError, RecursionError) as error:  # a number of thousands of digits, arrays a thousand deep
        raise ConfigError(
            f"{path}: isn't TOML that this program can read: {error}; correct the file"
        ) from None
    lines, _ = _statements(text)
    entries: dict[str, Entry] = {}
    wrong: list[tuple[int, str]] = []
    for key, value in document.items():
        line = lines.get(key, 1)
        try:
            entries[key] = Entry(_argument(key, value, options), line)
        except ValueError as error:
            wrong.append((line, f"{path}:{line}: {error}"))
    if wrong:
        raise ConfigError(*(message for _, message in sorted(wrong)))
    return entries


def _argument(key: str, value: object, options: Mapping[str, Option]) -> str:
    option = options.get(key)
    if option is None:
        raise ValueError(f"{key}: {_remedy_for_unknown(key, options)}")
    if not option.in_file:
        raise ValueError(f"{key}: belongs on the command line only; remove the line")
    is_number = isinstance(value, int | _Decimal) and not isinstance(value, bool)
    is_text = isinstance(value, str) and not isinstance(value, _Decimal)
    match option.kind:
        case "flag" if isinstance(value, bool):
            return f"--{key}" if value else f"--no-{key}"
        case "number" if is_number:
            argument = str(value)
        case "text" if is_text:
            argument = str(value)
        case _:
            raise ValueError(
                f"{key}: {_called(value)}, where {_WANTED[option.kind]} belongs; write it as in '{key} = {option.example}'"
            )
    try:
        option.convert(argument)
    except ValueError as error:
        raise ValueError(f"{key}: {error}") from None
    return f"--{key}={argument}"


_WANTED = {"flag": "true or false", "number": "a number", "text": "a string"}


def _called(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case int() | _Decimal():
            return f"the number {str(value)[:50]}"
        case str():
            return f'the string "{value[:50]}"'
        case list():
            return "an array"
        case dict():
            return "a table"
    return "a date or a time"


def _remedy_for_unknown(key: str, options: Mapping[str, Option]) -> str:
    import difflib

    near = difflib.get_close_matches(key, [name for name, option in options.items() if option.in_file], n=1)
    if near:
        return f"no such option; write {near[0]}"
    return "no such option; the keys are the long options of 'clockbound --help' without their dashes"


def _syntax_error(path: str, text: str, error: tomllib.TOMLDecodeError) -> str:
    # The parser's message ends with the place: (at line 3, column 5), or (at end of document).
    reason, _, place = str(error).rpartition(" (at ")
    if place.startswith("line "):
        line = place.removeprefix("line ").partition(",")[0]
    else:
        line = str(_statements(text)[1])
    if "overwrite" in reason:
        return f"{path}:{line}: a key stands here for the second time; remove one of the two"
    return (
        f"{path}:{line}: isn't TOML: {reason or error}; "
        "write lines such as 'max-drift-rate = 50' or 'run-dir = \"/run/clockbound\"'"
    )


def _statements(text: str) -> tuple[dict[str, int], int]:
    """The line on which each key of the file's first level begins, which the parser doesn't tell, and the line of
    the last statement, complete or not.

    A statement ends with a line, so the first line or lines that are TOML by themselves are one.
    """
    lines: dict[str, int] = {}
    in_table = False
    statement, begun = "", 1
    for number, line in enumerate(text.split("\n"), start=1):
        if not statement:
            if not line.strip():
                continue
            begun = number
        statement += line + "\n"
        if number - begun >= VALUE_LIMIT_LINES:
            break
        try:
            keys = list(tomllib.loads(statement))
        except (ValueError, RecursionError):
            continue
        in_table = in_table or statement.lstrip().startswith("[")
        if not in_table or statement.lstrip().startswith("["):
            for key in keys:
                lines.setdefault(key, begun)
        statement = ""
    return lines, begun


def _read(path: str) -> str:
    try:
        # O_NONBLOCK: a FIFO in the file's place must not hold up the daemon.
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise ConfigError(f"{path}: isn't a regular file; give the configuration file with --config")
            content = os.read(descriptor, SIZE_LIMIT_BYTES + 1)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise ConfigError(f"{path}: not found; create it, or give another with --config") from None
    except OSError as error:
        raise ConfigError(
            f"{path}: can't be read: {os.strerror(error.errno or 0)}; let the daemon's user read it"
        ) from None
    if len(content) > SIZE_LIMIT_BYTES:
        raise ConfigError(f"{path}: longer than {SIZE_LIMIT_BYTES} bytes; remove what isn't needed")
    try:
        return content.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{path}:{line}: isn't UTF-8 text; save the file as UTF-8") from None
