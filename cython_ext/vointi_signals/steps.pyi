from vointi_signals._events import Detector

TICK_HZ: float

class StepCounter(Detector):
    unit: str
    def __init__(self, fs: float, unit: str = "m/s2") -> None: ...
    @property
    def steps(self) -> int: ...
    @property
    def cadence(self) -> float: ...
