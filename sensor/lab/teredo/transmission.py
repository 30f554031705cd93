"""Packets of the host on their way to peers that are not reached yet (RFC 4380 section 5.2.4)."""

from __future__ import annotations

from sensor.lab.inner.packets import MTU, is_whole
from sensor.lab.inner.refusal import MALFORMED, NOT_GLOBAL, TOO_BIG, Refused
from sensor.lab.teredo.attempts import Attempts
from sensor.lab.teredo.contact import Contact
from sensor.lab.teredo.link import Link
from sensor.lab.teredo.peers import Peers
from sensor.schema.records import Endpoint
from sensor.schema.words import TeredoPacket
from sensor.wire.addresses import TeredoAddress, is_global6

NOT_QUALIFIED = "not-qualified"
SOURCE_NOT_OURS = "source-not-ours"
DESTINATION_NOT_GLOBAL = "destination-not-global"
DESTINATION_OURS = "destination-ours"


class Transmission:
    """Checks what the host sends, and has its peer reached first."""

    def __init__(self, link: Link, peers: Peers[Contact], attempts: Attempts) -> None:
        self._link = link
        self._peers = peers
        self._attempts = attempts

    def send(self, packet: bytes, now: float) -> None:
        """Send or queue a packet; Refused for one that must not go."""
        self._check(packet)
        destination = packet[24:40]
        peer = self._link.teredo(destination)
        if peer is not None:
            self._check_peer(peer)
            if peer.cone and self._link.style.cone_phase:
                # RFC 4380 believes the bit, RFC 5991 no longer; who still sets it does, too.
                self._link.send(packet, Endpoint(peer.ip, peer.port), TeredoPacket.DATA)
                return
        contact = self._peers.get(destination)
        if contact is None:
            contact = Contact(destination, self._link.settings.local, now)
            self._peers.add(contact)
        self._peers.queue(contact, packet)
        self._attempts.begin(contact, now)

    def _check(self, packet: bytes) -> None:
        if not is_whole(packet):
            raise Refused(MALFORMED)
        if len(packet) > MTU:
            raise Refused(TOO_BIG)
        if self._link.address is None:
            raise Refused(NOT_QUALIFIED)
        if packet[8:24] != self._link.address:
            raise Refused(SOURCE_NOT_OURS)
        if not is_global6(packet[24:40]):
            raise Refused(DESTINATION_NOT_GLOBAL)
        if packet[24:40] == self._link.address:
            raise Refused(DESTINATION_OURS)

    def _check_peer(self, peer: TeredoAddress) -> None:
        reachable = self._link.may_reach(peer.ip) and self._link.may_reach(peer.server)
        if not reachable or not peer.port:
            raise Refused(NOT_GLOBAL)
        # The own endpoint under other flags: bubbles would come back from the NAT.
        if Endpoint(peer.ip, peer.port) == self._link.mapped:
            raise Refused(DESTINATION_OURS)
