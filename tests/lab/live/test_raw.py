from __future__ import annotations

import socket
from contextlib import closing

import pytest

from sensor.errors import ConfigError
from sensor.lab.live.raw import Raw
from sensor.wire import ipv6, udp
from sensor.wire.addresses import packed
from tests.lab.live.conftest import Namespace

CLIENT, HOST = packed("2001:0:c000:201::1"), packed("2a00:db8::2")
PORT = 4_242

Pair = tuple[Namespace, Namespace]


def test_a_packet_leaves_as_it_is_with_a_source_that_is_not_here(pair: Pair) -> None:
    here, there = pair
    with there.entered():
        program = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
        program.settimeout(10)
        program.bind(("2a00:db8::2", PORT))
    with program, here.entered(), closing(Raw()) as raw:
        datagram = udp.build(CLIENT, HOST, 7, PORT, b"trial")
        raw.write(ipv6.build(CLIENT, HOST, udp.PROTOCOL, datagram, hop_limit=21))
        payload, sender = program.recvfrom(100)
    assert (payload, sender[:2]) == (b"trial", ("2001:0:c000:201::1", 7))


def test_where_no_way_leads_the_kernel_says_so(pair: Pair) -> None:
    packet = ipv6.build(CLIENT, packed("2a00:ffff::1"), ipv6.NO_NEXT_HEADER, b"")
    unreachable = pytest.raises(OSError, match="Network is unreachable")
    with pair[0].entered(), closing(Raw()) as raw, unreachable:
        raw.write(packet)


def test_nothing_is_ever_received(pair: Pair) -> None:
    with pair[0].entered(), closing(Raw()) as raw:
        raw.write(ipv6.build(CLIENT, packed("2a00:db8::1"), ipv6.NO_NEXT_HEADER, b""))
        with pytest.raises(BlockingIOError):
            raw.read()


@pytest.mark.parametrize(
    ("error", "fix"),
    [
        (PermissionError(1, "Operation not permitted"), "takes root"),
        (OSError(97, "Address family not supported by protocol"), "has no IPv6: Address family"),
    ],
)
def test_who_may_not_or_cannot_is_told(
    error: OSError, fix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise error

    monkeypatch.setattr(socket, "socket", refuse)
    with pytest.raises(ConfigError, match=fix):
        Raw()
