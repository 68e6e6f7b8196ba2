"""The sources at work: one task for each device that may be read, restarted when that changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, TypeAlias

from vointi_edge.catalogue import Model
from vointi_edge.config import DeviceConfig
from vointi_edge.sources.ports import Assigned

#: Makes the coroutine that reads a device.
MakeSource: TypeAlias = Callable[[Assigned], Coroutine[Any, Any, None]]
#: What has to be read of a device now; None: nothing.
Wanted: TypeAlias = Callable[[DeviceConfig], Model | None]


class Crew:
    """Keeps one task per device in line with what is wanted; `failed` is done when one ends."""

    def __init__(
        self,
        devices: tuple[DeviceConfig, ...],
        make: MakeSource,
        idle: Callable[[DeviceConfig], None],
    ) -> None:
        self._devices = devices
        self._make = make
        self._idle = idle
        self._at_work: dict[str, tuple[Model, asyncio.Task[None]]] = {}
        self.failed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def reading(self) -> Mapping[str, Model]:
        """Device → what is read of it."""
        return {device: model for device, (model, _) in self._at_work.items()}

    async def arrange(self, wanted: Wanted) -> None:
        """Start, restart and stop sources; who reads the same stays."""
        models = {device.id: wanted(device) for device in self._devices}
        now = self.reading
        ending = [name for name in now if models[name] != now[name]]
        await self._end(ending)
        for device in self._devices:
            model = models[device.id]
            if model is None:
                self._idle(device)
            elif device.id not in self._at_work:
                self._begin(device, model)

    async def stop(self) -> None:
        """Stop every source, links closed."""
        await self._end(list(self._at_work))

    def _begin(self, device: DeviceConfig, model: Model) -> None:
        task = asyncio.create_task(self._make(Assigned(device, model)), name=device.id)
        task.add_done_callback(self._ended)
        self._at_work[device.id] = (model, task)

    async def _end(self, devices: list[str]) -> None:
        tasks = [self._at_work.pop(device)[1] for device in devices]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _ended(self, task: asyncio.Task[None]) -> None:
        """Only a defect ends a source by itself: the agent ends with it, to begin anew."""
        if task.cancelled() or self.failed.done():
            return
        error = task.exception()
        if error is not None:
            self.failed.set_exception(error)
        else:
            self.failed.set_result(None)
