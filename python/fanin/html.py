"""Small pieces of HTML for notebooks: static, without scripts, and asking for nothing from elsewhere."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from html import escape as escape
from pathlib import Path
from typing import Any


_STYLE = "text-align:left;vertical-align:top;padding:2px 8px"


def table(headers: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A table of texts; a cell that is :class:`Raw` stays as it is."""
    head = "".join(f"<th style='{_STYLE}'>{escape(header)}</th>" for header in headers)
    body = "".join("<tr>" + "".join(f"<td style='{_STYLE}'>{_cell(cell)}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


class Raw(str):
    """Text that is HTML already."""


def _cell(cell: Any) -> str:
    if isinstance(cell, Raw):
        return cell
    return "" if cell is None else escape(f"{cell:.4g}" if isinstance(cell, float) else str(cell))


def bar(value: float | None, most: float) -> Raw:
    """A bar of the length ``value`` / ``most``, with its number beside it; the number alone where there is no length."""
    if value is None:
        return Raw("")
    width = 60.0 * value / most if most > 0 else 0.0
    drawn = f"<rect width='{max(1.0, width):.1f}' height='10' rx='2' fill='#4a7fb5'/>" if width > 0 else ""
    picture = f"<svg width='64' height='10' style='vertical-align:middle'>{drawn}</svg>"
    return Raw(f"<span style='white-space:nowrap'>{picture} {value:.4g}</span>")


def folded(title: str, content: str) -> str:
    """Content that unfolds below its title."""
    return f"<details><summary>{escape(title)}</summary>{content}</details>"


def framed(page: str, height: int = 640) -> str:
    """A whole page within a notebook, with its own style and nothing of the notebook's."""
    return f"<iframe srcdoc=\"{escape(page, quote=True)}\" style='width:100%;height:{height}px;border:0'></iframe>"


class Page:
    """Something that was found: text on a terminal, a page with pictures in a notebook."""

    def __init__(self, text: str, page: str) -> None:
        self._text, self._page = text, page

    def to_html(self, path: str | os.PathLike[str] | None = None) -> str:
        """One HTML page with plots that needs nothing else; also written to ``path``, if that is given."""
        if path is not None:
            Path(path).write_text(self._page, encoding="utf-8")
        return self._page

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return self._text.rstrip()

    def _repr_html_(self) -> str:
        return framed(self._page)
