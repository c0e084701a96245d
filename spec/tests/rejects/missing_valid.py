"""A field must say which values are valid, even if all are."""

from clockbound_spec.declare import Layout, field
from construct import Int32un

REFUSED = "thermometer.degrees: has no valid values; say them in the declaration"

LAYOUTS = (
    Layout(
        "thermometer",
        field("degrees", Int32un, at=0, unit="s", meaning="How warm it is.", writer="sensor"),
        size_bytes=4,
        title="Thermometer",
        meaning="Measures warmth.",
    ),
)
