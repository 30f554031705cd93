"""Observation rows field by field, and a sensor that is shown them one after another.

One made-up network: CLIENT behind a NAT is MAPPED outside, SERVER and SECOND are two addresses of
Teredo servers, RELAY leads to the native host NATIVE, TEREDO is the client's own address.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from sensor.decode.scalar import Frame, decode_frame
from sensor.decode.settings import DecodeSettings
from sensor.schema.records import Change, ExposureRecord, FlowRecord, TunnelRecord
from sensor.schema.rows import STACK_LIMIT, Observation, pack, unpack
from sensor.schema.words import (
    Anomaly,
    Confidence,
    EventType,
    Evidence,
    Kind,
    Layer,
    TeredoPacket,
    Transport,
    Vantage,
)
from sensor.track.conversation import ICMPV6, TCP, UDP
from sensor.track.layout import Event
from sensor.track.scalar import Table
from sensor.track.settings import TrackLimits, TrackSettings
from sensor.track.tracker import Tracker
from sensor.wire import icmpv6, ipv4, ipv6, teredo
from sensor.wire import tcp as tcp_wire
from sensor.wire import udp as udp_wire
from sensor.wire.addresses import (
    ALL_ROUTERS,
    TeredoAddress,
    build_server_link_local,
    packed,
)

End = tuple[bytes, int]
Record = TypeVar("Record", TunnelRecord, ExposureRecord, FlowRecord)

SECOND_NS = 1_000_000_000
START = 1_700_000_040 * SECOND_NS  # a whole minute, so that no sweep falls between by chance

CLIENT: End = (packed("192.168.0.2"), 41658)
NEIGHBOUR: End = (packed("192.168.0.3"), 50123)
MAPPED: End = (packed("203.0.113.2"), 41658)
OTHER_MAPPED: End = (packed("203.0.113.2"), 50999)
SERVER: End = (packed("198.51.100.1"), 3544)
SECOND: End = (packed("198.51.100.2"), 3544)
RELAY: End = (packed("192.0.2.10"), 3545)
STRANGER: End = (packed("192.0.2.66"), 1025)
PUBLIC: End = (packed("203.0.113.5"), 0)
BROKER: End = (packed("192.0.2.4"), 0)
PRIVATE: End = (packed("10.0.0.7"), 0)

NATIVE = packed("2a00:db8::2")
NATIVE2 = packed("2a00:db8::3")
SITE = packed("2a00:db8:1::9")
LINK_LOCAL = packed("fe80::ffff:ffff:ffff")
CONE_LOCAL = packed("fe80::8000:ffff:ffff:ffff")
NONCE = bytes.fromhex("0102030405060708")
NONCE2 = bytes.fromhex("1112131415161718")

SYN, ACK, RST, FIN = tcp_wire.SYN, tcp_wire.ACK, tcp_wire.RST, tcp_wire.FIN


def seconds(at: float) -> int:
    """Packet time so many seconds after the start."""
    return START + round(at * SECOND_NS)


def address_of(mapped: End = MAPPED, server: End = SERVER, flags: int = 0) -> bytes:
    return TeredoAddress(server[0], flags, mapped[1], mapped[0], legacy=False).build()


TEREDO = address_of()

_BLANK = Observation._make(
    [0] * (len(Observation._fields) - 7)
    + [bytes(8), bytes(4), bytes(16), bytes(16), bytes(16), bytes(16), bytes(STACK_LIMIT)]
)


def row(source: End, destination: End, **fields: Any) -> Observation:
    """A row of a Teredo data packet between two outer ends, with the fields given."""
    made = _BLANK._replace(
        kind=Kind.TEREDO,
        kinds=1 << Kind.TEREDO,
        confidence=Confidence.STRONG,
        reasons=int(Evidence.EXACT_LENGTH | Evidence.CHECKSUM | Evidence.TEREDO_ADDRESS),
        teredo_packet=TeredoPacket.DATA,
        outer_version=4 if len(source[0]) == 4 else 6,
        outer_transport=Transport.UDP,
        outer_source=source[0].ljust(16, b"\0"),
        outer_destination=destination[0].ljust(16, b"\0"),
        outer_source_port=source[1],
        outer_destination_port=destination[1],
        inner_source=TEREDO,
        inner_destination=NATIVE,
        inner_length=40,
        wire_length=100,
        captured_length=100,
        hop_limit=64,
        stack=bytes([Layer.IPV4]).ljust(STACK_LIMIT, b"\0"),
        stack_length=1,
    )._replace(**fields)
    return made if made.inner_digest else made._replace(inner_digest=_digest(made))


def _digest(made: Observation) -> int:
    """Of everything inside, so that equal packets have equal digests."""
    inner = made._replace(
        frame=0, time=0, source=0, outer_id=0, outer_source=b"", outer_destination=b"",
        outer_source_port=0, outer_destination_port=0, hop_limit=0,
        nonce=b"", has_auth=0, has_origin=0, origin_ip=b"", origin_port=0,
    )  # fmt: skip
    return int.from_bytes(hashlib.sha256(repr(inner).encode()).digest()[:8])


def solicitation(
    client: End = CLIENT, server: End = SERVER, nonce: bytes | None = NONCE, cone: bool = False
) -> Observation:
    return row(
        client,
        server,
        teredo_packet=TeredoPacket.ROUTER_SOLICITATION,
        reasons=int(Evidence.GRAMMAR | Evidence.ROUTER_SOLICITATION),
        inner_source=CONE_LOCAL if cone else LINK_LOCAL,
        inner_destination=ALL_ROUTERS,
        inner_transport=ICMPV6,
        has_transport=1,
        icmp_type=icmpv6.ROUTER_SOLICITATION,
        has_auth=int(nonce is not None),
        nonce=nonce or bytes(8),
    )


def advertisement(
    client: End = CLIENT,
    server: End = SERVER,
    nonce: bytes | None = NONCE,
    origin: End | None = MAPPED,
    confirmation: int = 0,
) -> Observation:
    return row(
        server,
        client,
        teredo_packet=TeredoPacket.ROUTER_ADVERTISEMENT,
        reasons=int(Evidence.GRAMMAR | Evidence.ROUTER_ADVERTISEMENT),
        inner_source=build_server_link_local(server[0]),
        inner_destination=LINK_LOCAL,
        inner_transport=ICMPV6,
        has_transport=1,
        icmp_type=icmpv6.ROUTER_ADVERTISEMENT,
        has_auth=int(nonce is not None),
        nonce=nonce or bytes(8),
        auth_confirmation=confirmation,
        has_origin=int(origin is not None),
        origin_ip=origin[0] if origin else bytes(4),
        origin_port=origin[1] if origin else 0,
    )


def bubble(
    source: End, destination: End, inner_source: bytes = TEREDO, inner_destination: bytes = NATIVE
) -> Observation:
    return row(
        source,
        destination,
        teredo_packet=TeredoPacket.BUBBLE,
        reasons=int(Evidence.BUBBLE | Evidence.TEREDO_ADDRESS),
        inner_source=inner_source,
        inner_destination=inner_destination,
        inner_transport=ipv6.NO_NEXT_HEADER,
    )


def tcp(
    source: End,
    destination: End,
    inner_source: bytes,
    inner_destination: bytes,
    ports: tuple[int, int],
    flags: int = SYN,
    **fields: Any,
) -> Observation:
    values = {"tcp_sequence": 1000, "inner_length": 60} | fields
    return row(
        source,
        destination,
        inner_source=inner_source,
        inner_destination=inner_destination,
        inner_transport=TCP,
        has_transport=1,
        inner_source_port=ports[0],
        inner_destination_port=ports[1],
        tcp_flags=flags,
        **values,
    )


def udp(
    source: End,
    destination: End,
    inner_source: bytes,
    inner_destination: bytes,
    ports: tuple[int, int],
    **fields: Any,
) -> Observation:
    return row(
        source,
        destination,
        inner_source=inner_source,
        inner_destination=inner_destination,
        inner_transport=UDP,
        has_transport=1,
        inner_source_port=ports[0],
        inner_destination_port=ports[1],
        **({"inner_length": 60, "payload_length": 12} | fields),
    )


def echo(
    source: End,
    destination: End,
    inner_source: bytes,
    inner_destination: bytes,
    kind: int,
    identifier: int = 7,
    sequence: int = 9,
    **fields: Any,
) -> Observation:
    return row(
        source,
        destination,
        inner_source=inner_source,
        inner_destination=inner_destination,
        inner_transport=ICMPV6,
        has_transport=1,
        icmp_type=kind,
        inner_source_port=identifier,
        icmp_sequence=sequence,
        **fields,
    )


def connectivity_test(identifier: int = 7, sequence: int = 9, to: bytes = NATIVE) -> Observation:
    return echo(
        CLIENT,
        SERVER,
        TEREDO,
        to,
        icmpv6.ECHO_REQUEST,
        identifier,
        sequence,
        teredo_packet=TeredoPacket.CONNECTIVITY_TEST,
    )


def direct(made: Observation, kind: Kind = Kind.SIXINFOUR) -> Observation:
    """The same inner packet directly in IPv4, protocol 41."""
    return made._replace(
        kind=kind,
        kinds=1 << kind,
        confidence=Confidence.CERTAIN,
        reasons=int(Evidence.PROTOCOL_41 | Evidence.EXACT_LENGTH),
        teredo_packet=TeredoPacket.NONE,
        outer_transport=Transport.IPV6,
        outer_source_port=0,
        outer_destination_port=0,
    )


def bare(made: Observation, confidence: Confidence = Confidence.WEAK) -> Observation:
    """The same inner packet in UDP without a sign of Teredo."""
    return made._replace(
        kind=Kind.IP6_IN_UDP,
        kinds=1 << Kind.IP6_IN_UDP,
        confidence=confidence,
        reasons=int(Evidence.EXACT_LENGTH),
        teredo_packet=TeredoPacket.NONE,
    )


def gre(made: Observation, key: int = 0) -> Observation:
    """The same inner packet in GRE."""
    return direct(made, Kind.GRE6)._replace(
        outer_transport=Transport.GRE,
        outer_key=key,
        reasons=int(Evidence.GRE | Evidence.EXACT_LENGTH),
    )


def named(made: Observation, kind: Kind) -> Observation:
    """The same inner packet in UDP with a sign of another kind than Teredo."""
    data = 1 << Kind.V6UDPV4 if kind == Kind.TSP else 0
    return bare(made, Confidence.STRONG)._replace(kind=kind, kinds=1 << kind | data)


def message(source: End, destination: End, kind: Kind = Kind.AYIYA, **fields: Any) -> Observation:
    """What a scheme says without an inner packet."""
    return row(
        source,
        destination,
        **(
            {
                "kind": kind,
                "kinds": 1 << kind,
                "reasons": int(Evidence.SCHEME_PORT),
                "teredo_packet": TeredoPacket.NONE,
                "inner_source": bytes(16),
                "inner_destination": bytes(16),
                "inner_length": 0,
                "hop_limit": 0,
            }
            | fields
        ),
    )


def unfollowed(source: End = CLIENT, destination: End = RELAY) -> Observation:
    """A frame of more layers than the limit, and no tunnel among them."""
    return message(
        source,
        destination,
        Kind.NONE,
        kinds=0,
        reasons=0,
        anomalies=int(Anomaly.TOO_MANY_LAYERS),
        outer_transport=Transport.NONE,
        outer_source_port=0,
        outer_destination_port=0,
    )


# One handshake with the client's TCP 8080 through the relay


def syn(port: int = 8080, remote: int = 49138, source: bytes = NATIVE, **more: Any) -> Observation:
    return tcp(RELAY, CLIENT, source, TEREDO, (remote, port), SYN, **more)


def syn_ack(port: int = 8080, remote: int = 49138, to: bytes = NATIVE, **more: Any) -> Observation:
    values = {"tcp_sequence": 5000, "tcp_acknowledgement": 1001} | more
    return tcp(CLIENT, RELAY, TEREDO, to, (port, remote), SYN | ACK, **values)


def ack(port: int = 8080, remote: int = 49138, source: bytes = NATIVE) -> Observation:
    return tcp(
        RELAY, CLIENT, source, TEREDO, (remote, port), ACK,
        tcp_sequence=1001, tcp_acknowledgement=5001,
    )  # fmt: skip


def rst(port: int = 8080, remote: int = 49138, to: bytes = NATIVE) -> Observation:
    return tcp(
        CLIENT, RELAY, TEREDO, to, (port, remote), RST | ACK,
        tcp_sequence=0, tcp_acknowledgement=1001,
    )  # fmt: skip


# Frames, for what is read again from octets


def datagram(source: End, destination: End, payload: bytes, identification: int = 0) -> bytes:
    """An IPv4 packet with a datagram; link type 101."""
    segment = udp_wire.build(source[0], destination[0], source[1], destination[1], payload)
    return ipv4.build(
        source[0], destination[0], udp_wire.PROTOCOL, segment, identification=identification
    )


def solicitation_frame(
    options: tuple[icmpv6.Option, ...] = (), client: End = CLIENT, server: End = SERVER
) -> bytes:
    message = icmpv6.build_router_solicitation(LINK_LOCAL, ALL_ROUTERS, options)
    packet = ipv6.build(LINK_LOCAL, ALL_ROUTERS, icmpv6.PROTOCOL, message, hop_limit=255)
    auth = teredo.build_authentication(NONCE)
    return datagram(client, server, teredo.encapsulate(packet, authentication=auth))


def advertisement_frame(
    origin: End = MAPPED,
    client: End = CLIENT,
    server: End = SERVER,
    named: End = SERVER,
    nonce: bytes = NONCE,
    prefixes: int = 1,
) -> bytes:
    """``named`` is the server in the prefix; of two prefixes the first is no Teredo prefix."""
    source = build_server_link_local(server[0])
    prefix = packed("2001::")[:4] + named[0] + bytes(8)
    kept = [prefix] if prefixes == 1 else [packed("2001:db8::"), prefix]
    information = tuple(
        icmpv6.PrefixInformation(64, 0x40, 0xFFFFFFFF, 0xFFFFFFFF, one) for one in kept[:prefixes]
    )
    message = icmpv6.build_router_advertisement(
        source, LINK_LOCAL, icmpv6.RouterAdvertisement(0, 0, 0, 0, 2000, information)
    )
    packet = ipv6.build(source, LINK_LOCAL, icmpv6.PROTOCOL, message, hop_limit=255)
    payload = teredo.encapsulate(
        packet,
        authentication=teredo.build_authentication(nonce),
        origin=teredo.build_origin(*origin),
    )
    return datagram(server, client, payload)


def unreachable_frame(quoted: bytes, client: End = CLIENT, relay: End = RELAY) -> bytes:
    """The client's own address says that what ``quoted`` asks for cannot be reached."""
    message = icmpv6.build_error(TEREDO, NATIVE, icmpv6.UNREACHABLE, 4, quoted)
    packet = ipv6.build(TEREDO, NATIVE, icmpv6.PROTOCOL, message)
    return datagram(client, relay, packet)


