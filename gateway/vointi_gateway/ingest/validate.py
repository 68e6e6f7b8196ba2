"""What a frame must satisfy beyond its form: who sent it, which metric, range, clock, length."""

from __future__ import annotations

from dataclasses import dataclass

from vointi_contract.errors import UnknownMetricError, shown
from vointi_contract.frame import Channel, Frame, Loss
from vointi_contract.metrics import by_code
from vointi_contract.topics import Address

from ..frames import span_us
from .ledger import MAX_LOSS

#: 2020-01-01: no edge of this project existed before, so an earlier clock was never set.
EARLIEST_US = 1_577_836_800_000_000
#: A clock ahead by more than a day is wrong; a replay at twenty times real speed runs hours ahead.
AHEAD_US = 86_400_000_000
#: A live frame holds seconds; the longest bundle of events an hour.
LONGEST_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Fault:
    """Why something was not accepted: the field, and what would be right."""

    field: str
    fix: str


def check_sender(address: Address, pilot: str | None) -> Fault | None:
    """Whether the topic's edge belongs to the topic's pilot; `pilot` is the registry's answer."""
    if pilot is None:
        return Fault("edge", f"{address.edge} is in no pilot, or shut out; see `edge list`")
    if pilot != address.pilot:
        return Fault("pilot", f"{address.edge} belongs to {pilot}, not {address.pilot}")
    return None


def check_frame(frame: Frame, address: Address, now_us: int) -> Fault | None:
    """The first thing that is wrong with a well-formed frame, or None."""
    if frame.device != address.device:
        return Fault("device", f"{frame.device} was sent on {address.device}'s topic; use its own")
    return _check_clock(frame, now_us) or _check_channels(frame)


def check_loss(loss: Loss, address: Address) -> Fault | None:
    """The first thing that is wrong with a loss report, or None."""
    if loss.device != address.device:
        return Fault("device", f"{loss.device} was sent on {address.device}'s topic; use its own")
    if loss.count > MAX_LOSS:
        return Fault("last_seq", f"{loss.count} readings in one loss; report at most {MAX_LOSS}")
    return None


def not_on_lease(frame: Frame, holder: str) -> Fault:
    """A reading of a device that another edge had on lease when it was made."""
    fix = f"{frame.device} was on lease to {holder} then; see `device leases`, then replay or drop"
    return Fault("device", fix)


def _check_clock(frame: Frame, now_us: int) -> Fault | None:
    if frame.wall_us is None:
        return None
    if frame.wall_us < EARLIEST_US:
        return Fault("wall_us", "before 2020; leave it out until the edge's clock is set")
    if frame.wall_us > now_us + AHEAD_US:
        return Fault("wall_us", "more than a day ahead; set the edge's clock")
    return None


def _check_channels(frame: Frame) -> Fault | None:
    for channel in frame.channels:
        fault = _check_range(channel)
        if fault is not None:
            return fault
    if span_us(frame) > LONGEST_US:
        return Fault("rate_hz", "the frame lasts more than a day; send shorter frames")
    return None


def _check_range(channel: Channel) -> Fault | None:
    try:
        metric = by_code(channel.metric)
    except UnknownMetricError as exc:
        return Fault("metric", shown(exc.fix).strip("'\""))
    values = channel.values
    for code in (int(values.min()), int(values.max())):
        value = code * channel.scale + channel.offset
        if not metric.accepts(value):
            span = f"{metric.low:g} to {metric.high:g} {metric.unit}"
            return Fault(metric.name, f"a value is outside {span}; check the decoder's scale")
    return None
