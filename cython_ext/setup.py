"""Compiles every vointi_signals/*.pyx into an extension of its own.

Flags: -O3 without -ffast-math and with -ffp-contract=off, so that results are equal, bit for bit,
to SciPy's and the same on x86-64 and ARM (where gcc would otherwise fuse multiply and add).
"""

import os
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup

FLAGS = ["-O3", "-ffp-contract=off", "-fno-math-errno", "-g0", "-Wno-unused-function"]
SANITIZE = ["-fsanitize=address,undefined", "-fno-omit-frame-pointer", "-g"]

sanitize = os.environ.get("VOINTI_SANITIZE") == "1"
compile_args = FLAGS + (SANITIZE if sanitize else [])
link_args = SANITIZE if sanitize else []

extensions = [
    Extension(
        f"vointi_signals.{path.stem}",
        [f"vointi_signals/{path.name}"],
        include_dirs=[numpy.get_include()],
        extra_compile_args=compile_args,
        extra_link_args=link_args,
        define_macros=[("NPY_NO_DEPRECATED_API", "NPY_2_0_API_VERSION")],
    )
    for path in sorted(Path("vointi_signals").glob("*.pyx"))
]

setup(
    ext_modules=cythonize(
        extensions,
        language_level=3,
        compiler_directives={
            "boundscheck": False,
            "wraparound": False,
            "cdivision": True,
            "initializedcheck": False,
            "embedsignature": True,
        },
    )
)
