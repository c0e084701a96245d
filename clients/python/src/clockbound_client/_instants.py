"""Instants as callers give them, as whole nanoseconds, and back: shared by both implementations.

What isn't a plain int in range comes here, so that both refuse the same with the same words.
"""

from __future__ import annotations

from clockbound_client._layout import NANOSECONDS_PER_SECOND

# Type checkers take this name for typing.TYPE_CHECKING, whose import would cost more than all the rest.
TYPE_CHECKING = False

if TYPE_CHECKING:
    from datetime import datetime

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1

_NANOSECONDS_PER_MICROSECOND = 1000
_MICROSECONDS_PER_SECOND = 1_000_000
_SECONDS_PER_DAY = 86_400
# Longer numbers are not written out: Python itself refuses to, from some length on.
_DIGITS_BITS = 1024


def fits_int64(value: int) -> bool:
    """Whether `value` can stand in an int64, as it must in every other language."""
    return INT64_MIN <= value <= INT64_MAX


def whole_ns(value: object, what: str) -> int:
    """`value` as an int in range; `what` is for the message."""
    if not isinstance(value, int) or isinstance(value, bool):
        raise TypeError(f"{what} is an int of nanoseconds, not {_named(value)}")
    if not fits_int64(value):
        raise ValueError(f"{_number(value)} ns is out of range for a time: it doesn't fit 64 bits")
    return int(value)


def max_error_ns(value: object) -> int:
    """`value` as a largest error bound."""
    limit_ns = whole_ns(value, "max_error_ns")
    if limit_ns < 0:
        raise ValueError(f"max_error_ns is {limit_ns}, and no error bound is below 0")
    return limit_ns


def instant_ns(value: object) -> int:
    """A time, an int or an aware datetime, as nanoseconds since 1970."""
    if isinstance(value, int):
        return whole_ns(value, "a time")
    from datetime import datetime  # loaded already wherever there is one

    if not isinstance(value, datetime):
        raise TypeError(f"a time is an int of nanoseconds or an aware datetime, not {_named(value)}")
    if value.utcoffset() is None:
        raise ValueError(
            f"{value!r} has no time zone, so it is no instant; give it one (tzinfo=timezone.utc, say)"
        )
    since = value - _epoch()
    microseconds = (
        since.days * _SECONDS_PER_DAY + since.seconds
    ) * _MICROSECONDS_PER_SECOND + since.microseconds
    ns = microseconds * _NANOSECONDS_PER_MICROSECOND
    if not fits_int64(ns):
        raise ValueError(
            f"{value!r} is out of range for a time: nanoseconds since 1970 in 64 bits end in 2262"
        )
    return ns


def floor_datetime(ns: int) -> datetime:
    """The last microsecond that isn't after `ns`."""
    return _at_microsecond(ns // _NANOSECONDS_PER_MICROSECOND)


def ceiling_datetime(ns: int) -> datetime:
    """The first microsecond that isn't before `ns`."""
    return _at_microsecond(-(-ns // _NANOSECONDS_PER_MICROSECOND))


def timeout_ns(timeout: object) -> int | None:
    """A timeout in seconds as nanoseconds, rounded up; None for none."""
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
        raise TypeError(f"timeout is a number of seconds or None, not {_named(timeout)}")
    if not timeout >= 0:  # NaN neither
        raise ValueError(f"timeout is {timeout!r}; it is a number of seconds that isn't negative")
    if timeout == float("inf"):
        return None
    if isinstance(timeout, int):
        return timeout * NANOSECONDS_PER_SECOND
    seconds, fraction = divmod(timeout, 1)
    return int(seconds) * NANOSECONDS_PER_SECOND - int(-fraction * NANOSECONDS_PER_SECOND // 1)


def not_an_interval(value: object, wanted: str) -> TypeError:
    """The exception for a question about two intervals that got something else."""
    return TypeError(f"this is asked of another {wanted}, not of {_named(value)}")


def _at_microsecond(microseconds: int) -> datetime:
    from datetime import timedelta

    return _epoch() + timedelta(microseconds=microseconds)


def _epoch() -> datetime:
    from datetime import UTC, datetime

    return datetime(1970, 1, 1, tzinfo=UTC)


def _named(value: object) -> str:
    return "None" if value is None else f"{type(value).__name__} ({value!r:.100})"


def _number(value: int) -> str:
    bits = value.bit_length()
    return str(value) if bits <= _DIGITS_BITS else f"an int of {bits} bits"
