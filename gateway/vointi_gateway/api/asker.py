"""Who is asking: the one place where a request becomes a person with a role.

Accounts and sessions set `app.state.identify`; without them everybody who reaches the address is
the local operator, as in a demo on one machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Literal

from fastapi import Depends
from starlette.requests import Request

from ..errors import NotAllowedError, UnknownRecordError

Role = Literal["company", "city", "care", "operator", "resident"]


@dataclass(frozen=True, slots=True)
class Asker:
    """Somebody with a role.

    `pilots` bounds everybody but the operator (None), `person` a resident to one pseudonym.
    """

    name: str
    role: Role
    pilots: frozenset[str] | None = None
    person: str | None = None

    @property
    def purposes(self) -> tuple[str, ...]:
        """What the role may look at data for; the first is meant when none is named."""
        return _PURPOSES[self.role]

    def must_be(self, *roles: Role) -> None:
        """Raises NotAllowedError for any other role."""
        if self.role not in roles:
            raise NotAllowedError("role", f"{self.role} may not do this; ask {' or '.join(roles)}")

    def sees(self, pilot: str | None) -> bool:
        """Whether a pilot is one's own."""
        return self.pilots is None or pilot in self.pilots

    def must_see(self, pilot: str, person: str | None = None) -> None:
        """Raises UnknownRecordError, as if it did not exist, outside one's own pilot or person."""
        if not self.sees(pilot):
            raise UnknownRecordError("pilot", f"{pilot} is not registered; import it first")
        if self.person is not None and person != self.person:
            raise UnknownRecordError("person", f"{pilot} has no {person}; list its participants")


_PURPOSES: dict[Role, tuple[str, ...]] = {
    "resident": ("care",),
    "care": ("care",),
    "operator": ("care", "evaluation", "open_data"),
    "city": ("evaluation", "open_data"),
    "company": ("evaluation",),
}

LOCAL_OPERATOR = Asker("local operator", "operator")

Identify = Callable[[Request], Asker]


def _asker(request: Request) -> Asker:
    identify: Identify | None = getattr(request.app.state, "identify", None)
    return LOCAL_OPERATOR if identify is None else identify(request)


#: Who is asking, as a parameter of a route.
TheAsker = Annotated[Asker, Depends(_asker)]
