"""Packets and frames of every kind of tunnel, made from the codecs of sensor.wire.

One made-up network serves all tests: the client CLIENT behind a NAT is MAPPED outside, its
Teredo server is SERVER, the relay RELAY leads to the native host NATIVE.
"""

from __future__ import annotations

import struct
import zlib

from sensor.wire import icmpv6, ipv4, ipv6, link, llc, pppoe, sixinfour, tcp, teredo
from sensor.wire import ppp as ppp_wire
from sensor.wire import udp as udp_wire
from sensor.wire import wlan as wlan_wire
from sensor.wire.addresses import (
    ALL_ROUTERS,
    TeredoAddress,
    build_server_link_local,
    packed,
)

End = tuple[bytes, int]  # address and port

CLIENT: End = (packed("192.168.0.2"), 41658)
MAPPED: End = (packed("203.0.113.2"), 41658)
SERVER: End = (packed("198.51.100.1"), 3544)
RELAY: End = (packed("192.0.2.10"), 3545)
PEER: End = (packed("198.51.100.77"), 50000)

TEREDO = packed("2001:0:c633:6401:180e:5d45:34ff:8efd")  # of MAPPED, through SERVER
NATIVE = packed("2a00:db8::2")
OTHER = packed("2a00:db8:1::9")
LINK_LOCAL = packed("fe80::ffff:ffff:ffff")  # source of a solicitation
NONCE = bytes.fromhex("0102030405060708")

V4A = packed("203.0.113.5")
V4B = packed("192.0.2.4")

_MACS = (bytes.fromhex("020000000001"), bytes.fromhex("020000000002"))


# frames


def ethernet(packet: bytes, vlans: tuple[int, ...] = ()) -> bytes:
    """A frame around an IPv4 or IPv6 packet, which its first octet tells apart."""
    return link.build_ethernet(packet, _ethertype(packet), *_MACS, vlans)


def _ethertype(packet: bytes) -> int:
    return link.ETHERTYPE_IPV6 if packet[0] >> 4 == 6 else link.ETHERTYPE_IPV4


def snap(packet: bytes, vlans: tuple[int, ...] = ()) -> bytes:
    """An Ethernet frame that says its length, as IEEE 802.3 had it, and the EtherType in SNAP."""
    body = llc.build(_ethertype(packet)) + packet
    return link.build_ethernet(body, len(body), *_MACS, vlans)


def ppp(packet: bytes, *, address_control: bool = True, compressed: bool = False) -> bytes:
    """A frame of link types 9 and 50."""
    protocol = ppp_wire.IPV6 if packet[0] >> 4 == 6 else ppp_wire.IPV4
    return ppp_wire.build(protocol, packet, address_control=address_control, compressed=compressed)


def ppp_ether(packet: bytes, session: int = 7) -> bytes:
    """A frame of link type 51: PPP over Ethernet, without the Ethernet header."""
    return pppoe.build(session, ppp(packet, address_control=False))


def cisco_hdlc(packet: bytes) -> bytes:
    """A frame of link types 104 and 50."""
    return struct.pack("!BBH", 0x0F, 0, _ethertype(packet)) + packet


def loop(packet: bytes) -> bytes:
    """A frame of link type 108, in whose home IPv6 has the address family 24."""
    return struct.pack("!I", 24 if packet[0] >> 4 == 6 else 2) + packet


def wlan(packet: bytes, *, qos: bool = False, padded: bool = False) -> bytes:
    """A frame of link type 105, from one station to another."""
    body = llc.build(_ethertype(packet)) + packet
    return wlan_wire.build(body, *_MACS, qos=qos, padded=padded)


def radiotap(packet: bytes, flags: int = 0) -> bytes:
    """A frame of link type 127, with padding or check sequence where the flags say so.

    The check sequence is that of the frame as it was in the air, without the padding.
    """
    padded = bool(flags & wlan_wire.FLAG_PADDED)
    frame = wlan(packet, qos=padded, padded=padded)
    if flags & wlan_wire.FLAG_FCS:
        frame += zlib.crc32(wlan(packet, qos=padded)).to_bytes(4, "little")
    return wlan_wire.build_radiotap(flags) + frame


def sll(packet: bytes, ethertype: int = link.ETHERTYPE_IPV4) -> bytes:
    """A frame of link type 113, Linux cooked."""
    return struct.pack("!HHH8sH", 0, 1, 6, _MACS[0], ethertype) + packet


def sll2(packet: bytes, ethertype: int = link.ETHERTYPE_IPV4) -> bytes:
    """A frame of link type 276, Linux cooked version 2."""
    return struct.pack("!HHIHBB8s", ethertype, 0, 2, 1, 0, 6, _MACS[0]) + packet


def udp(source: End, destination: End, payload: bytes, *, identification: int = 0) -> bytes:
    """An IPv4 or IPv6 packet with a datagram, as the addresses tell."""
    datagram = udp_wire.build(source[0], destination[0], source[1], destination[1], payload)
    if len(source[0]) == 16:
        return ipv6.build(source[0], destination[0], udp_wire.PROTOCOL, datagram)
    return ipv4.build(
        source[0],
        destination[0],
        udp_wire.PROTOCOL,
        datagram,
        identification=identification,
    )


