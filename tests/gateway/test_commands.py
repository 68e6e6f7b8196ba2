"""The commands, as an operator types them: from a pilot file to an erasure and a restore."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from gateway_kit import ecg_frame, hr_frame, payload
from registry_kit import DEVICE, EDGE, PILOT, birth, document
from vointi_contract.topics import EdgeTopics
from vointi_gateway.cli import main
from vointi_gateway.errors import ConflictError, RegistryError
from vointi_gateway.ingest.ledger import Ledger
from vointi_gateway.ingest.stage import Delivery, Stager
from vointi_gateway.pilots.document import as_json
from vointi_gateway.pilots.erasure import Erasures
from vointi_gateway.pilots.registry import Registry, now_us
from vointi_gateway.pilots.sealed import MAGIC, make_key, read_key, seal, unseal
from vointi_gateway.store.embedded import EmbeddedStore

Run = Callable[..., Any]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "gateway.toml"
    path.write_text(f'data_dir = "{tmp_path / "data"}"\n')
    return path


@pytest.fixture
def run(config: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command with --json; the answer, or the error line when `code` is not 0."""

    def run(*words: str, code: int = 0) -> Any:
        with pytest.raises(SystemExit) as caught:
            main([*words, "--config", str(config), "--json"])
        out, err = capsys.readouterr()
        assert caught.value.code == code, err
        if code == 2:
            assert err.count("\n") == 1
            return err.strip()
        return json.loads(out)

    return run


def _measure(data_dir: Path) -> None:
    """A minute of readings, as the gateway would take them."""
    registry, store = Registry(data_dir), EmbeddedStore(data_dir / "vointi.duckdb")
    registry.open()
    store.open()
    registry.observe(PILOT, birth())
    at_us = now_us()
    frames = [hr_frame(1, wall_us=at_us), hr_frame(2, 63, wall_us=at_us + 1)]
    data = payload(*frames, ecg_frame(3, wall_us=at_us))
    delivery = Delivery(EdgeTopics(PILOT, EDGE).live("strap-1"), data, 1, 1, 1, False, at_us)
    stager = Stager(Ledger(), set(), {EDGE: PILOT}.get, now_us, registry.gate)
    store.commit(stager.stage([delivery], {}).commit)
    store.close()
    registry.close()


def _started(run: Run, tmp_path: Path) -> str:
    """A pilot with one person who wears a strap and agreed; the pseudonym."""
    file = tmp_path / "pilot.json"
    file.write_text(as_json(document()))
    assert run("pilot", "import", str(file)) == {"pilot": PILOT}
    invited = run("participant", "invite", PILOT, "--name", "Maija Esimerkki")
    person = str(invited["person"])
    assert run("participant", "join", invited["code"])["person"] == person
    run("device", "add", DEVICE, "--model", "polar-h10")
    run("device", "lend", DEVICE, PILOT, person)
    run("consent", "give", PILOT, person, "care", "--days", "30")
    _measure(tmp_path / "data")
    return person


def test_from_the_pilots_file_to_the_last_byte(run: Run, tmp_path: Path) -> None:
    person = _started(run, tmp_path)
    (pilot,) = run("pilot", "list")
    assert (pilot["pilot"], pilot["people"], pilot["edges"]) == (PILOT, 1, [EDGE])
    (consent,) = run("consent", "list")
    assert consent == {"pilot": PILOT, "person": person, "purpose": "care", "state": "given"}
    strap = next(d for d in run("device", "list") if d["device"] == DEVICE)
    assert (strap["state"], strap["person"]) == ("lent", person)
    file = Path(run("export", PILOT, person)["file"])
    _check_export(file, person)
    _check_summaries(Path(run("export", PILOT, person, "--resolution", "1h")["file"]))
    assert "is missing" in run("erase", PILOT, person, code=2)
    receipt = run("erase", PILOT, person, "--yes", "--receipt", str(tmp_path / "r.json"))
    rows = {"segments": 0, "scalars": 6, "quarantined": 0, "summaries": 2}
    assert receipt["rows"] == rows
    assert (receipt["exports"], receipt["residual_bytes_found_in"]) == (2, [])
    assert json.loads((tmp_path / "r.json").read_text()) == receipt
    assert not file.exists()
    assert run("participant", "list") == []
    assert run("audit", "verify")["rows"] > 6
    assert "has no" in run("export", PILOT, person, code=2)


