"""Enrolment, and renewal in good time for as long as the edge runs."""

from __future__ import annotations

import asyncio
import json
import logging
import random
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from vointi_edge.errors import IdentityError
from vointi_edge.identity.gateway import Gateway, read_address
from vointi_edge.identity.keeper import GATEWAY, POLICY_KEYS, Keeper

log = logging.getLogger(__name__)

#: A third of a week is left when the first attempt is made: some fifty more fit into it.
RETRY_S = 3600.0
#: Longest sleep: a clock that is set jumps over what was computed before.
LOOK_S = 3600.0


def enrol(keeper: Keeper, url: str, ticket: str, edge: str) -> str:
    """Trade a ticket for a certificate; the edge's id. Raises IdentityError."""
    token, _, fingerprint = ticket.strip().partition(".")
    if not token or not fingerprint:
        raise IdentityError("ticket", "is not whole; copy it with the part after the dot")
    gateway = Gateway(url)
    gateway.pin(fingerprint)
    answer = gateway.enrol(ticket.strip(), keeper.request(), edge)
    # Before the certificate: with one but without an address it could never be renewed.
    keeper.write(GATEWAY, json.dumps({"url": url}))
    _take(keeper, answer)
    return str(answer.get("edge", edge))


def renew(keeper: Keeper) -> None:
    """Trade the certificate for the next one, with a new key. Raises IdentityError."""
    have = keeper.certificate()
    if have is None:
        raise IdentityError("certificate", "is missing; enrol with a ticket")
    gateway = Gateway(read_address(keeper.folder), keeper.trust())
    request = keeper.request()
    answer = gateway.renew(have.serial, request, keeper.prove(request))
    _take(keeper, answer)


def _take(keeper: Keeper, answer: Mapping[str, Any]) -> None:
    keys = answer.get("policy_keys")
    if isinstance(keys, str) and keys:
        keeper.write(POLICY_KEYS, keys + "\n")
    keeper.accept(answer["chain"], answer["trust"])


async def renew_for_ever(keeper: Keeper, now: Callable[[], datetime]) -> None:
    """Renew whenever two thirds of the certificate's life are over; never raises IdentityError.

    `now` is UTC. A gateway that is away is asked again each hour, and told of once.
    """
    told = False
    while True:
        try:
            wait_s = _wait_s(keeper, now())
            if wait_s <= 0:
                await asyncio.to_thread(renew, keeper)
                log.info("identity: certificate renewed")
                told = False
                continue
        except IdentityError as error:
            if not told:
                log.warning("identity: not renewed (%s); trying each hour", error)
            told, wait_s = True, RETRY_S
        # Spread, so that edges that were enrolled together do not come together.
        await asyncio.sleep(min(wait_s, LOOK_S) * random.uniform(0.9, 1.1))  # noqa: S311


def _wait_s(keeper: Keeper, now: datetime) -> float:
    have = keeper.certificate()
    if have is None:
        raise IdentityError("certificate", "is missing; enrol with a ticket")
    # A clock that was never set must not ask for certificates.
    if now < have.not_before - timedelta(days=1):
        return LOOK_S
    return (have.renew_at() - now).total_seconds()
