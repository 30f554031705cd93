"""Raw sockets between two namespaces, with the smallest machine of IPv4 packets."""

from __future__ import annotations

import errno
import select
import socket
from collections.abc import Iterator
from contextlib import closing
from typing import Any, NamedTuple

import pytest

from sensor.errors import ConfigError
from sensor.lab.live import outer as module
from sensor.lab.live.driver import Take
from sensor.lab.live.outer import Outer
from sensor.lab.live.totals import Totals
from sensor.lab.machine import OuterPacket
from sensor.wire import icmpv4, ipv4
from sensor.wire.addresses import packed
from tests.lab.live.conftest import Namespace, Namespaces
from tests.lab.live.rawpipe import RawPipe

HERE, THERE = packed("192.0.2.1"), packed("192.0.2.2")
NOBODY = packed("192.0.2.99")
UNKNOWN = 253  # an IPv4 protocol for experiments (RFC 3692)

Pair = tuple[Namespace, Namespace]


class Side:
    """One machine on its raw sockets; ``read`` is what a loop would watch."""

    def __init__(self, namespace: Namespace, machine: RawPipe) -> None:
        self.machine, self.totals = machine, Totals()
        with namespace.entered():
            self.outer = Outer(machine, self.totals)
        self.read: dict[socket.socket, Take] = {}
        self.outer.watch(self.read.__setitem__, self.read.__delitem__)

    def send(self, payload: bytes, **how: Any) -> None:
        """To the peer, or as the test says instead."""
        self.machine.sending = self.machine.sending._replace(**how)
        self.machine.send_ipv6(payload, 0.0)
        self.outer.send()

    def take(self) -> OuterPacket:
        """The next packet that comes."""
        ready, _, _ = select.select(list(self.read), [], [], 10)
        assert self.read[ready[0]](0.0) == len(self.machine.received[-1].payload)
        return self.machine.received[-1]

    def silent(self) -> bool:
        return not select.select(list(self.read), [], [], 0)[0]

    def close(self) -> None:
        self.outer.close()


class Cable(NamedTuple):
    here: Side
    there: Side


@pytest.fixture
def cable(pair: Pair) -> Iterator[Cable]:
    near, far = RawPipe(HERE, THERE), RawPipe(THERE, HERE)
    with closing(Side(pair[0], near)) as here, closing(Side(pair[1], far)) as there:
        yield Cable(here, there)


def test_a_packet_comes_as_it_was_sent(cable: Cable) -> None:
    cable.here.send(b"payload")
    assert cable.there.take() == OuterPacket(HERE, THERE, 41, b"payload")
    assert cable.there.machine.ipv6_to_deliver() == [b"payload"]
    assert (cable.here.totals.sent.packets, cable.here.totals.sent.octets) == (1, 7)


def test_each_packet_has_the_header_that_its_machine_gives_it(cable: Cable) -> None:
    """An option that one packet asks for is not the next one's."""
    for ttl, tos, whole in ((64, 0, False), (255, 0x2F, True), (1, 0, True), (64, 0, False)):
        cable.here.send(b"x", ttl=ttl, tos=tos, dont_fragment=whole)
        packet = cable.there.take()
        assert (packet.ttl, packet.tos, packet.dont_fragment) == (ttl, tos, whole)


def test_options_are_no_payload(cable: Cable, pair: Pair) -> None:
    with pair[0].entered():
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    with raw:
        packet = ipv4.build(HERE, THERE, 41, b"payload", options=b"\x01" * 8)
        raw.sendto(packet, ("192.0.2.2", 0))
        assert cable.there.take() == OuterPacket(HERE, THERE, 41, b"payload")


def test_fragments_are_made_and_put_together(cable: Cable, pair: Pair) -> None:
    for end in pair:
        end.run("ip", "link", "set", "cable", "mtu", "1280")
    payload = bytes(range(256)) * 20
    cable.here.send(payload)
    assert cable.there.take().payload == payload
    reassembled = pair[1].run("nstat", "-asz", "IpReasmOKs").split()
    assert reassembled[reassembled.index("IpReasmOKs") + 1] == "1"


