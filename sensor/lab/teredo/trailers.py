"""What bubbles say behind their IPv6 header (RFC 6081 section 4)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from sensor.lab.inner.refusal import TRAILER, Refused
from sensor.schema.records import Endpoint
from sensor.wire import teredo

NONCE_LENGTH = 4  # octets (section 4.2)

# An unknown type with these two top bits forbids to take the packet (RFC 6081 section 4.1).
_TOP_BITS = 0xC0
_MUST_DISCARD = 0x40


class Told(NamedTuple):
    """The trailers that an endpoint acts on; of several of a type the first counts."""

    nonce: bytes | None = None  # section 4.2
    random_port: int | None = None  # section 4.5
    alternates: tuple[Endpoint, ...] = ()  # section 4.3


NOTHING = Told()


def check_trailers(trailers: Iterable[teredo.Trailer]) -> None:
    """Refused for a type that must be understood and is not."""
    if any(trailer.type & _TOP_BITS == _MUST_DISCARD for trailer in trailers):
        raise Refused(TRAILER)


def read_trailers(trailers: Iterable[teredo.Trailer]) -> Told:
    """What well-formed trailers say."""
    told = NOTHING
    for trailer in trailers:
        if trailer.known:
            told = _with(told, trailer)
    return told


def _with(told: Told, trailer: teredo.Trailer) -> Told:
    if trailer.type == teredo.TRAILER_NONCE and told.nonce is None:
        return told._replace(nonce=trailer.value)
    if trailer.port and told.random_port is None:
        return told._replace(random_port=trailer.port)
    if trailer.addresses and not told.alternates:
        return told._replace(alternates=tuple(Endpoint(*end) for end in trailer.addresses))
    return told


def build_trailers(told: Told) -> tuple[bytes, ...]:
    """The trailers that say so, in the order Windows sends them."""
    parts: list[bytes] = []
    if told.nonce is not None:
        parts.append(teredo.build_trailer_nonce(told.nonce))
    if told.alternates:
        parts.append(teredo.build_trailer_alternate(told.alternates))
    if told.random_port is not None:
        parts.append(teredo.build_trailer_random_port(told.random_port))
    return tuple(parts)
