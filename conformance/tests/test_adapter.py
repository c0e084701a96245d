"""The driver, against adapters that are broken on purpose: each fault must be called by its own name."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

import pytest
from clockbound_conformance.adapter import Adapter, AdapterBadAnswer, AdapterCrash, AdapterTimeout
from clockbound_conformance.answers import Interval, Refusal, Unsupported

SEGMENT = Path("/segment")
PATIENT_S = 30.0  # a busy machine may take its time to start a program

# An adapter that answers hello rightly; then BODY does with `request` and `say` what the test wants.
SCRIPT = """
import json, os, signal, sys, time
def say(**message):
    print(json.dumps(message), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    seq = request["seq"]
    if request["cmd"] == "hello":
        say(seq=seq, type="hello", protocol="1", name="n", language="l", library="b", version="v",
            layouts=["1", "2"], features=["compute"])
    elif request["cmd"] == "stop" and {answer_stop}:
        say(seq=seq, type="stopped")
        break
    else:
        {body}
"""


def adapter(body: str, *, answer_stop: bool = True) -> Adapter:
    script = SCRIPT.format(body=body, answer_stop=answer_stop)
    return Adapter([sys.executable, "-c", script], timeout_s=PATIENT_S)


def compute(broken: Adapter) -> Interval | Refusal | Unsupported:
    return broken.compute(SEGMENT, realtime_ns=1, monotonic_ns=2)


def test_an_interval_is_returned_as_it_was_said() -> None:
    body = (
        "say(seq=seq, type='interval', earliest_ns='-9223372036854775808', latest_ns='0', status='DISRUPTED')"
    )
    with adapter(body) as honest:
        assert Interval(-(2**63), 0, "DISRUPTED") == compute(honest)


def test_an_error_kind_is_an_answer() -> None:
    with adapter("say(seq=seq, type='error', kind='CAUSALITY_BREACH')") as honest:
        assert Refusal("CAUSALITY_BREACH") == compute(honest)


def test_unsupported_is_an_answer_and_neither_right_nor_wrong() -> None:
    with adapter("say(seq=seq, type='unsupported', reason='no layout 1')") as honest:
        assert Unsupported("no layout 1") == compute(honest)


def test_the_question_carries_the_integers_as_strings() -> None:
    body = (
        "ok = request == dict(cmd='compute', seq='2', segment='/segment', vmclock='/v', realtime_ns='1', "
        "monotonic_ns='-2'); say(seq=seq, type='unsupported', reason=str(ok))"
    )
    with adapter(body) as honest:
        assert Unsupported("True") == honest.compute(
            SEGMENT, vmclock=Path("/v"), realtime_ns=1, monotonic_ns=-2
        )


def test_a_path_may_hold_any_character() -> None:
    body = "say(seq=seq, type='unsupported', reason=request['segment'])"
    with adapter(body) as honest:
        path = Path('/tmp/\u00e9\u2713 "quoted"\\back\n\x01')
        assert Unsupported(str(path)) == honest.now(path)


def test_silence_is_a_timeout_and_ends_the_program() -> None:
    with adapter("time.sleep(600)") as broken:
        broken.timeout_s = 0.5
        began_s = time.monotonic()
        with pytest.raises(AdapterTimeout, match=r"no answer to compute in 0\.5 s"):
            compute(broken)
        assert time.monotonic() - began_s < 60
    assert_gone(broken)


def test_half_a_line_is_a_timeout() -> None:
    with adapter("sys.stdout.write('{'); sys.stdout.flush(); time.sleep(60)") as broken:
        broken.timeout_s = 0.5
        with pytest.raises(AdapterTimeout):
            compute(broken)


def test_an_exit_is_a_crash_with_its_status_and_last_words() -> None:
    with (
        adapter("print('out of cheese', file=sys.stderr); sys.exit(7)") as broken,
        pytest.raises(AdapterCrash, match=r"status 7; stderr: out of cheese"),
    ):
        compute(broken)


def test_a_signal_is_a_crash_with_its_number() -> None:
    with (
        adapter("os.kill(os.getpid(), signal.SIGSEGV)") as broken,
        pytest.raises(AdapterCrash, match="status -11"),
    ):
        compute(broken)


def test_closing_the_output_is_a_crash() -> None:
    with adapter("os.close(1); time.sleep(60)") as broken, pytest.raises(AdapterCrash):
        compute(broken)


def test_a_program_that_is_not_there_is_a_crash_that_names_it() -> None:
    with pytest.raises(AdapterCrash, match=r"/no/such/adapter: cannot be run"), Adapter(["/no/such/adapter"]):
        pass


def test_after_a_failure_every_question_fails_in_the_same_way() -> None:
    with adapter("sys.exit(7)") as broken:
        for _ in range(2):
            with pytest.raises(AdapterCrash, match="status 7"):
                compute(broken)


@pytest.mark.parametrize(
    "body",
    [
        "print('garbage', flush=True)",
        "print('', flush=True)",
        "print('[]', flush=True)",
        "print('{}', flush=True)",
        r"sys.stdout.buffer.write(b'\xff\xfe\n'); sys.stdout.flush()",
        "print('x' * 100000, flush=True)",
        "say(seq=seq, type='error')",
        "say(seq=seq, type='error', kind='NONE')",
        "say(seq=seq, type='error', kind='WORSE')",
        "say(seq=seq, type='error', kind='SYSCALL', more='')",
        "say(seq=seq, type='maybe')",
        "say(seq=seq, type=['interval'])",
        "say(type='error', kind='SYSCALL')",
        "say(seq='1', type='error', kind='SYSCALL')",
        "say(seq=2, type='error', kind='SYSCALL')",
        "say(seq=seq, type='unsupported')",
        "say(seq=seq, type='interval', earliest_ns=1, latest_ns=2, status='UNKNOWN')",
        "say(seq=seq, type='interval', earliest_ns='1.0', latest_ns='2', status='UNKNOWN')",
        "say(seq=seq, type='interval', earliest_ns='01', latest_ns='2', status='UNKNOWN')",
        "say(seq=seq, type='interval', earliest_ns='1', latest_ns='2', status='FINE')",
        "say(seq=seq, type='interval', earliest_ns='1', latest_ns='2', status=['UNKNOWN'])",
        "say(seq=seq, type='interval', earliest_ns='1', latest_ns='2')",
        "say(seq=seq, type='interval', earliest_ns='-9223372036854775809', latest_ns='2', status='UNKNOWN')",
        "say(seq=seq, type='interval', earliest_ns='1', latest_ns='9223372036854775808', status='UNKNOWN')",
        "say(seq=seq, type='interval', earliest_ns='\u0661', latest_ns='2', status='UNKNOWN')",
        "a = dict(seq=seq, type='error', kind='SYSCALL'); print(json.dumps(a) + chr(10) + json.dumps(a), flush=True)",
    ],
)
def test_what_is_not_in_the_protocol_is_a_bad_answer(body: str) -> None:
    with adapter(body) as broken, pytest.raises(AdapterBadAnswer):
        compute(broken)


def test_an_interval_is_no_answer_to_watch() -> None:
    body = "say(seq=seq, type='interval', earliest_ns='1', latest_ns='2', status='UNKNOWN')"
    with adapter(body) as broken, pytest.raises(AdapterBadAnswer, match="watch"):
        broken.watch(SEGMENT, count=1)


def test_watch_says_why_it_is_refused() -> None:
    with adapter("say(seq=seq, type='error', kind='SYSCALL')") as honest:
        assert Refusal("SYSCALL") == honest.watch(SEGMENT, count=1)


def test_a_wrong_hello_is_a_bad_answer() -> None:
    script = 'print(\'{"seq": "1", "type": "hello", "protocol": "2"}\', flush=True); input(); input()'
    with pytest.raises(AdapterBadAnswer), Adapter([sys.executable, "-c", script]):
        pass


def test_refusing_to_stop_is_a_timeout() -> None:
    broken = adapter("say(seq=seq, type='stopped'); time.sleep(60)", answer_stop=False)
    with pytest.raises(AdapterTimeout, match="after stop"), broken:
        broken.timeout_s = 3.0  # to answer, and then to end
    assert_gone(broken)


def test_a_failure_at_the_end_is_a_crash() -> None:
    broken = adapter("say(seq=seq, type='stopped'); sys.exit(3)", answer_stop=False)
    with pytest.raises(AdapterCrash, match="status 3 after stop"), broken:
        pass


def test_the_program_is_ended_when_the_asker_fails() -> None:
    honest = adapter("pass")
    with pytest.raises(KeyError), honest:
        raise KeyError
    assert_gone(honest)


def assert_gone(ended: Adapter) -> None:
    with pytest.raises(ProcessLookupError):
        os.kill(ended.pid, 0)
