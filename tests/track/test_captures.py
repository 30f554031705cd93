"""What is known to be true of public captures."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensor.decode.settings import DecodeSettings
from sensor.pipeline import Replay, Source
from sensor.schema.records import Change, ExposureRecord, FlowRecord, TunnelRecord
from sensor.schema.words import ExposureState, Kind, NatType, Vantage
from sensor.track.settings import TrackSettings
from sensor.wire.addresses import packed
from tests.track.rows import flows, latest, proofs

INSIDE, OUTSIDE = "miredo/nat-inside.pcap", "miredo/nat-outside.pcap"
LOOK_ALIKES = [
    "zeek/geneve-ipv6.pcap",
    "zeek/mount-unmount.pcap",
    "ndpi/telegram.pcap",
    "suricata-verify/dns-bug-990.pcap",
]


def replay(*sources: Source) -> list[Change]:
    run = Replay(sources, DecodeSettings(), TrackSettings())
    changes = list(run.changes())
    assert run.damages == []
    assert run.limits_hit == {}
    return changes


def tunnels(changes: list[Change]) -> list[TunnelRecord]:
    return list(latest(changes, TunnelRecord).values())


def exposures(changes: list[Change]) -> list[ExposureRecord]:
    return list(latest(changes, ExposureRecord).values())


@pytest.mark.parametrize("name", [INSIDE, OUTSIDE])
def test_one_service_answered_seen_from_either_side(captures: Path, name: str) -> None:
    changes = replay(Source(str(captures / name)))
    (exposure,) = exposures(changes)
    assert exposure.state is ExposureState.ANSWERED
    assert (exposure.transport, exposure.port) == (6, 8080)
    assert exposure.address == packed("2001:0:c633:6401:180e:5d45:34ff:8efd")
    assert proofs(exposure) == [(13, "SYN in"), (14, "SYN-ACK out"), (15, "ACK in")]
    assert exposure.remote == (packed("2a00:db8::2"), 49138)
    assert exposure.host_basis == "endpoint"
    (tunnel,) = tunnels(changes)
    assert tunnel.state == "qualified"
    assert tunnel.packets == 22
    assert tunnel.key == "teredo/203.0.113.2:41658"
    assert tunnel.teredo is not None
    assert tunnel.teredo.server == packed("198.51.100.1")
    assert tunnel.teredo.mapped == (packed("203.0.113.2"), 41658)
    assert tunnel.teredo.relays == ((packed("192.0.2.10"), 3545),)
    assert tunnel.teredo.nat_type is NatType.UNKNOWN
    assert tunnel.teredo.mapping_changes == ()
    assert "nonce-matches" in tunnel.teredo.qualified_reasons


def test_the_inside_host_is_named_where_it_is_seen(captures: Path) -> None:
    (seen,) = exposures(replay(Source(str(captures / INSIDE))))
    assert seen.inside is not None
    assert (seen.inside.ip, seen.inside.port) == (packed("192.168.0.2"), 41658)
    assert seen.inside.mac is not None
    assert seen.scope.vantage is Vantage.INSIDE
    (hidden,) = exposures(replay(Source(str(captures / OUTSIDE))))
    assert hidden.inside is not None
    assert (hidden.inside.ip, hidden.inside.mac) == (None, None)
    assert hidden.scope.vantage is Vantage.OUTSIDE


@pytest.mark.parametrize("order", [(INSIDE, OUTSIDE), (OUTSIDE, INSIDE)])
@pytest.mark.parametrize("told", [True, False])
def test_both_sides_together_are_one_tunnel(
    captures: Path, order: tuple[str, str], told: bool
) -> None:
    sides = {INSIDE: Vantage.INSIDE, OUTSIDE: Vantage.OUTSIDE} if told else {}
    sources = [Source(str(captures / name), sides.get(name, Vantage.UNKNOWN)) for name in order]
    changes = replay(*sources)
    (tunnel,) = tunnels(changes)
    assert tunnel.packets == 22
    assert tunnel.scope.vantage is Vantage.BOTH
    assert tunnel.inside is not None
    assert tunnel.inside.ip == packed("192.168.0.2")
    (exposure,) = exposures(changes)
    assert exposure.state is ExposureState.ANSWERED
    assert [what for _, what in proofs(exposure)] == ["SYN in", "SYN-ACK out", "ACK in"]
    assert exposure.remotes_count == 1
    alone = replay(Source(str(captures / INSIDE)))
    assert sorted(map(packets_of, flows(changes))) == sorted(map(packets_of, flows(alone)))


def packets_of(flow: FlowRecord) -> tuple[int, int, int]:
    return flow.transport, flow.source_packets, flow.destination_packets


def test_windows_xp_behind_a_cone_nat(captures: Path) -> None:
    changes = replay(Source(str(captures / "zeek/Teredo.pcap")))
    assert exposures(changes) == []
    (tunnel,) = tunnels(changes)
    assert tunnel.packets == 29
    teredo = tunnel.teredo
    assert teredo is not None
    assert teredo.nat_type is NatType.CONE
    assert teredo.cone
    assert teredo.mapped == (packed("70.55.215.234"), 3797)
    assert teredo.mapping_changes == ()
    assert (packed("83.170.1.38"), 32900) in teredo.relays
    assert teredo.secondary_server not in (None, teredo.server)
    assert {flow.inbound for flow in flows(changes)} == {False}


def test_five_clients_of_one_server(captures: Path) -> None:
    changes = replay(Source(str(captures / "ndpi/teredo.pcap")))
    found = tunnels(changes)
    assert len(found) == 5
    assert {tunnel.teredo.server for tunnel in found if tunnel.teredo} == {packed("194.136.28.76")}
    assert sum(tunnel.packets for tunnel in found) == 24
    assert exposures(changes) == []


def test_a_tunnel_between_public_ends_exposes_nothing(captures: Path) -> None:
    changes = replay(Source(str(captures / "ndpi/6in4tunnel.pcap")))
    (tunnel,) = tunnels(changes)
    assert (tunnel.kind, tunnel.packets, tunnel.inside) == (Kind.SIXINFOUR, 127, None)
    assert exposures(changes) == []
    assert {flow.inbound for flow in flows(changes)} == {None}


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_look_alikes_are_no_tunnels(captures: Path, name: str) -> None:
    changes = replay(Source(str(captures / name)))
    assert [change.action for change in changes] == ["sensor-metrics"]
