"""SVG: a map of a layout, eight bytes a row, that reads well on light and on dark paper."""

from __future__ import annotations

from html import escape
from itertools import pairwise
from typing import NamedTuple

from clockbound_spec.emit import MARK
from clockbound_spec.emit.text import type_words
from clockbound_spec.model import Field, PlainLayout

_ROW_BYTES = 8
_CELL, _HEIGHT, _LEFT, _TOP, _EDGE = 84, 34, 44, 26, 8

# The paper is drawn too: a page can be dark where the reader's system is light, and text must stay readable then.
_STYLE = """
  text { font: 13px ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; fill: #1d2733; }
  .small { font-size: 11px; }
  .ruler { font-size: 11px; fill: #55616c; }
  rect { stroke: #7d8a97; stroke-width: 1; }
  .paper { fill: #ffffff; stroke: none; }
  .value { fill: #dcebfa; } .constant { fill: #e6efdc; } .reserved { fill: #ececec; }
  .reserved-text { fill: #55616c; }
  @media (prefers-color-scheme: dark) {
    text { fill: #e8eef4; } .ruler, .reserved-text { fill: #a9b5c0; }
    .paper { fill: #17191c; }
    .value { fill: #1f3a54; } .constant { fill: #33442a; } .reserved { fill: #33383d; }
  }
"""


class _Size(NamedTuple):
    """A size of type: its class, how wide a letter is and how far lines are apart, in pixels."""

    style: str
    letter: float
    line: int


_SIZES = (_Size("", 8, 16), _Size("small", 6.8, 13))


class _Label(NamedTuple):
    lines: tuple[str, ...]
    size: _Size

    @property
    def height(self) -> int:
        return len(self.lines) * self.size.line


class _Piece(NamedTuple):
    """The part of a field that is one box: some bytes of a row, or any number of whole rows."""

    field: Field
    start: int
    end: int

    @property
    def row(self) -> int:
        return self.start // _ROW_BYTES

    @property
    def next_row(self) -> int:
        return -(-self.end // _ROW_BYTES)

    @property
    def width(self) -> int:
        return min(self.end - self.start, _ROW_BYTES) * _CELL


def byte_map(layout: PlainLayout) -> str:
    """The whole picture."""
    pieces = [piece for field in layout.fields for piece in _pieces(field)]
    labels = _labels(pieces)
    tops = _row_tops(layout, labels)
    width, height = _LEFT + _ROW_BYTES * _CELL + _EDGE, tops[-1] + _EDGE
    size = f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
    name = f"Byte map of {escape(layout.title)}"
    lines = [
        f"<!-- {MARK} -->",
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{name}">',
        f"<style>{_STYLE}</style>",
        f'<rect class="paper" width="{width}" height="{height}" rx="6"/>',
    ]
    for i in range(_ROW_BYTES):
        lines.append(_text(_LEFT + i * _CELL + _CELL / 2, _TOP - 9, f"+{i}", "ruler"))
    for row, (top, bottom) in enumerate(pairwise(tops)):
        lines.append(_text(_LEFT / 2, (top + bottom) / 2 + 4, f"{row * _ROW_BYTES}", "ruler"))
    for piece in pieces:
        lines += _box(piece, tops[piece.row], tops[piece.next_row], labels.get(piece))
    return "\n".join([*lines, "</svg>", ""])


def _pieces(field: Field) -> list[_Piece]:
    pieces = []
    start = field.offset_bytes
    while start < field.end_bytes:
        if start % _ROW_BYTES == 0 and field.end_bytes - start >= _ROW_BYTES:
            end = field.end_bytes // _ROW_BYTES * _ROW_BYTES
        else:
            end = min(field.end_bytes, (start // _ROW_BYTES + 1) * _ROW_BYTES)
        pieces.append(_Piece(field, start, end))
        start = end
    return pieces


def _labels(pieces: list[_Piece]) -> dict[_Piece, _Label]:
    """Each field's name, for the widest of its pieces (the first of equals)."""
    widest: dict[str, _Piece] = {}
    for piece in pieces:
        best = widest.setdefault(piece.field.name, piece)
        if piece.width > best.width:
            widest[piece.field.name] = piece
    return {piece: _label(name, piece.width) for name, piece in widest.items()}


def _label(name: str, width: int) -> _Label:
    """`name` whole, in as many lines as `width` pixels need; it breaks only behind underscores."""
    words = [f"{word}_" for word in name.split("_")]
    words[-1] = words[-1][:-1]
    for size in _SIZES:
        room = int((width - 6) / size.letter)
        lines = [words[0]]
        for word in words[1:]:
            if len(lines[-1]) + len(word) <= room:
                lines[-1] += word
            else:
                lines.append(word)
        if max(map(len, lines)) <= room:
            break
    return _Label(tuple(lines), size)


def _row_tops(layout: PlainLayout, labels: dict[_Piece, _Label]) -> list[int]:
    """Where each row begins, and at last where the last one ends."""
    tops = [_TOP]
    for row in range((layout.size_bytes + _ROW_BYTES - 1) // _ROW_BYTES):
        tallest = max((label.height for piece, label in labels.items() if piece.row == row), default=0)
        tops.append(tops[-1] + max(_HEIGHT, tallest + 8))
    return tops


def _box(piece: _Piece, top: int, bottom: int, label: _Label | None) -> list[str]:
    field = piece.field
    kind = "reserved" if field.is_reserved else "constant" if field.is_constant else "value"
    x = _LEFT + piece.start % _ROW_BYTES * _CELL
    unit = "" if field.unit == "-" else f", {field.unit}"
    title = escape(f"{field.name}: {type_words(field)} at byte {field.offset_bytes}{unit}. {field.meaning}")
    place = f'x="{x}" y="{top}" width="{piece.width}" height="{bottom - top}"'
    lines = [f'<rect class="{kind}" {place}><title>{title}</title></rect>']
    if label is not None:
        style = " ".join(filter(None, (label.size.style, "reserved-text" if field.is_reserved else "")))
        baseline = (top + bottom - label.height) / 2 + label.size.line * 0.75
        for i, line in enumerate(label.lines):
            lines.append(_text(x + piece.width / 2, baseline + i * label.size.line, line, style))
    return lines


def _text(x: float, y: float, words: str, style: str) -> str:
    kind = f' class="{style}"' if style else ""
    return f'<text{kind} x="{x:g}" y="{y:g}" text-anchor="middle">{escape(words)}</text>'
