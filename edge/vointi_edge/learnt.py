"""What outlives a restart beside the outbox: what pipelines learnt, which records were told."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Final

from vointi_edge.beat import beat
from vointi_edge.outbox.vault import Vault
from vointi_edge.pipelinenotes import PipelineNotes
from vointi_edge.processing.processor import Processor
from vointi_edge.sources.told import Told

PIPELINES_FILE: Final = "pipelines.sealed"
RECORDS_FILE: Final = "records.sealed"
# A power cut costs the pipelines this much of what they have seen, and no learning phase.
_SAVE_S: Final = 60.0


class Learnt:
    """Loads both at construction; saves them in a thread, since a slow card must stop nothing."""

    def __init__(self, data_dir: Path, vault: Vault) -> None:
        self._pipelines = PipelineNotes(data_dir / PIPELINES_FILE, vault)
        self._records = PipelineNotes(data_dir / RECORDS_FILE, vault)
        self.states = self._pipelines.load()
        self.told = Told(self._records.load())

    async def run(self, processor: Processor) -> None:
        """Save what pipelines learnt, for ever."""
        while True:
            await beat(_SAVE_S)
            await self.save_pipelines(processor)

    async def save_pipelines(self, processor: Processor) -> None:
        """Save it now."""
        await asyncio.to_thread(self._pipelines.store, processor.states())

    async def save_records(self) -> None:
        """Save what was told, where that changed; after the readings, so that none is lost."""
        if self.told.changed:
            self.told.changed = False
            await asyncio.to_thread(self._records.store, self.told.states())
