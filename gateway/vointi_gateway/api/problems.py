"""Every refusal as one JSON object: field and fix; never a stack."""

from __future__ import annotations

import logging

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse

from ..errors import (
    ConflictError,
    NotAllowedError,
    QueryError,
    RegistryError,
    StoreError,
    UnknownRecordError,
    UnknownSeriesError,
)
from ..identity.errors import IdentityError

log = logging.getLogger(__name__)


def _problem(status: int, field: str, fix: str) -> JSONResponse:
    return JSONResponse({"field": field, "fix": fix}, status_code=status)


async def _query(_request: Request, exc: Exception) -> JSONResponse:
    field, fix = (exc.field, exc.fix) if isinstance(exc, QueryError) else ("", "")
    return _problem(422, field, fix)


async def _registry(_request: Request, exc: Exception) -> JSONResponse:
    if not isinstance(exc, RegistryError):
        return _problem(500, "", "")
    kinds = ((UnknownRecordError, 404), (ConflictError, 409), (NotAllowedError, 403))
    status = next((code for kind, code in kinds if isinstance(exc, kind)), 422)
    return _problem(status, exc.field, exc.fix)


async def _identity(_request: Request, exc: Exception) -> JSONResponse:
    if not isinstance(exc, IdentityError):
        return _problem(500, "", "")
    return _problem(exc.status, exc.field, exc.fix)


async def _unknown_series(_request: Request, exc: Exception) -> JSONResponse:
    return _problem(404, "metric", str(exc).removeprefix("metric: "))


async def _store(_request: Request, exc: Exception) -> JSONResponse:
    log.warning("a query failed: %s", exc)
    return _problem(503, "", "the store cannot answer now; try again in a moment")


async def _validation(_request: Request, exc: Exception) -> JSONResponse:
    first = exc.errors()[0] if isinstance(exc, RequestValidationError) else {}
    place = [str(part) for part in first.get("loc", ()) if part not in ("query", "path", "body")]
    return _problem(422, ".".join(place), str(first.get("msg", "is not valid")).lower())


async def _http(_request: Request, exc: Exception) -> JSONResponse:
    status = exc.status_code if isinstance(exc, HTTPException) else 500
    fix = {404: "no such page; /api/v1/openapi.json lists all", 405: "this method is not for it"}
    fix[413] = "the body is too large"
    return _problem(status, "", fix.get(status, "the request cannot be answered"))


async def _crash(_request: Request, exc: Exception) -> JSONResponse:
    log.error("a request failed: %s", type(exc).__name__, exc_info=exc)
    return _problem(500, "", "the gateway failed on this; its log says where")


def install(app: FastAPI) -> None:
    """Answer every error of the application in this form."""
    app.add_exception_handler(QueryError, _query)
    app.add_exception_handler(RegistryError, _registry)
    app.add_exception_handler(IdentityError, _identity)
    app.add_exception_handler(UnknownSeriesError, _unknown_series)
    app.add_exception_handler(StoreError, _store)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _crash)
