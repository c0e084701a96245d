"""The two ways in which things go wrong: for one sample, and for good."""

from __future__ import annotations


class NoSampleError(Exception):
    """This poll gave no usable sample; the next one may. The message names the value and the remedy.

    The class is what repeated failures are counted by, so each cause has one of its own.
    """


class StartError(Exception):
    """The daemon can't start; the message names the path or value and the remedy."""


class ConfigError(Exception):
    """The configuration file can't be used. Each of `messages` names file, line, value and remedy."""

    def __init__(self, *messages: str) -> None:
        super().__init__("\n".join(messages))
        self.messages = messages
