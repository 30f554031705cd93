"""The compiled table does what its scalar twin does, row for row, event for event."""

from __future__ import annotations

import itertools
import os
import random
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import sensor.jit
from sensor.capture.files import CaptureFile
from sensor.data import resource
from sensor.decode.scalar import decode_batch
from sensor.decode.settings import DecodeSettings
from sensor.schema.records import Change
from sensor.schema.rows import OBSERVATION, STACK_LIMIT, Observation, Rows, pack, unpack
from sensor.schema.words import Confidence, EventType, Kind, TeredoPacket, Vantage
from sensor.track import (
    connectivity,
    conversations,
    exposures,
    hosts,
    index,
    marks,
    peers,
    scalar,
    table,
    views,
)
from sensor.track.interface import NEVER, TableLike
from sensor.track.settings import DEFAULT_ZONES, TrackLimits, TrackSettings, Zone, network
from sensor.track.tracker import Tracker
from sensor.wire.addresses import packed
from tests.modules import again, as_python
from tests.track import chance
from tests.track.both import SECOND, Both, Story, drive
from tests.track.rows import (
    ACK,
    CLIENT,
    FIN,
    MAPPED,
    NATIVE,
    NATIVE2,
    NEIGHBOUR,
    PRIVATE,
    RELAY,
    RST,
    SERVER,
    SITE,
    START,
    SYN,
    TEREDO,
    End,
    address_of,
    bare,
    bubble,
    echo,
    gre,
    message,
    named,
    row,
    seconds,
    solicitation,
    syn,
    syn_ack,
    tcp,
    unfollowed,
)
from tests.track.world import SCHEMES, Shown, World

X, A, B = ((packed(f"203.0.113.{number}"), 1000 + number) for number in (51, 52, 53))
LIMITS = TrackLimits(
    tunnels=20, conversations=50, flows=15, exposures=12, peers=4, promotions_per_minute=5
)
TINY = TrackLimits(
    tunnels=4,
    conversations=3,
    flows=4,
    exposures=2,
    peers=2,
    promotions_per_minute=1,
    copy_window_ns=SECOND // 1000,
    join_window_ns=SECOND,
    teredo_idle_ns=20 * SECOND,
    tunnel_idle_ns=60 * SECOND,
    tcp_idle_ns=10 * SECOND,
    closed_idle_ns=SECOND,
    datagram_idle_ns=5 * SECOND,
)
ZONED = TrackSettings(
    zones=(
        *DEFAULT_ZONES,
        Zone("lab", (network("192.168.0.0/24"),), frozenset({7}), inside=False),
        Zone("phones", (network("192.0.2.0/26"),), frozenset({4, 7})),
        Zone("all", (network("192.168.0.0/24"), network("203.0.113.40"))),
        Zone("dmz", (network("203.0.113.0/28"), network("2a00:db8::/64")), inside=False),
    ),
    nat_pools=(network("203.0.113.0/24"), network("2a00:db8::/120")),
)
SETTINGS = {
    "default": TrackSettings(),
    "some": TrackSettings(limits=LIMITS),
    "tiny": TrackSettings(limits=TINY),
    "zoned": ZONED,
}
SIDES = (Vantage.INSIDE, Vantage.OUTSIDE)
# What is fixed in compiled code, small enough to be reached; with the twin's module.
POOLS = {
    "NOTICES_PER_MINUTE": (scalar, 6),
    "TESTS_KEPT": (connectivity, 3),
    "PEERS_KEPT": (peers, 30),
    "COPIES_KEPT": (marks, 64),
    "VIEWS_KEPT": (views, 64),
    "VIEWS_SURE": (views, 4),
    "CLOSED_KEPT": (conversations, 20),
    "REMOTES_KEPT": (exposures, 3),
    "REMOTES_POOL": (exposures, 8),
    "HOSTS_KEPT": (hosts, 10),
}
LIMIT_NAMES = {
    "tunnels", "conversations", "flows", "exposures", "peers", "promotions", "sightings",
    "notices", "tests", "remotes", "hosts",
}  # fmt: skip
RAISED = set(EventType) - {EventType.NONE}


