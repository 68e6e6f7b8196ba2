"""What the edge fetches from its gateway in its own name: address, trust and proof."""

from __future__ import annotations

import time
from pathlib import Path

from vointi_contract.errand import Errand, statement

from vointi_edge.errors import IdentityError
from vointi_edge.identity.gateway import read_address
from vointi_edge.identity.keeper import FOLDER, Keeper
from vointi_edge.tls import trusting
from vointi_edge.update.source import Source


def errand(data_dir: Path, path: str) -> Source:
    """Where a path of the gateway is, and how to ask for it now. Raises IdentityError."""
    keeper = Keeper(data_dir / FOLDER)
    have = keeper.certificate()
    if have is None:
        raise IdentityError("certificate", "is missing; enrol with a ticket")
    url, at_s = read_address(keeper.folder).rstrip("/"), int(time.time())
    proof = Errand(have.serial, at_s, keeper.sign(statement(path, at_s)))
    return Source(url + path, trusting(keeper.trust()), {"Authorization": proof.header})
