import numpy as np
from numpy.typing import ArrayLike, NDArray

EVENT_DTYPE: np.dtype[np.void]

class QrsDetector:
    """Finds heart beats in one ECG lead as it arrives, causally.

    ``fs``: 100 to 1000 Hz. Samples may be in any unit (the levels adapt), float64, float32,
    int32 or int16; what is not finite (or beyond 1e12) is missing.

    Events are a structured array of ``EVENT_DTYPE``, in order of time: ``index`` of the R peak
    on the raw signal, counted from the first sample after construction or ``reset`` with missing
    ones included; ``time_s`` = index / fs; ``amplitude`` against the mean of 0.3 s around, in the
    unit of the samples; ``quality`` 0 to 1 (how far it stands out of the noise); ``late`` (found
    by learning or by searching back); ``after_gap`` (the interval before it is unknown).

    The first 3 s are learnt from and reported late. Missing samples: up to 40 ms are bridged by
    the last value; more is a gap, which ends what is open and starts the filters anew but keeps
    the levels. Output does not depend on how the input is cut. Not for several threads at once.
    """

    def __init__(self, fs: float) -> None: ...
    @property
    def fs(self) -> float: ...
    @property
    def latency_s(self) -> float:
        """Return seconds from an R peak to its report, for a clear beat."""

    @property
    def gaps(self) -> int:
        """Return how many gaps there were since construction or ``reset``."""

    @property
    def samples_seen(self) -> int:
        """Return the index that the next sample will have."""

    def push(self, x: ArrayLike) -> NDArray[np.void]:
        """Take the next samples, shape (n,); return the beats decided by now."""

    def flush(self) -> NDArray[np.void]:
        """Decide what is open, as at the signal's end; what is pushed later is a new segment."""

    def gap(self, n_missing: int) -> NDArray[np.void]:
        """Say that ``n_missing`` samples never arrived; the same as pushing so many NaN."""

    def reset(self) -> None:
        """Forget everything; the next sample has index 0."""

    def get_state(self) -> bytes:
        """Return about 5 kB: tag, version, parameters, CRC-32, then the memory, little-endian."""

    def set_state(self, state: bytes) -> None:
        """Go on from ``get_state`` of the same rate; StateError when it is not one."""

def detect_qrs(x: ArrayLike, fs: float) -> NDArray[np.void]:
    """Return all beats of a recording: one ``push`` and ``flush`` of a new detector."""
