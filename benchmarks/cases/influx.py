"""Points a second into a real InfluxDB: our encoder and store, beside a script with `Point`.

All of them write through influxdb-client and wait for every answer, by turns, in one run. A point
is a line: one sample of one series at its own nanosecond. The server, as Debian configures it, has
several times the work of our half with it and bounds what is written, whoever writes. So our half
is judged by itself, too, by what it gives to a server that only says 204, and the share of what the
server takes of lines that were made beforehand is told (docs/decisions/0076). The seconds of a busy
machine say little: a point's processor time is told beside them, ours and the server's.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.rows import ROOT, Row, Settings
from benchmarks.sink import sink

sys.path.append(str(ROOT / "tests" / "support"))

import influxdb_client
from gateway_kit import DEVICE, EDGE, PILOT, T0_US, ecg_frame, wait_for
from influx_server import InfluxServer, make_store, running_influx, settings_for
from influxdb_client.client.write_api import SYNCHRONOUS
from store_conformance import commit_of
from vointi_gateway.pilots.scan import scan
from vointi_gateway.settings import InfluxSettings
from vointi_gateway.store.influx import InfluxClient, buffer, runs
from vointi_gateway.store.influx.admin import WAVEFORM, prepare
from vointi_gateway.store.influx.runs import RunEncoder
from vointi_gateway.store.influx.sending import Sender
from vointi_gateway.store.model import StoredReading

NAME = "influx"
#: What the gateway puts into one transaction at most: 500 frames of 73 samples.
FRAMES = 500
STEP_US = 73 * 7692
GOAL = 200_000
#: A script's batch: what InfluxDB takes best.
BATCH = 5_000


class _Bench:
    """One server; every turn writes samples that nobody wrote before."""

    def __init__(self, server: InfluxServer, folder: Path) -> None:
        self._settings = settings_for(server)
        self._client = InfluxClient(self._settings)
        self._client.open()
        prepare(self._client)
        self._store = make_store(folder / "ledger.sqlite", self._settings)
        self._store.open()
        self._api = influxdb_client.InfluxDBClient(server.url, "", org="")
        self._script = self._wrapped(self._api)
        self._sender = Sender(self._client)
        self._pid = server.child.pid if server.child is not None else 0
        self._used: dict[str, list[float]] = {}
        self._turn = 0

    def close(self) -> None:
        self._store.close()
        self._sender.close()
        self._client.close()
        self._api.close()

    def _frames(self) -> list[Any]:
        self._turn += 1
        first = self._turn * FRAMES
        return [ecg_frame(s, wall_us=T0_US + s * STEP_US) for s in range(first, first + FRAMES)]

    def encoded(self) -> float:
        """Lines a second, encoding alone."""
        readings = _readings(self._frames())
        return _rate(lambda: _lines(readings)[1])

    def written(self) -> float:
        """Lines a second, encoded and written as a commit does it."""
        readings = _readings(self._frames())
        count = _lines(readings)[1]
        return self._metered("written", lambda: _sent(self._sender, readings, count))

    def sunk(self, sender: Sender) -> float:
        """The same to a server that only says 204."""
        readings = _readings(self._frames())
        count = _lines(readings)[1]
        return self._metered("sunk", lambda: _sent(sender, readings, count))

    def limit(self) -> float:
        """Lines a second that were there before: what the server takes from as many connections."""
        encoder = _encoder(_readings(self._frames()))
        count = len(encoder.main) + len(encoder.waveforms)

        def write() -> int:
            with self._sender.parcel() as parcel:
                parcel.put(encoder.main, "")
                parcel.put(encoder.waveforms, WAVEFORM)
            return count

        return self._metered("limit", write)

    def _metered(self, way: str, work: Callable[[], int]) -> float:
        """The rate of a turn; what it took of processors is added to what its way took before."""
        began = (self._server_s(), time.process_time(), time.perf_counter())
        count = work()
        took_s = time.perf_counter() - began[2]
        used = (time.process_time() - began[1], self._server_s() - began[0], count)
        before = self._used.get(way, [0.0, 0.0, 0.0])
        self._used[way] = [a + b for a, b in zip(before, used, strict=True)]
        return count / took_s

    def a_point_us(self, way: str) -> tuple[float, float]:
        """Processor time that a point of a way took, µs: ours, and the server's."""
        ours_s, server_s, points = self._used[way]
        return 1e6 * ours_s / points, 1e6 * server_s / points

    def in_turn(self) -> float:
        """Lines a second that were there before, one request after the other."""
        bodies, count = _lines(_readings(self._frames()))

        def write() -> int:
            for body, policy in bodies:
                self._client.write(body, policy)
            return count

        return _rate(write)

    def _server_s(self) -> float:
        """Seconds of processor time that the server has used: fields 14 and 15 of proc(5)."""
        stat = Path(f"/proc/{self._pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK")

    def committed(self) -> float:
        """Samples a second into the store, with summaries, receipts and counts."""
        commit = commit_of(*self._frames())

        def write() -> int:
            self._store.commit(commit)
            return FRAMES * 73

        return self._metered("committed", write)

    def points(self) -> float:
        """Points a second by a script that makes a `Point` of every sample."""
        write_api = self._script
        frames = self._frames()[: FRAMES // 4]

        def write() -> int:
            batch: list[Any] = []
            for frame in frames:
                values, times = frame.channels[0].values, frame.sample_offsets_us(frame.channels[0])
                for value, after in zip(values.tolist(), times.tolist(), strict=True):
                    batch.append(_point(value, (frame.wall_us or 0) + after))
                    if len(batch) == BATCH:
                        write_api(batch)
                        batch = []
            write_api(batch)
            return len(frames) * 73

        return _rate(write)

    def _wrapped(self, api: Any) -> Callable[[list[Any]], None]:
        """The path that an InfluxDB before 1.8 knows, for a script that knows only the new one."""
        call = api.api_client.call_api
        database = self._settings.bucket

        def old(
            path: str, method: str, path_params: Any, words: Any, *rest: Any, **more: Any
        ) -> Any:
            return call("/write", method, path_params, [("db", database)], *rest, **more)

        writer = api.write_api(write_options=SYNCHRONOUS)
        api.api_client.call_api = old

        def write(batch: list[Any]) -> None:
            writer.write(bucket=database, record=batch, write_precision="ns")

        return write


def _point(value: int, t_us: int) -> Any:
    made = influxdb_client.Point("waveform_by_script").tag("device", f"{EDGE}.{DEVICE}")
    made = made.tag("metric", "ecg").tag("pilot", PILOT).tag("stream", "ecg")
    return made.field("value", float(value)).time(t_us * 1000, "ns")


def _readings(frames: list[Any]) -> list[StoredReading]:
    return [StoredReading(PILOT, EDGE, frame, T0_US) for frame in frames]


def _encoder(readings: list[StoredReading]) -> RunEncoder:
    encoder = RunEncoder(["*"])
    encoder.extend(readings)
    return encoder


def _lines(readings: list[StoredReading]) -> tuple[list[tuple[bytes, str]], int]:
    encoder = _encoder(readings)
    count = len(encoder.main) + len(encoder.waveforms)
    return [(encoder.main.take(), ""), (encoder.waveforms.take(), "waveform")], count


def _sent(sender: Sender, readings: list[StoredReading], count: int) -> int:
    sender.write(readings)
    return count


def _rate(work: Callable[[], int]) -> float:
    began = time.perf_counter()
    count = work()
    return count / (time.perf_counter() - began)


def _pure(bench: _Bench) -> float:
    """The encoder without its compiled part."""
    compiled, runs.new_buffer = runs.new_buffer, buffer.LineBuffer
    try:
        return bench.encoded()
    finally:
        runs.new_buffer = compiled


def run(settings: Settings) -> list[Row]:
    """Every way in turn, again and again; medians."""
    turns = 4 if settings.quick else 20
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="vointi-")))
        server = stack.enter_context(running_influx(folder / "influx", index="inmem"))
        bench = stack.enter_context(closing(_Bench(server, folder)))
        sender = stack.enter_context(_sinking())
        ways: dict[str, Callable[[], float]] = {
            "encoded": bench.encoded,
            "pure": lambda: _pure(bench),
            "sunk": lambda: bench.sunk(sender),
            "written": bench.written,
            "limit": bench.limit,
            "in_turn": bench.in_turn,
            "committed": bench.committed,
            "points": bench.points,
        }
        for way in ways.values():
            way()
        found: dict[str, list[float]] = {key: [] for key in ways}
        for turn in range(turns):
            # There and back, so that neither of two neighbours always meets the fuller server.
            for key in list(ways)[:: -1 if turn % 2 else 1]:
                found[key].append(ways[key]())
        rates = {key: statistics.median(every) for key, every in found.items()}
        pairs = zip(found["written"], found["limit"], strict=True)
        rates["share"] = statistics.median(ours / limit for ours, limit in pairs)
        rows = [*_rows(rates), *_processors(bench, rates)]
    with tempfile.TemporaryDirectory(prefix="vointi-") as name:
        return [*rows, *_erased(Path(name))]


