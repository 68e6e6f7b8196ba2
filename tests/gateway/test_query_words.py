"""Times, resolutions and Accept headers as clients write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from vointi_gateway.api.formats import ARROW, CSV, JSON, wanted
from vointi_gateway.api.timespan import parse_resolution, parse_time
from vointi_gateway.errors import QueryError

NOW = 1_780_272_000_000_000


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("-60s", NOW - 60_000_000),
        ("-1.5m", NOW - 90_000_000),
        ("-2h", NOW - 7_200_000_000),
        ("-1d", NOW - 86_400_000_000),
        ("-0s", NOW),
        ("1780272000", NOW),
        ("1780272000.25", NOW + 250_000),
        ("2026-06-01T00:00:00Z", NOW),
        ("2026-06-01T03:00:00+03:00", NOW),
        ("2026-06-01T03:00:00 03:00", NOW),
        ("2026-06-01T00:00:00.000001Z", NOW + 1),
    ],
)
def test_times(text: str, expected: int) -> None:
    assert parse_time(text, "from", NOW) == expected


@pytest.mark.parametrize(
    "text",
    ["", "yesterday", "60s", "-5", "2026-06-01T00:00:00", "99999999999", "1e9", "-1y", "nan"],
)
def test_other_times_are_refused_with_field_and_fix(text: str) -> None:
    with pytest.raises(QueryError, match=r"^from: .*"):
        parse_time(text, "from", NOW)


@given(st.text(max_size=40))
def test_no_text_breaks_the_parser(text: str) -> None:
    for parse in (lambda t: parse_time(t, "to", NOW), parse_resolution):
        try:
            parse(text)
        except QueryError as exc:
            assert exc.fix


def test_resolutions() -> None:
    assert parse_resolution("raw") is None
    assert [parse_resolution(r) for r in ("1s", "60s", "1m", "2h")] == [
        1_000_000,
        60_000_000,
        60_000_000,
        7_200_000_000,
    ]
    for text in ("0s", "", "1", "1.5s", "1y", "-1s"):
        with pytest.raises(QueryError, match="resolution: use raw"):
            parse_resolution(text)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("*/*", JSON),
        ("", JSON),
        ("text/csv", CSV),
        ("text/csv;q=0.5, application/json", JSON),
        ("text/html, text/csv;q=0.9, */*;q=0.1", CSV),
        (ARROW, ARROW),
        ("text/*", CSV),
        ("image/png", None),
        ("application/json;q=0", None),
        ("application/json;q=x", None),
    ],
)
def test_accept(accept: str, expected: str | None) -> None:
    assert wanted(accept) == expected
