"""The units that times are counted in. The oracle has its own, because it stands apart from all else."""

from __future__ import annotations

SECOND_NS = 1_000_000_000
