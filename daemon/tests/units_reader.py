"""A client that reads until SIGTERM, with one context, and then prints what it saw as JSON: reader OFFSET_NS

True time is the system clock plus OFFSET_NS.
"""

from __future__ import annotations

import json
import signal
import sys
import time

from clockbound_client import ClockBoundClient, ClockBoundError

offset_ns = int(sys.argv[1])
seen = dict.fromkeys(("UNKNOWN", "SYNCHRONIZED", "FREE_RUNNING", "DISRUPTED"), 0)
readings_count = errors_count = outside_count = 0
last_error = ""
stopped = []
with ClockBoundClient() as client:
    signal.signal(signal.SIGTERM, lambda number, frame: stopped.append(number))
    while not stopped:
        readings_count += 1
        try:
            interval = client.now()
        except ClockBoundError as error:
            errors_count += 1
            last_error = str(error)
        else:
            seen[interval.status.name] += 1
            if interval.status.name in ("SYNCHRONIZED", "FREE_RUNNING"):
                outside_count += 2 * abs(offset_ns) > interval.width_ns
        time.sleep(0.0005)
counts = {"readings_count": readings_count, "errors_count": errors_count, "outside_count": outside_count}
print(json.dumps({**counts, "last_error": last_error, **seen}))
