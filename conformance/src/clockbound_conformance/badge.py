"""A badge that says in two words how the clients did: an SVG drawing, or JSON for a service that draws badges.

Nothing is fetched to draw it, and it reads the same where its font is missing: each text is made as long as its box.
"""

from __future__ import annotations

import json
from collections import Counter

from clockbound_conformance.report import printable
from clockbound_conformance.results import Results

LABEL = "clockbound"

# Contrast of each with white text is at least 4.5 to 1.
GREY, GREEN, RED = "#555555", "#2a7a2f", "#b3261e"

HEIGHT, FONT_SIZE, MARGIN = 20, 11, 6
# Of the letters that badges are usually written in; what is missing is as wide as most letters.
NARROW, WIDE, USUAL_WIDTH, NARROW_WIDTH, WIDE_WIDTH = "fijlrt.,:;'|() ", "mwMW%", 6.6, 3.9, 9.8


def message(results: Results) -> str:
    """How the clients did, in a few words."""
    if len(results.clients) > 1:
        failed = sum(not client.passed for client in results.clients)
        count = len(results.clients)
        return f"{failed} of {count} clients failed" if failed else f"{count} clients passed"
    (client,) = results.clients
    if client.failed_count:
        return f"{client.failed_count} failed"
    if not client.passed:
        return "failed"
    outcomes: Counter[str] = client.outcomes
    words = [
        (outcomes["passed"], "passed"),
        (outcomes["known-failure"], "known failures" if outcomes["known-failure"] > 1 else "known failure"),
        (outcomes["unsupported"], "unsupported"),
    ]
    return ", ".join(f"{count} {name}" for count, name in words if count)


def svg(results: Results) -> str:
    """The badge as a drawing."""
    words = printable(message(results))
    left, right = _width(LABEL), _width(words)
    whole = left + right
    # The words are this module's own, with no character that has a meaning in XML.
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{whole}" height="{HEIGHT}" role="img" '
        f'aria-label="{LABEL}: {words}">\n'
        f"<title>{LABEL}: {words}</title>\n"
        f'<clipPath id="round"><rect width="{whole}" height="{HEIGHT}" rx="3"/></clipPath>\n'
        f'<g clip-path="url(#round)">\n'
        f'<rect width="{left}" height="{HEIGHT}" fill="{GREY}"/>\n'
        f'<rect x="{left}" width="{right}" height="{HEIGHT}" fill="{GREEN if results.passed else RED}"/>\n'
        f"</g>\n"
        f'<g fill="#ffffff" font-family="Verdana, \'DejaVu Sans\', sans-serif" font-size="{FONT_SIZE}" '
        f'text-rendering="geometricPrecision">\n'
        f'<text x="{MARGIN}" y="14" textLength="{left - 2 * MARGIN}">{LABEL}</text>\n'
        f'<text x="{left + MARGIN}" y="14" textLength="{right - 2 * MARGIN}">{words}</text>\n'
        f"</g>\n"
        f"</svg>\n"
    )


def _width(words: str) -> int:
    """The width of a box for ``words``, in pixels."""
    widths = (NARROW_WIDTH if c in NARROW else WIDE_WIDTH if c in WIDE else USUAL_WIDTH for c in words)
    return round(sum(widths)) + 2 * MARGIN


def endpoint(results: Results) -> str:
    """The badge as JSON, in the form that shields.io reads from an address that it is given."""
    badge = {
        "schemaVersion": 1,
        "label": LABEL,
        "message": message(results),
        "color": "brightgreen" if results.passed else "red",
        "isError": not results.passed,
    }
    return json.dumps(badge) + "\n"