def udp_frame(source: End, destination: End, payload: bytes) -> bytes:
    """An Ethernet frame with a datagram."""
    return ethernet(udp(source, destination, payload))


def in_four(payload: bytes, protocol: int = 4) -> bytes:
    """An IPv4 packet from V4A to V4B."""
    return ipv4.build(V4A, V4B, protocol, payload)


def sixinfour_frame(packet: bytes, source: bytes = V4A, destination: bytes = V4B) -> bytes:
    """An Ethernet frame with an IPv6 packet directly in IPv4: 6in4, 6to4, ISATAP, 6rd, 6over4."""
    return ethernet(sixinfour.encapsulate(source, destination, packet))


# inner IPv6 packets


def tcp6(
    source: bytes = NATIVE,
    destination: bytes = OTHER,
    ports: tuple[int, int] = (49152, 443),
    flags: int = tcp.SYN,
    payload: bytes = b"",
) -> bytes:
    segment = tcp.build(
        source, destination, *ports, sequence=1000, acknowledgement=0, flags=flags, payload=payload
    )
    return ipv6.build(source, destination, tcp.PROTOCOL, segment)


def echo6(source: bytes = NATIVE, destination: bytes = OTHER, data: bytes = b"abcd") -> bytes:
    """An echo request with identifier 7 and sequence number 9."""
    message = icmpv6.build_echo_request(source, destination, icmpv6.Echo(7, 9, data))
    return ipv6.build(source, destination, icmpv6.PROTOCOL, message)


def six_in_six(packet: bytes, source: bytes = NATIVE, destination: bytes = OTHER) -> bytes:
    """An IPv6 packet directly in another one."""
    return ipv6.build(source, destination, sixinfour.PROTOCOL, packet)


def four_in_six(packet: bytes, source: bytes = NATIVE, destination: bytes = OTHER) -> bytes:
    """An IPv4 packet directly in IPv6."""
    return ipv6.build(source, destination, 4, packet)


def solicitation(source: bytes = LINK_LOCAL, options: tuple[icmpv6.Option, ...] = ()) -> bytes:
    message = icmpv6.build_router_solicitation(source, ALL_ROUTERS, options)
    return ipv6.build(source, ALL_ROUTERS, icmpv6.PROTOCOL, message, hop_limit=255)


def advertisement(
    server: bytes = SERVER[0],
    destination: bytes = LINK_LOCAL,
    prefix: bytes | None = None,
    source: bytes | None = None,
) -> bytes:
    """As miredo-server sends it, without MTU option; the prefix is 2001:0:``server``::/64."""
    source = source or build_server_link_local(server)
    prefix = prefix or teredo_prefix(server)
    information = icmpv6.PrefixInformation(64, 0x40, 0xFFFFFFFF, 0xFFFFFFFF, prefix)
    message = icmpv6.build_router_advertisement(
        source, destination, icmpv6.RouterAdvertisement(0, 0, 0, 0, 2000, (information,))
    )
    return ipv6.build(source, destination, icmpv6.PROTOCOL, message, hop_limit=255)


def bubble(source: bytes = LINK_LOCAL, destination: bytes = TEREDO, hop_limit: int = 21) -> bytes:
    return teredo.build_bubble(source, destination, hop_limit)


# Teredo parts


def teredo_prefix(server: bytes = SERVER[0]) -> bytes:
    return bytes.fromhex("20010000") + server + bytes(8)


def teredo_address(mapped: End = MAPPED, server: bytes = SERVER[0], flags: int = 0) -> bytes:
    return TeredoAddress(server, flags, mapped[1], mapped[0], legacy=False).build()


def authentication(identifier: bytes = b"", value: bytes = b"", confirmation: int = 0) -> bytes:
    return teredo.build_authentication(
        NONCE, identifier=identifier, value=value, confirmation=confirmation
    )


def origin(mapped: End = MAPPED) -> bytes:
    return teredo.build_origin(*mapped)


def exchange() -> list[bytes]:
    """Frames of one client seen from inside: qualification, ping, bubbles, an answered opening."""
    return [
        udp_frame(CLIENT, SERVER, authentication() + solicitation()),
        udp_frame(SERVER, CLIENT, authentication() + origin() + advertisement()),
        udp_frame(CLIENT, SERVER, echo6(TEREDO, NATIVE)),
        udp_frame(SERVER, CLIENT, origin(RELAY) + bubble(packed("fe80::1234:5678:9abc:def0"))),
        udp_frame(CLIENT, RELAY, bubble(TEREDO, packed("fe80::1234:5678:9abc:def0"))),
        udp_frame(RELAY, CLIENT, tcp6(NATIVE, TEREDO, (49138, 8080))),
        udp_frame(CLIENT, RELAY, tcp6(TEREDO, NATIVE, (8080, 49138), tcp.SYN | tcp.ACK)),
        udp_frame(RELAY, CLIENT, tcp6(NATIVE, TEREDO, (49138, 8080), tcp.ACK)),
    ]
