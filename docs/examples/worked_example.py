"""The worked example of the page on the error bound: the interval for two given clock readings."""

from clockbound_client import ClockBoundClient


def interval_of_the_example(segment_path: str) -> tuple[int, int]:
    with ClockBoundClient(segment_path) as clock:
        interval = clock.now_at(realtime_ns=1_767_225_600_123_456_789, monotonic_ns=1_002_345_678_901)
    return interval.earliest_ns, interval.latest_ns  # 1767225600123086449, 1767225600123827129
