"""IPv6 in PPP in L2TP: its set-up, its hellos, its packets."""

from __future__ import annotations

from random import Random

import pytest

from sensor.lab.framing import control
from sensor.lab.framing.l2tp import MOST_TUNNELS, TRANSMISSIONS, L2tpClient, L2tpServer
from sensor.lab.framing.settings import L2tpServerSettings
from sensor.lab.machine import Datagram
from sensor.schema.records import Endpoint
from sensor.schema.words import Kind
from sensor.wire import l2tp, ppp
from sensor.wire.addresses import packed
from sensor.wire.cursor import Cursor
from tests.lab.framing.parties import (
    ALICE,
    INSIDE,
    NATIVE,
    OTHER,
    PUBLIC,
    Pair,
    data,
    events,
    hand,
)
from tests.lab.framing.servers import L2TP_END, l2tp_client, l2tp_server

UP, DOWN = data(ALICE, NATIVE), data(NATIVE, ALICE)


def pair() -> Pair:
    made = Pair(l2tp_client(), l2tp_server())
    made.start()
    return made


def kinds(sent: list[Datagram]) -> list[int]:
    """Types of control messages, 0 for acknowledgements, -1 for data."""
    found = []
    for each in sent:
        cursor = Cursor(each.payload)
        header = l2tp.parse(cursor)
        message = control.read(cursor).type if header.control and cursor.remaining else 0
        found.append(message if header.control else -1)
    return found


def test_a_tunnel_is_set_up_and_packets_go_both_ways() -> None:
    both = pair()
    assert kinds(both.sent) == [1, 2, 3, 0, 10, 11, 12, 0]
    assert both.client.address == ALICE
    assert [event.what for event in events(both.client)] == ["connected"]
    assert [event.end for event in events(both.server)] == [PUBLIC]
    assert both.up(UP) == [UP]
    assert both.down(DOWN) == [DOWN]
    assert not both.client.drops + both.server.drops
    assert [sent.kind for sent in both.sent] == [Kind.NONE] * 8 + [Kind.L2TP6] * 2


def test_data_octet_by_octet() -> None:
    both = pair()
    both.up(UP)
    payload = both.sent[-1].payload
    cursor = Cursor(payload)
    header = l2tp.parse(cursor)
    assert (header.control, header.length, header.ns) == (False, len(payload), None)
    assert cursor.rest() == bytes.fromhex("ff03 0057") + UP


def test_numbers_are_those_of_the_rfc() -> None:
    """Ns counts messages, Nr says which is awaited; an acknowledgement takes no number."""
    headers = [l2tp.parse(Cursor(sent.payload)) for sent in pair().sent]
    assert [(header.ns, header.nr) for header in headers] == [
        (0, 0), (0, 1), (1, 1), (1, 2), (2, 1), (1, 3), (3, 2), (2, 4),
    ]  # fmt: skip
    assert headers[0].tunnel == 0
    assert len({header.tunnel for header in headers[1::2]}) == 1
    assert len({header.tunnel for header in headers[2::2]}) == 1


def test_hellos_keep_the_tunnel() -> None:
    both = pair()
    both.wait(600)
    assert kinds(both.sent[8:]) == [control.HELLO, 0] * 10
    assert both.up(UP) == [UP]


def test_each_lost_datagram_is_made_up_for() -> None:
    for lost in range(8):
        both = Pair(l2tp_client(), l2tp_server())
        both.client.start(0.0)
        count = 0
        for _ in range(40):
            asked, told = both.client.datagrams_to_send(), both.server.datagrams_to_send()
            if not asked + told:
                due = both.client.get_timer()
                assert due is not None
                both.now = due
                if both.client.address is not None:
                    break
                both.client.handle_timer(due)
            for each in asked + told:
                if count != lost:
                    hand([each], both.server if each in asked else both.client, both.now, both.nat)
                count += 1
        assert both.up(UP) == [UP]
        assert both.down(DOWN) == [DOWN]


def test_a_silent_server_is_left_and_asked_again() -> None:
    client = l2tp_client()
    client.start(0.0)
    times = []
    for _ in range(TRANSMISSIONS):
        due = client.get_timer()
        assert due is not None
        times.append(due)
        client.handle_timer(due)
    assert times == [1, 3, 7, 15, 23, 31]
    assert kinds(client.datagrams_to_send()) == [1] * TRANSMISSIONS
    assert [event.what for event in events(client)] == ["failed"]
    assert client.get_timer() == 31 + 60
    client.handle_timer(91.0)
    assert kinds(client.datagrams_to_send()) == [1]


