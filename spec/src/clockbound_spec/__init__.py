"""The one description of every byte and every word that ClockBound's parts share.

Declarations (`segment`, `vmclock`, `candm`, `vocabulary`, `rules`) are turned by `model` into plain
layouts, and by the renderers in `emit` into the files listed in `targets`.
"""

from clockbound_spec.vocabulary import VERSION

__all__ = ["VERSION"]
