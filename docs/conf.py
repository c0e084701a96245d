"""How the documentation is built: `make docs`, or `sphinx-build -W -n docs docs/_build/html`."""

from __future__ import annotations

import enum
import json
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.ext.autodoc import Options

_ROOT = Path(__file__).resolve().parent.parent

project = "ClockBound"
author = "the ClockBound authors"
copyright = f"{author}; Apache License 2.0"
# The product version stands once, in the spec, which writes it into layout.json.
release = version = json.loads((_ROOT / "spec" / "layout.json").read_text(encoding="utf-8"))["version"]

extensions = ["sphinx.ext.autodoc", "myst_parser"]
# Pages in Markdown are parts of other pages, which have headings above theirs.
suppress_warnings = ["myst.header"]
# generated/ holds the parts of pages that the spec writes; the pages include them.
exclude_patterns = ["_build", "generated", "tests"]
nitpicky = True
# The standard libraries' own documentation isn't at hand without the network.
nitpick_ignore = [
    *(("py:class", name) for name in ("datetime", "os.PathLike", "pathlib.Path")),
    *(("c:identifier", name) for name in ("int64_t", "size_t", "timespec")),
]
# What stands in `single quotes` of this kind in a docstring is a name.
default_role = "code"
smartquotes = False
# A long prototype has a line for each parameter, so that it can be read on a phone.
c_maximum_signature_line_length = 60
highlight_language = "none"

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"

html_theme = "furo"
html_title = f"ClockBound {release}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}


def _without_constructor(
    app: Sphinx,
    what: str,
    name: str,
    obj: object,
    options: Options,
    signature: str | None,
    returns: str | None,
) -> tuple[str, str] | None:
    """Users never make exceptions and enumerations themselves, so how that is done is left out."""
    if isinstance(obj, type) and issubclass(obj, (Exception, enum.Enum)):
        return "", ""
    return None


def _with_code_blocks(
    app: Sphinx, what: str, name: str, obj: object, options: Options, lines: list[str]
) -> None:
    """What is indented in a docstring is code."""
    for i in reversed(range(1, len(lines))):
        if lines[i].startswith("    ") and not lines[i - 1]:
            lines[i:i] = [".. code-block:: python", ""]


def setup(app: Sphinx) -> dict[str, bool]:
    """Rules are things that pages define (`.. rule::`) and refer to (`:rule:`)."""
    app.connect("autodoc-process-signature", _without_constructor)
    app.connect("autodoc-process-docstring", _with_code_blocks)
    app.add_object_type("rule", "rule", objname="rule", indextemplate="pair: rule; %s")
    return {"parallel_read_safe": True, "parallel_write_safe": True}
