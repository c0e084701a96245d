"""clockbound_client.testing and the pytest plugin: what a test sets by hand is what clients see.

Bytes are compared with what construct makes of the declaration, intervals with what the rules give by hand.
"""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import sysconfig
import time
from pathlib import Path
from typing import Any

import clockbound_client as cb
import pytest
from clockbound_client import ClockStatus, ErrorKind
from clockbound_client.testing import ManualSegment
from clockbound_spec.segment import SEGMENT_V1, SEGMENT_V2
from clockbound_spec.vmclock import VMCLOCK
from conftest import IMPLEMENTATIONS, S, needs_pure

pytest_plugins = ["pytester"]

SYNCHRONIZED, FREE_RUNNING = ClockStatus.SYNCHRONIZED, ClockStatus.FREE_RUNNING
UNKNOWN, DISRUPTED = ClockStatus.UNKNOWN, ClockStatus.DISRUPTED
CLOCK_MONOTONIC_COARSE = 6


@pytest.fixture
def segment(tmp_path: Path) -> Any:
    with ManualSegment(tmp_path) as made:
        yield made


def opened(impl: Any, segment: ManualSegment) -> Any:
    return impl.ClockBoundClient(segment.path, segment.vmclock_path)


def half_width_ns(client: Any) -> int:
    """The bound in an answer, which is as far from one end to the clock as to the other."""
    return int(client.now().width_ns) // 2


# ------------------------------------------------------------------ publish


@pytest.mark.parametrize("layout", [1, 2])
def test_at_first_it_is_synchronised_within_a_millisecond(impl: Any, tmp_path: Path, layout: int) -> None:
    with ManualSegment(tmp_path, layout=layout) as segment, opened(impl, segment) as client:
        assert segment.path == tmp_path / {1: "shm", 2: "shm0"}[layout]
        before_ns = time.time_ns()
        interval = client.now()
        after_ns = time.time_ns()
    assert interval.status is SYNCHRONIZED
    assert 2_000_000 <= interval.width_ns < 2_100_000  # 1 ms, and 50 us for each second since
    assert before_ns <= interval.earliest_ns + interval.width_ns // 2 <= after_ns


@pytest.mark.parametrize(("layout", "declared"), [(1, SEGMENT_V1), (2, SEGMENT_V2)])
def test_the_file_is_what_the_declaration_says(tmp_path: Path, layout: int, declared: Any) -> None:
    with ManualSegment(tmp_path, layout=layout) as segment:
        earliest_ns = time.clock_gettime_ns(CLOCK_MONOTONIC_COARSE) - 7 * S
        segment.publish(
            status=FREE_RUNNING, bound_ns=12, age_ns=7 * S, max_drift_ppb=34, void_after_ns=5_600_000_000
        )
        latest_ns = time.clock_gettime_ns(CLOCK_MONOTONIC_COARSE) - 7 * S
        content = segment.path.read_bytes()
    found = declared.parse(content)
    as_of_ns = found.as_of.sec * S + found.as_of.nsec
    assert earliest_ns <= as_of_ns <= latest_ns
    assert found.void_after.sec * S + found.void_after.nsec == as_of_ns + 5_600_000_000
    assert (found.bound_ns, found.max_drift_ppb, found.clock_status) == (12, 34, 2)
    assert found.generation % 2 == 0
    assert declared.build(found) == content


def test_the_page_is_what_the_declaration_says(segment: ManualSegment) -> None:
    content = segment.vmclock_path.read_bytes()
    found = VMCLOCK.parse(content)
    assert (found.size, found.counter_id, found.seq_count % 2) == (104, 255, 0)
    assert VMCLOCK.build(found) == content
    segment.disrupt()
    disrupted = VMCLOCK.parse(segment.vmclock_path.read_bytes())
    assert disrupted.disruption_marker != found.disruption_marker
    assert disrupted.seq_count not in (found.seq_count, found.seq_count + 1)


@pytest.mark.parametrize("status", list(ClockStatus))
def test_the_status_is_seen_at_once(impl: Any, segment: ManualSegment, status: ClockStatus) -> None:
    with opened(impl, segment) as client:
        segment.publish(status=status)
        assert client.now().status is status


