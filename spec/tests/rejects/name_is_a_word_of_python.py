"""Python's own words can't be names."""

from clockbound_spec.declare import Anything, Layout, field
from construct import Int32un

REFUSED = "thermometer.lambda: 'lambda' isn't a name in lower_case that C and Python can use; rename it"

LAYOUTS = (
    Layout(
        "thermometer",
        field(
            "lambda", Int32un, at=0, unit="s", meaning="How warm it is.", valid=Anything(), writer="sensor"
        ),
        size_bytes=4,
        title="Thermometer",
        meaning="Measures warmth.",
    ),
)
