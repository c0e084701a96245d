"""Layouts that share a record must agree on the fields that they share."""

from clockbound_spec.declare import Anything, Layout, field
from construct import Int32un, Int64un

REFUSED = "thermometer_2.degrees: has another type or unit than in the other layouts of warmth; give it a name of its own"

LAYOUTS = (
    Layout(
        "thermometer_1",
        field(
            "degrees", Int32un, at=0, unit="s", meaning="How warm it is.", valid=Anything(), writer="sensor"
        ),
        field(
            "tenths", Int32un, at=4, unit="s", meaning="How warm it is.", valid=Anything(), writer="sensor"
        ),
        size_bytes=8,
        title="Thermometer",
        meaning="Measures warmth.",
        record="warmth",
    ),
    Layout(
        "thermometer_2",
        field(
            "degrees", Int64un, at=0, unit="s", meaning="How warm it is.", valid=Anything(), writer="sensor"
        ),
        size_bytes=8,
        title="Thermometer",
        meaning="Measures warmth.",
        record="warmth",
    ),
)