def test_the_bound_is_seen_at_once_and_exact_without_drift(impl: Any, segment: ManualSegment) -> None:
    with opened(impl, segment) as client:
        segment.publish(bound_ns=50_000_000, max_drift_ppb=0)
        assert half_width_ns(client) == 50_000_000
        segment.publish(bound_ns=7)
        assert half_width_ns(client) == 7
        segment.publish(bound_ns=0)
        assert half_width_ns(client) == 0


def test_the_bound_grows_while_the_daemon_is_dead(impl: Any, segment: ManualSegment) -> None:
    with opened(impl, segment) as client:
        segment.publish(bound_ns=1000, age_ns=600 * S)
        # 600 s of 50 us, and less than 200 s more that this test may take
        assert 30_001_000 <= half_width_ns(client) < 40_001_000


@pytest.mark.parametrize(
    ("age_s", "expected"),
    [(0, SYNCHRONIZED), (5, FREE_RUNNING), (900, FREE_RUNNING), (1000, UNKNOWN), (10**8, UNKNOWN)],
)
def test_the_age_decides_how_far_the_status_stands(
    impl: Any, segment: ManualSegment, age_s: int, expected: ClockStatus
) -> None:
    with opened(impl, segment) as client:
        segment.publish(age_ns=age_s * S)
        assert client.now().status is expected


def test_void_after_may_be_nearer(impl: Any, segment: ManualSegment) -> None:
    with opened(impl, segment) as client:
        segment.publish(age_ns=6 * S, void_after_ns=6 * S)
        assert client.now().status is UNKNOWN
        segment.publish(age_ns=6 * S, void_after_ns=600 * S)
        assert client.now().status is FREE_RUNNING


def test_what_is_not_named_stays_but_the_age_is_0_again(segment: ManualSegment) -> None:
    segment.publish(status=FREE_RUNNING, bound_ns=5, max_drift_ppb=6, void_after_ns=7 * S, age_ns=100_000 * S)
    segment.publish()
    found = SEGMENT_V2.parse(segment.path.read_bytes())
    assert (found.clock_status, found.bound_ns, found.max_drift_ppb) == (2, 5, 6)
    assert found.void_after.sec - found.as_of.sec == 7
    assert found.as_of.sec * S > time.monotonic_ns() - 100 * S


def test_updates_go_into_the_same_file_and_count_the_generation(segment: ManualSegment) -> None:
    inode = segment.path.stat().st_ino
    first = SEGMENT_V2.parse(segment.path.read_bytes()).generation
    for number in range(1, 4):
        segment.publish(bound_ns=number)
        assert SEGMENT_V2.parse(segment.path.read_bytes()).generation == first + 2 * number
    assert segment.path.stat().st_ino == inode


WRONG: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "a bound below 0": ({"bound_ns": -1}, ValueError, "no daemon publishes -1 as bound_ns"),
    "a bound that is no int64": ({"bound_ns": 2**63}, ValueError, "9223372036854775808 as bound_ns"),
    "a bound in floating point": ({"bound_ns": 5e7}, TypeError, "bound_ns is an int, not 50000000.0"),
    "a bound of True": ({"bound_ns": True}, TypeError, "bound_ns is an int, not True"),
    "too much drift": ({"max_drift_ppb": 10**9}, ValueError, "1000000000 as max_drift_ppb"),
    "an age below 0": ({"age_ns": -1}, ValueError, "age_ns is between 0 and"),
    "an age in floating point": ({"age_ns": 1.5}, TypeError, "age_ns is an int, not 1.5"),
    "an age of ages": ({"age_ns": 2**62}, ValueError, "age_ns is between 0 and .* not 4611686018427387904"),
    "a void_after below 0": ({"void_after_ns": -1}, ValueError, "void_after_ns is between 0 and"),
    "a status that is none": ({"status": 4}, TypeError, "status is a ClockStatus, not 4"),
}


