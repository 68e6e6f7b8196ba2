"""What of `make virtual-pi` can be checked without an emulated machine."""

from __future__ import annotations

import itertools
import os
import re
import shutil
import subprocess
import sys
from base64 import b64encode
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import signal_answers
from fed_chain import Account
from running_demo import wait_for
from virtual_pi import CMDLINE, HOST, Card, Machine, VirtualPiError, command
from virtual_pi_host import edge_config
from virtual_pi_kept import Kept
from virtual_pi_patience import Patience, starved_s
from virtual_pi_proof import Found, exposures
from virtual_pi_restarts import Books, settled
from vointi_edge.config import load_config


def test_the_chip_is_the_simulator_on_a_serial_port(tmp_path: Path) -> None:
    words = command(tmp_path, 9300, CMDLINE.strip(), Path("/built"))
    options = list(itertools.pairwise(words))
    assert ("-chardev", "socket,id=chip,host=127.0.0.1,port=9300") in options
    assert ("-device", "pci-serial,chardev=chip") in options
    assert ("-append", CMDLINE.strip()) in options
    assert [value for name, value in options if name == "-drive"] == [
        f"if=none,id=root,file={tmp_path}/root.img,format=raw,cache=unsafe",
        f"if=none,id=boot,file={tmp_path}/boot.img,format=raw,cache=unsafe",
        f"if=none,id=program,file={tmp_path}/program.img,format=raw,cache=unsafe",
    ]
    # without -no-reboot the words of the boot partition would not be read again
    assert "-no-reboot" in words


def test_what_the_command_names_is_in_the_machines_system(root: Path, tmp_path: Path) -> None:
    words = " ".join(command(tmp_path, 1, CMDLINE, Path("/built")))
    overlay = root / "hardware" / "virtual_pi" / "overlay" / "etc"
    places = dict(line.split()[:2] for line in (overlay / "fstab").read_text().splitlines())
    assert places == {
        "/dev/vda": "/", "/dev/vdb": "/boot/firmware", "/dev/vdc": "/opt/vointi", "share": "/share",
    }  # fmt: skip
    assert "mount_tag=share" in words
    assert f" {HOST}\n" in (overlay / "hosts").read_text()
    attach = (overlay / "systemd/system/virtual-pi-bluetooth.service").read_text()
    assert re.search(r"btattach -B /dev/ttyS0 -P h4\b", attach)


def test_the_provisioning_takes_the_configuration(tmp_path: Path, root: Path) -> None:
    home, boot, wheels = tmp_path / "home", tmp_path / "boot", tmp_path / "wheels"
    for folder in (home, boot, wheels):
        folder.mkdir()
    (home / "edge.toml").write_text(edge_config(1883))
    (home / "password").write_text("secret\n")
    (home / "policy.keys").write_text(b64encode(bytes(32)).decode() + "\n")
    config = load_config(home / "edge.toml")
    assert (config.ble.backend, config.ble.adapters, len(config.devices)) == ("bluez", ("hci0",), 6)
    assert (config.mqtt.host, config.mqtt.port) == (HOST, 1883)
    (boot / "cmdline.txt").write_text(CMDLINE)
    (wheels / "vointi_edge-0.1.0-py3-none-any.whl").touch()
    script = root / "hardware" / "provisioning" / "prepare-card.sh"
    words = ("--boot", str(boot), "--from", str(home), "--wheels", str(wheels))
    subprocess.run([str(script), *words], check=True, capture_output=True, timeout=60)
    assert (boot / "cmdline.txt").read_text().startswith(f"{CMDLINE.strip()} systemd.run=")
    provision = str(boot / "vointi/provisioning/provision.sh")
    said = subprocess.run(
        [provision, "--from", str(boot / "vointi"), "--dry-run"],
        check=True, capture_output=True, text=True, timeout=60,
    ).stdout  # fmt: skip
    for what in (
        "install the program",
        "write /etc/vointi/edge.toml",
        "write /etc/vointi/policy.keys",
    ):
        assert what in said


def test_the_firmware_reads_the_words_from_the_boot_partition(tmp_path: Path) -> None:
    if shutil.which("mformat") is None:
        pytest.skip("no mtools: apt-get install mtools")
    card = Card(tmp_path)
    card.format_boot()
    words = tmp_path / "cmdline.txt"
    words.write_text("one two\n")
    card.copy_to_boot(words)
    assert (card.cmdline, card.holds("cmdline.txt"), card.holds("password")) == (
        "one two",
        True,
        False,
    )


