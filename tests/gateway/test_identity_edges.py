"""Tickets, certificates, renewal and revocation, without a socket."""

from __future__ import annotations

import base64
import secrets
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from gateway_kit import EDGE, PILOT
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from identity_kit import T0_S, Box, Records, SetTime, edges_in, opened, pem_request
from vointi_gateway.config import load
from vointi_gateway.errors import ConfigError, StoreError
from vointi_gateway.identity.errors import ConflictError, IdentityError, RefusedError
from vointi_gateway.identity.issuer import GRACE_S, LIFE_S
from vointi_gateway.identity.profile import edge_urn, request_key
from vointi_gateway.identity.service import Identity
from vointi_gateway.pilots.backup import backup, restore
from vointi_gateway.pilots.registry import Registry

DAY_S = 86_400


@pytest.fixture
def now() -> SetTime:
    return SetTime()


@pytest.fixture
def audit() -> Records:
    return Records()


@pytest.fixture
def identity(tmp_path: Path, now: SetTime, audit: Records) -> Iterator[Identity]:
    with opened(tmp_path, now, audit) as made:
        yield made


def ticket(identity: Identity) -> str:
    return identity.edges.ticket(EDGE, PILOT, "site-1", "test").text


def leaf(chain: str) -> x509.Certificate:
    return x509.load_pem_x509_certificate(chain.encode())


def test_a_certificate_says_what_the_registry_knows_and_nothing_that_was_asked_for(
    identity: Identity,
) -> None:
    """Subject and extensions of the request are not read (security requirement 7)."""
    box = Box()
    wishes = (
        x509.BasicConstraints(ca=True, path_length=5),
        x509.SubjectAlternativeName([x509.DNSName("gateway.example")]),
        x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]),
    )
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "edge-2")])
    request = pem_request(box.key, subject, *wishes)
    enrolled = identity.edges.enrol(ticket(identity), request)
    found = leaf(enrolled.issued.chain)
    names = found.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert [name.value for name in names] == [EDGE]
    assert len(list(found.subject)) == 1
    read = found.extensions.get_extension_for_class
    urns = read(x509.SubjectAlternativeName).value.get_values_for_type(
        x509.UniformResourceIdentifier
    )
    assert urns == [edge_urn(EDGE)]
    assert not read(x509.BasicConstraints).value.ca
    assert list(read(x509.ExtendedKeyUsage).value) == [ExtendedKeyUsageOID.CLIENT_AUTH]
    assert found.public_key() == box.key.public_key()
    assert found.not_valid_after_utc.timestamp() == T0_S + LIFE_S
    assert found.serial_number.bit_length() > 120
    assert (enrolled.edge, enrolled.pilot, enrolled.site) == (EDGE, PILOT, "site-1")


@pytest.mark.parametrize(
    "make",
    [
        lambda: pem_request(rsa.generate_private_key(65537, 2048)),
        lambda: pem_request(ec.generate_private_key(ec.SECP384R1())),
        lambda: pem_request(ed25519.Ed25519PrivateKey.generate()),
        lambda: "x" * 5000,
        lambda: "",
    ],
)
def test_only_p256_keys_are_signed(identity: Identity, make: object) -> None:
    with pytest.raises(IdentityError) as caught:
        identity.edges.enrol(ticket(identity), make())  # type: ignore[operator]
    assert caught.value.field == "csr"


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, 10_000), bit=st.integers(0, 7))
def test_a_request_with_any_bit_changed_is_refused(place: int, bit: int) -> None:
    """Proof of possession: it is signed by its own key, or it is nothing."""
    der = bytearray(base64.b64decode("".join(_REQUEST.splitlines()[1:-1])))
    signature = x509.load_pem_x509_csr(_REQUEST.encode()).signature
    # How many bits behind the signature count for nothing (X.690, 8.6.2.2) is not signed.
    assume(place % len(der) != len(der) - len(signature) - 1)
    der[place % len(der)] ^= 1 << bit
    body = base64.encodebytes(bytes(der)).decode()
    text = f"-----BEGIN CERTIFICATE REQUEST-----\n{body}-----END CERTIFICATE REQUEST-----\n"
    with pytest.raises(IdentityError):
        request_key(text)


