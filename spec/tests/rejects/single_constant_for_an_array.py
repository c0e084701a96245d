"""An array's constant has all of its items."""

from clockbound_spec.declare import Anything, Exactly, Layout, field
from construct import Int32un

REFUSED = "thermometer.magic: has 2 items, but the constant is a single number; give one for each"

LAYOUTS = (
    Layout(
        "thermometer",
        field(
            "magic", Int32un[2], at=0, unit="s", meaning="How warm it is.", valid=Exactly(1), writer="sensor"
        ),
        field(
            "degrees", Int32un, at=8, unit="s", meaning="How warm it is.", valid=Anything(), writer="sensor"
        ),
        size_bytes=12,
        title="Thermometer",
        meaning="Measures warmth.",
    ),
)
