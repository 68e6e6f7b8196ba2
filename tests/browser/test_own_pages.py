"""A resident's own pages in a real browser: in each language, on a phone, without JavaScript."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest
from chromium import axe_violations, overflow_px
from door_kit import House, house
from gateway_kit import PILOT, T0_US
from playwright.sync_api import Browser, Page, Route, expect
from vointi_gateway.api.door import COOKIE
from vointi_gateway.ui.messages import own_messages

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]
SITE = "https://gw.test"
PHONE = {"width": 360, "height": 740}


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with house(tmp_path_factory.mktemp("house")) as made:
        made.clock[0] = T0_US + 3_600_000_000
        yield made


@contextmanager
def signed_in(
    browser: Browser, here: House, role: str = "resident", **options: Any
) -> Iterator[Page]:
    """A signed-in browser whose requests the gateway answers in this process."""
    # The browser's driver has an event loop in this thread already.
    with ThreadPoolExecutor(1) as pool:
        cookie = pool.submit(here.cookie, role).result()

        def answer(route: Route) -> None:
            request = route.request
            path = request.url.removeprefix(SITE)
            headers = {"Origin": SITE, "Content-Type": request.headers.get("content-type", "")}
            cookies = request.all_headers().get("cookie", "")
            said = pool.submit(
                lambda: here.ask(
                    request.method,
                    path,
                    cookie if COOKIE in cookies else "",
                    content=request.post_data_buffer or b"",
                    headers=headers,
                )
            ).result()
            kept = {n: v for n, v in said.headers.items() if n != "content-length"}
            route.fulfill(status=said.status_code, headers=kept, body=said.content)

        context = browser.new_context(**options)
        context.add_cookies(
            [{"name": COOKIE, "value": cookie, "url": SITE, "secure": True, "httpOnly": True}]
        )
        context.route(f"{SITE}/**", answer)
        # A stream that never ends cannot be passed on whole.
        context.route(f"{SITE}/api/v1/live*", lambda route: route.abort())
        try:
            yield context.new_page()
        finally:
            context.close()


@pytest.mark.parametrize("language", ["fi", "sv", "en"])
def test_it_is_accessible_and_fits_a_phone(browser: Browser, here: House, language: str) -> None:
    words = own_messages()[language]
    with signed_in(browser, here, viewport=PHONE) as page:
        for path in ("/me", "/me/receipt/care", "/me/erase"):
            page.goto(f"{SITE}{path}?lang={language}")
            expect(page.locator("html")).to_have_attribute("lang", language)
            assert axe_violations(page) == []
            assert overflow_px(page) <= 0
        page.goto(f"{SITE}/me?lang={language}")
        page.get_by_text(words["now.days"]).first.click()
        expect(page.locator("details tbody td").first).to_have_text("62")
        assert axe_violations(page) == []


def test_a_break_and_its_end_need_no_javascript(browser: Browser, here: House) -> None:
    words = own_messages()["fi"]
    with signed_in(browser, here, java_script_enabled=False, locale="fi-FI") as page:
        page.goto(f"{SITE}/me?lang=fi")
        status = page.locator(".own-state [role=status]")
        for button, told in (
            (words["measuring.pause"], words["measuring.paused"]),
            (words["measuring.resume"], words["measuring.on"]),
        ):
            here.clock[0] += 1_000_000
            page.locator(".own-state").get_by_role("button", name=button).click()
            expect(status).to_have_text(told)
        page.get_by_role("link", name=words["erase.open"]).click()
        expect(page.get_by_role("button", name=words["sure.yes"])).to_be_visible()
        page.get_by_role("link", name=words["sure.no"]).click()
        expect(page.get_by_role("heading", level=1)).to_have_text(words["own.title"])


def test_a_company_sees_the_counts_of_its_own_edges_and_a_resident_none(
    browser: Browser, here: House
) -> None:
    with signed_in(browser, here, "company") as page:
        page.goto(f"{SITE}/pilots/{PILOT}?lang=en")
        expect(page.locator("[data-count=stored] dd")).to_have_text("1", timeout=30_000)
        expect(page.locator("#strip")).to_have_attribute("data-state", "balanced")
    with signed_in(browser, here) as page:
        page.goto(f"{SITE}/pilots/{PILOT}?lang=en")
        expect(page.locator(".devices tbody tr")).to_have_count(1, timeout=30_000)
        expect(page.locator("#strip")).to_have_count(0)
