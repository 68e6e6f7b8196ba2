"""The pages in a real browser, against the stand-in."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from chromium import axe_violations, distinct_pictures, overflow_px
from playwright.sync_api import Page, expect
from standing_in import OpenPage, StandInProcess

pytestmark = [pytest.mark.browser, pytest.mark.timeout(120)]

HOME, POINT = "/pilots/demo-home", "/pilots/demo-service-point"
PAGES = ["/", HOME, POINT]
ECG_CANVAS = ".ecg canvas"


def ready(page: Page) -> Page:
    """Wait until figures and counts have come."""
    expect(page.locator("#live-text")).to_have_text("Live", timeout=15_000)
    expect(page.locator("[data-count=stored] dd")).to_have_text(re.compile(r"\d"), timeout=15_000)
    expect(page.locator("#content .value").first).to_have_text(re.compile(r"\d"), timeout=15_000)
    for figure in page.locator(".air .figure:first-child strong").all():
        expect(figure).to_have_text(re.compile(r"\d"), timeout=15_000)
    return page


@pytest.fixture
def own_stand_in() -> Iterator[StandInProcess]:
    process = StandInProcess()
    process.start()
    yield process
    process.kill()


@pytest.fixture
def empty_stand_in() -> Iterator[StandInProcess]:
    process = StandInProcess("--empty")
    process.start()
    yield process
    process.kill()


def test_the_home_shows_what_is_measured(open_page: OpenPage, stand_in: StandInProcess) -> None:
    page = ready(open_page(stand_in.url + HOME))
    expect(page.locator(".heart .reading")).to_contain_text(re.compile(r"\d\d\s+beats/min"))
    for metric, words in [
        ("spo2", r"97\s+%"),
        ("body_temperature", r"36\.6\s+°C"),
        ("body_weight", r"71\.4\s+kg"),
        ("bp_systolic", r"122/78\s+mmHg"),
    ]:
        expect(page.locator(f"[data-metric={metric}]")).to_contain_text(re.compile(words))
    expect(page.locator(".devices tbody tr")).to_have_count(6)
    expect(page.locator(".devices")).to_contain_text("Out of reach")
    expect(page.locator("#strip-note")).to_contain_text("Accepted = stored")
    # Eight seconds have to pass by until the trace is full, and the words are renewed every five.
    expect(page.locator(".ecg .summary")).to_contain_text(
        re.compile(r"(8|9|10) beats found"), timeout=20_000
    )


@pytest.mark.parametrize(("language", "unit"), [("fi", "lyöntiä/min"), ("sv", "slag/min")])
def test_the_pages_speak_finnish_and_swedish(
    open_page: OpenPage, stand_in: StandInProcess, language: str, unit: str
) -> None:
    page = open_page(f"{stand_in.url}/?lang={language}")
    page.locator(".pilot h2 a").first.click()
    expect(page).to_have_url(re.compile(f"{HOME}.lang={language}$"))
    expect(page.locator(".heart .reading")).to_contain_text(unit, timeout=15_000)
    expect(page.locator("html")).to_have_attribute("lang", language)
    expect(page.locator(".tongues [aria-current]")).to_have_attribute("lang", language)
    assert axe_violations(page) == []


def test_the_service_point_shows_air_people_and_feedback(
    open_page: OpenPage, stand_in: StandInProcess
) -> None:
    page = ready(open_page(stand_in.url + POINT))
    expect(page.locator("[data-people=people_present] .value")).to_have_text("7")
    expect(page.locator("[data-people=people_in] .value")).to_have_text("42")
    expect(page.locator(".bar-name")).to_have_text(["Very good", "Good", "Poor", "Very poor"])
    expect(page.locator(".feedback .summary")).to_contain_text(re.compile(r"\d+ presses"))
    expect(page.locator(".air .chart")).to_have_count(3)
    expect(page.locator(".air .summary").first).to_contain_text("ppm")


def test_the_trace_moves_smoothly(open_page: OpenPage, stand_in: StandInProcess) -> None:
    page = ready(open_page(stand_in.url + HOME))
    page.wait_for_timeout(1500)
    assert distinct_pictures(page, ECG_CANVAS, 20, 50) >= 15


def test_reduced_motion_moves_in_steps(open_page: OpenPage, stand_in: StandInProcess) -> None:
    page = ready(open_page(stand_in.url + HOME, reduced_motion="reduce"))
    page.wait_for_timeout(2500)
    assert 1 <= distinct_pictures(page, ECG_CANVAS, 24, 50) <= 4


def test_pause_holds_the_page_and_resume_goes_on(
    open_page: OpenPage, stand_in: StandInProcess
) -> None:
    page = ready(open_page(stand_in.url + HOME))
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("status")).to_have_text("Paused")
    page.wait_for_timeout(300)
    held = page.locator("[data-count=stored] dd").inner_text()
    assert distinct_pictures(page, ECG_CANVAS, 10, 150) == 1
    assert page.locator("[data-count=stored] dd").inner_text() == held
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("status")).to_have_text("Live")
    expect(page.locator("[data-count=stored] dd")).not_to_have_text(held)
    page.wait_for_timeout(500)
    assert distinct_pictures(page, ECG_CANVAS, 10, 60) >= 6


def test_a_spot_measurement_tells_its_age(open_page: OpenPage, stand_in: StandInProcess) -> None:
    page = ready(open_page(stand_in.url + HOME))
    age = page.locator("[data-metric=body_weight] .age")
    expect(age).to_have_text(re.compile(r"\d+ min ago"))


def test_the_page_recovers_after_a_restart(
    own_stand_in: StandInProcess, open_page: OpenPage
) -> None:
    """Reconnecting in words, figures greyed with their age, then live again with the gap filled."""
    page = ready(open_page(own_stand_in.url + HOME, expect_errors=True))
    own_stand_in.kill()
    expect(page.get_by_role("status")).to_have_text("Reconnecting…", timeout=10_000)
    heart = page.locator(".heart .reading")
    expect(heart).to_have_attribute("data-stale", "yes", timeout=20_000)
    expect(heart.locator(".age")).to_have_text(re.compile(r"1\d s ago"))
    expect(page.locator("#strip")).to_have_attribute("data-state", "stale")
    own_stand_in.start()
    expect(page.get_by_role("status")).to_have_text("Live", timeout=10_000)
    expect(heart).to_have_attribute("data-stale", "no", timeout=5000)
    trend = page.locator("section.chart", has_text="Heart rate trend")
    trend.get_by_role("button").click()
    assert "–" not in trend.locator("tbody").inner_text()


def test_an_empty_pilot_says_what_to_do(
    empty_stand_in: StandInProcess, open_page: OpenPage
) -> None:
    page = open_page(empty_stand_in.url + HOME)
    notice = page.locator("[data-notice=empty]")
    expect(notice).to_contain_text("No device yet")
    expect(notice.locator("li")).to_have_count(3)
    assert axe_violations(page) == []


def test_an_unreachable_api_is_told_and_left_behind(
    open_page: OpenPage, stand_in: StandInProcess
) -> None:
    page = open_page("about:blank", expect_errors=True)
    page.route("**/api/v1/**", lambda route: route.abort())
    page.goto(stand_in.url + HOME)
    expect(page.get_by_role("alert")).to_contain_text("does not answer")
    page.unroute_all()
    expect(page.locator(".heart .value")).to_have_text(re.compile(r"\d\d"), timeout=15_000)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_an_unknown_pilot_is_a_page(open_page: OpenPage, stand_in: StandInProcess) -> None:
    page = open_page(f"{stand_in.url}/pilots/nowhere", expect_errors=True)
    expect(page.locator("h1")).to_have_text("No such pilot")
    assert axe_violations(page) == []


@pytest.mark.parametrize(("path", "scheme"), [("/", "light"), (HOME, "dark"), (POINT, "light")])
def test_axe_finds_nothing(
    open_page: OpenPage, stand_in: StandInProcess, path: str, scheme: str
) -> None:
    """The tests on the whole chain look at every page in both themes; these are the quick ones."""
    page = ready(open_page(stand_in.url + path, color_scheme=scheme))
    assert axe_violations(page) == []
    if path != "/":
        show_tables(page)
        assert axe_violations(page) == []


def show_tables(page: Page) -> None:
    buttons = page.get_by_role("button", name=re.compile("Show as table"))
    for _ in range(buttons.count()):
        buttons.first.click()
    expect(page.locator(".table-scroll table:visible").first).to_be_visible()


def test_a_table_updates_without_taking_the_focus(
    open_page: OpenPage, stand_in: StandInProcess
) -> None:
    page = ready(open_page(stand_in.url + HOME))
    card = page.locator(".ecg")
    card.get_by_role("button").click()
    expect(card.locator("canvas")).to_be_hidden()
    first = card.locator("tbody tr").first
    expect(first.locator("td").nth(1)).to_have_text(re.compile(r"1\.0\d|–"))
    before = first.inner_text()
    expect(first).not_to_have_text(before, timeout=4000)
    assert page.evaluate("document.activeElement.textContent").startswith("Show as chart")
    expect(card.get_by_role("table")).to_have_accessible_name("ECG, as a table")


def test_every_chart_has_words(open_page: OpenPage, stand_in: StandInProcess) -> None:
    for path in (HOME, POINT):
        page = ready(open_page(stand_in.url + path))
        for picture in page.get_by_role("img").all():
            expect(picture).to_have_accessible_name(re.compile(r"\w+"))
            expect(picture).to_have_accessible_description(re.compile(r"\d"))


@pytest.mark.parametrize("path", PAGES)
def test_nothing_runs_off_a_narrow_screen(
    open_page: OpenPage, stand_in: StandInProcess, path: str
) -> None:
    """320 px is 1280 px at 400 % (WCAG 1.4.10)."""
    page = ready(open_page(stand_in.url + path, viewport={"width": 320, "height": 640}))
    assert overflow_px(page) <= 0
    if path != "/":
        show_tables(page)
        assert overflow_px(page) <= 0


def test_text_spacing_of_the_reader_fits(open_page: OpenPage, stand_in: StandInProcess) -> None:
    """WCAG 1.4.12: wider letters, words and lines lose nothing."""
    page = ready(open_page(stand_in.url + HOME, viewport={"width": 390, "height": 800}))
    page.evaluate("""() => {
      const sheet = new CSSStyleSheet();
      sheet.replaceSync('* { line-height: 1.5 !important; letter-spacing: 0.12em !important;'
        + ' word-spacing: 0.16em !important; } p { margin-bottom: 2em !important; }');
      document.adoptedStyleSheets = [sheet];
    }""")
    assert overflow_px(page) <= 0


def test_the_keyboard_reaches_everything_and_the_focus_shows(
    open_page: OpenPage, stand_in: StandInProcess
) -> None:
    page = ready(open_page(stand_in.url + HOME))
    walked = []
    for _ in range(40):
        page.keyboard.press("Tab")
        step = page.evaluate("""() => {
          const node = document.activeElement;
          if (node === document.body) return null;
          const box = node.getBoundingClientRect();
          const style = getComputedStyle(node);
          const top = document.querySelector('.top').getBoundingClientRect().bottom;
          const hidden = !node.closest('.top') && !node.matches('.skip') && box.bottom <= top;
          return {name: node.textContent.trim().replace(/\\s+/g, ' '), hidden,
                  outline: parseFloat(style.outlineWidth), w: box.width, h: box.height};
        }""")
        if step is None:
            break
        walked.append(step)
    names = [step["name"] for step in walked]
    assert names[:4] == ["Skip to content", "Vointi", "Pause", "Pilots"]
    assert sum("Show as table" in name for name in names) == 5
    assert names[-1] == "API documentation"
    assert all(step["outline"] >= 2 and not step["hidden"] for step in walked)
    assert all(step["h"] >= 24 and step["w"] >= 24 for step in walked)


def test_forced_colours_keep_lines_and_states(
    open_page: OpenPage, stand_in: StandInProcess
) -> None:
    page = ready(open_page(stand_in.url + HOME, forced_colors="active"))
    page.wait_for_timeout(1500)
    assert distinct_pictures(page, ECG_CANVAS, 10, 60) >= 6
    colours = page.evaluate("""async () => {
      const {color} = await import('/static/js/theme.js');
      return [color('--trace'), color('--surface')];
    }""")
    assert colours[0] != colours[1]


def test_no_script_or_style_stands_in_the_page(
    open_page: OpenPage, stand_in: StandInProcess
) -> None:
    for path in PAGES:
        page = open_page(stand_in.url + path)
        html = page.request.get(stand_in.url + path).text()
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*\ssrc=)", html)
        assert not re.search(r"(src|href)=\"(https?:)?//", html)
        assert page.context.cookies() == []
