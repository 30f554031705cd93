from __future__ import annotations

import io
import json
import os
import pty
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import IO

import pytest

import sensor.frames
from sensor.capture.writer import PcapWriter
from sensor.wire import sixinfour

from .. import build
from ..command import ROOT, call_sensor, command, run_sensor
from ..fragments import ipv4_fragments, spans

START = 1795244514_000000000
OTHER_FRAME = build.udp_frame(build.CLIENT, build.SERVER, b"nothing of interest")


def written(path: Path, frames: list[bytes]) -> str:
    with path.open("wb") as stream:
        writer = PcapWriter(stream)
        for i, frame in enumerate(frames):
            writer.write(frame, START + i * 1_000_000)
    return str(path)


@pytest.fixture
def capture(tmp_path: Path) -> str:
    return written(tmp_path / "a.pcap", [OTHER_FRAME, *build.exchange()])


def test_one_line_for_each_tunnelled_frame(capture: str) -> None:
    done = call_sensor("decode", capture)
    lines = done.out.splitlines()
    assert (done.code, done.err) == (0, "")
    assert len(lines) == len(build.exchange())
    assert lines[0].startswith("    2 2026-11-21 07:01:54.001000Z IP 192.168.0.2.41658 > ")
    assert "Teredo router-solicitation" in lines[0]


def test_several_captures_name_theirs(tmp_path: Path) -> None:
    first = written(tmp_path / "a.pcap", build.exchange()[:1])
    second = written(tmp_path / "b.pcap", build.exchange()[:1])
    lines = call_sensor("decode", str(tmp_path)).out.splitlines()
    assert [line.split()[0] for line in lines] == [f"{first}:1", f"{second}:1"]


def test_rows_as_ndjson(capture: str) -> None:
    done = call_sensor("decode", capture, "--format", "ndjson")
    rows = [json.loads(line) for line in done.out.splitlines()]
    assert [row["frame"] for row in rows] == list(range(2, 2 + len(build.exchange())))
    assert {row["capture"] for row in rows} == {capture}
    assert rows[0]["teredo"]["packet"] == "router-solicitation"


def test_settings_reach_the_rows(tmp_path: Path) -> None:
    packet = build.tcp6(bytes.fromhex("20010db8") + build.V4A + bytes(8))
    capture = written(tmp_path / "6rd.pcap", [build.sixinfour_frame(packet, build.V4A)])
    arguments = ("decode", capture, "--format", "ndjson")
    assert json.loads(call_sensor(*arguments).out)["kind"] == "6in4"
    domain = 'sixrd=[{"prefix": "2001:db8::/32", "ipv4_mask": 0}]'
    row = json.loads(call_sensor(*arguments, "--set", domain).out)
    assert (row["kind"], row["embedded"][0]["ip"]) == ("6rd", "203.0.113.5")


# one frame


def test_one_frame_in_full(capture: str) -> None:
    done = call_sensor("decode", capture, "--frame", "2")
    lines = done.out.splitlines()
    assert done.code == 0
    assert lines[0] == f"frame 2 of {capture}"
    assert "    42  authentication" in lines
    verdict = " ".join(lines[-2:])
    assert "Verdict: a Teredo tunnel (router-solicitation); certain: " in verdict


def test_a_frame_that_is_no_tunnel_says_why(capture: str) -> None:
    lines = call_sensor("decode", capture, "--frame", "1").out.splitlines()
    assert lines[-1] == "Verdict: no tunnel: UDP too short to hold an IPv6 header."
    assert "no   datagram is long enough for IPv6" in "\n".join(lines)


def test_a_packet_in_fragments_is_shown_whole_where_it_is_completed(tmp_path: Path) -> None:
    packet = build.udp(build.RELAY, build.CLIENT, build.tcp6(build.NATIVE, build.TEREDO))
    parts = ipv4_fragments(packet, spans(len(packet) - 20, 24, 48))
    path = written(tmp_path / "a.pcap", [*map(build.ethernet, parts), OTHER_FRAME])
    lines = call_sensor("decode", path).out.splitlines()
    assert [line.split()[0] for line in lines] == ["3"]
    shown = call_sensor("decode", path, "--frame", "3").out
    assert "with the whole packet, put together from 3 frames: 1, 2, 3\n" in shown
    size = len(build.ethernet(parts[2]))
    assert f"{size} bytes of {size} captured\n" in shown
    assert "Verdict: a Teredo tunnel (data); strong:" in shown
    first = call_sensor("decode", path, "--frame", "1").out
    assert "a fragment of a datagram that another frame completes, or none" in first
    assert "put together" not in first


def test_the_frame_of_every_capture_that_has_it(tmp_path: Path) -> None:
    written(tmp_path / "long.pcap", build.exchange()[:3])
    written(tmp_path / "short.pcap", build.exchange()[:1])
    done = call_sensor("decode", str(tmp_path), "--frame", "3")
    assert (done.code, done.out.count("frame 3 of ")) == (0, 1)
    done = call_sensor("decode", str(tmp_path), "--frame", "1")
    assert done.out.count("frame 1 of ") == 2
    done = call_sensor("decode", str(tmp_path), "--frame", "4")
    assert done.code == 2
    assert "long.pcap has 3 frames" in done.err
    assert "short.pcap has 1 frames" in done.err


