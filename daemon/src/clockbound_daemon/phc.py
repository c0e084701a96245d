"""What a PTP hardware clock (PHC) says of its own error, read from sysfs.

/sys/class/net/IF/device/uevent names the PCI slot, /sys/bus/pci/devices/SLOT/phc_error_bound holds nanoseconds.
"""

from __future__ import annotations

import os

from clockbound_daemon.errors import NoSampleError

#: A clock that may be a second off is broken, or the file is something else.
LIMIT_NS = 1_000_000_000
UEVENT_LIMIT_BYTES = 4096  # sysfs gives a page at most
VALUE_LIMIT_BYTES = 32


class PhcError(NoSampleError):
    """The PHC's error bound can't be had."""


class UnknownInterfaceError(PhcError):
    """There is no such network interface, or no device behind it."""


class NoPciSlotError(PhcError):
    """The interface's device isn't on a PCI slot."""


class NoErrorBoundError(PhcError):
    """The device doesn't say how wrong its clock is."""


class UnreadableError(PhcError):
    """A file of sysfs can't be read."""


class BadErrorBoundError(PhcError):
    """The error bound isn't a plausible number of nanoseconds."""


class PhcErrorBound:
    """The error bound of the PHC behind one network interface."""

    def __init__(self, interface: str, sysfs_root: str = "/sys") -> None:
        if interface in ("", ".", "..") or "/" in interface or "\0" in interface:
            raise UnknownInterfaceError(f"{interface!r} isn't the name of a network interface; see 'ip link'")
        self._interface = interface
        self._sysfs_root = sysfs_root

    def path(self) -> str:
        """Where the error bound stands now; a device that was plugged in again may stand elsewhere."""
        uevent_path = f"{self._sysfs_root}/class/net/{self._interface}/device/uevent"
        try:
            uevent = _read(uevent_path, UEVENT_LIMIT_BYTES)
        except FileNotFoundError:
            raise UnknownInterfaceError(
                f"{uevent_path}: not found: {self._interface!r} isn't a network interface with a device of its own; "
                "see 'ip link', and give the PHC's with --phc-interface"
            ) from None
        slots = [line[14:] for line in uevent.split(b"\n") if line.startswith(b"PCI_SLOT_NAME=")]
        if not slots:
            raise NoPciSlotError(
                f"{uevent_path}: has no line PCI_SLOT_NAME=, so that {self._interface!r} isn't a PCI device; "
                "give the interface whose device has the PHC with --phc-interface"
            )
        slot = slots[0].decode("ascii", "replace")
        # It becomes part of a path, so only what a slot's name is made of, as in 0000:00:05.0.
        if not slot or not all(character in "0123456789abcdefABCDEF:." for character in slot) or ".." in slot:
            raise NoPciSlotError(
                f"{uevent_path}: {slot!r} isn't the name of a PCI slot, such as 0000:00:05.0; "
                "give another interface with --phc-interface"
            )
        return f"{self._sysfs_root}/bus/pci/devices/{slot}/phc_error_bound"

    def check(self) -> str:
        """The path of the error bound, once it is sure that there is such a file."""
        path = self.path()
        if not os.path.exists(path):
            raise _no_error_bound(path)
        return path

    def read_ns(self) -> int:
        """The error bound in nanoseconds, at present."""
        path = self.path()
        try:
            text = _read(path, VALUE_LIMIT_BYTES)
        except FileNotFoundError:
            raise _no_error_bound(path) from None
        return error_bound_ns(text, path)


def error_bound_ns(text: bytes, path: str) -> int:
    """The number of nanoseconds that the file at `path`, holding `text`, stands for."""
    if len(text) > VALUE_LIMIT_BYTES:
        raise BadErrorBoundError(
            f"{path}: longer than {VALUE_LIMIT_BYTES} bytes, so it isn't an error bound; check the driver of the PHC"
        )
    digits = text.strip(b" \t\n")
    if not digits:
        raise BadErrorBoundError(f"{path}: empty; check the driver of the PHC")
    if not digits.removeprefix(b"-").isdigit():  # of bytes: ASCII digits only
        raise BadErrorBoundError(
            f"{path}: {digits.decode('ascii', 'replace')!r} isn't a whole number of nanoseconds; "
            "check the driver of the PHC"
        )
    value_ns = int(digits)
    if not 0 <= value_ns <= LIMIT_NS:
        raise BadErrorBoundError(
            f"{path}: {value_ns} ns isn't between 0 and {LIMIT_NS} ns; check the driver of the PHC"
        )
    return value_ns


def _no_error_bound(path: str) -> NoErrorBoundError:
    return NoErrorBoundError(
        f"{path}: not found: the device's driver doesn't tell its clock's error bound; "
        "use a newer driver, or start without --phc-ref-id and --phc-interface"
    )


def _read(path: str, limit_bytes: int) -> bytes:
    """At most one byte more than `limit_bytes` of the file at `path`, never waiting for it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            return os.read(descriptor, limit_bytes + 1)
        finally:
            os.close(descriptor)
    except (FileNotFoundError, NotADirectoryError):
        raise FileNotFoundError(path) from None
    except OSError as error:
        raise UnreadableError(
            f"{path}: {os.strerror(error.errno or 0)}; run the daemon as a user who may read it"
        ) from None
