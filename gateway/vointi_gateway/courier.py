"""Carries commands to edges: signed, numbered, one edge after another as the registry has them."""

from __future__ import annotations

from collections.abc import Callable

from vointi_contract.command import Command, sign_command
from vointi_contract.topics import EdgeTopics

from .fleet import Fleet
from .pilots.registry import Registry


class Courier:
    """Sends what is asked for to edges that are online.

    Args:
        registry: has the commands, and the key that signs.
        fleet: says who is online, and of which pilot.
        mine: whether an edge is ours to send to.

    """

    def __init__(self, registry: Registry, fleet: Fleet, mine: Callable[[str], bool]) -> None:
        self._registry, self._fleet, self._mine = registry, fleet, mine

    def step(self, send: Callable[[str, bytes], bool]) -> None:
        """Send what may be sent now; what could not be is tried again at the next step."""
        commands = self._registry.commands
        commands.give_up()
        for order in commands.due():
            view = self._fleet.edge(order.edge)
            if view is None or not view.online or not self._mine(order.edge):
                continue
            number = commands.take(order)
            if number is None:
                continue
            issued_us = self._registry.wall_us()
            command = Command(order.edge, number, issued_us, order.kind, order.arguments)
            payload = sign_command(command, self._registry.key.private)
            if not send(EdgeTopics(view.pilot, order.edge).cmd, payload):
                commands.give_back(order)
