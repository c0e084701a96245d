"""A word must lie at a multiple of its length."""

from clockbound_spec.declare import Anything, Layout, field
from construct import Int16un, Int32un

REFUSED = "thermometer.tenths: unaligned word: byte 2 isn't a multiple of 4; move it"

LAYOUTS = (
    Layout(
        "thermometer",
        field(
            "degrees", Int16un, at=0, unit="s", meaning="How warm it is.", valid=Anything(), writer="sensor"
        ),
        field(
            "tenths", Int32un, at=2, unit="s", meaning="How warm it is.", valid=Anything(), writer="sensor"
        ),
        field(
            "hundredths",
            Int16un,
            at=6,
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
