"""Which of the layers that Wireshark names make a tunnel; no tshark is needed here."""

from __future__ import annotations

import pytest

from sensor.inspect.layers import Layers, Tunnel

from .fakes import FakeLayer

FIELDS = {
    "ip": {"src": "192.0.2.1", "dst": "192.0.2.2"},
    "ipv6": {"src": "2001:db8::1", "dst": "2001:db8::2", "version": "6"},
    "udp": {"srcport": "1", "dstport": "2", "length": "8"},
    "tcp": {"srcport": "3", "dstport": "4", "hdr_len": "20"},
}


def made(names: str, **changes: dict[str, str]) -> Layers:
    """Layers of these names, whole unless some fields of a name are changed."""
    return Layers(
        [FakeLayer(name, FIELDS.get(name, {}) | changes.get(name, {})) for name in names.split()]
    )


def ends(names: str) -> list[tuple[int, int]]:
    return [(tunnel.carrier, tunnel.end) for tunnel in made(names).tunnels]


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ("eth ip ipv6 tcp", [(1, 2)]),
        ("eth ip udp teredo ipv6", [(1, 4)]),
        ("eth ip udp ipv6", [(1, 3)]),
        ("eth ip gre ipv6", [(1, 3)]),
        ("eth ip gre eth vlan ipv6", [(1, 5)]),
        ("eth ip gre mpls ipv6", [(1, 4)]),
        ("eth ip udp gre ipv6", [(1, 4)]),
        ("eth ip udp ayiya ipv6", [(1, 4)]),
        ("eth ip udp ayiya", [(1, 3)]),
        ("eth ip udp l2tp ppp ipv6", [(1, 5)]),
        ("eth ipv6 ip ipv6", [(2, 3)]),
        ("eth ipv6 ipv6.fraghdr ip ipv6", [(3, 4)]),
        ("eth ip ah ipv6", [(1, 3)]),
        ("eth ip ipv6 ipv6 tcp", [(1, 2), (2, 3)]),
        ("eth ip udp teredo ipv6 ip ipv6", [(1, 4), (5, 6)]),
        ("eth ip icmp ip ipv6", [(3, 4)]),
        ("eth ip ipv6 icmpv6 ipv6 ip ipv6", [(1, 2)]),
    ],
)
def test_tunnels_are_found(names: str, found: list[tuple[int, int]]) -> None:
    assert ends(names) == found


@pytest.mark.parametrize(
    "names",
    [
        "eth ip udp dns",
        "eth ipv6 tcp",
        "eth ipv6 ipv6 tcp",
        "eth ip udp vxlan eth ipv6",
        "eth ip udp geneve ipv6",
        "eth ip udp gtp ipv6",
        "eth mpls ipv6",
        "eth ip gre ip udp",
        "eth ip tcp ipv6",
        "eth ipv6 icmpv6 ipv6",
        "ipv6",
        "",
    ],
)
def test_native_packets_are_no_tunnels(names: str) -> None:
    layers = made(names)
    assert layers.tunnels == []
    assert (layers.sees_tunnel, layers.sees_inner) == (False, False)
    assert not layers.calls_transport_damaged
    assert layers.values(None) == {}


def test_an_ipv6_header_that_is_not_whole() -> None:
    layers = made("eth ip icmp ip ipv6", ipv6={"src": ""})
    assert layers.tunnels == [Tunnel(3, 4, empty=True)]
    assert not layers.sees_tunnel
    assert layers.values(None)["stack"] == "ipv4 icmp ipv4"
    assert made("ip ipv6", ipv6={"version": "5"}).tunnels == []


def test_a_geneve_header_is_no_origin_indication() -> None:
    """Type 0x86dd is port 31010 to Wireshark's Teredo dissector."""
    header = {"udp": {"dstport": "6081"}, "teredo": {"orig.port": "31010"}}
    assert made("ip udp teredo ipv6", **header).tunnels == []
    header["teredo"]["orig.port"] = "31011"
    assert len(made("ip udp teredo ipv6", **header).tunnels) == 1


def test_a_guess_that_failed_is_no_tunnel_to_wireshark() -> None:
    assert not made("ip udp teredo ipv6 _ws.malformed").sees_tunnel
    assert made("ip udp teredo ipv6 tcp _ws.malformed").sees_tunnel
    assert made("ip ipv6 _ws.malformed").sees_tunnel


@pytest.mark.parametrize(
    ("names", "fields", "damaged"),
    [
        ("ip ipv6 tcp", {}, False),
        ("ip ipv6 udp", {}, False),
        ("ip ipv6 tcp", {"tcp": {"hdr_len": "19"}}, True),
        ("ip ipv6 udp", {"udp": {"length": "7"}}, True),
        ("ip ipv6 tcp", {"tcp": {"hdr_len": ""}}, True),
        ("ip ipv6 tcp _ws.malformed", {}, True),
        ("ip ipv6 icmpv6 ipv6 udp", {"udp": {"length": "7"}}, False),
        ("ip ipv6", {}, False),
    ],
)
def test_a_damaged_transport_header_is_known(
    names: str, fields: dict[str, dict[str, str]], damaged: bool
) -> None:
    assert made(names, **fields).calls_transport_damaged is damaged


def test_ports_are_of_the_packet_itself() -> None:
    values = made("ip udp teredo ipv6 tcp").values(None)
    assert (values["outer.source.port"], values["inner.source.port"]) == ("1", "3")
    assert values["outer.transport"] == "udp"
    quoting = made("ip ipv6 icmpv6 ipv6 tcp").values(None)
    assert not any(name.endswith(".port") for name in quoting)


def test_a_stack_of_labels_is_one_layer() -> None:
    assert made("eth vlan mpls mpls ip ipv6").values(None)["stack"] == "vlan mpls ipv4 ipv6"
