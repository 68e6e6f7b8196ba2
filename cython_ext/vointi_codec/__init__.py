"""Compiled reader of the frames that edges send: their bytes straight into columns.

`FrameColumns` takes what is plainly right and nothing else; whatever it declines is read, judged
and named by `vointi_contract.codec`, its readable twin, which agrees with it on every frame taken.
`rice` is the compiled twin of `vointi_contract.rice`.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vointi_codec.columns import CHANNEL, FRAME, FrameColumns, Taken, whole_blocks

__all__ = ["CHANNEL", "FRAME", "FrameColumns", "Taken", "whole_blocks"]


def __getattr__(name: str) -> Any:
    """Load the reader with the first of its names: an edge runs the Rice codes alone."""
    if name not in __all__:
        raise AttributeError(name)
    columns = importlib.import_module("vointi_codec.columns")
    globals().update({each: getattr(columns, each) for each in __all__})
    return globals()[name]
