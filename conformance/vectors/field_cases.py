"""Every byte of every field counts: cases that a reader with a wrong offset, width, sign or byte order gets wrong.

In each of them one byte decides. Expected answers are the oracle's.
"""

from __future__ import annotations

from authoring import AS_OF, Area, S
from clockbound_conformance.segment_bytes import MAGIC_0, MAGIC_1, SIZE_BYTES, vmclock

fields = Area("fields", "Each byte of each field by itself.")
ONE_PPNS = {"max_drift_ppb": 999_999_999}  # nearly a nanosecond of growth for each of age


def decides(field: str, byte: int) -> str:
    return f"{field} with its byte {byte} (0: the least significant) from one without"


for byte in range(8):
    if 0 < byte < 7:  # a bound of 1 is in another file
        fields.reading(
            f"bound byte {byte}",
            "bound.growth interval.ends",
            decides("bound", byte),
            {"bound_ns": 0x53 << 8 * byte},
            AS_OF,
        )
    if byte < 5:
        seconds = 1 << 8 * byte
        fields.reading(
            f"as_of seconds byte {byte}",
            "bound.growth bound.causality",
            decides("as_of's seconds", byte),
            {"as_of": (seconds, 0), "void_after": (seconds + 1000, 0)},
            (seconds + 1) * S,
            catches="seconds-in-32-bits" if byte == 4 else "",
        )
        fields.reading(
            f"void_after seconds byte {byte}",
            "status.void-after",
            decides("void_after's seconds", byte),
            {"as_of": (-10, 0), "void_after": (seconds, 0), "max_drift_ppb": 1},
            seconds * S - 1,
            catches="seconds-in-32-bits" if byte == 4 else "",
        )
    nanoseconds = 1 << 8 * byte
    if byte < 4:
        fields.reading(
            f"as_of nanoseconds byte {byte}",
            "bound.growth bound.causality",
            decides("as_of's nanoseconds", byte),
            {"as_of": (1000, nanoseconds), **ONE_PPNS},
            AS_OF + S,
        )
        if byte:
            fields.reading(
                f"void_after nanoseconds byte {byte}",
                "status.void-after",
                decides("void_after's nanoseconds", byte),
                {"void_after": (1010, nanoseconds)},
                1010 * S + nanoseconds - 1,
            )
        fields.reading(
            f"max_drift byte {byte}",
            "bound.growth",
            decides("max_drift", byte),
            {"max_drift_ppb": 1 << 8 * byte},
            AS_OF + S,
        )
    else:
        for name, base_s in (("as_of", 1000), ("void_after", 2000)):
            fields.reading(
                f"{name} nanoseconds byte {byte}",
                "bound.range",
                decides(f"{name}'s nanoseconds", byte),
                {name: (base_s, nanoseconds)},
                1002 * S,
                catches="nanoseconds-unchecked",
            )
fields.reading(
    "all bytes of bound differ",
    "bound.growth",
    "the machine's byte order from the other",
    {"bound_ns": 0x0102_0304_0506_0708},
    AS_OF,
    realtime_ns=0,
)
fields.reading(
    "a status of 16777217",
    "bound.range",
    "a status of 32 bits from its lowest 24",
    {"status": (1 << 24) + 1},
    AS_OF,
)
for byte in (1, 2, 3, 5, 6, 7):
    word, shift = byte // 4, byte % 4 * 8
    wrong = [MAGIC_0, MAGIC_1]
    wrong[word] ^= 1 << shift
    fields.reading(
        f"magic word {word} byte {byte % 4} wrong",
        "open.not-initialised",
        decides(f"word {word} of the magic", byte % 4),
        {"magic": tuple(wrong)},
        AS_OF,
        catches="no-magic-check",
    )
for byte in (1, 2, 3):
    for layout, size_bytes in SIZE_BYTES.items():
        fields.reading(
            f"size byte {byte} beyond the file",
            "open.malformed",
            decides("segment_size", byte),
            {"size_bytes": size_bytes + (1 << 8 * byte)},
            AS_OF,
            layouts=(layout,),
        )
fields.reading(
    "a generation whose low byte is 0",
    "open.not-initialised read.consistent",
    "a generation of 16 bits from its lowest byte",
    {"generation": 256},
    AS_OF,
)
fields.reading(
    "a generation beyond 15 bits",
    "read.consistent",
    "a generation without a sign from one with it",
    {"generation": 32768},
    AS_OF,
)

pages = Area("pages", "Each byte of the VMClock page that counts, and the bytes that don't.")


def page_reading(name: str, says: str, marker: int, page: bytes, support: int = 1) -> None:
    pages.reading(
        name,
        "status.disruption",
        says,
        {"disruption_support": support, "disruption_marker": marker},
        AS_OF + 20_000,
        page=page,
        layouts=(2,),
    )


for byte in range(8):
    marker = 0x91 << 8 * byte
    page_reading(
        f"marker byte {byte} in the page", decides("the page's marker", byte), 0, vmclock(marker=marker)
    )
    page_reading(f"marker byte {byte} in both", decides("both markers", byte), marker, vmclock(marker=marker))
    page_reading(
        f"marker byte {byte} in the segment", decides("the segment's marker", byte), marker, vmclock()
    )
page_reading("support bit 1", "a flag that isn't 0 from one that is 1", 1, vmclock(marker=2), support=2)
for byte in (1, 2, 3):
    page_reading(
        f"page magic byte {byte} wrong",
        decides("the page's magic", byte),
        0,
        vmclock(magic=0x4B4C4356 ^ (1 << 8 * byte)),
    )
    page_reading(
        f"page size byte {byte} beyond it",
        decides("the page's size", byte),
        0,
        vmclock(size_bytes=104 + (1 << 8 * byte)),
    )
page_reading(
    "page sequence byte 1",
    "a sequence that is odd from one with an odd byte",
    5,
    vmclock(marker=5, sequence=1 << 8),
)
page_reading("page version byte 1", decides("the page's version", 1), 0, vmclock(version=257))
page_reading(
    "page sequence beyond 31 bits",
    "an odd sequence from a negative one",
    5,
    vmclock(marker=5, sequence=2**32 - 1),
)
garbage = bytearray(b"\xff" * 104)
garbage[:24] = vmclock(marker=5)[:24]
page_reading(
    "garbage in the rest of the page", "the fields that count from those that don't", 5, bytes(garbage)
)
pages.reading(
    "a page in the other byte order",
    "status.disruption",
    "a page that is little-endian on every machine from one of another order",
    {"disruption_support": 1, "disruption_marker": 5},
    AS_OF,
    page=bytes.fromhex("4b4c4356000000680001010000000002") + (5).to_bytes(8, "big") + bytes(80),
    layouts=(2,),
)
