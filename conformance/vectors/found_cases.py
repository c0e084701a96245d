"""Situations that a random search found, and bugs that were found in clients.

The search looked for readings that a faulty reader gets wrong which only one vector of a layout had caught before. Expected
answers are the oracle's.
"""

from __future__ import annotations

from authoring import Area
from clockbound_conformance.segment_bytes import UNKNOWN

found = Area("found", "What no one had thought of.")
found.reading(
    "a bound that overflows in a segment that is UNKNOWN and void",
    "bound.growth status.fixed",
    "a sum that is refused from one that wraps round or is cut, whatever the status",
    {
        "as_of": (922_746, 500),
        "void_after": (922_747, 500),
        "bound_ns": 9_223_372_036_854_700_601,
        "status": UNKNOWN,
    },
    922_751_000_000_501,
    realtime_ns=0,
    origin="found",
)
found.reading(
    "a bound that overflows and wraps round into a fitting interval",
    "bound.growth status.void-after",
    "a sum that is refused from one that wraps round",
    {
        "as_of": (719_485, 0),
        "void_after": (719_489, 0),
        "bound_ns": 9_223_372_036_854_345_621,
        "max_drift_ppb": 397_990_868,
    },
    721_656_617_729_058,
    realtime_ns=-6_254_369,
    origin="found",
)
found.reading(
    "no drift at the last instant",
    "bound.growth interval.ends status.fixed",
    "no growth from any, where any would be too much",
    {
        "as_of": (214_674, 1),
        "void_after": (214_680, 982_363_782),
        "bound_ns": 1,
        "max_drift_ppb": 0,
        "status": UNKNOWN,
    },
    214_679_000_000_002,
    realtime_ns=9_223_372_036_854_775_806,
    origin="found",
)
found.reading(
    "a bound of 0 and a small negative age",
    "bound.range bound.causality",
    "an interval of width 0 from one of negative width",
    {
        "as_of": (916_328, 999_999_999),
        "void_after": (916_332, 0),
        "bound_ns": 0,
        "max_drift_ppb": 187_508_511,
        "status": UNKNOWN,
    },
    916_328_999_999_574,
    realtime_ns=1_082_748_265_044_485_992,
    origin="found",
)
