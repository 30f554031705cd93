"""A bounded reader: no parser reads outside the window it was given."""

from __future__ import annotations

from sensor.errors import DecodeError


class Cursor:
    """Reads ``data`` from ``start`` up to ``end``; positions are absolute offsets in ``data``.

    A read that would pass the end raises DecodeError("truncated") and moves nothing.
    """

    __slots__ = ("data", "end", "position")

    def __init__(self, data: bytes, start: int = 0, end: int | None = None) -> None:
        stop = len(data) if end is None else end
        if not 0 <= start <= stop <= len(data):
            raise DecodeError("window outside the data", start)
        self.data = data
        self.position = start
        self.end = stop

    @property
    def remaining(self) -> int:
        return self.end - self.position

    def take(self, length: int) -> bytes:
        """The next ``length`` bytes."""
        start = self.position
        self.skip(length)
        return self.data[start : self.position]

    def skip(self, length: int) -> None:
        """Move on by ``length`` bytes, which must be there."""
        if not 0 <= length <= self.end - self.position:
            raise DecodeError("truncated", self.position)
        self.position += length

    def u8(self) -> int:
        value = self.peek_u8()
        self.position += 1
        return value

    def u16(self) -> int:
        return int.from_bytes(self.take(2))

    def u32(self) -> int:
        return int.from_bytes(self.take(4))

    def u64(self) -> int:
        return int.from_bytes(self.take(8))

    def peek_u8(self) -> int:
        """The next byte, without moving."""
        if self.position >= self.end:
            raise DecodeError("truncated", self.position)
        return self.data[self.position]

    def rest(self) -> bytes:
        """Everything up to the end of the window."""
        return self.take(self.remaining)

    def sub(self, length: int) -> Cursor:
        """A cursor over the next ``length`` bytes, same offsets; this one moves past them."""
        start = self.position
        self.skip(length)
        return Cursor(self.data, start, self.position)

    def restrict(self, length: int, *, loose: bool = False) -> Window:
        """Narrow the window to the next ``length`` bytes for the body of a ``with``.

        On leaving, the cursor stands at the end of those bytes. Bytes left unread raise
        DecodeError("unread bytes"), unless ``loose``, which passes over them. Where the body
        raises, the cursor stays where it stopped.
        """
        if not 0 <= length <= self.remaining:
            raise DecodeError("truncated", self.position)
        return Window(self, self.position + length, loose)


class Window:
    """The context manager that ``Cursor.restrict`` returns."""

    __slots__ = ("_cursor", "_end", "_loose", "_outer_end")

    def __init__(self, cursor: Cursor, end: int, loose: bool) -> None:
        self._cursor = cursor
        self._end = end
        self._outer_end = cursor.end
        self._loose = loose

    def __enter__(self) -> Cursor:
        self._cursor.end = self._end
        return self._cursor

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        cursor = self._cursor
        cursor.end = self._outer_end
        if kind is not None:
            return
        if cursor.position < self._end and not self._loose:
            raise DecodeError("unread bytes", cursor.position)
        cursor.position = self._end
