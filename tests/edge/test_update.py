"""Updates: only what is signed, installed beside, tried, kept or taken back; through power cuts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from release_kit import KEY, installed, release
from vointi_contract.errors import ReleaseError
from vointi_contract.release import Manifest, Wheel
from vointi_edge.errors import UpdateError
from vointi_edge.update.package import read_release
from vointi_edge.update.service import SystemdService
from vointi_edge.update.slots import Slots
from vointi_edge.update.state import OUTCOME_FILE, StateFile, read_outcome
from vointi_edge.update.updater import Updater

KEYS = (KEY.public_key(),)


class Box:
    """A root with one installed program, and a service that really starts what is current."""

    def __init__(self, folder: Path) -> None:
        self.root, self.run_dir, self.made = folder / "opt", folder / "run", folder / "made"
        for one in (self.root, self.run_dir, self.made):
            one.mkdir()
        installed(self.root)
        self.config = folder / "edge.toml"
        self.config.touch()
        start = (str(self.root / "current" / "bin" / "vointi-edge"), "run", str(self.run_dir))
        service = SystemdService(
            self.run_dir, restart=start, trial_s=0.1, steady_s=0.0, look_s=0.01
        )
        service.restart()
        self.updater = Updater(self.root, lambda: KEYS, self.config, service)

    def link(self, name: str = "current") -> str:
        return str((self.root / name).readlink())

    @property
    def running(self) -> str:
        return str(json.loads((self.run_dir / "vitals.json").read_text())["version"])

    @property
    def outcome(self) -> tuple[str, str]:
        result = read_outcome(self.root / "update" / OUTCOME_FILE)
        assert result is not None
        return result.outcome, result.reason

    @property
    def slots(self) -> list[str]:
        return sorted(one.name for one in (self.root / "versions").iterdir())


@pytest.fixture
def box(tmp_path: Path) -> Box:
    return Box(tmp_path)


def test_a_release_is_installed_from_its_wheels_tried_and_kept(box: Box) -> None:
    assert box.updater.apply(release(box.made, 1), "home-1", 7) == "0.1 serves"
    kept = box.link()
    links = (box.link("confirmed"), box.link("previous"))
    assert (box.running, *links) == ("0.1", kept, "versions/first")
    assert (box.outcome, len(box.slots)) == (("done", ""), 2)
    assert (box.root / kept / "lib").is_dir()  # a real environment


def test_a_release_that_does_not_serve_is_taken_back(box: Box, quick_install: list[str]) -> None:
    with pytest.raises(UpdateError, match=r"0\.1: it did not serve; the one before is back"):
        box.updater.apply(release(box.made, 1, whole=False), "home-1", 8)
    assert quick_install
    assert (box.link(), box.link("confirmed"), box.running) == (*["versions/first"] * 2, "0.0")
    assert (box.outcome, box.slots) == (("failed", "it did not serve"), ["first"])


def test_a_release_that_fails_its_own_test_is_never_started(
    box: Box, quick_install: list[str]
) -> None:
    with pytest.raises(UpdateError, match="did not install: lacks a library"):
        box.updater.apply(release(box.made, 3, whole=False), "home-1", 7)
    assert (box.link(), box.running, box.slots) == ("versions/first", "0.0", ["first"])
    assert box.outcome[0] == "failed"


def test_an_outage_from_before_is_not_held_against_a_release(
    box: Box, quick_install: list[str]
) -> None:
    vitals = {"version": "0.0", "uptime_s": 60.0, "connected": False}
    (box.run_dir / "vitals.json").write_text(json.dumps(vitals))
    assert box.updater.apply(release(box.made, 1, whole=False)) == "0.1 serves"


def test_a_flipped_byte_is_refused_before_anything_is_written(box: Box) -> None:
    file = release(box.made, 1, whole=False)
    whole = file.read_bytes()
    signed = read_release(file, KEYS)
    refused = 0
    for place in range(0, len(whole.rstrip(b"\0")), 101):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 0x10]) + whole[place + 1 :])
        try:
            assert read_release(file, KEYS) == signed  # padding, or an owner in a header
        except UpdateError:
            refused += 1
            with pytest.raises(UpdateError):
                box.updater.apply(file, "home-1", 7)
            assert (box.slots, box.outcome[0]) == (["first"], "refused")
    assert refused > 10


def test_an_unknown_key_and_a_stranger_are_refused(box: Box) -> None:
    with pytest.raises(UpdateError, match="not trusted here"):
        box.updater.apply(release(box.made, 1, key=Ed25519PrivateKey.generate(), whole=False))
    (box.made / "x").write_bytes(b"no tar at all" * 100)
    with pytest.raises(UpdateError, match="no release file"):
        box.updater.apply(box.made / "x")
    assert box.slots == ["first"]


def test_an_older_release_needs_a_signed_word(box: Box, quick_install: list[str]) -> None:
    box.updater.apply(release(box.made, 5, whole=False))
    for number, over in ((5, None), (4, None), (3, 4)):
        with pytest.raises(UpdateError, match="not above 5, the last one"):
            box.updater.apply(release(box.made, number, over=over, whole=False))
    assert box.updater.apply(release(box.made, 4, over=5, whole=False)) == "0.4 serves"
    assert StateFile(box.root / "update").read().last == 4


@pytest.mark.parametrize("name", ["../a-1-py3-none-any.whl", "a.whl", "/a-1-py3-none-any.whl"])
def test_a_wheel_is_named_as_a_wheel(name: str) -> None:
    manifest = Manifest("1", 1, None, (Wheel(name, "0" * 64, 1),))
    with pytest.raises(ReleaseError, match="no wheel's name"):
        Manifest.from_json(manifest.to_json())


@pytest.fixture
def quick_install(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Environments whose program is known beforehand: for what happens around them."""
    made: list[str] = []

    def install(slots: Slots, manifest: Manifest, wheels: Path) -> str:
        slot = f"versions/{manifest.id}"
        program = slots._root / slot / "bin" / "vointi-edge"
        program.parent.mkdir(parents=True)
        connected = str(manifest.version != "0.1").lower()
        vitals = f'{{"version": "{manifest.version}", "uptime_s": 60, "connected": {connected}}}'
        fails = "echo lacks a library >&2; exit 1" if manifest.version == "0.3" else "exit 0"
        test = f'[ "$1" = self-test ] && {{ {fails}; }}\n'
        program.write_text(f"#!/bin/sh\n{test}echo '{vitals}' > \"$2/vitals.json\"\n")
        program.chmod(0o755)
        made.append(slot)
        return slot

    monkeypatch.setattr(Slots, "install", install)
    return made


