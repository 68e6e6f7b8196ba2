"""The pages on the real chain: simulator, radio, edges, broker and gateway."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from chromium import axe_violations, distinct_pictures, overflow_px
from playwright.sync_api import Locator, Page, expect
from running_demo import RunningDemo
from standing_in import OpenPage

pytestmark = [pytest.mark.browser, pytest.mark.timeout(240)]

HOME, POINT = "/pilots/demo-home", "/pilots/demo-service-point"
NUMBER = re.compile(r"\d")


@pytest.fixture(scope="module")
def demo(module_tmp: Path) -> Iterator[RunningDemo]:
    with RunningDemo(module_tmp, "--seed", "5") as running:
        running.wait_stored(60)
        yield running


def stored(page: Page) -> int:
    text = page.locator("[data-count=stored] dd").inner_text()
    return int(text.replace(",", "").replace("–", "0"))


def ready(page: Page) -> Page:
    expect(page.locator("#live-text")).to_have_text("Live", timeout=20_000)
    expect(page.locator("#content .value").first).to_have_text(NUMBER, timeout=20_000)
    expect(page.locator("[data-count=stored] dd")).to_have_text(NUMBER, timeout=10_000)
    return page


def first_row(card: Locator) -> list[str]:
    return card.locator("tbody tr").nth(1).locator("th, td").all_inner_texts()


def test_a_heart_beats_on_the_page(demo: RunningDemo, open_page: OpenPage) -> None:
    """The trace moves, its beats are found, the counts rise, and the console is silent."""
    page = ready(open_page(demo.url + HOME))
    before = stored(page)
    page.wait_for_timeout(6000)
    assert distinct_pictures(page, ".ecg canvas", 20, 50) >= 12
    assert stored(page) > before + 10
    expect(page.locator("#strip")).to_have_attribute("data-state", "balanced")
    said = page.locator(".ecg .summary").inner_text()
    beats = int(re.search(r"(\d+) beats found", said)[1])  # type: ignore[index]
    rate = int(page.locator(".heart .value").inner_text())
    assert 45 < rate < 130
    assert beats == pytest.approx(rate * 8 / 60, abs=2.5)


def test_the_table_of_the_ecg_tells_the_same(demo: RunningDemo, open_page: OpenPage) -> None:
    page = ready(open_page(demo.url + HOME))
    page.wait_for_timeout(3000)
    card = page.locator(".ecg")
    card.get_by_role("button").click()
    expect(card.locator("tbody tr")).to_have_count(10)
    at, low, high, beats = first_row(card)
    assert re.fullmatch(r"\d\d:\d\d:\d\d", at)
    assert float(low.replace("−", "-")) < 0 < 0.4 < float(high)
    assert int(beats) in (0, 1, 2, 3)
    expect(card.locator("tbody tr").nth(1)).not_to_contain_text(at, timeout=4000)


def test_every_figure_of_the_home_comes(demo: RunningDemo, open_page: OpenPage) -> None:
    page = ready(open_page(demo.url + HOME))
    for metric in ("spo2", "pulse_rate", "body_temperature", "bp_systolic", "body_weight"):
        value = page.locator(f"[data-metric={metric}] .value")
        expect(value).to_have_text(NUMBER, timeout=60_000)
    expect(page.locator(".air .figure strong").first).to_have_text(NUMBER, timeout=30_000)
    expect(page.locator(".devices tbody tr")).to_have_count(6)
    expect(page.locator(".devices [data-link=connected]")).to_have_count(5, timeout=30_000)
    expect(page.locator(".devices")).to_contain_text(re.compile(r"\d+ %"))


def test_the_service_point_counts_people(demo: RunningDemo, open_page: OpenPage) -> None:
    page = ready(open_page(demo.url + POINT))
    present = page.locator("[data-people=people_present] .value")
    expect(present).to_have_text(NUMBER, timeout=90_000)
    co2 = page.locator("section.chart", has_text="Carbon dioxide")
    expect(co2.locator(".figure strong").first).to_have_text(re.compile(r"\d{3}"), timeout=30_000)
    expect(page.locator(".feedback .summary")).to_contain_text(NUMBER)


def test_the_overview_shows_both_pilots(demo: RunningDemo, open_page: OpenPage) -> None:
    page = ready(open_page(demo.url + "/"))
    expect(page.locator(".pilot")).to_have_count(2)
    expect(page.locator("[data-metric=heart_rate] .value")).to_have_text(NUMBER, timeout=20_000)
    expect(page.locator("[data-metric=co2] .value")).to_have_text(NUMBER, timeout=20_000)
    page.wait_for_timeout(2000)
    assert distinct_pictures(page, ".pilot .ecg canvas", 20, 50) >= 12
    page.get_by_role("link", name="Home pilot").click()
    expect(page).to_have_url(demo.url + HOME)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("path", ["/", HOME, POINT])
def test_axe_and_reflow(demo: RunningDemo, open_page: OpenPage, path: str, scheme: str) -> None:
    page = ready(open_page(demo.url + path, color_scheme=scheme))
    assert axe_violations(page) == []
    for button in page.get_by_role("button", name=re.compile("Show as table")).all():
        if button.is_visible():
            button.press("Enter")
    assert axe_violations(page) == []
    page.set_viewport_size({"width": 320, "height": 640})
    assert overflow_px(page) <= 0


def test_the_page_recovers_when_the_gateway_is_killed(
    demo: RunningDemo, open_page: OpenPage
) -> None:
    """SIGKILL: said in words, back by itself, counts go on and the gap of the trend is filled."""
    page = ready(open_page(demo.url + HOME, expect_errors=True))
    page.wait_for_timeout(3000)
    before = stored(page)
    gateway = demo.pids()["gateway"]
    assert gateway is not None
    os.kill(gateway, signal.SIGKILL)
    expect(page.get_by_role("status")).to_have_text("Reconnecting…", timeout=8000)
    expect(page.get_by_role("status")).to_have_text("Live", timeout=30_000)
    deadline = time.monotonic() + 20
    while stored(page) <= before and time.monotonic() < deadline:
        page.wait_for_timeout(200)
    assert stored(page) > before
    expect(page.locator(".heart .reading")).to_have_attribute("data-stale", "no", timeout=20_000)
    page.wait_for_timeout(3000)
    assert distinct_pictures(page, ".ecg canvas", 20, 50) >= 12
    expect(page.locator("#strip")).to_have_attribute("data-state", "balanced")
    gaps = page.evaluate("""async () => {
      const to = Date.now() / 1000 - 4;
      const query = `device=home-1.strap-1&metric=ecg&from=${to - 40}&to=${to}`;
      const {t_us: t} = await (await fetch(`/api/v1/series?${query}`)).json();
      return t.filter((at, i) => i && at - t[i - 1] > 60_000).length;
    }""")
    assert gaps == 0
