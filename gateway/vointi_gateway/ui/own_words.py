"""Numbers, days and times as a resident reads them, in one language."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, tzinfo

from babel import Locale
from babel.dates import format_skeleton, format_time, get_timezone
from babel.numbers import format_decimal
from vointi_contract.errors import UnknownMetricError
from vointi_contract.metrics import by_name

#: British dates and hours: a day before its month, no a.m.
_LOCALES = {"fi": "fi_FI", "sv": "sv_SE", "en": "en_GB"}
_ONE_DECIMAL = frozenset({"body_temperature", "body_weight", "room_temperature"})
#: Metrics that a person takes for one thing.
_ONE_THING = {
    "acc": "movement",
    "gyro": "movement",
    "bp": "bp",
    "beat": "beats",
    "rr": "beats",
    "rmssd": "beats",
    "sdnn": "beats",
    "hr": "contact",
}


class Words:
    """One language.

    Args:
        table: its words, by key.
        language: BCP 47 primary tag.
        zone: whose clock times are told by; None: this machine's.

    """

    def __init__(self, table: Mapping[str, str], language: str, zone: tzinfo | None = None) -> None:
        self.table, self.language = table, language
        self._locale = Locale.parse(_LOCALES[language])
        self.zone = zone or get_timezone()

    def number(self, metric: str, value: float) -> str:
        """A value with as many decimals as its device measures."""
        decimals = "0.0" if metric in _ONE_DECIMAL else "0"
        return format_decimal(value, f"#,##{decimals}", self._locale)

    def day(self, day: date) -> str:
        """A day and its month."""
        return str(format_skeleton("MMMMd", _midnight(day), None, locale=self._locale))

    def local(self, time_us: int) -> datetime:
        """UTC µs on the wall's clock."""
        return datetime.fromtimestamp(time_us / 1e6, UTC).astimezone(self.zone)

    def moment(self, time_us: int, now_us: int) -> str:
        """When something was: the time of today, else day and time."""
        at = self.local(time_us)
        clock = format_time(at, "short", self.zone, self._locale)
        if at.date() == self.local(now_us).date():
            return self.table["own.today"].format(time=clock)
        return self.table["own.when"].format(day=self.day(at.date()), time=clock)

    def things(self, metrics: Iterable[str]) -> list[str]:
        """What metrics are called, each thing once."""
        return list(dict.fromkeys(self._thing(metric) for metric in metrics))

    def _thing(self, metric: str) -> str:
        family = _ONE_THING.get(metric.split("_", maxsplit=1)[0], metric)
        known = self.table.get(f"measure.{metric}") or self.table.get(f"measure.{family}")
        if known:
            return known
        try:
            return by_name(metric).label
        except UnknownMetricError:  # a newer edge knows more metrics than this gateway
            return metric


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=UTC)