def tcp_packet(ports: tuple[int, int] = (49138, 8080)) -> bytes:
    """A SYN from the native host to the client."""
    segment = tcp_wire.build(NATIVE, TEREDO, *ports, sequence=1000, acknowledgement=0, flags=SYN)
    return ipv6.build(NATIVE, TEREDO, tcp_wire.PROTOCOL, segment)


def udp_packet(ports: tuple[int, int] = (5000, 161)) -> bytes:
    segment = udp_wire.build(NATIVE, TEREDO, *ports, b"question")
    return ipv6.build(NATIVE, TEREDO, udp_wire.PROTOCOL, segment)


def decoded(frame: bytes, link_type: int = 101) -> list[Observation]:
    """The rows that the decoder makes of a frame."""
    return decode_frame(Frame(frame, link_type, len(frame)), DecodeSettings())[1]


class Sensor:
    """A tracker that is shown rows and keeps every change."""

    def __init__(
        self,
        settings: TrackSettings | None = None,
        vantages: tuple[Vantage, ...] = (),
        **limits: int,
    ) -> None:
        base = settings or TrackSettings()
        self.settings = base._replace(limits=base.limits._replace(**limits))
        self.table = Table(self.settings, vantages)
        self.tracker = Tracker(self.settings, self.table, ("in.pcap", "out.pcap"))
        self.changes: list[Change] = []
        self.frame = 0
        self.now = START

    @property
    def limits(self) -> TrackLimits:
        return self.settings.limits

    @property
    def hits(self) -> dict[str, int]:
        return dict(self.table.limits_hit)

    def see(
        self,
        *frames: Observation | Sequence[Observation],
        at: float | None = None,
        data: bytes = b"",
    ) -> list[Change]:
        """Frames of one row, or of several where a sequence is given; 1 ms apart from ``at``.

        ``data`` are the octets of each. Returns what changed.
        """
        if at is not None:
            self.now = seconds(at)
        before = len(self.changes)
        for given in frames:
            rows = [given] if isinstance(given, Observation) else list(given)
            self.frame += 1
            packed_rows = pack(self._stamp(one) for one in rows)
            self.tracker.update(packed_rows, lambda _: data)
            self.seen = unpack(packed_rows)
            self.changes += self.tracker.take_changes()
            self.now += 1_000_000
        return self.changes[before:]

    def _stamp(self, one: Observation) -> Observation:
        """Another packet than those before, unless it has an IPv4 identification of its own."""
        return one._replace(frame=self.frame, time=self.now, outer_id=one.outer_id or self.frame)

    def see_frame(self, data: bytes, at: float | None = None, link_type: int = 101) -> list[Change]:
        """One frame from its octets."""
        return self.see(decoded(data, link_type), at=at, data=data)

    def sweep(self, at: float) -> list[Change]:
        before = len(self.changes)
        self.tracker.sweep(seconds(at))
        self.changes += self.tracker.take_changes()
        return self.changes[before:]

    def finish(self) -> list[Change]:
        before = len(self.changes)
        self.tracker.finish()
        self.changes += self.tracker.take_changes()
        return self.changes[before:]

    # what is known now

    def tunnels(self) -> list[TunnelRecord]:
        tracker = self.tracker
        return [tracker._tunnel(place).record(tracker.settings) for place in tracker.tunnels]

    def tunnel(self) -> TunnelRecord:
        """The only tunnel."""
        (only,) = self.tunnels()
        return only

    def exposures(self) -> list[ExposureRecord]:
        """Each exposure as it was documented last, in order of their first opening."""
        return list(latest(self.changes, ExposureRecord).values())

    def exposure(self) -> ExposureRecord:
        """The only exposure."""
        (only,) = self.exposures()
        return only