_REQUEST = Box().request()


def test_a_ticket_is_good_once_and_for_its_edge_alone(identity: Identity, audit: Records) -> None:
    text = ticket(identity)
    assert len(base64.b32decode(text.partition(".")[0].upper())) * 8 >= 128
    with pytest.raises(RefusedError):
        identity.edges.enrol(text, Box().request(), "edge-2")
    identity.edges.enrol(text, Box().request(), EDGE)
    with pytest.raises(RefusedError) as used:
        identity.edges.enrol(text, Box().request(), EDGE)
    with pytest.raises(RefusedError) as wrong:
        token = base64.b32encode(secrets.token_bytes(20)).decode().lower()
        identity.edges.enrol(f"{token}.00", Box().request(), EDGE)
    assert str(used.value) == str(wrong.value), "guessing learns nothing"
    assert audit.outcomes("edge.enrol") == ["ticket", "ok", "ticket", "ticket"]


def test_a_ticket_ends_after_a_day_and_with_the_next_one(identity: Identity, now: SetTime) -> None:
    first = ticket(identity)
    second = ticket(identity)
    with pytest.raises(RefusedError):
        identity.edges.enrol(first, Box().request())
    now.now_s += DAY_S
    with pytest.raises(RefusedError):
        identity.edges.enrol(second, Box().request())


def test_two_at_the_same_moment_get_one_certificate(identity: Identity) -> None:
    text = ticket(identity)
    boxes = [Box() for _ in range(8)]

    def attempt(box: Box) -> str | None:
        try:
            return identity.edges.enrol(text, box.request()).issued.serial
        except RefusedError:
            return None

    with ThreadPoolExecutor(8) as pool:
        got = [serial for serial in pool.map(attempt, boxes) if serial]
    assert len(got) == 1


def test_a_lost_answer_is_given_again_to_the_same_key_for_ten_minutes(
    identity: Identity, now: SetTime
) -> None:
    text, box = ticket(identity), Box()
    first = identity.edges.enrol(text, box.request()).issued.chain
    now.now_s += 599
    assert identity.edges.enrol(text, box.request()).issued.chain == first
    now.now_s += 2
    with pytest.raises(RefusedError):
        identity.edges.enrol(text, box.request())


def test_nothing_in_the_database_is_a_ticket(identity: Identity, tmp_path: Path) -> None:
    text = ticket(identity)
    token = text.partition(".")[0]
    stored = b"".join(path.read_bytes() for path in (tmp_path / "identity").glob("identity.db*"))
    assert token.encode() not in stored.lower()
    assert base64.b32decode(token.upper()) not in stored


def test_renewal_needs_the_old_key_and_rolls_it(identity: Identity, now: SetTime) -> None:
    box, thief = Box(), Box()
    serial = box.enrol(identity).issued.serial
    now.now_s += 5 * DAY_S
    request = Box().request()
    with pytest.raises(RefusedError):
        identity.edges.renew(serial, request, thief.proof(request))
    with pytest.raises(RefusedError):
        identity.edges.renew(serial, request, box.proof(Box().request()))
    with pytest.raises(RefusedError):
        identity.edges.renew("abc", request, box.proof(request))
    renewed = identity.edges.renew(serial, request, box.proof(request))
    assert leaf(renewed.issued.chain).public_key() == request_key(request)
    assert renewed.issued.not_after_s == now.now_s + LIFE_S
    again = identity.edges.renew(serial, request, box.proof(request))
    assert again.issued.serial == renewed.issued.serial, "a lost answer is given again"


