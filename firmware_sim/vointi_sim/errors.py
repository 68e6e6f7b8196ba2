"""Every error that the simulator raises on purpose."""

from __future__ import annotations


class SimError(Exception):
    """Root of the simulator's errors; the text names the field and the fix."""


class ArgumentError(SimError):
    """A command-line value or a fault's field is wrong.

    `field` is the option or key as the user wrote it, `fix` says what to write instead.
    """

    def __init__(self, field: str, problem: str, fix: str) -> None:
        super().__init__(f"{field}: {problem}; {fix}")
        self.field = field
        self.problem = problem
        self.fix = fix


class ListenError(SimError):
    """An address or a path cannot be listened on."""

    def __init__(
        self,
        field: str,
        address: str,
        reason: str,
        fix: str = "choose another port, or 0 for any",
    ) -> None:
        super().__init__(f"{field}: cannot listen on {address} ({reason}); {fix}")
        self.field = field
        self.address = address


class RecordingError(SimError):
    """A file is not a recording that can be played."""

    def __init__(self, field: str, problem: str, fix: str) -> None:
        super().__init__(f"{field}: {problem}; {fix}")
        self.field = field


class MissingExtraError(SimError):
    """A part of the simulator needs an optional package that is not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(
            f"{package} is not installed; install the extra with: pip install 'vointi-sim[{extra}]'"
        )
        self.package = package
        self.extra = extra
