"""Any batch that the contract allows, drawn by hypothesis."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import strategies as st
from vointi_contract.checks import MAX_BOOT, MAX_DEV_NS, MAX_SEQ, MAX_US
from vointi_contract.frame import Batch, Channel, ClockState, Frame, Loss, Quality

# A step must fit int32, so values within half of its range may follow each other in any order.
_VALUES = st.integers(-(2**30), 2**30 - 1)

_PLAIN = "abcdefghijklmnopqrstuvwxyz0123456789"

ids = st.builds(
    str.__add__, st.sampled_from(_PLAIN), st.text(st.sampled_from(_PLAIN + "-_"), max_size=62)
)
boots = st.integers(1, MAX_BOOT)
seqs = st.integers(1, MAX_SEQ)
times = st.integers(0, MAX_US)
finite = st.floats(allow_nan=False, allow_infinity=False)


@st.composite
def losses(draw: Any) -> Loss:
    first = draw(seqs)
    last = draw(st.integers(first, MAX_SEQ))
    reason = draw(st.text(st.sampled_from("disk full ÅÄÖ€"), min_size=1, max_size=64))
    return Loss(draw(ids), draw(boots), first, last, reason)


@st.composite
def channels(draw: Any, lengths: st.SearchStrategy[int]) -> tuple[Channel, ...]:
    metrics = draw(st.lists(st.integers(1, 200), min_size=1, max_size=4, unique=True))
    made = []
    for metric in metrics:
        count = draw(lengths)
        values = draw(st.lists(_VALUES, min_size=count, max_size=count))
        scale = draw(finite.filter(bool))
        made.append(Channel(metric, np.array(values, np.int32), scale, draw(finite)))
    return tuple(made)


@st.composite
def frames(draw: Any) -> Frame:
    layout = draw(st.sampled_from(["regular", "offsets", "scalar"]))
    count = draw(st.integers(1, 20))
    lengths = st.just(count) if layout == "regular" else st.integers(1, count)
    steps = draw(st.lists(st.integers(0, 10**9), min_size=count - 1, max_size=count - 1))
    offsets = tuple(np.cumsum([0, *steps]).tolist())
    return Frame(
        device=draw(ids),
        stream=draw(ids),
        boot=draw(boots),
        seq=draw(seqs),
        mono_us=draw(times),
        wall_us=draw(st.none() | times),
        clock=draw(st.sampled_from(ClockState)),
        uncertainty_us=draw(times),
        rate_hz=draw(st.integers(1, 10**12)) / 1e6 if layout == "regular" else 0.0,
        dev_ts_ns=draw(st.none() | st.integers(-MAX_DEV_NS, MAX_DEV_NS)),
        channels=draw(channels(lengths)),
        offsets_us=offsets if layout == "offsets" else None,
        quality=Quality(draw(st.integers(0, 2**32 - 1))),
    )


batches = st.builds(
    Batch,
    st.lists(frames(), max_size=4).map(tuple),
    st.lists(losses(), max_size=3).map(tuple),
).filter(lambda batch: bool(batch.frames or batch.losses))
