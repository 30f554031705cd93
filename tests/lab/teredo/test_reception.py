"""Which packets a qualified client takes, and what it answers."""

from __future__ import annotations

import pytest

from sensor.lab.inner.refusal import MAPPING_DIFFERS
from sensor.lab.machine import Datagram
from sensor.lab.teredo import reception as words
from sensor.lab.teredo.settings import PeerLimits
from sensor.lab.teredo.style import MIREDO, OWN, Style
from sensor.schema.records import Endpoint
from sensor.schema.words import TeredoPacket
from sensor.wire import addresses, icmpv6, ipv6, teredo
from sensor.wire.addresses import packed
from tests.lab.teredo.parties import data
from tests.lab.teredo.world import (
    LOCAL,
    MAPPED,
    NATIVE,
    RELAY,
    RELAY_LINK_LOCAL,
    SECOND,
    SERVER,
    Host,
    Nat,
    World,
    address_of,
)

PEER_END = Endpoint(packed("203.0.113.9"), 60_000)
PEER = address_of(PEER_END)
ELSEWHERE = Endpoint(packed("192.0.2.66"), 666)
ORIGIN = teredo.build_origin(*RELAY)
NONCE = teredo.build_trailer_nonce(b"\xde\xad\xbe\xef")


class Bench:
    """A client that is qualified and hears what the test says."""

    def __init__(self, **settings: object) -> None:
        self.world = World()
        self.host: Host = self.world.add(Nat(MAPPED.ip), **settings)  # type: ignore[arg-type]
        self.world.run(1.0)
        self.client = self.host.client
        self.own = self.host.address
        self.now = self.world.now

    def give(
        self, payload: bytes, source: Endpoint = ELSEWHERE, end: Endpoint = LOCAL
    ) -> list[Datagram]:
        """What the client sends in answer."""
        self.client.receive_datagram(payload, source, end, self.now)
        return self.client.datagrams_to_send()

    def bubble(self, source: bytes, destination: bytes | None = None) -> bytes:
        return teredo.build_bubble(source, destination or self.own)

    def send(self, destination: bytes, octets: bytes = b"data") -> list[Datagram]:
        self.client.send_ipv6(data(self.own, destination, octets), self.now)
        return self.client.datagrams_to_send()

    def reply(self, request: Datagram) -> bytes:
        """A native host's answer to a connectivity test."""
        header, body = request.payload[8:40], request.payload[44:]
        message = icmpv6.build(header[16:], header[:16], icmpv6.ECHO_REPLY, 0, body)
        return ipv6.build(header[16:], header[:16], icmpv6.PROTOCOL, message)


def refused(bench: Bench, word: str) -> bool:
    """Whether that word alone was counted, and nothing delivered."""
    return bench.client.drops == {word: 1} and bench.client.ipv6_to_deliver() == []


def test_a_bubble_from_the_server_is_answered_at_its_origin() -> None:
    bench = Bench()
    (answer,) = bench.give(ORIGIN + bench.bubble(RELAY_LINK_LOCAL), SERVER)
    expected = bench.bubble(bench.own, RELAY_LINK_LOCAL)
    assert answer == Datagram(LOCAL, RELAY, expected, TeredoPacket.BUBBLE)


def test_a_bubble_to_its_link_local_address_is_answered_from_there() -> None:
    bench = Bench()
    own = bench.client.link_local
    (answer,) = bench.give(ORIGIN + bench.bubble(RELAY_LINK_LOCAL, own), SERVER)
    assert answer.payload == bench.bubble(own, RELAY_LINK_LOCAL)


def test_guessed_flags_get_no_answer() -> None:
    bench = Bench()
    wrong = bench.own[:9] + bytes([bench.own[9] ^ 1]) + bench.own[10:]
    assert bench.give(ORIGIN + bench.bubble(RELAY_LINK_LOCAL, wrong), SERVER) == []
    assert refused(bench, words.DESTINATION)


@pytest.mark.parametrize("ip", ["10.1.2.3", "127.0.0.1", "224.0.0.1"])
def test_origins_that_are_not_global_get_no_answer(ip: str) -> None:
    bench = Bench()
    origin = teredo.build_origin(packed(ip), 1)
    assert bench.give(origin + bench.bubble(RELAY_LINK_LOCAL), SERVER) == []
    assert refused(bench, words.UNREACHABLE_ORIGIN)


