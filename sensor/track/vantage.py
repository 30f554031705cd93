"""Which end of a tunnel is inside the NAT."""

from __future__ import annotations

from typing import Protocol

from sensor.schema.rows import Observation
from sensor.schema.words import End, Kind, TeredoPacket
from sensor.track.settings import TrackSettings, Zone
from sensor.wire.addresses import SIXA44_RELAY, TeredoAddress, is_private, parse_teredo
from sensor.wire.ipv6 import HEADER_LENGTH
from sensor.wire.ports import (
    AYIYA_OLD_PORT,
    AYIYA_PORT,
    L2TP_PORT,
    SIXBED4_PORT,
    TEREDO_PORT,
    TSP_PORT,
)

# Where servers of a scheme listen by default.
SERVER_PORTS = {
    Kind.AYIYA: (AYIYA_PORT, AYIYA_OLD_PORT),
    Kind.TSP: (TSP_PORT,),
    Kind.L2TP6: (L2TP_PORT,),
    Kind.SIXBED4: (SIXBED4_PORT,),
}


class Tagged(Protocol):
    """A row, or what was made of one."""

    @property
    def vlan(self) -> int:
        """Id + 1, 0: untagged."""


def vlan_of(tagged: Tagged) -> int | None:
    return tagged.vlan - 1 if tagged.vlan else None


def outer_ip(address: bytes, version: int) -> bytes:
    """An outer address as 4 or 16 octets."""
    return address[:4] if version == 4 else address


def is_local(ip: bytes, vlan: int | None, settings: TrackSettings) -> bool:
    """Whether an outer address is one of the inside network itself, not of its NAT.

    Zones say so; an address that none of them holds is inside if it is private.
    """
    return lies_inside(settings.zone_of(ip, vlan), ip)


def lies_inside(zone: Zone | None, ip: bytes) -> bool:
    """The same of an address whose zone is known."""
    return zone.inside if zone is not None else _private(ip)


def inside_end(row: Observation, settings: TrackSettings) -> End:
    """The inside end by the first rule that applies, or ``UNKNOWN``: then nothing is claimed.

    Where its ends lie; the only Teredo end that sends from the public IPv4 address that it names,
    or is reached at the very endpoint; the sender of a router solicitation.
    """
    return lying_inside(row, settings) or mapped_end(row) or _soliciting_end(row)


def lying_inside(row: Observation, settings: TrackSettings) -> End:
    """The inside end by its outer address alone, which no tunnel's content can change.

    Configured zones and NAT pools; exactly one end private.
    """
    source = outer_ip(row.outer_source, row.outer_version)
    destination = outer_ip(row.outer_destination, row.outer_version)
    vlan = vlan_of(row)
    rules = (
        (settings.is_inside(source, vlan), settings.is_inside(destination, vlan)),
        (settings.in_nat_pool(source), settings.in_nat_pool(destination)),
        (is_local(source, vlan, settings), is_local(destination, vlan, settings)),
    )
    for at_source, at_destination in rules:
        if at_source != at_destination:
            return End.SOURCE if at_source else End.DESTINATION
    return End.UNKNOWN


def mapped_end(row: Observation) -> End:
    """Who sends from the IPv4 address that its own Teredo address embeds is that client.

    Anybody can name that client in a packet to some other port; so of a destination only the very
    endpoint tells.
    """
    source, destination = mapped_port(row, End.SOURCE), mapped_port(row, End.DESTINATION)
    if source is not None:
        return End.SOURCE if destination is None else End.UNKNOWN
    return End.DESTINATION if maps_destination(row) else End.UNKNOWN


def _soliciting_end(row: Observation) -> End:
    if row.teredo_packet == TeredoPacket.ROUTER_SOLICITATION:
        return End.SOURCE
    if row.teredo_packet == TeredoPacket.ROUTER_ADVERTISEMENT:
        return End.DESTINATION
    return End.UNKNOWN


def likely_client(row: Observation) -> End:
    """The end to file a tunnel under where no rule tells the inside end: no claim, only a key.

    ``UNKNOWN`` is neither: a relay asks the server of a client for it.
    """
    if parse_teredo(row.inner_source) is not None:
        return End.SOURCE
    if _asks_server(row):
        return End.UNKNOWN if _is_empty_bubble(row) else End.SOURCE
    if parse_teredo(row.inner_destination) is not None or row.has_origin:
        return End.DESTINATION
    source_serves = _serves(row.kind, row.outer_source, row.outer_source_port)
    destination_serves = _serves(row.kind, row.outer_destination, row.outer_destination_port)
    return End.DESTINATION if source_serves and not destination_serves else End.SOURCE


def _asks_server(row: Observation) -> bool:
    """Whether a packet goes to the server that its Teredo destination names."""
    address = parse_teredo(row.inner_destination)
    return (
        address is not None
        and row.kind == Kind.TEREDO
        and row.outer_version == 4
        and row.outer_destination_port == TEREDO_PORT
        and row.outer_destination[:4] == address.server
    )


def _is_empty_bubble(row: Observation) -> bool:
    """RFC 4380 section 2.8: nothing but the header of an IPv6 packet, and nothing behind it."""
    return (
        row.teredo_packet == TeredoPacket.BUBBLE
        and row.inner_length == HEADER_LENGTH
        and not row.tail_length
    )


def _serves(kind: int, ip: bytes, port: int) -> bool:
    """Whether an outer end is where the servers of a kind are."""
    if kind == Kind.SIXA44:
        return ip.startswith(SIXA44_RELAY)
    return port in SERVER_PORTS.get(Kind(kind), ())


def _private(ip: bytes) -> bool:
    return len(ip) == 4 and is_private(ip)


def mapped_port(row: Observation, end: End) -> int | None:
    """The port that the Teredo address at an end embeds together with that end's own IPv4.

    It need not be the end's: a symmetric NAT gives a client another port for every peer. Port 3544
    is a server's, who forwards what its clients say.
    """
    address, ip, port = _beside(row, end)
    if address is None or address.ip != ip or address.port != port == TEREDO_PORT:
        return None
    return address.port


def _beside(row: Observation, end: End) -> tuple[TeredoAddress | None, bytes, int]:
    """The Teredo address at an end of a packet of Teredo over IPv4, with the outer one."""
    if row.kind != Kind.TEREDO or row.outer_version != 4:
        return None, b"", 0
    if end is End.SOURCE:
        return parse_teredo(row.inner_source), row.outer_source[:4], row.outer_source_port
    address = parse_teredo(row.inner_destination)
    return address, row.outer_destination[:4], row.outer_destination_port


def maps_destination(row: Observation) -> bool:
    """Whether the packet reached the very endpoint that its Teredo destination embeds."""
    return mapped_port(row, End.DESTINATION) == row.outer_destination_port
