"""hardware/catalogue/*.toml as frozen dataclasses: what a model says, and how to read it."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from vointi_contract.errors import UnknownMetricError
from vointi_contract.metrics import METRICS, by_name

from vointi_edge import decoders
from vointi_edge.catalogue_wired import WIRED_DECODERS, Report, WiredSpec, report, wired_spec
from vointi_edge.errors import ConfigError, Problem
from vointi_edge.pipelines import PipelineSpec, Samples, check_pipeline
from vointi_edge.tables import Table, load_toml

TRANSPORTS = ("ble-gatt", "ble-adv", "serial", "iio", "gpio", "http", "mqtt")
KINDS = ("wearable", "room", "service_point")
PROTOCOLS = ("gatt", "polar-pmd", "movesense-gsp")
MEASUREMENTS = ("ecg", "acc", "ppg", "ppi")
CLASSES = ("waveform", "scalar", "event")
_UUID = re.compile(r"[0-9a-f]{4}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_RESOURCE = re.compile(r"(/[A-Za-z0-9]+)+")
_METRIC_NAMES = tuple(metric.name for metric in METRICS)


@dataclass(frozen=True, slots=True)
class Match:
    """How to recognise the model's advertisements, or the kernel's names of its driver."""

    local_name_prefix: str | None
    service_uuids: tuple[str, ...]
    manufacturer_id: int | None
    service_data_uuid: str | None
    iio_names: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StreamSpec:
    """One stream of a model.

    `characteristic` (GATT), `measurement` (Polar PMD), `resource` (Movesense GSP) or `message`
    (serial) says where it comes from. `rate_hz`, `resolution` and `range_g` are what is asked for
    where the device lets us choose. A stream that says nothing for `silence_s` while connected is
    taken for dead (0: it may be silent for ever). `read` fetches the first value at once instead of
    waiting for a change, and `read_every_s` again and again. `ask` is a characteristic and what is
    written there once the stream is subscribed to (a record request). A stream that is not
    `enabled` runs only where the edge's own configuration says so. An `optional` one may be missing
    on the device, and nobody is told.
    `wired` is how a wired stream is read, `report` which of its readings are worth telling.
    """

    id: str
    decoder: str
    class_: str
    metrics: tuple[str, ...]
    characteristic: str | None
    measurement: str | None
    message: str | None
    rate_hz: float
    resolution: int
    range_g: int
    silence_s: float
    read: bool
    read_every_s: float = 0.0
    resource: str | None = None
    ask: tuple[str, bytes] | None = None
    enabled: bool = True
    optional: bool = False
    wired: WiredSpec = field(default_factory=WiredSpec)
    report: Report = field(default_factory=Report)


@dataclass(frozen=True, slots=True)
class Model:
    """One catalogue file.

    A device with `visit_every_s` is not kept connected: it is read and left alone so long, because
    its battery or its maker wants it so (0: stay connected).
    """

    model: str
    name: str
    manufacturer: str
    kind: str
    transport: str
    match: Match
    streams: tuple[StreamSpec, ...]
    pipelines: tuple[PipelineSpec, ...]
    visit_every_s: float = 0.0

    def with_streams(self, enable: tuple[str, ...]) -> Model:
        """Return the model with the streams that run: those enabled here or by `enable`."""
        streams = tuple(spec for spec in self.streams if spec.enabled or spec.id in enable)
        running = {spec.id for spec in streams}
        pipelines = tuple(spec for spec in self.pipelines if spec.input in running)
        return replace(self, streams=streams, pipelines=pipelines)


def load_catalogue(folder: Path) -> dict[str, Model]:
    """Read every *.toml of `folder`; raises ConfigError with the problems of all files."""
    files = sorted(folder.glob("*.toml"))
    if not files:
        raise ConfigError([Problem("edge.toml", "catalogue_dir", f"no *.toml in {folder}")])
    problems: list[Problem] = []
    models: dict[str, Model] = {}
    for file in files:
        try:
            model = load_model(file)
        except ConfigError as error:
            problems += error.problems
        else:
            models[model.model] = model
    if problems:
        raise ConfigError(problems)
    return models


def load_model(file: Path) -> Model:
    """Read one catalogue file; raises ConfigError."""
    table = Table(file.name, load_toml(file))
    transport = table.choice("transport", TRANSPORTS)
    streams = tuple(_stream(each, transport) for each in table.tables("stream"))
    model = Model(
        model=table.identifier("model"),
        name=table.text("name"),
        manufacturer=table.text("manufacturer"),
        kind=table.choice("kind", KINDS),
        transport=transport,
        match=_match(table.table("match", optional=True)),
        streams=streams,
        pipelines=tuple(_pipeline(each, streams) for each in table.tables("pipeline")),
        visit_every_s=table.number("visit_every_s", 0.0),
    )
    if model.model != file.stem:
        table.problem("model", f'"{model.model}" differs from the file name; rename one of them')
    _check_links(table, model)
    table.close()
    table.raise_problems()
    return model


def _match(table: Table) -> Match:
    manufacturer_id = table.whole("manufacturer_id", -1, low=-1, high=0xFFFF)
    match = Match(
        local_name_prefix=table.text("local_name_prefix", "") or None,
        service_uuids=table.texts("service_uuids", ()),
        manufacturer_id=None if manufacturer_id < 0 else manufacturer_id,
        service_data_uuid=table.text("service_data_uuid", "") or None,
        iio_names=table.texts("iio_names", ()),
    )
    table.close()
    return match


def _stream(table: Table, transport: str) -> StreamSpec:
    protocol = table.choice("protocol", PROTOCOLS, "gatt")
    metrics = _metrics(table)
    spec = StreamSpec(
        id=table.identifier("id"),
        decoder=table.choice("decoder", _decoders(transport, protocol)),
        class_=table.choice("class", CLASSES),
        metrics=metrics,
        characteristic=table.text("characteristic", "") or None,
        measurement=table.choice("measurement", MEASUREMENTS, "") or None,
        message=table.text("message", "") or None,
        rate_hz=table.number("rate_hz", 0.0),
        resolution=table.whole("resolution", 0, high=32),
        range_g=table.whole("range_g", 0, high=64),
        silence_s=table.number("silence_s", 0.0),
        read=table.flag("read", default=False),
        read_every_s=table.number("read_every_s", 0.0),
        resource=table.text("resource", "") or None,
        ask=_ask(table),
        enabled=table.flag("enabled", default=True),
        optional=table.flag("optional", default=False),
        wired=wired_spec(table, transport, metrics),
        report=report(table, metrics),
    )
    gatt = transport == "ble-gatt" and protocol == "gatt"
    if gatt and not _UUID.fullmatch(spec.characteristic or ""):
        table.problem("characteristic", "must be four hex digits or a UUID in small letters")
    if protocol == "polar-pmd" and spec.measurement is None:
        table.problem("measurement", f"is missing; use one of {', '.join(MEASUREMENTS)}")
    if protocol == "movesense-gsp" and not _RESOURCE.fullmatch(spec.resource or ""):
        table.problem("resource", "must be a path such as /Meas/ECG/128")
    if spec.decoder in decoders.SERIAL and spec.message is None:
        table.problem("message", "is missing; it must be the kind of line, e.g. air")
    table.close()
    return spec


def _ask(table: Table) -> tuple[str, bytes] | None:
    """Read `ask = "2a52 0101"`: a characteristic, and bytes in hex."""
    text = table.text("ask", "")
    if not text:
        return None
    uuid, _, written = text.partition(" ")
    try:
        content = bytes.fromhex(written)
    except ValueError:
        content = b""
    if not content or not _UUID.fullmatch(uuid):
        table.problem("ask", 'must be a characteristic and bytes in hex, e.g. "2a52 0101"')
    return uuid, content


def _decoders(transport: str, protocol: str) -> tuple[str, ...]:
    if protocol == "polar-pmd":
        return (*decoders.PMD, *decoders.PMD_VALUES)
    if protocol == "movesense-gsp":
        return tuple(decoders.GSP)
    if transport == "ble-adv":
        return tuple(decoders.ADVERTISEMENT)
    if transport == "serial":
        return (*decoders.SERIAL, *WIRED_DECODERS["serial"])
    return WIRED_DECODERS.get(transport) or tuple(decoders.GATT)


def _pipeline(table: Table, streams: tuple[StreamSpec, ...]) -> PipelineSpec:
    spec = PipelineSpec(
        input=table.identifier("input"),
        output=table.identifier("output"),
        stages=table.rows("stages"),
        quality=table.rows("quality", optional=True),
        every_s=table.number("every_s", 60.0, low=1.0),
        metrics=_metrics(table),
        class_=table.choice("class", CLASSES),
    )
    for stream in streams:
        if stream.id == spec.input:
            check_pipeline(table, spec, Samples(stream.rate_hz, len(stream.metrics)))
    table.close()
    return spec


def _metrics(table: Table) -> tuple[str, ...]:
    names = table.texts("metrics")
    for name in names:
        try:
            by_name(name)
        except UnknownMetricError:
            table.choice_problem("metrics", name, _METRIC_NAMES)
    return names


def _check_links(table: Table, model: Model) -> None:
    names = [spec.id for spec in model.streams] + [spec.output for spec in model.pipelines]
    for name in sorted({name for name in names if names.count(name) > 1}):
        table.problem("stream", f'"{name}" is used twice; give each stream its own id')
    measured = [spec.id for spec in model.streams]
    for spec in model.pipelines:
        if spec.input not in measured:
            table.problem("pipeline.input", f'no stream "{spec.input}"; use one of {measured}')
    if not model.streams:
        table.problem("stream", "is missing; a model has at least one [[stream]]")
