"""Capture files, compressed or not, and standard input as a source of batches."""

from __future__ import annotations

import os
import re
import stat
import zlib
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType
from typing import Protocol

from sensor.capture import pcap, pcapng
from sensor.capture.batch import FrameBatch, Interface
from sensor.capture.stream import (
    GZIP_MAGIC,
    MAGIC_SIZE,
    STDIN,
    STREAM_ERRORS,
    XZ_MAGIC,
    ZSTD_MAGIC,
    Source,
    never,
    unpacked,
)
from sensor.capture.window import Scan, Window
from sensor.errors import CaptureError

# Twice as much falls out of a processor's caches; with half as much, what each batch costs beside
# its frames shows.
ARENA = 1 << 22
_FIRST_TIME_ARENA = 1 << 16

# What people name by mistake, so that the message can say what it is.
_OTHER_FORMATS = {
    GZIP_MAGIC: "gzip inside a compressed file; unpack it first",
    ZSTD_MAGIC: "zstd inside a compressed file; unpack it first",
    XZ_MAGIC: "xz inside a compressed file; unpack it first",
    b"PK\x03\x04": "zip; unpack it first",
    b"BZh": "bzip2; unpack it first",
    b"7z\xbc\xaf": "7-Zip; unpack it first",
    b"\x04\x22\x4d\x18": "lz4; unpack it first",
    b"snoo": "snoop; convert it to pcap first",
    b"GMBU": "Network Monitor; convert it to pcap first",
    b"\xa1\x2b\x3c\x4d": "Navtel's variant of pcap; convert it first",
    b"\x4d\x3c\x2b\xa1": "Navtel's variant of pcap; convert it first",
}


# What captures are called, rotated and compressed ones too.
_NAME = re.compile(r"\.(pcap|pcapng|cap)\d*(\.(gz|zst|xz))?$", re.IGNORECASE)


class _Reader(Protocol):
    @property
    def interfaces(self) -> tuple[Interface, ...]: ...

    @property
    def next_frame(self) -> int: ...

    def scan(self, window: Window) -> Scan: ...


class CaptureFile:
    """A pcap or pcapng file, plain or packed with gzip, zstd or xz, or standard input ("-").

    Opens at once and raises CaptureError where that fails; ``batches`` may be walked once.
    ``size`` is in bytes, None where it cannot be known; ``bytes_read`` counts the same bytes,
    so that of a compressed file they are the compressed ones. Offsets in a batch and in a
    CaptureError count the unpacked ones. With ``slots`` above 1, batches that ``hold`` is called
    for outlast the asking for later ones: so many exist at a time, the one being read among them.
    With ``follow`` a file is read as it grows, until another one takes its name (``replaced``).
    Whatever is waited for, waiting ends once ``stopped`` says so.
    """

    def __init__(
        self,
        path: str,
        source: int = 0,
        arena_size: int = ARENA,
        slots: int = 1,
        follow: bool = False,
        stopped: Callable[[], bool] = never,
    ) -> None:
        self.path = path
        self._number = source
        self._arena_size = arena_size
        self._slots = slots
        self._held = False  # the batch handed out last
        self._reader: _Reader | None = None
        self._window: Window | None = None
        try:
            self._source = Source(path, follow, stopped)
        except (OSError, ValueError) as error:  # ValueError: a null byte in the name
            raise self._error(_explain(error)) from None

    def __enter__(self) -> CaptureFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._source.close()

    @property
    def interfaces(self) -> tuple[Interface, ...]:
        """Those known so far; in a pcapng, those of the section of the batch handed out last."""
        return self._reader.interfaces if self._reader else ()

    @property
    def size(self) -> int | None:
        return self._source.size

    @property
    def bytes_read(self) -> int:
        return self._source.count

    @property
    def replaced(self) -> bool:
        return self._source.replaced

    def hold(self) -> None:
        """Keep the batch handed out last until its slot's turn comes again."""
        self._held = True

    def batches(self) -> Iterator[FrameBatch]:
        """All frames in file order; a batch is valid until the next one is asked for.

        Raises CaptureError at damage, after every whole frame before it was handed out.
        """
        try:
            window = self._window = Window(unpacked(self._source), self._arena_size, self._slots)
            reader = self._reader = self._choose_reader(window)
            needed = 0
            while window.fill(needed):
                scan = reader.scan(window)
                if scan.batch is not None:
                    self._held = False
                    yield scan.batch
                    if self._held:
                        window.turn()
                if scan.damage is not None:
                    raise self._error(scan.damage)
                needed = scan.needed
            if window.available:
                raise self._error(
                    f"the file ends here: {window.available} of {needed} bytes are left"
                )
        except STREAM_ERRORS as error:
            raise self._error(_explain(error)) from None
        finally:
            self.close()

    def _choose_reader(self, window: Window) -> _Reader:
        window.fill(MAGIC_SIZE)
        magic = bytes(window.buffer[: min(window.end, MAGIC_SIZE)])
        if magic in pcap.MAGICS:
            return pcap.PcapReader(magic, self._number)
        if magic == pcapng.MAGIC:
            return pcapng.PcapngReader(self._number)
        if not magic:
            raise self._error("the file is empty")
        names = [name for start, name in _OTHER_FORMATS.items() if magic.startswith(start)]
        name = names[0] if names else "no known format"
        raise self._error(f"not a capture: starts with {magic.hex(' ')} ({name})")

    def _error(self, reason: str) -> CaptureError:
        frame = self._reader.next_frame if self._reader else 0
        offset = self._window.position if self._window else 0
        return CaptureError(self.path, frame, offset, reason)


