"""Is this UDP datagram an IPv6 tunnel? Judged from its own bytes, on any port.

Nothing in a single datagram proves Teredo, so evidence is gathered and weighed; the port is no
evidence at all. What the weights exclude was measured on look-alikes: DNS whose id starts with 6,
RPC transaction ids, STUN, Geneve and RTP never reach ``strong``.
"""

from __future__ import annotations

from dataclasses import dataclass

from sensor.decode.inner import Inner
from sensor.decode.settings import DecodeSettings
from sensor.decode.trace import Trace
from sensor.decode.verdict import (
    Outer,
    Verdict,
    datagram_anomalies,
    inner_anomalies,
    joined,
    proves_itself,
)
from sensor.errors import DecodeError
from sensor.schema.words import Anomaly, Confidence, Evidence, Kind, Reason, TeredoPacket
from sensor.wire import icmpv6
from sensor.wire.addresses import (
    ALL_ROUTERS,
    FLAG_GROUP,
    FLAG_RESERVED,
    FLAG_UNIVERSAL,
    TeredoAddress,
    is_bogon,
    is_link_local6,
    is_private,
    parse_teredo,
    server_link_local,
)
from sensor.wire.ipv6 import NO_NEXT_HEADER
from sensor.wire.teredo import Packet

STUN_COOKIE = bytes.fromhex("2112a442")
# Geneve's protocol type for IPv6 stands where an origin indication has its inverted port.
GENEVE_ORIGIN = 0x86DD ^ 0xFFFF

_FORBIDDEN_FLAGS = FLAG_RESERVED | FLAG_UNIVERSAL | FLAG_GROUP


@dataclass(frozen=True, slots=True)
class Candidate:
    """A UDP payload that parsed as [indicators] IPv6 [trailers], with what is around it.

    ``rest`` is how many octets the datagram declares from the IPv6 header on; ``whole`` whether
    all of them can be read; ``prefixes`` the prefixes of a router advertisement inside.
    """

    packet: Packet
    inner: Inner
    outer: Outer
    rest: int
    whole: bool = True
    prefixes: tuple[bytes, ...] = ()

    @property
    def source(self) -> TeredoAddress | None:
        return parse_teredo(self.inner.header.source)

    @property
    def destination(self) -> TeredoAddress | None:
        return parse_teredo(self.inner.header.destination)

    @property
    def named(self) -> bool:
        """Whether an inner address has a Teredo prefix.

        Flag bits that no specification allows do not count against it: receivers ignore them, so
        whoever sets them would hide.
        """
        return self.source is not None or self.destination is not None


def judge(candidate: Candidate, settings: DecodeSettings, trace: Trace) -> Verdict | Reason:
    """Weigh one candidate (recognition rules: RFC 4380 sections 4, 5.1.1, 5.2; RFC 6081 4).

    Returns the verdict, or the reason why this is no tunnel. A ``WEAK`` verdict is worth a row
    only to a table that has learned the flow.
    """
    evidence = gather(candidate, settings)
    for bit in Evidence:
        if bit in _TEREDO_CHECKS:
            trace.check(_TEREDO_CHECKS[bit], bool(evidence & bit))
    fits = trace.check("inner length fits the datagram", candidate.inner.length <= candidate.rest)
    plausible = trace.check("inner headers make sense", candidate.inner.plausible)
    if not fits and not evidence & Evidence.MAPPING_EQUALS_OUTER:
        return Reason.UDP_LENGTH
    if not plausible and not evidence & (_PROOF | Evidence.TEREDO_ADDRESS):
        return Reason.UDP_IMPLAUSIBLE
    confidence = weigh(candidate, evidence)
    if confidence is Confidence.WEAK and _looks_like_geneve(candidate.packet):
        return Reason.GENEVE
    kind = Kind.TEREDO if evidence & _TEREDO_SIGNS else Kind.IP6_IN_UDP
    return Verdict(
        kind=kind,
        kinds=1 << kind,
        confidence=confidence,
        evidence=evidence,
        anomalies=_anomalies(candidate, evidence),
        teredo=_packet_type(candidate, evidence) if kind is Kind.TEREDO else TeredoPacket.NONE,
    )


_TEREDO_SIGNS = (
    Evidence.TEREDO_ADDRESS
    | Evidence.SERVER_EQUALS_OUTER
    | Evidence.ROUTER_SOLICITATION
    | Evidence.ROUTER_ADVERTISEMENT
    | Evidence.BUBBLE
)
_PROOF = Evidence.MAPPING_EQUALS_OUTER | Evidence.SERVER_EQUALS_OUTER
_SETUP = Evidence.ROUTER_SOLICITATION | Evidence.ROUTER_ADVERTISEMENT | Evidence.BUBBLE

