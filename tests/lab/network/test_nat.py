"""NAT boxes, probed from outside as RFC 4787 and RFC 5780 tell."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from sensor.lab.network.behaviour import (
    ADDRESS_RESTRICTED,
    CONE,
    PORT_PRESERVING,
    PORT_RESTRICTED,
    SEQUENTIAL,
    SYMMETRIC,
    Dependence,
    NatBehaviour,
    PortChoice,
)
from sensor.lab.network.box import NO_HOPS, NOT_FORWARDED
from sensor.lab.network.clock import Clock
from sensor.lab.network.connection import Outcome
from sensor.lab.network.firewall import BLOCKED
from sensor.lab.network.host import Host
from sensor.lab.network.mappings import FILTERED, NO_MAPPING, TABLE_FULL
from sensor.lab.network.nat import NO_HAIRPIN, UNREADABLE, NatBox
from sensor.lab.network.packet import Label, Packet
from sensor.lab.network.passthrough import PASSAGE_TAKEN, Passage
from sensor.lab.network.segment import Segment
from sensor.lab.network.tap import Tap
from sensor.schema.records import Endpoint
from sensor.schema.words import Kind, TeredoPacket
from sensor.wire import icmpv4, ipv4, udp
from sensor.wire.addresses import packed
from tests.lab.network.places import (
    FIRST_IP,
    GATEWAY_IP,
    INSIDE_IP,
    LOCAL_PORT,
    NAT_IP,
    OTHER_IP,
    PROBES,
    Home,
    listen,
)

ALL_KINDS = [CONE, ADDRESS_RESTRICTED, PORT_RESTRICTED, SYMMETRIC, PORT_PRESERVING, SEQUENTIAL]
NAMES = ["cone", "address", "port", "symmetric", "preserving", "sequential"]
ADDRESS_SYMMETRIC = replace(
    SYMMETRIC, mapping=Dependence.ADDRESS_DEPENDENT, filtering=Dependence.ADDRESS_DEPENDENT
)
LABEL = Label(Kind.TEREDO, TeredoPacket.BUBBLE, "host")


@pytest.mark.parametrize(
    ("nat", "distinct"),
    [*zip(ALL_KINDS, [1, 1, 1, 4, 4, 4], strict=True), (ADDRESS_SYMMETRIC, 2)],
    ids=[*NAMES, "address-symmetric"],
)
def test_one_socket_has_as_many_mappings_as_the_behaviour_says(
    nat: NatBehaviour, distinct: int
) -> None:
    home = Home(nat)
    mapped = [home.mapped(probe) for probe in PROBES]
    assert {end.ip for end in mapped} == {NAT_IP}
    assert len({end.port for end in mapped}) == distinct
    assert [home.mapped(probe) for probe in PROBES] == mapped


@pytest.mark.parametrize(
    ("nat", "allowed"),
    [
        *zip(ALL_KINDS, [PROBES, PROBES[:2], PROBES[:1], *[PROBES[:1]] * 3], strict=True),
        (ADDRESS_SYMMETRIC, PROBES[:2]),
    ],
    ids=[*NAMES, "address-symmetric"],
)
def test_after_one_packet_out_only_these_may_answer(
    nat: NatBehaviour, allowed: list[Endpoint]
) -> None:
    home = Home(nat)
    mapped = home.mapped(PROBES[0])
    assert home.let_in(mapped) == set(allowed)
    assert home.nat.drops[FILTERED] == 4 - len(allowed)


def test_nobody_gets_in_before_something_went_out() -> None:
    home = Home(CONE)
    assert home.let_in(Endpoint(NAT_IP, LOCAL_PORT)) == set()
    assert home.nat.drops[NO_MAPPING] == 4


def test_ports_are_chosen_as_the_behaviour_says() -> None:
    preserving = [Home(PORT_PRESERVING).mapped(PROBES[0]).port, LOCAL_PORT]
    assert preserving == [LOCAL_PORT, LOCAL_PORT]
    home = Home(SEQUENTIAL)
    ports = [home.mapped(probe).port for probe in PROBES]
    assert ports == list(range(ports[0], ports[0] + 4))
    ports = [Home(CONE, seed).mapped(PROBES[0]).port for seed in range(4)]
    assert len({*ports, LOCAL_PORT}) == 5


def test_hosts_that_share_a_port_collide_at_a_preserving_box() -> None:
    """T-28."""
    home = Home(replace(PORT_RESTRICTED, ports=PortChoice.PRESERVING))
    listen(home.other, Endpoint(OTHER_IP, LOCAL_PORT))
    first = home.mapped(PROBES[0])
    second = home.mapped(PROBES[0], Endpoint(OTHER_IP, LOCAL_PORT))
    assert first.port == LOCAL_PORT
    assert second.port != LOCAL_PORT
    assert home.let_in(first) == {PROBES[0]}


@pytest.mark.parametrize("nat", ALL_KINDS, ids=NAMES)
def test_an_idle_mapping_expires_and_the_next_packet_gets_a_new_one(nat: NatBehaviour) -> None:
    home = Home(replace(nat, lifetime=40.0))
    mapped = home.mapped(PROBES[0])
    home.clock.run(home.clock.now + 38.0)
    assert home.let_in(mapped)
    home.clock.run(home.clock.now + 2.0)
    assert home.let_in(mapped) == set()
    home.mapped(PROBES[0])
    ended, living = home.nat.mappings
    assert ended.ended == pytest.approx(40.0, abs=0.1)
    assert living.ended is None
    assert ended.inside == living.inside == home.end


def test_inbound_packets_refresh_by_choice() -> None:
    home = Home(replace(CONE, lifetime=40.0, inbound_refreshes=True))
    mapped = home.mapped(PROBES[0])
    for _ in range(4):
        home.clock.run(home.clock.now + 30.0)
        assert home.let_in(mapped) == set(PROBES)


def test_forgetting_rebinds_in_mid_traffic() -> None:
    home = Home(PORT_RESTRICTED)
    before = home.mapped(PROBES[0])
    home.nat.forget()
    assert home.let_in(before) == set()
    after = home.mapped(PROBES[0])
    assert after != before
    assert home.let_in(after) == {PROBES[0]}


def test_hairpin_on_both_see_each_others_outside_ends() -> None:
    home = Home(replace(CONE, hairpin=True))
    other = Endpoint(OTHER_IP, 5000)
    heard = listen(home.other, other)
    mapped, theirs = home.mapped(PROBES[0]), home.mapped(PROBES[0], other)
    home.host.send_udp(b"neighbour?", home.end, theirs)
    home.settle()
    assert heard == [(b"neighbour?", mapped, other)]
    home.other.send_udp(b"here", other, mapped)
    home.settle()
    assert home.heard == [(b"here", theirs, home.end)]


def test_hairpin_off_they_do_not_meet() -> None:
    home = Home(CONE)
    other = Endpoint(OTHER_IP, 5000)
    heard = listen(home.other, other)
    home.host.send_udp(b"neighbour?", home.end, home.mapped(PROBES[0], other))
    home.settle()
    assert (heard, home.nat.drops[NO_HAIRPIN]) == ([], 1)


def test_hairpinned_packets_are_filtered_like_others() -> None:
    home = Home(replace(PORT_RESTRICTED, hairpin=True))
    other = Endpoint(OTHER_IP, 5000)
    heard = listen(home.other, other)
    mapped, theirs = home.mapped(PROBES[0]), home.mapped(PROBES[0], other)
    home.host.send_udp(b"first", home.end, theirs)
    home.settle()
    assert heard == []
    home.other.send_udp(b"second", other, mapped)
    home.settle()
    assert home.heard == [(b"second", theirs, home.end)]


class Carrier:
    """A home NAT behind a carrier's NAT."""

    def __init__(self, home: NatBehaviour, carrier: NatBehaviour) -> None:
        self.clock = Clock()
        inside, access = (Segment(name, self.clock, Random(name)) for name in ("home", "access"))
        internet = Segment("internet", self.clock, Random(1), 0.01)
        access_ip, cgn_ip = packed("100.64.0.2"), packed("100.64.0.1")
        self.home = NatBox("nat", inside, access, GATEWAY_IP, access_ip, home, Random(2))
        self.cgn = NatBox("cgn", access, internet, cgn_ip, NAT_IP, carrier, Random(3))
        self.host = Host("host", inside, [INSIDE_IP], Random(4))
        self.prober = Host("prober", internet, [FIRST_IP, PROBES[2].ip], Random(5))
        self.end = Endpoint(INSIDE_IP, LOCAL_PORT)
        self.heard = listen(self.host, self.end)
        self.probed = listen(self.prober, *PROBES)

    def settle(self) -> None:
        self.clock.run(self.clock.now + 1.0)


