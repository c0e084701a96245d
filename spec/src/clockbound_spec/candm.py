"""chronyd's command protocol (candm), version 6: the messages that the daemon sends and understands.

Requests and replies are single datagrams, big-endian. A request is as long as its reply, so that the
protocol can't be used to amplify traffic.
"""

from __future__ import annotations

from typing import Any

from construct import Bytes, Int8ub, Int16sb, Int16ub, Int32sb, Int32ub

from clockbound_spec.declare import (
    Anything,
    Between,
    Enumeration,
    Exactly,
    Float32,
    Layout,
    Member,
    OneOf,
    Reserved,
    Valid,
    field,
)
from clockbound_spec.vocabulary import NANOSECONDS_PER_SECOND, Limit

CLIENT = "chronyd's client"
CHRONYD = "chronyd"

_LOCAL_REFERENCE_ID = 0x7F7F_0101
_NO_HIGH_SECONDS = 0x7FFF_FFFF

NUMBERS = (
    Limit(
        "LOCAL_REFERENCE_ID",
        _LOCAL_REFERENCE_ID,
        "The reference id (127.127.1.1) of a chronyd that follows nothing but its own clock (local in chrony.conf).",
    ),
    Limit(
        "NO_HIGH_SECONDS",
        _NO_HIGH_SECONDS,
        "The seconds' high word of hosts with 32-bit time: it stands for 0.",
    ),
)

COMMAND = Enumeration(
    "CandmCommand",
    "",
    "What a request asks of chronyd.",
    (
        Member("BURST", 3, "Take a burst of measurements."),
        Member("N_SOURCES", 14, "How many sources there are."),
        Member("SOURCE_DATA", 15, "One source's latest measurement."),
        Member("TRACKING", 33, "How the system clock is doing."),
        Member("ACTIVITY", 44, "How many sources are online."),
        Member("RESET_SOURCES", 66, "Drop all measurements."),
    ),
)

REPLY = Enumeration(
    "CandmReply",
    "",
    "Which body follows a reply's header.",
    (
        Member("NULL", 1, "None."),
        Member("N_SOURCES", 2, "The number of sources."),
        Member("SOURCE_DATA", 3, "One source."),
        Member("TRACKING", 5, "The state of the system clock."),
        Member("ACTIVITY", 12, "Numbers of sources by state."),
    ),
)

STATUS = Enumeration(
    "CandmStatus",
    "",
    "What became of a request.",
    (
        Member("SUCCESS", 0, "Done."),
        Member("FAILED", 1, "Failed."),
        Member("UNAUTHORISED", 2, "Not allowed through this socket."),
        Member("INVALID", 3, "Unknown command."),
        Member("NO_SUCH_SOURCE", 4, "No such source."),
        Member("INVALID_TIMESTAMP", 5, "Invalid time stamp."),
        Member("NOT_ENABLED", 6, "Not enabled."),
        Member("BAD_SUBNET", 7, "Bad subnet."),
        Member("ACCESS_ALLOWED", 8, "Access allowed."),
        Member("ACCESS_DENIED", 9, "Access denied."),
        Member("SOURCE_KNOWN", 11, "The source is there already."),
        Member("TOO_MANY_SOURCES", 12, "Too many sources."),
        Member("NO_RTC", 13, "No real-time clock."),
        Member("BAD_RTC_FILE", 14, "Bad real-time clock file."),
        Member("INACTIVE", 15, "Inactive."),
        Member("BAD_SAMPLE", 16, "Bad sample."),
        Member("INVALID_FAMILY", 17, "Invalid address family."),
        Member("BAD_PACKET_VERSION", 18, "Another version of the protocol is needed."),
        Member("BAD_PACKET_LENGTH", 19, "The request has the wrong length."),
        Member("INVALID_NAME", 21, "Invalid name."),
    ),
)

LEAP = Enumeration(
    "CandmLeap",
    "",
    "Leap status of the system clock.",
    (
        Member("NORMAL", 0, "No leap second ahead."),
        Member("INSERT_SECOND", 1, "A second will be inserted at the end of the day."),
        Member("DELETE_SECOND", 2, "A second will be left out at the end of the day."),
        Member("UNSYNCHRONISED", 3, "Not synchronised."),
    ),
)

