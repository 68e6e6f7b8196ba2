"""/api/v1/releases: what edges may be ordered to install, and its file for who was ordered it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path as FilePath
from typing import Annotated, Final

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import StreamingResponse
from vointi_contract.errand import Errand
from vointi_contract.errors import PayloadError

from ..identity.errors import RefusedError, SignInError, UnknownError
from .deps import GatewayView, Problem, TheGateway
from .session import address

router = APIRouter(tags=["edges"])

_Digest = Annotated[str, Path(pattern="^[0-9a-f]{64}$", examples=["0" * 64])]
_CHUNK: Final = 256 * 1024
_RANGE: Final = re.compile(r"bytes=(\d{1,12})-")
_ANSWERS: dict[int | str, dict[str, object]] = {
    200: {"content": {"application/octet-stream": {}}, "description": "The whole file"},
    206: {"content": {"application/octet-stream": {}}, "description": "The rest of it"},
    401: {"model": Problem, "description": "Nobody's proof"},
    403: {"model": Problem, "description": "The proof is not good (any more)"},
    404: {"model": Problem, "description": "Not here, or not ordered of this edge"},
    422: {"model": Problem, "description": "A parameter is wrong"},
    429: {"model": Problem, "description": "Too many failures from this address"},
}


class ReleaseOut(BaseModel):
    """One release, as its signed manifest says."""

    version: str
    number: int = Field(description="Grows with each release")
    over: int | None = Field(description="May take the place of newer ones up to this number")
    digest: str = Field(description="SHA-256 of the file")
    bytes: int


@router.get("/releases", summary="Releases for edges", response_model=list[ReleaseOut])
def releases(gateway: TheGateway) -> list[ReleaseOut]:
    """Newest first; only those that a release key of ours signed."""
    found = gateway.releases.all()
    return [ReleaseOut(**{name: getattr(one, name) for name in one.__slots__}) for one in found]


@router.get(
    "/releases/{digest}/file",
    summary="A release's file",
    response_class=StreamingResponse,
    responses=_ANSWERS,
)
def release_file(request: Request, gateway: TheGateway, digest: _Digest) -> StreamingResponse:
    """For an edge that was ordered it and proves itself by its certificate's key.

    `Range: bytes=N-` gives the rest.
    """
    edge = _visitor(request, gateway)
    path = gateway.releases.path(digest)
    if edge not in gateway.registry.commands.wanted(digest) or not path.is_file():
        raise UnknownError("release", "is not here, or was not ordered of this edge")
    size = path.stat().st_size
    start = _start(request.headers.get("range", ""), size)
    headers = {"Content-Length": str(size - start), "Accept-Ranges": "bytes"}
    if start:
        headers["Content-Range"] = f"bytes {start}-{size - 1}/{size}"
    return StreamingResponse(
        _content(path, start, lambda: gateway.registry.commands.fetched(edge, digest)),
        status_code=206 if start else 200,
        media_type="application/octet-stream",
        headers=headers,
    )


def _visitor(request: Request, gateway: GatewayView) -> str:
    """The edge that asks. Raises IdentityError."""
    edges = gateway.identity.edges
    where = address(request)
    name, throttle = f"enrol:{where}", gateway.identity.throttle
    throttle.check(name, where)
    try:
        errand = Errand.from_header(request.headers.get("authorization", ""))
    except PayloadError as exc:
        raise SignInError(exc.field, exc.fix) from exc
    try:
        return edges.visitor(errand, request.url.path)
    except RefusedError:
        throttle.failed(name, where)
        raise


def _start(wanted: str, size: int) -> int:
    """Where to begin; a range of any other form gets the whole, as RFC 9110 allows."""
    found = _RANGE.fullmatch(wanted)
    return int(found[1]) if found and int(found[1]) < size else 0


def _content(path: FilePath, start: int, done: Callable[[], None]) -> Iterator[bytes]:
    with path.open("rb") as file:
        file.seek(start)
        while chunk := file.read(_CHUNK):
            yield chunk
    done()
