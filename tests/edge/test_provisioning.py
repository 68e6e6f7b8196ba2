"""Provisioning: into a tree, twice; the card's first boot; units in their sandbox."""

from __future__ import annotations

import configparser
import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from vointi_edge.sources.ble.adapters import RESTART_FILE

CONFIG = """\
edge = "home-1"
pilot = "demo-home"
site = "home-1"
role = "home"
data_dir = "/var/lib/vointi-edge"
[mqtt]
host = "gateway.example"
port = 8883
password_file = "password"
"""
UNITS = (
    "vointi-edge.service",
    "vointi-clock-floor.service",
    "vointi-update.service",
    "vointi-bluetooth.service",
    "vointi-lights.service",
)


@pytest.fixture
def folder(root: Path) -> Path:
    return root / "hardware" / "provisioning"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    source = tmp_path / "from"
    source.mkdir()
    (source / "edge.toml").write_text(CONFIG)
    (source / "password").write_text("secret\n")
    (source / "orders.keys").write_text("# none yet\n")
    return source


def run(script: Path, *words: str, code: int = 0, **environment: str) -> str:
    done = subprocess.run(
        [str(script), *words],
        capture_output=True, text=True, check=False, timeout=60,
        env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"} | environment,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def tree(folder: Path) -> dict[str, tuple[str, int]]:
    return {
        str(path.relative_to(folder)): (
            hashlib.sha256(path.read_bytes()).hexdigest(),
            path.stat().st_mode,
        )
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_second_run_changes_nothing(folder: Path, source: Path, tmp_path: Path) -> None:
    made = tmp_path / "tree"
    words = ("--from", str(source), "--prefix", str(made), "--serial")
    assert run(folder / "provision.sh", *words).splitlines()[-1] != "0 changes made"
    first = tree(made)
    assert first["etc/vointi/password"][1] & 0o777 == 0o600
    assert "etc/systemd/system/vointi-edge.service.d/serial.conf" in first
    assert run(folder / "provision.sh", *words) == "0 changes made\n"
    assert tree(made) == first
    (made / "etc/vointi/edge.toml").chmod(0o644)
    (source / "edge.toml").write_text(CONFIG + "[outbox]\ncommit_ms = 50\n")
    assert "1 changes made" in run(folder / "provision.sh", *words)
    assert "commit_ms" in (made / "etc/vointi/edge.toml").read_text()
    assert (made / "etc/vointi/edge.toml").stat().st_mode & 0o777 == 0o600


def test_a_dry_run_writes_nothing(folder: Path, source: Path, tmp_path: Path) -> None:
    made = tmp_path / "tree"
    words = ("--from", str(source), "--prefix", str(made), "--dry-run")
    assert "changes would be made" in run(folder / "provision.sh", *words)
    assert not made.exists()


def test_what_is_wrong_is_one_line(folder: Path, source: Path, tmp_path: Path) -> None:
    script = folder / "provision.sh"
    assert run(script, "--fron", "x", code=2) == "provision: unknown option --fron; see --help\n"
    (tmp_path / "empty").mkdir()
    assert "edge.toml: not found" in run(script, "--from", str(tmp_path / "empty"), code=2)
    (source / "edge.toml").write_text(CONFIG.replace("/var/lib/vointi-edge", "data"))
    words = ("--from", str(source), "--prefix", str(tmp_path / "tree"))
    assert "data_dir: must be" in run(script, *words, code=2)
    assert "--dry-run" in run(script, "--help")


def test_a_card_provisions_itself_at_its_first_boot(
    folder: Path, source: Path, tmp_path: Path
) -> None:
    boot, wheels, pi = tmp_path / "bootfs", tmp_path / "dist", tmp_path / "pi"
    boot.mkdir()
    wheels.mkdir()
    before = "console=tty1 root=PARTUUID=1-02 rootwait quiet\n"
    (boot / "cmdline.txt").write_text(before)
    (wheels / "vointi_edge-0.1.0-py3-none-any.whl").write_bytes(b"wheel")
    (source / "ticket").write_text("once\n")
    (source / "gateway").write_text("https://gateway.example\n")
    words = ("--boot", str(boot), "--from", str(source), "--wheels", str(wheels))
    for _ in range(2):
        run(folder / "prepare-card.sh", *words)
    assert (boot / "vointi" / "ticket").read_text() == "once\n"
    line = (boot / "cmdline.txt").read_text()
    assert line.count("systemd.run=/boot/firmware/vointi/first-boot.sh") == 1
    assert line.startswith(before.strip())
    run(boot / "vointi" / "first-boot.sh", VOINTI_BOOT=str(boot), VOINTI_ROOT=str(pi))
    assert (boot / "cmdline.txt").read_text() == before
    service = pi / "etc/systemd/system/multi-user.target.wants/vointi-firstboot.service"
    (command,) = re.findall(r"^ExecStart=(.*)$", service.read_text(), re.MULTILINE)
    script, *rest = command.split()
    assert rest == ["--from", "/boot/firmware/vointi"]
    said = run(
        pi / script.lstrip("/"),
        *("--from", str(boot / "vointi"), "--prefix", str(tmp_path / "tree"), "--dry-run"),
    )
    assert "install the program" in said


def test_what_the_first_boot_installed_provisions_from_its_own_folder(
    folder: Path, source: Path, tmp_path: Path
) -> None:
    """Source and destination of the units are one file there; FAT calls every file a program."""
    boot, wheels, pi = tmp_path / "bootfs", tmp_path / "dist", tmp_path / "pi"
    boot.mkdir()
    wheels.mkdir()
    (boot / "cmdline.txt").touch()
    (wheels / "vointi_edge-0.1.0-py3-none-any.whl").touch()
    words = ("--boot", str(boot), "--from", str(source), "--wheels", str(wheels))
    run(folder / "prepare-card.sh", *words)
    shutil.rmtree(boot / "vointi" / "wheels")
    for path in boot.rglob("*.*"):
        path.chmod(0o755)
    run(boot / "vointi" / "first-boot.sh", VOINTI_BOOT=str(boot), VOINTI_ROOT=str(pi))
    share = pi / "opt/vointi/share/provisioning"
    modes = {path.stat().st_mode & 0o777 for path in (share / "units").iterdir()}
    assert modes == {0o644}
    (share / "units" / "vointi-lights.service").chmod(0o755)
    again = ("--from", str(boot / "vointi"), "--prefix", str(pi))
    said = run(share / "provision.sh", *again)
    assert "set the mode of /opt/vointi/share/provisioning/units/vointi-lights.service" in said
    assert "0 changes made" in run(share / "provision.sh", *again)


def test_the_first_boot_waits_for_no_service_that_waits_for_it(folder: Path) -> None:
    """`Before=` what it starts: systemd would hold the start back until the first boot is over."""
    started = {
        name
        for line in (folder / "provision.sh").read_text().splitlines()
        if re.search(r"systemctl (restart|enable .*--now) ", line)
        for name in re.findall(r"vointi-[a-z-]+\.(?:service|path)", line)
    }
    assert {"vointi-edge.service", "vointi-lights.service"} <= started
    unit = (folder / "units" / "vointi-firstboot.service").read_text()
    before = set(" ".join(re.findall(r"^Before=(.*)$", unit, re.MULTILINE)).split())
    later = {
        name
        for name in started
        if re.search(r"^After=.*\bvointi-firstboot", (folder / "units" / name).read_text(), re.M)
    }
    assert not started & before | later


STUB = """\
#!/bin/sh
# python3 -m venv --clear FOLDER: a program that only knows its version.
mkdir -p "$4/bin"
for name in python vointi-edge; do printf '#!/bin/sh\\nexit %s\\n' "$WORKS" > "$4/bin/$name"; done
chmod +x "$4"/bin/*
"""


def test_a_new_program_stands_beside_the_one_in_use(
    folder: Path, source: Path, tmp_path: Path
) -> None:
    stub, wheels, made = tmp_path / "stub", tmp_path / "dist", tmp_path / "tree"
    for path in (stub, wheels):
        path.mkdir()
    (stub / "python3").write_text(STUB)
    (stub / "python3").chmod(0o755)
    base = made / "opt" / "vointi"

    def install(content: bytes, works: str = "0", code: int = 0) -> str:
        (wheels / "vointi_edge-0.1.0-py3-none-any.whl").write_bytes(content)
        words = ("--from", str(source), "--prefix", str(made), "--wheels", str(wheels))
        environment = {"PATH": f"{stub}:/usr/bin:/bin", "WORKS": works}
        run(folder / "provision.sh", *words, code=code, **environment)
        return str((base / "current").readlink())

    first = install(b"one")
    assert install(b"one") == first
    assert install(b"broken", works="3", code=3) == first
    second = install(b"two")
    assert (second != first, str((base / "previous").readlink())) == (True, first)
    third = install(b"three")
    kept = {f"versions/{path.name}" for path in (base / "versions").iterdir()}
    assert kept == {second, third}


def test_scripts_pass_shellcheck(folder: Path) -> None:
    checker = shutil.which("shellcheck")
    if checker is None:
        pytest.skip("no shellcheck: apt-get install shellcheck")
    scripts = sorted(str(path) for path in folder.glob("*.sh"))
    done = subprocess.run([checker, *scripts], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("unit", UNITS)
def test_the_sandbox_scores_at_most_2_5(folder: Path, unit: str) -> None:
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("no systemd-analyze: apt-get install systemd")
    done = subprocess.run(
        [analyze, "security", "--offline=true", "--no-pager", str(folder / "units" / unit)],
        capture_output=True, text=True, check=False, timeout=30,
    )  # fmt: skip
    found = re.search(r"exposure level for .*: ([\d.]+)", done.stdout)
    if found is None:
        pytest.skip(f"this systemd-analyze reads no unit files: {done.stderr.strip()[:80]}")
    assert float(found[1]) <= 2.5, done.stdout


@pytest.mark.parametrize("unit", UNITS)
def test_what_a_filter_forbids_is_refused_and_kills_nobody(folder: Path, unit: str) -> None:
    """Libraries try calls that they can do without: numpy's mbind(2) ended the whole process."""
    words = (folder / "units" / unit).read_text().splitlines()
    assert "SystemCallFilter=@system-service" in " ".join(words)
    assert "SystemCallErrorNumber=EPERM" in words


def test_the_clock_is_set_without_the_rest_of_the_program(folder: Path, tmp_path: Path) -> None:
    """The boot waits for it, and its sandbox is a narrow one."""
    unit = (folder / "units" / "vointi-clock-floor.service").read_text()
    command = re.search(r"^ExecStart=/opt/vointi/current/bin/python (.*)$", unit, re.MULTILINE)
    assert command is not None
    words = command[1].replace("/var/lib/vointi-edge", str(tmp_path)).split()
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *words],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    imported = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    ours = {name for name in imported if name.split(".")[0] in ("vointi_edge", "numpy")}
    assert ours == {"vointi_edge", "vointi_edge.files"}


def test_the_edge_may_ask_for_the_clock_and_not_set_it(folder: Path) -> None:
    """ProtectClock would forbid adjtimex(2): the clock would never count as synchronised."""
    unit = (folder / "units" / "vointi-edge.service").read_text()
    assert "ProtectClock=no" in unit
    assert "SystemCallFilter=adjtimex" in unit
    assert "\nCapabilityBoundingSet=\n" in unit
    parser = configparser.ConfigParser(strict=False, delimiters=("=",), interpolation=None)
    parser.read_string((folder / "units" / "vointi-clock-floor.service").read_text())
    assert parser["Service"]["capabilityboundingset"] == "CAP_SYS_TIME"


def test_the_order_to_restart_bluetooth_is_seen_and_taken_away_first(folder: Path) -> None:
    path = (folder / "units" / "vointi-bluetooth.path").read_text()
    unit = (folder / "units" / "vointi-bluetooth.service").read_text()
    order = f"/var/lib/vointi-edge/{RESTART_FILE}"
    assert f"\nPathExists={order}\n" in path
    assert re.findall(r"^ExecStart=(.*)$", unit, re.MULTILINE) == [
        f"/bin/rm -f {order}", "/bin/systemctl restart bluetooth.service"
    ]  # fmt: skip


def test_an_edge_that_is_killed_for_its_memory_is_started_again_for_ever(folder: Path) -> None:
    parser = configparser.ConfigParser(strict=False, delimiters=("=",), interpolation=None)
    parser.read_string((folder / "units" / "vointi-edge.service").read_text())
    unit, service = parser["Unit"], parser["Service"]
    assert (service["restart"], unit["startlimitintervalsec"]) == ("always", "0")
    assert (service["memorymax"], service["oompolicy"]) == ("300M", "stop")
    assert int(service["watchdogsec"]) <= 60


def test_the_updater_starts_only_where_something_was_ever_ordered(folder: Path) -> None:
    from vointi_edge.update.orders import FOLDER, ORDER_FILE, ROOT

    unit = (folder / "units" / "vointi-update.service").read_text()
    one_of = set(re.findall(r"^ConditionPathExists=\|(.+)$", unit, re.M))
    data_dir = Path("/var/lib/vointi-edge")
    assert one_of == {str(ROOT / "update"), str(data_dir / FOLDER / ORDER_FILE)}


def test_an_update_leaves_its_folder_before_anything_else(tmp_path: Path) -> None:
    from vointi_edge.cli import main

    words = ("--config", str(tmp_path / "edge.toml"), "--root", str(tmp_path))
    assert main(["update", str(tmp_path / "none.tar"), *words]) == 1
    assert (tmp_path / "update").is_dir()
