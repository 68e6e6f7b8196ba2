"""Take the pictures of docs/images from a running demo: `make screenshots`."""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tests" / "support"))

from chromium import open_browser  # noqa: E402
from playwright.sync_api import Browser, expect  # noqa: E402
from running_demo import RunningDemo  # noqa: E402


@dataclass(frozen=True)
class Shot:
    """One picture: its name, page, window in CSS pixels, theme and pixel density."""

    name: str
    path: str
    width: int
    height: int
    scheme: Literal["light", "dark"] = "light"
    density: float = 1.5


SHOTS = (
    Shot("overview", "/", 1280, 760),
    Shot("home", "/pilots/demo-home", 1280, 1200),
    Shot("home-dark", "/pilots/demo-home", 1280, 1200, "dark"),
    Shot("service-point", "/pilots/demo-service-point", 1280, 1010),
    Shot("phone", "/pilots/demo-home", 390, 844, density=2),
    Shot("phone-dark", "/pilots/demo-home", 390, 844, "dark", density=2),
)
# The trace fills its width in 8 s, and a little for the first answers.
SETTLE_MS = 10_000


def take(browser: Browser, url: str, shot: Shot, folder: Path) -> Path:
    """Write one picture and return its path."""
    context = browser.new_context(
        viewport={"width": shot.width, "height": shot.height},
        color_scheme=shot.scheme,
        device_scale_factor=shot.density,
    )
    page = context.new_page()
    page.goto(url + shot.path)
    expect(page.locator("#live-text")).to_have_text("Live", timeout=20_000)
    page.wait_for_timeout(SETTLE_MS)
    target = folder / f"{shot.name}.png"
    page.screenshot(path=target)
    context.close()
    return target


def take_all(url: str, folder: Path) -> None:
    """Every picture of a gateway at `url`."""
    folder.mkdir(parents=True, exist_ok=True)
    with open_browser() as browser:
        for shot in SHOTS:
            print(take(browser, url, shot, folder).relative_to(ROOT))


def main() -> None:
    """Run a demo for a while, or use one that runs, and picture it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--url", help="a demo that runs already; else one is started")
    parser.add_argument("--warm-up", type=float, default=150.0, help="s before the first picture")
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "images")
    options = parser.parse_args()
    folder = options.folder.resolve()
    if options.url:
        take_all(options.url, folder)
        return
    with tempfile.TemporaryDirectory(prefix="vointi-") as state, RunningDemo(Path(state)) as demo:
        demo.wait_stored(60)
        time.sleep(options.warm_up)
        take_all(demo.url, folder)


if __name__ == "__main__":
    main()
