"""python fresh.py OLD NEW FORM: every row of a DuckDB file in a new one, in the same order.

The row numbers of copies (JSON on stdin) are set in the new file: it has no holes.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import duckdb


def copy(old: Path, new: Path, form: str, marks: dict[str, list[int]]) -> None:
    """Write the new file durably, in this form (`opening.form`)."""
    con = duckdb.connect(":memory:", config={"autoinstall_known_extensions": "false"})
    con.execute(f"ATTACH '{_quoted(old)}' AS old (READ_ONLY)")
    con.execute(f"ATTACH '{_quoted(new)}' AS new ({form})")
    con.execute("COPY FROM DATABASE old TO new")
    for key, value in marks.items():
        con.execute("UPDATE new.meta SET value = ? WHERE key = ?", [json.dumps(value), key])
    con.execute("DELETE FROM new.meta WHERE key = 'owed'")
    con.execute("CHECKPOINT new")
    con.execute("DETACH new")
    con.close()
    handle = os.open(new, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")


if __name__ == "__main__":
    copy(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], json.load(sys.stdin))