def test_a_server_that_forgot_its_client_is_told_anew() -> None:
    both = pair()
    both.server = l2tp_server()
    both.wait(200)
    assert [event.what for event in events(both.client)] == ["connected", "failed", "connected"]
    assert both.up(UP) == [UP]


def test_good_bye() -> None:
    both = pair()
    both.up(UP)
    both.client.stop(1.0)
    both.settle()
    assert kinds(both.sent[-2:]) == [control.STOP, 0]
    assert both.client.get_timer() is None
    assert both.down(DOWN) == []
    assert both.server.drops == {"not-served": 1}
    assert [event.what for event in events(both.server)] == ["client-connected", "client-lost"]
    assert both.server.get_timer() is None


def test_who_was_never_connected_has_nobody_to_leave() -> None:
    client = l2tp_client()
    client.stop(0.0)
    assert client.datagrams_to_send() == []


def of_server(both: Pair, body: bytes, ns: int) -> bytes:
    client = both.client
    assert isinstance(client, L2tpClient)
    return l2tp.build_control(client._tunnel, 0, ns, 4, body)


def test_the_server_may_end_the_tunnel() -> None:
    both = pair()
    stop = of_server(both, control.stop(1), 2)
    both.client.receive_datagram(stop, L2TP_END, INSIDE, 5.0)
    assert kinds(both.client.datagrams_to_send()) == [0]
    assert [event.text for event in events(both.client)][1:] == ["no tunnel: stopped-by-peer"]
    assert both.client.get_timer() == 65.0


def test_the_servers_hello_is_acknowledged_once_more_if_it_comes_twice() -> None:
    both = pair()
    hello = of_server(both, control.plain(control.HELLO), 2)
    for _ in range(2):
        both.client.receive_datagram(hello, L2TP_END, INSIDE, 5.0)
    first, second = both.client.datagrams_to_send()
    assert first.payload == second.payload
    assert kinds([first]) == [0]
    assert both.client.drops == {"out-of-order": 1}


def test_an_acknowledgement_without_the_reply_is_no_tunnel() -> None:
    client = l2tp_client()
    client.start(0.0)
    empty = l2tp.build_control(client._tunnel, 0, 0, 1, b"")
    client.receive_datagram(empty, L2TP_END, INSIDE, 0.0)
    assert [event.what for event in events(client)] == ["failed"]


def test_a_client_that_begins_anew_takes_its_address_along() -> None:
    both = pair()
    both.up(UP)
    again = Pair(L2tpClient(l2tp_client()._settings, both.client._rng), both.server)  # type: ignore[attr-defined]
    again.start()
    assert again.up(UP) == [UP]
    assert again.down(DOWN) == [DOWN]
    assert not both.server.drops


def test_an_address_is_its_clients_while_the_tunnel_lives() -> None:
    both = pair()
    both.up(UP)
    thief = Pair(L2tpClient(l2tp_client()._settings, Random(9)), both.server)
    thief.nat = {INSIDE: OTHER, OTHER: INSIDE}
    thief.start()
    assert thief.up(UP) == []
    assert both.server.drops == {"source-not-theirs": 1}
    assert both.down(DOWN) == [DOWN]
    both.client.stop(1.0)
    both.settle()
    assert thief.up(UP) == [UP]
    assert thief.down(DOWN) == [DOWN]


@pytest.mark.parametrize("source", [packed("fe80::1"), bytes(16), packed("ff0e::1")])
def test_only_global_addresses_can_be_a_clients(source: bytes) -> None:
    both = pair()
    assert both.up(data(source, NATIVE)) == []
    assert both.server.drops == {"source-not-theirs": 1}


def test_a_client_has_one_address_at_a_time() -> None:
    both, other = pair(), packed("2001:db8:9::9")
    both.up(UP)
    both.up(data(other, NATIVE))
    assert both.down(data(NATIVE, other)) == [data(NATIVE, other)]
    assert both.down(DOWN) == []
    server = both.server
    assert isinstance(server, L2tpServer)
    assert len(server._addresses) == 1


def numbers(both: Pair) -> tuple[int, int]:
    header = l2tp.parse(Cursor(both.sent[-2].payload))
    return header.tunnel, header.session


@pytest.mark.parametrize(
    ("payload", "source", "word"),
    [
        (b"", PUBLIC, "malformed"),
        (l2tp.build_data(9, 9, b""), PUBLIC, "unknown-tunnel"),
        (l2tp.build_control(0, 0, 0, 0, b""), PUBLIC, "malformed"),
        (l2tp.build_control(0, 0, 0, 0, control.plain(6)), PUBLIC, "out-of-order"),
        (l2tp.build_control(0, 0, 0, 0, control.start(1, b"", 0)), PUBLIC, "out-of-order"),
        (l2tp.build_control(0, 0, 1, 0, control.start(1, b"", 7)), PUBLIC, "out-of-order"),
        (l2tp.build_control(0, 0, 0, 0, control.start(1, b"", 7))[:-9], PUBLIC, "malformed"),
    ],
)
def test_what_a_server_does_not_take_is_counted(
    payload: bytes, source: Endpoint, word: str
) -> None:
    server = l2tp_server()
    server.receive_datagram(payload, source, L2TP_END, 0.0)
    assert server.drops == {word: 1}
    assert server.datagrams_to_send() == []


