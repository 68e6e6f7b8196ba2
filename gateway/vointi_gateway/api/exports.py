"""/api/v1/exports: everything that is held about a person, as a file for that person."""

from __future__ import annotations

from pathlib import Path as FilePath
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field
from starlette.responses import FileResponse, Response

from ..errors import ConflictError, RegistryError, UnknownRecordError
from ..pilots.access import record_of
from ..pilots.jobs import Job
from .asker import Asker, TheAsker
from .deps import REFUSALS, GatewayView, PersonId, PilotId, TheGateway
from .erasures import WhoIn
from .timespan import parse_resolution

router = APIRouter(tags=["exports"], responses=REFUSALS)

JobId = Annotated[str, Path(description="As POST answered", max_length=64)]


class ExportIn(WhoIn):
    """A person, and how fine the measurements are to be."""

    resolution: str = Field(
        default="raw", description="raw, or summaries by 60s, 1h, 1d", max_length=12
    )


class ExportOut(BaseModel):
    """How far an export is."""

    id: str
    state: str = Field(description="asked, done or failed")


@router.get("/people/{pilot}/{person}", summary="What is held about a person")
def person(
    gateway: TheGateway, asker: TheAsker, pilot: PilotId, person: PersonId
) -> dict[str, Any]:
    """Everything but measurements: records, consents, devices, who looked, what was done."""
    asker.must_be("operator", "resident")
    asker.must_see(pilot, person)
    gateway.registry.audit.append("look", asker.name, pilot=pilot, person=person)
    return record_of(gateway.registry, pilot, person)


@router.post("/exports", summary="Everything, as a file", status_code=202, response_model=ExportOut)
def export(gateway: TheGateway, asker: TheAsker, body: ExportIn) -> ExportOut:
    """A zip file with person.json and a CSV for every series; made within seconds.

    person.json says of each CSV whether it was read from samples or from kept summaries. The file
    is removed after the configured days (`export_days`, 7); ask for a new one then.
    """
    asker.must_be("operator", "resident")
    asker.must_see(body.pilot, body.person)
    gateway.registry.people.get(body.pilot, body.person)
    job = gateway.registry.jobs.ask(
        "export",
        pilot=body.pilot,
        person=body.person,
        actor=asker.name,
        window_us=parse_resolution(body.resolution),
    )
    return ExportOut(id=job.id, state=job.state)


@router.get("/exports/{export}", summary="How far it is", response_model=ExportOut)
def export_state(gateway: TheGateway, asker: TheAsker, export: JobId) -> ExportOut:
    """Asked, done or failed."""
    job = _job(gateway, asker, export)
    return ExportOut(id=job.id, state=job.state)


@router.get(
    "/exports/{export}/file",
    summary="The file",
    response_class=FileResponse,
    responses={200: {"content": {"application/zip": {}}}},
)
def export_file(gateway: TheGateway, asker: TheAsker, export: JobId) -> Response:
    """The zip file, once it is done."""
    job = _job(gateway, asker, export)
    if job.state == "failed":
        raise RegistryError(job.result["field"], job.result["fix"])
    if job.state != "done":
        raise ConflictError("export", "is not done yet; ask again in a moment")
    path = FilePath(job.result["file"])
    if not path.is_file():
        raise UnknownRecordError("export", f"{export} is gone; ask for a new one")
    return FileResponse(path, media_type="application/zip", filename=path.name)


def _job(gateway: GatewayView, asker: Asker, export: str) -> Job:
    asker.must_be("operator", "resident")
    job = gateway.registry.jobs.get(export)
    if job.kind != "export":
        raise UnknownRecordError("job", f"{export} is not known")
    asker.must_see(job.arguments["pilot"], job.arguments["person"])
    return job
