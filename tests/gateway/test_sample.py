"""The seeded data set: the same bytes for the same seed, and a gateway that takes it."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path

import pytest
from registry_kit import opened
from vointi_contract.metrics import by_name
from vointi_gateway.cli import main
from vointi_gateway.errors import RegistryError
from vointi_gateway.sample.files import write
from vointi_gateway.sample.load import births, load_registry
from vointi_gateway.sample.plan import CITIES, UNTIL_US, plan
from vointi_gateway.sample.readings import summaries

PEOPLE = "d4beebfd071cb7c7185ec5a31ad5adc6f49cc360267dbce7b90104b5ba7adb9c"
READINGS = "802b5d5d77f110076f31ed42c03a66ec37d3c30ab9046cc4e58d8dc479c88568"
SMALL = {"pilots": 6, "people": 30, "weeks": 1}


def test_the_whole_of_it_has_four_cities_35_pilots_and_1500_people() -> None:
    sample = plan(1)
    assert len(sample.pilots) == 35
    assert {pilot.city for pilot in sample.pilots} == set(CITIES)
    assert len({person.person for person in sample.people}) == len(sample.people) == 1500
    assert all(person.person.startswith("p-") for person in sample.people)
    edges = [edge for pilot in sample.pilots for edge in pilot.edges]
    assert len(set(edges)) == len(edges)
    assert {device.edge for device in sample.devices} == set(edges)
    assert {pilot.people for pilot in sample.pilots} == {"simulated"}
    assert Counter(pilot.kind for pilot in sample.pilots) == {"home": 28, "service_point": 7}


def test_the_same_seed_is_the_same_bytes_and_another_is_not(tmp_path: Path) -> None:
    """The digest also holds from one machine and version to the next."""
    first = write(plan(1, **SMALL), tmp_path / "a")
    assert write(plan(1, **SMALL), tmp_path / "b") == first
    for name in first["sha256"]:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()
    other = write(plan(2, **SMALL), tmp_path / "c")
    assert set(other["sha256"].values()).isdisjoint(first["sha256"].values())
    assert first["sha256"]["people.jsonl"] == PEOPLE
    assert first["sha256"]["readings.csv"] == READINGS


def test_readings_are_possible_and_only_of_who_wore_the_device() -> None:
    sample = plan(3, **SMALL)
    for device in sample.devices:
        last = 0
        for one in summaries(sample, device):
            assert device.from_us <= one.t_us <= (device.to_us or UNTIL_US)
            assert one.t_us > last
            last = one.t_us
            for name, value in zip(device.metrics, one.values, strict=True):
                assert by_name(name).low <= value <= by_name(name).high


@pytest.mark.parametrize("wrong", [{"pilots": 0}, {"people": -1}, {"weeks": 0}])
def test_sizes_that_make_none_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(RegistryError, match="or more"):
        plan(1, **wrong)


def test_it_is_written_and_loaded_by_one_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = tmp_path / "gateway.toml"
    config.write_text(f'data_dir = "{tmp_path / "data"}"\n')
    sizes = [f"--{name}={value}" for name, value in SMALL.items()]
    command = ["sample-data", "--seed=1", *sizes, "--json", f"--config={config}"]

    def run(*options: str) -> int:
        with pytest.raises(SystemExit) as ended:
            main([*command, *options])
        return int(ended.value.code or 0)

    assert run() == 2
    assert run("--to", str(tmp_path / "files"), "--load") == 0
    facts = json.loads(capsys.readouterr().out)
    with (tmp_path / "files" / "readings.csv").open() as file:
        rows = Counter((r["device"], r["seq"]) for r in csv.DictReader(file))
    # What is not agreed to any more is in the files, and not in a gateway.
    assert 0 < facts["readings"] <= len(rows)
    assert run("--load") == 2, "once is enough"
    assert run("--to", str(tmp_path / "files")) == 2


def test_the_registry_gives_the_same_picture_as_its_own_calls(tmp_path: Path) -> None:
    sample = plan(1, **SMALL)
    with opened(tmp_path) as (registry, clock):
        clock.us = UNTIL_US
        load_registry(sample, registry)
        load_registry(sample, registry)
        gate, before = registry.gate(), registry.lending.devices()
        for birth in births(sample):
            registry.observe(registry.pilots.settings()[0].id, birth)
        assert registry.lending.devices() == before, "every device is known"
        for device in sample.devices:
            worn = gate.loan(device.device, UNTIL_US - 1)
            still = device.person is not None and device.to_us is None
            assert (worn.person if worn else None) == (device.person if still else None)
        for person in sample.people:
            states = registry.consents.states()[person.pilot, person.person]
            live = {purpose for purpose, state in states.items() if state.live(UNTIL_US)}
            assert live == set(person.purposes) - set(person.withdrawn)
