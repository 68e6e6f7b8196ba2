"""Only what is agreed may be collected."""

from __future__ import annotations

import json

import pytest
from vointi_contract.errors import PayloadError, UnknownMetricError
from vointi_contract.policy import CollectionPolicy

POLICY = CollectionPolicy(
    3, "demo-home", "home-1", {"strap-1": ("ecg", "heart_rate"), "ruuvi-1": "*", "scale-1": ()}
)


@pytest.mark.parametrize(
    ("device", "metric", "allowed"),
    [
        ("strap-1", "ecg", True),
        ("strap-1", "acc_x", False),
        ("strap-1", "*", False),
        ("ruuvi-1", "room_temperature", True),
        ("scale-1", "body_weight", False),
        ("cuff-1", "bp_systolic", False),
    ],
)
def test_what_is_not_named_is_not_agreed(device: str, metric: str, allowed: bool) -> None:
    assert POLICY.allows(device, metric) is allowed


def test_json_keeps_everything() -> None:
    assert CollectionPolicy.from_json(POLICY.to_json()) == POLICY


def test_the_text_does_not_depend_on_the_order() -> None:
    turned = CollectionPolicy(3, "demo-home", "home-1", dict(reversed(POLICY.allowed.items())))
    assert turned.to_json() == POLICY.to_json()


def test_a_misspelt_metric_is_no_consent() -> None:
    text = json.loads(POLICY.to_json())
    text["allowed"]["strap-1"] = ["heartrate"]
    with pytest.raises(UnknownMetricError, match="did you mean heart_rate"):
        CollectionPolicy.from_json(json.dumps(text))


def test_a_device_that_is_no_id_is_refused() -> None:
    text = json.loads(POLICY.to_json())
    text["allowed"]["Strap 1"] = "*"
    with pytest.raises(PayloadError, match=r"allowed\.device"):
        CollectionPolicy.from_json(json.dumps(text))
