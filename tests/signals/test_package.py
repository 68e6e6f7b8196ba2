"""What an installation promises: numpy alone, an sdist that builds, one line without compiler."""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import numpy as np
import pytest
import vointi_signals as vs

BARE = """
import sys
import numpy
before = {name.partition(".")[0] for name in sys.modules}
import vointi_signals
import vointi_signals.pipeline
vointi_signals.pipeline.build([{"stage": "lowpass", "order": 4, "cutoff_hz": 9}], 130)
after = {name.partition(".")[0] for name in sys.modules}
strange = {n for n in after - before if n not in sys.stdlib_module_names}
print(sorted(n for n in strange if "cython" not in n))
"""


def _python(
    *args: str, cwd: Path | None = None, of: Path | None = None, **env: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [of or sys.executable, *args],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | env,
    )


def test_numpy_alone_is_needed() -> None:
    done = _python("-I", "-c", BARE)
    assert done.stdout.strip() == "['vointi_signals']", done.stderr


def test_public_names_exist_and_are_documented() -> None:
    assert len(set(vs.__all__)) == len(vs.__all__)
    for name in vs.__all__:
        assert getattr(vs, name).__doc__, name
    assert set(vs.__all__) <= set(dir(vs))
    with pytest.raises(AttributeError, match="no attribute 'QrsDetektor'"):
        _ = vs.QrsDetektor  # type: ignore[attr-defined]


def test_the_package_alone_imports_nothing_and_a_name_what_it_needs() -> None:
    code = (
        "import sys, vointi_signals as vs; print('numpy' in sys.modules); {}; print(*sys.modules)"
    )
    alone, _ = _python("-I", "-c", code.format("pass")).stdout.splitlines()
    assert alone == "False"
    after = _python("-I", "-c", code.format("vs.QrsDetector(130)")).stdout.split()
    assert "vointi_signals.qrs" in after
    assert not {"vointi_signals.steps", "vointi_signals.hrv", "scipy"} & set(after)


def test_what_type_checkers_see_is_what_is_there() -> None:
    """The imports for type checkers and the table of homes name the same."""
    tree = ast.parse(Path(vs.__file__).read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen = {
        alias.name: str(node.module).rpartition(".")[2]
        for node in block.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert seen == vs._HOME
    assert sorted(seen) == sorted(vs.__all__)


def _copy(root: Path, to: Path) -> Path:
    """Copy the sources alone: no compiled module, no generated C."""
    source = root / "cython_ext"
    package = to / "vointi_signals"
    package.mkdir(parents=True)
    for name in ("setup.py", "pyproject.toml", "MANIFEST.in"):
        (to / name).write_bytes((source / name).read_bytes())
    for path in (source / "vointi_signals").iterdir():
        if path.suffix in {".py", ".pyx", ".pxd", ".pyi", ".h", ".typed", ".toml"}:
            (package / path.name).write_bytes(path.read_bytes())
    (package / "py.typed").touch()
    return to


@pytest.mark.parametrize(
    ("name", "value", "missing"),
    [("CC", "/nonexistent/cc", "C compiler (/nonexistent/cc)"), ("PATH", "/nonexistent", "")],
)
def test_without_a_compiler_one_line_says_so(
    root: Path, tmp_path: Path, name: str, value: str, missing: str
) -> None:
    work = _copy(root, tmp_path / "src")
    env = {"VOINTI_MODULES": "none", name: value}
    done = _python("setup.py", "-q", "build_ext", "--inplace", cwd=work, **env)
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"vointi-signals: no {missing or 'C compiler ('}")
    assert "; install a binary wheel, or " in last


# Linked into the fresh place, so that no network is needed: what builds the package and what it
# says it needs. Everything else there comes out of the sdist.
BORROWED = ("numpy", "setuptools", "_distutils_hack", "Cython", "pyximport", "cython")

FILTER = """
import importlib.metadata, sys
import numpy as np
import vointi_signals as vs
x = np.random.default_rng(1).standard_normal(1000)
sos = vs.butter_sos(4, [0.5, 40.0], 130.0, "bandpass")
print(vs.SosFilter(sos).process(x).tobytes().hex())
print(vs.__file__)
print(importlib.metadata.requires("vointi-signals"))
"""


def _fresh(place: Path) -> Path:
    """Make a virtual environment with pip, numpy and the build tools; return its Python."""
    venv.create(place, with_pip=True, symlinks=True)
    (packages,) = place.glob("lib/python3*/site-packages")
    for old in [*packages.glob("setuptools*"), *packages.glob("_distutils_hack")]:
        shutil.rmtree(old)  # Python 3.11 brings one that is too old
    for path in Path(np.__file__).parent.parent.iterdir():
        if path.name.partition("-")[0].partition(".")[0] in BORROWED:
            (packages / path.name).symlink_to(path)
    return place / "bin" / "python"


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_sdist_installs_in_a_fresh_place(root: Path, tmp_path: Path) -> None:
    """Build an sdist, install it from source in a new environment, and run a filter there."""
    work = _copy(root, tmp_path / "src")
    done = _python("setup.py", "-q", "sdist", cwd=work, VOINTI_MODULES="none")
    assert done.returncode == 0, done.stderr
    (archive,) = (work / "dist").glob("*.tar.gz")
    python = _fresh(tmp_path / "fresh")
    # Only what a filter needs, and in a hurry: every other test runs what is compiled in earnest.
    env = {"VOINTI_MODULES": "_buffers,_window,_sorted,sos,fir,median,baseline,notch,rate,resample"}
    env |= {"CFLAGS": "-O0", "PYTHONPATH": "", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    words = ["-m", "pip", "install", "-q", "--no-index", "--no-build-isolation", str(archive)]
    done = _python(*words, cwd=tmp_path, of=python, **env)
    assert done.returncode == 0, done.stderr[-2000:]
    there = _python("-I", "-c", FILTER, cwd=tmp_path, of=python)
    assert there.returncode == 0, there.stderr
    bits, where, needs = there.stdout.splitlines()
    assert bits == _python("-c", FILTER, cwd=root).stdout.splitlines()[0]
    assert Path(where).is_relative_to(tmp_path / "fresh")
    assert needs == "['numpy>=2.0']"
    installed = {path.name for path in Path(where).parent.iterdir()}
    assert {"py.typed", "sos.pyi", "_buffers.pyi", "sos.pxd"} <= installed
