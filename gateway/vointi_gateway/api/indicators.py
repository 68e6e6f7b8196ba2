"""GET /api/v1/indicators/daily: pilots beside each other by day, of groups and never of one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from ..errors import QueryError
from ..pilots.gate import Gate
from ..pilots.indicators import DAY_US, MIN_EDGES, MIN_PEOPLE, Cell, Indicators
from ..pilots.rooms import ROOM_METRICS, Rooms
from ..settings import PilotSettings
from .asker import TheAsker
from .deps import Problem, TheGateway
from .formats import (
    ARROW,
    CSV,
    JSON,
    arrow_columns,
    arrow_response,
    csv_response,
    not_acceptable,
    unit_of,
    wanted,
)
from .sight import Sight, TheSight
from .timespan import parse_time

router = APIRouter(tags=["indicators"])

#: What pilots are compared for, and the one purpose whose consent counts here.
PURPOSE = "evaluation"
#: Days in one answer: a year of a pilot, and some to compare it with.
MAX_DAYS = 400
#: Columns, with their types in Arrow.
_KINDS = {
    "day_us": "int64",
    "pilot": "string",
    "people": "int64",
    "mean": "float64",
    "suppressed": "string",
}


class DailyOut(BaseModel):
    """One row a day and pilot, and one for all together ("*"); the lists have one length."""

    metric: str = Field(examples=["heart_rate"])
    unit: str = Field(description="UCUM", examples=["/min"])
    purpose: str = Field(description="Whose consent counts", examples=["evaluation"])
    minimum_people: int = Field(
        description="Smaller groups are suppressed; 0 for rooms of service points", examples=[10]
    )
    minimum_edges: int = Field(description="And those of fewer homes", examples=[2])
    day_us: list[int] = Field(description="Begin of the UTC day, µs")
    pilot: list[str]
    people: list[int | None] = Field(description="Rounded down to fives; null for rooms")
    mean: list[float | None] = Field(
        description="Of one value a person, in steps that one of them cannot move it by; "
        "or of one value a device of a room. Three digits at most"
    )
    suppressed: list[str] = Field(
        description='"few" (or nobody), "open" (the day is not told yet), "none" (of a room), or ""'
    )


_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Days by pilot",
        "content": {CSV: {"schema": {"type": "string"}}, ARROW: {"schema": {"type": "string"}}},
    },
    404: {"model": Problem, "description": "No such pilot"},
    406: {"model": Problem, "description": "No form that the client accepts"},
    422: {"model": Problem, "description": "A parameter is wrong; field and fix"},
}


@router.get(
    "/indicators/daily",
    summary="A metric by day and pilot",
    response_model=DailyOut,
    responses=_ANSWERS,
)
def daily(  # noqa: PLR0917 - the parameters are the query's
    request: Request,
    gateway: TheGateway,
    asker: TheAsker,
    sight: TheSight,
    metric: Annotated[str, Query(description="Metric name", examples=["ecg"], max_length=64)],
    start: Annotated[
        str, Query(alias="from", description="RFC 3339, epoch seconds or -30d", max_length=40)
    ] = "-30d",
    end: Annotated[
        str, Query(alias="to", description="As from; only whole days count", max_length=40)
    ] = "-0s",
    pilot: Annotated[str | None, Query(description="Only this pilot", max_length=63)] = None,
) -> Response:
    """Means of what people agreed to for evaluation, and of what rooms of service points measure.

    JSON, CSV or Arrow, by the Accept header.
    """
    form = wanted(request.headers.get("accept", JSON))
    if form is None:
        return not_acceptable()
    now_us = gateway.now_us()
    from_us, to_us = parse_time(start, "from", now_us), parse_time(end, "to", now_us)
    about = {"metric": metric, "unit": unit_of(metric), "purpose": PURPOSE}
    if not from_us < to_us <= from_us + MAX_DAYS * DAY_US:
        raise QueryError("from", f"must be before to, by at most {MAX_DAYS} days")
    if pilot is not None:
        asker.must_see(pilot)
    gate, until_us = sight.gate(), min(to_us, now_us)
    pilots = [
        one
        for one in sight.pilots()
        if one.id in gate.rules and gate.rules[one.id].of(PURPOSE, frozenset({metric}))
    ]
    if metric in ROOM_METRICS:
        rooms = Rooms(gateway.readings, _devices(pilots, sight, gate))
        cells, least = rooms.daily(metric, from_us, until_us), (0, 0)
    else:
        told = gateway.registry.published
        indicators = Indicators(gateway.readings, gate, PURPOSE, gateway.now_us, told)
        cells = indicators.daily(metric, from_us, until_us, [one.id for one in pilots])
        least = (MIN_PEOPLE, MIN_EDGES)
    return _answer(form, [c for c in cells if pilot in (None, c.pilot)], about, least)


def _devices(
    pilots: Sequence[PilotSettings], sight: Sight, gate: Gate
) -> dict[str, tuple[str, ...]]:
    """Devices of service points' rooms by pilot; none that anybody ever wore."""
    found: dict[str, tuple[str, ...]] = {
        one.id: () for one in pilots if one.kind == "service_point"
    }
    for edge in sight.edges():
        if edge.pilot in found and edge.birth and edge.birth.role == "service_point":
            names = (f"{edge.edge}.{one.device}" for one in edge.devices)
            found[edge.pilot] += tuple(n for n in names if n in gate.rooms and n not in gate.loans)
    return found


def _answer(
    form: str, cells: list[Cell], about: dict[str, str], minimum: tuple[int, int]
) -> Response:
    least = dict(zip(("minimum_people", "minimum_edges"), minimum, strict=True))
    lists: dict[str, list[Any]] = {n: [getattr(cell, n) for cell in cells] for n in _KINDS}
    if form == CSV:
        columns = {name: np.array(values, object) for name, values in lists.items()}
        return csv_response(columns, f"daily.{about['metric']}", "groups")
    if form == ARROW:
        said = {name: str(one) for name, one in least.items()}
        return arrow_response(arrow_columns(lists, _KINDS), about | said)
    return JSONResponse(about | least | lists)
