"""TLS to the broker, with a certificate that is renewed while the gateway runs."""

from __future__ import annotations

import ssl
from typing import Any

from ..errors import ConfigError
from ..settings import MqttSettings


class FreshContext(ssl.SSLContext):
    """Reads our key and certificate again for each connection: they live for seven days."""

    settings: MqttSettings

    def wrap_socket(self, *args: Any, **options: Any) -> ssl.SSLSocket:
        """Begin TLS with what the files hold now."""
        _load(self, self.settings)
        return super().wrap_socket(*args, **options)


def context(settings: MqttSettings) -> ssl.SSLContext | None:
    """What the settings ask for, or None without `mqtt.tls`. Raises ConfigError."""
    if not settings.tls:
        return None
    made = FreshContext(ssl.PROTOCOL_TLS_CLIENT)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    made.settings = settings
    _load(made, settings)
    return made


def _load(made: ssl.SSLContext, settings: MqttSettings) -> None:
    try:
        made.load_verify_locations(settings.ca_file)
        if settings.cert_file is not None:
            made.load_cert_chain(settings.cert_file, settings.key_file)
    except (OSError, TypeError) as exc:
        problem = f"{settings.ca_file}, {settings.cert_file} cannot be used: {exc}"
        raise ConfigError("config", "mqtt.tls", problem) from exc