def test_nor_does_its_own_mapping_nor_port_0() -> None:
    for end in (MAPPED, Endpoint(RELAY.ip, 0)):
        bench = Bench()
        origin = teredo.build_origin(*end)
        assert bench.give(origin + bench.bubble(RELAY_LINK_LOCAL), SERVER) == []
        assert refused(bench, words.UNREACHABLE_ORIGIN)


def test_a_server_may_be_the_relay_itself() -> None:
    bench = Bench()
    origin = teredo.build_origin(*SERVER)
    (answer,) = bench.give(origin + bench.bubble(RELAY_LINK_LOCAL), SERVER)
    assert answer.destination == SERVER
    (request,) = bench.send(NATIVE)
    assert bench.give(bench.reply(request), SERVER)[0].destination == SERVER


@pytest.mark.parametrize(("style", "repeated"), [(OWN, NONCE), (MIREDO, b"")])
def test_a_relays_nonce_is_repeated_to_it(style: Style, repeated: bytes) -> None:
    bench = Bench(style=style)
    origin = teredo.build_origin(*RELAY)
    (answer,) = bench.give(origin + bench.bubble(RELAY_LINK_LOCAL) + NONCE, SERVER)
    limit = style.bubble_hop_limit
    assert answer.payload == teredo.build_bubble(bench.own, RELAY_LINK_LOCAL, limit) + repeated


def test_a_bubble_of_a_teredo_peer_needs_no_origin() -> None:
    bench = Bench()
    direct, indirect = bench.give(bench.bubble(PEER) + NONCE, SECOND)
    assert direct.destination == PEER_END
    assert direct.payload == bench.bubble(bench.own, PEER) + NONCE
    assert indirect.destination == SERVER


def test_without_extensions_it_is_answered_directly_and_plainly() -> None:
    bench = Bench(style=MIREDO)
    (direct,) = bench.give(bench.bubble(PEER) + NONCE, SERVER)
    assert direct.payload == teredo.build_bubble(bench.own, PEER, 0)


def test_answers_are_limited() -> None:
    bench = Bench()
    payload = ORIGIN + bench.bubble(RELAY_LINK_LOCAL)
    answers = sum(len(bench.give(payload, SERVER)) for _ in range(1_000))
    assert answers == words.ANSWERS_A_SECOND
    assert bench.client.drops[words.ANSWERS_LIMITED] == 1_000 - answers


def test_data_from_where_the_address_says_is_taken_at_once() -> None:
    bench = Bench()
    packet = data(PEER, bench.own)
    assert bench.give(packet, PEER_END) == []
    assert bench.client.ipv6_to_deliver() == [packet]
    assert bench.send(PEER)[0].destination == PEER_END


def test_a_bubble_proves_a_peer_and_is_not_delivered() -> None:
    bench = Bench()
    assert bench.send(PEER, b"waits")[0].packet is TeredoPacket.BUBBLE
    (sent,) = bench.give(bench.bubble(PEER), PEER_END)
    assert sent.payload == data(bench.own, PEER, b"waits")
    assert bench.client.ipv6_to_deliver() == []


def test_the_nonce_proves_a_peer_behind_a_symmetric_nat() -> None:
    bench = Bench()
    indirect = bench.send(PEER, b"waits")[1]
    told = teredo.parse(indirect.payload).trailers[0].value
    echoed = bench.bubble(PEER) + teredo.build_trailer_nonce(told)
    confirmation, sent = bench.give(echoed, ELSEWHERE)
    assert confirmation.packet is TeredoPacket.BUBBLE
    assert sent.payload == data(bench.own, PEER, b"waits")
    assert {d.destination for d in (confirmation, sent)} == {ELSEWHERE}
    assert bench.give(echoed, ELSEWHERE) == []  # confirmed once


@pytest.mark.parametrize("trailer", [b"", NONCE])
def test_another_nonce_or_none_proves_nothing(trailer: bytes) -> None:
    bench = Bench()
    bench.send(PEER)
    assert bench.give(bench.bubble(PEER) + trailer, ELSEWHERE) == []
    assert refused(bench, MAPPING_DIFFERS)


