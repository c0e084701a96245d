"""A layout must not declare fewer bytes than its fields have."""

from clockbound_spec.declare import Anything, Layout, field
from construct import Int32un

REFUSED = "thermometer: wrong total size: declared as 4 bytes, but its last field, tenths, ends at byte 8; correct size_bytes, or declare what is missing"

LAYOUTS = (
    Layout(
        "thermometer",
        field(
            "degrees", Int32un, at=0, unit="s", meaning="How warm it is.", valid=Anything(), writer="sensor"
        ),
        field(
            "tenths", Int32un, at=4, unit="s", meaning="How warm it is.", valid=Anything(), writer="sensor"
        ),
        size_bytes=4,
        title="Thermometer",
        meaning="Measures warmth.",
    ),
)
