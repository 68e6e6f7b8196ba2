"""The uplink: keeps a session open, sends live frames at once and the backlog behind them."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Sequence

from vointi_contract.ack import read_ack
from vointi_contract.codec import FORMAT_ZSTD_V1, encode, join
from vointi_contract.command import CommandResult
from vointi_contract.errors import ContractError
from vointi_contract.frame import Batch, Loss
from vointi_contract.status import Birth, ClockAnchor, EdgeStatus
from vointi_contract.topics import EdgeTopics

from vointi_edge.backoff import Backoff
from vointi_edge.beat import until_beat
from vointi_edge.uplink.cap import RateCap
from vointi_edge.uplink.lane import BacklogLane
from vointi_edge.uplink.live import HOLD_S, LiveLane
from vointi_edge.uplink.plan import BacklogPlan
from vointi_edge.uplink.ports import Kept, Store
from vointi_edge.uplink.session import WINDOW, Broker, Session, SessionError, WindowError

log = logging.getLogger(__name__)

STATUS_S = 2.0
_STATUS_MIN_S = 0.2  # a burst of link changes is one message
_TICK_S = 1.0
_LOSS_S = 30.0
_LIVE_IN_FLIGHT = 400  # more than that unacknowledged: the outbox offers the rest later
_DEAD_S = 20.0  # no PUBACK for so long: the connection is half open
_STABLE_S = 5.0


class Uplink:
    """Runs until cancelled; `stop` says good-bye. All methods belong to the event loop's thread.

    `on_order("policy" | "cmd", payload)` hears the gateway's signed orders. With `wait_for_policy`
    a session sends no reading before `admit`. `birth`, `status(online)` and `anchors` are asked
    whenever they are about to be sent.
    """

    def __init__(
        self,
        *,
        broker: Broker,
        topics: EdgeTopics,
        store: Store,
        birth: Callable[[], Birth],
        status: Callable[[bool], EdgeStatus],
        anchors: Callable[[], Sequence[ClockAnchor]],
        on_order: Callable[[str, bytes], None] = lambda kind, payload: None,
        wait_for_policy: bool = False,
        hold_s: float = HOLD_S,
    ) -> None:
        self._broker = broker
        self._topics = topics
        self._store = store
        self._birth = birth
        self._status = status
        self._anchors = anchors
        self._anchors_due = True
        self._on_order = on_order
        self._wait_for_policy = wait_for_policy
        self._admitted = not wait_for_policy
        self._cap = RateCap()
        self._backoff = Backoff(floor_s=0.2, first_s=1.0, cap_s=30.0, quick=6)
        self._session: Session | None = None
        self._plan = BacklogPlan(0.0)
        self._live: dict[int, float] = {}
        self._holding = LiveLane(hold_s)
        self._alarm: asyncio.TimerHandle | None = None
        self._alarm_s: float | None = None
        self._reads = FORMAT_ZSTD_V1
        self._lane: BacklogLane | None = None
        self._room = asyncio.Event()
        self._due = asyncio.Event()
        self._changed = asyncio.Event()
        self._acks: asyncio.Queue[bytes] = asyncio.Queue()
        self._outage_told = False
        self._refused_told = False
        self._stopping = False
        self._window = WINDOW

    @property
    def connected(self) -> bool:
        """Say whether the broker is listening now."""
        return self._session is not None

    @property
    def serves(self) -> bool:
        """Say whether readings may flow now."""
        return self._session is not None and self._admitted

    def offer_live(self, rows: Sequence[Kept]) -> None:
        """Send rows that were just kept, waveforms a moment later (LiveLane).

        Without a session they wait in the outbox.
        """
        if not self.serves or len(self._live) > _LIVE_IN_FLIGHT:
            return
        now_s = time.monotonic()
        for row in rows:
            self._plan.offered_live(row.id, now_s)
        self._send_live(self._holding.offer(rows, now_s), now_s)

    def _send_live(self, messages: Sequence[Sequence[Kept]], now_s: float) -> None:
        session = self._session
        for rows in messages:
            device = rows[0].device
            payload = join([row.payload for row in rows], device, self._reads)
            mid = session.publish(self._topics.live(device), payload) if session else None
            if mid is not None:
                self._live[mid] = now_s
        self._set_alarm(self._holding.next_s())

    def _set_alarm(self, due_s: float | None) -> None:
        """Be woken when something has waited long enough, and for nothing else."""
        if due_s == self._alarm_s:
            return
        self._alarm_s = due_s
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if due_s is not None:
            left_s = max(0.0, due_s - time.monotonic())
            self._alarm = asyncio.get_running_loop().call_later(left_s, self._hold_over)

    def _hold_over(self) -> None:
        self._alarm = self._alarm_s = None
        if self.serves:
            now_s = time.monotonic()
            self._send_live(self._holding.due(now_s), now_s)

    def status_changed(self) -> None:
        """Send the state soon."""
        self._changed.set()

    def anchors_changed(self) -> None:
        """Send the clock anchors soon."""
        self._anchors_due = True
        self._changed.set()

    def admit(self) -> None:
        """Let this session send readings: what may be sent is known now."""
        if not self._admitted:
            self._admitted = True
            self.resend()

    def drop_held(self) -> None:
        """Do not send live what waits for company: it may not be agreed to any more.

        What is still kept comes with the backlog, when the gateway says that it is missing.
        """
        self._holding.forget()

    def resend(self) -> None:
        """Offer everything that is kept again."""
        self._plan = BacklogPlan(time.monotonic())
        self._holding.forget()
        if self._lane is not None:
            self._lane.forget()
        self._due.set()

    def cap(self, bytes_per_s: int) -> None:
        """Cap the backlog lane; 0 takes the cap away."""
        self._cap.change(bytes_per_s)

    def answer(self, result: CommandResult) -> None:
        """Tell what became of an order; without a session nobody waits for it."""
        if self._session is not None:
            self._session.publish(self._topics.results, result.to_json())

    async def run(self) -> None:
        """Keep a session open, for ever."""
        while True:
            started_s = time.monotonic()
            try:
                await self._one_session()
            except SessionError as error:
                self._tell_outage(error.reason)
            except WindowError as error:
                self._window = error.allowed
            except Exception:
                log.exception("uplink: session ended by a defect; a new one begins")
            if time.monotonic() - started_s > _STABLE_S:
                self._backoff.reset()
            await asyncio.sleep(self._backoff.next_s())

    async def stop(self) -> None:
        """Say that this edge goes offline, and wait until the broker has heard it."""
        self._stopping = True
        session, self._session = self._session, None
        if session is None:
            return
        session.publish(self._topics.state, self._status(False).to_json(), retain=True)
        await session.close()

    async def _one_session(self) -> None:
        self._admitted = not self._wait_for_policy
        will = (self._topics.state, self._status(False).to_json())
        session = Session(self._broker, will, self._on_message, self._on_acked, self._window)
        try:
            await session.open((self._topics.policy, self._topics.cmd, self._topics.ack))
            self._begin(session)
            async with asyncio.TaskGroup() as tasks:
                jobs = [
                    tasks.create_task(self._tell(session), name="uplink-tell"),
                    tasks.create_task(self._confirm(), name="uplink-confirm"),
                    tasks.create_task(self._catch_up(session), name="uplink-catch-up"),
                ]
                reason = await session.ended
                for job in jobs:
                    job.cancel()
            self._tell_outage(reason)
        finally:
            if self._session is session:
                self._session = None
            await session.abort()

    def _begin(self, session: Session) -> None:
        self._live.clear()
        self._holding.forget()
        self._reads = FORMAT_ZSTD_V1
        self._lane = BacklogLane(
            lambda device, payload: session.publish(self._topics.backlog(device), payload),
            self._window,
        )
        self._plan = BacklogPlan(time.monotonic())
        self._session = session
        log.info("uplink: connected to %s:%d", self._broker.host, self._broker.port)
        self._outage_told = False

    def _tell_outage(self, reason: str) -> None:
        if not self._outage_told and not self._stopping:
            log.warning(
                "uplink: no broker at %s:%d (%s); readings are kept",
                self._broker.host,
                self._broker.port,
                reason,
            )
        self._outage_told = True

    # ---- what the broker says

    def _on_message(self, topic: str, payload: bytes) -> None:
        if topic == self._topics.ack:
            self._acks.put_nowait(payload)
        elif topic == self._topics.policy:
            self._on_order("policy", payload)
        elif topic == self._topics.cmd:
            self._on_order("cmd", payload)

    def _on_acked(self, mid: int, refusal: str | None) -> None:
        self._live.pop(mid, None)
        if self._lane is not None:
            self._lane.flight.acked(mid, time.monotonic())
        self._room.set()
        if refusal is not None and not self._refused_told:
            self._refused_told = True
            log.error("uplink: the broker refuses to take readings (%s); check its ACL", refusal)

    async def _confirm(self) -> None:
        """Delete from the outbox what the gateway says it holds."""
        while True:
            payload = await self._acks.get()
            try:
                ack = read_ack(payload)
            except ContractError as error:
                log.warning("uplink: acknowledgement not understood: %s", error)
                continue
            self._reads = ack.reads
            await self._store.commit(ack.marks)
            gap = await self._store.gap(ack.marks)
            self._plan.confirmed(time.monotonic())
            if gap is not None:
                self._plan.found_gap(*gap, time.monotonic())
            self._due.set()

    # ---- state, birth, clock

    async def _tell(self, session: Session) -> None:
        """Send birth and clock anchors once (and when they change), state every STATUS_S."""
        birth = b""
        self._anchors_due = True
        while True:
            self._changed.clear()
            session.publish(self._topics.state, self._status(True).to_json(), retain=True)
            newer = self._birth().to_json()
            if newer != birth:
                birth = newer
                session.publish(self._topics.meta, birth, retain=True)
            if self._anchors_due:
                self._anchors_due = False
                for anchor in self._anchors():
                    session.publish(self._topics.clk, anchor.to_json())
            said_s = time.monotonic()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(until_beat(STATUS_S)):
                    await self._changed.wait()
            if self._changed.is_set():
                await asyncio.sleep(max(0.0, said_s + _STATUS_MIN_S - time.monotonic()))

    # ---- the backlog lane

    async def _catch_up(self, session: Session) -> None:
        losses_s = 0.0
        while True:
            now_s = time.monotonic()
            self._check_alive(session, now_s)
            if not self._admitted:
                await _wait(self._due, until_beat(_TICK_S))
                continue
            if self._plan.first_due(now_s):
                self._plan.begin(await self._store.newest(), now_s)
            elif upto := self._plan.suspect_upto(now_s):
                oldest = await self._store.read(0, upto, 1)
                if oldest:
                    self._plan.found_unconfirmed(oldest[0].id, upto, now_s)
            if now_s >= losses_s:
                losses_s = now_s + _LOSS_S
                self._send_losses(session, await self._store.losses())
            if self._plan.running is None:
                await _wait(self._due, 0.1 if self._plan.waiting else until_beat(_TICK_S))
            else:
                await self._send_some()

    async def _send_some(self) -> None:
        """Send the next piece of the running pass, when there is room in flight."""
        running, lane = self._plan.running, self._lane
        if running is None or lane is None:
            return
        now_s = time.monotonic()
        if pause_s := max(self._cap.wait_s(now_s), lane.flight.pause_s(now_s)):
            await asyncio.sleep(min(pause_s, _TICK_S))
        elif not lane.room():
            await _wait(self._room, _TICK_S)
        elif await lane.load(running, self._store):
            lane.send_one(self._cap, time.monotonic(), self._reads)
            await asyncio.sleep(0)  # a live reading goes between two bundles
        else:
            self._plan.passed(time.monotonic())

    def _send_losses(self, session: Session, losses: Sequence[Loss]) -> None:
        for device in sorted({loss.device for loss in losses}):
            batch = Batch((), tuple(loss for loss in losses if loss.device == device)[:1000])
            mid = session.publish(self._topics.backlog(device), encode(batch))
            if mid is not None and self._lane is not None:
                self._lane.flight.sent(mid, 0, time.monotonic())

    def _check_alive(self, session: Session, now_s: float) -> None:
        backlog_s = self._lane.flight.oldest_s if self._lane else now_s
        oldest_s = min(min(self._live.values(), default=now_s), backlog_s)
        if now_s - oldest_s > _DEAD_S and not session.ended.done():
            session.ended.set_result("no acknowledgement")


async def _wait(event: asyncio.Event, at_most_s: float) -> None:
    """Wait for the event, but no longer than `at_most_s`; one that came meanwhile counts."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(at_most_s):
            await event.wait()
    event.clear()
