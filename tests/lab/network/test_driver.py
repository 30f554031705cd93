"""Machines get the timers and the IPv6 side that they were promised."""

from __future__ import annotations

from random import Random

import pytest

from sensor.errors import SensorError
from sensor.lab.network.driver import NO_HOST
from sensor.lab.network.native import Native
from sensor.lab.network.stack6 import Stack6
from sensor.wire.addresses import packed
from tests.lab.network.pipes import (
    NATIVE,
    OUR_ADDRESS,
    OURS,
    THEIR_ADDRESS,
    THEIRS,
    Net,
)


def test_a_machine_with_an_address_numbers_its_host_and_others_do_not() -> None:
    net = Net()
    net.start()
    assert net.stack.addresses == [OUR_ADDRESS]
    assert net.other_stack.addresses == [THEIR_ADDRESS]
    net.pipe.address = None
    net.settle(10.0)
    assert net.stack.addresses == []


def test_timers_go_off_when_they_are_due() -> None:
    net = Net()
    net.node.start()
    net.settle(25.0)
    assert [(time, event.what) for time, event in net.node.events] == [
        (0.0, "started"),
        (10.0, "timer"),
        (20.0, "timer"),
    ]


def test_a_timer_that_was_put_off_does_not_go_off() -> None:
    net = Net()
    net.node.start()
    net.settle(5.0)
    net.pipe.timer = 17.0
    net.node.send_ipv6(b"x")
    net.settle(20.0)
    assert [time for time, event in net.node.events if event.what == "timer"] == [17.0]


def test_a_machine_whose_timer_never_rests_is_stopped() -> None:
    net = Net(limit=1_000)
    net.pipe.again = 0.0
    net.node.start()
    with pytest.raises(SensorError, match="goes round for ever"):
        net.settle()


def test_a_relay_bridges_to_the_native_internet() -> None:
    net = Net()
    native = Native(net.clock, Random(1))
    remote = Stack6("remote", net.clock, Random(2), [NATIVE])
    native.host(remote)
    net.start()
    net.other.bridge(native, (packed("2001::"), 32))
    asked = [net.stack.ping(NATIVE), remote.ping(OUR_ADDRESS)]
    net.settle()
    assert [len(one.answers) for one in asked] == [1, 1]


def test_a_host_relay_tunnels_only_what_is_under_its_prefix() -> None:
    net = Net()
    native = Native(net.clock, Random(1))
    remote = Stack6("remote", net.clock, Random(2), [NATIVE])
    native.host(remote)
    host = Stack6("host", net.clock, Random(6), [packed("2001:db8::2")])
    native.host(host)
    net.start()
    net.other.carry(host, (packed("2001::"), 32))
    asked = [host.ping(NATIVE), host.ping(OUR_ADDRESS)]
    net.settle()
    assert [len(one.answers) for one in asked] == [1, 1]
    assert len([frame for frame in net.tap.frames if frame.label]) == 2


def test_packets_for_nobody_are_counted() -> None:
    net = Net()
    net.node.start()
    net.other.host.send_udp(b"\x60 packet", THEIRS, OURS)
    net.settle()
    assert net.node.drops[NO_HOST] == 1
