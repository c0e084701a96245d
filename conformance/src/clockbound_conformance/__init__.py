"""Conformance suite of ClockBound: a laboratory of real chronyd, an oracle, and drivers for any client.

Nothing here imports a client or the daemon. They are run as programs, as a user would run them, so that an
implementation in any language is held to the same intervals.
"""
