"""Everything that the edge raises on purpose. Each error names the field and the fix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from vointi_contract.command import CommandKind


class EdgeError(Exception):
    """Root of every error that the edge raises on purpose."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in one file: `edge.toml: mqtt.prot: unknown key; did you mean mqtt.port?`."""

    file: str
    field: str
    fix: str

    def __str__(self) -> str:
        return f"{self.file}: {self.field}: {self.fix}"


class ConfigError(EdgeError):
    """Configuration or catalogue cannot be used; `problems` holds one entry a line to fix."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class DecodeError(EdgeError):
    """A device said something that its specification does not allow."""

    def __init__(self, field: str, fix: str) -> None:
        self.field = field
        self.fix = fix
        super().__init__(f"{field}: {fix}")


class SourceError(EdgeError):
    """A device or its radio is not usable now; the source tries again by itself."""

    def __init__(self, device: str, reason: str) -> None:
        self.device = device
        self.reason = reason
        super().__init__(f"{device}: {reason}")


class RadioError(EdgeError):
    """A Bluetooth adapter cannot be used now; the radio tries again by itself."""

    def __init__(self, radio: str, reason: str, fix: str) -> None:
        self.radio = radio
        self.reason = reason
        self.fix = fix
        super().__init__(f"{radio}: {reason}; {fix}")


class NoSlotError(EdgeError):
    """Every adapter that hears the device holds as many links as it may."""

    def __init__(self, radio: str, slots: int) -> None:
        self.radio = radio
        self.slots = slots
        super().__init__(
            f"{radio}: holds {slots} of {slots} links; "
            "add a Bluetooth adapter to [ble] adapters, or take a device away"
        )


class OutboxError(EdgeError):
    """The outbox file cannot be used."""

    def __init__(self, path: str, fix: str) -> None:
        self.path = path
        self.fix = fix
        super().__init__(f"{path}: {fix}")


class UnreadableError(EdgeError):
    """A kept payload cannot be opened: its key is gone, or the bytes are not those sealed."""

    def __init__(self, key_id: str) -> None:
        self.key_id = key_id
        super().__init__(f"payload: not opened with key {key_id}; was the key replaced?")


class OrderError(EdgeError):
    """An order may not be obeyed; `number` is its own (0: not even that can be believed)."""

    def __init__(self, number: int, fix: str, kind: CommandKind | None = None) -> None:
        self.number = number
        self.kind = kind
        self.fix = fix
        super().__init__(fix)


class RestartError(EdgeError):
    """The process has to begin anew, by the service manager; the message says why."""


class LockedError(EdgeError):
    """Another process uses the data folder."""

    def __init__(self, data_dir: str) -> None:
        self.data_dir = data_dir
        super().__init__(f"{data_dir}: in use; stop the edge first (systemctl stop vointi-edge)")


class IdentityError(EdgeError):
    """Key, certificate or enrolment is not usable; no secret is in the message."""

    def __init__(self, field: str, fix: str) -> None:
        self.field = field
        self.fix = fix
        super().__init__(f"{field}: {fix}")


class UpdateError(EdgeError):
    """A release may not be installed, or did not install."""

    def __init__(self, field: str, fix: str) -> None:
        self.field = field
        self.fix = fix
        super().__init__(f"{field}: {fix}")
