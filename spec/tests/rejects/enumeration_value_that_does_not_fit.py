"""Every member must fit its field's type."""

from clockbound_spec.declare import Enumeration, Layout, Member, OneOf, field
from construct import Int32un

REFUSED = "thermometer.weather: -1 doesn't fit a field of type u32; correct it or widen the field"

WEATHER = Enumeration("Weather", "", "How it is outside.", (Member("COLD", -1, "Cold."),))
LAYOUTS = (
    Layout(
        "thermometer",
        field(
            "weather",
            Int32un,
            at=0,
            unit="code",
            meaning="How warm it is.",
            valid=OneOf(WEATHER),
            writer="sensor",
        ),
        size_bytes=4,
        title="Thermometer",
        meaning="Measures warmth.",
    ),
)
