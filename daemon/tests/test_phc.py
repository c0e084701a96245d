"""The PHC's error bound: found through sysfs, and refused with path and value when it isn't one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from clockbound_daemon import phc
from clockbound_daemon.phc import PhcErrorBound
from daemon_support import descriptors_count

SLOT = "0000:00:05.0"


@pytest.fixture
def sysfs(tmp_path: Path) -> Path:
    """A sysfs with one interface, eth0, whose clock may be 1234 ns off."""
    device = tmp_path / "class/net/eth0/device"
    device.mkdir(parents=True)
    (device / "uevent").write_text(f"DRIVER=ena\nPCI_CLASS=20000\nPCI_SLOT_NAME={SLOT}\nMODALIAS=pci:v1\n")
    slot = tmp_path / "bus/pci/devices" / SLOT
    slot.mkdir(parents=True)
    (slot / "phc_error_bound").write_text("1234\n")
    (tmp_path / "class/net/lo").mkdir()
    return tmp_path


def bound_file(sysfs: Path) -> Path:
    return sysfs / "bus/pci/devices" / SLOT / "phc_error_bound"


def uevent_file(sysfs: Path) -> Path:
    return sysfs / "class/net/eth0/device/uevent"


def error(sysfs: Path, interface: str = "eth0") -> phc.PhcError:
    with pytest.raises(phc.PhcError) as caught:
        PhcErrorBound(interface, str(sysfs)).read_ns()
    return caught.value


def test_the_error_bound_is_read_in_nanoseconds(sysfs: Path) -> None:
    assert PhcErrorBound("eth0", str(sysfs)).read_ns() == 1234


def test_the_error_bound_is_read_anew_each_time(sysfs: Path) -> None:
    clock = PhcErrorBound("eth0", str(sysfs))
    clock.read_ns()
    bound_file(sysfs).write_text("0\n")
    assert clock.read_ns() == 0


def test_a_device_that_was_plugged_in_elsewhere_is_found(sysfs: Path) -> None:
    clock = PhcErrorBound("eth0", str(sysfs))
    clock.read_ns()
    other = sysfs / "bus/pci/devices/0000:00:06.0"
    bound_file(sysfs).parent.rename(other)
    uevent_file(sysfs).write_text("PCI_SLOT_NAME=0000:00:06.0\n")
    assert clock.read_ns() == 1234


@pytest.mark.parametrize("interface", ["eth9", "lo"])
def test_an_interface_without_a_device_is_named(sysfs: Path, interface: str) -> None:
    found = error(sysfs, interface)
    assert isinstance(found, phc.UnknownInterfaceError)
    assert f"{sysfs}/class/net/{interface}/device/uevent" in str(found)


@pytest.mark.parametrize("interface", ["", ".", "..", "../../etc", "eth0/../eth0", "eth\0"])
def test_what_can_not_be_an_interface_is_refused(sysfs: Path, interface: str) -> None:
    assert isinstance(error(sysfs, interface), phc.UnknownInterfaceError)


def test_a_device_that_is_not_on_a_pci_slot_is_named(sysfs: Path) -> None:
    uevent_file(sysfs).write_text("DRIVER=virtio_net\n")
    found = error(sysfs)
    assert isinstance(found, phc.NoPciSlotError)
    assert str(uevent_file(sysfs)) in str(found)


@pytest.mark.parametrize("slot", ["", "..", "../../../../../etc", "0000:00:05.0/..", "a b", "0000:00:05.0\r"])
def test_a_slot_that_is_no_name_is_refused(sysfs: Path, slot: str) -> None:
    uevent_file(sysfs).write_text(f"PCI_SLOT_NAME={slot}\n", newline="")
    assert isinstance(error(sysfs), phc.NoPciSlotError)


def test_a_device_without_an_error_bound_is_named(sysfs: Path) -> None:
    bound_file(sysfs).unlink()
    found = error(sysfs)
    assert isinstance(found, phc.NoErrorBoundError)
    assert str(bound_file(sysfs)) in str(found)


@pytest.mark.parametrize(
    ("text", "value_ns"),
    [("0", 0), ("7", 7), (" 42 \n", 42), ("0000000000000000000000000000007", 7), ("1000000000", 10**9)],
)
def test_whole_numbers_up_to_a_second_are_error_bounds(sysfs: Path, text: str, value_ns: int) -> None:
    bound_file(sysfs).write_text(text)
    assert PhcErrorBound("eth0", str(sysfs)).read_ns() == value_ns


@pytest.mark.parametrize(
    ("text", "words"),
    [
        pytest.param("", "empty", id="empty"),
        pytest.param(" \n", "empty", id="blank"),
        pytest.param("-1\n", "-1 ns isn't between 0", id="negative"),
        pytest.param("1000000001\n", "1000000001 ns isn't between 0", id="more-than-a-second"),
        pytest.param("18446744073709551615\n", "18446744073709551615 ns", id="all-ones"),
        pytest.param("abc\n", "'abc' isn't a whole number", id="not-a-number"),
        pytest.param("1.5\n", "'1.5' isn't a whole number", id="fraction"),
        pytest.param("0x10\n", "'0x10' isn't a whole number", id="hexadecimal"),
        pytest.param("--1\n", "'--1' isn't a whole number", id="two-signs"),
        pytest.param("1 2\n", "'1 2' isn't a whole number", id="two-numbers"),
        pytest.param("\u0661\n", "isn't a whole number", id="digit-of-another-script"),
        pytest.param("1" * 33, "longer than 32 bytes", id="overlong"),
        pytest.param("1" * 10_000, "longer than 32 bytes", id="very-long"),
    ],
)
def test_what_is_no_error_bound_is_refused_with_path_and_value(sysfs: Path, text: str, words: str) -> None:
    bound_file(sysfs).write_text(text, encoding="utf-8")
    found = error(sysfs)
    assert isinstance(found, phc.BadErrorBoundError)
    assert str(bound_file(sysfs)) in str(found)
    assert words in str(found)


def test_a_file_that_can_not_be_read_is_named(sysfs: Path) -> None:
    bound_file(sysfs).unlink()
    bound_file(sysfs).mkdir()
    found = error(sysfs)
    assert isinstance(found, phc.UnreadableError)
    assert str(bound_file(sysfs)) in str(found)


def test_a_fifo_in_its_place_is_not_waited_for(sysfs: Path) -> None:
    bound_file(sysfs).unlink()
    os.mkfifo(bound_file(sysfs))
    assert isinstance(error(sysfs), phc.BadErrorBoundError)


def test_descriptors_are_not_leaked(sysfs: Path) -> None:
    clock = PhcErrorBound("eth0", str(sysfs))
    before = descriptors_count()
    for _ in range(10):
        clock.read_ns()
        error(sysfs, "eth9")
    assert descriptors_count() == before


def test_the_check_at_the_start_finds_what_is_missing(sysfs: Path) -> None:
    assert PhcErrorBound("eth0", str(sysfs)).check() == str(bound_file(sysfs))
    bound_file(sysfs).unlink()
    with pytest.raises(phc.NoErrorBoundError):
        PhcErrorBound("eth0", str(sysfs)).check()
