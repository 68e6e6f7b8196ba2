"""The newest value of every series, in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..model import Latest
from . import queries
from .lake import Lake
from .tables import SeriesKey


class NewestValues:
    """Device → metric → newest sample; changed once a commit is durable."""

    def __init__(self) -> None:
        self._latest: dict[str, dict[str, Latest]] = {}

    def load(self, con: Any, lake: Lake, series: Mapping[SeriesKey, int]) -> None:
        """Read it anew; of series that have nothing hot, the newest value is in the lake."""
        self._latest = {}
        self.look(con, list(series.values()))
        keys = {
            sid: (device, metric)
            for (device, _, metric), sid in series.items()
            if metric not in self._latest.get(device, {})
        }
        for sid, t_us, value in queries.newest(con, lake, list(keys)):
            self.note(*keys[sid], t_us, value)

    def look(self, con: Any, sids: Sequence[int]) -> None:
        """Note the newest value of each series from its hot rows."""
        sql = """
            WITH wanted AS (SELECT unnest(?) AS sid)
            SELECT s.device, s.metric, x.t, x.v FROM (
                SELECT sid, max(t_us) AS t, arg_max(value, t_us) AS v
                FROM scalar SEMI JOIN wanted USING (sid) GROUP BY sid
                UNION ALL
                SELECT sid, max(end_us), arg_max(v[-1] * scale + "offset", end_us)
                FROM segment SEMI JOIN wanted USING (sid) GROUP BY sid
            ) x JOIN series s USING (sid) WHERE x.t IS NOT NULL
        """
        for row in con.execute(sql, [list(sids)]).fetchall() if sids else []:
            self.note(*row)

    def note(self, device: str, metric: str, t_us: int, value: float) -> None:
        """Take a sample that is no older than the one known."""
        metrics = self._latest.setdefault(device, {})
        known = metrics.get(metric)
        if known is None or t_us >= known.t_us:
            metrics[metric] = Latest(t_us, value)

    def snapshot(self) -> Mapping[str, Mapping[str, Latest]]:
        """As it is now; any thread."""
        return {device: dict(metrics) for device, metrics in list(self._latest.items())}
