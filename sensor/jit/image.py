"""Machine code that runs wherever it is put, taken from an object file.

LLVM's object files for x86-64 (ELF; System V ABI, AMD64 supplement, section 4.4) leave the
distances between sections open. With the sections side by side all of them are known, so what
comes out needs no linker: a run puts it into memory that may be executed, and calls it.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SECTION = struct.Struct("<IIQQQQIIQQ")
_SYMBOL = struct.Struct("<IBBHQQ")
_RELOCATION = struct.Struct("<QQq")
_X86_64 = 62
_SYMBOLS, _RELOCATIONS, _EMPTY = 2, 4, 8  # types of sections
_LOADED, _CODE = 2, 4  # flags of a section
_UNWINDING = 0x70000001  # tables for exceptions: compiled code raises none
_ABSOLUTE, _DISTANCE, _CALL = 1, 2, 4  # types of relocations


class Image(NamedTuple):
    code: bytes
    functions: dict[str, int]  # where each begins


class _Section(NamedTuple):
    name: int
    type: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    target: int
    alignment: int
    entry: int


def image(data: bytes) -> Image | None:
    """The sections of an ELF object file as one piece; None if it needs more than distances.

    That is so for other processors, and for code that calls or reads what is not in the file.
    """
    if not data.startswith(b"\x7fELF\x02\x01"):
        return None
    header = _HEADER.unpack_from(data)
    if header[2] != _X86_64:
        return None
    start, width, count = header[6], header[11], header[12]
    sections = [_Section(*_SECTION.unpack_from(data, start + i * width)) for i in range(count)]
    places, code = _side_by_side(data, sections)
    (table,) = (section for section in sections if section.type == _SYMBOLS)
    symbols = list(_SYMBOL.iter_unpack(data[table.offset : table.offset + table.size]))
    for section in sections:
        if section.type != _RELOCATIONS or section.target not in places:
            continue
        written = sections[section.target]
        for at, kind, addend in _RELOCATION.iter_unpack(
            data[section.offset : section.offset + section.size]
        ):
            number, kind = kind >> 32, kind & 0xFFFFFFFF
            _, _, _, home, value, _ = symbols[number]
            if kind == _ABSOLUTE and not written.flags & _CODE:
                continue  # Numba's descriptions of exceptions, which nobody reads
            if kind not in (_DISTANCE, _CALL) or home not in places:
                return None
            place = places[section.target] + at
            struct.pack_into("<i", code, place, places[home] + value + addend - place)
    names = sections[table.link].offset
    functions = {
        _text(data, names + name): places[home] + value
        for name, binding, _, home, value, _ in symbols
        if binding >> 4 == 1 and home in places  # global
    }
    return Image(bytes(code), functions)


def _side_by_side(data: bytes, sections: list[_Section]) -> tuple[dict[int, int], bytearray]:
    """Where each loaded section stands, by its number, and the octets of all."""
    places: dict[int, int] = {}
    code = bytearray()
    for number, section in enumerate(sections):
        if not section.flags & _LOADED or section.type == _UNWINDING:
            continue
        code += bytes(-len(code) % max(1, section.alignment))
        places[number] = len(code)
        empty = section.type == _EMPTY
        code += bytes(section.size) if empty else data[section.offset :][: section.size]
    return places, code


def _text(data: bytes, start: int) -> str:
    return data[start : data.index(0, start)].decode()
