"""The IPv6 addresses that a broker gives away."""

from __future__ import annotations

import heapq

from sensor.lab.brokers.settings import TspAccount, TspBrokerSettings


class Pool:
    """Those of accounts are theirs for good, anonymous clients get the lowest that is free."""

    def __init__(self, settings: TspBrokerSettings) -> None:
        self._own = {settings.own, *(account.address for account in settings.accounts)}
        numbers = range(1, settings.pool + len(self._own) + 1)
        addresses = (settings.prefix + number.to_bytes(8) for number in numbers)
        self._free = [address for address in addresses if address not in self._own]
        self._free = self._free[: settings.pool]  # sorted, and so a heap
        self._taken: set[bytes] = set()

    def take(self, account: TspAccount | None) -> bytes | None:
        """An address for an account, or for nobody known; None: there is none left."""
        if account is not None:
            return account.address
        if not self._free:
            return None
        address = heapq.heappop(self._free)
        self._taken.add(address)
        return address

    def give_back(self, address: bytes) -> None:
        if address in self._taken:
            self._taken.remove(address)
            heapq.heappush(self._free, address)
