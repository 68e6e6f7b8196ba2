"""Every error of the contract: one root, and each says which field is wrong and how to mend it."""

from __future__ import annotations

_SHOWN = 80


def shown(value: object) -> str:
    """A peer's value as one short, printable piece of a message (control characters escaped)."""
    text = ascii(value)
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 1]}…"


class ContractError(Exception):
    """Root of what this package raises; `field` is where, `fix` is what would be right."""

    def __init__(self, field: str, fix: str) -> None:
        super().__init__(field, fix)
        self.field = field
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.field}: {self.fix}"


class PayloadError(ContractError):
    """A payload (or what should become one) breaks the contract."""


class SignatureError(ContractError):
    """A document that nobody trusted here has signed."""


class ReleaseError(ContractError):
    """A release is not what somebody trusted here has signed."""


class TopicError(ContractError):
    """A topic, or a name that should become part of one, breaks the contract."""


class UnknownMetricError(ContractError):
    """No metric has this name or wire code; `metric` is what was asked for."""

    def __init__(self, metric: str | int, fix: str) -> None:
        super().__init__("metric", fix)
        self.metric = metric
