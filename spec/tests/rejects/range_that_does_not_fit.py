"""A range's ends must fit its field's type."""

from clockbound_spec.declare import Between, Layout, field
from construct import Int8sn

REFUSED = "thermometer.degrees: -129 doesn't fit a field of type i8; correct it or widen the field"

LAYOUTS = (
    Layout(
        "thermometer",
        field(
            "degrees",
            Int8sn,
            at=0,
            unit="s",
            meaning="How warm it is.",
            valid=Between(-129, 0),
            writer="sensor",
        ),
        size_bytes=1,
        title="Thermometer",
        meaning="Measures warmth.",
    ),
)
