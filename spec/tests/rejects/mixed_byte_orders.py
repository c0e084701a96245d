"""A layout has one byte order."""

from clockbound_spec.declare import Anything, Layout, field
from construct import Int32ub, Int32un

REFUSED = (
    "thermometer.tenths: is big, but the fields before it are native; use one byte order for the whole layout"
)

LAYOUTS = (
    Layout(
        "thermometer",
        field(
            "degrees", Int32un, at=0, unit="s", meaning="How warm it is.", valid=Anything(), writer="sensor"
        ),
        field(
            "tenths", Int32ub, at=4, unit="s", meaning="How warm it is.", valid=Anything(), writer="sensor"
        ),
        size_bytes=8,
        title="Thermometer",
        meaning="Measures warmth.",
    ),
)
