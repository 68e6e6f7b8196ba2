"""Captures of wired devices: what the kernel, the wire or the network gave, decoded."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from vointi_contract.frame import Channel
from vointi_contract.metrics import by_code
from vointi_edge.catalogue import StreamSpec
from vointi_edge.decoders.iio import iio_channel, iio_files
from vointi_edge.decoders.json_fields import axis_live_sum, json_channels, json_object
from vointi_edge.decoders.ld2450 import FrameFinder, PresenceVote, target_count
from vointi_edge.sources.gpio.watchers import WATCHERS


def is_wired(capture: dict[str, Any]) -> bool:
    return bool(capture.keys() & {"files", "edges", "frame", "json"})


def decoded(spec: StreamSpec, capture: dict[str, Any]) -> dict[str, list[float]]:
    """All values by metric, in the order in which they were told."""
    found: dict[str, list[float]] = {}
    for channel in _channels(spec, capture):
        found.setdefault(by_code(channel.metric).name, []).extend(channel.physical().tolist())
    return found


def _channels(spec: StreamSpec, capture: dict[str, Any]) -> Iterator[Channel]:
    if "files" in capture:
        files = capture["files"]
        for metric in spec.metrics:
            texts = {name: files[name] + "\n" for name in iio_files(metric, files)}
            yield iio_channel(metric, texts, spec.wired.correction.get(metric, 1.0))
    elif "edges" in capture:
        watcher = WATCHERS[spec.decoder]()
        told = [watcher.start({}, 0)]
        told += [watcher.edge(name, active, 1000 * ms) for name, active, ms in capture["edges"]]
        for one in told:
            yield from one.channels if one else ()
    elif "frame" in capture:
        vote, last = PresenceVote(), None
        for frame in FrameFinder().push(15 * bytes.fromhex(capture["frame"])):
            last = vote.push(target_count(frame))
        assert last is not None
        yield from last.channels
    else:
        message = json_object(capture["json"].encode())
        if spec.decoder == "axis_live_sum":
            yield from axis_live_sum(message).channels
        else:
            found, wrong = json_channels(message, spec.wired.fields)
            assert not wrong
            yield from found.channels
