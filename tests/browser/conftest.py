"""A browser for each module of page tests, and the stand-in gateway.

The browser's driver keeps an event loop running in this thread: it must be gone before the
asynchronous tests of other folders run.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from chromium import open_browser, watch
from playwright.sync_api import Browser, Page
from standing_in import OpenPage, StandInProcess


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def stand_in() -> Iterator[StandInProcess]:
    process = StandInProcess()
    process.start()
    yield process
    process.kill()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[OpenPage]:
    """open_page(url, expect_errors=False, **context options); complaints fail the test."""
    opened: list[tuple[Page, list[str], bool]] = []

    def make(url: str, *, expect_errors: bool = False, **options: Any) -> Page:
        page = browser.new_context(**options).new_page()
        opened.append((page, watch(page), expect_errors))
        page.goto(url)
        return page

    yield make
    for page, complaints, expect_errors in opened:
        page.context.close()
        assert expect_errors or not complaints, complaints
