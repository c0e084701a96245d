"""chronyd's command protocol, as far as the daemon speaks it: requests to bytes, bytes to what they say.

Nothing here reads a clock or a socket. The places of the fields are in the generated `_candm`.
"""

from __future__ import annotations

from collections.abc import Callable

from clockbound_daemon import _candm
from clockbound_daemon._candm import (
    NO_HIGH_SECONDS,
    TRACKING_REPLY_SIZE_BYTES,
    CandmCommand,
    CandmReply,
    CandmStatus,
    decode_float,
    pick_tracking_reply,
)
from clockbound_daemon._layout import BURST_GOOD_COUNT, BURST_TOTAL_COUNT, NANOSECONDS_PER_SECOND
from clockbound_daemon.errors import NoSampleError


class CandmError(NoSampleError):
    """A datagram that gives no sample."""


class NotOurReplyError(CandmError):
    """Not the answer to our request, which may still come."""


class ShortReplyError(NotOurReplyError):
    """Too short for a header."""


class WrongVersionError(NotOurReplyError):
    """Another version of the protocol."""


class WrongPacketTypeError(NotOurReplyError):
    """Not a reply."""


class WrongCommandError(NotOurReplyError):
    """The reply to another command."""


class WrongSequenceError(NotOurReplyError):
    """The reply to another request, an earlier one perhaps."""


class ErrorStatusError(CandmError):
    """chronyd refused the request."""


class WrongReplyCodeError(CandmError):
    """A reply with another body than the command's."""


class WrongLengthError(CandmError):
    """A reply that is shorter or longer than its kind."""


class BadTimestampError(CandmError):
    """A time whose nanoseconds aren't below a second."""


class Tracking:
    """What chronyd says about the system clock; `_q89` is a whole number of 2**-89 of the unit, exact.

    What every poll looks at is computed at once, the rest when it is asked for.
    """

    __slots__ = (
        "_datagram",
        "_last_update_interval",
        "current_correction_q89_s",
        "leap_status",
        "ref_id",
        "ref_time_ns",
        "root_delay_q89_s",
        "root_dispersion_q89_s",
    )

    _datagram: bytes
    _last_update_interval: int
    #: The source that chronyd follows.
    ref_id: int
    #: A `CandmLeap`, if it is one that the protocol defines.
    leap_status: int
    #: Realtime of the last update, as chronyd corrects it; 0 when there was none.
    ref_time_ns: int
    #: What chronyd has still to correct; above 0 when the system clock is slow.
    current_correction_q89_s: int
    #: Round trip to the reference clock.
    root_delay_q89_s: int
    #: Error accumulated on the way from the reference clock, and since.
    root_dispersion_q89_s: int

    @property
    def _reply(self) -> _candm.TrackingReply:
        return _candm.unpack_tracking_reply(self._datagram)

    @property
    def ip_address(self) -> bytes:
        """Its address, 16 bytes."""
        return self._reply.ip_addr_address

    @property
    def ip_family(self) -> int:
        """How that is to be read, a `CandmFamily`."""
        return self._reply.ip_addr_family

    @property
    def stratum(self) -> int:
        """Hops from a reference clock."""
        return self._reply.stratum

    @property
    def last_offset_q89_s(self) -> int:
        """Offset found by the last update."""
        return decode_float(self._reply.last_offset)

    @property
    def rms_offset_q89_s(self) -> int:
        """Long-term average of the offsets."""
        return decode_float(self._reply.rms_offset)

    @property
    def last_update_interval_q89_s(self) -> int:
        """Time between the last two updates."""
        return decode_float(self._last_update_interval)

    @property
    def freq_q89_ppm(self) -> int:
        """How fast the clock would drift if chronyd didn't correct it."""
        return decode_float(self._reply.freq_ppm)

    @property
    def resid_freq_q89_ppm(self) -> int:
        """What of the frequency isn't corrected yet."""
        return decode_float(self._reply.resid_freq_ppm)

    @property
    def skew_q89_ppm(self) -> int:
        """Error bound on the frequency."""
        return decode_float(self._reply.skew_ppm)


class Done:
    """chronyd has done what it was told."""


_REQUEST_SEQUENCE = slice(
    _candm.REQUEST_HEADER_SEQUENCE_OFFSET_BYTES, _candm.REQUEST_HEADER_SEQUENCE_OFFSET_BYTES + 4
)
#: The beginning of every good reply: as far as the sequence number, and without it.
_REPLY_HEAD = slice(_candm.TRACKING_REPLY_SEQUENCE_OFFSET_BYTES + 4)
_GOOD_HEAD = _candm.pack_tracking_reply(_candm.TrackingReply(status=CandmStatus.SUCCESS))[_REPLY_HEAD][:-4]
_DONE = Done()


class Question:
    """Something to ask of chronyd. Every request has its sequence number at the same place."""

    __slots__ = ("_after_sequence", "_before_sequence", "answer", "command")

    def __init__(
        self, command: CandmCommand, request: bytes, answer: Callable[[bytes, bytes], Tracking | Done]
    ) -> None:
        self.command = command
        self._before_sequence = request[: _REQUEST_SEQUENCE.start]
        self._after_sequence = request[_REQUEST_SEQUENCE.stop :]
        #: (datagram, sequence): what the answer to request `sequence` says; a `CandmError` when `datagram` isn't that
        #: answer.
        self.answer = answer

    def request(self, sequence: bytes) -> bytes:
        """The request with the 4 bytes of `sequence`."""
        return self._before_sequence + sequence + self._after_sequence


