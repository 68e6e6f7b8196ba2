"""A headless browser, and pages that remember what they complained about."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

AXE = Path(__file__).resolve().parents[2] / "node_modules" / "axe-core" / "axe.min.js"
_NAMES = ("chromium", "chromium-browser", "google-chrome")
# No sandbox: tests run as root in containers. The rest keeps it from calling anywhere.
_ARGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
_RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")


@contextmanager
def open_browser() -> Iterator[Browser]:
    """Chromium of this machine; RuntimeError when there is none."""
    program = next(filter(None, map(shutil.which, _NAMES)), None)
    if program is None:
        raise RuntimeError("no browser: sudo apt-get install -y chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=list(_ARGS))
        try:
            yield browser
        finally:
            browser.close()


def watch(page: Page) -> list[str]:
    """The list that every console error, warning and uncaught exception of a page goes to."""
    complaints: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            complaints.append(f"{message.text} ({message.location.get('url')})")

    page.on("console", note)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return complaints


def axe_violations(page: Page) -> list[str]:
    """One line for each element that breaks an accessibility rule of axe-core."""
    page.evaluate(AXE.read_text(encoding="utf-8"))
    result: dict[str, Any] = page.evaluate(
        "tags => axe.run(document, {runOnly: {type: 'tag', values: tags}})", list(_RULES)
    )
    assert len(result["passes"]) > 20, "axe looked at almost nothing"
    return [
        f"{rule['id']}: {rule['help']}: {node['target']} {node['failureSummary']}"
        for rule in result["violations"]
        for node in rule["nodes"]
    ]


def overflow_px(page: Page) -> int:
    """How far the page can be scrolled sideways."""
    return int(page.evaluate("document.documentElement.scrollWidth - innerWidth"))


def distinct_pictures(page: Page, selector: str, times: int, pause_ms: int) -> int:
    """How many different pictures a canvas shows in so many looks."""
    return int(
        page.evaluate(
            """async ([selector, times, pause]) => {
              const seen = new Set();
              for (let look = 0; look < times; look += 1) {
                seen.add(document.querySelector(selector).toDataURL());
                await new Promise((done) => setTimeout(done, pause));
              }
              return seen.size;
            }""",
            [selector, times, pause_ms],
        )
    )
