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

Role = Literal["company", "city", "care", "operator", "resident"]


@dataclass(frozen=True, slots=True)
class Asker:
    """Somebody with a role.

    `pilot` bounds a company or a resident to one pilot, `person` a resident to one pseudonym.
    """

    name: str
    role: Role
    pilot: str | None = None
    person: str | None = None

    @property
    def purposes(self) -> tuple[str, ...]:
        """What the role may look at data for; the first is meant when none is named."""
        return _PURPOSES[self.role]


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
