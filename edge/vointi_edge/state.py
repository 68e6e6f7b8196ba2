"""What the edge knows of its devices, for state and birth messages."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import cast

from vointi_contract.metrics import by_name
from vointi_contract.policy import unit_of
from vointi_contract.status import (
    DeviceInfo,
    DeviceKind,
    DeviceStatus,
    Link,
    StreamClass,
    StreamInfo,
)

from vointi_edge.catalogue import Model
from vointi_edge.config import DeviceConfig
from vointi_edge.reading import Reading
from vointi_edge.text import printable

MAX_NOTE = 160  # one line on a page


class DeviceStates:
    """Link, signal strength, battery and agreed rates of every assigned device."""

    def __init__(
        self,
        devices: tuple[DeviceConfig, ...],
        models: Mapping[str, Model],
        changed: Callable[[], None],
    ) -> None:
        self._devices = devices
        self._models = models
        self._changed = changed
        self._links: dict[str, tuple[str, str]] = {}
        self._rssi: dict[str, int] = {}
        self._battery: dict[str, int] = {}
        self._rates: dict[tuple[str, str], float] = {}
        self._bad: dict[str, tuple[int, str]] = {}
        self._battery_code = by_name("battery_level").code

    def link(self, device: str, link: str, note: str = "") -> None:
        """Note a device's link."""
        if self._links.get(device) != (link, note):
            self._links[device] = (link, note)
            self._changed()

    def rssi(self, device: str, dbm: int) -> None:
        """Note how strongly a device was heard, dBm."""
        self._rssi[device] = dbm

    def bad(self, device: str, stream: str, reason: str) -> None:
        """Count a message that cannot be decoded, and remember why."""
        count = self.bad_messages(device) + 1
        self._bad[device] = (count, f"{stream}: {reason}")
        if count == 1:
            self._changed()

    def bad_messages(self, device: str) -> int:
        """Return how many messages of a device could not be decoded."""
        return self._bad.get(device, (0, ""))[0]

    def rate(self, device: str, stream: str, rate_hz: float) -> None:
        """Note the sampling rate that a device agreed to, Hz."""
        if self._rates.get((device, stream)) != rate_hz:
            self._rates[device, stream] = rate_hz
            self._changed()

    def seen(self, reading: Reading) -> None:
        """Pick the battery level out of a reading."""
        for channel in reading.channels:
            if channel.metric == self._battery_code:
                self._battery[reading.device] = round(float(channel.physical()[-1]))

    def statuses(self) -> tuple[DeviceStatus, ...]:
        """Return the state of every device."""
        return tuple(self._status(device.id) for device in self._devices)

    def infos(self, unit_key: bytes | None = None) -> tuple[DeviceInfo, ...]:
        """Return what every device is and measures; with a key also which physical device it is."""
        return tuple(self._info(device, unit_key) for device in self._devices)

    def _status(self, device: str) -> DeviceStatus:
        link, note = self._links.get(device, ("unknown", ""))
        return DeviceStatus(
            device=device,
            link=cast(Link, link),
            rssi_dbm=self._rssi.get(device),
            battery_pct=self._battery.get(device),
            note=self._with_bad(device, note) if link in ("connected", "advertising") else note,
        )

    def _with_bad(self, device: str, note: str) -> str:
        count, reason = self._bad.get(device, (0, ""))
        told = f"{count} bad messages, last {reason}" if count else ""
        return printable("; ".join(filter(None, (note, told))), MAX_NOTE)

    def _info(self, device: DeviceConfig, unit_key: bytes | None) -> DeviceInfo:
        model = self._models[device.id]
        streams = [
            StreamInfo(
                spec.id,
                spec.metrics,
                self._rates.get((device.id, spec.id), spec.rate_hz),
                cast(StreamClass, spec.class_),
            )
            for spec in model.streams
        ]
        made = [
            StreamInfo(spec.output, spec.metrics, 0.0, cast(StreamClass, spec.class_))
            for spec in model.pipelines
        ]
        return DeviceInfo(
            device=device.id,
            model=model.model,
            kind=cast(DeviceKind, model.kind),
            person=device.person,
            streams=tuple(streams + made),
            labels=device.labels,
            unit=unit_of(unit_key, device.address) if unit_key and device.address else None,
        )
