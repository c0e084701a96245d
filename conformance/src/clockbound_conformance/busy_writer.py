"""A writer that publishes with all its might, as a program of its own: python -m clockbound_conformance.busy_writer

It reads one JSON object from its first line of input (path, byte_order, segments in hex, ahead_ns or null), says
"writing" and publishes the segments in turn until its input ends. With ahead_ns each as_of is CLOCK_MONOTONIC at the
moment of writing and so much more.
"""

from __future__ import annotations

import json
import mmap
import os
import select
import sys
import threading
import time
from typing import Literal

from clockbound_conformance.units import SECOND_NS

GENERATION = slice(14, 16)
AS_OF = slice(16, 32)
VOID_AFTER = slice(32, 48)
BODY_AT = 16
RESTS_COUNT = 30
UPDATES_COUNT = 64  # between two looks at the input


def main() -> None:
    order = json.loads(sys.stdin.readline())
    byte_order = order["byte_order"]
    bodies = [bytes.fromhex(segment)[BODY_AT:] for segment in order["segments"]]
    ahead_ns = order["ahead_ns"]
    descriptor = os.open(order["path"], os.O_RDWR)
    mapping = mmap.mmap(descriptor, BODY_AT + len(bodies[0]))
    generation = int.from_bytes(mapping[GENERATION], byte_order)
    # ORDERING: taking and releasing a lock keeps the stores before it before those after it, also where Python doesn't.
    fence = threading.Lock()
    print("writing", flush=True)
    while not select.select([sys.stdin], [], [], 0)[0]:
        for turn in range(UPDATES_COUNT):
            body = bodies[turn % len(bodies)]
            if ahead_ns is not None:
                at_ns = time.monotonic_ns() + ahead_ns
                body = instant(at_ns, byte_order) + instant(at_ns + 1000 * SECOND_NS, byte_order) + body[32:]
            mapping[GENERATION] = (generation + 1).to_bytes(2, byte_order)
            with fence:
                pass
            mapping[BODY_AT:] = body
            with fence:
                pass
            generation = generation + 2 if generation < 65534 else 2
            mapping[GENERATION] = generation.to_bytes(2, byte_order)
            for _ in range(RESTS_COUNT):  # so that a reader finds it whole about as often as not
                pass


def instant(at_ns: int, byte_order: Literal["little", "big"]) -> bytes:
    seconds, rest_ns = divmod(at_ns, SECOND_NS)
    return seconds.to_bytes(8, byte_order, signed=True) + rest_ns.to_bytes(8, byte_order)


if __name__ == "__main__":
    main()
