"""How wrong the system clock can be, from what chronyd tells: exact integers, rounded up.

chronyd's floats are whole numbers of 2**-89 s (names end in `_q89_s`), so that sums of them are exact.
"""

from __future__ import annotations

from clockbound_daemon._candm import FLOAT_FRACTION_BITS
from clockbound_daemon._layout import NANOSECONDS_PER_SECOND, UNSYNCHRONISED_BOUND_NS
from clockbound_daemon.errors import NoSampleError


class NegativeRootDelayError(NoSampleError):
    """chronyd reported a negative root delay."""


class NegativeRootDispersionError(NoSampleError):
    """chronyd reported a negative root dispersion."""


class BoundTooLargeError(NoSampleError):
    """The bound is larger than the one that stands for "nothing is known"."""


def clock_error_bound_ns(
    *,
    current_correction_q89_s: int,
    root_dispersion_q89_s: int,
    root_delay_q89_s: int,
    phc_error_bound_ns: int = 0,
) -> int:
    """ceil((|current correction| + root dispersion + root delay / 2) in ns) + the PHC's own error bound."""
    if root_delay_q89_s < 0:
        raise NegativeRootDelayError(
            f"chronyd reports a root delay of {in_seconds(root_delay_q89_s)} s, which can't be; "
            "look at its source with 'chronyc sourcestats'"
        )
    if root_dispersion_q89_s < 0:
        raise NegativeRootDispersionError(
            f"chronyd reports a root dispersion of {in_seconds(root_dispersion_q89_s)} s, which can't be; "
            "look at its source with 'chronyc sourcestats'"
        )
    # Twice the sum, so that half the delay stays a whole number: one more bit behind the binary point.
    twice_q89_s = 2 * abs(current_correction_q89_s) + 2 * root_dispersion_q89_s + root_delay_q89_s
    bound_ns = -(-twice_q89_s * NANOSECONDS_PER_SECOND >> FLOAT_FRACTION_BITS + 1) + phc_error_bound_ns
    # Far below what an int64 holds, so that no reader's sum of time and bound can overflow either.
    if bound_ns > UNSYNCHRONISED_BOUND_NS:
        raise BoundTooLargeError(
            f"chronyd reports an error of {bound_ns} ns, which is more than the {UNSYNCHRONISED_BOUND_NS} ns that "
            "stand for an unknown clock; look at it with 'chronyc tracking'"
        )
    return bound_ns


def decimal(value: int, scale: int) -> str:
    """`value` / `scale`, where scale is a power of ten, without needless zeros."""
    whole, fraction = divmod(value, scale)
    digits = f"{fraction:0{len(str(scale)) - 1}d}".rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)


def in_seconds(value_q89_s: int) -> str:
    """`value_q89_s` for people, to the nanosecond; towards minus infinity, as nothing is computed from it."""
    value_ns = value_q89_s * NANOSECONDS_PER_SECOND >> FLOAT_FRACTION_BITS
    seconds, nanoseconds = divmod(abs(value_ns), NANOSECONDS_PER_SECOND)
    return f"{'-' if value_ns < 0 else ''}{seconds}.{nanoseconds:09d}"
