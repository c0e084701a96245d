"""Answers of a real chronyd: construct and the generated code read them alike, and as chronyc prints them.

Two private chronyd, which may not touch the system clock (-x): the second follows the first, from which
it is told to be 12.3 ms away, so that no field of its answer is 0.
"""

from __future__ import annotations

import csv
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from clockbound_spec import candm
from clockbound_spec.declare import Layout
from generated import module_of_messages
from wire import float_value, parse

CANDM = module_of_messages()
SEQUENCE = 0x1234ABCD
START_TIMEOUT_S = 60


def program(name: str) -> str:
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    assert path, f"{name}: not found; install chrony (apt-get install --no-install-recommends chrony)"
    return path


@contextmanager
def chronyd(folder: Path, name: str, configuration: str) -> Iterator[subprocess.Popen[bytes]]:
    """A chronyd of the current user, and its command socket at folder/name/chronyd.sock."""
    file = folder / f"{name}.conf"
    file.write_text(
        f"{configuration}\ncmdport 0\n"
        f"bindcmdaddress {folder}/{name}/chronyd.sock\npidfile {folder}/{name}/chronyd.pid\n"
    )
    # A copy, because where AppArmor confines chronyd it does so by the program's path.
    copy = folder / "chronyd"
    if not copy.exists():
        shutil.copy(program("chronyd"), copy)
    user = pwd.getpwuid(os.geteuid()).pw_name
    with (folder / f"{name}.log").open("wb") as log:
        process = subprocess.Popen([copy, "-x", "-U", "-u", user, "-d", "-f", file], stdout=log, stderr=log)
    try:
        yield process
    finally:
        process.send_signal(signal.SIGCONT)
        process.kill()
        process.wait()


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Chronyd:
    """Asks a chronyd; its reply socket is bound beside chronyd's own, because others get no answer."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        reply_path = path.parent / "reply.sock"
        self.socket.bind(str(reply_path))
        reply_path.chmod(0o666)
        self.socket.settimeout(30)

    def ask(self, request: bytes) -> bytes:
        self.socket.sendto(request, str(self.path))
        return self.socket.recv(1000)

    def tracking(self) -> bytes:
        return self.ask(CANDM.pack_tracking_request(CANDM.TrackingRequest(sequence=SEQUENCE)))


def wait_for(what: str, log: Path, ready: Any) -> Any:
    end_s = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < end_s:
        if result := ready():
            return result
        time.sleep(0.05)
    raise AssertionError(f"no {what} after {START_TIMEOUT_S} s; {log} says: {log.read_text()}")


@pytest.fixture(scope="module")
def client() -> Iterator[Chronyd]:
    """A chronyd that has followed its server for a while, and whose server has been stopped since."""
    with ExitStack() as stack:
        # Not pytest's own folder: the path of a socket must be short.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="clockbound-")))
        port = free_port()
        server = stack.enter_context(
            chronyd(
                folder, "server", f"local stratum 1\nallow 127.0.0.1/32\nport {port}\nbindaddress 127.0.0.1"
            )
        )
        source = f"server 127.0.0.1 port {port} iburst minpoll -4 maxpoll -4 offset 0.0123\nport 0"
        stack.enter_context(chronyd(folder, "client", source))
        path, log = folder / "client/chronyd.sock", folder / "client.log"
        wait_for("command socket", log, path.exists)
        asked = Chronyd(path)
        stack.callback(asked.socket.close)

        def is_settled() -> bool:
            answer = candm.TRACKING_REPLY.parse(asked.tracking())
            measured = (
                "last_offset",
                "rms_offset",
                "freq_ppm",
                "skew_ppm",
                "root_delay",
                "last_update_interval",
            )
            return answer.leap_status == 0 and all(answer[name] for name in measured)

        wait_for("measurement", log, is_settled)
        server.send_signal(signal.SIGSTOP)
        time.sleep(0.3)
        asked.tracking()  # what was under way has arrived when it answers
        yield asked


def values(layout: Layout, reply: bytes) -> dict[str, Any]:
    """What the generated code makes of `reply`, in construct's terms."""
    record = getattr(CANDM, f"unpack_{layout.layout_name}")(reply)
    floats = {name for name, value in parse(layout, reply).items() if isinstance(value, Fraction)}
    return {name: float_value(value) if name in floats else value for name, value in record._asdict().items()}


def test_a_real_tracking_reply_parses_alike(client: Chronyd) -> None:
    reply = client.tracking()
    assert len(reply) == candm.TRACKING_REPLY.size_bytes
    expected = parse(candm.TRACKING_REPLY, reply)
    assert expected == values(candm.TRACKING_REPLY, reply)
    assert expected["sequence"] == SEQUENCE
    assert expected["status"] == CANDM.CandmStatus.SUCCESS
    assert CANDM.tracking_reply_invalid(CANDM.unpack_tracking_reply(reply)) == ""
    header = candm.TRACKING_REPLY.parse(reply)
    assert (header.version, header.pkt_type, header.command, header.reply) == (6, 2, 33, 5)


def test_decode_float_agrees_on_every_float_of_a_real_reply(client: Chronyd) -> None:
    reply = client.tracking()
    record = CANDM.unpack_tracking_reply(reply)
    expected = parse(candm.TRACKING_REPLY, reply)
    floats = [name for name, value in expected.items() if isinstance(value, Fraction)]
    assert len(floats) == 9
    for name in floats:
        assert expected[name] * 2**CANDM.FLOAT_FRACTION_BITS == CANDM.decode_float(getattr(record, name)), (
            name
        )


