"""One answer in three forms: JSON, CSV, Arrow stream; chosen by Accept."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pyarrow as pa
from starlette.responses import JSONResponse, Response, StreamingResponse
from vointi_contract.errors import UnknownMetricError
from vointi_contract.metrics import by_name

from ..errors import QueryError

JSON = "application/json"
CSV = "text/csv"
ARROW = "application/vnd.apache.arrow.stream"

#: Rows turned to text at a time: memory stays flat while the answer flows.
CSV_ROWS = 20_000

Columns = dict[str, np.ndarray[Any, Any]]


def wanted(accept: str) -> str | None:
    """The first known media type by quality, JSON for anything; None when none fits."""
    ranked = sorted((_weighed(part) for part in accept.split(",")), key=lambda p: -p[1])
    for name, quality in ranked:
        if quality > 0 and name in {JSON, CSV, ARROW}:
            return name
        if quality > 0 and name in {"", "*/*", "application/*"}:
            return JSON
        if quality > 0 and name == "text/*":
            return CSV
    return None


def not_acceptable() -> Response:
    """The answer to who accepts none of the three."""
    fix = f"accept {JSON}, {CSV} or {ARROW}"
    return JSONResponse({"field": "Accept", "fix": fix}, status_code=406)


def unit_of(metric: str) -> str:
    """The UCUM unit of a metric that was asked for. Raises QueryError."""
    try:
        return by_name(metric).unit
    except UnknownMetricError as exc:
        raise QueryError("metric", exc.fix) from exc


def _weighed(part: str) -> tuple[str, float]:
    name, *parameters = (p.strip().lower() for p in part.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return name, float(parameter[2:])
            except ValueError:
                return name, 0.0
    return name, 1.0


def csv_response(columns: Columns, filename: str, source: str) -> Response:
    """The columns as CSV with a header row; a header says what they were read from."""
    headers = {"Content-Disposition": f'attachment; filename="{filename}.csv"'}
    headers["Vointi-Source"] = source
    return StreamingResponse(_csv(columns), media_type=CSV, headers=headers)


def _csv(columns: Columns) -> Iterator[str]:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    yield out.getvalue()
    length = len(next(iter(columns.values())))
    for start in range(0, length, CSV_ROWS):
        out = io.StringIO()
        parts = [column[start : start + CSV_ROWS].tolist() for column in columns.values()]
        csv.writer(out, lineterminator="\r\n").writerows(zip(*parts, strict=True))
        yield out.getvalue()


def arrow_response(columns: Mapping[str, Any], about: dict[str, str]) -> Response:
    """The columns as one Arrow IPC stream; `about` becomes the schema's metadata."""
    table = pa.table(dict(columns)).replace_schema_metadata(about)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return Response(sink.getvalue().to_pybytes(), media_type=ARROW)


def arrow_columns(lists: Mapping[str, list[Any]], kinds: Mapping[str, str]) -> dict[str, Any]:
    """Lists, with None for what is not told, as Arrow's columns; `kinds` are Arrow's type names."""
    return {name: pa.array(lists[name], pa.type_for_alias(kind)) for name, kind in kinds.items()}
