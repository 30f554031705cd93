"""Which end of a tunnel is inside the NAT."""

from __future__ import annotations

from typing import Protocol

from sensor.schema.rows import Observation
from sensor.schema.words import End, Kind, TeredoPacket
from sensor.track.settings import TrackSettings, Zone
from sensor.wire.addresses import SIXA44_RELAY, is_private, parse_teredo
from sensor.wire.ports import AYIYA_OLD_PORT, AYIYA_PORT, L2TP_PORT, SIXBED4_PORT, TSP_PORT

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

    Configured zones and NAT pools; exactly one end private; the only Teredo end whose mapping
    equals its outer address; the sender of a router solicitation.
    """
    source = outer_ip(row.outer_source, row.outer_version)
    destination = outer_ip(row.outer_destination, row.outer_version)
    vlan = vlan_of(row)
    rules = (
        (settings.is_inside(source, vlan), settings.is_inside(destination, vlan)),
        (settings.in_nat_pool(source), settings.in_nat_pool(destination)),
        (is_local(source, vlan, settings), is_local(destination, vlan, settings)),
        (_maps_source(row), maps_destination(row)),
        (
            row.teredo_packet == TeredoPacket.ROUTER_SOLICITATION,
            row.teredo_packet == TeredoPacket.ROUTER_ADVERTISEMENT,
        ),
    )
    for at_source, at_destination in rules:
        if at_source != at_destination:
            return End.SOURCE if at_source else End.DESTINATION
    return End.UNKNOWN


def likely_client(row: Observation) -> End:
    """The end to file a tunnel under where no rule tells the inside end: no claim, only a key."""
    if parse_teredo(row.inner_source) is not None:
        return End.SOURCE
    if parse_teredo(row.inner_destination) is not None or row.has_origin:
        return End.DESTINATION
    source_serves = _serves(row.kind, row.outer_source, row.outer_source_port)
    destination_serves = _serves(row.kind, row.outer_destination, row.outer_destination_port)
    return End.DESTINATION if source_serves and not destination_serves else End.SOURCE


def _serves(kind: int, ip: bytes, port: int) -> bool:
    """Whether an outer end is where the servers of a kind are."""
    if kind == Kind.SIXA44:
        return ip.startswith(SIXA44_RELAY)
    return port in SERVER_PORTS.get(Kind(kind), ())


def _private(ip: bytes) -> bool:
    return len(ip) == 4 and is_private(ip)


def _maps_source(row: Observation) -> bool:
    address = parse_teredo(row.inner_source) if row.kind == Kind.TEREDO else None
    return (
        address is not None
        and row.outer_version == 4
        and address.ip == row.outer_source[:4]
        and address.port == row.outer_source_port
    )


def maps_destination(row: Observation) -> bool:
    """Whether the packet reached the very endpoint that its Teredo destination embeds."""
    address = parse_teredo(row.inner_destination) if row.kind == Kind.TEREDO else None
    return (
        address is not None
        and row.outer_version == 4
        and address.ip == row.outer_destination[:4]
        and address.port == row.outer_destination_port
    )
