"""``sensor replay``: captures in, exposures and tunnels out."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TextIO

import click

from sensor.capture.stream import STDIN
from sensor.cli.config import config_option, set_option
from sensor.cli.main import DAMAGED, FINDINGS, INTERRUPTED
from sensor.cli.selection import selected, selection_options
from sensor.cli.streams import check_followed, expanded, follow_option, interruptible, results
from sensor.emit.visible import visible
from sensor.errors import ConfigError
from sensor.schema.words import SEVERITIES, Vantage

if TYPE_CHECKING:
    from sensor.capture.selection import Selection
    from sensor.config import Settings
    from sensor.emit.summary import Summary
    from sensor.emit.terminal import Line
    from sensor.pipeline import Replay, Source
    from sensor.schema.records import Change
    from sensor.store.sqlite import Store


# By these the environment speaks of a terminal where none is seen.
_TERMINAL_VARIABLES = ("COLUMNS", "FORCE_COLOR", "TTY_COMPATIBLE")


# What is worth a line of its own while captures are followed; the report has the rest.
_NEWS = ("tunnel-discovered", "tunnel-qualified", "exposure-opened", "exposure-closed")


class _Outputs(NamedTuple):
    """Where results go."""

    stream: TextIO
    ndjson: bool
    store: Store | None


@click.command()
@click.argument("paths", nargs=-1, metavar="PATH...")
@click.option(
    "--vantage",
    "vantages",
    multiple=True,
    metavar="SIDE=PATH",
    help="A capture taken inside or outside of the NAT: inside=a.pcap outside=b.pcap.",
)
@click.option("--separate", is_flag=True, help="Take each capture alone, not as one observation.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "ndjson"]),
    default="text",
    help="What to write to standard output.",
)
@click.option("--store", "store_path", metavar="FILE", help="Keep everything in an SQLite file.")
@click.option(
    "--fail-on",
    type=click.Choice(SEVERITIES),
    help="Exit 4 if an exposure is at least this severe.",
)
@selection_options
@follow_option
@config_option
@set_option
def replay(
    paths: tuple[str, ...],
    vantages: tuple[str, ...],
    separate: bool,
    form: str,
    store_path: str | None,
    fail_on: str | None,
    expression: str | None,
    count: int | None,
    start: int | None,
    end: int | None,
    follow: bool,
    path: str | None,
    overrides: tuple[str, ...],
) -> int:
    """Find tunnels and exposed services in captures.

    PATH is a capture, a folder of captures, or - for standard input. Several are one observation
    in packet-time order. Never transmits anything.
    """
    from sensor.config import load

    settings = load(path, overrides)
    sources = _sources(paths, vantages, follow)
    selection = selected(expression, count, start, end)
    observations = [[source] for source in sources] if separate else [sources]
    codes: set[int] = set()
    with ExitStack() as stack:
        store = _open_store(store_path, stack)
        outputs = _Outputs(stack.enter_context(results(follow)), form == "ndjson", store)
        for observation in observations:
            codes.add(_observe(observation, settings, selection, outputs, fail_on))
            if INTERRUPTED in codes:
                break
    return next((code for code in (INTERRUPTED, FINDINGS, DAMAGED) if code in codes), 0)


def _sources(paths: Sequence[str], vantages: Sequence[str], follow: bool) -> list[Source]:
    """Every capture once, in the order named, each with its side if one was given."""
    from sensor.pipeline import Source

    named = [_side(text) for text in vantages]
    if paths or not named:
        named.insert(0, (Vantage.UNKNOWN, paths))
    found: dict[str, Source] = {}
    for side, group in named:
        for path in expanded(group):
            place = path if path == STDIN else os.path.realpath(path)
            first = found.get(place)
            found[place] = Source(first.path if first else path, side, follow)
    if follow:
        check_followed([path for _, group in named for path in group])
    return list(found.values())


def _side(named: str) -> tuple[Vantage, Sequence[str]]:
    side, equals, path = named.partition("=")
    if not equals or side not in ("inside", "outside") or not path:
        raise ConfigError(f"--vantage {named!r}: write inside=PATH or outside=PATH")
    return Vantage[side.upper()], [path]


def _open_store(path: str | None, stack: ExitStack) -> Store | None:
    if path is None:
        return None
    from sensor.emit.ecs import document
    from sensor.store.sqlite import Store

    return stack.enter_context(Store(path, document))


def _observe(
    sources: Sequence[Source],
    settings: Settings,
    selection: Selection,
    outputs: _Outputs,
    fail_on: str | None,
) -> int:
    """One observation from its first frame to its report; returns the exit code."""
    from sensor.data.known import name_role, service_name
    from sensor.emit.summary import Summary
    from sensor.pipeline import Replay

    follow = any(source.follow for source in sources)
    # Without these only the report is wanted, which shows how things ended.
    story = outputs.ndjson or outputs.store is not None or follow
    replay = Replay(
        sources, settings.decode, settings.track, selection, service_name, story, name_role
    )
    summary = Summary()
    paths = [source.path for source in sources]
    with (
        interruptible(replay.stop, paths),
        _progress(replay, sources, outputs),
        closing(replay.changes()) as changes,
    ):
        for change in _delivered(changes, settings, outputs):
            summary.add(change)
            if follow and not outputs.ndjson and change.action in _NEWS:
                outputs.stream.write(_news(change))
    summary.witnesses = replay.witnesses
    if not outputs.ndjson:
        gap = "\n" if follow else ""  # behind the news, or the echo of Ctrl-C
        outputs.stream.write(gap + _report(summary, sources, replay, outputs.stream))
    outputs.stream.flush()  # results come before the complaints about them
    damaged = _report_damage(replay)
    if replay.stopped:
        return INTERRUPTED
    if fail_on is not None and summary.worst() >= SEVERITIES.index(fail_on):
        return FINDINGS
    return DAMAGED if damaged else 0


def _news(change: Change) -> str:
    """A sentence, and the line it ends."""
    import shutil
    import textwrap

    from sensor.emit.message import message
    from sensor.emit.terminal import WIDTH
    from sensor.emit.texts import second_text

    text = f"{second_text(change.time)} {visible(message(change))}"
    width = min(WIDTH, shutil.get_terminal_size((WIDTH, 0)).columns)
    return textwrap.fill(text, width, subsequent_indent="  ", break_long_words=False) + "\n"


def _delivered(
    changes: Iterator[Change], settings: Settings, outputs: _Outputs
) -> Iterator[Change]:
    """Changes on their way, written as documents where an output asks for them."""
    if not outputs.ndjson and outputs.store is None:
        yield from changes
        return
    import socket

    from sensor.emit.ecs import Context, document
    from sensor.emit.identity import event_id
    from sensor.emit.ndjson import write
    from sensor.schema.records import FlowRecord

    context = Context(observer=settings.site or socket.gethostname(), created=time.time_ns())
    for change in changes:
        flow = isinstance(change.record, FlowRecord)
        rendered = document(change, context) if outputs.ndjson or not flow else {}
        if outputs.ndjson:
            write(rendered, outputs.stream)
        if outputs.store is not None and flow:
            outputs.store.add_flow(change, event_id(change, context.observer), context)
        elif outputs.store is not None:
            outputs.store.add(change, rendered)
        yield change


@contextmanager
def _progress(replay: Replay, sources: Sequence[Source], outputs: _Outputs) -> Iterator[None]:
    """Octets, rate and time left on a terminal, for work that takes longer than a moment."""
    follow = any(source.follow for source in sources)
    # What appears on the same terminal meanwhile is progress enough.
    if not sys.stderr.isatty() or ((outputs.ndjson or follow) and outputs.stream.isatty()):
        yield
        return
    from sensor.cli.progress import Progress

    # Nobody knows where a file ends that grows.
    progress = Progress([STDIN if source.follow else source.path for source in sources])
    replay.on_batch = lambda: progress.show(replay.bytes_read)
    try:
        yield
    finally:
        progress.clear()


def _report(summary: Summary, sources: Sequence[Source], replay: Replay, stream: TextIO) -> str:
    """What people read, in colour only on a terminal and unless NO_COLOR is set."""
    from sensor.emit.terminal import WIDTH, render

    paths = [source.path for source in sources]
    lines = partial(render, summary, paths, dict(replay.limits_hit))
    if stream.isatty() or any(name in os.environ for name in _TERMINAL_VARIABLES):
        return _styled(lines, WIDTH)
    # The same as Rich would give, which takes longer to load than a small capture to read.
    return "".join("".join(words for words, _ in line) + "\n" for line in lines(WIDTH))


def _styled(lines: Callable[[int], Iterator[Line]], widest: int) -> str:
    """As Rich takes the terminal to be."""
    from rich.console import Console
    from rich.text import Text

    plain = bool(os.environ.get("NO_COLOR"))
    console = Console(highlight=False, soft_wrap=True, color_system=None if plain else "auto")
    known = console.is_terminal or "COLUMNS" in os.environ
    with console.capture() as report:
        for line in lines(min(widest, console.width) if known else widest):
            console.print(Text.assemble(*line))
    return report.get()


def _report_damage(replay: Replay) -> bool:
    """Say on standard error what could not be read; True if there was anything."""
    for damage in replay.damages:
        click.echo(f"sensor: error: {visible(str(damage))}", err=True)
    return bool(replay.damages)
