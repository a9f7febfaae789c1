"""Draws the layers of `layers.py` in ARCHITECTURE.md.

Run it as `python tools/make_layers.py`; a test fails when the page shows others.
"""

import re
import textwrap
from pathlib import Path

from layers import INSIDE, LAYERS

TARGET = Path(__file__).parent.parent / "ARCHITECTURE.md"

_BLOCK = re.compile(r"(?<=<!-- layers -->\n).*(?=<!-- end of layers -->)", re.DOTALL)


def picture() -> str:
    """Return the layers as Markdown: those of the package drawn, those inside others listed."""
    width = max(map(len, LAYERS))
    drawn = [f"{names:^{width}}  {note}".rstrip() for names, note in LAYERS.items()]
    listed = [_line(package, layers) for package, layers in INSIDE.items()]
    inside = ["Inside the packages, from the top down:", "", *listed]
    return "\n".join(["```", *drawn, "```", "", *inside, ""])


def _line(package: str, layers: list[str]) -> str:
    names = " → ".join(layers).replace("__init__", "`__init__`")
    text = f"- `{package.replace('.', '/')}/`: {names}"
    return textwrap.fill(text, 100, subsequent_indent="  ", break_on_hyphens=False)


def page() -> str:
    """Return ARCHITECTURE.md with the picture of these layers."""
    return _BLOCK.sub(lambda _: picture(), TARGET.read_text(encoding="utf-8"))


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
