"""What the uplink needs of the outbox; agent.py joins the two."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from vointi_contract.ack import Watermark
from vointi_contract.frame import Loss


class Kept(Protocol):
    """A row of the outbox: ids rise with time, the payload is a one-frame Batch."""

    @property
    def id(self) -> int:
        """Its place in time."""

    @property
    def device(self) -> str:
        """Whose reading it is."""

    @property
    def payload(self) -> bytes:
        """What goes over the wire, alone or joined with others (codec.join)."""

    @property
    def class_(self) -> str:
        """What the outbox keeps it as; empty for a row that was read from the file."""


class Store(Protocol):
    """The outbox, as seen from the uplink."""

    async def read(self, after: int, upto: int, max_bytes: int) -> Sequence[Kept]:
        """Return rows with after < id ≤ upto, oldest first, ≤ max_bytes (but at least one)."""

    async def newest(self) -> int:
        """Return the id of the newest row that was ever kept."""

    async def losses(self) -> Sequence[Loss]:
        """Return the losses that the gateway has not confirmed."""

    async def commit(self, marks: Sequence[Watermark]) -> int:
        """Delete what the gateway holds; return how many rows that were."""

    async def gap(self, marks: Sequence[Watermark]) -> tuple[int, int] | None:
        """Return the first and last id of the rows that lie in the marks' gaps."""
