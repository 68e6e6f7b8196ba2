"""Lines on their way: several requests at a time, and an answer to each before anything is said."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager

from ...errors import UnstorableError
from ..model import StoredReading
from .admin import WAVEFORM
from .buffer import Lines
from .client import InfluxClient
from .runs import RunEncoder, Span

#: InfluxDB works on a request with one core: pieces of this size keep several busy, and are five
#: thousand lines of a waveform, below which requests begin to cost more than their lines.
BODY_BYTES = 512 << 10


class Parcel:
    """What one commit writes."""

    def __init__(self, client: InfluxClient, pool: ThreadPoolExecutor) -> None:
        self._client, self._pool = client, pool
        self._sent: list[Future[None]] = []

    def put(self, lines: Lines, policy: str) -> None:
        """Empty a buffer into a retention policy."""
        for body in bodies(lines):
            self.send(body, policy)

    def send(self, body: bytes, policy: str) -> None:
        """Send whole lines."""
        self._sent.append(self._pool.submit(self._client.write, body, policy))

    def settle(self) -> None:
        """Wait until every request was answered or has failed."""
        wait(self._sent)

    def arrived(self) -> None:
        """Wait for every answer. Raises StoreError, or UnstorableError when nothing else failed.

        Nothing is raised before all have settled: what is sent again must come later.
        """
        self.settle()
        failed = [exc for each in self._sent if (exc := each.exception()) is not None]
        for exc in sorted(failed, key=lambda exc: isinstance(exc, UnstorableError)):
            raise exc


class Sender:
    """Writes readings to one database, `connections` of its settings at a time.

    Args:
        client: of the database.

    """

    def __init__(self, client: InfluxClient) -> None:
        self._client = client
        self._pool: ThreadPoolExecutor | None = None

    def write(self, readings: Iterable[StoredReading]) -> list[Span]:
        """Encode them while InfluxDB takes in what came before; what they span.

        Readings leave whole. Raises StoreError, UnstorableError: some of them may be there, and
        whatever is sent again lands on them.
        """
        settings = self._client.settings
        lines = RunEncoder(settings.raw_waveforms, tag_people=settings.tag_people)
        with self.parcel() as parcel:
            for reading in readings:
                try:
                    lines.add(reading)
                except (ArithmeticError, ValueError) as exc:
                    raise UnstorableError(f"the store cannot hold a value: {exc}") from exc
                if lines.size >= BODY_BYTES:
                    _hand_over(lines, parcel)
            _hand_over(lines, parcel)
        return lines.spans

    @contextmanager
    def parcel(self) -> Iterator[Parcel]:
        """Collect and send; at the end of the block everything is in InfluxDB. Raises StoreError.

        When the block raises, what is under way is waited for first.
        """
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._client.settings.connections, "influx")
        _ = self._client.capabilities
        parcel = Parcel(self._client, self._pool)
        try:
            yield parcel
        except BaseException:
            parcel.settle()
            raise
        parcel.arrived()

    def close(self) -> None:
        """Let the threads end. May be called twice; a parcel may follow."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown()


def _hand_over(lines: RunEncoder, parcel: Parcel) -> None:
    parcel.put(lines.main, "")
    parcel.put(lines.waveforms, WAVEFORM)


def bodies(lines: Lines) -> Iterator[bytes]:
    """Everything collected, in pieces of whole lines."""
    rest = lines.take()
    begin = 0
    while len(rest) - begin > BODY_BYTES:
        end = rest.rindex(b"\n", begin, begin + BODY_BYTES) + 1
        yield rest[begin:end]
        begin = end
    if len(rest) > begin:
        yield rest[begin:]
