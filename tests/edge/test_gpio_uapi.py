"""Our bytes against the kernel's own header: a C program says what the compiler makes of it."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from pathlib import Path

import pytest
from vointi_edge.sources.gpio import uapi
from vointi_edge.sources.gpio.lines import ChipLines, PipeLines, Wiring, open_lines

PROGRAM = r"""
#include <linux/gpio.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
int main(void) {
    struct gpio_v2_line_request request;
    struct gpio_v2_line_event event;
    memset(&request, 0, sizeof request);
    request.offsets[0] = 17; request.offsets[1] = 4;
    strcpy(request.consumer, "vointi-edge");
    request.config.flags = GPIO_V2_LINE_FLAG_INPUT | GPIO_V2_LINE_FLAG_EDGE_RISING
        | GPIO_V2_LINE_FLAG_EDGE_FALLING | GPIO_V2_LINE_FLAG_ACTIVE_LOW
        | GPIO_V2_LINE_FLAG_BIAS_PULL_UP;
    request.config.num_attrs = 1;
    request.config.attrs[0].attr.id = GPIO_V2_LINE_ATTR_ID_DEBOUNCE;
    request.config.attrs[0].attr.debounce_period_us = 20000;
    request.config.attrs[0].mask = 3;
    request.num_lines = 2;
    memset(&event, 0, sizeof event);
    event.timestamp_ns = 123456789012345; event.id = GPIO_V2_LINE_EVENT_FALLING_EDGE;
    event.offset = 4; event.seqno = 9; event.line_seqno = 5;
    unsigned numbers[] = {GPIO_V2_GET_LINE_IOCTL, GPIO_V2_LINE_GET_VALUES_IOCTL,
        GPIO_V2_LINE_FLAG_BIAS_PULL_DOWN, GPIO_V2_LINE_FLAG_BIAS_DISABLED,
        offsetof(struct gpio_v2_line_request, fd)};
    fwrite(numbers, sizeof numbers, 1, stdout);
    fwrite(&event, sizeof event, 1, stdout);
    fwrite(&request, sizeof request, 1, stdout);
    return 0;
}
"""
WIRING = Wiring((17, 4), active_low=True, bias="pull-up", debounce_us=20_000)


def test_requests_and_events_are_those_of_the_kernels_header(tmp_path: Path) -> None:
    compiler = shutil.which("cc") or shutil.which("gcc")
    assert compiler, "the signal core was built by one"
    (tmp_path / "say.c").write_text(PROGRAM)
    subprocess.run([compiler, "-o", tmp_path / "say", tmp_path / "say.c"], check=True, timeout=60)
    said = subprocess.run([tmp_path / "say"], check=True, capture_output=True, timeout=10).stdout
    numbers = struct.unpack_from("=5I", said)
    assert numbers == (
        uapi.GET_LINE, uapi.GET_VALUES, uapi.BIAS["pull-down"], uapi.BIAS["disabled"],
        uapi.REQUEST_BYTES - 4,
    )  # fmt: skip
    flags = uapi.INPUT | uapi.EDGE_RISING | uapi.EDGE_FALLING | uapi.ACTIVE_LOW
    request = uapi.line_request((17, 4), flags | uapi.BIAS["pull-up"], 20_000)
    assert said[20 + uapi.EVENT_BYTES :] == bytes(request)
    event = uapi.line_event(said[20 : 20 + uapi.EVENT_BYTES])
    assert event == uapi.LineEvent(123_456_789_012_345, False, 4, 5)


def test_values_and_the_descriptor_are_read_back() -> None:
    request = uapi.line_request((17, 4), uapi.INPUT, 0)
    struct.pack_into("=i", request, uapi.REQUEST_BYTES - 4, 42)
    assert uapi.line_descriptor(bytes(request)) == 42
    values = uapi.values_request(3)
    assert struct.unpack("=QQ", values) == (0, 0b111)
    assert uapi.values_of(struct.pack("=QQ", 0b101, 0b111), 3) == [True, False, True]


def test_a_chip_is_asked_for_lines_that_then_tell_their_levels_and_edges(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reader, writer = os.pipe()
    asked: list[int] = []

    def ioctl(_fd: int, number: int, argument: bytearray) -> int:
        asked.append(number)
        if number == uapi.GET_LINE:
            struct.pack_into("=i", argument, len(argument) - 4, reader)
        else:
            struct.pack_into("=Q", argument, 0, 0b10)
        return 0

    monkeypatch.setattr("vointi_edge.sources.gpio.lines.fcntl.ioctl", ioctl)
    lines = open_lines(Path("/dev/null"), WIRING)  # a character device; the kernel's part is above
    assert isinstance(lines, ChipLines)
    assert list(lines.levels() or ()) == [False, True]
    with pytest.raises(BlockingIOError):
        lines.read()
    os.write(writer, b"e" * uapi.EVENT_BYTES)
    assert lines.read() == b"e" * uapi.EVENT_BYTES
    lines.close()
    os.close(writer)
    assert asked == [uapi.GET_LINE, uapi.GET_VALUES]


def test_what_is_no_chip_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file is no GPIO chip"):
        open_lines(tmp_path / "file", WIRING)
    with pytest.raises(OSError, match=r"ioctl|not supported"):
        open_lines(Path("/dev/null"), WIRING)


def test_half_an_event_waits_for_its_rest(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    lines = PipeLines(tmp_path / "pipe")
    writer = os.open(tmp_path / "pipe", os.O_WRONLY)
    os.write(writer, b"a" * 50)
    assert lines.read() == b"a" * 48
    os.write(writer, b"a" * 10)
    with pytest.raises(BlockingIOError):
        lines.read()
    os.write(writer, b"a" * 36)
    assert lines.read() == b"a" * 48
    os.close(writer)
    assert lines.read() == b""
    lines.close()