def _explain(error: Exception) -> str:
    if isinstance(error, zlib.error):
        return f"the gzip stream is damaged: {error}"
    if isinstance(error, OSError) and error.strerror:
        return f"cannot be read: {error.strerror}"
    return str(error)


def unknown_link_type(path: str, batch: FrameBatch, row: int) -> CaptureError:
    """The error for a frame that no decoder reads: damage, although later ones may be readable."""
    frame, offset = batch.first_frame + row, int(batch.positions[row])
    reason = f"link type {batch.linktypes[row]} is none that this sensor can read"
    return CaptureError(path, frame, offset, reason)


def may_wait(path: str) -> bool:
    """Whether reading may wait for somebody else: standard input, a pipe, a device."""
    try:
        return path == STDIN or not stat.S_ISREG(os.stat(path).st_mode)
    except (OSError, ValueError):
        return False  # opening it tells why


def first_time(path: str) -> int | None:
    """Time of the first frame, to put rotated files in order.

    None where there is none, or where looking would take frames away (a pipe, standard input).
    """
    if may_wait(path):
        return None
    try:
        with CaptureFile(path, arena_size=_FIRST_TIME_ARENA) as capture:
            batch = next(capture.batches(), None)
            return None if batch is None else int(batch.times[0])
    except (CaptureError, OSError, ValueError):
        return None


def expand(paths: Sequence[str]) -> list[str]:
    """The captures that ``paths`` name: a folder stands for those anywhere in it, sorted.

    In a folder, files that neither start as captures do nor are named like one are passed over,
    and one reached twice through links counts once. Raises CaptureError for a path that is not
    there and for a folder that cannot be listed.
    """
    found: list[str] = []
    for path in paths:
        try:
            if path != STDIN and stat.S_ISDIR(os.stat(path).st_mode):
                found.extend(_captures_in(path))
            else:
                found.append(path)
        except (OSError, ValueError) as error:
            raise CaptureError(path, 0, 0, _explain(error)) from None
    return found


def _captures_in(folder: str) -> list[str]:
    found: list[str] = []
    seen: set[tuple[int, int]] = set()
    for parent, folders, names in os.walk(folder, onerror=_refuse, followlinks=True):
        # A loop of links leads to a folder seen before.
        folders[:] = [name for name in sorted(folders) if _is_new(os.path.join(parent, name), seen)]
        paths = [os.path.join(parent, name) for name in sorted(names)]
        found.extend(path for path in paths if _is_new(path, seen) and _is_capture(path))
    return sorted(found)


def _refuse(error: OSError) -> None:
    raise CaptureError(str(error.filename), 0, 0, _explain(error))


def _is_new(path: str, seen: set[tuple[int, int]]) -> bool:
    try:
        status = os.stat(path)
    except OSError:
        return False  # a link that leads nowhere
    identity = status.st_dev, status.st_ino
    if identity in seen:
        return False
    seen.add(identity)
    return True


def _is_capture(path: str) -> bool:
    """By name, so that a damaged one is told and not passed over; else by how it starts."""
    if not os.path.isfile(path):
        return False  # opening a pipe would wait for its writer
    return _NAME.search(path) is not None or _starts_as_capture(path)


def _starts_as_capture(path: str) -> bool:
    try:
        source = Source(path)
    except OSError:
        return True  # named, so that reading it tells why it cannot be read
    try:
        start = memoryview(bytearray(MAGIC_SIZE))
        stream, size = unpacked(source), 0
        while size < MAGIC_SIZE and (count := stream.readinto1(start[size:])):
            size += count
    except STREAM_ERRORS:
        return True
    finally:
        source.close()
    return bytes(start) in pcap.MAGICS or bytes(start) == pcapng.MAGIC
