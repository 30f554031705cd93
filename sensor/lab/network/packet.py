"""Packets on their way, and what their senders meant them to be."""

from __future__ import annotations

from typing import NamedTuple

from sensor.schema.words import Kind, TeredoPacket


class Label(NamedTuple):
    """The truth about a packet, from who made it: no decoder has a part in it.

    ``quoted`` tells an ICMP error that only quotes such a packet; ``sender`` is then who sent the
    error. ``flawed`` tells one that is not meant to be well formed, ``within`` of what kinds the
    tunnels inside it are, outermost first.
    """

    kind: Kind
    packet: TeredoPacket
    sender: str
    quoted: bool = False
    flawed: bool = False
    within: tuple[Kind, ...] = ()

    def quoted_by(self, sender: str) -> Label:
        """The label of an error about a packet with this one."""
        return self._replace(sender=sender, quoted=True)


class Packet(NamedTuple):
    """A whole IPv4 or IPv6 packet; the label goes with it through NATs and into captures."""

    octets: bytes
    label: Label | None = None
