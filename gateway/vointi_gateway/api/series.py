"""GET /api/v1/series: samples of one metric of one device, raw or by window."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..errors import QueryError, UnknownSeriesError
from ..pilots.consented import ConsentedStore
from ..store.model import SeriesQuery
from .asker import TheAsker
from .deps import Problem, TheGateway
from .formats import (
    ARROW,
    CSV,
    JSON,
    Columns,
    arrow_response,
    csv_response,
    not_acceptable,
    unit_of,
    wanted,
)
from .purpose import PurposeQuery, purpose_of, store_for
from .sight import TheSight
from .timespan import parse_resolution, parse_time

router = APIRouter(tags=["series"])

#: Raw samples in one answer: an hour of ECG at 130 Hz, some 15 MB of JSON.
MAX_SAMPLES = 500_000
#: Windows in one answer: more than any screen has columns, or a month of minutes.
MAX_WINDOWS = 50_000


class RawOut(BaseModel):
    """Samples by time; the lists have one length."""

    device: str = Field(examples=["home-1.strap-1"])
    metric: str = Field(examples=["heart_rate"])
    unit: str = Field(description="UCUM", examples=["/min"])
    resolution: str = Field(examples=["raw"])
    source: str = Field(description="What it was read from: raw", examples=["raw"])
    t_us: list[int] = Field(description="UTC µs", examples=[[1767225600000000]])
    value: list[float] = Field(examples=[[62.0]])
    quality: list[int] = Field(description="Bit set, 0 is good", examples=[[0]])
    seq: list[int] = Field(description="Sequence number of the reading", examples=[[1]])


class WindowsOut(BaseModel):
    """Summaries by window; `t_us` is the window's start, empty windows are absent."""

    device: str
    metric: str
    unit: str
    resolution: str = Field(examples=["60s"])
    source: str = Field(
        description="raw: made of samples; 1m, 1d: of kept summaries; mixed: of both",
        examples=["1m"],
    )
    t_us: list[int]
    n: list[int]
    mean: list[float]
    min: list[float]
    max: list[float]


_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Samples, or summaries when a resolution is given",
        "content": {CSV: {"schema": {"type": "string"}}, ARROW: {"schema": {"type": "string"}}},
    },
    404: {"model": Problem, "description": "Nothing of this metric was ever stored"},
    406: {"model": Problem, "description": "No form that the client accepts"},
    422: {"model": Problem, "description": "A parameter is wrong; field and fix"},
}


@router.get(
    "/series",
    summary="Samples of one metric",
    response_model=RawOut | WindowsOut,
    responses=_ANSWERS,
)
def series(  # noqa: PLR0917 - the parameters are the query's
    request: Request,
    gateway: TheGateway,
    asker: TheAsker,
    sight: TheSight,
    device: Annotated[
        str, Query(description="Global id edge.device", examples=["home-1.strap-1"], max_length=130)
    ],
    metric: Annotated[str, Query(description="Metric name", examples=["ecg"], max_length=64)],
    start: Annotated[
        str, Query(alias="from", description="RFC 3339, epoch seconds or -60s", max_length=40)
    ] = "-60s",
    end: Annotated[
        str, Query(alias="to", description="As from; the end is not included", max_length=40)
    ] = "-0s",
    resolution: Annotated[
        str, Query(description="raw, or a window: 1s, 60s, 1m, 1h", max_length=12)
    ] = "raw",
    stream: Annotated[
        str | None, Query(description="Only this stream of the device", max_length=64)
    ] = None,
    purpose: PurposeQuery = None,
) -> Response:
    """JSON, CSV or an Arrow stream, by the Accept header; only what is agreed for the purpose."""
    form = wanted(request.headers.get("accept", JSON))
    if form is None:
        return not_acceptable()
    now_us = gateway.now_us()
    query = SeriesQuery(
        device, metric, parse_time(start, "from", now_us), parse_time(end, "to", now_us), stream
    )
    if not sight.device_id(device):
        raise UnknownSeriesError(device, metric)
    meant = purpose_of(asker, purpose)
    store = store_for(gateway, meant, sight)
    columns, source = _columns(store, query, parse_resolution(resolution))
    owners = sight.gate().owners(device, query.from_us, query.to_us)
    gateway.registry.views.note(asker.name, meant, owners)
    about = {"device": device, "metric": metric, "unit": unit_of(metric)}
    about |= {"resolution": resolution, "source": source}
    if form == CSV:
        return csv_response(columns, f"{device}.{metric}", source)
    if form == ARROW:
        return arrow_response(columns, about)
    return JSONResponse(about | {name: column.tolist() for name, column in columns.items()})


def _columns(
    store: ConsentedStore, query: SeriesQuery, window_us: int | None
) -> tuple[Columns, str]:
    unit_of(query.metric)
    if query.to_us <= query.from_us:
        raise QueryError("to", "is not after from; swap them")
    if window_us is None:
        if store.count_samples(query) > MAX_SAMPLES:
            raise QueryError(
                "from", f"more than {MAX_SAMPLES} samples; shorten the range or set resolution"
            )
        found = store.samples(query)
        names = ("t_us", "value", "quality", "seq")
        return {name: getattr(found, name) for name in names}, "raw"
    if (query.to_us - query.from_us) // window_us > MAX_WINDOWS:
        raise QueryError(
            "resolution", f"more than {MAX_WINDOWS} windows; use wider ones or a shorter range"
        )
    w = store.windows(query, window_us)
    return {"t_us": w.t_us, "n": w.n, "mean": w.mean, "min": w.low, "max": w.high}, w.source
