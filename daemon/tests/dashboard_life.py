"""Five minutes in the life of two daemons, as a real Prometheus server sees them.

    python daemon/tests/dashboard_life.py RECORDING

Writes what the server answers to every query of the dashboard, as JSON, for dashboard_picture.py to draw. Both daemons
are real, and so are their chronyds, which never touch the machine's clock. The step of a clock is one that the daemon
alone sees.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from clockbound_conformance.lab import Chronyd, LabDirectory, ReferenceClock, ServerAndClient
from daemon_support import Daemon
from prometheus_support import Prometheus, dashboard, free_address, without_variables

SCRAPE_INTERVAL_S = 2.0
STEPPED_DAEMON = str(Path(__file__).parent / "stepped_daemon.py")
PHC_ERROR_BOUND_NS = 20_000


def record(recording: Path) -> None:
    """Let them live, and write down what is to be seen of it."""
    with contextlib.ExitStack() as stack:
        directory = Path(stack.enter_context(TemporaryDirectory()))
        network = stack.enter_context(ServerAndClient(offset_ns=40_000, rate_ppb=0))
        clocks = stack.enter_context(LabDirectory())
        device = clocks.path("clock.sock")
        phc_line = ReferenceClock.config_line(device, refid="PHC0")
        phc_chronyd = stack.enter_context(Chronyd([phc_line, "maxclockerror 1"], directory=clocks))
        stack.enter_context(ReferenceClock(device, offset_ns=2_000))
        step = directory / "step"
        step.write_text("0")
        addresses = {"from-network": free_address(), "from-phc": free_address()}
        network.client.stop()
        for name in addresses:
            (directory / name).mkdir()
        daemon = Daemon(
            directory / "from-network",
            network.client.socket_path,
            f"--metrics-listen={addresses['from-network']}",
            log_path=directory / "from-network.log",
        )
        phc_daemon = Daemon(
            directory / "from-phc",
            phc_chronyd.socket_path,
            f"--metrics-listen={addresses['from-phc']}",
            "--phc-ref-id=PHC0",
            "--phc-interface=eth0",
            f"--sysfs-root={_sysfs(directory / 'sys')}",
            log_path=directory / "from-phc.log",
            program=(STEPPED_DAEMON, str(step)),
        )
        stack.enter_context(daemon)
        stack.enter_context(phc_daemon)
        prometheus = stack.enter_context(Prometheus(directory, addresses, interval_s=SCRAPE_INTERVAL_S))
        begun_s = time.time()
        _live(begun_s, network, daemon, step)
        recording.write_text(json.dumps(_answers(prometheus, begun_s, time.time())))


def _live(begun_s: float, network: ServerAndClient, daemon: Daemon, step: Path) -> None:
    """chronyd hangs at first, later its server, later chronyd again; then a forced disruption, and a step."""
    for at_s, happens in (
        (20, network.client.cont),
        (75, network.server.stop),
        (125, network.server.cont),
        (165, network.client.stop),
        (200, network.client.cont),
        (230, lambda: os.kill(daemon.pid, signal.SIGUSR1)),
        (245, lambda: os.kill(daemon.pid, signal.SIGUSR2)),
        (270, lambda: step.write_text("1000000")),
        (300, lambda: None),
    ):
        time.sleep(max(0.0, begun_s + at_s - time.time()))
        happens()


def _sysfs(root: Path) -> Path:
    """What of sysfs tells of the PHC of eth0."""
    slot = root / "bus/pci/devices/0000:00:05.0"
    device = root / "class/net/eth0/device"
    slot.mkdir(parents=True)
    device.mkdir(parents=True)
    (device / "uevent").write_text(f"PCI_SLOT_NAME={slot.name}\n")
    (slot / "phc_error_bound").write_text(f"{PHC_ERROR_BOUND_NS}\n")
    return root


def _answers(prometheus: Prometheus, start_s: float, end_s: float) -> dict[str, Any]:
    """For each panel, what came back for each of its targets."""
    panels: dict[str, Any] = {}
    for panel in dashboard()["panels"]:
        answers = []
        for target in panel["targets"]:
            plain = without_variables(target["expr"], interval_s=SCRAPE_INTERVAL_S, step_s=SCRAPE_INTERVAL_S)
            if target.get("instant"):
                answers.append(prometheus.instant(plain))
            else:
                answers.append(
                    prometheus.over_time(plain, start_s=start_s, end_s=end_s, step_s=SCRAPE_INTERVAL_S)
                )
        panels[str(panel["id"])] = answers
    return {"start_s": start_s, "end_s": end_s, "step_s": SCRAPE_INTERVAL_S, "panels": panels}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recording", type=Path, metavar="RECORDING")
    record(parser.parse_args().recording)
