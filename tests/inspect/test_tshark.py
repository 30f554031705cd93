"""tshark dies, hangs or lies: each is an error that says so, and nothing of it stays behind."""

from __future__ import annotations

import os
import signal
import subprocess
import tracemalloc
from collections.abc import Generator, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from sensor.capture.writer import PcapWriter
from sensor.emit.visible import visible
from sensor.errors import OutputError
from sensor.inspect import tshark as tshark_module
from sensor.inspect import wireshark
from sensor.inspect.crosscheck import cross_check
from sensor.inspect.tshark import Ending, Tshark
from sensor.inspect.wireshark import packets

from .. import build
from ..command import ENVIRONMENT, ROOT, command, run_sensor

pytestmark = pytest.mark.slow


FRAMES = build.exchange()
MANY = 5_000  # frames, of which an answer is longer than any pipe holds
RUN_AGAIN = "run it again, and if that repeats, try another version of tshark"

# What a tshark may do instead of its work; the real one is $REAL, its arguments "$@".
TROUBLES = {
    "dies at once": ("kill -SEGV $$", "ended after 0 of 8 frames: killed by SIGSEGV"),
    "is killed at once": ("kill -KILL $$", "ended after 0 of 8 frames: killed by SIGKILL"),
    "dies in the middle": (
        '$REAL "$@" | head -c 30000; kill -SEGV $$',
        "of 8 frames: killed by SIGSEGV",
    ),
    "dies after its answer": (
        '$REAL "$@"; kill -SEGV $$',
        "ended after 8 of 8 frames: killed by SIGSEGV",
    ),
    "is killed after its answer": (
        '$REAL "$@"; kill -KILL $$',
        "ended after 8 of 8 frames: killed by SIGKILL",
    ),
    "dies of a signal without a name": (
        "kill -40 $$",
        "ended after 0 of 8 frames: killed by signal 40",
    ),
    "fails at once": (
        'echo "tshark: no memory." >&2; exit 3',
        "ended after 0 of 8 frames: exit status 3 (no memory)",
    ),
    "fails without a word": ("exit 1", "ended after 0 of 8 frames: exit status 1;"),
    "fails after its answer": (
        '$REAL "$@"; echo late >&2; exit 1',
        "ended after 8 of 8 frames: exit status 1 (late);",
    ),
    "complains without end": (
        'head -c 100000 /dev/zero | tr "\\0" x >&2; exit 1',
        "ended after 0 of 8 frames: exit status 1 (xxxx",
    ),
    "leaves a frame out": (
        '$REAL -c 7 "$@"',
        "ended after 7 of 8 frames: exit status 0",
    ),
    "invents a frame": (
        '$REAL "$@" | sed "s:</pdml>:'
        '<packet><proto name=\\"geninfo\\"><field name=\\"num\\" show=\\"9\\"/></proto>'
        '<proto name=\\"frame\\"/></packet></pdml>:"',
        "ended after 9 of 8 frames: exit status 0",
    ),
    "says nothing": ("exit 0", "cannot be read after frame 0 (it stops short)"),
    "writes nonsense": ("echo hello", "cannot be read after frame 0 (it stops short)"),
    "writes half an answer": (
        '$REAL "$@" | head -c 30000',
        "(it stops short)",
    ),
    "forgets the end": ('$REAL "$@" | grep -v "</pdml>"', "after frame 8 (it stops short)"),
    "writes JSON": (
        'echo \'[{"_source": {"layers": {}}}]\'',
        "cannot be read after frame 0 (it stops short)",
    ),
    "writes broken XML": (
        'echo "<pdml><packet><proto></packet></pdml>"',
        "cannot be read after frame 0 (mismatched tag",
    ),
    "writes empty packets": (
        'echo "<pdml><packet></packet></pdml>"',
        "cannot be read after frame 0 (not enough values",
    ),
    "writes other XML": (
        'echo "<pdml><packet><proto/><proto/></packet></pdml>"',
        "cannot be read after frame 0 (",
    ),
    "writes fields of its own": (
        "echo \"<packet><proto name='a'><field name='b' c='d'/></proto></packet>\"",
        "cannot be read after frame 0 (",
    ),
    "writes an end without a beginning": (
        'echo "</packet>"',
        "cannot be read after frame 0 (",
    ),
    "repeats itself": ('$REAL "$@"; $REAL "$@"', "cannot be read after frame 8 (number 1 comes"),
    "never ends a packet": (
        "echo '<packet>'; cat /dev/zero",
        "cannot be read after frame 0 (a packet has no end)",
    ),
}


