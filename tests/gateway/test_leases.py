"""Two edges, one device: who names what, who is granted it, and what becomes of readings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from gateway_kit import hr_frame, payload
from registry_kit import EDGE, NOW_US, PILOT, Clock, birth, document, opened
from vointi_contract.policy import CollectionPolicy, unit_of, verify_policy
from vointi_contract.status import Birth, DeviceStatus, EdgeStatus, Link, OutboxCounts
from vointi_contract.topics import EdgeTopics
from vointi_gateway.errors import RegistryError, UnknownRecordError
from vointi_gateway.fleet import Fleet
from vointi_gateway.ingest.ledger import Ledger
from vointi_gateway.ingest.replay import Replay
from vointi_gateway.ingest.stage import Delivery, Stager
from vointi_gateway.leasing import Claim, Leasing, taker
from vointi_gateway.pilots.document import Site
from vointi_gateway.pilots.leases import Lease
from vointi_gateway.pilots.registry import Registry
from vointi_gateway.store.embedded import EmbeddedStore
from vointi_gateway.store.model import Counts

S = 1_000_000
ONE, TWO = EDGE, "edge-2"
STRAP_1, STRAP_2 = f"{ONE}.strap-1", f"{TWO}.strap-1"
ADDRESS = "C0:DE:00:00:00:01"
SILENT_S = 60.0


@dataclass
class Home:
    """A pilot of two edges that reach the same strap, and what the gateway decides by."""

    registry: Registry
    clock: Clock
    fleet: Fleet = field(default_factory=lambda: Fleet(()))
    now_s: float = 0.0
    others: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        sites = (Site("home-1", "Home 1", (ONE, TWO)),)
        self.registry.pilots.put(document(people="simulated", site=sites), actor="test")
        self.fleet.assign(self.registry.pilots.settings())
        self.leasing = Leasing(
            self.registry.leases,
            self.fleet,
            lambda edge: edge not in self.others,
            lambda: self.now_s,
            SILENT_S,
        )

    def born(self, edge: str, address: str | None = ADDRESS) -> Birth:
        """An edge announces itself; with an address its strap is named."""
        key = self.registry.leases.unit_key(PILOT)
        unit = unit_of(key, address) if address else None
        strap = replace(birth().devices[0], unit=unit)
        said = replace(birth(), edge=edge, devices=(strap,))
        self.fleet.born(said)
        self.registry.observe(PILOT, said)
        return said

    def says(self, edge: str, link: Link, rssi: int = -60, *, online: bool = True) -> None:
        devices = (DeviceStatus("strap-1", link, rssi, 90),)
        self.fleet.state(EdgeStatus(edge, 7, online, 5, None, OutboxCounts(0, 0, 0, 0), devices))

    def passes(self, seconds: float) -> None:
        """Time passes, second by second."""
        for _ in range(max(1, round(seconds))):
            self.leasing.refresh()
            self.leasing.step()
            self.now_s += min(1.0, seconds)
            self.clock.us += round(min(1.0, seconds) * S)

    @property
    def holder(self) -> str | None:
        held = [lease for lease in self.registry.leases.all() if not lease.ended]
        assert len(held) <= 1
        return held[0].device if held else None

    def policy(self, edge: str) -> CollectionPolicy:
        view = self.fleet.edge(edge)
        assert view is not None
        assert view.birth is not None
        _, signed, _ = self.registry.policies.current(PILOT, view.birth, self.registry.gate())
        return verify_policy(signed, [self.registry.key.private.public_key()])

    def collects(self, edge: str) -> bool:
        return self.policy(edge).collects("strap-1", "hr", "scalar")


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with opened(tmp_path) as (registry, clock):
        yield Home(registry, clock)


def both(home: Home) -> None:
    home.born(ONE)
    home.born(TWO)


def test_the_policy_brings_the_key_and_no_edge_tells_an_address(home: Home) -> None:
    said = home.born(ONE, None)
    key = home.policy(ONE).unit_key
    assert key == home.registry.leases.unit_key(PILOT)
    named = home.born(ONE)
    assert named.devices[0].unit == unit_of(key, ADDRESS.lower())
    assert ADDRESS.replace(":", "") not in named.to_json().decode().replace(":", "").upper()
    assert unit_of(home.registry.leases.unit_key("pilot-b"), ADDRESS) != named.devices[0].unit
    assert Birth.from_json(named.to_json()) == named
    assert Birth.from_json(said.to_json()).devices[0].unit is None


def test_a_device_that_one_edge_names_needs_no_lease(home: Home) -> None:
    home.born(ONE)
    home.born(TWO, "C0:DE:00:00:00:02")
    home.says(ONE, "connected")
    home.says(TWO, "connected")
    home.passes(200)
    assert home.registry.leases.all() == ()
    assert home.collects(ONE)
    assert home.collects(TWO)


def test_who_has_it_is_granted_it_and_the_other_lets_go(home: Home) -> None:
    both(home)
    assert home.collects(ONE)
    assert home.collects(TWO)
    home.says(TWO, "connected")
    home.passes(1)
    assert home.holder == STRAP_2
    entry = home.policy(ONE).entry("strap-1")
    assert entry is not None
    assert (entry.paused, entry.elsewhere) == (True, True)
    assert home.policy(ONE).permits("strap-1", "hr", "scalar")
    assert home.collects(TWO)


def test_the_lease_is_kept_over_a_restart_and_passes_after_the_silence(home: Home) -> None:
    both(home)
    home.says(ONE, "connected")
    home.passes(1)
    home.says(ONE, "connected", online=False)
    home.passes(SILENT_S - 2)
    home.says(ONE, "connected")
    home.passes(5)
    assert home.holder == STRAP_1
    home.says(ONE, "lost")
    home.passes(SILENT_S - 1)
    assert home.holder == STRAP_1
    home.passes(3)
    assert home.holder is None
    assert home.collects(TWO)
    home.says(TWO, "connected")
    home.passes(1)
    assert home.holder == STRAP_2
    assert not home.collects(ONE)
    assert [lease.ended for lease in home.registry.leases.all()] == ["silent", ""]


def test_a_holder_that_no_longer_names_it_is_silent(home: Home) -> None:
    both(home)
    home.says(ONE, "connected")
    home.passes(1)
    home.born(ONE, "C0:DE:00:00:00:09")
    home.passes(SILENT_S + 2)
    assert home.holder is None
    home.says(TWO, "connected")
    home.passes(5)
    # Nobody else names it any more: there is nothing to decide.
    assert home.holder is None


def test_another_gateways_edge_is_left_to_it(home: Home) -> None:
    both(home)
    home.says(ONE, "connected")
    home.passes(1)
    home.others = frozenset({ONE})
    home.says(ONE, "lost")
    home.says(TWO, "connected")
    home.passes(SILENT_S * 2)
    assert home.holder == STRAP_1


def test_two_processes_grant_it_once(home: Home) -> None:
    both(home)
    (contest,) = home.registry.leases.contests()
    assert home.registry.leases.take(PILOT, contest.unit, STRAP_1)
    assert not home.registry.leases.take(PILOT, contest.unit, STRAP_2)
    assert home.holder == STRAP_1


def test_of_several_that_hear_it_the_nearest_gets_it() -> None:
    claims = [Claim("a.x", live=True, rssi_dbm=-80), Claim("b.x", live=True, rssi_dbm=-50)]
    far = [Claim("c.x", live=False, rssi_dbm=-20), Claim("d.x", live=True, rssi_dbm=0, mine=False)]
    assert taker(claims + far) == "b.x"
    assert taker(far) is None


# ---- readings


@dataclass
class Path2:
    """Ingest and a store behind the home's registry."""

    home: Home
    store: EmbeddedStore
    stager: Stager
    seq: int = 0

    def take(self, edge: str, *times_us: int) -> None:
        """Readings of an edge's strap arrive now, made at these times."""
        frames = []
        for time_us in times_us:
            self.seq += 1
            frames.append(hr_frame(self.seq, wall_us=time_us))
        topic = EdgeTopics(PILOT, edge).live("strap-1")
        delivery = Delivery(topic, payload(*frames), 1, 1, 1, False, self.home.clock.us)
        self.store.commit(self.stager.stage([delivery], {}).commit)

    def counts(self) -> Counts:
        total = sum(self.store.counts().values(), Counts())
        assert total.balanced
        return total


