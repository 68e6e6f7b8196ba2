"""Coverage-guided fuzzing of everything that reads bytes from outside.

    python tools/fuzz.py --minutes 10 [--corpus FOLDER]

Targets are every decoder of a device's messages (what it gives must fit the wire) and every reader
of the contract. A target may refuse bytes by its own error and by nothing else. Ends with exit code
0 and a summary, or stops at the first finding, whose bytes lie in FOLDER/crash-…: add them to
tests/edge/test_decoder_fuzz.py once the cause is repaired.
"""

from __future__ import annotations

import argparse
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import atheris

ROOT: Final = Path(__file__).resolve().parent.parent
# Longer than anything that a device sends at once, short enough to mutate quickly.
MAX_BYTES: Final = 600

sys.path.append(str(ROOT / "tests" / "support"))
with atheris.instrument_imports(include=["vointi_edge", "vointi_contract"]):
    from decoder_kit import ALL, captured, fits_the_wire
    from vointi_contract import ack, codec, command, golden, policy, status, topics
    from vointi_contract.errors import ContractError
    from vointi_edge.errors import DecodeError

Target = Callable[[bytes], Any]


def main() -> int:
    """Fuzz for as long as asked."""
    args = _arguments()
    targets = _targets()
    args.corpus.mkdir(parents=True, exist_ok=True)
    _plant(args.corpus, targets)

    def one(data: bytes) -> None:
        if len(data) < 2:
            return
        _, target = targets[struct.unpack("<H", data[:2])[0] % len(targets)]
        try:
            target(data[2:])
        except (DecodeError, ContractError):
            return

    options = [
        f"-max_total_time={round(args.minutes * 60)}",
        f"-max_len={MAX_BYTES}",
        f"-artifact_prefix={args.corpus}/",
        "-timeout=5",
        "-rss_limit_mb=1024",
        "-print_final_stats=1",
    ]
    atheris.Setup([sys.argv[0], *options, str(args.corpus)], one)
    print(f"fuzzing {len(targets)} targets for {args.minutes:g} min", flush=True)
    atheris.Fuzz()  # ends the process
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--corpus", type=Path, default=ROOT / "bench-out" / "fuzz")
    return parser.parse_args()


def _targets() -> list[tuple[str, Target]]:
    """Name and function; a stream of the catalogue is decoded as its source would."""
    found: dict[str, Target] = dict(ALL)
    for spec, _ in captured():
        found[f"{spec.decoder}:{spec.id}"] = _stream(spec)
    contract: dict[str, Target] = {
        "frame": codec.decode,
        "ack": ack.decode_ack,
        "topic": lambda data: topics.parse(data.decode("latin-1")),
        "birth": status.Birth.from_json,
        "state": status.EdgeStatus.from_json,
        "policy": policy.CollectionPolicy.from_json,
        "command": command.Command.from_json,
        "result": command.CommandResult.from_json,
    }
    return [*found.items(), *contract.items()]


def _stream(spec: Any) -> Target:
    return lambda data: fits_the_wire(spec, ALL[spec.decoder](data))


def _plant(corpus: Path, targets: list[tuple[str, Target]]) -> None:
    """Begin with every capture, and the contract's golden files, at the target that reads them."""
    names = [name for name, _ in targets]
    seeds = [(name, data) for spec, data in captured()
             for name in (spec.decoder, f"{spec.decoder}:{spec.id}")]  # fmt: skip
    seeds += [("frame", case.payload) for case in golden.cases()]
    seeds += [("ack", case.payload) for case in golden.acks()]
    for number, (name, data) in enumerate(seeds):
        (corpus / f"seed-{number}").write_bytes(struct.pack("<H", names.index(name)) + data)


if __name__ == "__main__":
    raise SystemExit(main())
