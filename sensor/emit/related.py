"""``related.ip``: every address that a search for a document may start from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sensor.schema.records import ExposureRecord, FlowRecord, Inside, Teredo, TunnelRecord
from sensor.wire import addresses


def related_ips(record: TunnelRecord | ExposureRecord | FlowRecord) -> list[str]:
    """The texts of all addresses of a record and of those embedded in them, sorted."""
    match record:
        case TunnelRecord():
            found = _of_tunnel(record)
        case ExposureRecord():
            found = _of_exposure(record)
        case FlowRecord():
            found = _of_flow(record)
    whole = {ip for address in found for ip in (address, *_embedded(address)) if any(ip)}
    return [addresses.text(ip) for ip in sorted(whole, key=lambda ip: (len(ip), ip))]


def _of_tunnel(tunnel: TunnelRecord) -> Iterator[bytes]:
    yield tunnel.client.ip
    yield tunnel.remote.ip
    yield from _of_inside(tunnel.inside)
    for embedded in tunnel.embedded:
        yield embedded.address
        yield embedded.ip
    if tunnel.teredo:
        yield from _of_teredo(tunnel.teredo)


def _of_teredo(teredo: Teredo) -> Iterator[bytes]:
    yield from _known(teredo.server, teredo.secondary_server)
    if teredo.mapped:
        yield teredo.mapped.ip
    yield from (end.ip for end in (*teredo.relays, *teredo.alternate_addresses))
    for change in teredo.mapping_changes:
        yield change.before.ip
        yield change.after.ip


def _of_exposure(exposure: ExposureRecord) -> Iterator[bytes]:
    yield exposure.address
    yield exposure.remote.ip
    yield from exposure.remotes
    yield exposure.client.ip
    yield from _of_inside(exposure.inside)
    if exposure.mapped:
        yield exposure.mapped.ip


def _of_flow(flow: FlowRecord) -> Iterator[bytes]:
    ends = (flow.source, flow.destination, flow.outer_source, flow.outer_destination)
    yield from (end.ip for end in ends)


def _of_inside(inside: Inside | None) -> Iterable[bytes]:
    return _known(inside.ip, inside.address) if inside else ()


def _known(*ips: bytes | None) -> Iterable[bytes]:
    return (ip for ip in ips if ip is not None)


def _embedded(address: bytes) -> Iterable[bytes]:
    """IPv4 addresses that the text of an IPv6 address does not show."""
    teredo = addresses.parse_teredo(address)
    if teredo is not None:
        return (teredo.server, teredo.ip)
    return _known(addresses.sixtofour(address), addresses.isatap(address))
