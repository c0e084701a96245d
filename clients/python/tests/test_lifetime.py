"""Threads, fork, subinterpreters, the end of the interpreter, and the end of a client."""

from __future__ import annotations

import pickle
import sys
import threading
import weakref
from pathlib import Path
from typing import Any

import clockbound_client as cb
import pytest
from conftest import REALTIME_NS, S, live_bytes, needs_pure, run_python, segment_bytes


def prints_nothing_wrong(impl: Any, code: str, *arguments: object) -> str:
    """Runs a script on one implementation; returns what it prints."""
    result = run_python(code, impl.name, *arguments)
    assert (result.stderr, result.returncode) == ("", 0)
    return result.stdout


# ------------------------------------------------------------------ closing


def every_question(client: Any, interval: Any) -> list[Any]:
    return [
        client.now,
        lambda: client.now(max_error_ns=1),
        lambda: client.now_at(0, 0),
        client.now_tai,
        lambda: client.before(0),
        lambda: client.after(0),
        lambda: client.before(interval),
        lambda: client.wait_until_after(0),
        client.wait_synchronized,
        client.timing().__enter__,
    ]


def test_every_question_of_a_closed_client_is_a_value_error(live: Any) -> None:
    interval = live.client.now()
    live.client.close()
    live.client.close()
    for question in every_question(live.client, interval):
        with pytest.raises(ValueError, match=f"{live.path}: the client is closed"):
            question()
    assert live.client.path == str(live.path)
    assert interval.status == 1


def test_a_closed_client_has_no_mapping(live: Any) -> None:
    assert Path("/proc/self/maps").read_text().count(str(live.path)) == 2  # the test's own is the other
    live.client.now()
    live.client.close()
    without_gil = not getattr(sys, "_is_gil_enabled", lambda: True)()
    # Without a GIL another thread may be reading it, so it goes with the object.
    expected = 2 if without_gil and type(live.client).__module__ == "clockbound_client" else 1
    assert Path("/proc/self/maps").read_text().count(str(live.path)) == expected


def test_a_client_that_is_dropped_is_unmapped(impl: Any, write: Any) -> None:
    path = write(segment_bytes())
    client = impl.ClockBoundClient(path)
    assert str(path) in Path("/proc/self/maps").read_text()
    del client
    assert str(path) not in Path("/proc/self/maps").read_text()


@pytest.mark.parametrize(
    "content", [b"", segment_bytes()[:79], segment_bytes(clock_disruption_support_enabled=1)]
)
def test_a_client_that_fails_to_open_leaves_nothing(impl: Any, write: Any, content: bytes) -> None:
    path = write(content)
    with pytest.raises(cb.ClockBoundError) as caught:
        impl.ClockBoundClient(path, path.with_name("vmclock0"))
    assert caught.value is not None  # which refers to whatever its traceback does
    del caught
    assert str(path) not in Path("/proc/self/maps").read_text()


def test_clients_cannot_be_derived_from_changed_pickled_or_referred_to_weakly(live: Any) -> None:
    with pytest.raises(TypeError, match="not an acceptable base type"):
        type("Derived", (type(live.client),), {})
    for name in ("path", "now", "other"):
        with pytest.raises(AttributeError):
            setattr(live.client, name, None)
    with pytest.raises(TypeError, match=r"cannot pickle 'clockbound_client\.ClockBoundClient' object"):
        pickle.dumps(live.client)
    with pytest.raises(TypeError, match="weak reference"):
        weakref.ref(live.client)


# ------------------------------------------------------------------ threads


def test_closing_ends_the_questions_of_other_threads(impl: Any, write: Any) -> None:
    path = write(live_bytes())
    ends: list[str] = []

    def ask(client: Any, started: threading.Barrier) -> None:
        started.wait()
        try:
            while True:
                client.now()
                client.after(0)
        except ValueError as error:
            ends.append(str(error))

    for _ in range(20):
        client = impl.ClockBoundClient(path)
        started = threading.Barrier(4)
        threads = [threading.Thread(target=ask, args=(client, started)) for _ in range(3)]
        for thread in threads:
            thread.start()
        started.wait()
        client.close()
        for thread in threads:
            thread.join(60)
            assert not thread.is_alive()
    assert ends == [f"{path}: the client is closed"] * 60


