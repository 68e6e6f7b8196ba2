from vointi_signals._events import Detector

class PpgBeats(Detector):
    inverted: bool
    def __init__(self, fs: float, *, inverted: bool = False) -> None: ...
    @property
    def pulse_rate(self) -> float: ...
