"""Which source runs which wired device; each is imported only where a device needs it."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from vointi_edge.catalogue import Model
from vointi_edge.config_wired import WiredConfig
from vointi_edge.errors import SourceError
from vointi_edge.sources.ports import Assigned, Context

if TYPE_CHECKING:
    from vointi_edge.sources.mqtt_local.broker import LocalBroker

Job = Coroutine[Any, Any, None]
TRANSPORTS = ("serial", "iio", "gpio", "http", "mqtt")


class WiredSources:
    """Makes the sources of wired devices, and the one connection that several of them share.

    `models` are those of all devices, wired or not.
    """

    def __init__(self, context: Context, config: WiredConfig, models: Mapping[str, Model]) -> None:
        self._context = context
        self._config = config
        self._broker: LocalBroker | None = None
        if config.local_mqtt and any(model.transport == "mqtt" for model in models.values()):
            from vointi_edge.sources.mqtt_local.broker import LocalBroker

            self._broker = LocalBroker(config.local_mqtt)

    def source(self, assigned: Assigned) -> Job:
        """Return the job that runs one device until cancelled."""
        match assigned.model.transport:
            case "iio":
                from vointi_edge.sources.iio.sensor import IioSensor

                return IioSensor(assigned, self._context, self._config.iio_root).run()
            case "gpio":
                from vointi_edge.sources.gpio.device import GpioDevice

                return GpioDevice(assigned, self._context).run()
            case "http":
                from vointi_edge.sources.http.counter import HttpCounter

                return HttpCounter(assigned, self._context).run()
            case "mqtt":
                return self._mqtt(assigned)
            case _:
                return self._serial(assigned)

    def shared(self) -> list[tuple[str, Job]]:
        """Return what runs beside the devices, whether they are read or not."""
        return [("local broker", self._broker.run())] if self._broker else []

    def _serial(self, assigned: Assigned) -> Job:
        if assigned.model.streams[0].decoder == "ld2450":
            from vointi_edge.sources.serial.radar import Radar

            return Radar(assigned, self._context).run()
        from vointi_edge.sources.serial.box import ServicePointBox

        return ServicePointBox(assigned, self._context).run()

    def _mqtt(self, assigned: Assigned) -> Job:
        from vointi_edge.sources.mqtt_local.device import MqttDevice

        if self._broker is None:
            raise SourceError(assigned.config.id, "needs [local_mqtt] in edge.toml")
        return MqttDevice(assigned, self._context, self._broker).run()
