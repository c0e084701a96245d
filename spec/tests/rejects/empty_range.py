"""A range must have a value in it."""

from clockbound_spec.declare import Between, Layout, field
from construct import Int32un

REFUSED = "thermometer.degrees: no value lies between 5 and 4; swap or correct them"

LAYOUTS = (
    Layout(
        "thermometer",
        field(
            "degrees",
            Int32un,
            at=0,
            unit="s",
            meaning="How warm it is.",
            valid=Between(5, 4),
            writer="sensor",
        ),
        size_bytes=4,
        title="Thermometer",
        meaning="Measures warmth.",
    ),
)