@pytest.fixture
def chain(home: Home, tmp_path: Path) -> Iterator[Path2]:
    store = EmbeddedStore(tmp_path / "x.duckdb")
    store.open()
    pilots = {ONE: PILOT, TWO: PILOT}
    stager = Stager(Ledger(), set(), pilots.get, home.clock.now, home.registry.gate)
    yield Path2(home, store, stager)
    store.close()


def moved(home: Home) -> Lease:
    """Edge 1 had the strap, went silent, and edge 2 has it now; edge 2's lease."""
    both(home)
    home.says(ONE, "connected")
    home.passes(1)
    home.says(ONE, "connected", online=False)
    home.passes(SILENT_S + 2)
    home.passes(30)
    home.says(TWO, "connected")
    home.passes(5)
    assert home.holder == STRAP_2
    return home.registry.leases.all()[-1]


def test_what_was_made_while_another_edge_had_it_is_kept_apart(chain: Path2) -> None:
    """The balance holds, and what was made before, or while nobody had it, is stored."""
    lease = moved(chain.home)
    chain.take(TWO, lease.from_us + S, lease.from_us + 2 * S)
    chain.take(ONE, lease.from_us - 40 * S, lease.from_us - S)
    assert chain.counts() == Counts(accepted=4, stored=4)
    chain.take(ONE, lease.from_us + S, lease.from_us + 2 * S)
    assert chain.counts() == Counts(accepted=6, stored=4, quarantined=2)
    rows = chain.store.quarantined()
    assert {row.field for row in rows} == {"device"}
    assert all(f"on lease to {STRAP_2}" in row.fix for row in rows)


