"""The progress line: only on a terminal, only for work that lasts."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from pathlib import Path

import pytest

from sensor.cli import progress
from sensor.cli.progress import Progress, line
from tests.command import DEMO, ROOT, call_sensor


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Clock:
    """Each look at the clock finds ``step`` seconds gone."""

    def __init__(self, step: float) -> None:
        self.now, self.step = 0.0, step

    def monotonic(self) -> float:
        self.now += self.step
        return self.now


@contextmanager
def terminal() -> Iterator[Terminal]:
    """Stands in for standard error while the body runs."""
    made = Terminal()
    with redirect_stderr(made):
        yield made


def tick(monkeypatch: pytest.MonkeyPatch, step: float) -> None:
    monkeypatch.setattr(progress, "time", Clock(step))


@pytest.mark.parametrize(
    ("done", "total", "seconds", "text"),
    [
        (1_000_000, 4_000_000, 2, "1.0 MB of 4.0 MB, 500.0 kB/s, 0:06 left"),
        (1_000, 1_000_000, 1, "1.0 kB of 1.0 MB, 1.0 kB/s, 16:39 left"),
        (9_000, 5_000, 1, "9.0 kB of 5.0 kB, 9.0 kB/s, 0:00 left"),
        (3_000, None, 2, "3.0 kB read, 1.5 kB/s"),
        (0, 5_000, 2, "0 bytes read, 0 bytes/s"),
    ],
)
def test_the_line_says_how_far_how_fast_how_long(
    done: int, total: int | None, seconds: float, text: str
) -> None:
    assert line(done, total, seconds) == text


def test_short_work_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    tick(monkeypatch, 0.1)
    with terminal() as screen:
        shown = Progress(["-"])
        for done in range(5):
            shown.show(done)
        shown.clear()
    assert screen.getvalue() == ""


def test_long_work_draws_one_line_in_place(monkeypatch: pytest.MonkeyPatch) -> None:
    tick(monkeypatch, 0.6)
    with terminal() as screen:
        shown = Progress(["-"])
        for done in (1000, 2000, 3000):
            shown.show(done)
        shown.clear()
    drawn = screen.getvalue()
    assert "\n" not in drawn
    assert drawn.split("\r\x1b[K") == ["", "2.0 kB read, 1.7 kB/s", "3.0 kB read, 1.7 kB/s", ""]


def test_the_line_is_not_redrawn_faster_than_it_can_be_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tick(monkeypatch, 0.1)
    with terminal() as screen:
        shown = Progress(["-"])
        for done in range(30):
            shown.show(done)
    assert screen.getvalue().count("\r") == 7


def test_the_end_is_known_only_if_every_size_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tick(monkeypatch, 2)
    path = tmp_path / "a.pcap"
    path.write_bytes(bytes(8_000))
    with terminal() as screen:
        Progress([str(path), str(path)]).show(4_000)
        assert "of 16.0 kB" in screen.getvalue()
        Progress([str(path), "-"]).show(4_000)
        assert screen.getvalue().endswith("4.0 kB read, 2.0 kB/s")


@pytest.fixture
def _slow(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    tick(monkeypatch, 2)


@pytest.mark.usefixtures("_slow")
def test_replay_shows_none_without_a_terminal() -> None:
    assert call_sensor("replay", DEMO).err == ""


@pytest.mark.usefixtures("_slow")
def test_replay_shows_it_on_a_terminal_and_wipes_it() -> None:
    done = call_sensor("replay", DEMO, err=Terminal())
    assert done.out.startswith("49 frames: ")
    assert done.err.startswith("\r\x1b[K5.7 kB of 5.7 kB")
    assert done.err.endswith("\r\x1b[K")
