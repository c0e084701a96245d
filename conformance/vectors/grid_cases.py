"""Arithmetic and statuses away from the limits: pairs of values that simpler formulas get wrong.

Expected answers are the oracle's.
"""

from __future__ import annotations

from authoring import AS_OF, Area, R, S
from clockbound_conformance.segment_bytes import DISRUPTED, FREE_RUNNING, SYNCHRONIZED, UNKNOWN, vmclock

growth = Area("growth-grid", "The growth of the bound for many drifts and ages.")
FORMULAS = {
    "exact": "exact integers from other arithmetic",
    "double": "exact integers from doubles, which have 53 bits",
    "wide": "64-bit products from 32-bit ones",
    "split": "seconds and the rest apart from one product in 64 bits, which wraps",
    "unit": "nanoseconds from a coarser unit of age",
}
for drift_ppb, age_ns, formula in (
    (1, 1_000_000_000, "exact"),
    (1, 1_000_000_001, "exact"),
    (3, 333_333_333, "exact"),
    (3, 333_333_334, "exact"),
    (33_333, 30_000, "exact"),
    (33_333, 30_001, "unit"),
    (50_000, 1_000, "unit"),
    (50_000, 999_999, "unit"),
    (50_000, 1_000_001, "unit"),
    (50_000, 4_294_967_296, "wide"),
    (50_000, 85_900, "wide"),
    (50_000, 999_980_001, "exact"),
    (999_999_999, 1, "exact"),
    (999_999_999, 999_999_999, "wide"),
    (999_999_999, 4_999_999_999, "exact"),
    (999_999_999, 10_000_000_000, "split"),
    (999_999_999, 18_446_744_092, "split"),
    (123_456_789, 987_654_321_987, "double"),
    (1_000, 9_007_199_254_740_993, "double"),
    (1_000_000, 86_400_000_000_001, "double"),
    (2**29, 2**33 + 1, "wide"),
    (500_000_000, 3, "exact"),
    (499_999_999, 1, "exact"),
):
    growth.reading(
        f"{drift_ppb} ppb for {age_ns} ns",
        "bound.growth",
        FORMULAS[formula],
        {"max_drift_ppb": drift_ppb, "void_after": (9_200_000_000, 0), "bound_ns": 7},
        AS_OF + age_ns,
        realtime_ns=R + 123_456_789,
        catches="growth-in-doubles" if formula == "double" else "",
    )
for bound_ns, realtime_ns, formula in (
    (2**53 + 1, 2**54 + 1, "ends beyond the 53 bits of a double from rounded ones"),
    (2**63 - 2, 1, "ends near an int64's from saturated ones"),
    (999, 1_000, "ends below a microsecond from ends of 0"),
    (1_001, 1_000, "an end before 1970 that is below a microsecond from 0"),
):
    growth.reading(
        f"bound {bound_ns} around {realtime_ns}",
        "interval.ends",
        formula,
        {"bound_ns": bound_ns, "max_drift_ppb": 0},
        AS_OF,
        realtime_ns=realtime_ns,
    )

status = Area("status-grid", "Statuses in each part of a segment's life.")
NAMES = {
    UNKNOWN: "UNKNOWN",
    SYNCHRONIZED: "SYNCHRONIZED",
    FREE_RUNNING: "FREE_RUNNING",
    DISRUPTED: "DISRUPTED",
}
AGES = {
    "at first": -500,
    "in the grace period": 2 * S,
    "after it": 60 * S,
    "after void_after": 5000 * S,
}
for number, name in NAMES.items():
    for when, age_ns in AGES.items():
        status.reading(
            f"{name} of 77 ns {when}",
            "status.fixed" if number in (UNKNOWN, DISRUPTED) else "status.grace status.void-after",
            f"{name} from the other statuses, {when}",
            {"status": number, "bound_ns": 77},
            AS_OF + age_ns,
            layouts=(2,) if number == DISRUPTED else (1, 2),
        )
        # Another marker makes every answer UNKNOWN; these are the ages at which that differs from an answer without it.
        differs = number != FREE_RUNNING and when != "after it"
        for same in (True, False) if differs else (True,):
            status.reading(
                f"{name} of 77 ns {when} {'with the same marker' if same else 'with another marker'}",
                "status.disruption status.fixed"
                if number in (UNKNOWN, DISRUPTED)
                else "status.disruption status.grace status.void-after",
                f"a disruption from none, in a segment that is {name}, {when}",
                {"status": number, "disruption_support": 1, "disruption_marker": 2**63 + 1, "bound_ns": 77},
                AS_OF + age_ns,
                page=vmclock(marker=2**63 + (1 if same else 2)),
                layouts=(2,),
                catches=""
                if same
                else "ignores-marker"
                if number in (SYNCHRONIZED, FREE_RUNNING) and age_ns < 1000 * S
                else "",
            )
for void_after_s, age_s, says in (
    (900, 5, "a void_after before as_of, after it"),
    (5_000_000_000, 1_000_000, "a void_after years away"),
    (-1, 6, "a void_after before the machine's start"),
):
    status.reading(
        f"void_after of {'minus ' if void_after_s < 0 else ''}{abs(void_after_s)} s and an age of {age_s} s",
        "status.void-after status.grace",
        f"void_after by its value from as_of and 1000 s: {says}",
        {"void_after": (void_after_s, 0)},
        AS_OF + age_s * S,
    )
