"""Frames to damage: of every public capture, and generated ones of every kind of tunnel."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from sensor.capture.files import CaptureFile
from sensor.wire import (
    ayiya,
    dns,
    geneve,
    gre,
    gtpu,
    gue,
    icmpv4,
    icmpv6,
    ipv4,
    ipv6,
    l2tp,
    link,
    llc,
    mpls,
    ppp,
    pppoe,
    sixa44,
    sixbed4,
    sixinfour,
    tcp,
    teredo,
    tsp,
    vxlan,
    wlan,
)
from sensor.wire.addresses import (
    SIXA44_RELAY,
    LeakingAddress,
    build_isatap,
    build_sixa44,
    build_sixbed4,
    build_sixover4,
    build_sixtofour,
    packed,
)
from sensor.wire.ports import (
    AYIYA_PORT,
    GENEVE_PORT,
    GRE_PORT,
    GTPU_PORT,
    GUE_PORT,
    L2TP_PORT,
    LLMNR_PORT,
    SIXA44_PORT,
    SIXBED4_PORT,
    TSP_PORT,
    VXLAN_PORT,
)

from .. import build
from ..build import (
    CLIENT,
    NATIVE,
    OTHER,
    PEER,
    RELAY,
    TEREDO,
    V4A,
    V4B,
    ethernet,
    tcp6,
    udp_frame,
)


class Whole(NamedTuple):
    """A frame as it was before anyone damaged it."""

    name: str
    data: bytes
    link_type: int = 1


def captured(folder: Path) -> list[Whole]:
    found = []
    for path in sorted(folder.rglob("*.pcap")):
        with CaptureFile(str(path)) as capture:
            for batch in capture.batches():
                for i in range(len(batch)):
                    name = f"{path.name} frame {batch.first_frame + i}"
                    found.append(Whole(name, batch.frame(i), int(batch.linktypes[i])))
    assert len(found) > 1000
    return found


def generated() -> list[Whole]:
    found = [Whole(f"exchange {i}", data) for i, data in enumerate(build.exchange())]
    for name, source, destination in (
        ("6to4", build_sixtofour(V4A), build_sixtofour(V4B)),
        ("isatap", build_isatap(NATIVE[:8], V4A), NATIVE),
        ("6over4", build_sixover4(V4A), packed("ff02::1")),
        ("compatible", bytes(12) + V4A, NATIVE),
        ("teredo in 41", TEREDO, NATIVE),
    ):
        packet = sixinfour.encapsulate(V4A, V4B, tcp6(source, destination, payload=b"data"))
        found.append(Whole(name, ethernet(packet)))
        found.append(Whole(f"{name} tagged", ethernet(packet, (7, 9))))
        found.append(Whole(f"{name} raw", packet, 101))
        found.append(Whole(f"{name} cooked", build.sll(packet), 113))
        found.append(Whole(f"{name} cooked 2", build.sll2(packet), 276))
        found.append(Whole(f"{name} null", b"\2\0\0\0" + packet, 0))
    return found + [Whole(f"odd {i}", data) for i, data in enumerate(_odd())]


def _odd() -> list[bytes]:
    """Frames with nesting, indicators, trailers, extension headers and fragments."""
    trailers = teredo.build_trailer_nonce(b"abcd") + teredo.build_trailer_random_port(9)
    chain = (
        ipv6.build_extension(60, 43, bytes(6))
        + ipv6.build_extension(43, 44, bytes(6))
        + ipv6.build_fragment(6, 1, 0, True)
    )
    extended = ipv6.build(TEREDO, NATIVE, 60, chain + tcp6()[40:])
    nested = build.udp((NATIVE, 1), (OTHER, 2), extended)
    deep = tcp6()
    for _ in range(9):
        deep = build.six_in_six(deep)
    front = build.authentication(b"id", b"value") + build.origin() + build.origin()
    return [
        udp_frame(CLIENT, RELAY, front + build.bubble() + trailers),
        udp_frame(CLIENT, RELAY, extended),
        udp_frame(CLIENT, RELAY, tcp6(payload=b"bare")),
        udp_frame(CLIENT, RELAY, build.bubble() + b"\xff junk"),
        udp_frame(CLIENT, RELAY, build.six_in_six(tcp6())),
        build.sixinfour_frame(nested),
        build.sixinfour_frame(deep),
        ethernet(ipv4.build(V4A, V4B, 4, build.four_in_six(build.sixinfour_frame(tcp6())[14:]))),
        ethernet(build.four_in_six(udp_frame(CLIENT, RELAY, tcp6(TEREDO))[14:])),
        ethernet(ipv4.build(V4A, V4B, 41, tcp6(payload=bytes(64))[:96], more_fragments=True)),
        udp_frame(CLIENT, RELAY, bytes.fromhex("000086dd00004200") + tcp6()),
    ]


# carriers and the kinds that they make


def carried() -> list[Whole]:
    """One frame of each carrier, each scheme over UDP and each link type; many are sound."""
    inner = tcp6(payload=b"data")
    packet = sixinfour.encapsulate(V4A, V4B, inner)
    groups = (_linked(packet), _in_gre(inner, packet), _in_udp(inner, packet), _in_ayiya(inner))
    found = [frame for group in groups for frame in group]
    return found + _setups() + _quotes(packet) + _lookups()


def _frame(payload: bytes, ethertype: int, *vlans: int) -> bytes:
    return link.build_ethernet(payload, ethertype, bytes(6), bytes(6), vlans)


def _linked(packet: bytes) -> list[Whole]:
    session = pppoe.build(7, ppp.build(ppp.IPV4, packet, address_control=True))
    snap = llc.build(link.ETHERTYPE_IPV4) + packet
    tagged = b"\0\7" + len(snap).to_bytes(2) + snap
    air = wlan.build(snap, bytes(6), bytes(6), qos=True)
    relayed = air[:1] + b"\x83" + air[2:24] + bytes(6) + b"\x80\0" + bytes(4 + 14) + snap
    words = b"\0\0\x11\0" + (1 << 31 | 3).to_bytes(4, "little") + bytes(4)
    radio = words + bytes(4) + b"\x10"  # the alignment of TSFT leaves no room for Flags
    return [
        Whole("ppp", ppp.build(ppp.IPV4, packet, compressed=True), 9),
        Whole("hdlc", b"\x0f\0\x08\0" + packet, 104),
        Whole("ppp or hdlc", b"\x8f\0\x08\0" + packet, 50),
        Whole("session alone", session, 51),
        Whole("session", _frame(session + bytes(6), pppoe.ETHERTYPE_SESSION)),
        Whole("mpls", _frame(mpls.build([16, 17], packet), mpls.ETHERTYPE)),
        Whole("pseudowire", _frame(mpls.build([16], bytes(4) + ethernet(packet)), 0x8848)),
        *(
            Whole(
                "bare pseudowire",
                _frame(mpls.build([16], start + _frame(packet, 0x0800)[2:]), 0x8847),
            )
            for start in (b"\0\0", b"\x45\0", b"\x6c\0")
        ),
        Whole("pseudowire alone", _frame(mpls.build([16], ethernet(packet)), mpls.ETHERTYPE)),
        Whole("bridged", _frame(ethernet(packet, (7,)), gre.TRANSPARENT_ETHERNET)),
        Whole("snap", _frame(snap, len(snap))),
        Whole("tagged snap", _frame(tagged, link.ETHERTYPE_VLAN)),
        Whole("wlan", air, 105),
        Whole("relayed", relayed, 105),
        Whole("radiotap", wlan.build_radiotap(0x10) + air + bytes(4), 127),
        Whole("radiotap without TSFT", b"\0\0\x09\0\2\0\0\0\x10" + air + bytes(4), 127),
        Whole("short radiotap", radio + air, 127),
        Whole("shorter radiotap", radio[:2] + b"\x08\0" + radio[4:8] + air, 127),
    ]


def _in_gre(inner: bytes, packet: bytes) -> list[Whole]:
    full = gre.build(gre.IPV6, inner, key=9, sequence=1, checksum=True, routes=(b"abcd",))
    pptp = gre.build_pptp(7, ppp.build(ppp.IPV6, inner), sequence=1, acknowledgement=2)
    bridged = gre.build(gre.TRANSPARENT_ETHERNET, ethernet(inner, (7,)), checksum=True)
    call = b"\0\1" + pptp[2:]  # has no number
    summed = b"\xb0\x81" + pptp[2:]  # has a sum, which this version does not know
    routed = gre.build(gre.IPV6, inner, routes=(b"",) * gre.MAX_ROUTES)
    lost = gre.build(gre.IPV6, inner, routes=(b"",) * (gre.MAX_ROUTES + 1))
    labelled = gre.build(gre.MPLS, mpls.build([16], inner))
    return [
        *(
            Whole("gre", ethernet(ipv4.build(V4A, V4B, gre.PROTOCOL, made)))
            for made in (full, pptp, bridged, labelled, full[:-1] + b"\0", b"\0\2" + full[2:], call)
        ),
        *(
            Whole("gre at a limit", ethernet(ipv4.build(V4A, V4B, gre.PROTOCOL, made)))
            for made in (summed, routed, lost)
        ),
        Whole("gre in ipv6", ethernet(ipv6.build(NATIVE, OTHER, 47, gre.build(gre.IPV4, packet)))),
    ]


def _in_udp(inner: bytes, packet: bytes) -> list[Whole]:
    """Carriers to their ports; the last ones are none."""
    framed, pointed = ppp.build(ppp.IPV6, inner), ppp.build(ppp.IPV4, packet)
    options, nonsense = bytes(8), ipv6.build(NATIVE, OTHER, 253, bytes(8))
    payloads = [
        (VXLAN_PORT, vxlan.build(5, ethernet(packet))),
        (GENEVE_PORT, geneve.build(5, link.ETHERTYPE_IPV4, packet, options)),
        (GRE_PORT, gre.build(gre.IPV6, inner)),
        (GTPU_PORT, gtpu.build(1, packet, sequence=1, extensions=((0x85, bytes(2)),) * 2)),
        (GTPU_PORT, gtpu.build(1, inner)[:8]),
        (GTPU_PORT, gtpu.build(1, sixinfour.encapsulate(V4A, V4B, nonsense))),
        (L2TP_PORT, l2tp.build_data(1, 2, framed, length=True, sequence=(3, 4), offset=5)),
        (L2TP_PORT, l2tp.build_data(1, 2, pointed)),
        (L2TP_PORT, l2tp.build_control(1, 2, 3, 4, b"attributes")),
        (L2TP_PORT, b"\x80\2" + bytes(20)),  # control without a number
        (GUE_PORT, gue.build(41, inner)),
        (GUE_PORT, gue.build(4, packet, fields=bytes(8))),
        (GUE_PORT, gue.build(41, inner[:-4])),
        (GUE_PORT, gue.build(41, bytes(10))),
        (9, gue.build(41, inner)),
        (9, gue.build(41, inner, flags=1)),
        (9, gue.build(47, gre.build(gre.IPV6, inner))),
        (9, packet),
        (9, packet + b"junk"),
        (TSP_PORT, inner),
        (SIXBED4_PORT, sixbed4.build_solicitation()),
        (SIXBED4_PORT, inner[:-1] + b"?"),
        (VXLAN_PORT, bytes(8) + ethernet(packet)),
        (GTPU_PORT, b"\x34\xff" + bytes(30)),
    ]
    frames = [Whole(f"to {port}", udp_frame(CLIENT, (V4B, port), data)) for port, data in payloads]
    ends = LeakingAddress(*PEER, V4A), LeakingAddress(*PEER, bytes(2))
    leaking = build_sixa44(bytes(6), ends[0]), build_sixbed4(NATIVE[:8], ends[1])
    relayed = udp_frame(CLIENT, (SIXA44_RELAY, SIXA44_PORT), inner)
    frames += [Whole("leaking", udp_frame(PEER, CLIENT, tcp6(own))) for own in leaking]
    return [*frames, Whole("6a44", relayed)]


def _in_ayiya(inner: bytes) -> list[Whole]:
    """With a clock that is right and one that is not, on its port and on another."""
    broken = inner[:-1] + b"?"
    contents = (
        (41, inner),
        (41, broken),
        (41, broken + b"?"),
        (41, bytes(50)),
        (4, sixinfour.encapsulate(V4A, V4B, inner)),
        (4, b"none of it"),
        (59, b""),
        (59, b"MOTD"),
    )
    return [
        Whole(
            f"ayiya with {protocol}",
            udp_frame(CLIENT, (V4B, port), _ayiya(protocol, epoch) + content),
        )
        for protocol, content in contents
        for epoch in (0, 1_700_000_000)
        for port in (9, AYIYA_PORT)
    ]


def _ayiya(protocol: int, epoch: int) -> bytes:
    return ayiya.Header(
        identity_type=1,
        identity=bytes(16),
        hash_method=ayiya.SHA1,
        signature=bytes(20),
        authentication=1,
        opcode=ayiya.FORWARD,
        next_header=protocol,
        epoch=epoch,
    ).build()


def _setups() -> list[Whole]:
    found = []
    reply = tsp.build(1, 2, b"1200 Redirection\r\n")
    found.append(Whole("tsp reply", udp_frame((V4B, TSP_PORT), CLIENT, reply)))
    told = tcp.build(
        V4B, V4A, TSP_PORT, 9, sequence=1, acknowledgement=1, flags=tcp.ACK, payload=reply[8:]
    )
    found.append(Whole("tsp reply", ethernet(ipv4.build(V4B, V4A, tcp.PROTOCOL, told))))
    for text in (b"VERSION=2.0.0\r\n", b"200 Success\r\n", b"no words"):
        datagram = udp_frame(CLIENT, (V4B, TSP_PORT), tsp.build(1, 2, text))
        segment = tcp.build(
            V4A, V4B, 9, TSP_PORT, sequence=1, acknowledgement=1, flags=tcp.ACK, payload=text
        )
        found += [
            Whole("tsp over udp", datagram),
            Whole("tsp over tcp", ethernet(ipv4.build(V4A, V4B, tcp.PROTOCOL, segment))),
            Whole("tsp inside", build.sixinfour_frame(tcp6(ports=(9, TSP_PORT), payload=text))),
        ]
    relay = (SIXA44_RELAY, SIXA44_PORT)
    bubble = sixa44.Bubble(bytes(12), bytes(8)).build()
    return [*found, Whole("6a44 bubble", udp_frame(CLIENT, relay, bubble))]


def _quotes(packet: bytes) -> list[Whole]:
    junk = ipv4.build(V4A, V4B, sixinfour.PROTOCOL, bytes(30))
    weak = build.udp(CLIENT, PEER, tcp6(payload=b"data")[:-1] + b"?")
    routed = ipv4.build(V4A, V4B, gre.PROTOCOL, gre.build(gre.IPV6, tcp6()))
    errors = [icmpv4.build_error(3, 1, quoted) for quoted in (packet, junk, weak, routed)]
    long = ipv4.build(V4A, V4B, sixinfour.PROTOCOL, tcp6(payload=bytes(99)))
    extended = long[:128] + bytes.fromhex("2000 0000 0008 0101 000640ff")  # RFC 4884, RFC 4950
    errors.append(icmpv4.build(icmpv4.TIME_EXCEEDED, 0, bytes([0, 32, 0, 0]), extended))
    echo = icmpv4.build(icmpv4.ECHO_REQUEST, 0, bytes(4), bytes(30))
    inner = build.four_in_six(packet)
    error = icmpv6.build_error(NATIVE, OTHER, icmpv6.TOO_BIG, 0, inner)
    again = icmpv4.build_error(3, 0, ipv4.build(V4A, V4B, 1, icmpv4.build_error(3, 0, packet)))
    protected = b"\x29\4" + bytes(22) + packet[20:]
    ended = ipv6.build_extension(ipv6.MOBILITY, ipv6.NO_NEXT_HEADER, bytes(6))
    mobile = ipv6.build(NATIVE, OTHER, ipv6.MOBILITY, ended)
    return [
        *(
            Whole("icmp", ethernet(ipv4.build(V4B, V4A, icmpv4.PROTOCOL, message)))
            for message in (*errors, echo)
        ),
        Whole("icmpv6", ethernet(ipv6.build(NATIVE, OTHER, icmpv6.PROTOCOL, error))),
        Whole("quote in quote", ethernet(ipv4.build(V4B, V4A, icmpv4.PROTOCOL, again))),
        Whole("mobility alone", build.sixinfour_frame(mobile)),
        Whole("protected", ethernet(ipv4.build(V4A, V4B, ipv6.AUTHENTICATION, protected))),
        Whole("twice", ethernet(ipv4.build(V4A, V4B, 51, b"\x33\4" + bytes(22) + protected))),
    ]


def _lookups() -> list[Whole]:
    """Of a name that sensors look for, and of names that none does."""
    found = []
    for name in ("isatap.example.org", "www.example.org"):
        query = dns.build_query(1, name, dns.TYPE_A)
        ends = ((NATIVE, 5000), (OTHER, 53))
        found += [
            Whole("lookup", udp_frame(CLIENT, (V4B, 53), query)),
            Whole("lookup over ipv6", ethernet(build.udp(*ends, query))),
            Whole("lookup inside", build.sixinfour_frame(build.udp(*ends, query))),
            Whole("lookup alone", build.udp(CLIENT, (V4B, 53), query), 101),
        ]
    found.append(Whole("lookup by llmnr", udp_frame(CLIENT, (V4B, LLMNR_PORT), query)))
    for start in (b"FACA", b"EJFDEBFEEBFACA", b"EJ" * 15, b"????"):
        letters = start + b"CA" * (15 - len(start) // 2) + b"AA"
        question = b"\x20" + letters + b"\0\0\x20\0\1"
        message = bytes.fromhex("000101100001000000000000") + question
        found.append(Whole("netbios", udp_frame((V4A, 137), (V4B, 137), message)))
    return found
