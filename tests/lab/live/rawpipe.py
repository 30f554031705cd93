"""The smallest machine of IPv4 packets: an IPv6 packet is one to its only peer, and back."""

from __future__ import annotations

from collections import Counter

from sensor.lab.machine import Event, Outbox, OuterPacket


class RawPipe:
    """``sending`` is what of a packet to its peer a test chooses; ``received`` all that came."""

    protocols = (41,)

    def __init__(self, local: bytes, peer: bytes, sending: OuterPacket | None = None) -> None:
        self.addresses = (local,)
        self.peer = peer
        self.sending = sending or OuterPacket(local, peer, 41, b"")
        self.drops: Counter[str] = Counter()
        self.received: list[OuterPacket] = []
        self.outbox = Outbox()

    def start(self, now: float) -> None:
        """Nothing."""

    def stop(self, now: float) -> None:
        """Nothing."""

    def receive_packet(self, packet: OuterPacket, now: float) -> None:
        self.received.append(packet)
        if packet.source == self.peer and packet.protocol in self.protocols:
            self.outbox.packets.append(packet.payload)
        else:
            self.drops["stranger"] += 1

    def send_ipv6(self, packet: bytes, now: float) -> None:
        self.outbox.outer.append(self.sending._replace(payload=packet))

    def handle_timer(self, now: float) -> None:
        """Nothing."""

    def get_timer(self) -> float | None:
        return None

    def packets_to_send(self) -> list[OuterPacket]:
        return self.outbox.take_outer()

    def ipv6_to_deliver(self) -> list[bytes]:
        return self.outbox.take_packets()

    def next_event(self) -> Event | None:
        return self.outbox.take_event()
