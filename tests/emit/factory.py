"""Records as track would freeze them, with the addresses of one made-up network."""

from __future__ import annotations

from typing import Any

from sensor.schema.fields import Context
from sensor.schema.records import (
    Change,
    Embedded,
    Endpoint,
    ExposureRecord,
    FlowRecord,
    Inside,
    MappingChange,
    Proof,
    Scope,
    SensorRecord,
    Teredo,
    TunnelRecord,
)
from sensor.schema.words import (
    Confidence,
    ConnectionState,
    ExposureState,
    Kind,
    NatType,
    Transport,
    Vantage,
)
from sensor.wire.addresses import packed

SECOND = 1_000_000_000
START = 1795244514 * SECOND + 123456789  # 2026-11-21T07:01:54.123456789Z
CONTEXT = Context("sensor-1", "eth1", "replay", START + 3600 * SECOND, "lan")

HOST = packed("192.168.0.2")
PUBLIC = packed("203.0.113.2")
SERVER = packed("198.51.100.1")
RELAY = Endpoint(packed("192.0.2.10"), 3545)
CLIENT = Endpoint(HOST, 41658)
MAPPED = Endpoint(PUBLIC, 41658)
ADDRESS = packed("2001:0:c633:6401:180e:5d45:34ff:8efd")
REMOTE = Endpoint(packed("2a00:db8::2"), 49138)
MAC = bytes.fromhex("00005e005323")

SCOPE = Scope(Vantage.INSIDE, both_directions=True, midstream=False)
INSIDE = Inside(HOST, 41658, MAC, "lan", ADDRESS)
HIDDEN = Inside(None, 0, None, None, ADDRESS)

TEREDO = Teredo(
    server=SERVER,
    server_known=True,
    secondary_server=packed("198.51.100.2"),
    mapped=MAPPED,
    mapped_from=("address", "origin"),
    flags=0x180E,
    nat_type=NatType.RESTRICTED,
    nat_reasons=("second-solicitation",),
    qualified_at=START + SECOND,
    qualified_reasons=("nonce-matches", "origin-equals-address"),
    relays=(RELAY,),
    peers=3,
    bubbles=4,
    mapping_changes=(MappingChange(START + 2 * SECOND, MAPPED, MAPPED._replace(port=41660)),),
    alternate_addresses=(Endpoint(packed("10.0.0.9"), 3544),),
)

TUNNEL = TunnelRecord(
    id="3f9c21",
    key="9b1e",
    kind=Kind.TEREDO,
    kinds=1 << Kind.TEREDO,
    parent=None,
    state="qualified",
    confidence=Confidence.CERTAIN,
    reasons=("grammar", "mapping-equals-outer"),
    anomalies=("trailing-bytes",),
    first_seen=START,
    last_seen=START + 30 * SECOND,
    packets=22,
    bytes=2048,
    transport=Transport.UDP,
    client=CLIENT,
    remote=RELAY,
    inside=INSIDE,
    teredo=TEREDO,
    embedded=(),
    vlan=7,
    scope=SCOPE,
)

SIXTOFOUR = TUNNEL._replace(
    id="a1b2c3",
    kind=Kind.SIXTOFOUR,
    kinds=1 << Kind.SIXTOFOUR | 1 << Kind.ISATAP,
    state="discovered",
    confidence=Confidence.STRONG,
    anomalies=(),
    transport=Transport.IPV6,
    client=Endpoint(PUBLIC, 0),
    remote=Endpoint(packed("192.88.99.1"), 0),
    inside=None,
    teredo=None,
    embedded=(Embedded(packed("2002:cb00:7102::1"), Kind.SIXTOFOUR, PUBLIC),),
    vlan=None,
    scope=Scope(Vantage.OUTSIDE, both_directions=False, midstream=True, loss_percent=1.5),
)

EXPOSURE = ExposureRecord(
    id="e77e01",
    tunnel_id="3f9c21",
    tunnel_kind=Kind.TEREDO,
    address=ADDRESS,
    transport=6,
    port=8080,
    service="http-alt",
    state=ExposureState.ANSWERED,
    last_state=ExposureState.REFUSED,
    first_seen=START + 16 * SECOND,
    last_seen=START + 20 * SECOND,
    state_since=START + 17 * SECOND,
    remote=REMOTE,
    remotes_count=2,
    remotes=(REMOTE.ip, packed("2a00:db8::3")),
    host_basis="endpoint",
    closed_reason=None,
    evidence=(
        Proof("nat-inside.pcap", 13, START + 16 * SECOND, "SYN in"),
        Proof("nat-inside.pcap", 14, START + 17 * SECOND, "SYN-ACK out"),
    ),
    inside=INSIDE,
    client=CLIENT,
    mapped=MAPPED,
    hole_refreshed=START + 30 * SECOND,
    policy=None,
    scope=SCOPE,
)

FLOW = FlowRecord(
    tunnel_id="3f9c21",
    tunnel_kind=Kind.TEREDO,
    source=REMOTE,
    destination=Endpoint(ADDRESS, 8080),
    transport=6,
    icmp_type=0,
    icmp_code=0,
    inbound=True,
    state=ConnectionState.SF,
    history="ShADadfF",
    first_seen=START + 16 * SECOND,
    last_seen=START + 18 * SECOND,
    source_packets=6,
    source_bytes=600,
    destination_packets=5,
    destination_bytes=5000,
    outer_transport=Transport.UDP,
    outer_source=RELAY,
    outer_destination=CLIENT,
    scope=SCOPE,
)

PING = FLOW._replace(
    source=Endpoint(ADDRESS, 0x1234),
    destination=Endpoint(REMOTE.ip, 0x1234),
    transport=58,
    icmp_type=128,
    inbound=False,
    state=ConnectionState.OTH,
    history="",
    outer_transport=Transport.IPV6,
    outer_source=Endpoint(HOST, 0),
    outer_destination=Endpoint(SERVER, 0),
)

LEDGER = SensorRecord(
    read=30,
    tunnelled=22,
    copies=1,
    other=5,
    unreadable=2,
    kinds={"teredo": 20, "6in4": 2},
    reasons={"udp": 5, "bad-ipv4": 2},
    dropped_state=0,
    dropped_documents=0,
    first_time=START,
    last_time=START + 30 * SECOND,
    seconds=0.5,
    scope=SCOPE,
)

CHANGES = {
    "tunnel": Change("tunnel-qualified", START + SECOND, 0xFEDCBA9876543210, 0, TUNNEL),
    "tunnel-6to4": Change("tunnel-discovered", START, 2, 0, SIXTOFOUR),
    "exposure": Change("exposure-opened", START + 17 * SECOND, 3, 1, EXPOSURE),
    "flow": Change("flow-ended", START + 18 * SECOND, 0xFFFFFFFFFFFFFFFF, 0, FLOW),
    "flow-ping": Change("flow-ended", START + 19 * SECOND, 5, 0, PING),
    "sensor": Change("sensor-totals", START + 30 * SECOND, 0, 0, LEDGER),
}


def changed(name: str, **fields: Any) -> Change:
    """One of the changes with other values in its record."""
    change = CHANGES[name]
    return change._replace(record=change.record._replace(**fields))
