"""What an installation promises: numpy alone, an sdist that builds, one line without compiler."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

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


def _python(*args: str, cwd: Path | None = None, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *args],
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
    assert sorted(vs.__all__) == vs.__all__
    for name in vs.__all__:
        assert getattr(vs, name).__doc__, name


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


def test_without_a_compiler_one_line_says_so(root: Path, tmp_path: Path) -> None:
    work = _copy(root, tmp_path / "src")
    done = _python(
        "setup.py",
        "-q",
        "build_ext",
        "--inplace",
        cwd=work,
        CC="/nonexistent/cc",
        VOINTI_MODULES="_buffers",
    )
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("vointi-signals: no C compiler (/nonexistent/cc) found; install ")


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_sdist_builds_and_passes_in_a_fresh_place(root: Path, tmp_path: Path) -> None:
    """Build an sdist, compile what is in it, install that elsewhere and run tests against it.

    The build tools come from this environment, so that no network is needed; the package under
    test is only what the sdist holds.
    """
    work = _copy(root, tmp_path / "src")
    done = _python("setup.py", "-q", "sdist", cwd=work, VOINTI_MODULES="none")
    assert done.returncode == 0, done.stderr
    (archive,) = (work / "dist").glob("*.tar.gz")
    with tarfile.open(archive) as tar:
        tar.extractall(tmp_path / "unpacked", filter="data")
    (unpacked,) = (tmp_path / "unpacked").iterdir()
    fresh = tmp_path / "fresh"
    wanted = "_buffers,_window,_sorted,sos,fir,median,baseline,notch,rate,resample"
    done = _python(
        "setup.py", "-q", "build", "--build-lib", str(fresh), cwd=unpacked, VOINTI_MODULES=wanted
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert (fresh / "vointi_signals" / "py.typed").is_file()
    assert (fresh / "vointi_signals" / "sos.pyi").is_file()
    check = (
        "import sys, pytest, vointi_signals as v;"
        "assert v.__file__.startswith(sys.argv[1]), v.__file__;"
        "sys.exit(pytest.main(['-q', '-p', 'no:cacheprovider',"
        " 'tests/signals/test_filters.py', '-k', 'bit or functional']))"
    )
    done = _python("-c", check, str(fresh), cwd=root, PYTHONPATH=str(fresh))
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
