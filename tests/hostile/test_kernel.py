"""The compiled decoder on damaged frames: the same rows as its specification, bit for bit."""

from __future__ import annotations

import os
import random
import secrets
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from sensor.decode.settings import DecodeSettings
from sensor.schema.rows import STACK_LIMIT, TUNNEL_LIMIT
from sensor.wire import icmpv6, ipv4, ipv6
from sensor.wire.addresses import SixRdDomain, packed

from .. import build
from ..decode.twins import Twins, capture_batches, cuts
from ..decode.twins import batch_from as whole_batch
from .corpus import Whole, captured, carried, generated
from .grown import HASHES, grown
from .test_mutation import SETTINGS, Mutator, batch_from

pytestmark = pytest.mark.slow


# Set it to what a failed run printed to see the same frames again.
SEED_VARIABLE = "SENSOR_TEST_SEED"
PROCESSES = 2
MUTATIONS = 1_000_000
BATCH = 2_000
GROWN = 3_000
DOMAINS = (
    SixRdDomain(packed("2001:db8::"), 32, 8, (packed("192.0.2.4"),)),
    SixRdDomain(packed("2a00::"), 12, 0),
)
FULLEST = DecodeSettings(
    sixrd=DOMAINS,
    known_servers=frozenset({packed("203.0.113.5"), packed("1.2.3.4"), build.NATIVE}),
    names=HASHES,
)
CHOICES = [
    FULLEST,
    SETTINGS,
    DecodeSettings(),
    *(DecodeSettings(layers=layers) for layers in range(1, STACK_LIMIT)),
    *(DecodeSettings(tunnels=tunnels) for tunnels in range(1, TUNNEL_LIMIT)),
]


def packets() -> list[Whole]:
    """One frame of each way that tests.build has to make one."""
    raw = [
        build.tcp6(),
        build.echo6(),
        build.solicitation(),
        build.advertisement(),
        build.bubble(),
        build.six_in_six(build.tcp6()),
        build.four_in_six(build.sixinfour_frame(build.tcp6())[14:]),
        build.udp((build.NATIVE, 1), (build.OTHER, 2), build.tcp6()),
    ]
    option = icmpv6.Option(1, bytes(6)).build()
    longest = icmpv6.Option(1, bytes(255 * 8 - 2)).build()
    tails = (b"\1", b"\1\0", b"\3\4", longest, longest[:-1], option * 63, option * 64)
    bubbles = [(build.LINK_LOCAL, build.NATIVE), (build.NATIVE, build.LINK_LOCAL)]
    to_server = [
        build.echo6(build.TEREDO, build.teredo_address(build.RELAY)),
        build.authentication(bytes(255), bytes(128)) + build.bubble(),
        *(build.bubble(*ends) for ends in [*bubbles, (build.NATIVE, build.OTHER)]),
    ]
    # The last four are the numbers of carriers with their highest bit set.
    others = (1, 6, 99, 132, 134, 145, 169)
    return [
        *(Whole("native", build.ethernet(packet)) for packet in raw),
        *(Whole("protocol 41", build.sixinfour_frame(packet)) for packet in raw),
        *(Whole("udp", build.udp_frame(build.CLIENT, build.RELAY, packet)) for packet in raw),
        *(Whole("server", build.udp_frame(build.CLIENT, build.SERVER, data)) for data in to_server),
        *(Whole("exchange", frame) for frame in build.exchange()),
        *(Whole("other", in_ipv4(protocol)) for protocol in others),
        *map(advertisement, tails),
        *ordinary(),
    ]


