"""Machines that speak UDP get the sockets that they were promised."""

from __future__ import annotations

from sensor.lab.network.packet import Label
from sensor.schema.records import Endpoint
from sensor.schema.words import Kind, TeredoPacket
from tests.lab.network.pipes import (
    GROUP,
    OURS,
    SECOND,
    THEIR_ADDRESS,
    THEIRS,
    Net,
)


def test_two_hosts_talk_through_their_machines() -> None:
    net = Net()
    net.start()
    net.other_stack.tcp.serve(80, lambda request: b"re " + request)
    asked = net.stack.ping(THEIR_ADDRESS)
    page = net.stack.tcp.connect(THEIR_ADDRESS, 80, b"GET")
    net.settle()
    assert len(asked.answers) == 1
    assert page.received == b"re GET"
    labels = {frame.label for frame in net.tap.frames}
    data = TeredoPacket.DATA
    assert labels == {Label(Kind.TEREDO, data, name) for name in ("ours", "theirs")}


def test_it_listens_where_the_machine_says_and_nowhere_else() -> None:
    net = Net()
    net.node.start()
    sender = net.other.host

    def told(end: Endpoint) -> bool:
        before = len(net.pipe.heard)
        sender.send_udp(b"hello", THEIRS, end)
        net.settle(0.1)
        return net.pipe.heard[before:] == [(b"hello", THEIRS, end)]

    assert (told(OURS), told(SECOND)) == (True, False)
    net.pipe.ends = (SECOND,)
    net.node.send_ipv6(b"x")
    assert (told(OURS), told(SECOND)) == (False, True)
    net.node.stop()
    assert (told(OURS), told(SECOND)) == (False, False)


def test_discovery_reaches_all_on_the_segment_with_one_hop_to_live() -> None:
    net = Net()
    net.start()
    net.pipe.discover()
    net.node.send_ipv6(b"x")
    net.settle()
    assert net.other_pipe.heard[0] == (b"anybody", OURS, GROUP)
    assert net.tap.frames[0].octets[14 + 8] == 1
    assert net.tap.frames[0].label == Label(Kind.TEREDO, TeredoPacket.BUBBLE, "ours")


def test_what_only_keeps_a_mapping_open_is_of_no_tunnel() -> None:
    net = Net()
    net.start()
    net.pipe.keep_alive()
    net.node.settle()
    net.settle()
    assert net.other_pipe.heard == [(b"", OURS, THEIRS)]
    assert [frame.label for frame in net.tap.frames] == [None]
