"""What can stop the demo, each said in one line with the next step."""

from __future__ import annotations


class DemoError(Exception):
    """Root of the demo's errors; the message names what is wrong and what to do."""


class PortInUseError(DemoError):
    """The page's port belongs to somebody else."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            f"PORT: {host}:{port} is in use; choose another one: make demo PORT={port + 1}"
        )
        self.host, self.port = host, port


class OptionError(DemoError):
    """An option has a value that cannot be used."""

    def __init__(self, option: str, problem: str, fix: str) -> None:
        super().__init__(f"{option}: {problem}; {fix}")
        self.option = option


class ChildFailedError(DemoError):
    """A part of the chain cannot run; its own last words say why."""

    def __init__(self, name: str, last_words: str, log: str) -> None:
        super().__init__(f"{name} cannot run: {last_words} (its log: {log})")
        self.name = name


class AlreadyRunningError(DemoError):
    """Another demo owns this state directory."""

    def __init__(self, directory: str, port: int) -> None:
        super().__init__(
            f"PORT: another demo runs on {directory}; stop it or choose another port: "
            f"make demo PORT={port + 1}"
        )
