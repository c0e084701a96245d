"""chronyd's float has 32 bits."""

from clockbound_spec.declare import Anything, CandmFloat, Layout, field
from construct import Int64sb

REFUSED = "thermometer.degrees: chronyd's float lies in a word of type u32, not i64; use Float32"

LAYOUTS = (
    Layout(
        "thermometer",
        field(
            "degrees",
            CandmFloat(Int64sb),
            at=0,
            unit="s",
            meaning="How warm it is.",
            valid=Anything(),
            writer="sensor",
        ),
        size_bytes=8,
        title="Thermometer",
        meaning="Measures warmth.",
    ),
)
