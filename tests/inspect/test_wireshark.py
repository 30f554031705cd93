"""pyshark and tshark themselves, and what becomes of them when things go wrong."""

from __future__ import annotations

import lzma
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sensor.capture.writer import PcapWriter
from sensor.errors import ConfigError
from sensor.inspect import crosscheck
from sensor.inspect.crosscheck import cross_check
from sensor.inspect.reasons import Row
from sensor.inspect.wireshark import find_tshark, packets

from .. import build
from ..command import call_sensor, run_sensor

pytestmark = pytest.mark.slow


FRAMES = build.exchange()


@pytest.fixture
def capture(tmp_path: Path) -> str:
    path = tmp_path / "a.pcap"
    with path.open("wb") as stream:
        writer = PcapWriter(stream)
        for frame in FRAMES:
            writer.write(frame, 1)
    return str(path)


def dying(folder: Path, tshark: Path, octets: int) -> str:
    """A tshark that is killed after some octets of its answer."""
    path = folder / "tshark"
    path.write_text(
        f'#!/bin/sh\n[ "$1" = -v ] && exec {tshark} -v\n'
        f'{tshark} "$@" 2>/dev/null | head -c {octets}\nkill -9 $$\n'
    )
    path.chmod(0o755)
    return str(path)


def test_packets_come_in_order(capture: str, tshark: Path) -> None:
    found = list(packets(capture, str(tshark)))
    assert [int(packet.number) for packet in found] == list(range(1, len(FRAMES) + 1))
    # Also on a port that is not Teredo's.
    assert all("teredo" in packet for packet in found)


def test_the_walk_may_end_early(capture: str, tshark: Path) -> None:
    walk = packets(capture, str(tshark))
    assert int(next(walk).number) == 1
    walk.close()  # warnings are errors here


def test_a_damaged_capture_ends_where_it_is_damaged(capture: str, tshark: Path) -> None:
    octets = Path(capture).read_bytes()
    Path(capture).write_bytes(octets[:-3])
    assert len(list(packets(capture, str(tshark)))) == len(FRAMES) - 1


def test_a_killed_tshark_ends_the_walk(capture: str, tshark: Path, tmp_path: Path) -> None:
    found = list(packets(capture, dying(tmp_path, tshark, 30_000)))
    assert 0 < len(found) < len(FRAMES)


def test_no_config_ini_decides_what_runs(
    capture: str, tshark: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "config.ini").write_text("not even an INI file")
    monkeypatch.chdir(tmp_path)
    assert len(list(packets(capture, str(tshark)))) == len(FRAMES)


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in ("-", str(tmp_path), str(tmp_path / "pipe"), str(tmp_path / "none")):
        with pytest.raises(ConfigError, match="reads files only"):
            next(packets(path, "tshark"))


def test_what_tshark_cannot_read_is_refused_before_a_row_is_asked_for(tmp_path: Path) -> None:
    def rows() -> Iterator[Row]:
        pytest.fail("would take frames out of a pipe, or wait for them")
        yield {}

    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "packed").write_bytes(lzma.compress(b"capture"))
    for name, text in (("pipe", "reads files only"), ("packed", "reads no xz; unpack")):
        with pytest.raises(ConfigError, match=text):
            cross_check(str(tmp_path / name), rows(), "true")


def test_a_missing_tshark_says_what_to_install(capture: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="apt-get install tshark"):
        find_tshark(str(tmp_path / "tshark"))
    done = run_sensor("decode", "--cross-check", capture, PATH=str(tmp_path))
    assert (done.code, done.out) == (2, "")
    assert "apt-get install tshark" in done.err


def test_the_command_compares(capture: str, tshark: Path) -> None:
    done = run_sensor("decode", "--cross-check", capture)
    assert (done.code, done.err) == (0, "")
    assert done.out == (
        f"{capture}: {len(FRAMES)} rows compared with Wireshark, 0 differences,"
        " 0 of them unexplained\n"
    )


def test_the_command_notices_a_dead_tshark(capture: str, tshark: Path, tmp_path: Path) -> None:
    dying(tmp_path, tshark, 30_000)
    done = run_sensor("decode", "--cross-check", capture, PATH=f"{tmp_path}:{os.environ['PATH']}")
    assert done.code == 1
    assert f" of {len(FRAMES)} frames" in done.err
    assert "Traceback" not in done.err


def test_the_command_lists_what_differs(tmp_path: Path, tshark: Path) -> None:
    legacy = bytes.fromhex("3ffe831f") + build.TEREDO[4:]
    trailing = build.bubble() + b"\x09"
    path = tmp_path / "odd.pcap"
    with path.open("wb") as stream:
        writer = PcapWriter(stream)
        for payload in (build.bubble(destination=legacy), trailing):
            writer.write(build.udp_frame(build.RELAY, build.CLIENT, payload), 1)
    done = run_sensor("decode", "--cross-check", str(path))
    assert done.code == 0
    assert "1 row compared with Wireshark, 3 differences, 0 of them unexplained" in done.out
    assert "Wireshark did not decode 1 frame: 2" in done.out
    assert "frame 1 teredo.destination.port: 41658 here, absent there: Wireshark does" in done.out


def test_the_command_says_how_many_differences_it_does_not_list(
    tmp_path: Path, tshark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crosscheck, "DIFFERENCES_KEPT", 2)
    legacy = bytes.fromhex("3ffe831f") + build.TEREDO[4:]
    path = tmp_path / "odd.pcap"
    with path.open("wb") as stream:
        frame = build.udp_frame(build.RELAY, build.CLIENT, build.bubble(destination=legacy))
        PcapWriter(stream).write(frame, 1)
    done = call_sensor("decode", "--cross-check", str(path))
    assert done.code == 0
    assert "3 differences, 0 of them unexplained" in done.out
    assert done.out.splitlines()[-1] == "  and 1 more"