def test_threads_that_move_to_another_file_and_close(impl: Any, write: Any) -> None:
    """A client that is closed stays closed, even where a thread is about to map a file that has replaced the old one."""
    for _ in range(20):
        path = write(segment_bytes())
        client = impl.ClockBoundClient(path)
        write(segment_bytes(bound_ns=2_000_000))
        started = threading.Barrier(3)

        def ask(client: Any = client, started: threading.Barrier = started) -> None:
            started.wait()
            for _ in range(1000):
                try:
                    client.now_at(REALTIME_NS, 106 * S)
                except ValueError:
                    return

        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        started.wait()
        client.close()
        for thread in threads:
            thread.join(60)
        with pytest.raises(ValueError, match="the client is closed"):
            client.now_at(REALTIME_NS, 106 * S)


@needs_pure
def test_a_thread_about_to_move_does_not_open_a_closed_client_again(write: Any) -> None:
    """Of the pure implementation, in the order that the test above hardly ever meets."""
    from clockbound_client import _pure

    client = _pure.ClockBoundClient(write(segment_bytes()))
    segment = client._segment
    assert segment is not None
    write(segment_bytes(bound_ns=2_000_000))
    client.close()
    assert client._reopen(segment) is not None
    with pytest.raises(ValueError, match="the client is closed"):
        client.now()


def test_intervals_of_many_threads_are_their_own(live: Any) -> None:
    """The compiled implementation uses the memory of dead intervals again."""
    wrong: list[Any] = []

    def ask(number: int) -> None:
        for turn in range(5000):
            monotonic_ns = 10**15 + number * 5000 + turn
            interval = live.client.now_at(monotonic_ns, monotonic_ns)
            if interval.midpoint_ns != monotonic_ns:
                wrong.append(interval)

    live.publish(clock_status=0, max_drift_ppb=0, bound_ns=1000)
    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not wrong


# --------------------------------------------------------------------- fork

FORK = """
import mmap, os, sys, threading, warnings
import clockbound_client as cb
from clockbound_client._core import publish

warnings.simplefilter("ignore", DeprecationWarning)  # of fork in a process with threads
path, second = sys.argv[1], bytes.fromhex(sys.argv[2])
with open(path, "r+b") as file:
    mapping = mmap.mmap(file.fileno(), 0)
clock = cb.ClockBoundClient(path)
bound_ns = clock.now().error_bound_ns
stop = threading.Event()

def ask():
    while not stop.is_set():
        clock.now()

threads = [threading.Thread(target=ask) for _ in range(2)]
for thread in threads:
    thread.start()
for turn in range(20):
    child = os.fork()
    if child == 0:
        status = 1
        try:
            # The daemon's updates are seen in the child, too.
            if turn == 0:
                publish(mapping, second)
            if clock.now().error_bound_ns == 2_000_000 and clock.after(0):
                clock.close()  # which is no matter of the parent's
                status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
for thread in threads:
    thread.join()
print(bound_ns, clock.now().error_bound_ns)
"""


def test_a_client_works_in_the_children_of_its_process(impl: Any, write: Any) -> None:
    path = write(live_bytes())
    assert prints_nothing_wrong(impl, FORK, path, live_bytes(bound_ns=2_000_000).hex()) == "1000000 2000000\n"


# --------------------------------------------------------- subinterpreters

