"""Two members can't have the same value."""

from clockbound_spec.declare import Enumeration, Layout, Member, OneOf, field
from construct import Int32un

REFUSED = "Weather.WARM: another member has the value 0 too; each needs its own"

WEATHER = Enumeration(
    "Weather",
    "",
    "How it is outside.",
    (
        Member("COLD", 0, "Cold."),
        Member("WARM", 0, "Warm."),
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