def test_who_knows_the_numbers_must_be_at_the_right_end_too() -> None:
    both = pair()
    tunnel, session = numbers(both)
    frame = ppp.build(ppp.IPV6, UP)
    for payload, source, word in (
        (l2tp.build_data(tunnel, session, frame), OTHER, "unknown-tunnel"),
        (l2tp.build_data(tunnel, session ^ 1, frame), PUBLIC, "not-connected"),
        (l2tp.build_data(tunnel, session, ppp.build(ppp.IPV4, UP)), PUBLIC, "not-ipv6"),
        (l2tp.build_data(tunnel, session, frame[:-1]), PUBLIC, "length"),
        (l2tp.build_control(tunnel, 0, 9, 9, control.plain(6)), PUBLIC, "out-of-order"),
    ):
        both.server.drops.clear()
        both.server.receive_datagram(payload, source, L2TP_END, 0.0)
        assert both.server.drops == {word: 1}
    assert both.server.ipv6_to_deliver() == []
    both.server.receive_datagram(l2tp.build_data(tunnel, session, frame), PUBLIC, L2TP_END, 0.0)
    assert both.server.ipv6_to_deliver() == [UP]


@pytest.mark.parametrize(
    ("payload", "source", "word"),
    [
        (b"", L2TP_END, "malformed"),
        (l2tp.build_data(9, 9, b""), OTHER, "not-the-server"),
        (l2tp.build_data(0, 0, b""), L2TP_END, "unknown-tunnel"),
    ],
)
def test_what_a_client_does_not_take_is_counted(
    payload: bytes, source: Endpoint, word: str
) -> None:
    both = pair()
    both.client.receive_datagram(payload, source, INSIDE, 0.0)
    assert both.client.drops == {word: 1}


def test_without_a_session_nothing_is_carried() -> None:
    client = l2tp_client()
    client.start(0.0)
    client.send_ipv6(UP, 0.0)
    client.receive_datagram(l2tp.build_data(client._tunnel, 0, UP), L2TP_END, INSIDE, 0.0)
    assert client.drops == {"not-connected": 2}
    assert client.address is None


def test_strangers_cannot_fill_the_table_and_the_silent_go() -> None:
    server = l2tp_server(tunnels=3)
    for port in range(1, 9):
        request = l2tp.build_control(0, 0, 0, 0, control.start(1, b"", 7))
        server.receive_datagram(request, Endpoint(OTHER.ip, port), L2TP_END, 0.0)
    assert server.drops == {"client-evicted": 5}
    assert (len(server._tunnels), len(server._theirs)) == (3, 3)
    assert server.get_timer() == 60.0
    server.handle_timer(60.0)
    assert (len(server._tunnels), len(server._theirs)) == (0, 0)


def test_a_request_that_comes_late_opens_no_second_tunnel() -> None:
    both = pair()
    hand(both.sent[:1], both.server, 0.0, both.nat)
    assert both.server.drops == {"out-of-order": 1}
    assert both.up(UP) == [UP]


class Constant(Random):
    """Draws the same number for ever."""

    def randrange(self, start: int, stop: int | None = None, step: int = 1) -> int:
        return 0xFFFF


def test_each_tunnel_has_a_number_of_its_own() -> None:
    server = L2tpServer(L2tpServerSettings(L2TP_END), Constant())
    for number in (7, 8, 9):
        request = l2tp.build_control(0, 0, 0, 0, control.start(1, b"", number))
        server.receive_datagram(request, PUBLIC, L2TP_END, 0.0)
    sent = [Cursor(each.payload, 12) for each in server.datagrams_to_send()]
    assert [control.read(cursor).tunnel for cursor in sent] == [0xFFFF, 1, 2]


def test_a_free_number_is_left_whatever_a_server_is_told() -> None:
    server = l2tp_server(tunnels=1 << 20)
    for number in range(MOST_TUNNELS + 1):
        end = Endpoint(OTHER.ip, 1 + number)
        request = l2tp.build_control(0, 0, 0, 0, control.start(1, b"", 7))
        server.receive_datagram(request, end, L2TP_END, 0.0)
    assert server.drops == {"client-evicted": 1}
    assert len(server._tunnels) == MOST_TUNNELS
