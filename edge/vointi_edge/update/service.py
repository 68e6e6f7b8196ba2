"""The running service as the updater sees it: systemd starts it, its vital signs say how it is."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any, Final

from vointi_edge.care.doctor import read_vitals
from vointi_edge.errors import UpdateError

UNIT: Final = "vointi-edge.service"
# The broker is reached within seconds; a slow card and a router that begins anew take minutes.
TRIAL_S: Final = 300.0
# Longer than a crash loop's turn (RestartSec) and than the vital signs' period.
_STEADY_S: Final = 30.0
_LOOK_S: Final = 1.0
_RESTART_S: Final = 120.0


class SystemdService:
    """vointi-edge.service; `run_dir` is where it writes its vital signs."""

    def __init__(
        self,
        run_dir: Path,
        *,
        restart: tuple[str, ...] = ("systemctl", "restart", UNIT),
        trial_s: float = TRIAL_S,
        steady_s: float = _STEADY_S,
        look_s: float = _LOOK_S,
    ) -> None:
        self._run_dir = run_dir
        self._restart = restart
        self._trial_s = trial_s
        self._steady_s = steady_s
        self._look_s = look_s

    def connected(self) -> bool:
        """Whether it runs and has its broker."""
        return bool((read_vitals(self._run_dir) or {}).get("connected"))

    def restart(self) -> None:
        """Start it anew; a release that does not start is judged by its silence."""
        try:
            subprocess.run(self._restart, capture_output=True, timeout=_RESTART_S, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise UpdateError("service", f"not restarted: {error}") from error

    def serves(self, version: str, *, broker: bool) -> bool:
        """Whether this version runs steadily within the trial's time, with its broker if asked.

        An outage that was there before is not held against a release.
        """
        end_s = time.monotonic() + self._trial_s
        while not self._well(read_vitals(self._run_dir), version, broker):
            if time.monotonic() > end_s:
                return False
            time.sleep(self._look_s)
        return True

    def _well(self, vitals: dict[str, Any] | None, version: str, broker: bool) -> bool:
        if vitals is None or vitals.get("version") != version:
            return False
        steady = float(vitals.get("uptime_s") or 0.0) >= self._steady_s
        return steady and (bool(vitals.get("connected")) or not broker)
