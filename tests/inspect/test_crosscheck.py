"""Comparing rows with packets as Wireshark would dissect them; no tshark is needed here."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from sensor.capture.writer import PcapWriter
from sensor.decode.scalar import Frame, decode_frame
from sensor.decode.settings import DecodeSettings
from sensor.emit.rows import row_object
from sensor.errors import OutputError
from sensor.inspect import crosscheck
from sensor.inspect.crosscheck import Comparison, Difference, cross_check
from sensor.inspect.tshark import Ending
from sensor.wire.addresses import build_sixtofour

from .. import build
from .fakes import FakeLayer, FakePacket

TEREDO_FRAME = build.udp_frame(
    build.CLIENT, build.SERVER, build.authentication() + build.origin() + build.bubble()
)
SIXTOFOUR_FRAME = build.sixinfour_frame(
    build.tcp6(build_sixtofour(build.V4A), build.OTHER), build.V4A
)


def teredo_packet(**changes: str) -> FakePacket:
    """What Wireshark reads in TEREDO_FRAME."""
    inner = {
        "src": "fe80::ffff:ffff:ffff",
        "dst": "2001:0:c633:6401:180e:5d45:34ff:8efd",
        "dst_ts_ipv4": "198.51.100.1",
        "dst_tc_port": "41658",
        "dst_tc_ipv4": "203.0.113.2",
        "hlim": "21",
    }
    return FakePacket(
        FakeLayer("eth", {}),
        FakeLayer("ip", {"src": "192.168.0.2", "dst": "198.51.100.1"}),
        FakeLayer("udp", {"srcport": "41658", "dstport": "3544"}),
        FakeLayer(
            "teredo",
            {
                "auth.nonce": "01:02:03:04:05:06:07:08",
                "auth.conf": "00",
                "auth.idlen": "0",
                "auth.aulen": "0",
                "orig.addr": "203.0.113.2",
                "orig.port": "41658",
            },
        ),
        FakeLayer("ipv6", inner | changes),
    )


def sixtofour_packet(embedded: str = "203.0.113.5") -> FakePacket:
    """What Wireshark reads in SIXTOFOUR_FRAME."""
    inner = {"src": "2002:cb00:7105::1", "dst": "2a00:db8:1::9", "src_6to4_gw_ipv4": embedded}
    inner["hlim"] = "64"
    return FakePacket(
        FakeLayer("ip", {"src": "203.0.113.5", "dst": "192.0.2.4"}),
        FakeLayer("ipv6", inner),
        FakeLayer("tcp", {"srcport": "49152", "dstport": "443"}),
    )


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Cross-checks frames against packets."""

    def run(frames: list[bytes], packets: list[FakePacket]) -> Comparison:
        path = tmp_path / "a.pcap"
        with path.open("wb") as stream:
            writer = PcapWriter(stream)
            for frame in frames:
                writer.write(frame, 1)

        def found(
            path: str, tshark: str, stopped: Callable[[], bool]
        ) -> Generator[FakePacket, None, Ending]:
            yield from packets
            return Ending(0)

        monkeypatch.setattr(crosscheck, "packets", found)
        return cross_check(str(path), rows(frames), "true")

    return run


def rows(frames: list[bytes]) -> Iterator[dict[str, Any]]:
    for number, data in enumerate(frames, start=1):
        _, found = decode_frame(Frame(data, 1, len(data), number), DecodeSettings())
        if found:
            yield row_object("a.pcap", found, data, ())


def test_equal_values_are_no_difference(check: Any) -> None:
    comparison = check([TEREDO_FRAME, SIXTOFOUR_FRAME], [teredo_packet(), sixtofour_packet()])
    assert comparison == Comparison(compared=2)


@pytest.mark.parametrize(
    ("changes", "name", "ours", "theirs"),
    [
        ({"src": "fe80::1"}, "inner.source.ip", "fe80::ffff:ffff:ffff", "fe80::1"),
        ({"dst_tc_port": "1"}, "teredo.destination.port", "41658", "1"),
        ({"dst_tc_ipv4": "192.0.2.1"}, "teredo.destination.ip", "203.0.113.2", "192.0.2.1"),
        ({"dst_ts_ipv4": "192.0.2.1"}, "teredo.destination.server", "198.51.100.1", "192.0.2.1"),
        ({"src_ts_ipv4": "192.0.2.1"}, "teredo.source.server", None, "192.0.2.1"),
    ],
)
def test_every_difference_is_found(
    check: Any, changes: dict[str, str], name: str, ours: str | None, theirs: str
) -> None:
    comparison = check([TEREDO_FRAME], [teredo_packet(**changes)])
    assert comparison.differences == [Difference(1, name, ours, theirs, None)]
    assert comparison.unexplained == comparison.differences


def test_embedded_addresses_and_ports_are_compared(check: Any) -> None:
    comparison = check([SIXTOFOUR_FRAME], [sixtofour_packet("192.0.2.9")])
    (found,) = comparison.differences
    assert found.name == "embedded.6to4.2002:cb00:7105::1"
    assert (found.ours, found.wireshark) == ("203.0.113.5", "192.0.2.9")
    bare = sixtofour_packet()
    comparison = check([SIXTOFOUR_FRAME], [FakePacket(*bare.layers[:2])])
    assert [found.name for found in comparison.differences] == [
        "inner.destination.port",
        "inner.source.port",
    ]


