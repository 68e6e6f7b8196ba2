"""Which kind of file system a folder is on."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

#: What this process sees mounted, see proc_pid_mountinfo(5).
MOUNTS: Final = Path("/proc/self/mountinfo")
#: Of several machines, or of a machine and its guests: the memory that goes with a SQLite log is
#: not shared there, nor are locks what they are on a disk (https://sqlite.org/wal.html, overview).
#: With FUSE in front of it, "fuse.sshfs" is "sshfs" here.
NETWORK: Final = frozenset({
    "nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "ceph", "lustre", "gpfs", "beegfs", "ocfs2",
    "gfs2", "9p", "virtiofs", "vboxsf", "sshfs", "glusterfs", "s3fs", "rclone", "davfs",
})  # fmt: skip


def file_system(folder: Path, mounts: Path = MOUNTS) -> str:
    """The kind by its name in Linux ("ext4", "fuse.sshfs"); empty where it cannot be told."""
    try:
        lines = mounts.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError:
        return ""
    place, deepest, kind = folder.resolve(), -1, ""
    for line in lines:
        before, _, after = line.partition(" - ")
        point = Path(_plain(before.split(" ")[4]))
        # of two at one point the later one is on top
        if place.is_relative_to(point) and len(point.parts) >= deepest:
            deepest, kind = len(point.parts), after.split(" ")[0]
    return kind


def _plain(point: str) -> str:
    """With the letters that are written as octal numbers: blanks, tabs, line ends, backslashes."""
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), point)