@pytest.mark.parametrize("outer", [CONE, PORT_RESTRICTED, SYMMETRIC])
@pytest.mark.parametrize("inner", [CONE, PORT_RESTRICTED, SYMMETRIC])
def test_two_levels_are_as_strict_as_the_stricter_one(
    inner: NatBehaviour, outer: NatBehaviour
) -> None:
    net = Carrier(inner, outer)
    for probe in PROBES[:2]:
        net.host.send_udp(b"out", net.end, probe)
    net.settle()
    mapped = [what[1] for what in net.probed]
    symmetric = SYMMETRIC in (inner, outer)
    assert {end.ip for end in mapped} == {NAT_IP}
    assert (mapped[0] != mapped[1]) is symmetric
    for probe in PROBES:
        net.prober.send_udp(b"in", probe, mapped[0])
    net.settle()
    let_in = {what[1] for what in net.heard}
    free = inner is outer is CONE
    assert let_in == set(PROBES if free else PROBES[:1] if symmetric else PROBES[:2])
    assert net.home.mappings[0].outside == net.cgn.mappings[0].inside


def test_errors_find_their_way_through_two_levels_both_ways() -> None:
    net = Carrier(PORT_RESTRICTED, PORT_RESTRICTED)
    asked = net.host.ask(Endpoint(FIRST_IP, 9), b"discard")
    net.settle()
    assert asked.refused  # an error that came in
    net.host.send_udp(b"out", net.end, PROBES[0])
    net.settle()
    net.host.unbind(net.end)
    seen = Tap(net.prober.interface.medium, beside=net.prober.interface)
    net.prober.send_udp(b"in", PROBES[0], net.probed[0][1])
    net.settle()
    error = seen.frames[-1].octets[14:]  # one that went out
    assert ipv4.header_checksum_ok(error)
    assert error[12:20] == NAT_IP + FIRST_IP
    quote = error[28:]
    assert quote[12:20] == FIRST_IP + NAT_IP
    assert quote[20:24] == PROBES[0].port.to_bytes(2) + net.probed[0][1].port.to_bytes(2)
    assert ipv4.header_checksum_ok(quote)
    assert udp.verify(FIRST_IP, NAT_IP, quote[20:30])


