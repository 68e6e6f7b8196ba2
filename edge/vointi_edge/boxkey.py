"""The key of the box: from the service manager's credentials, else from a file made here.

systemd hands credentials over in a folder that only this service can read
(`LoadCredentialEncrypted=outbox-key:…`, sealed by the TPM where there is one); without one the key
lies in `key_file`, readable by this user alone. Deleting the key erases everything it sealed.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from vointi_edge.errors import OutboxError
from vointi_edge.files import read_if_there, write_atomically
from vointi_edge.outbox.vault import KEY_BYTES

CREDENTIAL: Final = "outbox-key"


def credential(name: str, environment: Mapping[str, str] = os.environ) -> bytes | None:
    """A credential from the service manager, or None where it gave none."""
    folder = environment.get("CREDENTIALS_DIRECTORY")
    return read_if_there(Path(folder) / name) if folder else None


def outbox_keys(key_file: Path, environment: Mapping[str, str] = os.environ) -> tuple[bytes, ...]:
    """The key to seal with, then older ones that may still open; makes the file when needed.

    Both hold one key a line, 64 hexadecimal digits, newest first. Raises OutboxError.
    """
    content = credential(CREDENTIAL, environment)
    source = CREDENTIAL if content is not None else str(key_file)
    try:
        content = content if content is not None else read_if_there(key_file)
        if content is None:
            content = secrets.token_hex(KEY_BYTES).encode()
            write_atomically(key_file, content + b"\n")
    except OSError as error:
        raise OutboxError(source, f"cannot be written ({error.strerror})") from error
    try:
        keys = tuple(bytes.fromhex(line) for line in content.decode("ascii").split())
    except ValueError:
        keys = ()
    if not keys or any(len(key) != KEY_BYTES for key in keys):
        raise OutboxError(
            source, "no key: write 64 hexadecimal digits a line (openssl rand -hex 32)"
        )
    return keys
