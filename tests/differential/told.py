"""What was compared with Wireshark, for the end of a run's output."""

from __future__ import annotations

LINES: list[str] = []