def _check_export(file: Path, person: str) -> None:
    with zipfile.ZipFile(file) as archive:
        record = json.loads(archive.read("person.json"))
        names = [n for n in archive.namelist() if n.endswith(".csv")]
        lines = archive.read(next(n for n in names if "heart_rate" in n)).decode().splitlines()
    assert record["contact"]["name"] == "Maija Esimerkki"
    assert record["participant"]["person"] == person
    assert [e["kind"] for e in record["consent"]] == ["given"]
    assert {row["what"] for row in record["what_was_done"]} >= {"invite", "join", "lend", "consent"}
    assert len(names) == 2
    assert lines[0] == "t_us,value [/min],quality,seq"
    assert [line.split(",")[1] for line in lines[1:]] == ["62.0", "63.0"]


def _check_summaries(file: Path) -> None:
    with zipfile.ZipFile(file) as archive:
        index = json.loads(archive.read("person.json"))["measurements"]
        rates = next(row for row in index if "heart_rate" in row["file"])
        lines = archive.read(rates["file"]).decode().splitlines()
    assert (rates["resolution"], len(index)) == ("3600s", 2)
    assert lines[0] == "t_us,n,mean [/min],min [/min],max [/min]"
    assert lines[1].split(",")[1:] == ["2", "62.5", "62.0", "63.0"]


def test_a_restored_backup_does_not_bring_the_erased_back(run: Run, tmp_path: Path) -> None:
    person = _started(run, tmp_path)
    saved = run("backup", str(tmp_path / "saved"))
    assert saved["files"] >= 6
    assert (tmp_path / "saved").stat().st_mode & 0o077 == 0
    assert "not empty" in run("backup", str(tmp_path / "saved"), code=2)
    run("erase", PILOT, person, "--yes")
    rows = run("audit", "verify")["rows"]
    assert run("restore", str(tmp_path / "saved"))["files"] == saved["files"]
    assert [p["person"] for p in run("participant", "list")] == [person]
    # The log goes on where it was: what was done since the backup is not forgotten.
    assert run("audit", "verify")["rows"] == rows
    again = Registry(tmp_path / "data")
    again.open()
    assert Erasures(again, again.wall_us).again() == 1
    again.close()
    run("export", PILOT, "p-none", code=2)
    assert run("participant", "list") == []
    assert run("doctor", code=0)


def test_a_changed_backup_is_refused(run: Run, tmp_path: Path) -> None:
    _started(run, tmp_path)
    run("backup", str(tmp_path / "saved"))
    with (tmp_path / "saved" / "registry.db").open("r+b") as file:
        file.seek(5000)
        file.write(b"\xff")
    assert "registry.db is missing or was changed" in run(
        "restore", str(tmp_path / "saved"), code=2
    )
    manifest = tmp_path / "saved" / "manifest.json"
    manifest.write_text(manifest.read_text().replace("registry.db", "registry.dc"))
    assert "was not signed by this gateway" in run("restore", str(tmp_path / "saved"), code=2)
    assert "is no backup" in run("restore", str(tmp_path / "none"), code=2)


def test_a_sealed_backup_shows_nothing_and_is_tried_by_a_drill(run: Run, tmp_path: Path) -> None:
    person = _started(run, tmp_path)
    key, file = tmp_path / "backup.key", tmp_path / "monday.backup"
    run("backup-key", str(key))
    assert key.stat().st_mode & 0o777 == 0o600
    sealed = ("--key-file", str(key))
    run("backup", str(file), *sealed)
    assert file.stat().st_mode & 0o777 == 0o600
    for word in (person, "Maija", "CREATE TABLE", PILOT):
        assert word.encode() not in file.read_bytes()
    tried = run("restore-drill", str(file), *sealed)
    assert (tried["people"], tried["readings"], tried["to_erase_again"]) == (1, 2, 0)
    run("erase", PILOT, person, "--yes")
    assert run("restore-drill", str(file), *sealed)["to_erase_again"] == 1
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []
    assert "name the key" in run("restore", str(file), code=2)
    run("restore", str(file), *sealed)
    assert [p["person"] for p in run("participant", "list")] == [person]
    assert "exists" in run("backup", str(file), *sealed, code=2)