@pytest.mark.parametrize(("arguments", "error", "words"), WRONG.values(), ids=WRONG)
def test_what_no_daemon_publishes_is_refused_and_changes_nothing(
    segment: ManualSegment, arguments: dict[str, Any], error: type[Exception], words: str
) -> None:
    before = segment.path.read_bytes()
    with pytest.raises(error, match=words):
        segment.publish(**arguments)
    assert segment.path.read_bytes() == before
    segment.publish()
    assert SEGMENT_V2.parse(segment.path.read_bytes()).bound_ns == 1_000_000


def test_layout_1_has_no_word_for_disruptions(tmp_path: Path) -> None:
    with ManualSegment(tmp_path, layout=1) as segment:
        with pytest.raises(ValueError, match="no daemon publishes 3 as clock_status in layout 1"):
            segment.publish(status=DISRUPTED)
        with pytest.raises(ValueError, match="layout 1 knows no disruptions"):
            segment.disrupt()


def test_other_layouts_do_not_exist(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no layout 3"):
        ManualSegment(tmp_path, layout=3)
    assert list(tmp_path.iterdir()) == []


# ------------------------------------------------ disruption, damage, removal


def test_a_disruption_makes_the_status_unknown_until_the_daemon_speaks(
    impl: Any, segment: ManualSegment
) -> None:
    with opened(impl, segment) as client:
        assert client.now().status is SYNCHRONIZED
        for _ in range(2):
            segment.disrupt()
            assert client.now().status is UNKNOWN
            for newcomer in (opened(impl, segment), segment.client()):
                assert newcomer.now().status is UNKNOWN
                newcomer.close()
            segment.publish(status=DISRUPTED)
            assert client.now().status is DISRUPTED
            segment.publish(status=SYNCHRONIZED)
            assert client.now().status is SYNCHRONIZED


def test_a_disruption_reaches_clients_that_know_of_no_page(impl: Any, segment: ManualSegment) -> None:
    if os.path.exists("/dev/vmclock0"):
        pytest.skip("this machine has a VMClock page; what a client does without one was not tested")
    with impl.ClockBoundClient(segment.path) as client:
        segment.disrupt()
        assert client.now().status is UNKNOWN
        with pytest.raises(cb.ClockBoundSyscallError, match="/dev/vmclock0"):
            impl.ClockBoundClient(segment.path)
        segment.publish()
        assert client.now().status is SYNCHRONIZED


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (ErrorKind.SEGMENT_MALFORMED, cb.SegmentMalformedError),
        (ErrorKind.CAUSALITY_BREACH, cb.CausalityBreachError),
    ],
)
def test_damage_of_values_fails_every_question(
    impl: Any, segment: ManualSegment, kind: ErrorKind, error: type[Exception]
) -> None:
    with opened(impl, segment) as client:
        segment.damage(kind)
        with pytest.raises(error):
            client.now()
        with opened(impl, segment) as newcomer, pytest.raises(error):
            newcomer.now()
        segment.publish()
        assert client.now().status is SYNCHRONIZED


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        (ErrorKind.SEGMENT_NOT_INITIALIZED, cb.SegmentNotInitializedError),
        (ErrorKind.SEGMENT_VERSION_NOT_SUPPORTED, cb.SegmentVersionNotSupportedError),
    ],
)
def test_damage_of_the_header_fails_opening(
    impl: Any, segment: ManualSegment, kind: ErrorKind, error: type[Exception]
) -> None:
    with opened(impl, segment) as client:
        client.now()
        segment.damage(kind)
        with pytest.raises(error):
            opened(impl, segment)
        assert client.now().status is SYNCHRONIZED  # the last good snapshot
        segment.publish(status=UNKNOWN)
        assert client.now().status is UNKNOWN
        opened(impl, segment).close()


def test_damage_is_malformed_unless_it_is_said_otherwise(segment: ManualSegment) -> None:
    segment.damage()
    with segment.client() as client, pytest.raises(cb.SegmentMalformedError):
        client.now()


@pytest.mark.parametrize("kind", [ErrorKind.NONE, ErrorKind.SYSCALL])
def test_no_damage_gives_these_kinds(segment: ManualSegment, kind: ErrorKind) -> None:
    with pytest.raises(ValueError, match="can't come from a damaged segment"):
        segment.damage(kind)


