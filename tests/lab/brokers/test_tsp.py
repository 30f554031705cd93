"""TSP over UDP: the set-up, lost and repeated, and the tunnel that it makes."""

from __future__ import annotations

import pytest

from sensor.lab.brokers.messages import with_length
from sensor.lab.brokers.tsp import FIRST_WAIT, TRANSMISSIONS, TspClient
from sensor.lab.machine import Datagram
from sensor.schema.records import Endpoint
from sensor.schema.words import Kind, TeredoPacket
from sensor.wire import icmpv6, tsp
from sensor.wire.cursor import Cursor
from tests.lab.brokers.parties import (
    BLIND,
    CAROL,
    TSP_END,
    TSP_OWN,
    tsp_broker,
    tsp_client,
    tsp_pair,
)
from tests.lab.framing.parties import INSIDE, NATIVE, OTHER, PUBLIC, Pair, data, events, hand

FIRST = tsp_pair().client.address or b""
UP, DOWN = data(FIRST, NATIVE), data(NATIVE, FIRST)


def texts(sent: list[Datagram]) -> list[bytes]:
    """Of the signalling among datagrams, what it says."""
    return [each.payload[8:] for each in sent if each.payload[0] >> 4 == 0xF]


def test_a_client_gets_a_tunnel_and_packets_go_both_ways() -> None:
    pair = tsp_pair()
    assert len(texts(pair.sent)) == 8
    assert pair.client.address == FIRST
    (connected,) = events(pair.client)
    assert (connected.what, connected.address, connected.end) == ("connected", FIRST, TSP_END)
    (arrived,) = events(pair.server)
    assert (arrived.what, arrived.address, arrived.end) == ("client-connected", FIRST, PUBLIC)
    assert pair.up(UP) == [UP]
    assert pair.down(DOWN) == [DOWN]
    assert not pair.client.drops + pair.server.drops
    assert {(sent.kind, sent.packet) for sent in pair.sent} == {(Kind.TSP, TeredoPacket.NONE)}
    assert {sent.source for sent in pair.sent} == {INSIDE, TSP_END}


def test_data_is_bare_ipv6_between_the_same_ends() -> None:
    pair = tsp_pair()
    pair.up(UP)
    assert pair.sent[-1].payload == UP
    assert (pair.sent[-1].source, pair.sent[-1].destination) == (INSIDE, TSP_END)


def test_replies_repeat_the_number_and_the_time_of_their_requests() -> None:
    pair = tsp_pair()
    signalling = [each for each in pair.sent if each.payload[0] >> 4 == 0xF]
    headers = [tsp.parse(Cursor(each.payload)) for each in signalling]
    assert headers[::2] == headers[1::2]
    assert [header.sequence for header in headers[::2]] == [1, 2, 3, 4]


def test_who_has_an_account_gets_its_address() -> None:
    pair = tsp_pair(name="carol", password="secret")
    assert pair.client.address == CAROL.address


def test_a_wrong_password_is_refused_and_tried_again_later() -> None:
    pair = tsp_pair(name="carol", password="guess")
    (failed,) = events(pair.client)
    assert failed.what == "failed"
    assert pair.client.address is None
    assert pair.client.drops == {"refused-by-broker": 1}
    assert pair.client.get_timer() == 60.0
    pair.wait(60)
    assert pair.client.drops == {"refused-by-broker": 2}


def test_the_tunnel_is_kept_alive_and_the_host_is_told_nothing_of_it() -> None:
    pair = tsp_pair(keepalive=40)
    before = len(pair.sent)
    pair.wait(400)
    later = pair.sent[before:]
    asked = [each for each in later if each.payload[40] == icmpv6.ECHO_REQUEST]
    assert len(later) == 2 * len(asked)
    assert 10 <= len(asked) <= 14
    assert pair.client.ipv6_to_deliver() == pair.server.ipv6_to_deliver() == []
    assert pair.client.address == FIRST


