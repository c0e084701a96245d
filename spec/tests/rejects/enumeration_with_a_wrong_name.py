"""An enumeration becomes a class in Python."""

from clockbound_spec.declare import Enumeration, Layout, Member, OneOf, field
from construct import Int32un

REFUSED = "weather: isn't a name in CamelCase; rename the enumeration"

WEATHER = Enumeration("weather", "", "How it is outside.", (Member("COLD", 0, "Cold."),))
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