def test_a_sealed_backup_is_whole_or_refused(tmp_path: Path) -> None:
    """Any bit, any cut, any order, another key."""
    source, key = tmp_path / "source", b"k" * 32
    (source / "deep").mkdir(parents=True)
    (source / "deep" / "a").write_bytes(bytes(range(256)) * 10_000)
    (source / "b").write_bytes(b"")
    file = tmp_path / "file"
    seal(source, file, key)
    unseal(file, tmp_path / "back", key)
    assert (tmp_path / "back" / "deep" / "a").read_bytes() == bytes(range(256)) * 10_000
    assert (tmp_path / "back" / "b").read_bytes() == b""
    assert (tmp_path / "back" / "b").stat().st_mode & 0o777 == 0o600
    good = file.read_bytes()
    one = len(MAGIC) + 16
    two = one + (1 << 20) + 16
    three = two + (1 << 20) + 16
    swapped = good[:one] + good[two:three] + good[one:two] + good[three:]
    flips = [
        bytes([*good[:n], good[n] ^ 1]) + good[n + 1 :] for n in (0, 20, 40, two, -1 % len(good))
    ]
    cuts = [good[:n] for n in (0, 10, one, two, three, len(good) - 1)]
    for number, bad in enumerate([swapped, *flips, *cuts, good + b"x"]):
        file.write_bytes(bad)
        with pytest.raises(RegistryError):
            unseal(file, tmp_path / f"bad-{number}", key)
    file.write_bytes(good)
    with pytest.raises(RegistryError, match="not its key"):
        unseal(file, tmp_path / "other", b"x" * 32)


@pytest.mark.parametrize("text", [b"", b"not base 64!", b"c2hvcnQ="])
def test_a_key_file_that_holds_none_is_one_line(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "key").write_bytes(text)
    with pytest.raises(RegistryError, match="key-file"):
        read_key(tmp_path / "key")
    with pytest.raises(ConflictError, match="exists"):
        make_key(tmp_path / "key")


def test_a_pilot_moves_to_another_city(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "pilot.json"
    file.write_text(as_json(document()))
    run("pilot", "import", str(file))
    copy = tmp_path / "copy.json"
    run("pilot", "export", PILOT, "--to", str(copy))
    assert json.loads(copy.read_text()) == json.loads(file.read_text())
    run("pilot", "add-edge", PILOT, "edge-9", "--site", "home-9")
    assert run("pilot", "show", PILOT)["site"][1]["edges"] == ["edge-9"]


def test_the_doctor_names_what_is_wrong(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "pilot.json"
    file.write_text(as_json(document(dpia="")))
    run("pilot", "import", str(file))
    findings = run("doctor", code=1)
    (wrong,) = [f for f in findings if not f["ok"]]
    assert wrong["what"] == f"pilot {PILOT}"
    assert "pilot.dpia" in wrong["say"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("pilot", "show", "none"), "pilot: none is not registered; import it first"),
        (("pilot", "import", "none.toml"), "file: none.toml cannot be read"),
        (("participant", "invite", "none"), "pilot: none is not registered"),
        (("participant", "join", "wrong"), "code: is not valid"),
        (("device", "lend", "a.b", "p", "q"), "device: a.b is not registered; add it first"),
        (("device", "add", "ab", "--model", "m"), "device: 'ab' is no global id"),
        (("device", "return", DEVICE), f"device: {DEVICE} is with nobody"),
        (("consent", "give", "none", "p", "care"), "pilot: none is not registered"),
        (("erase", "none", "p"), "person: none has no p"),
        (("audit", "verify", "--head", "none"), "--head: none is no head"),
    ],
)
def test_an_error_is_one_line_with_field_and_fix(
    run: Run, words: tuple[str, ...], message: str
) -> None:
    assert message in run(*words, code=2)


def test_people_get_tables(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words, expected in ((["pilot", "list"], "no pilots"), (["doctor"], "audit log")):
        with pytest.raises(SystemExit):
            main([*words, "--config", str(config)])
        assert expected in capsys.readouterr().out