def test_the_machines_processor_time_goes_on_when_it_ends(tmp_path: Path) -> None:
    machine = Machine(Card(tmp_path), 1)
    before = machine.processor_s
    busy = [sys.executable, "-c", "while True: pass"]
    machine.child = subprocess.Popen(busy, start_new_session=True)
    wait_for(lambda: machine.processor_s > before + 0.1, 60, "it has used its processor")
    running = machine.processor_s
    machine.power_off()
    assert machine.processor_s >= running


def test_a_busy_host_takes_nothing_of_a_machines_time() -> None:
    now, starved = [0.0], [5.0]
    patience = Patience(10.0, lambda: starved[0], lambda: now[0])
    now[0], starved[0] = 100.0, 97.0
    assert (patience.took_s, patience.wanted_s, patience.over) == (100.0, 92.0, False)
    now[0] = 103.0
    assert patience.over
    # a thread that had waited longest has ended
    starved[0] = 0.0
    assert patience.wanted_s == 0.0


def test_what_waits_says_so_once_a_minute(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    patience = Patience(1000.0, lambda: 0.0, lambda: now[0])
    for now[0] in (59.0, 61.0, 62.0, 119.0, 121.5):
        patience.tell("until it is off", "Reached target")
    assert capsys.readouterr().err.splitlines() == [
        "  … 61 s, 0 of them without a processor: until it is off; Reached target",
        "  … 122 s, 0 of them without a processor: until it is off; Reached target",
    ]


def test_nobody_waits_for_a_machine_that_is_off_or_gets_nowhere(tmp_path: Path) -> None:
    machine = Machine(Card(tmp_path), 1)
    (tmp_path / "console.log").write_text("first\n\x1b[K[\x1b[0;32m  OK  \x1b[0m] its last words\n")
    assert machine._last_words == "[  OK  ] its last words"
    machine.child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert machine.until(lambda: "there", 60, "it is there") == "there"
        with pytest.raises(VirtualPiError, match=r"(?s)-60 s are over.*its last words"):
            machine.until(lambda: "", -60.0, "it is there")
        machine.child.communicate(b"\n", timeout=60)
        with pytest.raises(VirtualPiError, match="it is off"):
            machine.until(lambda: "", 60, "it is there")
        machine.wait_off(60)
    finally:
        machine.child.kill()


def test_a_process_that_runs_says_how_long_it_waited() -> None:
    assert starved_s(os.getpid()) >= 0.0
    assert starved_s(2**30) == 0.0


def test_a_run_that_stopped_has_a_table_of_what_was_seen(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(root))
    from benchmarks.cases.virtual_pi import rows

    found = Found(stopped="not off\nlast words", steps={"a": 1.0}, processor={"a": 0.5})
    told = {row.metric: (row.ours, row.met) for row in rows(found, 60.0)}
    assert told["step: a"] == ("1 s (0 s of processor)", None)
    assert told["went through whole"] == ("not off", False)
    found = Found(failed_units={"the restart": "x.service: no"})
    told = {row.metric: (row.ours, row.met) for row in rows(found, 60.0)}
    assert told["units that failed, after the restart"] == ("x.service: no", False)


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("0 no success", ("not asked for", False)),
        ("81 no success", ("not needed", True)),
        ("81 yes success", ("success", True)),
        ("81 yes exit-code", ("exit-code", False)),
    ],
)
def test_a_unit_with_nothing_to_do_is_not_needed_or_succeeds(
    root: Path, monkeypatch: pytest.MonkeyPatch, said: str, told: tuple[str, bool]
) -> None:
    monkeypatch.syspath_prepend(str(root))
    from benchmarks.cases.virtual_pi import rows

    found = {row.metric: (row.ours, row.met) for row in rows(Found(update=said), 60.0)}
    assert found["vointi-update at the restart"] == told