class PowerCutError(BaseException):
    """Nothing catches it, as nothing catches a power cut."""


STEPS = ("point", "restart", "serves", "save", "judge", "tell", "tidy")


@pytest.mark.parametrize("number", [2, 1])
@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("nth", [1, 2])
def test_a_power_cut_at_any_step_ends_with_a_program_that_serves(
    box: Box, quick_install: list[str], step: str, nth: int, number: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """Release 2 serves, release 1 has no broker."""
    owner: Any = {"point": Slots, "tidy": Slots, "restart": SystemdService,
                  "serves": SystemdService}.get(step, StateFile)  # fmt: skip
    kept = getattr(owner, step)
    calls = 0

    def cut(*words: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls == nth:
            raise PowerCutError
        return kept(*words, **named)

    monkeypatch.setattr(owner, step, cut)
    was_cut = False
    try:
        box.updater.apply(release(box.made, number, whole=False), "home-1", 7)
    except PowerCutError:
        was_cut = True
    except UpdateError:
        pass
    monkeypatch.setattr(owner, step, kept)
    assert was_cut or calls < nth
    box.updater.resume()
    slot, outcome = box.link(), box.link("confirmed")
    assert slot == outcome
    assert StateFile(box.root / "update").read().trial is None
    if slot == "versions/first":
        assert box.slots == ["first"]
        assert number == 1 or box.root.joinpath("update", OUTCOME_FILE).exists() is False
    else:
        assert (number, slot, box.running) == (2, quick_install[0], "0.2")
        assert box.outcome == ("done", "")


def test_a_release_that_brings_the_box_down_each_time_is_given_up(
    box: Box, quick_install: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def down(*_: Any, **__: Any) -> bool:
        raise PowerCutError

    monkeypatch.setattr(SystemdService, "serves", down)
    with pytest.raises(PowerCutError):
        box.updater.apply(release(box.made, 2, whole=False), "home-1", 7)
    for _ in range(2):
        with pytest.raises(PowerCutError):
            box.updater.resume()
    box.updater.resume()
    assert (box.link(), box.running) == ("versions/first", "0.0")
    assert box.outcome == ("failed", "the box did not stay up")
