"""What the tests know of a layout's bytes, taken from its construct declaration alone.

Nothing here goes through `clockbound_spec.model`, which the generator uses: the two must agree.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import construct
from clockbound_spec.declare import Exactly, Layout, Reserved, Valid
from hypothesis import strategies as st

BITS = {"B": 8, "b": 8, "H": 16, "h": 16, "L": 32, "I": 32, "l": 32, "i": 32, "Q": 64, "q": 64}


@dataclass(frozen=True)
class Leaf:
    """A field that holds bytes or numbers itself, after parts were taken apart."""

    path: tuple[str, ...]
    letter: str  # the struct module's; "s" for bytes
    count: int  # of items, or of bytes; 0 for a single value
    is_float: bool
    valid: Valid

    @property
    def name(self) -> str:
        return "_".join(self.path)

    @property
    def in_record(self) -> bool:
        return not isinstance(self.valid, Exactly | Reserved)

    @property
    def lowest(self) -> int:
        return -(2 ** (BITS[self.letter] - 1)) if self.letter.islower() else 0

    @property
    def highest(self) -> int:
        return self.lowest + 2 ** BITS[self.letter] - 1


def leaves(layout: Layout, path: tuple[str, ...] = ()) -> Iterator[Leaf]:
    for declared in layout.subcons:
        inner, count, is_float = declared.subcon, 0, False
        here = (*path, declared.name)
        if isinstance(inner, Layout):
            yield from leaves(inner, here)
            continue
        if isinstance(inner, construct.Default):
            inner = inner.subcon
        if isinstance(inner, construct.Array):
            inner, count = inner.subcon, inner.count
        if isinstance(inner, construct.Adapter):
            inner, is_float = inner.subcon, True
        if isinstance(inner, construct.Bytes):
            yield Leaf(here, "s", inner.length, False, declared.valid)
        else:
            yield Leaf(here, inner.fmtstr[1], count, is_float, declared.valid)


def record_leaves(layout: Layout) -> list[Leaf]:
    return [leaf for leaf in leaves(layout) if leaf.in_record]


def float_value(word: int) -> Fraction:
    """chronyd's float by the rule in words, digit by digit: neither the generator's nor the declaration's way."""
    bits = f"{word:032b}"
    exponent = int(bits[1:7], 2) - (64 if bits[0] == "1" else 0)
    coefficient = int(bits[8:], 2) - (2**24 if bits[7] == "1" else 0)
    value = Fraction(coefficient, 2**25)
    return value * 2**exponent if exponent >= 0 else value / 2**-exponent


def float_word(exponent: int, coefficient: int) -> int:
    return (exponent % 128) * 2**25 + coefficient % 2**25


#: Words that encode() itself writes: the smallest exponent that the value allows.
canonical_words = st.one_of(
    st.just(0),
    st.integers(-(2**24), 2**24 - 1).filter(bool).map(lambda coefficient: float_word(-64, coefficient)),
    st.builds(
        float_word,
        st.integers(-63, 63),
        st.one_of(st.integers(2**23, 2**24 - 1), st.integers(-(2**24), -(2**23) - 1)),
    ),
)


def _value(leaf: Leaf) -> st.SearchStrategy[Any]:
    if leaf.letter == "s":
        return st.binary(min_size=leaf.count, max_size=leaf.count)
    one = canonical_words if leaf.is_float else st.integers(leaf.lowest, leaf.highest)
    return st.tuples(*[one] * leaf.count) if leaf.count else one


def values(layout: Layout) -> st.SearchStrategy[dict[str, Any]]:
    """Values for the fields that readers get, by flat name; floats as words."""
    return st.fixed_dictionaries({leaf.name: _value(leaf) for leaf in record_leaves(layout)})


def build(layout: Layout, flat: dict[str, Any]) -> bytes:
    """The bytes that construct makes of `flat`."""
    nested: dict[str, Any] = {}
    for leaf in leaves(layout):
        place = nested
        for part in leaf.path[:-1]:
            place = place.setdefault(part, {})
        if leaf.name in flat:
            value = flat[leaf.name]
            if leaf.is_float:
                value = tuple(map(float_value, value)) if leaf.count else float_value(value)
            place[leaf.path[-1]] = list(value) if isinstance(value, tuple) else value
    return bytes(layout.build(nested))


def parse(layout: Layout, data: bytes) -> dict[str, Any]:
    """What construct makes of `data`, by flat name; floats as Fractions."""
    parsed = layout.parse(data)
    flat = {}
    for leaf in record_leaves(layout):
        value = parsed
        for part in leaf.path:
            value = value[part]
        flat[leaf.name] = tuple(value) if isinstance(value, construct.ListContainer) else value
    return flat


def extremes(layout: Layout, seed: int, random_count: int) -> Iterator[dict[str, Any]]:
    """A table of values: each type's ends and neighbours, one field at a time, then random ones."""
    fields = record_leaves(layout)
    generator = random.Random(seed)
    zero = {leaf.name: _filled(leaf, 0) for leaf in fields}
    for leaf in fields:
        if leaf.letter == "s":
            picks = [b"\xff" * leaf.count, bytes(range(1, leaf.count + 1))]
        elif leaf.is_float:
            words = [
                float_word(63, 2**24 - 1),
                float_word(-64, -1),
                float_word(0, 2**23),
                float_word(1, -(2**24)),
            ]
            picks = [_filled(leaf, word) for word in words]
        else:
            ends = [leaf.lowest, leaf.lowest + 1, 1, leaf.highest - 1, leaf.highest]
            picks = [_filled(leaf, end) for end in ends]
            if leaf.count:
                picks.append(tuple(range(1, leaf.count + 1)))
        for pick in picks:
            yield {**zero, leaf.name: pick}
    for _ in range(random_count):
        yield {leaf.name: _random(leaf, generator) for leaf in fields}


def _filled(leaf: Leaf, value: int) -> Any:
    if leaf.letter == "s":
        return bytes(leaf.count)
    return (value,) * leaf.count if leaf.count else value


def _random(leaf: Leaf, generator: random.Random) -> Any:
    if leaf.letter == "s":
        return generator.randbytes(leaf.count)
    one = _random_word if leaf.is_float else _random_integer
    items = tuple(one(leaf, generator) for _ in range(leaf.count or 1))
    return items if leaf.count else items[0]


def _random_word(leaf: Leaf, generator: random.Random) -> int:
    return float_word(generator.randint(-63, 63), generator.randint(2**23, 2**24 - 1))


def _random_integer(leaf: Leaf, generator: random.Random) -> int:
    return generator.randint(leaf.lowest, leaf.highest)
