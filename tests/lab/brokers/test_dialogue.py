"""What client and broker of TSP say to each other, over a stream."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensor.lab.brokers.dialogue import BrokerDialogue, ClientDialogue
from sensor.lab.brokers.messages import with_length
from sensor.lab.brokers.pool import Pool
from sensor.lab.brokers.settings import TspBrokerSettings, TspRequest
from sensor.lab.brokers.tunnel import V6UDPV4, V6V4, Agreement
from sensor.lab.inner.refusal import Refused
from sensor.lab.sixinfour.settings import PeerSettings
from sensor.wire import tsp
from tests.lab.brokers.parties import CAROL, PREFIX, TSP_OWN, tsp_settings
from tests.lab.framing.parties import ALICE, BROKER, PUBLIC, SERVER

BOTH = (V6V4, V6UDPV4)
FIRST = PREFIX + (2).to_bytes(8)
ANONYMOUS = TspRequest(V6V4, PUBLIC.ip)
AS_CAROL = TspRequest(V6UDPV4, PUBLIC.ip, "carol", "secret")
ACCEPT = with_length(b'<tunnel action="accept"></tunnel>\r\n')


class Lowest(Random):
    """Draws the smallest number, so that what is given away can be read here."""

    def randrange(self, start: int, stop: int | None = None, step: int = 1) -> int:
        return start


def broker(
    settings: TspBrokerSettings | None = None, types: tuple[str, ...] = BOTH
) -> BrokerDialogue:
    settings = settings or tsp_settings()
    return BrokerDialogue(settings, Pool(settings, Lowest()), PUBLIC.ip, types)


def transcript(client: ClientDialogue, server: BrokerDialogue) -> list[bytes]:
    """All that they say in turn, the client first."""
    said = [client.start()]
    for _ in range(10):
        for side in (server, client):
            said.append(side.receive(said[-1]))
            if not said[-1]:
                return said[:-1]
    raise AssertionError("they never come to an end")


def test_an_anonymous_client_gets_a_tunnel_of_protocol_41() -> None:
    client, server = ClientDialogue(ANONYMOUS), broker()
    version, capability, authenticate, success, create, info, accept = transcript(client, server)
    assert version == b"VERSION=2.0.0\r\n"
    assert capability == b"CAPABILITY TUNNEL=V6V4 TUNNEL=V6UDPV4 AUTH=ANONYMOUS AUTH=PLAIN\r\n"
    assert authenticate == b"AUTHENTICATE ANONYMOUS\r\n"
    assert success == b"200 Success\r\n"
    assert create.startswith(b'Content-length: 106\r\n<tunnel action="create" type="v6v4">')
    assert info.startswith(b'Content-length: 283\r\n200 Success\r\n<tunnel action="info" ')
    assert accept == ACCEPT
    agreed = Agreement(V6V4, FIRST, PUBLIC.ip, TSP_OWN, SERVER.ip, 0)
    assert client.agreed == server.agreed == agreed


def test_its_addresses_are_what_a_configured_tunnel_needs() -> None:
    client = ClientDialogue(ANONYMOUS)
    transcript(client, broker())
    agreed = client.agreed
    assert agreed is not None
    settings = PeerSettings(local=agreed.ip, remote=agreed.broker_ip)
    assert (settings.local, settings.remote) == (PUBLIC.ip, SERVER.ip)


def test_who_has_an_account_gets_its_address() -> None:
    client, server = ClientDialogue(AS_CAROL), broker()
    said = transcript(client, server)
    assert said[2] == b"AUTHENTICATE PLAIN\r\n\0carol\0secret\r\n"
    agreed = Agreement(V6UDPV4, CAROL.address, PUBLIC.ip, TSP_OWN, SERVER.ip, 30)
    assert client.agreed == server.agreed == agreed


def test_the_sensor_can_know_each_of_these_texts() -> None:
    for request in (ANONYMOUS, AS_CAROL):
        said = transcript(ClientDialogue(request), broker())
        assert [tsp.is_setup(text) or tsp.is_reply(text) for text in said] == [True] * 7


@given(st.lists(st.integers(1, 40), min_size=60, max_size=60))
def test_pieces_do_not_matter(sizes: list[int]) -> None:
    client, server = ClientDialogue(AS_CAROL), broker()
    text, side = client.start(), 0
    while text:
        reply = b""
        while text:
            size = sizes.pop() if sizes else 1_000
            reply += (server, client)[side].receive(text[:size])
            text = text[size:]
        text, side = reply, 1 - side
    assert client.agreed is not None
    assert client.agreed == server.agreed


@pytest.mark.parametrize(
    ("request_", "settings", "types"),
    [
        (ANONYMOUS, tsp_settings(), (V6UDPV4,)),
        (ANONYMOUS, tsp_settings(pool=0), BOTH),
        (AS_CAROL, tsp_settings(accounts=()), BOTH),
    ],
)
def test_brokers_say_what_they_cannot_do(
    request_: TspRequest, settings: TspBrokerSettings, types: tuple[str, ...]
) -> None:
    with pytest.raises(Refused, match="no-capability"):
        transcript(ClientDialogue(request_), broker(settings, types))


@pytest.mark.parametrize(
    "request_",
    [
        TspRequest(V6V4, PUBLIC.ip, "carol", "guess"),
        TspRequest(V6V4, PUBLIC.ip, "dave", "secret"),
        TspRequest(V6V4, SERVER.ip),
    ],
)
def test_clients_understand_a_refusal(request_: TspRequest) -> None:
    client, server = ClientDialogue(request_), broker()
    with pytest.raises(Refused, match="refused-by-broker"):
        transcript(client, server)
    assert (client.agreed, server.agreed) == (None, None)


def test_when_all_addresses_are_given_away() -> None:
    settings = tsp_settings(pool=1)
    pool = Pool(settings, Lowest())
    first, second = (BrokerDialogue(settings, pool, PUBLIC.ip, BOTH) for _ in range(2))
    transcript(ClientDialogue(ANONYMOUS), first)
    with pytest.raises(Refused, match="refused-by-broker"):
        transcript(ClientDialogue(ANONYMOUS), second)
    first.end()
    third = BrokerDialogue(settings, pool, PUBLIC.ip, BOTH)
    transcript(ClientDialogue(ANONYMOUS), third)
    assert third.agreed is not None


GREETED = b"VERSION=2.0.0\r\n"
KNOWN = GREETED + b"AUTHENTICATE ANONYMOUS\r\n"
CREATE = with_length(
    b'<tunnel action="create" type="v6v4"><client><address type="ipv4">203.0.113.5</address>'
    b"</client></tunnel>"
)


@pytest.mark.parametrize(
    ("text", "status"),
    [
        (b"VERSION=3.0.0\r\n", b"302 "),
        (b"HELO\r\n", b"302 "),
        (GREETED + b"AUTHENTICATE PASSDSS-3DES-1\r\n", b"300 "),
        (GREETED + b"AUTHENTICATE PLAIN\r\ncarol\r\n", b"300 "),
        (GREETED + b"AUTHENTICATE PLAIN\r\n\0\0\r\n", b"300 "),
        (GREETED + CREATE, b"300 "),
        (GREETED + b"AUTHENTICATE PLAIN\r\n\0carol\0guess\r\n", b"300 "),
        (GREETED + b"AUTHENTICATE PLAIN\r\n\0dave\0secret\r\n", b"300 "),
        (KNOWN + b"200 OK\r\n", b"500 "),
        (KNOWN + with_length(b"<tunnel>"), b"500 "),
        (KNOWN + ACCEPT, b"500 "),
        (KNOWN + with_length(b'<tunnel action="create" type="v4v6"/>'), b"303 "),
        (KNOWN + with_length(b'<tunnel action="create" type="v6v4"/>'), b"501 "),
        (KNOWN + CREATE + CREATE, b"500 "),
        (KNOWN + CREATE + b"what?\r\n", b"500 "),
    ],
)
def test_brokers_take_each_word_in_its_place(text: bytes, status: bytes) -> None:
    server = broker()
    reply = server.receive(text)
    assert any(line.startswith(status) for line in reply.split(b"\r\n"))
    assert server.receive(ACCEPT) == b""
    assert server.agreed is None


def test_who_fails_gives_its_address_back() -> None:
    settings = tsp_settings(pool=1)
    pool = Pool(settings, Lowest())
    BrokerDialogue(settings, pool, PUBLIC.ip, BOTH).receive(KNOWN + CREATE + b"what?\r\n")
    assert pool.take(None) == FIRST


def test_a_name_may_be_given_twice_as_sasl_has_it() -> None:
    reply = broker().receive(GREETED + b"AUTHENTICATE PLAIN\r\nx\0carol\0secret\r\n")
    assert reply.endswith(b"200 Success\r\n")


@pytest.mark.parametrize(("asked", "given"), [(1, 10), (10, 10), (45, 45), (86_400, 60)])
def test_the_broker_bounds_the_interval(asked: int, given: int) -> None:
    server = broker()
    wanted = f'<tunnel action="create" type="v6udpv4"><client><keepalive interval="{asked}"/>'
    server.receive(KNOWN + with_length(f"{wanted}</client></tunnel>".encode()))
    server.receive(ACCEPT)
    assert server.agreed is not None
    assert server.agreed.keepalive == given


OFFERED = Agreement(V6UDPV4, ALICE, PUBLIC.ip, BROKER, SERVER.ip, 30)


def offered(agreement: Agreement, request: TspRequest) -> ClientDialogue:
    client = ClientDialogue(request)
    client.receive(b"CAPABILITY TUNNEL=V6V4 TUNNEL=V6UDPV4 AUTH=ANONYMOUS\r\n200 Success\r\n")
    client.receive(with_length(b"200 Success\r\n" + agreement.offer(60).build()))
    return client


def test_a_client_behind_a_nat_learns_how_it_is_seen() -> None:
    client = offered(OFFERED, TspRequest(V6UDPV4, b"\xc0\xa8\1\7"))
    assert client.agreed == OFFERED
    assert client.receive(b"200 Success\r\n") == b""


@pytest.mark.parametrize(
    "agreement",
    [
        OFFERED._replace(type=V6V4),
        OFFERED._replace(address=bytes(15) + b"\1"),
        OFFERED._replace(address=b"\xff\2" + ALICE[2:]),
        OFFERED._replace(broker_address=b"\xfe\x80" + ALICE[2:]),
        OFFERED._replace(broker_ip=b"\x7f\0\0\1"),
        OFFERED._replace(broker_ip=b"\xe0\0\0\1"),
        OFFERED._replace(keepalive=9),
        OFFERED._replace(keepalive=61),
    ],
)
def test_clients_do_not_accept_every_offer(agreement: Agreement) -> None:
    with pytest.raises(Refused, match="bad-offer"):
        offered(agreement, TspRequest(V6UDPV4, PUBLIC.ip))


def test_a_tunnel_of_protocol_41_must_lead_to_the_client() -> None:
    elsewhere = Agreement(V6V4, ALICE, b"\1\2\3\4", BROKER, SERVER.ip, 0)
    with pytest.raises(Refused, match="bad-offer"):
        offered(elsewhere, ANONYMOUS)


@pytest.mark.parametrize("text", [b"\r\n", b"220 smtp.example\r\n", b"CAPABILITY\r\n"])
def test_clients_need_a_capability(text: bytes) -> None:
    with pytest.raises(Refused, match="no-capability"):
        ClientDialogue(ANONYMOUS).receive(text)


def test_after_a_failure_a_broker_says_nothing() -> None:
    server = broker()
    assert server.receive(b"HELO\r\n" + b"\r\n" * 4_000) == b"302 Unsupported client version\r\n"
    assert server.receive(GREETED) == b""


def test_a_datagram_has_one_answer() -> None:
    server = broker()
    assert server.receive_one(KNOWN + CREATE).startswith(b"CAPABILITY ")
    assert server.forget()
    assert server.receive_one(b"AUTHENTICATE PLAIN\r\n\0carol\0secret\r\n") == b"200 Success\r\n"
    assert not server.forget()
    assert b'action="info"' in server.receive_one(CREATE + ACCEPT)
    assert server.forget()
    assert server.receive_one(ACCEPT + b"\r\n") == b""
    assert server.forget()
    assert server.agreed is not None


def test_the_rest_of_a_cut_message_is_forgotten() -> None:
    server = broker()
    server.receive(b"VERS")
    server.forget()
    assert server.receive(GREETED).startswith(b"CAPABILITY ")
