"""The bytes of a capture in order, unpacked where they are compressed."""

from __future__ import annotations

import contextlib
import importlib
import os
import stat
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    import select

STDIN = "-"
MAGIC_SIZE = 4
GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
_ZSTD_SKIPPED = b"\x2a\x4d\x18"  # behind a first octet of 0x50 to 0x5f (RFC 8878, section 3.1.2)
XZ_MAGIC = b"\xfd7zX"

# Compressed bytes taken at a time bound what one step can unpack to: deflate grows at most
# 1,032-fold, a zstd block of 4 bytes holds at most 128 KiB, and LZMA grows some 7,000-fold; so
# 8 MiB, 16 MiB and 4 MiB.
_GZIP_PIECE = 8192
_SMALL_PIECE = 512
# The largest window the zstd command accepts without being told otherwise; twice what the xz
# command needs for its best compression.
_MEMORY = 1 << 27

# Seconds between two looks at a silent pipe or a file that grows: how long an interrupt waits.
_PAUSE = 0.1

# What reading raises where a stream is damaged or the system refuses to read on.
STREAM_ERRORS = (OSError, EOFError, zlib.error)


class Stream(Protocol):
    """``readinto1`` fills the start of a buffer with what is there now; 0 is the end."""

    def readinto1(self, buffer: memoryview, /) -> int: ...


def never() -> bool:
    return False


class Source:
    """A file, a pipe or standard input ("-"), read once from its start.

    Unbuffered: a buffered reader waits for more than a pipe holds now, and takes a pipe that
    would have to wait for one that has ended. With ``follow`` the end of a file is where another
    one has taken its name, or where it was begun anew: then ``replaced`` is true. Waiting for a
    pipe or for such a file ends once ``stopped`` says so; what is not there then is the end.
    """

    def __init__(
        self, path: str, follow: bool = False, stopped: Callable[[], bool] = never
    ) -> None:
        self.count = 0
        self.size: int | None = None
        self.replaced = False
        self._path = path
        self._follow = False
        self._stopped = stopped
        self._head = memoryview(b"")
        self._pipe: select.poll | None = None
        self._owned = path != STDIN
        if not self._owned:
            if sys.stdin is None:
                raise OSError("standard input is closed")
            self._raw: Any = getattr(sys.stdin.buffer, "raw", sys.stdin.buffer)
            return
        self._raw = self._opened(follow)
        status = os.fstat(self._raw.fileno())
        if stat.S_ISREG(status.st_mode):
            self.size = status.st_size
            self._follow = follow
        else:
            import select  # few captures are pipes

            self._pipe = select.poll()
            self._pipe.register(self._raw.fileno(), select.POLLIN)

    def _opened(self, follow: bool) -> Any:
        """With ``follow``, wait for a file that was moved away: the next one comes after that."""
        while True:
            try:
                return open(self._path, "rb", buffering=0, opener=_open)
            except FileNotFoundError:
                if not follow or self._stopped():
                    raise
            time.sleep(_PAUSE)

    @property
    def position(self) -> int:
        """Offset of what is read next."""
        return self.count - len(self._head)

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

    def again(self, start: int, end: int, limit: int) -> Iterator[bytes]:
        """Bytes ``start`` up to ``end`` once more, in pieces; OSError where that cannot be."""
        for offset in range(start, end, limit):
            if self.size is None:
                raise OSError("a stream cannot be read twice")
            yield os.pread(self._raw.fileno(), min(limit, end - offset), offset)

    def _receive(self, buffer: memoryview) -> int:
        if self._pipe is not None and not self._await_writer(self._pipe):
            return 0
        count: int | None = self._raw.readinto(buffer)
        while count == 0 and self._follow and self._may_grow():
            count = self._raw.readinto(buffer)
        if count is None:
            raise OSError("the input is in non-blocking mode and holds nothing now")
        self.count += count
        return count

    def _await_writer(self, pipe: select.poll) -> bool:
        """Wait until the pipe holds something or has ended; False if asked to stop before."""
        while not self._stopped():
            if pipe.poll(_PAUSE * 1000):
                return True
        return False

    def _may_grow(self) -> bool:
        """Wait a moment for a file that has no more now; False once it will have no more."""
        if self.replaced or self._stopped():
            return False
        self.replaced = self._is_replaced()
        if not self.replaced:
            time.sleep(_PAUSE)
        return True  # what was written before it was replaced is still to be read

    def _is_replaced(self) -> bool:
        ours = os.fstat(self._raw.fileno())
        if ours.st_size < self.count:
            return True  # begun anew
        try:
            there = os.stat(self._path)
        except OSError:
            return False  # moved away; the next file has not come yet
        # Whoever writes may go on with the old file until there is something in the new one.
        return not os.path.samestat(ours, there) and there.st_size > 0

    def close(self) -> None:
        if self._owned:
            self._raw.close()


