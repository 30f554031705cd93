"""Enumerations whose texts users and other programs rely on.

Rows carry the numbers, people and documents the texts. A number, once given, keeps its meaning:
rows written by the compiled kernel and by its scalar twin are compared bit for bit.
"""

from __future__ import annotations

import functools
from enum import IntEnum, IntFlag


class Kind(IntEnum):
    """Tunnel kinds; ``kinds`` masks hold ``1 << kind``."""

    NONE = 0
    TEREDO = 1
    SIXINFOUR = 2
    SIXTOFOUR = 3
    ISATAP = 4
    SIXRD = 5
    SIXOVERFOUR = 6
    IPV4_COMPATIBLE = 7
    GRE6 = 8
    AYIYA = 9
    TSP = 10
    L2TP6 = 11
    SIXA44 = 12
    SIXBED4 = 13
    IP6_IN_UDP = 14
    # IPv6 directly inside the inner IPv6 packet: no tunnel of its own, but the walk goes on in it.
    IP6_IN_IP6 = 15
    # What TSP (RFC 5572) sets up over UDP: a label beside the kind ``tsp``, never a kind itself.
    V6UDPV4 = 16

    @property
    def text(self) -> str:
        return _KIND_TEXTS[self]


_KIND_TEXTS = {
    Kind.NONE: "none",
    Kind.TEREDO: "teredo",
    Kind.SIXINFOUR: "6in4",
    Kind.SIXTOFOUR: "6to4",
    Kind.ISATAP: "isatap",
    Kind.SIXRD: "6rd",
    Kind.SIXOVERFOUR: "6over4",
    Kind.IPV4_COMPATIBLE: "ipv4-compatible",
    Kind.GRE6: "gre6",
    Kind.AYIYA: "ayiya",
    Kind.TSP: "tsp",
    Kind.L2TP6: "l2tp6",
    Kind.SIXA44: "6a44",
    Kind.SIXBED4: "6bed4",
    Kind.IP6_IN_UDP: "ip6-in-udp",
    Kind.IP6_IN_IP6: "ip6-in-ip6",
    Kind.V6UDPV4: "v6udpv4",
}

# Kinds that ride directly on IPv4 protocol 41: one tunnel per pair of outer ends, whatever
# addresses the single packets carry.
PROTOCOL_41_KINDS = frozenset(
    {
        Kind.SIXINFOUR,
        Kind.SIXTOFOUR,
        Kind.ISATAP,
        Kind.SIXRD,
        Kind.SIXOVERFOUR,
        Kind.IPV4_COMPATIBLE,
    }
)


def kind_texts(mask: int) -> list[str]:
    """Texts of a ``kinds`` mask, sorted; nested IPv6-in-IPv6 is a carrier, not a kind."""
    return sorted(
        kind.text
        for kind in Kind
        if mask & (1 << kind) and kind not in (Kind.NONE, Kind.IP6_IN_IP6)
    )


class Layer(IntEnum):
    """One code per layer of a frame's stack, outermost first."""

    NONE = 0
    ETHERNET = 1
    VLAN = 2
    SLL = 3
    SLL2 = 4
    IPV4 = 5
    IPV6 = 6
    UDP = 7
    TCP = 8
    ICMP = 9
    ICMPV6 = 10
    TEREDO = 11
    NULL = 12
    PPP = 13
    PPPOE = 14
    HDLC = 15
    RADIOTAP = 16
    WLAN = 17
    MPLS = 18  # a whole label stack
    GRE = 19
    VXLAN = 20
    GENEVE = 21
    GTPU = 22
    L2TP = 23
    FOU = 24
    GUE = 25
    AYIYA = 26
    TSP = 27

    @property
    def text(self) -> str:
        return self.name.lower()


class Confidence(IntEnum):
    """How sure a verdict is; weak rows count only once their flow has been learned."""

    NONE = 0
    WEAK = 1
    STRONG = 2
    CERTAIN = 3

    @property
    def text(self) -> str:
        return self.name.lower()


