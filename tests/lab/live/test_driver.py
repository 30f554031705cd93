"""The loop, with the smallest machine; across a cable with a TUN device at both ends."""

from __future__ import annotations

import asyncio
import errno
import io
import os
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing

import pytest

from sensor.errors import SensorError
from sensor.lab.live.datagrams import Datagrams
from sensor.lab.live.driver import BURST, Driver, OuterSide
from sensor.lab.live.log import Log
from sensor.lab.live.outer import Outer
from sensor.lab.live.sockets import Sockets
from sensor.lab.live.totals import Totals
from sensor.lab.live.tun import Tun
from sensor.lab.machine import Datagram, Steps
from sensor.schema.records import Endpoint
from sensor.schema.words import TeredoPacket
from sensor.wire.addresses import packed
from tests.lab.live.conftest import Namespace
from tests.lab.live.pipe import Pipe
from tests.lab.live.rawpipe import RawPipe

LOOPBACK = bytes([127, 0, 0, 1])
SOON = 60  # seconds after which a test that waits for something has failed


class Native:
    """A native side whose other end the test holds; ``refusing`` fails what is written."""

    def __init__(self) -> None:
        self._near, self.far = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._near.setblocking(False)
        self.far.setblocking(False)
        self.refusing: OSError | None = None
        self.lost: OSError | None = None

    def fileno(self) -> int:
        return self._near.fileno()

    def read(self) -> bytes:
        packet = self._near.recv(2_000)
        if self.lost is not None:
            raise self.lost
        return packet

    def write(self, packet: bytes) -> None:
        if self.refusing is not None:
            raise self.refusing
        self._near.send(packet)

    def close(self) -> None:
        self._near.close()
        self.far.close()


class World:
    """One driven pipe; ``peer`` is the network beyond it."""

    def __init__(self) -> None:
        self.peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.peer.bind(("127.0.0.1", 0))
        self.peer.setblocking(False)
        self.native, self.totals, self.told = Native(), Totals(), io.StringIO()
        self.sockets = Sockets(self.totals)
        self.end = self.sockets.open(Endpoint(LOOPBACK, 0))
        self.drive(Pipe(self.end, Endpoint(LOOPBACK, self.peer.getsockname()[1])))

    def drive(self, machine: Pipe) -> None:
        log, outer = Log("pipe", self.told), Datagrams(machine, self.sockets)
        self.machine = machine
        self.driver = Driver(machine, self.native, outer, self.totals, log)

    def run(self, story: Callable[[], Awaitable[object]]) -> signal.Signals:
        """Drive while the story is told; what ended the driver."""

        async def both() -> signal.Signals:
            running = asyncio.create_task(self.driver.run())
            await asyncio.sleep(0)  # a turn of the loop: the driver starts
            try:
                await asyncio.wait_for(story(), SOON)
            finally:
                self.driver.stop(signal.SIGTERM)
            return await running

        return asyncio.run(both())

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.end.port

    async def sent(self) -> bytes:
        """The next datagram that the machine sent."""
        return await asyncio.get_running_loop().sock_recv(self.peer, 2_000)

    async def delivered(self) -> bytes:
        """The next packet that the machine delivered."""
        return await asyncio.get_running_loop().sock_recv(self.native.far, 2_000)

    def close(self) -> None:
        self.peer.close()
        self.native.close()
        self.sockets.close()


@pytest.fixture
def world() -> Iterator[World]:
    with closing(World()) as world:
        yield world


async def until(condition: Callable[[], bool]) -> None:
    """Turns of the loop until something is so; ``World.run`` bounds them."""
    while not condition():
        await asyncio.sleep(0)


def test_packets_become_datagrams_and_datagrams_packets(world: World) -> None:
    async def story() -> None:
        world.native.far.send(b"out")
        assert await world.sent() == b"out"
        world.peer.sendto(b"in, longer", world.address)
        assert await world.delivered() == b"in, longer"

    world.run(story)
    totals = world.totals
    assert (totals.taken.packets, totals.sent.octets) == (1, 3)
    assert (totals.received.packets, totals.delivered.octets) == (1, 10)
    assert world.machine.received_at == [world.end]


