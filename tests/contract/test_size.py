"""Payloads stay as small as they were measured."""

from __future__ import annotations

import runpy
from collections import defaultdict
from pathlib import Path

import pytest
from vointi_contract import golden

# Bytes a value as measured, and two per cent for other versions of zstd.
CEILINGS = {
    "live 1 s, at rest": 1.34,
    "live 1 s, walking": 1.70,
    "backlog 20 s, at rest": 1.07,
    "backlog 20 s, walking": 1.44,
}


def test_small_payloads_stay_small() -> None:
    sizes = {case.name: len(case.payload) for case in golden.cases()}
    assert sizes["ecg"] <= 140
    assert sizes["live_second"] <= 255
    assert sizes["heart_rate"] <= 70
    assert sizes["unsynced"] <= 46


@pytest.mark.recordings
def test_recordings_stay_small(root: Path, recordings: Path) -> None:
    pytest.importorskip("wfdb")
    tool = runpy.run_path(str(root / "contract" / "tools" / "measure_size.py"))
    totals: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for kind, size, values in tool["rows"](recordings, every=6):
        totals[kind][0] += size
        totals[kind][1] += values
    for kind, ceiling in CEILINGS.items():
        size, values = totals[kind]
        assert size / values <= ceiling, kind
