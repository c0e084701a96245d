"""Builds segments and VMClock pages byte by byte, right ones and wrong ones, for a machine of either byte order.

Like the oracle it stands apart from the spec: places and magics are plain numbers.
"""

from __future__ import annotations

import struct
import sys
from typing import Literal

ByteOrder = Literal["little", "big"]
NATIVE: ByteOrder = "little" if sys.byteorder == "little" else "big"

UNKNOWN, SYNCHRONIZED, FREE_RUNNING, DISRUPTED = range(4)

MAGIC_0, MAGIC_1 = 0x414D5A4E, 0x43420200
SIZE_BYTES = {1: 72, 2: 80}
HEADER_BYTES = 16


def segment(
    layout: int = 2,
    *,
    as_of: tuple[int, int] = (1000, 0),
    void_after: tuple[int, int] = (2000, 0),
    bound_ns: int = 1_000_000,
    max_drift_ppb: int = 50_000,
    status: int = SYNCHRONIZED,
    disruption_marker: int = 0,
    disruption_support: int = 0,
    generation: int = 2,
    magic: tuple[int, int] = (MAGIC_0, MAGIC_1),
    version: int | None = None,
    size_bytes: int | None = None,
    padding: int = 0,
    file_bytes: int | None = None,
    byte_order: ByteOrder = NATIVE,
) -> bytes:
    """The bytes of a segment file of ``layout``; ``file_bytes`` cuts or lengthens (with zeros) the whole.

    ``as_of`` and ``void_after`` are seconds and nanoseconds, ``padding`` is what every byte of it holds.
    """
    mark = "<" if byte_order == "little" else ">"
    body = struct.pack(mark + "qqqqq", *as_of, *void_after, bound_ns)
    pad = bytes([padding])
    if layout == 1:
        body += struct.pack(mark + "I", max_drift_ppb) + pad * 4 + struct.pack(mark + "i", status) + pad * 4
    else:
        fields = (disruption_marker, max_drift_ppb, status, disruption_support)
        body += struct.pack(mark + "QIiB", *fields) + pad * 7
    header = struct.pack(
        mark + "IIIHH",
        *magic,
        SIZE_BYTES[layout] if size_bytes is None else size_bytes,
        layout if version is None else version,
        generation,
    )
    whole = header + body
    return whole if file_bytes is None else whole[:file_bytes].ljust(file_bytes, b"\0")


def vmclock(
    *,
    marker: int = 0,
    sequence: int = 2,
    magic: int = 0x4B4C4356,
    size_bytes: int = 104,
    version: int = 1,
    clock_status: int = 0,
    flags: int = 0,
    file_bytes: int = 104,
) -> bytes:
    """The bytes of a VMClock page, which is little-endian on every machine."""
    page = struct.pack("<IIHBBIQQ", magic, size_bytes, version, 1, 0, sequence, marker, flags)
    page = (page + bytes([0, 0, clock_status])).ljust(104, b"\0")
    return page[:file_bytes].ljust(file_bytes, b"\0")
