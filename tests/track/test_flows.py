"""Conversations as the outputs read them."""

from __future__ import annotations

import pytest

from sensor.schema.words import ConnectionState, Transport
from sensor.track.flows import connection_state, flow_record
from tests.track.rows import (
    ACK,
    BROKER,
    CLIENT,
    FIN,
    NATIVE,
    PUBLIC,
    RELAY,
    RST,
    SYN,
    TEREDO,
    Sensor,
    Shown,
    direct,
    row,
    seconds,
    solicitation,
    syn,
    syn_ack,
    tcp,
    udp,
)


def test_a_record_holds_what_was_counted() -> None:
    sensor = Sensor()
    sensor.see(solicitation(), syn(), syn_ack(), at=5)
    (tunnel,) = sensor.tracker.tunnels.values()
    record = flow_record(sensor.table.conversation(0), tunnel)
    assert (record.tunnel_id, record.scope) == (tunnel.id, tunnel.scope)
    assert (record.source, record.destination) == ((NATIVE, 49138), (TEREDO, 8080))
    assert (record.inbound, record.history, record.state) == (True, "Sh", ConnectionState.S1)
    assert (record.first_seen, record.last_seen) == (seconds(5.001), seconds(5.002))
    assert (record.source_packets, record.destination_packets) == (1, 1)
    assert (record.source_bytes, record.destination_bytes) == (60, 60)
    assert (record.outer_source, record.outer_destination) == (RELAY, CLIENT)
    assert record.outer_transport is Transport.UDP


@pytest.mark.parametrize(
    ("made", "inbound"),
    [
        (udp(RELAY, CLIENT, NATIVE, TEREDO, (5000, 161)), True),
        (udp(CLIENT, RELAY, TEREDO, NATIVE, (5000, 53)), False),
        (direct(udp(PUBLIC, BROKER, NATIVE, TEREDO, (5000, 53))), None),
    ],
)
def test_inbound_is_told_where_an_inside_end_is_known(made: object, inbound: bool | None) -> None:
    sensor = Sensor()
    sensor.see(made)  # type: ignore[arg-type]
    (tunnel,) = sensor.tracker.tunnels.values()
    assert flow_record(sensor.table.conversation(0), tunnel).inbound is inbound


@pytest.mark.parametrize(
    ("said", "state"),
    [
        ("", "OTH"),
        ("S", "S0"),
        ("SF", "SH"),
        ("SR", "RSTOS0"),
        ("Sr", "REJ"),
        ("Sa", "OTH"),
        ("Sh", "S1"),
        ("ShF", "S2"),
        ("Shf", "S3"),
        ("ShFf", "SF"),
        ("ShR", "RSTO"),
        ("ShRr", "RSTR"),
        ("hr", "RSTRH"),
        ("hf", "SHR"),
        ("ha", "OTH"),
    ],
)
def test_states_are_zeeks(said: str, state: str) -> None:
    """Letters of Zeek's history, capitals of the originator."""
    flags = {"s": SYN, "h": SYN | ACK, "a": ACK, "f": FIN, "r": RST}
    shown = Shown()
    shown.see(tcp(RELAY, CLIENT, NATIVE, TEREDO, (5, 80), 0), row(CLIENT, RELAY))
    for letter in said:
        out = letter.isupper()
        ends = (RELAY, CLIENT, NATIVE, TEREDO) if out else (CLIENT, RELAY, TEREDO, NATIVE)
        shown.see(tcp(*ends, (5, 80) if out else (80, 5), flags[letter.lower()]))
    assert connection_state(shown.table.conversation(0)).name == state
