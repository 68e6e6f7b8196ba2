"""Everything the gateway can refuse or fail at; each message names the field and the fix."""

from __future__ import annotations


class GatewayError(Exception):
    """Root of the gateway's errors."""


class ConfigError(GatewayError):
    """A setting is unknown, missing or of the wrong kind.

    Args:
        where: the file or the environment that holds the setting.
        key: dotted name of the setting, e.g. ``mqtt.port``; empty for the whole file.
        problem: what is wrong, with the fix.

    """

    def __init__(self, where: str, key: str, problem: str) -> None:
        self.where, self.key, self.problem = where, key, problem
        super().__init__(": ".join(part for part in (where, key, problem) if part))


class PortInUseError(GatewayError):
    """Another program listens where this one was told to listen."""

    def __init__(self, host: str, port: int, setting: str) -> None:
        self.host, self.port = host, port
        super().__init__(f"{setting}: {host}:{port} is in use; stop that program or choose another")


class BrokerStartError(GatewayError):
    """The MQTT broker could not be started."""


class StoreError(GatewayError):
    """The store could not do what it was asked; nothing of the request was kept."""


class UnstorableError(StoreError):
    """The store cannot hold one of the values; it never will, so trying again is no use."""


class StoreLockedError(StoreError):
    """Another process has the store open."""


class LeaseLostError(StoreError):
    """Another gateway has this one's shards now: nothing was kept, and it is the other's to do."""


class QueryError(GatewayError):
    """A question to the store is not answerable as it was put.

    Args:
        field: the parameter that is wrong.
        fix: what to send in its place.

    """

    def __init__(self, field: str, fix: str) -> None:
        self.field, self.fix = field, fix
        super().__init__(f"{field}: {fix}")


class UnknownSeriesError(GatewayError):
    """No reading of this metric has ever been stored for this device."""

    def __init__(self, device: str, metric: str) -> None:
        self.device, self.metric = device, metric
        super().__init__(
            f"metric: {device} has no {metric}; GET /api/v1/devices lists what each device sends"
        )


class RegistryError(GatewayError):
    """The registry refuses what was asked; nothing was changed.

    Args:
        field: what is wrong, e.g. ``person`` or ``pilot.site[0].id``.
        fix: what to do in its place.

    """

    def __init__(self, field: str, fix: str) -> None:
        self.field, self.fix = field, fix
        super().__init__(f"{field}: {fix}")


class UnknownRecordError(RegistryError):
    """Nothing of this name is registered."""


class ConflictError(RegistryError):
    """What was asked contradicts what is registered."""


class NotAllowedError(RegistryError):
    """The role of who asks does not allow it."""


class AuditError(GatewayError):
    """The audit log does not verify.

    Args:
        row: number of the first bad row, from 1; 0 for the log as a whole.
        problem: what is wrong with it.

    """

    def __init__(self, row: int, problem: str) -> None:
        self.row, self.problem = row, problem
        super().__init__(f"audit: row {row}: {problem}" if row else f"audit: {problem}")
