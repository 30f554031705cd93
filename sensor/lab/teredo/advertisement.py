"""How a Teredo server answers router solicitations (RFC 4380 section 5.3.2)."""

from __future__ import annotations

import hmac

from sensor.errors import DecodeError
from sensor.lab.inner.packets import LOCAL_HOP_LIMIT
from sensor.lab.inner.refusal import HOP_LIMIT, MALFORMED, Refused
from sensor.lab.teredo.arrival import Arrival
from sensor.lab.teredo.authentication import digest
from sensor.lab.teredo.settings import ServerSettings
from sensor.wire import icmpv6, ipv6, teredo
from sensor.wire.addresses import build_server_link_local
from sensor.wire.icmpv6 import Message, PrefixInformation, RouterAdvertisement
from sensor.wire.teredo import Authentication

PREFIX_LENGTH = 64
AUTONOMOUS = 0x40  # the prefix forms addresses; it is not on a link (RFC 4861 section 4.6.2)
FOR_EVER = 0xFFFFFFFF
RETRANSMIT = 2_000  # milliseconds, as every server seen

BAD_AUTHENTICATION = "bad-authentication"


class Advertiser:
    """Writes the advertisements of one server."""

    def __init__(self, settings: ServerSettings) -> None:
        self._settings = settings
        self._secrets = dict(settings.secrets)

    def answer(self, arrival: Arrival, message: Message) -> bytes:
        """The payload that answers a solicitation; Refused if that is not right."""
        _check(arrival, message)
        secret = self._secret(arrival)
        origin = teredo.build_origin(*arrival.source)
        packet = build(self._settings, arrival.header.source)
        authentication = _authenticate(arrival.authentication, secret, origin, packet)
        return teredo.encapsulate(packet, authentication=authentication, origin=origin)

    def _secret(self, arrival: Arrival) -> bytes | None:
        """The key that the solicitation proves; None where there are no keys at all."""
        if not self._secrets:
            return None
        header = arrival.authentication
        secret = self._secrets.get(header.identifier) if header else None
        if header is None or secret is None:
            raise Refused(BAD_AUTHENTICATION)
        expected = digest(secret, header.nonce, header.confirmation, b"", arrival.packet)
        if not hmac.compare_digest(header.value, expected):
            raise Refused(BAD_AUTHENTICATION)
        return secret


def build(settings: ServerSettings, soliciting: bytes) -> bytes:
    """The IPv6 packet that answers a solicitation from the link-local address ``soliciting``.

    The prefix names the primary address, whichever of the two was asked: clients form their
    address from it, and look for their server there.
    """
    prefix = PrefixInformation(
        prefix_length=PREFIX_LENGTH,
        flags=AUTONOMOUS,
        valid_lifetime=FOR_EVER,
        preferred_lifetime=FOR_EVER,
        prefix=settings.prefix + settings.primary + bytes(8),
    )
    advertisement = RouterAdvertisement(
        hop_limit=0,
        flags=0,
        router_lifetime=0,
        reachable=0,
        retransmit=RETRANSMIT,
        prefixes=(prefix,),
        mtu=settings.mtu,
    )
    source = build_server_link_local(settings.primary)
    message = icmpv6.build_router_advertisement(source, soliciting, advertisement)
    return ipv6.build(source, soliciting, icmpv6.PROTOCOL, message, hop_limit=LOCAL_HOP_LIMIT)


def _check(arrival: Arrival, message: Message) -> None:
    """RFC 4861 section 6.1.1."""
    if arrival.header.hop_limit != LOCAL_HOP_LIMIT:
        raise Refused(HOP_LIMIT)
    arrival.verify_checksum()
    try:
        icmpv6.parse_router_solicitation(message.body)
    except DecodeError:
        raise Refused(MALFORMED) from None
    if message.code:
        raise Refused(MALFORMED)


def _authenticate(
    asked: Authentication | None, secret: bytes | None, origin: bytes, packet: bytes
) -> bytes | None:
    """The header of the answer, where the question had one: its nonce, and no other's.

    The confirmation octet is 0: keys here do not age.
    """
    if asked is None:
        return None
    if secret is None:
        return teredo.build_authentication(asked.nonce)
    value = digest(secret, asked.nonce, 0, origin, packet)
    return teredo.build_authentication(asked.nonce, identifier=asked.identifier, value=value)
