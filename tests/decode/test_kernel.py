from __future__ import annotations

import ipaddress
import itertools
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sensor.capture.batch import FrameBatch, batch_of
from sensor.data import resource
from sensor.decode import carriers, inner, kernel, names, native, quotes, span, teredo, verdict
from sensor.decode.compiled import addresses as compiled_addresses
from sensor.decode.compiled import native as compiled_native
from sensor.decode.compiled import numbers, state
from sensor.decode.kernel import Kernel
from sensor.decode.scalar import decode_batch
from sensor.decode.settings import DecodeSettings
from sensor.schema.rows import OBSERVATION, STACK_LIMIT, TUNNEL_LIMIT
from sensor.schema.words import Kind, Reason
from sensor.wire import (
    addresses,
    ayiya,
    gre,
    gtpu,
    gue,
    icmpv4,
    icmpv6,
    ipv4,
    ipv6,
    link,
    llc,
    mpls,
    ppp,
    pppoe,
    sixa44,
    tcp,
    tsp,
    udp,
    wlan,
)
from sensor.wire import teredo as teredo_wire
from sensor.wire.addresses import SIXA44_RELAY, SixRdDomain, build_server_link_local, packed

from .. import build
from ..build import CLIENT, NATIVE, OTHER, RELAY, SERVER, TEREDO, V4A, V4B
from ..hostile.corpus import Whole, carried, generated
from ..hostile.grown import HASHES, grown
from .twins import Twins, batch_from, capture_batches, cuts, same

DEFAULTS = DecodeSettings()
LINK_TYPES = (0, 1, 9, 12, 14, 50, 51, 101, 104, 105, 108, 113, 127, 228, 229, 276, 2, 9999, -1)
FRAMES = generated() + carried()


def deep(count: int) -> bytes:
    """A frame with ``count`` tunnels."""
    packet = build.tcp6()
    for _ in range(count - 1):
        packet = build.six_in_six(packet)
    return build.sixinfour_frame(packet)


# twins


def test_the_bundled_capture_gives_the_same_rows() -> None:
    rows = sum(map(Twins(DEFAULTS).compare, capture_batches(resource("demo.pcap"))))
    assert rows > 20


def test_every_capture_gives_the_same_rows(captures: Path) -> None:
    twins = Twins(DEFAULTS)
    rows = 0
    for path in sorted(captures.rglob("*.pcap")):
        rows += sum(map(twins.compare, capture_batches(path)))
    assert rows > 200


def test_generated_frames_give_the_same_rows() -> None:
    assert Twins(DEFAULTS).compare(batch_from(generated())) > len(generated())
    assert Twins(DecodeSettings(names=HASHES)).compare(batch_from(carried())) > 60


@pytest.mark.slow
def test_grown_frames_give_the_same_rows(seed: int) -> None:
    batch = batch_from(grown(random.Random(seed), 5_000))
    twins = Twins(DecodeSettings(names=HASHES))
    assert twins.compare(batch) > 2_000
    decoded = twins.kernel.decode(batch)
    assert set(Kind) - set(decoded.rows["kind"].tolist()) <= {Kind.SIXRD, Kind.V6UDPV4}
    assert {Reason.NAME, Reason.QUOTED, Reason.L2TP, Reason.GRE} <= set(decoded.reasons.tolist())
    assert decoded.rows["quoted"].any()
    assert len(decoded.fragments) > 100


def test_frames_at_the_numbers_of_a_limit(seed: int) -> None:
    """Few layers and few tunnels at once, in frames that nest."""
    frames = grown(random.Random(seed), 300)
    for layers, tunnels in itertools.product((1, 2, 3, 4, 6), (0, 1, 2)):
        settings = DecodeSettings(layers=layers, tunnels=tunnels, names=HASHES)
        assert Twins(settings).compare(batch_from(frames)) > 0


