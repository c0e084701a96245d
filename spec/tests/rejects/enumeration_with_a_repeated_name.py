"""Two members can't have the same name."""

from clockbound_spec.declare import Enumeration, Layout, Member, OneOf, field
from construct import Int32un

REFUSED = "Weather.COLD: the name is used twice; rename one of the members"

WEATHER = Enumeration(
    "Weather",
    "",
    "How it is outside.",
    (
        Member("COLD", 0, "Cold."),
        Member("COLD", 1, "Colder."),
    ),
)
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
