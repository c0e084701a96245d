"""A hole between fields must be declared."""

from clockbound_spec.declare import Anything, Layout, field
from construct import Int16un, Int32un

REFUSED = "thermometer.tenths: implicit padding: bytes 2 to 3 before it are undeclared; declare them as a reserved field"

LAYOUTS = (
    Layout(
        "thermometer",
        field(
            "degrees", Int16un, at=0, unit="s", meaning="How warm it is.", valid=Anything(), writer="sensor"
        ),
        field(
            "tenths", Int32un, at=4, unit="s", meaning="How warm it is.", valid=Anything(), writer="sensor"
        ),
        size_bytes=8,
        title="Thermometer",
        meaning="Measures warmth.",
    ),
)