class _Words(IntFlag):
    """Bits with stable lower-case texts."""

    @property
    def words(self) -> list[str]:
        return list(_bit_texts(type(self), int(self)))


@functools.lru_cache(maxsize=4096)
def _bit_texts(words: type[_Words], mask: int) -> tuple[str, ...]:
    """Taking a mask apart is slow, and few different ones occur."""
    return tuple(bit.name.lower().replace("_", "-") for bit in words(mask) if bit.name)


class Evidence(_Words):
    """Why a row is believed (``reasons``)."""

    GRAMMAR = 1 << 0  # authentication or origin header in front of what belongs behind it
    EXACT_LENGTH = 1 << 1  # the inner packet, or well-formed trailers, end with the datagram
    CHECKSUM = 1 << 2  # the inner transport checksum is right
    TEREDO_ADDRESS = 1 << 3
    MAPPING_EQUALS_OUTER = 1 << 4
    SERVER_EQUALS_OUTER = 1 << 5  # server link-local address embeds the outer source
    ROUTER_SOLICITATION = 1 << 6
    ROUTER_ADVERTISEMENT = 1 << 7
    BUBBLE = 1 << 8
    PROTOCOL_41 = 1 << 9
    EMBEDDED_EQUALS_OUTER = 1 << 10
    CONFIGURED_PREFIX = 1 << 11
    KNOWN_SERVER = 1 << 12
    LEARNED_FLOW = 1 << 13
    GRE = 1 << 14  # a GRE header names IPv6 as what it carries
    AYIYA = 1 << 15  # an AYIYA header whose every field is one that the protocol defines
    EPOCH = 1 << 16  # the clock of an AYIYA header is that of the capture
    TSP = 1 << 17  # words of the tunnel setup protocol where they belong
    L2TP = 1 << 18  # PPP in L2TP names IPv6 as what it carries
    SCHEME_PORT = 1 << 19  # an outer port is the one that the kind has by default
    ANYCAST_RELAY = 1 << 20  # an outer end is 6a44's relay, 192.88.99.2


class Anomaly(_Words):
    """What is odd about a row (``anomalies``)."""

    TRAILING_BYTES = 1 << 0
    HOP_LIMIT_ZERO = 1 << 1
    DUPLICATE_ORIGIN = 1 << 2
    AUTH_ON_DATA = 1 << 3
    EMBEDDED_MISMATCH = 1 << 4
    EMBEDDED_NOT_GLOBAL = 1 << 5
    LENGTH_MISMATCH = 1 << 6
    TRUNCATED = 1 << 7
    TOO_MANY_LAYERS = 1 << 8
    BUBBLE_WITH_PAYLOAD = 1 << 9
    ROUTING_HEADER = 1 << 10
    BAD_CHECKSUM = 1 << 11
    FRAGMENT_INCOMPLETE = 1 << 12
    INDICATOR_ORDER = 1 << 13  # origin before authentication, or one of them twice
    LEGACY_PREFIX = 1 << 14  # 3ffe:831f::/32, given back in 2006
    TEREDO_IN_PROTOCOL_41 = 1 << 15
    RESERVED_FLAGS = 1 << 16  # Teredo flag bits that no specification lets anyone set
    EXTENSION_HEADERS = 1 << 17  # an extension chain that cannot be followed to its end
    ODD_INNER_ADDRESS = 1 << 18  # one that may never cross a tunnel of this kind
    NEIGHBOUR_DISCOVERY = 1 << 19  # router or neighbour messages in protocol 41 from afar
    AUTH_LENGTHS = 1 << 20  # identifier or value in an authentication header move what is behind
    TRAILER_JUNK = 1 << 21  # well-formed trailers of no known type, or not of their type's length
    FLOW_LABEL = 1 << 22  # on a packet that a Teredo node itself makes: none sets one there
    BORROWED_PORT = 1 << 23  # an outer port below 1024, which other protocols own
    EXTENSION_CHAIN = 1 << 24  # more than two extension headers
    DEEP_NESTING = 1 << 25  # three tunnels or more, one inside the other
    FRAGMENT_OVERLAP = 1 << 26  # fragments that contradict each other


