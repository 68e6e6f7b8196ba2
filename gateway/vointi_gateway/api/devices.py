"""GET /api/v1/devices: what is worn or stands in a room, and how it is heard."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from vointi_contract.errors import UnknownMetricError
from vointi_contract.metrics import by_name
from vointi_contract.status import DeviceInfo, StreamInfo

from ..fleet import EdgeView
from ..store.model import Latest
from .asker import TheAsker
from .deps import TheGateway
from .purpose import purpose_of, store_for
from .sight import TheSight

router = APIRouter(tags=["devices"])


class MetricOut(BaseModel):
    """One metric of a stream."""

    name: str = Field(examples=["heart_rate"])
    label: str = Field(examples=["Heart rate"])
    unit: str = Field(description="UCUM", examples=["/min"])
    last_us: int | None = Field(description="UTC µs of its newest sample, null before the first")


class StreamOut(BaseModel):
    """One stream of a device."""

    stream: str = Field(examples=["hr"])
    class_: str = Field(alias="class", examples=["scalar"])
    rate_hz: float = Field(description="Nominal; 0 where samples are not regular")
    metrics: list[MetricOut]


class DeviceOut(BaseModel):
    """One device, under its global id edge.device."""

    device: str = Field(examples=["home-1.strap-1"])
    edge: str
    pilot: str
    model: str = Field(examples=["polar-h10"])
    kind: str = Field(examples=["wearable"])
    person: str | None = Field(description="Pseudonym of who has it now", examples=["p-7f3a"])
    link: str = Field(examples=["connected"])
    rssi_dbm: int | None
    battery_pct: int | None
    streams: list[StreamOut]
    labels: list[str] = Field(
        description="What the pilot calls its buttons, from button 1 on", examples=[["Good", "Bad"]]
    )
    last_us: int | None = Field(description="UTC µs of its newest sample")


@router.get("/devices", summary="Every device", response_model=list[DeviceOut])
def devices(
    gateway: TheGateway,
    asker: TheAsker,
    sight: TheSight,
    pilot: Annotated[str | None, Query(description="Only this pilot's", max_length=64)] = None,
) -> list[DeviceOut]:
    """Devices that an edge has announced, with streams, link state and newest sample."""
    latest = store_for(gateway, purpose_of(asker, None), sight).latest()
    gate, now_us = sight.gate(), gateway.now_us()
    return [
        _device(view, info, latest, sight.person(gate.person(f"{view.edge}.{info.device}", now_us)))
        for view in sight.edges()
        if pilot in (None, view.pilot)
        for info in view.devices
        if sight.device(view, info)
    ]


def _device(
    view: EdgeView,
    info: DeviceInfo,
    latest: Mapping[str, Mapping[str, Latest]],
    person: str | None,
) -> DeviceOut:
    name = f"{view.edge}.{info.device}"
    status = view.device_status(info.device)
    newest = {metric: sample.t_us for metric, sample in latest.get(name, {}).items()}
    heard = status if view.online else None
    return DeviceOut(
        device=name,
        edge=view.edge,
        pilot=view.pilot,
        model=info.model,
        kind=info.kind,
        person=person,
        link=heard.link if heard else "unknown",
        rssi_dbm=heard.rssi_dbm if heard else None,
        battery_pct=status.battery_pct if status else None,
        streams=[_stream(s, newest) for s in info.streams],
        labels=list(info.labels),
        last_us=max(newest.values(), default=None),
    )


def _stream(info: StreamInfo, newest: Mapping[str, int]) -> StreamOut:
    return StreamOut(
        stream=info.stream,
        **{"class": info.class_},
        rate_hz=info.rate_hz,
        metrics=[_metric(name, newest.get(name)) for name in info.metrics],
    )


def _metric(name: str, last_us: int | None) -> MetricOut:
    try:
        metric = by_name(name)
    except UnknownMetricError:  # a newer edge knows more metrics than this gateway
        return MetricOut(name=name, label=name, unit="1", last_us=last_us)
    return MetricOut(name=metric.name, label=metric.label, unit=metric.unit, last_us=last_us)
