"""``clockbound-conformance``: the commands of the conformance suite.

Exit statuses: 0 passed; 1 failed; 2 the command, a file that it names, or the adapter's program can't be used; 3 the
suite itself failed (damaged vector files, no space, a bug), so that nothing is said of the client.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from clockbound_conformance import demo, exercises, files, outputs, report, results, rules, smoke, vectors
from clockbound_conformance._vocabulary import VERSION
from clockbound_conformance.adapter import AdapterNotStarted, AdapterOtherProtocol
from clockbound_conformance.config import (
    AdapterConfig,
    KnownFailures,
    UsageError,
    load_adapter,
    load_adapters,
    load_known_failures,
)
from clockbound_conformance.processes import unwinding_on_signals
from clockbound_conformance.runner import HarnessError, Result, Run, Summary

PASSED, FAILED, USAGE, HARNESS = 0, 1, 2, 3

EPILOG = """\
exit statuses: 0 passed; 1 failed; 2 the command, a file that it names or the adapter's program can't be used;
3 the suite itself failed, so that nothing is said of the client
"""


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="clockbound-conformance",
        description="Holds every ClockBound client to the same intervals.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True)

    run = commands.add_parser(
        "run", help="ask adapters every vector", epilog=EPILOG, formatter_class=parser.formatter_class
    )
    run.add_argument(
        "--adapter",
        action="append",
        required=True,
        type=Path,
        metavar="FILE",
        help="the adapter's adapter.toml; may be repeated",
    )
    _add_only(run)
    run.add_argument(
        "--expect-known-failures",
        type=Path,
        metavar="FILE",
        help="TOML with vectors that are known to fail, and the reasons; one that passes is a failure",
    )
    run.add_argument("--jsonl", type=Path, metavar="FILE", help="write every question, answer and verdict")
    run.add_argument("--junit", type=Path, metavar="FILE", help="write a JUnit report")
    outputs.add_options(run)
    run.add_argument("--verbose", action="store_true", help="show every failure, not the first few")
    run.add_argument("--no-progress", action="store_true", help="show no progress")

    reported = commands.add_parser(
        "report",
        help="put reports of --jsonl side by side",
        description="Makes one report of those that --jsonl wrote, of different clients, or of one on different machines.",
        epilog=EPILOG,
        formatter_class=parser.formatter_class,
    )
    reported.add_argument("files", nargs="+", type=Path, metavar="RESULTS.jsonl")
    outputs.add_options(reported)

    exercises.add_commands(commands, EPILOG, parser.formatter_class)

    smoked = commands.add_parser(
        "smoke",
        help="find out what an adapter's author has to change",
        description="A short conversation with an adapter. Whatever is wrong is explained, with both lines.",
    )
    smoked.add_argument("--adapter", required=True, type=Path, metavar="FILE")

    listed = commands.add_parser("list", help="list vectors, rules or mistakes")
    _add_only(listed)
    what = listed.add_mutually_exclusive_group()
    what.add_argument("--rules", action="store_true", help="the rules, and how many vectors each has")
    what.add_argument("--mistakes", action="store_true", help="the mistakes of real readers, likewise")

    # Its options are its own.
    commands.add_parser(
        "demo",
        add_help=False,
        help="show a real chronyd, the daemon and two clients that return the same interval",
    )
    return parser


def _add_only(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--only",
        action="append",
        default=[],
        metavar="RULE|ID",
        help="the vectors of a rule, or one vector; may be repeated",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    words = sys.argv[1:] if arguments is None else list(arguments)
    if words[:1] == ["demo"]:
        return demo.main(words[1:])
    try:
        options = _parser().parse_args(words)
    except SystemExit as end:  # a wrong command line, or --help
        return int(end.code or 0)
    try:
        match options.command:
            case "run":
                return _run(options)
            case "report":
                return _report(options)
            case "live":
                return PASSED if exercises.run_live(options) else FAILED
            case "torture":
                return PASSED if exercises.run_torture(options) else FAILED
            case "smoke":
                return PASSED if smoke.check(load_adapter(options.adapter), sys.stdout) else FAILED
            case _:
                return _list(options)
    except UsageError as error:
        return _said(error, USAGE)
    except (AdapterNotStarted, AdapterOtherProtocol) as error:
        return _said(error, USAGE)
    except (vectors.DamagedError, HarnessError) as error:
        return _said(f"the suite failed, and says nothing of the client: {error}", HARNESS)
    except BrokenPipeError:
        # Whoever read our output has gone; nobody is left to be told.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return HARNESS
    except KeyboardInterrupt:
        return _said("interrupted", HARNESS)
    except Exception as error:  # noqa: BLE001 - whatever it is, it isn't the client's fault
        traceback.print_exc()
        return _said(f"the suite failed, and says nothing of the client: {error!r}", HARNESS)


def _said(words: object, status: int) -> int:
    with contextlib.suppress(OSError):  # whoever read it may have gone
        sys.stdout.flush()
    print(f"clockbound-conformance: {words}", file=sys.stderr)
    return status


def _chosen(collection: vectors.Collection, only: Sequence[str]) -> tuple[vectors.Vector, ...]:
    try:
        return collection.select(only)
    except vectors.UnknownSelectionError as error:
        close = f"; did you mean {' or '.join(error.close)}?" if error.close else ""
        raise UsageError(f"--only {error}: there is no such rule and no such vector{close}") from None


def _run(options: argparse.Namespace) -> int:
    began_ns = time.monotonic_ns()
    outputs.check_distinct((options.jsonl, options.junit, options.html, options.badge, options.markdown))
    configs = load_adapters(options.adapter)
    collection = vectors.load()
    chosen = _chosen(collection, options.only)
    known = KnownFailures({})
    if options.expect_known_failures is not None:
        known = load_known_failures(
            options.expect_known_failures, {vector.id for vector in collection.vectors}
        )
    summaries = []
    with contextlib.ExitStack() as stack:
        stack.enter_context(unwinding_on_signals())
        lines = report.Lines(outputs.opened(stack, options.jsonl))
        junit = outputs.opened(stack, options.junit)
        others = outputs.Outputs(stack, options)
        folder = Path(
            stack.enter_context(
                tempfile.TemporaryDirectory(prefix="clockbound-conformance-", dir=files.memory_folder())
            )
        )
        run = report.run_record(collection, chosen, options.only, configs)
        lines.write(run)
        for number, config in enumerate(configs):
            place = folder / str(number)
            place.mkdir()
            summary = _run_one(config, place, chosen, known, options)
            _write(lines, config, summary, collection.mistakes)
            print(report.text(config, summary, every=options.verbose), flush=True)
            summaries.append(summary)
        status = PASSED if all(summary.passed for summary in summaries) else FAILED
        if junit is not None:
            junit.write(report.junit(run["started_utc"], summaries).decode())
        lines.write(report.end_record(status, time.monotonic_ns() - began_ns))
        if others:
            others.write(results.of_run(lines.records))
    return status


def _report(options: argparse.Namespace) -> int:
    written = (options.html, options.badge, options.markdown)
    outputs.check_distinct((*options.files, *written))
    found = results.read(options.files)
    with contextlib.ExitStack() as stack:
        outputs.Outputs(stack, options).write(found)
    print(results.text(found))
    return PASSED if found.passed else FAILED


def _run_one(
    config: AdapterConfig,
    folder: Path,
    chosen: Sequence[vectors.Vector],
    known: KnownFailures,
    options: argparse.Namespace,
) -> Summary:
    progress = report.Progress(sys.stderr, config.name, len(chosen))

    def note(result: Result) -> None:
        if not options.no_progress:
            progress.note(result)

    try:
        return Run(config, folder, known).all(chosen, note)
    finally:
        progress.end()


def _write(lines: report.Lines, config: AdapterConfig, summary: Summary, mistakes: dict[str, str]) -> None:
    lines.write(report.adapter_record(config, summary.hello))
    for result in summary.results:
        lines.write(report.result_record(config, result, mistakes))
    lines.write(report.summary_record(summary))


def _list(options: argparse.Namespace) -> int:
    collection = vectors.load()
    chosen = _chosen(collection, options.only)
    if options.rules:
        count = Counter(rule for vector in chosen for rule in vector.rules)
        for id, rule in rules.readers_rules().items():
            why = rules.WITHOUT_VECTORS.get(id)
            print(f"{count[id]:5} {id:24} {rule.statement if why is None else 'no vectors: ' + why}")
    elif options.mistakes:
        count = Counter(flag for vector in chosen for flag in vector.catches)
        for flag, mistake in collection.mistakes.items():
            print(f"{count[flag]:5} {flag:32} {mistake}")
    else:
        for vector in chosen:
            print(f"{vector.id:56} {', '.join(vector.rules):32} {vector.distinguishes}")
        sys.stdout.flush()  # so that this comes last where both go to one file
        print(f"{len(chosen)} vectors", file=sys.stderr)
    return PASSED if chosen else FAILED


if __name__ == "__main__":
    sys.exit(main())