def cut_in_their_transport() -> list[Whole]:
    """Frames around each transport that is told in part, in each place where it may stand."""
    ends = build.LINK_LOCAL, addresses.ALL_ROUTERS
    inside = [
        ipv6.build(*ends, 58, icmpv6.build(*ends, kind, 0, bytes(8)), hop_limit=hop_limit)
        for kind, hop_limit in ((1, 64), (128, 64), (129, 255), (132, 1), (133, 64), (133, 255))
    ]
    inside += [build.advertisement(), build.tcp6(TEREDO), build.udp((NATIVE, 1), (TEREDO, 2), b"")]
    inside += [ipv6.build(TEREDO, NATIVE, 6, bytes(20)), ipv6.build(TEREDO, NATIVE, 132, bytes(20))]
    for transport, size in ((6, 13), (6, 15), (6, 20), (17, 3), (17, 5), (17, 8), (58, 1), (58, 3)):
        header = ipv6.build_fragment(transport, 7, 0, True)
        inside.append(ipv6.build(TEREDO, NATIVE, ipv6.FRAGMENT, header + b"\x80" * size))
    found = []
    for packet in inside:
        datagram = build.udp(SERVER, CLIENT, build.authentication() + packet)
        found += [build.ethernet(datagram), build.ethernet(packet)]
        found += [build.udp_frame(SERVER, CLIENT, packet), build.sixinfour_frame(packet)]
        found.append(build.sixinfour_frame(build.six_in_six(packet)))
        found.append(build.ethernet(build.in_four(datagram[20:], 17)[:-4]))
        error = icmpv4.build_error(icmpv4.UNREACHABLE, 3, datagram, quote=len(datagram) - 3)
        found.append(build.ethernet(build.in_four(error, icmpv4.PROTOCOL)))
        first = ipv4.build(V4A, V4B, 41, packet, more_fragments=True)
        found.append(build.ethernet(first))
    return [Whole("cut", frame, 1) for frame in found]


def snapped(frames: list[bytes], octets: int) -> FrameBatch:
    """A batch in whose capture so many octets of each frame are missing."""
    batch = batch_of([frame[:-octets] for frame in frames])
    batch.wire[:] += octets
    return batch


def test_frames_cut_in_their_transport_give_the_same_rows() -> None:
    """At the arena's end, and with the rest of the frame behind it."""
    twins = Twins(DEFAULTS)
    rows = 0
    for frame in cut_in_their_transport():
        rows += twins.compare(cuts(frame))
        for octets in range(1, 25):
            rows += twins.compare(snapped([frame.data], octets))
    assert rows > 5_000


def test_frames_of_every_link_type_give_the_same_rows() -> None:
    twins = Twins(DEFAULTS)
    for kind in LINK_TYPES:
        frames = [Whole(frame.name, frame.data, kind) for frame in FRAMES]
        frames += [Whole("bare", frame.data[14:], kind) for frame in FRAMES]
        twins.compare(batch_from(frames))


def test_address_families_of_every_system() -> None:
    frames = []
    for family, order in itertools.product((2, 10, 24, 28, 30, 3, 0x02000000), ("big", "little")):
        head = family.to_bytes(4, order)  # type: ignore[arg-type]
        frames += [Whole("", head + frame.data[14:], 0) for frame in FRAMES[:8]]
    frames += [Whole("", bytes(size), 0) for size in range(6)]
    assert Twins(DEFAULTS).compare(batch_from(frames)) > 20


def test_numbers_at_their_ends() -> None:
    frames = [FRAMES[0].data] * 4
    batch = batch_of(frames, times=[-(2**63), 2**63 - 1, -1, 0], source=2**32 - 1)
    batch.wire[:] = [2**32 - 1, 0, 1, len(frames[0])]
    batch.first_frame = 2**40
    assert Twins(DEFAULTS).compare(batch) == 4


@pytest.mark.parametrize("layers", range(1, STACK_LIMIT + 1))
def test_every_limit_of_layers(layers: int, seed: int) -> None:
    frames = FRAMES + grown(random.Random(seed), 100)
    assert Twins(DecodeSettings(layers=layers)).compare(batch_from(frames)) >= 0


@pytest.mark.parametrize("tunnels", range(TUNNEL_LIMIT + 1))
def test_every_limit_of_tunnels(tunnels: int, seed: int) -> None:
    batch = batch_from(FRAMES + grown(random.Random(seed), 100))
    twins = Twins(DecodeSettings(tunnels=tunnels))
    assert twins.compare(batch) > 0
    assert twins.kernel.decode(batch).rows["kind"].any() == (tunnels > 0)


DOMAINS = [
    (0, 0), (0, 32), (1, 0), (16, 0), (28, 8), (32, 0), (32, 8), (33, 1), (48, 0), (56, 16),
    (63, 31), (64, 0), (64, 32), (65, 2), (95, 0), (96, 0), (100, 4), (104, 8), (127, 31),
    (128, 32),
]  # fmt: skip


