"""An array's length must be fixed."""

from clockbound_spec.declare import Anything, Layout, field
from construct import Bytes, Int32un, this

REFUSED = "thermometer.degrees: has this['n'] items; give a fixed number, at least 1"

LAYOUTS = (
    Layout(
        "thermometer",
        field(
            "degrees",
            Bytes(this.n),
            at=0,
            unit="s",
            meaning="How warm it is.",
            valid=Anything(),
            writer="sensor",
        ),
        field(
            "tenths", Int32un, at=0, unit="s", meaning="How warm it is.", valid=Anything(), writer="sensor"
        ),
        size_bytes=4,
        title="Thermometer",
        meaning="Measures warmth.",
    ),
)
