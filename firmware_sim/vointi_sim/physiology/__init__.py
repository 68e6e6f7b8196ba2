"""One person's coherent state."""

from __future__ import annotations

from vointi_sim.physiology.person import Person, Pressure

__all__ = ["Person", "Pressure"]
