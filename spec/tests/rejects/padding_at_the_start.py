"""A hole before the first field must be declared."""

from clockbound_spec.declare import Anything, Layout, field
from construct import Int32un

REFUSED = "thermometer.degrees: implicit padding: bytes 0 to 3 before it are undeclared; declare them as a reserved field"

LAYOUTS = (
    Layout(
        "thermometer",
        field(
            "degrees", Int32un, at=4, unit="s", meaning="How warm it is.", valid=Anything(), writer="sensor"
        ),
        size_bytes=8,
        title="Thermometer",
        meaning="Measures warmth.",
    ),
)
