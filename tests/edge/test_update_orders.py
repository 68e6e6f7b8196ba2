"""An ordered update: fetched by the service, taken out of its hands, its end told once."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest
from release_kit import KEY, installed, release
from vointi_contract.command import Command, CommandResult
from vointi_contract.signing import public_key_text
from vointi_edge.cli import main
from vointi_edge.errors import UpdateError
from vointi_edge.update.fetch import fetch
from vointi_edge.update.orders import ORDER_FILE, RELEASE_FILE, UpdateOrders
from vointi_edge.update.source import Source
from vointi_edge.update.state import OUTCOME_FILE, StateFile, read_outcome

CONTENT = b"a release" * 1000


class Shop(BaseHTTPRequestHandler):
    """Hands out one file."""

    def do_GET(self) -> None:
        if self.path == "/broken":
            self.broken()
            return
        self.send_response(200 if self.path == "/release" else 404)
        self.end_headers()
        self.wfile.write(CONTENT)

    def broken(self) -> None:
        """Hang up in the middle, and give the rest to who asks for it."""
        wanted = self.headers.get("Range")
        self.send_response(206 if wanted else 200)
        rest = CONTENT[int(wanted[len("bytes=") : -1]) :] if wanted else CONTENT
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest if wanted else rest[:4000])

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@pytest.fixture
def shop() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Shop)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    thread.join()
    server.server_close()


def order(url: str, digest: str, number: int = 7) -> Command:
    return Command("home-1", number, 0, "update", {"url": url, "sha256": digest})


@pytest.mark.network
async def test_a_release_is_fetched_and_left_for_the_updater(tmp_path: Path, shop: str) -> None:
    answers: list[CommandResult] = []
    orders = UpdateOrders(tmp_path, answers.append, lambda: True)
    digest = hashlib.sha256(CONTENT).hexdigest()
    assert await orders.update(order(f"{shop}/release", digest)) is None
    await finished(orders)
    assert (tmp_path / "update" / RELEASE_FILE).read_bytes() == CONTENT
    found = json.loads((tmp_path / "update" / ORDER_FILE).read_bytes())
    assert (found, answers) == ({"edge": "home-1", "command": 7}, [])


@pytest.mark.network
@pytest.mark.parametrize(("path", "said"), [("release", "sha256"), ("none", "404")])
async def test_what_is_not_the_ordered_file_is_told(
    tmp_path: Path, shop: str, path: str, said: str
) -> None:
    answers: list[CommandResult] = []
    orders = UpdateOrders(tmp_path, answers.append, lambda: True)
    await orders.update(order(f"{shop}/{path}", "0" * 64))
    await finished(orders)
    (answer,) = answers
    assert (answer.kind, answer.outcome, answer.number) == ("update", "failed", 7)
    assert said in answer.reason
    assert list((tmp_path / "update").iterdir()) == []


@pytest.mark.network
async def test_it_goes_on_where_the_line_broke(tmp_path: Path, shop: str) -> None:
    digest, asked = hashlib.sha256(CONTENT).hexdigest(), []

    def source() -> Source:
        asked.append(1)
        return Source(f"{shop}/broken", ssl.create_default_context())

    await fetch(source, tmp_path / "release", digest, waits_s=(0.0,))
    assert (tmp_path / "release").read_bytes() == CONTENT
    assert len(asked) == 2, "each attempt proves itself anew"
    with pytest.raises(httpx.TransportError):
        await fetch(source, tmp_path / "other", digest, waits_s=())
    assert files(tmp_path) == ["release"], "no part is left"


async def test_a_release_comes_by_https_alone(tmp_path: Path) -> None:
    orders = UpdateOrders(tmp_path, lambda _: None, lambda: True)
    with pytest.raises(UpdateError, match="must be https"):
        await orders.update(order("http://gateway.example/release", "0" * 64))


async def test_the_end_is_told_once_and_only_when_the_gateway_listens(tmp_path: Path) -> None:
    result = CommandResult("home-1", 7, "update", "done")
    StateFile(tmp_path / "update").tell(result)
    listens, answers = False, list[CommandResult]()
    for listens in (False, True, True):
        orders = UpdateOrders(tmp_path, answers.append, lambda now=listens: now, root=tmp_path)
        told = asyncio.create_task(orders.run())
        await asyncio.sleep(0)
        told.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await told
        assert answers == ([result] if listens else [])


def files(folder: Path) -> list[str]:
    return sorted(one.name for one in folder.iterdir())


async def finished(orders: UpdateOrders) -> None:
    assert orders._fetching is not None
    async with asyncio.timeout(60):
        await orders._fetching


@pytest.fixture
def box(tmp_path: Path) -> Path:
    """A root, a configuration and the release key, as provisioning leaves them."""
    installed(tmp_path / "opt")
    (tmp_path / "opt" / "share").mkdir()
    keys = public_key_text(KEY.public_key())
    (tmp_path / "opt" / "share" / "release.keys").write_text(keys + "\n")
    (tmp_path / "edge.toml").write_text('edge = "home-1"\ndata_dir = "data"\n')
    (tmp_path / "data" / "update").mkdir(parents=True)
    (tmp_path / "made").mkdir()
    return tmp_path


def run(box: Path, *words: str) -> int:
    words = (*words, "--config", str(box / "edge.toml"), "--root", str(box / "opt"))
    return main(["update", *words, "--run-dir", str(box / "run")])


def leave_order(box: Path) -> None:
    folder = box / "data" / "update"
    release(box / "made", 1, whole=False).rename(folder / RELEASE_FILE)
    (folder / ORDER_FILE).write_text('{"edge": "home-1", "command": 7}')


def test_an_order_is_taken_once_and_its_refusal_kept_for_the_gateway(box: Path) -> None:
    folder = box / "data" / "update"
    leave_order(box)
    content = bytearray((folder / RELEASE_FILE).read_bytes())
    content[700] ^= 1  # within the signed manifest
    (folder / RELEASE_FILE).write_bytes(content)
    assert run(box, "--pending") == 0
    assert list(folder.iterdir()) == []
    result = read_outcome(box / "opt" / "update" / OUTCOME_FILE)
    assert result is not None
    assert (result.number, result.kind, result.outcome) == (7, "update", "refused")
    assert run(box, "--pending") == 0  # nothing is ordered any more


def test_the_updater_follows_no_link_out_of_the_services_folder(
    box: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret, folder = box / "secret", box / "data" / "update"
    secret.write_text("root alone may read this")
    (folder / RELEASE_FILE).symlink_to(secret)
    (folder / ORDER_FILE).write_text('{"edge": "home-1", "command": 7}')
    assert run(box, "--pending") == 1
    assert "order: cannot be read" in capsys.readouterr().err
    assert secret.exists()
    assert not (box / "opt" / "update" / RELEASE_FILE).exists()
    assert list(folder.iterdir()) == []


def test_without_a_release_key_nothing_is_believed(
    box: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (box / "opt" / "share" / "release.keys").write_text("# none\n")
    assert run(box, str(release(box / "made", 1, whole=False))) == 1
    assert "release.keys" in capsys.readouterr().err


def test_a_box_without_a_release_key_has_nothing_to_do_and_does_it(box: Path) -> None:
    (box / "opt" / "share" / "release.keys").unlink()
    assert run(box, "--pending") == 0
    assert read_outcome(box / "opt" / "update" / OUTCOME_FILE) is None
    leave_order(box)
    assert run(box, "--pending") == 0
    result = read_outcome(box / "opt" / "update" / OUTCOME_FILE)
    assert result is not None
    assert (result.number, result.outcome) == (7, "refused")
    assert result.reason.startswith("release.keys: ")
    assert list((box / "data" / "update").iterdir()) == []
