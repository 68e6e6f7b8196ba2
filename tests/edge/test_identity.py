"""The edge's key and certificate: private, never half there, renewed in time, picky about peers."""

from __future__ import annotations

import asyncio
import os
import ssl
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from gateway_kit import EDGE, PILOT
from identity_kit import SetTime, opened
from vointi_edge.config import load_config
from vointi_edge.errors import ConfigError, IdentityError
from vointi_edge.identity import renewal
from vointi_edge.identity.gateway import Gateway
from vointi_edge.identity.keeper import GATEWAY, NEXT_KEY, PAIR, TRUST, Keeper
from vointi_edge.tls import client_context, trusting
from vointi_gateway.identity.authority import LocalIssuer
from vointi_gateway.identity.errors import RefusedError
from vointi_gateway.identity.service import Identity

DAY_S = 86_400


class Straight:
    """The gateway's enrolment without a network; `before` and `after` may raise."""

    identity: Identity
    away = False
    lose_answer = False
    sent: list[str]

    def __init__(self, url: str, trust: str = "") -> None:
        self.url = url

    def pin(self, fingerprint: str) -> None:
        assert len(fingerprint) == 64

    def enrol(self, ticket: str, request: str, edge: str) -> dict[str, Any]:
        return self._answer(lambda: self.identity.edges.enrol(ticket, request, edge), request)

    def renew(self, serial: str, request: str, proof: bytes) -> dict[str, Any]:
        return self._answer(lambda: self.identity.edges.renew(serial, request, proof), request)

    def _answer(self, ask: Callable[[], Any], request: str) -> dict[str, Any]:
        Straight.sent.append(request)
        if Straight.away:
            raise IdentityError("gateway", "cannot be reached")
        enrolled = ask()
        if Straight.lose_answer:
            raise IdentityError("gateway", "cannot be reached: the answer was lost")
        issued = enrolled.issued
        return {"chain": issued.chain, "trust": self.identity.trust, "edge": enrolled.edge}


@pytest.fixture
def now() -> SetTime:
    return SetTime(float(int(time.time())))


@pytest.fixture
def identity(tmp_path: Path, now: SetTime, monkeypatch: pytest.MonkeyPatch) -> Iterator[Identity]:
    with opened(tmp_path / "gw", now) as made:
        monkeypatch.setattr(renewal, "Gateway", Straight)
        monkeypatch.setattr(Straight, "identity", made, raising=False)
        monkeypatch.setattr(Straight, "sent", [], raising=False)
        monkeypatch.setattr(Straight, "away", False)
        monkeypatch.setattr(Straight, "lose_answer", False)
        yield made


@pytest.fixture
def keeper(tmp_path: Path) -> Keeper:
    return Keeper(tmp_path / "box" / "identity")


def enrol(identity: Identity, keeper: Keeper) -> str:
    ticket = identity.edges.ticket(EDGE, PILOT, "s", "test").text
    return renewal.enrol(keeper, "https://gw", ticket, EDGE)


def usable(keeper: Keeper) -> str:
    """The serial of a pair that TLS takes: key and certificate fit each other."""
    files = (keeper.folder / TRUST, keeper.folder / PAIR, keeper.folder / PAIR)
    client_context(*files)
    found = keeper.certificate()
    assert found is not None
    return found.serial


def test_the_key_is_private_and_never_sent(identity: Identity, keeper: Keeper) -> None:
    assert enrol(identity, keeper) == EDGE
    usable(keeper)
    assert keeper.folder.stat().st_mode & 0o077 == 0
    for path in keeper.folder.iterdir():
        assert path.stat().st_mode & 0o077 == 0, path
    assert sorted(p.name for p in keeper.folder.iterdir()) == sorted([TRUST, PAIR, GATEWAY])
    key = (keeper.folder / PAIR).read_text().split("-----END PRIVATE KEY")[0].splitlines()[1]
    assert not any(key in text or "PRIVATE" in text for text in Straight.sent)


def test_the_key_is_rolled_at_each_renewal(identity: Identity, keeper: Keeper) -> None:
    enrol(identity, keeper)
    pairs = [(keeper.folder / PAIR).read_text()]
    for _ in range(3):
        renewal.renew(keeper)
        usable(keeper)
        pairs.append((keeper.folder / PAIR).read_text())
    keys = {pair.split("-----END PRIVATE KEY")[0] for pair in pairs}
    assert len(keys) == len(pairs)


