"""A constant must fit its field's type."""

from clockbound_spec.declare import Anything, Exactly, Layout, field
from construct import Int16un

REFUSED = "thermometer.magic: 65536 doesn't fit a field of type u16; correct it or widen the field"

LAYOUTS = (
    Layout(
        "thermometer",
        field(
            "magic",
            Int16un,
            at=0,
            unit="s",
            meaning="How warm it is.",
            valid=Exactly(0x10000),
            writer="sensor",
        ),
        field(
            "degrees", Int16un, at=2, unit="s", meaning="How warm it is.", valid=Anything(), writer="sensor"
        ),
        size_bytes=4,
        title="Thermometer",
        meaning="Measures warmth.",
    ),
)
