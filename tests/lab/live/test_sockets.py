"""Sockets on loopback, and in namespaces where multicast or several addresses are needed."""

from __future__ import annotations

import errno
import select
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from sensor.errors import ConfigError
from sensor.lab.live import sockets as module
from sensor.lab.live.sockets import DISCOVERY, Sockets, address_towards
from sensor.lab.live.totals import Totals
from sensor.lab.machine import Datagram
from sensor.schema.records import Endpoint
from sensor.schema.words import TeredoPacket
from sensor.wire.addresses import packed
from tests.lab.live.conftest import Namespace, Namespaces

LOOPBACK = bytes([127, 0, 0, 1])
IP_RECVTTL = 12  # of Linux, where the socket module has no name for it

Pair = tuple[Namespace, Namespace]


class Watched:
    """A loop that notes which sockets it would read."""

    def __init__(self) -> None:
        self.read: dict[socket.socket, Endpoint] = {}

    def add(self, opened: socket.socket, end: Endpoint) -> None:
        self.read[opened] = end

    def remove(self, opened: socket.socket) -> None:
        del self.read[opened]

    @property
    def ends(self) -> set[Endpoint]:
        return set(self.read.values())


@pytest.fixture
def totals() -> Totals:
    return Totals()


@pytest.fixture
def opened(totals: Totals) -> Iterator[Sockets]:
    with closing(Sockets(totals)) as sockets:
        yield sockets


@pytest.fixture
def peer() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(10)
        peer.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
        yield peer


def end_of(bound: socket.socket) -> Endpoint:
    ip, port = bound.getsockname()
    return Endpoint(packed(ip), port)


def datagram(source: Endpoint, destination: Endpoint, ttl: int = 64) -> Datagram:
    return Datagram(source, destination, b"payload", TeredoPacket.DATA, ttl)


def received(peer: socket.socket) -> tuple[bytes, int, Endpoint]:
    """Payload, time to live and source of the next datagram."""
    payload, ((_, _, ttl),), _, (ip, port) = peer.recvmsg(100, 100)
    return payload, int.from_bytes(ttl, "little"), Endpoint(packed(ip), port)


def test_any_port_becomes_one(opened: Sockets) -> None:
    end = opened.open(Endpoint(LOOPBACK, 0))
    assert end.ip == LOOPBACK
    assert end.port
    assert end in opened


@pytest.mark.parametrize("ttl", [64, 1, 21])
def test_a_datagram_leaves_its_own_end_with_its_time_to_live(
    ttl: int, opened: Sockets, peer: socket.socket, totals: Totals
) -> None:
    ends = [opened.open(Endpoint(LOOPBACK, 0)) for _ in range(3)]
    opened.send(datagram(ends[1], end_of(peer), ttl))
    assert received(peer) == (b"payload", ttl, ends[1])
    assert (totals.sent.packets, totals.sent.octets) == (1, 7)


def test_what_cannot_be_sent_is_counted(
    opened: Sockets, peer: socket.socket, totals: Totals
) -> None:
    end = opened.open(Endpoint(LOOPBACK, 0))
    opened.send(datagram(end, Endpoint(bytes([255] * 4), 1)))
    opened.send(datagram(end, Endpoint(LOOPBACK, 0)))
    opened.send(datagram(end, Endpoint(packed("203.0.113.1"), 1)))
    opened.send(datagram(Endpoint(LOOPBACK, 1), end_of(peer)))
    assert totals.sent.packets == 0
    assert totals.refused["send-eacces"] == 1
    assert totals.refused["send-unbound"] == 1
    assert sum(totals.refused.values()) == 4


def test_sockets_follow_the_ends(opened: Sockets) -> None:
    first = opened.open(Endpoint(LOOPBACK, 0))
    watched = Watched()
    opened.watch(watched.add, watched.remove)
    assert watched.ends == {first}
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        second = end_of(taken)
    opened.match([first, second])
    opened.match((second, first))
    assert watched.ends == {first, second}
    opened.match([second])
    assert watched.ends == {second}
    assert first not in opened


def test_a_port_that_is_taken_is_tried_once_for_as_long_as_it_is_asked_for(
    opened: Sockets, peer: socket.socket, totals: Totals
) -> None:
    taken = end_of(peer)
    for _ in range(3):
        opened.match([taken])
    assert totals.refused == {"bind-eaddrinuse": 1}
    opened.match([])
    peer.close()
    opened.match([taken])
    assert taken in opened


def test_all_are_closed_and_read_no_more(opened: Sockets) -> None:
    watched = Watched()
    opened.watch(watched.add, watched.remove)
    opened.open(Endpoint(LOOPBACK, 0))
    (kept,) = watched.read
    opened.close()
    assert watched.read == {}
    assert kept.fileno() == -1