def test_a_reply_through_another_relay_teaches_the_new_one() -> None:
    bench = Bench()
    (request,) = bench.send(NATIVE, b"one")
    (sent,) = bench.give(bench.reply(request), RELAY)
    assert (sent.destination, sent.payload) == (RELAY, data(bench.own, NATIVE, b"one"))
    (again,) = bench.give(data(NATIVE, bench.own, b"moved"), ELSEWHERE)
    assert again.packet is TeredoPacket.CONNECTIVITY_TEST
    assert bench.client.ipv6_to_deliver() == []
    bench.give(bench.reply(again), ELSEWHERE)
    assert bench.client.ipv6_to_deliver() == [data(NATIVE, bench.own, b"moved")]
    assert bench.send(NATIVE)[0].destination == ELSEWHERE
    bench.give(data(NATIVE, bench.own, b"late"), RELAY)  # proved before, still good
    assert bench.client.ipv6_to_deliver() == [data(NATIVE, bench.own, b"late")]


def test_peers_behind_one_relay_are_different_peers() -> None:
    bench = Bench()
    other = NATIVE[:-1] + b"\x09"
    (request,) = bench.send(NATIVE)
    bench.give(bench.reply(request), RELAY)
    assert bench.send(other)[0].packet is TeredoPacket.CONNECTIVITY_TEST
    assert bench.give(data(other, bench.own), RELAY) == []  # waits for the same test
    assert bench.client.ipv6_to_deliver() == []


def test_trials_that_strangers_provoke_are_limited() -> None:
    bench = Bench()
    for number in range(300):
        bench.give(data(NATIVE[:-2] + number.to_bytes(2), bench.own))
    assert bench.client.drops == {words.TRIALS_LIMITED: 300 - words.TRIALS_A_SECOND}


def test_while_one_relay_is_tested_no_other_speaks_for_the_same_host() -> None:
    bench = Bench()
    bench.give(data(NATIVE, bench.own), ELSEWHERE)
    assert bench.give(data(NATIVE, bench.own), RELAY) == []
    assert refused(bench, words.RELAY_MISMATCH)


def test_strangers_do_not_fill_more_than_the_table() -> None:
    bench = Bench(limits=PeerLimits(peers=10))
    for number in range(500):
        port = Endpoint(PEER_END.ip, 10_000 + number)
        bench.give(data(address_of(port), bench.own), port)
    assert bench.client.drops == {"peer-evicted": 490}
    assert len(bench.client.ipv6_to_deliver()) == 500


