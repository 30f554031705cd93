"""``--follow``: files that are being written; and pipes that nobody writes to. All in processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import pytest

from sensor.cli.replay import _news
from sensor.emit.message import message
from sensor.emit.terminal import WIDTH
from sensor.schema.records import Change
from tests.captures import demo
from tests.command import ENVIRONMENT, ROOT, call_sensor, command
from tests.emit.factory import START, TUNNEL

pytestmark = pytest.mark.slow


WHOLE = demo.PATH.read_bytes()
CUT = 3000  # in the 27th frame
TUNNELLED = 36
EARLY = 13  # of them before the cut
PATIENCE = 120  # seconds for what takes one


@contextmanager
def running(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        command(*arguments),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=ENVIRONMENT,
    ) as process:
        watchdog = Timer(PATIENCE, process.kill)  # so that a line that never comes is a failure
        watchdog.start()
        try:
            yield process
        finally:
            watchdog.cancel()
            process.kill()


def lines(process: subprocess.Popen[str], count: int) -> list[str]:
    """Waits for them: they come as soon as they can be known."""
    assert process.stdout
    found = [process.stdout.readline() for _ in range(count)]
    assert all(found), found
    return found


def interrupted(process: subprocess.Popen[str]) -> tuple[str, str]:
    """What else is printed."""
    process.send_signal(signal.SIGINT)
    return ended(process, 130)


def ended(process: subprocess.Popen[str], code: int) -> tuple[str, str]:
    out, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == code, err
    return out, err


@pytest.fixture
def growing(tmp_path: Path) -> Path:
    path = tmp_path / "growing.pcap"
    path.write_bytes(WHOLE[:CUT])
    return path


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


def test_decode_prints_frames_as_they_are_written(growing: Path) -> None:
    expected = call_sensor("decode", str(demo.PATH)).out.splitlines(keepends=True)
    with running("decode", "--follow", str(growing)) as process:
        first = lines(process, EARLY)
        append(growing, WHOLE[CUT:-1])
        rest = lines(process, len(expected) - len(first) - 1)
        append(growing, WHOLE[-1:])
        last = lines(process, 1)
        out, err = interrupted(process)
    assert first + rest + last == expected
    assert (out, err) == ("", "sensor: interrupted: 49 frames read, 36 tunnelled\n")


def test_replay_writes_documents_as_they_come_and_totals_at_the_end(growing: Path) -> None:
    with running("replay", "--follow", "--format", "ndjson", str(growing)) as process:
        actions = [json.loads(line)["event"]["action"] for line in lines(process, 2)]
        append(growing, WHOLE[CUT:-1])
        while "35ca249831225d7c" not in lines(process, 1)[0]:
            pass  # the tunnel that is only in the second half
        out, err = interrupted(process)
    assert actions == ["tunnel-discovered", "tunnel-qualified"]
    ledger = json.loads(out.splitlines()[-1])["v6tunnel"]["sensor"]["frames"]
    assert (ledger["read"], ledger["tunnelled"]) == (48, TUNNELLED - 1)
    assert err == "", "a record that is cut while it is being written is not damaged"


def test_replay_tells_people_what_is_new_and_reports_at_the_end(growing: Path) -> None:
    with running("replay", "--follow", str(growing)) as process:
        assert "Teredo tunnel 89aab82f5aa1fe13 discovered" in "".join(lines(process, 2))
        append(growing, WHOLE[CUT:])
        while "6in4 tunnel 35ca249831225d7c discovered" not in lines(process, 1)[0]:
            pass
        out, err = interrupted(process)
    assert "\n49 frames: 36 tunnelled, " in out
    assert out.endswith(f"Next: sensor decode {growing} --frame 23\n")
    assert err == ""


@pytest.mark.parametrize("columns", ["60", "80", "200"])
def test_news_are_broken_where_the_terminal_ends(
    columns: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", columns)
    change = Change("tunnel-discovered", START, 0, 0, TUNNEL)
    lines = _news(change).splitlines()
    assert min(int(columns), WIDTH) - 30 < max(map(len, lines)) <= min(int(columns), WIDTH)
    assert " ".join(" ".join(lines).split()).endswith(message(change))


def test_a_rotated_file_is_finished_and_the_next_one_read(growing: Path) -> None:
    with running("decode", "--follow", str(growing)) as process:
        lines(process, EARLY)
        growing.rename(growing.with_suffix(".1"))
        append(growing.with_suffix(".1"), WHOLE[CUT:-1])
        lines(process, TUNNELLED - EARLY - 1)
        # The last frame stays cut: now that the file has ended, that is damage.
        growing.write_bytes(WHOLE)
        again = lines(process, TUNNELLED)
        _, err = interrupted(process)
    assert again[0].split()[0] == "5"
    last = len(WHOLE) - 16 - len(demo.frames()[-1][1])
    assert f"{growing}: frame 49, byte offset {last}: the file ends here" in err
    assert "sensor: interrupted: 97 frames read, 71 tunnelled" in err


def test_a_file_that_is_begun_anew_is_read_from_its_start(growing: Path, tmp_path: Path) -> None:
    start = tmp_path / "start.pcap"
    start.write_bytes(WHOLE[:1000])
    expected = call_sensor("decode", str(start)).out.splitlines(keepends=True)
    with running("decode", "--follow", str(growing)) as process:
        lines(process, EARLY)
        growing.write_bytes(WHOLE[:1000])
        assert lines(process, len(expected)) == expected
        append(growing, WHOLE[1000:])
        lines(process, TUNNELLED - len(expected))
        _, err = interrupted(process)
    assert "frame 27, byte offset 2858: the file ends here" in err
    assert "sensor: interrupted: 75 frames read" in err


@pytest.mark.parametrize("name", ["replay", "decode"])
@pytest.mark.parametrize("option", ["--count=49", "--to=1795248031"])
def test_an_end_that_was_asked_for_ends_it(name: str, option: str, growing: Path) -> None:
    append(growing, WHOLE[CUT:])
    with running(name, "--follow", option, str(growing)) as process:
        out, err = ended(process, 0)
    assert err == ""
    assert "2001:db8:30::1" in out or "198.51.100.60" in out


def test_damage_ends_it(growing: Path) -> None:
    append(growing, WHOLE[CUT:] + b"\xff" * 64)
    with running("decode", "--follow", str(growing)) as process:
        out, err = ended(process, 3)
    assert len(out.splitlines()) == TUNNELLED
    assert f"frame 50, byte offset {len(WHOLE)}: captured length 4294967295" in err


@pytest.mark.parametrize("name", ["replay", "decode"])
def test_only_one_file_can_be_followed(name: str, tmp_path: Path, growing: Path) -> None:
    for wrong in ([str(tmp_path)], [str(growing), str(demo.PATH)], [str(growing), str(growing)]):
        done = call_sensor(name, "--follow", *wrong)
        assert (done.code, done.out) == (2, "")
        assert "--follow reads one capture as it grows: name one file, no folder" in done.err
    assert call_sensor(name, "--follow", str(tmp_path / "none")).code == 2


# In the middle of the wait, which Python takes up again after a signal.
SILENT_PIPE = """
import os, signal, threading
from sensor.capture.stream import Source
from sensor.cli.main import main

wait = Source._await_writer
asked = []

def wait_and_be_interrupted(source, pipe):
    if source.count == {count} and not asked:
        asked.append(threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)))
        asked[0].start()
    return wait(source, pipe)

Source._await_writer = wait_and_be_interrupted
main()
"""


@pytest.mark.parametrize("name", ["replay", "decode"])
@pytest.mark.parametrize("count", [0, CUT])
def test_an_interrupt_ends_the_wait_for_a_writer(name: str, count: int, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(
        [sys.executable, "-c", SILENT_PIPE.format(count=count), name, str(pipe)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=ENVIRONMENT,
    ) as process:
        try:
            writer = open(pipe, "wb", buffering=0) if count else None  # noqa: SIM115
            if writer is not None:
                writer.write(WHOLE[:count])
            out, err = ended(process, 130)
            if writer is not None:
                writer.close()
        finally:
            process.kill()
    frames = 26 if count else 0
    if name == "replay":
        assert out.startswith(f"{frames} frames: ")
        assert err == "", "what an interrupt cuts off is not damaged"
    else:
        assert err.startswith(f"sensor: interrupted: {frames} frames read, ")
        assert err.count("\n") == 1
