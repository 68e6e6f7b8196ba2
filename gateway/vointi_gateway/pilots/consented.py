"""A store as somebody may see it: what is agreed for a purpose, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from ..errors import UnknownSeriesError
from ..store.model import Latest, Samples, SeriesQuery, Windows
from ..store.port import Store
from .consent.state import Span
from .gate import Gate, overlap

_COLUMNS = ("t_us", "n", "mean", "low", "high")


class ConsentedStore:
    """Reads `store` within the times that `gate` opens for `purpose` at `now_us`."""

    def __init__(self, store: Store, gate: Gate, purpose: str, now_us: Callable[[], int]) -> None:
        self._store, self._gate, self._purpose, self._now_us = store, gate, purpose, now_us

    def count_samples(self, query: SeriesQuery) -> int:
        """Upper bound of the samples that may be seen. Raises UnknownSeriesError."""
        return sum(self._store.count_samples(part) for part in self._parts(query))

    def samples(self, query: SeriesQuery) -> Samples:
        """The samples that may be seen. Raises UnknownSeriesError."""
        found = [self._store.samples(part) for part in self._parts(query)]
        return Samples(*(_joined(found, name) for name in Samples.__slots__))

    def windows(self, query: SeriesQuery, window_us: int) -> Windows:
        """Summaries of what may be seen. Raises UnknownSeriesError."""
        found = [self._store.windows(part, window_us) for part in self._parts(query)]
        sources = {part.source for part in found}
        source = sources.pop() if len(sources) == 1 else "mixed"
        t_us, n, mean, low, high = (_joined(found, name) for name in _COLUMNS)
        return _merged(Windows(t_us, n, mean, low, high, source))

    def latest(self) -> Mapping[str, Mapping[str, Latest]]:
        """The newest samples that may be seen; one that is hidden hides those before it, too."""
        now_us = self._now_us()
        return {
            device: {
                metric: sample
                for metric, sample in metrics.items()
                if self._open(device, metric, sample.t_us, now_us)
            }
            for device, metrics in self._store.latest().items()
        }

    def _open(self, device: str, metric: str, t_us: int, now_us: int) -> bool:
        spans = self._gate.spans(device, self._purpose, metric, now_us)
        return spans is None or any(first <= t_us < end for first, end in spans)

    def _parts(self, query: SeriesQuery) -> list[SeriesQuery]:
        spans = self._gate.spans(query.device, self._purpose, query.metric, self._now_us())
        if spans is None:
            return [query]
        parts = overlap(spans, (query.from_us, query.to_us))
        if not parts:
            self._store.count_samples(query)
            if not spans:
                raise UnknownSeriesError(query.device, query.metric)
            parts = [(query.from_us, query.from_us)]
        return [_part(query, span) for span in parts]


def _part(query: SeriesQuery, span: Span) -> SeriesQuery:
    return replace(query, from_us=span[0], to_us=span[1])


def _joined(found: Sequence[Any], name: str) -> npt.NDArray[Any]:
    return np.concatenate([getattr(part, name) for part in found])


def _merged(w: Windows) -> Windows:
    """Join the parts of a window that a pause cut in two."""
    if len(np.unique(w.t_us)) == len(w.t_us):
        return w
    t_us, place = np.unique(w.t_us, return_inverse=True)
    n = np.zeros(len(t_us), np.int64)
    total = np.zeros(len(t_us))
    low, high = np.full(len(t_us), np.inf), np.full(len(t_us), -np.inf)
    np.add.at(n, place, w.n)
    np.add.at(total, place, w.mean * w.n)
    np.minimum.at(low, place, w.low)
    np.maximum.at(high, place, w.high)
    return Windows(t_us, n, total / n, low, high, w.source)
