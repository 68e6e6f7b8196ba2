"""Two edges, one strap: real edges on one simulated radio, a real broker, a real gateway."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from gateway_kit import (
    EDGE,
    OTHER_EDGE,
    PILOT,
    EdgeClient,
    hr_frame,
    needs,
    random_boot,
    wait_for,
)
from radio_house import PATIENCE_S, House, running_house
from vointi_gateway.cli import main

pytestmark = pytest.mark.network

STRAP_1 = f"{EDGE}.strap-1"


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    needs("mosquitto")
    with running_house(tmp_path, "lease_silent_s = 3", edges=(EDGE, OTHER_EDGE)) as house:
        yield house


def test_one_of_two_edges_reads_a_strap_and_the_other_takes_over(
    house: House, capsys: pytest.CaptureFixture[str]
) -> None:
    for edge in house.edges.values():
        edge.start()
    device = wait_for(house.lease, PATIENCE_S).device
    holder, other = (EDGE, OTHER_EDGE) if device == STRAP_1 else (OTHER_EDGE, EDGE)
    wait_for(lambda: len(house.times(device)) > 1, PATIENCE_S)
    wait_for(lambda: house.told(other), PATIENCE_S)

    house.edges[holder].kill()
    wait_for(lambda: house.holds(f"{other}.strap-1"), PATIENCE_S)
    wait_for(lambda: len(house.times(f"{other}.strap-1")) > 1, PATIENCE_S)

    # What somebody sends in the name of the one that lost it is kept apart, and counted.
    before = house.gateway.counts()["quarantined"]
    with EdgeClient(house.port, holder, PILOT) as client:
        client.send(hr_frame(1, boot=random_boot(), wall_us=time.time_ns() // 1000))
        wait_for(lambda: house.gateway.counts()["quarantined"] > before, PATIENCE_S)

    # It comes back with the policy that it kept, which lets it look for the strap.
    house.edges[holder].start()
    wait_for(lambda: house.told(holder), PATIENCE_S)
    assert house.holds(f"{other}.strap-1")
    gate = house.registry.gate()
    for one in (device, f"{other}.strap-1"):
        assert not [t_us for t_us in house.times(one) if gate.holder(one, t_us)]
    house.gateway.counts()  # which checks the balance

    with pytest.raises(SystemExit) as caught:
        main(["device", "leases", "--json", "--config", str(house.folder / "gateway.toml")])
    assert caught.value.code == 0
    rows = json.loads(capsys.readouterr().out)
    found = [(row["device"], row["ended"]) for row in rows]
    assert (device, "silent") in found
    assert found[-1] == (f"{other}.strap-1", "")
