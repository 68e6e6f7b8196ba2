"""The readable form of golden batches and acks: plain JSON beside the bytes."""

from __future__ import annotations

from typing import Any

import numpy as np

from vointi_contract.ack import Watermark
from vointi_contract.frame import Batch, Channel, ClockState, Frame, Loss, Quality
from vointi_contract.jsonform import boot_text


def batch_form(batch: Batch) -> dict[str, Any]:
    """The batch as JSON values."""
    return {
        "frames": [_frame_form(frame) for frame in batch.frames],
        "losses": [_loss_form(loss) for loss in batch.losses],
    }


def batch_of(form: dict[str, Any]) -> Batch:
    """The batch that JSON values describe."""
    return Batch(
        tuple(_frame_of(frame) for frame in form["frames"]),
        tuple(_loss_of(loss) for loss in form["losses"]),
    )


def marks_form(marks: tuple[Watermark, ...]) -> list[dict[str, Any]]:
    """Watermarks as JSON values."""
    return [
        {
            "device": mark.device,
            "boot": boot_text(mark.boot),
            "upto": mark.upto,
            "gaps": [list(gap) for gap in mark.gaps],
        }
        for mark in marks
    ]


def marks_of(form: list[dict[str, Any]]) -> tuple[Watermark, ...]:
    """The watermarks that JSON values describe."""
    return tuple(
        Watermark(
            mark["device"],
            int(mark["boot"], 16),
            mark["upto"],
            tuple((first, last) for first, last in mark["gaps"]),
        )
        for mark in form
    )


def _frame_form(frame: Frame) -> dict[str, Any]:
    return {
        "device": frame.device,
        "stream": frame.stream,
        "boot": boot_text(frame.boot),
        "seq": frame.seq,
        "mono_us": frame.mono_us,
        "wall_us": frame.wall_us,
        "clock": frame.clock.name,
        "uncertainty_us": frame.uncertainty_us,
        "rate_hz": frame.rate_hz,
        "dev_ts_ns": frame.dev_ts_ns,
        "channels": [
            {
                "metric": channel.metric,
                "values": channel.values.tolist(),
                "scale": channel.scale,
                "offset": channel.offset,
            }
            for channel in frame.channels
        ],
        "offsets_us": None if frame.offsets_us is None else list(frame.offsets_us),
        "quality": int(frame.quality),
    }


def _frame_of(form: dict[str, Any]) -> Frame:
    offsets = form["offsets_us"]
    replaced = {
        "boot": int(form["boot"], 16),
        "clock": ClockState[form["clock"]],
        "channels": tuple(_channel_of(channel) for channel in form["channels"]),
        "offsets_us": None if offsets is None else tuple(offsets),
        "quality": Quality(form["quality"]),
    }
    return Frame(**{**form, **replaced})


def _channel_of(form: dict[str, Any]) -> Channel:
    return Channel(
        form["metric"], np.array(form["values"], np.int32), form["scale"], form["offset"]
    )


def _loss_form(loss: Loss) -> dict[str, Any]:
    return {
        "device": loss.device,
        "boot": boot_text(loss.boot),
        "first_seq": loss.first_seq,
        "last_seq": loss.last_seq,
        "reason": loss.reason,
    }


def _loss_of(form: dict[str, Any]) -> Loss:
    return Loss(**{**form, "boot": int(form["boot"], 16)})