def test_a_lost_answer_is_asked_for_again_with_the_same_key(
    identity: Identity, keeper: Keeper, now: SetTime
) -> None:
    """And is no sign of two boxes, neither at enrolment nor at renewal."""
    ticket = identity.edges.ticket(EDGE, PILOT, "s", "test").text
    Straight.lose_answer = True
    with pytest.raises(IdentityError):
        renewal.enrol(keeper, "https://gw", ticket, EDGE)
    Straight.lose_answer = False
    renewal.enrol(keeper, "https://gw", ticket, EDGE)
    first = usable(keeper)
    Straight.lose_answer = True
    for _ in range(2):
        with pytest.raises(IdentityError):
            renewal.renew(keeper)
        assert usable(keeper) == first, "the old one is in use until the new one is here"
    Straight.lose_answer = False
    renewal.renew(keeper)
    assert usable(keeper) != first
    assert identity.edges.records()[0].state == "active"


class CutError(BaseException):
    """The power goes: nothing that waits for an exception may mend anything."""


def cut_after(monkeypatch: pytest.MonkeyPatch, left: int) -> None:
    """Let `left` changes on disk happen, then cut."""
    budget = [left]

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def run(*args: Any, **named: Any) -> Any:
            budget[0] -= 1
            if budget[0] < 0:
                raise CutError
            return call(*args, **named)

        return run

    for owner, name in ((os, "open"), (os, "fsync"), (Path, "replace"), (Path, "unlink")):
        monkeypatch.setattr(owner, name, counted(getattr(owner, name)))


def test_a_cut_at_any_step_leaves_a_usable_pair(identity: Identity, keeper: Keeper) -> None:
    """Before each change on disk, while the next key is made and while the answer is taken."""
    enrol(identity, keeper)
    cuts = 0
    for steps in range(100):
        before = usable(keeper)
        with pytest.MonkeyPatch.context() as patch:
            cut_after(patch, steps)
            try:
                request = keeper.request()
                answer = identity.edges.renew(before, request, keeper.prove(request))
                keeper.accept(answer.issued.chain, identity.trust)
                break
            except CutError:
                cuts += 1
        after = usable(keeper)
        if after != before:
            # The next attempt is a renewal of the pair that came into use just before the cut.
            assert after == answer.issued.serial
    assert cuts > 10
    renewal.renew(keeper)
    usable(keeper)
    assert identity.edges.records()[0].state == "active"


