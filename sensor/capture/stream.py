"""The bytes of a capture in order, unpacked where they are compressed."""

from __future__ import annotations

import importlib
import os
import stat
import sys
import zlib
from collections.abc import Iterator
from typing import Any, Protocol

STDIN = "-"
MAGIC_SIZE = 4
GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"

# Compressed bytes taken at a time bound what one step can unpack to: deflate grows at most
# 1,032-fold, and a zstd block of 4 bytes holds at most 128 KiB; so 8 MiB and 16 MiB.
_GZIP_PIECE = 8192
_ZSTD_PIECE = 512
# The largest window the zstd command accepts without being told otherwise.
_ZSTD_WINDOW = 1 << 27

# What reading raises where a stream is damaged or the system refuses to read on.
STREAM_ERRORS = (OSError, EOFError, zlib.error)


class Stream(Protocol):
    """``readinto1`` fills the start of a buffer with what is there now; 0 is the end."""

    def readinto1(self, buffer: memoryview, /) -> int: ...


class Source:
    """A file, a pipe or standard input ("-"), read once from its start without seeking.

    Unbuffered: a buffered reader waits for more than a pipe holds now, and takes a pipe that
    would have to wait for one that has ended.
    """

    def __init__(self, path: str) -> None:
        self.count = 0
        self.size: int | None = None
        self._head = memoryview(b"")
        self._owned = path != STDIN
        if not self._owned:
            if sys.stdin is None:
                raise OSError("standard input is closed")
            self._raw: Any = getattr(sys.stdin.buffer, "raw", sys.stdin.buffer)
            return
        self._raw = open(path, "rb", buffering=0)  # noqa: SIM115 - close() does it
        status = os.fstat(self._raw.fileno())
        self.size = status.st_size if stat.S_ISREG(status.st_mode) else None

    def magic(self) -> bytes:
        """The first bytes, fewer only where there are no more; reading starts with them again."""
        head = memoryview(bytearray(MAGIC_SIZE))
        size = 0
        while size < MAGIC_SIZE and (count := self._receive(head[size:])):
            size += count
        self._head = head[:size]
        return bytes(self._head)

    def read(self, limit: int) -> bytes:
        buffer = bytearray(limit)
        return bytes(buffer[: self.readinto1(memoryview(buffer))])

    def readinto1(self, buffer: memoryview, /) -> int:
        if not self._head:
            return self._receive(buffer)
        size = min(len(buffer), len(self._head))
        buffer[:size] = self._head[:size]
        self._head = self._head[size:]
        return size

    def _receive(self, buffer: memoryview) -> int:
        count: int | None = self._raw.readinto(buffer)
        if count is None:
            raise OSError("the input is in non-blocking mode and holds nothing now")
        self.count += count
        return count

    def close(self) -> None:
        if self._owned:
            self._raw.close()


class Unpacked:
    """A stream made of the pieces that a decompressor yields."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def readinto1(self, buffer: memoryview, /) -> int:
        while not self._rest:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._rest = memoryview(piece)
        size = min(len(buffer), len(self._rest))
        buffer[:size] = self._rest[:size]
        self._rest = self._rest[size:]
        return size


def unpacked(source: Source) -> Stream:
    """The source itself, or what it unpacks to where it starts as gzip or zstd does."""
    magic = source.magic()
    if magic.startswith(GZIP_MAGIC):
        return Unpacked(_gunzip(source))
    if magic == ZSTD_MAGIC:
        return Unpacked(_unzstd(source))
    return source


def _gunzip(source: Source) -> Iterator[bytes]:
    """Every member, one after another; zero bytes may pad them (RFC 1952, section 2.2)."""
    member = zlib.decompressobj(wbits=31)
    while piece := source.read(_GZIP_PIECE):
        while piece:
            if member.eof:
                piece = piece.lstrip(b"\0")
                if not piece:
                    break
                member = zlib.decompressobj(wbits=31)
            before = member.copy()
            try:
                yield member.decompress(piece)
            except zlib.error:
                # The failed call kept what it had unpacked before the damage; byte by byte all
                # of that comes out, and then the same error again.
                yield from (before.decompress(piece[i : i + 1]) for i in range(len(piece)))
            piece = member.unused_data
    if not member.eof:
        raise EOFError("the gzip stream ends early")


def _unzstd(source: Source) -> Iterator[bytes]:
    """Every frame, one after another (RFC 8878, section 3)."""
    try:
        zstandard = importlib.import_module("zstandard")
    except ImportError:
        raise OSError("zstd needs the Python package zstandard, which is not installed") from None
    decompressor = zstandard.ZstdDecompressor(max_window_size=_ZSTD_WINDOW)
    frame = None
    while piece := source.read(_ZSTD_PIECE):
        while piece:
            frame = frame or decompressor.decompressobj()
            try:
                yield frame.decompress(piece)
            except zstandard.ZstdError as error:
                raise OSError(f"the zstd stream is damaged: {error}") from error
            piece = frame.unused_data
            if frame.eof:
                frame = None
    if frame is not None:
        raise EOFError("the zstd stream ends early")
