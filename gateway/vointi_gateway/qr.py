"""QR codes (ISO/IEC 18004) of links: for a terminal, a page and a letter."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import segno

#: The blocks are the light modules: white on black, whatever the terminal's own colours are.
_COLOURS, _PLAIN = "\033[97;40m", "\033[0m"


def for_terminal(text: str) -> str:
    """Lines of half blocks with the quiet zone around them."""
    out = io.StringIO()
    _code(text).terminal(out, compact=True)
    return "\n".join(f"{_COLOURS}{line}{_PLAIN}" for line in out.getvalue().splitlines())


def svg(text: str, label: str) -> str:
    """An inline SVG that scales, named `label` for screen readers."""
    return _code(text).svg_inline(omitsize=True, title=label, svgclass="qr", lineclass=None)


def _code(text: str) -> segno.QRCode:
    import segno  # with all of urllib and XML: a thirtieth of what a gateway's start would take

    # Level M: a letter is folded, a screen is bright.
    return segno.make_qr(text, error="m")
