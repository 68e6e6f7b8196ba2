"""Everything that this package raises on purpose."""

from __future__ import annotations


class SignalError(ValueError):
    """Root of the package's errors; ``field`` names what is wrong, ``fix`` says what to do."""

    def __init__(self, field: str, problem: str, fix: str = "") -> None:
        super().__init__(field, problem, fix)
        self.field = field
        self.problem = problem
        self.fix = fix

    def __str__(self) -> str:
        """Return one line: the field, the problem and, where there is one, the fix."""
        text = f"{self.field}: {self.problem}"
        return f"{text}; {self.fix}" if self.fix else text


class ParameterError(SignalError):
    """A routine was constructed or set up with a value that it cannot work with."""


class InputError(SignalError):
    """Samples were handed over in a shape, type or buffer that cannot be processed."""


class StateError(SignalError):
    """A saved state belongs to another routine, version or set of parameters."""


class PipelineError(SignalError):
    """A pipeline description is wrong; ``field`` is the path of the key, ``stages[1].q``."""
