"""Collection policy: which metrics of which devices may be collected on an edge, and no others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from vointi_contract.errors import PayloadError
from vointi_contract.jsonform import Fields, dump, parse_object
from vointi_contract.metrics import by_name
from vointi_contract.topics import is_id

EVERYTHING: Final = "*"
Allowed: TypeAlias = tuple[str, ...] | Literal["*"]


@dataclass(frozen=True, slots=True)
class CollectionPolicy:
    """What is agreed: device → metric names, or "*" for all that the device has.

    A device that is not named is not agreed. A higher `version` replaces a lower one.
    """

    version: int
    pilot: str
    edge: str
    allowed: Mapping[str, Allowed]

    def allows(self, device: str, metric: str) -> bool:
        """Whether this metric of this device may be collected."""
        agreed = self.allowed.get(device, ())
        return agreed == EVERYTHING or metric in agreed

    def to_json(self) -> bytes:
        """The payload."""
        allowed = {
            device: agreed if agreed == EVERYTHING else list(agreed)
            for device, agreed in sorted(self.allowed.items())
        }
        return dump(
            {
                "version": self.version,
                "pilot": self.pilot,
                "edge": self.edge,
                "allowed": allowed,
            }
        )

    @classmethod
    def from_json(cls, payload: bytes | str) -> CollectionPolicy:
        """From a payload; raises PayloadError, UnknownMetricError for a metric that is none."""
        fields = parse_object(payload)
        return cls(
            version=fields.integer("version", 1),
            pilot=fields.identifier("pilot"),
            edge=fields.identifier("edge"),
            allowed=fields.nested("allowed", _allowed),
        )


def _allowed(fields: Fields) -> dict[str, Allowed]:
    result: dict[str, Allowed] = {}
    for device, agreed in fields.values.items():
        if not is_id(device):
            raise PayloadError(fields.at("device"), "no id; use 1 to 63 of a-z, 0-9, - and _")
        if agreed == EVERYTHING:
            result[device] = EVERYTHING
        else:
            result[device] = tuple(by_name(name).name for name in fields.texts(device))
    return result
