"""Two fields can't hold the same byte."""

from clockbound_spec.declare import Anything, Layout, field
from construct import Int16un, Int32un

REFUSED = "thermometer.tenths: overlap: starts at byte 2, but byte 4 is the next free one; move it"

LAYOUTS = (
    Layout(
        "thermometer",
        field(
            "degrees", Int32un, at=0, unit="s", meaning="How warm it is.", valid=Anything(), writer="sensor"
        ),
        field(
            "tenths", Int16un, at=2, unit="s", meaning="How warm it is.", valid=Anything(), writer="sensor"
        ),
        size_bytes=6,
        title="Thermometer",
        meaning="Measures warmth.",
    ),
)
