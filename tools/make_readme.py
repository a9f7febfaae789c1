"""Writes what the example's report prints into the README.

Run it as `python tools/make_readme.py`; a test runs the README's commands and compares.
"""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"

_TRANSCRIPT = re.compile(r"(?<=```console\n)\$ ctxuse (?P<words>[^\n]*)\n.*?(?=```)", re.DOTALL)


def main() -> None:
    """Rewrite the first transcript of the README."""
    text = README.read_text(encoding="utf-8")
    found = _TRANSCRIPT.search(text)
    if found is None:
        sys.exit("no transcript in README.md")
    printed = subprocess.run(  # noqa: S603 - the README's own command
        [sys.executable, "-m", "ctxuse", *found["words"].split()],
        cwd=ROOT,
        check=True,
        capture_output=True,
        encoding="utf-8",
    ).stdout
    transcript = f"$ ctxuse {found['words']}\n{printed}"
    README.write_text(text[: found.start()] + transcript + text[found.end() :], encoding="utf-8")


if __name__ == "__main__":
    main()
