"""UDP: what of all that it may carry a datagram does carry; its octets tell before its port.

IPv6 that is believed for itself comes first, on whatever port: whoever sends Teredo from the port
of Geneve does not hide. Then the schemes whose headers tell, then the carriers that only a port
tells, then IPv6 that nothing else speaks for.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sensor.decode import ayiya, bare, teredo, tsp
from sensor.decode.inner import IPV4_INSIDE, IPV6_INSIDE
from sensor.decode.names import holds_name, name_service
from sensor.decode.native import inner_packet
from sensor.decode.span import Span
from sensor.decode.teredo import Candidate
from sensor.decode.udp_carriers import carrier, ip_header, ip_in_udp
from sensor.decode.verdict import Verdict
from sensor.decode.walk import Next, Step, Walk
from sensor.errors import DecodeError
from sensor.schema.words import Anomaly, Confidence, Kind, Layer, Reason, Transport
from sensor.wire import ayiya as ayiya_wire
from sensor.wire import ipv6, udp
from sensor.wire import teredo as teredo_wire


@dataclass(frozen=True, slots=True)
class _Guess:
    """IPv6 in a datagram, judged; ``span`` is what the scheme's header announces."""

    verdict: Verdict
    span: Span
    candidate: Candidate


def udp_datagram(walk: Walk, at: Next) -> Next | Reason:
    """A UDP header (RFC 768) and what is behind it."""
    span = at.span
    cursor = span.cursor(walk.data)
    try:
        header = udp.parse(cursor)
    except DecodeError as error:
        walk.trace.check("UDP header is whole", False)
        return span.unread(error, Reason.BAD_UDP)
    if not walk.push(Layer.UDP):
        return Reason.TOO_MANY_LAYERS
    walk.trace.layer("udp", span.start, header)
    if 0 < header.length < udp.HEADER_LENGTH:
        walk.trace.check("UDP length holds its header", False)
        return Reason.BAD_UDP
    walk.name_ports(header.source_port, header.destination_port)
    exact = walk.announced and not (span.fragment or span.widened)
    if exact and 0 < header.length < span.length:
        walk.oddities |= Anomaly.LENGTH_MISMATCH  # octets that only who ignores UDP's length sees
    # A length of zero is a jumbogram's (RFC 2675 section 4): take what is there.
    return _payload(walk, span.announce(header.length or span.length).after(cursor.position))


def _payload(walk: Walk, span: Span) -> Next | Reason:
    guess = _ipv6(walk, span)
    if isinstance(guess, _Guess) and guess.verdict.confidence > Confidence.WEAK:
        return _write(walk, guess)
    found = _scheme(walk, span)
    if found is None and not _begins_with_ipv6(guess):
        found = carrier(walk, span)
    if found is None:
        found = ip_in_udp(walk, span)
    if isinstance(found, Next) and found.step is not Step.INSIDE:
        walk.ceiling = Confidence.STRONG  # an IP header in a datagram may be any octets
    if found is None:
        found = _known(walk, span)
    if found is not None:
        return found
    return _write(walk, guess) if isinstance(guess, _Guess) else guess


def _begins_with_ipv6(guess: _Guess | Reason) -> bool:
    """Then it is no header of a carrier: IPv6 that its flow may yet prove is not to be lost."""
    return isinstance(guess, _Guess) and guess.candidate.packet.ipv6_offset == 0


def _known(walk: Walk, span: Span) -> Reason | None:
    """Another protocol, which its octets show."""
    octets, outer = span.octets(walk.data), walk.outer
    port = name_service(outer.source_port, outer.destination_port)
    if port and holds_name(octets, port, walk.settings.names):
        return Reason.NAME
    return Reason.STUN if octets[4:8] == teredo.STUN_COOKIE else None


# IPv6 behind nothing, or behind Teredo's indicators


