"""The box's light says how it is, and its button forgets only when held."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from vointi_edge.care.button import ResetButton
from vointi_edge.care.lights import CLASS_LEDS, Leds, Light, judge
from vointi_edge.care.panel import Panel
from vointi_sim.service_point.gpio_pipe import GpioPipe

WELL: dict[str, Any] = {
    "disk_free_bytes": 2**33,
    "connected": True,
    "uptime_s": 3600.0,
    "devices": [{"device": "strap-1", "link": "connected", "note": ""}],
}
SILENT = [{"device": "strap-1", "link": "lost", "note": ""}]
PAUSED = [{"device": "strap-1", "link": "unknown", "note": "paused"}]


@pytest.mark.parametrize(
    ("vitals", "waited_s", "light"),
    [
        (None, 5, Light.STARTING),
        (None, 500, Light.TROUBLE),
        (WELL, 0, Light.SERVING),
        (WELL | {"connected": False}, 0, Light.NO_BROKER),
        (WELL | {"connected": False, "uptime_s": 3.0}, 0, Light.STARTING),
        (WELL | {"devices": SILENT}, 0, Light.NO_DEVICE),
        (WELL | {"devices": SILENT + WELL["devices"]}, 0, Light.SERVING),
        (WELL | {"devices": PAUSED}, 0, Light.SERVING),
        (WELL | {"devices": []}, 0, Light.SERVING),
        (WELL | {"disk_free_bytes": 10**6, "connected": False}, 0, Light.TROUBLE),
    ],
)
def test_each_state_has_its_light(
    vitals: dict[str, Any] | None, waited_s: float, light: Light
) -> None:
    assert judge(vitals, waited_s) is light


def led(folder: Path, name: str = "ACT") -> Path:
    path = folder / name
    path.mkdir()
    for file, text in (("trigger", "mmc0"), ("brightness", "0"), ("max_brightness", "255\n")):
        (path / file).write_text(text)
    return path


def read(path: Path) -> dict[str, str]:
    return {file.name: file.read_text() for file in path.iterdir()}


def test_the_kernel_blinks_what_is_shown(tmp_path: Path) -> None:
    act = led(tmp_path)
    leds = Leds(("ACT", "none-such"), tmp_path)
    assert leds.found == ("ACT",)
    leds.show(Light.NO_BROKER)
    shown = read(act)
    assert (shown["trigger"], shown["delay_on"], shown["delay_off"]) == ("timer", "100", "1900")
    leds.show(Light.SERVING)
    assert (read(act)["trigger"], read(act)["brightness"]) == ("none", "255")


def test_the_same_again_is_not_written_again_and_a_lost_light_harms_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    act = led(tmp_path)
    leds = Leds(("ACT",), tmp_path)
    leds.show(Light.TROUBLE)
    (act / "trigger").write_text("written by nobody since")
    leds.show(Light.TROUBLE)
    assert read(act)["trigger"] == "written by nobody since"
    for file in act.iterdir():
        file.unlink()
    act.rmdir()
    leds.show(Light.SERVING)
    assert "light ACT" in caplog.text


def test_the_page_for_people_has_every_light(root: Path) -> None:
    page = (root / "docs" / "operators" / "edge.md").read_text()
    for light in Light:
        assert f"| {light.value.words} | {light.value.meaning} |" in page
    patterns = {(light.value.on_ms, light.value.off_ms) for light in Light}
    assert len(patterns) == len(Light)
    assert Path("/sys/class/leds") == CLASS_LEDS


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[GpioPipe]:
    made = GpioPipe(tmp_path / "chip", (3,))
    made.open("button")
    yield made
    made.close()


def test_a_button_resets_once_and_only_when_held(tmp_path: Path, pipe: GpioPipe) -> None:
    act = led(tmp_path)
    button = ResetButton(pipe.path, 3)
    resets: list[float] = []
    now = 0.0
    panel = Panel(Leds(("ACT",), tmp_path), lambda: WELL, button, lambda: resets.append(now))

    def look(at: float) -> str:
        nonlocal now
        now = at
        panel.look(at)
        return (act / "trigger").read_text() + read(act).get("delay_on", "")

    assert look(0.0) == "none"
    pipe.edge(3, True)
    assert look(1.0) == look(10.9) == "timer50"
    pipe.edge(3, False)
    assert look(11.1).startswith("none")
    assert resets == []
    pipe.edge(3, True)
    look(20.0)
    look(29.9)
    assert resets == []
    look(30.0)
    look(45.0)
    assert resets == [30.0]
    button.close()