@contextmanager
def _sinking() -> Iterator[Sender]:
    """A sender to a server that only says 204."""
    with sink() as (port, _):
        url = f"http://127.0.0.1:{port}"
        client = InfluxClient(InfluxSettings(url, "bench", "org", raw_waveforms=("*",)))
        client.open()
        with closing(client), closing(Sender(client)) as sender:
            yield sender


def _processors(bench: _Bench, rate: dict[str, float]) -> list[Row]:
    """What bounds it, whatever else the machine does."""
    ours, server = bench.a_point_us("written")
    made = bench.a_point_us("limit")
    whole = bench.a_point_us("committed")[0]
    return [
        Row(
            "processor time of a point, encoded and sent",
            *(
                round(ours, 2),
                "us",
                round(server, 2),
                "the server's of it",
                round(server / ours, 1),
            ),
        ),
        Row(
            "processor time of a point that was a line beforehand, sent",
            *(round(made[0], 2), "us", round(made[1], 2), "the server's of it"),
        ),
        Row("processor time of a sample committed, with summaries and receipts", whole, "us"),
        Row(
            "ready lines over several connections at a time",
            *(round(rate["limit"]), "1/s", round(rate["in_turn"]), "one request after the other"),
            round(rate["limit"] / rate["in_turn"], 2),
        ),
    ]