def domain_of(length: int, mask: int, relays: tuple[bytes, ...] = ()) -> SixRdDomain:
    value = int.from_bytes(packed("2a5c:1b2d:3e4f:5a6b:7c8d:9eaf:bdc1:d3e5"))
    return SixRdDomain((value >> 128 - length << 128 - length).to_bytes(16), length, mask, relays)


def frames_under(domain: SixRdDomain) -> list[bytes]:
    """Between hosts of the domain and others, some of whose addresses differ in a bit."""
    packets = []
    for ip in (V4A, V4B, packed("203.0.113.9"), packed("0.0.0.1")):
        ours = domain.delegate(ip)[0]
        assert domain.embedded(ours, ip) == ip
        flipped = bytes([ours[0] ^ 0x80]) + ours[1:-1] + bytes([ours[-1] ^ 1])
        packets += [
            build.tcp6(*ends) for ends in itertools.permutations((ours, NATIVE, flipped), 2)
        ]
    return [build.sixinfour_frame(packet) for packet in packets]


@pytest.mark.parametrize(("length", "mask"), DOMAINS)
@pytest.mark.parametrize("relays", [(), (V4A,)])
def test_sixrd_domains_of_every_shape(length: int, mask: int, relays: tuple[bytes, ...]) -> None:
    domain = domain_of(length, mask, relays)
    settings = DecodeSettings(sixrd=(domain,))
    batch = batch_of(frames_under(domain))
    assert ((decode_batch(batch, settings).rows["kinds"] >> Kind.SIXRD) & 1).any()
    assert Twins(settings).compare(batch) == len(batch)


def test_several_domains_with_relays(seed: int) -> None:
    domains = (
        SixRdDomain(packed("2001:db8::"), 32, 0, (V4A, V4B)),
        SixRdDomain(packed("2001:db8::"), 32, 8, (RELAY[0],)),
        SixRdDomain(packed("2a00::"), 12, 16),
    )
    frames = grown(random.Random(seed), 1_000)
    assert Twins(DecodeSettings(sixrd=domains)).compare(batch_from(frames)) > 500


@pytest.mark.parametrize("count", [1, 2, 3, 50])
def test_known_servers(count: int, seed: int) -> None:
    """Addresses of both families, found wherever they stand among the others."""
    dice = random.Random(seed)
    others = [dice.randbytes(dice.choice((4, 16))) for _ in range(count - 1)]
    frames = [
        build.udp_frame(SERVER, CLIENT, build.bubble()),
        build.udp_frame(CLIENT, SERVER, build.bubble()),
        build.udp_frame(CLIENT, RELAY, build.bubble()),
        build.ethernet(build.udp((NATIVE, 1), (OTHER, 2), build.bubble())),
        build.ethernet(build.udp((OTHER, 1), (NATIVE, 2), build.bubble())),
    ]
    for server in (SERVER[0], NATIVE, SERVER[0].ljust(16, b"\0"), b""):
        settings = DecodeSettings(known_servers=frozenset([server, *others]))
        assert Twins(settings).compare(batch_of(frames)) == len(frames)


# one frame after another


def test_batches_may_end_anywhere(seed: int) -> None:
    batch = batch_from(FRAMES + grown(random.Random(seed), 100))
    whole = decode_batch(batch, DEFAULTS)
    decoder = Kernel(DEFAULTS)
    for cut in range(len(batch) + 1):
        parts = [decoder.decode(batch.slice(0, cut))]
        first, before = parts[0].rows.tobytes(), parts[0].fragments.tolist()
        parts.append(decoder.decode(batch.slice(cut, len(batch))))
        assert first + parts[1].rows.tobytes() == whole.rows.tobytes(), cut
        after = [[i + cut, at] for i, at in parts[1].fragments.tolist()]
        assert before + after == whole.fragments.tolist(), cut
        reasons = b"".join(part.reasons.tobytes() for part in parts)
        assert reasons == whole.reasons.tobytes(), cut


def test_the_buffer_of_rows_is_used_again_and_grows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "_FIRST_ROWS", TUNNEL_LIMIT + 1)
    twins = Twins(DEFAULTS)
    assert twins.compare(batch_of([deep(TUNNEL_LIMIT)] * 300)) == 300 * TUNNEL_LIMIT
    large = twins.kernel.decode(batch_of([deep(TUNNEL_LIMIT)] * 300)).rows
    assert large.base is not None
    assert large.base.size <= 300 * TUNNEL_LIMIT + 1
    # Nothing of the rows that stood there before is left.
    assert twins.compare(batch_from(FRAMES)) > 0
    assert np.shares_memory(large, twins.kernel.decode(batch_from(FRAMES)).rows)


