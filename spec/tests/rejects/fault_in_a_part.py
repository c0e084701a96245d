"""A part's fields are checked too."""

from clockbound_spec.declare import Anything, Layout, field
from construct import Int32un

REFUSED = "thermometer.bulb.degrees: has no unit; say it in the declaration"

BULB = Layout(
    "bulb",
    field("degrees", Int32un, at=0, meaning="How warm it is.", valid=Anything(), writer="sensor"),
    size_bytes=4,
    title="Bulb",
    meaning="A part.",
)
LAYOUTS = (
    Layout(
        "thermometer",
        field("bulb", BULB, at=0, meaning="What the bulb says."),
        size_bytes=4,
        title="Thermometer",
        meaning="Measures warmth.",
    ),
)