SUBINTERPRETERS = """
import sys, threading
import clockbound_client as cb
if sys.version_info >= (3, 13):
    import _interpreters as interpreters
    create, run = interpreters.create, lambda number, code: interpreters.exec(number, code)
else:
    import _xxsubinterpreters as interpreters
    create, run = interpreters.create, interpreters.run_string

def work(number):
    # All at once, each with a GIL of its own from Python 3.12 on.
    failed = run(number, code)
    if failed is not None:
        print("failed:", failed)

code = '''
import clockbound_client as cb
assert cb.implementation == %r
with cb.ClockBoundClient(%r) as clock:
    kept = [clock.now() for _ in range(100)]
    for _ in range(2000):
        # Free running once the segment is 5 s old, on a machine that is busy.
        assert clock.now().status in (cb.ClockStatus.SYNCHRONIZED, cb.ClockStatus.FREE_RUNNING)
        assert clock.after(0)
    assert len({interval.width_ns for interval in kept}) == 1
try:
    clock.now()
    raise SystemExit("closed, but answers")
except ValueError:
    pass
try:
    cb.Interval(0, 1, 0).contains(0)
    raise SystemExit("not trusted, but answers")
except cb.ClockNotTrustedError:
    pass
''' % (cb.implementation, sys.argv[1])

clock = cb.ClockBoundClient(sys.argv[1])
for _ in range(3):
    numbers = [create() for _ in range(3)]
    threads = [threading.Thread(target=work, args=(number,)) for number in numbers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for number in numbers:
        interpreters.destroy(number)
print(clock.now().status in (cb.ClockStatus.SYNCHRONIZED, cb.ClockStatus.FREE_RUNNING), clock.before(0))
"""


def test_every_interpreter_of_a_process_has_its_own(impl: Any, write: Any) -> None:
    assert prints_nothing_wrong(impl, SUBINTERPRETERS, write(live_bytes())) == "True False\n"


# ------------------------------------------------- the end of the interpreter

AT_EXIT = """
import atexit, os, sys, threading, time
import clockbound_client as cb

clock = cb.ClockBoundClient(sys.argv[1])
interval = clock.now()

class Late:
    def __init__(self):
        self.clock, self.interval, self.cycle = clock, clock.now(), self
    def __del__(self, write=os.write):
        answers = self.clock.now().status in (1, 2), self.clock.before(self.interval), self.interval.width_ns
        write(1, f"late {answers}\\n".encode())

late, later = Late(), Late()
del later  # by the garbage collection at the end

def forever():
    while True:
        clock.now()
        clock.after(0)

def wait():
    clock.wait_until_after(2**62, timeout=1000)

for target in (forever, forever, wait):
    threading.Thread(target=target, daemon=True).start()
atexit.register(lambda: print("exit", clock.now().status in (1, 2), flush=True))
time.sleep(0.05)
"""


def test_a_client_works_until_the_interpreter_is_gone(impl: Any, write: Any) -> None:
    out = prints_nothing_wrong(impl, AT_EXIT, write(live_bytes()))
    # One of the two is in a cycle, and when that is collected, if ever, is the interpreter's business.
    assert set(out.splitlines()) == {"exit True", "late (True, False, 2000000)"}


def test_modules_can_be_unloaded_and_leave_nothing(impl: Any, write: Any) -> None:
    code = """
import gc, sys
def use():
    import clockbound_client as cb
    clock = cb.ClockBoundClient(sys.argv[1])
    return cb, clock, clock.now()
for _ in range(20):
    cb, clock, interval = use()
    for name in [name for name in sys.modules if name.startswith("clockbound_client")]:
        del sys.modules[name]
    gc.collect()
    # What is left goes on.
    assert clock.now().width_ns == interval.width_ns == 2_000_000
    assert interval.status in (cb.ClockStatus.SYNCHRONIZED, cb.ClockStatus.FREE_RUNNING)
    del cb, clock, interval
    gc.collect()
print(sum(isinstance(thing, type) and thing.__name__ == "Interval" for thing in gc.get_objects()))
"""
    assert prints_nothing_wrong(impl, code, write(live_bytes())) == "0\n"
