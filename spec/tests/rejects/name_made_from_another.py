"""A name that is made from a field's must not be made from another's too."""

from clockbound_spec.declare import Exactly, Layout, field
from construct import Int32un

REFUSED = (
    "thermometer.size_bytes: thermometer_size_bytes is generated for something else too; rename the field"
)

LAYOUTS = (
    Layout(
        "thermometer",
        field(
            "size_bytes",
            Int32un,
            at=0,
            unit="s",
            meaning="How warm it is.",
            valid=Exactly(4),
            writer="sensor",
        ),
        size_bytes=4,
        title="Thermometer",
        meaning="Measures warmth.",
    ),
)
