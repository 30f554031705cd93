"""A BPF filter expression for frames of capture files, evaluated by libpcap itself."""

from __future__ import annotations

import ctypes
import ctypes.util
import os

from sensor.capture.batch import MAX_CAPTURED
from sensor.errors import ConfigError
from sensor.wire.link import LINKTYPE_ETHERNET, LINKTYPE_RAW, LINKTYPE_RAW_BSD

# Files say LINKTYPE_RAW; to libpcap itself raw IP is another number, on Linux this one.
_DLT = {LINKTYPE_RAW: LINKTYPE_RAW_BSD}


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

    Compiled unoptimised: libpcap's optimiser miscompiles expressions of the kind used here. Raises
    ConfigError for a wrong expression, or if libpcap is not installed.
    """

    def __init__(self, expression: str) -> None:
        self._expression = os.fsencode(expression)
        self._library = _load()
        self._programs: dict[int, _Program] = {}
        self._compile(LINKTYPE_ETHERNET)

    def matches(self, frame: bytes, link_type: int, wire_length: int) -> bool:
        """``wire_length`` is what the frame had on the wire, as ``greater`` and ``len`` ask."""
        program = self._programs.get(link_type) or self._compile(link_type)
        header = _Header(0, 0, len(frame), wire_length)
        return bool(
            self._library.pcap_offline_filter(ctypes.byref(program), ctypes.byref(header), frame)
        )

    def _compile(self, link_type: int) -> _Program:
        """The program for one link type: offsets differ between them."""
        handle = self._library.pcap_open_dead(_DLT.get(link_type, link_type), MAX_CAPTURED)
        program = _Program()
        try:
            failed = self._library.pcap_compile(
                handle, ctypes.byref(program), self._expression, 0, 0xFFFFFFFF
            )
            if failed:
                reason = self._library.pcap_geterr(handle).decode(errors="replace")
                raise ConfigError(
                    f"--filter {os.fsdecode(self._expression)!r}: {reason}"
                    f" (link type {link_type}; the language is that of pcap-filter(7))"
                )
        finally:
            self._library.pcap_close(handle)
        self._programs[link_type] = program
        return program


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
