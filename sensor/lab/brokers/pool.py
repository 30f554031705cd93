"""The IPv6 addresses that a broker gives away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sensor.lab.brokers.settings import TspAccount, TspBrokerSettings

if TYPE_CHECKING:
    from random import Random

_NUMBERS = 1 << 64


class Pool:
    """Those of accounts are theirs for good, anonymous clients get one that is free.

    Nobody can guess which: who forges where its datagrams come from never learns the address that
    it was offered.
    """

    def __init__(self, settings: TspBrokerSettings, rng: Random) -> None:
        self._own = {settings.own, *(account.address for account in settings.accounts)}
        self._prefix = settings.prefix
        self._size = settings.pool
        self._rng = rng
        self._taken: set[bytes] = set()

    def take(self, account: TspAccount | None) -> bytes | None:
        """An address for an account, or for nobody known; None: there is none left."""
        if account is not None:
            return account.address
        if len(self._taken) >= self._size:
            return None
        address = self._free()
        self._taken.add(address)
        return address

    def _free(self) -> bytes:
        """Of all there can be far fewer are taken, so that one is soon found."""
        number = self._rng.randrange(1, _NUMBERS)
        address = self._prefix + number.to_bytes(8)
        while address in self._own or address in self._taken:
            number = number % (_NUMBERS - 1) + 1
            address = self._prefix + number.to_bytes(8)
        return address

    def give_back(self, address: bytes) -> None:
        self._taken.discard(address)
