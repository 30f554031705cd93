"""How 6over4 writes addresses and Neighbour Discovery on its virtual Ethernet (RFC 2529)."""

from __future__ import annotations

from sensor.lab.inner.refusal import Refused
from sensor.lab.sixinfour import discovery
from sensor.lab.sixinfour.discovery import Neighbour
from sensor.lab.sixinfour.refusal import EMBEDDED_DIFFERS
from sensor.wire import icmpv6
from sensor.wire.addresses import ALL_NODES, ALL_ROUTERS, build_sixover4
from sensor.wire.icmpv6 import Option, RouterAdvertisement

_ZEROS = bytes(4)  # in front of the IPv4 address, in identifiers (RFC 2529 section 4)
_PAD = bytes(2)  # and in link-layer address options (section 5)


def address_of(prefix: bytes, ip: bytes) -> bytes:
    """The address under a prefix of 8 octets."""
    return prefix + _ZEROS + ip


def is_at(address: bytes, ip: bytes) -> bool:
    """Whether an IPv6 address has the identifier of an IPv4 one."""
    return address[8:] == _ZEROS + ip


def link_layer(kind: int, ip: bytes) -> Option:
    """A link-layer address option: 8 octets, the last 4 the IPv4 address."""
    return Option(kind, _PAD + ip)


def tells(options: tuple[Option, ...], kind: int, ip: bytes) -> bool:
    """Whether there is a link-layer address option; Refused if it names another than ``ip``.

    No router passes such messages on: they come from whom they are about.
    """
    found = discovery.link_layer(options, kind)
    if found not in (None, _PAD + ip):
        raise Refused(EMBEDDED_DIFFERS)
    return found is not None


def solicit_routers(ip: bytes) -> bytes:
    """The solicitation to all routers."""
    option = link_layer(icmpv6.OPTION_SOURCE_LINK_LAYER, ip)
    return discovery.build_router_solicitation(build_sixover4(ip), ALL_ROUTERS, (option,))


def advertise_router(ip: bytes, destination: bytes, said: RouterAdvertisement) -> bytes:
    """An advertisement, with the router's place added to it."""
    option = link_layer(icmpv6.OPTION_SOURCE_LINK_LAYER, ip)
    complete = said._replace(options=(*said.options, option))
    return discovery.build_router_advertisement(build_sixover4(ip), destination, complete)


def solicit_neighbour(ip: bytes, source: bytes, target: bytes, *, known: bool) -> bytes:
    """The question where ``target`` is, or, to itself if that is known, whether it still is."""
    asked = Neighbour(0, target, (link_layer(icmpv6.OPTION_SOURCE_LINK_LAYER, ip),))
    destination = target if known else discovery.solicited_node(target)
    kind = icmpv6.NEIGHBOUR_SOLICITATION
    return discovery.build_neighbour(source, destination, kind, asked)


def defend(ip: bytes, target: bytes, flags: int) -> bytes:
    """The answer to who is about to take the own address ``target`` (RFC 4862 section 5.4.3)."""
    option = link_layer(discovery.OPTION_TARGET_LINK_LAYER, ip)
    told = Neighbour(flags, target, (option,))
    kind = icmpv6.NEIGHBOUR_ADVERTISEMENT
    return discovery.build_neighbour(target, ALL_NODES, kind, told)
