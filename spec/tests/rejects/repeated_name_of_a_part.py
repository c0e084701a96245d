"""The name of a part's field must not be another field's."""

from clockbound_spec.declare import Anything, Layout, field
from construct import Int32un

REFUSED = "thermometer.bulb_degrees: the name is used twice; rename one of the fields"

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
        field(
            "bulb_degrees",
            Int32un,
            at=0,
            unit="s",
            meaning="How warm it is.",
            valid=Anything(),
            writer="sensor",
        ),
        field("bulb", BULB, at=4, meaning="What the bulb says."),
        size_bytes=8,
        title="Thermometer",
        meaning="Measures warmth.",
    ),
)