def test_the_last_line_is_what_passed_and_what_did_not(world: World) -> None:
    async def story() -> None:
        world.native.far.send(b"out")
        await world.sent()

    world.machine.drops["none"] = 2
    world.run(story)
    lines = [line.partition(" pipe: ")[2] for line in world.told.getvalue().splitlines()]
    assert lines == [
        "started now",
        "stopped now",
        "UDP datagrams: 0 (0 bytes) in, 1 (3 bytes) out;"
        " IPv6 packets: 1 (3 bytes) into the tunnel, 0 (0 bytes) out of it",
        "dropped: none 2",
    ]


def test_a_busy_side_leaves_the_other_its_turn(world: World) -> None:
    """What waits on the network comes after one burst of the native side, not behind it all."""
    order: list[str] = []

    class Noting(Pipe):
        def send_ipv6(self, packet: bytes, now: float) -> None:
            order.append("native")

        def receive_datagram(
            self, payload: bytes, source: Endpoint, destination: Endpoint, now: float
        ) -> None:
            order.append("network")

    async def story() -> None:
        await until(lambda: len(order) == 3 * BURST + 1)

    for _ in range(3 * BURST):
        world.native.far.send(b"packet")
    world.peer.sendto(b"datagram", world.address)
    world.drive(Noting(world.end, world.machine.peer))
    world.run(story)
    assert order.index("network") <= BURST


def test_the_timer_is_the_machines(world: World) -> None:
    async def story() -> None:
        now = asyncio.get_running_loop().time
        early, late = now() + 0.01, now() + SOON * 10
        world.machine.due = late
        world.native.far.send(b"the timer has changed")
        await world.sent()
        world.machine.due = early
        world.native.far.send(b"and again")
        await world.sent()
        await until(lambda: bool(world.machine.woken))
        assert world.machine.woken[0] >= early
        world.machine.due = late
        world.native.far.send(b"which must not keep the loop from its end")
        await world.sent()

    world.run(story)
    assert len(world.machine.woken) == 1


def test_a_timer_taken_back_does_not_ring(world: World) -> None:
    async def story() -> None:
        loop = asyncio.get_running_loop()
        world.machine.due = due = loop.time() + 0.01
        world.native.far.send(b"set")
        await world.sent()
        world.machine.due = None
        world.native.far.send(b"taken back")
        await world.sent()
        await until(lambda: loop.time() > due + 0.01)

    world.run(story)
    assert world.machine.woken == []


def test_what_the_kernel_refuses_is_counted_and_stops_nothing(world: World) -> None:
    world.native.refusing = OSError(errno.EINVAL, "Invalid argument")

    async def story() -> None:
        world.peer.sendto(b"not taken", world.address)
        await until(lambda: world.totals.refused["deliver-einval"] == 1)
        good, world.machine.peer = world.machine.peer, Endpoint(bytes([255] * 4), 9)
        world.native.far.send(b"to all, which is not allowed")
        await until(lambda: world.totals.refused["send-eacces"] == 1)
        world.machine.peer, world.native.refusing = good, None
        world.native.far.send(b"to one")
        assert await world.sent() == b"to one"
        world.peer.sendto(b"taken", world.address)
        assert await world.delivered() == b"taken"

    assert world.run(story) == signal.SIGTERM


def test_a_socket_that_fails_is_counted(world: World) -> None:
    def fail(now: float) -> int:
        raise OSError(errno.ENETDOWN, "Network is down")

    async def story() -> None:
        world.driver._from_outer(fail)

    world.run(story)
    assert world.totals.refused == {"receive-enetdown": 1}


def test_an_end_chosen_just_now_is_open_for_what_it_sends(world: World) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        later = Endpoint(LOOPBACK, free.getsockname()[1])

    async def story() -> None:
        world.machine.ends = [world.end, later]
        datagram = Datagram(later, world.machine.peer, b"from the new end", TeredoPacket.BUBBLE)
        world.machine.outbox.datagrams.append(datagram)
        world.native.far.send(b"step")
        loop = asyncio.get_running_loop()
        assert await loop.sock_recvfrom(world.peer, 100) == (
            b"from the new end",
            ("127.0.0.1", later.port),
        )
        world.peer.sendto(b"to the new end", ("127.0.0.1", later.port))
        assert await world.delivered() == b"to the new end"
        assert world.machine.received_at == [later]
        world.machine.ends = [world.end]
        world.native.far.send(b"step")
        await until(lambda: later not in world.sockets)

    world.run(story)


