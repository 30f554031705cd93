"""The sentence of a document: what a tired analyst reads first."""

from __future__ import annotations

from sensor.emit.texts import (
    carrier_name,
    endpoint_text,
    kind_name,
    protocol_text,
    second_text,
)
from sensor.schema.records import (
    Change,
    Endpoint,
    ExposureRecord,
    FlowRecord,
    Inside,
    SensorRecord,
    TunnelRecord,
)
from sensor.schema.words import ExposureState, Transport
from sensor.wire.addresses import text

_STATE_VERBS = {
    ExposureState.ANSWERED: "answered {}",
    ExposureState.REFUSED: "refused {}",
    ExposureState.ATTEMPTED: "was tried by {}, no answer so far,",
    ExposureState.REPLY_UNSEEN: "was contacted by {}, whether it answered could not be seen",
}


def message(change: Change) -> str:
    """One sentence for people; every fact in it also stands in a field."""
    match change.record:
        case TunnelRecord() as tunnel:
            return _tunnel(tunnel, change.action)
        case ExposureRecord() as exposure:
            return _exposure(exposure, change.action)
        case FlowRecord() as flow:
            return _flow(flow)
        case SensorRecord() as ledger:
            return _ledger(ledger)


def _tunnel(tunnel: TunnelRecord, action: str) -> str:
    parts = [f"{kind_name(tunnel.kind)} tunnel {tunnel.id} {action.removeprefix('tunnel-')}"]
    if tunnel.closed_reason:
        parts[0] += f" ({tunnel.closed_reason})"
    parts.append(_host(tunnel.inside, tunnel.client, tunnel.transport, tunnel.last_seen))
    if tunnel.inside and tunnel.inside.address:
        parts.append(f"inner address {text(tunnel.inside.address)}")
    if tunnel.teredo and tunnel.teredo.mapped:
        parts.append(f"public endpoint {endpoint_text(tunnel.teredo.mapped)}")
    if tunnel.teredo and tunnel.teredo.server:
        parts.append(f"server {text(tunnel.teredo.server)}")
    parts.append(f"other end {endpoint_text(tunnel.remote)}")
    if tunnel.outer_key is not None:
        parts.append(f"GRE key {tunnel.outer_key}")
    return _sentence(parts)


def _exposure(exposure: ExposureRecord, action: str) -> str:
    verb = _STATE_VERBS[exposure.state].format(endpoint_text(exposure.remote))
    parts = [
        f"{_service(exposure)} {verb} at {second_text(exposure.state_since)}"
        f" through {kind_name(exposure.tunnel_kind)} tunnel {exposure.tunnel_id}"
    ]
    if action == "exposure-closed":
        parts.append(f"closed: {exposure.closed_reason or 'reason unknown'}")
    if exposure.inside is None or exposure.inside.ip is None:
        when = exposure.state_since
        parts.append(_host(exposure.inside, exposure.client, exposure.carrier, when))
    parts.append(f"it listens at {endpoint_text(Endpoint(exposure.address, exposure.port))}")
    if exposure.mapped:
        parts.append(f"public endpoint {endpoint_text(exposure.mapped)}")
    if exposure.policy:
        parts.append(f"IPv4 policy: {exposure.policy}")
    return _sentence(parts)


def _service(exposure: ExposureRecord) -> str:
    """Service tcp/8080 (http-alt) of inside host 192.168.0.2."""
    what = f"Service {protocol_text(exposure.transport)}"
    if exposure.port:
        what += f"/{exposure.port}"
    if exposure.service:
        what += f" ({exposure.service})"
    if exposure.inside is None or exposure.inside.ip is None:
        return what
    link = "of a host behind" if exposure.host_basis == "behind-endpoint" else "of inside host"
    return f"{what} {link} {text(exposure.inside.ip)}"


def _flow(flow: FlowRecord) -> str:
    directions = {True: "Inbound", False: "Outbound", None: "Inner"}
    packets = flow.source_packets + flow.destination_packets
    return _sentence(
        [
            f"{directions[flow.inbound]} {protocol_text(flow.transport)} conversation from"
            f" {endpoint_text(flow.source)} to {endpoint_text(flow.destination)}"
            f" through {kind_name(flow.tunnel_kind)} tunnel {flow.tunnel_id}",
            f"{packets} packets, ended in state {flow.state.name}",
        ]
    )


def _ledger(ledger: SensorRecord) -> str:
    return (
        f"{ledger.read} frames read: {ledger.tunnelled} tunnelled, {ledger.copies} mirrored"
        f" copies, {ledger.other} other, {ledger.unreadable} unreadable."
    )


def _host(inside: Inside | None, client: Endpoint, transport: Transport, when: int) -> str:
    """The inside host; where the NAT hides it, what to look up."""
    end = endpoint_text(client)
    if inside is None:
        return f"which end is inside is unknown, one is {end}"
    if inside.ip is None:
        carrier, when_text = carrier_name(transport), second_text(when)
        return f"inside host unknown; look up {carrier} {end} at {when_text} in the NAT's log"
    zone = f" in zone {inside.zone}" if inside.zone else ""
    return f"inside host {endpoint_text(Endpoint(inside.ip, inside.port))}{zone}"


def _sentence(parts: list[str]) -> str:
    return "; ".join(parts) + "."