def test_a_removed_file_fails_opening_and_stays_with_clients_that_are_open(
    impl: Any, segment: ManualSegment
) -> None:
    with opened(impl, segment) as client:
        segment.remove()
        segment.remove()
        with pytest.raises(cb.ClockBoundSyscallError) as caught:
            opened(impl, segment)
        assert caught.value.errno == errno.ENOENT
        assert client.now().status is SYNCHRONIZED


def test_publishing_after_a_removal_makes_a_new_file_that_clients_find_when_theirs_is_old(
    impl: Any, segment: ManualSegment
) -> None:
    segment.publish(age_ns=60 * S)
    with opened(impl, segment) as client:
        segment.remove()
        segment.publish()
        assert client.now().status is SYNCHRONIZED
        opened(impl, segment).close()


@pytest.mark.parametrize("first", ["damage", "remove", "disrupt"])
@pytest.mark.parametrize("then", ["damage", "remove", "disrupt"])
def test_everything_can_follow_on_everything(segment: ManualSegment, first: str, then: str) -> None:
    getattr(segment, first)()
    getattr(segment, then)()
    segment.publish()
    with segment.client() as client:
        assert client.now().status is SYNCHRONIZED
    assert sorted(path.name for path in segment.path.parent.iterdir()) == ["shm0", "vmclock0"]


# ------------------------------------------------------------------- closing


def test_closing_closes_its_clients_and_removes_its_own_directory() -> None:
    segment = ManualSegment()
    directory = segment.path.parent
    clients = [segment.client(), segment.client()]
    clients[0].close()
    assert repr(segment) == f"<ManualSegment {str(segment.path)!r}>"
    segment.close()
    segment.close()
    assert repr(segment) == f"<ManualSegment {str(segment.path)!r} closed>"
    assert not directory.exists()
    for client in clients:
        with pytest.raises(ValueError, match="closed"):
            client.now()
    for action in (segment.publish, segment.disrupt, segment.damage, segment.remove, segment.client):
        with pytest.raises(ValueError, match="the segment is closed"):
            action()


def test_a_given_directory_stays(tmp_path: Path) -> None:
    with ManualSegment(str(tmp_path)):
        pass
    assert (tmp_path / "shm0").exists()


