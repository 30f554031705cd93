from __future__ import annotations

from typing import Any

import pytest

from sensor.decode.scalar import Frame, decode_frame
from sensor.decode.settings import DecodeSettings
from sensor.emit.rows import row_object
from sensor.schema.rows import Observation
from sensor.schema.words import Kind, Transport
from sensor.wire import ipv6, teredo
from sensor.wire.addresses import (
    SixRdDomain,
    build_isatap,
    build_sixover4,
    build_sixtofour,
    packed,
    text,
)

from .. import build
from ..track import rows as made_rows

SIXRD = SixRdDomain(packed("2001:db8::"), 32, 8)


def rows_of(data: bytes, sixrd: tuple[SixRdDomain, ...] = ()) -> list[Observation]:
    frame = Frame(data, 1, len(data), number=7, time=1795244514_123456789)
    _, rows = decode_frame(frame, DecodeSettings(sixrd=sixrd))
    assert rows
    return rows


def row(data: bytes, sixrd: tuple[SixRdDomain, ...] = ()) -> dict[str, Any]:
    return row_object("a.pcap", rows_of(data, sixrd), data, sixrd)


def values(node: Any) -> list[Any]:
    if isinstance(node, dict):
        return [value for member in node.values() for value in values(member)]
    if isinstance(node, list):
        return [value for member in node for value in values(member)]
    return [node]


def test_a_row_says_what_the_contract_says() -> None:
    packet = build.tcp6(build.NATIVE, build.TEREDO, (49138, 8080))
    assert row(build.udp_frame(build.RELAY, build.CLIENT, packet)) == {
        "capture": "a.pcap",
        "frame": 7,
        "time": "2026-11-21T07:01:54.123456789Z",
        "kind": "teredo",
        "kinds": ["teredo"],
        "stack": ["ethernet", "ipv4", "udp", "teredo", "ipv6", "tcp"],
        "outer": {
            "transport": "udp",
            "source": {"ip": "192.0.2.10", "port": 3545},
            "destination": {"ip": "192.168.0.2", "port": 41658},
        },
        "inner": {
            "source": {"ip": "2a00:db8::2", "port": 49138},
            "destination": {"ip": "2001:0:c633:6401:180e:5d45:34ff:8efd", "port": 8080},
            "transport": "tcp",
            "hop_limit": 64,
            "tcp_flags": "S",
        },
        "teredo": {
            "packet": "data",
            "destination": {
                "server": "198.51.100.1",
                "flags": "0x180e",
                "cone": False,
                "port": 41658,
                "ip": "203.0.113.2",
                "legacy": False,
            },
        },
        "confidence": "strong",
        "reasons": ["exact-length", "checksum", "teredo-address"],
    }


@pytest.mark.parametrize("data", build.exchange())
def test_nothing_is_written_as_null(data: bytes) -> None:
    assert None not in values(row(data))


def test_authentication_and_origin() -> None:
    payload = build.authentication(b"ab", b"xyz", 1) + build.origin() + build.advertisement()
    found = row(build.udp_frame(build.SERVER, build.CLIENT, payload))
    assert found["teredo"] == {
        "packet": "router-advertisement",
        "auth": {
            "nonce": "0102030405060708",
            "confirmation": 1,
            "id_length": 2,
            "auth_length": 3,
        },
        "origin": {"ip": "203.0.113.2", "port": 41658},
    }
    assert found["inner"]["icmpv6"] == {"type": 134, "code": 0}
    assert found["inner"]["transport"] == "ipv6-icmp"
    assert "port" not in found["inner"]["source"]


def test_a_bubble_has_no_transport_and_keeps_its_hop_limit_of_zero() -> None:
    found = row(build.udp_frame(build.SERVER, build.CLIENT, build.bubble(hop_limit=0)))
    assert found["inner"] == {
        "source": {"ip": "fe80::ffff:ffff:ffff"},
        "destination": {"ip": "2001:0:c633:6401:180e:5d45:34ff:8efd"},
        "transport": "none",
        "hop_limit": 0,
    }
    assert found["anomalies"] == ["hop-limit-zero"]


def test_ports_of_zero_are_there() -> None:
    data = build.udp_frame((build.RELAY[0], 0), build.CLIENT, build.tcp6(ports=(0, 0)))
    found = row(data)
    assert found["outer"]["source"] == {"ip": "192.0.2.10", "port": 0}
    assert found["inner"]["source"]["port"] == found["inner"]["destination"]["port"] == 0


def test_an_echo_identifier_is_no_port() -> None:
    found = row(build.sixinfour_frame(build.echo6()))
    assert found["inner"]["source"] == {"ip": "2a00:db8::2"}
    assert found["inner"]["icmpv6"] == {"type": 128, "code": 0}


