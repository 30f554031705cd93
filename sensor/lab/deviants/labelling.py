"""Flow labels as a host's own stack sets them: what is innocent of a covert channel."""

from __future__ import annotations

import hmac

from sensor.lab.deviants.disguise import Disguise, Passing
from sensor.schema.words import TeredoPacket
from sensor.wire import ipv6

_LABEL_MASK = (1 << 20) - 1
_PORTS = 4  # octets


class StableLabels(Disguise):
    """One label for each conversation, from a digest of its ends (RFC 6437 section 3)."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def leaving(self, passing: Passing) -> Passing:
        if passing.packet is not TeredoPacket.DATA:
            return passing
        packet = passing.payload
        ports = packet[ipv6.HEADER_LENGTH : ipv6.HEADER_LENGTH + _PORTS]
        ends = packet[6:7] + packet[8 : ipv6.HEADER_LENGTH] + ports
        label = int.from_bytes(hmac.digest(self._key, ends, "sha256")[:3]) & _LABEL_MASK
        word = int.from_bytes(packet[:4]) & ~_LABEL_MASK | label
        return passing._replace(payload=word.to_bytes(4) + packet[4:])
