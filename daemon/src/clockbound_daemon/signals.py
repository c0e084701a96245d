"""What signals ask of the daemon. None of them interrupts anything: the loop looks here at each turn."""

from __future__ import annotations

import os

# Type checkers take this name for typing.TYPE_CHECKING; typing itself is slow to import.
TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal
else:
    import _signal as signal  # the C module beneath, without the enumerations that the wrapper makes of it

#: Bytes taken out of the pipe at a time; each stands for a signal.
_DRAIN_BYTES = 65536
_NUMBERS = (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGHUP)


class Signals:
    """SIGTERM and SIGINT end the daemon; SIGHUP makes it read its configuration again; SIGUSR1 begins a forced
    disruption, SIGUSR2 ends it.

    The handlers note what came, so that no storm of signals can lose one; the pipe, which may overflow, only wakes
    the loop.
    """

    def __init__(self) -> None:
        self.stopping = False
        #: There is something to do outside of the loop.
        self.leaving = False
        self._reload = False
        #: A forced disruption goes on.
        self.forced = False
        #: A SIGUSR1 came, even if that disruption is over; whoever has seen to it sets this to False.
        self.was_forced = False
        #: Something came; the loop sets it to False before it looks.
        self.noted = False
        self._pipe, self._written = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._written, warn_on_full_buffer=False)
        self._previous = {number: signal.signal(number, self._note) for number in _NUMBERS}

    def fileno(self) -> int:
        """Readable after a signal."""
        return self._pipe

    def close(self) -> None:
        """Leave signals to whoever had them before."""
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(-1)
        os.close(self._pipe)
        os.close(self._written)

    def drain(self) -> None:
        """Make `fileno` unreadable again."""
        try:  # noqa: SIM105  # contextlib is slow to import
            os.read(self._pipe, _DRAIN_BYTES)
        except BlockingIOError:
            pass

    def take_reload(self) -> bool:
        """Whether the configuration is to be read again; however often that was asked for, once is enough."""
        # A handler may run between any two steps. In this order nothing is lost that it notes in between.
        self.leaving = False
        if self.stopping:
            self.leaving = True
        if not self._reload:
            return False
        self._reload = False
        return True

    def _note(self, number: int, frame: object) -> None:
        self.noted = True
        if number == signal.SIGUSR1:
            self.was_forced = self.forced = True
        elif number == signal.SIGUSR2:
            self.forced = False
        elif number == signal.SIGHUP:
            self._reload = self.leaving = True
        else:
            self.stopping = self.leaving = True