def test_known_reasons_are_told(check: Any) -> None:
    legacy = bytes.fromhex("3ffe831f") + build.TEREDO[4:]
    frame = build.udp_frame(build.RELAY, build.CLIENT, build.bubble(destination=legacy))
    layers = [
        FakeLayer("ip", {"src": "192.0.2.10", "dst": "192.168.0.2"}),
        FakeLayer("udp", {"srcport": "3545", "dstport": "41658"}),
        FakeLayer("teredo", {}),
        FakeLayer(
            "ipv6",
            {
                "src": "fe80::ffff:ffff:ffff",
                "dst": "3ffe:831f:c633:6401:180e:5d45:34ff:8efd",
                "hlim": "21",
            },
        ),
    ]
    comparison = check([frame], [FakePacket(*layers)])
    assert [found.name for found in comparison.differences] == [
        "teredo.destination.ip",
        "teredo.destination.port",
        "teredo.destination.server",
    ]
    assert comparison.unexplained == []
    assert "3ffe:831f::/32" in str(comparison.differences[0].reason)


def test_frames_that_only_one_of_the_two_takes_for_tunnels(check: Any) -> None:
    plain = build.udp_frame(build.CLIENT, build.SERVER, b"x")
    nothing = FakePacket(FakeLayer("ip", {}), FakeLayer("udp", {}))
    comparison = check([TEREDO_FRAME, plain], [nothing, teredo_packet()])
    assert comparison == Comparison(undecoded=[1], unseen=[2])


def test_an_early_end_of_tshark_is_noticed(check: Any) -> None:
    with pytest.raises(OutputError, match="tshark ended after 1 of 2 frames"):
        check([TEREDO_FRAME, SIXTOFOUR_FRAME], [teredo_packet()])


def test_the_list_of_differences_is_bounded(check: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crosscheck, "DIFFERENCES_KEPT", 2)
    wrong = [teredo_packet(src="fe80::1", dst_tc_port="1") for _ in range(3)]
    comparison = check([TEREDO_FRAME] * 3, wrong)
    assert [found.frame for found in comparison.differences] == [1, 1]
    assert (comparison.known, comparison.unknown) == (0, 6)


def test_differences_with_a_reason_crowd_out_none_without(
    check: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crosscheck, "DIFFERENCES_KEPT", 1)
    legacy = bytes.fromhex("3ffe831f") + build.TEREDO[4:]
    payload = build.authentication() + build.origin() + build.bubble(destination=legacy)
    frame = build.udp_frame(build.CLIENT, build.SERVER, payload)
    wrong = teredo_packet(src="fe80::1", dst_tc_port="1", dst_tc_ipv4="192.0.2.1")
    comparison = check([frame, frame], [wrong, wrong])
    assert [found.name for found in comparison.differences] == [
        "inner.destination.ip",
        "teredo.destination.ip",
    ]
    assert (comparison.known, comparison.unknown) == (4, 4)


def test_a_row_of_no_frame_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, check: Any
) -> None:
    check([TEREDO_FRAME], [teredo_packet()])
    for frame in (0, 2):
        row = next(rows([TEREDO_FRAME])) | {"frame": frame}
        with pytest.raises(OutputError, match=f"the row of frame {frame} was not compared"):
            cross_check(str(tmp_path / "a.pcap"), [row], "true")


def test_a_frame_beyond_the_limit_agrees_where_wireshark_sees_no_tunnel_either(
    tmp_path: Path, check: Any
) -> None:
    plain = build.udp_frame(build.CLIENT, build.SERVER, b"x")
    check([plain], [FakePacket(FakeLayer("ip", {}), FakeLayer("udp", {}))])
    row = {"frame": 1, "kind": "none", "kinds": [], "stack": [], "anomalies": ["too-many-layers"]}
    ends = {"source": {"ip": "10.0.0.1"}, "destination": {"ip": "10.0.0.2"}}
    for made in (row, row | {"outer": ends}):
        found = cross_check(str(tmp_path / "a.pcap"), [made], "true")
        assert found == Comparison(compared=1)


@pytest.mark.parametrize(
    ("stack", "ours"),
    [
        ("ethernet ipv4 ipv6 tcp", None),
        ("ethernet ipv4 ipv6 ipv6 tcp", None),
        ("ethernet vlan ipv4 ipv6 tcp", "vlan ipv4 ipv6"),
        ("ethernet ipv4 udp ayiya ipv6 tcp", "ipv4 ayiya ipv6"),
        ("ethernet ipv4 gre", "ipv4 gre"),
        ("ethernet", ""),
    ],
)
def test_stacks_are_compared_up_to_the_same_ip_header(
    tmp_path: Path, check: Any, stack: str, ours: str | None
) -> None:
    check([SIXTOFOUR_FRAME], [sixtofour_packet()])
    (row,) = rows([SIXTOFOUR_FRAME])
    found = cross_check(str(tmp_path / "a.pcap"), [row | {"stack": stack.split()}], "true")
    expected = [] if ours is None else [Difference(1, "stack", ours, "ipv4 ipv6", None)]
    assert found.differences == expected
