"""Frames → rows as JSON records: one statement a table, whatever their number."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from vointi_contract.frame import Channel, Frame
from vointi_contract.metrics import Kind, by_code

from ..model import Commit, StoredReading

Record: TypeAlias = dict[str, Any]

#: The columns of each table, as a record's types.
COLUMNS: Mapping[str, str] = {
    "segment": "sid integer, boot numeric, seq bigint, t_us bigint, end_us bigint, mono_us bigint, "
    "dev_ts_ns bigint, clock smallint, uncertainty_us bigint, rate_hz float8, n integer, "
    'quality bigint, scale float8, "offset" float8, v bytea',
    "scalar": "sid integer, boot numeric, seq bigint, idx integer, t_us bigint, mono_us bigint, "
    "dev_ts_ns bigint, clock smallint, uncertainty_us bigint, quality bigint, value float8",
    "receipt": "edge text, device text, boot numeric, first bigint, last bigint, outcome text",
    "quarantine": "received_us bigint, edge text, topic text, field text, fix text, digest bytea, "
    "payload bytea",
}


def insert(table: str) -> str:
    """The statement that takes :rows, a JSON list of records, into a table."""
    columns = COLUMNS[table]
    names = ", ".join(part.strip().split(" ")[0] for part in columns.split(","))
    return (
        f"INSERT INTO {table} ({names}) SELECT {names} "  # noqa: S608 - names of our own
        f"FROM jsonb_to_recordset(CAST(:rows AS jsonb)) AS x({columns})"
    )


def as_json(records: Sequence[Record]) -> str:
    """The parameter."""
    return json.dumps(records, allow_nan=False)


def as_bytes(data: bytes) -> str:
    """Bytes as PostgreSQL reads them (hex format)."""
    return "\\x" + data.hex()


class Builder:
    """The segment and scalar rows of one commit.

    Args:
        series: numbers the series of a (reading, metric name).
        wall_us: a reading's UTC time, µs, or None while it is unknown.

    """

    def __init__(
        self,
        series: Callable[[StoredReading, str], int],
        wall_us: Callable[[StoredReading], int | None],
    ) -> None:
        self._series, self._wall_us = series, wall_us
        self.segments: list[Record] = []
        self.scalars: list[Record] = []
        self.newest: dict[tuple[str, str], tuple[int, float]] = {}

    def extend(self, readings: Iterable[StoredReading]) -> None:
        """Take the readings' rows."""
        for reading in readings:
            wall_us = self._wall_us(reading)
            for channel in reading.frame.channels:
                metric = by_code(channel.metric)
                sid = self._series(reading, metric.name)
                regular = reading.frame.rate_hz > 0 and metric.kind is Kind.WAVEFORM
                add = self._segment if regular else self._scalar
                end_us = add(sid, reading.frame, wall_us, channel)
                if end_us is not None:
                    last = float(channel.values[-1]) * channel.scale + channel.offset
                    self._note((reading.device, metric.name), end_us, last)

    def _note(self, key: tuple[str, str], t_us: int, value: float) -> None:
        known = self.newest.get(key)
        if known is None or t_us >= known[0]:
            self.newest[key] = (t_us, value)

    def _segment(self, sid: int, f: Frame, wall_us: int | None, channel: Channel) -> int | None:
        length_us = round((len(channel.values) - 1) * 1e6 / f.rate_hz)
        end_us = None if wall_us is None else wall_us + length_us
        self.segments.append(
            _common(sid, f)
            | {
                "t_us": wall_us,
                "end_us": end_us,
                "mono_us": f.mono_us,
                "rate_hz": f.rate_hz,
                "n": len(channel.values),
                "scale": channel.scale,
                "offset": channel.offset,
                "v": as_bytes(channel.values.astype("<i4").tobytes()),
            }
        )
        return end_us

    def _scalar(self, sid: int, f: Frame, wall_us: int | None, channel: Channel) -> int | None:
        end_us: int | None = None
        physical = channel.physical().tolist()
        for idx, after in enumerate(f.sample_offsets_us(channel).tolist()):
            end_us = None if wall_us is None else wall_us + after
            own = {"idx": idx, "t_us": end_us, "mono_us": f.mono_us + after, "value": physical[idx]}
            self.scalars.append(_common(sid, f) | own)
        return end_us


def _common(sid: int, f: Frame) -> Record:
    return {
        "sid": sid,
        "boot": f.boot,
        "seq": f.seq,
        "dev_ts_ns": f.dev_ts_ns,
        "clock": int(f.clock),
        "uncertainty_us": f.uncertainty_us,
        "quality": int(f.quality),
    }


def receipts(commit: Commit) -> list[Record]:
    """Rows of receipts."""
    return [
        {
            "edge": r.edge,
            "device": r.device,
            "boot": r.boot,
            "first": r.first,
            "last": r.last,
            "outcome": r.outcome.value,
        }
        for r in commit.receipts
    ]


def quarantined(commit: Commit) -> list[Record]:
    """Rows of quarantine. A text of PostgreSQL holds no NUL."""
    return [
        {
            "received_us": q.received_us,
            "edge": _text(q.edge),
            "topic": _text(q.topic),
            "field": _text(q.field),
            "fix": _text(q.fix),
            "digest": as_bytes(q.digest),
            "payload": as_bytes(q.payload),
        }
        for q in commit.quarantined
    ]


def _text(value: str) -> str:
    return value.replace("\0", "\ufffd")
