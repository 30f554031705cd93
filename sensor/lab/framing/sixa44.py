"""6a44: bare IPv6 in UDP between hosts behind a NAT and their provider's relay (RFC 6751).

Clients of one site speak with one another through the relay too, and not by protocol 41.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sensor.lab.framing.endpoint import Timed
from sensor.lab.framing.refusal import NOT_ASKED, NOT_CONNECTED, NOT_THE_SERVER
from sensor.lab.framing.relay import EmbeddingRelay
from sensor.lab.framing.settings import SixA44ClientSettings, SixA44RelaySettings
from sensor.lab.inner.packets import inner_packet
from sensor.lab.inner.refusal import Refused
from sensor.lab.teredo.link import end_text
from sensor.schema.records import Endpoint
from sensor.schema.words import Kind
from sensor.wire import sixa44
from sensor.wire.addresses import (
    LeakingAddress,
    build_sixa44,
    parse_sixa44,
    text,
)
from sensor.wire.cursor import Cursor
from sensor.wire.sixa44 import Bubble

if TYPE_CHECKING:
    from random import Random

BUBBLE_WAIT = 1.5  # seconds (RFC 6751 section 6.5.1)
BUBBLES = 4
SILENCE = 1_800.0  # seconds after as many bubbles without an answer


_NO_PREFIX = bytes(12)
_IDENTIFIER_LENGTH = 8


class SixA44Client(Timed):
    """Sends bubbles until the relay tells its prefix, and goes on so that the mapping stays."""

    def __init__(self, settings: SixA44ClientSettings, rng: Random) -> None:
        super().__init__(settings.local, Kind.SIXA44, settings.mtu)
        self._settings = settings
        self._rng = rng
        self._address: bytes | None = None
        self._identifier: bytes | None = None  # of the bubble that has no answer yet
        self._bubbles = 0

    @property
    def address(self) -> bytes | None:
        return self._address

    def start(self, now: float) -> None:
        self._bubbles = 0
        self._ring(now)

    def _ring(self, now: float) -> None:
        if self._bubbles == BUBBLES:
            self._lose(now)
            return
        self._bubbles += 1
        self._identifier = self._rng.randbytes(_IDENTIFIER_LENGTH)
        self._send(Bubble(_NO_PREFIX, self._identifier).build(), self._settings.relay)
        self._due = now + BUBBLE_WAIT

    def _lose(self, now: float) -> None:
        if self._address is not None:
            self._tell("failed", "the relay is silent", self._address)
        self._address = self._identifier = None
        self._bubbles = 0
        self._due = now + SILENCE

    def _carry(self, packet: bytes, now: float) -> None:
        if self._address is None:
            raise Refused(NOT_CONNECTED)
        self._send(packet, self._settings.relay)

    def _take(self, payload: bytes, source: Endpoint, now: float) -> None:
        if source != self._settings.relay:
            raise Refused(NOT_THE_SERVER)
        if len(payload) == sixa44.BUBBLE_LENGTH:
            self._learn(sixa44.parse(Cursor(payload)), now)
        else:
            self._deliver(inner_packet(payload))

    def _learn(self, bubble: Bubble, now: float) -> None:
        if bubble.identifier != self._identifier:
            raise Refused(NOT_ASKED)
        self._identifier = None
        self._bubbles = 0
        self._due = now + self._settings.refresh
        address = bubble.prefix + self._settings.local.ip
        if address == self._address:
            return
        self._address = address
        end = Endpoint(*parse_sixa44(address)[:2])
        self._tell("connected", f"{text(address)} at {end_text(end)}", address, end)


class SixA44Relay(EmbeddingRelay):
    """A provider's relay at the anycast address."""

    def __init__(self, settings: SixA44RelaySettings, rng: Random) -> None:
        super().__init__(settings.local, Kind.SIXA44, settings.prefix, parse_sixa44, settings.mtu)

    def _take(self, payload: bytes, source: Endpoint, now: float) -> None:
        if len(payload) == sixa44.BUBBLE_LENGTH:
            self._answer(sixa44.parse(Cursor(payload)), source)
            return
        packet = inner_packet(payload)
        self._check_source(packet, source)
        self._pass_on(packet, now)

    def _answer(self, bubble: Bubble, source: Endpoint) -> None:
        found = LeakingAddress(source.ip, source.port, b"")
        prefix = build_sixa44(self._prefix, found)
        self._send(Bubble(prefix, bubble.identifier).build(), source)
