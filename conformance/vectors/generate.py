#!/usr/bin/env python3
"""Writes the vector files from the cases beside it: generate.py [--check]

The cases say what is asked, and the oracle or a person what the answer is; this turns them into JSON. The same cases give
the same files, byte for byte. ``--check`` writes nothing and fails, with the command to run, where a file is stale.

An id is for ever: other people's lists of known failures name it. A vector that isn't needed any more goes with a line
in retired.json, and its id is never used again.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

CASES = ("hand_cases", "field_cases", "grid_cases", "found_cases", "sequence_cases")
COMMAND = "python conformance/vectors/generate.py"
MARK = f"Generated from the cases in conformance/vectors. Don't edit; run: {COMMAND}"


def documents() -> dict[Path, str]:
    """Every file by its path, rendered."""
    import authoring
    import mistakes

    for name in CASES:
        importlib.import_module(name)
    names = Counter(vector["id"] for vectors in authoring.AREAS.values() for vector in vectors)
    if twice := [name for name, count in names.items() if count > 1]:
        raise AssertionError(f"these ids stand twice: {', '.join(twice)}")
    found: dict[Path, str] = {}
    for area, vectors in authoring.AREAS.items():
        for folder, by_hand in (("hand", True), ("generated", False)):
            chosen = [vector for vector in vectors if (vector["origin"] == "hand") == by_hand]
            if chosen:
                found[HERE / folder / f"{area}.json"] = rendered(
                    {
                        "//": MARK,
                        "schema": "1",
                        "area": area,
                        "about": authoring.ABOUT[area],
                        "vectors": chosen,
                    }
                )
    found[HERE / "mistakes.json"] = rendered({"//": MARK, "mistakes": mistakes.MISTAKES})
    return found


def rendered(content: dict[str, Any]) -> str:
    """JSON with a line for each vector, so that a change shows which one it is."""
    if "vectors" not in content:
        return json.dumps(content, indent=1, ensure_ascii=False) + "\n"
    head = {name: value for name, value in content.items() if name != "vectors"}
    lines = ",\n".join(json.dumps(vector, ensure_ascii=False) for vector in content["vectors"])
    return json.dumps(head, indent=1, ensure_ascii=False)[:-2] + ',\n "vectors": [\n' + lines + "\n]}\n"


def ids(folder: Path) -> set[str]:
    """The ids in the files that are there."""
    return {
        vector["id"]
        for path in [*folder.glob("generated/*.json"), *folder.glob("hand/*.json")]
        for vector in json.loads(path.read_text(encoding="utf-8"))["vectors"]
    }


def main() -> int:
    check = sys.argv[1:] == ["--check"]
    if sys.argv[1:] and not check:
        print(__doc__, file=sys.stderr)
        return 2
    wanted = documents()
    there = {*HERE.glob("generated/*.json"), *HERE.glob("hand/*.json")}
    stale = [
        path for path, text in wanted.items() if not path.exists() or path.read_text(encoding="utf-8") != text
    ]
    stale += sorted(there - wanted.keys())
    if check:
        for path in stale:
            print(f"stale: {path.relative_to(HERE.parent)}; run: {COMMAND}")
        return 1 if stale else 0
    retired = set(json.loads((HERE / "retired.json").read_text(encoding="utf-8"))["ids"])
    before = ids(HERE)
    for path in stale:
        if path in wanted:
            path.parent.mkdir(exist_ok=True)
            path.write_text(wanted[path], encoding="utf-8")
        else:
            path.unlink()
        print(f"wrote {path.relative_to(HERE.parent)}")
    after = ids(HERE)
    for name, wrong in (
        ("is used again; ids are for ever", after & retired),
        ("is gone; write its id into retired.json", before - after - retired),
    ):
        for id in sorted(wrong):
            print(f"{id} {name}", file=sys.stderr)
    print(f"{len(after)} vectors")
    return 1 if (after & retired) or (before - after - retired) else 0


if __name__ == "__main__":
    sys.exit(main())