@pytest.mark.parametrize("size", range(TUNNEL_LIMIT + 1, 40))
def test_a_full_buffer_is_left_between_frames(monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(kernel, "_FIRST_ROWS", size)
    frames = [deep(1 + i % TUNNEL_LIMIT) for i in range(64)]
    assert Twins(DEFAULTS).compare(batch_of(frames)) == 64 * 9 // 2


def test_an_empty_batch_has_no_rows() -> None:
    decoded = Kernel(DEFAULTS).decode(batch_of([]))
    assert decoded.rows.dtype == OBSERVATION
    assert len(decoded.rows) == len(decoded.reasons) == 0


# what a batch may look like


def odd_batches() -> list[FrameBatch]:
    """The same frame behind arenas and columns of every kind that a batch may have."""
    tiny = batch_of([b"\x45"], 101)
    frozen = batch_from(FRAMES)
    frozen.arena.flags.writeable = False
    frozen.wire.flags.writeable = False
    spread = batch_from(FRAMES)
    spread.arena = np.repeat(spread.arena, 2)[::2]
    pairs = np.repeat(spread.captured, 2)
    spread.captured = pairs[::2]
    return [batch_of([]), batch_of([b""]), tiny, frozen, spread, batch_from(FRAMES).slice(3, 9)]


def test_arenas_and_columns_of_any_kind_take_one_compiled_function() -> None:
    twins = Twins(DEFAULTS)
    rows = [twins.compare(batch) for batch in odd_batches()]
    assert rows[:3] == [0, 0, 0]
    assert rows[3] == rows[4] > 0
    assert len(getattr(kernel._decode, "signatures", [0])) == 1


@pytest.mark.slow
def test_a_frame_at_the_arenas_end_reads_nothing_behind_it() -> None:
    """The octets behind a frame belong to another, or to nobody."""
    twins = Twins(DEFAULTS)
    for frame in FRAMES:
        for size in range(max(len(frame.data) - 24, 0), len(frame.data)):
            alone = batch_of([frame.data[:size]], frame.link_type)
            followed = batch_of([frame.data[:size], frame.data[size:]], frame.link_type)
            expected = decode_batch(alone, DEFAULTS)
            assert same(expected, twins.kernel.decode(alone))
            assert same(expected, twins.kernel.decode(followed.slice(0, 1)))


# hostile shapes


def long_chains() -> list[bytes]:
    """Packets of 64 KiB made of the smallest extension headers, alone and as deep as they go."""
    headers = b"".join([bytes([60, 0]) + bytes(6)] * 8_185)
    longest = ipv6.build(TEREDO, NATIVE, 60, headers)
    allowed = bytes([60, 0, *bytes(6)]) * 63 + bytes([41, 0, *bytes(6)])
    nested = build.tcp6(payload=bytes(50_000))
    for _ in range(20):
        if len(nested) + len(allowed) + 40 > 65_000:
            break
        nested = ipv6.build(NATIVE, OTHER, 60, allowed + nested)
    options = icmpv6.Option(3, bytes(6)).build() * 8_000
    source = build_server_link_local(SERVER[0])
    advertisement = icmpv6.build(source, OTHER, 134, 0, bytes(12) + options)
    flood = ipv6.build(source, OTHER, 58, advertisement)
    trailers = build.bubble() + b"\1\0" * 32_000
    return [
        build.sixinfour_frame(longest[:65_500]),
        build.udp_frame(CLIENT, RELAY, longest[:65_500]),
        build.sixinfour_frame(nested),
        build.udp_frame(CLIENT, RELAY, flood),
        build.udp_frame(CLIENT, RELAY, trailers),
        build.udp_frame(CLIENT, RELAY, build.origin() * 8_000),
        build.ethernet(b"\x45", tuple(range(4_000))),
    ]


def test_floods_of_headers_stop_at_the_same_limits() -> None:
    decoded = Kernel(DEFAULTS).decode(batch_of(long_chains()))
    assert Reason.TOO_MANY_LAYERS in decoded.reasons.tolist()
    assert decoded.rows["anomalies"].any()
    assert Twins(DEFAULTS).compare(batch_of(long_chains())) >= 4


# numbers of sensor.wire


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (numbers.LINK_NULL, link.LINKTYPE_NULL),
        (numbers.LINK_ETHERNET, link.LINKTYPE_ETHERNET),
        (numbers.LINK_RAW_BSD, link.LINKTYPE_RAW_BSD),
        (numbers.LINK_RAW_OPENBSD, link.LINKTYPE_RAW_OPENBSD),
        (numbers.LINK_RAW, link.LINKTYPE_RAW),
        (numbers.LINK_SLL, link.LINKTYPE_LINUX_SLL),
        (numbers.LINK_IPV4, link.LINKTYPE_IPV4),
        (numbers.LINK_IPV6, link.LINKTYPE_IPV6),
        (numbers.LINK_SLL2, link.LINKTYPE_LINUX_SLL2),
        (numbers.ETHERTYPE_IPV4, link.ETHERTYPE_IPV4),
        (numbers.ETHERTYPE_IPV6, link.ETHERTYPE_IPV6),
        (numbers.ETHERTYPE_VLAN, link.ETHERTYPE_VLAN),
        (numbers.ETHERTYPE_PROVIDER_VLAN, link.ETHERTYPE_PROVIDER_VLAN),
        (numbers.ETHERTYPE_STACKED_VLAN, link.ETHERTYPE_STACKED_VLAN),
        (numbers.MAX_TAGS, link.MAX_TAGS),
        (numbers.IPV4_INSIDE, inner.IPV4_INSIDE),
        (numbers.IPV6_INSIDE, inner.IPV6_INSIDE),
        (numbers.TCP, tcp.PROTOCOL),
        (numbers.UDP, udp.PROTOCOL),
        (numbers.ICMPV6, icmpv6.PROTOCOL),
        (numbers.IPV4_LENGTH, ipv4.MIN_HEADER_LENGTH),
        (numbers.IPV6_LENGTH, ipv6.HEADER_LENGTH),
        (numbers.TCP_LENGTH, tcp.MIN_HEADER_LENGTH),
        (numbers.UDP_LENGTH, udp.HEADER_LENGTH),
        (numbers.HOP_BY_HOP, ipv6.HOP_BY_HOP),
        (numbers.ROUTING, ipv6.ROUTING),
        (numbers.FRAGMENT, ipv6.FRAGMENT),
        (numbers.AUTHENTICATION, ipv6.AUTHENTICATION),
        (numbers.NO_NEXT_HEADER, ipv6.NO_NEXT_HEADER),
        (numbers.DESTINATION_OPTIONS, ipv6.DESTINATION),
        (numbers.MOBILITY, ipv6.MOBILITY),
        (numbers.HIP, ipv6.HIP),
        (numbers.SHIM6, ipv6.SHIM6),
        (numbers.MAX_EXTENSION_HEADERS, ipv6.MAX_EXTENSION_HEADERS),
        (numbers.ECHO_REQUEST, icmpv6.ECHO_REQUEST),
        (numbers.ECHO_REPLY, icmpv6.ECHO_REPLY),
        (numbers.ROUTER_SOLICITATION, icmpv6.ROUTER_SOLICITATION),
        (numbers.ROUTER_ADVERTISEMENT, icmpv6.ROUTER_ADVERTISEMENT),
        (numbers.REDIRECT, icmpv6.REDIRECT),
        (numbers.OPTION_PREFIX, icmpv6.OPTION_PREFIX_INFORMATION),
        (numbers.MAX_OPTIONS, icmpv6.MAX_OPTIONS),
        (numbers.MAX_INDICATORS, teredo_wire.MAX_INDICATORS),
        (numbers.ORIGIN_LENGTH, len(build.origin())),
        (numbers.AUTHENTICATION_LENGTH, len(build.authentication())),
        (numbers.MAX_TRAILERS, teredo_wire.MAX_TRAILERS),
        (numbers.STUN_COOKIE, int.from_bytes(teredo.STUN_COOKIE)),
        (numbers.GENEVE_ORIGIN, teredo.GENEVE_ORIGIN),
        (numbers.TEREDO_PREFIX, int.from_bytes(addresses.TEREDO_PREFIX)),
        (numbers.LEGACY_TEREDO_PREFIX, int.from_bytes(addresses.LEGACY_TEREDO_PREFIX)),
        (numbers.FORBIDDEN_FLAGS, teredo._FORBIDDEN_FLAGS),
        (numbers.TCP_TOLD, inner._TOLD[inner.TCP]),
        (numbers.UDP_TOLD, inner._TOLD[inner.UDP]),
        (numbers.ICMPV6_TOLD, inner._TOLD[inner.ICMPV6]),
        (numbers.FROM_A_NEIGHBOUR, inner._FROM_A_NEIGHBOUR),
        (numbers.SIXTOFOUR_PREFIX, int.from_bytes(addresses.SIXTOFOUR_PREFIX)),
        (numbers.ISATAP_PRIVATE, int.from_bytes(addresses.ISATAP_PRIVATE)),
        (numbers.ISATAP_UNIVERSAL, int.from_bytes(addresses.ISATAP_UNIVERSAL)),
        (int(numbers.LINK_LOCAL), int.from_bytes(addresses.LINK_LOCAL_PREFIX)),
        (int(numbers.ALL_ROUTERS_HIGH), int.from_bytes(addresses.ALL_ROUTERS[:8])),
        (int(numbers.ALL_ROUTERS_LOW), int.from_bytes(addresses.ALL_ROUTERS[8:])),
        (numbers.LINK_PPP, link.LINKTYPE_PPP),
        (numbers.LINK_PPP_HDLC, link.LINKTYPE_PPP_HDLC),
        (numbers.LINK_PPP_ETHER, link.LINKTYPE_PPP_ETHER),
        (numbers.LINK_HDLC, link.LINKTYPE_C_HDLC),
        (numbers.LINK_WLAN, link.LINKTYPE_IEEE802_11),
        (numbers.LINK_LOOP, link.LINKTYPE_LOOP),
        (numbers.LINK_RADIOTAP, link.LINKTYPE_RADIOTAP),
        (numbers.FIRST_ETHERTYPE, link._FIRST_ETHERTYPE),
        (numbers.ETHERTYPE_TRANSPARENT, gre.TRANSPARENT_ETHERNET),
        (numbers.ETHERTYPE_PPP, gre.PPP),
        (numbers.ETHERTYPE_MPLS, mpls.ETHERTYPE),
        (numbers.ETHERTYPE_MPLS_MULTICAST, mpls.ETHERTYPE_MULTICAST),
        (numbers.ETHERTYPE_PPPOE, pppoe.ETHERTYPE_SESSION),
        (numbers.SNAP, int.from_bytes(llc.SNAP)),
        (numbers.BRIDGE_TUNNEL, int.from_bytes(llc.BRIDGE_TUNNEL)),
        (numbers.SNAP_LENGTH, len(llc.SNAP)),
        (numbers.MAX_LABELS, mpls.MAX_LABELS),
        (numbers.CONTROL_WORD, carriers._CONTROL_WORD),
        (numbers.ETHERTYPE_AT, carriers._ETHERTYPE_AT),
        (numbers.PPP_IPV4, ppp.IPV4),
        (numbers.PPP_IPV6, ppp.IPV6),
        (numbers.PPP_MPLS, ppp.MPLS),
        (numbers.PPP_MPLS_MULTICAST, ppp.MPLS_MULTICAST),
        (numbers.ICMP, icmpv4.PROTOCOL),
        (numbers.GRE, gre.PROTOCOL),
        (numbers.ICMP_ERROR_LENGTH, icmpv4.HEADER_LENGTH),
        (numbers.ICMP_ERROR_LENGTH, icmpv6.ERROR_LENGTH),
        (numbers.SHORTEST_QUOTE, native.SHORTEST_QUOTE),
        (numbers.LEAST_QUOTE, quotes.LEAST_QUOTE),
        (numbers.EXTENSION_VERSION, quotes.EXTENSION_VERSION),
        (numbers.LONGEST_PACKET, span._LONGEST_PACKET),
        (numbers.USUAL_EXTENSIONS, verdict.USUAL_EXTENSIONS),
        (numbers.FIRST_FREE_PORT, verdict.FIRST_FREE_PORT),
        (numbers.UNREACHABLE, icmpv6.UNREACHABLE),
        (numbers.TIME_EXCEEDED, icmpv6.TIME_EXCEEDED),
        (numbers.PARAMETER_PROBLEM, icmpv6.PARAMETER_PROBLEM),
        (numbers.TRAILER_NONCE, teredo_wire.TRAILER_NONCE),
        (numbers.TRAILER_RANDOM_PORT_MISPRINT, teredo_wire.TRAILER_RANDOM_PORT_MISPRINT),
        (numbers.TRAILER_ALTERNATE_ADDRESS, teredo_wire.TRAILER_ALTERNATE_ADDRESS),
        (numbers.TRAILER_NEIGHBOUR_DISCOVERY, teredo_wire.TRAILER_NEIGHBOUR_DISCOVERY),
        (numbers.TRAILER_RANDOM_PORT, teredo_wire.TRAILER_RANDOM_PORT),
        (numbers.MAX_JUNK, verdict.MAX_JUNK),
        (numbers.MAX_ROUTES, gre.MAX_ROUTES),
        (numbers.GTPU_PDU, gtpu.G_PDU),
        (numbers.GTPU_LENGTH, gtpu.HEADER_LENGTH),
        (numbers.MAX_GTPU_EXTENSIONS, gtpu.MAX_EXTENSIONS),
        (numbers.GUE_LENGTH, gue.HEADER_LENGTH),
        (numbers.AYIYA_UMAC, ayiya.UMAC),
        (numbers.AYIYA_LAST_OPCODE, ayiya.QUERY_REPLY),
        (1 << numbers.MOST_IDENTITY, ayiya.MAX_IDENTITY),
        (numbers.TSP_LENGTH, tsp.HEADER_LENGTH),
        (numbers.SIXA44_RELAY, int.from_bytes(SIXA44_RELAY)),
        (numbers.SIXA44_BUBBLE, sixa44.BUBBLE_LENGTH),
        (numbers.MAX_PRESENT, wlan.MAX_PRESENT),
        (numbers.FCS_LENGTH, wlan.FCS_LENGTH),
        (numbers.RADIOTAP_FCS, wlan.FLAG_FCS),
        (numbers.RADIOTAP_PADDED, wlan.FLAG_PADDED),
        (numbers.MAX_NAMES, names.MAX_NAMES),
        (numbers.MAX_NAME, names.MAX_NAME),
    ],
)
def test_a_number_is_that_of_the_codecs(ours: int, theirs: int) -> None:
    assert ours == theirs


