"""Promises about the files of the repository itself."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest


def test_the_lock_has_no_address_and_hashes_everything(root: Path) -> None:
    text = (root / "requirements.lock").read_text()
    assert "://" not in text
    packages = re.split(r"\n(?=\S)", text.strip())
    assert len(packages) > 50
    for package in packages:
        assert "--hash=sha256:" in package, package.splitlines()[0]


def test_the_browser_lock_has_no_address_and_hashes_everything(root: Path) -> None:
    packages = json.loads((root / "package-lock.json").read_text())["packages"]
    third_party = {name: entry for name, entry in packages.items() if name}
    assert {"node_modules/uplot", "node_modules/axe-core"} <= set(third_party)
    assert {entry["license"] for entry in third_party.values()} <= {"MIT", "MPL-2.0", "Apache-2.0"}
    for entry in third_party.values():
        assert "resolved" not in entry
        assert entry["integrity"].startswith("sha512-")


def test_every_member_has_the_same_version(root: Path) -> None:
    members = tomllib.loads((root / "pyproject.toml").read_text())["tool"]["uv"]["workspace"]
    versions = {
        member: tomllib.loads((root / member / "pyproject.toml").read_text())["project"]["version"]
        for member in members["members"]
    }
    assert len(set(versions.values())) == 1, versions


def test_the_compose_file_fits_the_compose_schema(root: Path) -> None:
    done = subprocess.run(
        [
            str(Path(sys.executable).parent / "check-jsonschema"),
            "--builtin-schema", "vendor.compose-spec", str(root / "docker-compose.yml"),
        ],
        capture_output=True,
        check=False,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("image", ["gateway", "edge", "simulator"])
def test_images_are_multi_stage_and_run_as_their_own_user(root: Path, image: str) -> None:
    text = (root / "deploy" / f"{image}.Dockerfile").read_text()
    assert len(re.findall(r"^FROM ", text, re.M)) >= 2
    final = text[text.rindex("\nFROM ") :]
    assert "USER 10001:10001" in final
    copied = re.findall(r"^COPY (?!--from)(\S+) ", text, re.M)
    assert copied
    for source in copied:
        assert (root / source).exists(), source


def test_third_party_code_is_not_committed(root: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=root, capture_output=True, text=True, check=True
    ).stdout.split("\n")
    assert not [name for name in listed if ".min." in name or "/vendor/" in name]
    assert not [name for name in listed if name.endswith((".so", ".whl", ".wasm"))]
    # generated C stays out; ours are the limit that the filters are measured by, the clock of a
    # machine in virtual time, and a failing disk
    ours = ["benchmarks/plain.c", "hardware/uml/clock.c", "tests/support/disk_shim.c"]
    assert [name for name in listed if name.endswith(".c")] == ours


_SECRETS = re.compile(
    rb"-----BEGIN [A-Z ]*PRIVATE KEY-----(?:\\n|\s)*[A-Za-z0-9+/]{20}"
    rb"|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36}\b|\$argon2id\$v=\d+\$m="
    rb"|(?m:^(password|token|secret) *= *[\"'][^\"'{]{4,})"
)


def test_no_secret_is_committed(root: Path) -> None:
    """Keys, tokens, hashes, passwords of configuration files; the pattern is tried on itself."""
    assert _SECRETS.search(b'password = "letmein"')
    assert _SECRETS.search(b"-----BEGIN PRIVATE KEY-----\n" + b"M" * 64)
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=root, capture_output=True, check=True)
    names = [name for name in listed.stdout.decode().split("\0") if name]
    configuration = (".toml", ".yml", ".yaml", ".json", ".conf", ".env", ".pem", ".key", ".sh")
    for name in names:
        path = root / name
        if path.is_file() and not path.is_symlink() and path.suffix in (*configuration, ".py"):
            found = _SECRETS.search(path.read_bytes())
            assert found is None or name == "tests/integration/test_repository.py", name


def test_the_page_of_faults_names_tests_that_exist(root: Path) -> None:
    page = (root / "docs" / "integrators" / "faults.md").read_text()
    named = re.findall(r"`(tests/\S+\.py)::(\w+)`", page)
    rows = [int(n) for n in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)]
    assert rows == list(range(1, 27))
    for file, test in named:
        assert f"def {test}(" in (root / file).read_text(), f"{file}::{test}"
