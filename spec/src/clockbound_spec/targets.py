"""Which file is rendered from what. Paths are relative to the root of the repository."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from clockbound_spec import c_header, candm, rules, segment, vmclock, vocabulary
from clockbound_spec.declare import Renderer
from clockbound_spec.emit import c, c_api, json, man, python, rst, svg
from clockbound_spec.manual import Manual
from clockbound_spec.model import check_chapters, check_enumeration, check_limits, check_paths, plain

SEGMENTS = tuple(plain(layout) for layout in segment.LAYOUTS)
VMCLOCK = tuple(plain(layout) for layout in vmclock.LAYOUTS)
MESSAGES = tuple(plain(layout) for layout in candm.LAYOUTS)

ENUMERATIONS = vocabulary.ENUMERATIONS + vmclock.ENUMERATIONS + candm.ENUMERATIONS
for _enumeration in ENUMERATIONS:
    check_enumeration(_enumeration)
check_limits(vocabulary.LIMITS)
check_limits(candm.NUMBERS)
check_paths(vocabulary.PATHS)
check_chapters(rules.CHAPTERS)

PAGES = SEGMENTS + VMCLOCK
MAPS = {layout.name: f"{layout.name}.svg" for layout in PAGES + MESSAGES}

#: The C library's manual, written by hand; and for each page with an example the program that it shows.
HEADER = "clients/c/include/clockbound.h"
EXAMPLES = {
    "clockbound": "clients/c/examples/now.c",
    "clockbound_before": "clients/c/examples/lease.c",
    "clockbound_wait_after": "clients/c/examples/commit_wait.c",
}


def c_manual(root: Path) -> Manual:
    """The C library's manual, as the files in the repository `root` have it."""
    header = c_header.parse((root / HEADER).read_text(encoding="utf-8"), HEADER)
    examples = {page: (root / path).read_text(encoding="utf-8") for page, path in EXAMPLES.items()}
    return Manual(header, vocabulary.ENUMERATIONS, vocabulary.PATHS, examples)


def targets(root: Path) -> dict[str, Renderer]:
    """Every generated file and the function that renders it; the manual is made from files in `root`."""
    manual = c_manual(root)
    segment_module = partial(
        python.module,
        enumerations=vocabulary.ENUMERATIONS,
        limits=vocabulary.LIMITS,
        paths=vocabulary.PATHS,
        layouts=PAGES,
    )
    rendered: dict[str, Renderer] = {
        # The suite's package has a copy: it needs the ids of the rules wherever it is installed.
        path: lambda: json.document(
            PAGES + MESSAGES,
            ENUMERATIONS,
            vocabulary.LIMITS,
            vocabulary.PATHS,
            rules.CHAPTERS,
        )
        for path in ("spec/layout.json", "conformance/src/clockbound_conformance/layout.json")
    } | {
        "clients/c/include/clockbound/types.h": lambda: c.types_header(
            vocabulary.ENUMERATIONS, vocabulary.PATHS
        ),
        "clients/c/src/segment_layout.h": lambda: c.layout_header(
            PAGES,
            vocabulary.LIMITS,
            vocabulary.ENUMERATIONS,
            "CLOCKBOUND_SEGMENT_LAYOUT_H",
            listed={"segment_record"},
        ),
        "clients/python/src/clockbound_client/_layout.py": partial(
            segment_module,
            "Layouts and vocabulary of the shared-memory segment, for the pure-Python reader and for tests.",
        ),
        "daemon/src/clockbound_daemon/_layout.py": partial(
            segment_module,
            "Layouts and vocabulary of the shared-memory segment, for its writer.",
            made={"segment_record"},
        ),
        "daemon/src/clockbound_daemon/_candm.py": lambda: python.module(
            "Messages of chronyd's command protocol, as far as the daemon speaks it.",
            enumerations=candm.DAEMON_ENUMERATIONS,
            limits=candm.NUMBERS,
            layouts=tuple(plain(layout) for layout in candm.DAEMON_LAYOUTS),
            picked=candm.PICKED,
        ),
        "conformance/src/clockbound_conformance/_vocabulary.py": lambda: python.module(
            "Words that adapters answer with.", enumerations=vocabulary.ENUMERATIONS
        ),
        "docs/generated/segment.rst": lambda: rst.layout_tables(SEGMENTS, _beside(MAPS)),
        "docs/generated/vmclock.rst": lambda: rst.layout_tables(VMCLOCK, _beside(MAPS)),
        "docs/generated/candm.rst": lambda: rst.layout_tables(MESSAGES, _beside(MAPS)),
        "docs/generated/vocabulary.rst": lambda: rst.vocabulary_tables(
            vocabulary.ENUMERATIONS, vocabulary.LIMITS, vocabulary.PATHS
        ),
        "docs/generated/rules.rst": lambda: rst.rule_list(rules.CHAPTERS),
        "docs/generated/c-api.rst": lambda: c_api.reference(manual),
    }
    for name, render in man.pages(manual).items():
        rendered[f"clients/c/man/{name}"] = render
    for layout in PAGES + MESSAGES:
        rendered[f"docs/generated/{MAPS[layout.name]}"] = partial(svg.byte_map, layout)
    return rendered


def _beside(maps: dict[str, str]) -> dict[str, str]:
    """Image paths from the root of the documentation, whichever page includes the table."""
    return {name: f"/generated/{file}" for name, file in maps.items()}
