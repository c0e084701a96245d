"""The commands ``live`` and ``torture``: their options, reports and exit statuses."""

from __future__ import annotations

import argparse
import contextlib
import datetime
import importlib
import importlib.util
import json
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from clockbound_conformance import files, live, outputs, protocol, torture
from clockbound_conformance._vocabulary import VERSION
from clockbound_conformance.config import AdapterConfig, UsageError, load_adapters
from clockbound_conformance.processes import LabError, unwinding_on_signals
from clockbound_conformance.runner import HarnessError

#: The daemon's own way to publish.
PUBLISH = "clockbound_client._core:publish"


def add_commands(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], epilog: str, formatter: Any
) -> None:
    """Add both commands to those of the program."""
    lived = commands.add_parser(
        "live",
        help="ask adapters while a real chronyd and the daemon go through everything that happens",
        description=(
            "Starts a private chronyd whose true time is known, and the daemon on it. Each adapter keeps a context\n"
            "open while status, bound, disruption, generation, process and file change. At each step all have to\n"
            "answer what the oracle says, and their now has to contain true time. Takes about 20 s."
        ),
        epilog=epilog,
        formatter_class=formatter,
    )
    tortured = commands.add_parser(
        "torture",
        help="let adapters read while a writer publishes without a pause",
        description=(
            "Every record that is published is a function of one number, so that each answer tells the number, or\n"
            "that parts of two records were mixed. Adapters with the feature repeat are asked millions of times,\n"
            f"others {torture.SINGLE_READS_COUNT:,} times."
        ),
        epilog=epilog,
        formatter_class=formatter,
    )
    for each in (lived, tortured):
        each.add_argument(
            "--adapter",
            action="append",
            required=True,
            type=Path,
            metavar="FILE",
            help="the adapter's adapter.toml; may be repeated",
        )
        each.add_argument("--jsonl", type=Path, metavar="FILE", help="write what was counted")
        each.add_argument("--no-progress", action="store_true", help="show no progress")
    tortured.add_argument(
        "--reads",
        type=_reads,
        default=torture.DEFAULT_READS_COUNT,
        metavar="COUNT",
        help="reads of each adapter (default: %(default)s)",
    )
    tortured.add_argument(
        "--seconds",
        type=_seconds,
        default=torture.DEFAULT_LIMIT_S,
        metavar="LIMIT",
        help="no adapter takes longer (default: %(default)g); one that made fewer reads by then is told so",
    )
    tortured.add_argument(
        "--publish",
        metavar="MODULE:FUNCTION",
        help=(
            "Python's name of a function that publishes a record's bytes into a writable mapping (default: "
            f"{PUBLISH}, where it is installed); every eighth block of records is written word by word all the same"
        ),
    )


def _reads(text: str) -> int:
    count = (
        int(text.replace("_", "").replace(",", "")) if text.replace("_", "").replace(",", "").isdigit() else 0
    )
    if count < 1:
        raise argparse.ArgumentTypeError(f"{text!r}: a number of reads from 1 is expected")
    return count


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r}: a number of seconds up to 86400 is expected")
    return seconds


def run_live(options: argparse.Namespace) -> bool:
    """Whether all adapters passed. Raises UsageError, HarnessError and what says that an adapter can't be used."""
    configs = load_adapters(options.adapter)
    with contextlib.ExitStack() as stack:
        stack.enter_context(unwinding_on_signals())
        report = _Report(stack, options, "live", configs)
        folder = _folder(stack)
        print(live.HEADER, flush=True)

        def note(step: live.Step) -> None:
            report.write(step.record())
            print(live.line(step), flush=True)

        try:
            result = live.run(configs, folder, note, None if options.no_progress else sys.stderr)
        except LabError as error:
            raise HarnessError(str(error)) from None
        for fault in result.faults:
            report.write({"record": "fault", **vars(fault), "layout": str(fault.layout)})
        for outcome in result.outcomes:
            report.write(outcome.record())
        print(live.text(result), flush=True)
        report.end(result.passed)
    return result.passed


def run_torture(options: argparse.Namespace) -> bool:
    """As run_live."""
    configs = load_adapters(options.adapter)
    publish = _publish(options.publish)
    with contextlib.ExitStack() as stack:
        stack.enter_context(unwinding_on_signals())
        report = _Report(stack, options, "torture", configs)
        progress = None if options.no_progress else sys.stderr
        chamber = torture.Torture(
            _folder(stack),
            reads_count=options.reads,
            limit_s=options.seconds,
            publish=publish,
            progress=progress,
        )
        print(f"the writer publishes {f'by {publish}, and word by word' if publish else 'word by word'}")
        passed = True
        for config in configs:
            outcome = chamber.run(config)
            passed = passed and outcome.passed
            report.write(outcome.record())
            print(torture.text(outcome), flush=True)
        report.end(passed)
    return passed


def _publish(name: str | None) -> str | None:
    if name is None:
        return PUBLISH if importlib.util.find_spec(PUBLISH.partition(".")[0]) is not None else None
    module, _, function = name.partition(":")
    try:
        if not callable(getattr(importlib.import_module(module), function, None)):
            raise UsageError(f"--publish {name}: {module} has no function {function!r}")
    except (ImportError, ValueError) as error:
        raise UsageError(
            f"--publish {name}: {error}; MODULE:FUNCTION is expected, such as {PUBLISH}"
        ) from None
    return name


def _folder(stack: contextlib.ExitStack) -> Path:
    return Path(
        stack.enter_context(
            tempfile.TemporaryDirectory(prefix="clockbound-conformance-", dir=files.memory_folder())
        )
    )


class _Report:
    """JSON Lines as schemas/exercises.schema.json has them."""

    def __init__(
        self,
        stack: contextlib.ExitStack,
        options: argparse.Namespace,
        exercise: str,
        configs: Sequence[AdapterConfig],
    ) -> None:
        self._stream: IO[str] | None = outputs.opened(stack, options.jsonl)
        self._began_ns = time.monotonic_ns()
        self.write(
            {
                "record": "exercise",
                "schema": "1",
                "exercise": exercise,
                "suite_version": VERSION,
                "protocol": protocol.VERSION,
                "started_utc": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
                "adapters": [config.name for config in configs],
            }
        )

    def write(self, record: dict[str, Any]) -> None:
        if self._stream is not None:
            self._stream.write(json.dumps(record, ensure_ascii=False) + "\n")
            self._stream.flush()

    def end(self, passed: bool) -> None:
        self.write({"record": "end", "passed": passed, "duration_ns": time.monotonic_ns() - self._began_ns})