def test_a_run_is_kept_while_it_stands_still_and_begins_elsewhere(tmp_path: Path) -> None:
    run, built = tmp_path / "run", tmp_path / "built"
    (run / "host").mkdir(parents=True)
    built.mkdir()
    (built / "root.key").write_text("one\n")
    (run / "host" / "gateway.toml").write_text(f'data_dir = "{run}/host/gateway"\n')
    (run / "root.img").write_bytes(b"card")
    other = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        kept = Kept(tmp_path / "kept", built)
        with pytest.raises(VirtualPiError, match="nothing is kept"):
            kept.bring(tmp_path / "again")
        kept.keep(run, (1, 2, 3, 4), [other.pid])
        # it goes on: who stands still does not end
        other.communicate(b"\n", timeout=60)
    finally:
        other.kill()
    (run / "root.img").write_bytes(b"later")
    again = tmp_path / "again"
    assert kept.bring(again) == (1, 2, 3, 4)
    assert (again / "root.img").read_bytes() == b"card"
    assert f'"{again}/host/gateway"' in (again / "host" / "gateway.toml").read_text()
    (built / "root.key").write_text("two\n")
    with pytest.raises(VirtualPiError, match="of another build"):
        kept.bring(tmp_path / "third")


def test_the_gateway_has_settled_when_its_counts_are_the_same_twice() -> None:
    said = iter([None, {"accepted": 1}, {"accepted": 2}, {"accepted": 2}, {"accepted": 3}])
    assert settled(lambda: next(said), 0.0) == {"accepted": 2}
    numbers = itertools.count()
    with pytest.raises(VirtualPiError, match="does not come to rest"):
        settled(lambda: {"accepted": next(numbers)}, 0.0)


def test_what_systemd_says_of_the_sandboxes_is_read() -> None:
    said = "→ Overall exposure level for vointi-edge.service: 1.7 OK 🙂\n"
    assert exposures(said) == {"vointi-edge": 1.7}


def account(**changed: Any) -> Account:
    """Two boots, a reading lost with its count; as a restart and a power cut should leave them."""
    tally = {"accepted": 12, "stored": 9, "duplicates": 2, "quarantined": 0, "lost": 1}
    ranges = {"strap-1/1": 7, "strap-1/2": 5}
    whole = {"ranges": ranges, "accepted": 12, "lost": 1, "stored": 9, "twice": 0, "tally": tally}
    return Account(**{**whole, "missing": {}, **changed})


def test_books_are_even_when_every_number_is_stored_counted_or_waiting() -> None:
    books = Books(account(), waiting=2)
    assert (books.boots, books.nowhere, books.even) == (2, 0, True)
    # what waits may have arrived: its confirmation had not
    assert Books(account(), waiting=5).even
    uneven = (
        Books(account(), waiting=1),
        Books(account(ranges={"strap-1/1": 7, "strap-1/2": 6}), waiting=2),
        Books(account(twice=1), waiting=2),
        Books(account(tally={**account().tally, "accepted": 13}), waiting=2),
        Books(account(stored=10), waiting=2),
    )
    assert [books.even for books in uneven] == [False] * len(uneven)
    assert uneven[0].nowhere == 1


def test_answers_are_compared_bit_for_bit() -> None:
    ours = np.array([0.0, 1.0, np.nan])
    assert signal_answers.differing(ours, ours.copy()) == ""
    assert signal_answers.differing(ours, np.array([0.0, 1.0, -np.nan])) == ""
    assert signal_answers.differing(ours, np.array([-0.0, 1.0, np.nan])).startswith("1 of 3 differ")
    assert "by 2.2e-16" in signal_answers.differing(ours, np.array([0.0, 1 + 2**-52, np.nan]))
    rows = np.zeros(2, [("time_s", "<f8"), ("worn", "?")])
    other = rows.copy()
    other["worn"][1] = True
    assert signal_answers.differing(rows, other) == "worn: 1 differ"


def test_answers_may_differ_in_the_last_bits_of_a_sum_only() -> None:
    rows = np.zeros(2, [("rate", "<f8"), ("worn", "?")])
    rows["rate"] = (12.0, np.nan)
    for field, value, close in (("rate", 12 + 4e-15, True), ("rate", 12.001, False)):
        other = rows.copy()
        other[field][0] = value
        assert signal_answers.differing(rows, other) != ""
        assert signal_answers.close(rows, other) is close
    other = rows.copy()
    other["worn"][1] = True
    assert not signal_answers.close(rows, other)
    assert not signal_answers.close(rows, rows[:1])


def test_every_stage_of_a_pipeline_is_compared() -> None:
    from vointi_signals.stages import STAGES

    used = {stage["stage"] for _, stages in signal_answers.CHAINS.values() for stage in stages}
    assert used == {stage.name for stage in STAGES}
