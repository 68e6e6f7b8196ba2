"""A server in a process of its own that says that it has stored the lines, and counts them."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from typing import Any


def _serve(told: Connection, lines: Any) -> None:
    class Sink(BaseHTTPRequestHandler):
        """Reads every body and answers as InfluxDB does."""

        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            """The version, where /ping asks for it."""
            self.send_response(204)
            self.send_header("X-Influxdb-Version", "2.7.12")
            self.end_headers()

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(204)
            self.send_header("Content-Length", "0")
            self.end_headers()
            with lines.get_lock():
                lines.value += body.count(b"\n") + (not body.endswith(b"\n"))

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Sink) as server:
        told.send(server.server_port)
        server.serve_forever()


@contextmanager
def sink() -> Iterator[tuple[int, Callable[[], int]]]:
    """Its port on loopback, and how many lines it has taken so far."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    lines = context.Value("q", 0)
    child = context.Process(target=_serve, args=(there, lines), daemon=True)
    child.start()
    try:
        yield here.recv(), lambda: int(lines.value)
    finally:
        child.terminate()
        child.join()
