"""The ClockBound daemon: asks chronyd how wrong the clock can be and publishes the answer.

The data flows through one file a step: `chrony` (asks) -> `candm` (understands) -> `bound` (how wrong) and
`status` (how far to be relied on) -> `segment` (publishes); `service` turns the wheel.
"""
