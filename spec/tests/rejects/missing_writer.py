"""A field must have a writer."""

from clockbound_spec.declare import Anything, Layout, field
from construct import Int32un

REFUSED = "thermometer.degrees: has no writer; say it in the declaration"

LAYOUTS = (
    Layout(
        "thermometer",
        field("degrees", Int32un, at=0, unit="s", meaning="How warm it is.", valid=Anything()),
        size_bytes=4,
        title="Thermometer",
        meaning="Measures warmth.",
    ),
)
