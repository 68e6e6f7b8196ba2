"""What identity refuses; each carries the HTTP status that says so, a field and a fix."""

from __future__ import annotations

from ..errors import GatewayError


class IdentityError(GatewayError):
    """A request concerning an identity cannot be granted.

    Args:
        field: what is wrong, e.g. ``ticket``.
        fix: what would be right; never tells one secret from another.

    """

    status = 422

    def __init__(self, field: str, fix: str) -> None:
        self.field, self.fix = field, fix
        super().__init__(f"{field}: {fix}")


class RefusedError(IdentityError):
    """The proof offered is not good, or is not good any more."""

    status = 403


class SignInError(IdentityError):
    """Nobody is signed in, or the sign-in failed."""

    status = 401


class UnknownError(IdentityError):
    """There is no such thing, or not for the one who asks."""

    status = 404


class ConflictError(IdentityError):
    """It stands in the way of something that was there before."""

    status = 409


class TooManyError(IdentityError):
    """Too many attempts; the fix says when to try again."""

    status = 429
