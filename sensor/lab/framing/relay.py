"""Relays that keep nothing, because their clients' addresses tell where they are."""

from __future__ import annotations

from collections.abc import Callable

from sensor.lab.framing.endpoint import Responder
from sensor.lab.inner.packets import at_its_end, passed_on
from sensor.lab.inner.refusal import (
    HOP_LIMIT,
    MAPPING_DIFFERS,
    NOT_GLOBAL,
    NOT_SERVED,
    Refused,
)
from sensor.schema.records import Endpoint
from sensor.schema.words import Kind
from sensor.wire.addresses import LeakingAddress, is_global_unicast


class EmbeddingRelay(Responder):
    """Serves the addresses that begin with ``prefix``, in which ``parse`` finds the endpoint."""

    def __init__(
        self,
        local: Endpoint,
        kind: Kind,
        prefix: bytes,
        parse: Callable[[bytes], LeakingAddress],
        mtu: int,
    ) -> None:
        super().__init__(local, kind, mtu)
        self._prefix = prefix
        self._parse = parse

    def _carry(self, packet: bytes, now: float) -> None:
        destination = packet[24:40]
        if not destination.startswith(self._prefix):
            raise Refused(NOT_SERVED)
        client = self._parse(destination)
        if not is_global_unicast(client.ip):
            raise Refused(NOT_GLOBAL)
        self._send(packet, Endpoint(client.ip, client.port))

    def _check_source(self, packet: bytes, source: Endpoint) -> None:
        """Refused unless a packet comes from where its source address tells."""
        if not packet[8:24].startswith(self._prefix):
            raise Refused(NOT_SERVED)
        client = self._parse(packet[8:24])
        if (client.ip, client.port) != source:
            raise Refused(MAPPING_DIFFERS)

    def _pass_on(self, packet: bytes, now: float) -> None:
        """A client's packet, to the native side or, with a hop less, to another client."""
        if not packet[24:40].startswith(self._prefix):
            self._deliver(packet)
        elif at_its_end(packet):
            raise Refused(HOP_LIMIT)
        else:
            self._carry(passed_on(packet), now)