def test_a_summer_cottage_may_come_back_for_thirty_days(identity: Identity, now: SetTime) -> None:
    box, request = Box(), Box().request()
    serial = box.enrol(identity).issued.serial
    now.now_s += LIFE_S + GRACE_S + 1
    with pytest.raises(RefusedError):
        identity.edges.renew(serial, request, box.proof(request))
    now.now_s -= 1
    identity.edges.renew(serial, request, box.proof(request))


def test_one_certificate_renewed_by_two_keys_is_two_boxes(
    identity: Identity, now: SetTime, audit: Records
) -> None:
    box, mine, theirs = Box(), Box().request(), Box().request()
    serial = box.enrol(identity).issued.serial
    renewed = identity.edges.renew(serial, mine, box.proof(mine)).issued.serial
    assert renewed != serial
    with pytest.raises(ConflictError):
        identity.edges.renew(serial, theirs, box.proof(theirs))
    assert identity.edges.records()[0].state == "suspect"
    assert EDGE not in edges_in(identity.bundle.folder)
    assert identity.why_shut_out(EDGE)
    assert any(EDGE in line for line in identity.alarms())
    assert audit.outcomes("edge.clone")
    # Neither of the two comes in again, until the operator enrols one of them anew.
    with pytest.raises(RefusedError):
        identity.edges.renew(serial, mine, box.proof(mine))
    Box().enrol(identity)
    assert identity.why_shut_out(EDGE) is None


def test_two_boxes_are_seen_by_their_alternating_boots(identity: Identity) -> None:
    Box().enrol(identity)
    heard = identity.clones.heard
    for boot, mono_us in ((1, 10), (1, 20), (2, 5), (2, 6), (1, 20), (2, 6), (1, 10), (3, 1)):
        heard(EDGE, boot, mono_us)
    assert identity.why_shut_out(EDGE) is None, "restarts and repeated deliveries"
    for boot, mono_us in ((3, 2), (2, 7), (3, 3)):
        heard(EDGE, boot, mono_us)
    assert "two boxes" in (identity.why_shut_out(EDGE) or "")


def test_revocation_ends_certificates_tickets_and_renewal(
    identity: Identity, tmp_path: Path
) -> None:
    box = Box()
    serial = box.enrol(identity).issued.serial
    assert EDGE in edges_in(identity.bundle.folder)
    identity.edges.revoke(EDGE, "lost", "test")
    text = (identity.bundle.folder / "crl.pem").read_bytes()
    assert [f"{one.serial_number:x}" for one in x509.load_pem_x509_crl(text)] == [serial]
    assert edges_in(identity.bundle.folder) == {}
    assert "lost" in (identity.why_shut_out(EDGE) or "")
    request = Box().request()
    with pytest.raises(RefusedError):
        identity.edges.renew(serial, request, box.proof(request))
    with pytest.raises(IdentityError):
        identity.edges.revoke("unknown", "", "test")


def test_a_command_is_seen_by_a_running_gateway(
    identity: Identity, tmp_path: Path, now: SetTime
) -> None:
    Box().enrol(identity)
    identity.watch()
    with opened(tmp_path, now) as command:
        command.edges.revoke(EDGE, "lost", "command")
    assert identity.why_shut_out(EDGE) is None
    identity.watch()
    assert identity.why_shut_out(EDGE)


def test_the_list_is_made_daily_and_its_end_is_an_alarm(identity: Identity, now: SetTime) -> None:
    path = identity.bundle.folder / "crl.pem"
    identity.watch()
    before = path.read_bytes()
    now.now_s += 3700
    identity.watch()
    assert path.read_bytes() == before
    now.now_s += DAY_S
    identity.watch()
    assert path.read_bytes() != before
    assert identity.alarms() == []
    now.now_s += 5 * DAY_S
    assert any(line.startswith("crl: ") for line in identity.alarms())
    now.now_s = T0_S + 80 * DAY_S
    assert any(line.startswith("server: ") for line in identity.alarms())
    identity.watch()
    assert identity.alarms() == []
    now.now_s = T0_S + 330 * DAY_S
    identity.watch()
    assert not any("issuer" in line for line in identity.alarms()), "signed again in time"