def test_who_follows_the_machine_is_told_after_each_step(world: World) -> None:
    states: list[int] = []
    world.driver.settled = lambda: states.append(world.totals.taken.packets)

    async def story() -> None:
        world.native.far.send(b"step")
        await world.sent()

    world.run(story)
    assert states[0] == 0
    assert states[-1] == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_good_order(number: signal.Signals, world: World) -> None:
    async def story() -> None:
        for _ in range(2):  # the second finds nothing left to do
            os.kill(os.getpid(), number)
        await until(lambda: world.end not in world.sockets)

    assert world.run(story) == number
    assert world.told.getvalue().count("stopped now") == 1
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_native_side_that_is_gone_ends_it(world: World) -> None:
    world.native.lost = OSError(errno.EBADFD, "File descriptor in bad state")

    async def story() -> None:
        world.native.far.send(b"never read")
        await until(lambda: world.end not in world.sockets)

    with pytest.raises(SensorError, match="the interface is gone: File descriptor in bad state"):
        world.run(story)
    assert "dropped: nothing" in world.told.getvalue()


Made = Callable[[int, Totals], tuple[Steps, OuterSide]]


def by_udp(number: int, totals: Totals) -> tuple[Steps, OuterSide]:
    """The pipe of this side of a cable, and its sockets."""
    end, peer = (Endpoint(bytes([192, 0, 2, host]), 3_545) for host in (number, 3 - number))
    sockets, machine = Sockets(totals), Pipe(end, peer)
    sockets.open(end)
    return machine, Datagrams(machine, sockets)


def by_ipv4(number: int, totals: Totals) -> tuple[Steps, OuterSide]:
    machine = RawPipe(bytes([192, 0, 2, number]), bytes([192, 0, 2, 3 - number]))
    return machine, Outer(machine, totals)


class Tunnelled:
    """One side of a cable: a TUN device, and a pipe to the other side's."""

    def __init__(self, namespace: Namespace, number: int, made: Made = by_udp) -> None:
        totals = Totals()
        with namespace.entered():
            machine, self._outer = made(number, totals)
            self._tun = Tun("pipe")
            self._tun.add_address(packed(f"fd00::{number}"), 64)
            self.program = socket.socket(socket.AF_INET6, socket.SOCK_STREAM)
            self.program.bind((f"fd00::{number}", 4_242))
        self.program.setblocking(False)
        self.driver = Driver(machine, self._tun, self._outer, totals, Log("pipe", io.StringIO()))

    def close(self) -> None:
        self.program.close()
        self._tun.close()
        self._outer.close()


@pytest.mark.parametrize("made", [by_udp, by_ipv4])
def test_programs_at_both_ends_of_a_cable_talk_through_the_tunnel(
    made: Made, pair: tuple[Namespace, Namespace]
) -> None:
    sent = b"".join(number.to_bytes(4) for number in range(250_000))

    async def answer(listening: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        connection, _ = await loop.sock_accept(listening)
        with connection:
            connection.setblocking(False)
            while data := await loop.sock_recv(connection, 65_536):
                await loop.sock_sendall(connection, data)

    async def ask(connection: socket.socket) -> bytes:
        loop = asyncio.get_running_loop()
        await loop.sock_connect(connection, ("fd00::2", 4_242))
        sending = asyncio.create_task(loop.sock_sendall(connection, sent))
        received = bytearray()
        while len(received) < len(sent):
            received += await loop.sock_recv(connection, 65_536)
        await sending
        connection.shutdown(socket.SHUT_WR)
        return bytes(received)

    async def story(near: Tunnelled, far: Tunnelled) -> bytes:
        running = [asyncio.create_task(end.driver.run()) for end in (near, far)]
        far.program.listen()
        received, _ = await asyncio.gather(ask(near.program), answer(far.program))
        for end in (near, far):
            end.driver.stop(signal.SIGTERM)
        await asyncio.gather(*running)
        return received

    near, far = (Tunnelled(side, number, made) for number, side in enumerate(pair, 1))
    with closing(near), closing(far):
        assert asyncio.run(asyncio.wait_for(story(near, far), SOON)) == sent


def test_a_deleted_interface_ends_the_driver(pair: tuple[Namespace, Namespace]) -> None:
    async def story(end: Tunnelled) -> None:
        running = asyncio.create_task(end.driver.run())
        await asyncio.sleep(0)
        pair[0].run("ip", "link", "delete", "pipe")
        await asyncio.wait_for(running, SOON)

    gone = pytest.raises(SensorError, match="the interface is gone")
    with closing(Tunnelled(pair[0], 1)) as end, gone:
        asyncio.run(story(end))
