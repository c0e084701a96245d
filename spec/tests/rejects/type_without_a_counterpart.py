"""A type that some language lacks can't be in a layout."""

from clockbound_spec.declare import Anything, Layout, field
from construct import Float64b

REFUSED = "thermometer.degrees: <FormatField> isn't an integer of 1, 2, 4 or 8 bytes, Float32, an array of one of them, or Bytes(n); use one of these"

LAYOUTS = (
    Layout(
        "thermometer",
        field(
            "degrees", Float64b, at=0, unit="s", meaning="How warm it is.", valid=Anything(), writer="sensor"
        ),
        size_bytes=8,
        title="Thermometer",
        meaning="Measures warmth.",
    ),
)
