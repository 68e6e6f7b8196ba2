"""The counting camera on a real socket: digest authentication, limits, plain words, healing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest
from edge_parts import Hub
from hypothesis import given
from hypothesis import strategies as st
from vointi_contract.frame import Quality
from vointi_edge.config_wired import Place
from vointi_edge.decoders.json_fields import MAX_JSON, axis_live_sum, json_object
from vointi_edge.errors import DecodeError
from vointi_edge.sources.http.counter import HttpCounter
from vointi_edge.sources.ports import Assigned
from vointi_sim.service_point.camera import Camera, Mood
from wired_parts import FUZZED, assigned, context, running, until, values


class Door:
    """People who passed so far."""

    came, went = 12, 5

    def __call__(self) -> tuple[int, int]:
        return self.came, self.went


@pytest.fixture
async def camera() -> AsyncIterator[Camera]:
    camera = Camera(Door(), "vointi", "counts")
    yield camera
    await camera.stop()


def counter(url: str, secret: Path | None, model: str = "axis-people-counter") -> Assigned:
    one = assigned(
        model, Place(url=url, username="vointi" if secret else None, password_file=secret)
    )
    spec = one.model.streams[0]
    quick = replace(spec, wired=replace(spec.wired, period_s=0.02))
    return replace(one, model=replace(one.model, streams=(quick,)))


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "camera.secret"
    path.write_text("counts\n")
    return path


@pytest.mark.network
@pytest.mark.parametrize("model", ["axis-people-counter", "axis-tvpc"])
async def test_counts_are_asked_with_digest_authentication(
    camera: Camera, secret: Path, model: str
) -> None:
    host, port = await camera.start("127.0.0.1", 0, "--camera")
    hub = Hub()
    async with running(
        HttpCounter(counter(f"http://{host}:{port}", secret, model), context(hub)).run()
    ):
        await until(lambda: len(hub.readings) > 2)
    assert values(hub.readings[0]) == {"people_in": 12, "people_out": 5, "people_present": 7}
    assert hub.links == [("it-1", "connected", "")]
    # One challenge, then every request carries its proof at once.
    assert camera.refused == 1
    assert camera.asked <= len(hub.readings) + 2


@pytest.mark.network
@pytest.mark.parametrize(
    ("mood", "note"),
    [
        (Mood.BUSY, "the device is busy or still starting"),
        (Mood.GARBAGE, "the device's answer makes no sense: message: is no JSON"),
        (Mood.HUGE, f"the device sends more than {MAX_JSON} bytes; is the address right?"),
        (Mood.BOMB, "the device's answer makes no sense: message: is no JSON"),
        (Mood.SLOW, "the device did not answer within 0 s"),
        (Mood.HANG_UP, "the device broke off (RemoteProtocolError)"),
    ],
)
async def test_a_camera_in_trouble_is_said_and_heals(
    camera: Camera, secret: Path, mood: Mood, note: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vointi_edge.sources.http.fetch._WHOLE_S", 0.3)
    camera.mood = mood
    host, port = await camera.start("127.0.0.1", 0, "--camera")
    hub = Hub()
    async with running(HttpCounter(counter(f"http://{host}:{port}", secret), context(hub)).run()):
        await until(lambda: len(hub.links) > 0)
        assert hub.links[0] == ("it-1", "lost", note)
        assert hub.readings == []
        camera.mood = Mood.WELL
        await until(lambda: len(hub.readings) > 0)
        await until(lambda: len(hub.readings) > 1)
        assert hub.links[-1] == ("it-1", "connected", "")
        assert [one.quality for one in hub.readings[:2]] == [Quality.GAP_BEFORE, Quality.OK]


@pytest.mark.network
async def test_a_wrong_password_is_said_and_a_new_one_needs_no_restart(
    camera: Camera, secret: Path
) -> None:
    _say(secret, "guess")
    host, port = await camera.start("127.0.0.1", 0, "--camera")
    hub = Hub()
    async with running(HttpCounter(counter(f"http://{host}:{port}", secret), context(hub)).run()):
        await until(lambda: len(hub.links) > 0)
        assert "refuses user name and password; check both" in hub.links[0][2]
        _say(secret, None)
        await until(lambda: "camera.secret cannot be read" in hub.links[-1][2])
        _say(secret, "counts")
        await until(lambda: len(hub.readings) > 0)


def _say(secret: Path, password: str | None) -> None:
    if password is None:
        secret.unlink()
    else:
        secret.write_text(password)


@pytest.mark.network
async def test_an_absent_camera_is_said(unused_tcp_port: int) -> None:
    hub = Hub()
    async with running(
        HttpCounter(counter(f"http://127.0.0.1:{unused_tcp_port}", None), context(hub)).run()
    ):
        await until(lambda: len(hub.links) > 0)
    note = "the device cannot be reached; check its cable and address"
    assert hub.links[0] == ("it-1", "lost", note)


@pytest.mark.network
async def test_another_servers_page_is_not_followed() -> None:
    async def redirect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(
            b"HTTP/1.1 302 Found\r\nLocation: http://169.254.1.1/\r\nContent-Length: 0\r\n\r\n"
        )
        writer.close()

    server = await asyncio.start_server(redirect, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    hub = Hub()
    async with running(HttpCounter(counter(f"http://127.0.0.1:{port}", None), context(hub)).run()):
        await until(lambda: len(hub.links) > 0)
    server.close()
    await server.wait_closed()
    assert hub.links[0][2] == "the device answers with status 302"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["in", "out", "x"]), inner)
    ),
    max_leaves=6,
)


@FUZZED
@given(st.one_of(st.binary(max_size=60), JSON))
def test_whatever_it_answers_is_two_counts_or_a_clear_error(value: object) -> None:
    import json

    data = value if isinstance(value, bytes) else json.dumps(value).encode()
    try:
        decoded = axis_live_sum(json_object(data))
    except DecodeError as error:
        assert error.field in ("message", "in", "out")
    else:
        counts = json.loads(data)
        came, went, present = (int(one.values[0]) for one in decoded.channels)
        assert (came, went) == (counts["in"], counts["out"])
        assert present == max(0, came - went)


@pytest.mark.parametrize(
    "data",
    [b"", b"[1]", b"NaN", b'{"in":NaN,"out":1}', b'{"in":1e999999999,"out":1}', b"9" * 5000,
     b"[" * 9000, b'{"in":true,"out":1}', b'{"in":-1,"out":1}', b'{"in":1.5,"out":1}',
     b" " * 20_000],
)  # fmt: skip
def test_json_that_is_no_count_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        axis_live_sum(json_object(data))
