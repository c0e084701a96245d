"""chronyd's messages: what the daemon sends, what it takes for an answer, and what it refuses."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from clockbound_daemon import candm
from clockbound_daemon.candm import CandmError
from clockbound_spec.candm import (
    BURST_REQUEST,
    REPLY_HEADER,
    RESET_SOURCES_REQUEST,
    TRACKING_REPLY,
    TRACKING_REQUEST,
)
from daemon_support import NTP_SOURCE, reply
from hypothesis import given
from hypothesis import strategies as st

NUMBER = 0xC0FFEE01
SEQUENCE = NUMBER.to_bytes(4, "big")


def header(**changes: Any) -> bytes:
    """A bare header, as chronyd sends it on errors."""
    fields = {"command": 33, "reply": 1, "status": 0, "sequence": NUMBER}
    built: bytes = REPLY_HEADER.build(fields | changes)
    return built


def patched(datagram: bytes, offset: int, value: bytes) -> bytes:
    return datagram[:offset] + value + datagram[offset + len(value) :]


GOOD = reply(NUMBER)


def test_a_request_is_as_the_spec_declares_it() -> None:
    request = TRACKING_REQUEST.parse(candm.TRACKING.request(SEQUENCE))
    assert (request.command, request.sequence) == (33, NUMBER)
    assert candm.TRACKING.request(SEQUENCE) == TRACKING_REQUEST.build({"attempt": 0, "sequence": NUMBER})


def test_a_request_is_as_long_as_its_reply() -> None:
    assert len(candm.TRACKING.request(SEQUENCE)) == 104


def test_every_field_of_a_reply_is_understood() -> None:
    sample = candm.tracking(GOOD, SEQUENCE)
    assert sample.ref_id == NTP_SOURCE
    assert sample.ip_address == bytes([127, 69, 1, 1]) + bytes(12)
    assert sample.ip_family == 1
    assert sample.stratum == 2
    assert sample.leap_status == 0
    assert sample.ref_time_ns == 1_700_000_000_000_000_005
    assert sample.current_correction_q89_s == 2**89 // 4
    assert sample.last_offset_q89_s == -(2**89) // 1024
    assert sample.rms_offset_q89_s == 2**89 // 2048
    assert sample.freq_q89_ppm == -20 * 2**89
    assert sample.resid_freq_q89_ppm == 2**89 // 64
    assert sample.skew_q89_ppm == 2**89 // 8
    assert sample.root_delay_q89_s == 2**89 // 16
    assert sample.root_dispersion_q89_s == 2**89 // 8
    assert sample.last_update_interval_q89_s == 2**89


def test_seconds_beyond_32_bits_are_understood() -> None:
    sample = candm.tracking(reply(NUMBER, ref_time={"sec_high": 1, "sec_low": 2, "nsec": 3}), SEQUENCE)
    assert sample.ref_time_ns == (2**32 + 2) * 10**9 + 3


def test_the_high_word_that_means_none_counts_as_0() -> None:
    sample = candm.tracking(
        reply(NUMBER, ref_time={"sec_high": 0x7FFFFFFF, "sec_low": 2, "nsec": 3}), SEQUENCE
    )
    assert sample.ref_time_ns == 2 * 10**9 + 3


def test_what_chronyd_may_put_into_reserved_bytes_does_not_matter() -> None:
    reserved = [2, 3, *range(10, 16), *range(20, 28), 50, 51]
    datagram = bytearray(GOOD)
    for offset in reserved:
        datagram[offset] = 0xAA
    assert candm.tracking(bytes(datagram), SEQUENCE).root_delay_q89_s == 2**89 // 16


REFUSED = [
    pytest.param(b"", candm.ShortReplyError, "0 bytes", id="empty"),
    pytest.param(GOOD[:27], candm.ShortReplyError, "27 bytes", id="shorter-than-a-header"),
    pytest.param(patched(GOOD, 0, b"\x05"), candm.WrongVersionError, "version 5", id="older-version"),
    pytest.param(patched(GOOD, 0, b"\x07"), candm.WrongVersionError, "version 7", id="newer-version"),
    pytest.param(patched(GOOD, 1, b"\x01"), candm.WrongPacketTypeError, "type 1", id="a-request"),
    pytest.param(patched(GOOD, 4, b"\x00\x0e"), candm.WrongCommandError, "command 14", id="another-command"),
    pytest.param(reply(NUMBER - 1), candm.WrongSequenceError, "0xc0ffee00", id="an-earlier-request"),
    pytest.param(header(status=2), candm.ErrorStatusError, "status 2 (UNAUTHORISED)", id="unauthorised"),
    pytest.param(header(status=19), candm.ErrorStatusError, "status 19 (BAD_PACKET_LENGTH)", id="bad-length"),
    pytest.param(header(status=999), candm.ErrorStatusError, "status 999 (of unknown", id="unknown-status"),
    pytest.param(header(), candm.WrongReplyCodeError, "kind 1, not 5", id="no-body"),
    pytest.param(patched(GOOD, 6, b"\x00\x0c"), candm.WrongReplyCodeError, "kind 12", id="another-body"),
    pytest.param(GOOD[:103], candm.WrongLengthError, "103 bytes, not 104", id="a-byte-short"),
    pytest.param(GOOD + b"\0", candm.WrongLengthError, "105 bytes, not 104", id="a-byte-long"),
    pytest.param(
        reply(NUMBER, ref_time={"sec_high": 0, "sec_low": 1, "nsec": 10**9}),
        candm.BadTimestampError,
        "1000000000 nanoseconds",
        id="a-whole-second-of-nanoseconds",
    ),
]


@pytest.mark.parametrize(("datagram", "error", "words"), REFUSED)
def test_what_is_no_answer_is_refused_with_its_value(
    datagram: bytes, error: type[CandmError], words: str
) -> None:
    with pytest.raises(CandmError) as caught:
        candm.tracking(datagram, SEQUENCE)
    assert type(caught.value) is error
    assert words in str(caught.value)


def test_an_error_of_another_request_is_not_taken_for_ours() -> None:
    with pytest.raises(candm.WrongSequenceError):
        candm.tracking(header(status=2, sequence=NUMBER + 1), SEQUENCE)


def test_the_status_is_looked_at_before_the_length() -> None:
    # An error's reply is a bare header: its length and reply code are those of no body, and say nothing.
    assert len(header(status=1)) == 28
    with pytest.raises(candm.ErrorStatusError):
        candm.tracking(header(status=1), SEQUENCE)


def test_what_may_be_followed_by_our_answer_is_told_from_what_is_our_answer() -> None:
    may_follow = {
        error
        for error in vars(candm).values()
        if isinstance(error, type) and issubclass(error, candm.NotOurReplyError)
    }
    assert may_follow == {
        candm.NotOurReplyError,
        candm.ShortReplyError,
        candm.WrongVersionError,
        candm.WrongPacketTypeError,
        candm.WrongCommandError,
        candm.WrongSequenceError,
    }


@given(st.binary(max_size=200))
def test_garbage_is_refused_and_never_crashes(datagram: bytes) -> None:
    with pytest.raises(CandmError):
        candm.tracking(datagram, SEQUENCE)


@given(st.lists(st.tuples(st.integers(28, 103), st.integers(0, 255)), max_size=20))
def test_a_body_of_any_bytes_is_understood_as_construct_does_or_refused(
    changes: list[tuple[int, int]],
) -> None:
    datagram = bytearray(GOOD)
    for offset, value in changes:
        datagram[offset] = value
    oracle = TRACKING_REPLY.parse(bytes(datagram))
    try:
        sample = candm.tracking(bytes(datagram), SEQUENCE)
    except candm.BadTimestampError:
        assert oracle.ref_time.nsec >= 10**9
        return
    assert sample.ref_id == oracle.ref_id
    assert sample.stratum == oracle.stratum
    assert sample.leap_status == oracle.leap_status
    for value_q89, fraction in (
        (sample.current_correction_q89_s, oracle.current_correction),
        (sample.last_offset_q89_s, oracle.last_offset),
        (sample.rms_offset_q89_s, oracle.rms_offset),
        (sample.freq_q89_ppm, oracle.freq_ppm),
        (sample.resid_freq_q89_ppm, oracle.resid_freq_ppm),
        (sample.skew_q89_ppm, oracle.skew_ppm),
        (sample.root_delay_q89_s, oracle.root_delay),
        (sample.root_dispersion_q89_s, oracle.root_dispersion),
        (sample.last_update_interval_q89_s, oracle.last_update_interval),
    ):
        assert Fraction(value_q89, 2**89) == fraction


def test_an_order_to_reset_the_sources_is_as_the_spec_declares_it() -> None:
    request = candm.RESET_SOURCES.request(SEQUENCE)
    assert request == RESET_SOURCES_REQUEST.build({"attempt": 0, "sequence": NUMBER})
    assert (len(request), request[:6]) == (28, bytes([6, 1, 0, 0, 0, 66]))


def test_an_order_to_measure_is_for_every_source() -> None:
    request = candm.BURST.request(SEQUENCE)
    anybody = {"address": bytes(16), "family": 0}
    fields = {"attempt": 0, "sequence": NUMBER, "mask": anybody, "address": anybody}
    assert request == BURST_REQUEST.build(fields | {"good_samples": 4, "total_samples": 8})
    # good at 60, total at 64
    assert (len(request), request[4:6], request[60:]) == (68, b"\0\3", bytes([0, 0, 0, 4, 0, 0, 0, 8]))


@pytest.mark.parametrize(("order", "command"), [(candm.RESET_SOURCES, 66), (candm.BURST, 3)])
def test_an_order_is_done_when_chronyd_says_so_and_not_before(order: candm.Question, command: int) -> None:
    done = header(command=command)
    assert isinstance(order.answer(done, SEQUENCE), candm.Done)
    for datagram, error in (
        (done[:-1], candm.ShortReplyError),
        (done + b"\0", candm.WrongLengthError),
        (header(command=33), candm.WrongCommandError),
        (header(command=command, sequence=NUMBER + 1), candm.WrongSequenceError),
        (header(command=command, reply=5), candm.WrongReplyCodeError),
        (header(command=command, status=3), candm.ErrorStatusError),
        (GOOD, candm.WrongCommandError),
    ):
        with pytest.raises(error):
            order.answer(datagram, SEQUENCE)


@given(st.binary(max_size=120))
def test_no_rubbish_is_taken_for_an_order_that_was_done(datagram: bytes) -> None:
    with pytest.raises(CandmError):
        candm.RESET_SOURCES.answer(datagram, SEQUENCE)
