"""What signals ask of the daemon, sent for real to this process."""

from __future__ import annotations

import os
import select
import signal
import threading
import time
from collections.abc import Iterator

import pytest
from clockbound_daemon.signals import Signals
from daemon_support import descriptors_count


@pytest.fixture
def signals() -> Iterator[Signals]:
    made = Signals()
    yield made
    made.close()


def send(*numbers: signal.Signals) -> None:
    for number in numbers:
        os.kill(os.getpid(), number)


def readable(signals: Signals) -> bool:
    return bool(select.select([signals.fileno()], [], [], 0)[0])


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_two_signals_end_the_daemon(signals: Signals, number: signal.Signals) -> None:
    assert not signals.stopping
    send(number)
    assert signals.stopping
    assert signals.noted
    assert readable(signals)


def test_a_signal_wakes_the_loop_once(signals: Signals) -> None:
    assert not readable(signals)
    send(signal.SIGUSR1)
    assert readable(signals)
    signals.drain()
    assert not readable(signals)
    signals.drain()  # never waits


def test_sigusr1_forces_one_disruption_until_sigusr2(signals: Signals) -> None:
    assert not signals.was_forced
    send(signal.SIGUSR1, signal.SIGUSR1)
    assert signals.forced
    assert signals.was_forced
    signals.was_forced = False  # it was seen to
    send(signal.SIGUSR2)
    assert not signals.forced
    assert not signals.was_forced
    assert not signals.stopping


def test_a_forced_disruption_that_is_over_was_one(signals: Signals) -> None:
    send(signal.SIGUSR1, signal.SIGUSR2)
    assert not signals.forced
    assert signals.was_forced


def test_sighup_asks_for_the_configuration_to_be_read_again(signals: Signals) -> None:
    assert not signals.leaving
    assert not signals.take_reload()
    send(signal.SIGHUP, signal.SIGHUP)
    assert signals.leaving
    assert signals.noted
    assert signals.take_reload()
    assert not signals.take_reload()  # however often it came
    assert not signals.leaving
    assert not signals.stopping
    send(signal.SIGHUP, signal.SIGTERM)
    assert signals.leaving
    assert signals.take_reload()
    assert signals.leaving  # for the other one


def test_no_storm_loses_a_signal(signals: Signals) -> None:
    # More than the pipe holds: what doesn't fit is noted all the same.
    for _ in range(40_000):
        send(signal.SIGUSR1, signal.SIGUSR2)
    send(signal.SIGTERM, signal.SIGUSR1)
    assert signals.stopping
    assert signals.forced
    assert signals.was_forced
    while readable(signals):
        signals.drain()


def test_signals_are_left_to_whoever_had_them_before() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    descriptors = descriptors_count()
    made = Signals()
    assert signal.getsignal(signal.SIGUSR1) != before
    made.close()
    assert signal.getsignal(signal.SIGUSR1) == before
    assert descriptors_count() == descriptors


def test_a_signal_in_the_middle_of_a_read_loses_nothing(signals: Signals) -> None:
    def storm() -> None:
        for _ in range(100):
            send(signal.SIGUSR1, signal.SIGUSR2)
            assert taken.wait(60)  # this one
            taken.clear()

    taken = threading.Event()
    storming = threading.Thread(target=storm)
    storming.start()
    deadline_s = time.monotonic() + 60
    while storming.is_alive() and time.monotonic() < deadline_s:
        signals.drain()
        if signals.was_forced:
            signals.was_forced = False
            taken.set()
    storming.join()
    assert time.monotonic() < deadline_s
