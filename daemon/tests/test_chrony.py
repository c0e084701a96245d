"""The exchange with chronyd: a made-up one for what the real one can't be made to do."""

from __future__ import annotations

import contextlib
import os
import select
import shutil
import socket
import stat
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from clockbound_daemon import candm, chrony
from clockbound_daemon.chrony import RECEIVE_LIMIT_COUNT, ChronyClient
from clockbound_daemon.errors import NoSampleError
from clockbound_spec.candm import REPLY_HEADER
from daemon_support import WAIT_S, FakeChronyd, descriptors_count, reply

NOBODY = 65534
root_only = pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be somebody else")


@pytest.fixture
def fake(directory: Path) -> Iterator[FakeChronyd]:
    made_up = FakeChronyd(directory / "chronyd.sock")
    yield made_up
    made_up.socket.close()


@pytest.fixture
def client(directory: Path) -> Iterator[ChronyClient]:
    made = ChronyClient(str(directory / "chronyd.sock"))
    yield made
    made.close()


def reply_socket(directory: Path) -> Path:
    return directory / f"clockbound-{os.getpid()}.sock"


def answered(client: ChronyClient, fake: FakeChronyd) -> bool:
    """Whether a whole exchange works."""
    client.ask()
    fake.send(reply(fake.take()))
    return client.receive() is not None


@contextmanager
def somebody_else() -> Iterator[None]:
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_an_answer_is_taken(client: ChronyClient, fake: FakeChronyd) -> None:
    client.ask()
    assert client.waiting
    assert not os.get_blocking(client.descriptor)
    fake.send(reply(fake.take(), stratum=9))
    sample = client.receive()
    assert sample is not None
    assert sample.stratum == 9
    assert not client.waiting


def test_an_answer_that_is_not_there_yet_is_not_waited_for(client: ChronyClient, fake: FakeChronyd) -> None:
    client.ask()
    assert client.receive() is None
    assert client.waiting


def test_every_question_has_a_number_of_its_own(client: ChronyClient, fake: FakeChronyd) -> None:
    count = 2 * chrony.SEQUENCES_COUNT + 1
    for _ in range(count):
        assert answered(client, fake)
    assert len(set(fake.sequences)) == count


