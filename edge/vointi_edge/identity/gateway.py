"""What the edge asks of the gateway over HTTPS: the root, the first certificate, the next one.

The ticket carries the root's SHA-256, so the very first contact trusts nobody on sight. In the
clear it speaks with this machine alone (a demo, a test).
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import json
import ssl
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from vointi_edge.errors import IdentityError
from vointi_edge.text import printable
from vointi_edge.tls import trusting

TIMEOUT_S = 20.0
_LONGEST = 64 * 1024  # an answer with a chain is 3 kB


class Gateway:
    """The gateway's enrolment, at ``https://host[:port]``.

    Args:
        url: where it is.
        trust: PEM of the root; empty before `pin`.

    """

    def __init__(self, url: str, trust: str = "") -> None:
        parts = urlsplit(url)
        self._host, self._port, self._trust = parts.hostname or "", parts.port, trust
        self._secure = parts.scheme == "https"
        if parts.scheme not in ("https", "http") or not self._host:
            raise IdentityError("gateway", f"{url!r} is no address; write https://host:port")
        if not self._secure and not _is_this_machine(self._host):
            raise IdentityError("gateway", "must be https; a ticket is not sent in the clear")

    def pin(self, fingerprint: str) -> None:
        """Fetch the root and believe it only if it is the ticket's. Raises IdentityError."""
        text = self._ask("GET", "/api/v1/enrol/ca", None, self._unverified())
        try:
            found = hashlib.sha256(ssl.PEM_cert_to_DER_cert(text.strip())).hexdigest()
        except ValueError as error:
            raise IdentityError("gateway", "sent no certificate; check its address") from error
        if found != fingerprint.strip().lower():
            raise IdentityError("gateway", "is not the one that gave the ticket; tell the operator")
        self._trust = text

    def enrol(self, ticket: str, request: str, edge: str) -> dict[str, Any]:
        """The first certificate; the answer's fields. Raises IdentityError."""
        return self._post("/api/v1/enrol", {"ticket": ticket, "csr": request, "edge": edge})

    def renew(self, serial: str, request: str, proof: bytes) -> dict[str, Any]:
        """The next certificate; the answer's fields. Raises IdentityError."""
        signature = base64.b64encode(proof).decode()
        body = {"serial": serial, "csr": request, "signature": signature}
        return self._post("/api/v1/enrol/renew", body)

    def _post(self, path: str, body: dict[str, str]) -> dict[str, Any]:
        context = trusting(self._trust) if self._secure else None
        text = self._ask("POST", path, json.dumps(body), context)
        try:
            answer = json.loads(text)
            _ = (answer["chain"], answer["trust"])
        except (ValueError, KeyError, TypeError) as error:
            raise IdentityError("gateway", "answers something else; check its address") from error
        return dict(answer)

    def _unverified(self) -> ssl.SSLContext | None:
        """Only to fetch the root, which is checked against the ticket."""
        if not self._secure:
            return None
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context

    def _ask(self, method: str, path: str, body: str | None, context: ssl.SSLContext | None) -> str:
        connection = (
            HTTPConnection(self._host, self._port, timeout=TIMEOUT_S)
            if context is None
            else HTTPSConnection(self._host, self._port, timeout=TIMEOUT_S, context=context)
        )
        headers = {"Content-Type": "application/json"} if body else {}
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            text = response.read(_LONGEST).decode("utf-8", "replace")
        except (OSError, HTTPException) as error:
            raise IdentityError("gateway", f"cannot be reached: {error}") from error
        finally:
            connection.close()
        if response.status >= 400:
            raise _refused(response.status, text)
        return text


def _refused(status: int, text: str) -> IdentityError:
    try:
        fix = json.loads(text)["fix"]
        field = json.loads(text)["field"]
    except (ValueError, KeyError, TypeError):
        field, fix = "gateway", ""
    return IdentityError(
        printable(str(field)) or "gateway", f"{printable(str(fix), 200)} ({status})"
    )


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def read_address(folder: Path) -> str:
    """The gateway's address as it was at enrolment. Raises IdentityError."""
    try:
        return str(json.loads((folder / "gateway.json").read_text(encoding="utf-8"))["url"])
    except (OSError, ValueError, KeyError) as error:
        raise IdentityError("gateway.json", "cannot be read; enrol with a new ticket") from error