SOURCE_STATE = Enumeration(
    "CandmSourceState",
    "",
    "What chronyd makes of a source.",
    (
        Member("SELECTED", 0, "Selected for synchronisation."),
        Member("NONSELECTABLE", 1, "Can't be selected."),
        Member("FALSETICKER", 2, "Disagrees with the majority."),
        Member("JITTERY", 3, "Too variable."),
        Member("UNSELECTED", 4, "Combined with the selected one, or left out."),
        Member("SELECTABLE", 5, "Could be selected."),
    ),
)

SOURCE_MODE = Enumeration(
    "CandmSourceMode",
    "",
    "What kind of source it is.",
    (
        Member("CLIENT", 0, "A server that chronyd asks."),
        Member("PEER", 1, "A peer."),
        Member("REFCLOCK", 2, "A reference clock."),
    ),
)

FAMILY = Enumeration(
    "CandmFamily",
    "",
    "How an address is to be read.",
    (
        Member("UNSPECIFIED", 0, "No address."),
        Member("INET4", 1, "IPv4, in the first 4 bytes; for a reference clock its reference id."),
        Member("INET6", 2, "IPv6."),
        Member("ID", 3, "A source without an address yet: its number, in the first 4 bytes."),
    ),
)

ENUMERATIONS = (COMMAND, REPLY, STATUS, LEAP, SOURCE_STATE, SOURCE_MODE, FAMILY)
#: Those of what the daemon itself says and hears. It has to start fast, so it gets no others.
DAEMON_ENUMERATIONS = (COMMAND, REPLY, STATUS, LEAP, FAMILY)


class _By:
    """Declares fields that one side of the conversation writes."""

    def __init__(self, writer: str) -> None:
        self.writer = writer

    def __call__(
        self, name: str, subcon: Any, at: int, unit: str, meaning: str, valid: Valid | None = None
    ) -> object:
        return field(
            name, subcon, at=at, unit=unit, meaning=meaning, valid=valid or Anything(), writer=self.writer
        )

    def pad(self, name: str, subcon: Any, at: int) -> object:
        return self(name, subcon, at, "-", "Reserved.", Reserved())


ask = _By(CLIENT)
say = _By(CHRONYD)


def _address(writer: str) -> Layout:
    by = _By(writer)
    return Layout(
        "ip_addr",
        by("address", Bytes(16), 0, "id", "The address, from the first byte on; the rest is 0."),
        by("family", Int16ub, 16, "code", "How the address is to be read.", OneOf(FAMILY)),
        by.pad("pad", Int16ub, 18),
        size_bytes=20,
        title="IPAddr",
        meaning="The address of a source.",
    )


ASKED_ADDRESS = _address(CLIENT)
IP_ADDR = _address(CHRONYD)

TIMESPEC = Layout(
    "timespec",
    say(
        "sec_high",
        Int32ub,
        0,
        "s",
        f"Seconds above 2**32; {_NO_HIGH_SECONDS:#x} stands for 0, that is, for none.",
    ),
    say("sec_low", Int32ub, 4, "s", "Seconds below 2**32."),
    say("nsec", Int32ub, 8, "ns", "Nanoseconds within the second.", Between(0, NANOSECONDS_PER_SECOND - 1)),
    size_bytes=12,
    title="Timespec",
    meaning="An instant of real time.",
)


def _request_header(command: int | None) -> list[object]:
    return [
        ask("version", Int8ub, 0, "code", "Version of the protocol.", Exactly(6)),
        ask("pkt_type", Int8ub, 1, "code", "1: a request.", Exactly(1)),
        ask.pad("reserved1", Int8ub, 2),
        ask.pad("reserved2", Int8ub, 3),
        ask(
            "command",
            Int16ub,
            4,
            "code",
            "What is asked.",
            OneOf(COMMAND) if command is None else Exactly(command),
        ),
        ask("attempt", Int16ub, 6, "count", "How often this was asked before; chronyd doesn't look at it."),
        ask("sequence", Int32ub, 8, "id", "Comes back with the reply: a new random number for each attempt."),
        ask.pad("pad1", Int32ub, 12),
        ask.pad("pad2", Int32ub, 16),
    ]


def _request(name: str, command: str, *body: object, size_bytes: int, title: str, meaning: str) -> Layout:
    value = {member.name: member.value for member in COMMAND.members}[command]
    fields = [*_request_header(value), *body]
    last: Any = fields[-1]
    end = last.offset_bytes + last.sizeof()
    if end < size_bytes:
        fields.append(
            ask(
                "fill",
                Bytes(size_bytes - end),
                end,
                "-",
                "Makes the request as long as its reply.",
                Reserved(),
            )
        )
    return Layout(name, *fields, size_bytes=size_bytes, title=title, meaning=meaning)


