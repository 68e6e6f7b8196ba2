import numpy as np
from numpy.typing import ArrayLike, NDArray

QUALITY_DTYPE: np.dtype[np.void]

class EcgQuality:
    """Rates one ECG lead in windows of ``window_s`` seconds (1 to 60), fs 100 to 1000 Hz.

    Rows of ``QUALITY_DTYPE``: ``index`` and ``time_s`` of the window's first sample; ``quality``
    0 to 1; ``kurtosis``, ``qrs_share`` (power in 5-15 Hz of that in 5-40 Hz), ``steady_share``
    (1 less the baseline's share), after Zhao and Zhang 2018, doi 10.3389/fphys.2018.00727;
    shares of the window that are ``flat``, ``clipped``, ``missing``; flags ``lead_off``,
    ``saturated``, ``noisy``. Samples in any unit; not finite (or beyond 1e12) is missing.
    """

    fs: float
    window_s: float
    def __init__(self, fs: float, window_s: float = 4.0) -> None: ...
    @property
    def latency_s(self) -> float:
        """Return seconds from a window's start to its row."""

    def push(self, x: ArrayLike) -> NDArray[np.void]:
        """Take the next samples, shape (n,); return a row for each window that is full."""

    def flush(self) -> NDArray[np.void]:
        """Return a row for the open window if at least half of it is there; start a new one."""

    def gap(self, n_missing: int) -> NDArray[np.void]:
        """Say that ``n_missing`` samples never arrived."""

    def reset(self) -> None:
        """Forget everything; the next sample has index 0."""

    def get_state(self) -> bytes:
        """Return what is remembered: tag, version, parameters, CRC-32, then the memory."""

    def set_state(self, state: bytes) -> None:
        """Go on from ``get_state`` of the same parameters; StateError when it is not one."""