def test_ordinary_traffic_passes() -> None:
    home = Home(PORT_RESTRICTED)
    home.prober.serve_udp(53, lambda query: query[::-1])
    home.prober.tcp.serve(80, lambda request: b"200 " + request)
    echo = home.host.ping(FIRST_IP)
    question = home.host.ask(Endpoint(FIRST_IP, 53), b"abc")
    page = home.host.tcp.connect(FIRST_IP, 80, b"GET /")
    home.clock.run(5.0)
    assert len(echo.answers) == 1
    assert [payload for _, payload in question.answers] == [b"cba"]
    assert (page.outcome, page.received) == (Outcome.ANSWERED, b"200 GET /")


def test_a_full_table_refuses_new_flows_and_keeps_old_ones() -> None:
    home = Home(replace(SYMMETRIC, limit=20))
    mapped = home.mapped(PROBES[0])
    for port in range(1, 60):
        home.host.send_udp(b"scan", home.end, Endpoint(FIRST_IP, port))
    home.settle()
    assert home.nat.drops[TABLE_FULL] == 40
    assert home.let_in(mapped) == {PROBES[0]}
    assert len(home.nat.mappings) == 20


def test_labels_survive_translation_and_hops_are_counted() -> None:
    home = Home(CONE)
    taps = Tap(home.inside), Tap(home.internet)
    home.host.send_udp(b"out", home.end, PROBES[0], label=LABEL)
    home.settle()
    frames = [tap.frames[0] for tap in taps]
    assert [frame.label for frame in frames] == [LABEL, LABEL]
    assert [frame.octets[22] for frame in frames] == [64, 63]
    assert frames[0].octets[18:20] == frames[1].octets[18:20]  # the identification is kept


