from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from sensor.lab.live.datagrams import Datagrams
from sensor.lab.live.driver import Take
from sensor.lab.live.sockets import Sockets
from sensor.lab.live.totals import Totals
from sensor.lab.machine import Datagram
from sensor.schema.records import Endpoint
from sensor.schema.words import TeredoPacket
from tests.lab.live.pipe import Pipe

LOOPBACK = bytes([127, 0, 0, 1])


class World:
    """A pipe on its socket; ``peer`` is the other end, ``read`` what a loop would watch."""

    def __init__(self) -> None:
        self.peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.peer.bind(("127.0.0.1", 0))
        self.peer.settimeout(10)
        self.totals = Totals()
        self.sockets = Sockets(self.totals)
        self.end = self.sockets.open(Endpoint(LOOPBACK, 0))
        self.far = Endpoint(LOOPBACK, self.peer.getsockname()[1])
        self.machine = Pipe(self.end, self.far)
        self.outer = Datagrams(self.machine, self.sockets)
        self.read: dict[socket.socket, Take] = {}
        self.outer.watch(self.read.__setitem__, self.read.__delitem__)

    def close(self) -> None:
        self.peer.close()
        self.outer.close()


@pytest.fixture
def world() -> Iterator[World]:
    with closing(World()) as world:
        yield world


def test_a_datagram_is_the_machines_with_both_its_ends(world: World) -> None:
    ((opened, take),) = world.read.items()
    with pytest.raises(BlockingIOError):
        take(0.0)
    world.peer.sendto(b"payload", ("127.0.0.1", world.end.port))
    assert select.select([opened], [], [], 10)[0]
    assert take(0.0) == 7
    assert world.machine.received_at == [world.end]
    assert world.machine.ipv6_to_deliver() == [b"payload"]


def test_what_the_machine_has_to_send_is_sent_once(world: World) -> None:
    world.machine.send_ipv6(b"packet", 0.0)
    world.outer.send()
    world.outer.send()
    assert world.peer.recvfrom(100) == (b"packet", ("127.0.0.1", world.end.port))
    assert world.totals.sent.packets == 1


def test_its_ends_are_followed_also_by_what_it_sends_from_a_new_one(world: World) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        later = Endpoint(LOOPBACK, free.getsockname()[1])
    world.machine.ends = [world.end, later]
    datagram = Datagram(later, world.far, b"from the new end", TeredoPacket.BUBBLE)
    world.machine.outbox.datagrams.append(datagram)
    world.outer.send()
    assert world.peer.recvfrom(100) == (b"from the new end", ("127.0.0.1", later.port))
    world.machine.ends = [later]
    world.outer.follow()
    assert world.end not in world.sockets
    assert len(world.read) == 1


def test_all_is_closed_and_read_no_more(world: World) -> None:
    (opened,) = world.read
    world.outer.close()
    assert world.read == {}
    assert opened.fileno() == -1
