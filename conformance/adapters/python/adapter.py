#!/usr/bin/env python3
"""Conformance adapter of the Python client. ``--implementation c`` or ``python`` picks one of its two halves."""

from __future__ import annotations

import argparse
import json
import os
import sys

PROTOCOL = "1"
RUNS_LIMIT_COUNT = 500  # in an answer to repeat


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--implementation", choices=("auto", "c", "python"))
    return parser.parse_args()


if (choice := parse_arguments().implementation) is not None:
    os.environ["CLOCKBOUND_IMPLEMENTATION"] = choice  # read when the client is imported

import clockbound_client as client


def interval(answer: client.Interval) -> dict[str, object]:
    return {
        "type": "interval",
        "earliest_ns": str(answer.earliest_ns),
        "latest_ns": str(answer.latest_ns),
        "status": answer.status.name,
    }


def run(count: int, answer: client.Interval | str | None) -> str:
    if isinstance(answer, client.Interval):
        return f"{count} {answer.earliest_ns} {answer.latest_ns} {answer.status.name}"
    return f"{count} {answer}"


def open_client(request: dict[str, str]) -> client.ClockBoundClient:
    if "vmclock" in request:
        return client.ClockBoundClient(request["segment"], vmclock_path=request["vmclock"])
    return client.ClockBoundClient(request["segment"])


class Adapter:
    """The contexts that stay open between requests, and an answer to each request."""

    def __init__(self) -> None:
        self.for_now: dict[str, client.ClockBoundClient] = {}
        self.watched: client.ClockBoundClient | None = None
        self.watched_path = ""
        self.computes_left_count = 0

    def answer(self, request: dict[str, str]) -> dict[str, object]:
        match request.get("cmd"):
            case "hello" if request.get("protocol") == PROTOCOL:
                return {
                    "type": "hello",
                    "protocol": PROTOCOL,
                    "name": f"clockbound-client ({client.implementation})",
                    "language": "python",
                    "library": "clockbound_client",
                    "version": client.__version__,
                    "layouts": ["1", "2"],
                    "features": ["compute", "now", "watch", "repeat"],
                }
            case "compute":
                return self.compute(request)
            case "now":
                path = request["segment"]
                if path not in self.for_now:
                    self.for_now[path] = open_client(request)
                return interval(self.for_now[path].now())
            case "watch":
                self.close_watched()
                self.watched = open_client(request)
                self.watched_path = request["segment"]
                self.computes_left_count = int(request["count"])
                return {"type": "watching"}
            case "repeat":
                return self.repeat(request)
            case "stop":
                return {"type": "stopped"}
            case command:
                return {"type": "unsupported", "reason": f"no command {command!r} in protocol {PROTOCOL}"}

    def compute(self, request: dict[str, str]) -> dict[str, object]:
        realtime_ns, monotonic_ns = int(request["realtime_ns"]), int(request["monotonic_ns"])
        if self.watched is None or request["segment"] != self.watched_path:
            with open_client(request) as opened:
                return interval(opened.now_at(realtime_ns, monotonic_ns))
        self.computes_left_count -= 1
        try:
            return interval(self.watched.now_at(realtime_ns, monotonic_ns))
        finally:
            if self.computes_left_count <= 0:
                self.close_watched()

    def repeat(self, request: dict[str, str]) -> dict[str, object]:
        """Ask so many times in a row, as fast as it goes, and say only where the answer changed."""
        if self.watched is None or request["segment"] != self.watched_path:
            return {"type": "unsupported", "reason": "repeat is for the path of a watch"}
        ask, realtime_ns, monotonic_ns = (
            self.watched.now_at,
            int(request["realtime_ns"]),
            int(request["monotonic_ns"]),
        )
        runs: list[str] = []
        before: client.Interval | str | None = None
        run_count = 0
        for _ in range(int(request["count"])):
            answer: client.Interval | str
            try:
                answer = ask(realtime_ns, monotonic_ns)
            except client.ClockBoundError as error:
                answer = error.kind.name
            if answer != before and run_count:
                runs.append(run(run_count, before))
                run_count = 0
                if len(runs) == RUNS_LIMIT_COUNT:
                    break  # this answer isn't told; the next question asks again
            before = answer
            run_count += 1
        if run_count:
            runs.append(run(run_count, before))
        return {"type": "repeated", "runs": ",".join(runs)}

    def close_watched(self) -> None:
        if self.watched is not None:
            self.watched.close()
            self.watched = None


def main() -> None:
    adapter = Adapter()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = adapter.answer(request)
        except client.ClockBoundError as error:
            answer = {"type": "error", "kind": error.kind.name}
        print(json.dumps({"seq": request["seq"], **answer}), flush=True)
        if request["cmd"] == "stop":
            return


if __name__ == "__main__":
    main()
