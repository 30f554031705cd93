"""The native IPv6 side of a server: packets go out by this machine's own routes, none come in."""

from __future__ import annotations

import socket

from sensor.errors import ConfigError
from sensor.wire.addresses import text

_DESTINATION = slice(24, 40)  # of an IPv6 header


class Raw:
    """A raw socket that sends whole IPv6 packets; needs no device."""

    def __init__(self) -> None:
        try:
            # To Linux this protocol says that the packets have their header already.
            self._socket = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_RAW)
        except PermissionError as error:
            raise ConfigError("a raw socket takes root, or the capability CAP_NET_RAW") from error
        except OSError as error:
            raise ConfigError(f"this machine has no IPv6: {error.strerror}") from error
        self._socket.setblocking(False)

    def fileno(self) -> int:
        return self._socket.fileno()

    def read(self) -> bytes:
        """BlockingIOError: this protocol receives nothing."""
        return self._socket.recv(1)

    def write(self, packet: bytes) -> None:
        """Send a packet; OSError if there is no way for it."""
        self._socket.sendto(packet, (text(packet[_DESTINATION]), 0))

    def close(self) -> None:
        self._socket.close()
