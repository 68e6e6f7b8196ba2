"""Signed orders from the gateway: policies and commands, taken once, each answered."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, TypeAlias

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from vointi_contract.command import Command, CommandKind, CommandResult, ResultKind, verify_command
from vointi_contract.errors import ContractError
from vointi_contract.jsonform import MAX_TEXT

from vointi_edge.errors import EdgeError, OrderError
from vointi_edge.keeper import PolicyKeeper, TakenNumbers
from vointi_edge.text import printable

log = logging.getLogger(__name__)

#: Does what a command says and returns the details of its answer (None: it is answered later);
#: raises EdgeError, ContractError, OSError.
Obey: TypeAlias = Callable[[Command], Awaitable[Mapping[str, object] | None]]
#: Brings everything in line with the keeper's new policy; returns how many readings it erased.
Apply: TypeAlias = Callable[[], Awaitable[int]]

# The gateway has no reason for more; a flood is not worth memory.
_WAITING: Final = 32


class Orders:
    """Takes payloads from `c/policy` and `c/cmd` in their order, until cancelled."""

    def __init__(
        self,
        edge: str,
        keys: Sequence[Ed25519PublicKey],
        keeper: PolicyKeeper,
        taken: TakenNumbers,
        *,
        apply: Apply,
        renamed: Callable[[], None],
        obey: Mapping[CommandKind, Obey],
        answer: Callable[[CommandResult], None],
    ) -> None:
        self._edge = edge
        self._keys = keys
        self._keeper = keeper
        self._taken = taken
        self._apply = apply
        self._renamed = renamed
        self._obey = obey
        self._answer = answer
        self._waiting: asyncio.Queue[tuple[str, bytes]] = asyncio.Queue(_WAITING)

    def offer(self, kind: str, payload: bytes) -> None:
        """Take a payload ("policy" or "cmd"); returns at once."""
        try:
            self._waiting.put_nowait((kind, payload))
        except asyncio.QueueFull:
            log.warning("orders: too many at once; one is left out")

    async def run(self) -> None:
        """Work through what was offered, for ever."""
        while True:
            kind, payload = await self._waiting.get()
            await (self._policy(payload) if kind == "policy" else self._command(payload))

    async def _policy(self, payload: bytes) -> None:
        if not self._keeper.required:
            self._hear(payload)
            return
        try:
            policy = self._keeper.take(payload)
        except (OrderError, OSError) as error:
            self._refuse("policy", error)
            return
        try:
            erased = await self._apply()
        except (sqlite3.Error, OSError) as error:
            log.warning("policy: version %d holds, but erasing failed: %s", policy.version, error)
            self._answer(
                CommandResult(self._edge, policy.version, "policy", "failed", _short(error))
            )
            return
        log.info("policy: version %d holds; %d readings erased", policy.version, erased)
        details = {"erased": erased}
        self._answer(CommandResult(self._edge, policy.version, "policy", "done", "", details))

    def _hear(self, payload: bytes) -> None:
        try:
            news = self._keeper.hear(payload)
        except (OrderError, OSError) as error:
            log.warning("policy: not taken notice of: %s", error)
            return
        if news:
            self._renamed()

    async def _command(self, payload: bytes) -> None:
        try:
            command = self._accepted(payload)
        except (OrderError, OSError) as error:
            self._refuse("diagnostics", error)
            return
        try:
            details = await self._obey[command.kind](command)
        except (EdgeError, ContractError, OSError) as error:
            log.warning("orders: %s %d failed: %s", command.kind, command.number, error)
            number, kind = command.number, command.kind
            self._answer(CommandResult(self._edge, number, kind, "failed", _short(error)))
            return
        log.info("orders: %s %d taken", command.kind, command.number)
        if details is not None:
            number, kind = command.number, command.kind
            self._answer(CommandResult(self._edge, number, kind, "done", "", details))

    def _accepted(self, payload: bytes) -> Command:
        try:
            command = verify_command(payload, self._keys)
        except ContractError as error:
            raise OrderError(0, str(error)) from None
        if command.edge != self._edge:
            raise OrderError(command.number, f"edge: it is for {command.edge}", command.kind)
        last = self._taken.last("command")
        if command.number <= last:
            fix = f"number: not above {last}, the last one taken"
            raise OrderError(command.number, fix, command.kind)
        self._taken.take("command", command.number)
        return command

    def _refuse(self, kind: ResultKind, error: Exception) -> None:
        log.warning("orders: refused: %s", error)
        if isinstance(error, OrderError) and error.number > 0:
            kind = error.kind or kind
            reason = _short(error)
            self._answer(CommandResult(self._edge, error.number, kind, "refused", reason))


def _short(error: Exception) -> str:
    return printable(str(error).replace("\n", "; "), MAX_TEXT)
