"""``sensor decode``: tunnelled frames, one line each, or one frame in full."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TextIO

import click

from sensor.cli.config import config_option, set_option
from sensor.cli.main import DAMAGED, FAILURE, INTERRUPTED
from sensor.cli.selection import selected, selection_options
from sensor.cli.streams import check_followed, expanded, follow_option, interruptible, results
from sensor.emit.visible import visible
from sensor.errors import CaptureError, ConfigError, OutputError

if TYPE_CHECKING:
    from sensor.capture.selection import Selection
    from sensor.cli.progress import Progress
    from sensor.config import Settings
    from sensor.frames import ReadFrame
    from sensor.inspect.crosscheck import Comparison

_RECORD_HEADER = 16  # of a pcap, in octets: what a frame takes in its file besides its own
_FILES_NAMED = 5


@click.command()
@click.argument("paths", nargs=-1, required=True, metavar="PATH...")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "ndjson"]),
    default="text",
    help="What to write to standard output.",
)
@click.option(
    "--frame",
    "number",
    type=click.IntRange(min=1),
    metavar="N",
    help="Frame N alone: every layer and every check, also where it is no tunnel.",
)
@click.option("--cross-check", is_flag=True, help="Compare each row with Wireshark instead.")
@selection_options
@follow_option
@config_option
@set_option
def decode(
    paths: tuple[str, ...],
    form: str,
    number: int | None,
    cross_check: bool,
    expression: str | None,
    count: int | None,
    start: int | None,
    end: int | None,
    follow: bool,
    path: str | None,
    overrides: tuple[str, ...],
) -> int:
    """Print the tunnelled frames of captures, one line each.

    PATH is a capture, a folder of captures, or - for standard input.
    """
    from sensor.config import load

    if cross_check and (number is not None or form != "text"):
        raise click.UsageError("--cross-check stands alone: without --frame and --format")
    chosen = follow or any(option is not None for option in (expression, count, start, end))
    if chosen and (cross_check or number is not None):
        one = "--cross-check" if cross_check else "--frame"
        raise click.UsageError(
            f"{one} stands alone: without --filter, --count, --from, --to and --follow"
        )
    settings, captures = load(path, overrides), expanded(paths)
    selection = selected(expression, count, start, end)
    if follow:
        check_followed(paths)
    run = _Run(captures, settings, form == "ndjson", selection, follow)
    status = 0
    try:
        with results(follow) as stream, closing(run), interruptible(run.stop, run.captures):
            if cross_check:
                status = _cross_check(run, stream)
            elif number is not None:
                _print_frame(run, number, stream)
            else:
                _print_rows(run, stream)
    except (KeyboardInterrupt, OutputError):
        if not run.stopped:  # tshark is interrupted too
            raise
    for damage in run.damages:
        click.echo(f"sensor: error: {visible(str(damage))}", err=True)
    if run.stopped:
        totals = f"{_number(run.read, 'frame')} read, {run.tunnelled} tunnelled"
        click.echo(f"sensor: interrupted: {totals}", err=True)
        return INTERRUPTED
    return status or (DAMAGED if run.damages else 0)


@dataclass(slots=True)
class _Run:
    """Captures on their way to be printed, and what has been met so far."""

    captures: list[str]
    settings: Settings
    ndjson: bool
    selection: Selection
    follow: bool
    damages: list[CaptureError] = field(default_factory=list)
    read: int = 0
    tunnelled: int = 0
    stopped: bool = False
    _octets: int = 0
    _progress: Progress | None = None

    def __post_init__(self) -> None:
        # On the terminal where the results appear, they are the progress.
        if sys.stderr.isatty() and not sys.stdout.isatty():
            from sensor.cli.progress import Progress

            self._progress = Progress([self._sized(path) for path in self.captures])

    def _sized(self, path: str) -> str:
        """The path, or that of a stream where the file's size says nothing about what is read."""
        from sensor.capture.selection import EVERYTHING
        from sensor.capture.stream import STDIN, is_packed

        return STDIN if self.follow or self.selection != EVERYTHING or is_packed(path) else path

    def frames(self, captures: Sequence[str]) -> Iterator[ReadFrame]:
        from sensor.frames import read_frames
        from sensor.schema.words import Reason

        frames = read_frames(
            captures,
            self.settings.decode,
            self.settings.track,
            self.damages,
            self.selection,
            self.follow,
            lambda: self.stopped,
        )
        for frame in frames:
            self.read += not frame.late
            self.tunnelled += frame.reason in (Reason.TUNNELLED, Reason.COPY)
            self._octets += frame.captured_length + _RECORD_HEADER
            if self._progress is not None:
                self._progress.show(self._octets)
            yield frame
        if self.stopped:
            raise KeyboardInterrupt

    def stop(self) -> None:
        """Asks ``frames`` to raise KeyboardInterrupt once those at hand are done with."""
        self.stopped = True

    def close(self) -> None:
        if self._progress is not None:
            self._progress.clear()


def _print_rows(run: _Run, stream: TextIO) -> None:
    several = len(run.captures) > 1
    for frame in run.frames(run.captures):
        if frame.rows:
            label = f"{visible(frame.capture)}:{frame.number}" if several else f"{frame.number:>5}"
            stream.write(_row(run, frame, label) + "\n")


