"""An array has at least one item."""

from clockbound_spec.declare import Anything, Layout, field
from construct import Int32un

REFUSED = "thermometer.degrees: has 0 items; give a fixed number, at least 1"

LAYOUTS = (
    Layout(
        "thermometer",
        field(
            "degrees",
            Int32un[0],
            at=0,
            unit="s",
            meaning="How warm it is.",
            valid=Anything(),
            writer="sensor",
        ),
        field(
            "tenths", Int32un, at=0, unit="s", meaning="How warm it is.", valid=Anything(), writer="sensor"
        ),
        size_bytes=4,
        title="Thermometer",
        meaning="Measures warmth.",
    ),
)
