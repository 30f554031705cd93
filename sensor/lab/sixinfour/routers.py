"""The default routers of a host, each until its lifetime ends (RFC 4861 section 5.1)."""

from __future__ import annotations

from collections import Counter

ROUTERS = 16  # of a site: more are a forger's

TOO_MANY = "too-many-routers"


class Routers:
    """By the address that packets for them go to, of 4 or of 16 octets."""

    def __init__(self, drops: Counter[str]) -> None:
        self._drops = drops
        self._until: dict[bytes, float] = {}

    def __len__(self) -> int:
        return len(self._until)

    def __contains__(self, router: bytes) -> bool:
        return router in self._until

    @property
    def first(self) -> bytes | None:
        """The one in use: who was found first, as long as it is there."""
        return next(iter(self._until), None)

    @property
    def due(self) -> float | None:
        """When the next one's lifetime ends."""
        return min(self._until.values(), default=None)

    def renew(self, router: bytes, lifetime: int, now: float) -> bool:
        """Whether it is a router from now on; ``lifetime`` in seconds, above 0."""
        if router not in self._until and len(self._until) >= ROUTERS:
            self._drops[TOO_MANY] += 1
            return False
        self._until[router] = now + lifetime
        return True

    def remove(self, router: bytes) -> None:
        del self._until[router]

    def expire(self, now: float) -> list[bytes]:
        """Forget those whose time is over, and say who they were."""
        over = [router for router, until in self._until.items() if until <= now]
        for router in over:
            self.remove(router)
        return over

    def clear(self) -> None:
        self._until.clear()