def sample_of(datagram: bytes) -> Tracking:
    """What the TRACKING reply `datagram` says; BadTimestampError when its time can't be."""
    # In the order of the spec's PICKED, which is that of the reply.
    (
        ref_id,
        leap_status,
        ref_time_sec_high,
        ref_time_sec_low,
        ref_time_nsec,
        current_correction,
        root_delay,
        root_dispersion,
        last_update_interval,
    ) = pick_tracking_reply(datagram)
    if ref_time_nsec >= NANOSECONDS_PER_SECOND:
        raise BadTimestampError(
            f"chronyd's reference time has {ref_time_nsec} nanoseconds, but a second has only "
            f"{NANOSECONDS_PER_SECOND}; check that the socket is chronyd's"
        )
    if ref_time_sec_high == NO_HIGH_SECONDS:
        ref_time_sec_high = 0
    seconds = ref_time_sec_high * 2**32 + ref_time_sec_low
    # Not by an __init__, to which the interpreter takes a long way, once a second.
    sample = Tracking()
    sample._datagram = datagram
    sample._last_update_interval = last_update_interval
    sample.ref_id = ref_id
    sample.leap_status = leap_status
    sample.ref_time_ns = seconds * NANOSECONDS_PER_SECOND + ref_time_nsec
    sample.current_correction_q89_s = decode_float(current_correction)
    sample.root_delay_q89_s = decode_float(root_delay)
    sample.root_dispersion_q89_s = decode_float(root_dispersion)
    return sample


def tracking(datagram: bytes, sequence: bytes) -> Tracking:
    """What the answer to TRACKING request `sequence` says; a `CandmError` when `datagram` isn't that answer."""
    # Mostly it is as it should be, which a comparison shows at once; check_reply finds out what is the matter.
    if len(datagram) != TRACKING_REPLY_SIZE_BYTES or datagram[_REPLY_HEAD] != _GOOD_HEAD + sequence:
        check_reply(datagram, CandmCommand.TRACKING, CandmReply.TRACKING, TRACKING_REPLY_SIZE_BYTES, sequence)
    return sample_of(datagram)


def _done(command: CandmCommand) -> Callable[[bytes, bytes], Done]:
    def done(datagram: bytes, sequence: bytes) -> Done:
        check_reply(datagram, command, CandmReply.NULL, _candm.REPLY_HEADER_SIZE_BYTES, sequence)
        return _DONE

    return done


def check_reply(datagram: bytes, command: int, reply_code: int, length_bytes: int, sequence: bytes) -> None:
    """Raise a `CandmError` unless `datagram` answers request `sequence` with success and the right body.

    Whose answer it is comes first, what chronyd made of the request second, the shape last: an error's
    reply is a bare header, so that its length says nothing.
    """
    if len(datagram) < _candm.REPLY_HEADER_SIZE_BYTES:
        raise ShortReplyError(
            f"chronyd's reply has {len(datagram)} bytes, fewer than the {_candm.REPLY_HEADER_SIZE_BYTES} of a header; "
            "check that the socket is chronyd's"
        )
    version = datagram[_candm.REPLY_HEADER_VERSION_OFFSET_BYTES]
    if version != _candm.REPLY_HEADER_VERSION:
        raise WrongVersionError(
            f"chronyd speaks version {version} of its protocol, this daemon version {_candm.REPLY_HEADER_VERSION}; "
            "use a chronyd of version 3.0 or later"
        )
    packet_type = datagram[_candm.REPLY_HEADER_PKT_TYPE_OFFSET_BYTES]
    if packet_type != _candm.REPLY_HEADER_PKT_TYPE:
        raise WrongPacketTypeError(
            f"chronyd's packet is of type {packet_type}, not of type {_candm.REPLY_HEADER_PKT_TYPE} as a reply; "
            "check that the socket is chronyd's"
        )
    header = _candm.unpack_reply_header(datagram)
    if header.command != command:
        raise WrongCommandError(
            f"chronyd answered command {header.command}, but {command:d} was asked; "
            "nothing to do unless it lasts: replies that come late are dropped"
        )
    asked = int.from_bytes(sequence, "big")
    if header.sequence != asked:
        raise WrongSequenceError(
            f"chronyd answered request {header.sequence:#010x}, but {asked:#010x} was asked; "
            "nothing to do unless it lasts: replies that come late are dropped"
        )
    if header.status != CandmStatus.SUCCESS:
        raise ErrorStatusError(
            f"chronyd refused command {command:d} with status {header.status} ({_status_name(header.status)}); "
            "check its version and the permissions of its socket"
        )
    if header.reply != reply_code:
        raise WrongReplyCodeError(
            f"chronyd's reply is of kind {header.reply}, not {reply_code:d}; use a chronyd of version 3.0 or later"
        )
    if len(datagram) != length_bytes:
        raise WrongLengthError(
            f"chronyd's reply has {len(datagram)} bytes, not {length_bytes}; use a chronyd of version 3.0 or later"
        )


TRACKING = Question(CandmCommand.TRACKING, _candm.pack_tracking_request(_candm.TrackingRequest()), tracking)
#: Makes chronyd drop all measurements. Those before 4.0 can't, and say so (ErrorStatusError).
RESET_SOURCES = Question(
    CandmCommand.RESET_SOURCES,
    _candm.pack_reset_sources_request(_candm.ResetSourcesRequest()),
    _done(CandmCommand.RESET_SOURCES),
)
#: Makes chronyd measure all servers at once. One that has reference clocks only says that there are none.
BURST = Question(
    CandmCommand.BURST,
    _candm.pack_burst_request(
        _candm.BurstRequest(good_samples=BURST_GOOD_COUNT, total_samples=BURST_TOTAL_COUNT)
    ),
    _done(CandmCommand.BURST),
)


def _status_name(status: int) -> str:
    try:
        return CandmStatus(status).name
    except ValueError:
        return "of unknown meaning"
