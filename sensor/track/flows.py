"""Conversations as the outputs read them, with Zeek's states."""

from __future__ import annotations

from sensor.schema.records import Endpoint, FlowRecord
from sensor.schema.words import ConnectionState, Kind, Transport
from sensor.track.conversation import TCP, UDP
from sensor.track.layout import ConversationState
from sensor.track.tunnels import Tunnel
from sensor.track.vantage import outer_ip

_INBOUND = {1: True, 0: False}


def flow_record(seen: ConversationState, tunnel: Tunnel) -> FlowRecord:
    """One conversation; ``tunnel`` is the one it ran in."""
    version = seen.outer_version
    return FlowRecord(
        tunnel_id=tunnel.id,
        tunnel_kind=Kind(tunnel.state.kind),
        source=Endpoint(seen.originator, seen.originator_port),
        destination=Endpoint(seen.responder, seen.responder_port),
        transport=seen.transport,
        icmp_type=seen.icmp_type,
        icmp_code=seen.icmp_code,
        inbound=_INBOUND.get(seen.from_outside),
        state=connection_state(seen),
        history=seen.history.rstrip(b"\0").decode(),
        first_seen=seen.first,
        last_seen=seen.last,
        source_packets=seen.sent_packets,
        source_bytes=seen.sent_bytes,
        destination_packets=seen.received_packets,
        destination_bytes=seen.received_bytes,
        outer_transport=Transport(seen.outer_transport),
        outer_source=Endpoint(outer_ip(seen.outer_source, version), seen.outer_source_port),
        outer_destination=Endpoint(
            outer_ip(seen.outer_destination, version), seen.outer_destination_port
        ),
        scope=tunnel.scope,
    )


def connection_state(seen: ConversationState) -> ConnectionState:
    """Zeek's conn_state."""
    if seen.transport == TCP:
        return _tcp_state(seen)
    return _udp_state(seen) if seen.transport == UDP else ConnectionState.OTH


def _udp_state(seen: ConversationState) -> ConnectionState:
    if not seen.received_packets:
        return ConnectionState.S0
    return ConnectionState.SF if seen.sent_packets else ConnectionState.SHR


def _tcp_state(seen: ConversationState) -> ConnectionState:
    if not seen.sent_syn:
        return _without_syn(seen)
    if not seen.received_syn:
        return _without_answer(seen)
    if seen.received_reset:
        return ConnectionState.RSTR
    if seen.sent_reset:
        return ConnectionState.RSTO
    if seen.sent_closed and seen.received_closed:
        return ConnectionState.SF
    if seen.sent_closed:
        return ConnectionState.S2
    return ConnectionState.S3 if seen.received_closed else ConnectionState.S1


def _without_syn(seen: ConversationState) -> ConnectionState:
    if seen.received_syn and seen.received_reset:
        return ConnectionState.RSTRH
    if seen.received_syn and seen.received_closed:
        return ConnectionState.SHR
    return ConnectionState.OTH


def _without_answer(seen: ConversationState) -> ConnectionState:
    if seen.received_reset:
        return ConnectionState.REJ
    if seen.sent_reset:
        return ConnectionState.RSTOS0
    if seen.received_packets:
        return ConnectionState.OTH
    return ConnectionState.SH if seen.sent_closed else ConnectionState.S0
