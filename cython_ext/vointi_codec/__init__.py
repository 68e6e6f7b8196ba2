"""Compiled reader of the frames that edges send: Protobuf bytes straight into columns.

`FrameColumns` takes what is plainly right and nothing else; whatever it declines is read, judged
and named by `vointi_contract.codec`, its readable twin, which agrees with it on every frame taken.
"""

from __future__ import annotations

from vointi_codec.columns import CHANNEL, FRAME, FrameColumns, Taken, whole_blocks

__all__ = ["CHANNEL", "FRAME", "FrameColumns", "Taken", "whole_blocks"]
