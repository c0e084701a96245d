"""A member's name is in upper case."""

from clockbound_spec.declare import Enumeration, Layout, Member, OneOf, field
from construct import Int32un

REFUSED = "Weather.cold: isn't a name in UPPER_CASE; rename the member"

WEATHER = Enumeration("Weather", "", "How it is outside.", (Member("cold", 0, "Cold."),))
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
