"""Python as a gateway needs it: no thread waits long for another, no commit for a collector."""

from __future__ import annotations

import gc
import sys
from typing import Final

#: How long a thread may keep the interpreter while another waits for it. The thread that reads from
#: the broker asks for it several times a message; at Python's 5 ms readings queue behind a commit.
SWITCH_S: Final = 0.0005
#: Objects made before the collector looks for rings among them, and of its passes those that look
#: further. What a reading leaves is in no ring; at Python's 700 a commit in forty waited for it.
COLLECT: Final = (50_000, 20, 20)


def settle() -> None:
    """Call when everything is loaded, before the first reading.

    What is there now stays to the end: the collector need not look through it while a commit waits.
    """
    sys.setswitchinterval(SWITCH_S)
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT)
