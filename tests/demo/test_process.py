from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest
from running_demo import wait_for
from vointi_demo.errors import ChildFailedError
from vointi_demo.process import Child, State


def child(tmp_path: Path, code: str) -> Child:
    return Child("part", [sys.executable, "-c", code], tmp_path / "part.log")


def watched_state(one: Child) -> State:
    one.watch()
    return one.state


def test_a_killed_child_starts_again(tmp_path: Path) -> None:
    one = child(tmp_path, "import time; time.sleep(60)")
    one.start()
    first = one.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    wait_for(lambda: watched_state(one) is State.WAITING, 5, "the death is noticed")
    wait_for(lambda: watched_state(one) is State.RUNNING, 5, "it runs again")
    assert one.pid != first
    assert one.restarts == 1
    one.stop(5)


def test_pauses_grow_while_it_keeps_dying(tmp_path: Path) -> None:
    now = [100.0]
    one = Child("part", [sys.executable, "-c", ""], tmp_path / "log", now=lambda: now[0])
    pauses = []
    for _ in range(6):
        one.start()
        wait_for(lambda: watched_state(one) is State.WAITING, 5, "it died")
        pauses.append(round(one._due - now[0], 1))
        now[0] = one._due - 0.001
        assert watched_state(one) is State.WAITING
    assert pauses == [0.3, 0.6, 1.2, 2.4, 4.8, 5.0]
    one.stop(5)


def test_bad_usage_is_not_tried_again_and_its_last_words_are_told(tmp_path: Path) -> None:
    one = child(tmp_path, "print('x.toml: mqtt.prot: unknown key'); raise SystemExit(2)")
    one.start()
    with pytest.raises(ChildFailedError, match=r"part cannot run: x.toml: mqtt.prot: unknown key"):
        while True:
            one.watch()
            time.sleep(0.02)
    one.stop(1)


def test_a_child_that_ignores_the_request_is_killed(tmp_path: Path) -> None:
    one = child(
        tmp_path,
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print('deaf', flush=True); time.sleep(60)",
    )
    one.start()
    pid = one.pid
    assert pid is not None
    wait_for(lambda: "deaf" in one.log.read_text(), 10, "the child is deaf")
    one.stop(0.2)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_children_end_with_the_supervisor(tmp_path: Path) -> None:
    parent = child(
        tmp_path,
        "import time; from pathlib import Path; from vointi_demo.process import Child;"
        f"c = Child('x', ['sleep', '60'], Path({str(tmp_path / 'x.log')!r})); c.start();"
        "print(c.pid, flush=True); time.sleep(60)",
    )
    parent.start()
    grandchild = int(wait_for(lambda: parent.log.read_text().strip(), 10, "a grandchild"))
    assert parent.pid is not None
    os.kill(parent.pid, signal.SIGKILL)
    wait_for(lambda: not Path(f"/proc/{grandchild}").exists(), 5, "the grandchild is gone")
    parent.stop(1)
