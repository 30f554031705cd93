"""One tunnelled frame on one line, in the manner of tcpdump."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sensor.emit.rows import embedded, has_ports, outer_ip, own_layers, trailers
from sensor.emit.texts import endpoint_text, kind_name, protocol_text, time_text
from sensor.errors import DecodeError
from sensor.schema.records import Endpoint
from sensor.schema.rows import Observation
from sensor.schema.words import Anomaly, Kind, TeredoPacket, Transport
from sensor.wire import ayiya, icmpv6
from sensor.wire.addresses import SixRdDomain, parse_teredo, text
from sensor.wire.cursor import Cursor
from sensor.wire.tcp import flags_text
from sensor.wire.teredo import Trailer

_TCP, _ICMPV6 = 6, 58

ICMPV6_NAMES = {
    icmpv6.UNREACHABLE: "destination unreachable",
    icmpv6.TOO_BIG: "packet too big",
    icmpv6.TIME_EXCEEDED: "time exceeded",
    icmpv6.PARAMETER_PROBLEM: "parameter problem",
    icmpv6.ECHO_REQUEST: "echo request",
    icmpv6.ECHO_REPLY: "echo reply",
    icmpv6.ROUTER_SOLICITATION: "router solicitation",
    icmpv6.ROUTER_ADVERTISEMENT: "router advertisement",
    icmpv6.NEIGHBOUR_SOLICITATION: "neighbour solicitation",
    icmpv6.NEIGHBOUR_ADVERTISEMENT: "neighbour advertisement",
    icmpv6.REDIRECT: "redirect",
}


def text_line(
    label: str, rows: Sequence[Observation], data: bytes, sixrd: Sequence[SixRdDomain]
) -> str:
    """The line of one frame, without its end.

    ``label`` names the frame; ``rows`` are its tunnel layers, outermost first, at least one;
    ``data`` its octets. Holds nothing but printable characters if ``label`` does.
    """
    own = own_layers(rows)
    parts = [part for row in own for part in (_carrier(row), _tunnel(row, data, sixrd)) if part]
    if own[-1].inner_length:
        parts.append(_inner(own[-1]))
    line = f"{label} {moment(rows[0].time)} {': '.join(parts)}"
    if notes := list(_notes(rows)):
        line += f" [{'; '.join(notes)}]"
    return line


def moment(nanoseconds: int) -> str:
    """Date and time in UTC as a person reads them, to the microsecond."""
    return f"{time_text(nanoseconds)[:26]}Z".replace("T", " ")


def _carrier(row: Observation) -> str:
    if not row.outer_version:
        return ""
    source = outer_ip(row.outer_source, row.outer_version)
    destination = outer_ip(row.outer_destination, row.outer_version)
    protocol = "IP6" if row.outer_version == 6 else "IP"
    if row.outer_transport not in (Transport.UDP, Transport.TCP):
        return f"{protocol} {text(source)} > {text(destination)}"
    return (
        f"{protocol} {text(source)}.{row.outer_source_port}"
        f" > {text(destination)}.{row.outer_destination_port}"
    )


def _tunnel(row: Observation, data: bytes, sixrd: Sequence[SixRdDomain]) -> str:
    if not row.inner_length:
        return message_text(row, data)
    details = list(_details(row, data, sixrd))
    name = Kind(row.kind).text
    if row.kind == Kind.TEREDO:
        name = f"Teredo {TeredoPacket(row.teredo_packet).text}"
    return f"{name} ({', '.join(details)})" if details else name


# Opcodes of AYIYA (draft-massar-v6ops-ayiya); what is forwarded has an inner packet,
# but it need not be IPv6.
_AYIYA_MESSAGES = {
    ayiya.NOOP: "no-op",
    ayiya.FORWARD: "packet in which no IPv6 can be read",
    ayiya.ECHO: "echo request",
    ayiya.ECHO_FORWARD: "echo request",
    ayiya.ECHO_REPLY: "echo reply",
    ayiya.MOTD: "message of the day",
    ayiya.QUERY: "query",
    ayiya.QUERY_REPLY: "query reply",
}


def message_text(row: Observation, data: bytes) -> str:
    """What a packet without an inner one is for, as far as the frame's octets tell."""
    name = kind_name(Kind(row.kind))
    match row.kind:
        case Kind.NONE:
            return "more layers than the limit before any tunnel, not followed"
        case Kind.AYIYA:
            return f"{name} {_ayiya_message(row, data)}"
        case Kind.TSP:
            return f"{name} setup"
        case Kind.SIXA44:
            return f"{name} bubble"
    return f"{name} without a whole inner header"


