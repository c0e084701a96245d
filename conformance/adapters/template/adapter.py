#!/usr/bin/env python3
"""An adapter to fill in: copy this folder, then write the four functions below for your client.

It reads questions from standard input and writes answers to standard output, one JSON object a line. Everything about
that is done here already. What is missing is your client: the functions say what each has to do. Then:

    clockbound-conformance smoke --adapter adapter.toml      finds what is wrong with the adapter
    clockbound-conformance run --adapter adapter.toml        finds what is wrong with the client
"""

import json
import sys

# Who you are. Leave out of FEATURES what your client can't do; begin with compute. repeat takes what watch takes.
NAME = "my-client"
LANGUAGE = "python"
LIBRARY = "my-library"
VERSION = "0.0"
LAYOUTS = ["1", "2"]
FEATURES = ["compute", "watch", "now", "repeat"]


class Refused(Exception):
    """Raise it with the name of an error kind: Refused("SEGMENT_MALFORMED"). The kinds stand in the protocol."""


def open_client(segment, vmclock):
    """Open your client on the segment at the path `segment`, and return it.

    `vmclock` is the path of the VMClock page, or None for your client's default. Where it doesn't open, raise Refused with
    the kind of the error: your client has a name of its own for each, and this is the place to translate it.
    """
    raise NotImplementedError("open_client: open your client on the segment's path and return it")


def now_at(client, realtime_ns, monotonic_ns):
    """Return (earliest_ns, latest_ns, status) as if both clocks had shown these readings.

    Not every client can be given readings. One that can't has a place where it reads the clocks, and that place can be
    replaced in a test. Status is "UNKNOWN", "SYNCHRONIZED", "FREE_RUNNING" or "DISRUPTED".
    """
    raise NotImplementedError("now_at: ask your client for the interval at these clock readings")


def now(client):
    """Return (earliest_ns, latest_ns, status) at this moment."""
    raise NotImplementedError("now: ask your client for the interval now")


def close_client(client):
    """Close it: unmap the segment, free its memory."""
    raise NotImplementedError("close_client: close what open_client returned")


# From here on nothing has to be changed.


def main():
    for_now = {}  # path -> client that stays open for now
    watched, watched_path, left_count = None, None, 0  # client that stays open for a watch
    for line in sys.stdin:
        question = json.loads(line)
        command = question["cmd"]
        try:
            if command == "hello":
                answer = {
                    "type": "hello",
                    "protocol": "1",
                    "name": NAME,
                    "language": LANGUAGE,
                    "library": LIBRARY,
                    "version": VERSION,
                    "layouts": LAYOUTS,
                    "features": FEATURES,
                }
            elif command == "compute":
                readings = int(question["realtime_ns"]), int(question["monotonic_ns"])
                if watched is not None and question["segment"] == watched_path:
                    client, left_count = watched, left_count - 1
                    if left_count == 0:
                        watched = None
                    keep = watched is not None
                else:
                    client, keep = open_client(question["segment"], question.get("vmclock")), False
                try:
                    answer = interval(now_at(client, *readings))
                finally:
                    if not keep:
                        close_client(client)
            elif command == "watch":
                if watched is not None:
                    close_client(watched)
                    watched = None
                watched = open_client(question["segment"], question.get("vmclock"))
                watched_path, left_count = question["segment"], int(question["count"])
                answer = {"type": "watching"}
            elif command == "repeat":
                if watched is None or question["segment"] != watched_path:
                    answer = {"type": "unsupported", "reason": "repeat is for the path of a watch"}
                else:
                    answer = {"type": "repeated", "runs": repeated(watched, question)}
            elif command == "now":
                path = question["segment"]
                if path not in for_now:
                    for_now[path] = open_client(path, question.get("vmclock"))
                answer = interval(now(for_now[path]))
            elif command == "stop":
                answer = {"type": "stopped"}
            else:
                answer = {"type": "unsupported", "reason": f"no command {command}"}
        except Refused as refused:
            answer = {"type": "error", "kind": str(refused)}
        except NotImplementedError as missing:
            answer = {"type": "unsupported", "reason": f"fill in {missing}"}
        # Every answer repeats the question's seq. Without the flush it would stay in this process.
        print(json.dumps({"seq": question["seq"], **answer}), flush=True)
        if command == "stop":
            return


def repeated(client, question):
    """Ask so many times in a row, and say only where the answer changed: at most 500 times."""
    readings = int(question["realtime_ns"]), int(question["monotonic_ns"])
    runs = []  # how many equal answers, and the answer
    for _ in range(int(question["count"])):
        try:
            answer = "{} {} {}".format(*now_at(client, *readings))
        except Refused as refused:
            answer = str(refused)
        if runs and runs[-1][1] == answer:
            runs[-1][0] += 1
        elif len(runs) < 500:
            runs.append([1, answer])
        else:
            break
    return ",".join(f"{count} {answer}" for count, answer in runs)


def interval(found):
    earliest_ns, latest_ns, status = found
    # 64-bit integers are strings, because many JSON libraries read numbers as doubles.
    return {
        "type": "interval",
        "earliest_ns": str(earliest_ns),
        "latest_ns": str(latest_ns),
        "status": status,
    }


if __name__ == "__main__":
    main()