def test_what_must_stay_whole_and_is_too_large_is_counted(cable: Cable) -> None:
    cable.here.send(bytes(2_000), dont_fragment=True)
    assert cable.here.totals.refused == {"send-emsgsize": 1}
    assert cable.here.totals.sent.packets == 0


def test_what_cannot_be_sent_is_counted_and_stops_nothing(cable: Cable) -> None:
    cable.here.send(b"x", destination=packed("203.0.113.1"))
    cable.here.send(b"x", source=NOBODY, destination=THERE)
    assert cable.here.totals.refused == {"send-enetunreach": 1, "send-unbound": 1}
    cable.here.send(b"after", source=HERE)
    assert cable.there.take().payload == b"after"


def test_errors_of_icmp_are_heard_and_no_other_messages(cable: Cable, pair: Pair) -> None:
    with pair[1].entered():
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, icmpv4.PROTOCOL)
    with raw:
        for kind in (icmpv4.ECHO_REPLY, icmpv4.ECHO_REQUEST, icmpv4.TIME_EXCEEDED):
            raw.sendto(icmpv4.build_error(kind, 0, b"quoted"), ("192.0.2.1", 0))
        packet = cable.here.take()
    assert packet.protocol == icmpv4.PROTOCOL
    assert packet.payload == icmpv4.build_error(icmpv4.TIME_EXCEEDED, 0, b"quoted")
    assert cable.here.silent()
    assert cable.here.machine.drops == {"stranger": 1}


def test_a_protocol_that_nobody_takes_is_refused_and_one_that_is_taken_is_not(
    cable: Cable, pair: Pair
) -> None:
    with pair[0].entered():
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, UNKNOWN)
    with raw:
        cable.here.send(b"taken")
        raw.sendto(b"not taken", ("192.0.2.2", 0))
        answer = cable.here.take()
    message = icmpv4.Message(answer.payload[0], answer.payload[1], answer.payload[4:8])
    assert (message.type, message.code) == (icmpv4.UNREACHABLE, 2)
    assert answer.payload.endswith(b"not taken")
    assert cable.there.take().payload == b"taken"
    assert cable.here.silent()


def test_only_what_is_sent_to_its_own_address_comes(cable: Cable, pair: Pair) -> None:
    pair[1].run("ip", "address", "add", "192.0.2.3/24", "dev", "cable")
    cable.here.send(b"to the other address", destination=packed("192.0.2.3"))
    cable.here.send(b"to its own", destination=THERE)
    assert cable.there.take().payload == b"to its own"


def test_all_are_closed_and_read_no_more(cable: Cable) -> None:
    kept = list(cable.here.read)
    assert len(kept) == 2
    cable.here.outer.close()
    assert cable.here.read == {}
    assert {opened.fileno() for opened in kept} == {-1}


def test_an_address_of_another_machine_is_told(namespaces: Namespaces) -> None:
    text = r"192\.0\.2\.1 is no address of this machine: `ip address` lists"
    with namespaces().entered(), pytest.raises(ConfigError, match=text):
        Outer(RawPipe(HERE, THERE), Totals())


@pytest.mark.parametrize(
    ("code", "fix"),
    [
        (errno.EPERM, "a raw socket takes root, or the capability CAP_NET_RAW"),
        (errno.ENOBUFS, r"192\.0\.2\.1 cannot be bound: No buffer space available"),
    ],
)
def test_who_may_not_or_cannot_is_told(
    code: int, fix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(protocol: int, address: bytes) -> socket.socket:
        raise OSError(code, "No buffer space available")

    monkeypatch.setattr(module, "_bound", refuse)
    with pytest.raises(ConfigError, match=fix):
        Outer(RawPipe(HERE, THERE), Totals())


def test_what_was_open_before_one_failed_is_closed(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[socket.socket] = []
    bound = module._bound

    def once(protocol: int, address: bytes) -> socket.socket:
        if opened:
            raise OSError(errno.EMFILE, "Too many open files")
        opened.append(bound(protocol, address))
        return opened[0]

    monkeypatch.setattr(module, "_bound", once)
    with pair[0].entered(), pytest.raises(ConfigError, match="Too many open files"):
        Outer(RawPipe(HERE, THERE), Totals())
    assert opened[0].fileno() == -1