@pytest.fixture
def capture(tmp_path: Path) -> str:
    return written(tmp_path / "a.pcap", FRAMES)


def written(path: Path, frames: Sequence[bytes]) -> str:
    with path.open("wb") as stream:
        writer = PcapWriter(stream)
        for frame in frames:
            writer.write(frame, 1)
    return str(path)


def fake(folder: Path, real: Path, body: str) -> str:
    """A program called tshark that tells a good version, and then does something else."""
    path = folder / "bin" / "tshark"
    path.parent.mkdir()
    version = '[ "$1" = -v ] && echo "TShark (Wireshark) 4.0.17" && exit'
    path.write_text(f"#!/bin/sh\nREAL={real}\n{version}\n{body}\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Numbers of the tshark processes that were started."""
    numbers: list[int] = []

    class Noted(Tshark):
        def __init__(self, path: str, arguments: Sequence[str], *rest: Any) -> None:
            super().__init__(path, arguments, *rest)
            numbers.append(self._process.pid)

    monkeypatch.setattr(wireshark, "Tshark", Noted)
    return numbers


def is_gone(number: int) -> bool:
    """Whether a process has ended; one that nobody has asked after yet counts as well."""
    try:
        status = Path(f"/proc/{number}/stat").read_text()
    except FileNotFoundError:
        return True
    return status.rpartition(")")[2].split()[0] in ("Z", "X")


# each trouble


@pytest.mark.parametrize("trouble", TROUBLES)
def test_each_trouble_is_told(
    capture: str, tshark: Path, tmp_path: Path, started: list[int], trouble: str
) -> None:
    body, text = TROUBLES[trouble]
    with pytest.raises(OutputError) as error:
        cross_check(capture, [], fake(tmp_path, tshark, body))
    assert text in str(error.value)
    assert str(error.value).startswith(f"{capture}: tshark")
    assert str(error.value).endswith(RUN_AGAIN)
    assert len(started) == 1
    assert is_gone(started[0])


@pytest.mark.parametrize("trouble", ["dies at once", "dies after its answer", "writes nonsense"])
def test_the_command_fails_with_each_trouble(
    capture: str, tshark: Path, tmp_path: Path, trouble: str
) -> None:
    body, text = TROUBLES[trouble]
    folder = Path(fake(tmp_path, tshark, body)).parent
    done = run_sensor(
        "decode", "--cross-check", capture, PATH=f"{folder}{os.pathsep}{os.environ['PATH']}"
    )
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"sensor: error: {visible(capture)}: tshark")
    assert text in done.err
    assert len(done.err.splitlines()) == 1  # no traceback, least of all pyshark's


# the real tshark is killed


