"""What InfluxDB 2 documents of its API, as far as the store speaks to it; no engine behind it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

TOKEN = "secret-token"


@dataclass
class InfluxTwo:
    """Notes requests; knows one bucket, which keeps thirty days."""

    url: str = ""
    buckets: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.add("vointi", 30 * 86_400)

    def add(self, name: str, keep_s: int) -> dict[str, Any]:
        rules = [{"type": "expire", "everySeconds": keep_s}]
        made = {"id": f"{len(self.buckets):016x}", "name": name, "retentionRules": rules}
        self.buckets[name] = made
        return made

    def answer(
        self, method: str, path: str, words: dict[str, str], body: bytes
    ) -> tuple[int, object]:
        self.requests.append((method, path, words, body))
        if path == "/api/v2/buckets" and method == "GET":
            found = [b for name, b in self.buckets.items() if name == words.get("name")]
            return 200, {"buckets": found}
        if path == "/api/v2/buckets":
            asked = json.loads(body)
            return 201, self.add(asked["name"], asked["retentionRules"][0]["everySeconds"])
        if path.startswith("/api/v2/buckets/"):
            asked = json.loads(body)
            return 200, self.add(asked["name"], asked["retentionRules"][0]["everySeconds"])
        if path == "/api/v2/orgs":
            return 200, {"orgs": [{"id": "00000000000000aa", "name": "vointi"}]}
        if path == "/query":
            return 200, {"results": [{"statement_id": 0}]}
        return 204, None


@contextmanager
def influx_two() -> Iterator[InfluxTwo]:
    state = InfluxTwo()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            known = self.headers.get("Authorization") == f"Token {TOKEN}"
            words = dict(parse_qsl(parts.query))
            status, answer = (
                state.answer(self.command, parts.path, words, body)
                if known or parts.path == "/ping"
                else (401, {"code": "unauthorized", "message": "unauthorized access"})
            )
            data = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("X-Influxdb-Version", "v2.7.12")
            self.send_header("Content-Type", "application/json")
            if status != 204:
                self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_PATCH = do_DELETE = do_GET

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        state.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        try:
            yield state
        finally:
            server.shutdown()
            thread.join()
