"""A part has its layout's byte order."""

from clockbound_spec.declare import Anything, Layout, field
from construct import Int32ul, Int32un

REFUSED = "thermometer.bulb_degrees: is little, but the fields before it are native; use one byte order for the whole layout"

BULB = Layout(
    "bulb",
    field("degrees", Int32ul, at=0, unit="s", meaning="How warm it is.", valid=Anything(), writer="sensor"),
    size_bytes=4,
    title="Bulb",
    meaning="A part.",
)
LAYOUTS = (
    Layout(
        "thermometer",
        field(
            "tenths", Int32un, at=0, unit="s", meaning="How warm it is.", valid=Anything(), writer="sensor"
        ),
        field("bulb", BULB, at=4, meaning="What the bulb says."),
        size_bytes=8,
        title="Thermometer",
        meaning="Measures warmth.",
    ),
)
