"""Every kind of tunnel in every carrier and under every evasion: exactly what was built is told."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sensor.schema.words import Confidence, Kind, Layer

from . import lookalikes
from .carriers import Carrier, carriers
from .cuts import CUTS, cut_frames
from .evasions import Evasion, evasions
from .frames import Generated, carried, generated, made_kinds, pairs, quotes
from .kinds import families, kinds
from .limits import limits
from .seen import Seen, see
from .table import COMPANIONS, EVASIONS, KINDS, LOOKALIKES
from .wholes import wholes

NOISE = 200_000
EACH = 300


def difference(frame: Generated, seen: Seen) -> str:
    """What is wrong with the rows of a frame; nothing if all is right."""
    expected = frame.expected
    if (seen.rows, seen.stack, seen.believed) == (expected.rows, expected.stack, True):
        return ""
    return "\n".join(
        [
            f"{frame.name}, link type {frame.link_type}: {frame.data.hex()}",
            f"  said {seen.reason.text}, {seen.confidence.text}, {' '.join(seen.stack)}",
            f"  expected {' '.join(expected.stack)}",
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


@pytest.mark.parametrize("cut", CUTS)
def test_a_frame_cut_by_the_snap_length_is_still_seen(cut: str) -> None:
    wrong = []
    for tunnel, frame, missing in cut_frames(cut):
        seen = see(frame.data, frame.link_type, missing)
        first, whole = seen.rows[:1], frame.expected.rows[0]
        right = seen.believed and "truncated" in seen.rows[-1].anomalies
        right = right and (first[0].kind, first[0].source) == (whole.kind, whole.source)
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


def test_every_evasion_applies_somewhere() -> None:
    for evasion in evasions():
        assert list(pairs(evasion)), evasion.name


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