def test_a_broker_that_falls_silent_is_left_and_asked_again() -> None:
    pair = tsp_pair()
    client = pair.client
    for _ in range(4):
        due = client.get_timer()
        assert due is not None
        client.handle_timer(due)
    assert client.address is None
    assert [event.what for event in events(client)] == ["connected", "failed"]
    client.datagrams_to_send()
    due = client.get_timer()
    assert due is not None
    client.handle_timer(due)
    assert texts(client.datagrams_to_send()) == [b"VERSION=2.0.0\r\n"]


def test_any_packet_of_the_broker_shows_that_it_lives() -> None:
    pair = tsp_pair()
    for _ in range(9):
        due = pair.client.get_timer()
        assert due is not None
        pair.client.handle_timer(due)
        pair.client.datagrams_to_send()
        pair.client.receive_datagram(DOWN, TSP_END, INSIDE, due)
    assert pair.client.address == FIRST


def test_a_silent_client_is_forgotten_and_its_address_is_free() -> None:
    pair = Pair(tsp_client(), tsp_broker(pool=1))
    pair.start()
    pair.server.handle_timer(180.0)
    assert [event.what for event in events(pair.server)] == ["client-connected", "client-lost"]
    assert pair.down(DOWN) == []
    assert pair.server.drops == {"not-served": 1}
    again = Pair(tsp_client(), pair.server, 200.0)
    again.start()
    assert again.client.address not in (None, FIRST)


def test_requests_are_repeated_ever_more_slowly_and_then_given_up() -> None:
    client = tsp_client()
    client.start(0.0)
    times: list[float] = []
    while client.address is None and len(times) < TRANSMISSIONS:
        due = client.get_timer()
        assert due is not None
        times.append(due)
        client.handle_timer(due)
    assert times == [FIRST_WAIT, 3 * FIRST_WAIT, 7 * FIRST_WAIT, 15 * FIRST_WAIT]
    sent = client.datagrams_to_send()
    assert len(sent) == TRANSMISSIONS
    assert len({each.payload for each in sent}) == 1
    assert [event.what for event in events(client)] == ["failed"]
    assert client.get_timer() == times[-1] + 60


def test_each_lost_datagram_is_made_up_for() -> None:
    for lost in range(8):
        pair = Pair(tsp_client(), tsp_broker())
        pair.client.start(0.0)
        count = 0
        while count < 40 and pair.client.address is None:
            asked = pair.client.datagrams_to_send()
            told = pair.server.datagrams_to_send()
            if not asked + told:
                due = pair.client.get_timer()
                assert due is not None
                pair.now = due
                pair.client.handle_timer(due)
            kept = []
            for each in asked + told:
                if count != lost:
                    kept.append(each)
                count += 1
            hand([each for each in kept if each in asked], pair.server, pair.now, pair.nat)
            hand([each for each in kept if each in told], pair.client, pair.now, pair.nat)
        assert pair.client.address == FIRST
        assert pair.now == FIRST_WAIT


def test_doubled_requests_are_answered_alike() -> None:
    pair = Pair(tsp_client(), tsp_broker())
    pair.client.start(0.0)
    (version,) = pair.client.datagrams_to_send()
    hand([version, version], pair.server, 0.0, pair.nat)
    first, second = pair.server.datagrams_to_send()
    assert first == second
    hand([first, second], pair.client, 0.0, pair.nat)
    assert pair.client.drops == {"not-asked": 1}


def test_a_request_that_comes_late_changes_nothing() -> None:
    pair = Pair(tsp_client(), tsp_broker())
    pair.client.start(0.0)
    (version,) = pair.client.datagrams_to_send()
    hand([version], pair.server, 0.0, pair.nat)
    pair.settle()
    assert pair.client.address == FIRST
    hand([version], pair.server, 0.0, pair.nat)
    assert pair.server.drops == {"old-request": 1}
    assert pair.up(UP) == [UP]


def test_a_client_that_begins_anew_gets_a_new_tunnel() -> None:
    pair = tsp_pair()
    again = Pair(TspClient(pair.client._settings, pair.client._rng), pair.server, 5.0)  # type: ignore[attr-defined]
    again.start()
    address = again.client.address
    assert address not in (None, FIRST)
    assert address is not None
    packet = data(address, NATIVE)
    assert again.up(packet) == [packet]
    assert again.down(DOWN) == []
    assert pair.server.drops == {"not-served": 1}


