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


AYIYA = {  # as IPv6, with an identity of 64 octets and a signature of SHA-1
    "tclass": "0x00000015",
    "flow": "0x021129",
    "plen": "25939",
    "nxt": "241",
    "hlim": "0",
}
REDIRECTED = {
    "ip": {"len": "108", "hdr_len": "20"},
    "icmp": {"type": "5"},
    "ipv6": {"src": "", "dst": ""},
}


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
    assert not layers.stops_in_redirect
    assert not layers.stops_at_extension
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


@pytest.mark.parametrize(
    ("names", "fields", "taken"),
    [
        ("ip udp ipv6", {}, True),
        ("ip udp teredo ipv6 tcp", {}, True),
        ("ip ip udp ipv6", {}, False),
        ("ip ipv6", {}, False),
        ("ip udp ayiya ipv6", {}, False),
        ("ip udp ipv6", {"src": ""}, False),
        ("ip udp ipv6", {"tclass": "0x00000035"}, False),  # identities of three types only
        ("ip udp ipv6", {"tclass": "0x00000014"}, False),  # 16 octets are no SHA-1
        ("ip udp ipv6", {"flow": "0x021829"}, False),  # no such operation
        ("ip udp ipv6", {"flow": "0x021106"}, False),  # TCP cannot follow
        ("ip udp ipv6", {"tclass": "0x00000000", "flow": "0x000000"}, False),
    ],
)
def test_ayiya_taken_for_ipv6_is_known(names: str, fields: dict[str, str], taken: bool) -> None:
    assert made(names, ipv6=AYIYA | fields).takes_ayiya_for_ipv6(1) is taken


def test_ayiya_taken_for_ipv6_is_looked_for_where_the_row_has_it() -> None:
    layers = made("ip ip udp ipv6", ipv6=AYIYA)
    assert [layers.takes_ayiya_for_ipv6(networks) for networks in (1, 2, 3)] == [False, True, False]


@pytest.mark.parametrize(
    ("names", "address", "late"),
    [
        ("eth mpls DATA pwethcw eth ip ipv6", "00:01:81:00:00:09", True),
        ("eth mpls DATA pwethcw eth ip ipv6", "00:01:88:a8:00:09", True),
        ("eth mpls DATA pwethcw eth ip ipv6", "00:01:91:00:00:09", True),
        ("eth mpls DATA pwethcw eth ip ipv6", "00:01:08:00:45:00", False),
        ("eth mpls DATA eth ip ipv6", "00:01:81:00:00:09", False),
        ("eth mpls ip ipv6", "00:01:81:00:00:09", False),
        ("", "", False),
    ],
)
def test_a_control_word_that_is_none_is_known(names: str, address: str, late: bool) -> None:
    assert made(names, eth={"src": address}).takes_address_for_control_word is late


@pytest.mark.parametrize(
    ("names", "fields", "stops"),
    [
        ("eth ip icmp ip ipv6 _ws.malformed", {}, True),
        ("eth ip icmp ip gre ipv6 _ws.malformed", {}, True),
        ("eth ip icmp ip ipv6", {"icmp": {"type": "3"}}, False),
        ("eth ip icmp ip ipv6", {"ip": {"len": "64", "hdr_len": "20"}}, True),
        # No more is quoted than what Wireshark reads.
        ("eth ip icmp ip ipv6", {"ip": {"len": "56", "hdr_len": "20"}}, False),
        ("eth ip icmp ip ipv6", {"ip": {"len": "56", "hdr_len": ""}}, True),
        ("eth ip icmp ip ipv6", {"ip": {"len": "", "hdr_len": ""}}, False),
        ("eth ip icmp ip ipv6", {"ipv6": {}}, False),
        ("eth ip ipv6", {}, False),
    ],
)
def test_an_early_end_in_a_redirect_is_known(
    names: str, fields: dict[str, dict[str, str]], stops: bool
) -> None:
    assert made(names, **REDIRECTED | fields).stops_in_redirect is stops


@pytest.mark.parametrize(
    ("names", "fields", "stops"),
    [
        ("ip ipv6 hip", {"hip": {"proto": "6"}}, True),
        ("ip ipv6 ipv6.hopopts hip", {"hip": {"proto": "6"}}, True),
        ("ip ipv6 hip", {"hip": {"proto": "59"}}, False),
        ("ip ipv6 hip", {}, False),
        ("ip ipv6 shim6 tcp", {}, False),
        ("ip ipv6 tcp hip", {"hip": {"proto": "6"}}, False),
        ("ip ipv6 ipv6.hopopts", {}, False),
    ],
)
def test_an_extension_header_that_ends_a_packet_to_wireshark_is_known(
    names: str, fields: dict[str, dict[str, str]], stops: bool
) -> None:
    assert made(names, **fields).stops_at_extension is stops
