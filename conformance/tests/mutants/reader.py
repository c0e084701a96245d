#!/usr/bin/env python3
"""A small reader of the segment that is right, and can be made wrong in one way at a time: reader.py [--fault NAME]

It is an adapter of protocol 1, and also a class that tests ask directly. It exists to test the vectors: without a fault it
must pass all of them, and with any fault it must fail. Each fault is one `wrong(...)` below, so that one can see that
nothing else changes. It is written from the rules, and imports nothing of the suite, the spec or a client.

`--byte-order big` reads segments of a machine of that order, so that such vectors are tried too.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import stat
import struct
import sys
import time
from fractions import Fraction
from pathlib import Path
from typing import Any

INT64_MIN, INT64_MAX = -(2**63), 2**63 - 1
S = 1_000_000_000
MAGIC = (0x414D5A4E, 0x43420200)
SIZES = {1: 72, 2: 80}
STATUSES = ("UNKNOWN", "SYNCHRONIZED", "FREE_RUNNING", "DISRUPTED")
HEADER_BYTES = 16
PAGE_BYTES = 104
ATTEMPTS_COUNT = 1000
SPINS_S = 30.0
CLOCK_MONOTONIC_COARSE = 6  # Linux's; Python's time module doesn't have it

#: What is wrong with each reader, besides those in vectors/mistakes.py. Tests make sure that both lists are complete.
FAULTS = {
    "first-magic-word-only": "looks at the first word of the magic only",
    "second-magic-word-only": "looks at the second word of the magic only",
    "documented-magic": "believes the string of bytes that the protocol document prints, too",
    "any-byte-order": "believes a magic of either byte order",
    "version-0-unsupported": "takes version 0 for a layout that it doesn't know",
    "generation-0-read": "reads a segment of generation 0",
    "version-by-length": "takes the layout from the length of the file",
    "version-low-byte": "reads 8 bits of the version",
    "version-1-only": "knows layout 1 only",
    "version-2-only": "knows layout 2 only",
    "size-before-version": "looks at the size before the version",
    "size-before-generation": "looks at the size before generation 0",
    "version-before-generation": "looks for an unknown version before generation 0",
    "size-of-layout-1": "compares segment_size with layout 1's, whatever the layout",
    "size-must-be-equal": "refuses a segment that is larger than its layout",
    "length-without-padding": "believes a file that lacks but the padding at its end",
    "length-must-be-equal": "refuses a file that is longer than segment_size",
    "size-signed": "reads segment_size as a signed number",
    "short-is-malformed": "takes a file without a header for a malformed segment",
    "header-is-not-enough": "takes a file that is cut off behind the header for one without a header",
    "empty-file-is-syscall": "maps a file before it looks at its length, which fails where it is empty",
    "size-0-is-not-initialised": "takes a segment_size of 0 for a segment that was never written",
    "no-file-is-not-initialised": "answers SEGMENT_NOT_INITIALIZED where there is no file",
    "page-of-4096-refused": "refuses a file that fills a page",
    "generation-1-read": "takes generation 1 for that of the first record",
    "generation-65535-read": "takes generation 65535 for an even one",
    "odd-is-an-error-for-good": "stays broken once it has opened in an update",
    "no-last-good": "fails during an update, although it has a snapshot",
    "first-good": "keeps its first snapshot as the last good one",
    "frozen-answer": "repeats its last answer during an update",
    "zero-generation-is-fatal": "fails when it sees generation 0 after opening",
    "zero-generation-read": "reads the record of generation 0 after opening",
    "version-read-once": "never looks at the version again",
    "greater-generation-only": "takes a snapshot only where the generation is greater than the last one",
    "generation-signed": "reads the generation as a signed number and refuses negative ones",
    "generation-low-byte": "reads 8 bits of the generation",
    "same-as-of-is-same": "takes a snapshot with the same as_of for the same",
    "snapshot-once": "takes one snapshot at open",
    "padding-must-be-zero": "refuses padding that isn't 0",
    "generation-once-per-context": "takes a segment with the generation that it knows for the same, also of another file",
    "reopens-always": "opens the file for each answer",
    "reopens-at-grace": "looks for another file at an age of exactly 5 s",
    "reopens-late": "looks for another file at an age beyond 6 s",
    "reopens-without-pause": "looks for another file for each answer while the snapshot is old",
    "stays-where-malformed": "looks at the age alone for another file, also while the segment is malformed",
    "stays-where-breaching": "looks at the age alone for another file, also while as_of is in the future",
    "fails-where-replaced-uninitialised": "fails where the path names something that is no segment",
    "fails-where-replaced-malformed": "fails where the path names a malformed segment",
    "fails-where-replaced-unknown": "fails where the path names a segment of an unknown version",
    "reopens-broken": "moves to another file before it has looked at it",
    "fails-where-removed": "fails where the path names no file any more",
    "keeps-layout": "keeps the layout that the first file had",
    "answers-never-go-back": "never answers with an earlier time than before",
    "bound-unsigned": "reads the bound as an unsigned number",
    "bound-absolute": "takes the absolute value of the bound",
    "bound-zero-refused": "refuses a bound of 0",
    "bound-in-32-bits": "keeps the bound in 32 bits",
    "bound-is-width": "takes the bound for the interval's width",
    "drift-limit-excluded": "refuses a drift beyond 10^9 ppb only",
    "drift-limit-equal": "refuses a drift of exactly 10^9 ppb only",
    "drift-unchecked": "never refuses a drift",
    "drift-signed": "reads the drift as a signed number, and refuses only beyond the limit",
    "drift-of-0-is-default": "takes a drift of 0 for 1 ppm",
    "drift-as-ppm": "takes the drift for parts per million",
    "nanoseconds-limit-included": "believes nanoseconds of 10^9",
    "nanoseconds-equal": "refuses nanoseconds of exactly 10^9 only, besides negative ones",
    "nanoseconds-zero-refused": "refuses nanoseconds of 0",
    "nanoseconds-negative-read": "believes nanoseconds below 0",
    "nanoseconds-as-of-unchecked": "looks at the nanoseconds of void_after only",
    "nanoseconds-void-after-unchecked": "looks at the nanoseconds of as_of only",
    "nanoseconds-in-32-bits": "reads 32 bits of the nanoseconds",
    "nanoseconds-999999999-refused": "refuses nanoseconds of 999,999,999",
    "seconds-wrap": "lets seconds wrap round in an int64 of nanoseconds",
    "seconds-saturate": "cuts seconds at the end of an int64 of nanoseconds",
    "first-second-refused": "refuses the first second of an int64 of nanoseconds",
    "last-second-refused": "refuses the last second of an int64 of nanoseconds",
    "before-the-first-second": "believes seconds of as_of whose sum with the nanoseconds fits an int64, though they don't",
    "before-the-first-second-of-void-after": "does so with void_after",
    "last-void-after-refused": "refuses a void_after at the last instant",
    "first-void-after-refused": "refuses a void_after at the first instant",
    "status-low-byte": "reads 8 bits of the status",
    "status-in-16-bits": "reads 16 bits of the status",
    "status-3-in-layout-1": "believes DISRUPTED in layout 1",
    "status-limit-off-by-one": "takes the number after the last status for UNKNOWN",
    "status-beyond-unknown": "takes a status beyond the last one for UNKNOWN",
    "status-negative-unknown": "takes a negative status for UNKNOWN",
    "unknown-unchecked": "looks at the range only of segments whose status counts",
    "void-unchecked": "looks at the range only of segments that are not void",
    "causality-first": "looks for a breach before the range",
    "growth-before-causality": "looks for an overflow before a breach",
    "never-a-breach": "counts any negative age as 0",
    "breach-beyond": "refuses an age below -1000 ns only",
    "breach-at-once": "refuses any negative age",
    "breach-at-500": "refuses an age of -500 ns or less",
    "breach-equal": "refuses an age of exactly -1000 ns only",
    "breach-wraps": "lets the age wrap round in an int64",
    "breach-by-seconds": "compares the seconds of as_of only, when it looks for a breach",
    "negative-age-shrinks": "lets a negative age shrink the bound",
    "negative-age-is-absolute": "takes the absolute value of a negative age",
    "age-limit-excluded": "refuses the largest age",
    "age-overflow-saturates": "cuts an age that overflows",
    "growth-to-nearest": "rounds the growth to the nearest",
    "growth-plus-one": "adds 1 to a growth that is rounded down",
    "growth-truncated-seconds-first": "rounds the age up to whole seconds",
    "growth-in-32-bits": "multiplies nanoseconds and drift in 32 bits",
    "growth-in-microseconds": "cuts the age to microseconds",
    "growth-in-milliseconds": "cuts the age to milliseconds",
    "growth-product-wraps": "multiplies the whole age by the drift in 64 bits",
    "growth-in-doubles-rounded-up": "computes the growth in doubles and rounds it up",
    "growth-seconds-dropped": "drops the whole seconds of the age",
    "growth-doubled": "lets the bound grow twice as fast",
    "growth-limited": "lets the bound grow for 1000 s only",
    "bound-overflow-wraps": "lets the bound wrap round",
    "bound-overflow-saturates": "cuts the bound at the end of an int64",
    "bound-limit-excluded": "refuses the largest bound",
    "ends-wrap": "lets the ends wrap round",
    "ends-saturate": "cuts the ends at an int64's",
    "ends-limit-excluded": "refuses ends at the last and first instant",
    "first-instant-refused": "refuses an end at the first instant",
    "ends-in-doubles": "computes the ends in doubles",
    "ends-unsigned": "never answers with a time before 1970",
    "ends-in-milliseconds": "rounds the ends outward to milliseconds",
    "ends-earliest-only": "widens the interval downwards only",
    "ends-latest-only": "widens the interval upwards only",
    "ends-in-32-bit-seconds": "keeps the seconds of the ends in 32 bits",
    "status-always-synchronized": "answers SYNCHRONIZED always",
    "grace-included": "keeps the status at an age of exactly 5 s",
    "grace-equal": "lets the status fade at an age of exactly 5 s only",
    "grace-short": "lets the status fade 1 ns before 5 s",
    "grace-of-4-s": "lets the status fade after 4 s",
    "grace-of-6-s": "lets the status fade after 6 s",
    "grace-free-running-forever": "lets FREE_RUNNING stay within the guarantee and beyond",
    "grace-by-whole-seconds": "compares the whole seconds of age with the grace period, and includes its end",
    "grace-wraps": "adds 5 s to as_of, which wraps round at the end of an int64",
    "no-grace": "lets SYNCHRONIZED fade at once",
    "void-first": "looks at void_after within the grace period too",
    "void-included": "keeps FREE_RUNNING at void_after",
    "void-equal": "lets FREE_RUNNING end at exactly void_after only",
    "void-short": "lets FREE_RUNNING end 1 ns before void_after",
    "void-without-nanoseconds": "compares with void_after's seconds",
    "void-nanoseconds-rounded-up": "compares with void_after's seconds and one more, if it has nanoseconds",
    "void-never": "never ends a guarantee",
    "void-by-1000-s": "takes 1000 s after as_of for void_after",
    "void-before-grace-is-grace": "takes the later of void_after and as_of + 5 s, and 1 s more",
    "void-is-unsynchronized": "answers FREE_RUNNING after void_after and UNKNOWN before it",
    "synchronized-until-void": "keeps SYNCHRONIZED until void_after",
    "unknown-fades": "lets UNKNOWN fade like other statuses",
    "unknown-fades-at-grace-only": "answers FREE_RUNNING for UNKNOWN at an age of exactly 5 s",
    "disrupted-fades": "lets DISRUPTED fade like other statuses",
    "disrupted-ends-at-void": "answers UNKNOWN for DISRUPTED after void_after",
    "unknown-is-an-error": "refuses a segment whose status is UNKNOWN",
    "marker-in-32-bits": "compares 32 bits of the markers",
    "marker-in-double": "compares the markers as doubles",
    "marker-greater": "looks for a marker that is greater",
    "marker-signed-greater": "looks for a marker that is greater, as signed numbers",
    "marker-smaller": "looks for a marker that is smaller",
    "marker-at-open": "reads the page once",
    "marker-without-support": "compares the markers whether support is on or not",
    "marker-error": "answers a disruption with an error",
    "marker-is-disrupted": "answers a disruption with DISRUPTED",
    "marker-not-for-disrupted": "doesn't look at the markers of a segment that is DISRUPTED",
    "marker-not-for-unknown": "doesn't open the page where the status is UNKNOWN",
    "marker-vouches": "takes equal markers for a fresh segment",
    "support-is-1": "takes a flag of exactly 1 for on",
    "support-by-marker": "takes a marker that isn't 0 for support",
    "support-signed": "takes a flag above 0, with a sign, for on",
    "support-bit-0": "takes bit 0 of the flag",
    "support-at-open": "takes the flag of the segment as it was at open",
    "page-optional": "goes on without a page",
    "page-missing-unknown": "answers UNKNOWN where there is no page at open",
    "page-always": "needs a page whether support is on or not",
    "page-range-first": "looks at the range before it opens the page",
    "page-in-update-error": "answers a page in an update with an error",
    "page-in-update-read": "reads a page in an update",
    "page-sequence-0-refused": "takes sequence 0 for an unwritten page",
    "page-sequence-signed": "takes negative sequences for odd ones",
    "page-sequence-any-odd-byte": "takes a sequence with any odd byte for odd",
    "page-magic-unchecked": "doesn't look at the page's magic",
    "page-version-unchecked": "doesn't look at the page's version",
    "page-version-low-byte": "reads 8 bits of the page's version",
    "page-version-newer": "believes newer versions of the page",
    "page-version-older": "believes older versions of the page",
    "page-size-unchecked": "doesn't look at the page's size",
    "page-size-must-be-equal": "refuses a page that is larger",
    "page-length-unchecked": "doesn't look at the length of the page's file",
    "page-length-must-be-equal": "refuses a file that is longer than a page",
    "page-size-beyond-file": "believes a size beyond the page's file",
    "page-short-malformed": "takes a page that is too short for a malformed one",
    "page-native": "reads the page as big-endian",
    "page-clock-status": "wants the hypervisor to say that the clock is synchronised or nothing",
    "page-later-ignored": "never opens a page after open",
    "page-later-missing-error": "fails where support comes without a page",
    "page-later-missing-ok": "takes a page that is missing later for no disruption",
    "markers-before-range": "answers UNKNOWN for a disruption before it looks at the range",
    "page-update-hides-breach": "answers UNKNOWN for a page in an update before it looks for a breach",
    "realtime-as-monotonic": "takes CLOCK_REALTIME for both clocks in now",
}
FIELDS = {
    "bound": 8,
    "as-of-seconds": 8,
    "as-of-nanoseconds": 8,
    "void-after-seconds": 8,
    "void-after-nanoseconds": 8,
    "max-drift": 4,
    "status": 4,
    "size": 4,
    "version": 2,
    "marker": 8,
    "page-marker": 8,
    "page-magic": 4,
    "page-size": 4,
    "page-version": 2,
    "magic-0": 4,
    "magic-1": 4,
}
#: Each byte of each field that may be left out, as faults of their own.
BYTE_FAULTS = {
    f"without-byte-{byte}-of-{field}": f"reads {field} without its byte {byte} (0: the least significant)"
    for field, size in FIELDS.items()
    for byte in range(size)
}


class Refused(Exception):
    """The name of an error kind."""


class Mapped:
    """A file that is mapped."""

    def __init__(self, path: str, faults: frozenset[str]) -> None:
        try:
            flags = 0 if "blocks-for-ever" in faults else os.O_NONBLOCK
            descriptor = os.open(path, os.O_RDONLY | flags)
        except OSError:
            raise Refused(
                "SEGMENT_NOT_INITIALIZED" if "no-file-is-not-initialised" in faults else "SYSCALL"
            ) from None
        try:
            found = os.fstat(descriptor)
            self.identity = (found.st_dev, found.st_ino)
            self.length_bytes = 4096 if stat.S_ISCHR(found.st_mode) else found.st_size
            self.bytes = (
                mmap.mmap(descriptor, self.length_bytes, prot=mmap.PROT_READ) if self.length_bytes else b""
            )
        finally:
            os.close(descriptor)


class Reader:
    """One context, as the rules describe it. ``faults`` are the ways in which it is wrong."""

    def __init__(
        self,
        path: str,
        vmclock: str | None,
        faults: frozenset[str] = frozenset(),
        byte_order: str = sys.byteorder,
    ) -> None:
        self.faults = faults
        self.without_byte = {
            field: int(byte)
            for byte, _, field in (
                fault.removeprefix("without-byte-").partition("-of-")
                for fault in faults
                if fault.startswith("without-byte-")
            )
        }
        self.path, self.vmclock = path, vmclock or "/dev/vmclock0"
        self.mark = "<" if byte_order == "little" else ">"
        self.last: dict[str, int] | None = None
        self.answered: tuple[int, int, str] | None = None
        self.latest_ns = INT64_MIN
        self.looked_ns = self.page_looked_ns = -S
        self.page: Mapped | None = None
        self.broken = False
        self.segment = Mapped(path, faults)
        self.version = self.opened(self.segment)
        if self.snapshot() is None and self.wrong("odd-is-an-error-for-good"):
            self.broken = True
        needs_page = self.last is not None and self.support(self.last)
        if self.wrong("page-range-first") and self.last is not None:
            self.check_range(self.last, self.last["as_of_sec"] * S + S)
        if self.wrong("page-always"):
            needs_page = True
        if self.wrong("marker-not-for-unknown") and self.last is not None and self.last["status"] == 0:
            needs_page = False
        self.support_at_open = needs_page
        if needs_page and not self.wrong("ignores-marker"):
            try:
                self.page = self.opened_page()
            except Refused:
                if not (self.wrong("page-optional") or self.wrong("page-missing-unknown")):
                    raise
        self.marker_at_open = None if self.page is None else self.marker(self.page)

    def wrong(self, name: str) -> bool:
        return name in self.faults

    def number(self, name: str, data: Any, offset: int, code: str, mark: str | None = None) -> int:
        """The field ``name``, of which a fault may leave out a byte."""
        mark = mark or self.mark
        size = struct.calcsize(code)
        raw = bytearray(data[offset : offset + size].ljust(size, b"\0"))
        byte = self.without_byte.get(name)
        if byte is not None:
            raw[byte if mark == "<" else size - 1 - byte] = 0
        return int(struct.unpack(mark + code, raw)[0])

    # Opening

    def opened(self, segment: Mapped) -> int:
        """The version of a file that may be a segment."""
        data = segment.bytes
        if segment.length_bytes == 0 and self.wrong("empty-file-is-syscall"):
            raise Refused("SYSCALL")
        if segment.length_bytes < HEADER_BYTES:
            raise Refused(
                "SEGMENT_MALFORMED" if self.wrong("short-is-malformed") else "SEGMENT_NOT_INITIALIZED"
            )
        if segment.length_bytes <= HEADER_BYTES and self.wrong("header-is-not-enough"):
            raise Refused("SEGMENT_NOT_INITIALIZED")
        magic = (self.number("magic-0", data, 0, "I"), self.number("magic-1", data, 4, "I"))
        size_bytes = self.number("size", data, 8, "i" if self.wrong("size-signed") else "I")
        version = self.number("version", data, 12, "H")
        generation = struct.unpack_from(self.mark + "H", data, 14)[0]
        if not self.is_magic(magic, data):
            raise Refused("SEGMENT_NOT_INITIALIZED")
        if self.wrong("version-by-length"):
            version = 1 if segment.length_bytes < SIZES[2] else 2
        if self.wrong("version-low-byte"):
            version &= 0xFF
        sizes = dict(SIZES)
        if self.wrong("version-1-only"):
            del sizes[2]
        if self.wrong("version-2-only"):
            del sizes[1]
        if self.wrong("size-before-generation"):
            self.check_size(segment, size_bytes, sizes.get(version, 0))
        if version == 0 and not self.wrong("no-version-check"):
            raise Refused(
                "SEGMENT_VERSION_NOT_SUPPORTED"
                if self.wrong("version-0-unsupported")
                else "SEGMENT_NOT_INITIALIZED"
            )
        if version not in sizes and self.wrong("version-before-generation"):
            raise Refused("SEGMENT_VERSION_NOT_SUPPORTED")
        if generation == 0 and not self.wrong("generation-0-read") and not self.wrong("no-generation-check"):
            raise Refused("SEGMENT_NOT_INITIALIZED")
        if self.wrong("size-before-version"):
            self.check_size(segment, size_bytes, sizes.get(version, 72))
        if version not in sizes:
            if not self.wrong("no-version-check"):
                raise Refused("SEGMENT_VERSION_NOT_SUPPORTED")
            version = 2 if segment.length_bytes >= SIZES[2] else 1
        self.check_size(segment, size_bytes, sizes.get(version, 72))
        return version

    def is_magic(self, magic: tuple[int, int], data: Any) -> bool:
        right = tuple(
            self.number(f"magic-{at}", struct.pack(self.mark + "I", word), 0, "I")
            for at, word in enumerate(MAGIC)
        )
        if self.wrong("no-magic-check"):
            return True
        if self.wrong("first-magic-word-only"):
            return magic[0] == right[0]
        if self.wrong("second-magic-word-only"):
            return magic[1] == right[1]
        other = struct.unpack(
            (">" if self.mark == "<" else "<") + "II", struct.pack(self.mark + "II", *MAGIC)
        )
        if self.wrong("documented-magic") and magic == other:
            return True
        if self.wrong("any-byte-order") and magic == other:
            self.mark = ">" if self.mark == "<" else "<"
            return True
        return magic == right

    def check_size(self, segment: Mapped, size_bytes: int, least_bytes: int) -> None:
        if self.wrong("no-size-check"):
            if segment.length_bytes < least_bytes:
                raise Refused("SEGMENT_MALFORMED")
            return
        if size_bytes == 0 and self.wrong("size-0-is-not-initialised"):
            raise Refused("SEGMENT_NOT_INITIALIZED")
        if self.wrong("size-of-layout-1"):
            least_bytes = SIZES[1]
        if self.wrong("size-must-be-equal") and size_bytes != least_bytes:
            raise Refused("SEGMENT_MALFORMED")
        if self.wrong("length-must-be-equal") and segment.length_bytes != size_bytes:
            raise Refused("SEGMENT_MALFORMED")
        if self.wrong("page-of-4096-refused") and segment.length_bytes >= 4096:
            raise Refused("SEGMENT_MALFORMED")
        if size_bytes < least_bytes and not (self.wrong("size-signed") and size_bytes < 0):
            raise Refused("SEGMENT_MALFORMED")
        lacking_bytes = 4 if self.wrong("length-without-padding") else 0
        if segment.length_bytes + lacking_bytes < size_bytes and not self.wrong("trusts-segment-size"):
            raise Refused("SEGMENT_MALFORMED")

    # Reading

    def generation(self) -> int:
        code = "h" if self.wrong("generation-signed") else "H"
        found = int(struct.unpack_from(self.mark + code, self.segment.bytes, 14)[0])
        return found & 0xFF if self.wrong("generation-low-byte") else found

    def is_stable(self, generation: int) -> bool:
        if self.wrong("no-generation-check"):
            return True
        if (generation == 1 and self.wrong("generation-1-read")) or (
            generation == 65535 and self.wrong("generation-65535-read")
        ):
            return True
        if generation == 0:
            return self.wrong("zero-generation-read") or self.wrong("generation-0-read")
        return generation > 0 and generation % 2 == 0

    def snapshot(self) -> dict[str, int] | None:
        """A new snapshot of the segment, if it differs the context's; the last good one; or None."""
        if self.broken:
            return None
        if self.wrong("snapshot-once") and self.last is not None:
            return self.last
        until_s = time.monotonic() + SPINS_S
        attempt = 0
        while attempt < ATTEMPTS_COUNT or (
            self.wrong("spins-on-odd-generation") and time.monotonic() < until_s
        ):
            attempt += 1
            before = self.generation()
            if before == 0 and self.wrong("zero-generation-is-fatal"):
                raise Refused("SEGMENT_NOT_INITIALIZED")
            if not self.is_stable(before):
                continue
            found = self.copied()
            unchecked = self.wrong("generation-checked-only-before") or self.wrong("no-generation-check")
            if not unchecked and self.generation() != before:
                continue
            changed = found["version"] != self.version and not self.wrong("version-read-once")
            if changed and not (found["version"] in SIZES and self.wrong("no-version-check")):
                break
            found["generation"] = before
            if self.last is not None:
                if self.wrong("greater-generation-only") and before < self.last["generation"]:
                    break
                if self.wrong("same-as-of-is-same") and found["as_of_sec"] == self.last["as_of_sec"]:
                    break
                if self.wrong("generation-once-per-context") and before == self.last["generation"]:
                    break
                if self.wrong("first-good"):
                    return found
            self.last = found
            return found
        if self.wrong("no-last-good"):
            return None
        return self.last

    def copied(self) -> dict[str, int]:
        """The record, field by field, as a reader without a memcpy takes it."""
        data, n = self.segment.bytes, self.version
        if self.wrong("version-by-length") or self.wrong("no-version-check"):
            data = data[:].ljust(SIZES[2], b"\0")
        if self.wrong("trusts-segment-size"):
            data = data[:].ljust(SIZES[2], b"\0")
        found = {
            "version": int(struct.unpack_from(self.mark + "H", data, 12)[0]),
            "as_of_sec": self.number("as-of-seconds", data, 16, "q"),
            "as_of_nsec": self.number("as-of-nanoseconds", data, 24, "q"),
            "void_sec": self.number("void-after-seconds", data, 32, "q"),
            "void_nsec": self.number("void-after-nanoseconds", data, 40, "q"),
            "bound": self.number("bound", data, 48, "Q" if self.wrong("bound-unsigned") else "q"),
            "drift": self.number(
                "max-drift", data, 56 if n == 1 else 64, "i" if self.wrong("drift-signed") else "I"
            ),
            "status": self.number("status", data, 64 if n == 1 else 68, "i"),
            "marker": 0 if n == 1 else self.number("marker", data, 56, "Q"),
            "support": 0 if n == 1 else data[72],
        }
        if self.wrong("version-low-byte"):
            found["version"] &= 0xFF
        if "without-byte-1-of-version" in self.faults:
            found["version"] &= 0xFF
        if self.wrong("version-by-length"):
            found["version"] = self.version
        padding = data[60:64] + data[68:72] if n == 1 else data[73:80]
        if self.wrong("padding-must-be-zero") and any(padding):
            raise Refused("SEGMENT_MALFORMED")
        return found

    def reopen(self) -> bool:
        """Move to the file that the path names now; whether there is another one."""
        now_ns = time.monotonic_ns()
        pauses = not (self.wrong("reopens-without-pause") or self.wrong("reopens-always"))
        if self.wrong("maps-once") or (pauses and now_ns - self.looked_ns < S):
            return False
        self.looked_ns = now_ns
        try:
            found = Mapped(self.path, self.faults)
            if found.identity == self.segment.identity:
                return False
            if self.wrong("reopens-broken"):
                self.segment = found
            version = self.opened(found)
        except Refused as refused:
            failing = {
                "SYSCALL": "fails-where-removed",
                "SEGMENT_NOT_INITIALIZED": "fails-where-replaced-uninitialised",
                "SEGMENT_MALFORMED": "fails-where-replaced-malformed",
                "SEGMENT_VERSION_NOT_SUPPORTED": "fails-where-replaced-unknown",
            }
            if self.wrong(failing[str(refused)]) or self.wrong("reopens-broken"):
                raise
            return False
        self.segment = found
        if not self.wrong("keeps-layout"):
            self.version = version
        return True

    # From snapshot to interval

    def now(self) -> tuple[int, int, str]:
        if self.wrong("clocks-before-segment"):
            realtime_ns, monotonic_ns = time.time_ns(), time.monotonic_ns()
            return self.at(realtime_ns, monotonic_ns)
        return self.at(None, 0)

    def at(self, realtime_ns: int | None, monotonic_ns: int) -> tuple[int, int, str]:
        """The interval at these readings; where there are none, at readings of its own."""
        own = realtime_ns is None
        moved = self.wrong("reopens-always") and self.reopen()
        while True:
            found = self.snapshot()
            if own:
                realtime_ns, monotonic_ns = time.time_ns(), time.monotonic_ns()
                if self.wrong("coarse-clock"):
                    monotonic_ns = time.clock_gettime_ns(CLOCK_MONOTONIC_COARSE)
                if self.wrong("realtime-as-monotonic"):
                    monotonic_ns = realtime_ns
            assert realtime_ns is not None
            answer, refused = None, None
            try:
                answer = self.answer(found, realtime_ns, monotonic_ns)
            except Refused as failed:
                refused = failed
            if moved or not self.looks(found, refused, monotonic_ns) or not self.reopen():
                break
            moved = True
        if answer is None:
            assert refused is not None
            raise refused
        self.answered = answer
        if self.wrong("answers-never-go-back"):
            earliest_ns, latest_ns, status = answer
            self.latest_ns = max(self.latest_ns, latest_ns)
            return earliest_ns, self.latest_ns, status
        return answer

    def answer(
        self, found: dict[str, int] | None, realtime_ns: int, monotonic_ns: int
    ) -> tuple[int, int, str]:
        if found is None:
            if self.wrong("zero-width-in-update"):
                return realtime_ns, realtime_ns, "UNKNOWN"
            raise Refused("SEGMENT_NOT_INITIALIZED")
        if (
            self.wrong("frozen-answer")
            and self.answered is not None
            and not self.is_stable(self.generation())
        ):
            return self.answered
        return self.interval(found, realtime_ns, monotonic_ns)

    def looks(self, found: dict[str, int] | None, refused: Refused | None, monotonic_ns: int) -> bool:
        """Whether to look for another file, after what followed from this snapshot."""
        staying = {
            "SEGMENT_MALFORMED": "stays-where-malformed",
            "CAUSALITY_BREACH": "stays-where-breaching",
        }.get(str(refused), "")
        if found is None or (refused is not None and not (staying and self.wrong(staying))):
            return True
        return self.is_old(found, monotonic_ns)

    def is_old(self, found: dict[str, int], monotonic_ns: int) -> bool:
        age_ns = monotonic_ns - found["as_of_sec"] * S - found["as_of_nsec"]
        if self.wrong("reopens-at-grace"):
            return age_ns >= 5 * S
        return age_ns > (6 * S if self.wrong("reopens-late") else 5 * S)

    def interval(self, found: dict[str, int], realtime_ns: int, monotonic_ns: int) -> tuple[int, int, str]:
        if self.wrong("markers-before-range") and self.is_disrupted(found):
            return realtime_ns - found["bound"], realtime_ns + found["bound"], "UNKNOWN"
        if (
            self.wrong("page-update-hides-breach")
            and self.page is not None
            and self.marker(self.page) is None
        ):
            return realtime_ns - found["bound"], realtime_ns + found["bound"], "UNKNOWN"
        if self.wrong("causality-first"):
            self.elapsed(found["as_of_sec"] * S + found["as_of_nsec"], monotonic_ns)
        as_of_ns, void_ns = self.check_range(found, monotonic_ns)
        clock_ns = realtime_ns if self.wrong("as-of-wall-clock") else monotonic_ns
        if self.wrong("growth-before-causality"):
            self.grown(found, abs(clock_ns - as_of_ns) or 1)
        elapsed_ns = self.elapsed(as_of_ns, clock_ns)
        bound_ns = self.grown(found, elapsed_ns)
        earliest_ns, latest_ns = self.ends(realtime_ns, bound_ns)
        status = self.status(found, as_of_ns, void_ns, monotonic_ns, elapsed_ns, latest_ns)
        if self.is_disrupted(found):
            if self.wrong("marker-error"):
                raise Refused("SYSCALL")
            if not (self.wrong("marker-not-for-disrupted") and found["status"] == 3):
                status = "DISRUPTED" if self.wrong("marker-is-disrupted") else "UNKNOWN"
        return earliest_ns, latest_ns, status

    def check_range(self, found: dict[str, int], monotonic_ns: int) -> tuple[int, int]:
        """as_of and void_after, of a record that is within its ranges."""
        if self.wrong("unknown-unchecked") and found["status"] == 0:
            return self.instant(found, "as_of"), self.instant(found, "void")
        void_since = found["void_sec"] * S + found["void_nsec"] <= monotonic_ns
        if not (self.wrong("void-unchecked") and void_since):
            self.check_bound(found)
        self.check_drift(found["drift"])
        for name in ("as_of", "void"):
            self.check_nanoseconds(name, found)
        found["status"] = self.checked_status(found["status"])
        return self.instant(found, "as_of"), self.instant(found, "void")

    def check_bound(self, found: dict[str, int]) -> None:
        if self.wrong("bound-absolute"):
            found["bound"] = abs(found["bound"])
        if self.wrong("bound-in-32-bits"):
            found["bound"] &= 0xFFFFFFFF
        if self.wrong("bound-limit-excluded") and found["bound"] == INT64_MAX:
            raise Refused("SEGMENT_MALFORMED")
        if (found["bound"] < 0 and not self.wrong("negative-bound-accepted")) or (
            found["bound"] == 0 and self.wrong("bound-zero-refused")
        ):
            raise Refused("SEGMENT_MALFORMED")

    def check_drift(self, drift_ppb: int) -> None:
        if self.wrong("drift-unchecked"):
            return
        if self.wrong("drift-limit-excluded"):
            refuse = drift_ppb > S
        elif self.wrong("drift-limit-equal"):
            refuse = drift_ppb == S
        else:
            refuse = drift_ppb >= S
        if refuse:
            raise Refused("SEGMENT_MALFORMED")

    def check_nanoseconds(self, name: str, found: dict[str, int]) -> None:
        if self.wrong("nanoseconds-in-32-bits"):
            found[f"{name}_nsec"] &= 0xFFFFFFFF
        value = found[f"{name}_nsec"]
        if self.wrong("nanoseconds-unchecked"):
            return
        if self.wrong("nanoseconds-as-of-unchecked") and name == "as_of":
            return
        if self.wrong("nanoseconds-void-after-unchecked") and name == "void":
            return
        low = 1 if self.wrong("nanoseconds-zero-refused") and name == "as_of" else 0
        high = S
        if self.wrong("nanoseconds-limit-included"):
            high = S + 1
        if self.wrong("nanoseconds-999999999-refused"):
            high = S - 1
        if self.wrong("nanoseconds-negative-read"):
            low = INT64_MIN
        if self.wrong("nanoseconds-equal"):
            if value < low or value == S:
                raise Refused("SEGMENT_MALFORMED")
        elif not low <= value < high:
            raise Refused("SEGMENT_MALFORMED")

    def checked_status(self, status: int) -> int:
        if self.wrong("status-low-byte"):
            status &= 0xFF
        if self.wrong("status-in-16-bits"):
            status &= 0xFFFF
        last = 3 if self.version == 2 or self.wrong("status-3-in-layout-1") else 2
        if 0 <= status <= last:
            return status
        if self.wrong("impossible-status-accepted"):
            return 0
        if status == last + 1 and self.wrong("status-limit-off-by-one"):
            return 0
        if (status > last and self.wrong("status-beyond-unknown")) or (
            status < 0 and self.wrong("status-negative-unknown")
        ):
            return 0
        raise Refused("SEGMENT_MALFORMED")

    def instant(self, found: dict[str, int], name: str) -> int:
        seconds, rest_ns = found[f"{name}_sec"], found[f"{name}_nsec"]
        if self.wrong("seconds-in-32-bits"):
            seconds = struct.unpack("<i", struct.pack("<q", seconds)[:4])[0]
        if self.wrong("seconds-wrap"):
            return wrapped(seconds * S + rest_ns)
        if self.wrong("seconds-saturate"):
            return min(max(seconds * S + rest_ns, INT64_MIN), INT64_MAX)
        if self.wrong("first-second-refused") and seconds == -9_223_372_036:
            raise Refused("SEGMENT_MALFORMED")
        if self.wrong("last-second-refused") and seconds == 9_223_372_036:
            raise Refused("SEGMENT_MALFORMED")
        if name == "void" and seconds * S + rest_ns == INT64_MAX and self.wrong("last-void-after-refused"):
            raise Refused("SEGMENT_MALFORMED")
        if (
            name == "void"
            and (seconds, rest_ns) == (-9_223_372_036, 0)
            and self.wrong("first-void-after-refused")
        ):
            raise Refused("SEGMENT_MALFORMED")
        suffix = "" if name == "as_of" else "-of-void-after"
        if not self.wrong("before-the-first-second" + suffix):
            fits(seconds * S)
        return fits(seconds * S + rest_ns)

    def elapsed(self, as_of_ns: int, monotonic_ns: int) -> int:
        elapsed_ns = monotonic_ns - as_of_ns
        if self.wrong("breach-wraps"):
            elapsed_ns = wrapped(elapsed_ns)
        if self.wrong("breach-beyond"):
            breach = elapsed_ns < -1000
        elif self.wrong("breach-at-once"):
            breach = elapsed_ns < 0
        elif self.wrong("breach-at-500"):
            breach = elapsed_ns <= -500
        elif self.wrong("breach-equal"):
            breach = elapsed_ns == -1000
        elif self.wrong("breach-by-seconds"):
            breach = (monotonic_ns // S < as_of_ns // S and elapsed_ns <= -1000) or elapsed_ns <= -S
            breach = breach and as_of_ns % S == 0
        else:
            breach = elapsed_ns <= -1000
        if breach and not self.wrong("never-a-breach"):
            raise Refused("CAUSALITY_BREACH")
        if self.wrong("age-overflow-saturates"):
            elapsed_ns = min(elapsed_ns, INT64_MAX)
        if elapsed_ns == INT64_MAX and self.wrong("age-limit-excluded"):
            raise Refused("SEGMENT_MALFORMED")
        fits(max(elapsed_ns, INT64_MIN))
        if self.wrong("negative-age-shrinks"):
            return elapsed_ns
        if self.wrong("negative-age-is-absolute"):
            return abs(elapsed_ns)
        return max(elapsed_ns, 0)

    def grown(self, found: dict[str, int], elapsed_ns: int) -> int:
        growth_ns = self.growth(found["drift"], elapsed_ns)
        bound_ns = found["bound"] + growth_ns
        if self.wrong("bound-overflow-wraps"):
            return wrapped(bound_ns)
        if self.wrong("bound-overflow-saturates"):
            return min(bound_ns, INT64_MAX)
        return fits(bound_ns) if bound_ns >= 0 else bound_ns

    def growth(self, drift_ppb: int, elapsed_ns: int) -> int:
        if self.wrong("no-growth"):
            return 0
        if self.wrong("drift-of-0-is-default") and drift_ppb == 0:
            drift_ppb = 1000
        if self.wrong("drift-as-ppm"):
            drift_ppb *= 1000
        if self.wrong("growth-limited"):
            elapsed_ns = min(elapsed_ns, 1000 * S)
        if self.wrong("age-in-whole-seconds"):
            elapsed_ns = elapsed_ns // S * S
        if self.wrong("growth-truncated-seconds-first"):
            elapsed_ns = -(-elapsed_ns // S) * S
        if self.wrong("growth-in-microseconds"):
            elapsed_ns = elapsed_ns // 1000 * 1000
        if self.wrong("growth-in-milliseconds"):
            elapsed_ns = elapsed_ns // 1_000_000 * 1_000_000
        if self.wrong("growth-seconds-dropped"):
            elapsed_ns %= S
        if self.wrong("growth-doubled"):
            elapsed_ns *= 2
        if self.wrong("growth-in-doubles"):
            return int(elapsed_ns / S * drift_ppb)
        if self.wrong("growth-in-doubles-rounded-up"):
            up = elapsed_ns / S * drift_ppb
            return int(up) + (up > int(up))
        exact = Fraction(elapsed_ns * drift_ppb, S)
        if self.wrong("growth-rounded-down"):
            return exact.numerator // exact.denominator
        if self.wrong("growth-to-nearest"):
            return int(exact + Fraction(1, 2))
        if self.wrong("growth-plus-one"):
            return exact.numerator // exact.denominator + 1
        if self.wrong("growth-in-32-bits"):
            seconds, rest_ns = divmod(elapsed_ns, S)
            return seconds * drift_ppb - (-(rest_ns * drift_ppb & 0xFFFFFFFF) // S)
        if self.wrong("growth-product-wraps"):
            return -(-wrapped(elapsed_ns * drift_ppb) // S)
        return -(-exact.numerator // exact.denominator)

    def ends(self, realtime_ns: int, bound_ns: int) -> tuple[int, int]:
        if self.wrong("bound-is-width"):
            bound_ns //= 2
        below_ns = 0 if self.wrong("ends-latest-only") else bound_ns
        above_ns = 0 if self.wrong("ends-earliest-only") else bound_ns
        ends = (realtime_ns - below_ns, realtime_ns + above_ns)
        if self.wrong("ends-in-doubles"):
            ends = (int(float(realtime_ns) - float(below_ns)), int(float(realtime_ns) + float(above_ns)))
        if self.wrong("ends-in-milliseconds"):
            ends = (ends[0] // 1_000_000 * 1_000_000, -(-ends[1] // 1_000_000) * 1_000_000)
        if self.wrong("microsecond-ends"):
            ends = (ends[0] // 1000 * 1000, ends[1] // 1000 * 1000)
        if self.wrong("ends-unsigned"):
            ends = (max(ends[0], 0), max(ends[1], 0))
        if self.wrong("ends-in-32-bit-seconds"):
            low, high = (
                struct.unpack("<i", struct.pack("<q", end // S)[:4])[0] * S + end % S
                if -INT64_MAX <= end <= INT64_MAX
                else end
                for end in ends
            )
            ends = (low, high)
        if self.wrong("ends-wrap"):
            return wrapped(ends[0]), wrapped(ends[1])
        if self.wrong("ends-saturate"):
            return max(ends[0], INT64_MIN), min(ends[1], INT64_MAX)
        if self.wrong("ends-limit-excluded") and (ends[0] <= INT64_MIN or ends[1] >= INT64_MAX):
            raise Refused("SEGMENT_MALFORMED")
        if ends[0] == INT64_MIN and self.wrong("first-instant-refused"):
            raise Refused("SEGMENT_MALFORMED")
        return fits(ends[0]), fits(ends[1])

    def status(
        self,
        found: dict[str, int],
        as_of_ns: int,
        void_ns: int,
        monotonic_ns: int,
        elapsed_ns: int,
        latest_ns: int,
    ) -> str:
        status = STATUSES[found["status"]]
        age_ns = monotonic_ns - as_of_ns
        if self.wrong("status-always-synchronized"):
            return "SYNCHRONIZED"
        if status == "UNKNOWN" and self.wrong("unknown-is-an-error"):
            raise Refused("SEGMENT_NOT_INITIALIZED")
        if status == "UNKNOWN" and self.wrong("unknown-fades-at-grace-only") and age_ns == 5 * S:
            return "FREE_RUNNING"
        if status == "DISRUPTED" and self.wrong("no-disrupted"):
            return "UNKNOWN"
        if status == "DISRUPTED" and self.wrong("disrupted-ends-at-void") and monotonic_ns >= void_ns:
            return "UNKNOWN"
        stays = {"UNKNOWN"} - ({"UNKNOWN"} if self.wrong("unknown-fades") else set())
        if not self.wrong("disrupted-fades"):
            stays.add("DISRUPTED")
        if status in stays:
            return status
        if self.wrong("void-first") and monotonic_ns >= void_ns:
            return "UNKNOWN"
        if self.wrong("as-of-wall-clock"):
            age_ns = elapsed_ns
        if self.in_grace(status, as_of_ns, age_ns, monotonic_ns, found):
            free = status == "FREE_RUNNING" and self.wrong("never-free-running")
            return "SYNCHRONIZED" if free else status
        return self.faded(status, as_of_ns, void_ns, monotonic_ns, latest_ns)

    def in_grace(
        self, status: str, as_of_ns: int, age_ns: int, monotonic_ns: int, found: dict[str, int]
    ) -> bool:
        if self.wrong("marker-vouches") and found["support"]:
            return True
        if self.wrong("no-grace") and status == "SYNCHRONIZED":
            return age_ns <= 0
        if self.wrong("grace-free-running-forever") and status == "FREE_RUNNING":
            return True
        if self.wrong("grace-included"):
            return age_ns <= 5 * S
        if self.wrong("grace-equal"):
            return age_ns != 5 * S
        if self.wrong("grace-short"):
            return age_ns < 5 * S - 1
        if self.wrong("grace-of-4-s"):
            return age_ns < 4 * S
        if self.wrong("grace-of-6-s"):
            return age_ns < 6 * S
        if self.wrong("grace-by-whole-seconds"):
            return age_ns // S <= 5
        if self.wrong("grace-wraps"):
            return monotonic_ns < wrapped(as_of_ns + 5 * S)
        return age_ns < 5 * S

    def faded(self, status: str, as_of_ns: int, void_ns: int, monotonic_ns: int, latest_ns: int) -> str:
        if self.wrong("void-without-nanoseconds"):
            void_ns = void_ns // S * S
        if self.wrong("void-nanoseconds-rounded-up"):
            void_ns = -(-void_ns // S) * S
        if self.wrong("void-by-1000-s"):
            void_ns = as_of_ns + 1000 * S
        if self.wrong("void-before-grace-is-grace"):
            void_ns = max(void_ns, as_of_ns + 5 * S + 1)
        if self.wrong("void-after-wall-clock"):
            monotonic_ns = latest_ns
        within = monotonic_ns < void_ns
        if self.wrong("void-included"):
            within = monotonic_ns <= void_ns
        if self.wrong("void-equal"):
            within = monotonic_ns != void_ns
        if self.wrong("void-short"):
            within = monotonic_ns < void_ns - 1
        if self.wrong("void-never"):
            within = True
        if self.wrong("void-is-unsynchronized"):
            within = not within
        if within and status == "SYNCHRONIZED" and self.wrong("synchronized-until-void"):
            return status
        if within and self.wrong("never-free-running"):
            return "SYNCHRONIZED"
        return "FREE_RUNNING" if within else "UNKNOWN"

    # The VMClock page

    def support(self, found: dict[str, int]) -> bool:
        if self.wrong("support-is-1"):
            return found["support"] == 1
        if self.wrong("support-by-marker"):
            return found["marker"] != 0
        if self.wrong("support-signed"):
            return 0 < found["support"] < 128
        if self.wrong("support-bit-0"):
            return found["support"] & 1 != 0
        return found["support"] != 0

    def opened_page(self) -> Mapped:
        page = Mapped(self.vmclock, self.faults - {"no-file-is-not-initialised"})
        mark = ">" if self.wrong("page-native") else "<"
        if page.length_bytes < PAGE_BYTES and not self.wrong("page-length-unchecked"):
            raise Refused(
                "SEGMENT_MALFORMED" if self.wrong("page-short-malformed") else "SEGMENT_NOT_INITIALIZED"
            )
        if page.length_bytes != PAGE_BYTES and self.wrong("page-length-must-be-equal"):
            raise Refused("SEGMENT_MALFORMED")
        data = page.bytes[:].ljust(PAGE_BYTES, b"\0") if page.length_bytes else bytes(PAGE_BYTES)
        page.bytes = page.bytes if page.length_bytes >= PAGE_BYTES else data
        magic = self.number("page-magic", data, 0, "I", mark)
        right = self.number("page-magic", struct.pack("<I", 0x4B4C4356), 0, "I", "<")
        if magic != right and not self.wrong("page-magic-unchecked"):
            raise Refused("SEGMENT_NOT_INITIALIZED")
        version = self.number("page-version", data, 8, "H", mark)
        if self.wrong("page-version-low-byte"):
            version &= 0xFF
        newer_or_older = (version > 1 and self.wrong("page-version-newer")) or (
            version < 1 and self.wrong("page-version-older")
        )
        if version != 1 and not self.wrong("page-version-unchecked") and not newer_or_older:
            raise Refused("SEGMENT_VERSION_NOT_SUPPORTED")
        size_bytes = self.number("page-size", data, 4, "I", mark)
        if not self.wrong("page-size-unchecked"):
            if size_bytes < PAGE_BYTES or (
                self.wrong("page-size-must-be-equal") and size_bytes != PAGE_BYTES
            ):
                raise Refused("SEGMENT_MALFORMED")
            shorter = page.length_bytes < size_bytes and not self.wrong("page-length-unchecked")
            if shorter and not self.wrong("page-size-beyond-file"):
                raise Refused("SEGMENT_MALFORMED")
        if self.wrong("page-clock-status") and data[34] not in (0, 2):
            raise Refused("SEGMENT_MALFORMED")
        return page

    def marker(self, page: Mapped) -> int | None:
        """The page's marker; None in an update."""
        mark = ">" if self.wrong("page-native") else "<"
        until_s = time.monotonic() + SPINS_S
        attempt = 0
        while attempt < ATTEMPTS_COUNT or (self.wrong("spins-on-vmclock") and time.monotonic() < until_s):
            attempt += 1
            before = struct.unpack_from(mark + "I", page.bytes, 12)[0]
            odd = before % 2 == 1
            if self.wrong("page-sequence-0-refused") and before == 0:
                odd = True
            if self.wrong("page-sequence-signed"):
                odd = odd and before < 2**31
            if self.wrong("page-sequence-any-odd-byte"):
                odd = any(byte % 2 for byte in struct.pack("<I", before))
            if odd and not self.wrong("page-in-update-read"):
                continue
            found = self.number("page-marker", page.bytes, 16, "Q", mark)
            if struct.unpack_from(mark + "I", page.bytes, 12)[0] == before:
                return found
        return None

    def is_disrupted(self, found: dict[str, int]) -> bool:
        on = self.support(found) or (self.wrong("marker-without-support") and self.version == 2)
        if self.wrong("support-at-open"):
            on = self.support_at_open
        if self.wrong("marker-not-for-unknown") and found["status"] == 0:
            return False
        if not on or self.wrong("ignores-marker"):
            return False
        page = self.later_page()
        if page is None:
            if self.wrong("page-later-missing-error"):
                raise Refused("SYSCALL")
            return not (self.wrong("page-optional") or self.wrong("page-later-missing-ok"))
        marker = self.marker_at_open if self.wrong("marker-at-open") else self.marker(page)
        if marker is None:
            if self.wrong("page-in-update-error"):
                raise Refused("SYSCALL")
            return True
        return self.differ(marker, found["marker"])

    def later_page(self) -> Mapped | None:
        if self.page is None and not self.wrong("page-later-ignored"):
            now_ns = time.monotonic_ns()
            if now_ns - self.page_looked_ns >= S:
                self.page_looked_ns = now_ns
                try:
                    self.page = self.opened_page()
                except Refused:
                    return None
        return self.page

    def differ(self, page: int, segment: int) -> bool:
        if self.wrong("marker-in-32-bits"):
            return page & 0xFFFFFFFF != segment & 0xFFFFFFFF
        if self.wrong("marker-in-double"):
            return float(page) != float(segment)
        if self.wrong("marker-greater"):
            return page > segment
        if self.wrong("marker-signed-greater"):
            return wrapped(page) > wrapped(segment)
        if self.wrong("marker-smaller"):
            return page < segment
        return page != segment


def wrapped(value: int) -> int:
    """As an int64 that wraps round."""
    return (value + 2**63) % 2**64 - 2**63


def fits(value: int) -> int:
    if not INT64_MIN <= value <= INT64_MAX:
        raise Refused("SEGMENT_MALFORMED")
    return value


class Adapter:
    """The contexts between questions, as every adapter has them."""

    def __init__(self, faults: frozenset[str], byte_order: str) -> None:
        self.faults, self.byte_order = faults, byte_order
        self.for_now: dict[str, Reader] = {}
        self.watched: Reader | None = None
        self.left_count = 0

    def opened(self, question: dict[str, str]) -> Reader:
        return Reader(question["segment"], question.get("vmclock"), self.faults, self.byte_order)

    def answer(self, question: dict[str, str]) -> dict[str, Any]:
        try:
            match question["cmd"]:
                case "hello":
                    return {
                        "type": "hello",
                        "protocol": "1",
                        "name": " ".join(["reader", *sorted(self.faults)]),
                        "language": "python",
                        "library": "reader",
                        "version": "1",
                        "layouts": ["1", "2"],
                        "features": ["compute", "now", "watch"],
                    }
                case "compute":
                    return self.compute(question)
                case "now":
                    path = question["segment"]
                    if path not in self.for_now:
                        self.for_now[path] = self.opened(question)
                    return said(self.for_now[path].now())
                case "watch":
                    self.watched = None
                    self.watched, self.left_count = self.opened(question), int(question["count"])
                    return {"type": "watching"}
                case _:
                    return {"type": "stopped"}
        except Refused as refused:
            return {"type": "error", "kind": str(refused)}

    def compute(self, question: dict[str, str]) -> dict[str, Any]:
        realtime_ns, monotonic_ns = int(question["realtime_ns"]), int(question["monotonic_ns"])
        if self.watched is None or self.watched.path != question["segment"]:
            return said(self.opened(question).at(realtime_ns, monotonic_ns))
        reader = self.watched
        self.left_count -= 1
        if not self.left_count:
            self.watched = None
        return said(reader.at(realtime_ns, monotonic_ns))


def said(interval: tuple[int, int, str]) -> dict[str, Any]:
    earliest_ns, latest_ns, status = interval
    return {
        "type": "interval",
        "earliest_ns": str(wrapped(earliest_ns)),
        "latest_ns": str(wrapped(latest_ns)),
        "status": status,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fault", action="append", default=[], help="a name in FAULTS or mistakes.py")
    parser.add_argument("--byte-order", choices=("little", "big"), default=sys.byteorder)
    options = parser.parse_args()
    for fault in options.fault:
        if f'"{fault}"' not in Path(__file__).read_text(encoding="utf-8") and fault not in BYTE_FAULTS:
            parser.error(f"no such fault: {fault}")
    adapter = Adapter(frozenset(options.fault), options.byte_order)
    for line in sys.stdin:
        question = json.loads(line)
        print(json.dumps({"seq": question["seq"], **adapter.answer(question)}), flush=True)
        if question["cmd"] == "stop":
            return


if __name__ == "__main__":
    main()
