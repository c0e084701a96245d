"""chronyd's floats have no range here, because records hold them as words."""

from clockbound_spec.declare import Between, Float32, Layout, field

REFUSED = "thermometer.degrees: only integers can have a valid range; use Anything() with a note"

LAYOUTS = (
    Layout(
        "thermometer",
        field(
            "degrees",
            Float32,
            at=0,
            unit="s",
            meaning="How warm it is.",
            valid=Between(0, 1),
            writer="sensor",
        ),
        size_bytes=4,
        title="Thermometer",
        meaning="Measures warmth.",
    ),
)
