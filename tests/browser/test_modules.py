"""The pure parts of the pages, run where they run: in the browser."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page
from standing_in import StandInProcess

pytestmark = [pytest.mark.browser, pytest.mark.timeout(90)]


@pytest.fixture(scope="module")
def page(browser: Browser, stand_in: StandInProcess) -> Iterator[Page]:
    page = browser.new_page()
    page.goto(f"{stand_in.url}/")
    yield page
    page.close()


def run(page: Page, module: str, body: str) -> Any:
    return page.evaluate(
        f"async () => {{ const m = await import('/static/js/{module}.js'); {body} }}"
    )


def test_frames_join_and_a_missing_frame_is_a_gap(page: Page) -> None:
    flat = run(page, "samples", """
      const b = new m.SampleBuffer(20);
      const frame = (start) => Array.from({length: 73}, (_, i) => start + i / 130);
      b.add(frame(0), frame(0).map(() => 1), 130);
      b.add(frame(73 / 130), frame(0).map(() => 1), 130);
      b.add(frame(4 * 73 / 130), frame(0).map(() => 1), 130);
      const {x, y} = b.columns();
      return {n: b.t.length, nulls: y.map((v, i) => v === null ? i : -1).filter((i) => i >= 0),
              rising: x.every((v, i) => i === 0 || v > x[i - 1])};
    """)  # fmt: skip
    assert flat == {"n": 219, "nulls": [146], "rising": True}


def test_history_fills_a_gap_without_doubling_samples(page: Page) -> None:
    times = run(page, "samples", """
      const b = new m.SampleBuffer(20);
      const span = (from, to) => Array.from({length: to - from}, (_, i) => (from + i) / 100);
      b.add(span(0, 100), span(0, 100), 100);
      b.add(span(200, 300), span(200, 300), 100);
      b.add(span(50, 260), span(50, 260), 0);
      b.add(span(50, 260), span(50, 260), 0);
      return b.t.map((t) => Math.round(t * 100));
    """)  # fmt: skip
    assert times == list(range(300))


def test_a_frame_that_begins_a_hair_early_stays_in_order(page: Page) -> None:
    times = run(page, "samples", """
      const b = new m.SampleBuffer(20);
      const frame = (start) => Array.from({length: 73}, (_, i) => start + i / 130);
      b.add(frame(0), frame(0), 130);
      b.add(frame(73 / 130 - 0.012), frame(0), 130);
      return b.t;
    """)  # fmt: skip
    assert len(times) == 146
    assert times == sorted(times)


def test_old_samples_are_forgotten(page: Page) -> None:
    kept = run(page, "samples", """
      const b = new m.SampleBuffer(10);
      for (let s = 0; s < 100; s += 1) b.add([s, s + 0.5], [0, 0], 2);
      return b.t.length;
    """)  # fmt: skip
    assert 20 <= kept <= 26


def test_the_clock_of_the_trace_is_steady_under_jitter(page: Page) -> None:
    """Frames late by up to 120 ms: the trace never runs dry, back, or unevenly."""
    result = run(page, "playout", """
      const clock = new m.PlayOut();
      const period = 73 / 130;
      let next = 0, arrival = 0, end = -Infinity, dry = 0, worst = 0, back = 0, last = null;
      for (let tick = 0; tick < 60 * 60; tick += 1) {
        const now = tick / 60;
        while (arrival <= now) {
          end = 1000 + next * period;
          clock.arrived(end, period, now);
          next += 1;
          arrival = next * period + 0.12 * ((next * 7919) % 100) / 100;
        }
        const at = clock.position(now);
        if (now > 15) {
          if (at > end) dry += 1;
          worst = Math.max(worst, Math.abs((at - last) * 60 - 1));
          if (at < last) back += 1;
        }
        last = at;
      }
      return {dry, back, worst, behind: end - last};
    """)  # fmt: skip
    assert result["dry"] == 0
    assert result["back"] == 0
    assert result["worst"] < 0.07
    assert result["behind"] < 1.2


def test_the_clock_follows_a_jump_of_the_device(page: Page) -> None:
    lead = run(page, "playout", """
      const clock = new m.PlayOut();
      for (let n = 0; n < 20; n += 1) { clock.arrived(100 + n, 1, n); clock.position(n); }
      clock.arrived(500, 1, 20);
      return clock.position(20);
    """)  # fmt: skip
    assert 498 < lead < 500


def test_the_scale_grows_at_once_and_shrinks_slowly(page: Page) -> None:
    sizes = run(page, "scale", """
      const s = new m.TraceScale();
      const height = () => s.max - s.min;
      s.follow(-0.5, 1, 0); const first = height();
      s.follow(-3, 3, 0.1); const grown = height();
      s.follow(-0.5, 1, 0.2); const soon = height();
      for (let t = 0.3; t < 60; t += 0.1) s.follow(-0.5, 1, t);
      return [first, grown, soon, height()];
    """)  # fmt: skip
    first, grown, soon, late = sizes
    assert grown > 6
    assert soon > 0.9 * grown
    assert late == pytest.approx(first, rel=0.02)


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "now"), (12, "12 s ago"), (300, "5 min ago"), (7200, "2 h ago"), (200_000, "2 d ago")],
)
def test_ages_in_words(page: Page, seconds: float, words: str) -> None:
    assert run(page, "format", f"return m.age({seconds})") == words


def test_values_have_their_unit(page: Page) -> None:
    assert run(page, "format", "return m.quantity('body_temperature', 36.55, 'Cel')") == "36.6 °C"
    assert run(page, "format", "return m.quantity('heart_rate', 61, '/min')") == "61 beats/min"
    assert run(page, "format", "return m.number(-1234.5, 1)") == "−1,234.5"
    assert run(page, "format", "return m.number(null)") == "–"
