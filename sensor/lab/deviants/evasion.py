"""Ways to send what a tunnel carries so that who looks on takes it for something else.

Each says who receives it: what nobody receives evades nobody.
"""

from __future__ import annotations

from itertools import cycle
from random import Random

from sensor.errors import DecodeError
from sensor.lab.deviants.disguise import Disguise, Passing
from sensor.schema.words import TeredoPacket
from sensor.wire import teredo
from sensor.wire.ports import TEREDO_PORT

_HOP_LIMIT_AT = 7
# A trailer type and a length that no junk here is long enough for: none of it is a trailer.
_NO_TRAILER = b"\xc7\xff"


class TrailingJunk(Disguise):
    """Octets behind the IPv6 packet that are no trailers, ``lengths`` of them in turn, from 1 on.

    All receive it: RFC 6081 section 5.1.2 has endpoints skip what they cannot read there, and
    Miredo looks at no trailers.
    """

    def __init__(self, rng: Random, lengths: tuple[int, ...]) -> None:
        self._rng = rng
        self._lengths = cycle(lengths)

    def leaving(self, passing: Passing) -> Passing:
        length = next(self._lengths)
        junk = (_NO_TRAILER + self._rng.randbytes(length))[:length]
        return passing.flawed(passing.payload + junk)


class Unstrict(Disguise):
    """Skips indicators in front of what is no server's, as Miredo does with one of each kind."""

    def arriving(self, passing: Passing) -> Passing:
        if passing.source.port == TEREDO_PORT:
            return passing
        try:
            packet = teredo.parse(passing.payload)
        except DecodeError:
            return passing
        return passing._replace(payload=passing.payload[packet.ipv6_offset :])


class InFront(Unstrict):
    """Indicators in front of data, where RFC 4380 section 5.1.1 has none.

    Ours refuse them all. Miredo takes an authentication header; two origin indications are taken
    only by who was made to.
    """

    def __init__(self, indicators: bytes) -> None:
        self._indicators = indicators

    def leaving(self, passing: Passing) -> Passing:
        if passing.packet is not TeredoPacket.DATA:
            return passing
        return passing.flawed(self._indicators + passing.payload)


class ZeroHops(Disguise):
    """Data with hop limit 0: no router passes it on, and every host takes it (RFC 8200 section 3).

    Between two Teredo clients there is no router.
    """

    def leaving(self, passing: Passing) -> Passing:
        if passing.packet is not TeredoPacket.DATA:
            return passing
        payload = passing.payload
        return passing._replace(
            payload=payload[:_HOP_LIMIT_AT] + b"\0" + payload[_HOP_LIMIT_AT + 1 :]
        )


class MovedPort(Disguise):
    """Speaks to servers at another port than 3544, which they have to be at."""

    def __init__(self, port: int) -> None:
        self._port = port

    def leaving(self, passing: Passing) -> Passing:
        if passing.destination.port != TEREDO_PORT:
            return passing
        return passing._replace(destination=passing.destination._replace(port=self._port))

    def arriving(self, passing: Passing) -> Passing:
        if passing.source.port != self._port:
            return passing
        return passing._replace(source=passing.source._replace(port=TEREDO_PORT))
