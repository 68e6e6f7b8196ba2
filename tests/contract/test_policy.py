"""Only what is agreed may be collected, and only who may say so is believed."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from vointi_contract.command import Command, sign_command, verify_command
from vointi_contract.errors import PayloadError, SignatureError
from vointi_contract.policy import (
    EVERY_STREAM,
    CollectionPolicy,
    PolicyEntry,
    sign_policy,
    verify_policy,
)
from vointi_contract.signing import key_id, public_key_text, read_public_keys, sign, verify

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33)))
TRUSTED = (OTHER.public_key(), KEY.public_key())
POLICY = CollectionPolicy(
    edge="home-1",
    pilot="demo-home",
    version=3,
    issued_us=1_767_225_600_000_000,
    entries=(
        PolicyEntry("strap-1", ("ecg", "hr", "beats"), "features"),
        PolicyEntry("patch-1", EVERY_STREAM, "raw"),
        PolicyEntry("ruuvi-1", EVERY_STREAM),
        PolicyEntry("scale-1", ("weight",), paused=True),
        PolicyEntry("box-1", ()),
    ),
)


@pytest.mark.parametrize(
    ("device", "stream", "class_", "permits", "collects"),
    [
        ("strap-1", "hr", "scalar", True, True),
        ("strap-1", "beats", "event", True, True),
        ("strap-1", "ecg", "waveform", False, False),
        ("strap-1", "acc", "waveform", False, False),
        ("strap-1", "*", "scalar", False, False),
        ("patch-1", "ecg", "waveform", True, True),
        ("patch-1", "hr", "scalar", False, False),
        ("ruuvi-1", "air", "scalar", True, True),
        ("scale-1", "weight", "scalar", True, False),
        ("box-1", "air", "scalar", False, False),
        ("cuff-1", "pressure", "scalar", False, False),
    ],
)
def test_what_is_not_named_is_not_agreed(
    device: str, stream: str, class_: str, permits: bool, collects: bool
) -> None:
    assert POLICY.permits(device, stream, class_) is permits
    assert POLICY.collects(device, stream, class_) is collects


def test_a_signed_policy_arrives_as_it_was_made() -> None:
    read = verify_policy(sign_policy(POLICY, KEY), TRUSTED)
    assert read.to_json() == POLICY.to_json()
    assert read.entry("strap-1") == POLICY.entry("strap-1")


def test_the_text_does_not_depend_on_the_order() -> None:
    turned = replace(POLICY, entries=POLICY.entries[::-1])
    assert turned.to_json() == POLICY.to_json()


def test_every_changed_byte_is_noticed() -> None:
    signed = sign_policy(POLICY, KEY)
    for place in range(0, len(signed), 7):
        spoilt = bytearray(signed)
        spoilt[place] ^= 1
        with pytest.raises(SignatureError):
            verify_policy(bytes(spoilt), TRUSTED)


def test_a_key_that_is_not_trusted_is_named() -> None:
    with pytest.raises(SignatureError, match=key_id(KEY.public_key()).hex()):
        verify_policy(sign_policy(POLICY, KEY), TRUSTED[:1])


def test_a_policy_is_no_command_and_the_other_way_round() -> None:
    command = Command("home-1", 7, 0, "resend")
    assert verify_command(sign_command(command, KEY), TRUSTED) == command
    with pytest.raises(SignatureError, match="signature"):
        verify_command(sign_policy(POLICY, KEY), TRUSTED)
    with pytest.raises(SignatureError, match="signature"):
        verify_policy(sign_command(command, KEY), TRUSTED)


@pytest.mark.parametrize("payload", [b"", b"\x01", b"\x01" * 73, b"{}", POLICY.to_json()])
def test_what_is_not_signed_is_refused(payload: bytes) -> None:
    with pytest.raises(SignatureError, match=r"^format"):
        verify_policy(payload, TRUSTED)


def test_nobody_reads_a_flood() -> None:
    with pytest.raises(SignatureError, match="at most"):
        verify(sign(b"x" * 70_000, "policy", KEY), "policy", TRUSTED)


def test_keys_are_kept_as_text() -> None:
    text = f"# the city's\n{public_key_text(KEY.public_key())}  # spare\n\n"
    assert read_public_keys(text) == (KEY.public_key(),)
    with pytest.raises(SignatureError, match=r"^line 2: no public key"):
        read_public_keys("\nAAAA\n")


def test_a_device_stands_once() -> None:
    text = json.loads(POLICY.to_json())
    text["entries"].append(text["entries"][0])
    with pytest.raises(PayloadError, match=r"^entries: a device stands twice"):
        CollectionPolicy.from_json(json.dumps(text))