# Rows


def batches(frames: Iterable[Sequence[Observation]], most: int = 500) -> Iterator[Rows]:
    """Whole frames, about so many rows at once."""
    part: list[Observation] = []
    for frame in frames:
        part += frame
        if len(part) >= most:
            yield pack(part)
            part = []
    if part:
        yield pack(part)


def exchanges(world: World, count: int) -> list[list[Observation]]:
    return [frame for frame, _ in world.frames(count)]


def grouped(rows: Iterable[Observation]) -> list[list[Observation]]:
    """Frames of random rows, as many rows in each as the decoder gives at most."""
    frames: list[list[Observation]] = []
    for made in map(in_range, rows):
        if made.depth and frames and len(frames[-1]) < STACK_LIMIT:
            frames[-1].append(made)
        else:
            frames.append([made._replace(depth=0)])
    return frames


def in_range(made: Observation) -> Observation:
    """With numbers of which differences fit in 64 bits, as the twin computes them."""
    time = made.time if abs(made.time) <= 1 << 62 else made.time >> 1
    return made._replace(time=time, frame=made.frame & (1 << 63) - 1)


def decoded(paths: Sequence[Path]) -> list[list[Observation]]:
    """The rows of captures by packet time."""
    frames: list[list[Observation]] = []
    for source, path in enumerate(paths):
        with CaptureFile(str(path), source) as capture:
            for batch in capture.batches():
                rows = decode_batch(batch, DecodeSettings()).rows
                frames += grouped(unpack(rows))
    return sorted(frames, key=lambda frame: frame[0].time)


def deep(seed: int, count: int) -> list[list[Observation]]:
    """Frames of as many tunnels as there may be in one, each of them another."""
    dice = random.Random(seed)
    frames = []
    for number in range(1, count + 1):
        frame = []
        for depth in range(STACK_LIMIT):
            ends = [(dice.choice([PRIVATE, CLIENT, RELAY])[0], dice.randrange(5)) for _ in range(2)]
            made = dice.choice([syn, syn_ack])(port=dice.randrange(9))._replace(
                frame=number, time=START + number * SECOND // 10, depth=depth,
                inner_digest=dice.getrandbits(64),
                outer_source=ends[0][0].ljust(16, b"\0"), outer_source_port=ends[0][1],
                outer_destination=ends[1][0].ljust(16, b"\0"), outer_destination_port=ends[1][1],
            )  # fmt: skip
            frame.append(made)
        frames.append(frame)
    return frames


def raised(story: Story) -> set[EventType]:
    return {EventType(event.type) for event in story.events}


# Random rows


@pytest.mark.slow
@pytest.mark.parametrize("sides", [(), SIDES], ids=["sides unknown", "sides named"])
@pytest.mark.parametrize("name", SETTINGS)
def test_exchanges_through_a_nat(name: str, sides: tuple[Vantage, ...], seed: int) -> None:
    for more in range(3):
        world = World(seed + more, busy=more == 2, natives=20 * more)
        label = f"World({seed + more}), {name}"
        drive(Both(SETTINGS[name], sides, label=label), batches(exchanges(world, 300)))


@pytest.mark.slow
@pytest.mark.parametrize("wild", [0.0, 0.1, 1.0])
@pytest.mark.parametrize("name", SETTINGS)
def test_random_rows(name: str, wild: float, seed: int) -> None:
    frames = grouped(chance.rows(seed, 1000, wild))
    story = drive(Both(SETTINGS[name], label=f"chance, seed {seed}, {name}"), batches(frames))
    assert EventType.TUNNEL in raised(story)


@pytest.mark.slow
@pytest.mark.parametrize("name", SETTINGS)
def test_many_random_rows(name: str, seed: int) -> None:
    found: set[EventType] = set()
    for more in range(8):
        label = f"seed {seed + more}, {name}"
        world = exchanges(World(seed + more, busy=more % 4 == 3, natives=10 * more), 1000)
        found |= raised(drive(Both(SETTINGS[name], label=label), batches(world)))
        rows = grouped(chance.rows(seed + more, 1000, 0.2))
        found |= raised(drive(Both(SETTINGS[name], SIDES, label=label), batches(rows)))
    exposed = {EventType.DROPPED} if SETTINGS[name].limits.exposures < 1000 else set()
    assert found >= RAISED - {EventType.CLOSED, EventType.DROPPED} | exposed


