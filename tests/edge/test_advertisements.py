"""Sensors that only advertise: encryption, repeats, formats that say the same, hostile ones."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from bleak.uuids import normalize_uuid_str
from cryptography.hazmat.primitives.ciphers.aead import AESCCM
from edge_parts import Hub, SetClock, SilentPort, hear, models
from vointi_contract.metrics import by_code
from vointi_edge.config import DeviceConfig
from vointi_edge.decoders.bthome_sealed import SealedBTHome
from vointi_edge.decoders.values import Decoded
from vointi_edge.errors import DecodeError
from vointi_edge.sources.ble.advertisement import AdvertisingDevice
from vointi_edge.sources.ble.radio import Radio
from vointi_edge.sources.ble.repeats import Repeats
from vointi_edge.sources.ports import Assigned, Context

# bthome.io, "Encryption", and the example of the bthome-ble library.
KEY = bytes.fromhex("231d39c1d7cc1ab1aee224cd096db932")
ADDRESS = "54:48:E6:8F:80:A5"
PAGE = bytes.fromhex("41e445f3c9962b332211006c7c4519")
LIBRARY = bytes.fromhex("41a47266c95f730011223378237214")
PLAIN = bytes.fromhex("4002ca0903bf13")


def sealed(counter: int, plain: bytes = PLAIN[1:], key: bytes = KEY) -> bytes:
    raw = struct.pack("<I", counter)
    nonce = bytes.fromhex(ADDRESS.replace(":", "")) + b"\xd2\xfc\x41" + raw
    closed = AESCCM(key, tag_length=4).encrypt(nonce, plain, None)
    return b"\x41" + closed[:-4] + raw + closed[-4:]


def named(decoded: Decoded) -> dict[str, float]:
    return {
        by_code(one.metric).name: round(float(one.physical()[0]), 3) for one in decoded.channels
    }


@pytest.mark.parametrize(("data", "counter"), [(PAGE, 0x00112233), (LIBRARY, 0x33221100)])
def test_published_examples_are_opened(data: bytes, counter: int) -> None:
    decoded = SealedBTHome(KEY, ADDRESS).decode(data)
    assert named(decoded) == {"room_temperature": 25.06, "room_humidity": 50.55}
    assert decoded.repeat_key == counter


def test_the_counter_never_goes_back() -> None:
    opener = SealedBTHome(KEY, ADDRESS)
    for counter in (5, 5, 6, 900, 2**32 - 50, 3):  # repeats, gaps, and around the end
        assert opener.decode(sealed(counter)).repeat_key == counter
    for counter in (2, 0):
        with pytest.raises(DecodeError, match="went back from 3"):
            opener.decode(sealed(counter))
    assert opener.decode(sealed(4)).repeat_key == 4


def test_the_counter_outlives_a_pause() -> None:
    counters: dict[str, int] = {}
    SealedBTHome(KEY, ADDRESS, counters).decode(sealed(10))
    with pytest.raises(DecodeError, match="went back from 10 to 9"):
        SealedBTHome(KEY, ADDRESS, counters).decode(sealed(9))
    assert SealedBTHome(KEY, ADDRESS).decode(sealed(9)).repeat_key == 9  # begun anew


def test_a_forged_message_does_not_move_the_counter() -> None:
    opener = SealedBTHome(KEY, ADDRESS)
    opener.decode(sealed(10))
    forged = sealed(4_000_000_000, key=bytes(16))
    broken = bytes([sealed(11)[0], sealed(11)[1] ^ 1]) + sealed(11)[2:]
    for data in (forged, broken):
        with pytest.raises(DecodeError, match="check the device's key_file"):
            opener.decode(data)
    assert opener.decode(sealed(11)).repeat_key == 11


@pytest.mark.parametrize("data", [PLAIN, b"", b"\x41", b"\x41" + bytes(7)])
def test_what_is_not_encrypted_is_refused_where_there_is_a_key(data: bytes) -> None:
    with pytest.raises(DecodeError, match="not encrypted although"):
        SealedBTHome(KEY, ADDRESS).decode(data)


def test_repeats_are_told_from_new_measurements() -> None:
    repeats = Repeats()

    def new(key: int | None, data: bytes = b"a", now_s: float = 0.0, rank: int = 0) -> bool:
        return repeats.is_new(Decoded((), repeat_key=key, rank=rank), data, now_s)

    # A sensor whose objects need two advertisements takes turns.
    assert [new(key) for key in (1, 2, 1, 2, 3, 4, 3, 4)] == [1, 1, 0, 0, 1, 1, 0, 0]
    assert all(new(key % 256) for key in range(5, 300))
    # Without a number equal bytes are a repeat for a while only.
    assert [new(None, b"x", at) for at in (0, 5, 9, 11, 12)] == [1, 0, 0, 1, 0]


def test_of_two_formats_the_better_one_is_kept_while_it_is_heard() -> None:
    repeats = Repeats()
    coarse, fine = Decoded((), repeat_key=7), Decoded((), repeat_key=7, rank=1)
    assert repeats.is_new(coarse, b"", 0)
    assert repeats.is_new(fine, b"", 1)
    assert not repeats.is_new(replace(coarse, repeat_key=8), b"", 30)
    assert repeats.is_new(replace(fine, repeat_key=8), b"", 31)
    assert repeats.is_new(replace(coarse, repeat_key=9), b"", 95)


def heard(
    model: str, payloads: list[bytes], key: bytes | None = None, name: str = "Sensor"
) -> tuple[Hub, Radio]:
    hub, radio = Hub(), Radio([SilentPort()])
    device = DeviceConfig("room-1", model, ADDRESS, None, None, key=key)
    assigned = Assigned(device, models()[model])
    AdvertisingDevice(assigned, radio, Context(hub, SetClock(mono_us=10**10)))
    match = assigned.model.match
    for payload in payloads:
        data = AdvertisementData(
            name,
            {} if match.manufacturer_id is None else {match.manufacturer_id: payload},
            {normalize_uuid_str(match.service_data_uuid or "fcd2"): payload},
            *([], None, -60, ()),
        )
        hear(radio, BLEDevice(ADDRESS, name, None), data)
    return hub, radio


def test_an_encrypted_sensor_becomes_readings() -> None:
    payloads = [sealed(1), sealed(1), sealed(2), sealed(1), PLAIN, sealed(3)]
    hub, _ = heard("bthome-v2", payloads, key=KEY)
    assert len(hub.readings) == 3
    assert [reason.partition(";")[0] for _, _, reason in hub.refused] == [
        "BTHome: counter went back from 2 to 1",
        "BTHome: is not encrypted although the device has a key",
    ]
    hub, _ = heard("bthome-v2", [sealed(1)])
    assert hub.readings == []
    assert "key_file" in hub.refused[0][2]


def test_a_measurement_s_age_is_taken_off() -> None:
    payload = bytes.fromhex("032104060100000007 00fe01c927ce010064015802f60108".replace(" ", ""))
    hub, _ = heard("aranet", [payload])
    (reading,) = hub.readings
    assert reading.mono_us == 10**10 - 502_000_000
    assert reading.quality.name == "LATE"


HOSTILE = ["\x1b[2J\x07\n2026-11-21 I forged: line", "\u202egnp.exe", "a" * 248, "#/+/$SYS", "\0"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_name_reaches_no_log_and_no_topic(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    hub, _ = heard("ruuvitag", [b"\x05\x1b[2J" * 9, b"\xff" * 31, b""], name=name)
    assert hub.readings == []
    assert len(hub.refused) == 3
    assert {device for device, _, _ in hub.refused} == {"room-1"}
    for record in caplog.records:
        assert record.getMessage().isprintable()
        assert name[:8] not in record.getMessage()
    assert len([one for one in caplog.records if "bad messages" in one.getMessage()]) == 1
