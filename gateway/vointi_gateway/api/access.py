"""Which role may use which route: the whole table. A route that is not in it is the operator's.

What a role then sees of a pilot, a device or a person is the business of sight.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.routing import compile_path

from ..identity.sessions import ROLES

ANONYMOUS = "anonymous"
_OPERATOR = frozenset({"operator"})
_SIGNED_IN = frozenset[str](ROLES)
_ANYBODY = _SIGNED_IN | {ANONYMOUS}
#: A city sees pilots and their state, never what was measured of a person.
_READINGS = _SIGNED_IN - {"city"}
_STAFF = _SIGNED_IN - {"resident"}
_CARING = _OPERATOR | {"care"}
#: Whose word a consent is: a resident's own, or of who took it down.
_SPEAKING = _CARING | {"resident"}
_OWNING = _OPERATOR | {"resident"}
#: Who compares pilots: by groups of people, never by one.
_COMPARING = _OPERATOR | {"city", "company"}
_RESIDENT = frozenset({"resident"})


@dataclass(frozen=True, slots=True)
class Rule:
    """One route and who may use it; a form carries its session's word in a field of its own."""

    method: str
    path: str
    roles: frozenset[str]
    form: bool = False


RULES: tuple[Rule, ...] = (
    Rule("GET", "/api/v1/openapi.json", _ANYBODY),
    Rule("GET", "/api/v1/alive", _ANYBODY),
    Rule("GET", "/api/v1/health", _STAFF),
    # A scraper has a token and no session; the route asks for one of the two.
    Rule("GET", "/api/v1/metrics", _ANYBODY),
    Rule("GET", "/api/v1/pilots", _SIGNED_IN),
    Rule("GET", "/api/v1/pilots/schema", _SIGNED_IN),
    Rule("GET", "/api/v1/pilots/{pilot}", _STAFF),
    Rule("POST", "/api/v1/pilots", _OPERATOR),
    Rule("GET", "/api/v1/devices", _SIGNED_IN),
    Rule("GET", "/api/v1/series", _READINGS),
    Rule("GET", "/api/v1/indicators/daily", _COMPARING),
    Rule("GET", "/api/v1/live", _READINGS),
    Rule("GET", "/api/v1/participants", _CARING),
    Rule("POST", "/api/v1/participants", _CARING),
    # The code of an invitation is all that is needed, once.
    Rule("POST", "/api/v1/participants/join", _ANYBODY),
    Rule("GET", "/api/v1/loans", _CARING),
    Rule("POST", "/api/v1/loans", _CARING),
    Rule("POST", "/api/v1/loans/events", _CARING),
    Rule("GET", "/api/v1/consents", _SPEAKING),
    Rule("POST", "/api/v1/consents", _SPEAKING),
    Rule("GET", "/api/v1/consents/texts", _ANYBODY),
    Rule("GET", "/api/v1/consents/{pilot}/{person}", _SPEAKING),
    Rule("GET", "/api/v1/consents/{pilot}/{person}/{purpose}/receipt", _SPEAKING),
    Rule("POST", "/api/v1/erasures", _OWNING),
    # The session ends with the data: who asked knows the id, and the answer names nobody.
    Rule("GET", "/api/v1/erasures/{erasure}", _ANYBODY),
    Rule("GET", "/api/v1/people/{pilot}/{person}", _OWNING),
    Rule("POST", "/api/v1/exports", _OWNING),
    Rule("GET", "/api/v1/exports/{export}", _OWNING),
    Rule("GET", "/api/v1/exports/{export}/file", _OWNING),
    Rule("GET", "/api/v1/approvals", _OPERATOR),
    Rule("POST", "/api/v1/approvals", _CARING),
    Rule("POST", "/api/v1/approvals/{approval}/approve", _OPERATOR),
    Rule("POST", "/api/v1/approvals/{approval}/use", _CARING),
    Rule("GET", "/api/v1/refusals", _CARING | {"city"}),
    Rule("GET", "/api/v1/quarantine", _OPERATOR),
    Rule("GET", "/api/v1/quarantine/{delivery}", _OPERATOR),
    Rule("POST", "/api/v1/quarantine/replay", _OPERATOR),
    Rule("POST", "/api/v1/quarantine/drop", _OPERATOR),
    Rule("GET", "/api/v1/audit", _OPERATOR | {"city"}),
    Rule("GET", "/api/v1/audit/head", _STAFF),
    Rule("POST", "/api/v1/session", _ANYBODY),
    Rule("GET", "/api/v1/session", _SIGNED_IN),
    Rule("DELETE", "/api/v1/session", _SIGNED_IN),
    Rule("POST", "/api/v1/invitations", _OPERATOR),
    # A box proves itself by its ticket or its old key; no session is involved.
    Rule("GET", "/api/v1/enrol/ca", _ANYBODY),
    Rule("POST", "/api/v1/enrol", _ANYBODY),
    Rule("POST", "/api/v1/enrol/renew", _ANYBODY),
    Rule("GET", "/api/v1/edges", _OPERATOR),
    Rule("POST", "/api/v1/edges/{edge}/ticket", _OPERATOR),
    Rule("POST", "/api/v1/edges/{edge}/revoke", _OPERATOR),
    Rule("GET", "/api/v1/releases", _OPERATOR),
    # The same proof, and only what this box was ordered.
    Rule("GET", "/api/v1/releases/{digest}/file", _ANYBODY),
    Rule("GET", "/", _SIGNED_IN),
    Rule("GET", "/pilots/{pilot_id}", _SIGNED_IN),
    Rule("GET", "/static/{path:path}", _ANYBODY),
    Rule("GET", "/sign-in", _ANYBODY),
    Rule("POST", "/sign-in", _ANYBODY, form=True),
    Rule("POST", "/sign-out", _SIGNED_IN, form=True),
    Rule("GET", "/welcome/{token}", _ANYBODY),
    Rule("POST", "/welcome/{token}", _ANYBODY, form=True),
    Rule("GET", "/me", _RESIDENT),
    Rule("POST", "/me/consent", _RESIDENT, form=True),
    Rule("GET", "/me/receipt/{purpose}", _RESIDENT),
    Rule("POST", "/me/copy", _RESIDENT, form=True),
    Rule("GET", "/me/erase", _RESIDENT),
    Rule("POST", "/me/erase", _RESIDENT, form=True),
    # The session ends with the data: who asked knows the address, and it names nobody.
    Rule("GET", "/erased/{erasure}", _ANYBODY),
    Rule("GET", "/erased/{erasure}/receipt", _ANYBODY),
)


class Access:
    """Finds the rule of a request.

    Args:
        rules: the table.

    """

    def __init__(self, rules: Iterable[Rule] = RULES) -> None:
        self._rules: list[tuple[re.Pattern[str], Rule]] = [
            (compile_path(rule.path)[0], rule) for rule in rules
        ]

    def rule(self, method: str, path: str) -> Rule:
        """The rule of this route; of an unlisted one, the operator's."""
        wanted = "GET" if method == "HEAD" else method
        for pattern, rule in self._rules:
            if rule.method == wanted and pattern.match(path):
                return rule
        return Rule(method, path, _OPERATOR)
