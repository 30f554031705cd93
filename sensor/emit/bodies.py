"""What each kind of document holds besides the common fields; unknown parts are None or empty."""

from __future__ import annotations

from sensor.emit.community import ICMPV6, community_id_icmpv6
from sensor.emit.parts import (
    PROTOCOL_NUMBERS,
    inner_end,
    inner_identity,
    inner_network,
    inside_host,
    optional_ip,
    optional_text,
    optional_time,
    outer_end,
    outer_identity,
    span,
    suricata_identity,
)
from sensor.emit.texts import mac_text, printable, time_text
from sensor.schema.fields import Document
from sensor.schema.records import (
    Endpoint,
    ExposureRecord,
    FlowRecord,
    Proof,
    SensorRecord,
    Teredo,
    TunnelRecord,
)
from sensor.schema.words import ExposureState, Kind, kind_texts
from sensor.wire.addresses import is_private
from sensor.wire.addresses import text as ip_text

REMOTES_SHOWN = 20

_APPLICATIONS = {
    Kind.TEREDO: "teredo",
    Kind.AYIYA: "ayiya",
    Kind.TSP: "tsp",
    Kind.L2TP6: "l2tp",
    Kind.SIXA44: "6a44",
    Kind.SIXBED4: "6bed4",
}
_TUNNEL_TYPES = {
    "tunnel-discovered": ["connection", "start"],
    "tunnel-closed": ["connection", "end"],
}
_OUTCOMES = {
    ExposureState.ANSWERED: "success",
    ExposureState.REFUSED: "failure",
    ExposureState.ATTEMPTED: "failure",
    ExposureState.REPLY_UNSEEN: "unknown",
}


def tunnel_body(tunnel: TunnelRecord, action: str) -> Document:
    mapped = tunnel.teredo.mapped if tunnel.teredo else None
    types = _TUNNEL_TYPES.get(action, ["connection", "info"])
    outer = (tunnel.transport, tunnel.client, tunnel.remote)
    return {
        "event": {"kind": "event", "type": types, **span(tunnel.first_seen, tunnel.last_seen)},
        "observer": {"ingress": {"vlan": {"id": optional_text(tunnel.vlan)}}},
        "source": {
            **outer_end(tunnel.client),
            "mac": _source_mac(tunnel),
            "nat": outer_end(mapped),
        },
        "destination": outer_end(tunnel.remote),
        "network": {
            "type": "ipv4" if len(tunnel.client.ip) == 4 else "ipv6",
            "transport": tunnel.transport.text,
            "iana_number": str(PROTOCOL_NUMBERS[tunnel.transport]),
            "protocol": _APPLICATIONS.get(tunnel.kind),
            "direction": _tunnel_direction(tunnel),
            "community_id": outer_identity(*outer),
            "packets": tunnel.packets,
            "bytes": tunnel.bytes,
        },
        "v6tunnel": {
            "tunnel": _tunnel_facts(tunnel),
            "outer": {
                "key": tunnel.outer_key,
                "community_id_suricata": suricata_identity(*outer),
            },
            "inside": inside_host(tunnel.inside),
            "teredo": _teredo(tunnel.teredo),
            "embedded": [
                {"address": ip_text(e.address), "scheme": e.scheme.text, "ip": ip_text(e.ip)}
                for e in tunnel.embedded
            ],
        },
    }


def _tunnel_facts(tunnel: TunnelRecord) -> Document:
    return {
        "id": tunnel.id,
        "key": tunnel.key,
        "kind": tunnel.kind.text,
        "kinds": kind_texts(tunnel.kinds),
        "parent": tunnel.parent,
        "state": tunnel.state,
        "confidence": tunnel.confidence.text,
        "reasons": list(tunnel.reasons),
        "anomalies": list(tunnel.anomalies),
        "first_seen": time_text(tunnel.first_seen),
        "last_seen": time_text(tunnel.last_seen),
        "packets": tunnel.packets,
        "bytes": tunnel.bytes,
        "closed_reason": tunnel.closed_reason,
    }


def _source_mac(tunnel: TunnelRecord) -> str | None:
    """The inside host's hardware address, where source.ip is that host and not its NAT."""
    inside = tunnel.inside
    if inside is None or inside.mac is None or inside.ip != tunnel.client.ip:
        return None
    return mac_text(inside.mac)


def _tunnel_direction(tunnel: TunnelRecord) -> str | None:
    if tunnel.inside is None:
        return None
    both_private = is_private(tunnel.client.ip) and is_private(tunnel.remote.ip)
    return "internal" if both_private else "outbound"


def _teredo(teredo: Teredo | None) -> Document:
    if teredo is None:
        return {}
    return {
        "server": _server(teredo),
        "mapped": {**outer_end(teredo.mapped), "from": list(teredo.mapped_from)},
        "flags": None if teredo.flags is None else f"0x{teredo.flags:04x}",
        "cone": None if teredo.flags is None else teredo.cone,
        "nat_type": teredo.nat_type.text,
        "nat_reasons": list(teredo.nat_reasons),
        "qualified": teredo.qualified,
        "qualified_at": optional_time(teredo.qualified_at),
        "qualified_reasons": list(teredo.qualified_reasons),
        "relays": [outer_end(relay) for relay in teredo.relays],
        "peers": teredo.peers,
        "bubbles": teredo.bubbles,
        "mapping_changes": [
            {"time": time_text(c.time), "before": outer_end(c.before), "after": outer_end(c.after)}
            for c in teredo.mapping_changes
        ],
        "alternates": [outer_end(end) for end in teredo.alternate_addresses],
    }


