"""Takes the pictures of docs/pictures.md: the example's pages in a headless Chromium.

Run it as `python tools/make_pictures.py` where Chromium and playwright are installed.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import ViewportSize, sync_playwright

from ctxuse.cli.main import run

ROOT = Path(__file__).parent.parent
PICTURES = ROOT / "docs" / "pictures"

CHARTS: ViewportSize = {"width": 1180, "height": 1310}
TABLE: ViewportSize = {"width": 1180, "height": 720}
SESSION = "01a1f999"
SESSION_SIZE: ViewportSize = {"width": 1180, "height": 1180}
LIVE: ViewportSize = {"width": 1180, "height": 900}


def main() -> None:
    """Write the pictures."""
    browser = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
    if browser is None:
        sys.exit("no Chromium")
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as directory, sync_playwright() as started:
        page_file = Path(directory) / "report.html"
        example = str(ROOT / "examples" / "bike-shop")
        run(["report", "-w", example, "--all", "--format", "html", "-o", str(page_file)])
        chromium = started.chromium.launch(executable_path=browser, args=["--no-sandbox"])
        page = chromium.new_page(viewport=CHARTS, color_scheme="light")
        page.goto(page_file.as_uri())
        page.screenshot(path=PICTURES / "report-charts.png")
        page = chromium.new_page(viewport=TABLE, color_scheme="dark")
        page.goto(page_file.as_uri() + "#sort=tokens-recorded&dir=descending")
        page.locator("#records").scroll_into_view_if_needed()
        page.evaluate("document.getElementById('records').scrollIntoView()")
        page.screenshot(path=PICTURES / "report-table.png")
        session = Path(directory) / "session.html"
        words = ["-w", str(ROOT / "examples" / "claude-code")]
        run(["show", SESSION, *words, "--format", "html", "-o", str(session)])
        page = chromium.new_page(viewport=SESSION_SIZE, color_scheme="light")
        page.goto(session.as_uri())
        page.screenshot(path=PICTURES / "session.png")
        with served(Path(directory)) as address:
            page = chromium.new_page(viewport=LIVE, color_scheme="light")
            page.goto(f"{address}record?name=workflow/release")
            page.get_by_text("Live: updates as events arrive.").wait_for()
            page.screenshot(path=PICTURES / "live-record.png")
        chromium.close()


@contextmanager
def served(home: Path) -> Iterator[str]:
    """Serve the example and give the address of its page."""
    example = str(ROOT / "examples" / "bike-shop")
    process = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "ctxuse", "serve", "-w", example, "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "XDG_STATE_HOME": str(home)},
    )
    with process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        yield process.stdout.readline().strip()
        process.terminate()


if __name__ == "__main__":
    main()
