"""A meaning goes into comments, and must not end them."""

from clockbound_spec.declare import Anything, Layout, field
from construct import Int32un

REFUSED = "thermometer.degrees: its meaning holds '*/', which can't stand in comments; reword it"

LAYOUTS = (
    Layout(
        "thermometer",
        field(
            "degrees",
            Int32un,
            at=0,
            unit="s",
            meaning="How warm */ it is.",
            valid=Anything(),
            writer="sensor",
        ),
        size_bytes=4,
        title="Thermometer",
        meaning="Measures warmth.",
    ),
)
