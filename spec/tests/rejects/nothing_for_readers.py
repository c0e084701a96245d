"""A layout of constants and reserved bytes carries nothing."""

from clockbound_spec.declare import Exactly, Layout, Reserved, field
from construct import Int32un

REFUSED = "thermometer: has constants and reserved bytes only; declare what readers get from it"

LAYOUTS = (
    Layout(
        "thermometer",
        field("magic", Int32un, at=0, unit="s", meaning="How warm it is.", valid=Exactly(7), writer="sensor"),
        field("spare", Int32un, at=4, unit="-", meaning="How warm it is.", valid=Reserved(), writer="sensor"),
        size_bytes=8,
        title="Thermometer",
        meaning="Measures warmth.",
    ),
)
