"""Two fields can't have the same name."""

from clockbound_spec.declare import Anything, Layout, field
from construct import Int32un

REFUSED = "thermometer.degrees: the name is used twice; rename one of the fields"

LAYOUTS = (
    Layout(
        "thermometer",
        field(
            "degrees", Int32un, at=0, unit="s", meaning="How warm it is.", valid=Anything(), writer="sensor"
        ),
        field(
            "degrees", Int32un, at=4, unit="s", meaning="How warm it is.", valid=Anything(), writer="sensor"
        ),
        size_bytes=8,
        title="Thermometer",
        meaning="Measures warmth.",
    ),
)
