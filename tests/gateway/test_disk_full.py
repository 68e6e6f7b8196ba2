"""The gateway's disk is full and has room again: nothing is lost, there twice, or half there."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from gateway_kit import birth, wait_for
from outbox_kit import WINDOW, sending
from store_kills import SteadyOutbox, bad_disk, found_in, running
from vointi_gateway.errors import StoreError
from vointi_gateway.pilots.audit import AuditLog, verify
from vointi_gateway.pilots.keys import SigningKey


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """What a full disk does to a file that grows: a part of a write is taken, the rest refused."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_no_half_row_is_left_in_the_audit_log(tmp_path: Path) -> None:
    key = SigningKey(tmp_path / "keys")
    key.open()
    log = AuditLog(tmp_path / "audit.log", key, lambda: 1)
    log.append("login", "anna")
    whole = log.path.read_bytes()
    for room in (0, 1, len(whole) - 1):
        with (
            no_file_longer_than(len(whole) + room),
            pytest.raises(StoreError, match="cannot be written"),
        ):
            log.append("export", "anna", pilot="p-a-name-that-makes-the-row-longer")
        assert log.path.read_bytes() == whole
    log.append("export", "anna")
    assert verify(log.path, key.private.public_key()) == 2


@pytest.mark.network
@pytest.mark.timeout(300)
def test_a_bad_disk_stops_acknowledgement_until_there_is_room(tmp_path: Path) -> None:
    """The embedded store's turn: `python -m benchmarks --only kills_gateway`, among its faults."""
    with running(tmp_path, "influx", bad_disk(tmp_path)) as house:
        gateway, outbox = house.gateway, SteadyOutbox(house.broker.port)
        with sending(outbox):
            wait_for(lambda: outbox.settled > 20, timeout_s=60)
            house.full.touch()
            wait_for(lambda: not gateway.health()["store"]["ok"], timeout_s=60)
            stored, before = gateway.counts()["stored"], outbox.sent
            outbox.edge.client.publish(outbox.edge.topics.meta, birth().to_json(), qos=1)
            wait_for(lambda: outbox.sent > before + 20 or outbox.pending == WINDOW, timeout_s=60)
            sent = outbox.sent
            assert outbox.pending >= sent - before
            assert gateway.counts()["stored"] == stored
            assert "make room on its disk; nothing is acknowledged" in gateway.log()
            house.full.unlink()
            outbox.finish(timeout_s=120)
        wait_for(lambda: gateway.health()["store"]["ok"], timeout_s=60)
        counts = gateway.counts()
        assert "the store accepts again" in gateway.log()
        devices = gateway.get("/devices").json()
        gateway.terminate()
        found = found_in(tmp_path, house.server)
    assert counts["stored"] == outbox.sent
    assert set(found) == set(range(1, outbox.sent + 1))
    assert set(found.values()) == {1}
    assert devices
