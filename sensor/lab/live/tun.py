"""A TUN device: the network interface whose packets this program carries."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

from sensor.errors import ConfigError
from sensor.lab.live import netlink
from sensor.lab.live.netlink import Route

MTU = 1280  # bytes: the least of IPv6, and Teredo's (RFC 4380 section 5.1.2)
QUEUE = 4_000  # packets: what a busy sender sends while this program waits for its core
DEVICE = "/dev/net/tun"

_SET_INTERFACE = 0x4004_54CA  # TUNSETIFF
_TUN, _NO_HEADER = 0x0001, 0x1000
_MAX_NAME = 15  # octets (IFNAMSIZ without its zero)
_NOT_IN_NAMES = b"/:% \t\n\v\f\r\xa0"  # the last is a space to the kernel, in any encoding
_MAX_PACKET = 65_535

_FIXES = {
    errno.ENOENT: "there is no /dev/net/tun: load it with `modprobe tun`",
    errno.EPERM: "this takes root, or the capability CAP_NET_ADMIN in a container",
    errno.EACCES: "/dev/net/tun may not be opened: this takes root",
    errno.ENODEV: "this kernel has no TUN driver: load it with `modprobe tun`",
    errno.EBUSY: "another program holds it: choose another name with --interface",
    errno.EINVAL: "another interface has this name: choose another one with --interface",
}
_NO_IPV6 = "IPv6 is off there: allow it with `sysctl net.ipv6.conf.all.disable_ipv6=0`"


class Tun:
    """An interface named ``name``, up, without addresses; it is gone when closed."""

    def __init__(self, name: str, mtu: int = MTU) -> None:
        if not _may_be(name):
            raise ConfigError(
                f"interface {name!r}: a name has 1 to {_MAX_NAME} octets, no /:% or space"
            )
        self.name = name
        self._descriptor = _opened(name)
        try:
            self._index = socket.if_nametoindex(name)
            netlink.raise_link(self._index, mtu=mtu, queue=QUEUE)
        except OSError as error:
            self.close()
            raise ConfigError(f"interface {name}: cannot be set up: {error.strerror}") from error

    def fileno(self) -> int:
        return self._descriptor

    def read(self) -> bytes:
        """The next packet that this machine sends there; BlockingIOError if there is none."""
        return os.read(self._descriptor, _MAX_PACKET)

    def write(self, packet: bytes) -> None:
        """Let this machine receive a packet; OSError if it is none, or the interface is down."""
        os.write(self._descriptor, packet)

    def add_address(self, address: bytes, bits: int) -> None:
        """Give this machine an address (16 bytes), and the prefix around it to the interface."""
        with _ipv6():
            netlink.add_address(self._index, address, bits)

    def remove_address(self, address: bytes, bits: int) -> None:
        netlink.remove_address(self._index, address, bits)

    def add_route(self, route: Route) -> None:
        with _ipv6():
            netlink.add_route(self._index, route)

    def remove_route(self, route: Route) -> None:
        netlink.remove_route(self._index, route)

    def close(self) -> None:
        os.close(self._descriptor)


def _may_be(name: str) -> bool:
    """Whether it can be an interface's; to the kernel ``%`` asks for a number in its place."""
    octets = os.fsencode(name)
    return (
        1 <= len(octets) <= _MAX_NAME
        and name not in (".", "..")
        and not any(octet in _NOT_IN_NAMES for octet in octets)
    )


@contextmanager
def _ipv6() -> Iterator[None]:
    """The kernel's word for IPv6 that is off is not what helps."""
    try:
        yield
    except PermissionError as error:
        raise OSError(error.errno, _NO_IPV6) from error


def _opened(name: str) -> int:
    request = struct.pack("16sH22x", os.fsencode(name), _TUN | _NO_HEADER)
    descriptor = None
    try:
        descriptor = os.open(DEVICE, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.ioctl(descriptor, _SET_INTERFACE, request)
    except OSError as error:
        if descriptor is not None:
            os.close(descriptor)
        fix = _FIXES.get(error.errno or 0, error.strerror)
        raise ConfigError(f"interface {name}: {fix}") from error
    return descriptor
