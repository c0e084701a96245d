"""A single value's constant is a number."""

from clockbound_spec.declare import Anything, Exactly, Layout, field
from construct import Int32un

REFUSED = "thermometer.magic: has a single value, but the constant has 2 items; make them match"

LAYOUTS = (
    Layout(
        "thermometer",
        field(
            "magic",
            Int32un,
            at=0,
            unit="s",
            meaning="How warm it is.",
            valid=Exactly((1, 2)),
            writer="sensor",
        ),
        field(
            "degrees", Int32un, at=4, unit="s", meaning="How warm it is.", valid=Anything(), writer="sensor"
        ),
        size_bytes=8,
        title="Thermometer",
        meaning="Measures warmth.",
    ),
)
