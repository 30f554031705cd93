"""Rows of every sort, whatever they leave out, are compared; no tshark is needed here."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Generator
from pathlib import Path

import pytest

from sensor.capture.writer import PcapWriter
from sensor.decode.scalar import Frame, decode_frame
from sensor.decode.settings import DecodeSettings
from sensor.emit.rows import row_object
from sensor.inspect import crosscheck
from sensor.inspect.crosscheck import cross_check
from sensor.inspect.reasons import Row
from sensor.inspect.tshark import Ending
from tests.hostile.grown import grown
from tests.hostile.test_kernel import FULLEST
from tests.inspect.agreement import LinkFrame
from tests.inspect.fakes import FakeLayer, FakePacket
from tests.reach.frames import generated
from tests.reach.limits import limits

pytestmark = pytest.mark.slow

GROWN = 2_000
EACH = 7  # one of so many generated frames: what a row leaves out depends on few things at a time
# The second stops almost anywhere in front of a tunnel.
SETTINGS = {"all that may be": FULLEST, "few layers": DecodeSettings(layers=3)}
# What Wireshark is made to say of every frame, with ends that no generator has.
ENDS = {"src": "198.18.0.1", "dst": "198.18.0.2"}
SOMETHING = FakePacket(
    FakeLayer("ip", ENDS),
    FakeLayer("ipv6", {"src": "2001:2::1", "dst": "2001:2::2", "hlim": "1"}),
)
NOTHING = FakePacket(FakeLayer("ip", ENDS))


@pytest.fixture(scope="module")
def frames(seed: int) -> list[LinkFrame]:
    print(f"seed {seed}")
    made = itertools.chain(itertools.islice(generated(), 0, None, EACH), limits())
    reach = [(frame.link_type, frame.data) for frame in made]
    return reach + [(frame.link_type, frame.data) for frame in grown(random.Random(seed), GROWN)]


@pytest.fixture(scope="module", params=SETTINGS)
def rows(frames: list[LinkFrame], request: pytest.FixtureRequest) -> list[Row]:
    """Of the frames that have one, numbered without the others."""
    settings = SETTINGS[request.param]
    made: list[Row] = []
    for link_type, data in frames:
        frame = Frame(data, link_type, len(data), len(made) + 1)
        if found := decode_frame(frame, settings)[1]:
            made.append(row_object("a.pcap", found, data, settings.sixrd))
    return made


@pytest.fixture
def capture(rows: list[Row], tmp_path: Path) -> str:
    path = tmp_path / "a.pcap"
    with path.open("wb") as stream:
        writer = PcapWriter(stream)
        for _ in rows:
            writer.write(bytes(60), 1)
    return str(path)


def say(
    packet: FakePacket, count: int
) -> Callable[[str, str, Callable[[], bool]], Generator[FakePacket, None, Ending]]:
    def packets(
        path: str, tshark: str, stopped: Callable[[], bool]
    ) -> Generator[FakePacket, None, Ending]:
        yield from itertools.repeat(packet, count)
        return Ending(0)

    return packets


def test_each_row_is_compared_where_wireshark_sees_a_tunnel(
    rows: list[Row], capture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crosscheck, "packets", say(SOMETHING, len(rows)))
    monkeypatch.setattr(crosscheck, "DIFFERENCES_KEPT", len(rows) * 100)
    found = cross_check(capture, rows, "true")
    assert found.compared == len(rows)
    ours = {
        (difference.frame, difference.name): difference.ours for difference in found.differences
    }
    for row in rows:
        frame, outer, inner = row["frame"], row.get("outer", {}), row.get("inner", {})
        for group, ends in (("outer", outer), ("inner", inner)):
            address = ends.get("source", {}).get("ip")
            assert ours[frame, f"{group}.source.ip"] == address
        if outer.get("transport") != "ipv6":
            assert ours[frame, "outer.transport"] == outer.get("transport")


def test_only_rows_of_no_tunnel_are_compared_where_wireshark_sees_none(
    rows: list[Row], capture: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crosscheck, "packets", say(NOTHING, len(rows)))
    found = cross_check(capture, rows, "true")
    assert found.undecoded == [row["frame"] for row in rows if row["kind"] != "none"]
    assert (found.compared, found.differences) == (len(rows) - len(found.undecoded), [])


def test_the_rows_leave_out_what_rows_may(rows: list[Row]) -> None:
    def without(key: str, group: str) -> bool:
        return any(group in row and key not in row[group] for row in rows)

    assert any("inner" not in row for row in rows)
    assert any("quoted" in row and "inner" not in row for row in rows)
    assert any(row["kind"] == "none" and "outer" not in row for row in rows)
    assert without("transport", "outer")
