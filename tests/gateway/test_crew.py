"""Two gateways share one PostgreSQL; one is killed: nothing is lost, nothing is there twice."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from gateway_kit import (
    DEVICE,
    EDGE,
    OTHER_EDGE,
    OTHER_PILOT,
    GatewayProcess,
    Process,
    gateway_toml,
    running_broker,
    running_gateway,
    wait_for,
)
from outbox_kit import Outbox, sending
from postgres_kit import running_postgres
from vointi_contract.topics import shard_of
from vointi_gateway.ingest.share import Share
from vointi_gateway.settings import PostgresSettings
from vointi_gateway.store.model import Counts, SeriesQuery
from vointi_gateway.store.postgres import PostgresStore
from vointi_gateway.store.postgres.connection import Link

pytestmark = [pytest.mark.network, pytest.mark.timeout(300)]

LONG_S = 60.0
SLOTS = 3
LEASE_S = 2.0


@dataclass
class Town:
    """A broker, a database, and gateways that share them."""

    folder: Path
    broker: Process
    database: PostgresSettings

    @contextmanager
    def gateway(self, name: str) -> Iterator[GatewayProcess]:
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        config = gateway_toml(folder, self.broker.port)
        text = config.read_text().replace(str(folder / "store"), str(self.folder / "registry"))
        extra = f"""
[postgres]
host = "{self.database.host}"
database = "{self.database.database}"
[shards]
slots = {SLOTS}
lease_s = {LEASE_S}
"""
        config.write_text('store = "postgres"\n' + text + extra)
        with running_gateway(folder, config) as process:
            yield process

    def holders(self) -> list[str]:
        """Who holds slot 0, slot 1 …; nobody's and expired ones left out."""
        link = Link(self.database)
        sql = "SELECT holder FROM slot WHERE until > clock_timestamp() ORDER BY slot"
        found = [holder for (holder,) in link.run(sql)]
        link.close()
        return found


@pytest.fixture
def town(module_tmp: Path) -> Iterator[Town]:
    with ExitStack() as stack:
        database = stack.enter_context(running_postgres())
        broker = stack.enter_context(running_broker(module_tmp / "broker", "mosquitto"))
        yield Town(module_tmp, broker, database)


def test_the_two_edges_of_this_test_are_in_different_slots() -> None:
    """The first gateway of two keeps slots 0 and 1, the second has slot 2."""
    assert [shard_of(edge) % SLOTS for edge in (EDGE, OTHER_EDGE)] == [2, 1]


def test_a_share_has_its_shards_and_no_others() -> None:
    share = Share(4, {1, 2}.__contains__)
    levels = [level for slot in range(4) for level in share.shards(slot)]
    assert sorted(levels, key=int) == [str(n) for n in range(64)]
    assert share.has_topic("vointi/1/p/5/anybody/d/strap")
    assert not share.has_topic("vointi/1/p/7/anybody/d/strap")
    assert not share.leads
    assert Share().has_topic("nonsense")
    assert Share().leads


def test_one_of_two_is_killed_and_the_other_takes_its_shards_over(town: Town) -> None:
    ours = Outbox(town.broker.port)
    theirs = Outbox(town.broker.port, OTHER_EDGE, OTHER_PILOT)
    with ExitStack() as stack:
        first = stack.enter_context(town.gateway("one"))
        wait_for(lambda: len(town.holders()) == SLOTS, LONG_S)
        second = stack.enter_context(town.gateway("two"))
        wait_for(lambda: len(set(town.holders())) == 2, LONG_S)
        stack.enter_context(sending(ours, theirs))
        wait_for(lambda: min(ours.settled, theirs.settled) > 30, LONG_S)
        first.kill()
        before = ours.settled, theirs.settled
        wait_for(lambda: ours.settled > before[0] + 30, LONG_S)
        wait_for(lambda: theirs.settled > before[1] + 30, LONG_S)
        assert len(set(town.holders())) == 1
        ours.finish(LONG_S)
        theirs.finish(LONG_S)
        counts = second.counts()
        assert counts["stored"] == ours.sent + theirs.sent
        assert counts["quarantined"] == counts["lost"] == 0
        assert second.terminate()[0] == 0
    assert town.holders() == []
    _assert_each_once(town, {EDGE: ours.sent, OTHER_EDGE: theirs.sent})


def _assert_each_once(town: Town, sent: dict[str, int]) -> None:
    store = PostgresStore(town.database)
    store.open()
    try:
        for edge, n in sent.items():
            query = SeriesQuery(f"{edge}.{DEVICE}", "heart_rate", 0, 2**53)
            assert sorted(store.samples(query).seq.tolist()) == list(range(1, n + 1))
            counts = store.counts()[edge]
            assert counts.balanced
            assert counts == Counts(n + counts.duplicates, n, counts.duplicates)
    finally:
        store.close()
