"""The doctor names a data folder that is on another machine's disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from vointi_gateway.pilots.doctor import _place
from vointi_gateway.pilots.mounts import file_system

MOUNTS = r"""22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
30 22 0:26 / /srv/city\040data rw - nfs4 files:/city rw,vers=4.2
31 22 0:27 / /srv rw - tmpfs tmpfs rw
32 30 0:28 / /srv/city\040data/local rw - xfs /dev/vdb rw
33 22 0:29 / /mnt/far rw master:3 - fuse.sshfs me@far: rw
34 22 0:30 / /mnt/stacked rw - nfs files:/a rw
35 34 0:31 / /mnt/stacked rw - btrfs /dev/vdc rw
"""


@pytest.mark.parametrize(
    ("folder", "kind", "well"),
    [
        ("/var/lib/vointi", "ext4", True),
        ("/srv/city data/gateway", "nfs4", False),
        ("/srv/city data/local/gateway", "xfs", True),
        ("/srv/city", "tmpfs", True),
        ("/mnt/far", "fuse.sshfs", False),
        ("/mnt/stacked/a", "btrfs", True),
    ],
)
def test_the_kind_is_that_of_the_deepest_mount(
    tmp_path: Path, folder: str, kind: str, well: bool
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(MOUNTS)
    assert file_system(Path(folder), mounts) == kind
    found = _place(Path(folder), mounts)
    assert (found.ok, kind in found.say, "use a disk" in found.say) == (well, True, not well)


def test_where_nothing_can_be_told_nothing_is_wrong(tmp_path: Path) -> None:
    assert file_system(tmp_path, tmp_path / "none") == ""
    assert _place(tmp_path, tmp_path / "none").ok


def test_the_folder_of_this_test_is_on_something(tmp_path: Path) -> None:
    if not Path("/proc/self/mountinfo").exists():
        pytest.skip("no /proc/self/mountinfo: not Linux")
    assert file_system(tmp_path)