@pytest.mark.parametrize("tunnels", [1, 2, 3, STACK_LIMIT, 100])
def test_the_deepest_frames(tunnels: int, seed: int) -> None:
    """A frame may make and end as many tunnels as it has layers."""
    limits = TINY._replace(tunnels=tunnels, promotions_per_minute=10_000)
    both = Both(TrackSettings(limits=limits), label=f"deep, seed {seed}, {tunnels} tunnels")
    story = drive(both, batches(deep(seed, 60)))
    assert raised(story) >= {EventType.TUNNEL, EventType.END}


def test_rows_of_random_octets_do_no_harm(seed: int) -> None:
    dice = np.random.default_rng(seed)
    rows = dice.integers(0, 256, (3000, OBSERVATION.itemsize), np.uint8)
    rows = rows.view(OBSERVATION).reshape(-1)
    rows["depth"][::STACK_LIMIT] = 0
    rows["confidence"][::3] = 3
    rows["quoted"][::2] = rows["copy_of"][::2] = 0
    kept = table.Table(SETTINGS["some"])
    at, told = 0, 0
    while at < len(rows):
        at, events = kept.update(rows, at)
        for event in events:
            told += 1
            assert event.type == EventType.CLOSED or kept.tunnel(event.tunnel).promoted
        kept.drop_closed()
    for now in (-(1 << 63), 0, NEVER):
        kept.expire(now)
    kept.finish()
    assert told > 100
    assert kept.limits_hit["tunnels"] > 0


@pytest.mark.parametrize("time", [NEVER, NEVER - 1, -(1 << 63)])
def test_no_time_is_too_late_or_too_early(time: int) -> None:
    both = Both(TrackSettings())
    story = drive(both, [pack([row(CLIENT, RELAY, frame=1, time=time)])])
    assert raised(story) >= {EventType.TUNNEL}


# Told


def talk(seed: int) -> list[list[Observation]]:
    """One connection in which everything is said, all letters and more SYNs than are kept."""
    dice = random.Random(seed)
    made = [bubble(CLIENT, RELAY), syn_ack(), *(syn(tcp_sequence=1000 * n) for n in range(1, 7))]
    made += [syn_ack(tcp_acknowledgement=1000 * n + 1) for n in range(9)]
    for flags in dice.sample([ACK, FIN | ACK, RST, SYN | ACK, RST | ACK, SYN | FIN] * 3, 18):
        length = dice.choice([0, 8])
        made.append(syn()._replace(tcp_flags=flags, payload_length=length))
        made.append(syn_ack()._replace(tcp_flags=flags, payload_length=length))
    return stamped(made)


