"""uvicorn on a socket that was bound before."""

from __future__ import annotations

import asyncio
import json
import logging
import signal
import socket
import ssl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from .app import create_app
from .files import Stamp, stamp
from .gateway import Gateway
from .identity.service import bundle_folder
from .interpreter import settle
from .settings import Settings

log = logging.getLogger(__name__)

#: Open requests get this long at a stop; live streams are ended at once.
GRACE_S = 1
#: Of 0.1 s each: between two looks at the certificate's files.
TICKS = 10
_STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Certificate:
    """The certificate of HTTPS: new connections get the one that the files hold now.

    Args:
        context: what the server listens with.
        files: certificate and key.

    """

    def __init__(self, context: ssl.SSLContext, files: tuple[Path, Path]) -> None:
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        self._context, self._files = context, files
        self._stamp = self._look()

    def refresh(self) -> None:
        """Take over what has changed; a pair that does not fit is left alone and told of."""
        found = self._look()
        if found == self._stamp:
            return
        self._stamp = found
        try:
            self._context.load_cert_chain(*self._files)
        except OSError as exc:
            log.warning("https: the new certificate cannot be used: %s", exc)
        else:
            log.info("https: a new certificate is in use")

    def _look(self) -> tuple[Stamp, ...]:
        try:
            return tuple(map(stamp, self._files))
        except FileNotFoundError:
            return ()


class _Server(uvicorn.Server):
    """Ends the live streams first: they would hold the stop up until the grace is over."""

    def __init__(self, config: uvicorn.Config, gateway: Gateway) -> None:
        super().__init__(config)
        self._gateway = gateway
        self._certificate: Certificate | None = None

    async def on_tick(self, counter: int) -> bool:
        """Ten times a second; once, look whether the certificate was renewed."""
        if self._certificate is not None and counter % TICKS == 0:
            self._certificate.refresh()
        return await super().on_tick(counter)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        certificate, key = https_files(self._gateway.settings)
        if self.config.ssl is not None and certificate and key:
            self._certificate = Certificate(self.config.ssl, (certificate, key))
        await super().startup(sockets)
        if self.started and sockets:
            host, port = sockets[0].getsockname()[:2]
            ready = {"ready": "vointi-gateway", "host": host, "port": port}
            print(json.dumps(ready), flush=True)  # noqa: T201 - what a supervisor waits for

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop on SIGTERM and SIGINT; uvicorn's own would raise them again when it has stopped."""
        before = {name: signal.signal(name, self.handle_exit) for name in _STOP_SIGNALS}
        try:
            yield
        finally:
            for name, handler in before.items():
                signal.signal(name, handler)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._gateway.hub.close()
        await super().shutdown(sockets)


def https_files(settings: Settings) -> tuple[Path | None, Path | None]:
    """Certificate and key of HTTPS: those named, else our own; none without ``[https]``."""
    if settings.https is None:
        return None, None
    if settings.https.cert_file is not None:
        return settings.https.cert_file, settings.https.key_file
    own = bundle_folder(settings) / "server.pem"
    return own, own


def serve(gateway: Gateway, sock: socket.socket) -> int:
    """Serve until SIGTERM or SIGINT; the exit code."""
    certificate, key = https_files(gateway.settings)
    config = uvicorn.Config(
        create_app(gateway),
        ssl_certfile=certificate,
        ssl_keyfile=key,
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=GRACE_S,
        server_header=False,
        # Live events are small and must not wait for each other.
        ws="none",
        lifespan="on",
    )
    server = _Server(config, gateway)
    settle()
    asyncio.run(server.serve(sockets=[sock]))
    if not server.started:
        print("the gateway did not start; the log says why", file=sys.stderr)  # noqa: T201
        return 1
    return 0
