"""Draws the layers of `layers.py` in ARCHITECTURE.md.

Run it as `python tools/make_layers.py`; a test fails when the page shows others.
"""

import re
import textwrap
from pathlib import Path

from layers import INSIDE, LAYERS

TARGET = Path(__file__).parent.parent / "ARCHITECTURE.md"

_BLOCK = re.compile(r"(?<=<!-- (layers|inside) -->\n).*?(?=<!-- end of)", re.DOTALL)


def layers() -> str:
    """Return the layers of the package, drawn."""
    width = max(map(len, LAYERS))
    drawn = [f"{names:^{width}}  {note}".rstrip() for names, note in LAYERS.items()]
    return "\n".join(["```", *drawn, "```", ""])


def inside() -> str:
    """Return the layers inside its packages, listed."""
    return "".join(f"{_line(package, layers)}\n" for package, layers in INSIDE.items())


def _line(package: str, layers: list[str]) -> str:
    names = " → ".join(layers).replace("__init__", "`__init__`")
    text = f"- `{package.replace('.', '/')}/`: {names}"
    return textwrap.fill(text, 100, subsequent_indent="  ", break_on_hyphens=False)


def page() -> str:
    """Return ARCHITECTURE.md with the picture of these layers."""
    parts = {"layers": layers(), "inside": inside()}
    return _BLOCK.sub(lambda found: parts[found[1]], TARGET.read_text(encoding="utf-8"))


if __name__ == "__main__":
    TARGET.write_text(page(), encoding="utf-8")
