"""The catalogue's keys for wired devices and for report-on-change."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from vointi_edge.tables import Table

# Which decoders a wired stream may name; on a serial line, those of the box come on top.
WIRED_DECODERS = {
    "serial": ("ld2450",),
    "iio": ("iio",),
    "gpio": ("buttons", "beams", "motion", "contact"),
    "http": ("axis_live_sum",),
    "mqtt": ("json",),
}
# The names that a device's `lines` may have, by decoder.
GPIO_LINES = {
    "buttons": ("button_1", "button_2", "button_3", "button_4", "button_5"),
    "beams": ("outer", "inner"),
    "motion": ("motion",),
    "contact": ("contact",),
}
BIASES = ("as-is", "pull-up", "pull-down", "disabled")
# Below a device's topic; wildcards would open the door to other people's devices.
_SUBTOPIC = re.compile(r"[^+#\0]{0,100}")
_PATH = re.compile(r"[^.]{1,64}(\.[^.]{1,64}){0,7}")


@dataclass(frozen=True, slots=True)
class JsonField:
    """One metric of a JSON message: the member at `path`, times `scale`.

    A truth value is 1 or 0, or the other way round when `inverted`.
    """

    metric: str
    path: tuple[str, ...]
    scale: str
    inverted: bool


@dataclass(frozen=True, slots=True)
class WiredSpec:
    """How a wired stream is read; what does not concern its transport stays empty.

    `period_s` is how often a polled device is asked, `request` the path and query of an HTTP
    request, `topic` what follows the device's own topic, `fields` what a JSON message holds.
    `active_low`, `bias` and `debounce_ms` are how a GPIO line is wired. `correction` are factors
    for metrics whose kernel driver does not keep to the ABI's unit.
    """

    period_s: float = 5.0
    request: str = ""
    topic: str = ""
    fields: tuple[JsonField, ...] = ()
    active_low: bool = False
    bias: str = "as-is"
    debounce_ms: int = 0
    correction: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Report:
    """When a reading is worth telling: a value moved by its `change`, or `heartbeat_s` passed.

    A heartbeat of 0 tells every reading. A metric without a change is told when it differs.
    """

    heartbeat_s: float = 0.0
    change: Mapping[str, float] = field(default_factory=dict)


def wired_spec(table: Table, transport: str, metrics: tuple[str, ...]) -> WiredSpec:
    """Read the keys that this transport has; the others stay unknown and are told so."""
    if transport == "iio":
        return WiredSpec(
            period_s=_period_s(table), correction=_by_metric(table, "correct", metrics)
        )
    if transport == "http":
        return WiredSpec(period_s=_period_s(table), request=_request(table))
    if transport == "mqtt":
        return WiredSpec(topic=_subtopic(table), fields=_fields(table, metrics))
    if transport == "gpio":
        return WiredSpec(
            active_low=table.flag("active_low", default=False),
            bias=table.choice("bias", BIASES, "as-is"),
            debounce_ms=table.whole("debounce_ms", 0, high=1000),
        )
    return WiredSpec()


def report(table: Table, metrics: tuple[str, ...]) -> Report:
    """Read `heartbeat_s` and the table `change` (metric = least difference in its unit)."""
    heartbeat_s = table.number("heartbeat_s", 0.0)
    change = _by_metric(table, "change", metrics)
    if change and not heartbeat_s:
        table.problem("heartbeat_s", "is missing; give the most seconds between two readings")
    return Report(heartbeat_s, change)


def _by_metric(table: Table, key: str, metrics: tuple[str, ...]) -> dict[str, float]:
    values = table.table(key, optional=True)
    numbers = {name: values.number(name) for name in metrics if values.has(name)}
    values.close()
    return numbers


def _period_s(table: Table) -> float:
    return table.number("period_s", 5.0, low=0.1)


def _request(table: Table) -> str:
    request = table.text("request")
    if request and not request.startswith("/"):
        table.problem("request", "must begin with /, e.g. /counts.json")
    return request


def _subtopic(table: Table) -> str:
    topic = table.text("topic", "")
    if not _SUBTOPIC.fullmatch(topic):
        table.problem("topic", "must be at most 100 letters without + and #")
    return topic


def _fields(table: Table, metrics: tuple[str, ...]) -> tuple[JsonField, ...]:
    fields = []
    for each in table.tables("field"):
        path = each.text("path")
        if path and not _PATH.fullmatch(path):
            each.problem("path", "must be names joined by dots, e.g. battery.percent")
        fields.append(
            JsonField(
                metric=each.choice("metric", metrics),
                path=tuple(path.split(".")),
                scale=str(each.number("scale", 1.0)),
                inverted=each.flag("inverted", default=False),
            )
        )
        each.close()
    if {one.metric for one in fields} != set(metrics):
        table.problem("field", "give each of the stream's metrics one [[stream.field]]")
    return tuple(fields)