def _row(run: _Run, frame: ReadFrame, label: str) -> str:
    from sensor.emit.frameline import text_line
    from sensor.emit.ndjson import line
    from sensor.emit.rows import row_object

    sixrd = run.settings.decode.sixrd
    if run.ndjson:
        return line(row_object(frame.capture, frame.rows, frame.data, sixrd))
    return text_line(label, frame.rows, frame.data, sixrd)


# one frame


def _print_frame(run: _Run, number: int, stream: TextIO) -> None:
    """That frame of every capture that has it; ConfigError if none has."""
    printed = False
    lengths: list[tuple[str, int]] = []
    for capture in run.captures:
        count = 0
        for frame in run.frames([capture]):
            count = max(count, frame.number)
            if frame.number == number:
                _write_frame(run, frame, stream, printed)
                printed = True
                break
        lengths.append((capture, count))
    if not printed:
        raise ConfigError(_no_frame(number, lengths))


def _no_frame(number: int, lengths: Sequence[tuple[str, int]]) -> str:
    counts = [f"{visible(path)} has {count} frames" for path, count in lengths[:_FILES_NAMED]]
    if len(lengths) > _FILES_NAMED:
        counts.append(f"{len(lengths) - _FILES_NAMED} more captures have no more either")
    return f"no frame {number}: {', '.join(counts)}"


def _write_frame(run: _Run, frame: ReadFrame, stream: TextIO, separated: bool) -> None:
    from sensor.decode.scalar import Frame, decode_frame
    from sensor.decode.trace import Trace
    from sensor.emit.detail import detail, verdict, wrapped
    from sensor.emit.frameline import moment

    if run.ndjson:
        if frame.rows:
            stream.write(_row(run, frame, "") + "\n")
        return
    if separated:
        stream.write("\n")
    trace = Trace()
    whole = frame.whole
    again = Frame(
        frame.data,
        frame.link_type,
        frame.wire_length,
        frame.number,
        frame.time,
        whole_at=whole.at if whole else None,
    )
    _, layers = decode_frame(again, run.settings.decode, trace)
    stream.write(f"frame {frame.number} of {visible(frame.capture)}\n")
    size = f"{frame.captured_length} bytes of {frame.wire_length} captured"
    stream.write(f"{moment(frame.time)}, {size}\n")
    if whole:
        stream.write(f"with the whole packet, put together from {_frames(whole.frames)}\n")
    stream.write("\n")
    for line in detail(trace.steps, layers, frame.data, run.settings.decode.sixrd):
        stream.write(line + "\n")
    stream.write("\n")
    for line in wrapped("", f"Verdict: {verdict(frame.reason, frame.rows)}"):
        stream.write(line + "\n")


# Wireshark


def _cross_check(run: _Run, stream: TextIO) -> int:
    """Every capture's comparison; fails if a difference has no known reason."""
    from sensor.inspect.crosscheck import cross_check

    unexplained = 0
    for capture in run.captures:
        late: list[int] = []
        rows = _rows_in_order(run, capture, late)
        comparison = cross_check(capture, rows, stopped=lambda: run.stopped)
        unexplained += comparison.unknown
        for line in _comparison(capture, comparison, late):
            stream.write(line + "\n")
    return FAILURE if unexplained else 0


def _rows_in_order(run: _Run, capture: str, late: list[int]) -> Iterator[dict[str, Any]]:
    """Rows in file order; ``late`` takes the numbers of frames that come when it is too late."""
    from sensor.emit.rows import row_object

    for frame in run.frames([capture]):
        if frame.rows and frame.late:
            late.append(frame.number)
        elif frame.rows:
            yield row_object(capture, frame.rows, frame.data, run.settings.decode.sixrd)


def _comparison(capture: str, found: Comparison, late: Sequence[int]) -> Iterator[str]:
    yield (
        f"{visible(capture)}: {_number(found.compared, 'row')} compared with Wireshark,"
        f" {_number(found.known + found.unknown, 'difference')},"
        f" {found.unknown} of them unexplained"
    )
    if late:
        yield f"  not compared, as their fragments were waited for too long: {_frames(late)}"
    if found.undecoded:
        yield f"  Wireshark did not decode {_frames(found.undecoded)}"
    if found.unseen:
        yield f"  a tunnel to Wireshark alone: {_frames(found.unseen)}"
    for difference in found.differences:
        ours, theirs = difference.ours or "absent", difference.wireshark or "absent"
        reason = difference.reason or "no reason known"
        yield f"  frame {difference.frame} {difference.name}: {ours} here, {theirs} there: {reason}"
    if more := found.known + found.unknown - len(found.differences):
        yield f"  and {more} more"


_FRAMES_NAMED = 10


def _frames(numbers: Sequence[int]) -> str:
    named = ", ".join(map(str, numbers[:_FRAMES_NAMED]))
    more = ", ..." if len(numbers) > _FRAMES_NAMED else ""
    return f"{_number(len(numbers), 'frame')}: {named}{more}"


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