def _ayiya_message(row: Observation, data: bytes) -> str:
    try:
        opcode = ayiya.parse(Cursor(data, row.payload_offset)).opcode
    except DecodeError:
        return "message"  # cut, or put together from fragments that are not at hand
    return _AYIYA_MESSAGES.get(opcode, f"message {opcode}")


def _details(row: Observation, data: bytes, sixrd: Sequence[SixRdDomain]) -> Iterator[str]:
    if row.outer_key:
        yield f"key {row.outer_key}"
    if row.has_auth:
        yield f"nonce {row.nonce.hex()}"
    if row.auth_confirmation:
        yield f"confirmation {row.auth_confirmation}"
    if row.has_origin:
        yield f"origin {_endpoint(row.origin_ip, row.origin_port)}"
    for trailer in trailers(row, data):
        yield trailer_text(trailer)
    if row.kind == Kind.TEREDO:
        for role, address in (("src", row.inner_source), ("dst", row.inner_destination)):
            if decoded := parse_teredo(address):
                mapped = _endpoint(decoded.ip, decoded.port)
                yield f"{role} mapped {mapped} server {text(decoded.server)}"
    for found in embedded(row, sixrd):
        yield f"{found['role']} {found['scheme']} {found['ip']}"


def _endpoint(ip: bytes, port: int) -> str:
    return endpoint_text(Endpoint(ip, port)) if port else f"{text(ip)}:0"


def trailer_text(trailer: Trailer) -> str:
    """One trailer in a few words (RFC 6081 section 4)."""
    if trailer.addresses:
        return f"{trailer.name} " + " ".join(_endpoint(ip, port) for ip, port in trailer.addresses)
    if trailer.port is not None:
        return f"{trailer.name} {trailer.port}"
    name = trailer.name if trailer.name != "unknown" else f"trailer 0x{trailer.type:02x}"
    return f"{name} {trailer.value.hex()}".rstrip()


def _inner(row: Observation) -> str:
    source, destination = text(row.inner_source), text(row.inner_destination)
    if has_ports(row):
        source += f".{row.inner_source_port}"
        destination += f".{row.inner_destination_port}"
    return f"IP6 {source} > {destination}: {', '.join(_payload(row))}"


def _payload(row: Observation) -> Iterator[str]:
    if row.inner_transport == _ICMPV6 and row.has_transport:
        yield f"icmp6 {icmpv6_text(row)}"
    elif row.inner_transport == _TCP and row.has_transport:
        yield f"tcp {flags_text(row.tcp_flags) or 'no flags'}"
    else:
        yield _TRANSPORT_TEXTS.get(protocol := protocol_text(row.inner_transport), protocol)
    if row.has_fragment:
        more = "+" if row.fragment_more else ""
        yield f"fragment 0x{row.fragment_id:08x} at {row.fragment_offset}{more}"
    if row.payload_length:
        yield f"length {row.payload_length}"
    yield f"hlim {row.hop_limit}"


_TRANSPORT_TEXTS = {"none": "no next header", "ipv6-icmp": "icmp6"}


def icmpv6_text(row: Observation) -> str:
    """The message's name, or its numbers where it has no name or a code."""
    name = ICMPV6_NAMES.get(row.icmp_type, f"type {row.icmp_type}")
    return f"{name} code {row.icmp_code}" if row.icmp_code else name


def _notes(rows: Sequence[Observation]) -> Iterator[str]:
    anomalies = Anomaly(0)
    for row in own_layers(rows):
        anomalies |= Anomaly(row.anomalies)
    if anomalies:
        yield ", ".join(sorted(anomalies.words))
    if rows[0].quoted:
        yield "quoted in an ICMP error"
    elif rows[-1].quoted:
        quoted = next(row for row in rows if row.quoted)
        yield f"quotes {kind_name(Kind(quoted.kind))} {_carrier(quoted)}"
    if rows[0].copy_of:
        yield f"copy of frame {rows[0].copy_of}"