def test_one_frame_as_ndjson(capture: str) -> None:
    done = call_sensor("decode", capture, "--frame", "2", "--format", "ndjson")
    assert json.loads(done.out)["frame"] == 2
    assert call_sensor("decode", capture, "--frame", "1", "--format", "ndjson").out == ""


# what goes wrong


def test_damage_is_reported_after_everything_before_it(capture: str) -> None:
    octets = Path(capture).read_bytes()
    Path(capture).write_bytes(octets[:-3])
    done = call_sensor("decode", capture)
    assert done.code == 3
    assert len(done.out.splitlines()) == len(build.exchange()) - 1
    assert f"sensor: error: {capture}: frame {len(build.exchange()) + 1}, " in done.err


def test_usage_errors(tmp_path: Path) -> None:
    for arguments in ([], [str(tmp_path / "none")], [str(tmp_path)], ["-", "--frame", "0"]):
        assert call_sensor("decode", *arguments).code == 2
    refused = call_sensor("decode", "x", "--cross-check", "--format", "ndjson")
    assert (refused.code, "stands alone" in refused.err) == (2, True)


@pytest.mark.usefixtures("tshark")
def test_rows_that_come_late_are_not_compared_with_wireshark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensor.frames, "FRAMES_HELD", 2)
    packet = sixinfour.encapsulate(build.V4A, build.V4B, build.tcp6(payload=bytes(100)))
    first = ipv4_fragments(packet, spans(len(packet) - 20, 104))[0]
    capture = written(tmp_path / "late.pcap", [build.ethernet(first), *build.exchange()])
    done = call_sensor("decode", "--cross-check", capture)
    assert (done.code, done.err) == (0, "")
    heading, late = done.out.splitlines()
    assert ": 8 rows compared with Wireshark, 0 differences, " in heading
    assert late == "  not compared, as their fragments were waited for too long: 1 frame: 1"


def test_names_cannot_steer_the_terminal(tmp_path: Path) -> None:
    name = tmp_path / "\x1b]0;x\x07.pcap"
    capture = written(name, build.exchange()[:1])
    broken = written(tmp_path / "\x1b[2J.pcap", build.exchange()[:2])
    Path(broken).write_bytes(Path(broken).read_bytes()[:-3])
    done = call_sensor("decode", str(tmp_path))
    assert "\x1b" not in done.out + done.err
    assert "\\x1b]0;x\\x07.pcap:1" in done.out
    assert "\x1b" not in call_sensor("decode", capture, "--frame", "1").out
    assert "\x1b" not in call_sensor("decode", capture, "--frame", "9").err


def test_standard_input_is_a_capture(capture: str) -> None:
    done = run_sensor("decode", "-", stdin=Path(capture).read_bytes())
    assert (done.code, len(done.out.splitlines())) == (0, len(build.exchange()))


@pytest.mark.slow
def test_a_reader_that_leaves_is_no_failure(tmp_path: Path) -> None:
    capture = written(tmp_path / "big.pcap", build.exchange() * 200)
    shell = subprocess.run(
        ["bash", "-c", '"$@" | head -n 1; exit ${PIPESTATUS[0]}', "-", *command("decode", capture)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (shell.returncode, shell.stderr) == (0, "")
    assert len(shell.stdout.splitlines()) == 1


def test_an_interrupt_ends_with_totals() -> None:
    arguments = command("decode", "-")
    pipe = subprocess.PIPE
    with subprocess.Popen(
        arguments, cwd=ROOT, bufsize=0, stdin=pipe, stdout=pipe, stderr=pipe
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        # More than the first batch, so that the first line proves that it is at work. From a
        # thread, because the child stops reading while nobody takes what it prints.
        feeder = Thread(target=_feed, args=(child.stdin, _capture_of(build.exchange() * 40)))
        feeder.start()
        assert child.stdout.readline().startswith(b"    1 ")
        child.send_signal(signal.SIGINT)
        errors = _drained(child)
        feeder.join()
    assert child.returncode == 130
    assert b"sensor: interrupted: " in errors
    assert b"Traceback" not in errors


def _feed(stdin: IO[bytes], octets: bytes) -> None:
    with suppress(BrokenPipeError):  # the child ends before it has read everything
        stdin.write(octets)


def _drained(child: subprocess.Popen[bytes]) -> bytes:
    """What a child says on standard error until it ends; its results are thrown away."""
    assert child.stdout is not None
    assert child.stderr is not None
    while child.stdout.read(1 << 16):
        pass
    errors = child.stderr.read()
    child.wait(timeout=60)
    return errors


def _capture_of(frames: list[bytes]) -> bytes:
    stream = io.BytesIO()
    writer = PcapWriter(stream)
    for frame in frames:
        writer.write(frame, START)
    return stream.getvalue()


def test_a_terminal_that_shows_results_shows_no_progress(capture: str) -> None:
    main, side = pty.openpty()
    done = subprocess.run(
        command("decode", capture), cwd=ROOT, stdout=subprocess.PIPE, stderr=side, check=False
    )
    os.close(side)
    with pytest.raises(OSError, match="Input/output error"):
        os.read(main, 1)  # a terminal that nobody wrote to
    os.close(main)
    assert done.returncode == 0