# chronyc's columns behind the reference id and the address; "leap" is the last one.
COLUMNS = [
    "stratum",
    "ref_time",
    "current_correction",
    "last_offset",
    "rms_offset",
    "freq_ppm",
    "resid_freq_ppm",
    "skew_ppm",
    "root_delay",
    "root_dispersion",
    "last_update_interval",
]


def as_printed(reply: bytes) -> dict[str, Fraction]:
    parsed = parse(candm.TRACKING_REPLY, reply)
    parsed["ref_time"] = parsed["ref_time_sec_low"] + Fraction(parsed["ref_time_nsec"], 10**9)
    return {name: Fraction(parsed[name]) for name in COLUMNS}


def test_chronyc_prints_the_same_numbers(client: Chronyd) -> None:
    """Some fields move all the time, so ours are read before and after chronyc's, which must lie between."""
    before = client.tracking()
    output = subprocess.run(
        [program("chronyc"), "-h", client.path, "-c", "-n", "tracking"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    after = client.tracking()
    [row] = csv.reader([output.strip()])
    reference_id, address, *numbers, leap = row
    parsed = parse(candm.TRACKING_REPLY, before)
    assert f"{parsed['ref_id']:08X}" == reference_id
    assert parsed["ip_addr_family"] == CANDM.CandmFamily.INET4
    assert socket.inet_ntoa(parsed["ip_addr_address"][:4]) == address == "127.0.0.1"
    assert leap == "Normal"
    assert parsed["leap_status"] == CANDM.CandmLeap.NORMAL
    first, last = as_printed(before), as_printed(after)
    for name, printed in zip(COLUMNS, numbers, strict=True):
        half_a_digit = Fraction(Decimal(1).scaleb(int(Decimal(printed).as_tuple().exponent))) / 2
        lowest, highest = sorted([first[name], last[name]])
        assert lowest - half_a_digit <= Fraction(printed) <= highest + half_a_digit, (name, printed)
        if name not in ("current_correction", "root_dispersion"):
            assert first[name] == last[name], name
    assert abs(first["current_correction"]) > Fraction(1, 100)


REQUESTS = {
    "n_sources": (CANDM.pack_n_sources_request(CANDM.NSourcesRequest(sequence=1)), candm.N_SOURCES_REPLY),
    "source_data": (
        CANDM.pack_source_data_request(CANDM.SourceDataRequest(sequence=1)),
        candm.SOURCE_DATA_REPLY,
    ),
    "activity": (CANDM.pack_activity_request(CANDM.ActivityRequest(sequence=1)), candm.ACTIVITY_REPLY),
    "burst": (
        CANDM.pack_burst_request(CANDM.BurstRequest(sequence=1, good_samples=1, total_samples=1)),
        candm.REPLY_HEADER,
    ),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_chronyd_takes_our_request_and_answers_with_the_declared_length(client: Chronyd, name: str) -> None:
    request, layout = REQUESTS[name]
    reply = client.ask(request)
    assert layout.size_bytes == len(reply)
    expected = parse(layout, reply)
    assert expected == values(layout, reply)
    assert expected["sequence"] == 1
    assert expected["status"] == CANDM.CandmStatus.SUCCESS


def test_the_one_source_is_described(client: Chronyd) -> None:
    count = CANDM.unpack_n_sources_reply(client.ask(REQUESTS["n_sources"][0]))
    source = CANDM.unpack_source_data_reply(client.ask(REQUESTS["source_data"][0]))
    activity = CANDM.unpack_activity_reply(client.ask(REQUESTS["activity"][0]))
    assert count.n_sources == 1
    assert source.ip_addr_family == CANDM.CandmFamily.INET4
    assert source.ip_addr_address == bytes([127, 0, 0, 1]) + bytes(12)
    assert source.poll == -4
    assert source.mode == CANDM.CandmSourceMode.CLIENT
    assert CANDM.source_data_reply_invalid(source) == ""
    assert activity.online + activity.burst_online == 1
    assert activity.offline == activity.burst_offline == activity.unresolved == 0


def test_a_source_that_is_not_there_gets_a_bare_header_with_the_status(client: Chronyd) -> None:
    reply = client.ask(CANDM.pack_source_data_request(CANDM.SourceDataRequest(sequence=9, source_index=5)))
    assert len(reply) == candm.REPLY_HEADER.size_bytes
    header = CANDM.unpack_reply_header(reply)
    assert header.status == CANDM.CandmStatus.NO_SUCH_SOURCE
    assert header.reply == CANDM.CandmReply.NULL
    assert header.command == CANDM.CandmCommand.SOURCE_DATA


def test_a_request_that_is_shorter_than_its_reply_is_refused(client: Chronyd) -> None:
    request = CANDM.pack_tracking_request(CANDM.TrackingRequest(sequence=7))
    header = CANDM.unpack_reply_header(client.ask(request[:-4]))
    assert header.status == CANDM.CandmStatus.BAD_PACKET_LENGTH


def test_reset_sources_makes_chronyd_unsynchronised(client: Chronyd) -> None:
    """The last test, because it spoils the measurement."""
    request = CANDM.pack_reset_sources_request(CANDM.ResetSourcesRequest(sequence=3))
    header = CANDM.unpack_reply_header(client.ask(request))
    assert (header.status, header.sequence) == (CANDM.CandmStatus.SUCCESS, 3)
    assert candm.TRACKING_REPLY.parse(client.tracking()).leap_status == CANDM.CandmLeap.UNSYNCHRONISED
