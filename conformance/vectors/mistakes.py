"""Mistakes that were found in readers, and in the library that people run, and what each is called in the vectors.

Each has a mutant of the same name in tests/mutants, which must fail.
"""

from __future__ import annotations

BY_HAND = "seen in readers written by hand: "
LIBRARY = "seen in the first reader library: "

MISTAKES = {
    "as-of-wall-clock": BY_HAND + "takes as_of, which is monotonic, for wall-clock time",
    "no-generation-check": BY_HAND + "reads without looking at the generation",
    "generation-checked-only-before": BY_HAND + "looks at the generation before the copy, but not after it",
    "no-growth": BY_HAND + "publishes the bound as it is, however old it is",
    "age-in-whole-seconds": BY_HAND + "cuts the age to whole seconds",
    "growth-rounded-down": BY_HAND + "rounds the growth down, that is inward",
    "microsecond-ends": BY_HAND + "loses the nanoseconds of the ends in a date type of microseconds",
    "no-magic-check": BY_HAND + "doesn't look at the magic",
    "no-version-check": BY_HAND + "doesn't look at the version",
    "no-size-check": BY_HAND + "doesn't look at segment_size",
    "maps-once": BY_HAND + "maps the file once and stays with it for ever after it was replaced",
    "void-after-wall-clock": BY_HAND
    + "compares latest, which is wall-clock time, with void_after, which is monotonic",
    "never-free-running": BY_HAND + "never tells FREE_RUNNING from SYNCHRONIZED",
    "no-disrupted": BY_HAND + "has no name for DISRUPTED",
    "ignores-marker": BY_HAND + "ignores the VMClock page's disruption marker",
    "seconds-in-32-bits": BY_HAND + "keeps seconds in 32 bits",
    "blocks-for-ever": BY_HAND + "has a call that blocks for ever on an error",
    "clocks-before-segment": BY_HAND + "reads the clocks before the segment, so that an answer may be late",
    "zero-width-in-update": LIBRARY
    + "answers with an interval of width 0 when the first snapshot falls into an update",
    "coarse-clock": LIBRARY
    + "reads the coarse clock, which lags, so that the age is short and the bound too small",
    "negative-bound-accepted": LIBRARY + "never refuses a negative bound",
    "impossible-status-accepted": LIBRARY + "never refuses a status that the layout doesn't define",
    "nanoseconds-unchecked": LIBRARY + "never refuses nanoseconds outside 0 to 999,999,999",
    "trusts-segment-size": LIBRARY + "trusts segment_size beyond the end of the file",
    "spins-on-odd-generation": LIBRARY + "tries up to a million times when a writer died in an update",
    "spins-on-vmclock": LIBRARY + "tries for minutes when the VMClock page stays in an update",
    "growth-in-doubles": LIBRARY + "computes the growth in doubles and cuts it",
}
