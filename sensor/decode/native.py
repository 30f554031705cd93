"""The link layer, IPv4 and IPv6, the tunnels that are one in the other, and TCP on TSP's port."""

from __future__ import annotations

from sensor.decode import protocol41, quotes, tsp
from sensor.decode.inner import ICMPV6, IPV4_INSIDE, IPV6_INSIDE, TCP, UDP, Inner
from sensor.decode.span import Span
from sensor.decode.verdict import Outer
from sensor.decode.walk import Next, Step, Walk
from sensor.errors import DecodeError
from sensor.schema.words import Anomaly, Layer, Reason, Transport
from sensor.wire import gre, icmpv4, ipv4, ipv6, link, tcp
from sensor.wire.cursor import Cursor
from sensor.wire.ports import TSP_PORT
from sensor.wire.sixinfour import PROTOCOL

# Of a protocol-41 packet in an ICMP error at least these octets are quoted (RFC 792).
SHORTEST_QUOTE = 8

_ICMP = icmpv4.PROTOCOL
_GRE = gre.PROTOCOL
# Fragments of these may hold a tunnel once they are put together.
_CARRYING = frozenset((IPV4_INSIDE, UDP, PROTOCOL, _GRE, ipv6.AUTHENTICATION))


def link_header(walk: Walk) -> Next | Reason:
    """The link header of the frame."""
    frame = walk.frame
    cursor = Cursor(walk.data)
    try:
        header = link.parse(frame.link_type, cursor)
    except DecodeError as error:
        walk.trace.check(f"link-layer header can be read ({error.reason})", False)
        return _no_link(walk, error)
    for name in header.layers:
        if not walk.push(Layer[name.upper()]):
            return Reason.TOO_MANY_LAYERS
    if header.vlans:
        walk.vlan = header.vlans[-1] + 1
    walk.trace.layer("link", 0, header)
    return Next(Step.NETWORK, _captured(walk, cursor.position, header.trailer), header.protocol)


def _captured(walk: Walk, start: int, trailer: int) -> Span:
    """What stands behind the link header; a check sequence at the end is not of it."""
    captured, wire, whole_at = len(walk.data), walk.frame.wire_length, walk.frame.whole_at
    if whole_at is not None:
        return Span(start, captured, captured, Anomaly(0), whole_at)
    declared = max(max(wire, captured) - trailer, start)
    cut = Anomaly.TRUNCATED if wire > captured else Anomaly(0)
    return Span(start, min(captured, declared), declared, cut)


def _no_link(walk: Walk, error: DecodeError) -> Reason:
    if error.reason == "truncated":
        return Reason.TRUNCATED_LINK
    if error.reason == "too many VLAN tags":
        return walk.stop_nesting()
    return Reason.UNKNOWN_LINK_TYPE if "link type" in error.reason else Reason.NOT_IP


def ip(walk: Walk, at: Next) -> Next | Reason:
    """IPv4 or IPv6, whichever the version names."""
    if at.span.present <= 0:
        return Reason.TRUNCATED_NETWORK
    version = walk.data[at.span.start] >> 4
    if version == 4:
        return Next(Step.IPV4, at.span)
    return Next(Step.IPV6, at.span) if version == 6 else Reason.NOT_IP


def ipv4_packet(walk: Walk, at: Next) -> Next | Reason:
    """An IPv4 header (RFC 791)."""
    span = at.span
    cursor = span.cursor(walk.data)
    try:
        header = ipv4.parse(cursor)
    except DecodeError as error:
        walk.trace.check("IPv4 header is whole", False)
        return Reason.TRUNCATED_NETWORK if error.reason == "truncated" else Reason.BAD_IPV4
    if not walk.push(Layer.IPV4):
        return Reason.TOO_MANY_LAYERS
    walk.trace.layer("ipv4", span.start, header)
    walk.enter(Outer(4, header.source, header.destination, identification=header.identification))
    if (header.fragment_offset or header.more_fragments) and header.protocol in _CARRYING:
        walk.note_fragment(span.start)
    if header.fragment_offset:
        walk.trace.check("is not a later fragment", False)
        return Reason.FRAGMENT
    # A total length of zero is left by segmentation offload: take what is there.
    rest = span.announce(header.total_length or span.length).after(cursor.position)
    walk.announced = header.total_length > 0
    if header.more_fragments:
        rest = rest.first_fragment()
    return Next(Step.PAYLOAD, rest, header.protocol)


def payload(walk: Walk, at: Next) -> Next | Reason:
    """What an IPv4 packet carries."""
    protocol, span = at.code, at.span
    if protocol == PROTOCOL:
        return Next(Step.PROTOCOL_41, span)
    if protocol == UDP:
        return Next(Step.UDP, span)
    if protocol == IPV4_INSIDE:
        return Next(Step.IPV4, span)
    if protocol == _GRE:
        return Next(Step.GRE, span)
    if protocol == ipv6.AUTHENTICATION:
        return _authenticated(walk, span)
    if protocol == TCP:
        walk.push(Layer.TCP)
        return tcp_segment(walk, span, Reason.TCP)
    if protocol == _ICMP:
        return quotes.icmp(walk, span)
    walk.trace.check("IPv4 protocol carries a tunnel", False)
    return Reason.IPV4_PROTOCOL


