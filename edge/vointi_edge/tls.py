"""The one way in which the edge speaks TLS: 1.2 at least, the peer's name and chain checked."""

from __future__ import annotations

import ssl
from pathlib import Path

from vointi_edge.errors import IdentityError


def trusting(trust: str) -> ssl.SSLContext:
    """A context that trusts these roots (PEM) alone. Raises IdentityError."""
    try:
        context = ssl.create_default_context(cadata=trust)
    except (ValueError, ssl.SSLError) as error:
        raise IdentityError("ca.pem", f"cannot be used ({error}); enrol first") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def client_context(ca_file: Path, cert_file: Path, key_file: Path) -> ssl.SSLContext:
    """A context that trusts `ca_file` alone and shows `cert_file`. Raises IdentityError."""
    try:
        context = trusting(ca_file.read_text(encoding="utf-8"))
        context.load_cert_chain(str(cert_file), str(key_file))
    except OSError as error:  # ssl.SSLError is one
        name = error.filename or cert_file
        raise IdentityError(str(name), f"cannot be used ({error}); enrol first") from error
    return context
