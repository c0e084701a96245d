"""A part has no unit: its fields have."""

from clockbound_spec.declare import Anything, Layout, field
from construct import Int32un

REFUSED = "thermometer.bulb: is a part, whose own fields have units, valid values and writers; remove these"

BULB = Layout(
    "bulb",
    field("degrees", Int32un, at=0, unit="s", meaning="How warm it is.", valid=Anything(), writer="sensor"),
    size_bytes=4,
    title="Bulb",
    meaning="A part.",
)
LAYOUTS = (
    Layout(
        "thermometer",
        field("bulb", BULB, at=0, unit="s", meaning="What the bulb says."),
        size_bytes=4,
        title="Thermometer",
        meaning="Measures warmth.",
    ),
)
