"""An emulated aarch64 machine: a card to put in, power to switch on, and orders to do inside."""

from __future__ import annotations

import os
import re
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from virtual_pi_patience import Patience, starved_s

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[2]
BUILT = Path(os.environ.get("VOINTI_VIRTUAL_PI", ROOT / ".cache" / "virtual-pi"))
# 1: provision.sh installs the program with pip, as on a Pi. Half an hour, where Python is emulated.
PIP_INSIDE = os.environ.get("VOINTI_VIRTUAL_PI_PIP") == "1"
PROVISIONING = ROOT / "hardware" / "provisioning"
# The host as the machine sees it (QEMU's user-mode network); its /etc/hosts has a name for it.
HOST = "gateway.virtual-pi"
# As on a Pi, the kernel's words are in a file on the boot partition, which asks for the first boot.
# Time passes as outside while the processor is slow: what systemd waits for gets ten minutes, and
# what nobody needs here is not started.
_NEEDLESS = (
    "serial-getty@ttyAMA0.service", "getty@tty1.service", "systemd-binfmt.service",
    "proc-sys-fs-binfmt_misc.automount", "modprobe@drm.service", "modprobe@efi_pstore.service",
    "dev-hugepages.mount", "dev-mqueue.mount", "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount", "apt-daily.timer", "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer", "fstrim.timer", "systemd-tmpfiles-clean.timer",
    "systemd-rfkill.service", "systemd-rfkill.socket", "systemd-user-sessions.service",
    "systemd-hostnamed.service", "systemd-hostnamed.socket", "systemd-sysext.socket",
    "modprobe@configfs.service", "modprobe@fuse.service", "sys-kernel-config.mount",
    "sys-fs-fuse-connections.mount", "systemd-network-generator.service",
    "systemd-networkd-persistent-storage.service", "systemd-udev-load-credentials.service",
)  # fmt: skip
CMDLINE = (
    "console=ttyAMA0 root=/dev/vda rootwait panic=-1 mitigations=off loglevel=4"
    " systemd.default_device_timeout_sec=600 systemd.default_timeout_start_sec=600"
    f" {' '.join(f'systemd.mask={unit}' for unit in _NEEDLESS)}\n"
)
# The Pi's two shares of the card: 512 MB of FAT are 128 here, for the same files.
BOOT_MB = 128
CPUS, MEMORY_MB = 2, 1024
# systemd's console is coloured, and goes back in its line.
_COLOURS = re.compile(r"\x1b\[[0-9;?!]*[A-Za-z]")


class VirtualPiError(Exception):
    """What went wrong in the machine, with its last words."""


def built() -> bool:
    """Whether `hardware/virtual_pi/build.sh` was here."""
    return all((BUILT / f"{part}.key").exists() for part in ("kernel", "wheels", "program", "root"))


def command(folder: Path, radio_port: int, words: str, built: Path = BUILT) -> list[str]:
    """QEMU's command line: the card in `folder`, the chip on the serial port, `words` for Linux."""
    return [
        # the machine is never left running behind who started it
        "setpriv", "--pdeathsig", "KILL", "qemu-system-aarch64", "-M", "virt",
        "-accel", "tcg,thread=multi", "-cpu", "cortex-a72",
        "-smp", str(CPUS), "-m", str(MEMORY_MB),
        "-nodefaults", "-display", "none", "-no-reboot",
        "-serial", f"file:{folder / 'console.log'}",
        "-device", "virtio-rng-pci",
        "-drive", f"if=none,id=root,file={folder / 'root.img'},format=raw,cache=unsafe",
        "-device", "virtio-blk-pci,drive=root",
        "-drive", f"if=none,id=boot,file={folder / 'boot.img'},format=raw,cache=unsafe",
        "-device", "virtio-blk-pci,drive=boot",
        "-drive", f"if=none,id=program,file={folder / 'program.img'},format=raw,cache=unsafe",
        "-device", "virtio-blk-pci,drive=program",
        "-netdev", "user,id=net", "-device", "virtio-net-pci,netdev=net,romfile=",
        "-chardev", f"socket,id=chip,host=127.0.0.1,port={radio_port}",
        "-device", "pci-serial,chardev=chip",
        "-virtfs", f"local,path={folder / 'share'},mount_tag=share,security_model=none",
        "-kernel", str(built / "vmlinuz"), "-initrd", str(built / "initrd.img"),
        "-append", words,
    ]  # fmt: skip


