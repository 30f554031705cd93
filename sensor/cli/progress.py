"""One line on standard error: how far, how fast, how long still."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence

from rich.filesize import decimal

# Work that ends sooner needs no line, and a line redrawn more often than this cannot be read.
_PATIENCE = 1.0
_INTERVAL = 0.25


class Progress:
    """Redraws its line in place; only for a terminal."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._started = self._shown = time.monotonic()
        self._drawn = False
        sizes = [os.path.getsize(path) if os.path.isfile(path) else None for path in paths]
        known = [size for size in sizes if size is not None]
        self._total = sum(known) if len(known) == len(sizes) else None

    def show(self, done: int) -> None:
        now = time.monotonic()
        if now - self._started < _PATIENCE or now - self._shown < _INTERVAL:
            return
        self._shown = now
        self._drawn = True
        sys.stderr.write("\r\x1b[K" + line(done, self._total, now - self._started))
        sys.stderr.flush()

    def clear(self) -> None:
        if self._drawn:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()


def line(done: int, total: int | None, seconds: float) -> str:
    """The text: octets done of all, octets a second, time left where the end is known."""
    rate = done / seconds
    text = f"{decimal(done)} read, {decimal(int(rate))}/s"
    if total is None or not rate:
        return text
    left = max(0, round((total - done) / rate))
    clock = f"{left // 60}:{left % 60:02d}"
    return f"{decimal(done)} of {decimal(total)}, {decimal(int(rate))}/s, {clock} left"
