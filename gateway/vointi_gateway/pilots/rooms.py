"""What the rooms of service points measure by day: the air, who came by, what they said of it.

Nobody is behind these values, so that no group has to be of a size. The air of a home is its
household's, and is never here.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean
from typing import Final

import numpy as np

from ..errors import UnknownSeriesError
from ..store.model import SeriesQuery, Windows
from ..store.port import Store
from .indicators import DAY_US, TOGETHER, Cell, three_digits, whole_days

#: Counted since the device started: a day has how many came, not a mean.
COUNTED: Final = frozenset({"people_in", "people_out"})
ROOM_METRICS: Final = COUNTED | {
    "room_temperature", "room_humidity", "air_pressure", "co2", "voc", "pm2_5", "illuminance",
    "people_present", "feedback", "motion", "contact",
}  # fmt: skip
_HOUR_US = 3_600_000_000


class Rooms:
    """Devices of service points.

    Args:
        store: read from.
        devices: of each pilot, by global id; none that anybody ever wore.

    """

    def __init__(self, store: Store, devices: Mapping[str, Sequence[str]]) -> None:
        self._store, self._devices = store, devices

    def daily(self, metric: str, from_us: int, to_us: int) -> list[Cell]:
        """Cells of the whole UTC days within [from, to), by day, then pilot; all together last.

        One value a device and day, and of these the mean. `suppressed` is "none" where nothing was
        measured.
        """
        first, end = whole_days(from_us, to_us)
        values: dict[tuple[int, str], list[float]] = defaultdict(list)
        for pilot, devices in self._devices.items():
            for device in devices:
                for day_us, value in self._days(metric, device, first, end):
                    values[day_us, pilot].append(value)
                    values[day_us, TOGETHER].append(value)
        names = [*self._devices, *([TOGETHER] if len(self._devices) > 1 else [])]
        days = range(first, end, DAY_US)
        return [_cell(day, name, values.get((day, name), ())) for day in days for name in names]

    def _days(self, metric: str, device: str, first: int, end: int) -> Iterable[tuple[int, float]]:
        step = _HOUR_US if metric in COUNTED else DAY_US
        try:
            found = self._store.windows(SeriesQuery(device, metric, first, end, None), step)
        except UnknownSeriesError:
            return ()
        if metric in COUNTED:
            return _came(found)
        return zip(map(int, found.t_us), map(float, found.mean), strict=True)


def _came(hours: Windows) -> Iterator[tuple[int, float]]:
    """(day, how many) of a counter by hour: what it rose by; from nothing where it fell."""
    rose = np.diff(hours.high, prepend=hours.low[:1])
    rose = np.where(rose < 0, hours.high, rose)
    days = hours.t_us // DAY_US * DAY_US
    for day_us in np.unique(days):
        yield int(day_us), float(rose[days == day_us].sum())


def _cell(day_us: int, name: str, values: Sequence[float]) -> Cell:
    if not values:
        return Cell(day_us, name, None, None, "none")
    return Cell(day_us, name, None, three_digits(fmean(values)), "")