def test_a_directory_that_is_not_there_is_an_oserror(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ManualSegment(tmp_path / "nowhere")


def test_segments_leave_no_mappings(tmp_path: Path) -> None:
    for _ in range(20):
        with ManualSegment(tmp_path) as segment:
            segment.client().now()
            segment.remove()
            segment.publish()
    if sysconfig.get_config_var("Py_GIL_DISABLED"):
        del (
            segment
        )  # another thread may be reading from the client that it keeps, so the mapping goes with the object
    assert str(tmp_path) not in Path("/proc/self/maps").read_text()


# ------------------------------------------------- the implementation at work


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("implementation", [each.name for each in IMPLEMENTATIONS])
def test_its_clients_are_of_the_implementation_that_the_process_uses(implementation: str) -> None:
    result = run(
        "import clockbound_client as c, clockbound_client.testing as t\n"
        "with t.ManualSegment() as segment: segment.client().now()\n"
        "print(c.implementation)",
        CLOCKBOUND_IMPLEMENTATION=implementation,
    )
    assert (result.stdout, result.stderr) == (f"{implementation}\n", "")


@needs_pure
def test_without_the_compiled_module_the_error_says_what_is_missing() -> None:
    result = run(
        "import sys; sys.modules['clockbound_client._core'] = None; import clockbound_client.testing",
        CLOCKBOUND_IMPLEMENTATION="auto",
    )
    assert result.returncode == 1
    assert "the compiled module, which is missing here; install a wheel" in result.stderr


# -------------------------------------------------------------------- plugin

APPLICATION = '''
"""An application that grants leases while it knows the time to 10 ms, and its tests: three lines each."""
from clockbound_client import ClockBoundClient, ClockBoundError, ClockStatus, ErrorKind

S = 1_000_000_000

def grant(clock):
    try:
        now = clock.now()
    except ClockBoundError as error:
        return type(error).__name__
    if now.status not in (ClockStatus.SYNCHRONIZED, ClockStatus.FREE_RUNNING):
        return "unavailable"
    return "granted" if now.width_ns <= 20_000_000 else "too uncertain"

def test_it_grants(clockbound_segment):
    assert grant(clockbound_segment.client()) == "granted"

def test_the_clock_is_unknown(clockbound_segment):
    clockbound_segment.publish(status=ClockStatus.UNKNOWN)
    assert grant(clockbound_segment.client()) == "unavailable"

def test_the_bound_grows(clockbound_segment):
    clockbound_segment.publish(bound_ns=50_000_000)
    assert grant(clockbound_segment.client()) == "too uncertain"

def test_the_daemon_died(clockbound_segment):
    clockbound_segment.publish(age_ns=1200 * S)
    assert grant(clockbound_segment.client()) == "unavailable"

def test_the_segment_is_damaged_while_the_application_runs(clockbound_segment):
    clock = clockbound_segment.client()
    clockbound_segment.damage()
    assert grant(clock) == "SegmentMalformedError"

def test_the_file_vanishes_while_the_application_runs(clockbound_segment):
    clock = ClockBoundClient(clockbound_segment.path)
    clockbound_segment.remove()
    assert grant(clock) == "granted"

def test_the_machine_was_migrated(clockbound_segment):
    clock = clockbound_segment.client()
    clockbound_segment.disrupt()
    assert grant(clock) == "unavailable"
'''

BYSTANDER = """
import sys
import sysconfig

def test_it_is_not_even_imported():
    assert [name for name in sys.modules if name.startswith("clockbound_client")] == []
"""


def run_pytest(pytester: pytest.Pytester, *arguments: str) -> pytest.RunResult:
    """pytest as its user runs it: another process, which finds the plugin where it is installed."""
    return pytester.runpytest_subprocess("-W", "error", "-p", "no:cacheprovider", *arguments, timeout=120)


def test_the_fixture_is_there_wherever_the_package_is_installed(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(APPLICATION)
    run_pytest(pytester).assert_outcomes(passed=7)


def test_the_fixture_works_in_this_process_too(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(APPLICATION)
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(passed=7)


def test_each_test_has_a_segment_of_its_own(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        """
        import pytest
        paths = set()

        @pytest.mark.parametrize("number", range(3))
        def test_it(clockbound_segment, tmp_path, number):
            assert list(tmp_path.iterdir()) == []
            assert clockbound_segment.path not in paths
            paths.add(clockbound_segment.path)
        """
    )
    run_pytest(pytester).assert_outcomes(passed=3)


def test_pytest_explains_the_fixture(pytester: pytest.Pytester) -> None:
    result = run_pytest(pytester, "--fixtures")
    result.stdout.fnmatch_lines(["clockbound_segment*", "*the test sets by hand*ManualSegment*"])


@pytest.mark.parametrize("implementation", ["auto", "nonsense"])
def test_who_does_not_use_the_fixture_does_not_import_the_client(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, implementation: str
) -> None:
    monkeypatch.setenv("CLOCKBOUND_IMPLEMENTATION", implementation)
    pytester.makepyfile(BYSTANDER)
    run_pytest(pytester).assert_outcomes(passed=1)


def test_a_client_that_cannot_be_imported_is_the_error_of_the_test_that_asks_for_it(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLOCKBOUND_IMPLEMENTATION", "nonsense")
    pytester.makepyfile(BYSTANDER, test_asks="def test_it(clockbound_segment): pass")
    result = run_pytest(pytester)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*CLOCKBOUND_IMPLEMENTATION is 'nonsense'*"])


def test_the_plugin_can_be_left_out_by_its_name(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(clockbound_segment): pass")
    result = run_pytest(pytester, "-p", "no:clockbound")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'clockbound_segment' not found*"])


def test_pytest_may_be_started_by_a_program_that_has_imported_the_client(pytester: pytest.Pytester) -> None:
    pytester.makepyfile("def test_it(): pass")
    result = run(
        "import clockbound_client, pytest, sys; sys.exit(pytest.main(['-W', 'error', '-p', 'no:cacheprovider']))"
    )
    assert (result.returncode, result.stderr) == (0, ""), result.stdout
