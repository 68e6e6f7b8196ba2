"""An advertisement is heard many times: which ones carry a measurement that is new."""

from __future__ import annotations

from vointi_edge.decoders.values import Decoded

# A sensor whose measurement does not fit into one advertisement takes turns between a few.
_REMEMBERED = 8
# Without a number, equal bytes may be a repeat or an equal measurement; sensors repeat for seconds.
_SAME_S = 10.0
# A format of lower rank is listened to again when the better one has been silent so long.
_RANK_S = 60.0


class Repeats:
    """What one stream has heard."""

    def __init__(self) -> None:
        self._seen: dict[tuple[int, int | bytes], float] = {}
        self._rank = 0
        self._ranked_s = 0.0

    def is_new(self, decoded: Decoded, data: bytes, now_s: float) -> bool:
        """Say whether this is a measurement that was not heard before, and remember it."""
        if decoded.rank >= self._rank or now_s - self._ranked_s > _RANK_S:
            self._rank, self._ranked_s = decoded.rank, now_s
        else:
            return False
        numbered = decoded.repeat_key is not None
        key = (decoded.rank, data if decoded.repeat_key is None else decoded.repeat_key)
        heard_s = self._seen.get(key)
        if heard_s is not None and (numbered or now_s - heard_s < _SAME_S):
            return False
        self._seen.pop(key, None)
        self._seen[key] = now_s
        if len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        return True
