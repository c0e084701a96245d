"""A layout's name becomes part of C's and Python's names."""

from clockbound_spec.declare import Anything, Layout, field
from construct import Int32un

REFUSED = "thermo-meter: 'thermo-meter' isn't a name in lower_case that C and Python can use; rename it"

LAYOUTS = (
    Layout(
        "thermo-meter",
        field(
            "degrees", Int32un, at=0, unit="s", meaning="How warm it is.", valid=Anything(), writer="sensor"
        ),
        size_bytes=4,
        title="Thermometer",
        meaning="Measures warmth.",
    ),
)
