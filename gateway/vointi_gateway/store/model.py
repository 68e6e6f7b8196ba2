"""What goes into a store and what comes out of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

import numpy as np
import numpy.typing as npt
from vointi_contract.frame import Frame

Int64s = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Counts:
    """Counts of readings; at every instant accepted = stored + duplicates + quarantined + lost.

    `accepted` counts deliveries to ingest plus the losses that edges reported.
    """

    accepted: int = 0
    stored: int = 0
    duplicates: int = 0
    quarantined: int = 0
    lost: int = 0

    def __add__(self, other: Counts) -> Counts:
        """Count both."""
        return Counts(
            self.accepted + other.accepted,
            self.stored + other.stored,
            self.duplicates + other.duplicates,
            self.quarantined + other.quarantined,
            self.lost + other.lost,
        )

    @property
    def balanced(self) -> bool:
        """Whether every accepted reading has exactly one outcome."""
        return self.accepted == self.stored + self.duplicates + self.quarantined + self.lost


class Outcome(StrEnum):
    """Why a sequence number needs no further delivery."""

    STORED = "stored"
    QUARANTINED = "quarantined"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Receipt:
    """One settled range of sequence numbers, both ends included."""

    edge: str
    device: str
    boot: int
    first: int
    last: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class StoredReading:
    """One frame with who sent it and when it arrived (UTC µs).

    `person` is the pseudonym of who wore the device then, `purposes` what it may be shown for; None
    and None for what is nobody's.
    """

    pilot: str
    edge: str
    frame: Frame
    received_us: int
    person: str | None = None
    purposes: frozenset[str] | None = None

    @property
    def device(self) -> str:
        """The device's global id, ``edge.device``."""
        return f"{self.edge}.{self.frame.device}"


@dataclass(frozen=True, slots=True)
class Quarantined:
    """A delivery that was not agreed: the raw bytes, where they came from, and why.

    `digest` identifies the delivery, so that the same one is kept once.
    """

    edge: str
    topic: str
    payload: bytes
    field: str
    fix: str
    digest: bytes
    received_us: int


@dataclass(frozen=True, slots=True)
class Refused:
    """Readings of which nothing was kept, for want of agreement: how many, of what, why.

    `reason` is a name such as ``withdrawn``, ``paused``, ``no-consent`` or ``not-lent``.
    """

    edge: str
    device: str
    reason: str
    n: int


@dataclass(frozen=True, slots=True)
class WornSpan:
    """Everything of one device (global id) that was made in the half-open [from_us, to_us)."""

    device: str
    from_us: int
    to_us: int


@dataclass(frozen=True, slots=True)
class ErasedRows:
    """Rows an erasure removed: waveform segments, other values, quarantine, summaries."""

    segments: int = 0
    scalars: int = 0
    quarantined: int = 0
    summaries: int = 0

    def __add__(self, other: ErasedRows) -> ErasedRows:
        """Both together."""
        return ErasedRows(
            self.segments + other.segments,
            self.scalars + other.scalars,
            self.quarantined + other.quarantined,
            self.summaries + other.summaries,
        )


@dataclass(frozen=True, slots=True)
class Anchor:
    """UTC µs minus CLOCK_BOOTTIME µs of one boot of an edge: places its readings in time."""

    edge: str
    boot: int
    offset_us: int


@dataclass(frozen=True, slots=True)
class Commit:
    """Everything that one transaction makes durable; all of it or nothing.

    `readings` may be a block.Readings: then most of them are columns, and become objects only when
    somebody looks at them one by one.
    """

    readings: Sequence[StoredReading] = ()
    quarantined: tuple[Quarantined, ...] = ()
    receipts: tuple[Receipt, ...] = ()
    tally: Mapping[str, Counts] = field(default_factory=dict)
    births: Mapping[str, str] = field(default_factory=dict)
    anchors: tuple[Anchor, ...] = ()
    refused: tuple[Refused, ...] = ()
    #: Digests of what leaves quarantine, before anything else of this commit.
    released: tuple[bytes, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is anything to write."""
        parts = (self.readings, self.quarantined, self.receipts, self.tally, self.births)
        return any(parts) or bool(self.anchors) or bool(self.released)


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest sample of one series: its UTC time and its value in the metric's unit."""

    t_us: int
    value: float


@dataclass(frozen=True, slots=True)
class Samples:
    """Samples of one series by time; four arrays of one length."""

    t_us: Int64s
    value: Floats
    quality: Int64s
    seq: Int64s


@dataclass(frozen=True, slots=True)
class Windows:
    """Summaries of one series by window; `t_us` is the window's start. Empty windows are absent.

    `source` says what they were made of: samples (``raw``), kept summaries by minute
    or day (``1m``, ``1d``), or ``mixed`` where parts of the span differ.
    """

    t_us: Int64s
    n: Int64s
    mean: Floats
    low: Floats
    high: Floats
    source: str = "raw"


@dataclass(frozen=True, slots=True)
class SeriesQuery:
    """A half-open span [from_us, to_us) of one metric of one device (global id), UTC µs.

    A metric that comes by several streams (beat intervals from the strap and from the edge's own
    detector) is merged by time unless `stream` names one.
    """

    device: str
    metric: str
    from_us: int
    to_us: int
    stream: str | None = None


@dataclass(frozen=True, slots=True)
class ExportMark:
    """How far a copy came: the last row of each table that it has."""

    segment: int = -1
    scalar: int = -1


@dataclass(frozen=True, slots=True)
class Point:
    """One point of a copy: a scalar's `value` and `quality`, or a second's mean, min, max, n."""

    pilot: str
    device: str
    stream: str
    metric: str
    t_us: int
    fields: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Limit:
    """What of a pilot is too old: everything before these UTC µs, by class of data.

    Each is the start of a UTC day: a day is removed as a whole.
    """

    pilot: str
    waveform_us: int
    scalar_us: int
    event_us: int
    summary_us: int
    edges: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Expired:
    """What was too old of one pilot: rows of each class, summaries, deliveries in quarantine."""

    waveform: int = 0
    scalar: int = 0
    event: int = 0
    summary: int = 0
    quarantined: int = 0

    def __bool__(self) -> bool:
        """Whether anything was removed."""
        rows = (self.waveform, self.scalar, self.event, self.summary, self.quarantined)
        return any(rows)


@dataclass(frozen=True, slots=True)
class Daily:
    """One UTC day of one metric in one pilot: how many series and samples, and their summary."""

    pilot: str
    metric: str
    day_us: int
    series: int
    n: int
    mean: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class DeviceDay:
    """One UTC day of one metric of one device (global id): how many samples, and their mean."""

    device: str
    day_us: int
    n: int
    mean: float


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that a store looked at in itself: whether it is well, and what to do if not."""

    what: str
    ok: bool
    say: str
