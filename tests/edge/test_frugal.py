"""What an edge does not spend: text that no log takes, and modules that nothing needs."""

from __future__ import annotations

import logging
import subprocess
import sys

import numpy as np
import pytest
from bumble.hci import HCI_AclDataPacket
from hypothesis import given
from hypothesis import strategies as st
from vointi_edge.sources.ble.virtual.host import QuietHost
from vointi_signals.middle import middle

PROCESSING = """
import sys
import numpy as np
import vointi_edge.agent
from vointi_edge.pipelines import PipelineSpec
from vointi_edge.processing.outputs import Steps
from vointi_signals.edr import breathing_rate

times_s = np.arange(40) * 0.8
assert breathing_rate(times_s, 1.0 + 0.2 * np.sin(times_s * 1.5), 32.0)[0] > 0
spec = PipelineSpec("acc", "steps", (), (), 10.0, ("steps", "cadence"), "scalar")
steps = Steps(("strap-1", "steps"), spec, 50.0)
steps.restore({"due": 500, "seen": 0, "times_s": (times_s / 2).tolist()})
assert len(steps._channels()) == 2
print("numpy.ma" in sys.modules)
"""


@given(st.lists(st.floats(-1e9, 1e9), min_size=1, max_size=30))
def test_the_middle_is_the_median(values: list[float]) -> None:
    assert middle(np.array(values)) == np.median(values)


def test_masked_arrays_are_not_imported() -> None:
    told = subprocess.run(
        [sys.executable, "-c", PROCESSING], capture_output=True, text=True, check=False, timeout=120
    )
    assert (told.stdout, told.stderr) == ("False\n", "")


@pytest.mark.parametrize("level", [logging.INFO, logging.DEBUG])
def test_packets_are_spelt_out_only_for_a_log_that_takes_them(
    level: int, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    spelt: list[HCI_AclDataPacket] = []
    came: list[HCI_AclDataPacket] = []
    monkeypatch.setattr(HCI_AclDataPacket, "__str__", lambda one: spelt.append(one) or "ACL")
    monkeypatch.setattr(QuietHost, "on_hci_acl_data_packet", lambda _host, one: came.append(one))
    packet = HCI_AclDataPacket(1, 2, 0, 3, b"abc")
    with caplog.at_level(level, "bumble.host"):
        QuietHost().on_hci_packet(packet)
    assert came == [packet]
    assert bool(spelt) == (level == logging.DEBUG)
