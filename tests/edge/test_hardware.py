"""What scripts of hardware/ name beside themselves is there, and in a fresh clone too."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

HARDWARE = Path(__file__).parents[2] / "hardware"
_BESIDE = re.compile(r"\$here/([\w.-]+)")


@pytest.mark.parametrize("script", sorted(HARDWARE.glob("*/*.sh")), ids=lambda path: path.name)
def test_a_script_names_only_files_that_are_kept(script: Path) -> None:
    named = {script.parent / name for name in _BESIDE.findall(script.read_text())}
    assert [str(file) for file in named if not file.exists()] == []
    git = shutil.which("git")
    if named and git is not None and (HARDWARE.parent / ".git").exists():
        asked = [git, "-C", str(HARDWARE), "check-ignore", "--no-index", *map(str, named)]
        assert subprocess.run(asked, capture_output=True, check=False).stdout == b""