def test_the_last_hop_is_told_to_the_sender() -> None:
    home = Home(CONE)
    tap = Tap(home.inside)
    home.host.send_udp(b"out", home.end, PROBES[0], ttl=1, label=LABEL)
    home.settle()
    error = tap.frames[1]
    assert error.octets[14 + 20] == icmpv4.TIME_EXCEEDED
    assert error.octets[26:34] == GATEWAY_IP + INSIDE_IP
    assert error.label == LABEL._replace(sender="nat", quoted=True)
    assert (home.probed, home.nat.drops[NO_HOPS]) == ([], 1)
    home.host.send(FIRST_IP, icmpv4.PROTOCOL, icmpv4.build_error(11, 0, bytes(28)), ttl=1)
    home.settle()
    assert len(tap.frames) == 3  # an error that went too far is told to nobody


@pytest.mark.parametrize("destination", ["224.0.0.253", "192.168.0.1", "255.255.255.255"])
def test_what_is_not_for_others_is_not_forwarded(destination: str) -> None:
    home = Home(CONE)
    home.host.send_udp(b"x", home.end, Endpoint(packed(destination), 3544), ttl=1)
    home.settle()
    assert home.nat.drops == {NOT_FORWARDED: 1}
    assert home.nat.mappings == ()


def test_what_it_cannot_read_it_drops() -> None:
    home = Home(CONE)
    home.host.send(FIRST_IP, udp.PROTOCOL, b"cut")
    home.host.send(FIRST_IP, 41, bytes(40))
    home.host.send(FIRST_IP, icmpv4.PROTOCOL, icmpv4.build_error(3, 3, b"garbage"))
    home.settle()
    assert home.nat.drops[UNREADABLE] == 3


def test_errors_about_nothing_it_knows_are_dropped() -> None:
    home = Home(CONE)
    datagram = udp.build(NAT_IP, FIRST_IP, 1234, 53, b"")
    quote = ipv4.build(NAT_IP, FIRST_IP, udp.PROTOCOL, datagram)
    error = icmpv4.build_error(icmpv4.UNREACHABLE, 3, quote)
    home.prober.send(NAT_IP, icmpv4.PROTOCOL, error)
    home.host.send(FIRST_IP, icmpv4.PROTOCOL, error)
    home.settle()
    assert home.nat.drops[NO_MAPPING] == 2


def test_a_group_outside_is_none_of_its_business() -> None:
    home = Home(CONE)
    octets = ipv4.build(FIRST_IP, packed("224.0.0.253"), udp.PROTOCOL, bytes(8))
    home.prober.interface.send(Packet(octets))
    home.settle()
    assert home.nat.drops[NOT_FORWARDED] == 1


SIXINFOUR, GRE = 41, 47
PASSING = replace(PORT_RESTRICTED, passes=frozenset((SIXINFOUR, GRE)))


