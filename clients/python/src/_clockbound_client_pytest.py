"""The pytest plugin: the fixture `clockbound_segment`.

pytest loads it, with the name of the entry point, in every run where the package is installed. So it stands outside of
the package, which is imported when a test asks for the fixture, and not before.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from clockbound_client.testing import ManualSegment


@pytest.fixture
def clockbound_segment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ManualSegment]:
    """A ClockBound segment that the test sets by hand: a clockbound_client.testing.ManualSegment."""
    from clockbound_client.testing import ManualSegment

    with ManualSegment(tmp_path_factory.mktemp("clockbound")) as segment:
        yield segment
