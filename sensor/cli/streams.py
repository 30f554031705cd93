"""Where captures come in and where results go out."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TextIO

import click

from sensor.emit.visible import visible
from sensor.errors import CaptureError, ConfigError

follow_option = click.option(
    "--follow", is_flag=True, help="Go on reading a file that is being written, as tail -F does."
)


def expanded(paths: Sequence[str]) -> list[str]:
    """Every capture that the arguments name, once; ConfigError if one or all are missing."""
    from sensor.capture.files import expand

    try:
        captures = list(dict.fromkeys(expand(paths)))
    except CaptureError as error:
        raise ConfigError(f"{error.path}: {error.reason}") from None
    if not captures:
        raise ConfigError("no capture found: name a capture file, a folder of them, or -")
    return captures


def check_followed(paths: Sequence[str]) -> None:
    """ConfigError unless the arguments name one capture, no folder; says that it is followed."""
    if len(paths) != 1 or os.path.isdir(paths[0]):
        raise ConfigError("--follow reads one capture as it grows: name one file, no folder")
    if sys.stderr.isatty():
        text = f"sensor: following {visible(paths[0])}; Ctrl-C ends it and prints totals"
        click.echo(text, err=True)


@contextmanager
def results(at_once: bool = False) -> Iterator[TextIO]:
    """Standard output, for as long as somebody reads it; ``at_once``: line by line.

    Where the reader leaves (``| head``), the body ends there and all is well: to click, who would
    see the error next, it is a failure.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace", line_buffering=at_once or None)
    try:
        yield sys.stdout
        sys.stdout.flush()
    except BrokenPipeError:
        # What Python flushes at exit must go somewhere.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def interruptible(stop: Callable[[], None], captures: Sequence[str]) -> Iterator[None]:
    """The first SIGINT or SIGTERM asks the body to stop in good order; the second ends it."""

    def ask(number: int, frame: object) -> None:
        stop()
        if sys.stdin is not None and "-" in captures:
            # A read that waits for a silent pipe is tried again after this, and finds the end.
            os.dup2(os.open(os.devnull, os.O_RDONLY), sys.stdin.fileno())
        restore()

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        for number in before:
            signal.signal(number, ask)
        yield
    finally:
        restore()
