"""Sensors on wires, from the kernel's own side: a chip's registers, a panel's buttons.

i2c-stub is a bus whose chips are tables of registers; the kernel's real driver (bmp280) reads them.
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

_MODULE = "/modules/i2c-stub.ko"
_ADDRESS = 0x76
# linux/i2c-dev.h, linux/i2c.h
_I2C_SLAVE, _I2C_SMBUS, _WRITE, _BYTE_DATA = 0x0703, 0x0720, 0, 2
# The worked example of Bosch's data sheet BST-BMP280-DS001, 3.12: 25.08 °C, 100,653.27 Pa.
_TRIM = struct.pack("<HhhH8h", 27504, 26435, -1000, 36477, -10685, 3024, 2855, 140, -7, 15500,
                    -14600, 6000)  # fmt: skip
_TEMPERATURE, _PRESSURE = 519_888, 415_148
# Coefficients of an ordinary BME280; they give about half of saturation.
_HUMIDITY_TRIM = {0xA1: 75, 0xE1: 0x6A, 0xE2: 0x01, 0xE3: 0, 0xE4: 0x13, 0xE5: 0x29, 0xE6: 0x03,
                  0xE7: 0x1E}  # fmt: skip
_HUMIDITY = 30_000
_CONFIG = """\
[[device]]
id = "air-1"
model = "bosch-bme280"
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


def _bus() -> Path:
    subprocess.run(["insmod", _MODULE, f"chip_addr={_ADDRESS:#x}"], check=True)
    names = Path("/sys/bus/i2c/devices").glob("i2c-*")
    return next(one for one in names if "stub" in (one / "name").read_text())


def _set_registers(bus: Path, registers: dict[int, int]) -> None:
    file = os.open(f"/dev/{bus.name}", os.O_RDWR)
    fcntl.ioctl(file, _I2C_SLAVE, _ADDRESS)
    for register, value in registers.items():
        data = (ctypes.c_uint8 * 34)(value)
        fcntl.ioctl(
            file, _I2C_SMBUS, _Transfer(_WRITE, register, _BYTE_DATA, ctypes.addressof(data))
        )
    os.close(file)


def _raw20(start: int, value: int) -> dict[int, int]:
    return {start: value >> 12, start + 1: value >> 4 & 0xFF, start + 2: (value & 0xF) << 4}


def _bme280() -> None:
    bus = _bus()
    registers = {0xD0: 0x60, **{0x88 + n: byte for n, byte in enumerate(_TRIM)}, **_HUMIDITY_TRIM}
    registers |= _raw20(0xF7, _PRESSURE) | _raw20(0xFA, _TEMPERATURE)
    registers |= {0xFD: _HUMIDITY >> 8, 0xFE: _HUMIDITY & 0xFF}
    _set_registers(bus, registers)
    (bus / "new_device").write_text(f"bme280 {_ADDRESS:#x}")


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
    """A BME280 behind the kernel's driver and a panel behind the kernel's GPIO lines."""
    _bme280()
    panel = _Panel()
    with House((), more=_CONFIG.format(chip=panel.chip)) as house:
        house.more("air-1", "air", by=1)
        for button in (1, 3, 4, 1):
            panel.press(button)
        house.until(lambda: house.ledger.counts["panel-1", "feedback"] >= 4, 60, "four presses")
        return {"values": house.ledger.values, **house.settle()}