def test_a_void_lease_gives_back_what_it_kept_apart(chain: Path2) -> None:
    lease = moved(chain.home)
    chain.take(ONE, lease.from_us + S, lease.from_us + 2 * S)
    with pytest.raises(RegistryError, match="holds it now"):
        chain.home.registry.leases.void(lease.id, actor="test")
    with pytest.raises(UnknownRecordError):
        chain.home.registry.leases.void(99, actor="test")
    replay = Replay({ONE: PILOT}.get, chain.home.registry.gate, chain.home.clock.now)
    assert replay(chain.store, chain.store.quarantined()).still_wrong == 2
    chain.home.says(TWO, "lost")
    chain.home.passes(SILENT_S + 2)
    chain.home.registry.leases.void(lease.id, actor="test")
    assert replay(chain.store, chain.store.quarantined()).stored == 2
    assert chain.counts() == Counts(accepted=2, stored=2)


def test_an_offline_holder_that_kept_the_link_loses_nothing(chain: Path2) -> None:
    """The other edge may look, and finds nothing: the strap takes one link."""
    home = chain.home
    both(home)
    home.says(ONE, "connected")
    home.passes(1)
    home.says(ONE, "connected", online=False)
    home.passes(SILENT_S * 3)
    assert home.holder is None
    home.says(ONE, "connected")
    home.passes(2)
    assert home.holder == STRAP_1
    chain.take(ONE, *(NOW_US + n * 10 * S for n in range(18)))
    assert chain.counts() == Counts(accepted=18, stored=18)
