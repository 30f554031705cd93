"""Every kind of tunnel in every carrier and under every evasion: exactly what was built is told."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import pytest

from sensor.schema.words import Confidence, Kind, Layer

from . import lookalikes
from .carriers import Carrier, carriers
from .cuts import CUTS, cut_frames
from .evasions import Evasion, evasions
from .frames import Expected, Generated, carried, generated, made_kinds, pairs, quotes
from .kinds import families, kinds
from .limits import limits
from .made import Row
from .pieces import first_pieces, pieces
from .seen import Seen, see, see_together
from .table import COMPANIONS, EVASIONS, KINDS, LOOKALIKES
from .wholes import wholes

NOISE = 200_000
EACH = 300


def difference(frame: Generated, seen: Seen) -> str:
    """What is wrong with the rows of a frame; nothing if all is right."""
    expected = frame.expected
    said = Expected(seen.rows, seen.stack, seen.reason)
    if seen.believed and said == expected:
        return ""
    return "\n".join(
        [
            f"{frame.name}, link type {frame.link_type}: {frame.data.hex()}",
            f"  said {seen.reason.text}, {seen.confidence.text}, {' '.join(seen.stack)}",
            f"  expected {expected.reason.text}, {' '.join(expected.stack)}",
            *(f"  said {row}" for row in seen.rows if row not in expected.rows),
            *(f"  expected {row}" for row in expected.rows if row not in seen.rows),
        ]
    )


def told(differences: list[str]) -> str:
    """The first few, whole, and how many there are."""
    return "\n".join([f"{len(differences)} frames are wrong", *differences[:5]])


@pytest.mark.parametrize("carrier", carriers(), ids=lambda carrier: carrier.name)
def test_every_kind_in_every_carrier(carrier: Carrier) -> None:
    wrong = []
    for tunnel, frame in carried(carrier):
        said = difference(frame, see(frame.data, frame.link_type))
        KINDS.count(tunnel.family, carrier.name, frame.name, not said)
        wrong += [said] if said else []
    assert not wrong, told(wrong)


@pytest.mark.parametrize("evasion", evasions(), ids=lambda evasion: evasion.name)
def test_every_evasion_is_seen_and_named(evasion: Evasion) -> None:
    wrong = []
    for pair in pairs(evasion):
        assert any(evasion.word in row.anomalies for row in pair.frame.expected.rows)
        said = difference(pair.frame, see(pair.frame.data, pair.frame.link_type))
        EVASIONS.count(evasion.name, pair.tunnel.family, pair.frame.name, not said)
        wrong += [said] if said else []
    assert not wrong, told(wrong)


@pytest.mark.parametrize("evasion", evasions(), ids=lambda evasion: evasion.name)
def test_nothing_is_named_where_nothing_is_evaded(evasion: Evasion) -> None:
    wrong = []
    for pair in pairs(evasion):
        assert all(evasion.word not in row.anomalies for row in pair.benign.expected.rows)
        said = difference(pair.benign, see(pair.benign.data, pair.benign.link_type))
        name = f"without {evasion.name} | {pair.benign.name}"
        COMPANIONS.count(evasion.name, pair.tunnel.family, name, not said)
        wrong += [said] if said else []
    assert not wrong, told(wrong)


def words_of(rows: tuple[Row, ...]) -> frozenset[str]:
    """All anomalies of a frame."""
    return frozenset().union(*(row.anomalies for row in rows))


def is_less_of(frame: Generated, seen: Seen, word: str) -> bool:
    """Whether a part of a frame tells the tunnel, and that it is a part."""
    expected = frame.expected.rows
    if not seen.believed or words_of(seen.rows) - words_of(expected) != {word}:
        return False
    first, whole = seen.rows[0], expected[0]
    same = (first.kind, first.source) == (whole.kind, whole.source)
    return same and word in seen.rows[-1].anomalies


@pytest.mark.parametrize("cut", CUTS)
def test_a_frame_cut_by_the_snap_length_is_still_seen(cut: str) -> None:
    wrong = []
    for tunnel, frame, missing in cut_frames(cut):
        seen = see(frame.data, frame.link_type, missing)
        right = is_less_of(frame, seen, "truncated")
        EVASIONS.count(f"cut {cut}", tunnel.family, f"{cut} | {frame.name}", right)
        wrong += [] if right else [f"{frame.name}, {missing} octets cut: {frame.data.hex()}"]
    assert not wrong, told(wrong)


def test_a_packet_that_an_icmp_error_quotes_is_told_as_quoted() -> None:
    wrong = []
    for tunnel, frame in quotes():
        seen = see(frame.data, frame.link_type)
        said = difference(frame, seen) or ("" if seen.quoted else f"{frame.name}: not quoted")
        EVASIONS.count("quoted in an ICMP error", tunnel.family, frame.name, not said)
        wrong += [said] if said else []
    assert not wrong, told(wrong)


def test_an_inner_packet_put_together_again_is_seen() -> None:
    wrong = []
    for tunnel, frame, at in wholes():
        said = difference(frame, see(frame.data, frame.link_type, whole_at=at))
        EVASIONS.count("inner fragments, whole again", tunnel.family, frame.name, not said)
        wrong += [said] if said else []
    assert not wrong, told(wrong)


def test_a_packet_in_fragments_is_seen_as_if_it_were_whole() -> None:
    wrong = []
    for tunnel, frame, fragments in pieces():
        said = difference(frame, see_together(fragments))
        EVASIONS.count("outer fragments, whole again", tunnel.family, frame.name, not said)
        wrong += [said] if said else []
    assert not wrong, told(wrong)


def test_the_first_fragment_tells_the_tunnel_and_that_the_rest_is_missing() -> None:
    wrong = []
    for tunnel, frame, data in first_pieces():
        right = is_less_of(frame, see(data, frame.link_type), "fragment-incomplete")
        EVASIONS.count("outer fragments, one missing", tunnel.family, frame.name, right)
        wrong += [] if right else [f"{frame.name}, first fragment: {data.hex()}"]
    assert not wrong, told(wrong)


@pytest.mark.parametrize("limit", limits(), ids=lambda limit: limit.name)
def test_beyond_a_limit_is_a_row_never_silence(limit: Generated) -> None:
    seen = see(limit.data, limit.link_type)
    assert seen.believed, seen.reason.text
    assert "too-many-layers" in seen.rows[-1].anomalies


def count_lookalikes(frames: Iterator[tuple[str, int, bytes]]) -> list[str]:
    """What is taken for a tunnel though it is none."""
    taken = []
    for name, link_type, data in frames:
        seen = see(data, link_type)
        tunnel = bool(seen.rows) and seen.highest >= Confidence.STRONG
        LOOKALIKES.count(name, "silent", name, not tunnel)
        taken += [f"{name}, link type {link_type}: {data.hex()}"] if tunnel else []
    return taken


def test_other_protocols_are_no_tunnels(seed: int) -> None:
    print(f"seed {seed}")
    taken = count_lookalikes(lookalikes.datagrams(seed, EACH))
    assert not taken, told(taken)


def test_native_ipv6_in_a_carrier_is_no_tunnel() -> None:
    taken = count_lookalikes(lookalikes.natives())
    assert not taken, told(taken)


@pytest.mark.slow
def test_noise_on_the_ports_of_carriers_is_no_tunnel(seed: int) -> None:
    print(f"seed {seed}")
    taken = count_lookalikes(lookalikes.noise(seed, NOISE))
    assert not taken, told(taken)


# the generators themselves


def test_every_kind_and_label_of_the_contract_is_generated() -> None:
    rows = [row for frame in generated() for row in frame.expected.rows]
    every = {kind.text for kind in Kind}
    assert {row.kind for row in rows} == every - {"none", "v6udpv4"}
    assert {kind for row in rows for kind in row.kinds} == every - {"none", "ip6-in-ip6"}


def test_every_layer_of_the_contract_is_generated() -> None:
    met = {layer for frame in generated() for layer in frame.expected.stack}
    assert met == {layer.text for layer in Layer} - {"none"}


# How many frames each evasion makes: one that silently applies to less than before is noticed.
EVADING_FRAMES = {
    "hop limit 0": 769, "flow label": 28, "8 extension headers": 711, "65 extension headers": 632,
    "routing header": 632, "inner checksum": 670, "payload length long": 407,
    "payload length short": 603, "inner source ::1": 526,
    "inner source ::ffff:198.51.100.9": 526, "inner source ff02::5": 526,
    "inner source fec0::1": 526, "deep nesting": 632, "12 tunnels": 607, "bytes behind": 739,
    "trailer of no type": 182, "trailer of no length": 182, "authentication on data": 50,
    "authentication lengths": 11, "origin twice": 44, "authentication twice": 11,
    "origin first": 11, "legacy prefix": 50, "flags 4000": 50, "flags 0200": 50, "flags 0100": 50,
    "private mapping": 39, "bubble with payload": 17, "port 53": 698, "port 123": 698,
    "port 443": 698, "port 53 around": 24, "UDP length short": 728, "GRE checksum": 48,
    "L2TP length short": 36, "Teredo in 41": 6, "discovery from afar": 6, "6to4 of another": 6,
    "6to4 of a private host": 6, "6to4 to a link": 6,
}  # fmt: skip


def test_no_evasion_of_any_kind_is_lost() -> None:
    assert {each.name: len(pairs(each)) for each in evasions()} == EVADING_FRAMES


def test_no_other_frame_is_lost() -> None:
    assert sum(len(carried(around)) for around in carriers()) == 11_548
    assert [len(list(cut_frames(cut))) for cut in CUTS] == [696, 666]
    assert (len(list(quotes())), len(list(wholes())), len(limits())) == (160, 106, 11)
    assert (len(list(pieces())), len(list(first_pieces()))) == (153, 108)
    counted = Counter(name for name, _, _ in lookalikes.datagrams(1, EACH))
    assert set(counted.values()) == {EACH}
    assert (len(counted), len(list(lookalikes.natives()))) == (9, 40)
    assert len({name for name, _, _ in lookalikes.noise(1, 14)}) == 14


def test_names_are_unique() -> None:
    for names in (
        [frame.name for frame in generated()],
        [carrier.name for carrier in carriers()],
        [evasion.name for evasion in evasions()],
    ):
        assert len(names) == len(set(names))


def test_the_product_is_whole() -> None:
    """Only an IP version that a carrier cannot hold leaves a place empty."""
    for around in carriers():
        held = [tunnel for tunnel, made in made_kinds() if made.version in around.versions]
        assert [tunnel for tunnel, _ in carried(around)] == held
    assert (len(kinds()), len(families()), len(carriers()), len(evasions())) == (160, 26, 74, 40)
