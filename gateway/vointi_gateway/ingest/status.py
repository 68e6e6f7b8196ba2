"""Births and states of edges: read, checked against the topic, told to the fleet."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

from vointi_contract.command import CommandResult
from vointi_contract.errors import ContractError, PayloadError
from vointi_contract.status import Birth, ClockAnchor, EdgeStatus
from vointi_contract.topics import Address, parse

from ..events import status_event
from ..fleet import Fleet
from ..live import Event
from ..store.model import Anchor
from .stage import Delivery
from .validate import check_sender


class StatusReader:
    """What the deliveries on the status topics said, since the last `take`.

    Args:
        fleet: told of every birth and state.
        born: told of every birth, before any reading that came after it.
        answered: told what became of policies and commands.

    """

    def __init__(
        self,
        fleet: Fleet,
        born: Callable[[Birth], None],
        answered: Callable[[CommandResult], None],
    ) -> None:
        self._fleet, self._born, self._answered = fleet, born, answered
        self.births: dict[str, str] = {}
        self.anchors: list[Anchor] = []
        self.announced: set[str] = set()
        self.events: list[Event] = []

    @staticmethod
    @lru_cache(8192)
    def is_status(topic: str) -> bool:
        """Whether the topic carries a status and not readings."""
        return topic.rsplit("/", 1)[-1] in {"meta", "state", "clk", "res"} and topic.count("/") == 5

    def clear(self) -> None:
        """Forget what was collected."""
        self.births, self.anchors, self.announced, self.events = {}, [], set(), []

    def read(self, delivery: Delivery) -> None:
        """Take one delivery. Raises ContractError when it is not what the topic says."""
        if not delivery.payload:
            return
        address = parse(delivery.topic)
        fault = check_sender(address, self._fleet.pilot_of(address.edge))
        if fault is not None:
            raise PayloadError(fault.field, fault.fix)
        if address.kind == "meta":
            self._birth(delivery.payload, address)
        elif address.kind == "state":
            self._state(delivery.payload, address)
        elif address.kind == "res":
            result = CommandResult.from_json(delivery.payload)
            _own(result.edge, address)
            self._answered(result)
        else:
            anchor = ClockAnchor.from_json(delivery.payload)
            self.anchors.append(Anchor(address.edge, anchor.boot, anchor.wall_us - anchor.mono_us))

    def _birth(self, payload: bytes, address: Address) -> None:
        birth = Birth.from_json(payload)
        _own(birth.edge, address)
        self._fleet.born(birth)
        self._born(birth)
        self.births[birth.edge] = _without_people(birth).to_json().decode()
        self.announced.add(birth.edge)

    def _state(self, payload: bytes, address: Address) -> None:
        status = EdgeStatus.from_json(payload)
        _own(status.edge, address)
        before = self._fleet.edge(status.edge)
        self._fleet.state(status)
        if status.online and (before is None or not before.online):
            self.announced.add(status.edge)
        self.events.append(status_event(self._fleet, status.edge))

    def restore(self, births: dict[str, str]) -> None:
        """Births that the store kept; of edges that are unknown now, none."""
        for edge, document in births.items():
            try:
                birth = Birth.from_json(document)
            except ContractError:
                continue
            if self._fleet.pilot_of(edge) is not None:
                self._fleet.born(birth)
                self._born(birth)


def _without_people(birth: Birth) -> Birth:
    """Who wears what is the registry's to know: the store holds no pseudonym."""
    devices = tuple(replace(device, person=None) for device in birth.devices)
    return replace(birth, devices=devices)


def _own(edge: str, address: Address) -> None:
    if edge != address.edge:
        raise PayloadError("edge", f"{edge} was sent on {address.edge}'s topic; use its own")