def ordinary() -> list[Whole]:
    """What most traffic is, and what resembles it; with up to three tags, and without Ethernet."""
    named = b"\x60\0\0\0\xff\xff\x3b\0" + build.TEREDO + build.NATIVE
    cookie = bytes.fromhex("2112a442")
    payloads = (
        bytes(4),
        b"\xff" * 12,
        b"\xff" * 50,
        b"\x60" + b"\xff" * 11,
        b"\x60" + b"\xff" * 49,
        b"\x60\0\0\0" + cookie + b"\xff" * 42,
        b"\0\1\0\0" + cookie + bytes(12),
        b"\1\1\0\x24" + cookie + bytes(48),
        named,
    )
    found = [build.tcp6(), build.echo6(), *map(ipv4_around, (1, 6, 47))]
    for ends in (((build.NATIVE, 1), (build.OTHER, 2)), (build.CLIENT, build.PEER)):
        found += [build.udp(*ends, payload) for payload in payloads]
    return [
        Whole("cut options", b"\x4f" + found[-1][1:50], 101),
        Whole("cut tag", build.ethernet(found[0], (7,))[:16]),
        *(Whole("bare", packet, 101) for packet in found),
        *(
            Whole("tagged", build.ethernet(packet, (7, 8, 9)[:n]))
            for packet in found
            for n in range(4)
        ),
        Whole("wrong version", build.ethernet(found[0]).replace(b"\x86\xdd\x60", b"\x86\xdd\x50")),
        Whole("neither", build.ethernet(found[0]).replace(b"\x86\xdd\x60", b"\x08\x06\x60")),
    ]


def ipv4_around(protocol: int) -> bytes:
    return ipv4.build(build.V4A, build.V4B, protocol, build.tcp6()[40:])


def in_ipv4(protocol: int) -> bytes:
    return build.ethernet(ipv4.build(build.V4A, build.V4B, protocol, build.tcp6()))


def advertisement(tail: bytes) -> Whole:
    """A server's router advertisement of a Teredo prefix, with something behind it."""
    sound = build.advertisement()
    source, destination = sound[8:24], sound[24:40]
    message = icmpv6.build(source, destination, 134, 0, sound[44:] + tail)
    packet = ipv6.build(source, destination, icmpv6.PROTOCOL, message)
    return Whole("advertisement", build.udp_frame(build.RELAY, build.CLIENT, packet))


@pytest.fixture(scope="module")
def twins() -> Twins:
    return Twins(SETTINGS)


def test_frames_cut_at_every_length(twins: Twins) -> None:
    rows = sum(twins.compare(cuts(frame)) for frame in packets() + generated() + carried())
    assert rows > 1_000


def test_captured_frames_cut_at_every_length(twins: Twins, captures: Path) -> None:
    rows = 0
    for path in sorted(captures.rglob("*.pcap")):
        for batch in capture_batches(path):
            frames = [
                Whole(path.name, batch.frame(i), int(batch.linktypes[i])) for i in range(len(batch))
            ]
            rows += sum(twins.compare(cuts(frame)) for frame in frames)
    assert rows > 5_000


def chosen_seed() -> int:
    return int(os.environ.get(SEED_VARIABLE) or secrets.randbits(32))


def seeds_for(folder: str | None, dice: random.Random) -> list[Whole]:
    """Frames to damage: a third each of captured, generated and grown ones."""
    found = captured(Path(folder)) if folder else []
    made = generated() + carried() + packets()
    return found + made * (GROWN // len(made)) + grown(dice, GROWN)


def mutate(seed: int, count: int, folder: str | None) -> tuple[int, str]:
    """Compare ``count`` damaged frames under every choice of settings in turn.

    Returns the rows they had, and the first difference, empty if there was none.
    """
    dice = random.Random(seed)
    choices = [Twins(settings) for settings in CHOICES]
    seeds = seeds_for(folder, dice)
    mutator = Mutator(seeds, dice)
    rows = 0
    try:
        for twins in choices:
            rows += twins.compare(whole_batch(dice.sample(seeds, 200)))
        for i in range(count // BATCH):
            # Half of the batches under the fullest settings, the others under all of them.
            twins = choices[0 if i % 2 else i // 2 % len(choices)]
            rows += twins.compare(batch_from([mutator.draw() for _ in range(BATCH)], dice))
    except AssertionError as difference:
        return rows, str(difference)
    return rows, ""


def test_some_damaged_frames(seed: int) -> None:
    rows, difference = mutate(seed, 10_000, None)
    assert difference == ""
    assert rows > 3_000


def test_a_million_damaged_frames(captures: Path) -> None:
    seed = chosen_seed()
    print(f"{SEED_VARIABLE}={seed}")
    share = MUTATIONS // PROCESSES
    with ProcessPoolExecutor(PROCESSES, mp_context=get_context("spawn")) as pool:
        runs = [pool.submit(mutate, seed + i, share, str(captures)) for i in range(PROCESSES)]
        found = [run.result() for run in runs]
    assert [difference for _, difference in found if difference] == [], f"seed {seed}"
    assert sum(rows for rows, _ in found) > MUTATIONS // 5