def _reply_header(command: str | None = None, reply: str | None = None) -> list[object]:
    commands = {member.name: member.value for member in COMMAND.members}
    replies = {member.name: member.value for member in REPLY.members}
    return [
        say("version", Int8ub, 0, "code", "Version of the protocol.", Exactly(6)),
        say("pkt_type", Int8ub, 1, "code", "2: a reply.", Exactly(2)),
        say.pad("reserved1", Int8ub, 2),
        say.pad("reserved2", Int8ub, 3),
        say(
            "command",
            Int16ub,
            4,
            "code",
            "The command that this answers.",
            Exactly(commands[command]) if command else Anything("must be the request's"),
        ),
        say(
            "reply",
            Int16ub,
            6,
            "code",
            "Which body follows.",
            Exactly(replies[reply]) if reply else Anything("NULL on every error"),
        ),
        say(
            "status",
            Int16ub,
            8,
            "code",
            "What became of the request.",
            Anything("0 is success; look here first"),
        ),
        say.pad("pad1", Int16ub, 10),
        say.pad("pad2", Int16ub, 12),
        say.pad("pad3", Int16ub, 14),
        say("sequence", Int32ub, 16, "id", "The request's sequence.", Anything("must be the request's")),
        say.pad("pad4", Int32ub, 20),
        say.pad("pad5", Int32ub, 24),
    ]


REQUEST_HEADER = Layout(
    "request_header",
    *_request_header(None),
    size_bytes=20,
    title="Request header",
    meaning="Begins every request.",
)

REPLY_HEADER = Layout(
    "reply_header",
    *_reply_header(),
    size_bytes=28,
    title="Reply header",
    meaning="Begins every reply; replies without a body, and all errors, consist of it.",
)

TRACKING_REQUEST = _request(
    "tracking_request",
    "TRACKING",
    size_bytes=104,
    title="TRACKING request",
    meaning="Asks how the clock is doing.",
)

TRACKING_REPLY = Layout(
    "tracking_reply",
    *_reply_header("TRACKING", "TRACKING"),
    say(
        "ref_id",
        Int32ub,
        28,
        "id",
        f"Reference id of the selected source; {_LOCAL_REFERENCE_ID:08X} is chronyd's own local clock.",
    ),
    field("ip_addr", IP_ADDR, at=32, meaning="Address of the selected source."),
    say("stratum", Int16ub, 52, "count", "Hops from a reference clock."),
    say("leap_status", Int16ub, 54, "code", "Leap status.", OneOf(LEAP)),
    field(
        "ref_time", TIMESPEC, at=56, meaning="When the clock was last updated, in chronyd's corrected time."
    ),
    say(
        "current_correction",
        Float32,
        68,
        "s",
        "What is still to be corrected; more than 0 when the system clock is slow.",
    ),
    say("last_offset", Float32, 72, "s", "Offset found by the last update."),
    say("rms_offset", Float32, 76, "s", "Long-term average of the offsets."),
    say("freq_ppm", Float32, 80, "ppm", "How fast the clock would drift if chronyd didn't correct it."),
    say("resid_freq_ppm", Float32, 84, "ppm", "What of the frequency isn't corrected yet."),
    say("skew_ppm", Float32, 88, "ppm", "Error bound on the frequency."),
    say(
        "root_delay",
        Float32,
        92,
        "s",
        "Round trip to the reference clock.",
        Anything("negative isn't usable"),
    ),
    say(
        "root_dispersion",
        Float32,
        96,
        "s",
        "Error accumulated on the way from the reference clock and since.",
        Anything("negative isn't usable"),
    ),
    say("last_update_interval", Float32, 100, "s", "Time between the last two updates."),
    size_bytes=104,
    title="TRACKING reply",
    meaning="How wrong the system clock can be.",
)

RESET_SOURCES_REQUEST = _request(
    "reset_sources_request",
    "RESET_SOURCES",
    size_bytes=28,
    title="RESET_SOURCES request",
    meaning="Makes chronyd drop all measurements.",
)

