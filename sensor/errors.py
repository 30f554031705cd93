"""The errors a caller may catch.

SensorError
├── ConfigError    settings or arguments a person wrote are wrong; the text names the fix
├── CaptureError   a capture cannot be read on from one point; says file, frame, offset, reason
├── DecodeError    bytes do not follow a format; hostile input is data, never a crash
├── RuleError      a detection's file is wrong; the text names file and line
└── OutputError    a result could not be written
"""

from __future__ import annotations


class SensorError(Exception):
    """Root of every error this package raises on purpose."""


class ConfigError(SensorError):
    """Settings or arguments are wrong; the text tells the person what to change."""


class CaptureError(SensorError):
    """A capture stops being readable; everything before this point was delivered.

    ``frame`` is the 1-based number of the frame that could not be read (0: the file header),
    ``offset`` the byte offset in the file where the damage was noticed.
    """

    def __init__(self, path: str, frame: int, offset: int, reason: str) -> None:
        super().__init__(f"{path}: frame {frame}, byte offset {offset}: {reason}")
        self.path = path
        self.frame = frame
        self.offset = offset
        self.reason = reason


class DecodeError(SensorError):
    """Bytes do not follow the format; ``offset`` is where, counted in the data parsed."""

    def __init__(self, reason: str, offset: int = 0) -> None:
        super().__init__(f"{reason} at offset {offset}")
        self.reason = reason
        self.offset = offset


class RuleError(SensorError):
    """A detection's file is wrong; the text names file and line."""


class OutputError(SensorError):
    """A result could not be written where the person asked for it."""