@dataclass
class Card:
    """The card of a Pi in `folder`: boot.img, which anybody can read, and root.img."""

    folder: Path

    def write(self) -> None:
        """Write the system's image anew, as one writes Raspberry Pi OS to a card."""
        self.folder.mkdir(parents=True, exist_ok=True)
        for name in ("root.img", "program.img"):
            _run("cp", "--sparse=always", str(BUILT / name), str(self.folder / name))
        if PIP_INSIDE:
            _run("/sbin/mke2fs", "-q", "-F", "-t", "ext4", str(self.folder / "program.img"))
        self.format_boot()

    def format_boot(self) -> None:
        """Make the boot partition empty."""
        with self._boot.open("wb") as file:
            file.truncate(BOOT_MB * 2**20)
        _run("mformat", "-i", str(self._boot), "-F", "-v", "bootfs", "::")

    def copy_to_boot(self, *paths: Path) -> None:
        """Copy files and folders to the boot partition, over what is there."""
        _run("mcopy", "-i", str(self._boot), "-s", "-o", *map(str, paths), "::/")

    def prepare(self, home: Path, wheels: Path) -> None:
        """Let prepare-card.sh write to the boot partition what makes it an edge."""
        mounted = self.folder / "bootfs"
        shutil.rmtree(mounted, ignore_errors=True)
        mounted.mkdir()
        (mounted / "cmdline.txt").write_text(CMDLINE)
        words = ("--boot", str(mounted), "--from", str(home), "--wheels", str(wheels))
        _run(str(PROVISIONING / "prepare-card.sh"), *words)
        self.copy_to_boot(*sorted(mounted.iterdir()))

    @property
    def _boot(self) -> Path:
        return self.folder / "boot.img"

    @property
    def cmdline(self) -> str:
        """The kernel's words, as the Pi's firmware reads them at power-on."""
        return _run("mtype", "-i", str(self._boot), "::/cmdline.txt").replace("\n", " ").strip()

    def holds(self, name: str) -> bool:
        """Whether the boot partition has that file."""
        words = ["mtype", "-i", str(self._boot), f"::/{name}"]
        done = subprocess.run(words, capture_output=True, check=False)
        return done.returncode == 0


@dataclass
class Machine:
    """Boots a card; `radio_port` is where the simulator is an adapter."""

    card: Card
    radio_port: int
    orders: int = 0
    child: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @property
    def share(self) -> Path:
        """What the machine sees as /share."""
        return self.card.folder / "share"

    @property
    def console(self) -> str:
        """What it said on its first serial port since power-on."""
        path = self.card.folder / "console.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def power_on(self) -> None:
        """Switch it on."""
        shutil.rmtree(self.share, ignore_errors=True)
        self.share.mkdir()
        self.orders = 0
        words = command(self.card.folder, self.radio_port, self.card.cmdline)
        with (self.card.folder / "qemu.log").open("ab") as out:
            self.child = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )

    def wait_off(self, limit_s: float) -> None:
        """Wait until it has switched itself off, or begins anew. Raises VirtualPiError."""
        child = self.child
        assert child is not None
        self.until(lambda: child.poll() is not None, limit_s, "it is off", may_end=True)
        if child.returncode != 0:
            said = (self.card.folder / "qemu.log").read_text(errors="replace")
            raise VirtualPiError(f"QEMU ended with {child.returncode}: {said[-2000:]}")

    @property
    def processor_s(self) -> float:
        """Processor seconds that QEMU, and what else this process waited for, took so far."""
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        if self.child is None or self.child.poll() is not None:
            return ended.ru_utime + ended.ru_stime
        fields = Path(f"/proc/{self.child.pid}/stat").read_text().rpartition(")")[2].split()
        running = sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")
        return ended.ru_utime + ended.ru_stime + running

    def order(self, script: str, limit_s: float) -> tuple[int, str]:
        """Do a shell script as root inside; returns its exit code and what it said."""
        self.orders += 1
        number, draft = self.orders, self.share / "draft"
        draft.write_text(script)
        draft.rename(self.share / f"{number}.sh")
        code = self.share / f"{number}.code"
        self.until(code.exists, limit_s, f"it does order {number}", 0.2)
        said = (self.share / f"{number}.out").read_text(errors="replace")
        return int(code.read_text()), said

    def until(
        self,
        what: Callable[[], T],
        limit_s: float,
        said: str,
        pause_s: float = 1.0,
        *,
        may_end: bool = False,
    ) -> T:
        """Return the first true value of `what`, which is to come while the machine runs.

        `limit_s` are seconds in which it had the processor that it wanted. Raises VirtualPiError
        when they are over, or (unless it `may_end`) the machine is off.
        """
        assert self.child is not None
        pid = self.child.pid
        patience = Patience(limit_s, lambda: starved_s(pid))
        while not (value := what()):
            if not may_end and self.child.poll() is not None:
                raise VirtualPiError(f"not that {said}: it is off\n{self.console[-2000:]}")
            if patience.over:
                words = f"not that {said}: {limit_s:.0f} s are over ({patience.took_s:.0f} in all)"
                raise VirtualPiError(f"{words}\n{self.console[-2000:]}")
            patience.tell(f"until {said}", self._last_words)
            time.sleep(pause_s)
        return value

    @property
    def _last_words(self) -> str:
        plain = _COLOURS.sub("", self.console[-2000:])
        lines = [line.strip() for line in plain.splitlines() if line.strip()]
        return lines[-1][:100] if lines else "nothing said"

    def power_off(self) -> None:
        """Pull the plug."""
        if self.child is not None and self.child.poll() is None:
            os.killpg(self.child.pid, signal.SIGKILL)
            self.child.wait(10)


def _run(*words: str) -> str:
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode != 0:
        raise VirtualPiError(f"{words[0]}: {done.stderr.strip()}")
    return done.stdout
