"""Keeps ingest, pages and edges in step with the registry, whoever changes it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Protocol

from vointi_contract.command import CommandResult
from vointi_contract.status import Birth

from .courier import Courier
from .errors import GatewayError, StoreError
from .fleet import Fleet
from .leasing import Leasing
from .pilots.gate import Gate
from .pilots.registry import Registry
from .unnaming import Unnaming

log = logging.getLogger(__name__)

#: How soon a change by another process is seen; a withdrawal has 60 s to reach the radio.
POLL_S = 0.5
#: Policies are derived again this often without a change: consents expire by the clock.
EXPIRE_S = 10.0


class Publish(Protocol):
    """Sends at QoS 1; False when it could not."""

    def __call__(self, topic: str, payload: bytes, *, retain: bool = False) -> bool:
        """Send one message."""


class Steward:
    """Holds the picture that the gate decides by, and sends edges their policies.

    Args:
        registry: opened.
        fleet: told which pilots and edges there are.
        mine: whether an edge is ours to send policies to.
        leasing: decides between edges that reach the same device.
        courier: carries commands to edges.

    """

    def __init__(
        self,
        registry: Registry,
        fleet: Fleet,
        mine: Callable[[str], bool],
        leasing: Leasing,
        courier: Courier,
    ) -> None:
        self._mine = mine
        self._registry, self._fleet = registry, fleet
        self._publish: Publish | None = None
        self._gate = Gate()
        self._leasing, self._courier = leasing, courier
        self._unnaming = Unnaming(fleet, registry.erased.all, mine)
        self._revision = 0
        self._owed: set[str] = set()
        self._owed_lock = threading.Lock()
        self._wake = threading.Event()
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="steward", daemon=True)
        self.refresh()

    def gate(self) -> Gate:
        """What is lent and agreed, as of the last look."""
        return self._gate

    def refresh(self) -> None:
        """Look at the registry now."""
        self._revision = self._registry.revision()
        self._fleet.assign(self._registry.pilots.settings())
        self._gate = self._registry.gate()
        self._leasing.refresh()

    def born(self, birth: Birth) -> None:
        """An edge said which devices it has. Raises StoreError when it cannot be written down."""
        pilot = self._fleet.pilot_of(birth.edge)
        if pilot is None:
            return
        self._unnaming.took(pilot, birth)
        try:
            self._registry.observe(pilot, birth)
        except StoreError:
            raise
        except GatewayError as exc:
            log.warning("%s announced what cannot be registered: %s", birth.edge, exc)
        self._gate = self._registry.gate()

    def announced(self, edge: str) -> None:
        """An edge came up: owe it its policy again, at once."""
        with self._owed_lock:
            self._owed.add(edge)
        self._wake.set()

    def announced_all(self) -> None:
        """Other edges are ours now: owe every one its policy."""
        with self._owed_lock:
            self._owed.update(view.edge for view in self._fleet.edges())
        self._wake.set()

    def answered(self, result: CommandResult) -> None:
        """An edge said what became of a policy or a command."""
        if result.outcome != "done":
            log.warning(
                "%s %s %s %d: %s",
                *(result.edge, result.outcome, result.kind, result.number, result.reason),
            )
        self._registry.policies.answered(result)
        self._registry.commands.answered(result)

    def start(self, publish: Publish) -> None:
        """Begin to watch the registry and to send policies."""
        self._publish = publish
        self._thread.start()

    def stop(self) -> None:
        """End after the step at hand."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        waited_s, failing = EXPIRE_S, False
        while not self._stopping:
            try:
                waited_s = self._step(waited_s)
                failing = False
            except Exception:
                if not failing:  # twice a second would fill what a full disk has left
                    log.exception("the registry could not be followed; it is tried again")
                failing = True
            self._wake.wait(POLL_S)
            self._wake.clear()
            waited_s += POLL_S

    def _step(self, waited_s: float) -> float:
        """One look; how long ago the clock was last asked whether consents ended."""
        late = waited_s >= EXPIRE_S
        if late:
            self._registry.consents.expire()
        self._leasing.step()
        self._courier.step(self._deliver)
        if self._registry.revision() != self._revision:
            self.refresh()
            late = True
        if late:
            self._unnaming.look()
        self._registry.views.save()
        self._send(everyone=late)
        self._unnaming.step(lambda topic: self._sent(topic, b""))
        return 0.0 if late else waited_s

    def _send(self, *, everyone: bool) -> None:
        with self._owed_lock:
            owed, self._owed = self._owed, set()
        failed = set()
        for view in self._fleet.edges():
            if view.birth is None or not (everyone or view.edge in owed):
                continue
            if not self._mine(view.edge):
                continue
            topic, payload, new = self._registry.policies.current(
                view.pilot, view.birth, self._gate
            )
            if (new or view.edge in owed) and not self._sent(topic, payload):
                failed.add(view.edge)
        with self._owed_lock:
            self._owed |= failed

    def _deliver(self, topic: str, payload: bytes) -> bool:
        return self._publish is not None and self._publish(topic, payload)

    def _sent(self, topic: str, payload: bytes) -> bool:
        return self._publish is not None and self._publish(topic, payload, retain=True)