def _erased(folder: Path) -> list[Row]:
    """How long a pseudonym stays in the files of a server that compacts after a second."""
    name = b"p-erased"
    with running_influx(folder / "cold", cold_s=1) as server:
        store = make_store(folder / "erased.sqlite", settings_for(server, tag_people=True))
        store.open()
        for person, edge in (("p-stays", "edge-9"), (name.decode(), EDGE)):
            plain = commit_of(*(ecg_frame(s, wall_us=T0_US + s * STEP_US) for s in range(1, 50)))
            worn = (replace(r, person=person, edge=edge) for r in plain.readings)
            store.commit(replace(plain, readings=tuple(worn)))
        wait_for(lambda: not _holding(server, name, ".wal"), timeout_s=60)
        store.erase_person(name.decode())
        began = time.monotonic()
        wait_for(lambda: not _holding(server, name, ".tsm"), timeout_s=60)
        took = time.monotonic() - began
        store.close()
        left = sorted({Path(f).parts[2] for f in scan(server.folder, [name], ())})
    return [
        Row("erased: until the data files are rid of the name, compacting after 1 s", took, "s"),
        Row("erased: files that keep the name until the index is built anew", ", ".join(left)),
    ]


def _holding(server: InfluxServer, name: bytes, suffix: str) -> list[str]:
    return [file for file in scan(server.folder, [name], ()) if file.endswith(suffix)]


def _rows(rate: dict[str, float]) -> list[Row]:
    script = "influxdb-client Point"
    ours, committed, points = rate["written"], rate["committed"], rate["points"]
    sunk, share = rate["sunk"], rate["share"]
    return [
        Row(
            "points/s through influxdb-client, our side, to a server that only says 204",
            *(round(sunk), "1/s", round(points), script, round(sunk / points, 1)),
            *(">= 200,000/s", sunk >= GOAL),
        ),
        Row(
            "share of what the server takes of ready lines",
            *(round(share, 2), "", round(rate["limit"]), "ready lines, 1/s", None),
        ),
        Row(
            "points written through influxdb-client to InfluxDB",
            *(round(ours), "1/s", round(points), script, round(ours / points, 1)),
            *(">= 200,000/s", ours >= GOAL),
        ),
        Row(
            "samples committed, with summaries and receipts",
            *(round(committed), "1/s", round(points), script, round(committed / points, 1)),
        ),
        Row(
            "lines encoded, without a server",
            *(round(rate["encoded"]), "1/s", round(rate["pure"]), "the same without a compiler"),
            round(rate["encoded"] / rate["pure"], 1),
        ),
    ]
