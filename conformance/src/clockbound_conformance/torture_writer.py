"""A writer without mercy, as a program of its own: python -m clockbound_conformance.torture_writer

It reads one JSON object from its first line of input: path, layout, byte_order and publish, which is null or names a
function as MODULE:FUNCTION. It says "writing" and publishes the records of ``counted`` in turn until its input ends;
then it says, as a JSON object, how many it has published, and how many of them by the function.

The function is called with a writable mapping of the segment and the record's bytes, and publishes as a daemon does.
Every now and then, or always where there is none, the record is written here in pieces, in different orders and with
pauses in the middle, so that readers meet updates that last.
"""

from __future__ import annotations

import importlib
import json
import mmap
import os
import select
import sys
import threading
import time
from collections.abc import Callable

from clockbound_conformance import counted
from clockbound_conformance.segment_bytes import ByteOrder

GENERATION = slice(14, 16)
BODY_AT = 16
WORD_BYTES = 8
BLOCK_COUNT = 64  # updates between two looks at the input
#: Of so many blocks in turn, the last ones are written in pieces, where there is a function that writes whole records.
TURN_BLOCKS_COUNT = 8
PIECES_BLOCKS_COUNT = 1
#: Every so many updates in pieces, one lasts so long: longer than any reader tries.
PAUSE_EVERY_COUNT = 2048
PAUSE_S = 0.002
#: How many times around an empty loop after each update: none, and enough for slow readers to get through.
RESTS_COUNT = (0, 30, 300, 1000)


class Pieces:
    """Publishes word by word."""

    def __init__(self, size_bytes: int, byte_order: ByteOrder) -> None:
        self._byte_order = byte_order
        self._words = [slice(at, at + WORD_BYTES) for at in range(BODY_AT, size_bytes, WORD_BYTES)]
        # ORDERING: taking and releasing a lock keeps the stores before it before those after it, also where Python doesn't.
        self._fence = threading.Lock()
        self._published_count = 0

    def __call__(self, mapping: mmap.mmap, record: bytes) -> None:
        odd = int.from_bytes(mapping[GENERATION], self._byte_order) | 1
        even = odd + 1 if odd < 65535 else 2
        self._published_count += 1
        words = self._words if self._published_count % 2 else self._words[::-1]
        middle = len(words) // 2
        mapping[GENERATION] = odd.to_bytes(2, self._byte_order)
        with self._fence:
            pass
        for word in words[:middle]:
            mapping[word] = record[word]
        if self._published_count % PAUSE_EVERY_COUNT == 0:
            time.sleep(PAUSE_S)
        for word in words[middle:]:
            mapping[word] = record[word]
        with self._fence:
            pass
        mapping[GENERATION] = even.to_bytes(2, self._byte_order)


def main() -> None:
    order = json.loads(sys.stdin.readline())
    layout, byte_order = int(order["layout"]), order["byte_order"]
    descriptor = os.open(order["path"], os.O_RDWR)
    mapping = mmap.mmap(descriptor, os.fstat(descriptor).st_size)
    pieces: Callable[[mmap.mmap, bytes], object] = Pieces(len(mapping), byte_order)
    whole = pieces if order["publish"] is None else _function(order["publish"])
    number, by_function_count, block = counted.FIRST, 0, 0
    print("writing", flush=True)
    # One block at least, so that the first records have been published whatever happens.
    while block == 0 or not (is_over() or number >= counted.LIMIT - BLOCK_COUNT):
        in_pieces = block % TURN_BLOCKS_COUNT >= TURN_BLOCKS_COUNT - PIECES_BLOCKS_COUNT
        publish = pieces if in_pieces else whole
        rests = range(RESTS_COUNT[block // TURN_BLOCKS_COUNT % len(RESTS_COUNT)])
        # Made before, so that they follow each other as quickly as they can be published.
        numbers = range(number + 1, number + 1 + BLOCK_COUNT)
        for record in [counted.record(each, layout, byte_order) for each in numbers]:
            publish(mapping, record)
            for _ in rests:
                pass
        number = numbers[-1]
        by_function_count += BLOCK_COUNT if publish is not pieces else 0
        block += 1
    print(
        json.dumps({"published": number - counted.FIRST, "by_function": by_function_count, "last": number}),
        flush=True,
    )


def is_over() -> bool:
    """Whether the input has ended."""
    return bool(select.select([sys.stdin], [], [], 0)[0])


def _function(name: str) -> Callable[[mmap.mmap, bytes], object]:
    module, _, function = name.partition(":")
    found: Callable[[mmap.mmap, bytes], object] = getattr(importlib.import_module(module), function)
    return found


if __name__ == "__main__":
    main()
