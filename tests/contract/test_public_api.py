"""Promises about the package itself."""

from __future__ import annotations

import subprocess
import sys

from vointi_contract.errors import (
    ContractError,
    PayloadError,
    TopicError,
    UnknownMetricError,
    shown,
)

HEAVY = ("asyncio", "paho", "bleak", "duckdb", "fastapi", "pydantic", "scipy", "wfdb")


def test_errors_share_one_root() -> None:
    for error in (PayloadError, TopicError, UnknownMetricError):
        assert issubclass(error, ContractError)
    assert str(PayloadError("seq", "send it")) == "seq: send it"


def test_a_peer_s_text_is_short_and_printable() -> None:
    assert shown("a\x1b\nb") == r"'a\x1b\nb'"
    assert len(shown("x" * 10_000)) <= 80


def test_importing_it_reads_no_file_and_brings_nothing_heavy() -> None:
    code = (
        "import sys, vointi_contract.codec as c, vointi_contract.status, vointi_contract.policy;"
        "import vointi_contract.ack;"
        f"print([m for m in {HEAVY!r} if m in sys.modules], c.dictionary.cache_info().currsize)"
    )
    run = [sys.executable, "-c", code]
    done = subprocess.run(run, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[] 0"