_TEREDO_CHECKS = {
    Evidence.GRAMMAR: "authentication or origin header in its right place",
    Evidence.EXACT_LENGTH: "inner packet or well-formed trailers end with the datagram",
    Evidence.CHECKSUM: "inner checksum is right",
    Evidence.TEREDO_ADDRESS: "inner source or destination is a Teredo address",
    Evidence.MAPPING_EQUALS_OUTER: "embedded mapping equals the outer end",
    Evidence.SERVER_EQUALS_OUTER: "server link-local address embeds the outer source",
    Evidence.ROUTER_SOLICITATION: "Teredo router solicitation",
    Evidence.ROUTER_ADVERTISEMENT: "router advertisement of a Teredo prefix",
    Evidence.BUBBLE: "bubble",
    Evidence.KNOWN_SERVER: "an outer end is a known Teredo server",
}


def gather(candidate: Candidate, settings: DecodeSettings) -> Evidence:
    """Every piece of evidence that this datagram itself holds."""
    packet, inner, outer = candidate.packet, candidate.inner, candidate.outer
    found = {
        Evidence.GRAMMAR: bool(packet.authentications or packet.origins) and packet.order_ok,
        Evidence.EXACT_LENGTH: _is_exact(candidate),
        Evidence.CHECKSUM: inner.checksum is True,
        Evidence.TEREDO_ADDRESS: candidate.named,
        Evidence.MAPPING_EQUALS_OUTER: _maps(candidate.source, outer.source, outer.source_port)
        or _maps(candidate.destination, outer.destination, outer.destination_port),
        Evidence.SERVER_EQUALS_OUTER: server_link_local(inner.header.source) == outer.source,
        Evidence.ROUTER_SOLICITATION: _is_solicitation(inner),
        Evidence.ROUTER_ADVERTISEMENT: _is_advertisement(candidate),
        Evidence.BUBBLE: _is_bubble(candidate),
        Evidence.KNOWN_SERVER: bool({outer.source, outer.destination} & settings.known_servers),
    }
    return joined(found, Evidence(0))


def weigh(candidate: Candidate, evidence: Evidence) -> Confidence:
    """Certain, strong or weak.

    An origin indication alone is no sign: its eight octets are also a Geneve header, so with it
    and without authentication the packet needs a Teredo address or the server's own.
    """
    if evidence & _PROOF:
        return Confidence.CERTAIN
    exact = bool(evidence & Evidence.EXACT_LENGTH)
    names_teredo = bool(evidence & (Evidence.TEREDO_ADDRESS | Evidence.ROUTER_ADVERTISEMENT))
    unsaid = _has_bare_origin(candidate.packet) and not names_teredo
    if exact and evidence & Evidence.GRAMMAR and evidence & _SETUP and not unsaid:
        return Confidence.CERTAIN
    if names_teredo:
        return Confidence.STRONG
    if unsaid:
        return Confidence.WEAK
    if evidence & Evidence.ROUTER_SOLICITATION:
        return Confidence.STRONG
    if exact and evidence & Evidence.BUBBLE:
        return Confidence.STRONG
    proved = proves_itself(candidate.inner, candidate.rest) or (exact and candidate.inner.checksum)
    return Confidence.STRONG if proved else Confidence.WEAK


def _is_exact(candidate: Candidate) -> bool:
    """Nothing behind the packet but well-formed trailers; unknown if that cannot be read."""
    length, rest = candidate.inner.length, candidate.rest
    return length == rest or (length < rest and candidate.whole and candidate.packet.unparsed == 0)


def _maps(address: TeredoAddress | None, ip: bytes, port: int) -> bool:
    return address is not None and address.ip == ip and address.port == port


def _is_solicitation(inner: Inner) -> bool:
    """RFC 4380 section 5.2.1; miredo-server answers whatever the checksum."""
    kind = icmpv6.ROUTER_SOLICITATION
    return (
        (inner.icmp(kind) or inner.may_be_icmp(kind))
        and is_link_local6(inner.header.source)
        and inner.header.destination == ALL_ROUTERS
    )


def _is_advertisement(candidate: Candidate) -> bool:
    """RFC 4380 section 5.3.2: exactly a Teredo prefix is advertised."""
    inner = candidate.inner
    return (
        inner.icmp(icmpv6.ROUTER_ADVERTISEMENT)
        and is_link_local6(inner.header.source)
        and any(parse_teredo(prefix) for prefix in candidate.prefixes)
    )


def _is_bubble(candidate: Candidate) -> bool:
    """RFC 4380 section 2.8, between addresses a Teredo node uses."""
    header = candidate.inner.header
    link_local = is_link_local6(header.source) or is_link_local6(header.destination)
    return candidate.inner.bubble and (link_local or candidate.named)


def _has_bare_origin(packet: Packet) -> bool:
    return bool(packet.origins) and not packet.authentications


