"""`clockbound`: puts the parts together, and ends when a signal says so."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from clockbound_daemon import options, status
from clockbound_daemon._layout import (
    DEFAULT_DRIFT_PPB,
    DEFAULT_VMCLOCK_PATH,
    NANOSECONDS_PER_SECOND,
    VERSION,
    ClockStatus,
    SegmentRecord,
)
from clockbound_daemon.bound import decimal
from clockbound_daemon.chrony import ChronyClient
from clockbound_daemon.errors import ConfigError, StartError
from clockbound_daemon.log import STANDARD_ERROR, Log, is_journal
from clockbound_daemon.outside import Outside
from clockbound_daemon.segment import SegmentWriter
from clockbound_daemon.service import ANSWER_ALLOWANCE_NS, PUBLISH_INTERVAL_NS, Service, SystemClock
from clockbound_daemon.signals import Signals
from clockbound_daemon.vmclock import BusyPageError, NoPageError, VmclockError, VmclockPage

# Type checkers take this name for typing.TYPE_CHECKING; typing itself is slow to import.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from clockbound_daemon.notify import Notifier
    from clockbound_daemon.phc import PhcErrorBound

STOPPED, COULD_NOT_START = 0, 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the daemon; its exit status."""
    given = options.parse(arguments)
    _fill_standard_descriptors()
    events = Log(json_output=given.json_output, journal=is_journal(os.environ.get("JOURNAL_STREAM")))
    signals = Signals()
    clock = SystemClock()
    initial = status.initial_state(clock.monotonic_coarse_ns())
    max_drift_ppb = _max_drift_ppb(given)
    try:
        phc = _phc(given)
        vmclock, marker = _vmclock(given)
        writer = SegmentWriter(
            given.run_dir, status.record(initial, max_drift_ppb=max_drift_ppb, disruption_marker=marker)
        )
    except StartError as error:
        events.error("not-started", str(error))
        return COULD_NOT_START
    events.info(
        "started",
        f"version {VERSION}, writes to {given.run_dir}, asks {given.chronyd_socket} every "
        f"{decimal(given.poll_interval_ns, NANOSECONDS_PER_SECOND)} s, drift rate {decimal(max_drift_ppb, 1000)} ppm, "
        + _vmclock_words(vmclock, marker),
        version=VERSION,
        run_dir=given.run_dir,
        chronyd_socket=given.chronyd_socket,
        poll_interval_ns=given.poll_interval_ns,
        max_drift_ppb=max_drift_ppb,
        vmclock="" if marker is None or vmclock is None else vmclock.path,
    )
    if given.max_drift_ppb is None:
        default = decimal(DEFAULT_DRIFT_PPB, 1000)
        events.warning(
            "default-drift-rate",
            f"no --max-drift-rate given, so {default} ppm is assumed; chronyd assumes 1 ppm unless it is told: "
            f"put 'maxclockerror {default}' into chrony.conf, or give chronyd's maxclockerror here if it is higher",
            max_drift_ppb=DEFAULT_DRIFT_PPB,
        )
    outside = Outside(events, _notifier(events))
    found = writer.found
    service = Service(
        initial=initial,
        client=ChronyClient(given.chronyd_socket, given.reply_dir),
        publish=writer.publish,
        log=events,
        clock=clock,
        max_drift_ppb=max_drift_ppb,
        poll_interval_ns=given.poll_interval_ns,
        trust_local_reference=given.trust_local_reference,
        phc_reference_id=given.phc_reference_id,
        phc=phc,
        vmclock=vmclock,
        # What an earlier daemon saw last: had the page another marker since, this daemon finds it out.
        marker=found.disruption_marker if found and found.clock_disruption_support_enabled else marker,
        page_seen=marker is not None,
        offset_ns=writer.kept_offset_ns(),
        keep_offset_ns=writer.keep_offset_ns,
        interrupted=_interrupted(found, without_page=vmclock is not None and marker is None),
        signals=signals,
        outside=outside,
    )
    outside.attach(service, clock.monotonic_ns)
    outside.configure(metrics_listen=given.metrics_listen, metrics_textfile=given.metrics_textfile)
    try:
        service.run(signals)
        while not signals.stopping:
            if signals.take_reload():
                given = _reload(arguments, given, service, events, outside)
            service.run(signals)
        outside.stopping()
    finally:
        service.close()
        outside.close()
        writer.close()
    events.info("stopped", f"stopped by a signal; the last status was {service.state.status.name}")
    return STOPPED


