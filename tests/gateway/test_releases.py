"""Releases at the gateway: taken in by their signature, given to who was ordered them alone."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from door_kit import House, house
from gateway_kit import EDGE, OTHER_EDGE, OTHER_PILOT
from identity_kit import Box
from release_kit import KEY, release
from vointi_contract.errand import SKEW_S, Errand, statement
from vointi_contract.signing import public_key_text
from vointi_gateway.errors import ConflictError, RegistryError, UnknownRecordError
from vointi_gateway.pilots.backup import backup, restore
from vointi_gateway.pilots.drill import drill
from vointi_gateway.pilots.registry import Registry
from vointi_gateway.releases import Release, Releases, check_releases


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    registry = Registry(tmp_path, lambda: 1_780_272_000_000_000)
    registry.open()
    return registry


@pytest.fixture
def releases(tmp_path: Path, registry: Registry) -> Releases:
    (tmp_path / "release.keys").write_text(public_key_text(KEY.public_key()) + "\n")
    where = (tmp_path / "releases", tmp_path / "release.keys")
    return Releases(*where, registry.audit, registry.commands.wanted)


def test_a_signed_release_is_taken_in_and_found(
    releases: Releases, tmp_path: Path, registry: Registry
) -> None:
    old = releases.add(release(tmp_path, 1, whole=False), actor="test")
    new = releases.add(release(tmp_path, 2, over=3, whole=False), actor="test")
    assert releases.all() == [new, old]
    assert (new.version, new.number, new.over) == ("0.2", 2, 3)
    assert releases.path(new.digest).stat().st_size == new.bytes
    assert [releases.find(name) for name in (None, "0.1", "2")] == [new, old, new]
    assert releases.add(release(tmp_path, 2, over=3, whole=False), actor="test").number == 2
    releases.remove("0.1", actor="test")
    assert releases.all() == [new]
    with pytest.raises(UnknownRecordError, match=r"0\.1 is not here"):
        releases.remove("0.1", actor="test")
    kinds = [row.kind for row in registry.audit.rows()]
    assert kinds == [*["release.add"] * 3, "release.remove"]


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        ("key", "manifest: .*not trusted here"),
        ("byte", "manifest: .*does not fit"),
        ("tar", "release: no release file"),
        ("wheel", "release: .*not the one that was signed"),
        ("missing", "file: .*No such file"),
    ],
)
def test_what_nobody_signed_is_not_taken_in(
    releases: Releases, tmp_path: Path, spoil: str, said: str
) -> None:
    key = Ed25519PrivateKey.generate() if spoil == "key" else KEY
    file = release(tmp_path, 1, key=key, whole=False)
    content = bytearray(file.read_bytes())
    place = {"byte": 700, "wheel": content.index(b"tiny_edge")}.get(spoil)
    if place is not None:
        content[place] ^= 1
    if spoil == "tar":
        content = bytearray(b"no tar at all" * 100)
    file.write_bytes(content)
    if spoil == "missing":
        file.unlink()
    with pytest.raises(RegistryError, match=said):
        releases.add(file, actor="test")
    assert releases.all() == []
    assert not list((tmp_path / "releases").iterdir())


def test_without_keys_nothing_is_taken_in(releases: Releases, tmp_path: Path) -> None:
    (tmp_path / "release.keys").unlink()
    with pytest.raises(RegistryError, match=r"release_keys: .*put the line of release\.py"):
        releases.add(release(tmp_path, 1, whole=False), actor="test")


def test_a_number_is_given_once(releases: Releases, tmp_path: Path) -> None:
    releases.add(release(tmp_path, 1, whole=False), actor="test")
    other = release(tmp_path, 1, over=1, whole=False)
    with pytest.raises(ConflictError, match=r"0\.1 \(1\) is here already"):
        releases.add(other, actor="test")


def saved(registry: Registry, folder: Path) -> Path:
    backup(registry, lambda path: path.write_bytes(b""), folder, "test")
    return folder


def test_a_backup_has_the_releases_and_the_drill_reads_them(
    releases: Releases, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, registry: Registry
) -> None:
    one, two = (releases.add(release(tmp_path, n, whole=False), actor="test") for n in (1, 2))
    (tmp_path / "releases" / ".draft").write_bytes(b"half of one")
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    folder = saved(registry, elsewhere / "saved")
    names = {path.name for path in (folder / "releases").iterdir()}
    assert names == {f"{one.digest}.release", f"{two.digest}.release"}
    facts = drill(folder, elsewhere / "data", lambda _: 0, check_releases=check_releases)
    assert facts["releases"] == 2
    restore(folder, elsewhere / "data")
    back = Registry(elsewhere / "data", registry.wall_us)
    back.open()
    where = (elsewhere / "data" / "releases", elsewhere / "data" / "release.keys")
    assert Releases(*where, back.audit, back.commands.wanted).all() == [two, one]
    back.close()


def test_the_drill_finds_a_release_that_was_changed(
    releases: Releases, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, registry: Registry
) -> None:
    one = releases.add(release(tmp_path, 1, whole=False), actor="test")
    content = bytearray(releases.path(one.digest).read_bytes())
    content[700] ^= 1
    releases.path(one.digest).write_bytes(content)
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    folder = saved(registry, elsewhere / "saved")
    with pytest.raises(RegistryError, match=r"releases: .*\.release was changed; delete it"):
        drill(folder, elsewhere / "data", lambda _: 0, check_releases=check_releases)


def test_of_releases_without_a_trusted_key_none_counts(releases: Releases, tmp_path: Path) -> None:
    assert check_releases(tmp_path) == 0
    releases.add(release(tmp_path, 1, whole=False), actor="test")
    other = tmp_path / "other.keys"
    other.write_text(public_key_text(Ed25519PrivateKey.generate().public_key()) + "\n")
    assert (check_releases(tmp_path), check_releases(tmp_path, other)) == (1, 0)


# ---- over HTTP, with a box that was enrolled


@pytest.fixture
def here(tmp_path: Path) -> House:
    with house(tmp_path / "data") as made:
        keys = tmp_path / "data" / "release.keys"
        keys.write_text(public_key_text(KEY.public_key()) + "\n")
        yield made  # type: ignore[misc]


def proof(here: House, box: Box, path: str, late_s: int = 0) -> dict[str, str]:
    serial = here.gateway.identity.edges._db.rows("SELECT * FROM certificate WHERE chain = ?",
                                                  box.chain)[0]["serial"]  # fmt: skip
    at_s = here.clock[0] // 1_000_000 - late_s
    signature = box.key.sign(statement(path, at_s), ec.ECDSA(hashes.SHA256()))
    return {"Authorization": Errand(serial, at_s, signature).header}


def order(here: House, release: Release, *edges: str) -> None:
    commands = here.gateway.registry.commands
    arguments = {"url": release.address, "sha256": release.digest}
    for one in commands.roll_out(edges, "0.1", arguments, at_a_time=1, actor="test"):
        assert commands.take(one)


def test_an_edge_gets_what_it_was_ordered_and_a_stranger_nothing(
    here: House, tmp_path: Path
) -> None:
    box, other = Box(), Box()
    box.enrol(here.gateway.identity)
    other.enrol(here.gateway.identity, OTHER_EDGE, OTHER_PILOT)
    file = release(tmp_path, 1, whole=False)
    made = here.gateway.releases.add(file, actor="test")
    path = made.address
    get = lambda headers: here.ask("GET", path, headers=headers)  # noqa: E731
    assert get(proof(here, box, path)).status_code == 404, "nobody ordered it"
    order(here, made, EDGE)
    rest = get(proof(here, box, path) | {"Range": "bytes=100-"})
    assert (rest.status_code, rest.content) == (206, file.read_bytes()[100:])
    assert rest.headers["Content-Range"] == f"bytes 100-{made.bytes - 1}/{made.bytes}"
    whole = get(proof(here, box, path) | {"Range": f"bytes={made.bytes}-"})
    assert (whole.status_code, whole.content) == (200, file.read_bytes())
    assert here.gateway.registry.commands.newest()[EDGE].state == "fetched"
    with pytest.raises(ConflictError, match="edge-1 has yet to fetch it"):
        here.gateway.releases.remove("0.1", actor="test")

    assert get(proof(here, other, path)).status_code == 404, "it was ordered of another"
    assert get({}).status_code == get({"Authorization": "Bearer x"}).status_code == 401
    assert get({"Authorization": "Vointi-Edge a:²:c".encode("latin-1")}).status_code == 401
    for bad in (
        proof(here, box, path, SKEW_S + 1),
        proof(here, box, path + "x"),
        {"Authorization": Errand("ab", here.clock[0] // 1_000_000, b"x").header},
    ):
        assert get(bad).status_code == 403
    here.gateway.identity.edges.revoke(EDGE, "lost", "test")
    assert get(proof(here, box, path)).status_code == 403
    listed = here.ask("GET", "/api/v1/releases", here.cookie("operator")).json()
    assert [(one["version"], one["digest"]) for one in listed] == [("0.1", made.digest)]
    edges = here.ask("GET", "/api/v1/edges", here.cookie("operator")).json()["edges"]
    assert edges[0]["version"] == "0.1.0"
    assert (edges[0]["order"]["what"], edges[0]["order"]["state"]) == ("0.1", "fetched")
