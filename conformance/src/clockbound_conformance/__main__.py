"""``clockbound-conformance``: the commands of the conformance suite."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from clockbound_conformance import demo

USAGE = """\
usage: clockbound-conformance demo [--help] [options]

  demo    show a real chronyd, the daemon and two clients that return the same interval
"""


def main(arguments: Sequence[str] | None = None) -> int:
    words = sys.argv[1:] if arguments is None else list(arguments)
    match words:
        case ["demo", *rest]:
            return demo.main(rest)
        case ["-h" | "--help", *_]:
            print(USAGE, end="")
            return 0
        case _:
            print(USAGE, end="", file=sys.stderr)
            return 2


if __name__ == "__main__":
    sys.exit(main())