def _authenticated(walk: Walk, span: Span) -> Next | Reason:
    """An authentication header hides nothing: what it protects stands behind it (RFC 4302)."""
    cursor = span.cursor(walk.data)
    try:
        protocol, units = cursor.u8(), cursor.u8()
        cursor.skip((units + 2) * 4 - 2)
    except DecodeError as error:
        return span.unread(error, Reason.IPV4_PROTOCOL)
    if protocol == ipv6.AUTHENTICATION:
        return walk.stop_nesting()  # one is enough, and bounds the way
    return Next(Step.PAYLOAD, span.after(cursor.position), protocol)


def ipv6_packet(walk: Walk, at: Next) -> Next | Reason:
    """Native IPv6: only a carrier."""
    span = at.span
    try:
        header = ipv6.parse(span.cursor(walk.data))
    except DecodeError as error:
        walk.trace.check("IPv6 header is whole", False)
        return Reason.TRUNCATED_NETWORK if error.reason == "truncated" else Reason.BAD_IPV6
    if not walk.push(Layer.IPV6):
        return Reason.TOO_MANY_LAYERS
    walk.trace.layer("ipv6", span.start, header)
    span = span.announce(ipv6.HEADER_LENGTH + header.payload_length)
    walk.inner = walk.summary(span, span.start, header)
    return Next(Step.INSIDE, span)


def inside(walk: Walk, at: Next) -> Next | Reason:
    """What an IPv6 packet carries, be it the outermost or one inside a tunnel (RFC 8200)."""
    inner = walk.inner
    assert inner is not None, "the packet was looked into"
    chain, fragment = inner.chain, inner.chain.fragment
    walk.enter(Outer(6, inner.header.source, inner.header.destination))
    walk.announced = True
    if fragment is not None and not fragment.atomic:
        walk.note_fragment(inner.offset)
    if chain.limit_hit:
        walk.unfollowed = True
        return Reason.TOO_MANY_LAYERS
    if not chain.complete or (fragment is not None and fragment.offset):
        return Reason.IPV6_NATIVE
    span = at.span.after(chain.position)
    if fragment is not None and fragment.more:
        span = span.first_fragment()
    return _ipv6_payload(walk, span, inner)


def _ipv6_payload(walk: Walk, span: Span, inner: Inner) -> Next | Reason:
    transport = inner.chain.transport
    if transport == UDP:
        return Next(Step.UDP, span)
    if transport == IPV4_INSIDE:
        return Next(Step.IPV4, span)
    if transport == IPV6_INSIDE:
        return _ipv6_in_ipv6(walk, span)
    if transport == _GRE:
        return Next(Step.GRE, span)
    if transport == TCP and inner.has_transport:
        walk.push(Layer.TCP)
        return tcp_segment(walk, span, Reason.IPV6_NATIVE)
    if transport == ICMPV6 and inner.has_transport:
        return quotes.icmpv6_message(walk, span, inner)
    return Reason.IPV6_NATIVE


def _ipv6_in_ipv6(walk: Walk, span: Span) -> Next | Reason:
    """No tunnel through IPv4, but inside one it is where the service is."""
    if not walk.rows:
        return Next(Step.IPV6, span)
    found = inner_packet(walk, span)
    if isinstance(found, DecodeError):
        walk.trace.check("protocol 41 holds an IPv6 header", False)
        return Reason.BAD_IPV6
    verdict = protocol41.judge_nested(found[0], walk.holding(found[1]))
    return walk.tunnel(verdict, Transport.IPV6, found[1])


def inner_packet(walk: Walk, span: Span) -> tuple[Inner, Span] | DecodeError:
    """Look into the IPv6 packet that starts a payload; of a fragment, the payload grows to it."""
    try:
        header = ipv6.parse(span.cursor(walk.data))
    except DecodeError as error:
        return error
    inner = walk.inner = walk.summary(span, span.start, header)
    if span.fragment:
        span = span.announce(max(inner.length, span.length))
    return inner, span


def protocol_41(walk: Walk, at: Next) -> Next | Reason:
    """IPv6 directly in IPv4 (RFC 4213 and its kin)."""
    found = inner_packet(walk, at.span)
    if isinstance(found, DecodeError):
        if walk.quoting is not None and _begins_ipv6(walk, at.span):
            verdict = protocol41.judge_quote(walk.trust)
            return walk.control(verdict, Transport.IPV6, at.span)
        walk.trace.check("protocol 41 holds an IPv6 header", False)
        return at.span.unread(found, Reason.NOT_IPV6_INSIDE)
    inner, span = found
    carrier = walk.holding(span)
    verdict = protocol41.judge(inner, walk.outer, carrier, walk.settings, walk.trace)
    return walk.tunnel(verdict, Transport.IPV6, span)


def _begins_ipv6(walk: Walk, span: Span) -> bool:
    return span.present >= SHORTEST_QUOTE and walk.data[span.start] >> 4 == 6


def tcp_segment(walk: Walk, span: Span, reason: Reason) -> Reason:
    """TCP: only the setup of tunnels is looked for; ``reason`` is what the frame is without."""
    cursor = span.cursor(walk.data)
    try:
        header = tcp.parse(cursor)
    except DecodeError:
        return reason
    if TSP_PORT not in (header.source_port, header.destination_port):
        return reason
    walk.trace.layer("tcp", span.start, header)
    body = span.after(span.start + header.data_offset)
    from_broker = header.source_port == TSP_PORT
    verdict = tsp.judge_segment(body.octets(walk.data), from_broker, walk.trace)
    if verdict is None:
        return reason
    walk.name_ports(header.source_port, header.destination_port)
    if not walk.push(Layer.TSP):
        return Reason.TOO_MANY_LAYERS
    return walk.control(verdict, Transport.TCP, body)