def test_trailers_are_read_again_from_the_frame() -> None:
    parts = [
        teredo.build_trailer_nonce(bytes.fromhex("77a05e76")),
        teredo.build_trailer_alternate([(packed("172.24.204.200"), 56528), (bytes(4), 1)]),
        teredo.build_trailer_random_port(57208),
        bytes([0x99, 1, 7]),
        bytes([teredo.TRAILER_ALTERNATE_ADDRESS, 3, 0, 0, 1]),
    ]
    data = build.udp_frame(build.RELAY, build.CLIENT, build.bubble() + b"".join(parts))
    # What pads the frame looks like one more trailer.
    found = row(data + bytes([1, 4, 1, 2, 3, 4]))
    assert found["teredo"]["trailers"] == [
        {"type": 1, "name": "nonce", "value": "77a05e76"},
        {
            "type": 3,
            "name": "alternate-address",
            "addresses": [{"ip": "172.24.204.200", "port": 56528}, {"ip": "0.0.0.0", "port": 1}],
        },
        {"type": 5, "name": "random-port", "port": 57208},
        {"type": 0x99, "name": "unknown", "value": "07"},
        {"type": 3, "name": "alternate-address", "value": "000001"},
    ]


def test_both_teredo_ends_and_the_former_prefix() -> None:
    source = build.teredo_address(flags=0x8000)
    legacy = bytes.fromhex("3ffe831f") + source[4:]
    found = row(build.udp_frame(build.PEER, build.CLIENT, build.tcp6(source, legacy)))
    assert found["teredo"]["source"]["cone"] is True
    assert found["teredo"]["source"]["flags"] == "0x8000"
    assert found["teredo"]["destination"] == found["teredo"]["source"] | {"legacy": True}


@pytest.mark.parametrize(
    ("address", "scheme", "ip"),
    [
        (build_sixtofour(build.V4A), "6to4", "203.0.113.5"),
        (build_isatap(packed("fd00::")[:8], build.V4A), "isatap", "203.0.113.5"),
        (build_isatap(packed("fd00::")[:8], build.V4A, True), "isatap", "203.0.113.5"),
        (bytes(12) + build.V4A, "ipv4-compatible", "203.0.113.5"),
        (build_sixover4(build.V4A), "6over4", "203.0.113.5"),
        # The first of the four octets is that of the outer end: eight bits are not embedded.
        (SIXRD.delegate(build.V4A)[0], "6rd", "203.0.113.5"),
    ],
)
def test_ipv4_embedded_in_protocol_41(address: bytes, scheme: str, ip: str) -> None:
    data = build.sixinfour_frame(build.tcp6(address, build.OTHER), build.V4A)
    (found,) = row(data, (SIXRD,))["embedded"]
    assert (found["role"], found["scheme"], found["ip"]) == ("source", scheme, ip)
    assert packed(found["address"]) == address


def test_every_scheme_of_both_ends_is_listed() -> None:
    both = build_isatap(build_sixtofour(build.V4A)[:8], build.V4A)
    data = build.sixinfour_frame(build.tcp6(both, build_sixtofour(build.V4B)), build.V4A)
    found = row(data)
    assert [(entry["role"], entry["scheme"]) for entry in found["embedded"]] == [
        ("source", "6to4"),
        ("source", "isatap"),
        ("destination", "6to4"),
    ]
    assert found["kinds"] == ["6to4", "isatap"]


def test_inside_teredo_a_6to4_address_embeds_too() -> None:
    address = build_sixtofour(build.V4A)
    packet = build.tcp6(address, build.TEREDO)
    assert row(build.udp_frame(build.RELAY, build.CLIENT, packet))["embedded"] == [
        {"address": text(address), "role": "source", "scheme": "6to4", "ip": text(build.V4A)}
    ]


def test_a_tunnel_in_a_tunnel_is_one_row() -> None:
    inner = build.udp(build.MAPPED, build.SERVER, build.authentication() + build.solicitation())
    data = build.sixinfour_frame(build.four_in_six(inner))
    rows = rows_of(data)
    found = row_object("a.pcap", rows, data, ())
    assert len(rows) == 2
    assert (found["kind"], found["kinds"]) == ("6in4", ["6in4", "teredo"])
    assert found["outer"] == {
        "transport": "ipv6",
        "source": {"ip": "203.0.113.5"},
        "destination": {"ip": "192.0.2.4"},
    }
    assert found["inner"]["destination"]["ip"] == "ff02::2"
    assert found["teredo"]["auth"]["nonce"] == build.NONCE.hex()
    assert found["stack"] == [
        *("ethernet", "ipv4", "ipv6", "ipv4", "udp", "teredo", "ipv6", "icmpv6"),
    ]


