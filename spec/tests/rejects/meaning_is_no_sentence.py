"""A meaning is put between others, so it must be a sentence."""

from clockbound_spec.declare import Anything, Layout, field
from construct import Int32un

REFUSED = "thermometer.degrees: its meaning isn't a sentence; end it with a full stop"

LAYOUTS = (
    Layout(
        "thermometer",
        field(
            "degrees", Int32un, at=0, unit="s", meaning="how warm it is", valid=Anything(), writer="sensor"
        ),
        size_bytes=4,
        title="Thermometer",
        meaning="Measures warmth.",
    ),
)
