"""The two ways in which things go wrong: for one sample, and for good."""

from __future__ import annotations


class NoSampleError(Exception):
    """This poll gave no usable sample; the next one may. The message names the value and the remedy.

    The class is what repeated failures are counted by, so each cause has one of its own.
    """


class StartError(Exception):
    """The daemon can't start; the message names the path or value and the remedy."""
