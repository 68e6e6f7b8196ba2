"""Polar's frames against the test vectors that Polar publishes with its SDK."""

from __future__ import annotations

import struct

import pytest
from vointi_edge.decoders import polar
from vointi_edge.decoders.polar_frames import polar_acc, polar_ecg, polar_ppg, ppg_samples
from vointi_edge.errors import DecodeError

HEADER = "01 00 94 35 77 00 00 00 00"
# PpgDataTest.kt: reference sample of 17 channels, one difference of 24 bits.
TYPE_7 = bytes.fromhex(
    HEADER + "87 09ae20 8a7c23 583b19 80b918 db2e22 fa881d d7bb18 c2b81f 7a4426 48df23 a1f217"
    "3a371b ffff00 7c0800 70f502 ffff00 28c411 18 01"
    "87feff ec0200 01feff fb0000 8df9ff b1ffff 0cfeff 26feff eefeff 890200 df0200 51feff"
    "000000 000000 000000 000000 aea68f"
)
# The same: 25 channels, one difference of three bits.
TYPE_8 = bytes.fromhex(
    HEADER + "88 031001 051002 ffffff 091004 0b1005 031006 051007 071008 091009 0b100a 03100b"
    "05100c 07100d 09100e 0b100f 031010 051011 071012 091013 0b1014 031015 051016 071017 091018"
    "ffffff 03 01 49922449922449922400"
)
# The same: the reference sample of 8 green, 6 red, 6 infrared channels and a status.
TYPE_10 = bytes.fromhex(
    "01 c06e6a43e161ee0a 8a 350b18 6bdf1d c58d1a 6ce11a 4d931b 48ba16 a21018 3bd01b"
    "321d1e 63bd1a 08f317 fb2f11 000100 a00714 c27f19 700a22 977d19 cc0822 a00714 57f3a5 ffcf03"
)
GREEN = [1575733, 1957739, 1740229, 1761644, 1807181, 1489480, 1577122, 1822779]
RED = [1973554, 1752419, 1569544, 1126395, 256, 1312672]
INFRARED = [1671106, 2230896, 1670551, 2230476, 1312672, -5901481]


def test_type_7_has_sixteen_channels_and_a_status() -> None:
    samples = ppg_samples(TYPE_7)
    assert samples.shape == (2, 17)
    assert samples[0, [0, 1, 15, 16]].tolist() == [2141705, 2325642, 65535, 1164328]
    assert samples[1, :2].tolist() == [2141705 - 377, 2325642 + 748]


def test_type_8_has_twenty_four_channels_and_a_status() -> None:
    samples = ppg_samples(TYPE_8)
    assert samples.shape == (2, 25)
    assert samples[0, [0, 1, 2, 23]].tolist() == [69635, 135173, -1, 1576969]
    assert samples[1, :2].tolist() == [69636, 135174]


def test_type_10_has_three_colours() -> None:
    assert ppg_samples(TYPE_10)[0].tolist() == [*GREEN, *RED, *INFRARED, 249855]
    frame = polar_ppg(TYPE_10, 1.0)
    picked = dict(zip(frame.metrics, frame.samples[0].tolist(), strict=True))
    assert picked == {
        "ppg_green": GREEN[0],
        "ppg_green_2": GREEN[1],
        "ppg_green_3": GREEN[2],
        "ppg_red": RED[0],
        "ppg_infrared": INFRARED[0],
    }


@pytest.mark.parametrize("frame", [TYPE_7, TYPE_8])
def test_lights_without_a_published_meaning_are_refused(frame: bytes) -> None:
    with pytest.raises(DecodeError, match="which light is which"):
        polar_ppg(frame)


@pytest.mark.parametrize("kind", [1, 2, 3, 4])
def test_ecg_in_unpublished_units_is_refused(kind: int) -> None:
    with pytest.raises(DecodeError, match=f"type 0/{kind}"):
        polar_ecg(bytes([0, *bytes(8), kind, *bytes(21)]))


@pytest.mark.parametrize(
    ("kind", "scale"), [(0x80, 0.25), (0x81, 0.00025), (0x00, 1.0), (0x01, 1.0), (0x02, 1.0)]
)
def test_compressed_acceleration_is_multiplied_by_the_factor(kind: int, scale: float) -> None:
    body = struct.pack("<3h", 4000, 0, -4) if kind & 0x80 or kind == 1 else bytes(9)
    frame = polar_acc(bytes([2, *bytes(8), kind]) + body, 0.00025)
    x, _, z = (one.physical()[0] for one in frame.channels(("acc_x", "acc_y", "acc_z")))
    if body[:2] != b"\0\0":
        assert (x, z) == (pytest.approx(4000 * scale), pytest.approx(-4 * scale))
    assert frame.scales == pytest.approx((scale,) * 3)


def test_a_time_beyond_the_contract_is_refused() -> None:
    for time_ns, good in ((2**62 - 1, True), (2**62, False), (2**64 - 1, False)):
        data = b"\0" + time_ns.to_bytes(8, "little") + b"\0" + bytes(3)
        if good:
            assert polar_ecg(data).last_ts_ns == time_ns
        else:
            with pytest.raises(DecodeError, match="is no time"):
                polar_ecg(data)


def test_the_factor_comes_with_the_answer_to_start() -> None:
    raw = struct.pack("<f", 0.000244)
    assert polar.factor(b"\x05\x01" + raw) == pytest.approx(0.000244)
    assert polar.factor(b"") == 1.0
    for bad in (0.0, -1.0, float("nan"), float("inf")):
        with pytest.raises(DecodeError, match="is no factor"):
            polar.factor(b"\x05\x01" + struct.pack("<f", bad))


@pytest.mark.parametrize("kind", [0x07, 0x0A, 0x81, 0x8B])
def test_a_frame_type_of_the_future_is_refused(kind: int) -> None:
    with pytest.raises(DecodeError, match=r"is unknown|which light"):
        polar_ppg(bytes([1, *bytes(8), kind, *bytes(24)]))