def wrong_packets() -> list[tuple[str, bytes, Endpoint, str]]:
    own = Bench().own
    bubble, packet = teredo.build_bubble(NATIVE, own), data(NATIVE, own)
    return [
        ("auth", teredo.build_authentication(bytes(8)) + packet, RELAY, words.AUTHENTICATION),
        ("origin", ORIGIN + bubble, ELSEWHERE, words.ORIGIN),
        ("origin on data", ORIGIN + packet, SERVER, words.ORIGIN_ON_DATA),
        ("other address", data(NATIVE, PEER), RELAY, words.DESTINATION),
        ("data to link-local", data(NATIVE, packed("fe80::ffff:ffff:ffff")), RELAY,
         words.DESTINATION),
        ("own source", data(own, own), MAPPED, words.OWN_SOURCE),
        ("no origin", bubble, SERVER, words.BUBBLE_WITHOUT_ORIGIN),
        ("stranger's bubble", bubble, RELAY, words.STRANGERS_BUBBLE),
        ("source", data(RELAY_LINK_LOCAL, own), RELAY, words.SOURCE_NOT_GLOBAL),
        ("multicast source", data(addresses.ALL_NODES, own), RELAY, words.SOURCE_NOT_GLOBAL),
        ("mapping", data(PEER, own), ELSEWHERE, MAPPING_DIFFERS),
        ("cut", packet[:-1], RELAY, "length"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("payload", "source", "word"),
    [case[1:] for case in wrong_packets()],
    ids=[case[0] for case in wrong_packets()],
)
def test_each_refusal_has_its_word(payload: bytes, source: Endpoint, word: str) -> None:
    bench = Bench()
    assert bench.give(payload, source) == []
    assert refused(bench, word)


def test_a_damaged_reply_proves_nothing() -> None:
    bench = Bench()
    (request,) = bench.send(NATIVE)
    assert bench.give(bench.reply(request)[:-1] + b"?", RELAY) == []
    assert refused(bench, "bad-checksum")


def test_a_neighbours_discovery_is_answered_and_its_packets_taken() -> None:
    bench = Bench(local_discovery=True)
    neighbour = Endpoint(packed("192.168.0.3"), 41_000)
    group = Endpoint(addresses.DISCOVERY_GROUP, 3544)
    hello = teredo.build_bubble(PEER, addresses.ALL_NODES, 1)
    (answer,) = bench.give(hello, neighbour, group)
    expected = bench.bubble(bench.own, PEER)
    assert answer == Datagram(LOCAL, neighbour, expected, TeredoPacket.BUBBLE)
    bench.give(data(PEER, bench.own), neighbour)
    assert bench.client.ipv6_to_deliver() == [data(PEER, bench.own)]
    assert bench.send(PEER)[0].destination == neighbour


def test_whatever_a_known_peer_says_releases_what_waits_for_it() -> None:
    bench = Bench()
    bench.give(data(PEER, bench.own), PEER_END)
    bench.now += 31.0
    assert bench.send(PEER, b"waits")[0].packet is TeredoPacket.BUBBLE
    (sent,) = bench.give(data(PEER, bench.own), PEER_END)
    assert sent.payload == data(bench.own, PEER, b"waits")
    assert len(bench.client.ipv6_to_deliver()) == 2


def test_the_answer_to_a_trial_is_never_the_hosts_even_if_nothing_waited() -> None:
    bench = Bench(limits=PeerLimits(queued_octets=10))
    for _ in range(2):
        (request,) = bench.send(NATIVE)
        bench.give(bench.reply(request), RELAY)
        bench.now += 31.0
    assert bench.client.ipv6_to_deliver() == []
    assert bench.client.drops == {"queue-full": 2}


def test_a_peer_whose_server_can_be_nobody_is_answered_directly_alone() -> None:
    bench = Bench()
    peer = address_of(PEER_END, server=packed("10.0.0.1"))
    assert [d.destination for d in bench.give(bench.bubble(peer), SERVER)] == [PEER_END]


@pytest.mark.parametrize(("ip", "taken"), [("192.168.0.3", 1), ("10.9.9.9", 0)])
def test_alternates_on_the_own_network_alone_are_as_good_as_found(ip: str, taken: int) -> None:
    bench = Bench()
    neighbour, end = address_of(Endpoint(MAPPED.ip, 50_007)), Endpoint(packed(ip), 41_000)
    listed = teredo.build_trailer_alternate([end])
    assert end in [d.destination for d in bench.give(bench.bubble(neighbour) + listed, SERVER)]
    bench.give(data(neighbour, bench.own), end)
    assert len(bench.client.ipv6_to_deliver()) == taken


def test_who_speaks_for_a_host_under_trial_uses_no_other_trial_up() -> None:
    bench = Bench()
    bench.send(NATIVE)
    for _ in range(2 * words.TRIALS_A_SECOND):
        bench.give(data(NATIVE, bench.own), ELSEWHERE)
    other = NATIVE[:-1] + b"\x09"
    assert len(bench.give(data(other, bench.own), ELSEWHERE)) == 1
    assert words.TRIALS_LIMITED not in bench.client.drops


def test_a_relay_that_knocked_once_is_not_the_only_one_for_ever() -> None:
    bench = Bench()
    for relay in (ELSEWHERE, RELAY):
        (request,) = bench.give(data(NATIVE, bench.own), relay)
        bench.give(bench.reply(request), relay)
        assert bench.client.ipv6_to_deliver() == [data(NATIVE, bench.own)]


def test_two_peers_at_one_mapping_are_told_apart_by_their_addresses() -> None:
    bench = Bench()
    twins = [address_of(PEER_END, flags) for flags in (0x0400, 0x0800)]
    bench.send(twins[0], b"waits")
    bench.give(bench.bubble(twins[1]), PEER_END)
    assert bench.send(twins[1])[0].packet is TeredoPacket.DATA
    assert bench.send(twins[0], b"waits, too") == []
    released = bench.give(bench.bubble(twins[0]), PEER_END)
    assert [d.payload[24:40] for d in released] == [twins[0]] * 2


def test_without_its_server_nobody_makes_it_send_anything_to_others() -> None:
    """Whatever a stranger says, answers go to him, or to the client's server as a trial."""
    bench = Bench()
    for source in (PEER, NATIVE, RELAY_LINK_LOCAL, addresses.ALL_NODES):
        for packet in (bench.bubble(source) + NONCE, data(source, bench.own)):
            for front in (b"", ORIGIN):
                ends = {d.destination for d in bench.give(front + packet, ELSEWHERE)}
                assert ends <= {ELSEWHERE, SERVER}