class Wire:
    """What a home's host and its prober get, as (protocol, source, destination, payload)."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._inside = Tap(home.inside, beside=home.host.interface)
        self._outside = Tap(home.internet, beside=home.prober.interface)

    def _got(self, tap: Tap) -> list[tuple[int, bytes, bytes, bytes]]:
        self.home.settle()
        packets = [frame.octets[14 : 14 + frame.octets[17]] for frame in tap.frames]
        tap.frames.clear()
        assert all(ipv4.header_checksum_ok(octets) for octets in packets)
        return [(octets[9], octets[12:16], octets[16:20], octets[20:]) for octets in packets]

    def inside(self) -> list[tuple[int, bytes, bytes, bytes]]:
        return self._got(self._inside)

    def outside(self) -> list[tuple[int, bytes, bytes, bytes]]:
        return self._got(self._outside)


@pytest.mark.parametrize("protocol", [SIXINFOUR, GRE])
def test_a_protocol_without_ports_passes_by_addresses_alone(protocol: int) -> None:
    home = Home(PASSING)
    home.host.send(FIRST_IP, protocol, b"out", label=LABEL)
    wire = Wire(home)
    assert wire.outside() == [(protocol, NAT_IP, FIRST_IP, b"out")]
    wire.inside()
    home.prober.send(NAT_IP, protocol, b"back")
    home.prober.send(NAT_IP, protocol, b"stranger", source=PROBES[2].ip)
    assert wire.inside() == [(protocol, FIRST_IP, INSIDE_IP, b"back")]
    assert home.nat.drops == {NO_MAPPING: 1}
    since = home.inside.latency
    assert home.nat.passages == (Passage(protocol, INSIDE_IP, FIRST_IP, since),)
    assert home.nat.mappings == ()


def test_two_inside_hosts_cannot_share_a_remote_address() -> None:
    home = Home(PASSING)
    home.host.send(FIRST_IP, SIXINFOUR, b"first")
    home.settle()
    home.other.send(FIRST_IP, SIXINFOUR, b"second")
    home.other.send(FIRST_IP, GRE, b"of its own")
    wire = Wire(home)
    assert wire.outside() == [(GRE, NAT_IP, FIRST_IP, b"of its own")]
    assert home.nat.drops == {PASSAGE_TAKEN: 1}
    home.nat.forget()
    home.other.send(FIRST_IP, SIXINFOUR, b"now")
    assert wire.outside() == [(SIXINFOUR, NAT_IP, FIRST_IP, b"now")]


def test_passages_are_limited_as_mappings_are() -> None:
    home = Home(replace(PASSING, limit=1))
    for probe in (PROBES[0], PROBES[2]):
        home.host.send(probe.ip, SIXINFOUR, b"out")
    home.settle()
    assert home.nat.drops == {TABLE_FULL: 1}


def test_errors_about_what_has_no_ports_are_translated_both_ways() -> None:
    home = Home(PASSING)
    wire = Wire(home)
    home.host.send(FIRST_IP, SIXINFOUR, b"out")
    home.settle()
    wire.inside()
    theirs = ipv4.build(NAT_IP, FIRST_IP, SIXINFOUR, b"out")
    error = icmpv4.build_error(icmpv4.UNREACHABLE, 2, theirs)
    home.prober.send(NAT_IP, icmpv4.PROTOCOL, error, source=PROBES[2].ip)
    own = icmpv4.build_error(
        icmpv4.UNREACHABLE, 2, ipv4.build(INSIDE_IP, FIRST_IP, SIXINFOUR, b"out")
    )
    assert wire.inside() == [(icmpv4.PROTOCOL, PROBES[2].ip, INSIDE_IP, own)]
    wire.outside()
    own = icmpv4.build_error(
        icmpv4.UNREACHABLE, 2, ipv4.build(FIRST_IP, INSIDE_IP, SIXINFOUR, b"in")
    )
    theirs = ipv4.build(FIRST_IP, NAT_IP, SIXINFOUR, b"in")
    home.host.send(FIRST_IP, icmpv4.PROTOCOL, own)
    error = icmpv4.build_error(icmpv4.UNREACHABLE, 2, theirs)
    assert wire.outside() == [(icmpv4.PROTOCOL, NAT_IP, FIRST_IP, error)]
    about_nothing = ipv4.build(FIRST_IP, OTHER_IP, SIXINFOUR, b"in")
    error = icmpv4.build_error(icmpv4.UNREACHABLE, 2, about_nothing)
    home.other.send(FIRST_IP, icmpv4.PROTOCOL, error)
    assert wire.outside() == []
    assert home.nat.drops == {NO_MAPPING: 1}


def test_without_ports_there_is_no_hairpin_and_there_are_no_fragments() -> None:
    home = Home(replace(PASSING, hairpin=True))
    home.host.send(NAT_IP, SIXINFOUR, b"neighbour?")
    octets = ipv4.build(INSIDE_IP, FIRST_IP, SIXINFOUR, bytes(8), more_fragments=True)
    home.host.interface.send(Packet(octets))
    assert Wire(home).outside() == []
    assert home.nat.drops == {NO_HAIRPIN: 1, UNREADABLE: 1}
    assert home.nat.passages == ()


def test_a_blocked_port_ends_what_was_and_lets_others_be() -> None:
    home = Home(CONE)
    mapped = home.mapped(PROBES[0])
    home.nat.firewall.block(PROBES[0].port)
    assert home.let_in(mapped) == {probe for probe in PROBES if probe.port != PROBES[0].port}
    home.probed.clear()
    home.host.send_udp(b"out", home.end, PROBES[0])
    home.settle()
    assert (home.probed, home.nat.drops) == ([], {BLOCKED: 3})
    assert home.mapped(PROBES[1]) == mapped


def test_later_fragments_that_went_too_far_are_told_to_nobody() -> None:
    home = Home(CONE)
    tap = Tap(home.inside)
    octets = ipv4.build(INSIDE_IP, FIRST_IP, udp.PROTOCOL, bytes(8), ttl=1, fragment_offset=8)
    home.host.interface.send(Packet(octets))
    home.settle()
    assert (len(tap.frames), home.nat.drops) == (1, {NO_HOPS: 1})
