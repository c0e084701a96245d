"""A layout has fields."""

from clockbound_spec.declare import Layout

REFUSED = "thermometer: wrong total size: declared as 4 bytes, but its last field, -, ends at byte 0; correct size_bytes, or declare what is missing"

LAYOUTS = (Layout("thermometer", size_bytes=4, title="Thermometer", meaning="Measures warmth."),)
