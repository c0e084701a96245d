"""A compiler would fill up the struct, so that must be declared."""

from clockbound_spec.declare import Anything, Layout, field
from construct import Int16un, Int32un

REFUSED = "thermometer.degrees: implicit padding at the end: 6 bytes isn't a multiple of this word's 4; declare a reserved field behind tenths"

LAYOUTS = (
    Layout(
        "thermometer",
        field(
            "degrees", Int32un, at=0, unit="s", meaning="How warm it is.", valid=Anything(), writer="sensor"
        ),
        field(
            "tenths", Int16un, at=4, unit="s", meaning="How warm it is.", valid=Anything(), writer="sensor"
        ),
        size_bytes=6,
        title="Thermometer",
        meaning="Measures warmth.",
    ),
)
