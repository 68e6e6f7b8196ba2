"""Every route with what it answers to each role, and what to send to ask."""

from __future__ import annotations

from door_kit import PERSON, ROLES
from gateway_kit import DEVICE, EDGE, OTHER_EDGE, PILOT, T0_US

SPAN = f"from={T0_US / 1e6 - 10}&to={T0_US / 1e6 + 10}"
OWN, FOREIGN = f"{EDGE}.{DEVICE}", f"{OTHER_EDGE}.{DEVICE}"
BODIES = {
    "POST /api/v1/invitations": {"person": PERSON, "pilot": PILOT},
    "POST /api/v1/participants": {"pilot": "none"},
    "POST /api/v1/participants/join": {"code": "none"},
    "POST /api/v1/loans": {"device": "no.such", "pilot": "none", "person": "none"},
    "POST /api/v1/loans/events": {"device": "no.such", "kind": "cleaned"},
    "POST /api/v1/consents": {
        "pilot": "none",
        "person": "none",
        "purpose": "care",
        "kind": "given",
    },
    "POST /api/v1/erasures": {"pilot": "none", "person": "none"},
    "POST /api/v1/approvals": {"pilot": "none", "person": "none", "reason": "test"},
    "POST /api/v1/exports": {"pilot": "none", "person": "none"},
    "POST /api/v1/edges/{edge}/ticket": {},
    "POST /api/v1/edges/{edge}/revoke": {"reason": "lost"},
}
WITHOUT_A_BODY = ("/approve", "/use")
PLACES = {
    "{path:path}": "css/base.css", "{token}": "none", "{pilot}": PILOT, "{person}": PERSON,
    "{purpose}": "care", "{erasure}": "none", "{export}": "none", "{approval}": "none",
    "{delivery}": "none", "{digest}": "0" * 64,
}  # fmt: skip
QUERIES = {
    "GET /api/v1/series": f"?device={OWN}&metric=heart_rate&{SPAN}",
    "GET /api/v1/indicators/daily": "?metric=heart_rate&from=-3d",
}
#: 503: the route is open to this role, and the stream is not, because the house is closing.
MATRIX = """
route                             anonymous company city care operator resident
GET /api/v1/openapi.json          200       200     200  200  200      200
GET /api/v1/alive                 200       200     200  200  200      200
GET /api/v1/health                401       200     200  200  200      403
GET /api/v1/metrics               401       403     403  403  200      403
GET /api/v1/pilots                401       200     200  200  200      200
GET /api/v1/pilots/schema         401       200     200  200  200      200
GET /api/v1/pilots/{pilot}        401       200     200  200  200      403
POST /api/v1/pilots               401       403     403  403  422      403
GET /api/v1/participants          401       403     403  200  200      403
POST /api/v1/participants         401       403     403  404  404      403
POST /api/v1/participants/join    422       422     422  422  422      422
GET /api/v1/loans                 401       403     403  200  200      403
POST /api/v1/loans                401       403     403  404  404      403
POST /api/v1/loans/events         401       403     403  404  404      403
GET /api/v1/consents              401       403     403  200  200      200
POST /api/v1/consents             401       403     403  404  404      404
GET /api/v1/consents/texts        200       200     200  200  200      200
GET /api/v1/consents/{pilot}/{person} 401   403     403  200  200      200
GET /api/v1/consents/{pilot}/{person}/{purpose}/receipt 401 403 403 200 200 200
POST /api/v1/erasures             401       403     403  403  404      404
GET /api/v1/erasures/{erasure}    404       404     404  404  404      404
GET /api/v1/people/{pilot}/{person} 401     403     403  403  200      200
POST /api/v1/exports              401       403     403  403  404      404
GET /api/v1/exports/{export}      401       403     403  403  404      404
GET /api/v1/exports/{export}/file 401       403     403  403  404      404
GET /api/v1/approvals             401       403     403  403  200      403
POST /api/v1/approvals            401       403     403  404  404      403
POST /api/v1/approvals/{approval}/approve 401 403   403  403  404      403
POST /api/v1/approvals/{approval}/use 401   403     403  404  404      403
GET /api/v1/refusals              401       403     200  200  200      403
GET /api/v1/quarantine            401       403     403  403  200      403
GET /api/v1/quarantine/{delivery} 401       403     403  403  404      403
POST /api/v1/quarantine/replay    401       403     403  403  422      403
POST /api/v1/quarantine/drop      401       403     403  403  422      403
GET /api/v1/audit                 401       403     200  403  200      403
GET /api/v1/audit/head            401       200     200  200  200      403
GET /api/v1/devices               401       200     200  200  200      200
GET /api/v1/series                401       200     403  200  200      200
GET /api/v1/indicators/daily      401       200     200  403  200      403
GET /api/v1/live                  401       503     403  503  503      503
POST /api/v1/session              422       422     422  422  422      422
GET /api/v1/session               401       200     200  200  200      200
POST /api/v1/invitations          401       403     403  403  201      403
GET /api/v1/enrol/ca              200       200     200  200  200      200
POST /api/v1/enrol                422       422     422  422  422      422
POST /api/v1/enrol/renew          422       422     422  422  422      422
GET /api/v1/edges                 401       403     403  403  200      403
POST /api/v1/edges/{edge}/ticket  401       403     403  403  201      403
POST /api/v1/edges/{edge}/revoke  401       403     403  403  204      403
GET /api/v1/releases              401       403     403  403  200      403
GET /api/v1/releases/{digest}/file 401      401     401  401  401      401
GET /                             303       200     200  200  200      303
GET /pilots/{pilot_id}            303       200     200  200  200      200
GET /static/{path:path}           200       200     200  200  200      200
GET /sign-in                      200       200     200  200  200      200
POST /sign-in                     401       401     401  401  401      401
GET /welcome/{token}              200       200     200  200  200      200
POST /welcome/{token}             401       401     401  401  401      401
DELETE /api/v1/session            401       204     204  204  204      204
POST /sign-out                    303       403     403  403  403      403
GET /me                           303       403     403  403  403      200
POST /me/consent                  303       403     403  403  403      403
GET /me/receipt/{purpose}         303       403     403  403  403      200
POST /me/copy                     303       403     403  403  403      403
GET /me/erase                     303       403     403  403  403      200
POST /me/erase                    303       403     403  403  403      403
GET /erased/{erasure}             404       404     404  404  404      404
GET /erased/{erasure}/receipt     404       404     404  404  404      404
"""
HEAD, *ROWS = [line.rsplit(maxsplit=len(ROLES)) for line in MATRIX.strip().split("\n")]
EXPECTED = {row[0].strip(): dict(zip(HEAD[1:], map(int, row[1:]), strict=True)) for row in ROWS}
