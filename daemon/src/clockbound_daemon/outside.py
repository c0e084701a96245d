"""Tells those outside, the service manager and Prometheus, how the daemon is.

Whatever goes wrong with them stays here and in the log: the daemon is there to publish.
"""

from __future__ import annotations

from collections.abc import Callable

from clockbound_daemon._layout import GRACE_NS, NANOSECONDS_PER_SECOND, ClockStatus
from clockbound_daemon.log import Damper, Log

# Type checkers take this name for typing.TYPE_CHECKING; typing itself is slow to import.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from clockbound_daemon.metrics_server import Answer, MetricsServer
    from clockbound_daemon.notify import Notifier
    from clockbound_daemon.service import Service
    from clockbound_daemon.textfile import MetricsTextfile

#: The file for node_exporter is renewed this often, and when the status changes.
TEXTFILE_INTERVAL_NS = 15 * NANOSECONDS_PER_SECOND
#: After this an address that could not be listened on is tried again.
LISTEN_AGAIN_NS = 10 * NANOSECONDS_PER_SECOND
#: A daemon that has published nothing for as long as readers wait for it isn't healthy.
HEALTHY_NS = GRACE_NS

_TRUSTED = (ClockStatus.SYNCHRONIZED, ClockStatus.FREE_RUNNING)


class Outside:
    """Everybody who looks at the daemon from outside. The loop tells it of each publish, and lets it serve."""

    def __init__(self, log: Log, notifier: Notifier | None = None) -> None:
        self._log = log
        self._notifier = notifier
        self._damper = Damper()
        self._listen: str | None = None
        self._server: MetricsServer | None = None
        self._listen_again_ns: int | None = None
        self._textfile_path: str | None = None
        self._textfile: MetricsTextfile | None = None
        self._textfile_due_ns = 0
        self._status: ClockStatus | None = None
        self._published_ns = 0
        self._service: Service | None = None
        self._monotonic_ns: Callable[[], int] = lambda: 0
        #: Whether `published` and `serve` have anything to do. Plain values, so that nothing costs nothing.
        self.is_watching = notifier is not None
        self.is_serving = False

    def attach(self, service: Service, monotonic_ns: Callable[[], int]) -> None:
        """Tell of `service`; `monotonic_ns` is how it reads CLOCK_MONOTONIC."""
        self._service = service
        self._monotonic_ns = monotonic_ns

    def configure(self, *, metrics_listen: str | None, metrics_textfile: str | None) -> None:
        """Show the metrics there and nowhere else; what stays the same goes on undisturbed."""
        if metrics_listen != self._listen:
            if self._server is not None:
                self._server.close()
                self._server = None
            self._listen, self._listen_again_ns = metrics_listen, None
            self._try_to_listen()
        if metrics_textfile != self._textfile_path:
            if self._textfile is not None:
                self._textfile.remove()
                self._textfile = None
            self._textfile_path = metrics_textfile
            if metrics_textfile is not None:
                from clockbound_daemon.textfile import MetricsTextfile  # most hosts have none

                self._textfile = MetricsTextfile(metrics_textfile)
                self._textfile_due_ns = self._monotonic_ns()
        was_watching = self.is_watching
        self.is_serving = metrics_listen is not None
        self.is_watching = self.is_serving or metrics_textfile is not None or self._notifier is not None
        if self.is_watching and not was_watching:
            self._published_ns = self._monotonic_ns()  # within the last second, but nobody was told

    def fileno(self) -> int:
        """Readable when there is something to serve; -1 if there never is."""
        return self._server.fileno() if self._server is not None else -1

    def serve(self, monotonic_ns: int) -> int | None:
        """Do what is due, without waiting; returns the CLOCK_MONOTONIC nanosecond at which there will be more, if any."""
        if self._listen_again_ns is not None and monotonic_ns >= self._listen_again_ns:
            self._try_to_listen()
        if self._server is None:
            return self._listen_again_ns
        self._server.serve(monotonic_ns)
        return self._server.deadline_ns

    def published(self, monotonic_ns: int) -> None:
        """The loop has published."""
        assert self._service is not None
        self._published_ns = monotonic_ns
        status = self._service.state.status
        changed, self._status = status != self._status, status
        if self._notifier is not None:
            if changed:
                self._notifier.changed()
            self._notifier.published(monotonic_ns, self._service.words)
        if self._textfile is not None and (changed or monotonic_ns >= self._textfile_due_ns):
            self._textfile_due_ns = monotonic_ns + TEXTFILE_INTERVAL_NS
            self._write(self._textfile, monotonic_ns)

    def reloading(self) -> None:
        """The configuration is read again."""
        if self._notifier is not None:
            self._notifier.reloading(self._monotonic_ns())

    def reloaded(self) -> None:
        """The configuration was read again, or refused."""
        if self._notifier is not None:
            self._notifier.reloaded()

    def stopping(self) -> None:
        """The daemon ends by itself."""
        if self._notifier is not None:
            assert self._service is not None
            self._notifier.stopping(
                f"stopped by a signal; the last status was {self._service.state.status.name}"
            )

    def close(self) -> None:
        """Show nothing more."""
        self.configure(metrics_listen=None, metrics_textfile=None)
        if self._notifier is not None:
            self._notifier.close()

    def _try_to_listen(self) -> None:
        self._listen_again_ns = None
        if self._listen is None:
            return
        from clockbound_daemon.metrics_server import ListenError, MetricsServer  # most hosts have none

        try:
            self._server = MetricsServer(self._listen, self._answer)
        except ListenError as error:
            self._listen_again_ns = self._monotonic_ns() + LISTEN_AGAIN_NS
            self._warn("metrics-listen", f"{error}; it is tried again every {LISTEN_AGAIN_NS // 10**9} s")

    def _write(self, textfile: MetricsTextfile, monotonic_ns: int) -> None:
        from clockbound_daemon.textfile import TextfileError

        try:
            textfile.write(self._metrics(monotonic_ns))
        except TextfileError as error:
            self._warn("metrics-textfile", str(error))

    def _warn(self, event: str, message: str) -> None:
        held_back_count = self._damper.admit(event, self._monotonic_ns())
        if held_back_count is not None:
            self._log.warning(event, message, held_back_count=held_back_count)

    def _metrics(self, monotonic_ns: int) -> str:
        from clockbound_daemon import metrics

        assert self._service is not None
        return metrics.render(self._service.state, self._service.figures, monotonic_ns=monotonic_ns)

    def _answer(self, path: str) -> Answer:
        from clockbound_daemon.metrics import CONTENT_TYPE
        from clockbound_daemon.metrics_server import Answer

        assert self._service is not None
        monotonic_ns = self._monotonic_ns()
        words = f"{self._service.words}\n"
        match path:
            case "/metrics":
                return Answer(200, self._metrics(monotonic_ns), CONTENT_TYPE)
            case "/healthz":
                return Answer(200 if monotonic_ns < self._published_ns + HEALTHY_NS else 503, words)
            case "/readyz":
                return Answer(200 if self._service.state.status in _TRUSTED else 503, words)
            case "/":
                return Answer(
                    200,
                    "clockbound: see /metrics, /healthz (is alive) and /readyz (the clock can be relied on)\n",
                )
        return Answer(404, "there are /metrics, /healthz and /readyz\n")
