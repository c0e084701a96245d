"""What needs clocks that stand still: answers to the nanosecond, and a kernel that knows its offset of TAI.

Each test runs a process of its own that loads tests/shim.c first.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import clockbound_client as cb
import pytest
from conftest import REALTIME_NS, S, run_python, segment_bytes

UTC_SCRIPT = """
import json, sys, clockbound_client as cb
clock = cb.ClockBoundClient(sys.argv[1])
now = clock.now()
try:
    waited = clock.wait_until_after(now.earliest_ns, timeout=0), "too early"
except cb.WaitTimeoutError:
    waited = clock.wait_until_after(now.earliest_ns - 1, timeout=0)
print(json.dumps({
    "waited": waited == now,
    "implementation": cb.implementation,
    "now": [now.earliest_ns, now.latest_ns, now.status],
    "before": [clock.before(now.latest_ns), clock.before(now.latest_ns + 1), clock.before(now)],
    "after": [clock.after(now.earliest_ns), clock.after(now.earliest_ns - 1), clock.after(now)],
    "before the whole": clock.before(cb.Interval(now.latest_ns + 1, now.latest_ns + 2, 1)),
    "after the whole": clock.after(cb.Interval(now.earliest_ns - 2, now.earliest_ns - 1, 1)),
}))
"""

TAI_SCRIPT = """
import json, sys, clockbound_client as cb
clock = cb.ClockBoundClient(sys.argv[1])
try:
    tai = clock.now_tai()
    print(json.dumps([type(tai).__name__, tai.earliest_ns, tai.latest_ns, tai.status]))
except cb.ClockBoundError as error:
    print(json.dumps([type(error).__name__, str(error), error.path, error.kind]))
"""


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    compiler = shutil.which(os.environ.get("CC", "cc"))
    if compiler is None:
        pytest.skip("no C compiler: answers to the nanosecond, and TAI where it is known, were not tested")
    library = tmp_path_factory.mktemp("shim") / "shim.so"
    source = Path(__file__).with_name("shim.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    return library


def frozen(impl: Any, shim: Path, code: str, path: Path, **environment: object) -> Any:
    """What the script prints as JSON, at REALTIME_NS and 101 s of the monotonic clock."""
    clocks = {"REALTIME_NS": REALTIME_NS, "MONOTONIC_NS": 101 * S} | environment
    result = run_python(
        code, impl.name, path, LD_PRELOAD=str(shim), **{name: str(value) for name, value in clocks.items()}
    )
    assert result.stderr == ""
    return json.loads(result.stdout)


def test_answers_are_exact(impl: Any, shim: Path, write: Any) -> None:
    # 1 ms at as_of, 1 s ago, and 50 us/s since.
    earliest_ns, latest_ns = REALTIME_NS - 1_050_000, REALTIME_NS + 1_050_000
    assert frozen(impl, shim, UTC_SCRIPT, write(segment_bytes())) == {
        "waited": True,
        "implementation": impl.name,
        "now": [earliest_ns, latest_ns, 1],
        "before": [False, True, False],
        "after": [False, True, False],
        "before the whole": True,
        "after the whole": True,
    }


@pytest.mark.parametrize("offset_s", [1, 10, 37])
def test_tai_is_ahead_by_the_offset(impl: Any, shim: Path, write: Any, offset_s: int) -> None:
    assert frozen(impl, shim, TAI_SCRIPT, write(segment_bytes()), TAI_OFFSET_NS=offset_s * S) == [
        "TaiInterval",
        REALTIME_NS + offset_s * S - 1_050_000,
        REALTIME_NS + offset_s * S + 1_050_000,
        1,
    ]


@pytest.mark.parametrize("offset_s", [0, -1, -37])
def test_an_offset_that_is_not_positive_is_unknown(impl: Any, shim: Path, write: Any, offset_s: int) -> None:
    path = write(segment_bytes())
    name, message, about, kind = frozen(impl, shim, TAI_SCRIPT, path, TAI_OFFSET_NS=offset_s * S)
    assert name == "TaiOffsetUnknownError"
    assert message.startswith(f"{path}: the kernel doesn't know the offset of TAI; ")
    assert "leapsectz" in message
    assert about == str(path)
    assert kind == cb.ErrorKind.NONE


def test_an_offset_that_changes_all_the_time_is_unknown(impl: Any, shim: Path, write: Any) -> None:
    name, message, *_ = frozen(
        impl, shim, TAI_SCRIPT, write(segment_bytes()), TAI_OFFSET_NS=37 * S, TAI_STEP_NS=S
    )
    assert name == "TaiOffsetUnknownError"
    assert "the kernel's offset of TAI changes all the time" in message


def test_clocks_that_are_no_whole_seconds_apart_tell_nothing(impl: Any, shim: Path, write: Any) -> None:
    offset_ns = 37 * S + S // 2  # as when somebody steps the clock between the readings
    name, message, *_ = frozen(impl, shim, TAI_SCRIPT, write(segment_bytes()), TAI_OFFSET_NS=offset_ns)
    assert name == "TaiOffsetUnknownError"
    assert "the kernel doesn't know the offset of TAI" in message


def test_an_end_that_overflows_on_the_tai_scale_is_malformed(impl: Any, shim: Path, write: Any) -> None:
    # latest is 2**63 - 1 in UTC
    content = segment_bytes(bound_ns=2**63 - 1 - REALTIME_NS, max_drift_ppb=0)
    name, *_ = frozen(impl, shim, TAI_SCRIPT, write(content), TAI_OFFSET_NS=37 * S)
    assert name == "SegmentMalformedError"


def test_tai_has_the_status_of_the_segment(impl: Any, shim: Path, write: Any) -> None:
    path = write(segment_bytes(clock_status=cb.ClockStatus.DISRUPTED))
    assert frozen(impl, shim, TAI_SCRIPT, path, TAI_OFFSET_NS=37 * S)[-1] == cb.ClockStatus.DISRUPTED


def test_tai_on_this_machine(live: Any) -> None:
    """The real clocks, whatever this kernel knows."""
    offset_s = round((time.clock_gettime_ns(time.CLOCK_TAI) - time.time_ns()) / S)
    if offset_s == 0:
        with pytest.raises(cb.TaiOffsetUnknownError):
            live.client.now_tai()
        return
    before, tai, after = live.client.now(), live.client.now_tai(), live.client.now()
    assert before.earliest_ns + offset_s * S <= tai.earliest_ns <= after.earliest_ns + offset_s * S
    assert tai.width_ns == before.width_ns
