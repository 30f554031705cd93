"""The generator's captures hold what it says they hold, the same octets every time."""

from __future__ import annotations

import io
import json
import subprocess
from pathlib import Path

import numpy as np
import pytest

from sensor.capture.files import CaptureFile
from sensor.decode.scalar import decode_batch
from sensor.decode.settings import DecodeSettings
from sensor.frames import read_frames
from sensor.schema.rows import Observation, unpack
from sensor.schema.words import Anomaly, Evidence, TeredoPacket
from sensor.track.settings import TrackSettings
from sensor.wire.link import ETHERTYPE_IPV4, ETHERTYPE_IPV6, ETHERTYPE_VLAN
from tests.command import call_sensor

from . import captures, make, worst
from .captures import Recipe
from .census import Census

pytestmark = pytest.mark.slow


RECIPES = {
    "mixed": captures.mixed(4_000),
    "scattered": captures.scattered(4_000),
    "tunnelled": captures.all_tunnelled(3_000, tunnels=60),
    "forged": captures.forged(300),
}
RIGHT = "tcp.checksum.status == 0 || udp.checksum.status == 0 || icmpv6.checksum.status == 0"
# Where a packet without options has its protocol and addresses, and how wide these are.
_FLOW_FIELDS = {ETHERTYPE_IPV4: (9, 12, 4), ETHERTYPE_IPV6: (6, 8, 16)}
CHECKED = [f"-o{name}.check_checksum:TRUE" for name in ("ip", "tcp", "udp")]


@pytest.fixture(params=RECIPES, scope="module")
def recipe(request: pytest.FixtureRequest) -> Recipe:
    return RECIPES[request.param]


@pytest.fixture(scope="module")
def written(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Census]:
    path = tmp_path_factory.mktemp("bench") / "made.pcap"
    with path.open("wb") as stream:
        return path, captures.write(recipe, stream)


def octets(recipe: Recipe) -> bytes:
    stream = io.BytesIO()
    captures.write(recipe, stream)
    return stream.getvalue()


def rows_of(path: Path) -> list[Observation]:
    with CaptureFile(str(path), 0) as capture:
        decoded = [decode_batch(batch, DecodeSettings()).rows for batch in capture.batches()]
        return [row for rows in decoded for row in unpack(rows)]


def test_the_sensor_counts_what_was_made(written: tuple[Path, Census], recipe: Recipe) -> None:
    path, census = written
    done = call_sensor("replay", "--format", "ndjson", str(path))
    ledger = json.loads(done.out.splitlines()[-1])["v6tunnel"]["sensor"]
    assert (done.code, done.err) == (0, "")
    assert census.frames == recipe.frames
    assert ledger["kinds"] == dict(census.kinds)
    assert ledger["frames"] == {
        "read": census.frames,
        "tunnelled": census.tunnelled,
        "copies": 0,
        "other": census.frames - census.tunnelled,
        "unreadable": 0,
    }


def test_every_inner_checksum_is_right(written: tuple[Path, Census]) -> None:
    path, census = written
    rows = rows_of(path)
    assert len(rows) >= census.tunnelled
    assert not any(row.anomalies & Anomaly.BAD_CHECKSUM for row in rows)
    summed = [row for row in rows if row.teredo_packet != TeredoPacket.BUBBLE]
    assert all(row.reasons & Evidence.CHECKSUM for row in summed if row.has_transport)


def test_wireshark_finds_no_fault(written: tuple[Path, Census], tshark: Path) -> None:
    path, _ = written
    wrong = f'({RIGHT} || ip.checksum.status == "Bad" || _ws.malformed)'
    heuristic = ["--enable-heuristic", "teredo_udp"]
    command = [str(tshark), "-n", "-r", str(path), *CHECKED, *heuristic, "-Y", wrong]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == ""


def test_a_seed_decides_every_octet(recipe: Recipe) -> None:
    again = Recipe(**vars(recipe))
    other = Recipe(**vars(recipe) | {"seed": recipe.seed + 1})
    assert octets(recipe) == octets(again)
    assert octets(recipe) != octets(other)


