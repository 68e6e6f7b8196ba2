"""Consent: what events amount to, replayed in any way; texts, receipts, what may follow what."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from registry_kit import NOW_US, PILOT, opened, real_pilot
from vointi_gateway.errors import ConflictError, RegistryError
from vointi_gateway.pilots.consent.state import (
    ConsentEvent,
    ConsentState,
    Kind,
    Status,
    replay,
)
from vointi_gateway.pilots.consent.texts import LANGUAGES, load_texts
from vointi_gateway.pilots.document import PURPOSES

DAY_US = 86_400_000_000


def _event(kind: Kind, at_us: int, expires_us: int | None = None) -> ConsentEvent:
    return ConsentEvent("p", "p-1", "care", kind, at_us, at_us, expires_us)


def _possible(kinds: list[tuple[Kind, int, int | None]]) -> list[ConsentEvent]:
    """Those of the events that can follow each other, at growing times."""
    events, state, at_us = [], ConsentState(), 0
    for kind, later_us, expires_us in kinds:
        at_us += later_us
        end = None if expires_us is None else at_us + expires_us
        event = _event(kind, at_us, end)
        try:
            state = state.after(event)
        except ConflictError:
            continue
        events.append(event)
    return events


HISTORIES = st.lists(
    st.tuples(st.sampled_from(list(Kind)), st.integers(1, 50), st.none() | st.integers(1, 100)),
    max_size=30,
).map(_possible)


@settings(deadline=None)
@given(HISTORIES, st.integers(0, 30))
def test_replay_gives_the_same_state_from_any_point(events: list[ConsentEvent], cut: int) -> None:
    whole = replay(events)
    state = replay(events[:cut])
    for event in events[cut:]:
        state = state.after(event)
    assert state == whole
    assert replay(replace(event) for event in events) == whole


@settings(deadline=None)
@given(HISTORIES, st.integers(0, 2000))
def test_spans_are_ordered_and_never_reach_past_a_withdrawal(
    events: list[ConsentEvent], now_us: int
) -> None:
    state = replay(events)
    ends = [0, *(edge for span in state.spans for edge in span)]
    assert ends == sorted(ends)
    for i, event in enumerate(events):
        after = replay(events[: i + 1])
        if event.kind is Kind.WITHDRAWN:
            assert after.spans == ()
            assert after.refusal(now_us, event.at_us) == "withdrawn"
        if event.kind is Kind.PAUSED:
            assert not after.covers(event.at_us)
    if state.status_at(now_us) is Status.GIVEN and now_us >= (events[-1].at_us if events else 1):
        assert state.covers(now_us)


def test_what_may_be_kept_when() -> None:
    given_ = replay([_event(Kind.GIVEN, 100, 1000)])
    assert given_.refusal(99, 200) == "no-consent"
    assert given_.refusal(100, 200) is None
    assert given_.refusal(1000, 1001) == "expired"
    assert given_.refusal(999, 5000) is None
    paused = given_.after(_event(Kind.PAUSED, 300))
    assert paused.refusal(300, 301) == "paused"
    assert paused.refusal(299, 301) is None
    resumed = paused.after(_event(Kind.RESUMED, 400))
    assert [resumed.refusal(t, 500) for t in (299, 350, 400)] == [None, "paused", None]
    assert resumed.status_at(1000) is Status.EXPIRED
    gone = resumed.after(_event(Kind.WITHDRAWN, 500))
    assert gone.refusal(200, 501) == "withdrawn"
    again = gone.after(_event(Kind.GIVEN, 600))
    assert again.refusal(200, 700) == "no-consent"
    assert again.refusal(600, 700) is None


def test_what_cannot_follow_is_refused_with_the_reason() -> None:
    with pytest.raises(ConflictError, match="kind: consent for care is none; it cannot be paused"):
        replay([_event(Kind.PAUSED, 1)])
    with pytest.raises(ConflictError, match="is given; it cannot be given"):
        replay([_event(Kind.GIVEN, 1), _event(Kind.GIVEN, 2)])


def test_every_text_is_in_every_language_and_short() -> None:
    texts = load_texts().all()
    assert {(t.purpose, t.language) for t in texts} == {
        (purpose, language) for purpose in PURPOSES for language in LANGUAGES
    }
    for text in texts:
        sentences = [s for s in text.body.replace("\n", " ").split(".") if s.strip()]
        assert max(len(s.split()) for s in sentences) <= 20, text
        assert len(text.sha256) == 64
    assert len({t.sha256 for t in texts}) == len(texts)


def test_events_are_appended_audited_and_never_edited(tmp_path: Path) -> None:
    with opened(tmp_path) as (registry, _clock):
        person = real_pilot(registry)
        registry.consents.record(PILOT, person, "care", Kind.GIVEN, actor="nurse", language="sv")
        (event,) = registry.consents.events(PILOT, person)
        assert (event.language, event.text_version) == ("sv", 1)
        assert event.text_sha256 == load_texts().newest("care", "sv").sha256
        for sql in ("UPDATE consent_event SET kind = 'refused'", "DELETE FROM consent_event"):
            with (
                pytest.raises(Exception, match="never"),
                registry.database.write() as con,
            ):
                con.execute(sql)
        assert registry.consents.events(PILOT, person) == (event,)
        (row,) = [r for r in registry.audit.rows() if r.kind == "consent"]
        assert row.facts == {
            "pilot": PILOT, "person": person, "purpose": "care", "event": "given"
        }  # fmt: skip


def test_a_receipt_says_what_was_agreed(tmp_path: Path) -> None:
    with opened(tmp_path) as (registry, clock):
        person = real_pilot(registry)
        registry.consents.record(PILOT, person, "care", Kind.GIVEN, actor=person, method="page")
        clock.us += DAY_US
        registry.consents.record(PILOT, person, "care", Kind.WITHDRAWN, actor=person)
        receipt = registry.consents.receipt(PILOT, person, "care")
    json.dumps(receipt)
    assert receipt["record"]["state"] == "withdrawn"
    assert [e["kind"] for e in receipt["events"]] == ["given", "withdrawn"]
    assert receipt["processing"]["data"] == ["heart_rate", "rr_interval"]
    assert receipt["context"]["notice"]["language"] == "fi"
    assert receipt["events"][0]["at"] == "2026-06-01T00:00:00.000Z"


def test_a_consent_that_ends_is_recorded_as_expired_once(tmp_path: Path) -> None:
    with opened(tmp_path) as (registry, clock):
        person = real_pilot(registry)
        registry.consents.record(
            PILOT, person, "care", Kind.GIVEN, actor="nurse", expires_us=NOW_US + DAY_US
        )
        assert registry.consents.expire() == 0
        clock.us += DAY_US
        assert [registry.consents.expire(), registry.consents.expire()] == [1, 0]
        assert registry.consents.events(PILOT, person)[-1].kind is Kind.EXPIRED
        state = registry.consents.states()[PILOT, person]["care"]
        assert state.status is Status.EXPIRED
        assert state.refusal(NOW_US, clock.us) is None


@pytest.mark.parametrize(
    ("changes", "field", "fix"),
    [
        ({"purpose": "ads"}, "purpose", "use care, evaluation, open_data"),
        ({"person": "p-none"}, "person", "invite the person first"),
        ({"pilot": "none"}, "pilot", "import it first"),
        ({"language": "de"}, "language", "use fi, sv, en"),
        ({"method": "telepathy"}, "method", "use page, paper"),
        ({"expires_us": NOW_US}, "expires", "lies in the past"),
        ({"effective_us": NOW_US + 1}, "effective", "given earlier"),
    ],
)
def test_a_refusal_names_field_and_fix(
    tmp_path: Path, changes: dict[str, object], field: str, fix: str
) -> None:
    with opened(tmp_path) as (registry, _clock):
        person = real_pilot(registry)
        wanted = {"pilot": PILOT, "person": person, "purpose": "care"} | changes
        with pytest.raises(RegistryError) as caught:
            registry.consents.record(kind=Kind.GIVEN, actor="nurse", **wanted)
        assert caught.value.field == field
        assert fix in caught.value.fix


def test_without_an_impact_assessment_no_real_person_can_agree(tmp_path: Path) -> None:
    with opened(tmp_path) as (registry, _clock):
        person = real_pilot(registry, dpia="")
        with pytest.raises(RegistryError, match=r"pilot\.dpia"):
            registry.consents.record(PILOT, person, "care", Kind.GIVEN, actor="nurse")
