"""Whether a frame was agreed to, and by whom: what ingest asks of the registry."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Protocol

from vointi_contract.frame import Frame
from vointi_contract.metrics import by_code

from ..pilots.gate import Verdict

#: Metric names by wire code: asked for every channel of every frame.
_names: dict[int, str] = {}
#: Their sets by the codes of a frame's channels; a device has a handful of streams.
_sets: dict[tuple[int, ...], frozenset[str]] = {}


class ConsentGate(Protocol):
    """A picture of what is lent and agreed (pilots.gate.Gate)."""

    def decide(
        self,
        pilot: str,
        device: str,
        metrics: frozenset[str],
        *,
        t_us: int,
        now_us: int,
    ) -> Verdict:
        """What may be kept of a reading that was made at `t_us` and arrived at `now_us`."""

    def standing(
        self,
        pilot: str,
        device: str,
        metrics: frozenset[str],
        *,
        t_us: int,
        now_us: int,
    ) -> tuple[int, int, Verdict]:
        """The same, and the half-open time around `t_us` for which it holds."""


def verdict(gate: ConsentGate, pilot: str, device: str, frame: Frame, received_us: int) -> Verdict:
    """What may be kept of a frame; one whose clock is unknown counts as made when it arrived."""
    metrics = names(tuple(channel.metric for channel in frame.channels))
    t_us = received_us if frame.wall_us is None else frame.wall_us
    return gate.decide(pilot, device, metrics, t_us=t_us, now_us=received_us)


def strip(frame: Frame, metrics: frozenset[str]) -> Frame:
    """The frame with nothing but the agreed metrics' channels."""
    kept = tuple(c for c in frame.channels if _name(c.metric) in metrics)
    return frame if len(kept) == len(frame.channels) else replace(frame, channels=kept)


def names(codes: tuple[int, ...]) -> frozenset[str]:
    """The names of metrics by their wire codes; raises UnknownMetricError."""
    found = _sets.get(codes)
    if found is None:
        found = _sets[codes] = frozenset(map(_name, codes))
    return found


def _name(code: int) -> str:
    name = _names.get(code)
    if name is None:
        name = _names[code] = by_code(code).name
    return name


#: Gives the picture that holds now.
GateNow = Callable[[], ConsentGate]
