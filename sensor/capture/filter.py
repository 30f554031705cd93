"""A BPF filter expression for frames of capture files, evaluated by libpcap itself."""

from __future__ import annotations

import ctypes
import ctypes.util
import os
import sys
from typing import Literal

from sensor.capture.batch import MAX_CAPTURED
from sensor.errors import ConfigError
from sensor.wire.link import (
    LINKTYPE_ETHERNET,
    LINKTYPE_LINUX_SLL,
    LINKTYPE_LOOP,
    LINKTYPE_NULL,
    LINKTYPE_RADIOTAP,
    LINKTYPE_RAW,
    LINKTYPE_RAW_BSD,
    LINKTYPE_RAW_OPENBSD,
)

# Files say LINKTYPE_RAW; to libpcap itself raw IP is another number, on Linux this one.
_DLT = dict.fromkeys((LINKTYPE_RAW, LINKTYPE_RAW_OPENBSD), LINKTYPE_RAW_BSD)
# An expression that none of these allows is wrong wherever it is used.
_USUAL = (LINKTYPE_ETHERNET, LINKTYPE_RADIOTAP, LINKTYPE_LINUX_SLL)
# In which byte order libpcap looks for the address family, which captures have in either.
_ORDERS: dict[int, Literal["big", "little"]] = {
    LINKTYPE_NULL: sys.byteorder,
    LINKTYPE_LOOP: "big",
}
_FAMILY = 4  # octets
_ANYWHERE = b"ip"  # what libpcap compiles for every link type that it can look into


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_uint), ("instructions", ctypes.c_void_p))


class _Header(ctypes.Structure):
    _fields_ = (
        ("seconds", ctypes.c_long),
        ("microseconds", ctypes.c_long),
        ("captured", ctypes.c_uint32),
        ("length", ctypes.c_uint32),
    )


class FrameFilter:
    """Whether frames match an expression in tcpdump's language.

    Compiled unoptimised: libpcap's optimiser miscompiles expressions of the kind used here. Frames
    of a link type that libpcap cannot look into all match: what reads them says so. Raises
    ConfigError for a wrong expression, or if libpcap is not installed.
    """

    def __init__(self, expression: str) -> None:
        self._text = expression
        self._expression = os.fsencode(expression)
        self._library = _load()
        self._programs: dict[int, _Program] = {}
        reasons = [self._compile(link_type, self._expression)[1] for link_type in _USUAL]
        if all(reasons):
            raise self._error(
                f"{reasons[0]} (link type {_USUAL[0]}; the language is that of pcap-filter(7))"
            )

    def matches(self, frame: bytes, link_type: int, wire_length: int) -> bool:
        """``wire_length`` is what the frame had on the wire, as ``greater`` and ``len`` ask.

        ConfigError where the expression asks for what this link type does not have.
        """
        program = self._programs.get(link_type) or self._program(link_type)
        if link_type in _ORDERS:
            frame = _reordered(frame, _ORDERS[link_type])
        header = _Header(0, 0, len(frame), wire_length)
        return bool(
            self._library.pcap_offline_filter(ctypes.byref(program), ctypes.byref(header), frame)
        )

    def _program(self, link_type: int) -> _Program:
        """The program for one link type: offsets differ between them."""
        program, reason = self._compile(link_type, self._expression)
        if reason and self._compile(link_type, _ANYWHERE)[1]:
            program, reason = self._compile(LINKTYPE_ETHERNET, b"")
        if reason:
            raise self._error(
                f"{reason} in frames of link type {link_type}, which the captures hold; ask for"
                " nothing of the link layer, or leave those captures out"
            )
        self._programs[link_type] = program
        return program

    def _compile(self, link_type: int, expression: bytes) -> tuple[_Program, str]:
        """The program, or why there is none."""
        handle = self._library.pcap_open_dead(_DLT.get(link_type, link_type), MAX_CAPTURED)
        program = _Program()
        try:
            failed = self._library.pcap_compile(
                handle, ctypes.byref(program), expression, 0, 0xFFFFFFFF
            )
            reason = self._library.pcap_geterr(handle).decode(errors="replace") if failed else ""
        finally:
            self._library.pcap_close(handle)
        return program, reason

    def _error(self, reason: str) -> ConfigError:
        return ConfigError(f"--filter {self._text!r}: {reason}")


def _reordered(frame: bytes, order: Literal["big", "little"]) -> bytes:
    """The same frame with its address family, which is a small number, in this byte order."""
    head = frame[:_FAMILY]
    family = min(int.from_bytes(head, "big"), int.from_bytes(head, "little"))
    return family.to_bytes(len(head), order) + frame[_FAMILY:]


def _load() -> ctypes.CDLL:
    name = ctypes.util.find_library("pcap")
    if name is None:
        raise ConfigError("--filter needs libpcap: apt-get install libpcap0.8")
    library = ctypes.CDLL(name)
    library.pcap_open_dead.restype = ctypes.c_void_p
    library.pcap_open_dead.argtypes = (ctypes.c_int, ctypes.c_int)
    library.pcap_compile.argtypes = (
        ctypes.c_void_p,
        ctypes.POINTER(_Program),
        ctypes.c_char_p,
        ctypes.c_int,
        ctypes.c_uint32,
    )
    library.pcap_geterr.restype = ctypes.c_char_p
    library.pcap_geterr.argtypes = (ctypes.c_void_p,)
    library.pcap_close.argtypes = (ctypes.c_void_p,)
    library.pcap_offline_filter.argtypes = (
        ctypes.POINTER(_Program),
        ctypes.POINTER(_Header),
        ctypes.c_char_p,
    )
    return library
