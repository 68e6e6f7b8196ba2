from vointi_signals._buffers import Filter

class Resampler(Filter):
    """What filters share that give another number of rows than they take."""

    def outputs(self, rows: int) -> int: ...
