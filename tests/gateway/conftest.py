from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from gateway_kit import GatewayProcess, Process, gateway_toml, running_broker, running_gateway
from vointi_gateway.store.embedded import EmbeddedStore


@pytest.fixture(scope="module", params=["mosquitto", "embedded"])
def broker(request: pytest.FixtureRequest, module_tmp: Path) -> Iterator[Process]:
    """A real broker of each kind."""
    with running_broker(module_tmp / request.param, request.param) as process:
        yield process


@pytest.fixture(
    scope="module",
    params=[("mosquitto", "3.1.1"), ("mosquitto", "5"), ("embedded", "3.1.1")],
    ids=lambda p: f"{p[0]}-{p[1]}",
)
def chain(
    request: pytest.FixtureRequest, module_tmp: Path
) -> Iterator[tuple[Process, GatewayProcess]]:
    """A broker and a gateway on it."""
    kind, protocol = request.param
    folder = module_tmp / f"{kind}-{protocol}"
    with running_broker(folder, kind) as broker:
        config = gateway_toml(folder, broker.port, protocol)
        with running_gateway(folder, config) as gateway:
            yield broker, gateway.connected()


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EmbeddedStore]:
    """An embedded store, opened."""
    store = EmbeddedStore(tmp_path / "s.duckdb")
    store.open()
    yield store
    store.close()