def stamped(made: Iterable[Observation]) -> list[list[Observation]]:
    """A millisecond apart."""
    return [
        [one._replace(frame=number, outer_id=number & 0xFFFF, time=START + number * SECOND // 1000)]
        for number, one in enumerate(made, 1)
    ]


def test_a_talk_of_everything(seed: int) -> None:
    histories = set()
    for more in range(20):
        story = drive(
            Both(TrackSettings(), label=f"talk({seed + more})"), batches(talk(seed + more))
        )
        histories |= {len(state.history.rstrip(b"\0")) for state in story.closed}
        assert EventType.ANSWER in raised(story)
    assert max(histories) > 8


def around_a_symmetric_nat() -> list[Observation]:
    """The client from two ports of its own and four of the NAT, a relay and a peer."""
    extra, peer = (CLIENT[0], 62736), (packed("203.0.113.8"), 48017)
    holes = [MAPPED, *((MAPPED[0], port) for port in (60000, 60001, 62736))]
    peers, theirs = address_of(peer), (peer[0], 50001)
    made = [solicitation(), solicitation(client=MAPPED), bubble(RELAY, SERVER, NATIVE, TEREDO)]
    for end in (CLIENT, extra, *holes):
        made += [bubble(end, RELAY), bubble(end, peer, TEREDO, peers)]
        made += [bubble(peer, end, peers, TEREDO), bubble(theirs, end, peers, TEREDO)]
        made += [bubble(end, theirs, TEREDO, peers), bubble(peer, end, peers)]
        made.append(tcp(peer, end, peers, TEREDO, (5000, 443), SYN))
        made.append(tcp(end, peer, TEREDO, peers, (443, 5000), SYN | ACK))
    return made


@pytest.mark.parametrize("limits", [TrackLimits(), TINY], ids=["roomy", "tiny"])
def test_a_symmetric_nat_is_understood_alike(limits: TrackLimits, seed: int) -> None:
    """In whatever order: most of it is of the client's, some tells nothing."""
    dice, told = random.Random(seed), set()
    for _ in range(10):
        made = dice.choices(around_a_symmetric_nat(), k=300)
        both = Both(TrackSettings(limits=limits), label=f"seed {seed}")
        told |= raised(drive(both, batches(stamped(made))))
    assert told >= {EventType.JOIN, EventType.ANSWER}


def scheme(kind: Kind, server: End) -> list[Observation]:
    """A tunnel of two public ends and one through a NAT, seen from both sides, all kinds of rows.

    The server speaks first: nothing else tells which of the public ends is the client.
    """
    made = [message(server, X, kind), bare(row(X, server)), row(X, server)]
    made += [bare(row(server, X), Confidence.STRONG), message(X, server, kind, confidence=1)]
    for client in (CLIENT, MAPPED):
        ends, source = (client, server), int(client is MAPPED)
        asks = echo(*ends, SITE, NATIVE, 128)
        said = [named(asks, kind), message(*ends, kind, inner_digest=7), gre(asks, server[1])]
        said += [asks._replace(depth=1, quoted=1), unfollowed(*ends)]
        said.append(named(tcp(*ends, SITE, NATIVE, (22, 40000)), kind))
        made += [one._replace(source=source, depth=0) for one in said]
    return made


@pytest.mark.parametrize(("kind", "server"), SCHEMES)
def test_every_kind_over_udp_is_tracked_alike(kind: Kind, server: End) -> None:
    made = scheme(kind, server)
    story = drive(Both(TrackSettings(), SIDES, label=kind.text), batches(stamped(made)))
    first = story.tunnels[0]
    assert (first.kind, first.client_port, first.packets) == (kind, X[1], 5)
    assert first.kinds & 1 << Kind.TEREDO
    joined = {(state.kind, state.local) for state in story.tunnels if state.joined >= 0}
    assert joined == {(kind, 0), (Kind.GRE6, 0)}
    assert {state.outer_key for state in story.tunnels} == {0, server[1]}


@pytest.mark.slow
def test_counters_of_nibbles_saturate() -> None:
    asked = [solicitation(nonce=b"\x10\x9f\xff\x9e\x9d\x9c\x9b\x9a")] * 11_000
    story = drive(Both(TrackSettings()), batches(stamped(asked)))
    (state,) = story.tunnels
    counters = np.array([state.nonce_nibbles_0, state.nonce_nibbles_2, state.nonce_nibbles_3])
    assert counters.view(np.uint16)[[1, 5, 11]].tolist() == [11_000, 65_535, 11_000]


# What a packet between A and B belongs to changes with the last packet but one.
CHANGES = {
    "another tunnel": ([(A, RELAY, A), (A, CLIENT, None), (CLIENT, RELAY, None)], (A, CLIENT), 1),
    "its inside end": ([(B, RELAY, None), (A, RELAY, A), (A, B, None), (B, RELAY, B)], (A, B), 0),
    "by another's packet": (
        [(X, RELAY, None), (B, RELAY, None), (A, RELAY, A), (A, B, None), (B, X, B)], (A, B), 1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", CHANGES)
def test_a_flow_belongs_to_whom_it_belongs_now(name: str) -> None:
    """Who is found for a flow is remembered, until something that decides it has changed."""
    told, (source, destination), expected = CHANGES[name]
    made = [
        row(one, two, inner_source=address_of(own) if own else NATIVE2, inner_destination=NATIVE)
        for one, two, own in [*told, *[(source, destination, None)] * 5]
    ]
    story = drive(Both(TrackSettings(), label=name), batches(stamped(made)))
    packets = {state.serial: state.packets for state in story.tunnels}
    assert packets[expected] >= 6


def test_a_flow_may_lie_otherwise_in_another_vlan() -> None:
    """The far end of a known client is inside where frames are tagged so, and nowhere else."""
    tagged = Zone("relays", (network("192.0.2.0/24"),), vlans=frozenset({7}))
    made = [row(MAPPED, RELAY, vlan=vlan) for vlan in (0, 0, 8, 8, 0, 6, 8)]
    both = Both(TrackSettings(zones=(tagged,)))
    story = drive(both, batches(stamped(made)))
    assert [(state.serial, state.packets) for state in story.tunnels] == [(0, 2), (1, 5)]


def test_a_flow_outlives_its_tunnel() -> None:
    """A mirrored copy keeps the flow, not the tunnel."""
    first, other = row(CLIENT, RELAY), row(NEIGHBOUR, RELAY)
    seen = [(other, 0.0), (first, 0.0), (first, 0.04), (other, 200.0), (other, 300.02)]
    seen.append((first, 300.03))
    frames = [
        [made._replace(frame=number, time=seconds(at))] for number, (made, at) in enumerate(seen, 1)
    ]
    story = drive(Both(TrackSettings()), batches(frames))
    assert raised(story) >= {EventType.END}
    assert [(state.serial, state.packets) for state in story.tunnels] == [(0, 3), (2, 1)]


# Captures


def test_every_capture_alone(captures: Path) -> None:
    seen = 0
    for path in [*sorted(captures.glob("*/*.pcap")), resource("demo.pcap")]:
        story = drive(Both(TrackSettings(), label=path.name), batches(decoded([path]), 50))
        seen += len(story.events)
    assert seen > 50


@pytest.mark.parametrize("told", [True, False])
@pytest.mark.parametrize("swapped", [True, False])
def test_both_sides_of_a_nat(captures: Path, told: bool, swapped: bool) -> None:
    paths = [captures / f"miredo/nat-{side}.pcap" for side in ("inside", "outside")]
    sides = SIDES if told else ()
    if swapped:
        paths, sides = paths[::-1], sides[::-1]
    story = drive(Both(TrackSettings(), sides), batches(decoded(paths)))
    assert raised(story) >= {EventType.JOIN, EventType.ANSWER, EventType.COMPLETED}


# Trackers


def changes_of(kept: TableLike, settings: TrackSettings, shown: Sequence[Shown]) -> list[Change]:
    octets = {frame[0].frame: data for frame, data in shown}

    def frame_of(made: Observation) -> bytes:
        return octets.get(made.frame) or random.Random(made.frame).randbytes(200)

    tracker = Tracker(settings, kept, ("in.pcap", "out.pcap"))
    changes: list[Change] = []
    for rows in batches(frame for frame, _ in shown):
        tracker.update(rows, frame_of)
        changes += tracker.take_changes()
    tracker.finish()
    return changes + tracker.take_changes()


@pytest.mark.slow
@pytest.mark.parametrize("name", SETTINGS)
def test_trackers_tell_the_same(name: str, seed: int) -> None:
    settings = SETTINGS[name]
    for more in range(2):
        label = f"World({seed + more}), {name}"
        shown = list(World(seed + more, natives=20 * more).frames(300))
        found = changes_of(Both(settings, SIDES, label=label), settings, shown)
        expected = changes_of(scalar.Table(settings, SIDES), settings, shown)
        for number, pair in enumerate(zip(found, expected, strict=False)):
            assert pair[0] == pair[1], f"{label}: change {number}"
        assert len(found) == len(expected)
        assert {change.action for change in found} >= {"inner-flow", "exposure-opened"}


# What must make no difference


@pytest.mark.slow
def test_batches_may_end_anywhere(seed: int) -> None:
    frames = exchanges(World(seed, natives=10), 200)
    whole = drive(Both(SETTINGS["some"], SIDES), batches(frames))
    cut = drive(Both(SETTINGS["some"], SIDES), batches(frames, 1))
    assert cut == whole
    both = Both(SETTINGS["some"], SIDES)
    for at in range(0, len(frames), 7):  # and the whole rest after each piece
        both = Both(SETTINGS["some"], SIDES)
        assert drive(both, [*batches(frames[:at]), *batches(frames[at:], 10_000)]) == whole


def test_rows_may_be_prepared_ahead(seed: int) -> None:
    """In another thread, some of them only, and rows that never come."""
    made = list(batches(exchanges(World(seed, natives=10), 200), 50))
    whole = drive(Both(SETTINGS["some"], SIDES), [rows.copy() for rows in made])
    both = Both(SETTINGS["some"], SIDES)
    ready = [rows for number, rows in enumerate(made) if number % 5]
    never = made[3].copy()
    with ThreadPoolExecutor(1) as other:
        list(other.map(both.table.prepare, [*ready[:9], never]))
    assert drive(both, made) == whole


SECRETS = {
    # What keys are folded with stays random: two of them must never be the same.
    "zero": bytes(8 * 2 * index.KEY_WORDS)
    + random.Random(2).randbytes(8 * 2 * index.KEY_WORDS)
    + bytes(8),
    "ones": b"\xff" * (8 * index.SECRETS),
    "even": b"\x02\0\0\0\0\0\0\0" * index.SECRETS,
    "random": random.Random(1).randbytes(8 * index.SECRETS),
}


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("name", ["some", "tiny"])
def test_no_result_depends_on_the_secrets(secret: str, name: str, seed: int) -> None:
    frames = exchanges(World(seed, natives=10), 200)
    known = drive(Both(SETTINGS[name]), batches(frames))
    both = Both(SETTINGS[name], secrets=SECRETS[secret], label=f"secrets {secret}")
    assert drive(both, batches(frames)) == known


# As plain Python


@pytest.mark.slow
def test_a_process_that_compiles_nothing_tells_the_same(project_root: Path, seed: int) -> None:
    program = f"from {__name__} import compare_uncompiled; compare_uncompiled({seed})"
    done = subprocess.run(
        # Words of 64 bits wrap on purpose: in hashes (index.py) and in _mixed.
        [
            sys.executable, "-W", "error", "-W", "ignore:overflow encountered:RuntimeWarning",
            "-c", program,
        ],
        cwd=project_root,
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 50


def compare_uncompiled(seed: int) -> None:
    """What the test above runs in a process in which nothing is compiled."""
    assert sensor.jit.DISABLED
    assert isinstance(table.update, FunctionType)
    events = 0
    for frames in (decoded([resource("demo.pcap")]), exchanges(World(seed), 100)):
        events += len(drive(Both(SETTINGS["some"]), batches(frames)).events)
    print(events)


class Checked(np.ndarray[Any, Any]):
    """Refuses negative places, which NumPy would count from the end; compiled code reads the memory
    unchecked altogether."""

    def __getitem__(self, at: Any) -> Any:
        assert not isinstance(at, int | np.integer) or at >= 0, at
        return super().__getitem__(at)

    def __setitem__(self, at: Any, value: Any) -> None:
        assert not isinstance(at, int | np.integer) or at >= 0, at
        super().__setitem__(at, value)


class CheckedRows(np.recarray[Any, Any]):
    def __getitem__(self, at: Any) -> Any:
        assert not isinstance(at, int | np.integer) or at >= 0, at
        return super().__getitem__(at)


@pytest.fixture(scope="module")
def uncompiled() -> ModuleType:
    """The table's module once more, as plain Python, with fixed pools that are soon full."""
    with pytest.MonkeyPatch.context() as patch:
        as_python(patch)
        patch.setitem(sys.modules, index.__name__, again(index, "uncompiled_index"))
        module = again(table, "uncompiled_table")
    rows_of, zeroed = module._rows_of, module.zeroed
    module.__dict__["_readable"] = lambda rows: rows.view(np.recarray)
    module.__dict__["_rows_of"] = lambda *asked: rows_of(*asked).view(CheckedRows)
    module.__dict__["zeroed"] = lambda words: zeroed(words).view(Checked)
    module.__dict__.update({name: size for name, (_, size) in POOLS.items()})
    return module


@pytest.fixture
def small_pools(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, (module, size) in POOLS.items():
        monkeypatch.setattr(module, name, size)


@pytest.mark.slow
@pytest.mark.usefixtures("small_pools")
@pytest.mark.filterwarnings("ignore:overflow encountered in scalar:RuntimeWarning")
def test_full_pools(uncompiled: ModuleType, seed: int) -> None:
    found: set[EventType] = set()
    hits: set[str] = set()
    for more, name in itertools.product(range(2), SETTINGS):
        both = Both(SETTINGS[name], label=f"World({seed + more}), {name}", module=uncompiled)
        world = World(seed + more, busy=more == 1, natives=20 * more)
        story = drive(both, batches(exchanges(world, 300)))
        found |= raised(story)
        hits |= set(story.limits)
        both = Both(SETTINGS[name], SIDES, label=f"chance({seed + more})", module=uncompiled)
        drive(both, batches(grouped(chance.rows(seed + more, 200, 0.0))))
    for more in range(4):
        drive(Both(TrackSettings(), module=uncompiled), batches(talk(seed + more)))
    settings = SETTINGS["some"]
    changes_of(Both(settings, module=uncompiled), settings, list(World(seed).frames(200)))
    for tunnels in (1, STACK_LIMIT):
        limits = TINY._replace(tunnels=tunnels, promotions_per_minute=10_000)
        drive(Both(TrackSettings(limits=limits), module=uncompiled), batches(deep(seed, 20)))
    assert hits == LIMIT_NAMES
    assert found == RAISED


def flood(count: int) -> Rows:
    """Each row another remote, far end, packet; many test addresses, or ask about ones."""
    rows = np.repeat(pack([syn()]), count)
    number = np.arange(count)
    rows["frame"], rows["time"] = number + 1, START + 10_000 * number
    rows["inner_digest"] = number + 1
    client, far = octets(number % 4096, 3), octets(number, 3)
    rows["outer_destination"][:, 0] = 10
    rows["outer_destination"][:, 1:4] = client
    rows["outer_source"][:, 1:4] = far
    rows["inner_source"][:, 13:] = far
    rows["inner_destination"][:, :15] = list(SITE[:15])
    rows["inner_destination"][:, 15] = number % 80
    tried = number % 7 == 5  # to addresses that nobody has
    rows["inner_destination"][tried] = list(TEREDO)
    rows["inner_destination"][tried, 13:] = far[tried]
    asks = number % 9 == 3
    turned = rows.copy()
    for one, other in (
        ("outer_source", "outer_destination"),
        ("inner_source", "inner_destination"),
    ):
        turned[one], turned[other] = rows[other], rows[one]
    turned["outer_source_port"] = rows["outer_destination_port"]
    turned["outer_destination_port"] = rows["outer_source_port"]
    turned["teredo_packet"] = TeredoPacket.CONNECTIVITY_TEST
    rows[asks] = turned[asks]
    return rows


def octets(numbers: npt.NDArray[np.int64], width: int) -> npt.NDArray[np.uint8]:
    """The lowest octets of each, the highest of them first."""
    return numbers.astype(">u8").view(np.uint8).reshape(-1, 8)[:, -width:]


@pytest.mark.slow
def test_pools_of_the_real_size() -> None:
    limits = TrackLimits(
        conversations=10_000, copy_window_ns=100 * SECOND, join_window_ns=100 * SECOND
    )
    story = drive(Both(TrackSettings(limits=limits), label="flood"), [flood(200_000)])
    assert set(story.limits) >= {"sightings", "peers", "tests", "remotes", "hosts", "flows"}
    assert EventType.CLOSED in raised(story)