def _server(teredo: Teredo) -> Document:
    known = teredo.server_known if teredo.server else None
    secondary = optional_ip(teredo.secondary_server)
    return {"ip": optional_ip(teredo.server), "known": known, "secondary": secondary}


def flow_body(flow: FlowRecord) -> Document:
    outer = (flow.outer_transport, flow.outer_source, flow.outer_destination)
    return {
        "event": {
            "kind": "event",
            "type": ["connection", "end"],
            **span(flow.first_seen, flow.last_seen),
        },
        "source": {
            **inner_end(flow.source, flow.transport),
            "packets": flow.source_packets,
            "bytes": flow.source_bytes,
        },
        "destination": {
            **inner_end(flow.destination, flow.transport),
            "packets": flow.destination_packets,
            "bytes": flow.destination_bytes,
        },
        "network": {
            **inner_network(flow.transport),
            "direction": _flow_direction(flow.inbound),
            "community_id": _flow_identity(flow),
            "packets": flow.source_packets + flow.destination_packets,
            "bytes": flow.source_bytes + flow.destination_bytes,
        },
        "v6tunnel": {
            "tunnel": {"id": flow.tunnel_id, "kind": flow.tunnel_kind.text},
            "flow": {"state": flow.state.name, "history": flow.history, "icmp": _icmp(flow)},
            "outer": {
                "transport": flow.outer_transport.text,
                "source": outer_end(flow.outer_source),
                "destination": outer_end(flow.outer_destination),
                "community_id": outer_identity(*outer),
                "community_id_suricata": suricata_identity(*outer),
            },
        },
    }


def _flow_direction(inbound: bool | None) -> str | None:
    if inbound is None:
        return None
    return "inbound" if inbound else "outbound"


def _flow_identity(flow: FlowRecord) -> str | None:
    if flow.transport == ICMPV6:
        ends = (flow.source.ip, flow.destination.ip)
        return community_id_icmpv6(*ends, flow.icmp_type, flow.icmp_code)
    return inner_identity(flow.transport, flow.source, flow.destination)


def _icmp(flow: FlowRecord) -> Document:
    if flow.transport != ICMPV6:
        return {}
    return {"type": flow.icmp_type, "code": flow.icmp_code}


def exposure_body(exposure: ExposureRecord) -> Document:
    service = Endpoint(exposure.address, exposure.port)
    return {
        "event": {
            "kind": "state",
            "type": ["info"],
            "outcome": _OUTCOMES[exposure.state],
            **span(exposure.first_seen, exposure.last_seen),
        },
        "source": inner_end(exposure.remote, exposure.transport),
        "destination": inner_end(service, exposure.transport),
        "network": {
            **inner_network(exposure.transport),
            "direction": "inbound",
            "community_id": inner_identity(exposure.transport, exposure.remote, service),
        },
        "v6tunnel": {
            "tunnel": {"id": exposure.tunnel_id, "kind": exposure.tunnel_kind.text},
            "exposure": _exposure_facts(exposure),
            "inside": inside_host(exposure.inside),
            "outer": {"destination": outer_end(exposure.client)},
            "teredo": {"mapped": outer_end(exposure.mapped)},
        },
    }


def _exposure_facts(exposure: ExposureRecord) -> Document:
    shown = exposure.remotes[:REMOTES_SHOWN]
    return {
        "id": exposure.id,
        "state": exposure.state.text,
        "last_state": exposure.last_state.text,
        "state_since": time_text(exposure.state_since),
        "service": exposure.service,
        "first_seen": time_text(exposure.first_seen),
        "last_seen": time_text(exposure.last_seen),
        "remotes": {
            "count": exposure.remotes_count,
            "ips": [ip_text(ip) for ip in shown],
        },
        "host_basis": exposure.host_basis,
        "closed_reason": exposure.closed_reason,
        "policy": exposure.policy,
        "hole_refreshed": optional_time(exposure.hole_refreshed),
        "evidence": [_proof(proof) for proof in exposure.evidence],
    }


def _proof(proof: Proof) -> Document:
    return {
        "capture": printable(proof.capture),
        "frame": proof.frame,
        "time": time_text(proof.time),
        "what": proof.what,
    }


def ledger_body(ledger: SensorRecord) -> Document:
    observed: Document = {}
    if ledger.first_time is not None and ledger.last_time is not None:
        observed = span(ledger.first_time, ledger.last_time)
    return {
        "event": {"kind": "metric", "type": ["info"], **observed},
        "v6tunnel": {
            "sensor": {
                "frames": {
                    "read": ledger.read,
                    "tunnelled": ledger.tunnelled,
                    "copies": ledger.copies,
                    "other": ledger.other,
                    "unreadable": ledger.unreadable,
                },
                "kinds": dict(sorted(ledger.kinds.items())),
                "reasons": dict(sorted(ledger.reasons.items())),
                "dropped": {"state": ledger.dropped_state, "documents": ledger.dropped_documents},
                "unpromoted": ledger.unpromoted,
                "seconds": float(ledger.seconds),
                "frames_per_second": float(ledger.frames_per_second),
            }
        },
    }
