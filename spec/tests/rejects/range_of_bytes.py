"""Bytes have no order."""

from clockbound_spec.declare import Between, Layout, field
from construct import Bytes

REFUSED = "thermometer.degrees: only integers can have a valid range; use Anything() with a note"

LAYOUTS = (
    Layout(
        "thermometer",
        field(
            "degrees",
            Bytes(4),
            at=0,
            unit="s",
            meaning="How warm it is.",
            valid=Between(0, 1),
            writer="sensor",
        ),
        size_bytes=4,
        title="Thermometer",
        meaning="Measures warmth.",
    ),
)