def test_errors_of_icmp_are_those_of_the_codec() -> None:
    found = {kind for kind in range(256) if compiled_native.is_error(kind)}
    assert found == icmpv4.ERRORS


def edges() -> list[bytes]:
    """First and last addresses of every network that is told apart, and their neighbours."""
    networks = addresses._PRIVATE + addresses._BOGONS
    ends = {end for first, mask in networks for end in (first, first | ~mask & 0xFFFFFFFF)}
    values = {end + step for end in ends for step in (-1, 0, 1)}
    return [value.to_bytes(4) for value in values if 0 <= value < 1 << 32]


@pytest.mark.parametrize("ip", edges(), ids=lambda ip: str(ipaddress.IPv4Address(ip)))
def test_networks_end_where_they_end_for_the_codecs(ip: bytes) -> None:
    number = np.int64(int.from_bytes(ip))
    assert bool(compiled_addresses.is_bogon(number)) == addresses.is_bogon(ip)
    assert bool(compiled_addresses.is_private(number)) == addresses.is_private(ip)


def test_the_kernel_loads_no_codec() -> None:
    """Their classes take longer to make than the compiled code to load."""
    program = "import sys, sensor.decode.kernel; print(*sys.modules)"
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    ours = {name for name in done.stdout.split() if name.startswith("sensor.")}
    assert "sensor.decode.kernel" in ours
    wire = {name for name in ours if name.startswith("sensor.wire")}
    assert wire == {"sensor.wire", "sensor.wire.ports"}, "numbers alone"
    assert "sensor.decode.scalar" not in ours


def test_a_row_has_the_same_octets_under_both_layouts() -> None:
    assert state.ROW.itemsize == OBSERVATION.itemsize
    assert state.ROW.fields is not None
    assert OBSERVATION.fields is not None
    rows = np.zeros(1, dtype=OBSERVATION)
    rows["inner_source"][0] = range(1, 17)
    rows["origin_ip"][0] = range(1, 5)
    view = rows.view(state.ROW)
    assert int(view["inner_source_1"][0]).to_bytes(8, "little") == bytes(range(9, 17))
    assert int(view["origin_ip_0"][0]).to_bytes(4, "little") == bytes(range(1, 5))
    fields = state.ROW.fields.items()
    covered = sum(field[0].itemsize for name, field in fields if name != "octets")
    assert covered == OBSERVATION.itemsize
