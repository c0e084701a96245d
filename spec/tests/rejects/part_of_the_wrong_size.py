"""A part's length is checked too."""

from clockbound_spec.declare import Anything, Layout, field
from construct import Int32un

REFUSED = "thermometer.bulb: wrong total size: declared as 8 bytes, but its last field, degrees, ends at byte 4; correct size_bytes, or declare what is missing"

BULB = Layout(
    "bulb",
    field("degrees", Int32un, at=0, unit="s", meaning="How warm it is.", valid=Anything(), writer="sensor"),
    size_bytes=8,
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