def test_chunks_decide_nothing(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = octets(recipe)
    monkeypatch.setattr(captures, "_CONVERSATIONS_AT_ONCE", 7)
    assert octets(recipe) == whole


def test_packet_time_runs_forward_at_the_rate_of_the_recipe(
    written: tuple[Path, Census], recipe: Recipe
) -> None:
    path, _ = written
    with CaptureFile(str(path), 0) as capture:
        times = np.concatenate([batch.times.copy() for batch in capture.batches()])
    assert (np.diff(times) >= 0).all()
    assert times[-1] - times[0] < 10 * recipe.frames / recipe.rate * 1e9 + 3e9


@pytest.mark.parametrize(("group", "length"), [("mixed", 206), ("scattered", 90)])
def test_a_mixed_capture_is_mostly_something_else(group: str, length: int, tmp_path: Path) -> None:
    (made,) = make.make(group, 200_000, tmp_path)
    census = made.census
    assert 0.015 < (census.tunnelled - 4 * census.tunnels) / census.frames < 0.025
    assert census.mean_length == pytest.approx(length, rel=0.2)


def flows_of(path: Path) -> list[tuple[int, frozenset[bytes]]]:
    """Of each ordinary frame that has one: protocol and both ends, with their ports."""
    found = []
    for frame in read_frames([str(path)], DecodeSettings(), TrackSettings(), []):
        tagged = frame.data[12:14] == ETHERTYPE_VLAN.to_bytes(2)
        ethertype = int.from_bytes(frame.data[16:18] if tagged else frame.data[12:14])
        if frame.rows or ethertype not in _FLOW_FIELDS:
            continue
        protocol, addresses, width = _FLOW_FIELDS[ethertype]
        packet = frame.data[18 if tagged else 14 :]
        ports = addresses + 2 * width
        ends = (
            packet[addresses + i * width :][:width] + packet[ports + i * 2 :][:2] for i in (0, 1)
        )
        found.append((packet[protocol], frozenset(ends)))
    return found


def test_each_ordinary_frame_of_a_scattered_capture_is_a_flow(tmp_path: Path) -> None:
    (made,) = make.make("scattered", 10_000, tmp_path)
    flows = flows_of(made.path)
    ordinary = made.census.frames - made.census.tunnelled
    assert 0.96 * ordinary < len(flows) < ordinary  # the others are of ARP
    assert len(set(flows)) == len(flows)


def test_forged_endpoints_are_all_different(tmp_path: Path) -> None:
    (made,) = make.make("forged", 2_000, tmp_path)
    rows = rows_of(made.path)
    assert len({(row.outer_source, row.outer_source_port) for row in rows}) == 2_000
    assert len({row.inner_source for row in rows}) == 2_000
    assert all(row.reasons & Evidence.MAPPING_EQUALS_OUTER for row in rows)


def test_a_capture_is_made_once(tmp_path: Path) -> None:
    (first,) = make.make("mixed", 50, tmp_path)
    first.path.write_bytes(b"kept")
    assert make.make("mixed", 50, tmp_path) == [first]
    assert first.path.read_bytes() == b"kept"


def test_an_unfinished_or_older_capture_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = make.make("mixed", 50, tmp_path)
    content = first.path.read_bytes()
    first.path.write_bytes(content[:100])
    first.path.with_suffix(".json").unlink()
    make.make("mixed", 50, tmp_path)
    assert first.path.read_bytes() == content
    first.path.write_bytes(b"another generator's")
    monkeypatch.setattr(make, "_TRAFFIC", ["make.py"])
    make.make("mixed", 50, tmp_path)
    assert first.path.read_bytes() == content


# Tunnel layers followed, of those that were nested.
DEPTHS = {
    "64 KiB of extension headers": 1,
    "64 KiB under one checksum": 1,
    "Teredo nested": 4,
    "protocol 41 nested": 8,
    "IPv6 nested": 8,
}


@pytest.mark.parametrize("name", worst.PACKETS)
def test_a_worst_packet_goes_to_the_limits(name: str, tmp_path: Path) -> None:
    path = tmp_path / "worst.pcap"
    with path.open("wb") as stream:
        worst.write_packets(name, 1, stream)
    rows = rows_of(path)
    assert len(rows) == DEPTHS[name]
    assert path.stat().st_size > 50_000
    limited = any(row.anomalies & Anomaly.TOO_MANY_LAYERS for row in rows)
    assert limited == (name != "64 KiB under one checksum")


@pytest.mark.parametrize("group", ["conversations", "endpoints"])
def test_patterned_addresses_are_all_different(group: str, tmp_path: Path) -> None:
    for made in make.make(group, 500, tmp_path):
        rows = rows_of(made.path)
        key = [(r.outer_source, r.outer_source_port, r.inner_destination) for r in rows]
        assert len(set(key)) == len(rows) == made.census.tunnelled, made.variant
        assert all(row.reasons & Evidence.CHECKSUM for row in rows)


def test_inverses_collide_under_their_multiplier() -> None:
    golden = np.uint64(0x9E3779B97F4A7C15)
    _, low = worst.CONVERSATIONS["inverse of golden ratio"](np.arange(9, dtype=np.uint64))
    assert (low * golden).tolist() == list(range(9))
