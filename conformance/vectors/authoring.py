"""What the files of cases are written with: each call is one vector in each layout that it names."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from clockbound_conformance import oracle
from clockbound_conformance.answers import Answer, Interval, Refusal
from clockbound_conformance.judge import as_json
from clockbound_conformance.segment_bytes import ByteOrder, segment

S = 1_000_000_000
R = 1_700_000_000 * S
AS_OF = 1000 * S
BOUND = 1_000_000
INT64_MIN, INT64_MAX = -9_223_372_036_854_775_808, 9_223_372_036_854_775_807
ORDERS: tuple[ByteOrder, ByteOrder] = ("little", "big")

Fields = Mapping[str, Any]
Bytes = Callable[[ByteOrder], bytes]
Data = Fields | Bytes | None

#: area -> its vectors as the schema has them, in the order in which they were written
AREAS: dict[str, list[dict[str, Any]]] = {}
ABOUT: dict[str, str] = {}


class Area:
    """One file of vectors."""

    def __init__(self, name: str, about: str) -> None:
        self.name = name
        ABOUT[name] = about
        self.vectors = AREAS.setdefault(name, [])

    def add(
        self,
        layout: int,
        name: str,
        rules: str,
        decides: str,
        origin: str,
        limits: Sequence[str],
        catches: str,
        derivation: str | None,
        content: dict[str, Any],
    ) -> None:
        vector: dict[str, Any] = {
            "id": f"v{layout}-" + re.sub("[^a-z0-9]+", "-", name.lower()).strip("-"),
            "rules": rules.split(),
            "layout": str(layout),
            "distinguishes": decides,
            "origin": origin,
        }
        # "1|..." belongs to layout 1 alone.
        limits = [
            each.partition("|")[2] or each for each in limits if each.partition("|")[0] in (str(layout), each)
        ]
        if limits:
            vector["limits"] = [
                {"name": name, "side": side} for name, _, side in (each.rpartition(": ") for each in limits)
            ]
        if catches:
            vector["catches"] = catches.split()
        if derivation:
            vector["derivation"] = derivation
        self.vectors.append(vector | content)

    def reading(
        self,
        name: str,
        rules: str,
        decides: str,
        data: Data,
        monotonic_ns: int,
        expected: Interval | Refusal | None = None,
        *,
        realtime_ns: int = R,
        page: bytes | None = None,
        limits: Sequence[str] = (),
        catches: str = "",
        by: str | None = None,
        origin: str | None = None,
        layouts: Sequence[int] = (1, 2),
    ) -> None:
        """A vector in each of ``layouts`` about one reading; the oracle says what is ``expected`` where nobody did.

        ``data`` are the fields of the segment that aren't the usual ones, or a function of the byte order.
        """
        for layout in layouts:
            answer = right_answer(layout, data, page, realtime_ns, monotonic_ns)
            if expected is not None and answer != expected:
                raise AssertionError(f"v{layout} {name}: by hand {expected}, by the oracle {answer}")
            content: dict[str, Any] = {"segment": both_orders(layout, data)}
            if page is not None:
                content["vmclock"] = page.hex()
            content |= {
                "realtime_ns": str(realtime_ns),
                "monotonic_ns": str(monotonic_ns),
                "expected": as_json(answer),
            }
            source = origin or ("oracle" if expected is None else "hand")
            self.add(layout, name, rules, decides, source, limits, catches, by, content)

    def sequence(
        self,
        name: str,
        rules: str,
        decides: str,
        steps: Callable[[int], list[dict[str, Any]]],
        *,
        limits: Sequence[str] = (),
        catches: str = "",
        by: str | None = None,
        origin: str = "oracle",
        layouts: Sequence[int] = (1, 2),
    ) -> None:
        """A vector in each of ``layouts`` about several steps, which are a function of the layout."""
        for layout in layouts:
            self.add(layout, name, rules, decides, origin, limits, catches, by, {"steps": steps(layout)})


def data_bytes(layout: int, data: Data, order: ByteOrder) -> bytes | None:
    if data is None:
        return None
    return data(order) if callable(data) else segment(layout, byte_order=order, **data)


def both_orders(layout: int, data: Data) -> dict[str, str] | None:
    found = {order: data_bytes(layout, data, order) for order in ORDERS}
    return None if data is None else {order: each.hex() for order, each in found.items() if each is not None}


def right_answer(layout: int, data: Data, page: bytes | None, realtime_ns: int, monotonic_ns: int) -> Answer:
    """The oracle's answer, which must be the same on machines of both byte orders."""
    little, big = (
        oracle.answer(
            data_bytes(layout, data, order),
            realtime_ns=realtime_ns,
            monotonic_ns=monotonic_ns,
            vmclock=page,
            byte_order=order,
        )
        for order in ORDERS
    )
    if little != big:
        raise AssertionError(f"the oracle depends on the byte order: {little}, {big}")
    return little


def around(half_ns: int, status: str = "SYNCHRONIZED", realtime_ns: int = R) -> Interval:
    return Interval(realtime_ns - half_ns, realtime_ns + half_ns, status)


NOT_INITIALIZED = Refusal("SEGMENT_NOT_INITIALIZED")
MALFORMED = Refusal("SEGMENT_MALFORMED")
NOT_SUPPORTED = Refusal("SEGMENT_VERSION_NOT_SUPPORTED")
BREACH = Refusal("CAUSALITY_BREACH")
SYSCALL = Refusal("SYSCALL")
