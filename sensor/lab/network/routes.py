"""Where IPv6 packets go: the longest prefix wins."""

from __future__ import annotations

from typing import Generic, TypeVar

from sensor.wire.addresses import UNSPECIFIED

# An IPv6 address and how many of its leading bits count.
Prefix = tuple[bytes, int]

EVERYWHERE: Prefix = (UNSPECIFIED, 0)

T = TypeVar("T")


class Routes(Generic[T]):
    """Targets by prefix; of equal prefixes the one entered last."""

    def __init__(self) -> None:
        self._targets: dict[tuple[int, int], T] = {}

    def add(self, prefix: Prefix, target: T) -> None:
        """Send what is under ``prefix`` to ``target``."""
        address, bits = prefix
        self._targets[bits, int.from_bytes(address) >> 128 - bits] = target

    def find(self, address: bytes) -> T | None:
        """The target for an address of 16 octets, None if there is no route."""
        value = int.from_bytes(address)
        fitting = [key for key in self._targets if value >> 128 - key[0] == key[1]]
        return self._targets[max(fitting)] if fitting else None
