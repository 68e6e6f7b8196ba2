"""Respiration from the pulse: see docs/signals/ppg_respiration.md.

Breathing modulates the size of the pulse and the interval between pulses (Charlton 2018, IEEE
Reviews in Biomedical Engineering 11:2); the two spectra are joined as for the ECG's R waves.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from vointi_signals._state import fingerprint
from vointi_signals.edr import EcgRespiration
from vointi_signals.errors import InputError

# A pulse that is less like the others than this says nothing about its size.
LEAST_QUALITY = 0.5


class PpgRespiration(EcgRespiration):
    """Tells breaths per minute from pulse beats: ``EcgRespiration`` for ``PpgBeats``.

    ``push`` takes the events of ``PpgBeats`` and leaves out beats of a quality below 0.5; rows,
    limits and NaN are those of ``EcgRespiration``.
    """

    def push(self, events: NDArray[np.void]) -> NDArray[np.void]:
        """Take beats as ``PpgBeats`` returns them; return a row for each step passed."""
        if not isinstance(events, np.ndarray) or "quality" not in (events.dtype.names or ()):
            raise InputError("events", "not events", "pass what the push of PpgBeats returns")
        return super().push(events[(events["quality"] >= LEAST_QUALITY) | events["after_gap"]])

    def _of(self) -> int:
        return fingerprint("ppg", self.window_s, self.step_s)