def hear(pair: Pair, payload: bytes, source: Endpoint) -> None:
    pair.server.receive_datagram(payload, source, TSP_END, pair.now)


@pytest.mark.parametrize(
    ("payload", "source", "word"),
    [
        (UP, OTHER, "no-session"),
        (data(NATIVE, FIRST), PUBLIC, "source-not-theirs"),
        (data(CAROL.address, NATIVE), PUBLIC, "source-not-theirs"),
        (UP[:-1], PUBLIC, "length"),
        (b"", PUBLIC, "malformed"),
        (b"\x45" + UP, PUBLIC, "malformed"),
        (tsp.build(9, 0, b"AUTHENTICATE ANONYMOUS\r\n"), OTHER, "no-session"),
        (tsp.build(9, 0, b"VERSION=" + bytes(9_000)), OTHER, "message-limit"),
        (tsp.build(9, 0, bytes(9_000)), PUBLIC, "no-session"),
        (tsp.build(9, 0, b"VERSION=2.0.0\r\n"), Endpoint(bytes(4), 9), "no-host-there"),
    ],
)
def test_what_a_broker_does_not_take_is_counted(
    payload: bytes, source: Endpoint, word: str
) -> None:
    pair = tsp_pair()
    hear(pair, payload, source)
    assert pair.server.drops == {word: 1}
    assert pair.server.ipv6_to_deliver() == []
    assert pair.server.datagrams_to_send() == []


@pytest.mark.parametrize(
    ("payload", "source", "word"),
    [
        (DOWN, OTHER, "not-the-server"),
        (DOWN[:-1], TSP_END, "length"),
        (tsp.build(4, 0, b"200 Success\r\n"), TSP_END, "not-asked"),
        (b"x", TSP_END, "malformed"),
    ],
)
def test_what_a_client_does_not_take_is_counted(
    payload: bytes, source: Endpoint, word: str
) -> None:
    pair = tsp_pair()
    pair.client.receive_datagram(payload, source, INSIDE, 0.0)
    assert pair.client.drops == {word: 1}
    assert pair.client.ipv6_to_deliver() == []


def test_without_a_tunnel_nothing_is_carried() -> None:
    client = tsp_client()
    client.send_ipv6(UP, 0.0)
    client.receive_datagram(DOWN, TSP_END, INSIDE, 0.0)
    assert client.drops == {"not-connected": 2}


def test_a_reply_with_nothing_whole_in_it_ends_the_trial() -> None:
    client = tsp_client()
    client.start(0.0)
    (version,) = client.datagrams_to_send()
    client.receive_datagram(version.payload[:8] + b"CAPAB", TSP_END, INSIDE, 0.0)
    assert [event.text for event in events(client)] == ["no tunnel: incomplete"]


def test_who_is_stopped_says_and_waits_for_nothing_more() -> None:
    pair = tsp_pair()
    pair.client.stop(1.0)
    assert (pair.client.get_timer(), pair.client.address) == (None, None)
    assert pair.client.datagrams_to_send() == []


def test_strangers_cannot_fill_the_table() -> None:
    broker = tsp_broker(sessions=3)
    for port in range(1, 9):
        end = Endpoint(OTHER.ip, port)
        broker.receive_datagram(tsp.build(1, 0, b"VERSION=2.0.0\r\n"), end, TSP_END, 0.0)
    assert broker.drops == {"client-evicted": 5}
    assert len(broker._sessions) == 3
    assert broker.get_timer() == 60.0
    broker.handle_timer(60.0)
    assert len(broker._sessions) == 0


def test_pings_of_the_broker_by_others_than_its_clients_reach_its_native_side() -> None:
    pair = tsp_pair()
    to_own = data(FIRST, TSP_OWN)
    assert pair.up(to_own) == [to_own]


