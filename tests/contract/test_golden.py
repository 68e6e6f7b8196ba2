"""What one version wrote, every later version reads, and this one writes the same."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from vointi_contract import golden
from vointi_contract.ack import decode_ack, encode_ack, read_ack
from vointi_contract.codec import decode, decompress, pack
from vointi_contract.command import Command, CommandResult
from vointi_contract.metrics import METRICS
from vointi_contract.policy import CollectionPolicy
from vointi_contract.status import Birth, ClockAnchor, EdgeStatus
from vointi_contract.wire import to_protobuf

TEXT_CLASSES = {
    "birth": Birth,
    "status": EdgeStatus,
    "clock": ClockAnchor,
    "policy": CollectionPolicy,
    "command": Command,
    "result": CommandResult,
}


@pytest.mark.parametrize("case", golden.cases(), ids=lambda case: case.name)
def test_a_golden_batch_means_what_it_meant(case: golden.BatchCase) -> None:
    assert decode(case.payload) == case.batch


@pytest.mark.parametrize("case", golden.cases(), ids=lambda case: case.name)
def test_the_same_message_is_written_before_compression(case: golden.BatchCase) -> None:
    assert to_protobuf(case.batch) == decompress(case.payload)


@pytest.mark.parametrize("case", golden.acks(), ids=lambda case: case.name)
def test_a_golden_ack_is_read_and_written(case: golden.AckCase) -> None:
    assert decode_ack(case.payload) == case.marks
    assert read_ack(case.payload).reads == case.reads
    assert encode_ack(case.marks, case.reads if case.reads > 1 else 0) == case.payload


@pytest.mark.parametrize("case", golden.packed(), ids=lambda case: case.name)
def test_a_golden_packed_batch_is_read_and_written(case: golden.BatchCase) -> None:
    device = case.batch.frames[0].device
    assert decode(case.payload, device) == case.batch
    assert pack(case.batch, device) == case.payload


@pytest.mark.parametrize("case", golden.texts(), ids=lambda case: case.name)
def test_a_golden_text_is_read_and_written(case: golden.TextCase) -> None:
    message = TEXT_CLASSES[case.name].from_json(case.payload)
    assert message.to_json() == case.payload


def test_the_cases_cover_the_contract() -> None:
    frames = [frame for case in golden.cases() for frame in case.batch.frames]
    assert {int(frame.clock) for frame in frames} == {0, 1, 2, 3}
    assert any(frame.wall_us is None for frame in frames)
    assert any(frame.offsets_us for frame in frames)
    assert any(case.batch.losses for case in golden.cases())
    sent = {channel.metric for frame in frames for channel in frame.channels}
    assert len(sent & {metric.code for metric in METRICS}) > 25
    assert sent - {metric.code for metric in METRICS}, "an unknown metric is among them"
    assert len(golden.malformed()) > 20


@pytest.mark.parametrize("version", golden.VERSIONS)
def test_the_files_are_those_that_were_published(root: Path, version: int) -> None:
    digest = hashlib.sha256()
    folder = root / "contract" / "vointi_contract" / "golden" / f"v{version}"
    for file in sorted(folder.rglob("*.*")):
        digest.update(file.relative_to(folder).as_posix().encode())
        digest.update(file.read_bytes())
    assert digest.hexdigest() == PUBLISHED[version]


# Adding a file changes this; changing or removing one is a new version of the contract.
PUBLISHED = {
    1: "3dc81ea023017e6c84e9d51d07f5e0c6a054aa54bc1250081bddaf478dc2819c",
    2: "5201cae690e41667f703e10325d8ed4c117aba16449527faef5b44365e57b903",
}
