"""Recordings that a simulated strap can play."""

from __future__ import annotations

from vointi_sim.recordings.recording import Recording, read

__all__ = ["Recording", "read"]
