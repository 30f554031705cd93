"""Packets of a capture as Wireshark dissects them, and the one place that knows pyshark's ways.

pyshark runs tshark too, but hides how it ended: it takes a death by signal for the end of the
capture. Only what it makes of tshark's answer is used here.
"""

from __future__ import annotations

import functools
import os
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from typing import Any
from xml.etree import ElementTree

from sensor.capture.stream import XZ_MAGIC
from sensor.errors import ConfigError, OutputError
from sensor.inspect.tshark import Ending, Tshark, check_version, never

_ARGUMENTS = (
    "-n",  # asks nobody for names
    *("-T", "pdml"),
    # The fields of these alone: of all others, the name is enough.
    *(
        "-j",
        "eth ieee8021ad ip ipv6 mipv6 hip udp tcp icmp icmpv6 teredo teredo.auth teredo.orig",
    ),
    # Off by default in Wireshark; without these, Teredo is seen on port 3544 alone, or on all
    # ports but those that other protocols own.
    *("--enable-heuristic", "teredo_udp"),
    *("-o", "udp.try_heuristic_first:TRUE"),
    # What has no port of its own to Wireshark: AYIYA's former one, and the one that Linux'
    # documentation takes for IP in UDP.
    *("-d", "udp.port==8374,ayiya"),
    *("-d", "udp.port==5555,ip"),
)

_BEGIN, _END, _CLOSING = b"<packet>", b"</packet>", b"</pdml>"
_LONGEST = 16 << 20  # octets of one packet in an answer; a frame of 64 KiB makes less than 1 MiB


def find_tshark(path: str | None = None) -> str:
    """The tshark to run; ConfigError, with what to install, where there is none."""
    found = shutil.which(path or "tshark")
    if found is None:
        raise ConfigError(
            f"{path or 'tshark'} not found; Wireshark's dissectors are needed here:"
            " sudo apt-get install tshark"
        )
    return found


def packets(
    path: str, tshark: str, stopped: Callable[[], bool] = never
) -> Generator[Any, None, Ending]:
    """Every packet of a capture file, as pyshark's layers, in file order.

    Ends where tshark ends and returns how it did, for the caller to judge: after a damaged
    capture a complaint is right. OutputError if tshark cannot be started, is too old, hangs or
    writes what cannot be read, ConfigError for a capture that it cannot read though we can;
    KeyboardInterrupt once ``stopped``.
    """
    _check_readable(path)
    check_version(tshark, stopped)
    return _dissected(path, tshark, stopped)


def _check_readable(path: str) -> None:
    if not os.path.isfile(path):  # it would wait for a pipe for ever
        raise ConfigError(f"{path}: tshark reads files only; save the capture to a file first")
    with suppress(OSError), open(path, "rb") as file:
        if file.read(len(XZ_MAGIC)) == XZ_MAGIC:
            raise ConfigError(f"{path}: tshark reads no xz; unpack the capture first: xz -dk")


def _dissected(path: str, tshark: str, stopped: Callable[[], bool]) -> Generator[Any, None, Ending]:
    # The whole path: "-" alone means standard input.
    with Tshark(tshark, [*_ARGUMENTS, "-r", os.path.abspath(path)], stopped) as child:
        answer = _Answer(path)
        for octets in child.output():
            yield from answer.packets(octets)
        ending = child.close()
        if ending.status == 0:
            answer.finish()
        return ending


class _Answer:
    """What tshark writes about one capture, taken apart as it comes."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._waiting = bytearray()
        self._searched = 0
        self._frames = 0

    def packets(self, octets: bytes) -> Iterator[Any]:
        """The packets that these octets complete; OutputError if one cannot be read."""
        self._waiting += octets
        while (end := self._waiting.find(_END, self._searched)) >= 0:
            end += len(_END)
            yield self._packet(bytes(self._waiting[:end]))
            del self._waiting[:end]
            self._searched = 0
        self._searched = max(0, len(self._waiting) - len(_END))
        if len(self._waiting) > _LONGEST:
            raise self._unreadable("a packet has no end")

    def finish(self) -> None:
        """OutputError unless the answer has ended where it should."""
        if self._waiting.strip() != _CLOSING and not (
            self._frames == 0 and self._waiting.rstrip().endswith(_CLOSING)
        ):
            raise self._unreadable("it stops short")

    def _packet(self, text: bytes) -> Any:
        try:
            packet = _packet(text[text.index(_BEGIN) :])
            if int(packet.number) != self._frames + 1:
                raise ValueError(f"number {packet.number} comes next")
        except (ElementTree.ParseError, LookupError, TypeError, ValueError) as error:
            raise self._unreadable(str(error)) from error
        self._frames += 1
        return packet

    def _unreadable(self, reason: str) -> OutputError:
        return OutputError(
            f"{self._path}: tshark's answer cannot be read after frame {self._frames} ({reason});"
            " run it again, and if that repeats, try another version of tshark"
        )


def _packet(text: bytes) -> Any:
    """pyshark's packet, also with the layers that ICMP errors quote, each after what holds it."""
    from pyshark.packet.packet import Packet
    from pyshark.tshark.output_parser.tshark_xml import DEL_BAD_XML_CHARS

    readable = text.decode(errors="ignore").translate(DEL_BAD_XML_CHARS)
    protocols = ElementTree.fromstring(readable).iter("proto")
    general, frame, *layers = map(_layer_type(), protocols)
    return Packet(
        layers=layers,
        frame_info=frame,
        number=general.get_field_value("num"),
        length=general.get_field_value("len"),
    )


@functools.cache
def _layer_type() -> Any:
    from pyshark.packet.layers.xml_layer import XmlLayer

    class ExactLayer(XmlLayer):  # type: ignore[misc]  # pyshark has no types
        """Finds a field by its whole name; pyshark would look for similar ones as well, slowly."""

        def get_field(self, name: str) -> Any:
            return self._all_fields.get(name)

    return ExactLayer
