"""Another configuration on trial: whole files, a limit of attempts, and the way back."""

from __future__ import annotations

from pathlib import Path

import pytest
from vointi_edge.configtrial import ConfigTrial
from vointi_edge.errors import ConfigError, Problem


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "edge.toml"
    path.write_text("old")
    return path


def trial(path: Path) -> ConfigTrial:
    return ConfigTrial(path, _check)


def _check(path: Path) -> None:
    if path.read_text() == "bad":
        raise ConfigError([Problem(path.name, "syntax", "not TOML")])


def names(path: Path) -> list[str]:
    return sorted(file.name for file in path.parent.iterdir())


def test_what_does_not_pass_the_check_never_stands_in_for_the_old(path: Path) -> None:
    with pytest.raises(ConfigError):
        trial(path).begin("bad", "home-1", 4)
    assert path.read_text() == "old"
    assert names(path) == ["edge.toml"]


def test_what_serves_stays(path: Path) -> None:
    trial(path).begin("new", "home-1", 4)
    again = trial(path)
    again.start()
    assert again.running
    again.confirm()
    assert (path.read_text(), again.running) == ("new", False)
    outcome = trial(path).outcome
    assert outcome is not None
    assert (outcome.number, outcome.outcome, outcome.edge) == (4, "done", "home-1")
    again.told()
    assert trial(path).outcome is None


def test_what_never_starts_is_given_up_at_the_third_attempt(path: Path) -> None:
    trial(path).begin("new", "home-1", 4)
    seen = []
    for _ in range(4):
        trial(path).start()
        seen.append(path.read_text())
    assert seen == ["new", "new", "new", "old"]
    outcome = trial(path).outcome
    assert outcome is not None
    assert (outcome.outcome, outcome.reason) == ("failed", "it did not start")


def test_a_spoilt_marker_brings_the_old_one_back(path: Path) -> None:
    trial(path).begin("new", "home-1", 4)
    (path.parent / "edge.toml.trial").write_text("{")
    trial(path).start()
    assert path.read_text() == "old"
    assert trial(path).outcome is None