def test_without_the_roots_key_the_end_of_the_issuer_is_an_alarm(
    identity: Identity, tmp_path: Path, now: SetTime
) -> None:
    (tmp_path / "identity" / "issuer" / "root.key").unlink()
    now.now_s += 340 * DAY_S
    identity.watch()
    assert any(line.startswith("issuer: ") for line in identity.alarms())


def test_an_edge_that_does_not_renew_is_an_alarm(identity: Identity, now: SetTime) -> None:
    Box().enrol(identity)
    assert identity.alarms() == []
    now.now_s += 6 * DAY_S
    assert any(EDGE in line for line in identity.alarms())


def test_keys_are_private_and_two_installations_differ(tmp_path: Path, now: SetTime) -> None:
    roots = []
    for name in ("a", "b"):
        with opened(tmp_path / name, now) as identity:
            roots.append(identity.trust)
            folders = (identity.bundle.folder, tmp_path / name / "identity")
            for path in (p for folder in folders for p in folder.rglob("*") if p.is_file()):
                assert path.stat().st_mode & 0o077 == 0, path
    assert roots[0] != roots[1]


@pytest.mark.parametrize("edge", ["gateway", "warden", "A b", "+", ""])
def test_names_of_services_and_no_names_get_no_ticket(identity: Identity, edge: str) -> None:
    with pytest.raises(IdentityError):
        identity.edges.ticket(edge, PILOT, "s", "test")


def test_a_newer_schema_is_not_touched(identity: Identity, tmp_path: Path, now: SetTime) -> None:
    with sqlite3.connect(tmp_path / "identity" / "identity.db") as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(StoreError, match="use the version that wrote it"), opened(tmp_path, now):
        pass


def test_opening_twice_changes_nothing(identity: Identity, tmp_path: Path, now: SetTime) -> None:
    Box().enrol(identity)
    with opened(tmp_path, now) as again:
        assert again.edges.records() == identity.edges.records()
        assert again.trust == identity.trust


def test_local_is_for_loopback_alone(tmp_path: Path) -> None:
    path = tmp_path / "g.toml"
    path.write_text('data_dir = "x"\nhost = "0.0.0.0"\nauth = "local"\n')
    with pytest.raises(ConfigError, match=r'auth: "local" lets everybody in .* use "accounts"'):
        load(path, {})
    path.write_text('data_dir = "x"\nhost = "0.0.0.0"\n')
    assert not load(path, {}).is_open
    path.write_text('data_dir = "x"\n')
    assert load(path, {}).is_open
    path.write_text('data_dir = "x"\nauth = "accounts"\n')
    assert not load(path, {}).is_open


def test_a_revoked_edge_does_not_come_back_with_a_backup(tmp_path: Path, now: SetTime) -> None:
    """And on an empty machine the backup's issuer goes on: no box needs a new ticket."""
    data = tmp_path / "data"
    with opened(data, now) as identity:
        box = Box()
        box.enrol(identity)
        trust = identity.trust
        registry = Registry(data)
        registry.open()
        backup(registry, lambda path: path.touch(), tmp_path / "copy", "test")
        registry.close()
        identity.edges.revoke(EDGE, "lost", "test")
    restore(tmp_path / "copy", data)
    with opened(data, now) as identity:
        assert identity.why_shut_out(EDGE)
    restore(tmp_path / "copy", tmp_path / "empty")
    with opened(tmp_path / "empty", now) as identity:
        assert identity.trust == trust
        assert list(identity.edges.active()) == [EDGE]
        request = Box().request()
        serial = f"{leaf(box.chain).serial_number:x}"
        assert identity.edges.renew(serial, request, box.proof(request))
    for path in (tmp_path / "empty" / "identity").rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
