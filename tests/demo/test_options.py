from __future__ import annotations

import socket
import tomllib
from pathlib import Path

import pytest
from vointi_demo.cli import main
from vointi_demo.layout import Layout, Ports
from vointi_demo.supervisor import children_of


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--port", "http"], "PORT: 'http' is no port; give a number from 1024 to 65535"),
        (["--port", "80"], "PORT: '80' is no port; give a number from 1024 to 65535"),
        (["--port", "70000"], "PORT: '70000' is no port; give a number from 1024 to 65535"),
        (
            ["--host", "0.0.0.0"],
            "HOST: others reach '0.0.0.0', and nobody signs in here; "
            "give 127.0.0.1, and come from elsewhere by ssh -L 8080:127.0.0.1:8080",
        ),
        (["--seed", "one"], "SEED: 'one' is no whole number; give for example SEED=1"),
    ],
)
def test_a_bad_option_is_one_clear_line(
    arguments: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments, "--state", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"vointi-demo: {said}\n"


@pytest.mark.network
def test_a_port_in_use_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert main(["--port", str(port), "--state", str(tmp_path)]) == 2
    assert capsys.readouterr().err == (
        f"vointi-demo: PORT: 127.0.0.1:{port} is in use; "
        f"choose another one: make demo PORT={port + 1}\n"
    )


def test_every_configuration_file_is_toml_and_secrets_are_private(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "d", "127.0.0.1", Ports(8080, 1, 2, 3), "3.1.1")
    layout.write()
    files = sorted((tmp_path / "d").glob("*.toml"))
    assert [file.name for file in files] == ["gateway.toml", "home-1.toml", "point-1.toml"]
    for file in files:
        tomllib.loads(file.read_text())
    for secret in (tmp_path / "d" / "secrets").iterdir():
        assert secret.stat().st_mode & 0o077 == 0


def test_two_layouts_share_no_password(tmp_path: Path) -> None:
    said = []
    for name in ("a", "b"):
        layout = Layout(tmp_path / name, "127.0.0.1", Ports(8080, 1, 2, 3), "3.1.1")
        layout.write()
        said.append((tmp_path / name / "secrets" / "users.json").read_text())
    assert said[0] != said[1]


def test_port_seed_and_state_reach_the_parts(tmp_path: Path) -> None:
    layout = Layout(tmp_path / "d", "127.0.0.1", Ports(8099, 1, 2, 3), "5")
    layout.write()
    commands = {child.name: " ".join(child.command) for child in children_of(layout, 77)}
    assert commands["simulator"].endswith("--seed 77")
    for command in commands.values():
        assert str(tmp_path / "d") in command
    gateway = tomllib.loads((tmp_path / "d" / "gateway.toml").read_text())
    assert (gateway["port"], gateway["host"], gateway["mqtt"]["protocol"]) == (
        8099, "127.0.0.1", "5",
    )  # fmt: skip
