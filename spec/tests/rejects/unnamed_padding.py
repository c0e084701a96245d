"""construct's own padding has neither a name nor a meaning."""

from clockbound_spec.declare import Anything, Layout, field
from construct import Int32un, Padding

REFUSED = "thermometer: an unnamed field isn't declared with field(); padding needs a name and a meaning too"

LAYOUTS = (
    Layout(
        "thermometer",
        field(
            "degrees", Int32un, at=0, unit="s", meaning="How warm it is.", valid=Anything(), writer="sensor"
        ),
        Padding(4),
        size_bytes=8,
        title="Thermometer",
        meaning="Measures warmth.",
    ),
)