@pytest.mark.parametrize(
    ("end", "fix"),
    [
        ("203.0.113.77", r"203\.0\.113\.77 is no address of this machine: `ip address` lists"),
        ("taken", r"127\.0\.0\.1:[0-9]+ is taken: end the program that has it, or choose another"),
    ],
)
def test_an_end_that_cannot_be_is_told_with_the_fix(
    end: str, fix: str, opened: Sockets, peer: socket.socket
) -> None:
    asked = end_of(peer) if end == "taken" else Endpoint(packed(end), 0)
    with pytest.raises(ConfigError, match=fix):
        opened.open(asked)


@pytest.mark.parametrize(
    ("code", "fix"),
    [
        (errno.EACCES, "takes root: choose a port from 1024 on"),
        (errno.ENOBUFS, "cannot be bound: No buffer space available"),
    ],
)
def test_other_refusals_are_told_too(
    code: int, fix: str, opened: Sockets, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(end: Endpoint) -> socket.socket:
        raise OSError(code, "No buffer space available")

    monkeypatch.setattr(module, "_bound", refuse)
    with pytest.raises(ConfigError, match=fix):
        opened.open(Endpoint(LOOPBACK, 80))


class Unprivileged(socket.socket):
    """Asked for more than everybody may have, the kernel refuses."""

    def setsockopt(self, level: int, option: int, value: int) -> None:  # type: ignore[override]
        if (level, option) == (socket.SOL_SOCKET, module._FORCE_RECEIVE_BUFFER):
            raise PermissionError(errno.EPERM, "Operation not permitted")
        super().setsockopt(level, option, value)


def test_without_privileges_the_buffer_is_what_everybody_may_have(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ordinary:
        before = ordinary.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF)
    monkeypatch.setattr(socket, "socket", Unprivileged)
    with module._udp() as opened:
        assert opened.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) > before


def test_a_server_answers_from_the_address_it_was_asked_at(namespaces: Namespaces) -> None:
    namespace, totals = namespaces(), Totals()
    ends = [Endpoint(bytes([192, 0, 2, number]), 3_544) for number in (1, 2)]
    for number in (1, 2, 3):
        namespace.run("ip", "address", "add", f"192.0.2.{number}/24", "dev", "lo")
    with namespace.entered():
        client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    with client, namespace.entered(), closing(Sockets(totals)) as opened:
        client.bind(("192.0.2.3", 40_000))
        client.settimeout(10)
        for end in ends:
            assert opened.open(end) == end
            opened.send(datagram(end, end_of(client)))
            assert client.recvfrom(100)[1] == (f"192.0.2.{end.ip[3]}", 3_544)


def test_the_discovery_group_is_heard_on_its_network(pair: Pair) -> None:
    here, there = pair
    watched, totals = Watched(), Totals()
    with closing(Sockets(totals)) as opened, closing(Sockets(Totals())) as other:
        with here.entered():
            opened.join_discovery(packed("192.0.2.1"))
            own = opened.open(Endpoint(packed("192.0.2.1"), 0))
        opened.watch(watched.add, watched.remove)
        (group,) = (found for found, end in watched.read.items() if end == DISCOVERY)
        with there.entered():
            neighbour = other.open(Endpoint(packed("192.0.2.2"), 0))
        other.send(datagram(neighbour, DISCOVERY, ttl=1))
        assert select.select([group], [], [], 10)[0]
        assert group.recvfrom(100) == (b"payload", ("192.0.2.2", neighbour.port))
        # What is sent to the group from here does not come back.
        opened.send(datagram(own, DISCOVERY, ttl=1))
        assert totals.sent.packets == 1
        assert not select.select([group], [], [], 0)[0]
        # The group is no end of a machine's, and stays when the ends change.
        with here.entered():
            opened.match([])
        assert watched.ends == {DISCOVERY}


def test_a_network_without_multicast_is_told(opened: Sockets) -> None:
    with pytest.raises(ConfigError, match=r"discovery cannot join 224\.0\.0\.253: No such device"):
        opened.join_discovery(packed("203.0.113.77"))


def test_the_kernel_says_where_it_would_send_from(pair: Pair) -> None:
    with pair[0].entered():
        assert address_towards(packed("192.0.2.99")) == packed("192.0.2.1")
        assert address_towards(packed("2a00:db8::99")) == packed("2a00:db8::1")
        assert address_towards(packed("198.51.100.1")) is None
        assert address_towards(packed("2a00:ffff::1")) is None


def test_a_machine_without_ipv6_has_no_way_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")

    monkeypatch.setattr(socket, "socket", refuse)
    assert address_towards(bytes(16)) is None