def _open(path: str, flags: int) -> int:
    """Without waiting for somebody to write to a pipe: nothing could end that wait."""
    return os.open(path, flags | os.O_NONBLOCK)


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
    """The source itself, or what it unpacks to where it starts as gzip, zstd or xz does."""
    magic = source.magic()
    if magic.startswith(GZIP_MAGIC):
        return Unpacked(_gunzip(source))
    if _is_zstd(magic):
        return Unpacked(_members(source, _zstd()))
    if magic == XZ_MAGIC:
        return Unpacked(_members(source, _xz()))
    return source


def _is_zstd(magic: bytes) -> bool:
    """Whether a stream starts with what is compressed, or with a frame to skip in front of it."""
    return magic == ZSTD_MAGIC or (magic[1:] == _ZSTD_SKIPPED and magic[0] >> 4 == 5)


def is_packed(path: str) -> bool:
    """Whether a file starts as compressed ones do; False where it cannot be looked at.

    Nor is anything else: a pipe would be waited for, and lose what is taken out.
    """
    if not os.path.isfile(path):
        return False
    try:
        with open(path, "rb") as file:
            magic = file.read(MAGIC_SIZE)
    except OSError:
        return False
    return magic.startswith(GZIP_MAGIC) or _is_zstd(magic) or magic == XZ_MAGIC


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


class _Codec(NamedTuple):
    """A compression whose files are made of members, one after another."""

    name: str
    start: Callable[[], Any]  # a decompressor for one member
    error: type[Exception]
    padding: bytes  # what may stand between members


def _zstd() -> _Codec:
    """RFC 8878; its members are called frames (section 3)."""
    try:
        zstandard = importlib.import_module("zstandard")
    except ImportError:
        raise OSError("zstd needs the Python package zstandard, which is not installed") from None
    decompressor = zstandard.ZstdDecompressor(max_window_size=_MEMORY)
    return _Codec("zstd", decompressor.decompressobj, zstandard.ZstdError, b"")


def _xz() -> _Codec:
    """The .xz file format; its members are called streams (section 2)."""
    try:
        lzma = importlib.import_module("lzma")
    except ImportError:
        raise OSError("xz needs a Python that was built with liblzma") from None

    def start() -> Any:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, _MEMORY)

    return _Codec("xz", start, lzma.LZMAError, b"\0")


def _members(source: Source, codec: _Codec) -> Iterator[bytes]:
    """What every member unpacks to, one after another."""
    member, start = codec.start(), 0
    while piece := source.read(_SMALL_PIECE):
        while piece:
            if member.eof:
                piece = piece.lstrip(codec.padding)
                if not piece:
                    break
                member, start = codec.start(), source.position - len(piece)
            try:
                yield member.decompress(piece)
            except codec.error as error:
                yield from _until_damage(source, codec, start, piece)
                raise OSError(f"the {codec.name} stream is damaged: {error}") from error
            piece = member.unused_data if member.eof else b""
    if not member.eof:
        raise EOFError(f"the {codec.name} stream ends early")


def _until_damage(source: Source, codec: _Codec, start: int, piece: bytes) -> Iterator[bytes]:
    """What the piece that ends at the source's position holds before the damage.

    The failed call kept that to itself. Read once more from the member's start, the piece gives it
    byte by byte; of a pipe, which cannot be, it is lost.
    """
    member, end = codec.start(), source.position - len(piece)
    with contextlib.suppress(OSError, codec.error):
        for before in source.again(start, end, _SMALL_PIECE):
            member.decompress(before)
        for i in range(len(piece)):
            yield member.decompress(piece[i : i + 1])