def _looks_like_geneve(packet: Packet) -> bool:
    return _has_bare_origin(packet) and packet.origins[0].port == GENEVE_ORIGIN


def _packet_type(candidate: Candidate, evidence: Evidence) -> TeredoPacket:
    inner = candidate.inner
    if evidence & Evidence.ROUTER_SOLICITATION:
        return TeredoPacket.ROUTER_SOLICITATION
    if _may_advertise(inner) and evidence & (
        Evidence.ROUTER_ADVERTISEMENT | Evidence.SERVER_EQUALS_OUTER
    ):
        return TeredoPacket.ROUTER_ADVERTISEMENT
    if inner.bubble:
        return TeredoPacket.BUBBLE
    if _is_connectivity_test(candidate):
        return TeredoPacket.CONNECTIVITY_TEST
    return TeredoPacket.DATA


def _may_advertise(inner: Inner) -> bool:
    """Of ICMPv6 a server sends nothing else from its link-local address."""
    kind = icmpv6.ROUTER_ADVERTISEMENT
    return inner.icmp(kind) or inner.may_be_icmp(kind)


def _is_connectivity_test(candidate: Candidate) -> bool:
    """RFC 4380 section 5.2.9: an echo request to a native node, sent through one's own server."""
    source = candidate.source
    return (
        source is not None
        and candidate.destination is None
        and candidate.inner.icmp(icmpv6.ECHO_REQUEST)
        and candidate.outer.destination == source.server
    )


def _anomalies(candidate: Candidate, evidence: Evidence) -> Anomaly:
    packet, inner = candidate.packet, candidate.inner
    found = {
        Anomaly.TRAILING_BYTES: candidate.whole and packet.unparsed > 0,
        Anomaly.DUPLICATE_ORIGIN: len(packet.origins) > 1,
        Anomaly.INDICATOR_ORDER: not packet.order_ok,
        Anomaly.AUTH_ON_DATA: bool(packet.authentications) and not _may_be_setup(inner),
        Anomaly.BUBBLE_WITH_PAYLOAD: inner.header.next_header == NO_NEXT_HEADER
        and inner.header.payload_length > 0,
        Anomaly.EMBEDDED_MISMATCH: _mapping_disagrees(candidate),
        Anomaly.AUTH_LENGTHS: any(auth.identifier or auth.value for auth in packet.authentications),
        Anomaly.TRAILER_JUNK: not all(trailer.known for trailer in packet.trailers),
        Anomaly.FLOW_LABEL: bool(inner.header.flow_label and evidence & _SETUP),
    }
    shared = inner_anomalies(inner, candidate.rest) | datagram_anomalies(candidate.outer)
    anomalies = joined(found, shared)
    for address in (candidate.source, candidate.destination):
        if address is not None:
            anomalies |= _address_anomalies(address)
    return anomalies


def _may_be_setup(inner: Inner) -> bool:
    """A router message, or one of ICMPv6 whose type was cut off."""
    if inner.has_transport:
        return inner.icmp(icmpv6.ROUTER_SOLICITATION) or inner.icmp(icmpv6.ROUTER_ADVERTISEMENT)
    return not inner.chain.complete or inner.chain.transport == icmpv6.PROTOCOL


def _address_anomalies(address: TeredoAddress) -> Anomaly:
    found = {
        Anomaly.EMBEDDED_NOT_GLOBAL: is_bogon(address.ip) or is_bogon(address.server),
        Anomaly.LEGACY_PREFIX: address.legacy,
        Anomaly.RESERVED_FLAGS: bool(address.flags & _FORBIDDEN_FLAGS),
    }
    return joined(found, Anomaly(0))


def _mapping_disagrees(candidate: Candidate) -> bool:
    """A public outer end that differs from the client address embedded inside.

    Behind a NAT the private outer source never equals the mapping, and what a server or an
    indirect bubble carries belongs to somebody else: neither is odd. Ports are not compared, a
    symmetric NAT changes them for every peer.
    """
    outer = candidate.outer
    servers = {end.server for end in (candidate.source, candidate.destination) if end is not None}
    if outer.version != 4 or servers & {outer.source, outer.destination}:
        return False
    return _differs(candidate.source, outer.source) or _differs(
        candidate.destination, outer.destination
    )


def _differs(address: TeredoAddress | None, end: bytes) -> bool:
    return address is not None and not is_private(end) and address.ip != end


def advertised_prefixes(inner: Inner, data: bytes, end: int) -> tuple[bytes, ...]:
    """Prefixes of a router advertisement inside, none if it is not one or is damaged."""
    if not inner.icmp(icmpv6.ROUTER_ADVERTISEMENT):
        return ()
    try:
        body = data[inner.chain.position + 4 : min(end, inner.offset + inner.length)]
        return tuple(found.prefix for found in icmpv6.parse_router_advertisement(body).prefixes)
    except DecodeError:
        return ()
