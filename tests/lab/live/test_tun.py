from __future__ import annotations

import select
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from sensor.errors import ConfigError
from sensor.lab.live import netlink, tun
from sensor.lab.live.netlink import Route
from sensor.lab.live.tun import MTU, QUEUE, Tun
from sensor.wire import ipv6, udp
from sensor.wire.addresses import packed
from sensor.wire.cursor import Cursor
from tests.lab.live.conftest import Namespaces

HERE, THERE = packed("fd00::1"), packed("fd00::2")
PORT = 4_242


def test_an_interface_is_up_with_room_and_gone_when_closed(namespaces: Namespaces) -> None:
    namespace = namespaces()
    with namespace.entered(), closing(Tun("six")):
        shown = namespace.run("ip", "link", "show", "six")
        assert f"mtu {MTU}" in shown
        assert f"qlen {QUEUE}" in shown
        assert ",UP" in shown
    assert "six" not in namespace.run("ip", "link")


def test_an_interface_has_the_mtu_that_it_is_given(namespaces: Namespaces) -> None:
    namespace = namespaces()
    with namespace.entered(), closing(Tun("six", 1_480)):
        assert "mtu 1480 " in namespace.run("ip", "link", "show", "six")


def test_packets_of_this_machine_are_read_and_answers_written(namespaces: Namespaces) -> None:
    with namespaces().entered(), closing(Tun("six")) as device:
        device.add_address(HERE, 64)
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as program:
            program.settimeout(10)
            program.bind(("fd00::1", PORT))
            program.sendto(b"question", ("fd00::2", PORT))
            packet = awaited(device, lambda packet: packet[24:40] == THERE)
            assert packet[-8:] == b"question"
            answer = udp.build(THERE, HERE, PORT, PORT, b"answer")
            packet = ipv6.build(THERE, HERE, udp.PROTOCOL, answer)
            assert received(program, lambda: device.write(packet)) == b"answer"


def received(program: socket.socket, send: Callable[[], None]) -> bytes:
    """What reaches the program; the kernel takes a moment to receive for a new address."""
    for _ in range(100):
        send()
        if select.select([program], [], [], 0.1)[0]:
            break
    return program.recvfrom(100)[0]


def awaited(device: Tun, wanted: Callable[[bytes], bool]) -> bytes:
    """The first such packet; the kernel announces itself on the link too."""
    for _ in range(100):
        assert select.select([device], [], [], 10)[0]
        packet = device.read()
        assert ipv6.parse(Cursor(packet)).payload_length == len(packet) - ipv6.HEADER_LENGTH
        if wanted(packet):
            return packet
    raise AssertionError("none came")


def emptied(device: Tun) -> None:
    for _ in range(100):
        device.read()


def test_reading_waits_for_nothing_and_writing_takes_packets_only(namespaces: Namespaces) -> None:
    with namespaces().entered(), closing(Tun("six")) as device:
        with pytest.raises(BlockingIOError):
            emptied(device)
        for nothing in (b"", b"\x00" * 40, b"\x50"):
            with pytest.raises(OSError, match="Invalid argument"):
                device.write(nothing)


def test_addresses_and_routes_come_and_go(namespaces: Namespaces) -> None:
    namespace = namespaces()
    route = Route(packed("2001::"), 32, 1_024)
    with namespace.entered(), closing(Tun("six")) as device:
        device.add_address(HERE, 64)
        device.add_route(route)
        assert "2001::/32 dev six" in namespace.run("ip", "-6", "route")
        device.remove_route(route)
        device.remove_address(HERE, 64)
        assert "2001::/32" not in namespace.run("ip", "-6", "route")
        assert "fd00::1" not in namespace.run("ip", "-6", "address")


def test_a_machine_without_ipv6_is_told_how_to_allow_it(namespaces: Namespaces) -> None:
    with namespaces().entered(), closing(Tun("six")) as device:
        Path("/proc/sys/net/ipv6/conf/six/disable_ipv6").write_text("1")
        with pytest.raises(OSError, match=r"sysctl net\.ipv6\.conf\.all\.disable_ipv6=0"):
            device.add_address(HERE, 64)
        with pytest.raises(OSError, match=r"sysctl net\.ipv6\.conf\.all\.disable_ipv6=0"):
            device.add_route(Route(packed("2001::"), 32, 1_024))


@pytest.mark.parametrize(
    "name", ["", "sixteen-octets-0", "a/b", ".", "..", "a b", "a:b", "six%d", "six\u00e0"]
)
def test_a_name_that_cannot_be_is_refused(name: str) -> None:
    with pytest.raises(ConfigError, match="a name has 1 to 15 octets, no /:% or space"):
        Tun(name)


def test_a_taken_name_is_told_with_the_fix(namespaces: Namespaces) -> None:
    namespace = namespaces()
    namespace.run("ip", "link", "add", "bridge", "type", "bridge")
    with namespace.entered(), closing(Tun("six")):
        with pytest.raises(ConfigError, match=r"interface six: another program.*--inter"):
            Tun("six")
        with pytest.raises(ConfigError, match="interface bridge: another interface has this name"):
            Tun("bridge")


def test_a_missing_device_is_told_with_the_fix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tun, "DEVICE", "/nonexistent/tun")
    with pytest.raises(ConfigError, match=r"there is no /dev/net/tun: .*modprobe tun"):
        Tun("six")


def test_an_interface_that_cannot_be_set_up_is_closed_again(
    namespaces: Namespaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    namespace = namespaces()

    def refuse(index: int, *, mtu: int, queue: int) -> None:
        raise OSError(1, "Operation not permitted")

    monkeypatch.setattr(netlink, "raise_link", refuse)
    with namespace.entered():
        with pytest.raises(ConfigError, match="six: cannot be set up: Operation not permitted"):
            Tun("six")
        assert "six" not in namespace.run("ip", "link")
