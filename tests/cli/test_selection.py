"""``--filter``, ``--count``, ``--from``, ``--to``: the same for both commands."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from sensor.capture.writer import PcapWriter
from tests import build
from tests.capture.build import enhanced, interface, section
from tests.captures import demo
from tests.command import COMPILING, DEMO, ROOT, Outcome, call_sensor, command

FRAMES = demo.frames()
NUMBERS = (*range(5, 13), *range(22, 50))  # of the frames with a tunnel
TUNNELLED = len(NUMBERS)
SECOND = 1_000_000_000
COMMANDS = ("replay", "decode")


@pytest.fixture(autouse=True)
def _at_the_top(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


def tunnelled(name: str, done: Outcome) -> int:
    """Frames that a command found a tunnel in."""
    if name == "decode":
        return len(done.out.splitlines())
    return int(done.out.split(" tunnelled")[0].split()[-1])


def within(start: int, end: int) -> int:
    """Tunnelled frames of these seconds of the demo."""
    times = [FRAMES[number - 1][0] - demo.START for number in NUMBERS]
    return sum(start * SECOND <= time < end * SECOND for time in times)


def mixed(path: Path, others: int = 147) -> str:
    """One pcapng: a tunnel on Ethernet, one on raw IP, and a frame of another link type."""
    frame, other = (build.sixinfour_frame(build.tcp6(payload=data)) for data in (b"a", b"b"))
    content = section() + interface() + interface(linktype=101) + interface(linktype=others)
    content += enhanced(frame, 1) + enhanced(other[14:], 2, 1) + enhanced(b"\xff" * 60, 3, 2)
    path.write_bytes(content)
    return str(path)


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ((), TUNNELLED),
        (("--filter", "ip proto 41"), 13),
        (("--filter", ""), TUNNELLED),
        (("--filter", "ip proto 41", "--count", "3"), 3),
        (("--count", "1000"), TUNNELLED),
        (("--from", "2026-11-21T08:00:23Z"), within(23, 60)),
        (("--to", "1795248023"), within(0, 23)),
        (("--from", "2026-11-21T08:00:11Z", "--to", "2026-11-21T08:00:12Z"), within(11, 12)),
        (("--from", "2027-01-01"), 0),
    ],
    ids=str,
)
def test_both_commands_take_the_same_frames(
    name: str, options: tuple[str, ...], expected: int
) -> None:
    done = call_sensor(name, *options, DEMO)
    assert (done.code, done.err) == (0, "")
    assert tunnelled(name, done) == expected


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (("--from", "2026-11-21T08:00:00.000000123Z"), 3),
        (("--from", "2026-11-21T08:00:00.000000124Z"), 2),
        (("--to", "2026-11-21T09:00:00.000000125+01:00"), 2),
        (("--from", "20261121T080000.000000125"), 1),
        (("--from", "1795248000.000000124", "--to", "2026-11-21 08:00:00,0000001259"), 1),
    ],
    ids=str,
)
def test_times_are_taken_to_the_nanosecond(
    name: str, options: tuple[str, ...], expected: int, tmp_path: Path
) -> None:
    """As rows tell them."""
    with (tmp_path / "a.pcap").open("wb") as stream:
        writer = PcapWriter(stream)
        for i in range(3):
            frame = build.sixinfour_frame(build.tcp6(ports=(i, 80)))
            writer.write(frame, 1_795_248_000 * SECOND + 123 + i)
    done = call_sensor(name, *options, str(tmp_path))
    assert (done.code, tunnelled(name, done)) == (0, expected)


def test_count_is_of_frames_that_match_and_of_all_captures_together(tmp_path: Path) -> None:
    for i in range(3):
        with (tmp_path / f"{i}.pcap").open("wb") as stream:
            writer = PcapWriter(stream)
            for time, frame in FRAMES:
                writer.write(frame, time + i * 60_000_000_000)
    done = call_sensor("decode", "--filter", "ip proto 41", "--count", "20", str(tmp_path))
    captures = [line.split()[0].rpartition(":")[0] for line in done.out.splitlines()]
    assert captures == [str(tmp_path / "0.pcap")] * 13 + [str(tmp_path / "1.pcap")] * 7
    done = call_sensor("replay", "--filter", "ip proto 41", "--count", "20", str(tmp_path))
    assert done.out.startswith("20 frames: ")


@pytest.mark.parametrize("name", COMMANDS)
def test_link_types_may_be_mixed(name: str, tmp_path: Path) -> None:
    path = mixed(tmp_path / "mixed.pcapng")
    done = call_sensor(name, "--filter", "ip proto 41", path)
    assert (done.code, tunnelled(name, done)) == (3, 2), "what no filter looks into is not lost"
    assert ": frame 3, byte offset " in done.err
    assert "link type 147 is none that this sensor can read" in done.err
    done = call_sensor(name, "--filter", "ip proto 41", "--count", "2", path)
    assert (done.code, done.err, tunnelled(name, done)) == (0, "", 2)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_filter_that_a_link_type_cannot_have_names_the_fix(name: str, tmp_path: Path) -> None:
    done = call_sensor(name, "--filter", "ether host 02:00:00:00:00:01", mixed(tmp_path / "m"))
    assert done.code == 2
    assert "in frames of link type 101, which the captures hold; ask for nothing" in done.err


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("option", ["--count=26", "--from=2026-11-21", "--to=1795248011.5"])
def test_damage_behind_what_is_wanted(name: str, option: str, tmp_path: Path) -> None:
    """Counting ends before the damage; times may run backwards, so that all has to be read."""
    path = tmp_path / "cut.pcap"
    path.write_bytes(demo.PATH.read_bytes()[:3000])
    done = call_sensor(name, option, str(path))
    damaged = not option.startswith("--count")
    assert done.code == (3 if damaged else 0)
    assert ("frame 27, byte offset 2858" in done.err) is damaged


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("--filter", "udp and"), "syntax error"),
        (("--count", "0"), "--count"),
        (("--from", "yesterday"), "write 2026-11-21T07:02:11Z"),
        (("--from", "2026-11-21", "--to", "2026-11-20"), "--to must be later than --from"),
        (("--from", "5", "--to", "5"), "--to must be later than --from"),
    ],
    ids=str,
)
def test_mistakes_are_told(name: str, options: tuple[str, ...], words: str) -> None:
    done = call_sensor(name, *options, DEMO)
    assert (done.code, done.out) == (2, "")
    assert words in done.err


@pytest.mark.parametrize("one", [("--frame", "2"), ("--cross-check",)])
@pytest.mark.parametrize(
    "option", [("--count", "1"), ("--filter", ""), ("--to", "0"), ("--follow",)]
)
def test_what_stands_alone_says_so(one: tuple[str, ...], option: tuple[str, ...]) -> None:
    done = call_sensor("decode", *one, *option, DEMO)
    assert done.code == 2
    assert f"{one[0]} stands alone: without --filter" in done.err


@pytest.mark.slow
@pytest.mark.parametrize("name", COMMANDS)
def test_count_ends_a_stream_that_stays_open(name: str) -> None:
    with subprocess.Popen(
        command(name, "--count", "49", "-"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
    ) as process:
        assert process.stdin
        assert process.stdout
        process.stdin.write(demo.PATH.read_bytes())
        process.stdin.flush()
        try:
            assert process.wait(timeout=COMPILING) == 0
        finally:
            process.kill()
        assert tunnelled(name, Outcome(0, process.stdout.read().decode(), "")) == TUNNELLED