# tshark ends in good order at SIGTERM: only the count of frames then tells.
@pytest.mark.parametrize(
    ("number", "text"),
    [
        (signal.SIGSEGV, "killed by SIGSEGV;"),
        (signal.SIGKILL, "killed by SIGKILL;"),
        (signal.SIGTERM, "exit status "),
    ],
)
@pytest.mark.parametrize("after", [1, 100])
def test_a_real_tshark_killed_in_the_middle(
    tmp_path: Path,
    tshark: Path,
    started: list[int],
    number: signal.Signals,
    text: str,
    after: int,
) -> None:
    many = written(tmp_path / "many.pcap", FRAMES * (MANY // len(FRAMES)))

    def rows() -> Iterator[dict[str, Any]]:
        """No rows, but something that happens while tshark works."""
        yield {"frame": after, "kind": "none", "kinds": [], "stack": []}
        os.kill(started[0], number)

    with pytest.raises(OutputError) as error:
        cross_check(many, rows(), str(tshark))
    seen = int(str(error.value).split("tshark ended after ")[1].split()[0])
    assert after <= seen < MANY
    assert f"of {MANY} frames: {text}" in str(error.value)
    assert is_gone(started[0])


def test_a_real_tshark_killed_before_its_first_packet(
    capture: str, tshark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(Tshark):
        def __init__(self, path: str, arguments: Sequence[str], *rest: Any) -> None:
            super().__init__(path, arguments, *rest)
            os.kill(self._process.pid, signal.SIGKILL)

    monkeypatch.setattr(wireshark, "Tshark", Killed)
    with pytest.raises(OutputError, match="ended after 0 of 8 frames: killed by SIGKILL"):
        cross_check(capture, [], str(tshark))


def test_a_real_tshark_that_stops_working_hangs(
    tmp_path: Path, tshark: Path, started: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    many = written(tmp_path / "many.pcap", FRAMES * (MANY // len(FRAMES)))
    walk = packets(many, str(tshark))
    next(walk)
    os.kill(started[0], signal.SIGSTOP)
    monkeypatch.setattr(tshark_module, "SILENCE", 0.5)
    with pytest.raises(OutputError, match=r"tshark hangs: nothing came from it for 0\.5 seconds"):
        list(walk)
    assert is_gone(started[0])


# hanging


@pytest.mark.parametrize(
    "body",
    [
        "exec sleep 1000",
        '$REAL "$@"; exec sleep 1000',
        "exec >&-; exec sleep 1000",
        "exec >&- 2>&-; exec sleep 1000",
        "while :; do echo busy >&2; done",
    ],
    ids=["at once", "after its answer", "with a closed pipe", "with both closed", "complaining"],
)
def test_a_tshark_that_hangs_is_ended(
    capture: str,
    tshark: Path,
    tmp_path: Path,
    started: list[int],
    monkeypatch: pytest.MonkeyPatch,
    body: str,
) -> None:
    path = fake(tmp_path, tshark, body)
    monkeypatch.setattr(wireshark, "check_version", lambda *_: None)
    monkeypatch.setattr(tshark_module, "SILENCE", 1.0)
    with pytest.raises(OutputError, match=r"tshark hangs: .* and it was ended; try again when"):
        list(packets(capture, path))
    assert is_gone(started[0])


def test_its_children_are_ended_as_well(
    capture: str, tshark: Path, tmp_path: Path, started: list[int]
) -> None:
    note = tmp_path / "child"
    # The child keeps the pipes open: their end would never come.
    path = fake(tmp_path, tshark, f'sleep 1000 & echo $! > {note}; exec $REAL "$@"')
    assert len(list(packets(capture, path))) == len(FRAMES)
    assert is_gone(started[0])
    assert is_gone(int(note.read_text()))


def test_a_slow_reader_is_not_taken_for_a_hanging_tshark(
    tmp_path: Path, tshark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a clock that moves only while the reader has a packet."""
    now = 0.0
    monkeypatch.setattr(tshark_module, "monotonic", lambda: now)
    found = 0
    for _ in packets(written(tmp_path / "more.pcap", FRAMES * 40), str(tshark)):
        now += 2 * tshark_module.SILENCE
        found += 1
    assert found == 40 * len(FRAMES)


# interrupts


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_the_command_and_tshark(
    capture: str, tshark: Path, tmp_path: Path, number: signal.Signals
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    note = tmp_path / "note"
    os.mkfifo(note)
    folder = Path(fake(tmp_path, tshark, f"echo $$ > {note}; exec sleep 1000")).parent
    child = subprocess.Popen(
        command("decode", "--cross-check", capture),
        env=ENVIRONMENT
        | {"PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "TMPDIR": str(temporary)},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    running = int(note.read_text())  # waits for the fake to write it
    child.send_signal(number)
    out, err = child.communicate(timeout=60)
    assert (child.returncode, out) == (130, "")
    assert err.startswith("sensor: interrupted:")
    assert "Traceback" not in err
    assert is_gone(running)
    assert not list(temporary.iterdir())


def test_a_walk_that_is_told_to_stop_ends_tshark(
    capture: str, tshark: Path, tmp_path: Path, started: list[int]
) -> None:
    path = fake(tmp_path, tshark, "exec sleep 1000")
    with pytest.raises(KeyboardInterrupt):
        list(packets(capture, path, lambda: bool(started)))
    assert is_gone(started[0])


# damage, settings, versions


def test_a_complaint_about_real_damage_is_right(capture: str, tshark: Path) -> None:
    Path(capture).write_bytes(Path(capture).read_bytes()[:-3])
    assert cross_check(capture, [], str(tshark)).unseen == list(range(1, len(FRAMES)))
    walk = packets(capture, str(tshark))
    ending = exhausted(walk)
    assert ending.status == 2
    assert "cut short" in ending.text


def exhausted(walk: Generator[Any, None, Ending]) -> Ending:
    """What a walk returns at its end."""
    endings: list[Ending] = []

    def through() -> Iterator[Any]:
        endings.append((yield from walk))

    assert all(packet.layers for packet in through())
    return endings[0]


def test_a_death_at_damage_is_no_complaint(capture: str, tshark: Path, tmp_path: Path) -> None:
    Path(capture).write_bytes(Path(capture).read_bytes()[:-3])
    path = fake(tmp_path, tshark, '$REAL "$@"; kill -SEGV $$')
    with pytest.raises(OutputError, match="ended after 7 of 7 frames: killed by SIGSEGV"):
        cross_check(capture, [], path)


def test_nobodys_settings_count(
    capture: str, tshark: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / ".config" / "wireshark"
    settings.mkdir(parents=True)
    (settings / "disabled_protos").write_text("teredo\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / ".config"))
    monkeypatch.setenv("WIRESHARK_CONFIG_DIR", str(settings))
    assert all("teredo" in packet for packet in packets(capture, str(tshark)))


def test_a_capture_called_minus_is_a_file(
    tmp_path: Path, tshark: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path / "-", FRAMES)
    monkeypatch.chdir(tmp_path)
    assert len(list(packets("-", str(tshark)))) == len(FRAMES)


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (
            'echo "TShark (Wireshark) 2.6.20 (Git v2.6.20)"',
            "is version 2.6; the comparison needs 4.0 or newer: install a newer tshark",
        ),
        (
            'echo "TShark 1.12.1 (Git Rev)"',
            "is version 1.12; the comparison needs 4.0 or newer: install a newer tshark",
        ),
        ("echo hello", "does not tell its version (exit status 0): it is no tshark"),
        ("exit 127", "does not tell its version (exit status 127): it is no tshark"),
        ("cat /dev/zero", "does not tell its version (killed by SIGKILL): it is no tshark"),
        ("kill -SEGV $$", "does not tell its version (killed by SIGSEGV): it is no tshark"),
    ],
)
def test_an_old_or_foreign_tshark_is_refused(
    capture: str, tmp_path: Path, body: str, text: str
) -> None:
    path = tmp_path / "tshark"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    with pytest.raises(OutputError) as error:
        next(packets(capture, str(path)))
    assert str(error.value).startswith(f"{path} ")
    assert text in str(error.value)
    assert "install" in str(error.value)


def test_what_cannot_be_run_says_so(capture: str, tmp_path: Path) -> None:
    path = tmp_path / "tshark"
    path.write_text("not even a script")
    path.chmod(0o755)
    with pytest.raises(OutputError, match=r"tshark cannot be run: Exec format error"):
        next(packets(capture, str(path)))


# memory

ANSWER = """#!/usr/bin/env python3
import sys
print("<pdml>")
for number in range(1, {frames} + 1):
    print(f'<packet><proto name="geninfo"><field name="num" show="{{number}}"/></proto>'
          '<proto name="frame"/><proto name="ip"><field name="ip.src" show="192.0.2.1"/></proto>'
          '</packet>')
print("</pdml>")
"""


def peak(folder: Path, capture: str, frames: int) -> int:
    """The most memory in octets that so many packets need at any time."""
    path = folder / f"tshark-{frames}"
    path.write_text(ANSWER.format(frames=frames))
    path.chmod(0o755)
    tracemalloc.start()
    try:
        assert sum(1 for _ in packets(capture, str(path))) == frames
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_capture(
    capture: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wireshark, "check_version", lambda *_: None)
    peak(tmp_path, capture, 10)  # imports what it needs
    few = peak(tmp_path, capture, 500)
    assert peak(tmp_path, capture, 4_000) < few + (64 << 10)
