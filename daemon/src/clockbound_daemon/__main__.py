"""`clockbound`: puts the parts together, and ends when a signal says so."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence

from clockbound_daemon import options, status
from clockbound_daemon._layout import DEFAULT_DRIFT_PPB, NANOSECONDS_PER_SECOND, VERSION
from clockbound_daemon.chrony import ChronyClient
from clockbound_daemon.errors import StartError
from clockbound_daemon.log import STANDARD_ERROR, Log
from clockbound_daemon.segment import SegmentWriter
from clockbound_daemon.service import Service, SystemClock

# Type checkers take this name for typing.TYPE_CHECKING; typing itself is slow to import.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from clockbound_daemon.phc import PhcErrorBound

STOPPED, COULD_NOT_START = 0, 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the daemon; its exit status."""
    given = options.parse(arguments)
    _fill_standard_descriptors()
    events = Log(json_output=given.json_output)
    stop = _stop_signals()
    clock = SystemClock()
    initial = status.initial_state(clock.monotonic_coarse_ns())
    max_drift_ppb = given.max_drift_ppb if given.max_drift_ppb is not None else DEFAULT_DRIFT_PPB
    try:
        phc = _phc(given)
        writer = SegmentWriter(given.run_dir, status.record(initial, max_drift_ppb=max_drift_ppb))
    except StartError as error:
        events.error("not-started", str(error))
        return COULD_NOT_START
    events.info(
        "started",
        f"version {VERSION}, writes to {given.run_dir}, asks {given.chronyd_socket} every "
        f"{_decimal(given.poll_interval_ns, NANOSECONDS_PER_SECOND)} s, drift rate {_decimal(max_drift_ppb, 1000)} ppm",
        version=VERSION,
        run_dir=given.run_dir,
        chronyd_socket=given.chronyd_socket,
        poll_interval_ns=given.poll_interval_ns,
        max_drift_ppb=max_drift_ppb,
    )
    if given.max_drift_ppb is None:
        default = _decimal(DEFAULT_DRIFT_PPB, 1000)
        events.warning(
            "default-drift-rate",
            f"no --max-drift-rate given, so {default} ppm is assumed; chronyd assumes 1 ppm unless it is told: "
            f"put 'maxclockerror {default}' into chrony.conf, or give chronyd's maxclockerror here if it is higher",
            max_drift_ppb=DEFAULT_DRIFT_PPB,
        )
    client = ChronyClient(given.chronyd_socket, given.reply_dir)
    service = Service(
        initial=initial,
        client=client,
        publish=writer.publish,
        log=events,
        clock=clock,
        max_drift_ppb=max_drift_ppb,
        poll_interval_ns=given.poll_interval_ns,
        trust_local_reference=given.trust_local_reference,
        phc_reference_id=given.phc_reference_id,
        phc=phc,
    )
    try:
        service.run(stop)
    finally:
        client.close()
        writer.close()
    events.info("stopped", f"stopped by a signal; the last status was {service.state.status.name}")
    return STOPPED


def _phc(given: options.Options) -> PhcErrorBound | None:
    if given.phc_interface is None:
        return None
    from clockbound_daemon.phc import PhcError, PhcErrorBound  # most hosts have none

    try:
        phc = PhcErrorBound(given.phc_interface, given.sysfs_root)
        phc.check()
    except PhcError as error:
        raise StartError(str(error)) from None
    return phc


def _fill_standard_descriptors() -> None:
    """Open what whoever started the daemon closed: otherwise a segment gets number 2, and log lines go into it."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= STANDARD_ERROR:
        pass
    os.close(descriptor)


def _stop_signals() -> int:
    """A descriptor that becomes readable when the daemon is to stop."""
    stop, written = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(written, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        # Python writes to the descriptor for signals that have a handler only; nothing is left for it to do.
        signal.signal(number, lambda number, frame: None)
    return stop


def _decimal(value: int, scale: int) -> str:
    """`value` / `scale`, where scale is a power of ten, without needless zeros."""
    whole, fraction = divmod(value, scale)
    digits = f"{fraction:0{len(str(scale)) - 1}d}".rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)


if __name__ == "__main__":
    sys.exit(main())
