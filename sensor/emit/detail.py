"""One frame in full: every layer with its offset and fields, every check, and a verdict."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol, runtime_checkable

from sensor.emit.frameline import icmpv6_text, message_text, trailer_text
from sensor.emit.rows import embedded
from sensor.emit.texts import endpoint_text, mac_text, protocol_text
from sensor.errors import DecodeError
from sensor.schema.records import Endpoint
from sensor.schema.rows import Observation
from sensor.schema.words import Anomaly, Confidence, Evidence, Kind, Reason, TeredoPacket
from sensor.wire import icmpv6, ipv6, teredo
from sensor.wire.addresses import (
    SixRdDomain,
    TeredoAddress,
    isatap,
    parse_identifier,
    parse_teredo,
    server_link_local,
    sixtofour,
    text,
)
from sensor.wire.ipv4 import IPv4Header
from sensor.wire.ipv6 import Chain, IPv6Header
from sensor.wire.link import Link
from sensor.wire.tcp import flags_text
from sensor.wire.udp import UDPHeader

WIDTH = 100
_OFFSET = 6
_NAME = 24
_TCP, _UDP, _ICMPV6 = 6, 17, 58

_EXTENSIONS = {
    ipv6.HOP_BY_HOP: "hop-by-hop",
    ipv6.ROUTING: "routing",
    ipv6.FRAGMENT: "fragment",
    ipv6.AUTHENTICATION: "authentication",
    ipv6.DESTINATION: "destination",
    ipv6.MOBILITY: "mobility",
    ipv6.HIP: "hip",
    ipv6.SHIM6: "shim6",
}

Field = tuple[str, str]


@runtime_checkable
class Layer(Protocol):
    """A layer that the walk through the frame met."""

    @property
    def name(self) -> str: ...
    @property
    def offset(self) -> int: ...
    @property
    def header(self) -> object: ...


@runtime_checkable
class Check(Protocol):
    """A check that the walk made."""

    @property
    def name(self) -> str: ...
    @property
    def passed(self) -> bool: ...


@runtime_checkable
class InnerPacket(Protocol):
    """The packet inside a tunnel layer."""

    @property
    def header(self) -> IPv6Header: ...
    @property
    def chain(self) -> Chain: ...
    @property
    def checksum(self) -> bool | None: ...


def detail(
    steps: Sequence[Layer | Check],
    rows: Sequence[Observation],
    data: bytes,
    sixrd: Sequence[SixRdDomain],
) -> Iterator[str]:
    """Every layer and check of one frame, no line over WIDTH columns.

    ``steps`` are what the walk through ``data`` met, in order; ``rows`` what it wrote, one for
    each inner packet among the steps, whether it was believed in the end or not, and one for each
    packet of a tunnel without any.
    """
    yield f"{'OFFSET':>{_OFFSET}}  LAYER"
    written = iter([row for row in rows if row.inner_length])
    behind: list[str] = []
    for i, step in enumerate(steps):
        if isinstance(step, Check):
            answer = "yes" if step.passed else "no"
            yield from wrapped(f"{'':{_OFFSET}}  {answer:<3}  ", step.name)
        elif isinstance(step.header, InnerPacket):
            row = next(written, None)
            if row is None:  # in a quotation, and not believed
                yield _heading(step.offset, "perhaps ipv6")
                continue
            yield from _inner(step.offset, step.header, row, data, sixrd)
            yield from behind
            behind = []
        elif isinstance(step.header, teredo.Packet):
            told = any(isinstance(later, Layer) for later in steps[i + 1 :])
            yield from _indicators(step.offset, step.header)
            behind = list(_trailers(step.offset, step.header))
            if not told:
                yield from _would_be(step.offset, step.header)
        else:
            yield from _carrier(step)
    yield from behind
    for row in rows:
        if not row.inner_length:
            yield _heading(row.payload_offset, message_text(row, data))
            yield from _oddities(row)


def _heading(offset: int, name: str) -> str:
    return f"{offset:>{_OFFSET}}  {name}"


def _lines(fields: Iterable[Field]) -> Iterator[str]:
    for name, value in fields:
        yield from wrapped(f"{'':{_OFFSET}}    {name:<{_NAME}}", value)


def wrapped(prefix: str, value: str) -> Iterator[str]:
    """``value`` behind ``prefix``, on more lines where WIDTH is not enough."""
    lines = textwrap.wrap(value, WIDTH - len(prefix), break_on_hyphens=False) or [""]
    for i, line in enumerate(lines):
        yield f"{prefix if i == 0 else ' ' * len(prefix)}{line}".rstrip()


# layers around the tunnel


def _carrier(layer: Layer) -> Iterator[str]:
    match layer.header:
        case Link() as header:
            name, fields = " ".join(header.layers) or "no link layer", _link(header)
        case IPv4Header() as header:
            name, fields = "ipv4", _ipv4(header)
        case IPv6Header() as header:
            name, fields = "ipv6", _ipv6(header)
        case UDPHeader() as header:
            name, fields = "udp", _udp(header)
        case header:
            name, fields = layer.name, _plain(header)
    yield _heading(layer.offset, name)
    yield from _lines(fields)


def _plain(header: object) -> list[Field]:
    """What a header says, by the names of its fields."""
    names: tuple[str, ...] = getattr(header, "__match_args__", ())
    found = [(name.replace("_", " "), getattr(header, name)) for name in names]
    return [(name, _value(value)) for name, value in found if value is not None]


def _value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return (value.hex() or "none") if isinstance(value, bytes) else str(value)


def _link(header: Link) -> list[Field]:
    fields = [("protocol", f"0x{header.protocol:04x}")]
    if header.vlans:
        fields.append(("vlan", " ".join(map(str, header.vlans))))
    for name, address in (("destination", header.destination), ("source", header.source)):
        if address is not None:
            fields.append((name, mac_text(address)))
    return fields


def _ipv4(header: IPv4Header) -> list[Field]:
    flags = "DF " * header.dont_fragment + "MF " * header.more_fragments
    return [
        ("source", text(header.source)),
        ("destination", text(header.destination)),
        ("protocol", _protocol(header.protocol)),
        ("time to live", str(header.ttl)),
        ("identification", f"0x{header.identification:04x}"),
        ("fragment", f"{flags}offset {header.fragment_offset}"),
        ("type of service", f"0x{header.tos:02x}"),
        ("header, total length", f"{header.header_length}, {header.total_length}"),
    ]


def _ipv6(header: IPv6Header) -> list[Field]:
    return [
        *_address("source", header.source),
        *_address("destination", header.destination),
        ("next header", _protocol(header.next_header)),
        ("hop limit", str(header.hop_limit)),
        ("class, flow label", f"0x{header.traffic_class:02x}, 0x{header.flow_label:05x}"),
        ("payload length", str(header.payload_length)),
    ]


def _udp(header: UDPHeader) -> list[Field]:
    return [
        ("source port", str(header.source_port)),
        ("destination port", str(header.destination_port)),
        ("length", str(header.length)),
        ("checksum", f"0x{header.checksum:04x}" if header.checksum else "0: none"),
    ]


_PROTOCOLS = {1: "icmp", 4: "ipv4", 41: "ipv6", 47: "gre", 59: "no next header"}


def _protocol(number: int) -> str:
    name = _PROTOCOLS.get(number) or _EXTENSIONS.get(number) or protocol_text(number)
    return f"{number} {name}" if name != str(number) else name


# the payload of UDP, read as Teredo


def _indicators(start: int, packet: teredo.Packet) -> Iterator[str]:
    yield _heading(start, "udp payload, read as [authentication] [origin] ipv6 [trailers]")
    for authentication in packet.authentications:
        yield _heading(start + authentication.offset, "authentication")
        yield from _lines(_authentication(authentication))
    for origin in packet.origins:
        yield _heading(start + origin.offset, "origin indication")
        yield from _lines([("mapped", _endpoint(origin.ip, origin.port))])


def _would_be(start: int, packet: teredo.Packet) -> Iterator[str]:
    """The header of a packet that is none in the end."""
    yield _heading(start + packet.ipv6_offset, "what would be the ipv6 header")
    yield from _lines(_ipv6(packet.header))


def _trailers(start: int, packet: teredo.Packet) -> Iterator[str]:
    for trailer in packet.trailers:
        yield _heading(start + trailer.offset, f"trailer: {trailer_text(trailer)}")
    if packet.unparsed:
        yield from _lines([("behind it", f"{packet.unparsed} bytes that are no trailers")])


def _authentication(authentication: teredo.Authentication) -> list[Field]:
    return [
        ("nonce", authentication.nonce.hex()),
        ("confirmation", str(authentication.confirmation)),
        ("identifier", authentication.identifier.hex() or "none"),
        ("authentication value", authentication.value.hex() or "none"),
    ]


def _endpoint(ip: bytes, port: int) -> str:
    return endpoint_text(Endpoint(ip, port)) if port else f"{text(ip)}:0"


# the packet inside


def _inner(
    offset: int,
    inner: InnerPacket,
    row: Observation,
    data: bytes,
    sixrd: Sequence[SixRdDomain],
) -> Iterator[str]:
    yield _heading(offset, f"{_name(row)}: inner ipv6")
    yield from _lines(_ipv6(inner.header))
    yield from _lines(_extensions(inner.chain))
    # The others stand beside their addresses.
    others = [found for found in embedded(row, sixrd) if found["scheme"] not in _BESIDE]
    yield from _lines([(f"{found['role']} {found['scheme']}", found["ip"]) for found in others])
    if row.has_transport:
        yield _heading(inner.chain.position, protocol_text(inner.chain.transport))
        yield from _lines(_transport(row))
        yield from _lines([("checksum", _CHECKSUMS[inner.checksum])])
        end = offset + ipv6.HEADER_LENGTH + inner.header.payload_length
        yield from _lines(_router_message(row, data[inner.chain.position + 4 : end]))
    yield from _oddities(row)


def _oddities(row: Observation) -> Iterator[str]:
    if anomalies := Anomaly(row.anomalies).words:
        yield from _lines([("odd", ", ".join(anomalies))])


_BESIDE = ("6to4", "isatap")


def _name(row: Observation) -> str:
    if row.kind == Kind.TEREDO:
        return f"Teredo {TeredoPacket(row.teredo_packet).text}"
    return Kind(row.kind).text


def _extensions(chain: Chain) -> Iterator[Field]:
    if chain.headers:
        names = (_EXTENSIONS.get(header, str(header)) for header in chain.headers)
        yield "extension headers", " ".join(names)
    if chain.fragment is not None:
        fragment = chain.fragment
        more = "more follow" if fragment.more else "the last"
        yield "fragment", f"0x{fragment.identification:08x} at {fragment.offset}, {more}"


_CHECKSUMS = {True: "right", False: "wrong", None: "not to be told"}


def _transport(row: Observation) -> list[Field]:
    fields: list[Field] = []
    if row.inner_transport in (_TCP, _UDP):
        ports = f"{row.inner_source_port} > {row.inner_destination_port}"
        fields.append(("ports", ports))
    if row.inner_transport == _TCP:
        fields.append(("flags", flags_text(row.tcp_flags) or "none"))
        numbers = f"{row.tcp_sequence}, {row.tcp_acknowledgement}"
        fields.append(("sequence, acknowledged", numbers))
    if row.inner_transport == _ICMPV6:
        fields.append(("type, code", f"{row.icmp_type}, {row.icmp_code}: {icmpv6_text(row)}"))
    return [*fields, ("payload", f"{row.payload_length} bytes")]


def _router_message(row: Observation, body: bytes) -> Iterator[Field]:
    """What a client learns or tells while it qualifies (RFC 4380 section 5.2.1)."""
    if row.inner_transport != _ICMPV6:
        return
    try:
        if row.icmp_type == icmpv6.ROUTER_ADVERTISEMENT:
            advertisement = icmpv6.parse_router_advertisement(body)
            for found in advertisement.prefixes:
                yield "advertised prefix", f"{text(found.prefix)}/{found.prefix_length}"
            if advertisement.mtu is not None:
                yield "advertised MTU", str(advertisement.mtu)
        elif row.icmp_type == icmpv6.ROUTER_SOLICITATION:
            for option in icmpv6.parse_router_solicitation(body).options:
                yield from _previous_mapping(option)
    except DecodeError as error:
        yield "options", f"damaged: {error.reason}"


def _previous_mapping(option: icmpv6.Option) -> Iterator[Field]:
    """Windows XP solicits with the identifier of the address it had before."""
    if option.type == icmpv6.OPTION_SOURCE_LINK_LAYER and len(option.data) == _XP_OPTION:
        identifier = parse_identifier(option.data[-8:])
        yield "address before", _endpoint(identifier.ip, identifier.port)


_XP_OPTION = 14  # six zero octets and the identifier


def _address(name: str, address: bytes) -> Iterator[Field]:
    yield name, text(address)
    found = parse_teredo(address)
    if found is not None:
        yield "  Teredo server", text(found.server)
        yield "  Teredo mapped", _endpoint(found.ip, found.port)
        yield "  Teredo flags", flag_words(found)
    for scheme, ip in (
        ("Teredo server", server_link_local(address)),
        ("6to4", sixtofour(address)),
        ("ISATAP", isatap(address)),
    ):
        if ip is not None:
            yield f"  {scheme}", text(ip)


def flag_words(address: TeredoAddress) -> str:
    """The flags of a Teredo address, bit by bit (RFC 5991 section 3.1)."""
    flags = address.flags
    return (
        f"0x{flags:04x}: C {flags >> 15} z {flags >> 14 & 1} R1 {flags >> 10 & 15:04b}"
        f" U {flags >> 9 & 1} G {flags >> 8 & 1} R2 {flags & 255:08b}"
        + (" (prefix 3ffe:831f::/32)" if address.legacy else "")
    )


# the end


def verdict(reason: Reason, rows: Sequence[Observation]) -> str:
    """What a frame is, and why that is believed; ``rows`` are those that are shown."""
    tunnels = [row for row in rows if row.kind != Kind.NONE]
    if tunnels and reason in (Reason.TUNNELLED, Reason.COPY):
        return f"{_copy(tunnels[0])}{_tunnel(tunnels)}."
    told = f"{'unreadable' if reason.unreadable else 'no tunnel'}: {reason.sentence}"
    return f"{told}: {_tunnel(tunnels)}." if tunnels else f"{told}."


def _copy(row: Observation) -> str:
    return f"a mirrored copy of frame {row.copy_of}: " if row.copy_of else ""


def _tunnel(rows: Sequence[Observation]) -> str:
    outermost = rows[0]
    what = " with ".join(_quotation(row, outermost) + _kind(row) for row in rows)
    because = ", ".join(word.replace("-", " ") for word in Evidence(outermost.reasons).words)
    return f"{what}; {Confidence(outermost.confidence).text}: {because}"


def _quotation(row: Observation, outermost: Observation) -> str:
    return "an error that quotes " if row.quoted > outermost.quoted else ""


def _kind(row: Observation) -> str:
    if row.kind == Kind.TEREDO:
        return f"a Teredo tunnel ({TeredoPacket(row.teredo_packet).text})"
    if row.kind == Kind.IP6_IN_IP6:
        return "IPv6 in IPv6"
    return f"a tunnel of kind {Kind(row.kind).text}"
