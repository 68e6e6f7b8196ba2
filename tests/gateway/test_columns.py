"""Columns made of buffers are what pyarrow would have made, without pandas."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from vointi_gateway.store.embedded.columns import empty, of_list, of_numbers

_STORE = """
import sys
from pathlib import Path
from vointi_gateway.store.embedded import EmbeddedStore
from vointi_gateway.store.model import Commit, Counts, Outcome, Receipt
store = EmbeddedStore(Path(sys.argv[1]) / "vointi.duckdb")
store.open()
receipt = Receipt("edge-1", "strap-1", 7, 1, 1, Outcome.STORED)
store.commit(Commit(receipts=(receipt,), tally={"edge-1": Counts(1, 1)}))
assert store.counts() == {"edge-1": Counts(1, 1)}
store.close()
print("pandas" in sys.modules)
"""


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["strap-1", "", "ä€😀"], pa.string()),
        (("a", None, "b"), pa.string()),
        ([b"\x00\xff", b"", b"xyz"], pa.binary()),
        ([2**64 - 1, 0], pa.uint64()),
        ([-(2**63), None, 2**63 - 1], pa.int64()),
        ([None, None], pa.int64()),
        ([*range(8), None, 9], pa.int32()),
        ([0.5, float("inf"), -0.0], pa.float64()),
        ((255, 0), pa.uint8()),
        ((2**32 - 1,), pa.uint32()),
    ],
)
def test_a_column_of_a_list_is_what_pyarrow_makes(values: Any, kind: pa.DataType) -> None:
    made = of_list(values, kind)
    made.validate(full=True)
    assert made.equals(pa.array(values, kind))


@pytest.mark.parametrize(
    ("value", "kind"), [(2**63, pa.int64()), (256, pa.uint8()), ("\ud800", pa.string())]
)
def test_what_a_kind_cannot_hold_is_refused(value: Any, kind: pa.DataType) -> None:
    with pytest.raises((ArithmeticError, ValueError)):
        of_list([value], kind)


def test_numbers_are_taken_as_they_lie_or_every_other_one() -> None:
    values = np.arange(20, dtype=np.int64)
    known = values % 3 > 0
    for made, expected in (
        (of_numbers(values), pa.array(values)),
        (of_numbers(values[::2]), pa.array(values[::2])),
        (of_numbers(values, known), pa.array(values, mask=~known)),
    ):
        made.validate(full=True)
        assert made.equals(expected)


def test_no_rows_have_their_columns() -> None:
    schema = pa.schema([("a", pa.int64()), ("v", pa.list_(pa.int32()))])
    assert empty(schema).equals(schema.empty_table())


def test_the_store_opens_and_commits_without_pandas(tmp_path: Path) -> None:
    words = [sys.executable, "-c", _STORE, str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "False\n"), done.stderr