def _ipv6(walk: Walk, span: Span) -> _Guess | Reason:
    """IPv6 in a UDP payload, on whatever port; the reason why it is none."""
    length, outer = span.length, walk.outer
    if length < ipv6.HEADER_LENGTH:
        walk.trace.check("datagram is long enough for IPv6", False)
        return Reason.UDP_SHORT
    try:
        packet = teredo_wire.parse(span.octets(walk.data))
    except DecodeError as error:
        walk.trace.check("payload is [authentication] [origin] IPv6", False)
        return span.unread(error, Reason.UDP)
    offset = span.start + packet.ipv6_offset
    inner = walk.summary(span, offset, packet.header)
    candidate = Candidate(
        packet=packet,
        inner=inner,
        outer=outer,
        rest=length - packet.ipv6_offset,
        whole=not span.missing,
        prefixes=teredo.advertised_prefixes(inner, walk.data, span.end),
    )
    walk.trace.layer("teredo", span.start, packet)
    verdict = teredo.judge(candidate, walk.settings, walk.trace)
    if isinstance(verdict, Reason):
        return verdict
    if verdict.kind is Kind.IP6_IN_UDP:
        verdict = bare.name(verdict, inner, outer)
    return _Guess(verdict, span, candidate)


def _write(walk: Walk, guess: _Guess) -> Next | Reason:
    candidate = guess.candidate
    walk.inner = candidate.inner
    if guess.verdict.kind is Kind.TEREDO:
        walk.push(Layer.TEREDO)
    fields = _teredo_fields(candidate.packet, guess.span.start, candidate)
    return walk.tunnel(guess.verdict, Transport.UDP, guess.span, **fields)


def _teredo_fields(packet: teredo_wire.Packet, start: int, candidate: Candidate) -> dict[str, Any]:
    """The Teredo parts of a row; ``start`` is where the UDP payload begins in the frame."""
    inner = candidate.inner
    fields: dict[str, Any] = {"tail_length": packet.unparsed}
    if packet.authentications:
        first = packet.authentications[0]
        fields |= {
            "has_auth": 1,
            "auth_offset": start + first.offset,
            "auth_id_length": len(first.identifier),
            "auth_value_length": len(first.value),
            "auth_confirmation": first.confirmation,
            "nonce": first.nonce,
        }
    if packet.origins:
        # The last one stands next to the packet: it is what a client that skips doubles acts on.
        last = packet.origins[-1]
        fields |= {"has_origin": 1, "origin_ip": last.ip, "origin_port": last.port}
    if packet.trailers:
        fields |= {
            "trailers_offset": inner.offset + inner.length,
            "trailer_count": len(packet.trailers),
        }
    return fields


# schemes whose own octets tell


def _scheme(walk: Walk, span: Span) -> Next | Reason | None:
    found = _ayiya(walk, span)
    if found is not None:
        return found
    setup = tsp.judge_datagram(span.octets(walk.data), walk.outer, walk.trace)
    if setup is not None:
        return _control(walk, setup, Layer.TSP, span)
    if bare.is_sixa44_bubble(span.length, walk.outer):
        return walk.control(bare.judge_bubble(walk.outer), Transport.UDP, span)
    return None


def _control(walk: Walk, verdict: Verdict, layer: Layer, span: Span) -> Reason:
    if not walk.push(layer):
        return Reason.TOO_MANY_LAYERS
    return walk.control(verdict, Transport.UDP, span)


def _ayiya(walk: Walk, span: Span) -> Next | Reason | None:
    """AYIYA, on whatever port (draft-massar-v6ops-ayiya section 4)."""
    cursor = span.cursor(walk.data)
    try:
        header = ayiya_wire.parse(cursor)
    except DecodeError:
        return None
    if not header.sound:
        return None
    walk.trace.check("is an AYIYA header", True)
    carried = span.after(cursor.position)
    if header.next_header == IPV4_INSIDE:
        if not ip_header(walk, carried):
            return None
        walk.trace.layer("ayiya", span.start, header)
        return walk.pushed(Layer.AYIYA, Next(Step.IPV4, carried))
    time, outer = walk.frame.time, walk.outer
    found = inner_packet(walk, carried) if header.next_header == IPV6_INSIDE else None
    if isinstance(found, DecodeError) and not (found.reason == "truncated" and span.missing):
        return None
    if isinstance(found, tuple):
        inner, carried = found
        verdict = ayiya.judge(header, inner, carried.length, outer, time)
    else:
        verdict = ayiya.judge_control(header, carried.length, outer, time)
    if verdict.confidence is Confidence.WEAK:
        return None
    walk.trace.layer("ayiya", span.start, header)
    if not isinstance(found, tuple):
        return _control(walk, verdict, Layer.AYIYA, span)
    walk.push(Layer.AYIYA)
    return walk.tunnel(verdict, Transport.UDP, carried)
