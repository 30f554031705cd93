"""The options that say which frames count: ``--filter``, ``--count``, ``--from``, ``--to``."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import click

from sensor.errors import ConfigError

if TYPE_CHECKING:
    from sensor.capture.selection import Selection

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FAR = 10**10  # seconds: no capture holds a time that far from 1970

# The digits of a time that datetime passes over.
_NANOSECONDS = re.compile(r"[.,]\d{6}(\d{1,3})")

_Command = TypeVar("_Command", bound=Callable[..., Any])


class _Moment(click.ParamType[int]):
    """A time as people write it: RFC 3339, or seconds since 1970."""

    name = "time"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from decimal import Decimal, InvalidOperation

        try:
            seconds = Decimal(value)
            if seconds.is_finite() and abs(seconds) < _FAR:
                return int(seconds * 1_000_000_000)
        except InvalidOperation:
            pass
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no time; write 2026-11-21T07:02:11Z, or seconds since 1970")
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        below = _NANOSECONDS.search(value)
        nanoseconds = int(below[1].ljust(3, "0")) if below else 0
        return (moment - _EPOCH) // timedelta(microseconds=1) * 1_000 + nanoseconds


_filter_option = click.option(
    "--filter",
    "expression",
    metavar="BPF",
    help="Only frames that match, in tcpdump's language.",
)
_count_option = click.option(
    "--count", type=click.IntRange(min=1), metavar="N", help="Only the first N frames (that match)."
)
_from_option = click.option(
    "--from",
    "start",
    type=_Moment(),
    metavar="T",
    help="Only frames from this time on: RFC 3339 or seconds since 1970, UTC.",
)
_to_option = click.option(
    "--to", "end", type=_Moment(), metavar="T", help="Only frames before this time."
)


def selection_options(command: _Command) -> _Command:
    """The options; ``selected`` takes what they give."""
    return _filter_option(_count_option(_from_option(_to_option(command))))


def selected(
    expression: str | None, count: int | None, start: int | None, end: int | None
) -> Selection:
    """What the options ask for; ConfigError where no frame could be it."""
    from sensor.capture.selection import Selection

    if start is not None and end is not None and start >= end:
        raise ConfigError("--to must be later than --from: frames at --to itself do not count")
    keep = None
    if expression is not None:
        from sensor.capture.filter import FrameFilter

        keep = FrameFilter(expression).matches
    return Selection(start, end, count, keep)
