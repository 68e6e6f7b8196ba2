"""BTHome version 2, encrypted: AES-128-CCM with the key that sensor and edge share.

Source: bthome.io, "Encryption". Service data is: device information (1), ciphertext, counter (4,
little-endian), check value (4). The nonce is the sensor's address, the service's UUID as it is on
air, the device information and the counter.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import replace

from vointi_edge.decoders.bthome import ENCRYPTED, bthome_2
from vointi_edge.decoders.values import Decoded
from vointi_edge.errors import DecodeError

KEY_BYTES = 16
_UUID = b"\xd2\xfc"
_COUNTER_BYTES, _CHECK_BYTES = 4, 4
_SHORTEST = 1 + _COUNTER_BYTES + _CHECK_BYTES
_LAST = 2**32 - 1
# After the last counter comes 0; a sensor that is heard with gaps may skip the very ends.
_WRAP = 100


class SealedBTHome:
    """Opens the advertisements of one sensor; its counter may never go back.

    An older counter is a recording that somebody plays (or a sensor whose battery was changed:
    restart the edge, which then takes the first counter it hears). A message that is not encrypted
    is refused, or a forged one would do. `counters` keeps the last counter by address where it has
    to outlive this object.
    """

    def __init__(
        self, key: bytes, address: str, counters: MutableMapping[str, int] | None = None
    ) -> None:
        from cryptography.hazmat.primitives.ciphers.aead import AESCCM  # 10 MB; few need it

        self._cipher = AESCCM(key, tag_length=_CHECK_BYTES)
        self._name = address
        self._address = bytes.fromhex(address.replace(":", ""))
        self._counters = {} if counters is None else counters

    def decode(self, data: bytes) -> Decoded:
        """Open and decode; `repeat_key` is the counter. Raises DecodeError."""
        from cryptography.exceptions import InvalidTag

        if len(data) < _SHORTEST or not data[0] & ENCRYPTED:
            raise DecodeError("BTHome", "is not encrypted although the device has a key")
        info, counter = data[:1], data[-_COUNTER_BYTES - _CHECK_BYTES : -_CHECK_BYTES]
        sealed = data[1 : -_COUNTER_BYTES - _CHECK_BYTES] + data[-_CHECK_BYTES:]
        try:
            plain = self._cipher.decrypt(self._address + _UUID + info + counter, sealed, None)
        except InvalidTag:
            raise DecodeError("BTHome", "cannot be opened; check the device's key_file") from None
        number = int.from_bytes(counter, "little")
        self._check(number)
        decoded = bthome_2(bytes([info[0] & ~ENCRYPTED]) + plain)
        self._counters[self._name] = number
        return replace(decoded, repeat_key=number)

    def _check(self, number: int) -> None:
        last = self._counters.get(self._name)
        wrapped = last is not None and last > _LAST - _WRAP and number < _WRAP
        if last is not None and number < last and not wrapped:
            raise DecodeError("BTHome", f"counter went back from {last} to {number}; replayed?")
