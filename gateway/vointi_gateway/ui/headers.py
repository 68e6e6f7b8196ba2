"""Security headers of the pages and of their static files."""

from __future__ import annotations

from collections.abc import Mapping

_CSP = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "font-src 'self'",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
    )
)

STATIC_HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-cache",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}

_PAGE_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": _CSP,
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}

# One year, the shortest time that browsers' preload rules call durable.
_HSTS = "max-age=31536000"


def page_headers(scheme: str) -> dict[str, str]:
    """Return the headers of an HTML page; HSTS only over TLS, where RFC 6797 §7.2 allows it."""
    headers = dict(_PAGE_HEADERS)
    if scheme == "https":
        headers["Strict-Transport-Security"] = _HSTS
    return headers