class TeredoPacket(IntEnum):
    """What a Teredo datagram is for."""

    NONE = 0
    ROUTER_SOLICITATION = 1
    ROUTER_ADVERTISEMENT = 2
    BUBBLE = 3
    CONNECTIVITY_TEST = 4
    DATA = 5

    @property
    def text(self) -> str:
        return self.name.lower().replace("_", "-")


class Reason(IntEnum):
    """What became of a frame: every frame has exactly one."""

    TUNNELLED = 0
    COPY = 1
    # other: readable, and no tunnel
    NOT_IP = 10
    IPV4_PROTOCOL = 11
    IPV6_NATIVE = 12
    TCP = 13
    ICMP = 14
    UDP = 15
    UDP_SHORT = 16
    UDP_LENGTH = 17
    UDP_IMPLAUSIBLE = 18
    STUN = 19
    GENEVE = 20
    WEAK = 21
    FRAGMENT = 22
    NOT_IPV6_INSIDE = 23
    TOO_MANY_LAYERS = 24
    GRE = 25
    L2TP = 26
    QUOTED = 27
    NAME = 28
    # unreadable: cut or damaged before anything could be told
    TRUNCATED_LINK = 40
    TRUNCATED_NETWORK = 41
    TRUNCATED_PAYLOAD = 42
    BAD_IPV4 = 43
    BAD_IPV6 = 44
    BAD_UDP = 45
    UNKNOWN_LINK_TYPE = 46

    @property
    def text(self) -> str:
        return self.name.lower().replace("_", "-")

    @property
    def unreadable(self) -> bool:
        return self >= Reason.TRUNCATED_LINK

    @property
    def sentence(self) -> str:
        return _REASON_SENTENCES[self]


_REASON_SENTENCES = {
    Reason.TUNNELLED: "carries an IPv6 tunnel",
    Reason.COPY: "a mirrored copy of an earlier frame",
    Reason.NOT_IP: "neither IPv4 nor IPv6, or a carrier of neither",
    Reason.IPV4_PROTOCOL: "IPv4 with a protocol that carries no IPv6 tunnel",
    Reason.IPV6_NATIVE: "native IPv6 without an IPv4 tunnel around it",
    Reason.TCP: "TCP over IPv4",
    Reason.ICMP: "ICMP over IPv4",
    Reason.UDP: "UDP whose payload does not begin like IPv6 or a Teredo header",
    Reason.UDP_SHORT: "UDP too short to hold an IPv6 header",
    Reason.UDP_LENGTH: "UDP that begins like IPv6, but the IPv6 length does not fit the datagram",
    Reason.UDP_IMPLAUSIBLE: "UDP that begins like IPv6, but what follows is no IPv6 packet",
    Reason.STUN: "STUN",
    Reason.GENEVE: "Geneve",
    Reason.WEAK: "IPv6-shaped UDP with no other sign of a tunnel, on a flow never seen to tunnel",
    Reason.FRAGMENT: "a fragment of a datagram that another frame completes, or none",
    Reason.NOT_IPV6_INSIDE: "protocol 41, but what it carries is not IPv6",
    Reason.TOO_MANY_LAYERS: "more layers than the limit before any tunnel",
    Reason.GRE: "GRE that carries no IPv6 tunnel",
    Reason.L2TP: "L2TP that carries no IPv6 tunnel",
    Reason.QUOTED: "an ICMP error that quotes a packet of an IPv6 tunnel",
    Reason.NAME: "asks for, or tells, the address of a tunnel's server or router",
    Reason.TRUNCATED_LINK: "cut inside the link-layer header",
    Reason.TRUNCATED_NETWORK: "cut inside the IP header",
    Reason.TRUNCATED_PAYLOAD: "cut before the inner IPv6 header ends",
    Reason.BAD_IPV4: "a damaged IPv4 header",
    Reason.BAD_IPV6: "a damaged IPv6 header",
    Reason.BAD_UDP: "a damaged UDP header",
    Reason.UNKNOWN_LINK_TYPE: "a link type this sensor cannot read",
}


