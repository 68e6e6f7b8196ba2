"""A gateway's half: takes what the edge sends, once, acknowledges it, and remembers the sums."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from vointi_contract.ack import Watermark, encode_ack
from vointi_contract.codec import decode
from vointi_contract.frame import Batch, Frame
from vointi_contract.metrics import by_code
from vointi_contract.topics import EdgeTopics

TOPICS = EdgeTopics("demo-home", "home-1")


class Ledger:
    """Every reading's identity, by device and boot: `upto` without a gap, the rest in `ahead`."""

    def __init__(self, port: int, ack_s: float) -> None:
        self.counts: Counter[tuple[str, str]] = Counter()
        self.last_s: dict[tuple[str, str], float] = {}
        # When the newest reading was measured, not when it came.
        self.measured_s: dict[tuple[str, str], float] = {}
        self.longest_s: dict[tuple[str, str], float] = {}
        self.links: dict[str, tuple[str, str]] = {}
        self.notes: list[tuple[float, str, str, str]] = []
        self.samples: Counter[tuple[str, str]] = Counter()
        self.values: dict[str, list[float]] = {}
        self.duplicates = 0
        self.lost = 0
        self._upto: dict[tuple[str, int], int] = {}
        self._ahead: dict[tuple[str, int], set[int]] = {}
        self._lock = threading.Lock()
        self._ack_s, self._acked_s = ack_s, 0.0
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, "gateway")
        self._client.on_message = self._message
        self._client.on_connect = lambda client, *_: client.subscribe(f"{TOPICS.base}/#", qos=1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()

    def order(self, topic: str, payload: bytes) -> None:
        """Leave the edge an order."""
        self._client.publish(topic, payload, qos=1, retain=True).wait_for_publish(30)

    @property
    def distinct(self) -> int:
        """How many different readings are here."""
        with self._lock:
            return sum(self._upto.values()) + sum(map(len, self._ahead.values())) - self.lost

    @property
    def gaps(self) -> int:
        """How many devices' ranges have a hole."""
        return sum(bool(ahead) for ahead in self._ahead.values())

    def facts(self) -> dict[str, Any]:
        return {
            "counts": {"/".join(key): n for key, n in self.counts.items()},
            "samples": {"/".join(key): n for key, n in self.samples.items()},
            "longest_s": {"/".join(key): round(s, 2) for key, s in self.longest_s.items()},
            "distinct": self.distinct,
            "duplicates": self.duplicates,
            "gaps": self.gaps,
            "lost": self.lost,
            "notes": self.notes,
        }

    def acknowledge(self) -> None:
        with self._lock:
            marks = [
                Watermark(device, boot, upto, ())
                for (device, boot), upto in self._upto.items()
                if upto
            ]
        self._acked_s = time.monotonic()
        if marks:
            self._client.publish(TOPICS.ack, encode_ack(marks), qos=1)

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    # ---- what arrives

    def _message(self, client: mqtt.Client, userdata: Any, message: mqtt.MQTTMessage) -> None:
        kind = message.topic.split("/")[5]
        if kind == "state":
            self._state(json.loads(message.payload))
        elif kind in ("d", "b"):
            with self._lock:
                self._take(decode(message.payload))
            if time.monotonic() - self._acked_s > self._ack_s:
                self.acknowledge()

    def _state(self, state: dict[str, Any]) -> None:
        for device in state.get("devices", ()):
            name, now = device["device"], (device["link"], device.get("note", ""))
            if self.links.get(name) != now:
                self.links[name] = now
                self.notes.append((round(time.monotonic(), 2), name, *now))

    def _take(self, batch: Batch) -> None:
        now_s = time.monotonic()
        for loss in batch.losses:
            for seq in range(loss.first_seq, loss.last_seq + 1):
                self.lost += self._note((loss.device, loss.boot), seq)
        for frame in batch.frames:
            if not self._note((frame.device, frame.boot), frame.seq):
                self.duplicates += 1
                continue
            key = (frame.device, frame.stream)
            silence_s = now_s - self.last_s.get(key, now_s)
            self.longest_s[key] = max(self.longest_s.get(key, 0.0), silence_s)
            self.last_s[key] = now_s
            self.counts[key] += 1
            self.measured_s[key] = max(self.measured_s.get(key, 0.0), frame.mono_us / 1e6)
            self.samples[key] += len(frame.channels[0].values)
            self._remember(frame)

    def _remember(self, frame: Frame) -> None:
        """The last ten values of what is said rarely."""
        for channel in frame.channels:
            if not frame.rate_hz:
                name = f"{frame.device}/{by_code(channel.metric).name}"
                values = self.values.setdefault(name, []) + channel.physical().tolist()
                self.values[name] = values[-10:]

    def _note(self, key: tuple[str, int], seq: int) -> bool:
        """Whether this is new; a range closes up as its holes are filled."""
        upto, ahead = self._upto.get(key, 0), self._ahead.setdefault(key, set())
        if seq <= upto or seq in ahead:
            return False
        ahead.add(seq)
        while upto + 1 in ahead:
            upto += 1
            ahead.discard(upto)
        self._upto[key] = upto
        return True
