"""Topics are built and parsed by the same rules."""

from __future__ import annotations

import pytest
from contract_batches import ids
from hypothesis import given
from hypothesis import strategies as st
from vointi_contract.errors import TopicError
from vointi_contract.topics import (
    SUBSCRIBE_DATA,
    SUBSCRIBE_RESULTS,
    SUBSCRIBE_STATUS,
    Address,
    EdgeTopics,
    check_id,
    parse,
    shard_of,
)

EDGE = EdgeTopics("demo-home", "home-1")


def matches(pattern: str, topic: str) -> bool:
    wanted, found = pattern.split("/"), topic.split("/")
    return len(wanted) == len(found) and all(
        w in ("+", f) for w, f in zip(wanted, found, strict=True)
    )


@given(ids, ids, ids)
def test_what_is_built_is_parsed(pilot: str, edge: str, device: str) -> None:
    topics = EdgeTopics(pilot, edge)
    shard = shard_of(edge)
    assert parse(topics.live(device)) == Address(pilot, shard, edge, "d", device)
    assert parse(topics.backlog(device)) == Address(pilot, shard, edge, "b", device)
    for kind in ("meta", "state", "clk", "ack", "cmd", "policy"):
        assert parse(getattr(topics, kind)) == Address(pilot, shard, edge, kind, None)


def test_the_topics_are_those_of_the_design() -> None:
    assert EDGE.live("strap-1") == "vointi/1/demo-home/8/home-1/d/strap-1"
    assert EDGE.backlog("strap-1") == "vointi/1/demo-home/8/home-1/b/strap-1"
    assert EDGE.meta == "vointi/1/demo-home/8/home-1/meta"
    assert EDGE.state == "vointi/1/demo-home/8/home-1/state"
    assert EDGE.clk == "vointi/1/demo-home/8/home-1/clk"
    assert EDGE.ack == "vointi/1/demo-home/8/home-1/c/ack"
    assert EDGE.cmd == "vointi/1/demo-home/8/home-1/c/cmd"
    assert EDGE.policy == "vointi/1/demo-home/8/home-1/c/policy"
    assert EDGE.results == "vointi/1/demo-home/8/home-1/res"


def test_subscriptions_cover_what_goes_up_and_nothing_that_goes_down() -> None:
    up = SUBSCRIBE_DATA + SUBSCRIBE_STATUS + SUBSCRIBE_RESULTS
    for topic in (EDGE.live("a"), EDGE.backlog("a"), EDGE.meta, EDGE.state, EDGE.clk, EDGE.results):
        assert sum(matches(pattern, topic) for pattern in up) == 1
    for topic in (EDGE.ack, EDGE.cmd, EDGE.policy):
        assert not any(matches(pattern, topic) for pattern in up)


def test_shards_are_stable() -> None:
    # The published check value of CRC-32 is that of these digits.
    assert shard_of("123456789") == 0xCBF43926 % 64
    assert [shard_of(edge) for edge in ("home-1", "point-1")] == [8, 15]
    assert {shard_of(f"e{i}") for i in range(2000)} == set(range(64))


@pytest.mark.parametrize(
    ("topic", "field"),
    [
        ("", "topic"),
        ("vointi/2/p/8/home-1/meta", "topic"),
        ("vointi/1/p/8/home-1", "topic"),
        ("vointi/1/p/8/home-1/d/strap/ecg", "topic"),
        ("vointi/1/P/8/home-1/meta", "pilot"),
        ("vointi/1/p/8/home.1/meta", "edge"),
        ("vointi/1/p/9/home-1/meta", "shard"),
        ("vointi/1/p/08/home-1/meta", "shard"),
        ("vointi/1/p/x/home-1/meta", "shard"),
        ("vointi/1/p/8/home-1/d", "kind"),
        ("vointi/1/p/8/home-1/x/strap", "kind"),
        ("vointi/1/p/8/home-1/c/other", "kind"),
        ("vointi/1/p/8/home-1/d/+", "device"),
        ("vointi/1/p/8/home-1/d/", "device"),
    ],
)
def test_other_topics_are_refused_by_field(topic: str, field: str) -> None:
    with pytest.raises(TopicError) as caught:
        parse(topic)
    assert caught.value.field == field


@given(st.text(max_size=80))
def test_any_text_is_an_address_or_a_topic_error(text: str) -> None:
    with pytest.raises(TopicError):
        parse(text)


@pytest.mark.parametrize("name", ["", "-a", "A", "a b", "a/b", "a+", "#", "ä", "a" * 64, "a\n"])
def test_names_that_may_not_stand_in_a_topic(name: str) -> None:
    with pytest.raises(TopicError, match="site"):
        check_id(name, "site")
    with pytest.raises(TopicError, match="pilot"):
        EdgeTopics(name, "home-1")
    with pytest.raises(TopicError, match="edge"):
        EdgeTopics("p", name)
    with pytest.raises(TopicError, match="device"):
        EDGE.live(name)


def test_a_good_name_is_handed_back() -> None:
    assert check_id("strap_1-a", "device") == "strap_1-a"


def test_a_hostile_name_cannot_break_a_log_line() -> None:
    with pytest.raises(TopicError) as caught:
        check_id("\x1b[31m\nboo" + "x" * 500, "device")
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 250
