"""Sensors on wires, from the kernel's own side: a chip's registers, a panel's buttons.

i2c-stub is a bus whose chips are tables of registers; the kernel's own drivers (bmp280, opt3001,
ens160) read them.
gpio-sim is a chip whose lines are pulled by files.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import struct
import subprocess
import time
from pathlib import Path
from typing import Any

from house import House

_MODULES = Path("/modules")
_AIR, _LIGHT, _GAS = 0x76, 0x45, 0x53
# linux/i2c-dev.h, linux/i2c.h
_I2C_SLAVE, _I2C_SMBUS, _WRITE = 0x0703, 0x0720, 0
_BYTE_DATA, _WORD_DATA = 2, 3
# The worked example of Bosch's data sheet BST-BMP280-DS001, 3.12: 25.08 °C, 100,653.27 Pa.
_TRIM = struct.pack("<HhhH8h", 27504, 26435, -1000, 36477, -10685, 3024, 2855, 140, -7, 15500,
                    -14600, 6000)  # fmt: skip
_TEMPERATURE, _PRESSURE = 519_888, 415_148
# Coefficients of an ordinary BME280; they give about half of saturation.
_HUMIDITY_TRIM = {0xA1: 75, 0xE1: 0x6A, 0xE2: 0x01, 0xE3: 0, 0xE4: 0x13, 0xE5: 0x29, 0xE6: 0x03,
                  0xE7: 0x1E}  # fmt: skip
_HUMIDITY = 30_000
# An example of TI's data sheet SBOS681 for the result register: 3456h is 88.80 lx. A conversion is
# ready (CRF in the configuration); then who made it, and what it is.
_OPT3001 = {0x00: 0x3456, 0x01: 0xC890, 0x7E: 0x5449, 0x7F: 0x3001}
# PART_ID 0160h, DATA_TVOC 271 ppb, DATA_ECO2 650 ppm; each with its lower byte first.
_ENS160 = {0x00: 0x60, 0x01: 0x01, 0x22: 0x0F, 0x23: 0x01, 0x24: 0x8A, 0x25: 0x02}
_CONFIG = """\
[[device]]
id = "air-1"
model = "bosch-bme280"
iio = "any"
[[device]]
id = "light-1"
model = "ti-opt3001"
iio = "any"
[[device]]
id = "gas-1"
model = "sciosense-ens160"
iio = "any"
[[device]]
id = "panel-1"
model = "gpio-feedback"
gpio = "{chip}"
lines = {{ button_1 = 0, button_2 = 1, button_3 = 2, button_4 = 3 }}
"""


class _Transfer(ctypes.Structure):
    """`struct i2c_smbus_ioctl_data`."""

    _fields_ = [
        ("write", ctypes.c_uint8),
        ("command", ctypes.c_uint8),
        ("size", ctypes.c_uint32),
        ("data", ctypes.c_void_p),
    ]


def _load(module: str, *words: str) -> None:
    subprocess.run(["insmod", str(_MODULES / f"{module}.ko"), *words], check=True)


def _bus(*addresses: int) -> Path:
    _load("i2c-stub", f"chip_addr={','.join(map(hex, addresses))}")
    names = Path("/sys/bus/i2c/devices").glob("i2c-*")
    return next(one for one in names if "stub" in (one / "name").read_text())


def _set_registers(
    bus: Path, address: int, registers: dict[int, int], size: int = _BYTE_DATA
) -> None:
    file = os.open(f"/dev/{bus.name}", os.O_RDWR)
    fcntl.ioctl(file, _I2C_SLAVE, address)
    for register, value in registers.items():
        data = (ctypes.c_uint8 * 34)(*value.to_bytes(2, "little"))
        fcntl.ioctl(file, _I2C_SMBUS, _Transfer(_WRITE, register, size, ctypes.addressof(data)))
    os.close(file)


def _raw20(start: int, value: int) -> dict[int, int]:
    return {start: value >> 12, start + 1: value >> 4 & 0xFF, start + 2: (value & 0xF) << 4}


def _bme280(bus: Path) -> None:
    registers = {0xD0: 0x60, **{0x88 + n: byte for n, byte in enumerate(_TRIM)}, **_HUMIDITY_TRIM}
    registers |= _raw20(0xF7, _PRESSURE) | _raw20(0xFA, _TEMPERATURE)
    registers |= {0xFD: _HUMIDITY >> 8, 0xFE: _HUMIDITY & 0xFF}
    _set_registers(bus, _AIR, registers)
    (bus / "new_device").write_text(f"bme280 {_AIR:#x}")


def _opt3001(bus: Path) -> None:
    # SMBus has a word's lower byte first, this chip the upper one.
    words = {register: _swapped(word) for register, word in _OPT3001.items()}
    _set_registers(bus, _LIGHT, words, _WORD_DATA)
    _load("opt3001")
    (bus / "new_device").write_text(f"opt3001 {_LIGHT:#x}")


def _swapped(word: int) -> int:
    return int.from_bytes(word.to_bytes(2, "little"), "big")


def _ens160(bus: Path) -> None:
    _set_registers(bus, _GAS, _ENS160)
    _load("ens160_core")
    _load("ens160_i2c")
    (bus / "new_device").write_text(f"ens160 {_GAS:#x}")


class _Panel:
    """Four buttons that connect their lines to ground."""

    def __init__(self) -> None:
        folder = Path("/sys/kernel/config/gpio-sim/panel")
        bank = folder / "bank"
        bank.mkdir(parents=True)
        (bank / "num_lines").write_text("4")
        (folder / "live").write_text("1")
        self.chip = f"/dev/{(bank / 'chip_name').read_text().strip()}"
        device = (folder / "dev_name").read_text().strip()
        self._lines = Path(f"/sys/devices/platform/{device}/{Path(self.chip).name}")
        for number in range(4):
            self._pull(number, "pull-up")

    def press(self, button: int) -> None:
        self._pull(button - 1, "pull-down")
        time.sleep(0.2)
        self._pull(button - 1, "pull-up")
        time.sleep(2)

    def _pull(self, line: int, way: str) -> None:
        (self._lines / f"sim_gpio{line}" / "pull").write_text(way)


def wires() -> dict[str, Any]:
    """Three chips behind the kernel's drivers, and a panel behind its GPIO lines."""
    bus = _bus(_AIR, _LIGHT, _GAS)
    for plug in (_bme280, _opt3001, _ens160):
        plug(bus)
    panel = _Panel()
    with House((), more=_CONFIG.format(chip=panel.chip)) as house:
        for device, stream in (("air-1", "air"), ("light-1", "light"), ("gas-1", "air")):
            house.more(device, stream, by=1)
        for button in (1, 3, 4, 1):
            panel.press(button)
        house.until(lambda: house.ledger.counts["panel-1", "feedback"] >= 4, 60, "four presses")
        return {"values": house.ledger.values, **house.settle()}
