"""Make a release that edges install: wheels and a signed manifest in one file.

    python tools/release.py --wheels dist --number 12 --key release.key --out vointi-edge-12.release
    python tools/release.py --new-key release.key        # prints the line for release.keys

The folder holds vointi_edge and everything that it needs, for every machine and Python that is to
take it, and the installer's own wheel; e.g. after `make wheels`:

    pip download --only-binary :all: --dest dist --find-links dist vointi-edge pip
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from vointi_contract.errors import ContractError
from vointi_contract.release_file import make_release
from vointi_contract.signing import public_key_text


def main() -> int:
    """Sign what lies in the folder."""
    args = _arguments()
    if args.new_key is not None:
        print(_new_key(args.new_key))
        return 0
    wheels = sorted(args.wheels.glob("*.whl"))
    ours = [one for one in wheels if one.name.startswith("vointi_edge-")]
    if len(ours) != 1 or not any(one.name.startswith("pip-") for one in wheels):
        print(f"{args.wheels}: needs one vointi_edge wheel and pip's own", file=sys.stderr)
        return 2
    key = Ed25519PrivateKey.from_private_bytes(args.key.read_bytes())
    version = ours[0].name.split("-")[1]
    try:
        made = make_release(
            wheels, args.out, key, version=version, number=args.number, over=args.over
        )
    except ContractError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"{args.out}: {made.version}, number {made.number}, {len(made.wheels)} wheels")
    return 0


def _new_key(path: Path) -> str:
    key = Ed25519PrivateKey.generate()
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(key.private_bytes_raw())
    return public_key_text(key.public_key())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=_Formatter)
    parser.add_argument("--wheels", type=Path, default=Path("dist"))
    parser.add_argument("--number", type=int, default=0, help="above the last release's")
    parser.add_argument("--over", type=int, help="may replace newer ones up to this number")
    parser.add_argument("--key", type=Path, help="the release key, 32 bytes")
    parser.add_argument("--out", type=Path, help="the release's file")
    parser.add_argument("--new-key", type=Path, metavar="FILE", help="make a release key")
    return parser.parse_args()


_Formatter = argparse.RawDescriptionHelpFormatter

if __name__ == "__main__":
    raise SystemExit(main())
