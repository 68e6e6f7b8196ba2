"""Plain C kernels, compiled when they are measured: how fast the machine allows at all."""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

SOURCE = Path(__file__).with_name("plain.c")
FLAGS = ["-O3", "-ffp-contract=off", "-shared", "-fPIC"]


class PlainC:
    """Four sections and an FIR, as one writes them down in C."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._sos = library.plain_sos4
        self._fir = library.plain_fir

    def sos4(self, c: NDArray[np.float64], z: NDArray[np.float64], n: int) -> Call:
        """Return a call that filters ``n`` samples of noise in memory of its own."""
        x, y = _noise(n), np.empty(n)
        return Call(self._sos, (c, z, x, y), (n,))

    def fir(self, taps: NDArray[np.float64], n: int) -> Call:
        """Return a call that filters ``n`` samples of noise in memory of its own."""
        x, y = _noise(n + len(taps) - 1), np.empty(n)
        return Call(self._fir, (taps, x, y), (len(taps), n))


class Call:
    """A bound C call that keeps its arrays alive."""

    def __init__(
        self, function: object, arrays: tuple[NDArray[np.float64], ...], sizes: tuple[int, ...]
    ) -> None:
        self._function = function
        self._arrays = arrays
        self._args = [ctypes.c_void_p(a.ctypes.data) for a in arrays]
        self._args += [ctypes.c_long(size) for size in sizes]  # type: ignore[misc]

    def __call__(self) -> None:
        """Run it."""
        self._function(*self._args)  # type: ignore[operator]


def _noise(n: int) -> NDArray[np.float64]:
    return np.random.default_rng(n).standard_normal(n)


def compile_plain() -> PlainC | None:
    """Compile ``plain.c``; None where there is no compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        return None
    with tempfile.TemporaryDirectory(prefix="vointi-bench-") as folder:
        library = Path(folder) / "plain.so"
        subprocess.run([compiler, *FLAGS, str(SOURCE), "-o", str(library)], check=True)
        return PlainC(ctypes.CDLL(str(library)))
