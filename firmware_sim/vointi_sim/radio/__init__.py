"""The virtual radio: controllers that hear each other, reached over HCI."""

from __future__ import annotations

from vointi_sim.radio.controller import VirtualController
from vointi_sim.radio.link import Advertisement, Radio
from vointi_sim.radio.port import HciPort

__all__ = ["Advertisement", "HciPort", "Radio", "VirtualController"]
