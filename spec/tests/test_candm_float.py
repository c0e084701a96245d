"""chronyd's 32-bit float, decoded by the daemon's generated code and by the declaration, against values by hand."""

from __future__ import annotations

from fractions import Fraction

import construct
import pytest
from clockbound_spec.declare import Float32
from generated import module_from_file
from hypothesis import given
from hypothesis import strategies as st
from wire import canonical_words, float_value

CANDM = module_from_file("daemon/src/clockbound_daemon/_candm.py")

# Seven bits of exponent, twenty-five of coefficient; value = coefficient * 2**(exponent - 25).
BY_HAND = {
    "zero": (0b0000000_0000000000000000000000000, Fraction(0)),
    "one, as 2**23 * 2**(2 - 25)": (0b0000010_0100000000000000000000000, Fraction(1)),
    "one, as 1 * 2**(25 - 25)": (0b0011001_0000000000000000000000001, Fraction(1)),
    "minus one": (0b0000001_1000000000000000000000000, Fraction(-1)),
    "minus one, from the largest exponents": (0b0011001_1111111111111111111111111, Fraction(-1)),
    "a half": (0b0000001_0100000000000000000000000, Fraction(1, 2)),
    "smallest": (0b1000000_0000000000000000000000001, Fraction(1, 2**89)),
    "smallest below zero": (0b1000000_1111111111111111111111111, Fraction(-1, 2**89)),
    "largest": (0b0111111_0111111111111111111111111, Fraction((2**24 - 1) * 2**38)),
    "least": (0b0111111_1000000000000000000000000, Fraction(-(2**62))),
    "zero with the smallest exponent": (0b1000000_0000000000000000000000000, Fraction(0)),
    "exponent -1": (0b1111111_0000000000000000000000001, Fraction(1, 2**26)),
}
by_hand = pytest.mark.parametrize(("word", "value"), BY_HAND.values(), ids=BY_HAND)


@by_hand
def test_decode_float_gives_the_exact_value(word: int, value: Fraction) -> None:
    assert value * 2**CANDM.FLOAT_FRACTION_BITS == CANDM.decode_float(word)


@by_hand
def test_the_declaration_gives_the_exact_value(word: int, value: Fraction) -> None:
    assert value == Float32.parse(word.to_bytes(4, "big"))


@given(st.integers(0, 2**32 - 1))
def test_every_word_decodes_alike(word: int) -> None:
    parsed = Float32.parse(word.to_bytes(4, "big"))
    assert float_value(word) == parsed
    assert parsed * 2**89 == CANDM.decode_float(word)
    assert isinstance(CANDM.decode_float(word), int)


@given(st.integers(0, 2**32 - 1))
def test_every_value_survives_encoding(word: int) -> None:
    value = float_value(word)
    assert value == Float32.parse(Float32.build(value))


@given(canonical_words)
def test_encoding_takes_the_smallest_exponent(word: int) -> None:
    assert word.to_bytes(4, "big").hex() == Float32.build(float_value(word)).hex()


@given(st.fractions(min_value=-(2**62), max_value=(2**24 - 1) * 2**38))
def test_encoding_rounds_to_24_binary_digits(value: Fraction) -> None:
    error = abs(Float32.parse(Float32.build(value)) - value)
    assert error <= max(abs(value) / 2**24, Fraction(1, 2**90))


def test_encoding_that_rounds_up_to_a_power_of_two_keeps_its_value() -> None:
    just_below_one = 1 - Fraction(1, 2**40)
    assert Float32.parse(Float32.build(just_below_one)) == 1


@pytest.mark.parametrize("value", [2**62, -(2**62) - 2**38, Fraction(2**62) - 1])
def test_encoding_refuses_what_is_too_large(value: Fraction) -> None:
    with pytest.raises(construct.ExplicitError, match="out of range"):
        Float32.build(value)
