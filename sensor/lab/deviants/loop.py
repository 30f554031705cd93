"""Tunnel ends that look only at their own tunnel, and so close loops (RFC 6324)."""

from __future__ import annotations

from sensor.lab.sixinfour.isatap_router import IsatapRouter
from sensor.lab.sixinfour.sixtofour import SixToFourRelay


class CarelessRouter(IsatapRouter):
    """Passes on what leads, by another kind of tunnel, straight back to itself."""

    def loops(self, address: bytes) -> bool:
        return False


class CarelessRelay(SixToFourRelay):
    """Sends what seems to come, by another kind of tunnel, from itself."""

    def loops(self, address: bytes) -> bool:
        return False
