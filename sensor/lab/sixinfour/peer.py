"""One end of a configured tunnel between two IPv4 addresses, 6in4 (RFC 4213)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sensor.lab.inner.refusal import Refused
from sensor.lab.machine import OuterPacket
from sensor.lab.sixinfour.end import End
from sensor.lab.sixinfour.reachability import answer
from sensor.lab.sixinfour.refusal import FORGED_SOURCE, NOT_CONFIGURED
from sensor.lab.sixinfour.settings import PeerSettings
from sensor.schema.words import Kind
from sensor.wire.addresses import build_sixover4

if TYPE_CHECKING:
    from random import Random


class Peer(End):
    """Sends everything to the other end, and takes nothing from anyone else (section 4)."""

    def __init__(self, settings: PeerSettings, rng: Random) -> None:
        """``rng`` is what every machine gets; a configured tunnel leaves nothing to chance."""
        self.link_local = build_sixover4(settings.local)
        self._remote = settings.remote
        own = settings.own or self.link_local
        super().__init__((settings.local,), own, settings.link, Kind.SIXINFOUR)

    def _route(self, packet: bytes) -> bytes:
        return self._remote

    def _take(self, packet: bytes, outer: OuterPacket, now: float) -> None:
        if outer.source != self._remote:
            raise Refused(NOT_CONFIGURED)
        if packet[8:24] == self.link_local:
            raise Refused(FORGED_SOURCE)
        reply = answer(packet, self.link_local) if packet[24:40] == self.link_local else None
        if reply is None:
            self._out.packets.append(packet)
        else:
            self._send(reply, self._remote)