def test_no_number_can_be_told_from_another(
    client: ChronyClient, fake: FakeChronyd, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = [bytes([i]) * 4 for i in range(chrony.SEQUENCES_COUNT)]
    monkeypatch.setattr(os, "urandom", lambda bytes_count: random.pop() if bytes_count == 4 else b"")
    for _ in range(chrony.SEQUENCES_COUNT):
        assert answered(client, fake)
    assert sorted(fake.sequences) == [0x01010101 * i for i in range(chrony.SEQUENCES_COUNT)]


def not_the_answer(sequence: int) -> list[bytes]:
    good = reply(sequence)
    return [
        b"",
        b"garbage",
        good[:27],
        b"\x05" + good[1:],
        good[:1] + b"\x01" + good[2:],
        good[:5] + b"\x0e" + good[6:],
        reply(sequence ^ 1),
    ]


@pytest.mark.parametrize("index", range(7))
def test_what_is_not_the_answer_is_dropped_and_the_answer_still_taken(
    client: ChronyClient, fake: FakeChronyd, index: int
) -> None:
    client.ask()
    sequence = fake.take()
    fake.send(not_the_answer(sequence)[index], reply(sequence))
    assert client.receive() is not None


def test_an_answer_that_comes_twice_counts_once(client: ChronyClient, fake: FakeChronyd) -> None:
    client.ask()
    first = reply(fake.take(), stratum=1)
    fake.send(first, first)
    assert client.receive() is not None
    assert client.receive() is None
    client.ask()
    assert client.receive() is None
    fake.send(reply(fake.take(), stratum=2))
    sample = client.receive()
    assert sample is not None
    assert sample.stratum == 2


def test_an_answer_that_comes_too_late_is_dropped(client: ChronyClient, fake: FakeChronyd) -> None:
    client.ask()
    late = reply(fake.take(), stratum=1)
    client.give_up(500_000_000)
    client.ask()
    current = reply(fake.take(), stratum=2)
    fake.send(late, current)
    sample = client.receive()
    assert sample is not None
    assert sample.stratum == 2


@pytest.mark.parametrize(
    ("change", "error"),
    [
        pytest.param(lambda n: reply(n)[:103], candm.WrongLengthError, id="short"),
        pytest.param(lambda n: reply(n) + b"\0", candm.WrongLengthError, id="long"),
        pytest.param(lambda n: reply(n) + bytes(65_000), candm.WrongLengthError, id="very-long"),
        pytest.param(
            lambda n: REPLY_HEADER.build({"command": 33, "reply": 1, "status": 2, "sequence": n}),
            candm.ErrorStatusError,
            id="error-status",
        ),
        pytest.param(
            lambda n: REPLY_HEADER.build({"command": 33, "reply": 1, "status": 0, "sequence": n}),
            candm.WrongReplyCodeError,
            id="no-body",
        ),
    ],
)
def test_a_bad_answer_ends_the_question_and_the_next_one_works(
    client: ChronyClient, fake: FakeChronyd, change: object, error: type[NoSampleError]
) -> None:
    client.ask()
    fake.send(change(fake.take()))  # type: ignore[operator]
    with pytest.raises(error):
        client.receive()
    assert not client.waiting
    assert answered(client, fake)


def test_ten_thousand_queued_answers_are_taken_in_small_portions(
    client: ChronyClient, fake: FakeChronyd
) -> None:
    client.ask()
    sequence = fake.take()

    stale, answer = reply(sequence ^ 1), reply(sequence)

    def flood() -> None:
        for _ in range(10_000):
            fake.send(stale)
        fake.send(answer)

    flooding = threading.Thread(target=flood)
    flooding.start()
    turns_count, sample = 0, None
    while sample is None and select.select([client.descriptor], [], [], WAIT_S)[0]:
        sample = client.receive()
        turns_count += 1
    flooding.join()
    assert sample is not None
    assert turns_count > 10_000 // RECEIVE_LIMIT_COUNT


def test_a_portion_ends_although_more_is_queued(
    client: ChronyClient, monkeypatch: pytest.MonkeyPatch, fake: FakeChronyd
) -> None:
    monkeypatch.setattr(chrony, "_RECEIVES", range(3))
    client.ask()
    sequence = fake.take()
    fake.send(*[reply(sequence ^ 1)] * 5, reply(sequence))
    assert client.receive() is None
    assert client.receive() is not None


def test_a_chronyd_that_does_not_read_is_never_waited_for(client: ChronyClient, fake: FakeChronyd) -> None:
    def ask_until_refused() -> None:
        for _ in range(10_000):  # however long the kernel lets the queue become
            client.ask()

    with pytest.raises(chrony.BusyError, match=r"chronyd\.sock: its queue is full") as caught:
        ask_until_refused()
    assert "start it again" in str(caught.value)
    fake.socket.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            fake.take()
    assert answered(client, fake)


def test_giving_up_tells_what_was_dropped(client: ChronyClient, fake: FakeChronyd) -> None:
    client.ask()
    fake.send(b"\x05" + reply(fake.take())[1:])
    assert client.receive() is None
    error = client.give_up(500_000_000)
    assert isinstance(error, chrony.NoAnswerError)
    assert "did not answer within 500 ms" in str(error)
    assert str(fake.path) in str(error)
    assert "1 other datagrams came" in str(error)
    assert "version 5" in str(error)


def test_a_chronyd_that_was_started_again_is_found_at_once(client: ChronyClient, directory: Path) -> None:
    for _ in range(3):
        fake = FakeChronyd(directory / "chronyd.sock")
        assert answered(client, fake)
        fake.socket.close()
        fake.path.unlink()


def test_a_directory_that_was_made_anew_is_found_at_once(directory: Path) -> None:
    inner = directory / "chrony"
    client = ChronyClient(str(inner / "chronyd.sock"))
    for _ in range(3):
        inner.mkdir()
        fake = FakeChronyd(inner / "chronyd.sock")
        assert answered(client, fake)
        fake.socket.close()
        shutil.rmtree(inner)
    client.close()


def test_a_missing_socket_is_named_with_the_remedy(client: ChronyClient, directory: Path) -> None:
    with pytest.raises(chrony.NoSocketError) as caught:
        client.ask()
    assert f"{directory}/chronyd.sock: not found" in str(caught.value)
    assert "start chronyd" in str(caught.value)
    assert "--chronyd-socket" in str(caught.value)
    assert not list(directory.iterdir())


def test_a_socket_that_a_killed_chronyd_left_is_named(client: ChronyClient, fake: FakeChronyd) -> None:
    fake.socket.close()
    with pytest.raises(chrony.RefusedError) as caught:
        client.ask()
    assert f"{fake.path}: connection refused" in str(caught.value)


def test_a_file_that_is_no_socket_is_named(client: ChronyClient, directory: Path) -> None:
    (directory / "chronyd.sock").touch()
    with pytest.raises(chrony.RefusedError, match=r"chronyd\.sock"):
        client.ask()


def test_a_socket_that_can_not_be_chronyds_is_named(client: ChronyClient, directory: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as other:
        other.bind(str(directory / "chronyd.sock"))
        other.listen()
        with pytest.raises(chrony.SocketError, match=r"chronyd\.sock: isn't a datagram socket"):
            client.ask()


@root_only
def test_a_lack_of_permission_names_the_user_to_run_as(client: ChronyClient, fake: FakeChronyd) -> None:
    fake.path.parent.chmod(0o700)
    os.chown(fake.path.parent, 1, 1)  # user daemon, on every Linux
    with somebody_else(), pytest.raises(chrony.NoPermissionError) as caught:
        client.ask()
    assert f"{fake.path}: permission denied" in str(caught.value)
    assert "run the daemon as user daemon, who owns" in str(caught.value)
    assert "or as root" in str(caught.value)


@root_only
def test_a_lack_of_permission_names_a_user_id_without_a_name(client: ChronyClient, fake: FakeChronyd) -> None:
    fake.path.parent.chmod(0o700)
    os.chown(fake.path.parent, 54321, 54321)
    with somebody_else(), pytest.raises(chrony.NoPermissionError, match="user uid 54321"):
        client.ask()


@root_only
def test_a_reply_directory_without_permission_is_named(fake: FakeChronyd, directory: Path) -> None:
    directory.chmod(0o755)
    fake.path.chmod(0o777)
    asker = ChronyClient(str(fake.path))
    with somebody_else(), pytest.raises(chrony.ReplySocketError) as caught:
        asker.ask()
    assert f"no permission to create a socket in {directory}" in str(caught.value)
    assert "--reply-dir" in str(caught.value)


def test_a_missing_reply_directory_is_named(fake: FakeChronyd, directory: Path) -> None:
    asker = ChronyClient(str(fake.path), str(directory / "nowhere"))
    with pytest.raises(chrony.ReplySocketError) as caught:
        asker.ask()
    assert f"{directory}/nowhere isn't a directory" in str(caught.value)
    assert "--reply-dir" in str(caught.value)
    assert not asker.waiting


def test_a_path_that_is_too_long_for_a_socket_is_named(fake: FakeChronyd, directory: Path) -> None:
    with pytest.raises(chrony.SocketError, match="longer than the 107 bytes"):
        ChronyClient(str(fake.path), str(directory / ("x" * 100))).ask()
    with pytest.raises(chrony.SocketError, match="--chronyd-socket"):
        ChronyClient(str(directory / ("x" * 100))).ask()


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_chronyd_may_write_to_the_reply_socket_whatever_the_umask(
    client: ChronyClient, fake: FakeChronyd, directory: Path, umask: int
) -> None:
    previous = os.umask(umask)
    try:
        client.ask()
        assert os.umask(umask) == umask
    finally:
        os.umask(previous)
    assert stat.S_IMODE(reply_socket(directory).stat().st_mode) == 0o666


def test_nobody_but_chronyd_can_write_to_the_reply_socket(
    client: ChronyClient, fake: FakeChronyd, directory: Path
) -> None:
    client.ask()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as intruder, pytest.raises(PermissionError):
        intruder.sendto(reply(fake.take()), str(reply_socket(directory)))


def test_the_reply_socket_is_removed_at_the_end(
    client: ChronyClient, fake: FakeChronyd, directory: Path
) -> None:
    assert answered(client, fake)
    assert reply_socket(directory).exists()
    client.close()
    assert not reply_socket(directory).exists()


def test_the_reply_socket_can_stand_elsewhere(fake: FakeChronyd, directory: Path) -> None:
    (directory / "other").mkdir()
    elsewhere = ChronyClient(str(fake.path), str(directory / "other"))
    assert answered(elsewhere, fake)
    assert reply_socket(directory / "other").exists()
    assert not reply_socket(directory).exists()
    elsewhere.close()


def bound(path: Path, kind: int = socket.SOCK_DGRAM) -> socket.socket:
    made = socket.socket(socket.AF_UNIX, kind)
    made.bind(str(path))
    return made


def test_reply_sockets_of_dead_daemons_are_removed(
    client: ChronyClient, fake: FakeChronyd, directory: Path
) -> None:
    bound(directory / "clockbound-1.sock").close()
    bound(directory / f"clockbound-{os.getpid()}.sock").close()
    assert answered(client, fake)
    assert sorted(path.name for path in directory.iterdir()) == ["chronyd.sock", reply_socket(directory).name]


def test_whatever_else_is_there_is_left_alone(
    client: ChronyClient, fake: FakeChronyd, directory: Path
) -> None:
    others = {
        "clockbound-2.sock",
        "clockbound-x.sock",
        "chronyc.1.sock",
        "clockbound-3.sock",
        "clockbound-4.sock",
    }
    with bound(directory / "clockbound-2.sock"), bound(directory / "clockbound-4.sock") as connected:
        connected.connect(str(fake.path))  # as another daemon's is
        bound(directory / "clockbound-x.sock").close()
        bound(directory / "chronyc.1.sock").close()
        (directory / "clockbound-3.sock").touch()
        assert answered(client, fake)
        assert others < {path.name for path in directory.iterdir()}


def test_a_living_socket_of_the_same_name_is_named(
    client: ChronyClient, fake: FakeChronyd, directory: Path
) -> None:
    # as of a daemon of the same number in another container
    with bound(reply_socket(directory)):
        with pytest.raises(chrony.ReplySocketError, match="another process uses it"):
            client.ask()
        assert reply_socket(directory).exists()


def test_descriptors_are_not_leaked(client: ChronyClient, fake: FakeChronyd, directory: Path) -> None:
    before = descriptors_count()
    for _ in range(10):
        assert answered(client, fake)
        client.ask()
        fake.take()
        client.give_up(1)
        with pytest.raises(NoSampleError):
            ChronyClient(str(directory / "nowhere")).ask()
    client.close()
    assert descriptors_count() == before