def _reload(
    arguments: Sequence[str] | None,
    before: options.Options,
    service: Service,
    events: Log,
    outside: Outside,
) -> options.Options:
    """Go on with what the configuration file says now, if all of it is right. Returns the options that hold then."""
    outside.reloading()
    try:
        if before.config is None:
            raise ConfigError("SIGHUP: there is nothing to read again, because no --config was given")
        given = options.load(arguments)
        phc = _phc(given)
    except (ConfigError, StartError) as error:
        service.figures.last_reload_succeeded = False
        for message in error.args[0].split("\n"):
            events.warning("not-reloaded", f"{message}; everything goes on as before")
        return before
    else:
        return _reconfigure(given, before, phc, service, events, outside, SystemClock.realtime_ns())
    finally:
        outside.reloaded()


def _reconfigure(
    given: options.Options,
    before: options.Options,
    phc: PhcErrorBound | None,
    service: Service,
    events: Log,
    outside: Outside,
    realtime_ns: int,
) -> options.Options:
    changes = []
    for option in options.OPTIONS:
        old, new = getattr(before, option.dest, None), getattr(given, option.dest, None)
        if old == new:
            continue
        change = f"{option.name} {options.shown(option, old)} -> {options.shown(option, new)}"
        if option.at_run_time:
            changes.append(change)
        else:
            events.warning("restart-needed", f"{change}: takes effect when the daemon is started again")
            setattr(given, option.dest, old)
    client = service.client
    if (given.chronyd_socket, given.reply_dir) != (before.chronyd_socket, before.reply_dir):
        client = ChronyClient(given.chronyd_socket, given.reply_dir)
    service.configure(
        client=client,
        max_drift_ppb=_max_drift_ppb(given),
        poll_interval_ns=given.poll_interval_ns,
        trust_local_reference=given.trust_local_reference,
        phc_reference_id=given.phc_reference_id,
        phc=phc,
    )
    outside.configure(metrics_listen=given.metrics_listen, metrics_textfile=given.metrics_textfile)
    events.json_output = given.json_output
    service.figures.reloaded(realtime_ns)
    events.info("reloaded", f"{given.config} was read again: {', '.join(changes) or 'nothing new'}")
    return given


def _max_drift_ppb(given: options.Options) -> int:
    return given.max_drift_ppb if given.max_drift_ppb is not None else DEFAULT_DRIFT_PPB


def _notifier(events: Log) -> Notifier | None:
    """The way to the service manager, if there is one."""
    if not os.environ.get("NOTIFY_SOCKET"):
        return None
    from clockbound_daemon import notify  # most supervisors have none

    try:
        notifier = notify.from_environment(os.environ, os.getpid())
    except ValueError as error:
        events.warning("service-manager", f"{error}; the service manager is told nothing")
        return None
    shortest_ns = 2 * (PUBLISH_INTERVAL_NS + ANSWER_ALLOWANCE_NS)
    if notifier is not None and notifier.watchdog_ns is not None and notifier.watchdog_ns < shortest_ns:
        events.warning(
            "service-manager",
            f"the service manager's watchdog waits only {decimal(notifier.watchdog_ns, NANOSECONDS_PER_SECOND)} s for a "
            "publish, and there is one a second; set WatchdogSec=10 or more",
        )
    return notifier


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


def _vmclock(given: options.Options) -> tuple[VmclockPage | None, int | None]:
    """The page to follow, if any, and its marker; the marker is None if there is no page (yet)."""
    if given.disable_clock_disruption_support:
        return None, None
    page = VmclockPage(given.vmclock or DEFAULT_VMCLOCK_PATH)
    try:
        return page, page.marker()
    except NoPageError as error:
        if given.require_vmclock:
            raise StartError(str(error)) from None
        return page, None
    except BusyPageError:
        return page, 0  # whatever it is, nothing is synchronised until it can be read
    except VmclockError as error:
        raise StartError(str(error)) from None


def _vmclock_words(vmclock: VmclockPage | None, marker: int | None) -> str:
    if vmclock is None:
        return "no support for clock disruptions by the hypervisor"
    if marker is None:
        return f"no VMClock page at {vmclock.path}"
    if vmclock.path == DEFAULT_VMCLOCK_PATH:
        return f"VMClock page {vmclock.path}"
    return f"VMClock page {vmclock.path}, which has to be given to clients too"


def _interrupted(found: SegmentRecord | None, *, without_page: bool) -> str:
    """Why the segment that was taken over may be that of a daemon that died in the middle of a disruption."""
    if found is None:
        return ""
    if found.clock_status == ClockStatus.DISRUPTED:
        return "so an earlier daemon left it"
    if found.generation % 2:
        return "an earlier daemon died while it wrote the segment"
    if found.clock_disruption_support_enabled and without_page:
        return "an earlier daemon followed a VMClock page that isn't there any more"
    return ""


def _fill_standard_descriptors() -> None:
    """Open what whoever started the daemon closed: otherwise a segment gets number 2, and log lines go into it."""
    while (descriptor := os.open(os.devnull, os.O_RDWR)) <= STANDARD_ERROR:
        pass
    os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main())
