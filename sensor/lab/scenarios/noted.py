"""A Teredo client that keeps account of what it did."""

from __future__ import annotations

from random import Random

from sensor.lab.machine import Datagram
from sensor.lab.teredo.client import Client
from sensor.lab.teredo.settings import ClientSettings
from sensor.schema.records import Endpoint
from sensor.schema.words import TeredoPacket
from sensor.wire import teredo


class NotedClient(Client):
    """Notes from which of its ends it sent, whom it asked to qualify, and what trailers told."""

    def __init__(self, settings: ClientSettings, rng: Random) -> None:
        super().__init__(settings, rng)
        self.used: dict[Endpoint, None] = {}
        self.asked: dict[bytes, None] = {}
        self.alternates: dict[Endpoint, None] = {}

    def datagrams_to_send(self) -> list[Datagram]:
        datagrams = super().datagrams_to_send()
        for datagram in datagrams:
            self.used[datagram.source] = None
            if datagram.packet is TeredoPacket.ROUTER_SOLICITATION:
                self.asked[datagram.destination.ip] = None
            for trailer in teredo.parse(datagram.payload).trailers:
                self.alternates.update((Endpoint(ip, port), None) for ip, port in trailer.addresses)
        return datagrams
