"""A constant has as many items as its field."""

from clockbound_spec.declare import Anything, Exactly, Layout, field
from construct import Int32un

REFUSED = "thermometer.magic: has 2 items, but the constant has 3 items; make them match"

LAYOUTS = (
    Layout(
        "thermometer",
        field(
            "magic",
            Int32un[2],
            at=0,
            unit="s",
            meaning="How warm it is.",
            valid=Exactly((1, 2, 3)),
            writer="sensor",
        ),
        field(
            "degrees", Int32un, at=8, unit="s", meaning="How warm it is.", valid=Anything(), writer="sensor"
        ),
        size_bytes=12,
        title="Thermometer",
        meaning="Measures warmth.",
    ),
)
