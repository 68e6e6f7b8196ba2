from vointi_signals._events import Detector

class FallCandidates(Detector):
    unit: str
    enabled: bool
    def __init__(self, fs: float, unit: str = "m/s2", *, enabled: bool = False) -> None: ...