BURST_REQUEST = _request(
    "burst_request",
    "BURST",
    field(
        "mask", ASKED_ADDRESS, at=20, meaning="Mask on the sources' addresses; family 0 takes all of them."
    ),
    field("address", ASKED_ADDRESS, at=40, meaning="Address to compare with; family 0 takes all of them."),
    ask("good_samples", Int32sb, 60, "count", "Good measurements to take.", Between(1, 2**31 - 1)),
    ask("total_samples", Int32sb, 64, "count", "Measurements to try at most.", Between(1, 2**31 - 1)),
    size_bytes=68,
    title="BURST request",
    meaning="Makes chronyd measure at once.",
)

N_SOURCES_REQUEST = _request(
    "n_sources_request",
    "N_SOURCES",
    size_bytes=32,
    title="N_SOURCES request",
    meaning="Asks how many sources there are.",
)

N_SOURCES_REPLY = Layout(
    "n_sources_reply",
    *_reply_header("N_SOURCES", "N_SOURCES"),
    say("n_sources", Int32ub, 28, "count", "How many sources there are."),
    size_bytes=32,
    title="N_SOURCES reply",
    meaning="How many sources there are.",
)

SOURCE_DATA_REQUEST = _request(
    "source_data_request",
    "SOURCE_DATA",
    ask("source_index", Int32sb, 20, "count", "Which source, from 0.", Between(0, 2**31 - 1)),
    size_bytes=76,
    title="SOURCE_DATA request",
    meaning="Asks for one source's latest measurement.",
)

SOURCE_DATA_REPLY = Layout(
    "source_data_reply",
    *_reply_header("SOURCE_DATA", "SOURCE_DATA"),
    field("ip_addr", IP_ADDR, at=28, meaning="Address of the source."),
    say("poll", Int16sb, 48, "log2(s)", "Polling interval."),
    say("stratum", Int16ub, 50, "count", "Hops from a reference clock."),
    say("state", Int16ub, 52, "code", "What chronyd makes of the source.", OneOf(SOURCE_STATE)),
    say("mode", Int16ub, 54, "code", "What kind of source it is.", OneOf(SOURCE_MODE)),
    say("flags", Int16ub, 56, "bits", "Options of the source: 1 no select, 2 prefer, 4 trust, 8 require."),
    say("reachability", Int16ub, 58, "bits", "The last eight polls, the latest in the lowest bit."),
    say("since_sample", Int32ub, 60, "s", "Age of the latest measurement."),
    say("orig_latest_meas", Float32, 64, "s", "The latest measurement as it was made."),
    say("latest_meas", Float32, 68, "s", "The latest measurement, corrected for adjustments since."),
    say("latest_meas_err", Float32, 72, "s", "Error bound on the latest measurement."),
    size_bytes=76,
    title="SOURCE_DATA reply",
    meaning="One source's latest measurement.",
)

ACTIVITY_REQUEST = _request(
    "activity_request",
    "ACTIVITY",
    size_bytes=48,
    title="ACTIVITY request",
    meaning="Asks which sources are online.",
)

ACTIVITY_REPLY = Layout(
    "activity_reply",
    *_reply_header("ACTIVITY", "ACTIVITY"),
    say("online", Int32sb, 28, "count", "Sources online."),
    say("offline", Int32sb, 32, "count", "Sources offline."),
    say("burst_online", Int32sb, 36, "count", "Sources in a burst that return to online."),
    say("burst_offline", Int32sb, 40, "count", "Sources in a burst that return to offline."),
    say("unresolved", Int32sb, 44, "count", "Sources whose name isn't resolved yet."),
    size_bytes=48,
    title="ACTIVITY reply",
    meaning="Numbers of sources by state.",
)

#: What the daemon itself says and hears.
DAEMON_LAYOUTS = (
    REQUEST_HEADER,
    REPLY_HEADER,
    TRACKING_REQUEST,
    TRACKING_REPLY,
    RESET_SOURCES_REQUEST,
    BURST_REQUEST,
)
#: What it looks at in each reply, once a second; the rest only when somebody asks.
PICKED = {
    "tracking_reply": (
        "ref_id",
        "leap_status",
        "ref_time_sec_high",
        "ref_time_sec_low",
        "ref_time_nsec",
        "current_correction",
        "root_delay",
        "root_dispersion",
        "last_update_interval",
    )
}
LAYOUTS = (
    *DAEMON_LAYOUTS,
    N_SOURCES_REQUEST,
    N_SOURCES_REPLY,
    SOURCE_DATA_REQUEST,
    SOURCE_DATA_REPLY,
    ACTIVITY_REQUEST,
    ACTIVITY_REPLY,
)
