"""The script that one would write: JSON from MQTT, a Point for each value, influxdb-client.

No InfluxDB is needed: what is measured is the script's own CPU time, and a server in another
process takes the lines and says that it has them.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence

from vointi_contract.codec import decode
from vointi_contract.metrics import by_code

from benchmarks.sink import sink
from benchmarks.strap_payloads import Sent


def documents(sent: Sequence[Sent]) -> list[str]:
    """The same readings as JSON, as such a script gets them."""
    found = []
    for message in sent:
        _, _, _, _, edge, _, device = message.topic.split("/")
        for frame in decode(message.payload, device).frames:
            channels = {by_code(c.metric).name: c.physical().tolist() for c in frame.channels}
            body = {"edge": edge, "device": frame.device, "t_us": frame.wall_us}
            found.append(json.dumps(body | {"hz": frame.rate_hz, "channels": channels}))
    return found


def values_per_cpu_second(sent: Sequence[Sent]) -> float:
    """How many values a CPU second the script takes. Raises ImportError without influxdb-client."""
    from influxdb_client import InfluxDBClient, Point
    from influxdb_client.client.write_api import SYNCHRONOUS

    texts, count = documents(sent), 0
    with (
        sink() as (port, _),
        InfluxDBClient(url=f"http://127.0.0.1:{port}", token="t", org="o") as client,
    ):
        write = client.write_api(write_options=SYNCHRONOUS)
        write.write(bucket="b", record=[Point("warm").field("value", 1.0)])
        began = time.process_time()
        for text in texts:
            body = json.loads(text)
            points = []
            step_us = 1e6 / body["hz"] if body["hz"] else 0.0
            for metric, values in body["channels"].items():
                for i, value in enumerate(values):
                    point = Point(metric).tag("edge", body["edge"]).tag("device", body["device"])
                    at_ns = int((body["t_us"] + i * step_us) * 1000)
                    points.append(point.field("value", value).time(at_ns))
            write.write(bucket="b", record=points)
            count += len(points)
        return count / (time.process_time() - began)