class Shown:
    """A table that is shown rows, each a frame of its own, 1 ms apart."""

    def __init__(self, **limits: int) -> None:
        self.table = Table(TrackSettings(limits=TrackLimits()._replace(**limits)))
        self.frame = 0
        self.now = START

    @property
    def hits(self) -> dict[str, int]:
        return dict(self.table.limits_hit)

    def see(self, *made: Observation, at: float | None = None) -> list[Event]:
        """All events; rows in one frame where they are nested."""
        if at is not None:
            self.now = seconds(at)
        rows = pack(map(self._stamp, made))
        events: list[Event] = []
        index = 0
        while index < len(rows):
            index, found = self.table.update(rows, index)
            events += found
            if EventType.CLOSED in types(found):
                self.table.drop_closed()
        return events

    def _stamp(self, one: Observation) -> Observation:
        if not one.depth:
            self.frame += 1
            self.now += 1_000_000
        return one._replace(frame=self.frame, time=self.now, outer_id=one.outer_id or self.frame)


def types(events: Iterable[Event]) -> list[EventType]:
    return [EventType(event.type) for event in events]


def latest(changes: Iterable[Change], kind: type[Record]) -> dict[str, Record]:
    found: dict[str, Record] = {}
    for change in changes:
        if isinstance(change.record, kind) and not isinstance(change.record, FlowRecord):
            found[change.record.id] = change.record
    return found


def actions(changes: Iterable[Change]) -> list[str]:
    return [change.action for change in changes]


def flows(changes: Iterable[Change]) -> list[FlowRecord]:
    return [change.record for change in changes if isinstance(change.record, FlowRecord)]


def proofs(exposure: ExposureRecord) -> list[tuple[int, str]]:
    return [(proof.frame, proof.what) for proof in exposure.evidence]


def qualified(sensor: Sensor) -> Sensor:
    """The client has qualified and sent a packet of its own through the relay."""
    sensor.see(solicitation(), advertisement(), bubble(CLIENT, RELAY))
    return sensor