def test_what_is_broken_off_is_not_joined_with_what_follows() -> None:
    pair = Pair(tsp_client(), tsp_broker())
    pair.server.receive_datagram(tsp.build(1, 0, b"VERSION=2.0.0\r\nAUTHEN"), PUBLIC, TSP_END, 0.0)
    text = b"AUTHENTICATE ANONYMOUS\r\n" + with_length(b"<tunnel")
    pair.server.receive_datagram(tsp.build(2, 0, text), PUBLIC, TSP_END, 0.0)
    replies = texts(pair.server.datagrams_to_send())
    assert replies[0].startswith(b"CAPABILITY ")
    assert replies[1:] == [b"200 Success\r\n"]
    assert pair.server.drops == {"surplus-words": 2}


def test_a_small_request_has_no_large_reply() -> None:
    pair = Pair(tsp_client(), tsp_broker())
    hear(pair, tsp.build(1, 0, b"VERSION=2.0.0\r\n" + b"\r\n" * 4_000), PUBLIC)
    hear(pair, tsp.build(2, 0, b"\r\n" * 4_000), PUBLIC)
    hear(pair, tsp.build(3, 0, b"\r\n" * 4_000), PUBLIC)
    hear(pair, tsp.build(3, 0, b""), PUBLIC)
    replies = texts(pair.server.datagrams_to_send())
    assert [reply[:4] for reply in replies] == [b"CAPA", b"300 "]
    assert max(map(len, replies)) < 100
    assert pair.server.drops == {"surplus-words": 3}


def test_a_repeated_number_with_other_words_is_no_repetition() -> None:
    pair = Pair(tsp_client(), tsp_broker())
    hear(pair, tsp.build(1, 0, b"VERSION=2.0.0\r\n"), PUBLIC)
    hear(pair, tsp.build(1, 0, b""), PUBLIC)
    hear(pair, tsp.build(1, 0, b"AUTHENTICATE ANONYMOUS\r\n"), PUBLIC)
    replies = texts(pair.server.datagrams_to_send())
    assert [reply[:4] for reply in replies] == [b"CAPA", b"200 "]


@pytest.mark.parametrize(
    "words", [(b"VERSION=2.0.0\r\n",), (b"VERSION=9\r\n",), (b"VERSION=" + bytes(9_000),), BLIND]
)
def test_a_forger_at_a_clients_end_ends_no_tunnel(words: tuple[bytes, ...]) -> None:
    pair = tsp_pair()
    for number, each in enumerate(words):
        hear(pair, tsp.build(9 + number, 0, each), PUBLIC)
    pair.server.datagrams_to_send()
    assert pair.up(UP) == [UP]
    assert pair.down(DOWN) == [DOWN]


def test_a_forgers_requests_keep_no_tunnel() -> None:
    pair = tsp_pair()
    for now in range(30, 180, 30):
        pair.server.receive_datagram(
            tsp.build(9 + now, 0, b"VERSION=2.0.0\r\n"), PUBLIC, TSP_END, float(now)
        )
    pair.server.handle_timer(180.0)
    assert [event.what for event in events(pair.server)] == ["client-connected", "client-lost"]


def test_only_a_packet_from_the_offered_address_settles_a_tunnel() -> None:
    pair = Pair(tsp_client(), tsp_broker(sessions=1))
    for number, each in enumerate(BLIND):
        hear(pair, tsp.build(number, 0, each), PUBLIC)
    assert [reply[:4] for reply in texts(pair.server.datagrams_to_send())][-1] == b"200 "
    assert events(pair.server) == []
    hear(pair, data(CAROL.address, NATIVE), PUBLIC)
    hear(pair, DOWN, PUBLIC)
    assert pair.server.drops == {"no-session": 2}
    assert pair.down(DOWN) == []
    hear(pair, UP, PUBLIC)
    assert [event.address for event in events(pair.server)] == [FIRST]
    pair.server.send_ipv6(DOWN, 0.0)
    assert [sent.payload for sent in pair.server.datagrams_to_send()] == [DOWN]
    assert pair.server.ipv6_to_deliver() == [UP]
