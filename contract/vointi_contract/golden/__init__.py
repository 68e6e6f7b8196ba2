"""Payloads that every version must read, for the tests of both sides.

`vN/` holds what version N of the contract wrote: bytes as they were on the wire, and what they
mean; v2 added the packed format 0x02 and what its acks say. A file is never changed;
`contract/tools/make_golden.py` only adds.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from vointi_contract.ack import Watermark
from vointi_contract.frame import Batch
from vointi_contract.golden.form import batch_of, marks_of

VERSIONS = (1, 2)


@dataclass(frozen=True, slots=True)
class BatchCase:
    """A payload of a data topic and the batch in it."""

    name: str
    payload: bytes
    batch: Batch


@dataclass(frozen=True, slots=True)
class AckCase:
    """A payload of the ack topic, the watermarks in it, and the newest format it asks for."""

    name: str
    payload: bytes
    marks: tuple[Watermark, ...]
    reads: int


@dataclass(frozen=True, slots=True)
class MalformedCase:
    """A payload of a data topic that must be refused, and the field that the error names."""

    name: str
    payload: bytes
    field: str


@dataclass(frozen=True, slots=True)
class TextCase:
    """A JSON payload, named for its class: birth, status, clock, policy, command, result."""

    name: str
    payload: bytes


def cases() -> tuple[BatchCase, ...]:
    """Every golden batch, of every version."""
    return tuple(
        BatchCase(name, payload, batch_of(_meaning(file)))
        for name, payload, file in _pairs("batch")
    )


def packed() -> tuple[BatchCase, ...]:
    """Every golden packed batch, each for the topic of its first frame's device."""
    return tuple(
        BatchCase(name, payload, batch_of(_meaning(file)))
        for name, payload, file in _pairs("packed")
    )


def acks() -> tuple[AckCase, ...]:
    """Every golden ack, of every version."""
    return tuple(
        AckCase(name, payload, *_marks(_meaning(file))) for name, payload, file in _pairs("ack")
    )


def malformed() -> tuple[MalformedCase, ...]:
    """Every payload that must be refused."""
    return tuple(
        MalformedCase(name, payload, _meaning(file)["field"])
        for name, payload, file in _pairs("malformed")
    )


def texts() -> tuple[TextCase, ...]:
    """Every golden JSON payload, of every version."""
    return tuple(
        TextCase(file.name.removesuffix(".json"), file.read_bytes())
        for folder in _folders("text")
        for file in _sorted(folder)
    )


def _marks(meaning: Any) -> tuple[tuple[Watermark, ...], int]:
    """Version 1 wrote the marks alone, and 1 is what it read."""
    if isinstance(meaning, list):
        return marks_of(meaning), 1
    return marks_of(meaning["marks"]), int(meaning["reads"])


def _pairs(kind: str) -> Iterator[tuple[str, bytes, Traversable]]:
    for folder in _folders(kind):
        for file in _sorted(folder):
            if file.name.endswith(".bin"):
                name = file.name.removesuffix(".bin")
                yield name, file.read_bytes(), folder / f"{name}.json"


def _folders(kind: str) -> Iterator[Traversable]:
    for version in VERSIONS:
        folder = resources.files(__name__) / f"v{version}" / kind
        if folder.is_dir():
            yield folder


def _sorted(folder: Traversable) -> list[Traversable]:
    return sorted(folder.iterdir(), key=lambda file: file.name)


def _meaning(file: Traversable) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))
