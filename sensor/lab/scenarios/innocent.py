"""Stories of ordinary traffic that looks like somebody's attempt to be overlooked."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from functools import partial

from sensor.lab.deviants.fragments import FragmentingHost, fitting
from sensor.lab.network.behaviour import PORT_RESTRICTED
from sensor.lab.network.host import Host
from sensor.lab.scenarios.configured import HostMaker, configured, public_client
from sensor.lab.scenarios.disguised import client
from sensor.lab.scenarios.scenario import Scenario
from sensor.lab.scenarios.world import World
from sensor.schema.records import Endpoint
from sensor.wire import dns, geneve, gre, icmpv4, icmpv6, ipv4, ppp, udp
from sensor.wire.ports import DNS_PORT, TEREDO_PORT

LONG_PAGE = b"<p>a line of a long page\n" * 400
NARROW = 1_256  # octets of an IPv4 payload on a link of 1280: most of a full packet, not all

TRACED_HOPS = 8

ESP = 50
IPV4_IN_IPV4 = 4
PPP_IPV4 = 0x0021

# What begins like an authentication header, an origin indication or an IPv6 packet, and is none.
STUN = (
    "stun",
    3_478,
    [
        bytes.fromhex("000100002112a442") + b"transaction1",
        bytes.fromhex("0101000c2112a442")
        + b"transaction1"
        + bytes.fromhex("00200008000115ea5e12a443"),
    ],
)
COAP = (
    "coap",
    5_683,
    [
        bytes.fromhex("4401be70cafef00db474656d70"),
        bytes.fromhex("6445be70cafef00dff") + b"21.5 degrees in the room",
        bytes.fromhex("6000be71"),
    ],
)
WIREGUARD = (
    "wireguard",
    51_820,
    [
        bytes.fromhex("01000000") + bytes(range(144)),
        bytes.fromhex("02000000") + bytes(range(88)),
        bytes.fromhex("04000000") + bytes(range(60, 136)),
    ],
)
CHAT = "chat", TEREDO_PORT, [
    b"HELLO chat/1.0 from a program that took a port\r\n",
    b"WELCOME\r\n",
    bytes.fromhex("0001") + b" is not how Teredo goes on",
    bytes.fromhex("0000") + b"nor this",
]  # fmt: skip

Conversation = tuple[str, int, Sequence[bytes]]


def talk(world: World, here: Host, what: Conversation) -> None:
    """A host and a stranger say things to each other over UDP, in turn."""
    name, port, said = what
    there = world.stranger(name)
    near, far = Endpoint(here.address, world.port(name)), Endpoint(there.address, port)
    answers = list(said[1::2])

    def answer(_: bytes, source: Endpoint, own: Endpoint) -> None:
        if answers:
            there.send_udp(answers.pop(0), own, source)

    here.bind(near, lambda *_: None)
    there.bind(far, answer)
    for question in said[::2]:
        here.send_udp(question, near, far)
        world.wait(0.2)


def look_alikes(world: World) -> None:
    """Datagrams that begin as Teredo's do, on many ports and on Teredo's own."""
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home)
    here, chance = home.host("desk"), world.chance("look-alikes")
    far = world.resolver.address
    datagram = udp.build(here.address, far, 5_000, 5_001, b"a frame of another network")
    overlay = ipv4.build(here.address, far, udp.PROTOCOL, datagram)
    frame = bytes(12) + gre.IPV4.to_bytes(2) + overlay
    conversations: list[Conversation] = [
        STUN,
        COAP,
        WIREGUARD,
        CHAT,
        ("overlay", 6_081, [geneve.build(7, gre.TRANSPARENT_ETHERNET, frame)] * 4),
        ("quic", 443, [b"\x60" + chance.randbytes(1_199) for _ in range(6)]),
        ("media", 5_004, [b"\x80\x60" + chance.randbytes(170) for _ in range(6)]),
        ("game", 27_015, [b"\x6f" + chance.randbytes(60 + n) for n in range(20)]),
        ("game-at-3544", TEREDO_PORT, [b"\x60" + chance.randbytes(40 + n) for n in range(8)]),
    ]
    for conversation in conversations:
        talk(world, here, conversation)
    for number in (0, 1):
        query = dns.build_query(number, world.site.name, dns.TYPE_A)
        here.ask(Endpoint(far, DNS_PORT), query)
        world.wait(1)


def private_networks(world: World) -> None:
    """Tunnels of several kinds that carry IPv4, or nobody can tell what."""
    campus = world.campus("campus")
    world.watch(campus)
    near, far = campus.host("near"), world.stranger("far")
    chance = world.chance("vpn")
    for number in range(4):
        for here, there in ((near, far), (far, near)):
            text = icmpv4.build(icmpv4.ECHO_REQUEST, 0, bytes(4), bytes(range(32)))
            inner = ipv4.build(b"\x0a\x01\0\x01", b"\x0a\x02\0\x01", icmpv4.PROTOCOL, text)
            carried = {
                gre.PROTOCOL: gre.build(gre.IPV4, inner, key=number),
                IPV4_IN_IPV4: inner,
                ESP: bytes.fromhex("60000001") + number.to_bytes(4) + chance.randbytes(100),
            }
            for protocol, payload in carried.items():
                _hear(there, protocol)
                here.send(there.address, protocol, payload)
            called = gre.build_pptp(17, ppp.build(PPP_IPV4, inner), sequence=number)
            here.send(there.address, gre.PROTOCOL, called)
        world.wait(1)
    talk(world, near, ("ipsec", 4_500, [b"\x60" + chance.randbytes(99) for _ in range(6)]))


def _hear(host: Host, protocol: int) -> None:
    host.listen(protocol, lambda _: None)


def padded(world: World) -> None:
    """Short packets, and an adapter that keeps the check sequence of each frame (IEEE 802.3)."""
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home)
    alice, desk = client(home, "alice"), home.neighbour("desk")
    remote = world.remote("remote")
    alice.serve(80, b"")
    for port, answer in ((30_020, b""), (30_021, b"!")):
        alice.serve_udp(port, answer)
    alice.start()
    world.wait(3)
    for port in (30_020, 30_021):
        remote.ask(alice, port, b"")
        world.wait(1)
    remote.fetch(alice, 80)
    desk.browse(world.site)
    world.wait(30)
    for tap in world.watched.taps.values():
        tap.frames[:] = [frame._replace(octets=_checked(frame.octets)) for frame in tap.frames]


def _checked(frame: bytes) -> bytes:
    return frame + zlib.crc32(frame).to_bytes(4, "little")


def long_pages(world: World) -> None:
    """A link of 1280 octets cuts long packets: of a configured tunnel, and of Teredo."""
    narrow: HostMaker = partial(FragmentingHost, cut=fitting(NARROW))
    ends = configured(world, narrow, narrow)
    bob = public_client(world, ends.campus, "bob", narrow)
    carol = public_client(world, world.campus("elsewhere"), "carol", narrow)
    for party in (bob, carol):
        party.start()
    ends.alice.serve(80, LONG_PAGE)
    bob.serve(80, LONG_PAGE)
    world.wait(3)
    ends.remote.fetch(ends.alice, 80)
    carol.fetch(bob, 80)
    world.wait(10)


def traced(world: World) -> None:
    """Somebody looks for the way to a client: hop limits from the smallest that arrives."""
    home = world.home("home", PORT_RESTRICTED)
    world.watch(home)
    alice, remote = home.client("alice"), world.remote("remote")
    alice.start()
    world.wait(3)
    own = remote.address
    for hops in range(1, TRACED_HOPS + 1):
        echo = icmpv6.build_echo_request(own, alice.address, icmpv6.Echo(0x7472, hops, b""))
        remote.stack.send(own, alice.address, icmpv6.PROTOCOL, echo, hop_limit=hops)
        world.wait(1)
    world.wait(20)


INNOCENT = (
    Scenario(
        "look-alikes", "STUN, DNS, QUIC, RTP, CoAP, WireGuard, Geneve and others, no tunnel", 240,
        look_alikes,
    ),
    Scenario("vpn", "GRE with IPv4, PPTP, IPv4 in IPv4 and ESP, no IPv6", 241, private_networks),
    Scenario(
        "padded", "short packets, and frames with their check sequence", 242, padded,
        against=("trailing-junk",),
    ),
    Scenario(
        "long-pages", "full packets in honest fragments", 243, long_pages,
        against=("fragment-overlap", "fragment-overlap-teredo"),
    ),
    Scenario(
        "traced", "the way to a client is traced, hop by hop", 244, traced,
        against=("hop-limit-zero", "covert-hop-limits"),
    ),
)  # fmt: skip
