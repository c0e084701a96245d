"""A field in construct's own way has no meaning."""

from clockbound_spec.declare import Anything, Layout, field
from construct import Int32un

REFUSED = "thermometer: tenths isn't declared with field(); padding needs a name and a meaning too"

LAYOUTS = (
    Layout(
        "thermometer",
        field(
            "degrees", Int32un, at=0, unit="s", meaning="How warm it is.", valid=Anything(), writer="sensor"
        ),
        "tenths" / Int32un,
        size_bytes=8,
        title="Thermometer",
        meaning="Measures warmth.",
    ),
)
