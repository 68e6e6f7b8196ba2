"""Intensity classes of movement by published cut-points: see docs/signals/motion.md."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import ArrayLike, NDArray

from vointi_signals.errors import ParameterError


class Intensity(IntEnum):
    """How hard a person moves; UNKNOWN where too little of the epoch was seen."""

    UNKNOWN = -1
    SEDENTARY = 0
    LIGHT = 1
    MODERATE = 2
    VIGOROUS = 3


@dataclass(frozen=True, slots=True)
class CutPoints:
    """Lower limits in mg of light, moderate and vigorous, and where they come from."""

    measure: str
    light: float
    moderate: float
    vigorous: float
    source: str


CUT_POINTS: dict[str, CutPoints] = {
    "mad-hip": CutPoints(
        "mad_mg", 22.5, 91.5, 414.0, "Vaha-Ypya 2015, doi 10.1371/journal.pone.0134813"
    ),
    "enmo-wrist": CutPoints(
        "enmo_mg", 45.8, 93.2, 418.3, "Hildebrand 2014 and 2017, doi 10.1111/sms.12795"
    ),
    "enmo-hip": CutPoints(
        "enmo_mg", 46.9, 68.7, 266.8, "Hildebrand 2014 and 2017, doi 10.1111/sms.12795"
    ),
}
"""Adults. MAD of 6 s epochs at the hip (UKK institute); ENMO of 1 s epochs, GENEActiv."""


def classify(epochs: ArrayLike, cuts: str = "mad-hip") -> NDArray[np.int8]:
    """Return an Intensity for every epoch of ``MotionEpochs`` (or every value in mg)."""
    table = CUT_POINTS.get(cuts)
    if table is None:
        raise ParameterError("cuts", f"{cuts!r}", f"use one of {', '.join(CUT_POINTS)}")
    array = np.asarray(epochs)
    mg = array[table.measure] if array.dtype.names else array.astype(np.float64)
    edges = [table.light, table.moderate, table.vigorous]
    found: NDArray[np.int8] = np.digitize(mg, edges).astype(np.int8)
    found[np.isnan(mg)] = Intensity.UNKNOWN
    return found
