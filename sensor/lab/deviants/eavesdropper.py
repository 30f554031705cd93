"""A relay that reads what it carries, for the clients of a server that plays into its hands."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from sensor.lab.inner.packets import is_whole
from sensor.lab.teredo.relay import Relay
from sensor.lab.teredo.settings import RelaySettings
from sensor.wire.checksum import internet_checksum

if TYPE_CHECKING:
    from random import Random

# Packets of which it keeps the octets; older ones are forgotten.
KEPT = 4_096

READ_AND_FORGOTTEN = "read-and-forgotten"

_SITE = 6  # octets of a /48


class Eavesdropper(Relay):
    """Stands between clients under ``victims``, a prefix of 8 octets, and the native Internet.

    There they have its own prefix, in which nothing else differs (RFC 6296), so that answers come
    back to it and not to an honest relay. What their server hands over, ``send_ipv6`` takes.
    ``read`` is what it saw.
    """

    def __init__(
        self, settings: RelaySettings, rng: Random, *, victims: bytes, site: bytes
    ) -> None:
        super().__init__(settings, rng)
        self.read: deque[bytes] = deque(maxlen=KEPT)
        self.prefix = neutral_prefix(site, victims)
        self._victims = victims

    def send_ipv6(self, packet: bytes, now: float) -> None:
        if not is_whole(packet):
            super().send_ipv6(packet, now)
        elif packet.startswith(self._victims, 8):
            self._out.packets.append(packet)
        elif packet.startswith(self.prefix, 24):
            inward = packet[:24] + self._victims + packet[32:]
            self._note(inward)
            super().send_ipv6(inward, now)
        else:
            super().send_ipv6(packet, now)

    def ipv6_to_deliver(self) -> list[bytes]:
        return [self._outward(packet) for packet in super().ipv6_to_deliver()]

    def _outward(self, packet: bytes) -> bytes:
        if not packet.startswith(self._victims, 8):
            return packet
        self._note(packet)
        return packet[:8] + self.prefix + packet[16:]

    def _note(self, packet: bytes) -> None:
        if len(self.read) == KEPT:
            self.drops[READ_AND_FORGOTTEN] += 1
        self.read.append(packet)


def neutral_prefix(site: bytes, other: bytes) -> bytes:
    """The /64 under a /48 that may replace the /64 ``other`` in any checksum (RFC 6296 3.1)."""
    inverse = internet_checksum(other).to_bytes(2)
    return site[:_SITE] + internet_checksum(site[:_SITE] + inverse).to_bytes(2)
