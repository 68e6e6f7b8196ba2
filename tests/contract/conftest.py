"""Property tests here take the time that a loaded machine needs."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

settings.register_profile("vointi", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("vointi")
