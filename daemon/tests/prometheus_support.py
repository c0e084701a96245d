"""A real Prometheus server that scrapes daemons, and what the dashboard asks of it."""

from __future__ import annotations

import json
import math
import os
import re
import socket
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

from clockbound_conformance.processes import LabError, ManagedProcess, find_program, wait_until

OBSERVABILITY = Path(__file__).resolve().parent.parent / "observability"
DASHBOARD, ALERTS = OBSERVABILITY / "dashboard.json", OBSERVABILITY / "alerts.yml"
START_TIMEOUT_S = 60
REQUEST_TIMEOUT_S = 30


class Prometheus:
    """A server on a port of the loopback that the kernel chose; a context manager that starts and ends it."""

    def __init__(
        self, directory: Path, targets: Mapping[str, str], *, interval_s: float, rules: Path | None = None
    ) -> None:
        """`targets`: HOST:PORT of each daemon, by what it is to be called. Everything is kept in `directory`."""
        self._directory = directory
        self.config_path = directory / "prometheus.yml"
        self.interval_s = interval_s
        static = [{"targets": [address], "labels": {"instance": name}} for name, address in targets.items()]
        interval = f"{interval_s * 1000:.0f}ms"
        self._config = {
            "global": {
                "scrape_interval": interval,
                "scrape_timeout": interval,
                "evaluation_interval": interval,
            },
            "rule_files": [str(rules)] if rules is not None else [],
            "scrape_configs": [{"job_name": "clockbound", "static_configs": static}],
        }

    def __enter__(self) -> Self:
        program = find_program("prometheus", remedy="install Debian's package prometheus")
        self.config_path.write_text(json.dumps(self._config))  # which is YAML too
        self._process = ManagedProcess(
            [
                str(program),
                f"--config.file={self.config_path}",
                f"--storage.tsdb.path={self._directory / 'data'}",
                "--web.listen-address=127.0.0.1:0",
            ],
            log_path=self._directory / "prometheus.log",
        )
        try:
            if not wait_until(self._is_ready, timeout_s=START_TIMEOUT_S):
                raise LabError(f"{program}: not ready; it said:\n{self._process.log_tail()}")
        except BaseException:
            self._process.terminate()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()

    def instant(self, expression: str) -> list[dict[str, Any]]:
        """The vector that `expression` is now: metric and value of each series."""
        return self._vector("query", query=expression)

    def over_time(
        self, expression: str, *, start_s: float, end_s: float, step_s: float
    ) -> list[dict[str, Any]]:
        """The series that `expression` was between two Unix times: metric and values of each."""
        return self._vector("query_range", query=expression, start=start_s, end=end_s, step=step_s)

    def series(self, selector: str) -> list[dict[str, str]]:
        """The labels of every series that `selector` names."""
        found: list[dict[str, str]] = self.ask("series", **{"match[]": selector})
        return found

    def ask(self, what: str, **parameters: str | float) -> Any:
        """What the API says to /api/v1/`what`."""
        url = f"http://127.0.0.1:{self._port()}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(url, timeout=REQUEST_TIMEOUT_S) as answer:
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            with error:
                raise LabError(f"{url}: {error.read().decode(errors='replace')}") from None

    def _vector(self, what: str, **parameters: str | float) -> list[dict[str, Any]]:
        answer = self.ask(what, **parameters)
        assert answer["resultType"] == {"query": "vector", "query_range": "matrix"}[what]
        found: list[dict[str, Any]] = answer["result"]
        return found

    def _is_ready(self) -> bool:
        if not self._process.running:
            raise LabError(f"prometheus ended; it said:\n{self._process.log_tail()}")
        port = self._port()
        if port is None:
            return False
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=REQUEST_TIMEOUT_S):
                return True
        except OSError:  # 503, or nobody accepts yet
            return False

    def _port(self) -> int | None:
        """The port on which it listens, which its log doesn't tell."""
        of_process = set()
        descriptors = Path(f"/proc/{self._process.pid}/fd")
        for descriptor in descriptors.iterdir():
            try:
                of_process.add(os.readlink(descriptor))
            except FileNotFoundError:  # closed meanwhile
                continue
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            words = line.split()
            if words[3] == "0A" and f"socket:[{words[9]}]" in of_process:  # LISTEN
                return int(words[1].rpartition(":")[2], 16)
        return None


def free_address() -> str:
    """HOST:PORT of the loopback where nobody listens. By chance alone somebody else takes it."""
    number = int.from_bytes(os.urandom(3), "big")
    host = f"127.{64 + (number >> 16) % 63}.{number >> 8 & 0xFF}.{1 + (number & 0xFF) % 254}"
    with socket.socket() as probe:
        probe.bind((host, 0))
        return f"{host}:{probe.getsockname()[1]}"


def dashboard() -> dict[str, Any]:
    """The dashboard as Grafana would import it."""
    loaded: dict[str, Any] = json.loads(DASHBOARD.read_text())
    return loaded


def without_variables(expression: str, *, interval_s: float, step_s: float) -> str:
    """`expression` as Grafana would send it, for all hosts."""
    rate_interval_s = math.ceil(max(4 * interval_s, step_s + interval_s))
    plain = expression.replace("$instance", ".*").replace("$__rate_interval", f"{rate_interval_s}s")
    assert "$" not in plain
    return plain


def legend(target: Mapping[str, Any], metric: Mapping[str, str]) -> str:
    """What a series is called; KeyError if it has no such label."""
    return re.sub(r"\{\{(\w+)\}\}", lambda label: metric[label[1]], target["legendFormat"])
