"""A field's length must be fixed."""

from clockbound_spec.declare import Anything, Layout, field
from construct import GreedyBytes

REFUSED = "thermometer.degrees: <GreedyBytes> isn't an integer of 1, 2, 4 or 8 bytes, Float32, an array of one of them, or Bytes(n); use one of these"

LAYOUTS = (
    Layout(
        "thermometer",
        field(
            "degrees",
            GreedyBytes,
            at=0,
            unit="s",
            meaning="How warm it is.",
            valid=Anything(),
            writer="sensor",
        ),
        size_bytes=4,
        title="Thermometer",
        meaning="Measures warmth.",
    ),
)
