"""The collection policy that holds on this edge: verified, kept across restarts, never older.

Where the configuration names keys, nothing is collected before a policy has come; without keys
everything that is configured is collected.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from vointi_contract.errors import ContractError
from vointi_contract.policy import CollectionPolicy, claimed_policy, verify_policy

from vointi_edge.catalogue import Model
from vointi_edge.errors import OrderError
from vointi_edge.files import read_if_there, write_atomically

log = logging.getLogger(__name__)

POLICY_FILE: Final = "policy.signed"
HEARD_FILE: Final = "policy.heard"
TAKEN_FILE: Final = "orders.json"


class TakenNumbers:
    """The highest policy version and command number that this edge took: neither falls."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._numbers = _read_numbers(path)

    def last(self, kind: str) -> int:
        """The last number taken of "policy" or "command"; 0: none."""
        return self._numbers.get(kind, 0)

    def take(self, kind: str, number: int) -> None:
        """Remember a number durably before it is obeyed. Raises OSError."""
        numbers = self._numbers | {kind: max(number, self.last(kind))}
        write_atomically(self._path, json.dumps(numbers).encode())
        self._numbers = numbers


class PolicyKeeper:
    """Holds the policy of one edge in `folder`; `keys` None: everything is agreed."""

    def __init__(
        self,
        folder: Path,
        edge: str,
        pilot: str,
        keys: Sequence[Ed25519PublicKey] | None,
        taken: TakenNumbers,
    ) -> None:
        self._file = folder / POLICY_FILE
        self._edge = edge
        self._pilot = pilot
        self._keys = keys
        self._taken = taken
        self.policy = None if keys is None else self._load()
        self._heard_file = folder / HEARD_FILE
        self._heard = self._load_heard() if keys is None else None

    @property
    def required(self) -> bool:
        """Whether anything may be collected only under a policy."""
        return self._keys is not None

    def take(self, payload: bytes) -> CollectionPolicy:
        """Obey a signed policy from now on; raises OrderError for one that may not be obeyed.

        The one that holds already is confirmed by taking it again.
        """
        policy = self._verified(payload)
        last = self._taken.last("policy")
        same = self.policy is not None and policy.to_json() == self.policy.to_json()
        if policy.version < last or (policy.version == last and self.policy and not same):
            raise OrderError(policy.version, f"version: not above {last}, the last one taken")
        if not same:
            # The number first: after a power cut between the two, the older policy is not believed.
            self._taken.take("policy", policy.version)
            write_atomically(self._file, payload)
            self.policy = policy
        return policy

    def hear(self, payload: bytes) -> bool:
        """Without keys: learn from a policy whom not to name, and nothing else; True: it is news.

        Nobody can vouch for it, but leaving a name out harms nobody. Raises OrderError, OSError.
        """
        heard = self._claimed(payload)
        before, self._heard = self._heard, heard
        if before is not None and before.to_json() == heard.to_json():
            return False
        write_atomically(self._heard_file, payload)
        return True

    def forgets(self, person: str) -> bool:
        """Whether a person (pseudonym) was erased: not to be named any more."""
        told = self.policy or self._heard
        return told is not None and told.forgets(person)

    def collects(self, device: str, stream: str, class_: str) -> bool:
        """Whether the stream may be collected now."""
        if not self.required:
            return True
        return self.policy is not None and self.policy.collects(device, stream, class_)

    def permits(self, device: str, stream: str, class_: str) -> bool:
        """Whether what was collected of the stream may be kept and sent."""
        if not self.required:
            return True
        return self.policy is not None and self.policy.permits(device, stream, class_)

    def narrowed(self, device: str, model: Model) -> Model | None:
        """The model with what has to be read from the device, or None: leave the device alone.

        An input of an agreed pipeline is read although it is not agreed itself; it is not kept.
        """
        wanted = {s.id for s in model.streams if self.collects(device, s.id, s.class_)}
        for pipeline in reversed(model.pipelines):
            if self.collects(device, pipeline.output, pipeline.class_) or pipeline.output in wanted:
                wanted.add(pipeline.input)
        streams = tuple(spec for spec in model.streams if spec.id in wanted)
        return replace(model, streams=streams) if streams else None

    def _verified(self, payload: bytes) -> CollectionPolicy:
        try:
            policy = verify_policy(payload, self._keys or ())
        except ContractError as error:
            raise OrderError(0, str(error)) from None
        return self._ours(policy)

    def _claimed(self, payload: bytes) -> CollectionPolicy:
        try:
            return self._ours(claimed_policy(payload))
        except ContractError as error:
            raise OrderError(0, str(error)) from None

    def _ours(self, policy: CollectionPolicy) -> CollectionPolicy:
        if (policy.edge, policy.pilot) != (self._edge, self._pilot):
            raise OrderError(policy.version, f"edge: it is for {policy.pilot}/{policy.edge}")
        return policy

    def _load_heard(self) -> CollectionPolicy | None:
        try:
            payload = read_if_there(self._heard_file)
            return None if payload is None else self._claimed(payload)
        except (OSError, OrderError) as error:
            log.warning("policy: what was heard cannot be read (%s)", error)
            return None

    def _load(self) -> CollectionPolicy | None:
        try:
            payload = read_if_there(self._file)
            policy = None if payload is None else self._verified(payload)
        except (OSError, OrderError) as error:
            log.warning("policy: the kept one is not believed (%s); nothing is collected", error)
            return None
        if policy is not None and policy.version < self._taken.last("policy"):
            log.warning("policy: the kept one is older than the last one taken; waiting for it")
            return None
        return policy


def _read_numbers(path: Path) -> dict[str, int]:
    try:
        found = json.loads(read_if_there(path) or b"{}")
        return {str(kind): int(number) for kind, number in found.items()}
    except (OSError, ValueError, AttributeError, TypeError):
        log.warning("orders: %s cannot be read; numbers begin anew", path.name)
        return {}
