"""Polar's published measurement protocol: the control point, its settings and its errors.

After Polar's "Measurement Data" specification (polar-ble-sdk, technical documentation): a request
is an operation, a measurement type and settings; the answer 0xF0, both again, a status, 0 (no more
frames) and the settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum

from bumble.core import UUID

SERVICE = UUID("FB005C80-02E7-F387-1CAD-8ACD2D8DF0C8")
CONTROL_POINT = UUID("FB005C81-02E7-F387-1CAD-8ACD2D8DF0C8")
DATA = UUID("FB005C82-02E7-F387-1CAD-8ACD2D8DF0C8")

# The clock of a strap that nobody has set starts at 2019-01-01 when its battery goes in.
UNSET_CLOCK_NS = 599_616_000 * 10**9


class Operation(IntEnum):
    """What a request asks for."""

    GET_SETTINGS = 1
    START = 2
    STOP = 3


class Measurement(IntEnum):
    """Measurement types that the simulated devices have."""

    ECG = 0
    PPG = 1
    ACCELERATION = 2
    PPI = 3


class Setting(IntEnum):
    """Setting types."""

    SAMPLE_RATE = 0
    RESOLUTION = 1
    RANGE = 2
    CHANNELS = 4


_WIDTHS = {setting: 1 if setting is Setting.CHANNELS else 2 for setting in Setting}  # bytes


class Status(IntEnum):
    """Answer codes."""

    SUCCESS = 0
    INVALID_OPERATION = 1
    INVALID_MEASUREMENT = 2
    INVALID_LENGTH = 4
    INVALID_PARAMETER = 5
    ALREADY_IN_STATE = 6
    INVALID_RESOLUTION = 7
    INVALID_SAMPLE_RATE = 8
    INVALID_RANGE = 9
    INVALID_MTU = 10
    INVALID_CHANNELS = 11
    INVALID_STATE = 12


_REFUSAL = {
    Setting.SAMPLE_RATE: Status.INVALID_SAMPLE_RATE,
    Setting.RESOLUTION: Status.INVALID_RESOLUTION,
    Setting.RANGE: Status.INVALID_RANGE,
    Setting.CHANNELS: Status.INVALID_CHANNELS,
}

Settings = Mapping[Setting, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Request:
    """A parsed control-point write; `chosen` holds one value a setting."""

    operation: int
    measurement: int
    chosen: dict[Setting, int]


class RequestError(Exception):
    """A request that cannot be parsed; `status` is what the device answers."""

    def __init__(self, operation: int, measurement: int, status: Status) -> None:
        super().__init__(status.name)
        self.operation = operation
        self.measurement = measurement
        self.status = status


def parse(request: bytes) -> Request:
    """Parse a control-point write. Raises RequestError."""
    operation = request[0] if request else 0
    measurement = request[1] if len(request) > 1 else 0
    if len(request) < 2:
        raise RequestError(operation, measurement, Status.INVALID_LENGTH)
    chosen: dict[Setting, int] = {}
    rest = request[2:]
    while rest:
        if rest[0] not in set(Setting):
            raise RequestError(operation, measurement, Status.INVALID_PARAMETER)
        setting = Setting(rest[0])
        end = 2 + _WIDTHS[setting]
        if len(rest) < end or rest[1] != 1:
            raise RequestError(operation, measurement, Status.INVALID_LENGTH)
        chosen[setting] = int.from_bytes(rest[2:end], "little")
        rest = rest[end:]
    return Request(operation, measurement, chosen)


def refusal(offered: Settings, chosen: Mapping[Setting, int]) -> Status:
    """SUCCESS when every chosen setting is offered, else the matching error."""
    for setting, value in chosen.items():
        if value not in offered.get(setting, ()):
            return _REFUSAL[setting]
    return Status.SUCCESS


def answer(operation: int, measurement: int, status: Status, settings: bytes = b"") -> bytes:
    """The control point's indication."""
    more = b"\0" if status is Status.SUCCESS else b""
    return bytes([0xF0, operation, measurement, status]) + more + settings


def offer(settings: Settings) -> bytes:
    """Settings as in the answer to GET_SETTINGS: type, count, values."""
    return b"".join(
        bytes([setting, len(values)])
        + b"".join(value.to_bytes(_WIDTHS[setting], "little") for value in values)
        for setting, values in settings.items()
    )


def features(measurements: Mapping[Measurement, Settings]) -> bytes:
    """What reading the control point gives: 0x0F, one bit a measurement, padding."""
    bits = sum(1 << measurement for measurement in measurements)
    return bytes([0x0F]) + bits.to_bytes(2, "little") + bytes(14)
