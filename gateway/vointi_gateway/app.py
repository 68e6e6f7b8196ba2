"""create_app(): the API, the pages, and the gateway's life around them."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from . import api
from .api import problems
from .api.door import Door
from .api.sight import asker_of
from .fleet import PilotList
from .gateway import Gateway
from .headers import SecurityHeaders

_ABOUT = """Readings of wearables and rooms, as edges sent and the store has them.

Times are UTC. A reading is what one device said at one moment; its identity is
(edge, device, boot, sequence number)."""


def create_app(gateway: Gateway) -> FastAPI:
    """The application of an opened gateway; it starts and stops the gateway with itself."""

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        gateway.start()
        try:
            yield
        finally:
            await gateway.stop()

    app = FastAPI(
        title="Vointi gateway",
        version=gateway.version,
        description=_ABOUT,
        lifespan=lifespan,
        openapi_url="/api/v1/openapi.json",
        # Their pages load scripts from elsewhere; the document itself is what tools need.
        docs_url=None,
        redoc_url=None,
    )
    app.state.gateway = gateway
    app.state.identify = asker_of
    app.add_middleware(Door, sessions=gateway.identity.sessions, is_open=gateway.settings.is_open)
    app.add_middleware(SecurityHeaders)
    problems.install(app)
    app.include_router(api.router())
    _include_pages(app, gateway)
    return app


def _include_pages(app: FastAPI, gateway: Gateway) -> None:
    if importlib.util.find_spec(f"{__package__}.ui.routes") is None:
        return
    routes = importlib.import_module(f"{__package__}.ui.routes")
    app.include_router(routes.build_router(PilotList(gateway.fleet), version=gateway.version))
    for name in ("sign_in", "own_page"):
        page = importlib.import_module(f"{__package__}.ui.{name}")
        app.include_router(page.build_router(version=gateway.version))