async def test_renewal_starts_at_two_thirds_and_outlives_an_absent_gateway(
    identity: Identity,
    keeper: Keeper,
    now: SetTime,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Time passes only while the loop sleeps; the gateway is away for a day."""
    enrol(identity, keeper)
    first, renewed_at = usable(keeper), []
    begun_s = now.now_s

    async def sleep(seconds: float) -> None:
        now.now_s += seconds
        elapsed_s = now.now_s - begun_s
        Straight.away = 4.6 * DAY_S < elapsed_s < 5.6 * DAY_S
        if usable(keeper) != first:
            renewed_at.append(elapsed_s)
            raise asyncio.CancelledError

    monkeypatch.setattr(renewal.asyncio, "sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await renewal.renew_for_ever(keeper, lambda: datetime.fromtimestamp(now.now_s, UTC))
    assert 5.6 * DAY_S <= renewed_at[0] < 5.8 * DAY_S
    assert len([r for r in caplog.records if "not renewed" in r.message]) == 1, "told once"
    attempts = len(Straight.sent) - 2
    assert 15 <= attempts <= 30, "each hour, not more"


async def test_a_clock_that_was_never_set_asks_for_nothing(
    identity: Identity, keeper: Keeper, monkeypatch: pytest.MonkeyPatch
) -> None:
    enrol(identity, keeper)
    slept = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        raise asyncio.CancelledError

    monkeypatch.setattr(renewal.asyncio, "sleep", sleep)
    with pytest.raises(asyncio.CancelledError):
        await renewal.renew_for_ever(keeper, lambda: datetime(1970, 1, 1, tzinfo=UTC))
    assert slept[0] > 3000
    assert len(Straight.sent) == 1


def test_a_certificate_for_another_key_is_not_taken(identity: Identity, keeper: Keeper) -> None:
    enrol(identity, keeper)
    before = usable(keeper)
    chain = (keeper.folder / PAIR).read_text()
    keeper.request()
    with pytest.raises(IdentityError, match="another key"):
        keeper.accept(chain[chain.index("-----BEGIN CERT") :], identity.trust)
    with pytest.raises(IdentityError, match="no certificate"):
        keeper.accept("nonsense", identity.trust)
    assert usable(keeper) == before


def test_a_failed_enrolment_leaves_the_old_pair_in_use(identity: Identity, keeper: Keeper) -> None:
    enrol(identity, keeper)
    before = usable(keeper)
    with pytest.raises(RefusedError):
        renewal.enrol(keeper, "https://other", f"{'a' * 32}.{'0' * 64}", EDGE)
    assert usable(keeper) == before
    with pytest.raises(IdentityError, match="not whole"):
        renewal.enrol(keeper, "https://other", "a" * 32, EDGE)


# ---- peers


def handshake(client: ssl.SSLContext, server: ssl.SSLContext, name: str) -> None:
    """TLS through memory. Raises ssl.SSLError when either side refuses."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname=name)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    done = set()
    for _ in range(10):
        for side in (ours, theirs):
            try:
                side.do_handshake()
                done.add(side)
            except ssl.SSLWantReadError:
                continue
        if len(done) == 2:
            return
    pytest.fail("no end of the handshake")


@pytest.mark.parametrize(
    ("name", "age_days", "rogue", "refusal"),
    [
        ("broker.test", 0, False, None),
        ("10.1.2.3", 0, False, None),
        ("other.test", 0, False, "Hostname mismatch"),
        ("10.1.2.4", 0, False, "IP address mismatch"),
        ("broker.test", 100, False, "certificate has expired"),
        ("broker.test", 0, True, "unable to get|self-signed|self signed|certificate signature"),
    ],
)
def test_a_peer_must_have_the_right_name_root_and_time(
    tmp_path: Path, name: str, age_days: int, rogue: bool, refusal: str | None
) -> None:
    now_s = time.time()
    issuer = LocalIssuer.create(tmp_path / "ours", now_s - 200 * DAY_S)
    signer = LocalIssuer.create(tmp_path / "rogue", now_s) if rogue else issuer
    issued, key = signer.server(["broker.test", "10.1.2.3"], now_s - age_days * DAY_S)
    (tmp_path / "server.pem").write_text(key + issued.chain)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(tmp_path / "server.pem")
    client = trusting(issuer.trust())
    assert client.minimum_version >= ssl.TLSVersion.TLSv1_2
    if refusal is None:
        handshake(client, server, name)
        return
    with pytest.raises(ssl.SSLCertVerificationError, match=refusal):
        handshake(client, server, name)


def test_an_edges_certificate_cannot_pose_as_the_broker(identity: Identity, keeper: Keeper) -> None:
    enrol(identity, keeper)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(keeper.folder / PAIR)
    with pytest.raises(ssl.SSLCertVerificationError, match="purpose"):
        handshake(trusting(identity.trust), server, EDGE)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("http://gateway.example", "must be https"),
        ("http://192.0.2.1:80", "must be https"),
        ("ftp://localhost", "is no address"),
        ("gateway.example", "is no address"),
        ("https://", "is no address"),
    ],
)
def test_a_ticket_is_not_sent_in_the_clear(url: str, problem: str) -> None:
    with pytest.raises(IdentityError, match=problem):
        Gateway(url)
    assert Gateway("http://127.0.0.1:80")


# ---- configuration

_EDGE = """
edge = "e"
pilot = "p"
site = "s"
role = "home"
data_dir = "data"
[mqtt]
host = "broker"
port = 8883
"""


def test_tls_takes_the_enrolled_files_or_three_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "edge.toml"
    path.write_text(_EDGE)
    assert load_config(path).mqtt.tls is None
    path.write_text(_EDGE + "tls = true\n")
    tls = load_config(path).mqtt.tls
    assert tls is not None
    assert (tls.own, tls.cert_file) == (True, tmp_path / "data" / "identity" / "client.pem")
    files = 'ca_file = "a"\ncert_file = "c"\nkey_file = "k"\n'
    path.write_text(_EDGE + "tls = true\n" + files)
    tls = load_config(path).mqtt.tls
    assert tls is not None
    assert (tls.own, tls.key_file) == (False, tmp_path / "k")


@pytest.mark.parametrize(
    ("lines", "field"),
    [
        ('ca_file = "a"', "mqtt.ca_file"),
        ('tls = true\nca_file = "a"\ncert_file = "c"', "mqtt.key_file"),
        ("tls = 1", "mqtt.tls"),
    ],
)
def test_half_a_tls_is_one_line(tmp_path: Path, lines: str, field: str) -> None:
    path = tmp_path / "edge.toml"
    path.write_text(_EDGE + lines)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert [problem.field for problem in caught.value.problems] == [field]


def test_renewal_is_due_at_two_thirds(identity: Identity, keeper: Keeper) -> None:
    enrol(identity, keeper)
    found = keeper.certificate()
    assert found is not None
    life = found.not_after - found.not_before
    assert abs(found.renew_at() - found.not_before - life * 2 / 3) < timedelta(seconds=1)


def test_no_file_is_left_open_to_others_by_the_umask(keeper: Keeper) -> None:
    before = os.umask(0)
    try:
        keeper.request()
    finally:
        os.umask(before)
    assert (keeper.folder / NEXT_KEY).stat().st_mode & 0o777 == 0o600