def test_anomalies_of_all_layers_are_sorted_together() -> None:
    inner = build.bubble(build.NATIVE, build.OTHER, hop_limit=0)
    data = build.sixinfour_frame(build.six_in_six(inner) + b"\0\0")
    assert row(data)["anomalies"] == ["hop-limit-zero", "trailing-bytes"]


def test_a_fragment() -> None:
    first = bytes([6, 0]) + (0 << 3 | 1).to_bytes(2) + (0xABCD).to_bytes(4)
    segment = build.tcp6()[ipv6.HEADER_LENGTH :]
    packet = ipv6.build(build.NATIVE, build.OTHER, ipv6.FRAGMENT, first + segment + bytes(4))
    inner = row(build.sixinfour_frame(packet))["inner"]
    assert inner["fragment"] == {"id": 0xABCD, "offset": 0, "more": True}


def test_marks_are_written_only_where_they_are_set() -> None:
    data = build.sixinfour_frame(build.tcp6())
    (plain,) = rows_of(data)
    assert {"quoted", "copy_of"}.isdisjoint(row_object("a", [plain], data, ()))
    marked = row_object("a", [plain._replace(quoted=1, copy_of=3)], data, ())
    assert (marked["quoted"], marked["copy_of"]) == (True, 3)


def test_ipv6_carriers_and_nameless_transports() -> None:
    packet = ipv6.build(build.NATIVE, build.TEREDO, 132, bytes(16))
    found = row(build.udp_frame((build.NATIVE, 1), (build.OTHER, 2), packet))
    assert found["outer"]["source"] == {"ip": "2a00:db8::2", "port": 1}
    assert found["inner"]["transport"] == "132"


# other kinds


def shown(*rows: Observation, data: bytes = b"") -> dict[str, Any]:
    return row_object("a.pcap", rows, data, (SIXRD,))


def test_the_key_of_gre_stands_with_its_ends() -> None:
    made = made_rows.gre(made_rows.row(made_rows.PRIVATE, made_rows.BROKER))
    outer = {
        "transport": "gre",
        "source": {"ip": "10.0.0.7"},
        "destination": {"ip": "192.0.2.4"},
    }
    assert shown(made)["outer"] == outer
    assert shown(made._replace(outer_key=0xFFFFFFFF))["outer"] == {**outer, "key": 0xFFFFFFFF}
    assert shown(made)["kind"] == "gre6"


def test_data_that_tsp_set_up_has_both_labels() -> None:
    made = made_rows.named(made_rows.row(made_rows.CLIENT, made_rows.RELAY), Kind.TSP)
    assert (shown(made)["kind"], shown(made)["kinds"]) == ("tsp", ["tsp", "v6udpv4"])


@pytest.mark.parametrize("transport", [Transport.UDP, Transport.TCP])
def test_without_an_inner_packet_there_is_no_inner_key(transport: Transport) -> None:
    made = made_rows.message(made_rows.CLIENT, made_rows.RELAY, Kind.TSP, outer_transport=transport)
    found = shown(made)
    assert {"inner", "embedded", "teredo"}.isdisjoint(found)
    assert found["outer"]["transport"] == transport.text
    assert found["outer"]["source"] == {"ip": "192.168.0.2", "port": 41658}
    assert None not in values(found)
    # The innermost IPv6 packet is that of the tunnel around it, where there is one.
    around = made_rows.direct(made_rows.syn())
    assert shown(around, made._replace(depth=1))["inner"] == shown(around)["inner"]


def test_a_frame_of_too_many_layers_is_of_no_kind() -> None:
    made = made_rows.unfollowed()
    found = shown(made)
    assert (found["kind"], found["kinds"], found["reasons"]) == ("none", [], [])
    assert found["anomalies"] == ["too-many-layers"]
    assert found["outer"] == {"source": {"ip": "192.168.0.2"}, "destination": {"ip": "192.0.2.10"}}
    assert "inner" not in found
    assert "outer" not in shown(made._replace(outer_version=0))


def test_what_a_tunnel_quotes_is_not_the_tunnel() -> None:
    error = made_rows.echo(made_rows.CLIENT, made_rows.RELAY, made_rows.TEREDO, made_rows.NATIVE, 1)
    quoted = made_rows.direct(made_rows.syn())._replace(depth=1, quoted=1, anomalies=1)
    assert shown(error, quoted) == shown(error)
    alone = shown(quoted._replace(depth=0))
    assert (alone["quoted"], alone["kind"]) == (True, "6in4")
