from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Batch(_message.Message):
    __slots__ = ("schema", "frames", "losses")
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    FRAMES_FIELD_NUMBER: _ClassVar[int]
    LOSSES_FIELD_NUMBER: _ClassVar[int]
    schema: int
    frames: _containers.RepeatedCompositeFieldContainer[Frame]
    losses: _containers.RepeatedCompositeFieldContainer[Loss]
    def __init__(self, schema: _Optional[int] = ..., frames: _Optional[_Iterable[_Union[Frame, _Mapping]]] = ..., losses: _Optional[_Iterable[_Union[Loss, _Mapping]]] = ...) -> None: ...

class Frame(_message.Message):
    __slots__ = ("device", "stream", "clock", "uncertainty_us", "boot", "seq", "mono_us", "wall_offset_us", "dev_ts_ns", "rate_uhz", "channels", "offsets_us", "quality")
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    STREAM_FIELD_NUMBER: _ClassVar[int]
    CLOCK_FIELD_NUMBER: _ClassVar[int]
    UNCERTAINTY_US_FIELD_NUMBER: _ClassVar[int]
    BOOT_FIELD_NUMBER: _ClassVar[int]
    SEQ_FIELD_NUMBER: _ClassVar[int]
    MONO_US_FIELD_NUMBER: _ClassVar[int]
    WALL_OFFSET_US_FIELD_NUMBER: _ClassVar[int]
    DEV_TS_NS_FIELD_NUMBER: _ClassVar[int]
    RATE_UHZ_FIELD_NUMBER: _ClassVar[int]
    CHANNELS_FIELD_NUMBER: _ClassVar[int]
    OFFSETS_US_FIELD_NUMBER: _ClassVar[int]
    QUALITY_FIELD_NUMBER: _ClassVar[int]
    device: str
    stream: str
    clock: int
    uncertainty_us: int
    boot: int
    seq: int
    mono_us: int
    wall_offset_us: int
    dev_ts_ns: int
    rate_uhz: int
    channels: _containers.RepeatedCompositeFieldContainer[Channel]
    offsets_us: _containers.RepeatedScalarFieldContainer[int]
    quality: int
    def __init__(self, device: _Optional[str] = ..., stream: _Optional[str] = ..., clock: _Optional[int] = ..., uncertainty_us: _Optional[int] = ..., boot: _Optional[int] = ..., seq: _Optional[int] = ..., mono_us: _Optional[int] = ..., wall_offset_us: _Optional[int] = ..., dev_ts_ns: _Optional[int] = ..., rate_uhz: _Optional[int] = ..., channels: _Optional[_Iterable[_Union[Channel, _Mapping]]] = ..., offsets_us: _Optional[_Iterable[int]] = ..., quality: _Optional[int] = ...) -> None: ...

class Channel(_message.Message):
    __slots__ = ("metric", "deltas", "scale", "offset")
    METRIC_FIELD_NUMBER: _ClassVar[int]
    DELTAS_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    metric: int
    deltas: _containers.RepeatedScalarFieldContainer[int]
    scale: float
    offset: float
    def __init__(self, metric: _Optional[int] = ..., deltas: _Optional[_Iterable[int]] = ..., scale: _Optional[float] = ..., offset: _Optional[float] = ...) -> None: ...

class Loss(_message.Message):
    __slots__ = ("device", "boot", "first_seq", "last_seq", "reason")
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    BOOT_FIELD_NUMBER: _ClassVar[int]
    FIRST_SEQ_FIELD_NUMBER: _ClassVar[int]
    LAST_SEQ_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    device: str
    boot: int
    first_seq: int
    last_seq: int
    reason: str
    def __init__(self, device: _Optional[str] = ..., boot: _Optional[int] = ..., first_seq: _Optional[int] = ..., last_seq: _Optional[int] = ..., reason: _Optional[str] = ...) -> None: ...

class Ack(_message.Message):
    __slots__ = ("schema", "marks", "reads")
    SCHEMA_FIELD_NUMBER: _ClassVar[int]
    MARKS_FIELD_NUMBER: _ClassVar[int]
    READS_FIELD_NUMBER: _ClassVar[int]
    schema: int
    marks: _containers.RepeatedCompositeFieldContainer[Watermark]
    reads: int
    def __init__(self, schema: _Optional[int] = ..., marks: _Optional[_Iterable[_Union[Watermark, _Mapping]]] = ..., reads: _Optional[int] = ...) -> None: ...

class Watermark(_message.Message):
    __slots__ = ("device", "boot", "upto", "gaps")
    DEVICE_FIELD_NUMBER: _ClassVar[int]
    BOOT_FIELD_NUMBER: _ClassVar[int]
    UPTO_FIELD_NUMBER: _ClassVar[int]
    GAPS_FIELD_NUMBER: _ClassVar[int]
    device: str
    boot: int
    upto: int
    gaps: _containers.RepeatedCompositeFieldContainer[Range]
    def __init__(self, device: _Optional[str] = ..., boot: _Optional[int] = ..., upto: _Optional[int] = ..., gaps: _Optional[_Iterable[_Union[Range, _Mapping]]] = ...) -> None: ...

class Range(_message.Message):
    __slots__ = ("first", "last")
    FIRST_FIELD_NUMBER: _ClassVar[int]
    LAST_FIELD_NUMBER: _ClassVar[int]
    first: int
    last: int
    def __init__(self, first: _Optional[int] = ..., last: _Optional[int] = ...) -> None: ...
