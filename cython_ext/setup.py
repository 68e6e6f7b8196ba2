"""Compiles every *.pyx of vointi_signals and vointi_codec into an extension of its own.

Flags: -O3 without -ffast-math and with -ffp-contract=off, so that results are equal, bit for bit,
to SciPy's and the same on x86-64 and ARM (where gcc would otherwise fuse multiply and add).

Environment: VOINTI_SANITIZE=1 builds with the address and undefined-behaviour sanitizers;
VOINTI_MODULES=sos,fir compiles only the modules named.
"""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext

PACKAGES = ("vointi_signals", "vointi_codec")
# A level of optimisation in CFLAGS is the packager's, and wins.
FLAGS = [] if "-O" in os.environ.get("CFLAGS", "") else ["-O3"]
FLAGS += ["-ffp-contract=off", "-fno-math-errno", "-g0"]
# Cython leaves helpers unused; vectors wider than the baseline stay inside one file.
FLAGS += ["-Wno-unused-function", "-Wno-psabi"]
# -Og: compiles in half the time of -O1 and runs as fast.
SANITIZE = ["-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
SANITIZE += ["-fno-omit-frame-pointer", "-Og", "-g1"]
DIRECTIVES = {
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
    "embedsignature": True,
}


class BuildWithCompiler(build_ext):
    """Uses every core, and says in one line what is missing where it cannot compile."""

    def finalize_options(self) -> None:
        """Compile as many modules at a time as there are cores."""
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count() or 1

    def run(self) -> None:
        """Compile, or say what to install."""
        command = os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc"
        compiler = command.split()[0]
        headers = Path(sysconfig.get_paths()["include"]) / "Python.h"
        missing = ""
        if shutil.which(compiler) is None:
            missing = f"C compiler ({compiler})"
        elif not headers.is_file():
            missing = f"Python headers ({headers})"
        if missing:
            sys.exit(
                f"vointi-signals: no {missing} found; install a binary wheel, or "
                "a compiler and the Python headers (Debian: apt install gcc python3-dev)"
            )
        super().run()


def chosen() -> list[Path]:
    """Return the modules to compile, all of them by default."""
    paths = [path for name in PACKAGES for path in sorted(Path(name).glob("*.pyx"))]
    names = os.environ.get("VOINTI_MODULES", "")
    wanted = {name.strip() for name in names.split(",") if name.strip()}
    return [path for path in paths if not wanted or path.stem in wanted]


def extension(path: Path) -> Extension:
    """Describe one module."""
    extra = SANITIZE if os.environ.get("VOINTI_SANITIZE") == "1" else []
    return Extension(
        f"{path.parent.name}.{path.stem}",
        [path.as_posix()],
        depends=sorted(map(str, [*path.parent.glob("*.h"), *path.parent.glob("*.pxi")])),
        include_dirs=[numpy.get_include()],
        extra_compile_args=FLAGS + extra,
        extra_link_args=extra,
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")],
    )


setup(
    ext_modules=cythonize(
        [extension(path) for path in chosen()],
        language_level=3,
        compiler_directives=DIRECTIVES,
    ),
    cmdclass={"build_ext": BuildWithCompiler},
)