class Transport(IntEnum):
    """What carries a tunnel: the ``outer.transport`` of a row."""

    NONE = 0
    UDP = 1
    IPV6 = 2  # IPv4 protocol 41
    GRE = 3
    TCP = 4

    @property
    def text(self) -> str:
        return self.name.lower()


# Carriers with ports: a tunnel over one of these is its client's endpoint, others a pair of ends.
PORTED = (Transport.UDP, Transport.TCP)


class Vantage(IntEnum):
    """From which side of the NAT frames were captured."""

    UNKNOWN = 0
    INSIDE = 1
    OUTSIDE = 2
    BOTH = 3

    @property
    def text(self) -> str:
        return self.name.lower()


class End(IntEnum):
    """One of the two ends of an outer tuple."""

    UNKNOWN = 0
    SOURCE = 1
    DESTINATION = 2

    @property
    def other(self) -> End:
        return _OTHER_END[self]


_OTHER_END = {
    End.UNKNOWN: End.UNKNOWN,
    End.SOURCE: End.DESTINATION,
    End.DESTINATION: End.SOURCE,
}


class ExposureState(IntEnum):
    """How far an inbound opening got; a larger number is a stronger state."""

    REPLY_UNSEEN = 1
    ATTEMPTED = 2
    REFUSED = 3
    ANSWERED = 4

    @property
    def text(self) -> str:
        return self.name.lower().replace("_", "-")

    @property
    def severity(self) -> str:
        return _STATE_SEVERITY[self]


_STATE_SEVERITY = {
    ExposureState.REPLY_UNSEEN: "medium",
    ExposureState.ATTEMPTED: "low",
    ExposureState.REFUSED: "low",
    ExposureState.ANSWERED: "high",
}

SEVERITIES = ("low", "medium", "high", "critical")


class NatType(IntEnum):
    """NAT types as RFC 4380 section 5.2.1 and RFC 6081 tell them apart."""

    UNKNOWN = 0
    CONE = 1
    RESTRICTED = 2
    SYMMETRIC = 3
    NOT_SYMMETRIC = 4

    @property
    def text(self) -> str:
        return self.name.lower().replace("_", "-")


class EventType(IntEnum):
    """Events of the table: where something can change an answer."""

    NONE = 0
    TUNNEL = 1  # a candidate became a tunnel
    SOLICITATION = 2
    ADVERTISEMENT = 3
    MAPPING = 4  # the client's own Teredo address or XP option names a (new) mapping
    PEER = 5  # a new outer end was met, or an inner address with an IPv4 one in it
    TEST_REPLY = 6  # the answer to a connectivity test: its sender is the relay
    TRAILERS = 7  # a packet with RFC 6081 trailers
    OPENING = 8  # an opening from outside to an inside service
    ANSWER = 9  # it was answered
    REFUSAL = 10  # it was refused
    ANOMALY = 11  # an anomaly not met before in this tunnel
    JOIN = 12  # another flow is this tunnel seen from the other side of the NAT
    END = 13  # the tunnel has been silent for longer than it may live
    COMPLETED = 14  # the one who opened confirmed the answer: the handshake is whole
    UNREACHABLE = 15  # an ICMPv6 error from inside that may refuse an opening
    CLOSED = 16  # conversations that ended must be taken before another frame
    KINDS = 17  # a packet fits a kind that none before did
    DROPPED = 18  # an exposure that nobody answered gave way to a newer one


class ConnectionState(IntEnum):
    """Zeek's connection states that a conversation can end in."""

    S0 = 0
    S1 = 1
    SF = 2
    REJ = 3
    S2 = 4
    S3 = 5
    RSTO = 6
    RSTR = 7
    RSTOS0 = 8
    RSTRH = 9
    SH = 10
    SHR = 11
    OTH = 12
