"""A lease: until it ends, one owner alone may act."""

from dataclasses import dataclass

from clockbound_client import ClockBoundClient

MAX_ERROR_NS = 10_000_000


@dataclass(frozen=True)
class Lease:
    owner: str
    expires_ns: int


def granted(clock: ClockBoundClient, present: Lease | None, owner: str, length_ns: int) -> Lease | None:
    """A lease for `owner`; None while the owner of the present one may still act."""
    if present is not None and not clock.after(present.expires_ns):
        return None
    return Lease(owner, clock.now(max_error_ns=MAX_ERROR_NS).latest_ns + length_ns)


def may_act(clock: ClockBoundClient, lease: Lease) -> bool:
    """Whether the owner still has it for certain, on whatever host the owner is."""
    return clock.before(lease.expires_ns)
